//! Namespaces that a container shares with the host or with another container.

use porthole_tests::{Host, eventually};

/// The namespace of a process that a command in the container sees as its own.
fn inside(host: &Host, options: &str, kind: &str) -> String {
    host.ok(&format!("run --rm {options} box readlink /proc/self/ns/{kind}"))
}

fn of_host(kind: &str) -> String {
    std::fs::read_link(format!("/proc/thread-self/ns/{kind}")).unwrap().to_string_lossy().into_owned()
}

#[test]
fn the_hosts_namespaces_are_shared_when_asked_for() {
    let host = Host::new();
    for (kind, option) in [("pid", "--pid"), ("ipc", "--ipc"), ("uts", "--uts"), ("cgroup", "--cgroupns")] {
        assert_eq!(inside(&host, &format!("{option} host"), kind), of_host(kind), "{option}");
        assert_ne!(inside(&host, "", kind), of_host(kind), "{option}");
    }
    assert_ne!(host.ok("run --rm --pid host box sh -c 'echo $$'"), "1");
    assert_eq!(host.ok("run --rm --uts host box hostname"), host.tool("hostname").trim());
    for (options, told) in [
        ("--uts host -h other", "conflicting options: hostname and the UTS mode"),
        ("--pid all", "--pid: invalid PID mode"),
        ("--ipc all", "--ipc: invalid IPC mode"),
        ("--uts all", "--uts: invalid UTS mode"),
        ("--cgroupns all", "--cgroupns: invalid CGROUP mode"),
        ("--ipc host --sysctl kernel.shmmax=9", "not allowed in host ipc namespace"),
        ("--pid container:nobody", "No such container: nobody"),
    ] {
        assert!(host.fails(125, &format!("run --rm {options} box true")).contains(told), "{options}");
    }
    host.ok("create --name modes --pid host --ipc shareable --uts host --cgroupns host box true");
    let recorded = host.inspect("modes")["HostConfig"].clone();
    let modes = ["PidMode", "IpcMode", "UTSMode", "CgroupnsMode"].map(|name| recorded[name].as_str().unwrap());
    assert_eq!(modes, ["host", "shareable", "host", "host"]);
}

#[test]
fn a_container_ends_with_all_its_processes_in_the_pid_namespace_of_the_host() {
    let host = Host::new();
    host.ok("run -d --name open --pid host box sh -c 'sleep 1000 & sleep 1000 & wait'");
    eventually("both run", || host.ok("top open").matches("sleep 1000").count() >= 2);
    assert!(host.ok("exec open ps").contains("sleep 1000"));
    host.ok("rm -f open");
}

#[test]
fn another_containers_processes_and_memory_are_seen() {
    let host = Host::new();
    host.ok("run -d --name donor --ipc shareable box sh -c 'echo secret > /dev/shm/x; exec sleep 1000'");
    eventually("it has written", || host.porthole("exec donor cat /dev/shm/x").stdout.contains("secret"));
    assert_eq!(host.ok("run --rm --ipc container:donor box cat /dev/shm/x"), "secret");
    assert!(host.ok("run --rm --pid container:donor box ps").contains("sleep 1000"));
    assert_eq!(host.ok("run --rm --ipc none box ls /dev").lines().filter(|line| *line == "shm").count(), 0);
    host.ok("run -d --name private box sleep 1000");
    let message = host.fails(125, "run --rm --ipc container:private box true");
    assert!(message.contains("non-shareable IPC"), "{message}");
    host.ok("stop -t 0 private");
    let message = host.fails(125, "run --rm --pid container:private box true");
    assert!(message.contains("non running container"), "{message}");
}

#[test]
fn a_restart_joins_what_the_other_container_has_now() {
    let host = Host::new();
    host.ok("run -d --name donor --ipc shareable box sleep 1000");
    let joins = "--pid container:donor --ipc container:donor --net container:donor";
    host.ok(&format!("run -d --name guest --restart always {joins} box sleep 1000"));
    host.ok("restart -t 0 donor");
    eventually("the guest is there again, in the donor's new namespaces", || {
        let guest = host.inspect("guest")["State"].clone();
        let pid = guest["Pid"].as_i64().unwrap_or(0);
        let namespace = |pid: i64, kind: &str| std::fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok();
        let donor = i64::from(host.init("donor").as_raw());
        pid != 0 && ["pid", "ipc", "net"].iter().all(|kind| namespace(pid, kind) == namespace(donor, kind))
    });
    host.ok("stop -t 0 donor");
    eventually("without the donor it cannot start", || host.status("guest") == "exited");
    let error = host.inspect("guest")["State"]["Error"].as_str().unwrap().to_owned();
    assert!(error.contains("non running container"), "{error}");
}
