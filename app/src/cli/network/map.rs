//! `network map`.

use crate::cli::{Outcome, output};
use clap::Args;
use porthole_engine::Engine;
use porthole_engine::network::mac_text;
use porthole_engine::network::map::{Far, Interface, Map, Namespace, Route};
use std::process::ExitCode;

// `network map`.
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
        interface.kind_text(),
        interface.numbers_text(),
        interface.state_text(),
        interface.mac.map_or_else(none, mac_text),
        if interface.addresses.is_empty() { none() } else { interface.addresses_text() },
        map.leads_to(namespace, interface),
    ]
}

fn stations(map: &Map) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for bridge in map.namespaces.iter().flat_map(|namespace| &namespace.interfaces) {
        rows.extend(bridge.fdb.iter().map(|station| {
            vec![
                bridge.ifname.clone(),
                mac_text(station.mac),
                station.ifname.clone(),
                station.state.name().to_owned(),
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
    let text = |address: Option<std::net::IpAddr>| address.map_or_else(none, |address| address.to_string());
    let by = match route.nexthops.as_slice() {
        [] => text(route.gateway),
        hops => hops.iter().map(|hop| text(hop.gateway)).collect::<Vec<_>>().join(", "),
    };
    vec![
        title.to_owned(),
        route.table.clone(),
        route.destination_text(),
        by,
        route.ifname.clone().unwrap_or_else(none),
        text(route.source),
        route.metric.map_or_else(none, |metric| metric.to_string()),
    ]
}
