//! How much a container may use: the flags of `run`, `create` and `update`, and their reading.

use clap::Args;
use porthole_engine::{Resources, Throttle, units};
use std::path::PathBuf;

// Limits that can be changed while a container runs.
#[derive(Debug, Default, Args)]
pub struct LimitArgs {
    /// Memory limit
    #[arg(short = 'm', long, value_name = "BYTES")]
    pub memory: Option<String>,
    /// Swap limit equal to memory plus swap: '-1' to enable unlimited swap
    #[arg(long, value_name = "BYTES", allow_hyphen_values = true)]
    pub memory_swap: Option<String>,
    /// Memory soft limit
    #[arg(long, value_name = "BYTES")]
    pub memory_reservation: Option<String>,
    /// Number of CPUs
    #[arg(long, value_name = "DECIMAL")]
    pub cpus: Option<String>,
    /// CPU shares (relative weight)
    #[arg(short = 'c', long, value_name = "INT")]
    pub cpu_shares: Option<u64>,
    /// Limit CPU CFS (Completely Fair Scheduler) quota
    #[arg(long, value_name = "MICROSECONDS", allow_hyphen_values = true)]
    pub cpu_quota: Option<i64>,
    /// Limit CPU CFS (Completely Fair Scheduler) period
    #[arg(long, value_name = "MICROSECONDS")]
    pub cpu_period: Option<u64>,
    /// Limit CPU real-time period in microseconds
    #[arg(long, value_name = "MICROSECONDS")]
    pub cpu_rt_period: Option<u64>,
    /// Limit CPU real-time runtime in microseconds
    #[arg(long, value_name = "MICROSECONDS")]
    pub cpu_rt_runtime: Option<i64>,
    /// CPUs in which to allow execution (0-3, 0,1)
    #[arg(long, value_name = "LIST")]
    pub cpuset_cpus: Option<String>,
    /// MEMs in which to allow execution (0-3, 0,1)
    #[arg(long, value_name = "LIST")]
    pub cpuset_mems: Option<String>,
    /// Tune container pids limit (set -1 for unlimited)
    #[arg(long, value_name = "INT", allow_hyphen_values = true)]
    pub pids_limit: Option<i64>,
    /// Block IO (relative weight), between 10 and 1000, or 0 to disable
    #[arg(long, value_name = "WEIGHT")]
    pub blkio_weight: Option<u16>,
}

// Limits that are set once and for all.
#[derive(Debug, Default, Args)]
pub struct FixedLimitArgs {
    /// Tune container memory swappiness (0 to 100, or -1 for the host's)
    #[arg(long, value_name = "INT", allow_hyphen_values = true)]
    pub memory_swappiness: Option<i64>,
    /// Disable OOM Killer
    #[arg(long)]
    pub oom_kill_disable: bool,
    /// Block IO weight (relative device weight)
    #[arg(long, value_name = "DEVICE:WEIGHT")]
    pub blkio_weight_device: Vec<String>,
    /// Write a file of the container's cgroup (v2 only), such as memory.high or hugetlb.2MB.max
    #[arg(long, value_name = "FILE=VALUE")]
    pub cgroup_conf: Vec<String>,
    /// Limit read rate (bytes per second) from a device
    #[arg(long, value_name = "DEVICE:RATE")]
    pub device_read_bps: Vec<String>,
    /// Limit write rate (bytes per second) to a device
    #[arg(long, value_name = "DEVICE:RATE")]
    pub device_write_bps: Vec<String>,
    /// Limit read rate (IO per second) from a device
    #[arg(long, value_name = "DEVICE:RATE")]
    pub device_read_iops: Vec<String>,
    /// Limit write rate (IO per second) to a device
    #[arg(long, value_name = "DEVICE:RATE")]
    pub device_write_iops: Vec<String>,
}

impl LimitArgs {
    /// Reads the limits. To Docker a 0 says nothing, but for the number of processes.
    pub fn resources(self) -> Result<Resources, String> {
        let bytes = |text: Option<String>| text.as_deref().map(units::parse_bytes).transpose();
        let memory_swap = match self.memory_swap.as_deref() {
            Some("-1") => Some(-1),
            _ => bytes(self.memory_swap)?,
        };
        Ok(Resources {
            memory: bytes(self.memory)?.filter(|bytes| *bytes != 0),
            memory_swap: memory_swap.filter(|bytes| *bytes != 0),
            memory_reservation: bytes(self.memory_reservation)?.filter(|bytes| *bytes != 0),
            nano_cpus: self.cpus.as_deref().map(units::parse_cpus).transpose()?.filter(|nano| *nano != 0),
            cpu_shares: self.cpu_shares.filter(|shares| *shares != 0),
            cpu_quota: self.cpu_quota.filter(|quota| *quota != 0),
            cpu_period: self.cpu_period.filter(|period| *period != 0),
            cpu_rt_period: self.cpu_rt_period.filter(|period| *period != 0),
            cpu_rt_runtime: self.cpu_rt_runtime.filter(|runtime| *runtime != 0),
            cpuset_cpus: self.cpuset_cpus.filter(|list| !list.is_empty()),
            cpuset_mems: self.cpuset_mems.filter(|list| !list.is_empty()),
            pids_limit: self.pids_limit,
            blkio_weight: self.blkio_weight.filter(|weight| *weight != 0),
            ..Resources::default()
        })
    }
}

impl FixedLimitArgs {
    /// Reads these limits, and adds them to others.
    pub fn add_to(self, resources: Resources) -> Result<Resources, String> {
        let swappiness = |value: i64| {
            u64::try_from(value).map_err(|_| format!("Invalid value: {value}, valid memory swappiness range is 0-100"))
        };
        Ok(Resources {
            memory_swappiness: self.memory_swappiness.filter(|value| *value != -1).map(swappiness).transpose()?,
            oom_kill_disable: self.oom_kill_disable,
            blkio_weight_device: self.blkio_weight_device.iter().map(|word| weight(word)).collect::<Result<_, _>>()?,
            unified: self.cgroup_conf.iter().map(|word| cgroup_file(word)).collect::<Result<_, _>>()?,
            device_read_bps: throttles(&self.device_read_bps, bytes_rate)?,
            device_write_bps: throttles(&self.device_write_bps, bytes_rate)?,
            device_read_iops: throttles(&self.device_read_iops, operations_rate)?,
            device_write_iops: throttles(&self.device_write_iops, operations_rate)?,
            ..resources
        })
    }
}

fn throttles(words: &[String], rate: fn(&str) -> Option<u64>) -> Result<Vec<Throttle>, String> {
    let throttle = |word: &String| {
        let (path, text) = of_device(word)?;
        let rate = rate(text).filter(|rate| *rate > 0).ok_or_else(|| {
            format!("invalid rate for device: {word}. The correct format is <device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional, for bytes only, and can be kb, mb, or gb")
        })?;
        Ok(Throttle { path, rate })
    };
    words.iter().map(throttle).collect()
}

fn weight(word: &str) -> Result<Throttle, String> {
    let (path, weight) = of_device(word)?;
    let rate = weight.parse().map_err(|_| format!("invalid weight for device: {word}"))?;
    Ok(Throttle { path, rate })
}

/// A device, and what is said of it.
fn of_device(word: &str) -> Result<(PathBuf, &str), String> {
    let (path, text) = word.rsplit_once(':').ok_or_else(|| format!("bad format: {word}"))?;
    match path.starts_with("/dev/") {
        true => Ok((PathBuf::from(path), text)),
        false => Err(format!("bad format for device path: {word}")),
    }
}

fn cgroup_file(word: &str) -> Result<(String, String), String> {
    let pair = word.split_once('=').filter(|(name, _)| name.contains('.') && !name.contains('/'));
    let (name, value) =
        pair.ok_or_else(|| format!("invalid --cgroup-conf {word}: use FILE=VALUE, as in memory.high=64M"))?;
    Ok((name.to_owned(), value.to_owned()))
}

fn bytes_rate(text: &str) -> Option<u64> {
    units::parse_bytes(text).ok().and_then(|bytes| u64::try_from(bytes).ok())
}

fn operations_rate(text: &str) -> Option<u64> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zero_says_nothing() {
        let zeros = LimitArgs {
            memory: Some("0".into()),
            cpus: Some("0".into()),
            cpu_shares: Some(0),
            pids_limit: Some(0),
            ..LimitArgs::default()
        };
        assert_eq!(zeros.resources(), Ok(Resources { pids_limit: Some(0), ..Resources::default() }));
        let unlimited = LimitArgs { memory_swap: Some("-1".into()), ..LimitArgs::default() };
        assert_eq!(unlimited.resources().unwrap().memory_swap, Some(-1));
    }

    #[test]
    fn weights_and_cgroup_files_have_values() {
        assert_eq!(weight("/dev/vda:300"), Ok(Throttle { path: "/dev/vda".into(), rate: 300 }));
        assert!(weight("/dev/vda").is_err() && weight("vda:300").is_err() && weight("/dev/vda:1mb").is_err());
        assert_eq!(cgroup_file("memory.high=64M"), Ok(("memory.high".into(), "64M".into())));
        for word in ["memory.high", "memory=1", "../x.y=1", "=1"] {
            assert!(cgroup_file(word).is_err(), "{word}");
        }
    }

    #[test]
    fn rates_are_of_devices() {
        let read = |word: &str| throttles(&[word.to_owned()], bytes_rate).map(|mut read| read.remove(0).rate);
        assert_eq!(read("/dev/vda:1mb"), Ok(1 << 20));
        for word in ["/dev/vda", "vda:1mb", "/dev/vda:0", "/dev/vda:-1", "/dev/vda:x"] {
            assert!(read(word).is_err(), "{word}");
        }
        assert!(throttles(&["/dev/vda:1mb".to_owned()], operations_rate).is_err());
    }
}
