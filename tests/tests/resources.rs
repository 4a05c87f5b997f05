//! Limits: what is asked for on the command line, the kernel enforces and `inspect` tells.

use porthole_tests::{Host, eventually};
use serde_json::json;
use std::path::Path;

#[test]
fn cpu_and_memory_limits_reach_the_kernel() {
    let host = Host::new();
    let limits = "-m 64m --memory-swap 96m --memory-reservation 32m -c 512 --cpu-quota 20000 --cpu-period 50000 \
        --cpuset-cpus 0 --cpuset-mems 0";
    host.ok(&format!("run -d --name limited {limits} box sleep 100"));
    assert_eq!(host.cgroup("limited", "memory.limit_in_bytes", "memory.max"), (64 << 20).to_string());
    assert_eq!(host.cgroup("limited", "memory.soft_limit_in_bytes", "memory.low"), (32 << 20).to_string());
    assert!(["512", "20"].contains(&host.cgroup("limited", "cpu.shares", "cpu.weight").as_str()));
    assert!(["20000", "20000 50000"].contains(&host.cgroup("limited", "cpu.cfs_quota_us", "cpu.max").as_str()));
    assert_eq!(host.cgroup("limited", "cpuset.cpus", "cpuset.cpus"), "0");
    let swap = host.cgroup("limited", "memory.memsw.limit_in_bytes", "memory.swap.max");
    assert!([96 << 20, 32 << 20].contains(&swap.parse::<i64>().unwrap()), "{swap}");

    let recorded = &host.inspect("limited")["HostConfig"];
    for (name, value) in [
        ("Memory", json!(64 << 20)),
        ("MemorySwap", json!(96 << 20)),
        ("MemoryReservation", json!(32 << 20)),
        ("MemorySwappiness", json!(null)),
        ("CpuShares", json!(512)),
        ("CpuQuota", json!(20_000)),
        ("CpuPeriod", json!(50_000)),
        ("CpusetCpus", json!("0")),
        ("CpusetMems", json!("0")),
        ("ShmSize", json!(64 << 20)),
    ] {
        assert_eq!(recorded[name], value, "{name}");
    }
}

#[test]
fn a_container_says_what_its_processes_may() {
    let host = Host::new();
    let options = "--ulimit nofile=100:200 --ulimit core=0 --shm-size 2m --oom-score-adj 500";
    let script = "ulimit -Sn; ulimit -Hn; ulimit -c; df -k /dev/shm | tail -1; cat /proc/self/oom_score_adj";
    let said = host.ok(&format!("run --name said {options} box sh -c '{script}'"));
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!([lines[0], lines[1], lines[2], lines[4]], ["100", "200", "0", "500"], "{said}");
    assert_eq!(lines[3].split_whitespace().nth(1), Some("2048"), "{said}");
    let recorded = &host.inspect("said")["HostConfig"];
    assert_eq!(recorded["Ulimits"][0], json!({ "Name": "nofile", "Soft": 100, "Hard": 200 }));
    assert_eq!((&recorded["ShmSize"], &recorded["OomScoreAdj"]), (&json!(2 << 20), &json!(500)));
}

#[test]
fn a_device_is_throttled_and_weighed() {
    let host = Host::new();
    let Some(device) = ["/dev/vda", "/dev/sda", "/dev/loop0"].into_iter().find(|path| Path::new(path).exists()) else {
        return;
    };
    let rates = format!("--device-read-bps {device}:1mb --device-write-iops {device}:100 --blkio-weight 300");
    host.ok(&format!("run -d --name slow {rates} box sleep 100"));
    assert!(host.cgroup("slow", "blkio.throttle.read_bps_device", "io.max").contains("1048576"));
    assert!(host.cgroup("slow", "blkio.throttle.write_iops_device", "io.max").contains("100"));
    let recorded = &host.inspect("slow")["HostConfig"];
    assert_eq!(recorded["BlkioDeviceReadBps"], json!([{ "Path": device, "Rate": 1 << 20 }]));
    assert_eq!(recorded["BlkioWeight"], 300);
}

#[test]
fn contradictions_are_told_and_leave_nothing() {
    let host = Host::new();
    for (options, told) in [
        ("--cpus 1 --cpu-quota 20000", "Conflicting options: Nano CPUs and CPU Quota cannot both be set."),
        ("--cpus 1 --cpu-period 20000", "Conflicting options: Nano CPUs and CPU Period cannot both be set."),
        ("--cpus 10000", "Range of CPUs is from 0.01 to"),
        ("--cpu-shares 1", "minimum allowed cpu-shares is 2"),
        ("--cpuset-cpus 4000", "Requested CPUs are not available - requested 4000"),
        ("-m 64m --memory-swap 32m", "Minimum memoryswap limit should be larger than memory limit"),
        ("--memory-swap 64m", "You should always set the Memory limit when using Memoryswap limit"),
        ("-m 64m --memory-reservation 65m", "can not be less than memory reservation limit"),
        ("--memory-swappiness 101", "valid memory swappiness range is 0-100"),
        ("--oom-score-adj 1001", "range for oom score adj is [-1000, 1000]"),
        ("--blkio-weight 5", "Range of blkio weight is from 10 to 1000"),
        ("--ulimit nofile=5:4", "ulimit soft limit must be less than or equal to hard limit: 5 > 4"),
        ("--device-read-bps /dev/null:1mb", "/dev/null is not a block device"),
    ] {
        let message = host.fails(125, &format!("run --rm {options} box true"));
        assert!(message.contains(told), "{options}: {message}");
    }
    assert_eq!(host.ok("ps -aq"), "");
}

#[test]
fn limits_change_while_a_container_runs() {
    let host = Host::new();
    host.ok("run -d --name live -m 64m --cpu-shares 256 box sleep 100");
    let change = "-m 96m --memory-reservation 16m --cpus 0.5 --cpuset-cpus 0 --pids-limit 30 --blkio-weight 200";
    assert_eq!(host.ok(&format!("update {change} live")), "live");
    assert_eq!(host.cgroup("live", "memory.limit_in_bytes", "memory.max"), (96 << 20).to_string());
    assert_eq!(host.cgroup("live", "pids.max", "pids.max"), "30");
    assert!(["50000", "50000 100000"].contains(&host.cgroup("live", "cpu.cfs_quota_us", "cpu.max").as_str()));
    assert!(["256", "10"].contains(&host.cgroup("live", "cpu.shares", "cpu.weight").as_str()), "it stays");
    let recorded = host.inspect("live")["HostConfig"].clone();
    assert_eq!((&recorded["Memory"], &recorded["CpuShares"]), (&json!(96 << 20), &json!(256)));

    let message = host.fails(1, "update --cpu-quota 20000 live");
    assert!(message.contains("CPU Quota cannot be updated as NanoCPUs has already been set"), "{message}");
    assert!(host.fails(1, "update --memory 1m live").contains("6MB"));
    assert!(host.fails(125, "update live").contains("one or more flags"));
    assert_eq!(host.inspect("live")["HostConfig"], recorded, "what was refused changes nothing");

    host.ok("stop -t 0 live");
    host.ok("update --pids-limit 40 live");
    host.ok("start live");
    assert_eq!(host.cgroup("live", "pids.max", "pids.max"), "40");
    assert_eq!(host.cgroup("live", "memory.limit_in_bytes", "memory.max"), (96 << 20).to_string());
}

#[test]
fn limits_change_between_two_runs() {
    let host = Host::new();
    host.ok("run -d --name again --restart always box false");
    eventually("the pauses become long", || host.inspect("again")["RestartCount"].as_u64() > Some(4));
    assert!(host.fails(1, "update --cpu-rt-runtime 1000 again").contains("cpu.rt_runtime"));
    assert_eq!(host.inspect("again")["HostConfig"]["CpuRealtimeRuntime"], 0);
    host.ok("update --pids-limit 40 again");
    assert_eq!(host.inspect("again")["HostConfig"]["PidsLimit"], 40);
    eventually("it is started with it", || host.inspect("again")["RestartCount"].as_u64() > Some(5));
    host.ok("stop again");
}

#[test]
fn a_new_restart_policy_holds_at_once() {
    let host = Host::new();
    host.ok("run -d --name again box sleep 100");
    let address = host.address("again");
    host.ok("update --restart on-failure:3 -m 64m again");
    nix::sys::signal::kill(host.init("again"), nix::sys::signal::Signal::SIGKILL).unwrap();
    eventually("it is started again", || {
        let again = host.inspect("again");
        again["RestartCount"] == 1 && again["State"]["Status"] == "running"
    });
    assert!(host.ok("exec again ip addr").contains(&address), "in its old network");
    assert_eq!(host.cgroup("again", "memory.limit_in_bytes", "memory.max"), (64 << 20).to_string());
    host.ok("update --restart no again");
    nix::sys::signal::kill(host.init("again"), nix::sys::signal::Signal::SIGKILL).unwrap();
    eventually("it ends for good", || host.status("again") == "exited");
    host.ok("run -d --rm --name brief box sleep 100");
    assert!(host.fails(1, "update --restart always brief").contains("AutoRemove is enabled"));
}

#[test]
fn stats_tell_what_is_used() {
    let host = Host::new();
    host.ok("run -d --name busy -m 64m box sh -c 'while true; do :; done'");
    host.ok("run -d --name idle box sleep 100");
    host.ok("create --name never box true");
    let table = host.ok("stats --no-stream");
    let mut lines = table.lines();
    let header = "CONTAINER ID   NAME      CPU %     MEM USAGE / LIMIT";
    assert!(lines.next().unwrap().starts_with(header), "{table}");
    assert_eq!(lines.count(), 2, "{table}");
    assert!(table.contains(" / 64MiB"), "{table}");
    let all = host.ok("stats --no-stream --all --no-trunc");
    let never = all.lines().find(|line| line.contains("never")).unwrap();
    assert!(never.contains("0.00%") && never.contains("0B / 0B"), "{all}");

    let formatted = host.ok("stats --no-stream --format '{{.Name}} {{.PIDs}} {{.MemUsage}}' busy");
    assert!(formatted.starts_with("busy 1 ") && formatted.ends_with(" / 64MiB"), "{formatted}");
    let line: serde_json::Value = serde_json::from_str(&host.ok("stats --no-stream --format json idle")).expect("JSON");
    assert_eq!((&line["Name"], &line["PIDs"]), (&json!("idle"), &json!("1")));
    assert!(host.fails(1, "stats --no-stream --format '{{.Nope}}'").contains("Nope"));

    let mut stream = host.start("stats busy");
    assert!(stream.line().starts_with(header));
    let (first, header_again, second) = (stream.line(), stream.line(), stream.line());
    assert!(first.contains("busy") && header_again.starts_with(header), "{first}\n{header_again}");
    let cpu = second.split_whitespace().nth(2).unwrap().trim_end_matches('%').parse::<f64>().unwrap();
    assert!(cpu > 5.0, "{second}");
    assert!(host.fails(1, "stats --no-stream nosuch").contains("No such container: nosuch"));
}
