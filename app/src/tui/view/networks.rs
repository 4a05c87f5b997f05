//! The picture of the networks.

use crate::tui::human;
use crate::tui::model::{Focus, Model};
use crate::tui::source::{Link, Network, Networks, Place, ports_text};
use porthole_engine::network::Driver;
use porthole_themes::Glyphs;
use porthole_widgets::frame::{Panel, inner};
use porthole_widgets::topology::{Topology, TopologyNetwork, TopologyNode, TopologyPort, TopologyView, TopologyWay};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{StatefulWidget, Widget};
use std::collections::HashSet;
use std::net::IpAddr;

/// Draws outside, uplink, the networks and the containers on them.
pub fn draw(model: &mut Model, area: Rect, buf: &mut Buffer) {
    let focused = model.focus == Focus::List;
    let topology = topology(model);
    let containers: HashSet<&str> =
        topology.networks.iter().flat_map(|network| &network.ports).map(|port| port.container.as_str()).collect();
    let status = format!(
        "{} {} {}",
        human::count(topology.networks.len(), "network", "networks"),
        model.theme.glyphs().separator,
        human::count(containers.len(), "container", "containers")
    );
    let status = if model.networks.known.is_some() { status.as_str() } else { "" };
    Panel::new(&model.theme).title("Networks").status(status).focused(focused).render(area, buf);
    let inside = inner(area);
    // A blank line above keeps the picture off the frame.
    let blank = u16::from(inside.height > 8);
    let room = Rect { y: inside.y + blank, height: inside.height - blank, ..inside };
    TopologyView::new(&model.theme, &topology).focused(focused).render(room, buf, &mut model.networks.state);
}

fn topology(model: &Model) -> Topology {
    let nothing = Networks::default();
    let networks = model.networks.known.as_ref().unwrap_or(&nothing);
    let uplink = networks.uplink.as_ref();
    let outside = networks.outside.map(|address| address.to_string()).unwrap_or_default();
    let glyphs = model.theme.glyphs();
    Topology {
        outside: TopologyNode::new("outside", outside),
        uplink: uplink.map_or(TopologyNode::new("no uplink", ""), |link| TopologyNode::new(&link.name, &link.address)),
        networks: model
            .networks
            .shown()
            .map(|(network, places)| TopologyNetwork {
                ports: places.map(|place| port(network, place, networks, glyphs)).collect(),
                ..described(network, uplink)
            })
            .collect(),
    }
}

fn described(network: &Network, uplink: Option<&Link>) -> TopologyNetwork {
    let subnet = |ipv6| {
        let subnet = network.subnets.iter().find(|subnet| subnet.is_ipv6() == ipv6);
        subnet.map(ToString::to_string).unwrap_or_default()
    };
    let gateway = network.gateways.iter().find(|address| address.is_ipv4()).or(network.gateways.first());
    let way = way(network, uplink);
    let marks = [(way == TopologyWay::Nat, "NAT"), (network.internal, "internal"), (network.ipv6, "IPv6")];
    let marks = marks.into_iter().filter(|(is_so, _)| *is_so).map(|(_, mark)| mark.to_owned());
    TopologyNetwork {
        name: network.name.clone(),
        way,
        subnet: subnet(false),
        driver: [network.driver.to_string()].into_iter().chain(marks).collect::<Vec<_>>().join(" "),
        interface: match &network.interface {
            Some(interface) => interface.clone(),
            None if network.takes_containers() => "not made yet".to_owned(),
            None => String::new(),
        },
        gateway: gateway.map(ToString::to_string).unwrap_or_default(),
        subnet6: subnet(true),
        quiet: !network.takes_containers(),
        ports: Vec::new(),
    }
}

/// How its packets leave the host.
fn way(network: &Network, uplink: Option<&Link>) -> TopologyWay {
    let Some(interface) = network.interface.as_ref().filter(|_| !network.internal) else { return TopologyWay::Apart };
    let on_uplink = || {
        // Of a VLAN the part before the dot is the interface.
        let parent = interface.split('.').next();
        uplink.is_some_and(|uplink| uplink.name == *interface || parent == Some(uplink.name.as_str()))
    };
    match network.driver {
        Driver::Bridge if network.masquerade => TopologyWay::Nat,
        Driver::Bridge => TopologyWay::Direct,
        Driver::Macvlan | Driver::Ipvlan if on_uplink() => TopologyWay::Direct,
        Driver::Macvlan | Driver::Ipvlan | Driver::Host | Driver::None => TopologyWay::Apart,
    }
}

fn port(network: &Network, place: &Place, networks: &Networks, glyphs: &Glyphs) -> TopologyPort {
    let address = |fits: fn(&IpAddr) -> bool| {
        let address = place.addresses.iter().find(|address| fits(address));
        address.map(ToString::to_string).unwrap_or_default()
    };
    TopologyPort {
        host: place.host.clone(),
        pair: networks.pairs.get(&place.host).copied(),
        interface: place.interface.clone(),
        container: place.container.clone(),
        address: address(IpAddr::is_ipv4),
        address6: address(IpAddr::is_ipv6),
        ports: ports_text(&place.ports, glyphs.arrow),
        // Of those that are there without having been made only containers that run are shown.
        up: network.predefined || !place.interface.is_empty(),
    }
}
