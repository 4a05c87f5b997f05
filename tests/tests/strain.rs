//! Containers that behave badly, and limits that cannot be: the rest of the machine does not notice.

use nix::unistd::Pid;
use porthole_tests::{Host, eventually, pause};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Fails if something takes longer than a person would call at once.
#[track_caller]
fn promptly<T>(what: &str, act: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let result = act();
    assert!(begun.elapsed() < Duration::from_secs(5), "{what} took {:?}", begun.elapsed());
    result
}

/// The processor time of a process, in hundredths of a second (proc_pid_stat(5)).
fn ticks(process: Pid) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("it runs");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
    [11, 12].map(|field: usize| fields[field].parse::<u64>().expect("a number")).iter().sum()
}

#[test]
fn a_restart_loop_is_held_back_and_can_be_ended() {
    let host = Host::new();
    for end in ["stop", "rm -f"] {
        host.ok("run -d --name loop --restart always box false");
        let count = || host.inspect("loop")["RestartCount"].as_u64().expect("a number");
        eventually("it was started some times", || count() >= 3);
        let (before, begun) = (ticks(host.monitor("loop")), count());
        pause(1_500);
        let (used, more) = (ticks(host.monitor("loop")) - before, count() - begun);
        assert!((1..=2).contains(&more), "the pauses grow: 0.8 s, then 1.6 s, but {more} starts");
        assert!(used < 30, "the monitor used {used} ticks");
        promptly(end, || host.ok(&format!("{end} loop")));
        if end == "stop" {
            assert_eq!(host.status("loop"), "exited");
            host.ok("rm loop");
        }
    }
}

#[test]
fn a_flood_of_output_harms_nobody() {
    let host = Host::new();
    // Lines of a kilobyte, as fast as they are taken.
    host.ok("run -d --name flood --log-opt max-size=4m --log-opt max-file=3 box sh -c 'yes $(head -c 1000 /dev/zero | tr \\\\0 x)'");
    host.ok("run -d --name calm box sleep 100");
    let directory = host.container("flood").join("log");
    eventually("the log is full", || fs::read_dir(&directory).expect("a log").count() == 3);
    for _ in 0..5 {
        promptly("ps", || host.ok("ps"));
        promptly("exec", || host.ok("exec calm true"));
        promptly("logs", || host.ok("logs --tail 10 flood"));
    }
    let memory = fs::read_to_string(format!("/proc/{}/status", host.monitor("flood"))).expect("it runs");
    let anonymous = memory.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("a size");
    let kilobytes: u64 = anonymous.split_whitespace().next().and_then(|size| size.parse().ok()).expect("a number");
    assert!(kilobytes < 8 << 10, "the monitor holds {kilobytes} kB");
    let files: Vec<u64> = fs::read_dir(&directory)
        .expect("a log")
        .flatten()
        .map(|entry| entry.metadata().map_or(0, |file| file.len()))
        .collect();
    assert!((2..=3).contains(&files.len()) && files.iter().all(|size| *size <= 4 << 20), "{files:?}");
    promptly("stop", || host.ok("stop -t 0 flood"));
    assert_eq!(host.status("flood"), "exited");
}

#[test]
fn who_ignores_every_signal_is_killed() {
    let host = Host::new();
    let deaf = "trap : TERM INT HUP QUIT; echo ready; while true; do sleep 0.02; done";
    for end in ["stop -t 0", "stop -t 1", "restart -t 0", "rm -f"] {
        host.ok(&format!("run -d --name deaf box sh -c '{deaf}'"));
        host.wait_for_log("deaf", "ready");
        promptly(end, || host.ok(&format!("{end} deaf")));
        host.ok("rm -f deaf");
    }
}

#[test]
fn what_the_kernel_or_the_host_cannot_do_is_told_in_a_line_and_leaves_nothing() {
    let host = Host::new();
    for (options, told) in [
        ("--cpuset-cpus 4000", "Requested CPUs are not available"),
        ("--cpuset-mems 63", "Requested memory nodes are not available"),
        ("--device /dev/nosuch", "/dev/nosuch"),
        ("--device /etc/passwd", "not a device node"),
        ("--device-write-bps /dev/nosuch:1mb", "/dev/nosuch"),
        ("--sysctl net.ipv4.ip_forward=many", "ip_forward"),
        ("--tmpfs /run:size=lots", "/run"),
        ("-v /etc/passwd:/etc", "/etc"),
        ("-w /etc/passwd", "/etc/passwd"),
        ("-u nobody-known", "nobody-known"),
    ] {
        let message = host.porthole(&format!("run --name refused {options} box true"));
        let code = message.code;
        assert!([125, 126, 127].contains(&code), "{options}: {message:?}");
        assert!(message.fails(code).contains(told), "{options}: {message:?}");
        host.porthole("rm refused");
    }
    host.assert_nothing_left();
}

#[test]
fn an_update_that_is_refused_changes_nothing() {
    let host = Host::new();
    host.ok("run -d --name full -m 64m --cpu-shares 512 box sh -c 'head -c 40m /dev/zero > /dev/shm/held; sleep 100'");
    eventually("it holds memory", || host.ok("exec full du -k /dev/shm/held").starts_with("40960"));
    let kernel = || {
        let files = [("memory.limit_in_bytes", "memory.max"), ("cpu.shares", "cpu.weight"), ("pids.max", "pids.max")];
        files.map(|(v1, v2)| host.cgroup("full", v1, v2))
    };
    let before = (host.inspect("full")["HostConfig"].clone(), kernel());
    let mut refused = vec!["-m 5m", "--cpuset-cpus 4000", "--cpu-shares 1", "--cpus 10000", "--memory-swap 32m"];
    if Path::new("/sys/fs/cgroup/memory").exists() {
        // Version 2 kills instead of refusing.
        refused.push("--cpu-shares 256 --pids-limit 40 -m 16m --memory-swap 16m");
    }
    for options in refused {
        host.fails(1, &format!("update {options} full"));
        assert_eq!((host.inspect("full")["HostConfig"].clone(), kernel()), before, "{options}");
    }
}
