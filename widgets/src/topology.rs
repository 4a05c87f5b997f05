//! The network as a picture: outside, uplink and bridge in a line, the containers as branches below the bridge.
//!
//! ```text
//!   outside             eth1                docker0
//!   10.88.0.2           10.88.0.1           172.17.0.1/16
//!      ○───────────────────○══════ NAT ════════●
//!                                              ├─ veth3a2f  12⇄2  eth0  ○ web   172.17.0.2   8088→80
//!                                              ╰─ veth99aa  14⇄2  eth0  ○ db    172.17.0.3
//! ```

use porthole_themes::Theme;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Position, Rect};
use ratatui_core::style::Style;
use ratatui_core::widgets::StatefulWidget;

use crate::list::Window;
use crate::pen::{Pen, cells, line, part};
use crate::text::put;

/// Narrower pictures put the way from outside to the bridge down the left edge.
const WIDE: u16 = 96;
/// Cells from one node of the way to the next, when it lies in a line.
const STEP: u16 = 21;
/// Rows above the branches.
const HEAD: u16 = 3;

/// A place on the way to the containers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TopologyNode {
    /// Its name: `docker0`.
    pub name: String,
    /// Its address.
    pub address: String,
}

impl TopologyNode {
    /// A place.
    pub fn new(name: impl Into<String>, address: impl Into<String>) -> Self {
        Self { name: name.into(), address: address.into() }
    }
}

/// A container's place on the bridge.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TopologyPort {
    /// The host's end of the pair: `veth3a2f`.
    pub host: String,
    /// The interface numbers of the host's end and the container's.
    pub pair: Option<(u32, u32)>,
    /// The container's end: `eth0`.
    pub interface: String,
    /// The container's name.
    pub container: String,
    /// Its address.
    pub address: String,
    /// Its published ports: `8088→80`.
    pub ports: String,
    /// Whether it runs.
    pub up: bool,
}

/// What is on the picture.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Topology {
    /// Who may call from outside.
    pub outside: TopologyNode,
    /// The host's interface towards outside.
    pub uplink: TopologyNode,
    /// The bridge.
    pub bridge: TopologyNode,
    /// Whether addresses are translated between uplink and bridge.
    pub nat: bool,
    /// The containers on the bridge.
    pub ports: Vec<TopologyPort>,
}

/// Which container is selected, and which are seen.
#[derive(Debug, Clone, Default)]
pub struct TopologyState {
    /// Selection and scroll position.
    pub window: Window,
}

impl TopologyState {
    /// The container at a screen position, as of the last frame.
    pub fn hit(&self, at: Position) -> Option<usize> {
        self.window.hit(at)
    }
}

/// Draws a [`Topology`].
#[derive(Debug, Clone)]
pub struct TopologyView<'a> {
    theme: &'a Theme,
    topology: &'a Topology,
    focused: bool,
}

impl<'a> TopologyView<'a> {
    /// The picture.
    pub fn new(theme: &'a Theme, topology: &'a Topology) -> Self {
        Self { theme, topology, focused: false }
    }

    /// Whether keys go to it.
    pub fn focused(mut self, focused: bool) -> Self {
        self.focused = focused;
        self
    }

    fn nodes(&self) -> [&'a TopologyNode; 3] {
        [&self.topology.outside, &self.topology.uplink, &self.topology.bridge]
    }

    fn link(&self, index: usize) -> (&'static str, &'static str, Style) {
        let glyphs = self.theme.glyphs();
        if index == 1 && self.topology.nat {
            (glyphs.link_nat, " NAT ", self.theme.dnat())
        } else {
            (glyphs.link, "", self.theme.faint())
        }
    }

    /// Names, addresses, and the line with the nodes; returns where the bridge stands.
    fn draw_line(&self, area: Rect, buf: &mut Buffer) -> u16 {
        let (theme, glyphs) = (self.theme, self.theme.glyphs());
        let node_x = |index: usize| STEP * index as u16 + 4;
        for (index, node) in self.nodes().into_iter().enumerate() {
            let x = STEP * index as u16 + 2;
            let room = if index == 2 { u16::MAX } else { STEP - 1 };
            Pen::new(buf, part(line(area, 0), x, room), glyphs.ellipsis).text(&node.name, theme.text());
            Pen::new(buf, part(line(area, 1), x, room), glyphs.ellipsis).text(&node.address, theme.muted());
            let glyph = if index == 2 { glyphs.node_full } else { glyphs.node };
            put(buf, part(line(area, 2), node_x(index), 1), glyph, theme.flow());
        }
        for index in 0..2 {
            let (glyph, label, style) = self.link(index);
            let place = part(line(area, 2), node_x(index) + 1, STEP - 1);
            put(buf, place, &glyph.repeat(usize::from(place.width)), style);
            put(buf, part(place, (STEP - 1 - cells(label)) / 2, u16::MAX), label, style);
        }
        node_x(2)
    }

    /// The three nodes one below the other.
    fn draw_column(&self, area: Rect, buf: &mut Buffer) -> u16 {
        let (theme, glyphs) = (self.theme, self.theme.glyphs());
        let name = self.nodes().iter().map(|node| cells(&node.name)).max().unwrap_or(0).min(16);
        for (index, node) in self.nodes().into_iter().enumerate() {
            let glyph = if index == 2 { glyphs.node_full } else { glyphs.node };
            let mut pen = Pen::new(buf, line(area, index as u16), glyphs.ellipsis);
            pen.skip(1).text(glyph, theme.flow()).skip(1).column(name, &node.name, theme.text()).skip(2);
            pen.text(&node.address, theme.muted());
            if index == 2 && self.topology.nat {
                pen.skip(2).text("NAT", theme.dnat());
            }
        }
        1
    }

    fn draw_port(&self, index: usize, place: Rect, columns: &PortColumns, buf: &mut Buffer, selected: bool) {
        let (theme, glyphs) = (self.theme, self.theme.glyphs());
        let port = &self.topology.ports[index];
        let last = index + 1 == self.topology.ports.len();
        let branch = if last { glyphs.borders.bottom_left } else { glyphs.borders.tee_right };
        let rest = part(place, 2, u16::MAX);
        let base = if selected { theme.selection(self.focused) } else { theme.text() };
        if selected {
            buf.set_style(rest, base);
            put(buf, part(rest, 0, 1), glyphs.marker, theme.marker());
        }
        let mut pen = Pen::new(buf, place, glyphs.ellipsis);
        pen.text(branch, theme.faint()).text(glyphs.link, theme.faint()).skip(1);
        let (node, style) = if port.up { (glyphs.node, theme.good()) } else { (glyphs.unseen, theme.unseen()) };
        let name = if port.up { base } else { theme.muted() };
        pen.text(node, style).skip(1).column(columns.container, &port.container, name).skip(2);
        pen.column(columns.address, &port.address, if port.up { base } else { theme.muted() });
        for (width, text, style) in [
            (columns.ports, port.ports.clone(), theme.accent()),
            (columns.host, port.host.clone(), theme.muted()),
            (columns.pair, pair_text(port, glyphs.pair), theme.faint()),
            (columns.interface, port.interface.clone(), theme.muted()),
        ] {
            if width > 0 {
                pen.skip(2).column(width, &text, style);
            }
        }
    }
}

fn pair_text(port: &TopologyPort, glyph: &str) -> String {
    port.pair.map(|(host, container)| format!("if {host}{glyph}{container}")).unwrap_or_default()
}

/// The width of each column of the branches; 0 when it does not fit.
struct PortColumns {
    container: u16,
    address: u16,
    ports: u16,
    host: u16,
    pair: u16,
    interface: u16,
}

impl PortColumns {
    fn new(ports: &[TopologyPort], room: u16) -> Self {
        let widest = |of: &dyn Fn(&TopologyPort) -> u16, max: u16| ports.iter().map(of).max().unwrap_or(0).min(max);
        let container = widest(&|port| cells(&port.container), 24).min(room.saturating_sub(6));
        let mut left = room.saturating_sub(6 + container + 1);
        let mut take = |of: &dyn Fn(&TopologyPort) -> u16, max: u16| {
            let width = widest(of, max);
            let fits = width > 0 && width + 2 <= left;
            if fits {
                left -= width + 2;
            }
            if fits { width } else { 0 }
        };
        Self {
            container,
            address: take(&|port| cells(&port.address), 40),
            ports: take(&|port| cells(&port.ports), 30),
            host: take(&|port| cells(&port.host), 15),
            pair: take(&|port| cells(&pair_text(port, "=")), 16),
            interface: take(&|port| cells(&port.interface), 15),
        }
    }
}

impl StatefulWidget for TopologyView<'_> {
    type State = TopologyState;

    fn render(self, area: Rect, buf: &mut Buffer, state: &mut TopologyState) {
        let area = area.intersection(buf.area);
        let head = HEAD.min(area.height);
        let trunk = if area.width >= WIDE { self.draw_line(area, buf) } else { self.draw_column(area, buf) };
        let trunk = trunk.min(area.width);
        let tree = Rect { x: area.x + trunk, y: area.y + head, width: area.width - trunk, height: area.height - head };
        let columns = PortColumns::new(&self.topology.ports, tree.width);
        for (row, index) in state.window.show(tree, self.topology.ports.len()).enumerate() {
            let selected = state.window.selected() == Some(index);
            self.draw_port(index, line(tree, row as u16), &columns, buf, selected);
        }
        if self.topology.ports.is_empty() {
            let mut pen = Pen::new(buf, line(tree, 0), self.theme.glyphs().ellipsis);
            pen.skip(2).text("no container on this bridge", self.theme.muted());
        }
    }
}
