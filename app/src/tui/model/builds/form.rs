//! The form that starts a build.

use crate::tui::model::form::Fields;
use porthole_engine::images::Reference;
use porthole_widgets::form::{Field, Form};

/// What can be said of a build, in the order of the fields.
#[derive(Clone, Copy)]
enum Part {
    Context,
    File,
    Tag,
    Target,
    Arguments,
    Cache,
}

/// A build, as it is being typed.
#[derive(Debug)]
pub struct BuildForm {
    form: Form,
}

impl BuildForm {
    /// A build of the folder that the workstation was started in.
    pub fn new() -> Self {
        let fields = vec![
            Field::new("context", "the folder whose files can be copied; . is this one"),
            Field::new("Dockerfile", "that of the context"),
            Field::new("tag", "app:1"),
            Field::new("target", "the last stage"),
            Field::new("build args", "VERSION=2 MODE=test"),
            Field::choice("cache", &["used", "not used"]),
        ];
        Self { form: Form::new(fields) }
    }

    fn text(&self, part: Part) -> &str {
        self.form.fields[part as usize].input.text().trim()
    }

    fn error(&self, part: Part) -> Option<String> {
        match part {
            Part::Tag if !self.text(part).is_empty() => {
                self.text(part).parse::<Reference>().err().map(|error| error.to_string())
            }
            Part::Target if self.text(part).contains(char::is_whitespace) => Some("a stage has no blanks".to_owned()),
            Part::Arguments => {
                let words = self.text(part).split_whitespace();
                let mut bad = words.filter(|word| word.starts_with(['=', '-']));
                bad.next().map(|word| format!("{word}: an argument is NAME=VALUE"))
            }
            _ => None,
        }
    }
}

impl Fields for BuildForm {
    fn title(&self) -> String {
        "Build".to_owned()
    }

    fn form(&self) -> &Form {
        &self.form
    }

    fn form_mut(&mut self) -> &mut Form {
        &mut self.form
    }

    fn check(&mut self) {
        use Part::*;
        for part in [Context, File, Tag, Target, Arguments, Cache] {
            self.form.fields[part as usize].error = self.error(part);
        }
    }

    fn argv(&self) -> Option<Vec<String>> {
        let mut argv = vec!["build".to_owned()];
        for (part, flag) in [(Part::Tag, "-t"), (Part::File, "-f"), (Part::Target, "--target")] {
            let text = self.text(part);
            argv.extend((!text.is_empty()).then(|| [flag.to_owned(), text.to_owned()]).into_iter().flatten());
        }
        let arguments = self.text(Part::Arguments).split_whitespace();
        argv.extend(arguments.flat_map(|word| ["--build-arg".to_owned(), word.to_owned()]));
        if self.text(Part::Cache) == "not used" {
            argv.push("--no-cache".to_owned());
        }
        let context = self.text(Part::Context);
        argv.push(if context.is_empty() { "." } else { context }.to_owned());
        Some(argv)
    }

    fn idle(&self) -> &'static str {
        ""
    }
}
