//! What the tests and the gallery show.

#![allow(dead_code, reason = "each test file uses its part")]

use std::borrow::Cow;

use porthole_themes::Theme;
use porthole_widgets::bars::{KeyHint, Tab};
use porthole_widgets::detail::DetailRow;
use porthole_widgets::help::HelpGroup;
use porthole_widgets::ladder::{Change, ChangeKind, LadderHop, LadderRow, LadderTap, Seen};
use porthole_widgets::log_view::{LogLimits, LogLine, LogView, Stream};
use porthole_widgets::menu::MenuItem;
use porthole_widgets::palette::PaletteItem;
use porthole_widgets::source::{Language, Mark, Severity, Source};
use porthole_widgets::table::{CellText, Column, Rows};
use porthole_widgets::topology::{Topology, TopologyNetwork, TopologyNode, TopologyPort, TopologyWay};
use porthole_widgets::tree::Value;
use porthole_widgets::waves::{WavesGroup, WavesNode, WavesTone};

/// A container of the list.
pub struct Container {
    pub cells: [&'static str; 6],
    pub up: bool,
    pub marked: bool,
}

pub struct Containers {
    pub rows: Vec<Container>,
    pub theme: Theme,
}

impl Rows for Containers {
    fn len(&self) -> usize {
        self.rows.len()
    }

    fn cell(&self, row: usize, column: usize) -> CellText<'_> {
        let container = &self.rows[row];
        let text = CellText::new(container.cells[column]);
        match column {
            1 => text.middle(),
            2 if container.up => text.style(self.theme.good()),
            _ => text,
        }
    }

    fn marked(&self, row: usize) -> bool {
        self.rows[row].marked
    }

    fn dim(&self, row: usize) -> bool {
        !self.rows[row].up
    }
}

pub fn containers(theme: &Theme) -> Containers {
    let row = |cells, up, marked| Container { cells, up, marked };
    let rows = vec![
        row(["web", "lab", "up 3 min", "0.4 %", "12 M", "8088→80"], true, false),
        row(["db", "mariadb:11", "up 3 min", "1.2 %", "88 M", ""], true, true),
        row(["cache", "registry.example.org/team/redis:7.2-alpine", "up 12 days", "0.1 %", "9 M", ""], true, false),
        row(["job", "lab", "exited 0, 2 min ago", "", "", ""], false, false),
        row(["evil\u{1b}[31m\u{202e}name", "漢字/イメージ:最新", "exited 137, 1 h ago", "", "", ""], false, false),
    ];
    Containers { rows, theme: theme.clone() }
}

pub fn container_columns() -> Vec<Column> {
    vec![
        Column::new("NAME").min(8).max(24).flex(1),
        Column::new("IMAGE").min(12).max(40).flex(2).priority(2),
        Column::new("STATUS").min(12).max(22).flex(1),
        Column::new("CPU").min(6).right().priority(3),
        Column::new("MEM").min(5).right().priority(4),
        Column::new("PORTS").min(8).max(24).flex(1).priority(1),
    ]
}

/// Rows made when asked for.
pub struct Many(pub usize);

impl Rows for Many {
    fn len(&self) -> usize {
        self.0
    }

    fn cell(&self, row: usize, column: usize) -> CellText<'_> {
        let text: Cow<str> = match column {
            0 => format!("container-{row}").into(),
            1 => "registry.example.org/team/image:tag".into(),
            2 => "up 3 min".into(),
            3 => "0.4 %".into(),
            4 => "12 M".into(),
            _ => "8088→80".into(),
        };
        CellText::new(text)
    }
}

pub fn log() -> LogView {
    let mut log = LogView::new(LogLimits { lines: 12, bytes: 1 << 20 });
    for index in 0..14 {
        log.push(LogLine {
            time: Some(1_700_000_000_000 + index * 1000),
            stream: if index % 5 == 3 { Stream::Stderr } else { Stream::Stdout },
            text: match index % 4 {
                0 => "10.88.0.2 - GET / 200 512 B",
                1 => "10.88.0.2 - GET /favicon.ico \x1b[31m404\x1b[0m not found",
                2 => "a long line that says at length what happened, so that it has to be broken or cut at every width that there is, 漢字 and all",
                _ => "warning:\tthe \x1b[1;33mdisk\x1b[0m is almost full \x1b]0;no title\x07\x1b[2J",
            },
        });
    }
    log
}

/// What is known of a container.
pub fn inspected() -> Value {
    let text = |text: &str| Value::Text(text.into());
    let number = |number: u32| Value::Number(number.to_string());
    let map =
        |values: Vec<(&str, Value)>| Value::Map(values.into_iter().map(|(key, value)| (key.into(), value)).collect());
    let probe = |code, output: &str| map(vec![("ExitCode", number(code)), ("Output", text(output))]);
    let port = map(vec![("HostIp", text("0.0.0.0")), ("HostPort", text("8088"))]);
    map(vec![
        ("Id", text("3f2a91c0d4e7b8a6f5e4d3c2b1a0978695a4b3c2d1e0f9a8b7c6d5e4f3a2b1c0")),
        ("Created", text("2025-06-16T12:00:00Z")),
        ("Args", Value::List(["-f", "-p", "80"].map(text).into())),
        (
            "State",
            map(vec![
                ("Status", text("running")),
                ("Running", Value::Bool(true)),
                ("Pid", number(812)),
                ("Error", text("")),
                (
                    "Health",
                    map(vec![
                        ("FailingStreak", number(0)),
                        (
                            "Log",
                            Value::List(vec![probe(0, "ok\n"), probe(1, "\u{1b}[31mno route\u{202e} to host\n漢字")]),
                        ),
                    ]),
                ),
            ]),
        ),
        ("Mounts", Value::List(Vec::new())),
        ("ProcessLabel", Value::Null),
        (
            "NetworkSettings",
            map(vec![("Ports", map(vec![("80/tcp", Value::List(vec![port]))])), ("IPAddress", text("172.17.0.2"))]),
        ),
    ])
}

pub fn taps() -> Vec<LadderTap> {
    let tap = |title: &str, subtitle: &str, detail: &str| LadderTap {
        title: title.into(),
        subtitle: subtitle.into(),
        detail: detail.into(),
    };
    vec![
        tap("outside", "10.88.0.2", ""),
        tap("uplink", "10.88.0.1", ""),
        tap("docker0", "172.17.0.1", ""),
        tap("veth3a2f", "port 1 of docker0", "if 12⇄2"),
        tap("web · eth0", "172.17.0.2", ""),
    ]
}

pub fn links() -> Vec<Option<ChangeKind>> {
    vec![None, Some(ChangeKind::Dnat), None, None]
}

fn hops(change: Option<(usize, ChangeKind, &str)>) -> Vec<LadderHop> {
    let change_at = |index| {
        let (_, kind, text) = change.filter(|(at, ..)| *at == index)?;
        Some(Change { kind, text: text.into() })
    };
    (0..5).map(|index| LadderHop { seen: Seen::Yes, change: change_at(index) }).collect()
}

pub fn packets() -> Vec<LadderRow> {
    let row = |number, flags: &str, back, change, latency: &str, note: &str| LadderRow {
        number,
        flags: flags.into(),
        outer: "10.88.0.2:40110".into(),
        inner: if back { "172.17.0.2:80" } else { "10.88.0.1:8088" }.into(),
        back,
        hops: hops(change),
        latency: latency.into(),
        note: note.into(),
    };
    let dnat = Some((1, ChangeKind::Dnat, "172.17.0.2:80"));
    let snat = Some((2, ChangeKind::Snat, "10.88.0.1:8088"));
    let mut rows = vec![
        row(1, "SYN", false, dnat, "424 µs", "rule #6"),
        row(2, "SYN ACK", true, snat, "258 µs", "ct entry"),
        row(3, "ACK", false, dnat, "24 µs", "ct entry"),
        row(4, "PSH ACK", false, dnat, "31 µs", "ct entry"),
        row(5, "ACK", true, snat, "", "lost at docker0"),
    ];
    rows[4].hops[1] = LadderHop { seen: Seen::Unsure, change: None };
    rows[4].hops[2] = LadderHop { seen: Seen::Dropped, change: None };
    rows[4].hops[0] = LadderHop { seen: Seen::No, change: None };
    rows
}

pub fn hop_details() -> Vec<DetailRow> {
    vec![
        DetailRow::change("destination", "10.88.0.1:8088", "172.17.0.2:80", "DNAT"),
        DetailRow::change("TTL", "64", "63", "the host routed"),
        DetailRow::change("MAC", "…:01", "…:02", "a new link"),
        DetailRow::change("length", "60", "60", ""),
        DetailRow::fact("checksum", "0x1c46, right"),
    ]
}

pub fn rules() -> Vec<DetailRow> {
    vec![
        DetailRow::change("nat PREROUTING", "fib daddr type local", "DOCKER", ""),
        DetailRow::fact("nat DOCKER", "#6  tcp dport 8088 dnat to 172.17.0.2:80"),
        DetailRow::change("filter FORWARD", "#5  oifname docker0", "DOCKER", ""),
    ]
}

pub fn topology(count: usize) -> Topology {
    let names = ["web", "db", "cache", "job"];
    let port = |index: usize| TopologyPort {
        host: format!("veth{:04x}", 0x3a2f + index * 7),
        pair: Some((12 + 2 * index as u32, 2)),
        interface: "eth0".into(),
        container: names[index % 4].into(),
        address: format!("172.17.0.{}", index + 2),
        address6: if index == 1 { "fd17::3".into() } else { String::new() },
        ports: if index == 0 { "8088→80".into() } else { String::new() },
        up: index % 4 != 3,
    };
    let network = |name: &str, driver: &str, way, net: u8, ports| TopologyNetwork {
        name: name.into(),
        way,
        subnet: format!("172.{net}.0.0/16"),
        driver: driver.into(),
        interface: format!("br-{net:04}"),
        gateway: format!("172.{net}.0.1"),
        ports,
        ..TopologyNetwork::default()
    };
    let quiet =
        TopologyNetwork { name: "host".into(), driver: "host".into(), quiet: true, ..TopologyNetwork::default() };
    Topology {
        outside: TopologyNode::new("outside", "10.88.0.2"),
        uplink: TopologyNode::new("eth1", "10.88.0.1"),
        networks: vec![
            network("bridge", "bridge", TopologyWay::Nat, 17, (0..count).map(port).collect()),
            network("lan", "macvlan", TopologyWay::Direct, 18, Vec::new()),
            network("secret", "bridge internal", TopologyWay::Apart, 19, (0..count.min(1)).map(port).collect()),
            quiet,
        ],
    }
}

pub fn waves() -> Vec<WavesGroup> {
    let node = |name: &str, state: &str, tone, texts: [&str; 5], needs: &[usize]| WavesNode {
        name: name.into(),
        state: state.into(),
        tone,
        texts: texts.map(str::to_owned),
        needs: needs.to_vec(),
        waits: state.starts_with("waits"),
    };
    use WavesTone::{Good, Quiet, Warn};
    let shop = vec![
        node("db", "healthy", Good, ["mariadb:11", "", "1.2 %", "88 M", ""], &[]),
        node("cache", "running", Good, ["redis:7", "", "0.1 %", "4 M", ""], &[]),
        node("migrate", "exited 0", Quiet, ["shop-migrate", "", "", "", "after db healthy"], &[0]),
        node("web ×2", "starting", Warn, ["shop-web", "8080→80", "0.4 %", "12 M", "after cache, db"], &[0, 1, 2]),
        node(
            "mail",
            "waits for web",
            Warn,
            ["registry.example.com/team/mail:2", "", "", "", "after web healthy"],
            &[3],
        ),
    ];
    let group = |name: &str, state: &str, tone, note: &str, nodes| WavesGroup {
        name: name.into(),
        state: state.into(),
        tone,
        note: note.into(),
        nodes,
        ..WavesGroup::default()
    };
    vec![
        group(
            "blog",
            "not created",
            Quiet,
            "/srv/blog/compose.yaml",
            vec![node("site", "not created", Quiet, ["nginx", "", "", "", ""], &[])],
        ),
        group("shop", "running(4), exited(1)", Warn, "/srv/shop/compose.yaml", shop),
        WavesGroup {
            folded: true,
            wrong: true,
            ..group("wiki", "running(1)", Good, "compose.yaml:4:5: unknown key", vec![WavesNode::default()])
        },
    ]
}

pub fn tabs() -> Vec<Tab> {
    let titles = ["Containers", "Images", "Networks", "Volumes", "Trace"];
    titles.iter().enumerate().map(|(index, title)| Tab::new((index + 1).to_string(), *title)).collect()
}

pub fn hints() -> Vec<KeyHint> {
    let hints = [
        ("⏎", "inspect"),
        ("l", "logs"),
        ("e", "shell"),
        ("t", "trace"),
        ("s", "stop"),
        ("r", "restart"),
        ("d", "remove"),
        ("/", "filter"),
        (":", "command"),
        ("?", "help"),
    ];
    hints.iter().map(|(key, label)| KeyHint::new(*key, *label)).collect()
}

pub fn palette_items() -> Vec<PaletteItem> {
    let items = [
        ("start container", "start what was stopped", "S"),
        ("stop container", "SIGTERM, after 10 s SIGKILL", "s"),
        ("restart container", "stop and start", "r"),
        ("remove container", "with its upper layer", "d"),
        ("show logs", "follow what it writes", "l"),
        ("open shell", "exec -it … sh", "e"),
        ("trace packets", "tap by tap through NAT", "t"),
    ];
    let item = |(name, about, key): &(&str, &str, &str)| PaletteItem {
        name: (*name).into(),
        about: (*about).into(),
        key: (*key).into(),
    };
    items.iter().map(item).collect()
}

pub fn menu_items() -> Vec<MenuItem> {
    let item = |key: &str, label: &str, about: &str, danger| MenuItem {
        key: key.into(),
        label: label.into(),
        about: about.into(),
        danger,
    };
    vec![
        item("s", "stop", "porthole stop web", false),
        item("r", "restart", "porthole restart web", false),
        item("d", "remove", "porthole rm -f web", true),
    ]
}

pub fn help_groups() -> Vec<HelpGroup> {
    let group = |title: &str, keys: &[(&str, &str)]| HelpGroup {
        title: title.into(),
        keys: keys.iter().map(|(key, label)| (key.to_string(), label.to_string())).collect(),
    };
    vec![
        group(
            "Everywhere",
            &[("1-5", "go to a view"), ("tab", "next pane"), (":", "command line"), ("?", "this help"), ("q", "quit")],
        ),
        group("Lists", &[("j k", "down, up"), ("g G", "first, last"), ("/", "filter"), ("space", "mark")]),
        group("Containers", &[("e", "open a shell"), ("l", "logs"), ("t", "trace its packets"), ("d", "remove")]),
        group("Logs", &[("s", "follow"), ("w", "wrap"), ("t", "times"), ("n N", "next, previous match")]),
    ]
}

pub fn confirm() -> porthole_widgets::confirm::Confirm {
    porthole_widgets::confirm::Confirm {
        title: "Remove container".into(),
        object: "web (3f2a91c0d4e7), running since 3 min".into(),
        depends: vec!["published port 8088→80".into(), "4.2 MB in its upper layer".into()],
        command: "porthole rm -f web".into(),
        yes: false,
    }
}

pub const SHELL: &str = "\x1b[1;32m/ #\x1b[0m ip addr show eth0\r\n2: eth0@if12: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500\r\n    \
    link/ether \x1b[33m02:42:ac:11:00:02\x1b[0m brd ff:ff:ff:ff:ff:ff\r\n    inet \x1b[36m172.17.0.2/16\x1b[0m scope global eth0\r\n\x1b[1;32m/ #\x1b[0m ";

/// A Dockerfile with an error and a warning.
pub fn source() -> Source {
    let text = "# syntax=docker/dockerfile:1\nFROM debian:12 as base\nARG VERSION=1.2\nENV PATH=\"/opt/$VERSION/bin:$PATH\"\n\nRUN --mount=type=cache,target=/c <<-EOF\n\tmake -C /src \"VERSION=$VERSION\"\nEOF\nRNU strip /opt/bin/app\nCOPY --from=base /opt /opt\n";
    let mut source = Source::new(text, Language::Dockerfile);
    let mark = |line, column, severity, message: &str| Mark {
        lines: line..=line,
        column,
        severity,
        message: message.to_owned(),
    };
    source.set_marks(vec![
        mark(1, None, Severity::Warning, "FromAsCasing: 'as' and 'FROM' keywords' casing do not match"),
        mark(8, Some(0), Severity::Error, "unknown instruction: RNU (did you mean RUN?)"),
    ]);
    source.go_to(8, 3);
    source
}
