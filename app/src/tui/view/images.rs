//! The list of images.

use crate::tui::human;
use crate::tui::model::list::List;
use crate::tui::model::{Focus, Model};
use crate::tui::source::Image;
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
    let title = super::list_title("Images", model.images.filter(), model.images.marked());
    let status = position_text(model.images.table.window.selected(), model.images.rows());
    Panel::new(&model.theme).title(&title).status(&status).focused(focused).render(area, buf);
    let mut state = std::mem::take(&mut model.images.table);
    let rows = ImageRows { list: &model.images, now: model.now, theme: &model.theme };
    let columns = rows.columns();
    let empty = if !model.images.loaded {
        ""
    } else if model.images.all().is_empty() {
        "no images yet: Ctrl-O loads an archive, L sets up the lab"
    } else {
        "no image passes the filter: esc shows all"
    };
    Table::new(&model.theme, &columns, &rows).focused(focused).empty(empty).render(inner(area), buf, &mut state);
    model.images.table = state;
}

struct ImageRows<'a> {
    list: &'a List<Image>,
    now: i64,
    theme: &'a Theme,
}

impl ImageRows<'_> {
    fn columns(&self) -> Vec<Column> {
        let name = self.list.all().iter().map(|image| image.reference().chars().count()).max().unwrap_or(0) as u16;
        vec![
            Column::new("IMAGE").min(name.clamp(8, 28)).max(name.max(8)).flex(1),
            Column::new("ID").min(12).priority(4),
            Column::new("SIZE").min(7).right(),
            Column::new("MADE").min(11).right().priority(3),
            Column::new("USED BY").min(8).flex(1).priority(2),
        ]
    }
}

impl Rows for ImageRows<'_> {
    fn len(&self) -> usize {
        self.list.rows()
    }

    fn cell(&self, row: usize, column: usize) -> CellText<'_> {
        let Some(image) = self.list.row(row) else { return CellText::new("") };
        match column {
            0 if image.name.is_none() => CellText::new("<none>").style(self.theme.muted()),
            0 => CellText::new(image.reference()).middle(),
            1 => CellText::new(image.short_id()).style(self.theme.muted()),
            2 => CellText::new(human::size(image.size)),
            3 => {
                let age = Duration::from_nanos(u64::try_from(self.now - image.created).unwrap_or(0));
                CellText::new(if image.created > 0 { format!("{} ago", human::duration(age)) } else { String::new() })
            }
            _ => CellText::new(image.used_by.join(" ")),
        }
    }

    fn marked(&self, row: usize) -> bool {
        self.list.is_marked(row)
    }
}
