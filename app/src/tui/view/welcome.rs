//! The first page, while there is nothing yet.

use crate::tui::actions::Action;
use crate::tui::model::Model;
use porthole_widgets::bars::KeyHint;
use porthole_widgets::welcome::Welcome;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

const SENTENCE: &str = "A workstation for containers on an engine of its own: no daemon, nothing to set up, \
    and every packet can be followed on its way.";

/// What one can begin with.
const BEGINNINGS: [(Action, &str); 5] = [
    (Action::LabSend, "set up the lab and watch a request cross NAT, hop by hop"),
    (Action::LoadArchive, "load an image archive"),
    (Action::Command, "type a command, as after porthole in a shell"),
    (Action::Help, "all keys"),
    (Action::Quit, "quit"),
];

/// Draws the page.
pub fn draw(model: &Model, area: Rect, buf: &mut Buffer) {
    let key = |action| model.keymap.chords(action).next().map(|chord| chord.to_string()).unwrap_or_default();
    let hints: Vec<KeyHint> = BEGINNINGS.iter().map(|(action, text)| KeyHint::new(key(*action), *text)).collect();
    Welcome::new(&model.theme, "porthole", SENTENCE, &hints).render(area, buf);
}
