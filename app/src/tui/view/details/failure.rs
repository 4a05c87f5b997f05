//! Why the selected container failed, and how to look for the cause.

use crate::tui::model::{Focus, Model};
use crate::tui::source::{Container, Phase};
use crate::tui::update::image_shell;
use crate::tui::{actions::Action, exit, human, words};
use porthole_widgets::frame::{Panel, inner};
use porthole_widgets::text::{put, wrap};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::Widget;

/// The column of the names.
pub(super) const NAMES: u16 = 10;
/// Lines that one fact may take.
const LINES: usize = 3;
/// The log keeps so many rows.
const LOG: u16 = 3;

/// A line: the name of the fact, or nothing where one goes on, and what it says.
pub(super) type Line = (&'static str, String, Style);

/// Draws the reason at the top of a pane that lies in `area`; what is left for the log.
pub fn draw(model: &Model, area: Rect, buf: &mut Buffer) -> Rect {
    above_log(model, area, buf, lines(model, inner(area).width))
}

/// Draws facts at the top of a pane that lies in `area`; what is left for the log.
pub(super) fn above_log(model: &Model, area: Rect, buf: &mut Buffer, lines: Vec<Line>) -> Rect {
    let inside = inner(area);
    let rows = (lines.len() as u16).min(inside.height.saturating_sub(LOG + 1));
    if rows == 0 {
        return inside;
    }
    for ((name, text, style), row) in lines.into_iter().zip(inside.rows()).take(usize::from(rows)) {
        let part = |x: u16| Rect { x: row.x + x.min(row.width), width: row.width.saturating_sub(x + 1), ..row };
        put(buf, part(1), name, model.theme.muted());
        put(buf, part(NAMES), &text, style);
    }
    // The log's own frame lies upon the pane's, but for the line between them.
    let log = Rect { y: inside.y + rows, height: area.bottom() - inside.y - rows, ..area };
    Panel::new(&model.theme).title("last lines").focused(model.focus == Focus::Detail).render(log, buf);
    inner(log)
}

/// The facts, the most telling first.
fn lines(model: &Model, width: u16) -> Vec<Line> {
    let Some(container) = model.containers.selected() else { return Vec::new() };
    let theme = &model.theme;
    let shell = match image_shell::answer(model) {
        None => String::new(),
        Some(Err(reason)) => reason.clone(),
        Some(Ok(argv)) => format!("porthole {}", words::join(argv)),
    };
    let key = model.keymap.chords(Action::ImageShell).next().map(|chord| format!("{chord} runs "));
    let key = key.filter(|_| image_shell::argv(model).is_some()).unwrap_or_default();
    let facts = [
        ("ended", ended(container, model.now), theme.bad()),
        ("error", container.error.clone(), theme.text()),
        ("command", container.command.clone(), theme.text()),
        ("shell", format!("{key}{shell}"), theme.accent()),
    ];
    let room = usize::from(width.saturating_sub(NAMES + 1));
    let wrapped = |(name, text, style): (&'static str, String, Style)| {
        let lines = wrap(&text, room, LINES, theme.glyphs().ellipsis).into_iter().enumerate();
        lines.map(move |(index, line)| (if index == 0 { name } else { "" }, line, style))
    };
    facts.into_iter().flat_map(wrapped).collect()
}

/// `127: the command was not found, 2 min ago`.
fn ended(container: &Container, now: i64) -> String {
    let why = exit::explanation(container);
    match container.phase {
        Phase::Created => why,
        _ => format!("{why}, {} ago", human::duration(container.age(now))),
    }
}
