//! Golden screens: what a reader sees, at four sizes.

use super::fixture::{self, press, screen};
use super::message::{Effect, Msg, Ran, ShellId};
use super::model::Model;
use super::model::trace::TraceUpdate;
use super::update::update;

const SIZES: [(u16, u16); 4] = [(80, 24), (120, 40), (200, 50), (40, 12)];

/// Draws a state at every size and compares each with its golden screen.
fn golden(name: &str, state: impl Fn(u16, u16) -> Model) {
    for (columns, rows) in SIZES {
        let mut model = state(columns, rows);
        insta::assert_snapshot!(format!("{name}_{columns}x{rows}"), screen(&mut model));
    }
}

fn traced(columns: u16, rows: u16) -> Model {
    let mut model = fixture::workstation(columns, rows);
    press(&mut model, "t");
    update(&mut model, Msg::Trace(TraceUpdate::Ready));
    update(&mut model, Msg::Trace(TraceUpdate::Snapshot(fixture::trace())));
    press(&mut model, "ll");
    model
}

#[test]
fn before_anything_is_read() {
    golden("unread", fixture::unread);
}

#[test]
fn welcome() {
    golden("welcome", fixture::empty);
}

#[test]
fn containers_and_a_log() {
    golden("containers", fixture::workstation);
}

#[test]
fn containers_in_trouble() {
    golden("trouble", |columns, rows| fixture::in_trouble(columns, rows, ""));
}

#[test]
fn why_a_container_failed() {
    golden("typo", |columns, rows| fixture::in_trouble(columns, rows, "typo"));
    golden("hungry", |columns, rows| fixture::in_trouble(columns, rows, "hungry"));
}

#[test]
fn what_a_container_uses() {
    golden("stats", |columns, rows| {
        let mut model = fixture::in_trouble(columns, rows, "");
        fixture::history(&mut model);
        press(&mut model, "u");
        model
    });
}

#[test]
fn the_limits_of_a_container() {
    golden("limits", |columns, rows| {
        let mut model = fixture::in_trouble(columns, rows, "");
        press(&mut model, "U<ctrl-u>1g<tab><tab><tab><tab>many");
        model
    });
}

#[test]
fn a_log_searched() {
    golden("search", |columns, rows| {
        let mut model = fixture::workstation(columns, rows);
        press(&mut model, "l/404");
        model
    });
}

#[test]
fn images() {
    golden("images", |columns, rows| {
        let mut model = fixture::workstation(columns, rows);
        press(&mut model, "2");
        let generation = model.detail.generation;
        update(&mut model, Msg::Files(generation, Ok(fixture::stack())));
        model
    });
}

#[test]
fn builds() {
    golden("no_builds", |columns, rows| {
        let mut model = fixture::workstation(columns, rows);
        press(&mut model, "8");
        model
    });
    golden("building", fixture::builds::building);
    golden("build_failed", fixture::builds::failed);
    golden("build_form", |columns, rows| {
        let mut model = fixture::builds::failed(columns, rows);
        press(&mut model, "nshop<tab><tab>shop:2<tab><tab>VERSION=2");
        model
    });
    golden("dockerfile", |columns, rows| {
        let mut model = fixture::builds::editing(columns, rows);
        press(&mut model, "<home><enter><up>RNU true");
        update(&mut model, Msg::Clock(fixture::NOW + 1_000_000_000));
        model
    });
}

#[test]
fn volumes() {
    golden("volumes", |columns, rows| {
        let mut model = fixture::workstation(columns, rows);
        press(&mut model, "4");
        let value = serde_json::json!({ "Name": "dbdata", "Driver": "local", "Mountpoint": "/var/lib/porthole/volumes/dbdata/_data", "Labels": null });
        let generation = model.detail.generation;
        update(&mut model, Msg::Inspected(generation, Ok(value)));
        model
    });
}

#[test]
fn forensics_of_a_container() {
    golden("forensics", |columns, rows| {
        let mut model = fixture::workstation(columns, rows);
        let effects = press(&mut model, "F");
        let job =
            effects.iter().find_map(|effect| if let Effect::Run { job, .. } = effect { Some(*job) } else { None });
        let job = job.expect("it is run");
        update(&mut model, Msg::Ran(Ran { job, code: 0, stdout: String::new(), stderr: String::new() }));
        model
    });
}

#[test]
fn files() {
    let opened = |columns, rows| {
        let mut model = fixture::workstation(columns, rows);
        press(&mut model, "f");
        let generation = model.detail.generation;
        update(&mut model, Msg::Files(generation, Ok(fixture::stack())));
        model
    };
    golden("files", |columns, rows| {
        let mut model = opened(columns, rows);
        press(&mut model, "/passwd<enter>");
        model
    });
    golden("layer", |columns, rows| {
        let mut model = opened(columns, rows);
        press(&mut model, "z../motd<enter>");
        model
    });
}

#[test]
fn a_registry() {
    golden("registry", |columns, rows| {
        let mut model = fixture::workstation(columns, rows);
        press(&mut model, "2blocalhost:5000<enter>");
        let names = ["debian", "team/web", "team/worker"].map(str::to_owned).to_vec();
        update(&mut model, Msg::Repositories("localhost:5000".into(), Ok(names)));
        press(&mut model, "tw");
        model
    });
}

#[test]
fn all_that_is_known_as_a_tree() {
    golden("inspect", |columns, rows| {
        let mut model = fixture::workstation(columns, rows);
        press(&mut model, "i");
        fixture::inspected(&mut model);
        press(&mut model, "/refused<enter>");
        model
    });
}

#[test]
fn processes() {
    golden("top", |columns, rows| {
        let mut model = fixture::workstation(columns, rows);
        press(&mut model, "P");
        fixture::processes(&mut model, 1);
        fixture::processes(&mut model, 2);
        press(&mut model, "oooG");
        model
    });
}

#[test]
fn networks() {
    golden("networks", |columns, rows| {
        let mut model = fixture::workstation(columns, rows);
        press(&mut model, "3jj");
        fixture::linked(&mut model);
        model
    });
    golden("network", |columns, rows| {
        let mut model = fixture::workstation(columns, rows);
        press(&mut model, "3jjj");
        fixture::inspected_network(&mut model);
        model
    });
    golden("links", |columns, rows| {
        let mut model = fixture::workstation(columns, rows);
        press(&mut model, "3jj");
        fixture::linked(&mut model);
        press(&mut model, "<tab>jjjjjjj");
        model
    });
}

#[test]
fn a_new_network() {
    golden("new_network", |columns, rows| {
        let mut model = fixture::workstation(columns, rows);
        press(&mut model, "3nlan2<tab>m<tab>10.9.0/24");
        model
    });
}

#[test]
fn a_container_to_connect() {
    golden("connect", |columns, rows| {
        let mut model = fixture::workstation(columns, rows);
        press(&mut model, "3jjjc");
        model
    });
}

#[test]
fn events() {
    golden("events", |columns, rows| {
        let mut model = fixture::workstation(columns, rows);
        press(&mut model, "6");
        update(&mut model, Msg::Events(fixture::events()));
        press(&mut model, "kk");
        model
    });
}

#[test]
fn projects() {
    golden("projects", |columns, rows| {
        let mut model = fixture::projects::opened(columns, rows, false);
        fixture::projects::said(&mut model);
        model
    });
    golden("project_service", |columns, rows| {
        let mut model = fixture::projects::opened(columns, rows, false);
        press(&mut model, "jjjji");
        model
    });
    golden("project_file", |columns, rows| {
        let mut model = fixture::projects::opened(columns, rows, false);
        press(&mut model, "jjjjf");
        model
    });
    golden("project_broken", |columns, rows| {
        let mut model = fixture::projects::opened(columns, rows, true);
        press(&mut model, "]");
        model
    });
    golden("project_down", |columns, rows| {
        let mut model = fixture::projects::opened(columns, rows, false);
        press(&mut model, "d");
        model
    });
}

#[test]
fn the_trace() {
    golden("trace", traced);
}

#[test]
fn the_bytes_of_a_packet() {
    golden("bytes", |columns, rows| {
        let mut model = traced(columns, rows);
        press(&mut model, "<enter>");
        model
    });
}

#[test]
fn a_question() {
    golden("confirm", |columns, rows| {
        let mut model = fixture::workstation(columns, rows);
        press(&mut model, "d");
        model
    });
}

#[test]
fn help() {
    golden("help", |columns, rows| {
        let mut model = fixture::workstation(columns, rows);
        press(&mut model, "?");
        model
    });
}

#[test]
fn a_command_line_with_offers() {
    golden("command", |columns, rows| {
        let mut model = fixture::workstation(columns, rows);
        press(&mut model, ":stop ");
        model
    });
}

#[test]
fn the_palette() {
    golden("palette", |columns, rows| {
        let mut model = fixture::workstation(columns, rows);
        press(&mut model, "<ctrl-p>st");
        model
    });
}

#[test]
fn a_shell() {
    golden("shell", |columns, rows| {
        let mut model = fixture::workstation(columns, rows);
        press(&mut model, "e");
        let text =
            b"/ # ip addr show eth0\r\n2: \x1b[36meth0@if12\x1b[0m: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500\r\n/ # ";
        update(&mut model, Msg::ShellOutput(ShellId(0), text.to_vec()));
        model
    });
}

#[test]
fn a_failure_in_the_corner() {
    golden("failure", |columns, rows| {
        let mut model = fixture::workstation(columns, rows);
        press(&mut model, "S");
        model.complain("Error: port 8088 is in use by process nginx (812): publish another one");
        model
    });
}
