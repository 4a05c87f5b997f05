//! Commands and their processes struck before every single change that they make: killed, or told that the disk is full.
//! The next commands find all in order, and nothing stays.
//!
//! There are more than a thousand such moments. `EVERY_STEP=1` goes through all of them; without it each scene takes every
//! seventh, beginning at another one.

#![cfg(target_arch = "x86_64")]

use nix::unistd::Pid;
use porthole_tests::steps::{Fault, Outcome, Role, with_fault};
use porthole_tests::{Host, eventually};

/// A command, and what it needs before.
#[derive(Clone, Copy)]
struct Scene {
    before: &'static [&'static str],
    line: &'static str,
}

/// How many changes lie between two that are struck.
fn stride() -> usize {
    if std::env::var_os("EVERY_STEP").is_some() { 1 } else { 7 }
}

const CREATE: Scene = Scene { before: &[], line: "create --name victim -p 7000:80 box sleep 100" };
const START: Scene = Scene { before: &["create --name victim -p 7000:80 box sleep 100"], line: "start victim" };
const RUN: Scene = Scene { before: &[], line: "run --rm --name victim -p 7000:80 box echo fine" };
const EXEC: Scene = Scene { before: &["run -d --name victim box sleep 100"], line: "exec victim sh -c 'exit 0'" };
const STOP: Scene = Scene { before: &["run -d --name victim -p 7000:80 box sleep 100"], line: "stop -t 0 victim" };
const REMOVE: Scene = Scene { before: &["run -d --name victim -p 7000:80 box sleep 100"], line: "rm -f victim" };

impl Scene {
    fn strike(self, host: &Host, role: Role, number: usize, fault: Fault) -> Outcome {
        self.before.iter().for_each(|line| drop(host.ok(line)));
        // That of a container that runs takes part in what is done to it.
        let is_running = self.before.iter().any(|line| line.starts_with("run"));
        let monitors: Vec<Pid> = is_running.then(|| host.monitor("victim")).into_iter().collect();
        with_fault(host.command(self.line), &monitors, role, number, fault)
    }
}

/// Strikes before every change of a role in a scene, until it makes no more.
fn at_every_step(scene: Scene, role: Role, fault: Fault, check: impl Fn(&Host, &Outcome, &str)) {
    let host = Host::new();
    // The first container of a state root makes more than any after it.
    host.ok("run --rm -p 7000:80 box true");
    for number in ((scene.line.len() + role as usize) % stride()..).step_by(stride()) {
        let outcome = scene.strike(&host, role, number, fault);
        let Some(call) = outcome.struck else {
            assert!(number >= stride(), "{role:?} of {} makes no changes: it was not followed", scene.line);
            return;
        };
        let what = format!("{fault:?} of {role:?} of {} before its change {number}, {call}", scene.line);
        check(&host, &outcome, &what);
        host.assert_containers_gone(&what);
    }
}

/// The next command finds all in order.
fn usable(host: &Host, _: &Outcome, what: &str) {
    let listed = host.porthole("ps -a");
    assert_eq!(listed.code, 0, "{what}: {}", listed.stderr);
    eventually(what, || host.porthole("rm -f victim").code == 0);
}

/// It says so, unless it can do without; then as above.
fn told(host: &Host, outcome: &Outcome, what: &str) {
    let lines: Vec<&str> = outcome.stderr.lines().collect();
    match outcome.code {
        0 => {}
        _ => assert!(matches!(lines[..], [line] if line.starts_with("porthole: ")), "{what}: {lines:?}"),
    }
    usable(host, outcome, what);
}

macro_rules! at_every_step {
    ($($name:ident: $scene:ident $role:ident $fault:ident $check:ident;)*) => {
        $(#[test] fn $name() { at_every_step($scene, Role::$role, Fault::$fault, $check); })*
    };
}

at_every_step! {
    a_killed_create: CREATE Command Kill usable;
    a_killed_start: START Command Kill usable;
    a_start_whose_monitor_is_killed: START Monitor Kill usable;
    a_start_whose_init_is_killed: START Child Kill usable;
    a_killed_run: RUN Command Kill usable;
    a_run_whose_monitor_is_killed: RUN Monitor Kill usable;
    a_killed_exec: EXEC Command Kill usable;
    an_exec_whose_process_is_killed: EXEC Child Kill usable;
    a_killed_stop: STOP Command Kill usable;
    a_stop_whose_monitor_is_killed: STOP Monitor Kill usable;
    a_killed_removal: REMOVE Command Kill usable;
    a_removal_whose_monitor_is_killed: REMOVE Monitor Kill usable;
    a_create_on_a_full_disk: CREATE Command FullDisk told;
    a_start_on_a_full_disk: START Command FullDisk told;
    a_monitor_on_a_full_disk: START Monitor FullDisk told;
    an_init_on_a_full_disk: START Child FullDisk told;
    a_run_on_a_full_disk: RUN Command FullDisk told;
    an_end_on_a_full_disk: RUN Monitor FullDisk told;
    a_stop_on_a_full_disk: STOP Command FullDisk told;
    a_removal_on_a_full_disk: REMOVE Command FullDisk told;
}
