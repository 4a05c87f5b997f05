//! What is wrong with a source text, and where.

use std::ops::RangeInclusive;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It works, but would be better otherwise.
    Warning,
    /// It does not work.
    Error,
}

/// Something to tell of lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The lines, counted from 0.
    pub lines: RangeInclusive<usize>,
    /// The character of the first line that it begins at, counted from 0, where that is known.
    pub column: Option<usize>,
    /// How bad it is.
    pub severity: Severity,
    /// What to tell.
    pub message: String,
}

/// The marks of a text, by line.
#[derive(Debug, Clone, Default)]
pub(super) struct Marks(Vec<Mark>);

impl Marks {
    pub(super) fn new(mut marks: Vec<Mark>) -> Self {
        marks.sort_by_key(|mark| (*mark.lines.start(), mark.column));
        Self(marks)
    }

    pub(super) fn all(&self) -> &[Mark] {
        &self.0
    }

    /// The worst mark that begins at a line.
    pub(super) fn beginning_at(&self, row: usize) -> Option<Severity> {
        let from = self.0.partition_point(|mark| *mark.lines.start() < row);
        self.0[from..].iter().take_while(|mark| *mark.lines.start() == row).map(|mark| mark.severity).max()
    }

    /// The marks whose lines a line is one of, the worst first.
    pub(super) fn at(&self, row: usize) -> Vec<&Mark> {
        let mut marks: Vec<&Mark> = self.0.iter().filter(|mark| mark.lines.contains(&row)).collect();
        marks.sort_by_key(|mark| std::cmp::Reverse(mark.severity));
        marks
    }

    /// Where the marks begin that tell a place within a line.
    pub(super) fn columns(&self, row: usize) -> impl Iterator<Item = (usize, Severity)> {
        let from = self.0.partition_point(|mark| *mark.lines.start() < row);
        let here = self.0[from..].iter().take_while(move |mark| *mark.lines.start() == row);
        here.filter_map(|mark| Some((mark.column?, mark.severity)))
    }

    /// The line of the first mark behind a line, or of the first of all.
    pub(super) fn next(&self, row: usize) -> Option<&Mark> {
        self.0.iter().find(|mark| *mark.lines.start() > row).or(self.0.first())
    }

    /// `1 error, 2 warnings`; nothing where there are none.
    pub(super) fn summary(&self) -> String {
        let count = |severity, one: &str| match self.0.iter().filter(|mark| mark.severity == severity).count() {
            0 => None,
            1 => Some(format!("1 {one}")),
            many => Some(format!("{many} {one}s")),
        };
        let counts = [count(Severity::Error, "error"), count(Severity::Warning, "warning")];
        counts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}
