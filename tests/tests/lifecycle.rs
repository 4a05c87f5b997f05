//! From `create` to `rm`.

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use porthole_tests::{Host, eventually, eventually_some, pause};
use serde_json::json;
use std::fs;
use std::time::{Duration, Instant};

/// A shell that says what it hears, and ends on SIGTERM with code 3.
const LISTENER: &str = "trap \"echo term; exit 3\" TERM; trap \"echo hup\" HUP; trap \"echo usr1\" USR1; \
                        echo ready; while true; do sleep 0.02; done";

fn listener(host: &Host, name: &str, flags: &str) {
    host.ok(&format!("run -d --name {name} {flags} box sh -c '{LISTENER}'"));
    host.wait_for_log(name, "ready");
}

#[test]
fn a_container_goes_through_its_states() {
    let host = Host::new();
    let id = host.ok("create --name web box sleep 100");
    assert_eq!(host.status("web"), "created");
    assert_eq!(host.ok("start web"), "web");
    assert_eq!(host.status("web"), "running");
    assert_eq!(host.ok("start web"), "web", "starting what runs does no harm");
    assert!(host.fails(1, "rm web").contains("container is running"));
    assert_eq!(host.ok("kill web"), "web");
    eventually("it has exited", || host.status("web") == "exited");
    assert_eq!(host.inspect("web")["State"]["ExitCode"], 137);
    assert_eq!(host.ok("start web"), "web");
    assert_eq!(host.ok("rm -f web"), "web");
    assert!(host.fails(1, "inspect web").is_empty() || !host.path("containers").join(id).exists());
}

#[test]
fn stop_asks_first_and_kills_after_the_time_out() {
    let host = Host::new();
    listener(&host, "polite", "");
    assert_eq!(host.ok("stop polite"), "polite");
    assert_eq!(host.inspect("polite")["State"]["ExitCode"], 3);
    assert!(host.ok("logs polite").ends_with("term"));

    host.ok("run -d --name deaf box sleep 100");
    let start = Instant::now();
    host.ok("stop -t 1 deaf");
    let took = start.elapsed();
    assert!(took > Duration::from_millis(900) && took < Duration::from_secs(5), "{took:?}");
    assert_eq!(host.inspect("deaf")["State"]["ExitCode"], 137);
    assert_eq!(host.ok("stop deaf"), "deaf", "stopping what does not run does no harm");
    assert!(host.fails(1, "stop nobody").contains("No such container: nobody"));
}

#[test]
fn stop_uses_the_containers_own_signal() {
    let host = Host::new();
    let script = "trap \"exit 5\" INT; echo ready; while true; do sleep 0.02; done";
    host.ok(&format!("run -d --name own --stop-signal SIGINT box sh -c '{script}'"));
    host.wait_for_log("own", "ready");
    host.ok("stop own");
    assert_eq!(host.inspect("own")["State"]["ExitCode"], 5);
}

#[test]
fn signals_reach_the_init() {
    let host = Host::new();
    listener(&host, "hears", "");
    for (signal, word) in [("HUP", "hup"), ("SIGUSR1", "usr1"), ("1", "hup")] {
        host.ok(&format!("kill -s {signal} hears"));
        host.wait_for_log("hears", word);
    }
    assert!(host.fails(1, "kill -s NOPE hears").contains("Invalid signal: NOPE"));
    host.ok("kill hears");
    assert_eq!(host.ok("wait hears"), "137");
    assert!(host.fails(1, "kill hears").contains("not running"));
}

#[test]
fn a_signal_to_run_reaches_the_init() {
    let host = Host::new();
    let mut run = host.start(&format!("run --rm --name proxied box sh -c '{LISTENER}'"));
    assert_eq!(run.line(), "ready");
    run.signal(Signal::SIGHUP);
    assert_eq!(run.line(), "hup");
    run.signal(Signal::SIGTERM);
    assert_eq!(run.rest(), "term\n");
    assert_eq!(run.wait(), 3);
}

#[test]
fn a_paused_container_stands_still() {
    let host = Host::new();
    host.ok("run -d --name ticker box sh -c 'while true; do echo tick; sleep 0.02; done'");
    host.wait_for_log("ticker", "tick");
    assert_eq!(host.ok("pause ticker"), "ticker");
    assert_eq!(host.status("ticker"), "paused");
    let state = host.cgroup("ticker", "freezer.state", "cgroup.freeze");
    assert!(["FROZEN", "1"].contains(&state.as_str()), "{state}");
    assert!(host.ok("ps").contains("(Paused)"));
    let ticks = || host.ok("logs ticker").lines().count();
    let before = ticks();
    pause(150);
    assert_eq!(ticks(), before);
    assert!(host.fails(1, "pause ticker").contains("already paused"));
    assert!(host.fails(1, "exec ticker true").contains("paused"));
    assert!(host.fails(1, "attach --no-stdin ticker").contains("paused"));
    assert_eq!(host.ok("unpause ticker"), "ticker");
    eventually("it goes on", || ticks() > before);
    assert!(host.fails(1, "unpause ticker").contains("not paused"));
}

#[test]
fn a_paused_container_can_be_stopped_killed_and_removed() {
    let host = Host::new();
    for end in ["stop -t 1", "kill", "rm -f"] {
        host.ok("run -d --name frozen box sleep 100");
        host.ok("pause frozen");
        host.ok(&format!("{end} frozen"));
        eventually(&format!("{end} ends it"), || {
            !host.ok("ps -q --no-trunc").contains("frozen") && host.ok("ps -q").is_empty()
        });
        host.porthole("rm -f frozen");
    }
}

#[test]
fn restart_gives_it_a_new_process() {
    let host = Host::new();
    host.ok("run -d --name web -p 7000:80 box httpd -f -h /www");
    let (before, address) = (host.init("web"), host.address("web"));
    assert_eq!(host.ok("restart -t 0 web"), "web");
    assert_ne!(host.init("web"), before);
    assert_eq!(host.address("web"), address, "an address comes back when it is free");
    assert!(porthole_tests::fetch("127.0.0.1:7000").is_ok());
}

#[test]
fn a_restart_policy_counts_its_tries() {
    let host = Host::new();
    host.ok("run -d --name failing --restart on-failure:2 box sh -c 'echo try; exit 9'");
    eventually("it gives up", || host.status("failing") == "exited");
    let container = host.inspect("failing");
    assert_eq!((&container["RestartCount"], &container["State"]["ExitCode"]), (&json!(2), &json!(9)));
    assert_eq!(host.ok("logs failing"), "try\ntry\ntry");
    host.ok("run -d --name fine --restart on-failure:2 box true");
    eventually("it ends", || host.status("fine") == "exited");
    assert_eq!(host.inspect("fine")["RestartCount"], 0);
}

#[test]
fn always_means_until_it_is_stopped() {
    let host = Host::new();
    host.ok("run -d --name phoenix --restart always box sleep 100");
    let first = host.init("phoenix");
    nix::sys::signal::kill(first, Signal::SIGKILL).unwrap();
    let pid = || Pid::from_raw(host.inspect("phoenix")["State"]["Pid"].as_i64().unwrap().try_into().unwrap());
    eventually("it is back", || pid() != Pid::from_raw(0) && pid() != first);
    host.ok("stop -t 0 phoenix");
    pause(300);
    assert_eq!(host.status("phoenix"), "exited");
    assert!(host.fails(125, "run --rm --restart always box true").contains("--rm"));
}

#[test]
fn wait_tells_the_exit_code() {
    let host = Host::new();
    host.ok("run -d --name slow box sh -c 'sleep 0.3; exit 11'");
    assert_eq!(host.ok("wait slow"), "11");
    assert_eq!(host.ok("wait slow"), "11", "of what has ended already, too");
}

#[test]
fn rename_moves_the_name() {
    let host = Host::new();
    let id = host.ok("run -d --name before box sleep 100");
    host.ok("create --name taken box true");
    assert!(host.fails(1, "rename before taken").contains("already in use"));
    host.ok("rename before after");
    assert_eq!(host.inspect("after")["Id"], id.as_str());
    assert!(host.fails(1, "stop before").contains("No such container"));
    host.ok("create --name before box true");
}

#[test]
fn containers_are_found_by_name_and_by_the_beginning_of_their_id() {
    let host = Host::new();
    let ids: Vec<String> = (0..20).map(|_| host.ok("create box true")).collect();
    let one = &ids[0];
    assert_eq!(host.inspect(&one[..12])["Id"], one.as_str());
    // Of twenty ids at least two begin with the same digit.
    let digit =
        "0123456789abcdef".chars().find(|digit| ids.iter().filter(|id| id.starts_with(*digit)).count() > 1).unwrap();
    assert!(host.porthole(&format!("stop {digit}")).fails(1).contains("Multiple IDs found"));
    // A name goes before an id.
    host.ok(&format!("rename {} {}", ids[1], &one[..12]));
    assert_eq!(host.inspect(&one[..12])["Id"], ids[1].as_str());
}

#[test]
fn top_lists_the_processes() {
    let host = Host::new();
    host.ok("run -d --name busy box sh -c 'sleep 100 & sleep 200'");
    let table = eventually_some("both sleep", || Some(host.ok("top busy")).filter(|table| table.contains("sleep 200")));
    assert!(table.starts_with("UID"), "{table}");
    assert!(table.contains("sleep 100"), "{table}");
    let by_ps = host.ok("top busy -o pid,args");
    assert!(by_ps.contains("PID") && by_ps.contains("sleep 200") && !by_ps.contains("kthreadd"), "{by_ps}");
    assert!(host.fails(1, "top busy -o args").contains("PID field"));
    let init = host.init("busy").to_string();
    assert!(table.lines().any(|line| line.split_whitespace().nth(1) == Some(&init)), "{init} in {table}");
    host.ok("stop -t 0 busy");
    assert!(host.fails(1, "top busy").contains("not running"));
}

#[test]
fn ps_prints_dockers_table() {
    let host = Host::new();
    let id = host.ok("run -d --name web -p 127.0.0.1:7000:80 -p 7053:53/udp box httpd -f -h /www");
    assert_eq!(host.porthole("run --name done box sh -c 'exit 4'").code, 4);
    let table = host.ok("ps -a");
    let lines: Vec<Vec<&str>> =
        table.lines().map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect()).collect();
    assert_eq!(lines[0], ["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"]);
    assert_eq!(lines[1][1..3], ["box", "\"sh -c 'exit 4'\""]);
    assert!(lines[1][4].starts_with("Exited (4) "), "{table}");
    assert_eq!(lines[2][0], &id[..12]);
    assert!(lines[2][4].starts_with("Up "), "{table}");
    assert_eq!(lines[2][5..], ["127.0.0.1:7000->80/tcp, 0.0.0.0:7053->53/udp", "web"]);
    assert_eq!(host.ok("ps -q"), id[..12]);
    assert_eq!(host.ok("ps -lq --no-trunc").len(), 64);
    assert_eq!(host.ok("ps").lines().count(), 2);
}

#[test]
fn inspect_has_dockers_fields() {
    let host = Host::new();
    let line =
        "run -d --name web -p 7000:80 -v /srv:/data:ro -e A=1 --restart on-failure:3 --cap-add NET_ADMIN box httpd -f";
    let id = host.ok(line);
    let web = host.inspect("web");
    let expected = json!({
        "/Id": id, "/Name": "/web", "/Path": "httpd", "/Args": ["-f"], "/RestartCount": 0, "/Platform": "linux",
        "/State/Status": "running", "/State/Running": true, "/State/Paused": false, "/State/ExitCode": 0,
        "/State/OOMKilled": false, "/State/MonitorLost": false,
        "/Config/Image": "box", "/Config/Cmd": ["httpd", "-f"], "/Config/Env": ["A=1"], "/Config/Tty": false,
        "/HostConfig/Binds": ["/srv:/data:ro"], "/HostConfig/NetworkMode": "bridge", "/HostConfig/CapAdd": ["NET_ADMIN"],
        "/HostConfig/RestartPolicy": { "Name": "on-failure", "MaximumRetryCount": 3 },
        "/HostConfig/PortBindings": { "80/tcp": [{ "HostIp": "", "HostPort": "7000" }] },
        "/Mounts/0/Source": "/srv", "/Mounts/0/Destination": "/data", "/Mounts/0/RW": false,
        "/NetworkSettings/Ports": { "80/tcp": [{ "HostIp": "0.0.0.0", "HostPort": "7000" }] },
    });
    for (pointer, value) in expected.as_object().unwrap() {
        assert_eq!(web.pointer(pointer), Some(value), "{pointer}");
    }
    let log = web["LogPath"].as_str().unwrap();
    assert!(fs::exists(log).unwrap(), "{log}");
    assert!(web["State"]["StartedAt"].as_str().unwrap() > web["Created"].as_str().unwrap());
    let nobody = host.porthole("inspect nobody");
    assert_eq!(
        (nobody.code, nobody.stdout.trim(), nobody.stderr.trim()),
        (1, "[]", "porthole: No such object: nobody")
    );
}

#[test]
fn one_failure_among_many_is_told_and_the_rest_is_done() {
    let host = Host::new();
    host.ok("create --name one box true");
    host.ok("create --name two box true");
    let output = host.porthole("rm one nobody two");
    assert_eq!((output.code, output.stdout.as_str()), (1, "one\ntwo\n"));
    assert_eq!(output.stderr, "porthole: No such container: nobody\n");
    assert_eq!(host.porthole("rm -f nobody").code, 0);
}
