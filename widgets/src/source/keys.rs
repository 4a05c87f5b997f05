//! Editing: what keys and pasted text do.

use tui_textarea::{CursorMove, TextArea};

use super::{Source, SourceEvent};
use crate::key::{Key, KeyCode, Modifiers};

impl Source {
    /// Handles a key as editors do: arrows, with Ctrl by words; Ctrl-Z and Ctrl-Y undo and redo; Emacs's Ctrl-A, -E, -K, -U, -W.
    pub fn key(&mut self, key: Key) -> SourceEvent {
        let Modifiers { ctrl, alt, .. } = key.modifiers;
        let far = ctrl || alt;
        match (key.code, far) {
            (KeyCode::Char(c), false) => self.edit(|editor| {
                editor.insert_char(c);
                true
            }),
            (KeyCode::Enter, false) => self.newline(),
            (KeyCode::Tab, false) if !key.modifiers.shift => self.indent(),
            (KeyCode::Backspace, false) => self.edit(TextArea::delete_char),
            (KeyCode::Delete, false) => self.edit(TextArea::delete_next_char),
            (KeyCode::Backspace, true) => self.edit(TextArea::delete_word),
            (KeyCode::Delete, true) => self.edit(TextArea::delete_next_word),
            (KeyCode::Up, false) => self.moved(|source| source.step(-1)),
            (KeyCode::Down, false) => self.moved(|source| source.step(1)),
            (KeyCode::PageUp, _) => self.moved(|source| source.page(-1.0)),
            (KeyCode::PageDown, _) => self.moved(|source| source.page(1.0)),
            (KeyCode::Left, false) => self.moved(|source| source.step_characters(-1)),
            (KeyCode::Right, false) => self.moved(|source| source.step_characters(1)),
            (KeyCode::Left, true) => self.move_by(CursorMove::WordBack),
            (KeyCode::Right, true) => self.move_by(CursorMove::WordForward),
            (KeyCode::Home, false) => self.home(),
            (KeyCode::End, false) => self.move_by(CursorMove::End),
            (KeyCode::Home, true) => self.moved(Source::first),
            (KeyCode::End, true) => self.moved(Source::last),
            (KeyCode::Char(c), true) => self.held(c, ctrl),
            _ => SourceEvent::Ignored,
        }
    }

    /// A character with Ctrl or, else, Alt.
    fn held(&mut self, c: char, ctrl: bool) -> SourceEvent {
        match (c, ctrl) {
            ('z', true) => self.undo(TextArea::undo),
            ('y', true) => self.undo(TextArea::redo),
            ('a', true) => self.home(),
            ('e', true) => self.move_by(CursorMove::End),
            ('b', false) => self.move_by(CursorMove::WordBack),
            ('f', false) => self.move_by(CursorMove::WordForward),
            ('k', true) => self.edit(TextArea::delete_line_by_end),
            ('u', true) => self.edit(TextArea::delete_line_by_head),
            // Terminals send Ctrl-H for Ctrl-Backspace.
            ('w' | 'h', true) => self.edit(TextArea::delete_word),
            ('d', true) => self.edit(TextArea::delete_next_char),
            ('d', false) => self.edit(TextArea::delete_next_word),
            _ => SourceEvent::Ignored,
        }
    }

    /// Inserts pasted text, without what a terminal would take for a command.
    pub fn paste(&mut self, text: &str) -> SourceEvent {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let text: String = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
        self.edit(|editor| editor.insert_str(text))
    }

    fn moved(&mut self, step: impl FnOnce(&mut Self)) -> SourceEvent {
        step(self);
        SourceEvent::Moved
    }

    fn move_by(&mut self, step: CursorMove) -> SourceEvent {
        self.goal = None;
        self.editor.move_cursor(step);
        SourceEvent::Moved
    }

    /// To the first character of the line that is no blank, and from there to its start.
    fn home(&mut self) -> SourceEvent {
        let (row, character) = self.cursor();
        let text = self.lines()[row].chars().take_while(|c| c.is_whitespace()).count();
        self.moved(|source| source.go_to(row, if character == text { 0 } else { text }))
    }

    fn edit(&mut self, edit: impl FnOnce(&mut TextArea<'static>) -> bool) -> SourceEvent {
        self.goal = None;
        let before = self.cursor().0;
        if !edit(&mut self.editor) {
            return SourceEvent::Moved;
        }
        self.inks.forget(before.min(self.cursor().0));
        SourceEvent::Changed
    }

    fn undo(&mut self, undo: impl FnOnce(&mut TextArea<'static>) -> bool) -> SourceEvent {
        let event = self.edit(undo);
        self.inks.forget(0);
        event
    }

    /// A new line begins below the first character of this one.
    fn newline(&mut self) -> SourceEvent {
        let (row, character) = self.cursor();
        let blank: String = self.lines()[row].chars().take(character).take_while(|c| matches!(c, ' ' | '\t')).collect();
        self.edit(|editor| editor.insert_str(format!("\n{blank}")))
    }

    /// Blanks up to the next stop.
    fn indent(&mut self) -> SourceEvent {
        let stop = self.language.indent();
        let blanks = stop - self.cursor().1 % stop;
        self.edit(|editor| editor.insert_str(" ".repeat(blanks)))
    }
}
