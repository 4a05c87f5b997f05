//! Telling a thread that waits in poll(2) to stop.

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// Dropping it cancels.
pub struct Guard {
    _open: PipeWriter,
}

/// Becomes readable when the guard is dropped.
pub struct Token(PipeReader);

/// A guard and its token.
pub fn pair() -> io::Result<(Guard, Token)> {
    let (reader, writer) = io::pipe()?;
    Ok((Guard { _open: writer }, Token(reader)))
}

impl Token {
    /// Sleeps; false when it was cancelled meanwhile.
    pub fn sleep(&self, span: Duration) -> bool {
        let timeout = PollTimeout::try_from(span).unwrap_or(PollTimeout::MAX);
        matches!(poll(&mut [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)], timeout), Ok(0))
    }
}

impl AsFd for Token {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropping_the_guard_wakes_the_sleeper() {
        let (guard, token) = pair().expect("a pipe");
        assert!(token.sleep(Duration::from_millis(1)));
        drop(guard);
        assert!(!token.sleep(Duration::from_secs(60)));
    }
}
