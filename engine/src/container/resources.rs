//! How much a container may use: memory, CPU, block I/O and tasks. Docker's checks of it, and its OCI form.

use crate::error::{Error, Result};
use oci_spec::runtime::{
    LinuxBlockIo, LinuxCpu, LinuxMemory, LinuxPids, LinuxResources, LinuxThrottleDevice, LinuxThrottleDeviceBuilder,
    LinuxWeightDevice, LinuxWeightDeviceBuilder,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::ops::RangeInclusive;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Docker's least memory limit, 6 MiB: below, a container cannot even start.
const LEAST_MEMORY: i64 = 6 << 20;

/// What `--cpus` is expressed by, in microseconds.
const CPU_PERIOD: u64 = 100_000;

/// Limits of a container. All but those on devices can be changed while it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// Memory in bytes.
    pub memory: Option<i64>,
    /// Memory and swap together in bytes, -1 for unlimited swap; twice the memory when nobody says.
    pub memory_swap: Option<i64>,
    /// Memory in bytes that is left to it when the host runs short.
    pub memory_reservation: Option<i64>,
    /// How eagerly its pages are swapped out, 0 to 100.
    pub memory_swappiness: Option<u64>,
    /// Whether its processes wait for memory instead of being killed.
    pub oom_kill_disable: bool,
    /// CPU time in billionths of a CPU.
    pub nano_cpus: Option<i64>,
    /// Its weight when CPUs are short, 2 to 262144.
    pub cpu_shares: Option<u64>,
    /// CPU time in each period, in microseconds; -1 for no limit.
    pub cpu_quota: Option<i64>,
    /// Length of a period in microseconds.
    pub cpu_period: Option<u64>,
    /// CPUs that it may run on, `0-2,5`.
    pub cpuset_cpus: Option<String>,
    /// Memory nodes that it may use, `0,1`.
    pub cpuset_mems: Option<String>,
    /// How many tasks it may have; no limit if not above 0.
    pub pids_limit: Option<i64>,
    /// Its weight when block devices are short, 10 to 1000.
    pub blkio_weight: Option<u16>,
    /// The same, device by device.
    pub blkio_weight_device: Vec<Throttle>,
    /// Length of a real-time period in microseconds.
    pub cpu_rt_period: Option<u64>,
    /// Real-time CPU time in each such period, in microseconds.
    pub cpu_rt_runtime: Option<i64>,
    /// Files of its cgroup, on v2, and what is written to them.
    pub unified: BTreeMap<String, String>,
    /// Most bytes read per second.
    pub device_read_bps: Vec<Throttle>,
    /// Most bytes written per second.
    pub device_write_bps: Vec<Throttle>,
    /// Most reads per second.
    pub device_read_iops: Vec<Throttle>,
    /// Most writes per second.
    pub device_write_iops: Vec<Throttle>,
}

/// The most that goes to or from a block device in a second, or its weight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Throttle {
    /// The device on the host.
    pub path: PathBuf,
    /// Bytes or operations, or the weight.
    pub rate: u64,
}

impl Resources {
    /// The limit of memory and swap together: as Docker does, as much swap again as memory, unless the user says.
    pub fn memory_and_swap(&self) -> Option<i64> {
        self.memory_swap.or_else(|| self.memory.map(|memory| memory.saturating_mul(2)))
    }

    /// Whether something is asked for that only cgroup v1 has.
    pub fn is_for_v1(&self) -> bool {
        self.memory_swappiness.is_some() || self.oom_kill_disable
    }

    /// Drops it, as Docker does on a host that has not; what the user should know.
    pub fn discard_v1(&mut self) -> Vec<String> {
        let discarded = [
            self.memory_swappiness.take().map(|_| "memory swappiness capabilities, memory swappiness discarded"),
            std::mem::take(&mut self.oom_kill_disable).then_some("OomKillDisable, OomKillDisable discarded"),
        ];
        discarded
            .into_iter()
            .flatten()
            .map(|what| format!("Your kernel (cgroup v2) does not support {what}."))
            .collect()
    }

    /// How many CPUs' time it may have, whichever way it was said; `None` without a limit.
    pub fn cpus(&self) -> Option<f64> {
        #[allow(clippy::cast_precision_loss)] // Few digits are shown.
        match (self.nano_cpus, self.cpu_quota) {
            (Some(nano), _) => Some(nano as f64 / 1e9),
            (None, Some(quota @ 1..)) => Some(quota as f64 / self.cpu_period.unwrap_or(CPU_PERIOD) as f64),
            _ => None,
        }
    }

    /// Refuses what contradicts itself or lies beyond the host, in Docker's words (moby daemon/daemon_unix.go).
    pub fn check(&self) -> Result<()> {
        self.check_memory().and_then(|()| self.check_cpu()).map_err(Error::InvalidOption)?;
        let weights = self.blkio_weight.map(u64::from).into_iter();
        let weights = weights.chain(self.blkio_weight_device.iter().map(|device| device.rate));
        match weights.into_iter().find(|weight| !(10..=1000).contains(weight)) {
            Some(_) => Err(Error::InvalidOption("Range of blkio weight is from 10 to 1000".to_owned())),
            None => Ok(()),
        }
    }

    fn check_memory(&self) -> std::result::Result<(), String> {
        let below = |value: Option<i64>, least: i64| value.is_some_and(|value| value < least);
        let refusal = match (self.memory, self.memory_swap) {
            _ if below(self.memory, LEAST_MEMORY) => "Minimum memory limit allowed is 6MB",
            (Some(memory), Some(swap @ 0..)) if swap < memory => {
                "Minimum memoryswap limit should be larger than memory limit, see usage"
            }
            (None, Some(0..)) => "You should always set the Memory limit when using Memoryswap limit, see usage",
            _ if self.memory_swappiness.is_some_and(|swappiness| swappiness > 100) => {
                let swappiness = self.memory_swappiness.unwrap_or_default();
                return Err(format!("Invalid value: {swappiness}, valid memory swappiness range is 0-100"));
            }
            _ if below(self.memory_reservation, LEAST_MEMORY) => "Minimum memory reservation allowed is 6MB",
            (Some(memory), _) if self.memory_reservation.is_some_and(|reservation| memory < reservation) => {
                "Minimum memory limit can not be less than memory reservation limit, see usage"
            }
            _ => return Ok(()),
        };
        Err(refusal.to_owned())
    }

    fn check_cpu(&self) -> std::result::Result<(), String> {
        let refusal = match self {
            Self { nano_cpus: Some(_), cpu_period: Some(_), .. } => {
                "Conflicting options: Nano CPUs and CPU Period cannot both be set."
            }
            Self { nano_cpus: Some(_), cpu_quota: Some(_), .. } => {
                "Conflicting options: Nano CPUs and CPU Quota cannot both be set."
            }
            Self { cpu_period: Some(..1_000 | 1_000_001..), .. } => {
                "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)"
            }
            Self { cpu_rt_runtime: Some(runtime), cpu_rt_period: Some(period), .. }
                if u64::try_from(*runtime).is_ok_and(|runtime| runtime > *period) =>
            {
                "cpu real-time runtime cannot be higher than cpu real-time period"
            }
            Self { cpu_quota: Some(1..1_000), .. } => "CPU cfs quota can not be less than 1ms (i.e. 1000)",
            // The kernel would take the nearest value instead, and say nothing.
            Self { cpu_shares: Some(..2), .. } => "The minimum allowed cpu-shares is 2",
            Self { cpu_shares: Some(262_145..), .. } => "The maximum allowed cpu-shares is 262144",
            _ => return self.check_against_host(),
        };
        Err(refusal.to_owned())
    }

    fn check_against_host(&self) -> std::result::Result<(), String> {
        if let Some(nano) = self.nano_cpus {
            let count = parse_list(&online("cpu")).unwrap_or_default().iter().map(|range| range.clone().count()).sum();
            check_count(nano, count)?;
        }
        for (list, kind, invalid, missing) in
            [(&self.cpuset_cpus, "cpu", "cpus", "CPUs"), (&self.cpuset_mems, "node", "mems", "memory nodes")]
        {
            let Some(list) = list else { continue };
            let available = online(kind);
            let wanted = parse_list(list).ok_or_else(|| format!("Invalid value {list} for cpuset {invalid}"))?;
            if !is_within(&wanted, &parse_list(&available).unwrap_or_default()) {
                return Err(format!(
                    "Requested {missing} are not available - requested {list}, available: {available}"
                ));
            }
        }
        Ok(())
    }

    /// The OCI form. Without `limits_swap`, swap is limited only if the user asked for it.
    pub fn to_oci(&self, limits_swap: bool) -> Result<LinuxResources> {
        let mut resources = LinuxResources::default();
        resources.set_memory(self.oci_memory(limits_swap)).set_cpu(self.oci_cpu()).set_block_io(self.oci_block_io()?);
        if let Some(limit) = self.pids_limit {
            let mut pids = LinuxPids::default();
            pids.set_limit(if limit > 0 { limit } else { -1 });
            resources.set_pids(Some(pids));
        }
        if !self.unified.is_empty() {
            resources.set_unified(Some(self.unified.clone().into_iter().collect()));
        }
        Ok(resources)
    }

    fn oci_memory(&self, limits_swap: bool) -> Option<LinuxMemory> {
        let mut memory = LinuxMemory::default();
        memory
            .set_limit(self.memory)
            .set_swap(if limits_swap { self.memory_and_swap() } else { self.memory_swap })
            .set_reservation(self.memory_reservation)
            .set_swappiness(self.memory_swappiness)
            .set_disable_oom_killer(self.oom_kill_disable.then_some(true));
        (memory != LinuxMemory::default()).then_some(memory)
    }

    fn oci_cpu(&self) -> Option<LinuxCpu> {
        let mut cpu = LinuxCpu::default();
        let (quota, period) = match self.nano_cpus {
            Some(nano) => (Some(nano.saturating_mul(CPU_PERIOD.cast_signed()) / 1_000_000_000), Some(CPU_PERIOD)),
            None => (self.cpu_quota, self.cpu_period),
        };
        cpu.set_shares(self.cpu_shares)
            .set_quota(quota)
            .set_period(period)
            .set_realtime_period(self.cpu_rt_period)
            .set_realtime_runtime(self.cpu_rt_runtime)
            .set_cpus(self.cpuset_cpus.clone())
            .set_mems(self.cpuset_mems.clone());
        (cpu != LinuxCpu::default()).then_some(cpu)
    }

    fn oci_block_io(&self) -> Result<Option<LinuxBlockIo>> {
        let mut block = LinuxBlockIo::default();
        block
            .set_weight(self.blkio_weight)
            .set_weight_device(oci_weights(&self.blkio_weight_device)?)
            .set_throttle_read_bps_device(oci_throttles(&self.device_read_bps)?)
            .set_throttle_write_bps_device(oci_throttles(&self.device_write_bps)?)
            .set_throttle_read_iops_device(oci_throttles(&self.device_read_iops)?)
            .set_throttle_write_iops_device(oci_throttles(&self.device_write_iops)?);
        Ok((block != LinuxBlockIo::default()).then_some(block))
    }
}

/// A device is known to the kernel by its number, which may be another after a reboot.
fn block_device(path: &Path) -> Result<(i64, i64)> {
    let metadata = fs::metadata(path).map_err(|source| Error::file(path, source))?;
    if !metadata.file_type().is_block_device() {
        return Err(Error::InvalidOption(format!("{} is not a block device", path.display())));
    }
    Ok((rustix::fs::major(metadata.rdev()).into(), rustix::fs::minor(metadata.rdev()).into()))
}

fn oci_weights(weights: &[Throttle]) -> Result<Option<Vec<LinuxWeightDevice>>> {
    let devices = weights.iter().map(|weight| {
        let (major, minor) = block_device(&weight.path)?;
        let device = LinuxWeightDeviceBuilder::default().major(major).minor(minor);
        let device = device.weight(u16::try_from(weight.rate).unwrap_or(u16::MAX));
        device.build().map_err(|error| Error::InvalidOption(error.to_string()))
    });
    let devices = devices.collect::<Result<Vec<_>>>()?;
    Ok((!devices.is_empty()).then_some(devices))
}

fn oci_throttles(throttles: &[Throttle]) -> Result<Option<Vec<LinuxThrottleDevice>>> {
    let devices = throttles.iter().map(|throttle| {
        let (major, minor) = block_device(&throttle.path)?;
        let device = LinuxThrottleDeviceBuilder::default().rate(throttle.rate).major(major).minor(minor);
        device.build().map_err(|error| Error::InvalidOption(error.to_string()))
    });
    let devices = devices.collect::<Result<Vec<_>>>()?;
    Ok((!devices.is_empty()).then_some(devices))
}

fn check_count(nano_cpus: i64, count: usize) -> std::result::Result<(), String> {
    let most = i64::try_from(count).unwrap_or(i64::MAX).saturating_mul(1_000_000_000);
    match (10_000_000..=most).contains(&nano_cpus) {
        true => Ok(()),
        false => Err(format!("Range of CPUs is from 0.01 to {count}.00, as there are only {count} CPUs available")),
    }
}

/// CPUs or memory nodes of the host (kernel: Documentation/admin-guide/cputopology.rst). A kernel without NUMA lists no
/// nodes, and has one.
fn online(kind: &str) -> String {
    let list = fs::read_to_string(format!("/sys/devices/system/{kind}/online"));
    list.map_or_else(|_| "0".to_owned(), |list| list.trim().to_owned())
}

/// `0-2,5`.
fn parse_list(text: &str) -> Option<Vec<RangeInclusive<u32>>> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let range = first.trim().parse().ok()?..=last.trim().parse().ok()?;
        (!range.is_empty()).then_some(range)
    };
    text.split(',').map(range).collect()
}

fn is_within(wanted: &[RangeInclusive<u32>], available: &[RangeInclusive<u32>]) -> bool {
    let holds = |range: &RangeInclusive<u32>| {
        available.iter().any(|all| all.contains(range.start()) && all.contains(range.end()))
    };
    wanted.iter().all(holds)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: i64 = 1 << 20;

    fn refused(resources: Resources) -> String {
        resources.check().unwrap_err().to_string()
    }

    #[test]
    fn limits_become_resources() {
        let resources = Resources {
            memory: Some(64 * MIB),
            memory_swappiness: Some(0),
            nano_cpus: Some(1_500_000_000),
            pids_limit: Some(20),
            ..Resources::default()
        };
        let oci = serde_json::to_value(resources.to_oci(true).unwrap()).unwrap();
        assert_eq!(oci["memory"], serde_json::json!({ "limit": 64 * MIB, "swap": 128 * MIB, "swappiness": 0 }));
        assert_eq!(oci["cpu"], serde_json::json!({ "quota": 150_000, "period": 100_000 }));
        assert_eq!(oci["pids"]["limit"], 20);
        assert_eq!(resources.to_oci(false).unwrap().memory().as_ref().unwrap().swap(), None);
        assert_eq!(Resources::default().to_oci(true).unwrap(), *LinuxResources::default().set_devices(None));
    }

    #[test]
    fn what_only_v1_has_can_be_discarded() {
        let mut resources = Resources {
            memory_swappiness: Some(0),
            oom_kill_disable: true,
            pids_limit: Some(2),
            ..Resources::default()
        };
        assert!(resources.is_for_v1());
        assert_eq!(resources.discard_v1().len(), 2);
        assert_eq!(resources, Resources { pids_limit: Some(2), ..Resources::default() });
    }

    #[test]
    fn memory_limits_agree_with_one_another() {
        let memory = |memory| Resources { memory, ..Resources::default() };
        let lines = [
            (memory(Some(MIB)), "Minimum memory limit"),
            (Resources { memory_swap: Some(8 * MIB), ..memory(Some(9 * MIB)) }, "larger than memory limit"),
            (Resources { memory_swap: Some(8 * MIB), ..memory(None) }, "always set the Memory limit"),
            (Resources { memory_reservation: Some(MIB), ..memory(None) }, "Minimum memory reservation"),
            (Resources { memory_reservation: Some(9 * MIB), ..memory(Some(8 * MIB)) }, "less than memory reservation"),
            (Resources { memory_swappiness: Some(101), ..memory(None) }, "Invalid value: 101"),
        ];
        for (resources, message) in lines {
            assert!(refused(resources.clone()).contains(message), "{resources:?}");
        }
        assert!(Resources { memory_swap: Some(-1), ..memory(Some(8 * MIB)) }.check().is_ok());
    }

    #[test]
    fn cpu_limits_agree_with_one_another_and_the_host() {
        let none = Resources::default;
        let lines = [
            (Resources { nano_cpus: Some(1), cpu_period: Some(5_000), ..none() }, "Nano CPUs and CPU Period"),
            (Resources { nano_cpus: Some(1), cpu_quota: Some(5_000), ..none() }, "Nano CPUs and CPU Quota"),
            (Resources { nano_cpus: Some(i64::MAX), ..none() }, "Range of CPUs is from 0.01 to"),
            (Resources { cpu_period: Some(999), ..none() }, "CPU cfs period"),
            (Resources { cpu_quota: Some(999), ..none() }, "CPU cfs quota"),
            (Resources { cpu_shares: Some(1), ..none() }, "minimum allowed cpu-shares"),
            (Resources { cpu_shares: Some(1 << 20), ..none() }, "maximum allowed cpu-shares"),
            (Resources { cpuset_cpus: Some("x".into()), ..none() }, "Invalid value x for cpuset cpus"),
            (Resources { cpuset_cpus: Some("0-9999999".into()), ..none() }, "Requested CPUs are not available"),
            (Resources { cpuset_mems: Some("4000".into()), ..none() }, "Requested memory nodes are not available"),
            (Resources { blkio_weight: Some(9), ..none() }, "blkio weight"),
        ];
        for (resources, message) in lines {
            assert!(refused(resources.clone()).contains(message), "{resources:?}");
        }
        assert!(Resources { cpu_quota: Some(-1), cpu_period: Some(50_000), ..none() }.check().is_ok());
    }

    #[test]
    fn cpus_are_told_whichever_way_they_were_asked_for() {
        let quota = Resources { cpu_quota: Some(150_000), ..Resources::default() };
        assert_eq!(quota.cpus(), Some(1.5));
        assert_eq!(Resources { cpu_period: Some(50_000), ..quota }.cpus(), Some(3.0));
        assert_eq!(Resources { nano_cpus: Some(500_000_000), ..Resources::default() }.cpus(), Some(0.5));
        assert_eq!(Resources { cpu_quota: Some(-1), ..Resources::default() }.cpus(), None);
    }

    #[test]
    fn lists_of_numbers_are_read() {
        assert_eq!(parse_list("0-2,5"), Some(vec![0..=2, 5..=5]));
        assert!(is_within(&parse_list("1,5").unwrap(), &parse_list("0-2,5").unwrap()));
        assert!(!is_within(&parse_list("2-5").unwrap(), &parse_list("0-2,5").unwrap()));
        for text in ["", "a", "1-", "2-1", "1,,2"] {
            assert_eq!(parse_list(text), None, "{text}");
        }
    }

    #[test]
    fn only_block_devices_are_throttled() {
        let throttle = |path: &str| Throttle { path: path.into(), rate: 1 };
        for path in ["/dev/null", "/nonexistent"] {
            let resources = Resources { device_read_bps: vec![throttle(path)], ..Resources::default() };
            assert!(resources.to_oci(true).unwrap_err().to_string().contains(path));
        }
    }
}
