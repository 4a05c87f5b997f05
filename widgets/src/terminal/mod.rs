//! A terminal within the terminal: shells and editors in a pane.
//!
//! [`TermEmulator`] is what the workstation needs of an emulator; [`Alacritty`] is the one it has. [`encode`] turns keys,
//! pastes and mouse events into what a program expects to read, [`TermPane`] draws.

mod alacritty;
mod draw;
pub mod encode;

pub use alacritty::{Alacritty, TermOptions};
pub use draw::TermPane;

use porthole_themes::Theme;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Position, Rect};

/// What the program in the terminal asked for, as far as input depends on it (xterm's "DEC private modes").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Modes {
    /// DECCKM: cursor keys send application sequences.
    pub application_cursor: bool,
    /// LNM: Enter sends a line feed too.
    pub new_line: bool,
    /// 2004: pastes are bracketed.
    pub bracketed_paste: bool,
    /// 1004: focus is reported.
    pub focus: bool,
    /// 1000: clicks are reported.
    pub mouse_click: bool,
    /// 1002: drags are reported.
    pub mouse_drag: bool,
    /// 1003: every move is reported.
    pub mouse_motion: bool,
    /// 1006: in the SGR form.
    pub mouse_sgr: bool,
    /// 1049: a full-screen program is running.
    pub alternate_screen: bool,
    /// 1007: the wheel sends cursor keys there.
    pub alternate_scroll: bool,
}

impl Modes {
    /// Whether the program wants the mouse.
    pub fn mouse(self) -> bool {
        self.mouse_click || self.mouse_drag || self.mouse_motion
    }
}

/// A terminal emulator: bytes in, a grid of cells out.
pub trait TermEmulator {
    /// Takes in what the program wrote.
    fn feed(&mut self, bytes: &[u8]);
    /// Gives it another size; long lines are broken anew.
    fn resize(&mut self, columns: u16, rows: u16);
    /// Columns and rows.
    fn size(&self) -> (u16, u16);
    /// What has to be written to the program: answers to its queries.
    fn take_replies(&mut self) -> Vec<u8>;
    /// The title that the program set, made safe.
    fn title(&self) -> Option<&str>;
    /// Whether the bell rang since last asked.
    fn take_bell(&mut self) -> bool;
    /// What the program wants on the clipboard (OSC 52), when that is allowed.
    fn take_clipboard(&mut self) -> Option<String>;
    /// What input depends on.
    fn modes(&self) -> Modes;
    /// Scrolls back by rows; negative scrolls forth.
    fn scroll(&mut self, rows: i32);
    /// Goes back to what the program writes now.
    fn scroll_to_end(&mut self);
    /// How many rows it is scrolled back.
    fn scrolled(&self) -> usize;
    /// Where the cursor is, when it is seen.
    fn cursor(&self) -> Option<Position>;
    /// Draws the cells.
    fn draw(&self, theme: &Theme, area: Rect, buf: &mut Buffer);
    /// The text in sight.
    fn text(&self) -> String;
}
