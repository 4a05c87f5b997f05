//! Terminals: a pseudo terminal, the program on its other side, and two threads between.

use super::cancel::{self, Guard, Token};
use super::commands::{SELF, exit_code};
use super::spawn;
use crate::tui::message::{Msg, ShellId};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::stat::Mode;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::{Child, Command};
use std::sync::mpsc;
use std::time::Duration;
use tokio::sync::mpsc::Sender;

/// Bytes read at a time; the program waits while they are taken in.
const CHUNK: usize = 16 * 1024;
/// A program that does not end by the hang-up is killed after this long.
const GRACE: Duration = Duration::from_secs(2);

/// The terminals that are open.
pub struct Terminals {
    messages: Sender<Msg>,
    open: HashMap<ShellId, Terminal>,
}

struct Terminal {
    master: File,
    /// What is typed; a thread writes it, because a program that does not read would hold the workstation up.
    typed: mpsc::Sender<Vec<u8>>,
    _reader: Guard,
}

impl Terminals {
    /// None yet.
    pub fn new(messages: Sender<Msg>) -> Self {
        Self { messages, open: HashMap::new() }
    }

    /// Opens one for a command line of this program.
    pub fn open(&mut self, shell: ShellId, argv: &[String], size: (u16, u16)) {
        match self.try_open(shell, argv, size) {
            Ok(terminal) => {
                self.open.insert(shell, terminal);
            }
            Err(error) => {
                let _ = self.messages.try_send(Msg::ShellFailed(shell, format!("cannot open a terminal: {error}")));
            }
        }
    }

    fn try_open(&self, shell: ShellId, argv: &[String], size: (u16, u16)) -> io::Result<Terminal> {
        let (master, slave) = pseudo_terminal()?;
        set_size(&master, size)?;
        // `session` makes the terminal the controlling one, so that closing it hangs the program up.
        let child = Command::new(SELF)
            .arg("session")
            .args(argv)
            .env("TERM", "xterm-256color")
            .env("COLORTERM", "truecolor")
            .stdin(slave.try_clone()?)
            .stdout(slave.try_clone()?)
            .stderr(slave)
            .spawn()?;
        let (guard, token) = cancel::pair()?;
        let (typed, queue) = mpsc::channel::<Vec<u8>>();
        let mut writer = master.try_clone()?;
        spawn("terminal input", &self.messages, move || {
            while let Ok(bytes) = queue.recv() {
                if writer.write_all(&bytes).is_err() {
                    return;
                }
            }
        });
        let (reader, messages) = (master.try_clone()?, self.messages.clone());
        spawn("terminal", &self.messages, move || {
            relay(shell, reader, &token, &messages);
            let code = wait(child);
            let _ = messages.blocking_send(Msg::ShellEnded(shell, code));
        });
        Ok(Terminal { master, typed, _reader: guard })
    }

    /// Types into one.
    pub fn write(&self, shell: ShellId, bytes: Vec<u8>) {
        if let Some(terminal) = self.open.get(&shell) {
            // Its program may just have ended; then nobody reads any more.
            let _ = terminal.typed.send(bytes);
        }
    }

    /// Gives one another size; its program gets a SIGWINCH.
    pub fn resize(&self, shell: ShellId, size: (u16, u16)) {
        if let Some(terminal) = self.open.get(&shell) {
            let _ = set_size(&terminal.master, size);
        }
    }

    /// Closes one. When the last descriptor is gone the kernel hangs its program up.
    pub fn close(&mut self, shell: ShellId) {
        self.open.remove(&shell);
    }
}

/// Hands on what the program writes until it has ended or the terminal is closed.
fn relay(shell: ShellId, mut master: File, token: &Token, messages: &Sender<Msg>) {
    let mut buffer = vec![0; CHUNK];
    loop {
        let mut sources =
            [PollFd::new(master.as_fd(), PollFlags::POLLIN), PollFd::new(token.as_fd(), PollFlags::POLLIN)];
        match poll(&mut sources, PollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            Err(_) => return,
            Ok(_) if sources[1].any() != Some(false) => return,
            Ok(_) => {}
        }
        // EIO: the other side is closed.
        match master.read(&mut buffer) {
            Ok(count @ 1..) => {
                let output = Msg::ShellOutput(shell, buffer[..count].to_vec());
                if messages.blocking_send(output).is_err() {
                    return;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            _ => return,
        }
    }
}

/// Waits for the program; kills it when it outlives its terminal for long.
fn wait(mut child: Child) -> i32 {
    const STEP: Duration = Duration::from_millis(20);
    let mut waited = Duration::ZERO;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return exit_code(status),
            Ok(None) if waited < GRACE => {
                std::thread::sleep(STEP);
                waited += STEP;
            }
            Ok(None) => {
                let _ = child.kill();
                return child.wait().map_or(125, exit_code);
            }
            Err(_) => return 125,
        }
    }
}

/// Both sides of a new pseudo terminal (pty(7)), closed on exec so that no other child keeps one open.
fn pseudo_terminal() -> io::Result<(File, OwnedFd)> {
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let master = posix_openpt(flags)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let slave = open(ptsname_r(&master)?.as_str(), flags, Mode::empty())?;
    Ok((File::from(master.as_fd().try_clone_to_owned()?), slave))
}

fn set_size(master: &File, (columns, rows): (u16, u16)) -> io::Result<()> {
    let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCSWINSZ reads a winsize, which lives until the call returns.
    let result = unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
