//! A workstation with something on it, for tests.

pub mod builds;
pub mod projects;

use super::complete::Grammar;
use super::keymap::Keymap;
use super::message::{Effect, Msg};
use super::model::Model;
use super::model::trace::{Hop, Journey, Rule, Snapshot};
use super::source::{
    Container, Event, Image, Link, LogLine, Meaning, Network, Networks, Phase, Place, Port, Process, Sample, Volume,
};
use super::update::update;
use porthole_engine::inside::{Source, Stack};
use porthole_engine::network::Driver;
use porthole_engine::runtime::cgroup::Stats;
use porthole_engine::runtime::monitor::RestartPolicy;
use porthole_engine::runtime::state::HealthStatus;
use porthole_engine::{Resources, RunningUsage};
use porthole_themes::{ColourDepth, Theme};
use porthole_widgets::detail::DetailRow;
use porthole_widgets::key::Key;
use porthole_widgets::ladder::{Change, ChangeKind, LadderHop, LadderRow, LadderTap, Seen};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use serde_json::json;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

const SECOND: i64 = 1_000_000_000;
/// 12:03:20 on some day.
pub const NOW: i64 = 1_750_075_400 * SECOND;

/// An empty workstation, its lists not read yet.
pub fn unread(columns: u16, rows: u16) -> Model {
    let theme = Theme::builtin("dusk", ColourDepth::Full).expect("built in");
    let mut model = Model::new((columns, rows), NOW, theme, Keymap::defaults());
    model.grammar = Rc::new(grammar());
    model
}

/// A workstation over an empty store.
pub fn empty(columns: u16, rows: u16) -> Model {
    let mut model = unread(columns, rows);
    update(&mut model, Msg::Containers(Ok(Vec::new())));
    update(&mut model, Msg::Images(Ok(Vec::new())));
    model
}

/// A workstation with containers, images and a log.
pub fn workstation(columns: u16, rows: u16) -> Model {
    let mut model = unread(columns, rows);
    update(&mut model, Msg::Containers(Ok(containers())));
    update(&mut model, Msg::Images(Ok(images())));
    update(&mut model, Msg::Volumes(Ok(volumes())));
    update(&mut model, Msg::Networks(Ok(networks())));
    for at in [-2, 0] {
        update(&mut model, Msg::Clock(NOW + at * SECOND));
        update(&mut model, Msg::Usage(Ok(sample(at))));
    }
    let generation = model.detail.generation;
    update(&mut model, Msg::Log(generation, log(40)));
    model
}

/// The networks on which `web` and `db` are, and others.
pub fn networks() -> Networks {
    let place = |container: &str, address: &str, host: &str| Place {
        container: container.into(),
        addresses: address.split(' ').map(|address| address.parse().expect("an address")).collect(),
        interface: if host.ends_with('b') { "eth1" } else { "eth0" }.into(),
        host: host.into(),
        ports: Vec::new(),
    };
    let idle = |container: &str| Place { container: container.into(), ..Place::default() };
    let network = |name: &str, driver, interface: Option<&str>, subnet: &str, gateway: &str, places| Network {
        id: format!("{name:0<64}"),
        name: name.into(),
        driver,
        interface: interface.map(str::to_owned),
        subnets: subnet.split_whitespace().map(|subnet| subnet.parse().expect("a subnet")).collect(),
        gateways: gateway.split_whitespace().map(|gateway| gateway.parse().expect("an address")).collect(),
        masquerade: true,
        places,
        ..Network::default()
    };
    let predefined = |network: Network| Network { predefined: true, ..network };
    let mut web = place("web", "172.17.0.2", "veth3a2f");
    web.ports = containers().remove(0).ports;
    let on_bridge = vec![place("db", "172.17.0.3", "veth99aa"), idle("job"), web];
    let (backend, lan) = (vec![place("db", "172.18.0.2 fd18::2", "veth01eb"), idle("job")], Vec::new());
    let bridge = Driver::Bridge;
    Networks {
        bridge: Some(Link { name: "docker0".into(), address: "172.17.0.1/16".into() }),
        uplink: Some(Link { name: "lab0".into(), address: "10.88.0.1/24".into() }),
        outside: Some(Ipv4Addr::new(10, 88, 0, 2)),
        pairs: [("veth3a2f", 12), ("veth99aa", 14), ("veth01eb", 17)]
            .map(|(name, host)| (name.to_owned(), (host, 2 + u32::from(host == 17))))
            .into(),
        all: vec![
            predefined(network("bridge", bridge, Some("docker0"), "172.17.0.0/16", "172.17.0.1", on_bridge)),
            Network {
                ipv6: true,
                ..network(
                    "backend",
                    bridge,
                    Some("br-3fa20c11d7e4"),
                    "172.18.0.0/16 fd18::/64",
                    "172.18.0.1 fd18::1",
                    backend,
                )
            },
            network("lan", Driver::Macvlan, Some("lab0.50"), "192.168.50.0/24", "192.168.50.1", lan),
            Network {
                internal: true,
                ..network("secret", bridge, Some("br-77aa01b2c3d4"), "172.19.0.0/16", "172.19.0.1", Vec::new())
            },
            predefined(network("host", Driver::Host, None, "", "", vec![idle("batch")])),
            predefined(network("none", Driver::None, None, "", "", Vec::new())),
        ],
    }
}

/// The layers of a small image: a base, a layer that changes and removes, and a container's own.
pub fn stack() -> Arc<Stack> {
    let directory = tempfile::tempdir().expect("a directory");
    let write = |layer: &str, path: &str, length: usize| {
        let path = directory.path().join(layer).join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        std::fs::write(path, vec![b'x'; length]).expect("a file");
    };
    write("base", "bin/busybox", 1_131_168);
    write("base", "etc/passwd", 340);
    write("base", "etc/motd", 1200);
    write("base", "var/lib/dpkg/status", 90_000);
    write("app", "etc/motd", 64);
    write("app", "srv/app/main.py", 4200);
    write("own", "etc/passwd", 391);
    write("own", "tmp/upload.part", 52_000);
    let source = |name: &str, made_by: &str, diff_id: Option<&str>| Source {
        made_by: made_by.to_owned(),
        diff_id: diff_id.map(str::to_owned),
        directory: directory.path().join(name),
    };
    let sources = vec![
        source("base", "ADD rootfs.tar.gz / # buildkit", Some("sha256:01")),
        source("app", "COPY . /srv/app", Some("sha256:02")),
        source("own", "container web", None),
    ];
    Arc::new(Stack::read(sources).expect("a stack"))
}

/// A volume with a name, one without, and one that nobody uses.
pub fn volumes() -> Vec<Volume> {
    let volume = |name: &str, age: i64, used_by: &[&str]| Volume {
        name: name.into(),
        driver: "local".into(),
        anonymous: name.len() == 64,
        mountpoint: format!("/var/lib/porthole/volumes/{name}/_data"),
        created: NOW - age * SECOND,
        used_by: used_by.iter().map(|name| (*name).to_owned()).collect(),
    };
    vec![
        volume("dbdata", 7200, &["db"]),
        volume(&"0c5e".repeat(16), 60, &[]),
        volume("pictures", 86_400 * 3, &["web", "job"]),
    ]
}

/// What `web` and `db` use, some seconds before [`NOW`].
pub fn sample(at: i64) -> Sample {
    let second = 1000 + at;
    let usage = |cpu_ms: i64, memory: u64, wave: i64| {
        let cgroup = Stats {
            cpu: Duration::from_millis((second * cpu_ms) as u64),
            memory,
            pids: 3,
            pids_limit: Some(100),
            memory_limit: Some(256 << 20),
            block_read: (second / 40 * 900_000) as u64,
            ..Stats::default()
        };
        RunningUsage {
            cgroup,
            memory_limit: 256 << 20,
            received: (second * (900 + wave)) as u64,
            sent: (second * 90_000) as u64,
            uptime: Duration::from_secs(second as u64),
        }
    };
    let usages = vec![("a".repeat(64), usage(4, 12 << 20, 0)), ("b".repeat(64), usage(12, 88 << 20, 400))];
    Sample { at: NOW + at * SECOND, usages }
}

/// Five minutes of `web` at work, a minute of which nobody looked.
pub fn history(model: &mut Model) {
    let mut cpu = Duration::ZERO;
    for at in (-300..=0).filter(|at| !(-200..-140).contains(at)) {
        let Sample { at: time, mut usages } = sample(at);
        let usage = &mut usages[0].1;
        cpu += Duration::from_millis(((at * at) as u64 * 7 % 600) + 60);
        usage.cgroup.cpu = cpu;
        usage.cgroup.memory = (12 << 20) + ((at + 300) as u64 * 700_000);
        usage.cgroup.pids = 3 + (at.unsigned_abs() / 50) % 3;
        update(model, Msg::Clock(time));
        update(model, Msg::Usage(Ok(Sample { at: time, usages })));
    }
}

/// Answers the question of the links of a container.
pub fn linked(model: &mut Model) {
    let value = json!({
        "Interfaces": {
            "eth0": {
                "Addresses": "172.17.0.2/16",
                "Index": "2⇄12",
                "Kind": "veth",
                "LeadsTo": "host veth3a2f port 1 of docker0",
                "MAC": "02:42:ac:11:00:02",
                "MacTable": [
                    "02:42:5e:00:00:01  docker0  permanent",
                    "02:42:ac:11:00:02  veth3a2f  learned",
                ],
                "State": "up",
            },
            "lo": { "Addresses": "127.0.0.1/8", "Index": "1", "Kind": "loopback", "State": "up" },
        },
        "Neighbours": ["172.17.0.1  02:42:5e:00:00:01  eth0  reachable"],
        "Routes": {
            "local": ["local 127.0.0.0/8 dev lo src 127.0.0.1", "local 172.17.0.2/32 dev eth0 src 172.17.0.2"],
            "main": ["default via 172.17.0.1 dev eth0", "172.17.0.0/16 dev eth0 src 172.17.0.2"],
        },
        "Rules": {
            "ip porthole: DOCKER (2 references)": [
                "12 720 DNAT tcp -- * * 0.0.0.0/0 0.0.0.0/0 tcp dpt:8088 /* web 8088→80 */ to:172.17.0.2:80",
            ],
        },
    });
    update(model, Msg::Inspected(model.detail.generation, Ok(value)));
}

/// Answers the question of all that is known of a network.
pub fn inspected_network(model: &mut Model) {
    let value = json!({
        "Name": "backend",
        "Id": format!("{:0<64}", "backend"),
        "Scope": "local",
        "Driver": "bridge",
        "EnableIPv6": true,
        "IPAM": { "Config": [{ "Subnet": "172.18.0.0/16", "Gateway": "172.18.0.1" }] },
        "Internal": false,
        "Containers": { "b".repeat(64): { "Name": "db", "IPv4Address": "172.18.0.2/16", "IPv6Address": "fd18::2/64" } },
        "Options": {},
        "Labels": {},
    });
    update(model, Msg::Inspected(model.detail.generation, Ok(value)));
}

/// Answers the question of all that is known of a container.
pub fn inspected(model: &mut Model) {
    let command = ["CMD-SHELL", "wget -q -O /dev/null http://127.0.0.1/"];
    let probe =
        |code: i32, output: &str| json!({ "Start": "2025-06-16T12:03:10Z", "ExitCode": code, "Output": output });
    let value = json!({
        "Id": "a".repeat(64),
        "Created": "2025-06-16T12:00:00Z",
        "Path": "httpd",
        "Args": ["-f", "-p", "80"],
        "State": {
            "Status": "running",
            "Running": true,
            "Pid": 812,
            "Error": "",
            "Health": {
                "Status": "unhealthy",
                "FailingStreak": 2,
                "Log": [probe(0, ""), probe(1, "wget: can't connect to remote host (127.0.0.1): \u{1b}[31mConnection refused\nwget: gave up after 3 attempts, and this is a rather long line that says why\n")],
            },
        },
        "Mounts": [],
        "HostConfig": { "Memory": 268_435_456, "NanoCpus": 1_500_000_000, "RestartPolicy": { "Name": "no" } },
        "Config": { "Healthcheck": { "Test": command }, "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], "Domainname": null },
        "NetworkSettings": { "Ports": { "80/tcp": [{ "HostIp": "0.0.0.0", "HostPort": "8088" }] } },
    });
    let generation = model.detail.generation;
    update(model, Msg::Inspected(generation, Ok(value)));
}

/// Tells of processes at a time, in seconds after [`NOW`].
pub fn processes(model: &mut Model, at: i64) {
    let process = |pid: &str, uid, millis: i64, command: &str| Process {
        pid: pid.into(),
        uid,
        start: 1,
        time: Duration::from_millis((at * millis) as u64),
        cpu: None,
        command: command.into(),
    };
    let long = "python3 -m http.server --bind 0.0.0.0 --directory /srv/www/a/rather/long/path 8080 \u{1b}[31mred";
    let processes = vec![
        process("812", 0, 4, "sh -c 'httpd -f -p 80 & python3 -m http.server'"),
        process("829", 33, 250, "httpd -f -p 80"),
        process("1204", 33, 1, long),
    ];
    let generation = model.detail.generation;
    update(model, Msg::Processes(generation, Ok((NOW + at * SECOND, processes))));
}

/// What has happened to `web`, `job` and others up to [`NOW`].
pub fn events() -> Vec<Event> {
    let event = |age: i64, kind: &str, (id, name): (&str, &str), action: &str, details: &str, meaning| Event {
        time: NOW - age * SECOND,
        kind: kind.into(),
        id: id.into(),
        name: name.into(),
        action: action.into(),
        details: details.into(),
        meaning,
    };
    let [web, job, gone] = [("a", "web"), ("c", "job"), ("f", "hungry")].map(|(id, name)| (id.repeat(64), name));
    let image = format!("sha256:{}", "a".repeat(64));
    let on = |container: &(String, &'static str), age, action, details, meaning| {
        event(age, "container", (&container.0, container.1), action, details, meaning)
    };
    vec![
        event(90_000, "image", (&image, "lab:latest"), "tag", "", Meaning::Plain),
        on(&web, 230, "create", "from lab", Meaning::Plain),
        on(&web, 229, "start", "", Meaning::Good),
        on(&gone, 200, "oom", "", Meaning::Bad),
        on(&gone, 200, "die", "exit code 137", Meaning::Bad),
        on(&web, 150, "unhealthy", "health_status", Meaning::Bad),
        on(&web, 140, "exec_create", "sh -c 'a rather long command line, of which the end may be cut'", Meaning::Faint),
        on(&web, 135, "healthy", "health_status", Meaning::Good),
        on(&job, 131, "kill", "signal 15", Meaning::Warn),
        on(&job, 130, "die", "exit code 0", Meaning::Plain),
    ]
}

/// The commands that tests type.
pub fn grammar() -> Grammar {
    let flag = clap::Arg::new("detach").long("detach").short('d').action(clap::ArgAction::SetTrue);
    let command = |name: &'static str, about: &'static str| clap::Command::new(name).about(about);
    let lab = command("lab", "The lab").subcommands([command("up", "Sets it up"), command("down", "Removes it")]);
    let tree = clap::Command::new("porthole").subcommands([
        command("run", "Create and run a new container").arg(flag),
        command("stop", "Stop containers"),
        command("load", "Load images from an archive"),
        lab,
    ]);
    Grammar::new(&tree)
}

/// Presses keys: single characters, or names in angle brackets as in the key file.
pub fn press(model: &mut Model, keys: &str) -> Vec<Effect> {
    let mut effects = Vec::new();
    let mut rest = keys;
    while let Some(first) = rest.chars().next() {
        let (key, after) = match rest.strip_prefix('<').and_then(|named| named.split_once('>')) {
            Some((name, after)) => (name.parse::<super::keymap::Chord>().expect("a key").0, after),
            None => (Key::char(first), &rest[first.len_utf8()..]),
        };
        effects.extend(update(model, Msg::Key(key)));
        rest = after;
    }
    effects
}

/// What is on the screen.
pub fn screen(model: &mut Model) -> String {
    let (columns, rows) = model.size;
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).expect("a test terminal");
    terminal.draw(|frame| super::view::draw(model, frame)).expect("drawn");
    terminal.backend().to_string()
}

/// `web` and `db` run, `job` has ended, `batch` has failed.
pub fn containers() -> Vec<Container> {
    let container = |id: &str, name: &str, image: &str, phase, age: i64| Container {
        id: id.repeat(64),
        name: name.into(),
        image: image.into(),
        image_id: format!("sha256:{}", id.repeat(64)),
        command: "httpd -f".into(),
        phase,
        since: NOW - age * SECOND,
        created: NOW - age * SECOND,
        started: NOW - age * SECOND,
        exit_code: None,
        error: String::new(),
        oom_killed: false,
        stopped: false,
        restarts: 0,
        health: None,
        monitor_lost: false,
        network: "bridge".into(),
        address: None,
        interface: None,
        bridge: None,
        ports: Vec::new(),
        resources: Resources::default(),
        restart: RestartPolicy::No,
        member: None,
        load: None,
    };
    let port = |host, container| Port { host, container, udp: false };
    vec![
        Container {
            address: Some(Ipv4Addr::new(172, 17, 0, 2).into()),
            interface: Some("veth3a2f".into()),
            bridge: Some("docker0".into()),
            ports: vec![port(8088, 80), port(8088, 80)],
            ..container("a", "web", "lab", Phase::Running, 200)
        },
        Container {
            address: Some(Ipv4Addr::new(172, 17, 0, 3).into()),
            interface: Some("veth99aa".into()),
            bridge: Some("docker0".into()),
            ..container("b", "db", "mariadb:11", Phase::Running, 220)
        },
        Container { exit_code: Some(0), ..container("c", "job", "lab", Phase::Exited, 130) },
        Container { exit_code: Some(137), ..container("d", "batch", "lab", Phase::Exited, 7300) },
    ]
}

/// The same, and what may go wrong with others.
pub fn troubled() -> Vec<Container> {
    let mut containers = containers();
    containers[0].health = Some(HealthStatus::Healthy);
    containers[0].resources = Resources {
        memory: Some(256 << 20),
        nano_cpus: Some(1_500_000_000),
        pids_limit: Some(100),
        ..Resources::default()
    };
    containers[1].health = Some(HealthStatus::Unhealthy);
    containers[1].restarts = 2;
    let ended = |id: &str, name: &str, exit_code| Container {
        id: id.repeat(64),
        name: name.into(),
        exit_code: Some(exit_code),
        ..containers[2].clone()
    };
    let starved = Container { oom_killed: true, ..ended("e", "hungry", 137) };
    let loops = Container { phase: Phase::Restarting, restarts: 4, ..ended("f", "looping", 1) };
    let missing = Container {
        phase: Phase::Created,
        command: "/usr/local/bin/serve --port 80".into(),
        error: "exec: \"/usr/local/bin/serve\": stat /usr/local/bin/serve: no such file or directory".into(),
        ..ended("9", "typo", 127)
    };
    containers.extend([starved, loops, missing]);
    containers
}

/// A workstation on which several things went wrong, one of which is selected.
pub fn in_trouble(columns: u16, rows: u16, selected: &str) -> Model {
    let mut model = workstation(columns, rows);
    let containers = troubled();
    update(&mut model, Msg::Containers(Ok(containers.clone())));
    let Some(container) = containers.into_iter().find(|container| container.name == selected) else { return model };
    model.containers.select(&container.id);
    update(&mut model, Msg::Clock(NOW));
    let line =
        "run --rm -it --entrypoint sh -v /srv/www:/www:ro -e MODE=production -e DATABASE=db.internal:3306/shop lab";
    let argv = line.split(' ').map(str::to_owned).collect();
    update(&mut model, Msg::ImageShell(container.id, Ok(argv)));
    let generation = model.detail.generation;
    if container.phase != Phase::Created {
        update(&mut model, Msg::Log(generation, log(12)));
    }
    update(&mut model, Msg::LogEnded(generation, None));
    model
}

fn images() -> Vec<Image> {
    let image = |id: &str, name: Option<&str>, size| Image {
        id: format!("sha256:{}", id.repeat(64)),
        name: name.map(str::to_owned),
        size,
        created: NOW - 3600 * SECOND,
        used_by: Vec::new(),
    };
    vec![
        image("a", Some("lab:latest"), 2_105_000),
        image("b", Some("mariadb:11"), 407_000_000),
        image("e", None, 81_200_000),
    ]
}

/// Lines of a web server's log.
pub fn log(lines: i64) -> Vec<LogLine> {
    let line = |index: i64| LogLine {
        time: NOW - (lines - index) * SECOND,
        stderr: index % 7 == 0,
        text: match index % 3 {
            0 => "10.88.0.2 GET / 200 512 B".into(),
            1 => "10.88.0.2 GET /favicon.ico \x1b[31m404\x1b[0m".into(),
            _ => format!("10.88.0.2 GET /a/rather/long/path/that/goes/on/{index}?and=has&a=query&string=too 200 98 B"),
        },
    };
    (0..lines).map(line).collect()
}

/// A request to `web` from outside, and the first packet of the answer.
pub fn trace() -> Arc<Snapshot> {
    let tap = |title: &str, subtitle: &str, detail: &str| LadderTap {
        title: title.into(),
        subtitle: subtitle.into(),
        detail: detail.into(),
    };
    let taps = vec![
        tap("outside", "10.88.0.2", ""),
        tap("uplink", "10.88.0.1", ""),
        tap("docker0", "172.17.0.1", ""),
        tap("veth3a2f", "port 1 of docker0", "if 12⇄2"),
        tap("web · eth0", "172.17.0.2", ""),
    ];
    let dnat = (1, Change { kind: ChangeKind::Dnat, text: "172.17.0.2:80".into() });
    let snat = (2, Change { kind: ChangeKind::Snat, text: "10.88.0.1:8088".into() });
    let journeys = vec![
        journey(1, "SYN", false, Some(&dnat), "424 µs", "rule #6"),
        journey(2, "SYN ACK", true, Some(&snat), "258 µs", "ct entry"),
        journey(3, "ACK", false, Some(&dnat), "24 µs", "ct entry"),
    ];
    Arc::new(Snapshot { title: "publish 8088 → web:80".into(), taps, journeys, lost: 0 })
}

fn journey(
    number: usize,
    flags: &str,
    back: bool,
    change: Option<&(usize, Change)>,
    latency: &str,
    note: &str,
) -> Arc<Journey> {
    let hop = |index| LadderHop {
        seen: Seen::Yes,
        change: change.filter(|(at, _)| *at == index).map(|(_, change)| change.clone()),
    };
    let row = LadderRow {
        number,
        flags: flags.into(),
        outer: "10.88.0.2:40110".into(),
        inner: "10.88.0.1:8088".into(),
        back,
        hops: (0..5).map(hop).collect(),
        latency: latency.into(),
        note: note.into(),
    };
    let card = |index: usize| Hop {
        offset: format!("+{} µs", index * 105),
        facts: vec![
            DetailRow::change("destination", "10.88.0.1:8088", "172.17.0.2:80", "DNAT"),
            DetailRow::change("TTL", "64", "63", "the host routed"),
            DetailRow::fact("length", "74 bytes"),
        ],
        bytes: (0..74).collect::<Vec<u8>>().into(),
    };
    let rule = |chain: &str, handle: &str, text: &str, verdict: &str, decided| Rule {
        chain: chain.into(),
        handle: handle.into(),
        text: text.into(),
        verdict: verdict.into(),
        decided,
    };
    let rules = match number {
        1 => vec![
            rule("nat PREROUTING", "#4", "fib daddr type local", "→ DOCKER", false),
            rule("nat DOCKER", "#6", "tcp dport 8088 dnat to 172.17.0.2:80", "accept", true),
            rule("filter FORWARD", "#5", "oifname docker0", "→ DOCKER", false),
        ],
        _ => Vec::new(),
    };
    Arc::new(Journey { row, connection: 7, hops: (0..5).map(card).collect(), rules })
}
