//! Signals as something to poll for.
//!
//! Handlers, not a blocked mask with a signalfd: exec(2) resets handlers, so nothing of this reaches a container, and
//! a handler interrupts a blocking write.

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::unistd::{pipe2, read};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::sync::atomic::{AtomicI32, Ordering};

/// Where the handler writes; open for the life of the process once made, because a handler may run at any time.
static PIPE: AtomicI32 = AtomicI32::new(-1);

/// Catches signals while it lives. A process has at most one at a time.
pub struct Signals {
    pipe: OwnedFd,
    before: Vec<(Signal, SigAction)>,
}

impl Signals {
    /// Catches the signals of `caught` to read them here, except what the process was started to ignore (nohup(1)),
    /// and drops those of `dropped`.
    pub fn catch(caught: &[Signal], dropped: &[Signal]) -> io::Result<Self> {
        let (pipe, writer) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        let earlier = PIPE.swap(writer.into_raw_fd(), Ordering::SeqCst);
        assert_eq!(earlier, -1, "signals are caught in one place at a time");
        let mut signals = Self { pipe, before: Vec::with_capacity(caught.len() + dropped.len()) };
        for &signal in caught {
            signals.handle(signal, note)?;
            signals
                .before
                .pop_if(|(_, before)| matches!(before.handler(), SigHandler::SigIgn))
                .map_or(Ok(()), ignore_again)?;
        }
        for &signal in dropped {
            signals.handle(signal, drop_it)?;
        }
        Ok(signals)
    }

    fn handle(&mut self, signal: Signal, handler: extern "C" fn(i32)) -> io::Result<()> {
        let action = SigAction::new(SigHandler::Handler(handler), SaFlags::empty(), SigSet::empty());
        // SAFETY: both handlers only make calls that signal-safety(7) lists, and keep errno.
        let before = unsafe { sigaction(signal, &action) }?;
        self.before.push((signal, before));
        Ok(())
    }

    /// The next signal that has come in, if any.
    pub fn next(&self) -> Option<i32> {
        let mut number = [0];
        match read(&self.pipe, &mut number) {
            Ok(1) => Some(number[0].into()),
            _ => None,
        }
    }
}

impl AsFd for Signals {
    /// Readable while a signal waits.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for (signal, action) in &self.before {
            // SAFETY: this puts back what was there before. It cannot fail for a signal that could be set.
            let _ = unsafe { sigaction(*signal, action) };
        }
        let writer = PIPE.swap(-1, Ordering::SeqCst);
        // SAFETY: `catch` leaked this descriptor for the handlers; none of them runs any more.
        drop(unsafe { <OwnedFd as std::os::fd::FromRawFd>::from_raw_fd(writer) });
    }
}

fn ignore_again((signal, before): (Signal, SigAction)) -> io::Result<()> {
    // SAFETY: this puts back what was there a moment ago.
    unsafe { sigaction(signal, &before) }?;
    Ok(())
}

extern "C" fn note(signal: i32) {
    let errno = Errno::last_raw();
    let number = signal as u8;
    // SAFETY: one byte from the stack; write(2) is async-signal-safe. A full pipe means that plenty are noted.
    unsafe { libc::write(PIPE.load(Ordering::SeqCst), (&raw const number).cast(), 1) };
    Errno::set_raw(errno);
}

extern "C" fn drop_it(_: i32) {}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::signal::raise;

    #[test]
    fn caught_signals_are_read_in_order_and_dropped_ones_never() {
        let signals = Signals::catch(&[Signal::SIGUSR1, Signal::SIGUSR2], &[Signal::SIGURG]).expect("caught");
        for signal in [Signal::SIGUSR2, Signal::SIGURG, Signal::SIGUSR1] {
            raise(signal).expect("raised");
        }
        assert_eq!(signals.next(), Some(libc::SIGUSR2));
        assert_eq!(signals.next(), Some(libc::SIGUSR1));
        assert_eq!(signals.next(), None);
    }
}
