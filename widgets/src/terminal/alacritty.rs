//! The emulator: `alacritty_terminal`, which reflows on resize and answers the queries that shells send.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alacritty_terminal::event::{Event, EventListener, WindowSize};
use alacritty_terminal::grid::{Dimensions, Scroll};
use alacritty_terminal::index::{Column, Line, Point};
use alacritty_terminal::term::{Config, Osc52, Term, TermMode};
use alacritty_terminal::vte::ansi::{Processor, Rgb, Timeout};
use porthole_themes::Theme;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Position, Rect};

use super::{Modes, TermEmulator, draw};
use crate::text::fit;

/// Cells of a title that are kept.
const MAX_TITLE: usize = 200;
/// Bytes of answers kept while nobody takes them: a program that only asks must not fill the memory.
const MAX_REPLIES: usize = 64 * 1024;
/// Bytes taken for the clipboard.
const MAX_CLIPBOARD: usize = 1024 * 1024;

/// How an emulator behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TermOptions {
    /// Rows kept above the screen.
    pub scrollback: usize,
    /// Whether the program may write to the clipboard (OSC 52). Reading it is never allowed.
    pub allow_clipboard: bool,
    /// Foreground and background to tell a program that asks (OSC 10, 11).
    pub colours: Option<([u8; 3], [u8; 3])>,
}

impl Default for TermOptions {
    fn default() -> Self {
        Self { scrollback: 10_000, allow_clipboard: false, colours: None }
    }
}

/// What the emulator has to say to the outside.
#[derive(Debug, Default)]
struct Mailbox {
    size: (u16, u16),
    colours: Option<([u8; 3], [u8; 3])>,
    replies: Vec<u8>,
    title: Option<String>,
    bell: bool,
    clipboard: Option<String>,
}

impl Mailbox {
    fn reply(&mut self, text: &str) {
        if self.replies.len() + text.len() <= MAX_REPLIES {
            self.replies.extend_from_slice(text.as_bytes());
        }
    }

    /// The colour that a program asked for: 256 is the foreground, 257 the background, 258 the cursor.
    fn colour(&self, index: usize) -> Option<Rgb> {
        let (foreground, background) = self.colours?;
        let [r, g, b] = match index {
            256 | 258 => foreground,
            257 => background,
            _ => return None,
        };
        Some(Rgb { r, g, b })
    }

    fn receive(&mut self, event: Event) {
        match event {
            Event::PtyWrite(text) => self.reply(&text),
            Event::Title(title) => self.title = Some(fit(&title, MAX_TITLE, "…").into_owned()),
            Event::ResetTitle => self.title = None,
            Event::Bell => self.bell = true,
            Event::ClipboardStore(_, text) if text.len() <= MAX_CLIPBOARD => self.clipboard = Some(text),
            Event::ColorRequest(index, format) => {
                if let Some(colour) = self.colour(index) {
                    self.reply(&format(colour));
                }
            }
            Event::TextAreaSizeRequest(format) => {
                let (num_cols, num_lines) = self.size;
                self.reply(&format(WindowSize { num_lines, num_cols, cell_width: 1, cell_height: 1 }));
            }
            _ => {}
        }
    }
}

#[derive(Debug, Clone, Default)]
struct Listener(Arc<Mutex<Mailbox>>);

impl Listener {
    fn open(&self) -> MutexGuard<'_, Mailbox> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EventListener for Listener {
    fn send_event(&self, event: Event) {
        self.open().receive(event);
    }
}

/// Synchronized updates (mode 2026) are shown at once: the workstation draws after draining all output anyway, and a
/// program that never ends its update must not freeze the pane.
#[derive(Debug, Default)]
struct Immediate;

impl Timeout for Immediate {
    fn set_timeout(&mut self, _duration: Duration) {}

    fn clear_timeout(&mut self) {}

    fn pending_timeout(&self) -> bool {
        false
    }
}

struct Size {
    columns: usize,
    rows: usize,
}

impl Size {
    /// The emulator needs room for one wide character.
    fn new(columns: u16, rows: u16) -> Self {
        Self { columns: usize::from(columns.max(2)), rows: usize::from(rows.max(1)) }
    }
}

impl Dimensions for Size {
    fn total_lines(&self) -> usize {
        self.rows
    }

    fn screen_lines(&self) -> usize {
        self.rows
    }

    fn columns(&self) -> usize {
        self.columns
    }
}

/// A [`TermEmulator`] on `alacritty_terminal`.
pub struct Alacritty {
    term: Term<Listener>,
    parser: Processor<Immediate>,
    listener: Listener,
    /// Taken from the mailbox after each feed, so that it can be lent.
    title: Option<String>,
}

impl Alacritty {
    /// An empty terminal.
    pub fn new(columns: u16, rows: u16, options: TermOptions) -> Self {
        let listener = Listener::default();
        listener.open().colours = options.colours;
        let osc52 = if options.allow_clipboard { Osc52::OnlyCopy } else { Osc52::Disabled };
        let config = Config { scrolling_history: options.scrollback, osc52, ..Config::default() };
        let term = Term::new(config, &Size::new(columns, rows), listener.clone());
        let mut emulator = Self { term, parser: Processor::new(), listener, title: None };
        emulator.note_size();
        emulator
    }

    fn note_size(&mut self) {
        self.listener.open().size = self.size();
    }
}

impl TermEmulator for Alacritty {
    fn feed(&mut self, bytes: &[u8]) {
        self.parser.advance(&mut self.term, bytes);
        let mailbox = self.listener.open();
        if mailbox.title != self.title {
            self.title.clone_from(&mailbox.title);
        }
    }

    fn resize(&mut self, columns: u16, rows: u16) {
        self.term.resize(Size::new(columns, rows));
        self.note_size();
    }

    fn size(&self) -> (u16, u16) {
        (self.term.columns() as u16, self.term.screen_lines() as u16)
    }

    fn take_replies(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.listener.open().replies)
    }

    fn title(&self) -> Option<&str> {
        self.title.as_deref()
    }

    fn take_bell(&mut self) -> bool {
        std::mem::take(&mut self.listener.open().bell)
    }

    fn take_clipboard(&mut self) -> Option<String> {
        self.listener.open().clipboard.take()
    }

    fn modes(&self) -> Modes {
        let has = |mode| self.term.mode().contains(mode);
        Modes {
            application_cursor: has(TermMode::APP_CURSOR),
            new_line: has(TermMode::LINE_FEED_NEW_LINE),
            bracketed_paste: has(TermMode::BRACKETED_PASTE),
            focus: has(TermMode::FOCUS_IN_OUT),
            mouse_click: has(TermMode::MOUSE_REPORT_CLICK),
            mouse_drag: has(TermMode::MOUSE_DRAG),
            mouse_motion: has(TermMode::MOUSE_MOTION),
            mouse_sgr: has(TermMode::SGR_MOUSE),
            alternate_screen: has(TermMode::ALT_SCREEN),
            alternate_scroll: has(TermMode::ALTERNATE_SCROLL),
        }
    }

    fn scroll(&mut self, rows: i32) {
        self.term.scroll_display(Scroll::Delta(rows));
    }

    fn scroll_to_end(&mut self) {
        self.term.scroll_display(Scroll::Bottom);
    }

    fn scrolled(&self) -> usize {
        self.term.grid().display_offset()
    }

    fn cursor(&self) -> Option<Position> {
        let shown = self.term.mode().contains(TermMode::SHOW_CURSOR);
        let Point { line, column } = self.term.grid().cursor.point;
        let row = usize::try_from(line.0).ok()? + self.scrolled();
        (shown && row < self.term.screen_lines()).then(|| Position::new(column.0 as u16, row as u16))
    }

    fn draw(&self, theme: &Theme, area: Rect, buf: &mut Buffer) {
        draw::grid(&self.term, theme, area, buf);
    }

    fn text(&self) -> String {
        let offset = self.scrolled() as i32;
        let start = Point::new(Line(-offset), Column(0));
        let end = Point::new(Line(self.term.screen_lines() as i32 - 1 - offset), self.term.last_column());
        self.term.bounds_to_string(start, end).trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terminal(columns: u16, rows: u16, bytes: &str) -> Alacritty {
        let mut terminal = Alacritty::new(columns, rows, TermOptions::default());
        terminal.feed(bytes.as_bytes());
        terminal
    }

    #[test]
    fn queries_are_answered() {
        let ask = |query| String::from_utf8(terminal(80, 24, query).take_replies()).unwrap();
        assert_eq!(ask("\x1b[6n"), "\x1b[1;1R");
        assert_eq!(ask("\x1b[5n"), "\x1b[0n");
        assert_eq!(ask("\x1b[c"), "\x1b[?6c");
        assert_eq!(ask("\x1b[18t"), "\x1b[8;24;80t");
        assert_eq!(ask("\x1b]11;?\x07"), "");
        let options = TermOptions { colours: Some(([255; 3], [0; 3])), ..TermOptions::default() };
        let mut dark = Alacritty::new(80, 24, options);
        dark.feed(b"\x1b]11;?\x07");
        assert_eq!(dark.take_replies(), b"\x1b]11;rgb:0000/0000/0000\x07");
    }

    #[test]
    fn a_resize_loses_nothing() {
        let line = "0123456789".repeat(7);
        let mut terminal = terminal(80, 4, &line);
        terminal.resize(40, 4);
        terminal.scroll(1);
        assert_eq!(terminal.text(), line);
        terminal.resize(80, 4);
        assert_eq!(terminal.text(), line);
        terminal.resize(0, 0);
        assert_eq!(terminal.size(), (2, 1));
    }

    #[test]
    fn titles_are_safe_and_the_clipboard_needs_permission() {
        let mut guarded = terminal(20, 4, "\x1b]0;a\u{202e}b\x07\x1b]52;c;aGk=\x07\x07");
        assert_eq!(guarded.title(), Some("a�b"));
        assert_eq!(guarded.take_clipboard(), None);
        assert!(guarded.take_bell() && !guarded.take_bell());
        let mut open = Alacritty::new(20, 4, TermOptions { allow_clipboard: true, ..TermOptions::default() });
        open.feed(b"\x1b]52;c;aGk=\x07\x1b]52;c;?\x07");
        assert_eq!(open.take_clipboard().as_deref(), Some("hi"));
        assert!(open.take_replies().is_empty());
    }

    #[test]
    fn scrolling_back_and_to_the_end() {
        let mut terminal = terminal(10, 2, "1\r\n2\r\n3\r\n4");
        assert_eq!(terminal.text(), "3\n4");
        terminal.scroll(2);
        assert_eq!((terminal.text().as_str(), terminal.scrolled()), ("1\n2", 2));
        assert_eq!(terminal.cursor(), None);
        terminal.scroll_to_end();
        assert_eq!(terminal.cursor(), Some(Position::new(1, 1)));
    }

    #[test]
    fn an_unfinished_synchronized_update_shows() {
        assert_eq!(terminal(10, 2, "\x1b[?2026hhello").text(), "hello");
    }
}
