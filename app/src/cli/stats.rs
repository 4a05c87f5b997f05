//! `stats`: what containers use, once or once a second.

use super::Outcome;
use super::arguments::StatsArgs;
use super::format::{Format, Row};
use porthole_engine::{Engine, Usage, units};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const DEFAULT: &str =
    "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}";

/// The columns, by the name that templates use.
const TITLES: [(&str, &str); 9] = [
    ("Container", "CONTAINER"),
    ("ID", "CONTAINER ID"),
    ("Name", "NAME"),
    ("CPUPerc", "CPU %"),
    ("MemUsage", "MEM USAGE / LIMIT"),
    ("MemPerc", "MEM %"),
    ("NetIO", "NET I/O"),
    ("BlockIO", "BLOCK I/O"),
    ("PIDs", "PIDS"),
];
const INTERVAL: Duration = Duration::from_secs(1);

/// CPU time of each container, and when it was read.
type Sample = HashMap<String, (Duration, Instant)>;

/// Prints a table, again and again unless told to print one.
pub fn stats(engine: &Engine, arguments: &StatsArgs) -> Outcome {
    let written = arguments.format.as_deref().filter(|format| !format.is_empty());
    let format = Format::parse(written.unwrap_or("table"), DEFAULT)?;
    let labels = BTreeMap::new();
    let mut before = Sample::new();
    loop {
        let begun = Instant::now();
        let usages = engine.usages(&arguments.names, arguments.all)?;
        let fields = usages.iter().map(|usage| fields(usage, &before, begun, arguments.no_trunc));
        let rows = fields.map(|fields| Row { fields, labels: &labels }).collect();
        if !arguments.no_stream && io::stdout().is_terminal() {
            // To the upper left corner, and nothing below.
            io::stdout().write_all(b"\x1b[H\x1b[J")?;
        }
        format.print(&TITLES, rows)?;
        if arguments.no_stream {
            return Ok(ExitCode::SUCCESS);
        }
        let sampled = usages.into_iter().filter_map(|usage| Some((usage.id, (usage.running?.cgroup.cpu, begun))));
        before = sampled.collect();
        std::thread::sleep(INTERVAL.saturating_sub(begun.elapsed()));
    }
}

fn fields(usage: &Usage, before: &Sample, now: Instant, whole: bool) -> Map<String, Value> {
    let id = if whole { usage.id.as_str() } else { &usage.id[..12] };
    let names = [("Container", id), ("ID", id), ("Name", &usage.name)].map(|(name, text)| (name, text.to_owned()));
    let figures = figures(usage, before, now);
    let figures = ["CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs"].into_iter().zip(figures);
    names.into_iter().chain(figures).map(|(name, text)| (name.to_owned(), text.into())).collect()
}

fn figures(usage: &Usage, before: &Sample, now: Instant) -> [String; 6] {
    match &usage.running {
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
    }
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
        let cells = figures(&usage(), &Sample::new(), now);
        assert_eq!(cells, ["150.00%", "8MiB / 64MiB", "12.50%", "1.09kB / 0B", "1.09MB / 0B", "2"]);
        let before = Sample::from([(usage().id, (Duration::from_millis(2_500), now))]);
        assert_eq!(figures(&usage(), &before, now + INTERVAL)[0], "50.00%");
        let named = fields(&usage(), &before, now, false);
        assert_eq!((&named["ID"], &named["Name"]), (&"abababababab".into(), &"web".into()));
    }

    #[test]
    fn what_does_not_run_uses_nothing() {
        let idle = Usage { running: None, ..usage() };
        let cells = figures(&idle, &Sample::new(), Instant::now());
        assert_eq!(cells, ["0.00%", "0B / 0B", "0.00%", "0B / 0B", "0B / 0B", "0"]);
        assert_eq!(fields(&idle, &Sample::new(), Instant::now(), true)["ID"].as_str().unwrap().len(), 64);
    }
}
