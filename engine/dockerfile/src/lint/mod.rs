//! The build checks: what is no error in a Dockerfile but better written otherwise.

mod all;
pub(crate) mod checks;
mod options;
mod rule;

use crate::error::{Error, Lines};
pub use all::{Report, check};
pub use options::{Options, Rules};
pub use rule::Rule;

/// A place where a rule is not followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The rule.
    pub rule: Rule,
    /// What is not as it should be.
    pub message: String,
    /// Where.
    pub lines: Lines,
}

/// Collects warnings of the rules that count.
#[derive(Debug, Clone)]
pub struct Linter {
    options: Options,
    warnings: Vec<Warning>,
}

impl Linter {
    /// Collects what `options` let count.
    pub fn new(options: Options) -> Self {
        Self { options, warnings: Vec::new() }
    }

    /// Collects nothing.
    pub fn silent() -> Self {
        Self::new(Options { skip: Rules::All, ..Options::default() })
    }

    /// Takes note of a place where a rule is not followed, if the rule counts.
    pub fn report(&mut self, rule: Rule, lines: Lines, message: String) {
        let counts = match rule.is_experimental() {
            true => self.options.experimental.has(rule.name()),
            false => !self.options.skip.has(rule.name()),
        };
        if counts {
            self.warnings.push(Warning { rule, message, lines });
        }
    }

    /// What was found, in the order in which it was found.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The error that warnings are, where the options say so.
    pub fn error(&self) -> Option<Error> {
        let first = self.warnings.first().filter(|_| self.options.error)?;
        let mut names: Vec<_> = self.warnings.iter().map(|warning| warning.rule.name()).collect();
        names.sort_unstable();
        names.dedup();
        Some(Error::new(format!("lint violation found for rules: {}", names.join(", "))).at(first.lines))
    }
}
