//! `report.md`: what a reader should see first.

use super::Case;
use super::changes::{Changed, escape, word};
use super::secrets;
use crate::container::config::NetworkMode;
use crate::container::namespaces::PidMode;
use crate::inside::{Change, Kind};
use serde_json::Value;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;

/// More lines of a kind are not shown: the whole is beside the report.
const MOST_LINES: usize = 50;

const SET_ID: u32 = 0o6000;
const EXECUTABLE: u32 = 0o111;

/// What was gathered, as far as the report tells of it.
pub struct Seen {
    /// `mounts.json`.
    pub mounts: Option<Value>,
    /// `processes.json`.
    pub processes: Option<Value>,
    /// `network.json`.
    pub network: Option<Value>,
    /// What the container changed.
    pub changes: Option<Vec<Changed>>,
}

/// Writes the report.
pub fn write(case: &Case<'_>, seen: &Seen, failures: &[String]) -> String {
    let mut report = format!("# Container {}\n\n", case.config.name);
    if let Some(at) = case.options.at {
        let _ = writeln!(report, "Gathered at {at}.\n");
    }
    section(&mut report, "What it is", &about(case));
    section(&mut report, "What deserves a look", &findings(case, seen));
    section(&mut report, "Processes", &lines(seen.processes.as_ref(), process));
    section(&mut report, "Mounts", &lines(seen.mounts.as_ref().map(|mounts| &mounts["Mounts"]), mount));
    section(&mut report, "Sockets", &lines(seen.network.as_ref().map(|network| &network["Sockets"]), socket));
    let connections = seen.network.as_ref().map(|network| &network["ConnectionsOnHost"]);
    section(&mut report, "Connections, as the host tracks them", &lines(connections, connection));
    section(&mut report, "Changes of its files", &changes(seen.changes.as_deref()));
    section(&mut report, "What could not be gathered", failures);
    report
}

fn section(report: &mut String, title: &str, lines: &[String]) {
    let _ = writeln!(report, "## {title}\n");
    if lines.is_empty() {
        report.push_str("Nothing.\n");
    }
    for line in lines.iter().take(MOST_LINES) {
        let _ = writeln!(report, "- {line}");
    }
    if lines.len() > MOST_LINES {
        let _ = writeln!(report, "- and {} more", lines.len() - MOST_LINES);
    }
    report.push('\n');
}

fn about(case: &Case<'_>) -> Vec<String> {
    let (config, state) = (&case.config, &case.live.state);
    let command = config.argv().join(" ");
    let command = if case.options.secrets { command } else { secrets::mask_command(&command) };
    let created =
        jiff::Timestamp::from_nanosecond(config.created.into()).map_or_else(|_| "?".into(), |time| time.to_string());
    let mut about = vec![
        format!("id: {}", config.id),
        format!("image: {} ({})", config.image, config.image_id),
        format!("created: {created}"),
        format!(
            "state: {}",
            serde_json::to_value(state.status)
                .ok()
                .and_then(|status| Some(status.as_str()?.to_owned()))
                .unwrap_or_default()
        ),
    ];
    about.extend(state.started_at.as_ref().map(|time| format!("started: {time}")));
    about.extend(state.finished_at.as_ref().map(|time| format!("ended: {time}")));
    about.extend(state.exit_code.map(|code| format!("exit code: {code}")));
    about.push(format!("command: {}", code(&command)));
    about.push(format!("user: {}", if config.user.is_empty() { "root" } else { &config.user }));
    about.push(format!("network: {}", config.network()));
    about
}

/// What gives a container power over the host, and what it did that containers seldom do.
fn findings(case: &Case<'_>, seen: &Seen) -> Vec<String> {
    let host = &case.config.host;
    let mut found = Vec::new();
    if host.privileged {
        found.push("it is privileged: its root is the host's root".to_owned());
    }
    if !host.cap_add.is_empty() {
        found.push(format!("it was given the capabilities {}", host.cap_add.join(", ")));
    }
    if host.network == NetworkMode::Host {
        found.push("it is in the host's network".to_owned());
    }
    if host.namespaces.pid == PidMode::Host {
        found.push("it sees the host's processes".to_owned());
    }
    let writable = host.binds.iter().filter(|bind| !bind.read_only);
    found.extend(writable.map(|bind| format!("it may write to {} of the host", code(&bind.source.to_string_lossy()))));
    if case.live.state.oom_killed {
        found.push("the kernel killed a process of it for lack of memory".to_owned());
    }
    if case.live.monitor_lost {
        found.push("its monitor was killed while it runs".to_owned());
    }
    for change in seen.changes.iter().flatten() {
        let Some(object) = change.object.filter(|object| object.kind == Kind::File) else { continue };
        let path = path(change);
        if object.mode & SET_ID != 0 {
            found.push(format!("{path} runs as another user or group (mode {:04o})", object.mode));
        } else if object.mode & EXECUTABLE != 0 {
            let word = if change.change == Change::Changed { "was replaced" } else { "is new" };
            found.push(format!("the program {path} {word}"));
        }
    }
    found
}

fn changes(changes: Option<&[Changed]>) -> Vec<String> {
    changes.unwrap_or_default().iter().map(|change| format!("{} {}", word(change.change), path(change))).collect()
}

fn path(change: &Changed) -> String {
    code(&escape(change.path.as_os_str().as_bytes()))
}

fn lines(values: Option<&Value>, line: fn(&Value) -> String) -> Vec<String> {
    values.and_then(Value::as_array).into_iter().flatten().map(line).collect()
}

fn process(process: &Value) -> String {
    format!("{} (user {}): {}", process["Pid"], process["Uid"], code(text(&process["Command"])))
}

fn mount(mount: &Value) -> String {
    // The kernel's list and the specification's write these names differently.
    let of = |names: [&str; 2]| names.iter().find_map(|name| mount[*name].as_str()).unwrap_or("-");
    let (target, kind, source) = (of(["Destination", "destination"]), of(["Type", "type"]), of(["Source", "source"]));
    format!("{}: {kind} {}", code(target), code(source))
}

fn socket(socket: &Value) -> String {
    let state = socket["State"].as_str().unwrap_or("");
    format!("{} {} → {} {state}", text(&socket["Kind"]), text(&socket["Local"]), text(&socket["Remote"]))
        .trim_end()
        .to_owned()
}

fn connection(connection: &Value) -> String {
    format!("{} {}", text(&connection["Original"]), connection["State"].as_str().unwrap_or("")).trim_end().to_owned()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

/// Text of a stranger, as it is and on one line.
fn code(text: &str) -> String {
    format!("`{}`", escape(text.as_bytes()).replace('`', "'"))
}
