//! The terminal while the workstation has it, and its way back to what it was: at the end, on a panic, for Ctrl-Z.

use super::screen::{Screen, Writer};
use crossterm::cursor::Show;
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
    enable_raw_mode,
};
use crossterm::{execute, queue};
use nix::sys::signal::{Signal, raise};
use ratatui::backend::CrosstermBackend;
use ratatui::{Frame, Terminal};
use std::io::{self, Write};
use std::mem::ManuallyDrop;
use std::panic;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

/// A frame of a large screen in full; a smaller one is written by one call.
const BUFFER: usize = 64 * 1024;

/// Clicks, drags and the wheel in the SGR form (xterm's "Mouse Tracking"). Not every motion, as crossterm would ask for: a
/// mouse that only passes by shall cost nothing.
const MOUSE_ON: &[u8] = b"\x1b[?1000h\x1b[?1002h\x1b[?1006h";
const MOUSE_OFF: &[u8] = b"\x1b[?1006l\x1b[?1002l\x1b[?1000l";

/// Whether the terminal is in the workstation's modes now.
static ENTERED: AtomicBool = AtomicBool::new(false);

/// The terminal, given back when this is dropped.
pub struct Session {
    /// Never dropped: it would complain on standard error, and panic, when the terminal is gone. [`leave`] does its work.
    terminal: ManuallyDrop<Terminal<Screen>>,
    mouse: bool,
}

impl Session {
    /// Takes the terminal over.
    pub fn open() -> io::Result<Self> {
        give_back_on_panic();
        enter(true)?;
        let writer = Writer::with_capacity(BUFFER, io::stdout());
        let terminal = Terminal::new(Screen(CrosstermBackend::new(writer))).inspect_err(|_| leave())?;
        Ok(Self { terminal: ManuallyDrop::new(terminal), mouse: true })
    }

    /// Columns and rows.
    pub fn size(&self) -> io::Result<(u16, u16)> {
        let size = self.terminal.size()?;
        Ok((size.width, size.height))
    }

    /// Draws a frame; the terminal shows it at once and whole (synchronized output, DEC private mode 2026).
    pub fn draw(&mut self, draw: impl FnOnce(&mut Frame)) -> io::Result<()> {
        queue!(self.terminal.backend_mut().0, BeginSynchronizedUpdate)?;
        self.terminal.draw(draw)?;
        execute!(self.terminal.backend_mut().0, EndSynchronizedUpdate)
    }

    /// Has the next frame drawn in full.
    pub fn redraw(&mut self) -> io::Result<()> {
        self.terminal.clear()
    }

    /// Takes the mouse, or leaves it to the terminal.
    pub fn capture_mouse(&mut self, capture: bool) -> io::Result<()> {
        self.mouse = capture;
        let writer = &mut self.terminal.backend_mut().0;
        writer.write_all(if capture { MOUSE_ON } else { MOUSE_OFF })?;
        Write::flush(writer)
    }

    /// Puts a text into the clipboard of whoever sits at the terminal, across ssh too (OSC 52).
    pub fn copy(&mut self, text: &str) -> io::Result<()> {
        use crossterm::clipboard::CopyToClipboard;
        execute!(self.terminal.backend_mut().0, CopyToClipboard::to_clipboard_from(text))
    }

    /// Stops until the shell's `fg`, with the terminal as it was before.
    pub fn suspend(&mut self) -> io::Result<()> {
        leave();
        raise(Signal::SIGSTOP)?;
        self.resume()
    }

    /// Takes the terminal over again, after whoever had it meanwhile.
    pub fn resume(&mut self) -> io::Result<()> {
        enter(self.mouse)?;
        self.terminal.clear()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        leave();
    }
}

fn enter(mouse: bool) -> io::Result<()> {
    enable_raw_mode()?;
    ENTERED.store(true, Ordering::SeqCst);
    let mut out = io::stdout();
    execute!(out, EnterAlternateScreen, EnableBracketedPaste).inspect_err(|_| leave())?;
    if mouse {
        out.write_all(MOUSE_ON)?;
    }
    out.flush()
}

/// Gives the terminal back. A terminal that is gone needs nothing, so errors are of no interest.
fn leave() {
    if ENTERED.swap(false, Ordering::SeqCst) {
        let mut out = io::stdout();
        let _ = out.write_all(MOUSE_OFF);
        let _ = execute!(out, EndSynchronizedUpdate, DisableBracketedPaste, LeaveAlternateScreen, Show);
        let _ = out.flush();
        let _ = disable_raw_mode();
    }
}

/// Before a panic is told, the terminal is given back. One in another thread ends the workstation too: it would go on with
/// a part missing.
fn give_back_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let tell = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            leave();
            tell(info);
            if std::thread::current().name() != Some("main") {
                std::process::exit(101);
            }
        }));
    });
}
