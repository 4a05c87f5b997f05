//! The list of containers.

use super::details::stats::percent;
use super::status::{Tone, status};
use crate::tui::human;
use crate::tui::model::list::List;
use crate::tui::model::{Focus, Model};
use crate::tui::source::{Container, Load};
use porthole_themes::Theme;
use porthole_widgets::frame::{Panel, inner};
use porthole_widgets::table::{CellText, Column, Rows, Sort, Table, position_text};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{StatefulWidget, Widget};

/// The width to which a status may be cut: `exited 137 · out of memory…`.
const STATUS: u16 = 27;

/// Draws the list.
pub fn draw(model: &mut Model, area: Rect, buf: &mut Buffer) {
    let focused = model.focus == Focus::List;
    let title = super::list_title("Containers", model.containers.filter(), model.containers.marked());
    let status = position(&model.containers);
    Panel::new(&model.theme).title(&title).status(&status).focused(focused).render(area, buf);
    let mut state = std::mem::take(&mut model.containers.table);
    let rows = ContainerRows { list: &model.containers, now: model.now, theme: &model.theme };
    let columns = rows.columns(state.sort);
    let empty = if !model.containers.loaded {
        ""
    } else if model.containers.all().is_empty() {
        "no containers yet: n makes one"
    } else {
        "no container passes the filter: esc shows all"
    };
    Table::new(&model.theme, &columns, &rows).focused(focused).empty(empty).render(inner(area), buf, &mut state);
    model.containers.table = state;
}

fn position(list: &List<Container>) -> String {
    let position = position_text(list.table.window.selected(), list.rows());
    if list.hides() { format!("running only · {position}") } else { position }
}

struct ContainerRows<'a> {
    list: &'a List<Container>,
    now: i64,
    theme: &'a Theme,
}

impl ContainerRows<'_> {
    /// Columns as wide as what they hold. When space is short the image goes first, then ports, memory and CPU; never the
    /// column that the list is sorted by. A long status is cut before that: its beginning says most.
    fn columns(&self, sort: Option<Sort>) -> Vec<Column> {
        let widest =
            |text: &dyn Fn(&Container) -> usize| self.list.all().iter().map(text).max().unwrap_or(0).min(60) as u16;
        let arrow = self.theme.glyphs().arrow;
        let name = widest(&|container| container.name.chars().count());
        let image = widest(&|container| container.image.chars().count());
        let ports = widest(&|container| container.ports_text(arrow).chars().count());
        let status = widest(&|container| self.status(container).0.chars().count());
        let columns = [
            Column::new("NAME").min(name.min(24)).max(name.max(4)),
            Column::new("IMAGE").min(image.min(16)).max(image.max(5)).priority(4),
            Column::new("STATUS").min(status.min(STATUS)).max(status.max(6)).flex(1),
            Column::new("CPU").min(6).right().priority(1),
            Column::new("MEM").min(6).right().priority(2),
            Column::new("PORTS").min(ports).priority(3),
        ];
        let sorted = |index| sort.is_some_and(|sort| sort.column == index);
        let keep = |(index, column): (usize, Column)| if sorted(index) { column.priority(0) } else { column };
        columns.into_iter().enumerate().map(keep).collect()
    }

    /// What a container is doing, and what that means.
    fn status(&self, container: &Container) -> (String, Tone) {
        status(container, self.now, self.theme.glyphs().separator)
    }

    fn load(&self, container: &Container) -> Option<Load> {
        container.load.filter(|_| container.is_up())
    }
}

impl Rows for ContainerRows<'_> {
    fn len(&self) -> usize {
        self.list.rows()
    }

    fn cell(&self, row: usize, column: usize) -> CellText<'_> {
        let Some(container) = self.list.row(row) else { return CellText::new("") };
        match column {
            0 => CellText::new(container.name.as_str()),
            1 => CellText::new(container.image.as_str()).middle(),
            2 => {
                let (text, tone) = self.status(container);
                CellText::new(text).style(tone.style(self.theme))
            }
            3 => CellText::new(self.load(container).map(|load| percent(load.cpu)).unwrap_or_default()),
            4 => CellText::new(self.load(container).map(|load| human::memory(load.memory)).unwrap_or_default()),
            _ => CellText::new(container.ports_text(self.theme.glyphs().arrow)),
        }
    }

    fn marked(&self, row: usize) -> bool {
        self.list.is_marked(row)
    }

    fn dim(&self, row: usize) -> bool {
        self.list.row(row).is_some_and(|container| !container.is_up())
    }
}
