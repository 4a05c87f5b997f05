//! Terminals beside the lists.

use super::{areas, confirm};
use crate::tui::message::{Effect, ShellId};
use crate::tui::model::modal::Then;
use crate::tui::model::{Focus, Model};
use porthole_widgets::frame;
use porthole_widgets::key::{Key, Mouse};

/// The size of a terminal that has no pane yet.
const START: (u16, u16) = (80, 24);

/// Opens a terminal for a command line; one that is `held` stays to be read when its program has ended.
pub fn open(model: &mut Model, title: &str, argv: Vec<String>, held: bool) -> Vec<Effect> {
    let job = model.commands.start(&argv, model.now);
    let shell = model.shells.open(title, job, held, START);
    model.focus = Focus::Shell;
    // The pane is there only now; the emulator follows it when the message has been taken in.
    let size = size(model).unwrap_or(START);
    vec![Effect::OpenShell { shell, argv, size }]
}

pub fn output(model: &mut Model, shell: ShellId, bytes: &[u8]) -> Vec<Effect> {
    let replies = model.shells.feed(shell, bytes);
    if replies.is_empty() { Vec::new() } else { vec![Effect::WriteShell(shell, replies)] }
}

/// A program ended. What ended well and was not to be read closes; anything else stays until a key is pressed.
pub fn ended(model: &mut Model, shell: ShellId, code: i32) -> Vec<Effect> {
    use crate::tui::model::commands::Outcome;
    let Some(job) = model.shells.ended(shell, code) else { return Vec::new() };
    let outcome = if code == 0 { Outcome::Done } else { Outcome::Failed(code, format!("exit code {code}")) };
    model.commands.end(job, outcome);
    // The pseudo terminal is of no more use; what stood on the screen is kept here.
    vec![Effect::CloseShell(shell)]
}

pub fn failed(model: &mut Model, shell: ShellId, problem: String) -> Vec<Effect> {
    model.shells.close(shell);
    model.complain(problem);
    Vec::new()
}

/// A key for the program; any key closes a terminal whose program has ended.
pub fn typed(model: &mut Model, key: Key) -> Vec<Effect> {
    let Some(shown) = model.shells.shown_mut() else { return Vec::new() };
    let shell = shown.id;
    if shown.ended.is_some() {
        model.shells.close(shell);
        return Vec::new();
    }
    write(shell, shown.key(key))
}

pub fn pasted(model: &mut Model, text: &str) -> Vec<Effect> {
    let Some(shown) = model.shells.shown_mut().filter(|shown| shown.ended.is_none()) else { return Vec::new() };
    write(shown.id, shown.paste(text))
}

/// A mouse event, counted from the terminal's upper left.
pub fn mouse(model: &mut Model, event: Mouse) -> Vec<Effect> {
    let Some(shown) = model.shells.shown_mut() else { return Vec::new() };
    write(shown.id, shown.mouse(event))
}

fn write(shell: ShellId, bytes: Vec<u8>) -> Vec<Effect> {
    if bytes.is_empty() { Vec::new() } else { vec![Effect::WriteShell(shell, bytes)] }
}

pub fn scroll(model: &mut Model, up: bool) -> Vec<Effect> {
    if let Some(shown) = model.shells.shown_mut() {
        shown.scroll_page(up);
    }
    Vec::new()
}

pub fn focus(model: &mut Model) -> Vec<Effect> {
    if model.shells.is_empty() {
        model.say("no terminal is open");
    } else {
        model.focus = Focus::Shell;
    }
    Vec::new()
}

pub fn leave(model: &mut Model) -> Vec<Effect> {
    model.focus = Focus::List;
    model.zoomed = false;
    Vec::new()
}

pub fn step(model: &mut Model, forward: bool) -> Vec<Effect> {
    model.shells.step(forward);
    focus(model)
}

/// Closes the terminal shown; asks when its program runs.
pub fn close(model: &mut Model) -> Vec<Effect> {
    let Some(shown) = model.shells.shown() else { return Vec::new() };
    let (shell, title) = (shown.id, shown.title.clone());
    if shown.ended.is_some() {
        model.shells.close(shell);
        return Vec::new();
    }
    let effects = vec!["Its program gets a hang-up; the container stays as it is.".to_owned()];
    confirm::ask(model, "Close", format!("terminal {title}"), effects, Then::CloseShell(shell))
}

pub fn hang_up(model: &mut Model, shell: ShellId) -> Vec<Effect> {
    if let Some(job) = model.shells.close(shell) {
        model.commands.end(job, crate::tui::model::commands::Outcome::Done);
    }
    vec![Effect::CloseShell(shell)]
}

/// Gives every terminal the size of the pane, once that is known.
pub fn fit(model: &mut Model) -> Vec<Effect> {
    let Some(size) = size(model) else { return Vec::new() };
    let resized = model.shells.fit(size).into_iter();
    resized.map(|shell| Effect::ResizeShell(shell, size)).collect()
}

/// Columns and rows within the frame of the pane; `None` while it does not show.
fn size(model: &Model) -> Option<(u16, u16)> {
    let inner = frame::inner(areas(model).shell?);
    (inner.width > 0 && inner.height > 0).then_some((inner.width, inner.height))
}
