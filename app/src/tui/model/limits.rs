//! The form that changes how much a container may use.

use super::form::Fields;
use crate::cli;
use crate::tui::source::Container;
use porthole_engine::units;
use porthole_widgets::form::{Field, Form};

/// A field: its flag of `update`, what an empty field means, what makes a value sound, and whether a limit that is there can
/// be taken away, and how.
struct Limit {
    label: &'static str,
    flag: &'static str,
    hint: &'static str,
    check: fn(&str) -> Result<(), String>,
    unlimited: Option<&'static str>,
}

const LIMITS: [Limit; 6] = [
    Limit { label: "memory", flag: "--memory", hint: "no limit; 64m, 1.5g", check: memory, unlimited: None },
    Limit {
        label: "memory + swap",
        flag: "--memory-swap",
        hint: "twice the memory; -1 for no limit",
        check: memory_swap,
        unlimited: None,
    },
    Limit { label: "cpus", flag: "--cpus", hint: "no limit; 0.5, 2", check: cpus, unlimited: None },
    Limit { label: "cpu shares", flag: "--cpu-shares", hint: "1024", check: shares, unlimited: None },
    Limit { label: "pids", flag: "--pids-limit", hint: "no limit", check: pids, unlimited: Some("-1") },
    Limit {
        label: "restart",
        flag: "--restart",
        hint: "no, on-failure[:N], always, unless-stopped",
        check: restart,
        unlimited: Some("no"),
    },
];

/// The limits of a container as they are being typed.
#[derive(Debug)]
pub struct LimitsForm {
    /// The container's name.
    name: String,
    form: Form,
    /// What was there before.
    before: [String; LIMITS.len()],
}

impl LimitsForm {
    /// A form with what holds now.
    pub fn new(container: &Container) -> Self {
        let before = values(container);
        let field = |(limit, value): (&Limit, &String)| {
            let mut field = Field::new(limit.label, limit.hint);
            field.input.set_text(value);
            field
        };
        let form = Form::new(LIMITS.iter().zip(&before).map(field).collect());
        Self { name: container.name.clone(), form, before }
    }
}

impl Fields for LimitsForm {
    fn title(&self) -> String {
        format!("Limits of {}", self.name)
    }

    fn form(&self) -> &Form {
        &self.form
    }

    fn form_mut(&mut self) -> &mut Form {
        &mut self.form
    }

    /// Only fields that are another now can be wrong.
    fn check(&mut self) {
        for ((limit, before), field) in LIMITS.iter().zip(&self.before).zip(&mut self.form.fields) {
            let value = field.input.text().trim();
            field.error = match value {
                value if value == before => None,
                "" if limit.unlimited.is_none() => Some(format!("{} can be changed, but not taken away", limit.label)),
                "" => None,
                value => (limit.check)(value).err(),
            };
        }
    }

    /// `update` with a flag for each field that is another now.
    fn argv(&self) -> Option<Vec<String>> {
        let mut argv = vec!["update".to_owned()];
        for ((limit, before), field) in LIMITS.iter().zip(&self.before).zip(&self.form.fields) {
            let value = match field.input.text().trim() {
                value if value == before => continue,
                "" => limit.unlimited.unwrap_or_default(),
                value => value,
            };
            argv.extend([limit.flag.to_owned(), value.to_owned()]);
        }
        (argv.len() > 1).then(|| {
            argv.push(self.name.clone());
            argv
        })
    }

    fn idle(&self) -> &'static str {
        "nothing is changed yet"
    }
}

/// What holds now, as one would type it.
fn values(container: &Container) -> [String; LIMITS.len()] {
    let resources = &container.resources;
    let bytes = |bytes: Option<i64>| bytes.map(bytes_text).unwrap_or_default();
    [
        bytes(resources.memory),
        bytes(resources.memory_swap),
        resources.nano_cpus.map(|nano| (nano as f64 / 1e9).to_string()).unwrap_or_default(),
        resources.cpu_shares.map(|shares| shares.to_string()).unwrap_or_default(),
        resources.pids_limit.filter(|limit| *limit > 0).map(|limit| limit.to_string()).unwrap_or_default(),
        container.restart.to_string(),
    ]
}

/// `64m`: in the largest unit that leaves no rest.
fn bytes_text(bytes: i64) -> String {
    let units = [(30, "g"), (20, "m"), (10, "k")];
    let unit = units.into_iter().find(|(shift, _)| bytes > 0 && bytes % (1 << shift) == 0);
    unit.map_or_else(|| bytes.to_string(), |(shift, unit)| format!("{}{unit}", bytes >> shift))
}

fn memory(text: &str) -> Result<(), String> {
    units::parse_bytes(text).map(drop)
}

fn memory_swap(text: &str) -> Result<(), String> {
    if text == "-1" { Ok(()) } else { memory(text) }
}

fn cpus(text: &str) -> Result<(), String> {
    units::parse_cpus(text).map(drop)
}

fn shares(text: &str) -> Result<(), String> {
    text.parse::<u64>().map(drop).map_err(|_| format!("invalid number of shares: {text}"))
}

fn pids(text: &str) -> Result<(), String> {
    text.parse::<i64>().map(drop).map_err(|_| format!("invalid number of processes: {text}"))
}

fn restart(text: &str) -> Result<(), String> {
    cli::parse_restart(text).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::fixture;
    use crate::tui::model::form::CommandForm;
    use porthole_engine::Resources;
    use porthole_engine::runtime::monitor::RestartPolicy;

    fn form() -> CommandForm {
        let resources = Resources {
            memory: Some(64 << 20),
            memory_swap: Some(-1),
            nano_cpus: Some(1_500_000_000),
            ..Resources::default()
        };
        let restart = RestartPolicy::OnFailure(3);
        CommandForm::new(LimitsForm::new(&Container { resources, restart, ..fixture::containers().remove(0) }))
    }

    fn set(form: &mut CommandForm, field: usize, text: &str) {
        form.fields.form_mut().fields[field].input.set_text(text);
    }

    #[test]
    fn what_holds_now_stands_in_the_fields_and_changes_nothing() {
        let mut form = form();
        let texts: Vec<&str> = form.fields.form().fields.iter().map(|field| field.input.text()).collect();
        assert_eq!(texts, ["64m", "-1", "1.5", "", "", "on-failure:3"]);
        assert_eq!((form.check(), form.fields.argv()), (true, None));
    }

    #[test]
    fn only_what_is_another_becomes_a_flag() {
        let mut form = form();
        set(&mut form, 0, "128m");
        set(&mut form, 4, " 100 ");
        set(&mut form, 1, "1g");
        set(&mut form, 5, "");
        assert!(form.check());
        let line = form.fields.argv().expect("changes").join(" ");
        assert_eq!(line, "update --memory 128m --memory-swap 1g --pids-limit 100 --restart no web");
    }

    #[test]
    fn a_field_that_makes_no_sense_says_so_in_the_engines_words() {
        let mut form = form();
        for (field, text, message) in [
            (0, "much", "invalid size: 'much'"),
            (0, "", "memory can be changed, but not taken away"),
            (2, "two", "failed to parse two as a rational number"),
            (3, "-4", "invalid number of shares: -4"),
            (5, "sometimes", "unknown policy 'sometimes'"),
        ] {
            let before = form.fields.form().fields[field].input.text().to_owned();
            set(&mut form, field, text);
            assert!(!form.check());
            assert_eq!(form.first_error(), Some(field));
            assert!(form.fields.form().fields[field].error.as_ref().expect("an error").contains(message), "{text}");
            set(&mut form, field, &before);
            assert!(form.check());
        }
    }

    #[test]
    fn bytes_are_written_as_one_types_them() {
        assert_eq!([64 << 20, 3 << 29, 1 << 30, 1000, -1].map(bytes_text), ["64m", "1536m", "1g", "1000", "-1"]);
    }
}
