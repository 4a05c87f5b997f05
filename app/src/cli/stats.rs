//! `stats`: what containers use, once or once a second.

use super::arguments::StatsArgs;
use super::{Outcome, output};
use porthole_engine::{Engine, Usage, units};
use std::collections::HashMap;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const HEADER: [&str; 8] =
    ["CONTAINER ID", "NAME", "CPU %", "MEM USAGE / LIMIT", "MEM %", "NET I/O", "BLOCK I/O", "PIDS"];
const INTERVAL: Duration = Duration::from_secs(1);

/// CPU time of each container, and when it was read.
type Sample = HashMap<String, (Duration, Instant)>;

/// Prints a table, again and again unless told to print one.
pub fn stats(engine: &Engine, arguments: &StatsArgs) -> Outcome {
    let mut before = Sample::new();
    loop {
        let begun = Instant::now();
        let usages = engine.usages(&arguments.names, arguments.all)?;
        let rows: Vec<Vec<String>> =
            usages.iter().map(|usage| row(usage, &before, begun, arguments.no_trunc)).collect();
        if !arguments.no_stream && io::stdout().is_terminal() {
            // To the upper left corner, and nothing below.
            io::stdout().write_all(b"\x1b[H\x1b[J")?;
        }
        output::table(&HEADER, &rows)?;
        if arguments.no_stream {
            return Ok(ExitCode::SUCCESS);
        }
        let sampled = usages.into_iter().filter_map(|usage| Some((usage.id, (usage.running?.cgroup.cpu, begun))));
        before = sampled.collect();
        std::thread::sleep(INTERVAL.saturating_sub(begun.elapsed()));
    }
}

fn row(usage: &Usage, before: &Sample, now: Instant, whole: bool) -> Vec<String> {
    let id = if whole { usage.id.as_str() } else { &usage.id[..12] };
    let cells = match &usage.running {
        Some(running) => {
            let before = before.get(&usage.id).map(|(cpu, at)| (*cpu, now.saturating_duration_since(*at)));
            let pair = |one, other| format!("{} / {}", units::human_size_short(one), units::human_size_short(other));
            [
                format!("{:.2}%", running.cpu_percent(before)),
                format!(
                    "{} / {}",
                    units::human_size_binary(running.memory()),
                    units::human_size_binary(running.memory_limit)
                ),
                format!("{:.2}%", running.memory_percent()),
                pair(running.received, running.sent),
                pair(running.cgroup.block_read, running.cgroup.block_written),
                running.cgroup.pids.to_string(),
            ]
        }
        None => ["0.00%", "0B / 0B", "0.00%", "0B / 0B", "0B / 0B", "0"].map(str::to_owned),
    };
    [id.to_owned(), usage.name.clone()].into_iter().chain(cells).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use porthole_engine::RunningUsage;
    use porthole_engine::runtime::cgroup;

    fn usage() -> Usage {
        let cgroup = cgroup::Stats {
            cpu: Duration::from_secs(3),
            memory: 12 << 20,
            memory_inactive_file: 4 << 20,
            pids: 2,
            block_read: 1_090_000,
            ..cgroup::Stats::default()
        };
        let uptime = Duration::from_secs(2);
        let running = RunningUsage { cgroup, memory_limit: 64 << 20, received: 1090, sent: 0, uptime };
        Usage { id: "ab".repeat(32), name: "web".into(), running: Some(running) }
    }

    #[test]
    fn columns_are_dockers() {
        let now = Instant::now();
        let cells = row(&usage(), &Sample::new(), now, false);
        let first = ["abababababab", "web", "150.00%", "8MiB / 64MiB", "12.50%", "1.09kB / 0B", "1.09MB / 0B", "2"];
        assert_eq!(cells, first);
        let before = Sample::from([(usage().id, (Duration::from_millis(2_500), now))]);
        assert_eq!(row(&usage(), &before, now + INTERVAL, false)[2], "50.00%");
    }

    #[test]
    fn what_does_not_run_uses_nothing() {
        let cells = row(&Usage { running: None, ..usage() }, &Sample::new(), Instant::now(), true);
        assert_eq!(cells[0].len(), 64);
        assert_eq!(cells[2..], ["0.00%", "0B / 0B", "0.00%", "0B / 0B", "0B / 0B", "0"]);
    }
}
