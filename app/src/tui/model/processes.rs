//! The processes of the selected container.

use super::list::{Item, List};
use crate::tui::source::Process;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::time::Duration;

/// The processes, and how they are looked at.
#[derive(Default)]
pub struct Processes {
    /// Filter, order and selection.
    pub list: List<Process>,
    /// What each had used when it was looked at before, and when that was.
    before: (i64, HashMap<(String, u64), Duration>),
}

impl Processes {
    /// Takes in what there is now, at a time in nanoseconds.
    pub fn take(&mut self, at: i64, mut processes: Vec<Process>) {
        let (before, times) = &self.before;
        let span = (at - before) as f32;
        for process in &mut processes {
            let used = times.get(&(process.pid.clone(), process.start)).filter(|_| span > 0.0);
            process.cpu = used.map(|used| process.time.saturating_sub(*used).as_nanos() as f32 / span * 100.0);
        }
        let time = |process: &Process| ((process.pid.clone(), process.start), process.time);
        self.before = (at, processes.iter().map(time).collect());
        self.list.set(processes);
    }

    /// Forgets all but filter and order.
    pub fn clear(&mut self) {
        self.before = (0, HashMap::new());
        self.list.set(Vec::new());
    }
}

impl Item for Process {
    fn key(&self) -> &str {
        &self.pid
    }

    fn matches(&self, needle: &str) -> bool {
        self.command.to_lowercase().contains(needle) || self.pid == needle
    }

    /// Columns as in the table: number, user, CPU, time, command; who uses most comes first.
    fn compare(&self, other: &Self, column: usize) -> Ordering {
        let number = |process: &Self| process.pid.parse().unwrap_or(0u32);
        match column {
            0 => number(self).cmp(&number(other)),
            1 => self.uid.cmp(&other.uid),
            2 => other.cpu.unwrap_or(0.0).total_cmp(&self.cpu.unwrap_or(0.0)),
            3 => other.time.cmp(&self.time),
            _ => self.command.cmp(&other.command),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: &str, start: u64, millis: u64) -> Process {
        let time = Duration::from_millis(millis);
        Process { pid: pid.into(), uid: 0, start, time, cpu: None, command: "sh".into() }
    }

    #[test]
    fn cpu_is_what_was_used_between_two_looks_by_the_same_process() {
        let mut processes = Processes::default();
        processes.take(1_000_000_000, vec![process("9", 1, 100), process("10", 1, 0)]);
        assert!(processes.list.all().iter().all(|process| process.cpu.is_none()));
        processes.take(3_000_000_000, vec![process("9", 1, 600), process("10", 7, 900)]);
        let cpu: Vec<Option<f32>> = processes.list.all().iter().map(|process| process.cpu).collect();
        assert_eq!(cpu, [Some(25.0), None], "10 is another one now");
        processes.list.sort_by(0);
        assert_eq!(processes.list.row(0).map(|process| process.pid.as_str()), Some("9"), "numbers, not texts");
    }
}
