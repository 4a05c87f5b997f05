//! Processes killed at any moment of any command: the next command finds all in order, and nothing stays.

use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use porthole_tests::{Host, Numbers, eventually};
use serde_json::json;
use std::fs;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

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
    let mut numbers = Numbers::new(1);
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
    let mut numbers = Numbers::new(2);
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
    let mut numbers = Numbers::new(seed);
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
    let mut numbers = Numbers::new(4);
    for round in 0..40 {
        host.ok("run -d --name victim -p 7000:80 box sleep 100");
        let line =
            ["rm -f victim", "stop -t 0 victim", "restart -t 0 victim", "update --restart always victim"][round % 4];
        let victims = [Victims::Own, Victims::Monitor][round / 4 % 2];
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
fn a_killed_rename_leaves_one_name_and_the_other_free() {
    let host = Host::new();
    let mut numbers = Numbers::new(5);
    for round in 0..24 {
        host.ok("create --name before box true");
        let delay = Duration::from_micros(numbers.next(8_000));
        kill_after(spawn(&host, "rename before after"), delay);
        let is_there = |name: &str| host.porthole(&format!("inspect {name}")).code == 0;
        let (name, other) = if is_there("before") { ("before", "after") } else { ("after", "before") };
        assert!(is_there(name) && !is_there(other), "killed after {delay:?}");
        match round % 3 {
            0 => drop(host.ok(&format!("create --name {other} box true"))),
            1 => drop(host.ok(&format!("rename {name} {other}"))),
            _ => {}
        }
        host.remove_all();
        let left: Vec<_> = fs::read_dir(host.path("names")).unwrap().flatten().collect();
        assert!(left.is_empty(), "killed after {delay:?}: {left:?}");
    }
}

#[test]
fn a_killed_update_is_put_right_by_the_next() {
    let host = Host::new();
    let mut numbers = Numbers::new(6);
    let limits = [(64 << 20, 50, "no"), (96 << 20, 60, "always")];
    let line = |(memory, pids, policy)| format!("update -m {memory} --pids-limit {pids} --restart {policy} victim");
    host.ok("run -d --name victim -m 64m --pids-limit 50 box sleep 100");
    for round in 0..17 {
        let (before, after) = (limits[round % 2], limits[(round + 1) % 2]);
        let delay = Duration::from_micros(numbers.next(10_000));
        kill_after(spawn(&host, &line(after)), delay);
        let recorded = host.inspect("victim")["HostConfig"].clone();
        let is = |(memory, pids, policy): (u64, u64, &str)| {
            recorded["Memory"] == memory && recorded["PidsLimit"] == pids && recorded["RestartPolicy"]["Name"] == policy
        };
        assert!(is(before) || is(after), "killed after {delay:?}: {recorded}");
        // Whichever it was, whoever says either now gets it.
        for limits in [before, after] {
            host.ok(&line(limits));
            let kernel = host.cgroup("victim", "memory.limit_in_bytes", "memory.max");
            assert_eq!(kernel, limits.0.to_string(), "killed after {delay:?}");
            assert_eq!(host.cgroup("victim", "pids.max", "pids.max"), limits.1.to_string(), "killed after {delay:?}");
        }
    }
    // The last one says always, and the monitor has heard it.
    let before = host.init("victim");
    kill(before, Signal::SIGKILL).unwrap();
    eventually("it is started again", || {
        let state = host.inspect("victim")["State"].clone();
        state["Status"] == "running" && state["Pid"] != json!(before.as_raw())
    });
}

#[test]
fn a_killed_resume_is_finished_by_the_next() {
    let host = Host::new();
    let mut numbers = Numbers::new(7);
    let names = ["one", "two", "three"];
    names.iter().for_each(|name| drop(host.ok(&format!("run -d --name {name} --restart always box sleep 100"))));
    for _ in 0..8 {
        for name in names {
            let processes = [host.monitor(name), host.init(name)];
            processes.iter().for_each(|process| kill(*process, Signal::SIGKILL).unwrap());
        }
        eventually("their ends are noticed", || names.iter().all(|name| host.status(name) == "exited"));
        let delay = Duration::from_micros(numbers.next(40_000));
        kill_after(spawn(&host, "resume"), delay);
        host.ok("resume");
        let running: Vec<String> = names.iter().map(|name| host.status(name)).collect();
        assert_eq!(running, ["running"; 3], "killed after {delay:?}");
    }
}

#[test]
fn a_monitor_waits_until_the_one_before_has_finished() {
    let host = Host::new();
    host.ok("create --name victim box sleep 100");
    let directory = fs::File::open(host.container("victim")).unwrap();
    let before = Flock::lock(directory, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| error).unwrap();
    // One whose launcher is killed meanwhile makes nothing, now or later.
    kill_after(spawn(&host, "start victim"), Duration::from_millis(100));
    let start = spawn(&host, "start victim");
    thread::sleep(Duration::from_millis(100));
    assert_eq!(host.status("victim"), "created");
    drop(before);
    assert!(start.wait_with_output().unwrap().status.success());
    assert_eq!(host.status("victim"), "running");
}
