//! The user's terminal: its size, and raw mode.

use nix::errno::Errno;
use nix::sys::termios::{OutputFlags, SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// Sets a terminal's size (TIOCSWINSZ, ioctl_tty(2)).
pub(crate) fn set_window_size(terminal: BorrowedFd, columns: u16, rows: u16) -> io::Result<()> {
    let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the kernel reads one winsize.
    Errno::result(unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) })?;
    Ok(())
}

/// A terminal's columns and rows (TIOCGWINSZ); `None` for what is no terminal, or one that does not know.
pub(crate) fn window_size(terminal: BorrowedFd) -> Option<(u16, u16)> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the kernel writes one winsize.
    let result = unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) };
    (result == 0 && size.ws_col > 0 && size.ws_row > 0).then_some((size.ws_col, size.ws_row))
}

/// Has a terminal show lines as they are written, without carriage returns (termios(3), `ONLCR`).
pub(crate) fn keep_line_ends(terminal: BorrowedFd) -> io::Result<()> {
    let mut settings = tcgetattr(terminal)?;
    settings.output_flags.remove(OutputFlags::ONLCR);
    Ok(tcsetattr(terminal, SetArg::TCSANOW, &settings)?)
}

/// The terminal at standard input in raw mode (termios(3)); as it was before once this is dropped.
pub(crate) struct RawMode {
    before: Termios,
}

impl RawMode {
    pub(crate) fn enter() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(io::stdin().as_fd(), SetArg::TCSADRAIN, &raw)?;
        Ok(Self { before })
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // A terminal that is gone needs no restoring.
        let _ = tcsetattr(io::stdin().as_fd(), SetArg::TCSADRAIN, &self.before);
    }
}
