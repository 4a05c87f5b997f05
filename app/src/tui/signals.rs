//! Signals that concern the terminal, as something to wait for.

use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wakeup {
    /// SIGTERM, SIGHUP, SIGINT, SIGQUIT: give the terminal back and end.
    End,
    /// SIGWINCH: the terminal has another size.
    Resize,
    /// SIGTSTP: stop, as by Ctrl-Z.
    Stop,
    /// SIGCONT: go on after being stopped by somebody else.
    Continue,
}

/// The signals that are listened to.
pub struct Signals {
    terminate: Signal,
    hang_up: Signal,
    interrupt: Signal,
    quit: Signal,
    resize: Signal,
    stop: Signal,
    go_on: Signal,
}

impl Signals {
    /// Listens from now on.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            resize: signal(SignalKind::window_change())?,
            stop: signal(SignalKind::from_raw(libc::SIGTSTP))?,
            go_on: signal(SignalKind::from_raw(libc::SIGCONT))?,
        })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) -> Wakeup {
        tokio::select! {
            _ = self.terminate.recv() => Wakeup::End,
            _ = self.hang_up.recv() => Wakeup::End,
            _ = self.interrupt.recv() => Wakeup::End,
            _ = self.quit.recv() => Wakeup::End,
            _ = self.resize.recv() => Wakeup::Resize,
            _ = self.stop.recv() => Wakeup::Stop,
            _ = self.go_on.recv() => Wakeup::Continue,
        }
    }
}
