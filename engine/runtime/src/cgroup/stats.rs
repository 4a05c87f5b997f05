//! What a cgroup has used.

use super::{Cgroup, Error, Layout, Result, read};
use std::path::Path;
use std::time::Duration;

/// Usage of a whole container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// CPU time.
    pub cpu: Duration,
    /// Memory charged, with the page cache.
    pub memory: u64,
    /// The part of it that is page cache not used lately, which tools leave out of "used".
    pub memory_inactive_file: u64,
    /// The most that may be charged; none without a limit.
    pub memory_limit: Option<u64>,
    /// Processes and threads.
    pub pids: u64,
    /// The most there may be; none without a limit.
    pub pids_limit: Option<u64>,
    /// Bytes read from block devices.
    pub block_read: u64,
    /// Bytes written to block devices.
    pub block_written: u64,
}

/// v1 says "no limit" by a number near the largest; no host has as much.
const UNLIMITED: u64 = 1 << 60;

impl Cgroup {
    /// What it has used so far.
    pub fn stats(&self) -> Result<Stats> {
        match self.layout {
            Layout::V2(hierarchy) => v2(&hierarchy.directory(&self.path)),
            Layout::V1 { .. } => self.v1_stats(),
        }
    }

    /// How many processes in it the kernel has killed for want of memory.
    pub fn oom_kills(&self) -> Result<u64> {
        let Some(directory) = self.directory_of("memory") else {
            return Ok(0);
        };
        let file = match self.layout {
            Layout::V2(_) => "memory.events",
            Layout::V1 { .. } => "memory.oom_control",
        };
        Ok(field(&read(&directory, file)?, "oom_kill").unwrap_or(0))
    }

    fn v1_stats(&self) -> Result<Stats> {
        let mut stats = Stats::default();
        if let Some(directory) = self.directory_of("cpuacct") {
            stats.cpu = Duration::from_nanos(number(&directory, "cpuacct.usage")?);
        }
        if let Some(directory) = self.directory_of("memory") {
            stats.memory = number(&directory, "memory.usage_in_bytes")?;
            let detail = read(&directory, "memory.stat")?;
            // The lowest of its own limit and of those above it.
            stats.memory_limit = field(&detail, "hierarchical_memory_limit").filter(|limit| *limit < UNLIMITED);
            stats.memory_inactive_file = field(&detail, "total_inactive_file").unwrap_or(0);
        }
        if let Some(directory) = self.directory_of("pids") {
            stats.pids = number(&directory, "pids.current")?;
            stats.pids_limit = limit(&directory, "pids.max")?;
        }
        if let Some(directory) = self.directory_of("blkio") {
            let served = read(&directory, "blkio.throttle.io_service_bytes")?;
            stats.block_read = sum(&served, "Read");
            stats.block_written = sum(&served, "Write");
        }
        Ok(stats)
    }
}

fn v2(directory: &Path) -> Result<Stats> {
    let cpu = read(directory, "cpu.stat")?;
    let io = optional(read(directory, "io.stat"))?.unwrap_or_default();
    let memory = optional(read(directory, "memory.stat"))?.unwrap_or_default();
    Ok(Stats {
        cpu: Duration::from_micros(field(&cpu, "usage_usec").unwrap_or(0)),
        memory: optional(number(directory, "memory.current"))?.unwrap_or(0),
        memory_inactive_file: field(&memory, "inactive_file").unwrap_or(0),
        memory_limit: optional(limit(directory, "memory.max"))?.flatten(),
        pids: optional(number(directory, "pids.current"))?.unwrap_or(0),
        pids_limit: optional(limit(directory, "pids.max"))?.flatten(),
        block_read: assigned(&io, "rbytes"),
        block_written: assigned(&io, "wbytes"),
    })
}

/// None where the controller is not enabled.
fn optional<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Err(Error::File { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}

fn number(directory: &Path, file: &str) -> Result<u64> {
    Ok(read(directory, file)?.trim().parse().unwrap_or(0))
}

/// A limit; none for "max" or what stands for it.
fn limit(directory: &Path, file: &str) -> Result<Option<u64>> {
    let number = read(directory, file)?.trim().parse().ok();
    Ok(number.filter(|limit| *limit < UNLIMITED))
}

/// The number in the line `key number`.
fn field(text: &str, key: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '))?;
    rest.trim().parse().ok()
}

/// The sum over devices of the lines `8:0 key number`.
fn sum(text: &str, key: &str) -> u64 {
    let value = |line: &str| {
        let mut words = line.split(' ').skip(1);
        (words.next()? == key).then_some(())?;
        words.next()?.parse::<u64>().ok()
    };
    text.lines().filter_map(value).sum()
}

/// The sum over devices of `key=number`.
fn assigned(text: &str, key: &str) -> u64 {
    let value = |word: &str| word.strip_prefix(key)?.strip_prefix('=')?.parse::<u64>().ok();
    text.split_whitespace().filter_map(value).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_formats_are_read() {
        assert_eq!(field("oom 3\noom_kill 2\n", "oom_kill"), Some(2));
        assert_eq!(field("oom_kill_disable 0\nunder_oom 0\noom_kill 1\n", "oom_kill"), Some(1));
        assert_eq!(sum("8:0 Read 10\n8:0 Write 5\n8:16 Read 1\nTotal 16\n", "Read"), 11);
        assert_eq!(assigned("8:0 rbytes=7 wbytes=9\n8:16 rbytes=1\n", "rbytes"), 8);
    }
}
