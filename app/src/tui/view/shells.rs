//! The pane of terminals.

use crate::tui::actions::Action;
use crate::tui::model::{Focus, Model};
use porthole_widgets::frame::{Panel, inner};
use porthole_widgets::terminal::{TermEmulator, TermPane};
use porthole_widgets::text::{put, width};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

/// Draws the terminal that shows, with the others as tabs in its frame.
pub fn draw(model: &mut Model, area: Rect, buf: &mut Buffer) {
    let focused = model.focus == Focus::Shell;
    model.places.shell_tabs.clear();
    let status = status(model, focused);
    let Some(shown) = model.shells.shown() else { return };
    let title = if model.shells.all().len() == 1 { format!("{} · terminal", shown.title) } else { String::new() };
    Panel::new(&model.theme).title(&title).status(&status).focused(focused).render(area, buf);
    TermPane::new(&model.theme, &shown.emulator).focused(focused && shown.ended.is_none()).render(inner(area), buf);
    if model.shells.all().len() > 1 {
        model.places.shell_tabs = tabs(model, area, buf);
    }
}

/// `╭ web ─ db ─ web · 2`: the names in the top border; where each lies.
fn tabs(model: &Model, area: Rect, buf: &mut Buffer) -> Vec<(Rect, usize)> {
    let mut x = area.x + 1;
    let mut places = Vec::new();
    for (index, shell) in model.shells.all().iter().enumerate() {
        let text = format!(" {} ", shell.title);
        let cells = width(&text) as u16;
        if x + cells + 1 > area.right() {
            break;
        }
        let shown = index == model.shells.shown_index();
        let style = model.theme.title(shown && model.focus == Focus::Shell);
        let place = Rect { x, y: area.y, width: cells, height: 1 };
        put(buf, place, &text, if shown { style } else { model.theme.muted() });
        places.push((place, index));
        x += cells + 1;
    }
    places
}

fn status(model: &Model, focused: bool) -> String {
    let Some(shown) = model.shells.shown() else { return String::new() };
    let key = |action| model.keymap.chords(action).next().map(|chord| chord.to_string()).unwrap_or_default();
    match shown.ended {
        Some(code) if focused => format!("ended with exit code {code} · any key closes"),
        Some(code) => format!("ended with exit code {code}"),
        None if shown.emulator.scrolled() > 0 => format!("{} rows back", shown.emulator.scrolled()),
        None if focused => format!("{} to leave", key(Action::LeaveShell)),
        None => format!("{} to type", key(Action::FocusShell)),
    }
}
