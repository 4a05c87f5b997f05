//! What has happened, the newest at the bottom.

use crate::tui::human;
use crate::tui::model::events::EventPane;
use crate::tui::model::{Focus, Model};
use crate::tui::source::{Event, Meaning};
use porthole_themes::Theme;
use porthole_widgets::frame::{Panel, inner};
use porthole_widgets::table::{CellText, Column, Rows, Table, position_text};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::{StatefulWidget, Widget};

/// Narrower windows show the time of day only.
const NARROW: u16 = 60;

/// Draws the page.
pub fn draw(model: &mut Model, area: Rect, buf: &mut Buffer) {
    let focused = model.focus == Focus::List;
    let title = super::list_title("Events", model.events.filter(), 0);
    Panel::new(&model.theme).title(&title).status(&status(&model.events)).focused(focused).render(area, buf);
    let empty = empty(&model.events).to_owned();
    let mut state = std::mem::take(&mut model.events.table);
    let rows = EventRows {
        pane: &model.events,
        now: model.now,
        utc_offset: model.utc_offset,
        days: area.width >= NARROW,
        theme: &model.theme,
    };
    let columns = rows.columns();
    Table::new(&model.theme, &columns, &rows).focused(focused).empty(&empty).render(inner(area), buf, &mut state);
    model.events.table = state;
}

fn status(pane: &EventPane) -> String {
    let position = position_text(pane.table.window.selected(), pane.rows());
    match (pane.rows(), pane.follows()) {
        (0, _) => String::new(),
        (rows, true) => format!("following · {}", human::count(rows, "event", "events")),
        (_, false) => format!("paused · {position}"),
    }
}

fn empty(pane: &EventPane) -> &str {
    match &pane.problem {
        Some(problem) if pane.len() == 0 => problem,
        _ if !pane.loaded => "",
        _ if pane.len() == 0 => "nothing has happened yet",
        _ => "no event passes the filter: esc shows all",
    }
}

struct EventRows<'a> {
    pane: &'a EventPane,
    now: i64,
    utc_offset: i32,
    /// Whether the day stands before the time when it is not today.
    days: bool,
    theme: &'a Theme,
}

impl EventRows<'_> {
    fn columns(&self) -> Vec<Column> {
        // The oldest is the first to be of another day.
        let time = self.pane.oldest().map_or(0, |event| self.time(event).len()) as u16;
        vec![
            Column::new("TIME").min(time).right(),
            Column::new("TYPE").min(9).priority(2),
            Column::new("NAME").min(10).max(24).flex(1),
            Column::new("EVENT").min(11).max(16).flex(1),
            Column::new("DETAILS").min(14).flex(3).priority(1),
        ]
    }

    fn time(&self, event: &Event) -> String {
        let now = if self.days { self.now } else { event.time };
        human::moment(event.time, now, self.utc_offset)
    }

    fn style(&self, meaning: Meaning) -> Style {
        match meaning {
            Meaning::Good => self.theme.good(),
            Meaning::Warn => self.theme.warn(),
            Meaning::Bad => self.theme.bad(),
            Meaning::Plain => self.theme.text(),
            Meaning::Faint => self.theme.muted(),
        }
    }
}

impl Rows for EventRows<'_> {
    fn len(&self) -> usize {
        self.pane.rows()
    }

    fn cell(&self, row: usize, column: usize) -> CellText<'_> {
        let Some(event) = self.pane.row(row) else { return CellText::new("") };
        match column {
            0 => CellText::new(self.time(event)).style(self.theme.timestamp()),
            1 => CellText::new(event.kind.as_str()).style(self.theme.muted()),
            2 => CellText::new(event.name.as_str()).middle(),
            3 => CellText::new(event.action.as_str()).style(self.style(event.meaning)),
            _ => CellText::new(event.details.as_str()).style(self.theme.muted()),
        }
    }
}
