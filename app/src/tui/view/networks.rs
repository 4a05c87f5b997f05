//! The picture of the network.

use crate::tui::model::{Focus, Model};
use crate::tui::source::{Container, Link, Networks};
use porthole_widgets::frame::{Panel, inner};
use porthole_widgets::topology::{Topology, TopologyNode, TopologyPort, TopologyView};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{StatefulWidget, Widget};

/// Draws outside, uplink, bridge and the containers on it.
pub fn draw(model: &mut Model, area: Rect, buf: &mut Buffer) {
    let focused = model.focus == Focus::List;
    let topology = topology(model);
    let count = topology.ports.len();
    let containers = if count == 1 { "container" } else { "containers" };
    let elsewhere = match model.elsewhere() {
        0 => String::new(),
        others => format!(", {others} elsewhere"),
    };
    let status = format!("{count} {containers} on the bridge{elsewhere}");
    Panel::new(&model.theme).title("Networks").status(&status).focused(focused).render(area, buf);
    let inside = inner(area);
    // A blank line above keeps the picture off the frame.
    let room = Rect {
        y: inside.y + u16::from(inside.height > 8),
        height: inside.height - u16::from(inside.height > 8),
        ..inside
    };
    if count > 0 && model.topology.window.selected().is_none() {
        model.topology.window.select(Some(0));
    }
    TopologyView::new(&model.theme, &topology).focused(focused).render(room, buf, &mut model.topology);
}

fn topology(model: &Model) -> Topology {
    let networks = model.networks.clone().unwrap_or_default();
    let node = |link: &Option<Link>, none: &str| match link {
        Some(link) => TopologyNode::new(&link.name, &link.address),
        None => TopologyNode::new(none, ""),
    };
    let outside = networks.outside.map(|address| address.to_string()).unwrap_or_default();
    Topology {
        outside: TopologyNode::new("outside", outside),
        uplink: node(&networks.uplink, "no uplink"),
        nat: networks.bridge.is_some(),
        bridge: node(&networks.bridge, "no bridge yet"),
        ports: model.on_bridge().map(|container| port(container, &networks, model.theme.glyphs().arrow)).collect(),
    }
}

fn port(container: &Container, networks: &Networks, arrow: &str) -> TopologyPort {
    let pair = container.interface.as_ref().and_then(|interface| networks.pairs.get(interface));
    TopologyPort {
        host: container.interface.clone().unwrap_or_default(),
        pair: pair.copied(),
        interface: "eth0".to_owned(),
        container: container.name.clone(),
        address: container.address.map(|address| address.to_string()).unwrap_or_default(),
        ports: container.ports_text(arrow),
        up: container.is_up(),
    }
}
