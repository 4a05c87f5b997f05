//! What a container may do beyond its confinement, and how it resolves names: asked of the kernel from inside.

use porthole_tests::Host;
use serde_json::json;
use std::time::{Duration, Instant};

#[test]
fn kernel_parameters_are_those_of_its_namespaces() {
    let host = Host::new();
    let read = "cat /proc/sys/net/core/somaxconn /proc/sys/kernel/shmmni";
    let set = "--sysctl net.core.somaxconn=77 --sysctl kernel.shmmni=99";
    assert_eq!(host.ok(&format!("run --rm {set} box {read}")), "77\n99");
    assert!(host.fails(125, "run --rm --sysctl kernel.panic=7 box true").contains("'kernel.panic' is not allowed"));
    let message = host.fails(125, "run --rm --net host --sysctl net.core.somaxconn=7 box true");
    assert!(message.contains("not allowed in host network namespace"), "{message}");
    assert!(host.fails(125, "run --rm --sysctl net.core.nosuch=7 box true").contains("net.core.nosuch"));
    assert_eq!(host.ok("ps -aq"), "");
}

#[test]
fn a_device_is_there_and_may_be_used() {
    let host = Host::new();
    let look = "ls -l /dev/one /dev/kmsg";
    let listed = host.ok(&format!("run --rm --device /dev/kmsg:/dev/one:r --device /dev/kmsg box {look}"));
    assert_eq!(listed.lines().filter(|line| line.contains("1,  11")).count(), 2, "{listed}");
    let write = "sh -c 'mknod /tmp/full c 1 11; : > /tmp/full'";
    assert_ne!(host.porthole(&format!("run --rm box {write}")).code, 0, "it is no device of every container");
    assert_ne!(host.porthole(&format!("run --rm --device /dev/kmsg:/dev/one:r box {write}")).code, 0, "for reading");
    host.ok(&format!("run --rm --device-cgroup-rule 'c 1:11 rwm' box {write}"));
    if let Some(directory) = ["/dev/net", "/dev/mapper"].into_iter().find(|path| std::fs::read_dir(path).is_ok()) {
        let listed = host.ok(&format!("run --rm --device {directory}:/dev/all box ls -l /dev/all"));
        assert!(listed.contains("crw"), "all of a directory: {listed}");
    }
    assert!(host.fails(125, "run --rm --device /dev/nosuch box true").contains("/dev/nosuch"));
    assert!(host.fails(125, "run --rm --device /etc/passwd box true").contains("is not a device node"));
}

#[test]
fn groups_and_privileges_are_those_asked_for() {
    let host = Host::new();
    assert_eq!(host.ok("run --rm -u app --group-add staff --group-add 77 box id -G"), "1001 50 77");
    assert!(host.fails(125, "run --rm --group-add nosuch box true").contains("nosuch"));
    let status = "grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status";
    assert_eq!(host.ok(&format!("run --rm box {status}")), "NoNewPrivs:\t0\nSeccomp:\t2");
    let options = "--security-opt no-new-privileges --security-opt seccomp=unconfined";
    host.ok(&format!("run -d --name free {options} box sleep 100"));
    assert_eq!(host.ok(&format!("exec free {status}")), "NoNewPrivs:\t1\nSeccomp:\t0");
    let recorded = &host.inspect("free")["HostConfig"]["SecurityOpt"];
    assert_eq!(*recorded, json!(["no-new-privileges", "seccomp=unconfined"]));
}

#[test]
fn a_seccomp_profile_of_ones_own_is_the_only_one() {
    let host = Host::new();
    let profile = |name: &str, text: &str| {
        std::fs::write(host.path(name), text).expect("written");
        format!("--security-opt seccomp={}", host.path(name).display())
    };
    let no_chmod = profile(
        "no-chmod.json",
        r#"{ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
            { "names": ["chmod", "fchmodat", "fchmodat2", "no_such_call"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95 },
            { "name": "mkdir", "action": "SCMP_ACT_KILL_PROCESS", "includes": { "caps": ["CAP_SYS_ADMIN"] } } ] }"#,
    );
    host.ok(&format!("run -d --name strict {no_chmod} box sleep 100"));
    std::fs::remove_file(host.path("no-chmod.json")).expect("it was read when the container was made");
    let refused = host.porthole("exec strict chmod 700 /etc/passwd");
    assert!(refused.code == 1 && refused.stderr.contains("not supported"), "{}", refused.stderr);
    host.ok("exec strict mkdir /new");
    let shown = host.inspect("strict")["HostConfig"]["SecurityOpt"][0].as_str().expect("a text").to_owned();
    assert!(shown.starts_with(r#"seccomp={"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["chmod""#), "{shown}");
    host.ok("restart -t 0 strict");
    assert_eq!(host.porthole("exec strict chmod 700 /etc/passwd").code, 1);

    let logging = profile("log.json", r#"{"defaultAction":"SCMP_ACT_LOG"}"#);
    let status = "grep ^Seccomp: /proc/self/status";
    assert_eq!(host.ok(&format!("run --rm {logging} box {status}")), "Seccomp:\t2");
    assert_eq!(host.ok(&format!("run --rm --privileged {logging} box {status}")), "Seccomp:\t2");
    assert_eq!(host.ok(&format!("run --rm {} box {status}", profile("nothing.json", "{}"))), "Seccomp:\t0");
}

#[test]
fn a_seccomp_profile_that_cannot_be_is_refused_by_name() {
    let host = Host::new();
    for (text, why) in [
        ("", "EOF"),
        ("{ \"defaultAction\": ", "EOF"),
        (r#"{"defaultAction":"SCMP_ACT_SMILE"}"#, "SCMP_ACT_SMILE"),
        (r#"{"defaultAction":"SCMP_ACT_NOTIFY"}"#, "SCMP_ACT_NOTIFY"),
    ] {
        let file = host.path("profile.json");
        std::fs::write(&file, text).expect("written");
        let message = host.fails(125, &format!("run --rm --security-opt seccomp={} box true", file.display()));
        assert!(message.contains("profile.json") && message.contains(why), "{message}");
    }
    let message = host.fails(125, "create --security-opt seccomp=/no/such/file box true");
    assert!(message.contains("opening seccomp profile (/no/such/file) failed"), "{message}");
    assert_eq!(host.ok("ps -aq"), "");
}

#[test]
fn names_are_resolved_as_asked() {
    let host = Host::new();
    let hosts = "--add-host db:10.9.8.7 --add-host up:host-gateway";
    let dns = "--dns 9.9.9.9 --dns-search example.com --dns-option ndots:3";
    let said = host.ok(&format!("run --name named {hosts} {dns} box cat /etc/hosts /etc/resolv.conf"));
    for line in ["10.9.8.7\tdb", "nameserver 9.9.9.9", "search example.com", "options ndots:3"] {
        assert!(said.lines().any(|said| said == line), "{line}: {said}");
    }
    assert_eq!(said.matches("nameserver").count(), 1, "{said}");
    assert!(said.lines().any(|line| line.starts_with("172.") && line.ends_with("\tup")), "{said}");
    assert_eq!(host.inspect("named")["HostConfig"]["ExtraHosts"], json!(["db:10.9.8.7", "up:host-gateway"]));
    host.ok("run -d --name other box sleep 100");
    let message = host.fails(125, "run --rm --net container:other --dns 9.9.9.9 box true");
    assert!(message.contains("conflicting options: dns and the network mode"), "{message}");
}

#[test]
fn the_time_to_stop_is_its_own() {
    let host = Host::new();
    host.ok("run -d --name deaf --stop-timeout 1 box sh -c 'trap : TERM; echo ready; while true; do sleep 1; done'");
    host.wait_for_log("deaf", "ready");
    let start = Instant::now();
    host.ok("stop deaf");
    assert!((Duration::from_millis(900)..Duration::from_secs(8)).contains(&start.elapsed()), "{:?}", start.elapsed());
    assert_eq!(host.inspect("deaf")["Config"]["StopTimeout"], 1);
}
