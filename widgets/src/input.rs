//! A line to type into, with history and completion.
//!
//! Editing is the `ratatui-textarea` crate's; this module adds what one line needs and draws it itself, so that pasted
//! text passes the sanitiser as any other.

use porthole_themes::Theme;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Position, Rect};
use ratatui_core::widgets::Widget;
use tui_textarea::{CursorMove, Input as EditorInput, Key as EditorKey, TextArea};

use crate::key::{Key, KeyCode, Modifiers};
use crate::pen::{Pen, cells, part};
use crate::text::{fit, glyphs, sanitise};

/// Lines remembered.
const MAX_HISTORY: usize = 200;

/// What a key did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputEvent {
    /// The text is another now.
    Changed,
    /// The line was entered; it is in the history, and the field is empty again.
    Submitted(String),
    /// Escape or Ctrl-C.
    Cancelled,
    /// Only the cursor moved, or nothing happened.
    Ignored,
}

/// The text being typed.
#[derive(Debug, Clone, Default)]
pub struct Input {
    editor: TextArea<'static>,
    history: Vec<String>,
    /// Which line of the history is shown, and what was being typed before.
    recalled: Option<(usize, String)>,
    completions: Vec<String>,
    completion: Option<usize>,
}

impl Input {
    /// An empty line.
    pub fn new() -> Self {
        Self::default()
    }

    /// A line to go on from.
    pub fn with_text(text: &str) -> Self {
        let mut input = Self::new();
        input.set_text(text);
        input
    }

    /// The text.
    pub fn text(&self) -> &str {
        self.editor.lines().first().map_or("", String::as_str)
    }

    /// Whether nothing is typed.
    pub fn is_empty(&self) -> bool {
        self.text().is_empty()
    }

    /// Replaces the text; the cursor goes to its end.
    pub fn set_text(&mut self, text: &str) {
        self.editor = TextArea::new(vec![one_line(text)]);
        self.editor.move_cursor(CursorMove::End);
    }

    /// The cursor, in characters from the start.
    pub fn cursor(&self) -> usize {
        self.editor.cursor().1
    }

    /// The lines entered before, oldest first.
    pub fn history(&self) -> &[String] {
        &self.history
    }

    /// Replaces the history.
    pub fn set_history(&mut self, lines: Vec<String>) {
        self.history = lines;
    }

    /// What Tab offers: whole lines, best first.
    pub fn set_completions(&mut self, lines: Vec<String>) {
        (self.completions, self.completion) = (lines, None);
    }

    /// The lines that Tab offers.
    pub fn completions(&self) -> &[String] {
        &self.completions
    }

    /// The completion that is taken.
    pub fn completion(&self) -> Option<usize> {
        self.completion
    }

    /// Inserts pasted text; line breaks become spaces.
    pub fn paste(&mut self, text: &str) -> InputEvent {
        self.changed(|editor| editor.insert_str(one_line(text)))
    }

    /// Handles a key: Emacs's editing keys, arrows through the history, Tab through the completions.
    pub fn key(&mut self, key: Key) -> InputEvent {
        match (key.code, key.modifiers) {
            (KeyCode::Enter, _) => self.submit(),
            (KeyCode::Esc, _) | (KeyCode::Char('c'), Modifiers::CTRL) => InputEvent::Cancelled,
            (KeyCode::Up, _) | (KeyCode::Char('p'), Modifiers::CTRL) => self.recall(-1),
            (KeyCode::Down, _) | (KeyCode::Char('n'), Modifiers::CTRL) => self.recall(1),
            (KeyCode::Tab, modifiers) => self.complete(if modifiers.shift { -1 } else { 1 }),
            (KeyCode::Char('u'), Modifiers::CTRL) => self.changed(TextArea::delete_line_by_head),
            (KeyCode::Char('m' | 'j'), Modifiers::CTRL) => self.submit(),
            _ => match editor_key(key) {
                Some(input) => self.changed(|editor| editor.input(input)),
                None => InputEvent::Ignored,
            },
        }
    }

    fn changed(&mut self, edit: impl FnOnce(&mut TextArea<'static>) -> bool) -> InputEvent {
        let changed = edit(&mut self.editor);
        if !changed {
            return InputEvent::Ignored;
        }
        (self.recalled, self.completion) = (None, None);
        InputEvent::Changed
    }

    fn submit(&mut self) -> InputEvent {
        let line = self.text().to_owned();
        if !line.trim().is_empty() && self.history.last() != Some(&line) {
            self.history.push(line.clone());
            let excess = self.history.len().saturating_sub(MAX_HISTORY);
            self.history.drain(..excess);
        }
        self.set_text("");
        (self.recalled, self.completion) = (None, None);
        InputEvent::Submitted(line)
    }

    fn recall(&mut self, step: isize) -> InputEvent {
        let (at, typed) = self.recalled.clone().unwrap_or_else(|| (self.history.len(), self.text().to_owned()));
        let to = at.saturating_add_signed(step).min(self.history.len());
        if to == at {
            return InputEvent::Ignored;
        }
        let line = self.history.get(to).unwrap_or(&typed).clone();
        self.set_text(&line);
        self.recalled = (to < self.history.len()).then_some((to, typed));
        InputEvent::Changed
    }

    fn complete(&mut self, step: isize) -> InputEvent {
        let count = self.completions.len() as isize;
        if count == 0 {
            return InputEvent::Ignored;
        }
        let next = match self.completion {
            Some(at) => (at as isize + step).rem_euclid(count) as usize,
            None if step < 0 => count as usize - 1,
            None => 0,
        };
        let line = self.completions[next].clone();
        self.set_text(&line);
        (self.completion, self.recalled) = (Some(next), None);
        InputEvent::Changed
    }
}

fn one_line(text: &str) -> String {
    sanitise(text.trim_end_matches(['\r', '\n']).replace(['\r', '\n'], " ").as_str()).into_owned()
}

fn editor_key(key: Key) -> Option<EditorInput> {
    let code = match key.code {
        KeyCode::Char(c) => EditorKey::Char(c),
        KeyCode::Backspace => EditorKey::Backspace,
        KeyCode::Delete => EditorKey::Delete,
        KeyCode::Left => EditorKey::Left,
        KeyCode::Right => EditorKey::Right,
        KeyCode::Home => EditorKey::Home,
        KeyCode::End => EditorKey::End,
        _ => return None,
    };
    let Modifiers { shift, ctrl, alt } = key.modifiers;
    Some(EditorInput { key: code, ctrl, alt, shift })
}

/// Draws an [`Input`] in one row, with what stands before it.
#[derive(Debug, Clone)]
pub struct InputLine<'a> {
    theme: &'a Theme,
    input: &'a Input,
    prompt: &'a str,
    placeholder: &'a str,
    focused: bool,
}

impl<'a> InputLine<'a> {
    /// A line with nothing before it.
    pub fn new(theme: &'a Theme, input: &'a Input) -> Self {
        Self { theme, input, prompt: "", placeholder: "", focused: true }
    }

    /// What stands before the text: `:` or `filter `.
    pub fn prompt(mut self, prompt: &'a str) -> Self {
        self.prompt = prompt;
        self
    }

    /// What stands in an empty field.
    pub fn placeholder(mut self, text: &'a str) -> Self {
        self.placeholder = text;
        self
    }

    /// Whether keys go to it: only then is there a cursor.
    pub fn focused(mut self, focused: bool) -> Self {
        self.focused = focused;
        self
    }

    /// The cells between the left edge and the text, and the text's first cell shown.
    fn scroll(&self, room: u16) -> usize {
        let before: String = self.input.text().chars().take(self.input.cursor()).collect();
        usize::from(cells(&before)).saturating_sub(usize::from(room.saturating_sub(1)))
    }
}

impl Widget for InputLine<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let area = part(area.intersection(buf.area), 0, u16::MAX);
        if area.is_empty() {
            return;
        }
        let theme = self.theme;
        let mut pen = Pen::new(buf, area, theme.glyphs().ellipsis);
        pen.text(self.prompt, theme.key());
        let place = part(area, pen.x(), u16::MAX);
        let skip = self.scroll(place.width);
        let (mut column, mut cursor_at) = (0usize, None);
        let mut count = 0;
        for glyph in glyphs(self.input.text()) {
            if count == self.input.cursor() {
                cursor_at = Some(column);
            }
            count += glyph.text.chars().count();
            if column >= skip {
                let x = u16::try_from(column - skip).unwrap_or(u16::MAX);
                crate::text::put(buf, part(place, x, u16::MAX), glyph.text, theme.input());
            }
            column += glyph.width;
        }
        if self.input.is_empty() {
            let text = fit(self.placeholder, usize::from(place.width.saturating_sub(1)), theme.glyphs().ellipsis);
            crate::text::put(buf, part(place, 1, u16::MAX), &text, theme.placeholder());
        }
        let cursor = u16::try_from(cursor_at.unwrap_or(column).saturating_sub(skip)).unwrap_or(u16::MAX);
        if self.focused && cursor < place.width {
            buf.set_style(part(place, cursor, 1), theme.cursor());
        }
    }
}

impl InputLine<'_> {
    /// Where the terminal's own cursor belongs when the line is drawn in `area`.
    pub fn cursor_position(&self, area: Rect) -> Option<Position> {
        let before: String = self.input.text().chars().take(self.input.cursor()).collect();
        let prompt = cells(self.prompt);
        let place = part(area, prompt, u16::MAX);
        let x = usize::from(cells(&before)) - self.scroll(place.width);
        (x < usize::from(place.width) && area.height > 0).then(|| Position::new(place.x + x as u16, place.y))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(input: &mut Input, text: &str) {
        text.chars().for_each(|c| {
            input.key(Key::char(c));
        });
    }

    #[test]
    fn typing_editing_and_entering() {
        let mut input = Input::new();
        typed(&mut input, "run -d web");
        input.key(Key::ctrl('w'));
        assert_eq!(input.text(), "run -d ");
        input.key(KeyCode::Home.into());
        input.key(KeyCode::Delete.into());
        assert_eq!(input.text(), "un -d ");
        assert_eq!(input.key(KeyCode::Enter.into()), InputEvent::Submitted("un -d ".into()));
        assert!(input.is_empty());
    }

    #[test]
    fn history_gives_back_what_was_being_typed() {
        let mut input = Input::new();
        for line in ["one", "two"] {
            typed(&mut input, line);
            input.key(KeyCode::Enter.into());
        }
        typed(&mut input, "dra");
        input.key(KeyCode::Up.into());
        assert_eq!(input.text(), "two");
        input.key(KeyCode::Up.into());
        assert_eq!(input.text(), "one");
        assert_eq!(input.key(KeyCode::Up.into()), InputEvent::Ignored);
        input.key(KeyCode::Down.into());
        input.key(KeyCode::Down.into());
        assert_eq!(input.text(), "dra");
    }

    #[test]
    fn tab_goes_round_the_completions() {
        let mut input = Input::new();
        input.set_completions(vec!["run".into(), "rm".into()]);
        for expected in ["run", "rm", "run"] {
            input.key(KeyCode::Tab.into());
            assert_eq!(input.text(), expected);
        }
        input.key(Key::new(KeyCode::Tab, Modifiers::SHIFT));
        assert_eq!(input.text(), "rm");
    }

    #[test]
    fn a_paste_stays_one_clean_line() {
        let mut input = Input::new();
        input.paste("a\nb\x1b[31mc\r\n");
        assert_eq!(input.text(), "a bc");
    }
}
