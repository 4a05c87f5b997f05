//! `update`: other limits for a container.

use super::{Failure, Outcome, parse_id};
use clap::Args;
use porthole_engine::runtime::oci::{LinuxResources, Runtime, read_resources};
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::process::ExitCode;

// `update`.
#[derive(Debug, Args)]
pub(super) struct UpdateArgs {
    /// The container's name
    id: String,
    /// A file with the limits, or - for standard input, in place of the other options
    #[arg(short, long, value_name = "FILE")]
    resources: Option<PathBuf>,
    /// Weight of block I/O, 10 to 1000
    #[arg(long, value_name = "N")]
    blkio_weight: Option<u64>,
    /// CPU period in microseconds
    #[arg(long, value_name = "N")]
    cpu_period: Option<u64>,
    /// CPU time in microseconds within each period
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    cpu_quota: Option<i64>,
    /// CPU time in microseconds that may be saved up
    #[arg(long, value_name = "N")]
    cpu_burst: Option<u64>,
    /// CPU shares
    #[arg(long, value_name = "N")]
    cpu_share: Option<u64>,
    /// Realtime period in microseconds
    #[arg(long, value_name = "N")]
    cpu_rt_period: Option<u64>,
    /// Realtime in microseconds within each period
    #[arg(long, value_name = "N")]
    cpu_rt_runtime: Option<i64>,
    /// Processors to use
    #[arg(long, value_name = "LIST")]
    cpuset_cpus: Option<String>,
    /// Memory nodes to use
    #[arg(long, value_name = "LIST")]
    cpuset_mems: Option<String>,
    /// Only use processors that nobody else needs
    #[arg(long, value_name = "0|1", allow_negative_numbers = true)]
    cpu_idle: Option<i64>,
    /// Memory limit in bytes, or like 64m
    #[arg(long, value_name = "SIZE", allow_negative_numbers = true)]
    memory: Option<String>,
    /// Memory to be left with when memory is short
    #[arg(long, value_name = "SIZE", allow_negative_numbers = true)]
    memory_reservation: Option<String>,
    /// Memory and swap together
    #[arg(long, value_name = "SIZE", allow_negative_numbers = true)]
    memory_swap: Option<String>,
    /// Number of processes
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pids_limit: Option<i64>,
}

pub(super) fn update(runtime: &Runtime, options: &UpdateArgs) -> Outcome {
    let mut container = runtime.container(&parse_id(&options.id)?)?;
    container.update(&resources(options)?)?;
    Ok(ExitCode::SUCCESS)
}

fn resources(options: &UpdateArgs) -> Result<LinuxResources, Failure> {
    if let Some(path) = &options.resources {
        return Ok(read_resources(path)?);
    }
    let mut limits = Limits::default();
    limits.set("blockIO", "weight", options.blkio_weight);
    limits.set("cpu", "period", options.cpu_period);
    limits.set("cpu", "quota", options.cpu_quota);
    limits.set("cpu", "burst", options.cpu_burst);
    limits.set("cpu", "shares", options.cpu_share);
    limits.set("cpu", "realtimePeriod", options.cpu_rt_period);
    limits.set("cpu", "realtimeRuntime", options.cpu_rt_runtime);
    limits.set("cpu", "cpus", options.cpuset_cpus.clone());
    limits.set("cpu", "mems", options.cpuset_mems.clone());
    limits.set("cpu", "idle", options.cpu_idle);
    limits.set("memory", "limit", size("memory", options.memory.as_deref())?);
    limits.set("memory", "reservation", size("memory-reservation", options.memory_reservation.as_deref())?);
    limits.set("memory", "swap", size("memory-swap", options.memory_swap.as_deref())?);
    limits.set("pids", "limit", options.pids_limit);
    serde_json::from_value(Value::Object(limits.0)).map_err(|error| Failure::new(error.to_string()))
}

/// Limits in the form of a spec.
#[derive(Default)]
struct Limits(Map<String, Value>);

impl Limits {
    fn set(&mut self, group: &str, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            let members = self.0.entry(group).or_insert_with(|| Map::new().into());
            members[name] = value.into();
        }
    }
}

/// Bytes, with a unit of 1024 or none; -1 for no limit.
fn size(option: &str, text: Option<&str>) -> Result<Option<i64>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let lower = text.trim().to_ascii_lowercase();
    let plain = lower.trim_end_matches('b').trim_end_matches('i');
    let (number, unit) = match plain.char_indices().last() {
        Some((at, 'k')) => (&plain[..at], 1 << 10),
        Some((at, 'm')) => (&plain[..at], 1 << 20),
        Some((at, 'g')) => (&plain[..at], 1 << 30),
        Some((at, 't')) => (&plain[..at], 1 << 40),
        _ => (plain, 1_i64),
    };
    let bytes = number.trim().parse::<i64>().ok().and_then(|number| number.checked_mul(unit));
    let bytes = bytes.filter(|bytes| *bytes >= -1);
    bytes.map(Some).ok_or_else(|| Failure::new(format!("invalid value for {option}: {text:?} is no size")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        let bytes = |text| size("memory", Some(text)).ok().flatten();
        for (text, expected) in
            [("-1", -1), ("0", 0), ("4096", 4096), ("64m", 64 << 20), ("1GiB", 1 << 30), ("2kb", 2048)]
        {
            assert_eq!(bytes(text), Some(expected), "{text}");
        }
        for wrong in ["", "m", "-2", "1x", "99999999999t"] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }
}
