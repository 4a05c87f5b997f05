//! From the engine's types to what the workstation shows.

use super::projects;
use crate::tui::human;
use crate::tui::message::{FileText, Msg, Reload, Subject};
use crate::tui::source::{Container, Image, Link, Network, Networks, Phase, Place, Port, Process, Sample, Volume};
use crate::tui::workstation::now;
use porthole_engine::images::{Reference, ReferenceError};
use porthole_engine::inside::{Source, Stack};
use porthole_engine::network::port::Protocol;
use porthole_engine::network::{Driver, Interface, PublishedPort, Subnet, links, outside, uplink};
use porthole_engine::runtime::state::Status;
use porthole_engine::{Connected, ContainerSummary, Engine, NetworkSummary, VolumeSummary};
use std::io::Read;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

/// So much of a file is shown.
const MOST_TEXT: u64 = 1_000_000;

/// Reads a list.
pub fn load(engine: &Engine, list: Reload) -> Msg {
    match list {
        Reload::Containers => Msg::Containers(containers(engine).map_err(|error| error.to_string())),
        Reload::Images => Msg::Images(images(engine).map_err(|error| error.to_string())),
        Reload::Volumes => Msg::Volumes(volumes(engine).map_err(|error| error.to_string())),
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
        member: projects::member(&summary),
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
        bridge: summary.bridge,
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
        let mut names: Vec<Option<String>> = summary.shown_references().map(|name| Some(name.to_string())).collect();
        if names.is_empty() {
            names.push(None);
        }
        let image = |name| Image { id: summary.id.to_string(), name, size: summary.size, created, used_by: Vec::new() };
        rows.extend(names.into_iter().map(image));
    }
    Ok(rows)
}

fn volumes(engine: &Engine) -> porthole_engine::Result<Vec<Volume>> {
    let volume = |summary: VolumeSummary| Volume {
        anonymous: summary.is_anonymous(),
        mountpoint: summary.mountpoint.display().to_string(),
        created: nanoseconds(&summary.created).unwrap_or(0),
        name: summary.name,
        driver: summary.driver.to_owned(),
        used_by: summary.used_by,
    };
    Ok(engine.volumes()?.into_iter().map(volume).collect())
}

/// How the host is joined to outside and to the containers, by which networks.
pub fn networks(engine: &Engine) -> Result<Networks, String> {
    let links = links().map_err(|error| format!("cannot list the links: {error}"))?;
    let network = engine.network();
    let outside = outside::status(&network).map_err(|error| error.to_string())?;
    let uplink = match &outside {
        Some(outside) => links.iter().find(|link| link.name == outside.host_interface).map(named),
        None => uplink().map_err(|error| format!("cannot read the routes: {error}"))?.as_ref().map(named),
    };
    let bridge = bridge(engine, &links)?;
    let summaries = engine.networks().map_err(|error| error.to_string())?;
    let mut all: Vec<Network> =
        summaries.into_iter().map(|summary| described(summary, bridge.as_ref(), &links)).collect();
    // Where containers are by themselves comes first, what has no addresses of its own last.
    all.sort_by_key(|network| (!network.takes_containers(), !network.predefined));
    Ok(Networks {
        bridge,
        uplink,
        outside: outside.map(|outside| outside.address),
        pairs: links.iter().filter_map(pair).collect(),
        all,
    })
}

fn described(summary: NetworkSummary, default: Option<&Link>, links: &[Interface]) -> Network {
    let NetworkSummary { config, containers, used_by } = summary;
    let interface = match config.driver {
        Driver::Bridge if config.is_predefined() => default.map(|bridge| bridge.name.clone()),
        Driver::Bridge => config.bridge.clone().filter(|name| links.iter().any(|link| link.name == *name)),
        _ => config.parent().map(str::to_owned),
    };
    let idle = used_by.into_iter().filter(|name| !containers.iter().any(|connected| connected.name == *name));
    let idle: Vec<Place> = idle.map(|container| Place { container, ..Place::default() }).collect();
    let mut places: Vec<Place> = containers.into_iter().map(place).chain(idle).collect();
    places.sort_by(|one, other| one.container.cmp(&other.container));
    let mut subnets = config.subnets();
    subnets.sort_by_key(Subnet::is_ipv6);
    Network {
        predefined: config.is_predefined(),
        masquerade: config.masquerade(),
        subnets,
        gateways: config.pools.iter().filter_map(|pool| pool.gateway).collect(),
        interface,
        id: config.id,
        name: config.name,
        driver: config.driver,
        internal: config.internal,
        ipv6: config.ipv6,
        places,
    }
}

fn place(connected: Connected) -> Place {
    let endpoint = connected.endpoint;
    Place {
        container: connected.name,
        addresses: endpoint.addresses.iter().map(|address| address.address).collect(),
        interface: endpoint.interface,
        host: endpoint.host_interface,
        ports: endpoint.ports.iter().map(port).collect(),
    }
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

/// All that is known of something.
pub fn inspect(engine: &Engine, subject: &Subject) -> Result<serde_json::Value, String> {
    let known = match subject {
        Subject::Container(id) => engine.inspect(id),
        Subject::Image(name) => engine.inspect_image(name),
        Subject::Volume(name) => engine.inspect_volume(name),
        Subject::Network(name) => engine.inspect_network(name),
    };
    known.map_err(|error| error.to_string())
}

/// The tags of a repository of a registry.
pub fn tags(engine: &Engine, host: &str, repository: &str) -> Result<Vec<String>, String> {
    let name: Reference = format!("{host}/{repository}").parse().map_err(|error: ReferenceError| error.to_string())?;
    engine.tags(&name).map_err(|error| error.to_string())
}

/// The layers and files of an image or a container.
pub fn files(engine: &Engine, subject: &Subject) -> Result<Arc<Stack>, String> {
    let (Subject::Container(name) | Subject::Image(name) | Subject::Volume(name) | Subject::Network(name)) = subject;
    engine.inside(name).map(Arc::new).map_err(|error| error.to_string())
}

/// What is in a file of a layer, as far as somebody may want to read.
pub fn file_text(source: &Source, path: &Path) -> Result<FileText, String> {
    let shown = path.display();
    let file = source.open(path).map_err(|error| error.to_string())?;
    let length = file.metadata().map_err(|error| format!("{shown}: {error}"))?.len();
    let mut bytes = Vec::new();
    file.take(MOST_TEXT).read_to_end(&mut bytes).map_err(|error| format!("{shown}: {error}"))?;
    let title = match length > MOST_TEXT {
        true => format!("{shown}, the first {} of {}", human::size(MOST_TEXT), human::size(length)),
        false => shown.to_string(),
    };
    let text = match bytes.contains(&0) {
        true => format!("{} that are no text", human::size(length)),
        false if bytes.is_empty() => "an empty file".to_owned(),
        false => String::from_utf8_lossy(&bytes).into_owned(),
    };
    Ok(FileText { title, text })
}

/// The processes of a container, and when that was.
pub fn processes(engine: &Engine, container: &str) -> Result<(i64, Vec<Process>), String> {
    let at = now();
    let process = |process: porthole_engine::Process| Process {
        pid: process.pid.to_string(),
        uid: process.uid,
        start: process.start,
        time: process.cpu_time(),
        cpu: None,
        command: process.command,
    };
    let processes = engine.processes(container).map_err(|error| error.to_string())?;
    Ok((at, processes.into_iter().map(process).collect()))
}
