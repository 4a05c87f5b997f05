//! The list of volumes.

use crate::tui::human;
use crate::tui::model::list::List;
use crate::tui::model::{Focus, Model};
use crate::tui::source::Volume;
use porthole_themes::Theme;
use porthole_widgets::frame::{Panel, inner};
use porthole_widgets::table::{CellText, Column, Rows, Table, position_text};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{StatefulWidget, Widget};
use std::time::Duration;

/// Draws the list.
pub fn draw(model: &mut Model, area: Rect, buf: &mut Buffer) {
    let focused = model.focus == Focus::List;
    let title = super::list_title("Volumes", model.volumes.filter(), model.volumes.marked());
    let status = position_text(model.volumes.table.window.selected(), model.volumes.rows());
    Panel::new(&model.theme).title(&title).status(&status).focused(focused).render(area, buf);
    let mut state = std::mem::take(&mut model.volumes.table);
    let rows = VolumeRows { list: &model.volumes, now: model.now, theme: &model.theme };
    let columns = rows.columns();
    let empty = if !model.volumes.loaded {
        ""
    } else if model.volumes.all().is_empty() {
        "no volumes yet: n makes one, and run -v NAME:/path makes the one that it names"
    } else {
        "no volume passes the filter: esc shows all"
    };
    Table::new(&model.theme, &columns, &rows).focused(focused).empty(empty).render(inner(area), buf, &mut state);
    model.volumes.table = state;
}

struct VolumeRows<'a> {
    list: &'a List<Volume>,
    now: i64,
    theme: &'a Theme,
}

impl VolumeRows<'_> {
    fn columns(&self) -> Vec<Column> {
        let name = self.list.all().iter().map(|volume| shown_name(volume).chars().count()).max().unwrap_or(0) as u16;
        vec![
            Column::new("VOLUME").min(name.clamp(8, 28)).max(name.max(8)).flex(1),
            Column::new("DRIVER").min(6).priority(3),
            Column::new("MADE").min(11).right().priority(2),
            Column::new("USED BY").min(8).flex(1).priority(4),
        ]
    }
}

/// The name; that of one that nobody named is as long as it says something.
fn shown_name(volume: &Volume) -> &str {
    match volume.anonymous {
        true => volume.name.get(..12).unwrap_or(&volume.name),
        false => &volume.name,
    }
}

impl Rows for VolumeRows<'_> {
    fn len(&self) -> usize {
        self.list.rows()
    }

    fn cell(&self, row: usize, column: usize) -> CellText<'_> {
        let Some(volume) = self.list.row(row) else { return CellText::new("") };
        match column {
            0 if volume.anonymous => CellText::new(shown_name(volume)).style(self.theme.muted()),
            0 => CellText::new(shown_name(volume)).middle(),
            1 => CellText::new(volume.driver.as_str()).style(self.theme.muted()),
            2 => {
                let age = Duration::from_nanos(u64::try_from(self.now - volume.created).unwrap_or(0));
                CellText::new(format!("{} ago", human::duration(age)))
            }
            _ => CellText::new(volume.used_by.join(" ")),
        }
    }

    fn marked(&self, row: usize) -> bool {
        self.list.is_marked(row)
    }
}
