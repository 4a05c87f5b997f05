//! Commands that meet: whatever the order, each comes to an end, and none leaves half of its work.

use nix::sys::signal::kill;
use porthole_tests::{Host, Numbers, Running, pause};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::process::{Child, Stdio};
use std::thread;

const CONTAINERS: u64 = 10;
const CLIENTS: u64 = 5;
const COMMANDS: usize = 40;

/// What no user is to read: it tells how the engine is built, not what is wrong.
const UNCLEAR: [&str; 5] = ["panicked", "os error", "no monitor answers", "damaged", "before it answered"];

/// The commands of one client, about containers that others are at work on too.
fn commands(mut numbers: Numbers) -> Vec<String> {
    let runs = ["run -d --name", "run -d -p 80 --name", "run -d --rm --name", "run -d --restart always --name"];
    let changes = [
        "start",
        "start",
        "stop -t 0",
        "restart -t 0",
        "kill",
        "pause",
        "unpause",
        "unpause",
        "rm -f",
        "logs",
        "inspect",
        "top",
        "stats --no-stream",
    ];
    let mut line = || {
        let name = format!("c{}", numbers.next(CONTAINERS));
        match numbers.next(10) {
            0..3 => format!("{} {name} box sleep 100", numbers.pick(&runs)),
            3 => format!("rename {name} c{}", numbers.next(CONTAINERS)),
            4 => format!("update --pids-limit {} {name}", 50 + numbers.next(50)),
            5 => format!("exec {name} true"),
            6 => "ps -a".to_owned(),
            _ => format!("{} {name}", numbers.pick(&changes)),
        }
    };
    (0..COMMANDS).map(|_| line()).collect()
}

#[test]
fn two_hundred_commands_on_ten_containers_leave_no_half_state() {
    let seed = std::env::var("PORTHOLE_SEED").map_or(1, |seed| seed.parse().expect("PORTHOLE_SEED is a number"));
    let host = Host::new();
    let clients: Vec<Vec<String>> = (0..CLIENTS).map(|client| commands(Numbers::new(seed * 1000 + client))).collect();
    let act = |lines: &[String]| lines.iter().for_each(|line| assert_clear(&host, line, seed));
    thread::scope(|scope| {
        let clients: Vec<_> = clients.iter().map(|lines| scope.spawn(|| act(lines))).collect();
        // What is executed in a container that is paused meanwhile waits until that goes on.
        let all: String = (0..CONTAINERS).map(|number| format!(" c{number}")).collect();
        while !clients.iter().all(|client| client.is_finished()) {
            pause(500);
            host.porthole(&format!("unpause{all}"));
        }
    });
    assert_in_order(&host, seed);
    host.assert_nothing_left();
}

/// A command ends within its time limit, and what it complains of, if anything, is clear.
fn assert_clear(host: &Host, line: &str, seed: u64) {
    let told = host.porthole(line).stderr;
    assert!(told.lines().count() <= 1, "PORTHOLE_SEED={seed}: {line}: {told}");
    let unclear = UNCLEAR.iter().find(|part| told.contains(**part));
    assert_eq!(unclear, None, "PORTHOLE_SEED={seed}: {line}: {told}");
}

/// Every container is whole, its state is what the kernel says, and its name is its own.
fn assert_in_order(host: &Host, seed: u64) {
    let ids = host.ok("ps -aq --no-trunc");
    let mut names = BTreeSet::new();
    for id in ids.lines() {
        let container = host.inspect(id);
        let name = container["Name"].as_str().expect("a text").trim_start_matches('/').to_owned();
        assert_eq!(host.inspect(&name)["Id"], id, "PORTHOLE_SEED={seed}");
        assert_eq!(in_kernel(host, id), status(&container), "PORTHOLE_SEED={seed}: {container}");
        if let Some(limit) = container["HostConfig"]["PidsLimit"].as_i64().filter(|_| status(&container) != "ended") {
            assert_eq!(host.cgroup(id, "pids.max", "pids.max"), limit.to_string(), "PORTHOLE_SEED={seed}");
        }
        names.insert(name);
    }
    let reserved = fs::read_dir(host.path("names")).expect("names").flatten();
    let reserved: BTreeSet<_> = reserved.map(|entry| entry.file_name().into_string().expect("text")).collect();
    assert_eq!(names, reserved, "PORTHOLE_SEED={seed}: a name each, and no other");
}

fn status(container: &Value) -> &'static str {
    assert_eq!(container["State"]["MonitorLost"], false, "{container}");
    match container["State"]["Status"].as_str().expect("a text") {
        "running" => "running",
        "paused" => "paused",
        "created" | "exited" => "ended",
        other => panic!("{other}: {container}"),
    }
}

/// What a container's cgroup tells of it.
fn in_kernel(host: &Host, id: &str) -> &'static str {
    let parents = porthole_tests::parent_cgroups(host.root());
    if !parents.iter().any(|parent| parent.join(id).exists()) {
        return "ended";
    }
    assert!(kill(host.init(id), None).is_ok(), "its init runs");
    match host.cgroup(id, "freezer.state", "cgroup.freeze").as_str() {
        "FROZEN" | "1" => "paused",
        _ => "running",
    }
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
    let run = || {
        let mut command = host.command("run -d --name one box sleep 100");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it can be run")
    };
    for _ in 0..5 {
        let runs: Vec<Child> = (0..4).map(|_| run()).collect();
        let codes: Vec<_> = runs.into_iter().map(|mut run| run.wait().unwrap().code()).collect();
        assert_eq!(codes.iter().filter(|code| **code == Some(0)).count(), 1, "{codes:?}");
        assert_eq!(codes.iter().filter(|code| **code == Some(125)).count(), 3, "{codes:?}");
        assert_eq!(host.ok("ps -aq").lines().count(), 1);
        host.ok("rm -f one");
    }
}

/// Short runs in numbers: what each says and its exit code arrive, however soon it ends.
#[test]
fn hundreds_of_short_runs_lose_nothing() {
    let host = Host::new();
    let runs: usize = std::env::var("PORTHOLE_RUNS").map_or(300, |runs| runs.parse().expect("a number"));
    thread::scope(|scope| {
        for client in 0..3 {
            let host = &host;
            scope.spawn(move || {
                for number in (client..runs).step_by(3) {
                    let code = i32::try_from(number % 256).expect("small");
                    let run = host.porthole(&format!("run --rm --net none box sh -c 'echo {number}; exit {code}'"));
                    let expected = (format!("{number}\n"), code, "");
                    assert_eq!((run.stdout, run.code, run.stderr.as_str()), expected);
                }
            });
        }
    });
    assert_eq!(host.ok("ps -aq"), "");
    host.assert_nothing_left();
}
