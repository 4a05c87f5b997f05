//! The list of containers.

use crate::tui::human;
use crate::tui::model::list::List;
use crate::tui::model::{Focus, Load, Model};
use crate::tui::source::{Container, Phase};
use porthole_themes::Theme;
use porthole_widgets::frame::{Panel, inner};
use porthole_widgets::table::{CellText, Column, Rows, Table, position_text};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::{StatefulWidget, Widget};
use std::collections::HashMap;

/// Draws the list.
pub fn draw(model: &mut Model, area: Rect, buf: &mut Buffer) {
    let focused = model.focus == Focus::List;
    let title = super::list_title("Containers", model.containers.filter(), model.containers.marked());
    let status = status(&model.containers);
    Panel::new(&model.theme).title(&title).status(&status).focused(focused).render(area, buf);
    let mut state = std::mem::take(&mut model.containers.table);
    let rows = ContainerRows { list: &model.containers, loads: &model.loads, now: model.now, theme: &model.theme };
    let columns = rows.columns();
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

fn status(list: &List<Container>) -> String {
    let position = position_text(list.table.window.selected(), list.rows());
    if list.hides() { format!("running only · {position}") } else { position }
}

struct ContainerRows<'a> {
    list: &'a List<Container>,
    loads: &'a HashMap<String, Load>,
    now: i64,
    theme: &'a Theme,
}

impl ContainerRows<'_> {
    /// Columns as wide as what they hold; when space is short ports go first, then image and use.
    fn columns(&self) -> Vec<Column> {
        let widest =
            |text: &dyn Fn(&Container) -> usize| self.list.all().iter().map(text).max().unwrap_or(0).min(40) as u16;
        let arrow = self.theme.glyphs().arrow;
        let name = widest(&|container| container.name.chars().count());
        let image = widest(&|container| container.image.chars().count());
        let ports = widest(&|container| container.ports_text(arrow).chars().count());
        let status = widest(&|container| self.status(container).0.chars().count());
        vec![
            Column::new("NAME").min(name.min(24)).max(name.max(4)),
            Column::new("IMAGE").min(image.min(16)).max(image.max(5)).priority(2),
            Column::new("STATUS").min(status).max(status.max(6)),
            Column::new("CPU").min(7).right().priority(3),
            Column::new("MEM").min(6).right().priority(4),
            Column::new("PORTS").min(ports).priority(1),
        ]
    }

    /// What a container is doing, and what that means.
    fn status(&self, container: &Container) -> (String, Style) {
        let (age, theme) = (human::duration(container.age(self.now)), self.theme);
        let code = container.exit_code.unwrap_or(0);
        let (text, style) = match container.phase {
            Phase::Running => (format!("up {age}"), theme.good()),
            Phase::Paused => (format!("paused, up {age}"), theme.warn()),
            Phase::Restarting => (format!("restarting ({code}), {age}"), theme.warn()),
            Phase::Created => ("created".to_owned(), theme.muted()),
            Phase::Exited if code == 0 => (format!("exited 0, {age} ago"), theme.muted()),
            Phase::Exited => (format!("exited {code}, {age} ago"), theme.bad()),
            Phase::Dead => ("dead".to_owned(), theme.bad()),
        };
        if container.monitor_lost { (format!("{text}, monitor lost"), theme.warn()) } else { (text, style) }
    }

    fn load(&self, container: &Container) -> Option<&Load> {
        self.loads.get(&container.id).filter(|_| container.is_up())
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
                let (text, style) = self.status(container);
                CellText::new(text).style(style)
            }
            3 => CellText::new(self.load(container).and_then(|load| load.cpu).map(percent).unwrap_or_default()),
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

fn percent(share: f32) -> String {
    format!("{share:.1} %")
}
