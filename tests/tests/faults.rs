//! What must not happen, and does: monitors that are killed or hang, full disks, damage, strangers.

use nix::sys::signal::{Signal, kill};
use porthole_tests::{Host, Running, eventually};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn a_container_whose_init_is_killed_has_ended() {
    let host = Host::new();
    host.ok("run -d --name victim -p 7000:80 box sleep 100");
    kill(host.init("victim"), Signal::SIGKILL).unwrap();
    eventually("it has ended", || host.status("victim") == "exited");
    assert_eq!(host.inspect("victim")["State"]["ExitCode"], 137);
    assert_eq!(host.ok("run --rm -p 7000:80 box echo free"), "free", "its port is free");
}

#[test]
fn a_killed_monitor_is_noticed_and_told() {
    let host = Host::new();
    for end in ["stop -t 0", "kill", "rm -f", "restart -t 0"] {
        host.ok("run -d --name victim -p 7000:80 box httpd -f -h /www");
        eventually("it answers", || porthole_tests::fetch("127.0.0.1:7000").is_ok());
        kill(host.monitor("victim"), Signal::SIGKILL).unwrap();
        eventually("ps tells", || host.ok("ps").contains("monitor lost"));
        assert_eq!(host.inspect("victim")["State"]["MonitorLost"], true);
        assert!(porthole_tests::fetch("127.0.0.1:7000").is_ok(), "it goes on");
        assert_eq!(host.ok("exec victim echo inside"), "inside");
        assert!(host.porthole("attach --no-stdin victim").code != 0);
        host.ok(&format!("{end} victim"));
        if end == "restart -t 0" {
            assert!(!host.ok("ps").contains("monitor lost"), "it has a new one");
        } else {
            eventually("it has ended", || host.ok("ps -q").is_empty());
        }
        host.ok("rm -f victim");
    }
}

#[test]
fn who_is_attached_when_the_monitor_is_killed_is_told() {
    let host = Host::new();
    let mut run = host.start("run --name victim box sh -c 'echo ready; sleep 100'");
    assert_eq!(run.line(), "ready");
    kill(host.monitor("victim"), Signal::SIGKILL).unwrap();
    assert_eq!(run.wait(), 125);
    assert!(run.complaints().contains("monitor was killed"));
    host.ok("rm -f victim");
}

#[test]
fn a_monitor_that_hangs_is_told_from_a_container_that_runs_on() {
    let host = Host::new();
    host.ok("run -d --name victim box sleep 100");
    let monitor = host.monitor("victim");
    kill(monitor, Signal::SIGSTOP).unwrap();
    let begun = Instant::now();
    let mut commands: Vec<Running> =
        ["wait victim", "attach --no-stdin victim", "stop victim"].map(|line| host.start(line)).into();
    for command in &mut commands {
        assert_eq!(command.wait(), 1);
        assert!(command.complaints().contains("does not answer"));
    }
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
    kill(monitor, Signal::SIGCONT).unwrap();
    let mut wait = host.start("wait victim");
    host.ok("kill victim");
    assert_eq!((wait.line().as_str(), wait.wait()), ("137", 0));
}

#[test]
fn on_a_full_disk_the_exit_code_is_kept() {
    let host = Host::with_disk("64m");
    host.porthole_with("import - box", porthole_tests::archive::busybox()).ok();
    host.ok("run -d --name victim --stop-signal USR1 box sh -c 'trap \"exit 7\" USR1; echo ready; while :; do sleep 0.02; done'");
    host.wait_for_log("victim", "ready");
    let ballast = host.path("ballast");
    let mut file = fs::File::create(&ballast).unwrap();
    while std::io::Write::write_all(&mut file, &[0; 4096]).is_ok() {}
    host.ok("stop victim");
    assert_eq!(host.inspect("victim")["State"]["ExitCode"], 7);
    drop(file);
    fs::remove_file(ballast).unwrap();
    host.ok("start victim");
    assert_eq!(host.status("victim"), "running");
}

#[test]
fn a_container_that_ended_without_its_monitor_is_found_ended() {
    let host = Host::new();
    host.ok("run -d --name victim -p 7000:80 box sleep 100");
    let init = host.init("victim");
    kill(host.monitor("victim"), Signal::SIGKILL).unwrap();
    kill(init, Signal::SIGKILL).unwrap();
    eventually("ps tells", || host.ok("ps -a").contains("Exited (255)"));
    assert!(host.inspect("victim")["State"]["Error"].as_str().unwrap().contains("monitor was killed"));
    assert_eq!(host.ok("start victim"), "victim");
    assert_eq!(host.status("victim"), "running");
}

#[test]
fn after_a_reboot_containers_have_ended_and_can_be_started() {
    let host = Host::new();
    host.ok("run -d --name victim -p 7000:80 box sleep 100");
    let (init, monitor) = (host.init("victim"), host.monitor("victim"));
    let path = host.container("victim").join("state.json");
    kill(monitor, Signal::SIGKILL).unwrap();
    kill(init, Signal::SIGKILL).unwrap();
    let state = fs::read_to_string(&path).unwrap();
    let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    // The pids now belong to somebody else: to us.
    let other = state.replace(boot_id.trim(), "00000000-0000-4000-8000-000000000000");
    let other = other.replace(&init.to_string(), &std::process::id().to_string());
    fs::write(&path, other).unwrap();
    assert!(host.ok("ps -a").contains("Exited (255)"));
    assert!(host.inspect("victim")["State"]["Error"].as_str().unwrap().contains("machine went down"));
    assert_eq!(host.ok("start victim"), "victim");
    assert_eq!(host.status("victim"), "running");
}

#[test]
fn without_root_it_says_so_and_writes_nothing() {
    let host = Host::empty();
    fs::set_permissions(host.root(), fs::Permissions::from_mode(0o755)).unwrap();
    let root = host.path("of-nobody");
    for (line, code) in [("run --rm box true", 125), ("lab up", 1), ("load -i /dev/null", 1), ("ps", 0)] {
        let mut command = host.command(line);
        let output = command.env("PORTHOLE_ROOT", &root).uid(65534).gid(65534).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{line}: {told}");
        assert_eq!(told.lines().count(), usize::from(code != 0), "{line}: {told}");
        assert!(code == 0 || told.contains("root"), "{line}: {told}");
        assert!(!root.exists(), "{line} writes nothing");
    }
    host.porthole_with("import - box", porthole_tests::archive::busybox()).ok();
    host.ok("create --name secret box true");
    let output = host.command("ps -a").uid(65534).gid(65534).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(told.lines().count(), 1, "the state of root is not for others: {told}");
    assert!(told.contains("root"), "{told}");
}

#[test]
fn root_without_its_powers_is_told_and_leaves_nothing() {
    let host = Host::new();
    host.ok("run -d --name web -p 7000:80 box sleep 100");
    let cases = [("sys_admin", "run --rm box true", 125), ("net_raw", "trace --timeout 1", 1)];
    for (power, line, code) in cases {
        let porthole = host.command(line);
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set", &format!("-{power}")]).arg(porthole.get_program()).args(porthole.get_args());
        let output = command.env("PORTHOLE_ROOT", host.root()).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), told.lines().count()), (Some(code), 1), "without {power}: {told}");
        assert!(told.to_lowercase().contains("permi"), "without {power}: {told}");
    }
    assert_eq!(host.ok("ps -aq").lines().count(), 1);
    let porthole = host.command("run --rm --ulimit nofile=100:90000000 --ulimit core=0 box sh -c 'ulimit -Sn'");
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set", "-sys_resource"]).arg(porthole.get_program()).args(porthole.get_args());
    let output = command.env("PORTHOLE_ROOT", host.root()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*output.stdout), (Some(0), &b"100\n"[..]), "{told}");
    let whole = told.starts_with("WARNING: ulimit nofile: 90000000 is more than this host allows");
    assert!(whole && told.lines().count() == 1, "{told}");
}

#[test]
fn a_damaged_record_is_told_and_harms_no_other() {
    let host = Host::new();
    host.ok("run -d --name sound -p 7000:80 box sleep 100");
    for file in ["config.json", "state.json"] {
        host.ok("create --name victim box true");
        if file == "state.json" {
            host.porthole("start -a victim");
        }
        let path = host.container("victim").join(file);
        fs::write(&path, "{\"half\": ").unwrap();
        let message = host.fails(1, "start victim");
        assert!(message.contains(path.to_str().unwrap()) && message.contains("rm -f"), "{message}");
        let list = host.porthole("ps -a");
        assert!(list.stdout.contains("sound"), "{file}: the others are listed: {list:?}");
        assert!(host.ok("exec sound echo well").contains("well"));
        assert_eq!(host.ok("run --rm --name third box echo well"), "well", "{file}");
        host.ok("rm -f victim");
        assert_eq!(host.ok("ps -aq").lines().count(), 1, "{file}");
        host.ok("create --name victim box true");
        host.ok("rm victim");
    }
}

#[test]
fn a_missing_bridge_is_made_again() {
    let host = Host::new();
    host.ok("run --rm box true");
    let bridge = host.tool("ip -o link show type bridge").split(": ").nth(1).unwrap().to_owned();
    host.tool(&format!("ip link del {bridge}"));
    assert_eq!(host.ok("run --rm -p 7000:80 box echo fine"), "fine");
    for table in host.tool("nft list tables").lines() {
        host.tool(&format!("nft delete {table}"));
    }
    host.ok("run -d --name web -p 7000:80 box httpd -f -h /www");
    eventually("it answers", || porthole_tests::fetch("127.0.0.1:7000").is_ok());
}
