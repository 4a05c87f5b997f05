//! What must not happen, and does: processes killed at any moment, commands that meet, damage, strangers.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use porthole_tests::{Host, Running, eventually, pause};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

fn spawn(host: &Host, line: &str) -> Child {
    let mut command = host.command(line);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it can be run")
}

/// Lets a command run so long, then kills it.
fn kill_after(mut child: Child, delay: Duration) {
    thread::sleep(delay);
    let _ = child.kill();
    child.wait().expect("our child");
}

/// Waits for a command whose monitor was killed under it: it must not wait for ever.
fn ended(child: &mut Child) {
    eventually("the command ends", || child.try_wait().expect("our child").is_some());
}

/// Which processes of a state root are killed.
#[derive(Clone, Copy, Debug)]
enum Victims {
    /// Porthole's own: command line, monitor, clean-up.
    Own,
    /// The monitor and clean-up.
    Monitor,
    /// Those of the container.
    Container,
}

impl Victims {
    fn kill(self, host: &Host, client: &Child) {
        let variable = format!("PORTHOLE_ROOT={}", host.root().display());
        let cgroups = porthole_tests::cgroup_name(host.root());
        let contains = |pid: i32, file: &str, part: &str| {
            let text = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            text.windows(part.len()).any(|window| window == part.as_bytes())
        };
        let processes = fs::read_dir("/proc").unwrap().flatten();
        for pid in processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()) {
            let hit = match self {
                Victims::Own => contains(pid, "environ", &variable),
                Victims::Monitor => contains(pid, "environ", &variable) && pid != client.id().cast_signed(),
                Victims::Container => contains(pid, "cgroup", &cgroups),
            };
            if hit {
                // It may have ended by itself meanwhile.
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
    }
}

/// After whatever happened, the ordinary commands work, and the name can be used again.
fn assert_usable(host: &Host, what: &str) {
    host.ok("ps -a");
    host.ok("rm -f victim");
    assert_eq!(host.porthole("run --name victim -p 7000:80 box echo fine").stdout, "fine\n", "{what}");
    host.ok("rm victim");
    assert_eq!(host.ok("ps -aq"), "", "{what}");
}

#[test]
fn a_killed_run_leaves_nothing_that_stays() {
    let host = Host::new();
    let mut numbers = Numbers(1);
    for round in 0..40 {
        let delay = Duration::from_micros(numbers.next(15_000));
        let flags = ["--rm", "-d", "-d --rm", ""][round % 4];
        kill_after(spawn(&host, &format!("run {flags} --name victim -p 7000:80 box sleep 100")), delay);
        assert_usable(&host, &format!("run {flags} killed after {delay:?}"));
    }
    host.assert_nothing_left();
}

#[test]
fn a_killed_rm_or_stop_is_finished_by_the_next() {
    let host = Host::new();
    let mut numbers = Numbers(2);
    for round in 0..30 {
        host.ok("run -d --name victim -p 7000:80 box sleep 100");
        let line = ["rm -f victim", "stop -t 0 victim", "kill victim", "restart -t 0 victim"][round % 4];
        let delay = Duration::from_micros(numbers.next(15_000));
        kill_after(spawn(&host, line), delay);
        assert_usable(&host, &format!("{line} killed after {delay:?}"));
    }
    host.assert_nothing_left();
}

/// Kills somebody some time after a container was begun to be started with these options.
fn kill_during_starts(seed: u64, rounds: usize, options: &str, longest: Duration) {
    let host = Host::new();
    let mut numbers = Numbers(seed);
    for round in 0..rounds {
        let flags = ["-d", "-d --rm"][round % 2];
        let victims = [Victims::Own, Victims::Monitor, Victims::Container][round % 3];
        let mut run = spawn(&host, &format!("run {flags} {options} --name victim -p 7000:80 box sleep 100"));
        let delay = Duration::from_micros(numbers.next(longest.as_micros() as u64));
        thread::sleep(delay);
        victims.kill(&host, &run);
        ended(&mut run);
        assert_usable(&host, &format!("{victims:?} of run {flags} {options} killed after {delay:?}"));
    }
    host.assert_nothing_left();
}

#[test]
fn whoever_is_killed_during_a_start_nothing_stays() {
    kill_during_starts(3, 60, "", Duration::from_millis(20));
}

#[test]
fn whoever_is_killed_while_another_runtime_starts_one_nothing_stays() {
    kill_during_starts(6, 60, "--runtime runc", Duration::from_millis(150));
}

#[test]
fn whoever_is_killed_during_an_end_nothing_stays() {
    let host = Host::new();
    let mut numbers = Numbers(4);
    for round in 0..40 {
        host.ok("run -d --name victim -p 7000:80 box sleep 100");
        let line = ["rm -f victim", "stop -t 0 victim"][round % 2];
        let victims = [Victims::Own, Victims::Monitor][round / 2 % 2];
        let mut client = spawn(&host, line);
        let delay = Duration::from_micros(numbers.next(15_000));
        thread::sleep(delay);
        victims.kill(&host, &client);
        ended(&mut client);
        assert_usable(&host, &format!("{victims:?} of {line} killed after {delay:?}"));
    }
    host.assert_nothing_left();
}

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
fn commands_that_meet_do_not_harm_each_other() {
    let host = Host::new();
    let commands =
        ["start", "stop -t 0", "restart -t 0", "kill", "rm -f", "pause", "unpause", "inspect", "logs", "top", "wait"];
    let clients: Vec<_> = (0..5u64)
        .map(|client| {
            let mut numbers = Numbers(client);
            let lines: Vec<String> = (0..10)
                .map(|_| {
                    let name = format!("c{}", numbers.next(5));
                    match numbers.next(commands.len() as u64 + 4) as usize {
                        number if number < commands.len() - 1 => format!("{} {name}", commands[number]),
                        _ => format!("run -d --name {name} -p 80 box sleep 5"),
                    }
                })
                .collect();
            let processes: Vec<_> = lines.iter().map(|line| (line.clone(), host.command(line))).collect();
            thread::spawn(move || {
                for (line, mut command) in processes {
                    let output = command.output().expect("it can be run");
                    let told = String::from_utf8_lossy(&output.stderr).into_owned();
                    assert!(told.lines().count() <= 1 && !told.contains("panicked"), "{line}: {told}");
                }
            })
        })
        .collect();
    eventually_within_a_minute("all commands have ended", || clients.iter().all(|client| client.is_finished()));
    clients.into_iter().for_each(|client| client.join().expect("no command misbehaved"));
    for line in host.ok("ps -a").lines().skip(1) {
        let whole = ["Up ", "Exited (", "Created"].iter().any(|status| line.contains(status));
        assert!(whole && !line.contains("monitor lost"), "{line}");
    }
    host.porthole("unpause c0 c1 c2 c3 c4");
    host.assert_nothing_left();
}

fn eventually_within_a_minute(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..600 {
        if holds() {
            return;
        }
        pause(100);
    }
    panic!("not within a minute: {what}");
}

#[test]
fn many_runs_at_once_get_ports_and_addresses_of_their_own() {
    let host = Host::new();
    let script = "ip -4 -o addr show eth0; read line; exit $line";
    let mut runs: Vec<Running> =
        (0..8).map(|_| host.start(&format!("run --rm -i -p 80 box sh -c '{script}'"))).collect();
    let address = |run: &mut Running| run.line().split_whitespace().nth(3).expect("an address").to_owned();
    let mut addresses: Vec<String> = runs.iter_mut().map(address).collect();
    for (number, run) in runs.iter_mut().enumerate() {
        run.write(&format!("{number}\n"));
        assert_eq!(run.wait(), i32::try_from(number).unwrap());
    }
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), 8, "{addresses:?}");
    assert_eq!(host.ok("ps -aq"), "");
}

#[test]
fn of_two_runs_with_one_name_one_wins() {
    let host = Host::new();
    for _ in 0..5 {
        let runs: Vec<Child> = (0..4).map(|_| spawn(&host, "run -d --name one box sleep 100")).collect();
        let codes: Vec<_> = runs.into_iter().map(|mut run| run.wait().unwrap().code()).collect();
        assert_eq!(codes.iter().filter(|code| **code == Some(0)).count(), 1, "{codes:?}");
        assert_eq!(codes.iter().filter(|code| **code == Some(125)).count(), 3, "{codes:?}");
        assert_eq!(host.ok("ps -aq").lines().count(), 1);
        host.ok("rm -f one");
    }
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
