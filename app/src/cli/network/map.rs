//! `network map`.

use crate::cli::{Outcome, output};
use clap::Args;
use porthole_engine::Engine;
use porthole_engine::network::mac_text;
use porthole_engine::network::map::{Address, Far, Interface, Map, Namespace, Route, StationState};
use std::process::ExitCode;

/// `network map`.
#[derive(Debug, Args)]
pub struct MapArgs {
    /// Print it as one JSON document
    #[arg(long)]
    json: bool,
}

const INTERFACES: [&str; 7] = ["INTERFACE", "KIND", "IF", "STATE", "MAC", "ADDRESS", "LEADS TO"];
const STATIONS: [&str; 6] = ["BRIDGE", "MAC", "BEHIND", "STATE", "VLAN", "AGE"];
const NEIGHBOURS: [&str; 5] = ["NEIGHBOURS OF", "ADDRESS", "MAC", "ON", "STATE"];
const ROUTES: [&str; 7] = ["ROUTES OF", "TABLE", "DESTINATION", "BY", "ON", "SOURCE", "METRIC"];

/// Shows the network as the kernel has it.
pub fn map(engine: &Engine, arguments: &MapArgs) -> Outcome {
    let map = engine.network_map()?;
    if arguments.json {
        output::line(&serde_json::to_string_pretty(&map).map_err(std::io::Error::from)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let tables: [(&[&str], Vec<Vec<String>>); 4] = [
        (&INTERFACES, interfaces(&map)),
        (&STATIONS, stations(&map)),
        (&NEIGHBOURS, neighbours(&map)),
        (&ROUTES, routes(&map)),
    ];
    for (at, (titles, rows)) in tables.iter().filter(|(_, rows)| !rows.is_empty()).enumerate() {
        if at > 0 {
            output::line("")?;
        }
        output::table(titles, rows)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn none() -> String {
    "-".to_owned()
}

/// Each namespace as a tree: bridges with their ports, parents with their children.
fn interfaces(map: &Map) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for namespace in &map.namespaces {
        rows.push(heading(namespace));
        let roots: Vec<&Interface> = namespace.interfaces.iter().filter(|i| is_root(i, namespace)).collect();
        for (at, interface) in roots.iter().enumerate() {
            branch(map, namespace, interface, "", at + 1 == roots.len(), &mut rows);
        }
    }
    rows
}

/// The line of a namespace itself, with the number that `readlink /proc/PID/ns/net` shows.
fn heading(namespace: &Namespace) -> Vec<String> {
    let inode = format!("net:[{}]", namespace.inode);
    vec![namespace.title(), "netns".to_owned(), none(), none(), none(), none(), inode]
}

/// Whether an interface hangs on no other of its own namespace.
fn is_root(interface: &Interface, namespace: &Namespace) -> bool {
    let on_parent = |far: &Far| interface.is_child() && far.namespace == Some(namespace.inode);
    interface.master.is_none() && !interface.link.as_ref().is_some_and(on_parent)
}

fn branch(
    map: &Map,
    namespace: &Namespace,
    interface: &Interface,
    indent: &str,
    last: bool,
    rows: &mut Vec<Vec<String>>,
) {
    let mut row = row(map, namespace, interface);
    row[0] = format!("{indent}{} {}", if last { "╰─" } else { "├─" }, interface.ifname);
    rows.push(row);
    let indent = format!("{indent}{}", if last { "   " } else { "│  " });
    let own_children =
        map.children(namespace.inode, interface.ifindex).filter(|(there, _)| there.inode == namespace.inode);
    let below: Vec<&Interface> =
        namespace.ports(interface.ifindex).chain(own_children.map(|(_, child)| child)).collect();
    for (at, child) in below.iter().enumerate() {
        branch(map, namespace, child, &indent, at + 1 == below.len(), rows);
    }
}

fn row(map: &Map, namespace: &Namespace, interface: &Interface) -> Vec<String> {
    vec![
        String::new(),
        kind(interface),
        numbers(interface),
        state(interface),
        interface.mac.map_or_else(none, mac_text),
        addresses(&interface.addresses),
        leads_to(map, namespace, interface),
    ]
}

/// `macvlan bridge`, `vlan 10`.
fn kind(interface: &Interface) -> String {
    let kind = if interface.kind.is_empty() { "physical" } else { &interface.kind };
    let vlan = interface.vlan.map(|vlan| vlan.to_string());
    let more = interface.mode.clone().or(vlan);
    more.map_or_else(|| kind.to_owned(), |more| format!("{kind} {more}"))
}

/// Its number, and that of what it hangs on: `5⇄2`, `7→3`.
fn numbers(interface: &Interface) -> String {
    match &interface.link {
        Some(far) if interface.is_child() => format!("{}→{}", interface.ifindex, far.ifindex),
        Some(far) => format!("{}⇄{}", interface.ifindex, far.ifindex),
        None => interface.ifindex.to_string(),
    }
}

/// Of a port what the bridge does with it: `forwarding, hairpin`.
fn state(interface: &Interface) -> String {
    let link = match (interface.up, interface.carrier) {
        (false, _) => "down",
        (true, false) => "no carrier",
        (true, true) => "up",
    };
    let Some(port) = interface.port.as_ref().filter(|_| interface.up && interface.carrier) else {
        return link.to_owned();
    };
    let set = [(port.hairpin, "hairpin"), (port.isolated, "isolated"), (port.locked, "locked")];
    let unset = [(port.learning, "no learning"), (port.flood, "no flood")];
    let more = set.iter().filter(|(is, _)| *is).chain(unset.iter().filter(|(is, _)| !*is)).map(|(_, name)| *name);
    [port.state].into_iter().chain(more).collect::<Vec<_>>().join(", ")
}

fn addresses(addresses: &[Address]) -> String {
    if addresses.is_empty() {
        return none();
    }
    addresses.iter().map(Address::to_string).collect::<Vec<_>>().join(", ")
}

/// What is at the other end: `web eth0 172.17.0.2/16`, `host veth1 port 2 of docker0`, the children of a parent elsewhere.
fn leads_to(map: &Map, namespace: &Namespace, interface: &Interface) -> String {
    let elsewhere =
        map.children(namespace.inode, interface.ifindex).filter(|(there, _)| there.inode != namespace.inode);
    let ends = elsewhere.map(|(there, child)| end(there, child));
    let own = interface.link.as_ref().filter(|far| far.namespace != Some(namespace.inode) || !interface.is_child());
    let own = own.map(|far| match map.far(far) {
        Some((there, interface)) => end(there, interface),
        None => format!("if {} of an unknown namespace", far.ifindex),
    });
    own.into_iter().chain(ends).collect::<Vec<_>>().join("; ")
}

fn end(namespace: &Namespace, interface: &Interface) -> String {
    let bridge = interface.master.and_then(|master| namespace.interface(master));
    let port = interface.port.as_ref().zip(bridge);
    let place = port.map(|(port, bridge)| format!("port {} of {}", port.number, bridge.ifname));
    let first = interface.addresses.first().map(Address::to_string);
    let words = [Some(namespace.title()), Some(interface.ifname.clone()), place.or(first)];
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn stations(map: &Map) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for bridge in map.namespaces.iter().flat_map(|namespace| &namespace.interfaces) {
        rows.extend(bridge.fdb.iter().map(|station| {
            let state = match station.state {
                StationState::Learned => "learned",
                StationState::Permanent => "permanent",
                StationState::Static => "static",
            };
            vec![
                bridge.ifname.clone(),
                mac_text(station.mac),
                station.ifname.clone(),
                state.to_owned(),
                station.vlan.map_or_else(none, |vlan| vlan.to_string()),
                station.age.map_or_else(none, |age| format!("{age} s")),
            ]
        }));
    }
    rows
}

fn neighbours(map: &Map) -> Vec<Vec<String>> {
    let of = |namespace: &Namespace| {
        let title = namespace.title();
        let row = namespace.neighbours.iter().map(move |neighbour| {
            vec![
                title.clone(),
                neighbour.address.to_string(),
                neighbour.mac.map_or_else(none, mac_text),
                neighbour.ifname.clone(),
                neighbour.state.to_owned(),
            ]
        });
        row.collect::<Vec<_>>()
    };
    map.namespaces.iter().flat_map(of).collect()
}

fn routes(map: &Map) -> Vec<Vec<String>> {
    let of = |namespace: &Namespace| {
        let title = namespace.title();
        namespace.routes.iter().map(move |route| route_row(&title, route)).collect::<Vec<_>>()
    };
    map.namespaces.iter().flat_map(of).collect()
}

fn route_row(title: &str, route: &Route) -> Vec<String> {
    let destination = route.destination.map_or_else(|| "default".to_owned(), |to| to.to_string());
    let destination = if route.kind == "unicast" { destination } else { format!("{} {destination}", route.kind) };
    let text = |address: Option<std::net::IpAddr>| address.map_or_else(none, |address| address.to_string());
    let by = match route.nexthops.as_slice() {
        [] => text(route.gateway),
        hops => hops.iter().map(|hop| text(hop.gateway)).collect::<Vec<_>>().join(", "),
    };
    vec![
        title.to_owned(),
        route.table.clone(),
        destination,
        by,
        route.ifname.clone().unwrap_or_else(none),
        text(route.source),
        route.metric.map_or_else(none, |metric| metric.to_string()),
    ]
}
