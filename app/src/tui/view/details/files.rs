//! The layers of the selection, the files of what is chosen among them, and of the selected file which layer it is from.

use super::whole;
use crate::tui::human;
use crate::tui::model::files::{Files, Row};
use crate::tui::model::{Focus, Model};
use porthole_engine::inside::{Change, Kind, Layer, Stack, Version, View};
use porthole_themes::Theme;
use porthole_widgets::frame::{Panel, inner, row};
use porthole_widgets::table::{CellText, Column, Rows, Table, position_text};
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::Style;
use ratatui::widgets::{StatefulWidget, Widget};

/// From this width on layers and files stand side by side, and the status is in the frame of the files.
pub const WIDE: u16 = 110;
/// A pane of fewer rows shows the files alone.
const LEAST: u16 = 14;

/// Draws layers, files and the origin of the selected one into a frame.
pub fn draw(model: &mut Model, area: Rect, buf: &mut Buffer) {
    let focused = model.focus == Focus::Detail;
    let Some(files) = model.files().filter(|files| files.stack().is_some()) else { return };
    let (Some(stack), theme) = (files.stack(), &model.theme) else { return };
    let (path, origin) = match files.selected() {
        Some(row) => (stack.path(row.node).display().to_string(), origin(stack, row)),
        None => (String::new(), String::new()),
    };
    let count = (stack.layers().len() + 1) as u16;
    let title = view_title(files, stack);
    let status = if area.width >= WIDE { status(model) } else { String::new() };
    let (layers, tree) = if area.width >= WIDE {
        let columns = row(area, [Constraint::Percentage(42), Constraint::Fill(1)]);
        (Some(inner(columns[0])), columns[1])
    } else if area.height < LEAST {
        (None, area)
    } else {
        let height = (count + 1).min(area.height / 3);
        let inside = inner(area);
        let below = inside.y + height;
        (Some(Rect { height, ..inside }), Rect { y: below, height: area.bottom() - below, ..area })
    };
    if layers.is_some() {
        Panel::new(theme).title(&title).status(&status).focused(focused).render(tree, buf);
    }
    let above = whole::draw(theme, focused, &path, &origin, theme.text(), tree, buf);
    let files = &mut model.detail.files;
    if let Some(layers) = layers {
        let mut state = std::mem::take(&mut files.layers);
        state.window.select(Some(match files.view() {
            View::Merged => 0,
            View::Layer(layer) => layer + 1,
        }));
        if let Some(stack) = files.stack() {
            let rows = LayerRows { stack, theme };
            Table::new(theme, &rows.columns(), &rows).render(within(layers), buf, &mut state);
        }
        files.layers = state;
    }
    let mut state = std::mem::take(&mut files.table);
    if let Some(stack) = files.stack() {
        let rows = FileRows { stack, files, theme };
        let empty = "this layer changes no file";
        Table::new(theme, &FileRows::columns(), &rows).focused(focused).empty(empty).render(
            within(above),
            buf,
            &mut state,
        );
    }
    files.table = state;
}

/// A last column that stands at the right keeps off the frame.
fn within(area: Rect) -> Rect {
    Rect { width: area.width.saturating_sub(1), ..area }
}

/// How many layers there are, how well they are used, and what is searched.
pub fn status(model: &Model) -> String {
    let Some(files) = model.files() else { return String::new() };
    let Some(stack) = files.stack() else { return String::new() };
    let mut facts = Vec::new();
    if !files.search_text().is_empty() {
        facts.push(format!("/{}", files.search_text()));
    }
    facts.push(position_text(files.table.window.selected(), files.rows().len()));
    let percent = (stack.efficiency() * 100.0).floor();
    facts.push(match stack.wasted() {
        0 => human::size(stack.bytes()),
        wasted => format!("{} · {} wasted · {percent} %", human::size(stack.bytes()), human::size(wasted)),
    });
    facts.join(" · ")
}

fn view_title(files: &Files, stack: &Stack) -> String {
    match files.view() {
        View::Merged => "all layers".to_owned(),
        View::Layer(layer) => format!("what {} changes", layer_name(stack, layer)),
    }
}

/// `layer 3`, or the container's own.
fn layer_name(stack: &Stack, layer: usize) -> String {
    match stack.layers()[layer].source.diff_id {
        Some(_) => format!("layer {}", layer + 1),
        None => "the container".to_owned(),
    }
}

/// Which layer the selected path is from, and what hides below it.
fn origin(stack: &Stack, row: &Row) -> String {
    let sight = row.sight;
    let what = match sight.object.kind {
        Kind::File => format!("{} {}", sight.object.permissions(), human::size(sight.object.size)),
        _ => sight.object.permissions(),
    };
    let owner = format!("{}:{}", sight.object.uid, sight.object.gid);
    let source = &stack.layers()[sight.layer].source;
    let made_by = match source.made_by.trim() {
        "" => String::new(),
        _ if source.diff_id.is_none() => String::new(),
        made_by => format!(" ({made_by})"),
    };
    let from = format!("from {}{made_by}", layer_name(stack, sight.layer));
    let others = stack.versions(row.node).iter().filter(|version| version.layer != sight.layer);
    let others: Vec<String> = others.map(|version| other(stack, version)).collect();
    let removed = if sight.change == Change::Removed { "removed; it came " } else { "" };
    let others = if others.is_empty() { String::new() } else { format!("\n{}", others.join(" · ")) };
    format!("{what} {owner} {removed}{from}{others}")
}

fn other(stack: &Stack, version: &Version) -> String {
    let name = layer_name(stack, version.layer);
    match (version.object.kind, version.hidden_by) {
        (Kind::Whiteout, _) => format!("{name} removes it"),
        (Kind::Directory, _) => format!("also in {name}"),
        (_, Some(_)) => format!("hides that of {name}, {}", human::size(version.object.size)),
        (_, None) => format!("{name} has it too"),
    }
}

struct LayerRows<'a> {
    stack: &'a Stack,
    theme: &'a Theme,
}

impl LayerRows<'_> {
    fn columns(&self) -> Vec<Column> {
        let changes = |count: fn(&Layer) -> usize| {
            let widest = self.stack.layers().iter().map(|layer| count(layer).to_string().len()).max();
            (widest.unwrap_or(0) as u16 + 1).max(3)
        };
        vec![
            Column::new("#").min(3).right(),
            Column::new("LAYER").min(14).flex(1),
            Column::new("SIZE").min(7).right(),
            Column::new("+").min(changes(|layer| layer.added)).right().priority(1),
            Column::new("~").min(changes(|layer| layer.changed)).right().priority(1),
            Column::new("-").min(changes(|layer| layer.removed)).right().priority(1),
            Column::new("WASTED").min(7).right().priority(2),
        ]
    }
}

impl Rows for LayerRows<'_> {
    fn len(&self) -> usize {
        self.stack.layers().len() + 1
    }

    fn cell(&self, row: usize, column: usize) -> CellText<'_> {
        let Some(layer) = row.checked_sub(1).and_then(|at| self.stack.layers().get(at)) else {
            return match column {
                1 => CellText::new("all layers"),
                2 => CellText::new(human::size(self.stack.bytes() - self.stack.wasted())),
                _ => CellText::new(""),
            };
        };
        let count = |count: usize, style: Style| match count {
            0 => CellText::new("0").style(self.theme.faint()),
            count => CellText::new(count.to_string()).style(style),
        };
        match column {
            0 => CellText::new(row.to_string()).style(self.theme.muted()),
            1 if layer.source.made_by.is_empty() => CellText::new("not told").style(self.theme.faint()),
            1 => CellText::new(layer.source.made_by.trim()),
            2 => CellText::new(human::size(layer.bytes)),
            3 => count(layer.added, self.theme.good()),
            4 => count(layer.changed, self.theme.warn()),
            5 => count(layer.removed, self.theme.bad()),
            _ if layer.wasted == 0 => CellText::new(""),
            _ => CellText::new(human::size(layer.wasted)).style(self.theme.warn()),
        }
    }
}

struct FileRows<'a> {
    stack: &'a Stack,
    files: &'a Files,
    theme: &'a Theme,
}

impl FileRows<'_> {
    fn columns() -> Vec<Column> {
        vec![
            Column::new("FILE").min(16).flex(1),
            Column::new("MODE").min(10).priority(2),
            Column::new("SIZE").min(7).right(),
            Column::new("LAYER").min(5).right().priority(1),
        ]
    }

    fn name(&self, row: &Row) -> String {
        let glyphs = self.theme.glyphs();
        let mark = match (row.holds, row.open) {
            (true, true) => glyphs.unfolded,
            (true, false) => glyphs.folded,
            (false, _) => " ",
        };
        let indent = " ".repeat(usize::from(row.depth.min(20)) * 2);
        let name = String::from_utf8_lossy(self.stack.name(row.node));
        let slash = if row.sight.object.kind == Kind::Directory { "/" } else { "" };
        format!("{indent}{mark} {name}{slash}")
    }

    /// Changes stand out where one layer is looked at.
    fn style(&self, row: &Row) -> Style {
        match (self.files.view(), row.sight.change) {
            (View::Merged, _) | (_, Change::None) => self.theme.text(),
            (_, Change::Added) => self.theme.good(),
            (_, Change::Changed) => self.theme.warn(),
            (_, Change::Removed) => self.theme.bad(),
        }
    }
}

impl Rows for FileRows<'_> {
    fn len(&self) -> usize {
        self.files.rows().len()
    }

    fn cell(&self, row: usize, column: usize) -> CellText<'_> {
        let Some(row) = self.files.rows().get(row) else { return CellText::new("") };
        match column {
            0 => CellText::new(self.name(row)).style(self.style(row)),
            1 => CellText::new(row.sight.object.permissions()).style(self.theme.muted()),
            2 if row.bytes == 0 => CellText::new("0 B").style(self.theme.faint()),
            2 => CellText::new(human::size(row.bytes)),
            _ => match self.stack.layers()[row.sight.layer].source.diff_id {
                Some(_) => CellText::new((row.sight.layer + 1).to_string()).style(self.theme.muted()),
                None => CellText::new("own").style(self.theme.accent()),
            },
        }
    }
}
