//! A project's file, and what it means.

use crate::tui::model::detail::View;
use crate::tui::model::{Focus, Model};
use crate::tui::project::file_name;
use crate::tui::update::projects::{sheet, sheet_mut};
use porthole_widgets::source::SourcePane;
use porthole_widgets::text::{put, wrap};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::StatefulWidget;

/// Draws the text, or why there is none.
pub fn draw(model: &mut Model, view: View, area: Rect, buf: &mut Buffer) {
    let focused = model.focus == Focus::Detail;
    let theme = model.theme.clone();
    if let Some(source) = sheet_mut(model).and_then(|sheet| sheet.source.as_mut()) {
        return SourcePane::new(&theme).focused(focused).render(area, buf, source);
    }
    let Some(project) = model.projects.selected() else { return };
    let (text, style) = match (project.problem(), &project.definition) {
        (Some(problem), _) if problem.gone => (problem.message.clone(), theme.muted()),
        (Some(problem), _) if view == View::Config => (problem.text(), theme.bad()),
        (Some(problem), _) => (problem.message.clone(), theme.bad()),
        (None, None) if project.files.is_empty() => {
            ("its containers do not say which file it is from".to_owned(), theme.muted())
        }
        (None, _) => (String::new(), theme.muted()),
    };
    let width = usize::from(area.width.saturating_sub(2));
    for (row, line) in area.rows().zip(wrap(&text, width, usize::from(area.height), theme.glyphs().ellipsis)) {
        put(buf, Rect { x: row.x + 1.min(row.width), width: row.width.saturating_sub(1), ..row }, &line, style);
    }
}

/// Which file it is, and where one is in it.
pub fn status(model: &Model, view: View) -> String {
    let Some(source) = sheet(model) else { return String::new() };
    match view {
        View::Yaml => {
            let file = file_name(&model.projects.file.subject);
            format!("{file} {} {}", model.theme.glyphs().separator, source.status())
        }
        _ => source.status(),
    }
}
