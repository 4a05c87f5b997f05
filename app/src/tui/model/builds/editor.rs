//! A Dockerfile that is being edited, with what the checks say of it.

use porthole_engine::dockerfile::evaluate::Scope;
use porthole_engine::dockerfile::lint::{self, Report};
use porthole_engine::dockerfile::platform::Platform;
use porthole_engine::dockerfile::{Error, Lines, plan};
use porthole_widgets::source::{Language, Mark, Severity, Source};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// After the last change this time passes before the text is checked, in nanoseconds.
const PAUSE: i64 = 200_000_000;

/// A Dockerfile that was opened.
pub struct Editor {
    /// Where it is.
    pub path: PathBuf,
    /// Its text, once it was read.
    pub source: Option<Source>,
    /// What the file has in it, as far as is known.
    pub on_disk: String,
    /// Why it cannot be read.
    pub problem: Option<String>,
    /// When it is to be checked, in nanoseconds since 1970.
    pub check_at: Option<i64>,
    /// What is built as soon as the text is saved.
    pub then_build: Option<Vec<String>>,
}

impl Editor {
    /// A Dockerfile that is to be read.
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            source: None,
            on_disk: String::new(),
            problem: None,
            check_at: None,
            then_build: None,
        }
    }

    /// The file was read. What was typed into it meanwhile stays.
    pub fn read(&mut self, text: Result<String, String>) {
        match text {
            Ok(_) if self.is_changed() => {}
            Ok(text) => {
                self.problem = None;
                if self.source.is_none() || self.on_disk != text {
                    let cursor = self.source.as_ref().map(Source::cursor);
                    let mut source = Source::new(&text, Language::Dockerfile);
                    source.set_marks(marks(&text));
                    if let Some((line, character)) = cursor {
                        source.go_to(line, character);
                    }
                    self.source = Some(source);
                }
                self.on_disk = text;
            }
            Err(problem) => self.problem = Some(problem),
        }
    }

    /// This was written to the file.
    pub fn saved(&mut self, text: String) {
        if let Some(source) = &mut self.source {
            source.set_saved(&text);
        }
        self.on_disk = text;
    }

    /// Whether there are changes that are not saved.
    pub fn is_changed(&self) -> bool {
        self.source.as_ref().is_some_and(Source::is_changed)
    }

    /// The text is another one now.
    pub fn changed(&mut self, now: i64) {
        self.check_at = Some(now + PAUSE);
    }

    /// Checks the text if it is time.
    pub fn check(&mut self, now: i64) {
        if self.check_at.is_some_and(|at| at <= now) {
            self.check_at = None;
            if let Some(source) = &mut self.source {
                source.set_marks(marks(&source.text()));
            }
        }
    }
}

/// What the checks of `build --check` say of a Dockerfile, of all its stages.
fn marks(text: &str) -> Vec<Mark> {
    let machine = || {
        let machine = porthole_engine::images::Platform::of_this_machine();
        Platform { os: machine.os, architecture: machine.architecture, variant: machine.variant.unwrap_or_default() }
    };
    let build = plan::Options {
        build_args: BTreeMap::new(),
        build_platform: machine(),
        target_platform: machine(),
        target: None,
        contexts: BTreeSet::new(),
    };
    let images = |_: &str| None::<Scope>;
    let report = match lint::Options::of(text.as_bytes()) {
        Ok(options) => lint::check(text.as_bytes(), options, &build, None, &images),
        Err(error) => Report { warnings: Vec::new(), error: Some(error) },
    };
    let lines = |lines: Lines| lines.start.saturating_sub(1)..=lines.end.max(lines.start).saturating_sub(1);
    let mark = |at, severity, message: String| Mark { lines: lines(at), column: None, severity, message };
    let warnings = report.warnings.iter();
    let warnings = warnings
        .map(|warning| mark(warning.lines, Severity::Warning, format!("{}: {}", warning.rule.name(), warning.message)));
    let whole = Lines::single(1);
    let error = report
        .error
        .as_ref()
        .map(|error: &Error| mark(error.lines().unwrap_or(whole), Severity::Error, error.message().to_owned()));
    warnings.chain(error).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<(usize, Severity, String)> {
        let told = |mark: Mark| (*mark.lines.start(), mark.severity, mark.message);
        marks(text).into_iter().map(told).collect()
    }

    #[test]
    fn warnings_and_errors_are_marked() {
        assert_eq!(told("FROM a\nRUN b\n"), []);
        let casing = told("FROM a as b\nRUN c\n");
        assert!(
            matches!(casing.as_slice(), [(0, Severity::Warning, text)] if text.starts_with("FromAsCasing: ")),
            "{casing:?}"
        );
        let unknown = told("FROM a\n\nRNU b\n");
        assert!(matches!(unknown.as_slice(), [(2, Severity::Error, text)] if text.contains("RUN?")), "{unknown:?}");
        assert_eq!(told("").len(), 1);
    }

    #[test]
    fn what_was_typed_outlives_the_file() {
        let mut editor = Editor::new(Path::new("Dockerfile"));
        editor.read(Ok("FROM a\n".to_owned()));
        editor.source.as_mut().unwrap().paste("# why\n");
        assert!(editor.is_changed());
        editor.read(Ok("FROM b\n".to_owned()));
        assert_eq!(editor.source.as_ref().unwrap().text(), "# why\nFROM a\n");
        editor.saved("# why\nFROM a\n".to_owned());
        assert!(!editor.is_changed());
        editor.read(Ok("FROM b\n".to_owned()));
        assert_eq!(editor.source.as_ref().unwrap().text(), "FROM b\n");
    }
}
