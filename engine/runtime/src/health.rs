//! `health.json`: what the last health checks of a container told, written by its monitor after each.

use crate::record;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;

/// How many checks are kept, as Docker does.
const KEPT: usize = 5;

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// When it began: RFC 3339 with nanoseconds, UTC.
    pub start: String,
    /// When it ended.
    pub end: String,
    /// What its command exited with; -1 if it could not be run or took too long.
    pub exit_code: i32,
    /// What it said, cut at 4096 bytes.
    pub output: String,
}

/// The record in `health.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthRecord {
    /// How many checks in a row have failed.
    pub failing_streak: u32,
    /// The last checks, the newest last.
    pub log: Vec<Probe>,
}

impl HealthRecord {
    /// The record's name in the container's directory.
    pub const FILE: &str = "health.json";

    /// Reads the record of the container in `directory`; an empty one when none is there.
    pub fn load(directory: &Path) -> io::Result<Self> {
        Ok(record::load(&directory.join(Self::FILE))?.unwrap_or_default())
    }

    /// Replaces the record of the container in `directory`. Not synced: it tells of a run, which no power cut survives.
    pub fn save(&self, directory: &Path) -> io::Result<()> {
        record::save(&directory.join(Self::FILE), self)
    }

    /// Adds a check; the oldest goes when there are too many.
    pub fn push(&mut self, probe: Probe) {
        self.log.push(probe);
        let surplus = self.log.len().saturating_sub(KEPT);
        self.log.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_checks_are_kept() {
        let directory = tempfile::tempdir().expect("a directory");
        assert_eq!(HealthRecord::load(directory.path()).expect("none is no error"), HealthRecord::default());
        let mut record = HealthRecord { failing_streak: 7, log: Vec::new() };
        for exit_code in 0..7 {
            record.push(Probe { start: String::new(), end: String::new(), exit_code, output: "no".into() });
        }
        record.save(directory.path()).expect("saved");
        let read = HealthRecord::load(directory.path()).expect("readable");
        assert_eq!(read.log.iter().map(|probe| probe.exit_code).collect::<Vec<_>>(), [2, 3, 4, 5, 6]);
        assert_eq!(read.failing_streak, 7);
    }
}
