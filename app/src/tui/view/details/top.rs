//! The processes of the selection, with the selected one's command line whole below them.

use super::stats::percent;
use super::whole;
use crate::tui::human;
use crate::tui::model::list::List;
use crate::tui::model::{Focus, Model};
use crate::tui::source::Process;
use porthole_widgets::frame::inner;
use porthole_widgets::table::{CellText, Column, Rows, Table, position_text};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::StatefulWidget;

/// Draws table and command line into a frame.
pub fn draw(model: &mut Model, area: Rect, buf: &mut Buffer) {
    let focused = model.focus == Focus::Detail;
    let list = &model.detail.processes.list;
    let above = match list.selected() {
        Some(process) => {
            let title = format!("process {}", process.pid);
            whole::draw(&model.theme, focused, &title, &process.command, model.theme.text(), area, buf)
        }
        None => inner(area),
    };
    let empty = match () {
        () if model.detail.loading => "",
        () if list.all().is_empty() => "it does not run",
        () => "no process passes the filter: esc shows all",
    };
    let mut state = std::mem::take(&mut model.detail.processes.list.table);
    let rows = ProcessRows(&model.detail.processes.list);
    let columns = rows.columns();
    Table::new(&model.theme, &columns, &rows).focused(focused).empty(empty).render(above, buf, &mut state);
    model.detail.processes.list.table = state;
}

/// What the list is narrowed to, and where in it one is.
pub fn status(model: &Model) -> String {
    let list = &model.detail.processes.list;
    let position = position_text(list.table.window.selected(), list.rows());
    match list.filter() {
        _ if list.all().is_empty() => String::new(),
        "" => position,
        filter => format!("/{filter} · {position}"),
    }
}

struct ProcessRows<'a>(&'a List<Process>);

impl ProcessRows<'_> {
    fn columns(&self) -> Vec<Column> {
        let widest = |text: fn(&Process) -> usize| self.0.all().iter().map(text).max().unwrap_or(0) as u16;
        let (pid, time) = (widest(|process| process.pid.len()), widest(|process| human::cpu_time(process.time).len()));
        let uid = widest(|process| process.uid.to_string().len());
        vec![
            Column::new("PID").min(pid).right(),
            Column::new("USER").min(uid).right().priority(1),
            Column::new("CPU").min(7).right().priority(3),
            Column::new("TIME").min(time.max(7)).right().priority(2),
            Column::new("COMMAND").min(12).flex(1),
        ]
    }
}

impl Rows for ProcessRows<'_> {
    fn len(&self) -> usize {
        self.0.rows()
    }

    fn cell(&self, row: usize, column: usize) -> CellText<'_> {
        let Some(process) = self.0.row(row) else { return CellText::new("") };
        match column {
            0 => CellText::new(process.pid.as_str()),
            1 => CellText::new(process.uid.to_string()),
            2 => CellText::new(process.cpu.map(percent).unwrap_or_default()),
            3 => CellText::new(human::cpu_time(process.time)),
            _ => CellText::new(process.command.as_str()),
        }
    }
}
