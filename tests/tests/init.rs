//! `--init`: a first process that passes signals on and reaps.

use porthole_tests::{Host, eventually};
use std::time::{Duration, Instant};

/// Leaves a process without a parent, which ends soon after.
const ORPHAN: &str = "sh -c '(sleep 0.05 &); exec sleep 1000'";

#[test]
fn orphans_are_reaped_and_signals_passed_on() {
    let host = Host::new();
    host.ok(&format!("run -d --name with --init box {ORPHAN}"));
    host.ok(&format!("run -d --name without box {ORPHAN}"));
    eventually("the orphan stays a zombie", || host.ok("exec without ps").contains("[sleep]"));
    let processes = host.ok("exec with ps");
    assert!(processes.contains("/sbin/docker-init -- sh -c") && !processes.contains("[sleep]"), "{processes}");
    let start = Instant::now();
    host.ok("stop with");
    assert!(start.elapsed() < Duration::from_secs(5), "process 1 would not hear SIGTERM, its child does");
    assert_eq!(host.inspect("with")["State"]["ExitCode"], 143);
    assert_eq!(host.inspect("with")["HostConfig"]["Init"], true);
    assert_eq!(host.inspect("with")["Path"], "sh");
    host.ok("start with");
    host.ok("rm -f with without");
}

#[test]
fn it_ends_as_the_command_does() {
    let host = Host::new();
    assert_eq!(host.porthole("run --rm --init box sh -c 'echo out; exit 7'").code, 7);
    assert_eq!(host.porthole("run --rm --init box sh -c 'kill -9 $$'").code, 137);
    let missing = host.porthole("run --rm --init box nosuch");
    assert_eq!((missing.code, missing.stderr.trim()), (127, "init: exec nosuch: no such file or directory"));
    assert_eq!(host.porthole("run --rm --init box /etc/passwd").code, 126);
    let shared = "run --rm --init --pid host --env PATH=/bin box sh -c '(sleep 0.05 &); sleep 0.2; echo done'";
    assert_eq!(host.ok(shared), "done");
    assert_eq!(host.ok("run --rm --init -u app --cap-drop all --read-only box id -u"), "1000");
}

#[test]
fn a_terminal_belongs_to_the_command() {
    let host = Host::new();
    let mut terminal = host.terminal("run --rm -it --init box sh");
    terminal.expect("/ # ");
    terminal.type_("sleep 1000\r");
    terminal.expect("sleep 1000");
    porthole_tests::pause(100);
    terminal.type_("\x03");
    terminal.type_("echo still $((6 * 7))\r");
    terminal.expect("still 42");
    terminal.type_("exit 5\r");
    assert_eq!(terminal.wait(), 5);
}
