//! A few labelled fields to fill in.

use porthole_themes::Theme;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::Style;
use ratatui_core::widgets::Widget;

use crate::frame::{Panel, centred, inner};
use crate::input::{Input, InputEvent, InputLine};
use crate::key::{Key, KeyCode};
use crate::pen::{Pen, cells, line, part};
use crate::text::wrap;

/// The most rows of a message or a command below the fields.
const FOOT_ROWS: usize = 2;

/// A field.
#[derive(Debug, Clone, Default)]
pub struct Field {
    /// What it is.
    pub label: String,
    /// What to type, shown while it is empty.
    pub hint: String,
    /// What is typed.
    pub input: Input,
    /// What can be chosen; anything can be typed if there is nothing.
    pub choices: &'static [&'static str],
    /// What is wrong with it.
    pub error: Option<String>,
}

impl Field {
    /// An empty field.
    pub fn new(label: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { label: label.into(), hint: hint.into(), ..Self::default() }
    }

    /// One of a few; the first is chosen.
    pub fn choice(label: impl Into<String>, choices: &'static [&'static str]) -> Self {
        let input = Input::with_text(choices.first().copied().unwrap_or_default());
        Self { label: label.into(), input, choices, ..Self::default() }
    }

    /// Puts a pasted text in, where text can be typed.
    pub fn paste(&mut self, text: &str) {
        if self.choices.is_empty() {
            self.input.paste(text);
        }
    }

    /// Arrows and the space bar go round the choices, a letter goes to the next one that begins with it.
    fn choose(&mut self, key: Key) {
        let count = self.choices.len();
        let at = self.choices.iter().position(|choice| *choice == self.input.text()).unwrap_or(0);
        let after = (1..=count).map(|step| (at + step) % count);
        let chosen = match key.code {
            KeyCode::Left => Some((at + count - 1) % count),
            KeyCode::Right | KeyCode::Char(' ') => Some((at + 1) % count),
            KeyCode::Char(letter) => after.into_iter().find(|&at| self.choices[at].starts_with(letter)),
            _ => None,
        };
        if let Some(chosen) = chosen {
            self.input.set_text(self.choices[chosen]);
            self.error = None;
        }
    }

    fn draw(&self, theme: &Theme, focused: bool, place: Rect, buf: &mut Buffer) {
        if self.choices.is_empty() {
            return InputLine::new(theme, &self.input).placeholder(&self.hint).focused(focused).render(place, buf);
        }
        let mut pen = Pen::new(buf, place, theme.glyphs().ellipsis);
        for choice in self.choices {
            let style = match (*choice == self.input.text(), focused) {
                (true, true) => theme.cursor(),
                (true, false) => theme.input(),
                (false, _) => theme.placeholder(),
            };
            pen.text(choice, style).skip(2);
        }
    }
}

/// What a key did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormEvent {
    /// Enter in the last field.
    Submitted,
    /// Escape.
    Cancelled,
    /// Still open.
    Open,
}

/// Fields, and which one is typed into.
#[derive(Debug, Clone, Default)]
pub struct Form {
    /// The fields.
    pub fields: Vec<Field>,
    focus: usize,
}

impl Form {
    /// A form; the first field is typed into.
    pub fn new(fields: Vec<Field>) -> Self {
        Self { fields, focus: 0 }
    }

    /// The field typed into.
    pub fn focus(&self) -> usize {
        self.focus
    }

    /// Goes to a field.
    pub fn set_focus(&mut self, field: usize) {
        self.focus = field.min(self.fields.len().saturating_sub(1));
    }

    /// Handles a key: arrows and Tab between the fields, Enter to the next and, in the last, to submit.
    pub fn key(&mut self, key: Key) -> FormEvent {
        let last = self.fields.len().saturating_sub(1);
        match key.code {
            KeyCode::Esc => return FormEvent::Cancelled,
            KeyCode::Enter if self.focus == last => return FormEvent::Submitted,
            KeyCode::Tab if key.modifiers.shift => self.focus = self.focus.checked_sub(1).unwrap_or(last),
            KeyCode::Tab => self.focus = if self.focus == last { 0 } else { self.focus + 1 },
            KeyCode::Enter | KeyCode::Down => self.set_focus(self.focus + 1),
            KeyCode::Up => self.focus = self.focus.saturating_sub(1),
            _ => return self.edit(key),
        }
        FormEvent::Open
    }

    fn edit(&mut self, key: Key) -> FormEvent {
        let Some(field) = self.fields.get_mut(self.focus) else {
            return FormEvent::Open;
        };
        if !field.choices.is_empty() {
            field.choose(key);
            return FormEvent::Open;
        }
        match field.input.key(key) {
            InputEvent::Cancelled => return FormEvent::Cancelled,
            InputEvent::Changed => field.error = None,
            InputEvent::Submitted(_) | InputEvent::Ignored => {}
        }
        FormEvent::Open
    }
}

/// Draws a [`Form`] in the middle of the screen.
#[derive(Debug, Clone)]
pub struct FormView<'a> {
    theme: &'a Theme,
    title: &'a str,
    form: &'a Form,
    problem: Option<&'a str>,
    command: Option<&'a str>,
}

impl<'a> FormView<'a> {
    /// A popup with a title.
    pub fn new(theme: &'a Theme, title: &'a str, form: &'a Form) -> Self {
        Self { theme, title, form, problem: None, command: None }
    }

    /// What is wrong with all of it together.
    pub fn problem(mut self, text: Option<&'a str>) -> Self {
        self.problem = text;
        self
    }

    /// The command line that does the same, in the last lines.
    pub fn command(mut self, line: &'a str) -> Self {
        self.command = Some(line);
        self
    }

    /// What is wrong: with the field typed into, with another one, or with all of them together.
    fn message(&self) -> &str {
        let fields = &self.form.fields;
        let focused = fields.get(self.form.focus).and_then(|field| field.error.as_deref());
        let other = || fields.iter().find_map(|field| field.error.as_deref());
        focused.or_else(other).or(self.problem).unwrap_or_default()
    }

    /// The last lines: what is wrong, and the command below it.
    fn foot(&self, width: u16) -> Vec<(String, Style)> {
        let theme = self.theme;
        let wrapped = |text: &str| wrap(text, usize::from(width.saturating_sub(2)), FOOT_ROWS, theme.glyphs().ellipsis);
        let mut message = wrapped(self.message());
        if message.is_empty() {
            message.push(String::new());
        }
        let command = wrapped(self.command.unwrap_or_default());
        let styled = |lines: Vec<String>, style: Style| lines.into_iter().map(move |text| (text, style));
        styled(message, theme.bad()).chain(styled(command, theme.accent())).collect()
    }
}

impl Widget for FormView<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        let (theme, fields) = (self.theme, &self.form.fields);
        let label = fields.iter().map(|field| cells(&field.label)).max().unwrap_or(0).min(area.width / 3);
        let foot = if self.command.is_some() { 2 * FOOT_ROWS } else { 1 };
        let popup = centred(area, 72, u16::try_from(fields.len() + foot + 2).unwrap_or(u16::MAX));
        Panel::new(theme)
            .title(self.title)
            .status("tab next · enter ok · esc cancel")
            .focused(true)
            .popup()
            .render(popup, buf);
        let inside = inner(popup);
        // The field typed into comes first, then what is wrong, then the command.
        let foot = u16::try_from(foot).unwrap_or(u16::MAX).min(inside.height.saturating_sub(1));
        let rows = inside.height - foot;
        // The field typed into stays in sight, however small the window.
        let first = (self.form.focus + 1).saturating_sub(usize::from(rows));
        for (index, field) in fields.iter().enumerate().skip(first).take(usize::from(rows)) {
            let (place, focused) = (line(inside, (index - first) as u16), index == self.form.focus);
            let style = match (&field.error, focused) {
                (Some(_), _) => theme.bad(),
                (None, true) => theme.strong(),
                (None, false) => theme.muted(),
            };
            Pen::new(buf, place, theme.glyphs().ellipsis).skip(1).column_right(label, &field.label, style);
            let input = part(place, label + 3, place.width.saturating_sub(label + 4));
            field.draw(theme, focused, input, buf);
        }
        for (row, (text, style)) in (rows..inside.height).zip(self.foot(inside.width)) {
            Pen::new(buf, line(inside, row), theme.glyphs().ellipsis).skip(1).text(&text, style);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enter_walks_to_the_end_and_submits() {
        let mut form = Form::new(vec![Field::new("name", ""), Field::new("image", "")]);
        form.key(Key::char('w'));
        assert_eq!(form.key(KeyCode::Enter.into()), FormEvent::Open);
        form.key(Key::char('i'));
        assert_eq!(form.key(KeyCode::Enter.into()), FormEvent::Submitted);
        assert_eq!((form.fields[0].input.text(), form.fields[1].input.text()), ("w", "i"));
        form.key(KeyCode::Tab.into());
        assert_eq!(form.focus(), 0);
        assert_eq!(form.key(KeyCode::Esc.into()), FormEvent::Cancelled);
    }

    #[test]
    fn choices_are_gone_round_and_found_by_their_letters() {
        let mut form = Form::new(vec![Field::choice("driver", &["bridge", "macvlan", "ipvlan"])]);
        let mut chosen = |key: Key| {
            form.key(key);
            form.fields[0].input.text().to_owned()
        };
        assert_eq!(chosen(Key::char('z')), "bridge");
        assert_eq!(chosen(KeyCode::Left.into()), "ipvlan");
        assert_eq!(chosen(Key::char(' ')), "bridge");
        assert_eq!(chosen(Key::char('m')), "macvlan");
        form.fields[0].paste("nonsense");
        assert_eq!(form.fields[0].input.text(), "macvlan");
    }
}
