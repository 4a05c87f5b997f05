//! Limits in the files of cgroup v2 (kernel: Documentation/admin-guide/cgroup-v2.rst).

use super::layout::Hierarchy;
use super::{Error, Result, devices, open, read, write};
use oci_spec::runtime::{LinuxBlockIo, LinuxCpu, LinuxMemory, LinuxResources, LinuxThrottleDevice};
use std::path::Path;

/// What a container is given where the host has it, so that its limits can also be set later.
const CONTROLLERS: [&str; 6] = ["cpu", "cpuset", "io", "memory", "pids", "hugetlb"];

/// Applies limits to the cgroup at `path`.
pub(super) fn apply(hierarchy: &Hierarchy, path: &Path, resources: &LinuxResources) -> Result<()> {
    let directory = &hierarchy.directory(path);
    match enable_controllers(&hierarchy.root, directory) {
        // Inside a container, the root that one sees has processes. What needs no controller works all the same.
        Err(Error::InternalProcesses(_)) if !needs_controllers(resources) => {}
        result => result?,
    }
    if let Some(memory) = resources.memory() {
        apply_memory(directory, memory)?;
    }
    if let Some(cpu) = resources.cpu() {
        apply_cpu(directory, cpu)?;
    }
    if let Some(pids) = resources.pids() {
        write(directory, "pids.max", number_or_max(pids.limit()))?;
    }
    for limit in resources.hugepage_limits().iter().flatten() {
        let file = format!("hugetlb.{}.max", limit.page_size());
        write(directory, &file, limit.limit().to_string())?;
    }
    if let Some(block) = resources.block_io() {
        apply_block(directory, block)?;
    }
    for (file, value) in resources.unified().iter().flatten() {
        // The name comes from a spec: it must be a file of this directory.
        if file.contains('/') {
            return Err(Error::Path(file.into()));
        }
        write(directory, file, value)?;
    }
    let rules = devices::rules(resources);
    if !rules.is_empty() {
        let cgroup = open(directory, libc::O_DIRECTORY | libc::O_RDONLY)?;
        devices::attach_filter(&cgroup, &rules).map_err(Error::at("attach a device filter to", directory))?;
    }
    for (asked, what) in [
        (resources.rdma().as_ref().is_some_and(|map| !map.is_empty()), "rdma"),
        (resources.network().is_some(), "network"),
    ] {
        if asked {
            return Err(Error::NotExpressible { what, version: "v2" });
        }
    }
    Ok(())
}

/// A directory has the controllers that its parent's `cgroup.subtree_control` names.
fn enable_controllers(root: &Path, directory: &Path) -> Result<()> {
    let Some(parent) = directory.parent().filter(|_| directory != root) else {
        return Ok(());
    };
    let available = read(root, "cgroup.controllers")?;
    let wanted = |controller: &&str| available.split_whitespace().any(|name| name == *controller);
    let present = read(directory, "cgroup.controllers")?;
    let missing: Vec<_> = CONTROLLERS
        .into_iter()
        .filter(wanted)
        .filter(|controller| !present.split_whitespace().any(|name| name == *controller))
        .map(|controller| format!("+{controller}"))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    enable_controllers(root, parent)?;
    match write(parent, "cgroup.subtree_control", missing.join(" ")) {
        Err(Error::File { source, .. }) if source.raw_os_error() == Some(libc::EBUSY) => {
            Err(Error::InternalProcesses(parent.to_owned()))
        }
        result => result,
    }
}

/// Whether `cgroup.subtree_control` names a controller that cannot be of threads (cgroup-v2.rst, "Threads").
pub(super) fn hands_on_domains(subtree_control: &str) -> bool {
    const THREADED: [&str; 4] = ["cpu", "cpuset", "perf_event", "pids"];
    subtree_control.split_whitespace().any(|name| !THREADED.contains(&name))
}

/// Whether anything but a device filter is asked for.
fn needs_controllers(resources: &LinuxResources) -> bool {
    resources.memory().is_some()
        || resources.cpu().is_some()
        || resources.pids().is_some()
        || resources.block_io().is_some()
        || resources.hugepage_limits().as_ref().is_some_and(|limits| !limits.is_empty())
        || resources.unified().as_ref().is_some_and(|files| !files.is_empty())
}

/// OCI's -1 is v2's "max".
pub(super) fn number_or_max(value: i64) -> String {
    match value {
        1.. => value.to_string(),
        _ => "max".to_owned(),
    }
}

fn apply_memory(directory: &Path, memory: &LinuxMemory) -> Result<()> {
    super::refuse_less_than_used(directory, memory, |what| {
        let number = |file| Ok::<i64, Error>(read(directory, file)?.trim().parse().unwrap_or(0));
        Ok(number("memory.current")? + if what == "memory" { 0 } else { number("memory.swap.current")? })
    })?;
    if let Some(limit) = memory.limit() {
        write(directory, "memory.max", number_or_max(limit))?;
    }
    if let Some(swap) = memory.swap() {
        write(directory, "memory.swap.max", swap_alone(swap, memory.limit()))?;
    }
    if let Some(reservation) = memory.reservation() {
        write(directory, "memory.low", number_or_max(reservation))?;
    }
    if memory.swappiness().is_some() {
        return Err(Error::NotExpressible { what: "memory.swappiness", version: "v2" });
    }
    match memory.disable_oom_killer() {
        Some(true) => Err(Error::NotExpressible { what: "memory.disableOOMKiller", version: "v2" }),
        _ => Ok(()),
    }
}

/// OCI counts memory and swap together, v2 swap alone.
fn swap_alone(both: i64, memory: Option<i64>) -> String {
    match (both, memory) {
        (..0, _) => "max".to_owned(),
        (both, Some(memory @ 0..)) => both.saturating_sub(memory).max(0).to_string(),
        (both, _) => both.to_string(),
    }
}

fn apply_cpu(directory: &Path, cpu: &LinuxCpu) -> Result<()> {
    if let Some(shares) = cpu.shares() {
        write(directory, "cpu.weight", weight(shares).to_string())?;
    }
    if cpu.quota().is_some() || cpu.period().is_some() {
        let quota = number_or_max(cpu.quota().unwrap_or(-1));
        let period = cpu.period().unwrap_or(100_000);
        write(directory, "cpu.max", format!("{quota} {period}"))?;
    }
    if let Some(burst) = cpu.burst() {
        write(directory, "cpu.max.burst", burst.to_string())?;
    }
    if let Some(idle) = cpu.idle() {
        write(directory, "cpu.idle", idle.to_string())?;
    }
    for (file, value) in [("cpuset.cpus", cpu.cpus()), ("cpuset.mems", cpu.mems())] {
        if let Some(list) = value {
            write(directory, file, list)?;
        }
    }
    Ok(())
}

/// From v1's 2..262144 to v2's 1..10000, linearly.
fn weight(shares: u64) -> u64 {
    1 + (shares.clamp(2, 262_144) - 2) * 9_999 / 262_142
}

/// The BFQ scheduler has its own file for it, in the range of v1.
fn set_weight(directory: &Path, device: &str, weight: u16) -> Result<()> {
    match directory.join("io.bfq.weight").exists() {
        true => write(directory, "io.bfq.weight", format!("{device}{weight}")),
        false => write(directory, "io.weight", format!("{device}{}", io_weight(weight))),
    }
}

/// From v1's 10..1000 to v2's 1..10000, linearly.
fn io_weight(weight: u16) -> u64 {
    1 + (u64::from(weight.clamp(10, 1000)) - 10) * 9_999 / 990
}

fn apply_block(directory: &Path, block: &LinuxBlockIo) -> Result<()> {
    if let Some(weight) = block.weight() {
        set_weight(directory, "", weight)?;
    }
    for device in block.weight_device().iter().flatten() {
        if let Some(weight) = device.weight() {
            set_weight(directory, &format!("{}:{} ", device.major(), device.minor()), weight)?;
        }
    }
    let throttle = |devices: &Option<Vec<LinuxThrottleDevice>>, key| {
        devices.iter().flatten().try_for_each(|device| {
            let line = format!("{}:{} {key}={}", device.major(), device.minor(), device.rate());
            write(directory, "io.max", line)
        })
    };
    throttle(block.throttle_read_bps_device(), "rbps")?;
    throttle(block.throttle_write_bps_device(), "wbps")?;
    throttle(block.throttle_read_iops_device(), "riops")?;
    throttle(block.throttle_write_iops_device(), "wiops")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_become_weights_end_to_end() {
        assert_eq!([2, 1024, 262_144].map(weight), [1, 39, 10_000]);
    }

    #[test]
    fn a_device_filter_needs_no_controller() {
        use oci_spec::runtime::{LinuxDeviceCgroup, LinuxPids};
        let mut resources = LinuxResources::default();
        resources.set_devices(Some(vec![LinuxDeviceCgroup::default()]));
        assert!(!needs_controllers(&resources));
        resources.set_pids(Some(LinuxPids::default()));
        assert!(needs_controllers(&resources));
    }

    #[test]
    fn only_controllers_of_whole_processes_keep_processes_out() {
        assert!(!hands_on_domains("cpu pids\n") && !hands_on_domains("\n"));
        assert!(hands_on_domains("cpu memory\n"));
    }

    #[test]
    fn swap_is_what_is_left_of_both() {
        assert_eq!(swap_alone(-1, Some(10)), "max");
        assert_eq!(swap_alone(30, Some(10)), "20");
        assert_eq!(swap_alone(10, Some(10)), "0");
        assert_eq!(swap_alone(30, Some(-1)), "30");
    }
}
