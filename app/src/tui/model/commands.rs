//! The command lines that the workstation ran: whoever reads them learns the commands.

use crate::tui::words;
use std::collections::VecDeque;
use std::path::Path;

/// How many are kept.
const KEPT: usize = 500;

/// How a command line ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has not ended.
    Running,
    /// With exit code 0.
    Done,
    /// With another exit code, and what it complained of.
    Failed(i32, String),
}

/// One command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub job: usize,
    /// As one would type it.
    pub line: String,
    /// When it was run, in nanoseconds since 1970.
    pub time: i64,
    /// How it ended.
    pub outcome: Outcome,
}

/// The newest command lines.
#[derive(Default)]
pub struct CommandLog {
    entries: VecDeque<Entry>,
    next: usize,
}

impl CommandLog {
    /// Notes that a command line was run, and gives it a number.
    pub fn start(&mut self, argv: &[String], now: i64) -> usize {
        self.note(format!("porthole {}", words::join(argv)), now)
    }

    /// Notes one whose output goes into a file.
    pub fn start_into(&mut self, argv: &[String], path: &Path, now: i64) -> usize {
        let path = words::quote(&path.to_string_lossy());
        self.note(format!("porthole {} > {path} 2>&1", words::join(argv)), now)
    }

    fn note(&mut self, line: String, now: i64) -> usize {
        let job = self.next;
        self.next += 1;
        if self.entries.len() == KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry { job, line, time: now, outcome: Outcome::Running });
        job
    }

    /// Notes how it ended.
    pub fn end(&mut self, job: usize, outcome: Outcome) -> Option<&Entry> {
        let entry = self.entries.iter_mut().rev().find(|entry| entry.job == job)?;
        entry.outcome = outcome;
        Some(entry)
    }

    /// The entries, the oldest first.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter()
    }
}
