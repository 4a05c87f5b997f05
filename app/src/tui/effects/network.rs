//! The network as the kernel has it, as trees to look at.

use porthole_engine::Engine;
use porthole_engine::network::mac_text;
use porthole_engine::network::map::{Interface, Map, Namespace};
use porthole_engine::network::ruleset::Ruleset;
use serde_json::{Map as Object, Value, json};

/// A container's links with both ends, whom they and their bridges know, its routes, and the rules that its packets meet.
pub fn links(engine: &Engine, container: &str) -> Result<Value, String> {
    let map = engine.network_map().map_err(|error| error.to_string())?;
    let owned = |namespace: &&Namespace| namespace.containers.iter().any(|owner| owner.id == container);
    let Some(namespace) = map.namespaces.iter().find(owned) else {
        return Err("it does not run, and has no links".to_owned());
    };
    let rules = engine.network_rules(Some(container)).map_err(|error| error.to_string())?;
    let mut tree = of_namespace(&map, namespace);
    tree["Rules"] = of_rules(&rules);
    Ok(tree)
}

/// The rules that packets of a network meet.
pub fn rules(engine: &Engine, network: &str) -> Result<Value, String> {
    engine.rules_of_network(network).map(|rules| of_rules(&rules)).map_err(|error| error.to_string())
}

/// All namespaces with their interfaces.
pub fn map(engine: &Engine) -> Result<Value, String> {
    let map = engine.network_map().map_err(|error| error.to_string())?;
    Ok(whole(&map))
}

fn whole(map: &Map) -> Value {
    let of = |namespace: &Namespace| (namespace.title(), of_namespace(map, namespace));
    Value::Object(map.namespaces.iter().map(of).collect())
}

fn of_namespace(map: &Map, namespace: &Namespace) -> Value {
    let mut links = Object::new();
    // What belongs to a bridge stands below it.
    for interface in namespace.interfaces.iter().filter(|interface| interface.master.is_none()) {
        links.insert(interface.ifname.clone(), of_interface(map, namespace, interface));
    }
    let mut routes: Object<String, Value> = Object::new();
    for route in &namespace.routes {
        let table = routes.entry(route.table.clone()).or_insert_with(|| json!([]));
        table.as_array_mut().expect("an array, as just made").push(route.text().into());
    }
    let neighbours: Vec<String> = namespace.neighbours.iter().map(|neighbour| neighbour.text()).collect();
    json!({ "Interfaces": links, "Neighbours": neighbours, "Routes": routes })
}

fn of_interface(map: &Map, namespace: &Namespace, interface: &Interface) -> Value {
    let mut facts = Object::new();
    let mut add = |name: &str, value: Value| {
        if value != json!("") && value != json!({}) && value != json!([]) {
            facts.insert(name.to_owned(), value);
        }
    };
    add("Addresses", interface.addresses_text().into());
    add("Index", interface.numbers_text().into());
    add("Kind", interface.kind_text().into());
    add("LeadsTo", map.leads_to(namespace, interface).into());
    add("MAC", interface.mac.map(mac_text).unwrap_or_default().into());
    add("State", interface.state_text().into());
    let far = interface.link.as_ref().and_then(|far| map.far(far)).filter(|_| !namespace.host);
    let bridge = far.and_then(|(there, end)| there.interface(end.master?));
    let table = bridge.unwrap_or(interface).fdb.iter().map(|station| station.text()).collect::<Vec<_>>();
    add("MacTable", table.into());
    let ports = namespace.ports(interface.ifindex);
    let ports = ports.map(|port| (port.ifname.clone(), of_interface(map, namespace, port)));
    add("Ports", Value::Object(ports.collect()));
    Value::Object(facts)
}

/// Each chain with the lines that iptables would print of it.
fn of_rules(ruleset: &Ruleset) -> Value {
    let mut chains = Object::new();
    for listing in ruleset.iptables() {
        for chain in listing.text.split("\n\n") {
            let mut lines = chain.lines();
            let title = lines.next().unwrap_or_default().trim_start_matches("Chain ");
            let rules: Vec<String> = lines.skip(1).map(squeezed).collect();
            chains.insert(format!("{}: {title}", listing.table), rules.into());
        }
    }
    Value::Object(chains)
}

/// A line of a table without its columns.
fn squeezed(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}
