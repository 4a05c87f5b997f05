//! The question before what cannot be undone: the object, what depends on it, the exact command; the default is no.

use porthole_themes::Theme;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::widgets::Widget;

use crate::frame::{Panel, centred, inner};
use crate::key::{Key, KeyCode, Modifiers};
use crate::pen::{Pen, cells, line};

/// Dependants named; of more only the number is told.
const MAX_DEPENDANTS: usize = 8;

/// A question and the answer leaned to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Confirm {
    /// What will be done: `Remove container`.
    pub title: String,
    /// To what: `web (3f2a…), running`.
    pub object: String,
    /// What is lost or stopped with it.
    pub depends: Vec<String>,
    /// The command line that does the same.
    pub command: String,
    /// Whether "yes" is marked.
    pub yes: bool,
}

impl Confirm {
    /// Handles a key; `Some` is the answer.
    pub fn key(&mut self, key: Key) -> Option<bool> {
        match (key.code, key.modifiers) {
            (KeyCode::Char('y' | 'Y'), Modifiers { ctrl: false, alt: false, .. }) => return Some(true),
            (KeyCode::Char('n' | 'N' | 'q') | KeyCode::Esc, _) | (KeyCode::Char('c'), Modifiers::CTRL) => {
                return Some(false);
            }
            (KeyCode::Enter, _) => return Some(self.yes),
            (KeyCode::Left, _) => self.yes = true,
            (KeyCode::Right, _) => self.yes = false,
            (KeyCode::Tab, _) => self.yes = !self.yes,
            _ => {}
        }
        None
    }
}

/// Draws a [`Confirm`] in the middle of the screen.
#[derive(Debug, Clone)]
pub struct ConfirmDialog<'a> {
    theme: &'a Theme,
    confirm: &'a Confirm,
}

impl<'a> ConfirmDialog<'a> {
    /// The dialog.
    pub fn new(theme: &'a Theme, confirm: &'a Confirm) -> Self {
        Self { theme, confirm }
    }

    fn body(&self) -> Vec<(&str, String)> {
        let confirm = self.confirm;
        let mut rows = vec![("", confirm.object.clone())];
        for (index, name) in confirm.depends.iter().take(MAX_DEPENDANTS).enumerate() {
            rows.push((if index == 0 { "with it" } else { "" }, name.clone()));
        }
        if let Some(more) = confirm.depends.len().checked_sub(MAX_DEPENDANTS).filter(|more| *more > 0) {
            rows.push(("", format!("and {more} more")));
        }
        rows.push(("", String::new()));
        rows.push(("command", confirm.command.clone()));
        rows
    }

    fn draw_answers(&self, place: Rect, buf: &mut Buffer) {
        let (theme, yes) = (self.theme, self.confirm.yes);
        let marker = |on: bool| if on { theme.glyphs().marker } else { " " };
        let mut pen = Pen::new(buf, place, theme.glyphs().ellipsis);
        pen.skip(1)
            .text(marker(yes), theme.marker())
            .text("y", theme.key())
            .text(" yes", if yes { theme.bad() } else { theme.key_label() });
        pen.skip(4)
            .text(marker(!yes), theme.marker())
            .text("n", theme.key())
            .text(" no", if yes { theme.key_label() } else { theme.strong() });
    }
}

impl Widget for ConfirmDialog<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        let rows = self.body();
        let widest = rows.iter().map(|(_, text)| cells(text)).max().unwrap_or(0);
        let popup = centred(area, widest.saturating_add(15).clamp(44, 100), rows.len() as u16 + 4);
        Panel::new(self.theme).title(&self.confirm.title).focused(true).popup().render(popup, buf);
        let inside = inner(popup);
        let answers = inside.height.saturating_sub(1);
        for (index, (key, text)) in rows.iter().enumerate().take(usize::from(answers)) {
            let style = match (index, *key) {
                (0, _) => self.theme.strong(),
                (_, "command") => self.theme.accent(),
                _ => self.theme.text(),
            };
            let mut pen = Pen::new(buf, line(inside, index as u16), self.theme.glyphs().ellipsis);
            pen.skip(1);
            if index > 0 && inside.width > 30 {
                pen.column(9, key, self.theme.muted());
            }
            pen.text(text, style);
        }
        self.draw_answers(line(inside, answers), buf);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_no() {
        let mut confirm = Confirm::default();
        assert_eq!(confirm.key(KeyCode::Enter.into()), Some(false));
        assert_eq!(confirm.key(KeyCode::Esc.into()), Some(false));
        assert_eq!(confirm.key(Key::char('y')), Some(true));
        assert_eq!(confirm.key(Key::ctrl('y')), None);
        assert_eq!(confirm.key(KeyCode::Tab.into()), None);
        assert_eq!(confirm.key(KeyCode::Enter.into()), Some(true));
    }
}
