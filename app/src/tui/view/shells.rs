//! The pane of terminals.

use crate::tui::actions::Action;
use crate::tui::model::{Focus, Model};
use porthole_widgets::frame::{Panel, inner};
use porthole_widgets::terminal::{TermEmulator, TermPane};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

/// Draws the terminal that shows, with the others as tabs in its frame.
pub fn draw(model: &mut Model, area: Rect, buf: &mut Buffer) {
    let focused = model.focus == Focus::Shell;
    let status = status(model, focused);
    let Some(shown) = model.shells.shown() else { return };
    let names: Vec<&str> = model.shells.all().iter().map(|shell| shell.title.as_str()).collect();
    let alone = format!("{} · terminal", shown.title);
    let panel = Panel::new(&model.theme).status(&status).focused(focused);
    let panel = match names.as_slice() {
        [_] => panel.title(&alone),
        names => panel.tabs(names, model.shells.shown_index()),
    };
    model.places.shell_tabs = panel.tab_places(area);
    panel.render(area, buf);
    TermPane::new(&model.theme, &shown.emulator).focused(focused && shown.ended.is_none()).render(inner(area), buf);
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
