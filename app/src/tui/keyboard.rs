//! The thread that reads the terminal.

use super::input;
use super::message::Msg;
use crossterm::event::{self, Event};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{SetArg, tcgetattr, tcsetattr};
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;
use tokio::sync::mpsc::Sender;

/// Reads keys, mouse and pastes until the terminal is gone or nobody listens.
///
/// crossterm is asked only when there is something to read: on a terminal that hung up it would try for ever.
pub fn read(messages: &Sender<Msg>) {
    while wait().is_ok() {
        match drain(messages) {
            Ok(true) => {}
            Ok(false) => return,
            Err(_) => break,
        }
    }
    let _ = messages.blocking_send(Msg::TerminalGone);
}

/// Waits until the terminal can be read.
fn wait() -> io::Result<()> {
    let stdin = io::stdin();
    let mut terminal = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
    loop {
        match poll(&mut terminal, PollTimeout::NONE) {
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => break,
        }
    }
    let gone = PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL;
    match terminal[0].revents() {
        Some(events) if !events.intersects(gone) => Ok(()),
        _ => Err(Errno::EIO.into()),
    }
}

/// Has the kernel tell once more that there is input, by giving the terminal the modes that it has.
///
/// crossterm waits for input and signals together, edge-triggered (epoll(7)), and when it hears of both at once it forgets
/// the input: the first key after a change of size would wait for the second.
fn announce_input() {
    let stdin = io::stdin();
    // A terminal that cannot be asked is gone, which the next wait tells.
    if let Ok(modes) = tcgetattr(&stdin) {
        let _ = tcsetattr(&stdin, SetArg::TCSANOW, &modes);
    }
}

/// Takes all events that are there; whether somebody still listens.
fn drain(messages: &Sender<Msg>) -> io::Result<bool> {
    while event::poll(Duration::ZERO)? {
        let message = match event::read()? {
            Event::Key(key) => input::key(key).map(Msg::Key),
            Event::Mouse(mouse) => input::mouse(mouse).map(Msg::Mouse),
            Event::Paste(text) => Some(Msg::Paste(text)),
            // SIGWINCH tells of another size; crossterm notices only when it is asked, and that is when there is input.
            Event::Resize(..) => {
                announce_input();
                None
            }
            Event::FocusGained | Event::FocusLost => None,
        };
        if message.is_some_and(|message| messages.blocking_send(message).is_err()) {
            return Ok(false);
        }
    }
    Ok(true)
}
