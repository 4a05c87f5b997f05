//! The form that makes a network.

use super::form::Fields;
use porthole_engine::network::Subnet;
use porthole_widgets::form::{Field, Form};
use std::net::IpAddr;

const NO_OR_YES: &[&str] = &["no", "yes"];

/// What can be said of a network, in the order of the fields.
#[derive(Clone, Copy)]
enum Part {
    Name,
    Driver,
    Subnet,
    Gateway,
    Range,
    Parent,
    Internal,
    Ipv6,
    Options,
}

/// What a new network is to be, as it is being typed.
#[derive(Debug)]
pub struct NetworkForm {
    form: Form,
}

impl NetworkForm {
    /// A bridge of which nothing else is said yet.
    pub fn new() -> Self {
        let fields = vec![
            Field::new("name", "backend"),
            Field::choice("driver", &["bridge", "macvlan", "ipvlan"]),
            Field::new("subnet", "any free one; 10.9.0.0/24, with IPv6 fd09::/64 too"),
            Field::new("gateway", "the first address"),
            Field::new("address range", "all of the subnet; 10.9.0.128/25"),
            Field::new("parent", "of macvlan and ipvlan: eth0, or eth0.50 for a VLAN"),
            Field::choice("internal", NO_OR_YES),
            Field::choice("IPv6", NO_OR_YES),
            Field::new("options", "KEY=VALUE …, com.docker.network.driver.mtu=1400"),
        ];
        Self { form: Form::new(fields) }
    }

    fn text(&self, part: Part) -> &str {
        self.form.fields[part as usize].input.text().trim()
    }

    fn says_yes(&self, part: Part) -> bool {
        self.text(part) == "yes"
    }

    fn is_bridge(&self) -> bool {
        self.text(Part::Driver) == "bridge"
    }

    /// What is wrong with a field.
    fn error(&self, part: Part) -> Option<String> {
        let words = || words(self.text(part));
        match part {
            Part::Name if self.text(Part::Name).contains(char::is_whitespace) => {
                Some("a name has no blanks".to_owned())
            }
            Part::Subnet | Part::Range => words().find_map(|word| word.parse::<Subnet>().err()).map(|e| e.to_string()),
            Part::Gateway => {
                words().find(|word| word.parse::<IpAddr>().is_err()).map(|word| format!("invalid IP address: {word}"))
            }
            Part::Parent if self.is_bridge() && !self.text(part).is_empty() => {
                Some("a bridge has no parent: macvlan and ipvlan have".to_owned())
            }
            Part::Parent if !self.is_bridge() && self.text(part).is_empty() => {
                Some(format!("{} stands on an interface of this host: say which", self.text(Part::Driver)))
            }
            Part::Options => {
                words().find(|word| !word.contains('=')).map(|word| format!("{word}: an option is KEY=VALUE"))
            }
            Part::Name | Part::Driver | Part::Parent | Part::Internal | Part::Ipv6 => None,
        }
    }
}

/// What is apart by commas or blanks.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ' ']).filter(|word| !word.is_empty())
}

impl Fields for NetworkForm {
    fn title(&self) -> String {
        "New network".to_owned()
    }

    fn form(&self) -> &Form {
        &self.form
    }

    fn form_mut(&mut self) -> &mut Form {
        &mut self.form
    }

    fn check(&mut self) {
        use Part::*;
        for part in [Name, Driver, Subnet, Gateway, Range, Parent, Internal, Ipv6, Options] {
            self.form.fields[part as usize].error = self.error(part);
        }
    }

    fn argv(&self) -> Option<Vec<String>> {
        let mut argv = vec!["network".to_owned(), "create".to_owned()];
        let mut add = |flag: &str, value: &str| argv.extend([flag.to_owned(), value.to_owned()]);
        if !self.is_bridge() {
            add("--driver", self.text(Part::Driver));
        }
        for (part, flag) in [(Part::Subnet, "--subnet"), (Part::Gateway, "--gateway"), (Part::Range, "--ip-range")] {
            words(self.text(part)).for_each(|word| add(flag, word));
        }
        let parent = Some(self.text(Part::Parent)).filter(|parent| !parent.is_empty());
        let parent = parent.map(|parent| format!("parent={parent}"));
        parent
            .iter()
            .map(String::as_str)
            .chain(words(self.text(Part::Options)))
            .for_each(|option| add("--opt", option));
        for (part, flag) in [(Part::Internal, "--internal"), (Part::Ipv6, "--ipv6")] {
            argv.extend(self.says_yes(part).then(|| flag.to_owned()));
        }
        let name = self.text(Part::Name);
        (!name.is_empty()).then(|| {
            argv.push(name.to_owned());
            argv
        })
    }

    fn idle(&self) -> &'static str {
        "a name makes it a network"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::model::form::CommandForm;

    fn form(texts: &[(Part, &str)]) -> CommandForm {
        let mut form = CommandForm::new(NetworkForm::new());
        for (part, text) in texts {
            form.fields.form_mut().fields[*part as usize].input.set_text(text);
        }
        form
    }

    fn line(form: &CommandForm) -> String {
        form.fields.argv().expect("a command line").join(" ")
    }

    #[test]
    fn what_is_said_becomes_a_flag() {
        assert_eq!(form(&[]).fields.argv(), None);
        assert_eq!(line(&form(&[(Part::Name, " backend ")])), "network create backend");
        let mut long = form(&[
            (Part::Name, "lan"),
            (Part::Driver, "macvlan"),
            (Part::Subnet, "10.9.0.0/24, fd09::/64"),
            (Part::Gateway, "10.9.0.254"),
            (Part::Range, "10.9.0.128/25"),
            (Part::Parent, "eth0.50"),
            (Part::Internal, "yes"),
            (Part::Ipv6, "yes"),
            (Part::Options, "macvlan_mode=vepa"),
        ]);
        assert!(long.check());
        assert_eq!(
            line(&long),
            "network create --driver macvlan --subnet 10.9.0.0/24 --subnet fd09::/64 --gateway 10.9.0.254 \
             --ip-range 10.9.0.128/25 --opt parent=eth0.50 --opt macvlan_mode=vepa --internal --ipv6 lan"
        );
    }

    #[test]
    fn a_field_that_makes_no_sense_says_so() {
        for (part, text) in [
            (Part::Name, "a b"),
            (Part::Subnet, "10.9.0.0"),
            (Part::Gateway, "10.9.0.1/24"),
            (Part::Range, "much"),
            (Part::Parent, "eth0"),
            (Part::Options, "parent"),
        ] {
            let mut form = form(&[(part, text)]);
            assert!(!form.check());
            assert_eq!(form.first_error(), Some(part as usize), "{text}");
        }
        assert!(!form(&[(Part::Name, "lan"), (Part::Driver, "ipvlan")]).check(), "it has no parent");
    }
}
