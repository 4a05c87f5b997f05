//! Limits in the files of cgroup v1 (kernel: Documentation/admin-guide/cgroup-v1).

use super::layout::Hierarchy;
use super::{Error, Result, devices, read, require, write};
use oci_spec::runtime::{LinuxBlockIo, LinuxCpu, LinuxMemory, LinuxResources, LinuxThrottleDevice};
use std::path::Path;

/// A cpuset without processors or memory nodes admits no process, and a new one starts that way: give it its parent's.
pub(super) fn inherit_cpuset(root: &Path, directory: &Path) -> Result<()> {
    let Some(parent) = directory.parent().filter(|_| directory != root) else {
        return Ok(());
    };
    for file in ["cpuset.cpus", "cpuset.mems"] {
        if read(directory, file)?.trim().is_empty() {
            inherit_cpuset(root, parent)?;
            write(directory, file, read(parent, file)?.trim())?;
        }
    }
    Ok(())
}

/// Applies limits to the cgroup at `path`.
pub(super) fn apply(hierarchies: &[Hierarchy], path: &Path, resources: &LinuxResources) -> Result<()> {
    let directory = |controller, what| require(hierarchies, controller, what).map(|found| found.directory(path));
    if let Some(memory) = resources.memory() {
        apply_memory(&directory("memory", "memory")?, memory)?;
    }
    if let Some(cpu) = resources.cpu() {
        if has_bandwidth(cpu) {
            apply_cpu(&directory("cpu", "CPU time")?, cpu)?;
        }
        for (file, value) in [("cpuset.cpus", cpu.cpus()), ("cpuset.mems", cpu.mems())] {
            if let Some(list) = value {
                write(&directory("cpuset", "processors")?, file, list)?;
            }
        }
    }
    if let Some(pids) = resources.pids() {
        let limit = super::v2::number_or_max(pids.limit());
        write(&directory("pids", "the number of processes")?, "pids.max", limit)?;
    }
    for rule in devices::rules(resources) {
        let (file, line) = devices::v1_line(&rule);
        write(&directory("devices", "devices")?, file, line)?;
    }
    for limit in resources.hugepage_limits().iter().flatten() {
        let file = format!("hugetlb.{}.limit_in_bytes", limit.page_size());
        write(&directory("hugetlb", "huge pages")?, &file, limit.limit().to_string())?;
    }
    if let Some(block) = resources.block_io() {
        apply_block(&directory("blkio", "block I/O")?, block)?;
    }
    refuse_inexpressible(resources)
}

fn refuse_inexpressible(resources: &LinuxResources) -> Result<()> {
    for (asked, what) in [
        (resources.unified().as_ref().is_some_and(|map| !map.is_empty()), "unified"),
        (resources.rdma().as_ref().is_some_and(|map| !map.is_empty()), "rdma"),
        (resources.network().is_some(), "network"),
    ] {
        if asked {
            return Err(Error::NotExpressible { what, version: "v1" });
        }
    }
    Ok(())
}

fn apply_memory(directory: &Path, memory: &LinuxMemory) -> Result<()> {
    super::refuse_less_than_used(directory, memory, |what| {
        let file = if what == "memory" { "memory.usage_in_bytes" } else { "memory.memsw.usage_in_bytes" };
        Ok(read(directory, file)?.trim().parse().unwrap_or(0))
    })?;
    // Without a limit of memory, one of memory with swap could only be the old one.
    let lifted = memory.limit().filter(|limit| *limit == -1 && directory.join("memory.memsw.limit_in_bytes").exists());
    let limit = |value: Option<i64>, file| value.map_or(Ok(()), |value| write(directory, file, value.to_string()));
    let main = || limit(memory.limit(), "memory.limit_in_bytes");
    let with_swap = || limit(memory.swap().or(lifted), "memory.memsw.limit_in_bytes");
    // The limit with swap is never below the one without, so raising and lowering need opposite orders.
    if main().is_ok() {
        with_swap()?;
    } else {
        with_swap()?;
        main()?;
    }
    limit(memory.reservation(), "memory.soft_limit_in_bytes")?;
    limit(memory.kernel_tcp(), "memory.kmem.tcp.limit_in_bytes")?;
    if let Some(swappiness) = memory.swappiness() {
        write(directory, "memory.swappiness", swappiness.to_string())?;
    }
    if memory.disable_oom_killer() == Some(true) {
        write(directory, "memory.oom_control", "1")?;
    }
    Ok(())
}

fn has_bandwidth(cpu: &LinuxCpu) -> bool {
    cpu.shares().is_some()
        || cpu.quota().is_some()
        || cpu.period().is_some()
        || cpu.burst().is_some()
        || cpu.idle().is_some()
        || cpu.realtime_period().is_some()
        || cpu.realtime_runtime().is_some()
}

fn apply_cpu(directory: &Path, cpu: &LinuxCpu) -> Result<()> {
    let set = |value: Option<String>, file| value.map_or(Ok(()), |value| write(directory, file, value));
    let period = || set(cpu.period().map(|value| value.to_string()), "cpu.cfs_period_us");
    let quota = || set(cpu.quota().map(|value| value.to_string()), "cpu.cfs_quota_us");
    set(cpu.shares().map(|value| value.to_string()), "cpu.shares")?;
    // Together they are a share, which must not even in between be larger than the parent's.
    match period() {
        Ok(()) => quota()?,
        Err(_) => quota().and_then(|()| period())?,
    }
    set(cpu.burst().map(|value| value.to_string()), "cpu.cfs_burst_us")?;
    set(cpu.idle().map(|value| value.to_string()), "cpu.idle")?;
    set(cpu.realtime_period().map(|value| value.to_string()), "cpu.rt_period_us")?;
    set(cpu.realtime_runtime().map(|value| value.to_string()), "cpu.rt_runtime_us")
}

/// The controller's own (Documentation/block/bfq-iosched.rst).
const DEFAULT_WEIGHT: u16 = 100;

fn apply_block(directory: &Path, block: &LinuxBlockIo) -> Result<()> {
    if let Some(weight) = block.weight() {
        let file = ["blkio.weight", "blkio.bfq.weight"]
            .into_iter()
            .find(|file| directory.join(file).exists())
            .ok_or(Error::NotExpressible { what: "blockIO.weight", version: "v1 with this I/O scheduler" })?;
        write(directory, file, weight.to_string())?;
    }
    for device in block.weight_device().iter().flatten() {
        let file = ["blkio.weight_device", "blkio.bfq.weight_device"]
            .into_iter()
            .find(|file| directory.join(file).exists())
            .ok_or(Error::NotExpressible { what: "blockIO.weightDevice", version: "v1 with this I/O scheduler" })?;
        let weight = device.weight().or(block.weight()).unwrap_or(DEFAULT_WEIGHT);
        write(directory, file, format!("{}:{} {weight}", device.major(), device.minor()))?;
    }
    let throttle = |devices: &Option<Vec<LinuxThrottleDevice>>, file| {
        devices.iter().flatten().try_for_each(|device| {
            let line = format!("{}:{} {}", device.major(), device.minor(), device.rate());
            write(directory, file, line)
        })
    };
    throttle(block.throttle_read_bps_device(), "blkio.throttle.read_bps_device")?;
    throttle(block.throttle_write_bps_device(), "blkio.throttle.write_bps_device")?;
    throttle(block.throttle_read_iops_device(), "blkio.throttle.read_iops_device")?;
    throttle(block.throttle_write_iops_device(), "blkio.throttle.write_iops_device")
}
