//! Containers that another OCI runtime makes: Debian's runc, and programs that are none.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use porthole_tests::{Host, eventually, fetch};
use std::fs;
use std::os::unix::fs::PermissionsExt;

const CTRL_P_CTRL_Q: &str = "\x10\x11";

fn wait_for_end(process: Pid) {
    let ended = |state: &str| !state.contains(") ") || state.contains(") Z ");
    let stat = || fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    eventually("the process ends", || ended(&stat()));
}

#[test]
fn a_command_runs_with_its_output_and_exit_code() {
    let host = Host::new();
    let output = host.porthole("run --rm --runtime runc box sh -c 'echo out; echo err >&2; exit 7'");
    assert_eq!((output.code, output.stdout.as_str(), output.stderr.as_str()), (7, "out\n", "err\n"));
    assert_eq!(host.porthole_with("run -i --rm --runtime runc box cat", b"typed").stdout, "typed");
    assert_eq!(host.ok("run --rm --runtime runc --init box cat /proc/1/comm"), "docker-init");
    assert_eq!(host.ok("run --rm --runtime runc --privileged box echo mighty"), "mighty");
    assert_eq!(host.ok("run --rm --runtime porthole --name ours box echo ours"), "ours");

    host.ok("create --runtime runc --name made box true");
    assert_eq!(host.inspect("made")["HostConfig"]["Runtime"], "runc");
    host.ok("create --name ours box true");
    assert_eq!(host.inspect("ours")["HostConfig"]["Runtime"], "porthole");
}

#[test]
fn it_is_confined_as_ours_are() {
    let host = Host::new();
    let look = "grep -E '^(Seccomp|CapBnd|NoNewPrivs):' /proc/self/status";
    let ours = host.ok(&format!("run --rm --security-opt no-new-privileges box {look}"));
    assert_eq!(host.ok(&format!("run --rm --runtime runc --security-opt no-new-privileges box {look}")), ours);
    let refused = "unshare -m true";
    for runtime in ["porthole", "runc"] {
        let output = host.porthole(&format!("run --rm --runtime {runtime} box {refused}"));
        assert!(output.code != 0 && output.stderr.contains("not permitted"), "{runtime}: {}", output.stderr);
    }
    let profile = host.path("profile.json");
    let no_chmod = r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["chmod","fchmodat"],"action":"SCMP_ACT_ERRNO","errnoRet":95}]}"#;
    fs::write(&profile, no_chmod).expect("written");
    let option = format!("--security-opt seccomp={}", profile.display());
    let output = host.porthole(&format!("run --rm --runtime runc {option} box chmod 700 /etc/passwd"));
    assert!(output.code == 1 && output.stderr.contains("not supported"), "{}", output.stderr);
    let limits = "--memory 64m --pids-limit 20";
    host.ok(&format!("run -d --runtime runc --name small {limits} box sleep 100"));
    assert_eq!(host.cgroup("small", "memory.limit_in_bytes", "memory.max"), (64 << 20).to_string());
    host.ok("update --pids-limit 30 small");
    assert_eq!(host.cgroup("small", "pids.max", "pids.max"), "30");
}

#[test]
fn a_terminal_is_left_and_found_again() {
    let host = Host::new();
    let mut first = host.terminal("run -it --runtime runc --name shell box sh");
    first.expect("#");
    first.type_("tty; stty size; echo $((40+2))\n");
    first.expect("42");
    assert!(first.screen().contains("/dev/pts/0") && first.screen().contains("24 80"), "{}", first.screen());
    first.type_(CTRL_P_CTRL_Q);
    assert_eq!(first.wait(), 0);
    let mut second = host.terminal("attach shell");
    second.type_("exit 3\n");
    assert_eq!(second.wait(), 3);
    assert_eq!(host.status("shell"), "exited");
    host.ok("run -dit --runtime runc --name idle box sh");
    let mut inside = host.terminal("exec -it idle sh");
    inside.type_("hostname; exit\n");
    assert_eq!(inside.wait(), 0);
}

#[test]
fn a_published_port_is_answered() {
    let host = Host::new();
    let serve = "mkdir /www; echo fine > /www/index.html; httpd -f -h /www";
    host.ok(&format!("run -d --runtime runc --name web -p 8080:80 box sh -c '{serve}'"));
    let neighbour = host.neighbour();
    let answers = || fetch("10.99.0.1:8080").is_ok_and(|page| page.contains("fine"));
    eventually("the web server answers another machine", || neighbour.enter(answers));
    host.ok("restart -t 0 web");
    eventually("the web server answers again", || neighbour.enter(answers));
}

#[test]
fn it_can_be_looked_into_paused_and_stopped() {
    let host = Host::new();
    host.ok("run -d --runtime runc --name polite box sh -c 'trap : TERM; echo ready; sleep 100 & wait; exit 5'");
    host.wait_for_log("polite", "ready");
    host.ok("stop polite");
    assert_eq!(host.inspect("polite")["State"]["ExitCode"], 5);
    host.ok("run -d --runtime runc --name calm --stop-signal KILL box sleep 100");
    assert_eq!(host.ok("exec calm cat /proc/1/comm"), "sleep");
    assert!(host.ok("top calm").contains("sleep 100"));
    assert!(host.ok("stats --no-stream calm").contains("calm"));
    host.ok("pause calm");
    assert_eq!(host.status("calm"), "paused");
    host.ok("unpause calm");
    host.ok("stop calm");
    assert_eq!(host.inspect("calm")["State"]["ExitCode"], 137);
    assert!(!host.container("calm").join("runtime").exists(), "the runtime has forgotten it");
    host.ok("start calm");
    assert_eq!(host.ok("exec calm echo again"), "again");
}

#[test]
fn it_shares_namespaces_with_others() {
    let host = Host::new();
    host.ok("run -d --runtime runc --name first --ipc shareable box sh -c 'echo shared > /dev/shm/file; sleep 100'");
    let joined = "--ipc container:first --pid container:first --net container:first";
    eventually("it sees the other's memory", || {
        host.porthole(&format!("run --rm --runtime runc {joined} box cat /dev/shm/file")).stdout == "shared\n"
    });
    assert_eq!(host.ok(&format!("run --rm --runtime runc {joined} box cat /proc/1/comm")), "sleep");
}

#[test]
fn a_restart_policy_keeps_its_network() {
    let host = Host::new();
    let line = "ip -o -4 addr show eth0; exit 3";
    host.ok(&format!("run -d --runtime runc --name again --restart on-failure:2 box sh -c '{line}'"));
    eventually("it has given up", || host.status("again") == "exited");
    let state = host.inspect("again");
    assert_eq!((&state["RestartCount"], &state["State"]["ExitCode"]), (&2.into(), &3.into()));
    let log = host.ok("logs again");
    let addresses: Vec<_> = log.lines().filter_map(|line| line.split_whitespace().nth(3)).collect();
    assert!(addresses.len() == 3 && addresses.iter().all(|address| *address == addresses[0]), "{log}");
}

#[test]
fn its_health_is_checked() {
    let host = Host::new();
    let check = "--health-cmd 'test -e /well' --health-interval 50ms --health-retries 1";
    host.ok(&format!("run -d --runtime runc --name patient {check} box sh -c 'touch /well; sleep 100'"));
    let health = || host.inspect("patient")["State"]["Health"]["Status"].as_str().unwrap_or_default().to_owned();
    eventually("it is well", || health() == "healthy");
    host.ok("exec patient rm /well");
    eventually("it is not well", || health() == "unhealthy");
}

#[test]
fn a_command_that_cannot_run_is_told_in_one_line() {
    let host = Host::new();
    for (command, code, why) in [
        ("no-such-command", 127, "executable file not found in $PATH"),
        ("/no/such/command", 127, "no such file or directory"),
        ("/etc/passwd", 126, "permission denied"),
    ] {
        let message = host.fails(code, &format!("run --rm --runtime runc box {command}"));
        assert!(message.contains("create failed") && message.contains(why), "{message}");
    }
    assert_eq!(host.ok("ps -aq"), "");
    host.fails(127, "run --name failed --runtime runc box no-such-command");
    assert_eq!(host.inspect("failed")["State"]["ExitCode"], 127);
    assert_eq!(host.status("failed"), "created");
    assert!(!host.container("failed").join("runtime").exists());
}

#[test]
fn a_runtime_that_is_none_is_told_in_one_line() {
    let host = Host::new();
    for name in ["no-such-runtime", "/no/such/runtime", "/etc/passwd"] {
        let message = host.fails(125, &format!("run --rm --runtime {name} box true"));
        assert!(message.contains(&format!("unknown or invalid runtime name: {name}")), "{message}");
    }
    assert!(
        host.fails(125, "run --rm --runtime /bin/false box true")
            .contains("create failed: /bin/false: it ended with exit code 1")
    );
    assert!(host.fails(125, "run --rm --runtime /bin/true box true").contains("did not tell the init's process id"));
    let silent = host.path("silent");
    fs::write(&silent, "#!/bin/sh\nexec runc \"$@\" >/dev/null\n").expect("written");
    fs::set_permissions(&silent, fs::Permissions::from_mode(0o755)).expect("executable");
    assert_eq!(host.ok(&format!("run --rm --runtime {} box echo wrapped", silent.display())), "");
    assert_eq!(host.ok("ps -aq"), "");
    host.ok(&format!("create --name later --runtime {} box true", silent.display()));
    fs::remove_file(&silent).expect("removed");
    assert!(host.fails(1, "start -a later").contains("unknown or invalid runtime name"));
}

#[test]
fn a_killed_monitor_leaves_nothing_that_stays() {
    let host = Host::new();
    for line in ["rm -f orphan", "stop -t 0 orphan", "restart -t 0 orphan"] {
        host.ok("run -d --runtime runc --name orphan -p 8080:80 box sleep 100");
        let (monitor, init) = (host.monitor("orphan"), host.init("orphan"));
        kill(monitor, Signal::SIGKILL).expect("it runs");
        wait_for_end(monitor);
        assert_eq!(host.ok("exec orphan echo alive"), "alive");
        host.ok(line);
        wait_for_end(init);
        host.porthole("rm -f orphan");
        assert_eq!(host.ok("ps -aq"), "", "{line}");
    }
    host.ok("run -d --rm --runtime runc --name orphan box sleep 100");
    let (monitor, init) = (host.monitor("orphan"), host.init("orphan"));
    kill(monitor, Signal::SIGKILL).expect("it runs");
    kill(init, Signal::SIGKILL).expect("it runs");
    wait_for_end(init);
    assert_eq!(host.ok("run --rm --runtime runc --name orphan box echo fine"), "fine");
    host.assert_nothing_left();
}
