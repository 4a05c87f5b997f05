//! Drawing the rows that are seen.

use porthole_themes::Theme;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Position, Rect};
use ratatui_core::style::Style;
use ratatui_core::widgets::StatefulWidget;

use super::{Content, Node, Step, Tree};
use crate::pattern::Pattern;
use crate::pen::{line, part};
use crate::text::{fit, glyphs, put, put_glyph};

/// Cells left free at the left of every row: selection marker and a space.
const MARGIN: u16 = 2;
/// How far what a value holds stands to its right.
const INDENT: u16 = 2;

/// Draws a [`Tree`].
#[derive(Debug, Clone)]
pub struct TreeView<'a> {
    theme: &'a Theme,
    focused: bool,
}

impl<'a> TreeView<'a> {
    /// The view.
    pub fn new(theme: &'a Theme) -> Self {
        Self { theme, focused: false }
    }

    /// Whether keys go to it.
    pub fn focused(mut self, focused: bool) -> Self {
        self.focused = focused;
        self
    }

    fn draw_row(&self, tree: &Tree, index: usize, selected: bool, area: Rect, buf: &mut Buffer) {
        let (node, theme) = (&tree.nodes[index], self.theme);
        let base = if selected { theme.selection(self.focused) } else { Style::new() };
        if selected {
            buf.set_style(area, base);
            put(buf, part(area, 0, 1), theme.glyphs().marker, theme.marker());
        }
        let fold = fold_column(node, area.width);
        let style = |style: Style| base.patch(style);
        if node.content.held() > 0 {
            let glyph = if node.open { theme.glyphs().unfolded } else { theme.glyphs().folded };
            put(buf, part(area, fold, 1), glyph, style(theme.faint()));
        }
        let found = Found { pattern: tree.search.as_ref().map(|search| &search.pattern), current: selected };
        let mut row = Row { buf, area, x: fold + 2, theme, found };
        let name = match node.step {
            Step::Key(_) if node.content.held() > 0 => theme.text(),
            Step::Key(_) => theme.muted(),
            Step::Index(_) => theme.faint(),
        };
        row.column(node.name, &node.step.text(), style(name), matches!(node.step, Step::Key(_)));
        if node.open {
            return;
        }
        row.x += 2;
        let room = usize::from(row.left());
        match &node.content {
            Content::List(_) | Content::Map(_) => {
                let look = if node.content.held() > 0 { theme.muted() } else { theme.faint() };
                row.text(&tree.preview(index, room), style(look), false);
            }
            content => row.text(&content.line(room + 1), style(self.value_style(content)), true),
        }
    }

    fn value_style(&self, content: &Content) -> Style {
        match content {
            Content::Number(_) => self.theme.number(),
            Content::Bool(_) => self.theme.word(),
            Content::Null => self.theme.faint(),
            Content::Text(text) if text.is_empty() => self.theme.faint(),
            _ => self.theme.text(),
        }
    }
}

/// The column of a row's fold mark. However deep, most of the row is left for names and values.
fn fold_column(node: &Node, width: u16) -> u16 {
    MARGIN + node.depth.saturating_mul(INDENT).min(width / 3)
}

/// What a search looks for, and whether it stands on this row.
#[derive(Clone, Copy)]
struct Found<'a> {
    pattern: Option<&'a Pattern>,
    current: bool,
}

/// A row that is being written.
struct Row<'a> {
    buf: &'a mut Buffer,
    area: Rect,
    x: u16,
    theme: &'a Theme,
    found: Found<'a>,
}

impl Row<'_> {
    fn left(&self) -> u16 {
        // A cell stays free at the right, as one does at the left.
        self.area.width.saturating_sub(self.x + 1)
    }

    /// Writes a text into a column, or beyond it, and moves behind it.
    fn column(&mut self, cells: u16, text: &str, style: Style, searched: bool) {
        let start = self.x;
        self.text(text, style, searched);
        self.x = self.x.max(start.saturating_add(cells));
    }

    /// Writes a text, with what is searched standing out, and moves behind it.
    fn text(&mut self, text: &str, style: Style, searched: bool) {
        let place = part(self.area, self.x, self.left());
        let text = fit(text, usize::from(place.width), self.theme.glyphs().ellipsis);
        let ranges = match self.found.pattern {
            Some(pattern) if searched => pattern.ranges(&text),
            _ => Vec::new(),
        };
        let mark = if self.found.current { self.theme.found_current() } else { self.theme.found() };
        for glyph in glyphs(&text) {
            let found = ranges.iter().any(|range| range.contains(&glyph.offset));
            let style = if found { style.patch(mark) } else { style };
            put_glyph(self.buf, Position { x: self.area.x + self.x, y: self.area.y }, glyph, style);
            self.x += glyph.width as u16;
        }
    }
}

impl Tree {
    /// What a value holds in one line, as far as `room` cells may show it: `{Status: "running", Pid: 812}`.
    fn preview(&self, index: usize, room: usize) -> String {
        let mut out = String::new();
        self.write(index, room, &mut out);
        out
    }

    fn write(&self, index: usize, room: usize, out: &mut String) {
        let node = &self.nodes[index];
        let (open, close) = match &node.content {
            Content::List(_) => ('[', ']'),
            Content::Map(_) => ('{', '}'),
            content => return out.push_str(&content.line(room + 1)),
        };
        out.push(open);
        let mut next = index + 1;
        // A character takes four bytes at most: what is longer is cut anyway.
        while next < node.end && out.len() <= room.saturating_mul(4) {
            if next > index + 1 {
                out.push_str(", ");
            }
            if let Step::Key(key) = &self.nodes[next].step {
                out.push_str(key);
                out.push_str(": ");
            }
            self.write(next, room, out);
            next = self.nodes[next].end;
        }
        out.push(close);
    }

    /// Selects the row at a screen position, and folds or unfolds it when that is on its mark. False when no row is there.
    pub fn click(&mut self, at: Position) -> bool {
        let Some(row) = self.window.hit(at) else { return false };
        // What a click has folded since the last frame is gone from here.
        let Some(&index) = self.shown.get(row) else { return false };
        self.window.select(Some(row));
        let area = self.window.area();
        let mark = area.x + fold_column(&self.nodes[index], area.width);
        if at.x == mark {
            self.toggle();
        }
        true
    }
}

impl StatefulWidget for TreeView<'_> {
    type State = Tree;

    fn render(self, area: Rect, buf: &mut Buffer, tree: &mut Tree) {
        let area = area.intersection(buf.area);
        let rows = tree.window.show(area, tree.shown.len());
        for (y, row) in rows.enumerate() {
            let selected = tree.window.selected() == Some(row);
            self.draw_row(tree, tree.shown[row], selected, line(area, y as u16), buf);
        }
    }
}
