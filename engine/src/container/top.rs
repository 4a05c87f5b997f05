//! The processes of a container.

use super::record;
use crate::engine::Engine;
use crate::error::{Error, Result};
use std::fs;
use std::io::ErrorKind;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A table of processes, in the columns of `ps -ef`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessTable {
    /// The columns.
    pub titles: Vec<&'static str>,
    /// A row a process.
    pub rows: Vec<Vec<String>>,
}

const TITLES: [&str; 8] = ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"];

/// A process of a container, as /proc tells of it (proc(5)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number on the host.
    pub pid: i32,
    /// Its parent's number on the host.
    pub parent: i32,
    /// Its user's number on the host.
    pub uid: u32,
    /// When it started, in clock ticks since boot: with the number this tells it from any other process.
    pub start: u64,
    /// Its command line; its name in brackets when it has none.
    pub command: String,
    /// The device number of its terminal.
    tty: i32,
    /// User and system time, in clock ticks.
    time: u64,
}

impl Process {
    /// The CPU time that it has used.
    pub fn cpu_time(&self) -> Duration {
        Duration::from_millis(self.time.saturating_mul(1000) / rustix::param::clock_ticks_per_second())
    }
}

impl Engine {
    /// Lists the processes of a running container in the columns of `ps -ef`.
    pub fn top(&self, name: &str) -> Result<ProcessTable> {
        let clock = Clock::now();
        let rows = self.processes(name)?.iter().map(|process| row(process, &clock)).collect();
        Ok(ProcessTable { titles: TITLES.to_vec(), rows })
    }

    /// The processes of a running container, by their numbers.
    pub fn processes(&self, name: &str) -> Result<Vec<Process>> {
        let pids = self.pids(name)?;
        // A process that ended since the list was made is not shown.
        let mut processes: Vec<Process> = pids.into_iter().filter_map(read).collect();
        processes.sort_by_key(|process| process.pid);
        Ok(processes)
    }

    /// Lists the processes of a running container by ps(1) of the host with these options: its header, and a line each.
    pub fn top_by_ps(&self, name: &str, options: &[String]) -> Result<Vec<String>> {
        let pids = self.pids(name)?;
        let output = Command::new("ps").args(options).stdin(Stdio::null()).output();
        let output = output.map_err(|error| match error.kind() {
            ErrorKind::NotFound => Error::InvalidOption("ps is not there: install the package procps".to_owned()),
            _ => Error::file("ps", error),
        })?;
        if !output.status.success() {
            let told = String::from_utf8_lossy(&output.stderr);
            let told = told.lines().find(|line| !line.is_empty()).unwrap_or("it failed").trim();
            return Err(Error::InvalidOption(format!("ps {}: {told}", options.join(" "))));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        lines_of(&text, &pids).ok_or_else(|| {
            Error::InvalidOption("Couldn't find PID field in ps output: add it, as in -o pid,comm".to_owned())
        })
    }

    fn pids(&self, name: &str) -> Result<Vec<i32>> {
        let record = self.find(name)?;
        if !record::is_active(record.live()?.state.status) {
            return Err(Error::NotRunning(name.to_owned()));
        }
        let pids = self.cgroup_of(&record)?.processes();
        pids.map_err(|source| Error::Cgroup { name: name.to_owned(), source })
    }
}

/// The header of what ps printed, and the lines of these processes; `None` if no column has their numbers.
fn lines_of(text: &str, pids: &[i32]) -> Option<Vec<String>> {
    let mut lines = text.lines();
    let header = lines.next()?;
    let column = header.split_whitespace().position(|title| title == "PID")?;
    let is_wanted = |line: &&str| {
        let pid = line.split_whitespace().nth(column).and_then(|field| field.parse().ok());
        pid.is_some_and(|pid| pids.contains(&pid))
    };
    Some(std::iter::once(header).chain(lines.filter(is_wanted)).map(str::to_owned).collect())
}

/// What turns clock ticks into times.
struct Clock {
    ticks_per_second: u64,
    uptime: f64,
    now: jiff::Timestamp,
}

impl Clock {
    fn now() -> Clock {
        let uptime = fs::read_to_string("/proc/uptime").unwrap_or_default();
        let uptime = uptime.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or_default();
        Clock { ticks_per_second: rustix::param::clock_ticks_per_second(), uptime, now: jiff::Timestamp::now() }
    }

    fn seconds(&self, ticks: u64) -> f64 {
        #[allow(clippy::cast_precision_loss)] // Shown in seconds.
        let seconds = ticks as f64 / self.ticks_per_second as f64;
        seconds
    }
}

fn row(process: &Process, clock: &Clock) -> Vec<String> {
    let age = (clock.uptime - clock.seconds(process.start)).max(0.0);
    let used = clock.seconds(process.time);
    let percent = if age > 0.0 { used * 100.0 / age } else { 0.0 };
    let started = jiff::SignedDuration::try_from_secs_f64(age).ok().and_then(|age| clock.now.checked_sub(age).ok());
    let started = started.map(|time| time.to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M").to_string());
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Whole seconds of CPU time, never negative.
    let used = used as u64;
    vec![
        process.uid.to_string(),
        process.pid.to_string(),
        process.parent.to_string(),
        format!("{percent:.0}"),
        started.unwrap_or_else(|| "?".to_owned()),
        terminal(process.tty),
        format!("{:02}:{:02}:{:02}", used / 3600, used / 60 % 60, used % 60),
        process.command.clone(),
    ]
}

/// The name of a terminal by its device number: major 136 to 143 are pseudo terminals.
fn terminal(device: i32) -> String {
    let (major, minor) = ((device >> 8) & 0xfff, (device & 0xff) | ((device >> 12) & 0xfff00));
    match (device, major) {
        (0, _) => "?".to_owned(),
        (_, 136..=143) => format!("pts/{}", (major - 136) * 256 + minor),
        _ => format!("{major}:{minor}"),
    }
}

fn read(pid: i32) -> Option<Process> {
    use std::os::unix::fs::MetadataExt;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let uid = fs::metadata(format!("/proc/{pid}")).ok()?.uid();
    let arguments = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    parse(pid, uid, &stat, &arguments)
}

fn parse(pid: i32, uid: u32, stat: &str, arguments: &[u8]) -> Option<Process> {
    // The name in parentheses may itself have blanks and parentheses.
    let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    let arguments = String::from_utf8_lossy(arguments);
    let command = arguments.split('\0').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    Some(Process {
        pid,
        parent: fields.get(1)?.parse().ok()?,
        tty: fields.get(4)?.parse().ok()?,
        time: number(11)? + number(12)?,
        start: number(19)?,
        uid,
        command: if command.is_empty() { format!("[{name}]") } else { command },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_ps_are_those_of_the_processes() {
        let text = "USER   PID COMMAND\nroot     7 sleep 42\nroot    42 httpd -f\n";
        assert_eq!(lines_of(text, &[42]).unwrap(), ["USER   PID COMMAND", "root    42 httpd -f"]);
        assert_eq!(lines_of("COMMAND\nsleep\n", &[42]), None);
        assert_eq!(lines_of("", &[42]), None);
    }

    #[test]
    fn a_stat_line_is_read_whatever_the_name() {
        let stat = "42 (a) b (c) S 7 42 42 34816 42 4194560 1 0 0 0 150 50 0 0 20 0 1 0 1000 0 0";
        let process = parse(42, 0, stat, b"sleep\x0010\0").unwrap();
        assert_eq!((process.parent, process.time, process.start), (7, 200, 1000));
        assert_eq!(process.command, "sleep 10");
        assert_eq!(parse(42, 0, stat, b"").unwrap().command, "[a) b (c]");
        assert_eq!(terminal(process.tty), "pts/0");
        assert_eq!(terminal(0), "?");
    }
}
