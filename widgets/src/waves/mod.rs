//! Groups of things that wait for each other, as a picture: each stands below those that it waits for, and lines lead to it.
//!
//! ```text
//!  ▾ ● shop         running(3), exited(1)   compose.yaml
//!    ╭───● db       healthy    mariadb:11            1.2 %   88 M
//!    │ ╭─● cache    running    redis:7
//!    ├─│▸○ migrate  exited 0   shop-migrate
//!    ╰─┴▸● web ×2   running    shop-web     8080→80  0.4 %   12 M
//! ```

mod rails;

use porthole_themes::Theme;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Position, Rect};
use ratatui_core::style::Style;
use ratatui_core::widgets::StatefulWidget;

use crate::columns::{Column, Place, arrange};
use crate::list::Window;
use crate::pen::{Pen, cells, line, part};
use crate::text::{fit, fit_middle, put, put_right};
use rails::{Rails, Stroke};

/// Where the mark of a folded group stands.
const FOLD: u16 = 1;
/// Where the node of a group stands, and below it the first line.
const GROUP: u16 = 3;
/// From a node to the name of what it stands for.
const TO_NAME: u16 = 2;
/// Cells that the line of one column takes.
const STEP: u16 = 2;
/// The most columns of lines.
const MOST_RAILS: usize = 8;
/// The state is at least so wide, so that little moves when it changes.
const STATE: u16 = 13;
/// The most cells of a name.
const MOST_NAME: u16 = 24;
/// The columns behind the state.
const COLUMNS: usize = 5;
/// The columns that hold numbers.
const RIGHT: [usize; 2] = [2, 3];
/// The column that is cut rather than left out.
const FIRST: usize = 0;

/// What a state means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WavesTone {
    /// As it should be.
    Good,
    /// Worth a look.
    Warn,
    /// Something went wrong.
    Bad,
    /// Of no importance now, or not there.
    #[default]
    Quiet,
}

/// Something that may wait for others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WavesNode {
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: String,
    /// What that means.
    pub tone: WavesTone,
    /// What else there is to say, by columns: a text, a short one, two numbers, and what matters least.
    pub texts: [String; COLUMNS],
    /// What it waits for: positions in its group, before its own.
    pub needs: Vec<usize>,
    /// Whether it waits now.
    pub waits: bool,
}

/// A group of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WavesGroup {
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: String,
    /// What that means.
    pub tone: WavesTone,
    /// A remark, as a path, cut in its middle when too long.
    pub note: String,
    /// Whether the remark tells of something wrong.
    pub wrong: bool,
    /// Whether its things do not show.
    pub folded: bool,
    /// What is in it.
    pub nodes: Vec<WavesNode>,
}

/// Which row is selected, and which are seen.
#[derive(Debug, Clone, Default)]
pub struct WavesState {
    /// Selection and scroll position, in rows: a group, what is in it, the next group.
    pub window: Window,
}

impl WavesState {
    /// The row at a screen position, as of the last frame.
    pub fn hit(&self, at: Position) -> Option<usize> {
        self.window.hit(at)
    }
}

/// Draws [`WavesGroup`]s.
#[derive(Debug, Clone)]
pub struct WavesView<'a> {
    theme: &'a Theme,
    groups: &'a [WavesGroup],
    focused: bool,
    empty: &'a str,
}

/// A group with its lines, and the first of its rows.
struct Laid<'a> {
    group: &'a WavesGroup,
    rails: Rails,
    first: usize,
}

impl Laid<'_> {
    fn rows(&self) -> usize {
        1 + if self.group.folded { 0 } else { self.group.nodes.len() }
    }

    /// Where the nodes stand: behind the lines and what leads from them.
    fn node(&self) -> u16 {
        let rails = u16::try_from(self.rails.len()).unwrap_or(u16::MAX);
        GROUP + if rails == 0 { STEP } else { rails * STEP + 1 }
    }
}

impl<'a> WavesView<'a> {
    /// The picture.
    pub fn new(theme: &'a Theme, groups: &'a [WavesGroup]) -> Self {
        Self { theme, groups, focused: false, empty: "" }
    }

    /// Whether keys go to it.
    pub fn focused(mut self, focused: bool) -> Self {
        self.focused = focused;
        self
    }

    /// What to say when there are no groups.
    pub fn empty(mut self, text: &'a str) -> Self {
        self.empty = text;
        self
    }

    fn lay(&self, width: u16) -> Vec<Laid<'a>> {
        let most = MOST_RAILS.min(usize::from(width / (4 * STEP)));
        let mut first = 0;
        let lay = |group: &'a WavesGroup| {
            let laid = Laid { group, rails: Rails::new(&group.nodes, most), first };
            first += laid.rows();
            laid
        };
        self.groups.iter().map(lay).collect()
    }

    fn tone(&self, tone: WavesTone) -> Style {
        match tone {
            WavesTone::Good => self.theme.good(),
            WavesTone::Warn => self.theme.warn(),
            WavesTone::Bad => self.theme.bad(),
            WavesTone::Quiet => self.theme.muted(),
        }
    }

    fn node_glyph(&self, tone: WavesTone) -> (&'static str, Style) {
        let glyphs = self.theme.glyphs();
        match tone {
            WavesTone::Quiet => (glyphs.node, self.theme.unseen()),
            tone => (glyphs.node_full, self.tone(tone)),
        }
    }

    fn draw_group(&self, group: &WavesGroup, place: Rect, layout: &Layout, base: Style, buf: &mut Buffer) {
        let glyphs = self.theme.glyphs();
        let fold = match (group.nodes.is_empty(), group.folded) {
            (true, _) => "",
            (_, true) => glyphs.folded,
            (_, false) => glyphs.unfolded,
        };
        let (node, style) = self.node_glyph(group.tone);
        let mut pen = Pen::new(buf, place, glyphs.ellipsis);
        pen.skip(FOLD).column(GROUP - FOLD, fold, self.theme.faint()).text(node, style).skip(TO_NAME - 1);
        pen.column(layout.name_from(GROUP), &group.name, base.patch(self.theme.strong())).skip(2);
        pen.text(&group.state, self.tone(group.tone)).skip(2);
        let note = if group.wrong { self.theme.bad() } else { self.theme.muted() };
        let left = pen.left().saturating_sub(1);
        let cut = if group.wrong { fit } else { fit_middle };
        let note_text = cut(&group.note, usize::from(left), glyphs.ellipsis);
        pen.text(&note_text, note);
    }

    fn draw_rails(&self, laid: &Laid<'_>, row: usize, selected: Option<usize>, place: Rect, buf: &mut Buffer) {
        let (rails, glyphs, borders) = (&laid.rails, self.theme.glyphs(), &self.theme.glyphs().borders);
        let node = &laid.group.nodes[row];
        let faint = self.theme.faint();
        let to_node = match selected {
            Some(selected) if selected == row => self.theme.accent(),
            Some(selected) if self.is_beside(laid, row, selected) => self.theme.accent(),
            _ => faint,
        };
        let Some(first) = rails.first_joint(row) else {
            for column in 0..rails.len() {
                self.draw_down(laid, column, row, selected, place, buf);
            }
            return;
        };
        for column in 0..rails.len() {
            let x = GROUP + column as u16 * STEP;
            let glyph = match rails.stroke(column, row) {
                Stroke::Empty => "",
                Stroke::Across => borders.horizontal,
                Stroke::Down => {
                    self.draw_down(laid, column, row, selected, place, buf);
                    ""
                }
                Stroke::Joint { above: false, left: false, .. } => borders.top_left,
                Stroke::Joint { above: false, left: true, .. } => borders.tee_down,
                Stroke::Joint { below: false, left: false, .. } => borders.bottom_left,
                Stroke::Joint { below: false, left: true, .. } => borders.tee_up,
                Stroke::Joint { left: false, .. } => borders.tee_right,
                Stroke::Joint { left: true, .. } => borders.cross,
            };
            put(buf, part(place, x, 1), glyph, to_node);
            if column >= first {
                put(buf, part(place, x + 1, 1), borders.horizontal, to_node);
            }
        }
        let end = GROUP + rails.len() as u16 * STEP;
        let (arrow, style) = match (node.needs.is_empty(), node.waits) {
            (true, _) => (borders.horizontal, to_node),
            (false, true) => (glyphs.hop, self.theme.warn()),
            (false, false) => (glyphs.hop, to_node),
        };
        put(buf, part(place, end, 1), arrow, style);
    }

    /// Whether one of two waits for the other.
    fn is_beside(&self, laid: &Laid<'_>, row: usize, selected: usize) -> bool {
        let needs = |one: usize, other: usize| laid.group.nodes[one].needs.contains(&other);
        needs(row, selected) || needs(selected, row)
    }

    fn draw_down(
        &self,
        laid: &Laid<'_>,
        column: usize,
        row: usize,
        selected: Option<usize>,
        place: Rect,
        buf: &mut Buffer,
    ) {
        let Some(rail) = laid.rails.at(column, row) else { return };
        let leads = selected.is_some_and(|selected| rail.leads(row, selected));
        let style = if leads { self.theme.accent() } else { self.theme.faint() };
        put(buf, part(place, GROUP + column as u16 * STEP, 1), self.theme.glyphs().borders.vertical, style);
    }

    fn draw_node(&self, laid: &Laid<'_>, row: usize, place: Rect, layout: &Layout, base: Style, buf: &mut Buffer) {
        let (node, ellipsis) = (&laid.group.nodes[row], self.theme.glyphs().ellipsis);
        let (glyph, style) = self.node_glyph(node.tone);
        let quiet = node.tone == WavesTone::Quiet;
        let mut pen = Pen::new(buf, place, ellipsis);
        pen.skip(laid.node()).text(glyph, style).skip(TO_NAME - 1);
        let name = if quiet { base.patch(self.theme.muted()) } else { base };
        pen.column(layout.name_from(laid.node()), &node.name, name);
        let rest = part(place, layout.names, u16::MAX);
        let muted = self.theme.muted();
        for (index, (column, here)) in layout.columns.iter().enumerate() {
            let Some(here) = here else { continue };
            let (text, style) = match column {
                None => (&node.state, self.tone(node.tone)),
                Some(1) => (&node.texts[1], self.theme.accent()),
                Some(column) => (&node.texts[*column], muted),
            };
            let area = here.of(rest);
            match layout.is_number(index) {
                true => put_right(buf, area, text, style, ellipsis),
                false => put(buf, area, &fit_middle(text, usize::from(area.width), ellipsis), style),
            };
        }
    }
}

/// Where names end, and the columns behind them: `None` is that of the state.
struct Layout {
    names: u16,
    columns: Vec<(Option<usize>, Option<Place>)>,
}

impl Layout {
    fn new(groups: &[Laid<'_>], width: u16) -> Self {
        let nodes = || {
            groups
                .iter()
                .filter(|laid| !laid.group.folded)
                .flat_map(|laid| laid.group.nodes.iter().map(move |node| (laid, node)))
        };
        let of_groups = groups.iter().map(|laid| GROUP + TO_NAME + cells(&laid.group.name).min(MOST_NAME));
        let of_nodes = nodes().map(|(laid, node)| laid.node() + TO_NAME + cells(&node.name).min(MOST_NAME));
        let names = of_groups.chain(of_nodes).max().unwrap_or(0).min(width);
        let widest = |text: &dyn Fn(&WavesNode) -> u16, most: u16| {
            nodes().map(|(_, node)| text(node)).max().unwrap_or(0).min(most)
        };
        let state = widest(&|node| cells(&node.state), 30);
        let mut wanted = vec![(None, Column::new("").min(state.max(STATE)))];
        // What goes first when space is short: what matters least, the numbers, the first text.
        for (index, (most, priority)) in [(30, 2), (24, 1), (8, 3), (8, 3), (48, 4)].into_iter().enumerate() {
            let width = widest(&|node| cells(&node.texts[index]), most);
            let column = Column::new("").priority(priority);
            let column = if index == FIRST { column.min(width.min(12)).max(width).flex(1) } else { column.min(width) };
            wanted.extend((width > 0).then_some((Some(index), column)));
        }
        let (which, columns): (Vec<Option<usize>>, Vec<Column>) = wanted.into_iter().unzip();
        // One cell stays free at the right.
        let places = arrange(&columns, width.saturating_sub(names + 1));
        Self { names, columns: which.into_iter().zip(places).collect() }
    }

    /// The room for a name whose node stands there.
    fn name_from(&self, node: u16) -> u16 {
        self.names.saturating_sub(node + TO_NAME)
    }

    fn is_number(&self, index: usize) -> bool {
        self.columns[index].0.is_some_and(|column| RIGHT.contains(&column))
    }
}

impl StatefulWidget for WavesView<'_> {
    type State = WavesState;

    fn render(self, area: Rect, buf: &mut Buffer, state: &mut WavesState) {
        let area = area.intersection(buf.area);
        let groups = self.lay(area.width);
        let rows = groups.iter().map(Laid::rows).sum();
        let layout = Layout::new(&groups, area.width);
        for (at, index) in state.window.show(area, rows).enumerate() {
            let place = line(area, at as u16);
            let Some(laid) = groups.iter().rfind(|laid| laid.first <= index) else { continue };
            let in_group = |row: usize| row.checked_sub(laid.first + 1).filter(|node| *node + 1 < laid.rows());
            let selected = state.window.selected();
            let base = match selected == Some(index) {
                true => self.theme.selection(self.focused),
                false => self.theme.text(),
            };
            if selected == Some(index) {
                buf.set_style(place, base);
                put(buf, part(place, 0, 1), self.theme.glyphs().marker, self.theme.marker());
            }
            match in_group(index) {
                None => self.draw_group(laid.group, place, &layout, base, buf),
                Some(row) => {
                    self.draw_rails(laid, row, selected.and_then(in_group), place, buf);
                    self.draw_node(laid, row, place, &layout, base, buf);
                }
            }
        }
        if rows == 0 {
            let mut pen = Pen::new(buf, line(area, 0), self.theme.glyphs().ellipsis);
            pen.skip(FOLD).text(self.empty, self.theme.muted());
        }
    }
}
