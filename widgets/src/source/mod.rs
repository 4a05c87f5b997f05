//! Source text: numbered lines in the colours of their language, with marks where something is wrong, read or edited.
//!
//! Editing is the `ratatui-textarea` crate's, as in [`input`](crate::input); what is here draws the lines that are seen
//! and no others, and reads their language only as far as they reach.

mod cells;
mod draw;
mod keys;
mod marks;
mod syntax;
#[cfg(test)]
mod tests;

pub use draw::SourcePane;
pub use marks::{Mark, Severity};
pub use syntax::Language;

use marks::Marks;
use ratatui_core::layout::{Position, Rect};
use syntax::Inks;
use tui_textarea::{CursorMove, TextArea};

/// Lines that stay seen above one that is opened.
const ABOVE: usize = 2;
/// Changes that can be undone.
const MAX_UNDONE: usize = 1000;

/// What a key did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceEvent {
    /// The text is another now.
    Changed,
    /// Only the cursor moved, or nothing happened.
    Moved,
    /// The key is none of an editor's.
    Ignored,
}

/// A text, how it is looked at, and what is told of it. Drawn by [`SourcePane`].
#[derive(Debug, Clone)]
pub struct Source {
    editor: TextArea<'static>,
    language: Language,
    inks: Inks,
    marks: Marks,
    /// What ends a line: `\r\n` where all lines of the text do.
    line_end: &'static str,
    /// The lines as they were last saved.
    saved: Vec<String>,
    /// The column that the cursor wants to be in when it moves up and down.
    goal: Option<usize>,
    /// The first line and column that are seen.
    top: usize,
    left: usize,
    /// Where the text was in the last frame.
    area: Rect,
}

impl Source {
    /// A text, looked at from its start.
    pub fn new(text: &str, language: Language) -> Self {
        let windows = text.contains('\n') && text.matches('\n').count() == text.matches("\r\n").count();
        let line_end = if windows { "\r\n" } else { "\n" };
        let lines: Vec<String> = text.split(line_end).map(str::to_owned).collect();
        let mut editor = TextArea::new(lines.clone());
        editor.set_max_histories(MAX_UNDONE);
        Self {
            editor,
            language,
            inks: Inks::new(language),
            marks: Marks::default(),
            line_end,
            saved: lines,
            goal: None,
            top: 0,
            left: 0,
            area: Rect::default(),
        }
    }

    /// The text as it is now.
    pub fn text(&self) -> String {
        self.lines().join(self.line_end)
    }

    /// Its lines.
    pub fn lines(&self) -> &[String] {
        self.editor.lines()
    }

    /// Whether it differs from what was saved.
    pub fn is_changed(&self) -> bool {
        self.lines() != self.saved
    }

    /// This text was saved.
    pub fn set_saved(&mut self, text: &str) {
        self.saved = text.split(self.line_end).map(str::to_owned).collect();
    }

    /// What is told of the text, in place of what was.
    pub fn set_marks(&mut self, marks: Vec<Mark>) {
        self.marks = Marks::new(marks);
    }

    /// What is told of the text.
    pub fn marks(&self) -> &[Mark] {
        self.marks.all()
    }

    /// The line and the character that the cursor stands on, counted from 0.
    pub fn cursor(&self) -> (usize, usize) {
        let cursor = self.editor.cursor();
        (cursor.0, cursor.1)
    }

    /// Puts the cursor onto a character of a line, or as near as there is one.
    pub fn go_to(&mut self, line: usize, character: usize) {
        self.goal = None;
        self.jump(line, character);
    }

    /// The same, and shows what stands below it where it was not in sight.
    pub fn open_at(&mut self, line: usize, character: usize) {
        self.go_to(line, character);
        let row = self.cursor().0;
        if !(self.top..self.top + usize::from(self.area.height)).contains(&row) {
            self.top = row.saturating_sub(ABOVE);
        }
    }

    /// Moves the cursor by lines and stops at the ends.
    pub fn step(&mut self, lines: isize) {
        let (row, character) = self.cursor();
        let line = &self.lines()[row];
        let goal = self.goal.unwrap_or_else(|| cells::column_of(line, cells::byte_of(line, character)));
        let row = row.saturating_add_signed(lines).min(self.lines().len() - 1);
        self.jump(row, cells::index_at(&self.lines()[row], goal));
        self.goal = Some(goal);
    }

    /// Moves the cursor by fractions of a page: 1.0 is a page down, -0.5 half a page up.
    pub fn page(&mut self, pages: f32) {
        let rows = (pages * f32::from(self.area.height.max(1))) as isize;
        self.step(if rows == 0 { pages.signum() as isize } else { rows });
    }

    /// Moves the cursor to the start of the text.
    pub fn first(&mut self) {
        self.go_to(0, 0);
    }

    /// Moves the cursor to the end of the text.
    pub fn last(&mut self) {
        self.go_to(usize::MAX, usize::MAX);
    }

    /// Moves the cursor by characters.
    pub fn step_characters(&mut self, characters: isize) {
        self.goal = None;
        let step = if characters < 0 { CursorMove::Back } else { CursorMove::Forward };
        (0..characters.unsigned_abs()).for_each(|_| self.editor.move_cursor(step));
    }

    /// Moves the cursor to the next mark, from the last to the first.
    pub fn next_mark(&mut self) {
        if let Some(mark) = self.marks.next(self.cursor().0) {
            let (row, column) = (*mark.lines.start(), mark.column.unwrap_or(0));
            self.go_to(row, column);
        }
    }

    /// Moves what is seen by lines; the cursor comes along where it would be out of sight.
    pub fn scroll(&mut self, lines: isize) {
        let height = usize::from(self.area.height.max(1));
        let last = self.lines().len().saturating_sub(height);
        self.top = self.top.saturating_add_signed(lines).min(last);
        let row = self.cursor().0;
        let seen = row.clamp(self.top, (self.top + height - 1).min(self.lines().len() - 1));
        self.step(seen as isize - row as isize);
    }

    /// Puts the cursor where the screen shows `at`, as of the last frame. Whether the text is there.
    pub fn click(&mut self, at: Position) -> bool {
        if !self.area.contains(at) {
            return false;
        }
        let row = (self.top + usize::from(at.y - self.area.y)).min(self.lines().len() - 1);
        let column = self.left + usize::from(at.x - self.area.x);
        self.go_to(row, cells::index_at(&self.lines()[row], column));
        true
    }

    /// The state in few words, for a pane's status: `12:5 · changed · 1 warning`.
    pub fn status(&self) -> String {
        let (row, character) = self.cursor();
        let changed = if self.is_changed() { "changed" } else { "" };
        let facts = [format!("{}:{}", row + 1, character + 1), changed.to_owned(), self.marks.summary()];
        facts.into_iter().filter(|fact| !fact.is_empty()).collect::<Vec<_>>().join(" · ")
    }

    /// The editor's own way to a place counts to 65,535 only; the end of a line it finds all the same.
    fn jump(&mut self, row: usize, character: usize) {
        let row = row.min(self.lines().len() - 1);
        let short = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
        self.editor.move_cursor(CursorMove::Jump(short(row), 0));
        (self.cursor().0..row).for_each(|_| self.editor.move_cursor(CursorMove::Down));
        let length = self.lines()[row].chars().count();
        if character >= length {
            self.editor.move_cursor(CursorMove::End);
        } else if row <= usize::from(u16::MAX) {
            self.editor.move_cursor(CursorMove::Jump(short(row), short(character)));
        }
    }
}
