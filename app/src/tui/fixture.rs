//! A workstation with something on it, for tests.

use super::complete::Grammar;
use super::keymap::Keymap;
use super::message::{Effect, Generation, Msg};
use super::model::Model;
use super::model::trace::{Hop, Journey, Rule, Snapshot};
use super::source::{Container, Image, Link, LogLine, Networks, Phase, Port, Usage};
use super::update::update;
use porthole_themes::{ColourDepth, Theme};
use porthole_widgets::detail::DetailRow;
use porthole_widgets::key::Key;
use porthole_widgets::ladder::{Change, ChangeKind, LadderHop, LadderRow, LadderTap, Seen};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::sync::Arc;

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
    let networks = Networks {
        bridge: Some(Link { name: "docker0".into(), address: "172.17.0.1/16".into() }),
        uplink: Some(Link { name: "lab0".into(), address: "10.88.0.1/24".into() }),
        outside: Some(Ipv4Addr::new(10, 88, 0, 2)),
        pairs: [("veth3a2f".to_owned(), (12, 2))].into(),
    };
    update(&mut model, Msg::Networks(Ok(networks)));
    for (id, cpu, memory) in [("a", 8_000_000u64, 12 << 20), ("b", 24_000_000, 88 << 20)] {
        for (at, cpu) in [(0, 0), (2, cpu)] {
            update(&mut model, Msg::Clock(NOW + (at - 2) * SECOND));
            update(&mut model, Msg::Usage(vec![(id.repeat(64), Usage { cpu, memory })]));
        }
    }
    let generation = model.detail.generation;
    update(&mut model, Msg::Log(generation, log(40)));
    model
}

/// Shows the details that were asked for last.
pub fn page(model: &mut Model, text: &str) {
    let generation: Generation = model.detail.generation;
    update(model, Msg::Page(generation, Ok(text.to_owned())));
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
        started: NOW - age * SECOND,
        exit_code: None,
        monitor_lost: false,
        network: "bridge".into(),
        address: None,
        interface: None,
        ports: Vec::new(),
    };
    let port = |host, container| Port { host, container, udp: false };
    vec![
        Container {
            address: Some(Ipv4Addr::new(172, 17, 0, 2)),
            interface: Some("veth3a2f".into()),
            ports: vec![port(8088, 80), port(8088, 80)],
            ..container("a", "web", "lab", Phase::Running, 200)
        },
        Container {
            address: Some(Ipv4Addr::new(172, 17, 0, 3)),
            interface: Some("veth99aa".into()),
            ..container("b", "db", "mariadb:11", Phase::Running, 220)
        },
        Container { exit_code: Some(0), ..container("c", "job", "lab", Phase::Exited, 130) },
        Container { exit_code: Some(137), ..container("d", "batch", "lab", Phase::Exited, 7300) },
    ]
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
