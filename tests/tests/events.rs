//! What happened, in order, told to whoever asks.

use nix::sys::signal::Signal;
use porthole_tests::{Host, eventually};

#[test]
fn a_life_is_told_in_order() {
    let host = Host::new();
    host.ok("run --rm --name short --label role=test box true");
    host.ok("run -d --name web box sleep 1000");
    for line in ["pause web", "unpause web", "exec web true", "rename web site", "stop -t 0 site", "rm site"] {
        host.ok(line);
    }
    let told = |words: &str| host.ok(&format!("events --since 1h --until 0s {words}"));
    let actions = |words: &str| told(&format!("{words} --format '{{{{.Action}}}}'")).replace('\n', " ");
    assert_eq!(actions("-f container=short"), "create attach start die destroy");
    assert_eq!(actions("-f label=role=test -f event=die"), "die");
    let all = "create start pause unpause exec_create: true exec_start: true exec_die rename kill die stop destroy";
    assert_eq!(actions("-f type=container -f container=web -f container=site"), all);
    assert_eq!(told("-f event=die -f container=site --format '{{.Actor.Attributes.exitCode}}'"), "137");
    let rename = told("-f event=rename --format '{{.Actor.Attributes.oldName}} {{.From}} {{.Type}}'");
    assert_eq!(rename, "/web box container");
    let line: serde_json::Value = serde_json::from_str(&told("-f event=pause --format json")).expect("JSON");
    assert_eq!((line["status"].as_str(), line["Actor"]["Attributes"]["image"].as_str()), (Some("pause"), Some("box")));
    assert!(told("-f event=pause").contains(" container pause "));
    assert!(host.fails(1, "events -f colour=red").starts_with("invalid filter 'colour'"));
}

#[test]
fn what_only_the_monitor_sees_is_told_too() {
    let host = Host::new();
    let actions = |name: &str| {
        let told = host.ok(&format!("events --since 1h --until 0s -f container={name} --format '{{{{.Action}}}}'"));
        told.replace('\n', " ")
    };
    host.ok("run -d --name again --restart on-failure:2 box sh -c 'exit 3'");
    eventually("it has ended", || host.status("again") == "exited");
    eventually("all is told", || actions("again") == "create start die start die start die");

    host.ok("run -d --name greedy -m 16m box sh -c 'sleep 0.3; tail /dev/zero; sleep 100'");
    eventually("a kill is told while it runs", || actions("greedy") == "create start oom");
    assert_eq!(host.inspect("greedy")["State"]["OOMKilled"], true);
    host.ok("run -d --name hasty -m 16m box sh -c 'tail /dev/zero; sleep 100'");
    eventually("be it at its very beginning", || actions("hasty") == "create start oom");
    host.ok("rename greedy eater");
    host.ok("run -d --name eaten -m 16m box tail /dev/zero");
    eventually("it has ended", || host.status("eaten") == "exited");
    eventually("all is told", || actions("eaten") == "create start oom die");
}

#[test]
fn images_have_events() {
    let host = Host::new();
    host.ok("tag box team/tool:1");
    host.ok("rmi team/tool:1");
    let told = host.ok("events --since 1h --until 0s -f type=image --format '{{.Action}} {{.Actor.Attributes.name}}'");
    assert!(told.ends_with("tag team/tool:1\nuntag team/tool:1"), "{told}");
}

#[test]
fn what_happens_is_told_as_it_happens() {
    let host = Host::new();
    host.ok("create --name web box true");
    let mut events = host.start("events --since 1h --format '{{.Action}}'");
    while events.line() != "create" {}
    host.ok("rm web");
    assert_eq!(events.line(), "destroy");
    events.signal(Signal::SIGTERM);
    assert_eq!(events.wait(), 128 + 15);
}
