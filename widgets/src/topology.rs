//! The networks as a picture: outside and uplink, below them each network, and below that its containers.
//!
//! ```text
//!  ○ outside      10.88.0.2
//!  ○ eth1         10.88.0.1/24
//!  ├══ ● bridge   172.17.0.0/16  bridge           docker0   172.17.0.1
//!  │   ├─ ○ web   172.17.0.2     8088→80          veth3a2f  if 12⇄2 eth0
//!  │   ╰─ ○ db    172.17.0.3                      veth99aa  if 14⇄2 eth0
//!  ╰── ● lan      192.168.5.0/24 macvlan          eth1.50
//!      ● secret   172.19.0.0/16  bridge internal  br-77aa   172.19.0.1
//! ```
//!
//! A double line stands for addresses that are translated; what has no line does not lead outside.

use porthole_themes::Theme;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Position, Rect};
use ratatui_core::style::Style;
use ratatui_core::widgets::StatefulWidget;

use crate::list::Window;
use crate::pen::{Pen, cells, line, part};
use crate::text::put;

/// Rows above the networks.
const HEAD: u16 = 2;
/// Where the line from outside stands, with the nodes of the way on it.
const TRUNK: u16 = 1;
/// Where the node of a network stands, and below it the branches to its containers.
const NETWORK: u16 = 5;
/// Where the node of a container stands.
const CONTAINER: u16 = NETWORK + 3;
/// From a node to the name of what it stands for.
const TO_NAME: u16 = 2;
/// The columns behind the names, by importance; those that do not fit are left out from the last on.
const COLUMNS: usize = 5;
/// The most cells of each.
const MOST: [u16; COLUMNS] = [18, 32, 15, 18, 43];
/// The least that the second column, whose text may be cut, is worth showing.
const LEAST: u16 = 8;

/// A place on the way to the networks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TopologyNode {
    /// Its name: `eth1`.
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

/// How a network is joined to the outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TopologyWay {
    /// By the uplink, with addresses translated.
    Nat,
    /// By the uplink, as it is.
    Direct,
    /// Not at all, or not by the uplink.
    #[default]
    Apart,
}

/// A network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TopologyNetwork {
    /// Its name.
    pub name: String,
    /// How it is joined to the outside.
    pub way: TopologyWay,
    /// Its subnet; empty if it has none.
    pub subnet: String,
    /// Its driver, and what is special about it: `bridge internal`.
    pub driver: String,
    /// Its bridge, or the interface that it stands on; empty if there is none.
    pub interface: String,
    /// The address of its router.
    pub gateway: String,
    /// Its IPv6 subnet.
    pub subnet6: String,
    /// Whether it is of little interest.
    pub quiet: bool,
    /// The containers on it.
    pub ports: Vec<TopologyPort>,
}

impl TopologyNetwork {
    fn texts(&self) -> [&str; COLUMNS] {
        [&self.subnet, &self.driver, &self.interface, &self.gateway, &self.subnet6]
    }
}

/// A container's place on a network.
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
    /// Its IPv6 address.
    pub address6: String,
    /// Its published ports: `8088→80`.
    pub ports: String,
    /// Whether it runs.
    pub up: bool,
}

impl TopologyPort {
    fn texts<'a>(&'a self, ends: &'a str) -> [&'a str; COLUMNS] {
        [&self.address, &self.ports, &self.host, ends, &self.address6]
    }

    /// `if 12⇄2 eth0`.
    fn ends(&self, glyph: &str) -> String {
        let pair = self.pair.map(|(host, container)| format!("if {host}{glyph}{container}"));
        let ends = pair.into_iter().chain((!self.interface.is_empty()).then(|| self.interface.clone()));
        ends.collect::<Vec<_>>().join(" ")
    }
}

/// What is on the picture.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Topology {
    /// Who may call from outside.
    pub outside: TopologyNode,
    /// The host's interface towards outside.
    pub uplink: TopologyNode,
    /// The networks. Each is a row, followed by those of its containers.
    pub networks: Vec<TopologyNetwork>,
}

/// A row below the head.
#[derive(Clone, Copy)]
enum Row<'a> {
    Network(&'a TopologyNetwork),
    /// A container, and whether it is the last of its network.
    Port(&'a TopologyPort, bool),
}

impl Topology {
    /// The row of each network and each container, in order.
    fn rows(&self) -> Vec<Row<'_>> {
        let mut rows = Vec::new();
        for network in &self.networks {
            rows.push(Row::Network(network));
            let last = network.ports.len().saturating_sub(1);
            rows.extend(network.ports.iter().enumerate().map(|(at, port)| Row::Port(port, at == last)));
        }
        rows
    }
}

/// Which network or container is selected, and which are seen.
#[derive(Debug, Clone, Default)]
pub struct TopologyState {
    /// Selection and scroll position, in rows: a network, its containers, the next network.
    pub window: Window,
}

impl TopologyState {
    /// The row at a screen position, as of the last frame.
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

    /// Outside, and the uplink below it.
    fn draw_head(&self, area: Rect, widths: &Widths, buf: &mut Buffer) {
        let (theme, glyphs) = (self.theme, self.theme.glyphs());
        for (row, node) in [&self.topology.outside, &self.topology.uplink].into_iter().enumerate() {
            let mut pen = Pen::new(buf, line(area, row as u16), glyphs.ellipsis);
            pen.skip(TRUNK).text(glyphs.node, theme.flow()).skip(TO_NAME - 1);
            pen.column(widths.name_from(TRUNK), &node.name, theme.text());
            pen.skip(2).text(&node.address, theme.muted());
        }
    }

    /// The line from outside beside a row, as far as it leads on from here.
    fn draw_trunk(&self, place: Rect, way: TopologyWay, goes_on: bool, buf: &mut Buffer) {
        let (theme, glyphs) = (self.theme, self.theme.glyphs());
        let (link, style) = match way {
            TopologyWay::Nat => (glyphs.link_nat, theme.dnat()),
            TopologyWay::Direct | TopologyWay::Apart => (glyphs.link, theme.faint()),
        };
        let trunk = match (way, goes_on) {
            (TopologyWay::Apart, true) => glyphs.borders.vertical,
            (TopologyWay::Apart, false) => return,
            (_, true) => glyphs.borders.tee_right,
            (_, false) => glyphs.borders.bottom_left,
        };
        let mut pen = Pen::new(buf, place, glyphs.ellipsis);
        pen.skip(TRUNK).text(trunk, theme.faint());
        if way != TopologyWay::Apart {
            pen.text(&link.repeat(usize::from(NETWORK - TRUNK - 2)), style);
        }
    }

    /// Marks a row from before its node on; the style of what stands there.
    fn mark(&self, place: Rect, node: u16, selected: bool, buf: &mut Buffer) -> Style {
        if !selected {
            return self.theme.text();
        }
        let (rest, style) = (part(place, node - 1, u16::MAX), self.theme.selection(self.focused));
        buf.set_style(rest, style);
        put(buf, part(rest, 0, 1), self.theme.glyphs().marker, self.theme.marker());
        style
    }

    fn draw_network(&self, network: &TopologyNetwork, place: Rect, widths: &Widths, selected: bool, buf: &mut Buffer) {
        let (theme, glyphs) = (self.theme, self.theme.glyphs());
        let base = self.mark(place, NETWORK, selected, buf);
        let (node, name, text) = match network.quiet {
            true => (theme.unseen(), theme.muted(), theme.muted()),
            false => (theme.flow(), theme.strong(), base),
        };
        let mut pen = Pen::new(buf, place, glyphs.ellipsis);
        pen.skip(NETWORK).text(glyphs.node_full, node).skip(TO_NAME - 1);
        pen.column(widths.name_from(NETWORK), &network.name, name);
        let muted = theme.muted();
        widths.draw(&mut pen, network.texts(), [text, muted, muted, muted, muted]);
    }

    fn draw_port(
        &self,
        port: &TopologyPort,
        last: bool,
        place: Rect,
        widths: &Widths,
        selected: bool,
        buf: &mut Buffer,
    ) {
        let (theme, glyphs) = (self.theme, self.theme.glyphs());
        let base = self.mark(place, CONTAINER, selected, buf);
        let branch = if last { glyphs.borders.bottom_left } else { glyphs.borders.tee_right };
        let muted = theme.muted();
        let (glyph, node, text) = match port.up {
            true => (glyphs.node, theme.good(), base),
            false => (glyphs.unseen, theme.unseen(), muted),
        };
        let mut pen = Pen::new(buf, place, glyphs.ellipsis);
        pen.skip(NETWORK).text(branch, theme.faint()).text(glyphs.link, theme.faint());
        pen.skip(CONTAINER - NETWORK - 2).text(glyph, node).skip(TO_NAME - 1);
        pen.column(widths.name_from(CONTAINER), &port.container, text);
        let ends = port.ends(glyphs.pair);
        widths.draw(&mut pen, port.texts(&ends), [text, theme.accent(), muted, theme.faint(), muted]);
    }
}

/// Where the columns behind the names begin, and the width of each; 0 for those that do not fit.
struct Widths {
    columns_at: u16,
    columns: [u16; COLUMNS],
}

impl Widths {
    fn new(topology: &Topology, rows: &[Row<'_>], pair: &str, room: u16) -> Self {
        let head = [&topology.outside, &topology.uplink];
        let mut names = head.map(|node| TRUNK + TO_NAME + cells(&node.name).min(24)).into_iter().max().unwrap_or(0);
        let mut widest = [0; COLUMNS];
        for row in rows {
            let ends;
            let (name, texts) = match row {
                Row::Network(network) => (NETWORK + TO_NAME + cells(&network.name).min(24), network.texts()),
                Row::Port(port, _) => {
                    ends = port.ends(pair);
                    (CONTAINER + TO_NAME + cells(&port.container).min(24), port.texts(&ends))
                }
            };
            names = names.max(name);
            for ((widest, text), most) in widest.iter_mut().zip(texts).zip(MOST) {
                *widest = cells(text).min(most).max(*widest);
            }
        }
        let columns_at = names.min(room) + 2;
        // One cell stays free at the right.
        let mut left = room.saturating_sub(columns_at + 1);
        let mut columns = [0; COLUMNS];
        for (at, width) in widest.into_iter().enumerate().filter(|(_, width)| *width > 0) {
            let width = if at == 1 && left >= LEAST { width.min(left) } else { width };
            if width > left {
                break;
            }
            columns[at] = width;
            left = left.saturating_sub(width + 2);
        }
        Self { columns_at, columns }
    }

    /// The room for a name whose node stands there.
    fn name_from(&self, node: u16) -> u16 {
        self.columns_at.saturating_sub(2 + node + TO_NAME)
    }

    fn draw(&self, pen: &mut Pen<'_>, texts: [&str; COLUMNS], styles: [Style; COLUMNS]) {
        for ((width, text), style) in
            self.columns.into_iter().zip(texts).zip(styles).filter(|((width, _), _)| *width > 0)
        {
            pen.skip(2).column(width, text, style);
        }
    }
}

impl StatefulWidget for TopologyView<'_> {
    type State = TopologyState;

    fn render(self, area: Rect, buf: &mut Buffer, state: &mut TopologyState) {
        let area = area.intersection(buf.area);
        let (rows, head) = (self.topology.rows(), HEAD.min(area.height));
        let widths = Widths::new(self.topology, &rows, self.theme.glyphs().pair, area.width);
        self.draw_head(area, &widths, buf);
        let tree = Rect { y: area.y + head, height: area.height - head, ..area };
        let way = |row: &Row<'_>| if let Row::Network(network) = row { network.way } else { TopologyWay::Apart };
        let last_joined = rows.iter().rposition(|row| way(row) != TopologyWay::Apart);
        for (at, index) in state.window.show(tree, rows.len()).enumerate() {
            let (place, selected) = (line(tree, at as u16), state.window.selected() == Some(index));
            self.draw_trunk(place, way(&rows[index]), last_joined.is_some_and(|last| index < last), buf);
            match rows[index] {
                Row::Network(network) => self.draw_network(network, place, &widths, selected, buf),
                Row::Port(port, last) => self.draw_port(port, last, place, &widths, selected, buf),
            }
        }
        if rows.is_empty() {
            let mut pen = Pen::new(buf, line(tree, 0), self.theme.glyphs().ellipsis);
            pen.skip(TRUNK + TO_NAME).text("no networks", self.theme.muted());
        }
    }
}
