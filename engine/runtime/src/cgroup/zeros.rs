//! Limits of zero, which engines write for those that nobody asked for.

use oci_spec::runtime::LinuxResources;

/// The same without zeros where runc takes them for no limit: of processor, memory, processes and the weight of I/O. A
/// swappiness of zero is one, and a rate of zero lifts a throttle.
pub(super) fn without_zeros(resources: &LinuxResources) -> LinuxResources {
    let mut resources = resources.clone();
    if let Some(mut cpu) = resources.cpu().clone() {
        cpu.set_shares(cpu.shares().filter(|shares| *shares != 0));
        cpu.set_quota(cpu.quota().filter(|quota| *quota != 0));
        cpu.set_period(cpu.period().filter(|period| *period != 0));
        cpu.set_realtime_runtime(cpu.realtime_runtime().filter(|runtime| *runtime != 0));
        cpu.set_realtime_period(cpu.realtime_period().filter(|period| *period != 0));
        resources.set_cpu(Some(cpu));
    }
    if let Some(mut memory) = *resources.memory() {
        memory.set_limit(memory.limit().filter(|limit| *limit != 0));
        memory.set_swap(memory.swap().filter(|swap| *swap != 0));
        memory.set_reservation(memory.reservation().filter(|reservation| *reservation != 0));
        memory.set_kernel_tcp(memory.kernel_tcp().filter(|limit| *limit != 0));
        resources.set_memory(Some(memory));
    }
    if let Some(mut block_io) = resources.block_io().clone() {
        block_io.set_weight(block_io.weight().filter(|weight| *weight != 0));
        resources.set_block_io(Some(block_io));
    }
    resources.set_pids(resources.pids().filter(|pids| pids.limit() != 0));
    resources
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn what_docker_writes_for_a_limit_of_memory_is_only_that() {
        let zeros = json!({
            "memory": { "limit": 67_108_864, "swap": 134_217_728, "reservation": 0, "swappiness": 0, "kernelTCP": 0 },
            "cpu": { "shares": 0, "quota": 0, "period": 0, "realtimeRuntime": 0, "realtimePeriod": 0, "cpus": "0" },
            "pids": { "limit": 0 },
            "blockIO": { "weight": 0, "throttleReadBpsDevice": [{ "major": 8, "minor": 0, "rate": 0 }] },
        });
        let resources: LinuxResources = serde_json::from_value(zeros).unwrap();
        let left: Value = serde_json::to_value(without_zeros(&resources)).unwrap();
        assert_eq!(left["memory"], json!({ "limit": 67_108_864, "swap": 134_217_728, "swappiness": 0 }));
        assert_eq!(left["cpu"], json!({ "cpus": "0" }));
        assert_eq!(left["pids"], Value::Null);
        assert_eq!(left["blockIO"]["weight"], Value::Null);
        assert_eq!(left["blockIO"]["throttleReadBpsDevice"][0]["rate"], 0);
    }
}
