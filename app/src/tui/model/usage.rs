//! What a container uses, over the last minutes.

use crate::tui::source::Load;
use porthole_engine::RunningUsage;
use std::collections::VecDeque;
use std::time::Duration;

const SECOND: i64 = 1_000_000_000;
/// The time that a chart shows, if it has the columns for it.
const SPAN: i64 = 300 * SECOND;
/// A column stands for at least two samples: whatever the jitter, none stays empty.
const LEAST_STEP: i64 = 2 * SECOND;
/// Samples kept: a chart wider than most shows a little more than its span.
const KEPT: usize = 420;

/// What a container used at one moment. Bytes go by the second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// When, in nanoseconds since 1970.
    at: i64,
    /// Percent of one CPU.
    pub cpu: f32,
    /// Bytes.
    pub memory: f32,
    /// Processes and threads.
    pub pids: f32,
    /// What went through it since the look before; not a number after the first.
    pub rates: Rates,
}

/// Bytes a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Received on the network.
    pub received: f32,
    /// Sent to the network.
    pub sent: f32,
    /// Read from block devices.
    pub read: f32,
    /// Written to block devices.
    pub written: f32,
}

/// The looks at a container since it was started, the newest last.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    last: Option<(RunningUsage, i64)>,
    points: VecDeque<Point>,
}

impl Usage {
    /// Takes a look in.
    pub fn add(&mut self, usage: RunningUsage, at: i64) {
        // It was started again meanwhile: its counters began anew.
        if self.last.is_some_and(|(last, _)| usage.uptime < last.uptime) {
            *self = Self::default();
        }
        let before = self.last.and_then(|(last, then)| Some((last, since(then, at)?)));
        self.last = Some((usage, at));
        if self.points.len() == KEPT {
            self.points.pop_front();
        }
        self.points.push_back(Point {
            at,
            cpu: usage.cpu_percent(before.map(|(last, ago)| (last.cgroup.cpu, ago))) as f32,
            memory: usage.memory() as f32,
            pids: usage.cgroup.pids as f32,
            rates: Rates::between(before, &usage),
        });
    }

    /// What it uses now, as lists show it.
    pub fn load(&self) -> Option<Load> {
        let (usage, _) = self.last?;
        Some(Load { cpu: self.points.back()?.cpu, memory: usage.memory() })
    }

    /// The last look, and what was reckoned from it.
    pub fn last(&self) -> Option<(&RunningUsage, &Point)> {
        Some((&self.last.as_ref()?.0, self.points.back()?))
    }

    /// The highest value of each of the last `columns` steps of time, and the highest of all. A step that nobody looked
    /// at is not a number.
    pub fn course(&self, of: fn(&Point) -> f32, columns: usize, now: i64) -> (Vec<f32>, f32) {
        let step = step(columns);
        let mut values = vec![f32::NAN; columns];
        for point in self.points.iter().rev() {
            let back = usize::try_from(now / step - point.at / step).unwrap_or(0);
            let Some(column) = columns.checked_sub(back + 1) else { break };
            values[column] = values[column].max(of(point));
        }
        let peak = values.iter().copied().fold(0.0, f32::max);
        (values, peak)
    }
}

impl Rates {
    fn between(before: Option<(RunningUsage, Duration)>, usage: &RunningUsage) -> Self {
        let rate = |of: fn(&RunningUsage) -> u64| match &before {
            Some((last, ago)) => of(usage).saturating_sub(of(last)) as f32 / ago.as_secs_f32(),
            None => f32::NAN,
        };
        Self {
            received: rate(|usage| usage.received),
            sent: rate(|usage| usage.sent),
            read: rate(|usage| usage.cgroup.block_read),
            written: rate(|usage| usage.cgroup.block_written),
        }
    }
}

/// The time that a column stands for.
fn step(columns: usize) -> i64 {
    let columns = i64::try_from(columns).unwrap_or(i64::MAX).max(1);
    let seconds = (SPAN / SECOND + columns - 1) / columns;
    (seconds * SECOND).max(LEAST_STEP)
}

/// The minutes that a chart of so many columns shows.
pub fn minutes(columns: usize) -> u64 {
    let shown = step(columns).saturating_mul(i64::try_from(columns).unwrap_or(0)) / (60 * SECOND);
    u64::try_from(shown).unwrap_or(0)
}

/// The time between two looks; nothing when the clock was set back.
fn since(then: i64, now: i64) -> Option<Duration> {
    u64::try_from(now - then).ok().filter(|span| *span > 0).map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;
    use porthole_engine::runtime::cgroup::Stats;

    fn look(cpu_ms: u64, received: u64, uptime: u64) -> RunningUsage {
        let cgroup = Stats { cpu: Duration::from_millis(cpu_ms), memory: 5 << 20, pids: 2, ..Stats::default() };
        RunningUsage { cgroup, memory_limit: 64 << 20, received, sent: 0, uptime: Duration::from_secs(uptime) }
    }

    #[test]
    fn shares_and_rates_are_of_the_time_between_two_looks() {
        let mut usage = Usage::default();
        usage.add(look(1000, 500, 10), 100 * SECOND);
        let (_, first) = usage.last().expect("a look");
        assert_eq!(first.cpu, 10.0, "since it was started");
        assert!(first.rates.received.is_nan());
        usage.add(look(2000, 2500, 12), 102 * SECOND);
        assert_eq!(usage.load(), Some(Load { cpu: 50.0, memory: 5 << 20 }));
        assert_eq!(usage.last().expect("a look").1.rates.received, 1000.0);
    }

    #[test]
    fn a_container_that_was_started_again_begins_anew() {
        let mut usage = Usage::default();
        usage.add(look(1000, 500, 10), 100 * SECOND);
        usage.add(look(2000, 500, 11), 101 * SECOND);
        usage.add(look(3000, 5, 1), 102 * SECOND);
        assert_eq!(usage.course(|point| point.memory, 10, 102 * SECOND).0.iter().filter(|v| !v.is_nan()).count(), 1);
    }

    #[test]
    fn a_course_has_gaps_where_nobody_looked() {
        let mut usage = Usage::default();
        let now = 1_000 * SECOND;
        for second in [0, 1, 60, 61, 300, 301, 302] {
            usage.add(look(second * 10, 0, second), now + second as i64 * SECOND);
        }
        let (course, peak) = usage.course(|point| point.pids, 60, now + 302 * SECOND);
        let seen: Vec<usize> = (0..60).filter(|&column| !course[column].is_nan()).collect();
        assert_eq!((seen, peak), (vec![11, 59], 2.0));
        assert_eq!([minutes(60), minutes(100), minutes(300)], [5, 5, 10]);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut usage = Usage::default();
        (0..10_000u64).for_each(|second| usage.add(look(second, 0, second), second as i64 * SECOND));
        assert_eq!(usage.points.len(), KEPT);
        assert_eq!(usage.course(|point| point.pids, 0, 0).0.len(), 0);
    }
}
