//! From the engine's types to what the workstation shows.

use crate::tui::message::{Msg, Reload};
use crate::tui::source::{Container, Image, Link, Networks, Phase, Port, Sample};
use crate::tui::workstation::now;
use porthole_engine::network::port::Protocol;
use porthole_engine::network::{Interface, PublishedPort, links, outside, uplink};
use porthole_engine::runtime::state::Status;
use porthole_engine::{ContainerSummary, Engine};
use std::collections::HashMap;
use std::net::IpAddr;

/// Reads a list.
pub fn load(engine: &Engine, list: Reload) -> Msg {
    match list {
        Reload::Containers => Msg::Containers(containers(engine).map_err(|error| error.to_string())),
        Reload::Images => Msg::Images(images(engine).map_err(|error| error.to_string())),
        Reload::Networks => Msg::Networks(networks(engine)),
    }
}

fn containers(engine: &Engine) -> porthole_engine::Result<Vec<Container>> {
    Ok(engine.containers(true)?.into_iter().map(container).collect())
}

fn container(summary: ContainerSummary) -> Container {
    let time = |text: &Option<String>| text.as_deref().and_then(nanoseconds);
    let state = &summary.state;
    let phase = match state.status {
        Status::Created => Phase::Created,
        Status::Running => Phase::Running,
        Status::Paused => Phase::Paused,
        Status::Restarting => Phase::Restarting,
        Status::Exited => Phase::Exited,
        Status::Dead => Phase::Dead,
    };
    let started = time(&state.started_at);
    let since = match phase {
        Phase::Running | Phase::Paused => started,
        Phase::Restarting | Phase::Exited | Phase::Dead => time(&state.finished_at),
        Phase::Created => None,
    };
    Container {
        phase,
        since: since.unwrap_or(summary.created),
        created: summary.created,
        started: started.unwrap_or(0),
        exit_code: state.exit_code,
        error: state.error.clone(),
        oom_killed: state.oom_killed,
        stopped: state.stopped,
        restarts: state.restart_count,
        health: state.health,
        ports: summary.ports.iter().map(port).collect(),
        id: summary.id,
        name: summary.name,
        image: summary.image,
        image_id: summary.image_id,
        command: summary.command,
        monitor_lost: summary.monitor_lost,
        network: summary.network,
        address: summary.address,
        interface: summary.host_interface,
        resources: summary.resources,
        restart: summary.restart,
        load: None,
    }
}

fn port(port: &PublishedPort) -> Port {
    Port { host: port.host_port, container: port.container_port, udp: port.protocol == Protocol::Udp }
}

fn nanoseconds(text: &str) -> Option<i64> {
    let time: jiff::Timestamp = text.parse().ok()?;
    i64::try_from(time.as_nanosecond()).ok()
}

/// A row for each name, and one for each image that has none.
fn images(engine: &Engine) -> porthole_engine::Result<Vec<Image>> {
    let mut rows = Vec::new();
    for summary in engine.images()?.list()? {
        let created = summary.created.and_then(|time| i64::try_from(time.as_nanosecond()).ok()).unwrap_or(0);
        let mut names: Vec<Option<String>> = summary.references.iter().map(|name| Some(name.to_string())).collect();
        if names.is_empty() {
            names.push(None);
        }
        let image = |name| Image { id: summary.id.to_string(), name, size: summary.size, created, used_by: Vec::new() };
        rows.extend(names.into_iter().map(image));
    }
    Ok(rows)
}

/// How the host is joined to outside and to the containers.
pub fn networks(engine: &Engine) -> Result<Networks, String> {
    let links = links().map_err(|error| format!("cannot list the links: {error}"))?;
    let network = engine.network();
    let outside = outside::status(&network).map_err(|error| error.to_string())?;
    let uplink = match &outside {
        Some(outside) => links.iter().find(|link| link.name == outside.host_interface).map(named),
        None => uplink().map_err(|error| format!("cannot read the routes: {error}"))?.as_ref().map(named),
    };
    Ok(Networks {
        bridge: bridge(engine, &links)?,
        uplink,
        outside: outside.map(|outside| outside.address),
        pairs: links.iter().filter_map(pair).collect(),
    })
}

/// The bridge of this state root carries its mark; a container on it names it even if the mark is another's.
fn bridge(engine: &Engine, links: &[Interface]) -> Result<Option<Link>, String> {
    let mark = format!("porthole {}", engine.paths().root().display());
    let marked = links.iter().find(|link| link.kind == "bridge" && link.alias == mark);
    if let Some(link) = marked {
        return Ok(Some(named(link)));
    }
    let containers = engine.containers(false).map_err(|error| error.to_string())?;
    let name = containers.into_iter().find_map(|container| container.bridge);
    Ok(name.and_then(|name| links.iter().find(|link| link.name == name).map(named)))
}

fn named(link: &Interface) -> Link {
    let ipv4 = link.addresses.iter().find(|(address, _)| matches!(address, IpAddr::V4(_)));
    let address = ipv4.or(link.addresses.first());
    Link {
        name: link.name.clone(),
        address: address.map(|(address, prefix)| format!("{address}/{prefix}")).unwrap_or_default(),
    }
}

fn pair(link: &Interface) -> Option<(String, (u32, u32))> {
    Some((link.name.clone(), (link.index, link.peer?.index)))
}

/// What all running containers use.
pub fn usage(engine: &Engine) -> Result<Sample, String> {
    let usages = engine.usages(&[], false).map_err(|error| error.to_string())?;
    let running = usages.into_iter().filter_map(|usage| Some((usage.id, usage.running?)));
    Ok(Sample { at: now(), usages: running.collect() })
}

/// All that is known of a container or an image.
pub fn inspect(engine: &Engine, name: &str) -> Result<serde_json::Value, String> {
    engine.inspect(name).or_else(|_| engine.inspect_image(name)).map_err(|error| error.to_string())
}

/// The processes of a container as an aligned table.
pub fn top(engine: &Engine, container: &str) -> Result<String, String> {
    let table = engine.top(container).map_err(|error| error.to_string())?;
    let mut rows = vec![table.titles.iter().map(|title| (*title).to_owned()).collect::<Vec<String>>()];
    rows.extend(table.rows);
    Ok(align(&rows))
}

/// Columns as wide as their widest cell; the last may be as long as it likes.
fn align(rows: &[Vec<String>]) -> String {
    let mut widths: HashMap<usize, usize> = HashMap::new();
    for (column, cell) in rows.iter().flat_map(|row| row.iter().enumerate()) {
        let width = widths.entry(column).or_default();
        *width = (*width).max(cell.chars().count());
    }
    let line = |row: &Vec<String>| {
        let last = row.len().saturating_sub(1);
        let cell = |(column, text): (usize, &String)| {
            let width = if column == last { 0 } else { widths.get(&column).copied().unwrap_or(0) };
            format!("{text:width$}")
        };
        row.iter().enumerate().map(cell).collect::<Vec<_>>().join("  ")
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        assert_eq!(
            align(&[row(["PID", "TTY", "CMD"]), row(["1234", "?", "sleep 10"])]),
            "PID   TTY  CMD\n1234  ?    sleep 10"
        );
    }
}
