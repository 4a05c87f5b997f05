//! What escaped from other engines, tried here: one test for each known way out.

use nix::sys::statvfs::{FsFlags, fstatvfs};
use porthole_tests::archive::Tree;
use porthole_tests::{Host, eventually};
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::process::Command;

/// CVE-2024-21626: a descriptor of the host that is left open is a door, also as a working directory.
#[test]
fn no_descriptor_of_the_host_is_left_open() {
    let host = Host::new();
    let list = "sh -c 'ls /proc/self/fd | tr \"\\n\" \" \"; pwd'";
    // The fourth is the directory that is listed.
    assert_eq!(host.ok(&format!("run --rm box {list}")), "0 1 2 3 /");
    host.ok("run -d --name box1 box sleep 100");
    assert_eq!(host.ok(&format!("exec box1 {list}")), "0 1 2 3 /");
    for number in 3..12 {
        for line in [
            format!("run --rm -w /proc/self/fd/{number} box sh -c 'pwd; ls ../../etc/shadow ../../../etc/shadow'"),
            format!("exec -w /proc/self/fd/{number} box1 sh -c 'pwd; ls ../../etc/shadow ../../../etc/shadow'"),
        ] {
            let output = host.porthole(&line);
            assert!(!output.stdout.contains("shadow"), "{line}: {}", output.stdout);
        }
    }
}

/// CVE-2022-24769, CVE-2022-29162: inheritable capabilities come back with the first file that has some.
#[test]
fn nothing_is_inheritable() {
    let host = Host::new();
    let none = "CapInh:\t0000000000000000\nCapAmb:\t0000000000000000";
    let read = "sh -c 'grep -e CapInh -e CapAmb /proc/self/status | sort -r'";
    for options in ["", "--cap-add SYS_ADMIN", "-u app", "-u app --cap-add NET_RAW"] {
        assert_eq!(host.ok(&format!("run --rm {options} box {read}")), none, "{options}");
    }
    host.ok("run -d --name box1 --cap-add NET_ADMIN box sleep 100");
    assert_eq!(host.ok(&format!("exec box1 {read}")), none);
    assert_eq!(host.ok(&format!("exec -u app box1 {read}")), none);
}

/// CVE-2022-36109: groups of the image's or of the host's root that a user was not given.
#[test]
fn groups_are_exactly_those_of_the_user() {
    let host = Host::new();
    for (user, groups) in [("1001", "0"), ("1001:1001", "1001"), ("4242:4242", "4242"), ("4242", "0")] {
        let told = host.ok(&format!("run --rm -u {user} box sh -c 'id -G; grep ^Groups: /proc/self/status'"));
        let (own, all) = told.split_once('\n').expect("two lines");
        assert_eq!(all.split_whitespace().skip(1).filter(|group| !own.split(' ').any(|own| own == *group)).count(), 0);
        assert_eq!(own.split(' ').next(), Some(groups), "{user}: {told}");
    }
}

/// CVE-2024-40635: a number that is too large for a user id wraps around to root's; and a name that looks like one.
#[test]
fn no_odd_user_is_root() {
    let host = Host::new();
    host.ok("run -d --name box1 box sleep 100");
    host.ok("exec box1 sh -c 'echo 99999999999:x:0:0::/:/bin/sh >> /etc/passwd'");
    for user in
        ["4294967296", "4294967296:0", "2147483648:4294967296", "-1", "4294967295", "1000:", ":0", "+1", "99999999999"]
    {
        for line in [format!("run --rm --user={user} box id -u"), format!("exec --user={user} box1 id -u")] {
            let output = host.porthole(&line);
            let as_root = output.code == 0 && output.stdout.trim() == "0";
            // `:0` names a group alone, whose user is the image's own.
            assert!(!as_root || user == ":0", "{line}: {}", output.stdout);
        }
    }
}

/// CVE-2022-0492: a program of the container's as the release agent of a hierarchy, executed by the host.
#[test]
fn release_agents_cannot_be_set() {
    let host = Host::new();
    let script = "for f in $(find /sys/fs/cgroup -name release_agent); do echo /tmp/x > $f && echo set $f; done 2>/dev/null; \
        mkdir /tmp/c; mount -t cgroup -o memory none /tmp/c && echo mounted; true";
    assert!(!host.porthole(&format!("run --rm box sh -c '{script}'")).stdout.contains("set"));
    assert!(!host.porthole(&format!("run --rm box sh -c '{script}'")).stdout.contains("mounted"));
}

/// CVE-2020-15257: abstract sockets belong to a network namespace, and are there for everybody in the host's.
#[test]
fn nothing_listens_at_an_abstract_socket() {
    let host = Host::new();
    let abstracts = || {
        let sockets = fs::read_to_string("/proc/thread-self/net/unix").expect("there");
        sockets.lines().filter_map(|line| line.split(" @").nth(1).map(str::to_owned)).collect::<Vec<_>>()
    };
    let before = abstracts();
    host.ok("run -d --name box1 --net host box sleep 100");
    host.ok("exec box1 true");
    let now = abstracts();
    assert!(now.iter().all(|name| before.contains(name)), "{now:?}");
}

/// Docker's list of what is not to be read (GHSA-6fw5-f8r9-fgfm, GHSA-jq35-85cj-fj4p among the reasons).
#[test]
fn what_tells_of_the_host_is_masked() {
    let host = Host::new();
    let read = "for f in /proc/interrupts /proc/keys /proc/timer_list /proc/kcore; do [ -e $f ] && head -c 1 $f | wc -c; done; \
        ls /sys/firmware /proc/scsi /proc/acpi /sys/devices/virtual/powercap 2>/dev/null | grep -v :$ | grep .; \
        ls -A /sys/devices/system/cpu/cpu*/thermal_throttle 2>/dev/null | grep -v :$ | grep .; true";
    let told = host.ok(&format!("run --rm box sh -c '{read}'"));
    assert!(told.lines().all(|line| line == "0"), "{told}");
    let written = "for f in /proc/sysrq-trigger /proc/sys/kernel/core_pattern /proc/irq/default_smp_affinity; do \
        echo h > $f && echo written $f; done 2>/dev/null; true";
    assert_eq!(host.ok(&format!("run --rm box sh -c '{written}'")), "");
}

/// A fork bomb, and output without end or newline: the host goes on, and so does the monitor.
#[test]
fn a_container_without_bounds_is_bounded() {
    let host = Host::new();
    host.ok("run -d --name bomb --pids-limit 20 box sh -c 'f() { f | f & }; f; sleep 100'");
    host.ok(
        "run -d --name flood --log-opt max-size=1m box sh -c 'head -c 40000000 /dev/zero | tr \"\\0\" a; sleep 100'",
    );
    assert_eq!(host.ok("run --rm box echo still"), "still");
    eventually("the flood is over", || !host.ok("top flood").contains("head -c"));
    let monitors = Command::new("pgrep").args(["-f", "porthole monitor"]).output().expect("pgrep runs");
    for pid in String::from_utf8_lossy(&monitors.stdout).lines() {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let resident =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
        assert!(resident.is_none_or(|kilobytes: u64| kilobytes < 64 << 10), "{pid}: {status}");
    }
    host.ok("rm -f bomb flood");
}

/// CVE-2019-5736: a container's command that is the engine itself could write to it, once it has ended.
#[test]
fn nobody_can_write_to_the_engine_by_way_of_a_process_of_it() {
    let host = Host::new();
    host.ok("run -d --name web box sleep 1000");
    let monitor = host.monitor("web");
    let program = File::open(format!("/proc/{monitor}/exe")).unwrap();
    assert!(fstatvfs(&program).unwrap().flags().contains(FsFlags::ST_RDONLY));
    let called = fs::read(format!("/proc/{monitor}/cmdline")).unwrap();
    assert!(called.starts_with(b"porthole\0monitor\0"), "{}", String::from_utf8_lossy(&called));
}

/// The host's files that a program of the host's needs to run in a container.
const PROGRAM: &str = "-v /lib:/lib:ro -v /lib64:/lib64:ro -v";

/// Calls that have led out of containers, also by the numbers of other architectures.
#[test]
fn calls_that_lead_out_are_refused_in_every_architecture() {
    let host = Host::new();
    let attacker = env!("CARGO_BIN_EXE_attacker");
    let run =
        |options: &str| host.ok(&format!("run --rm {options} {PROGRAM} {attacker}:/attacker:ro box /attacker calls"));
    let refused = |line: &&str| !line.ends_with(": EPERM") && !line.ends_with(": ENOSYS");
    let told = run("");
    assert!(told.lines().count() >= 9, "{told}");
    assert_eq!(told.lines().filter(refused).count(), 0, "{told}");
    assert!(told.contains("clone3: ENOSYS"), "libraries fall back on clone: {told}");
    let let_in = run("--security-opt seccomp=unconfined");
    assert!(let_in.contains("add_key: EFAULT"), "the filter is what refuses: {let_in}");
}

/// TIOCSTI: what a container types ahead must not be read by the shell from which it was started.
#[test]
fn nothing_is_typed_into_the_users_shell() {
    let host = Host::new();
    let attacker = env!("CARGO_BIN_EXE_attacker");
    let mut shell =
        host.terminal(&format!("run --rm -it {PROGRAM} {attacker}:/attacker:ro box /attacker inject mischief"));
    assert_eq!(shell.wait(), 0);
    shell.expect("inject: ");
    assert_eq!(shell.unread(), 0, "{}", shell.screen());
}

/// CVE-2025-31133: masks are made with the null device, which a container's files may have put a link in place of.
#[test]
fn a_null_device_that_is_none_masks_nothing() {
    let host = Host::new();
    let devices = host.path("devices");
    fs::create_dir(&devices).unwrap();
    symlink("/proc/sys/kernel/core_pattern", devices.join("null")).unwrap();
    let before = fs::read("/proc/sys/kernel/core_pattern").unwrap();
    let attack = "sh -c 'cat /proc/keys; echo mine > /proc/keys; echo mine > /proc/sys/kernel/core_pattern'";
    let output = host.porthole(&format!("run --rm -v {}:/dev box {attack}", devices.display()));
    assert_eq!(output.stdout, "", "{}", output.stderr);
    assert_eq!(fs::read("/proc/sys/kernel/core_pattern").unwrap(), before);
    fs::remove_dir_all(devices).unwrap();
}

/// CVE-2026-41579, CVE-2023-27561: what is mounted and made for a container goes where links of its image lead.
#[test]
fn links_in_place_of_directories_lead_nowhere_else() {
    let host = Host::new();
    let outside = host.path("outside");
    for target in ["/outside", "../../../../outside", outside.to_str().unwrap()] {
        for link in ["dev", "proc", "sys", "etc"] {
            fs::create_dir_all(&outside).unwrap();
            let busybox = fs::read("/bin/busybox").unwrap();
            let image = Tree::new().directory("bin").program("bin/busybox", &busybox).link(link, target).finish();
            host.porthole_with("import - hostile", &image).ok();
            let output = host.porthole("run --rm hostile /bin/busybox echo ran");
            assert!(output.stdout == "ran\n" || output.stderr.starts_with("porthole: "), "{link}: {}", output.stderr);
            assert_eq!(fs::read_dir(&outside).unwrap().count(), 0, "{link} to {target}");
            fs::remove_dir_all(&outside).unwrap();
        }
    }
    assert!(!fs::exists("/outside").unwrap());
}

/// CVE-2021-41103: whoever can write to the engine's directories decides what runs as root.
#[test]
fn directories_that_others_can_write_to_are_refused() {
    let host = Host::new();
    host.ok("run --rm box true");
    let containers = host.path("containers");
    let refused = || host.fails(125, "run --rm box true");
    fs::set_permissions(&containers, fs::Permissions::from_mode(0o777)).unwrap();
    assert!(refused().contains("can be written by others (mode 777)"));
    fs::set_permissions(&containers, fs::Permissions::from_mode(0o700)).unwrap();
    chown(&containers, Some(1000), None).unwrap();
    assert!(refused().contains("belongs to user 1000"));
    chown(&containers, Some(0), None).unwrap();
    fs::rename(&containers, host.path("elsewhere")).unwrap();
    symlink("elsewhere", &containers).unwrap();
    assert!(refused().contains("is no directory"));
    fs::remove_file(&containers).unwrap();
    fs::rename(host.path("elsewhere"), &containers).unwrap();
    host.ok("run --rm box true");
}
