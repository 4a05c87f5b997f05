//! What a container has said, and goes on to say.

use super::logging::LogDriver;
use crate::engine::Engine;
use crate::error::{Error, Result};
use jiff::Timestamp;
use porthole_runtime::log::{Entry, Follower, Query, Reader, Wake};
use std::os::fd::BorrowedFd;
use std::path::PathBuf;

/// Which part of a log is wanted. Times are nanoseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Wait for more until the container ends.
    pub follow: bool,
    /// Only so many of the last lines.
    pub tail: Option<usize>,
    /// Nothing before this time.
    pub since: Option<i64>,
    /// Nothing after this time.
    pub until: Option<i64>,
}

/// Reads a log.
pub struct LogReader {
    path: PathBuf,
    reader: Reader,
    follower: Option<Follower>,
    ahead: Option<Entry>,
}

/// What a reader has for its caller.
#[derive(Debug)]
pub enum Next {
    /// A record.
    Entry(Entry),
    /// Nothing more will come.
    End,
    /// The caller's descriptor became ready first.
    Cancelled,
}

impl LogReader {
    /// Whether the next record is there already, so that asking for it will not wait.
    pub fn has_more(&mut self) -> Result<bool> {
        if self.ahead.is_none() {
            self.ahead = self.read()?;
        }
        Ok(self.ahead.is_some())
    }

    /// The next record; waits for it when the log is followed, until `cancel` is readable.
    pub fn next_entry(&mut self, cancel: Option<BorrowedFd<'_>>) -> Result<Next> {
        loop {
            if self.has_more()? {
                return Ok(self.ahead.take().map_or(Next::End, Next::Entry));
            }
            let follower = match &mut self.follower {
                Some(follower) if !self.reader.is_past_until() => follower,
                _ => return Ok(Next::End),
            };
            match follower.wait(cancel).map_err(|source| Error::file(&self.path, source))? {
                Wake::More => {}
                Wake::Ended => self.follower = None,
                Wake::Cancelled => return Ok(Next::Cancelled),
            }
        }
    }

    fn read(&mut self) -> Result<Option<Entry>> {
        self.reader.next_entry().map_err(|source| Error::file(&self.path, source))
    }
}

impl Engine {
    /// Opens a container's log.
    pub fn logs(&self, name: &str, options: &LogOptions) -> Result<LogReader> {
        let record = self.find(name)?;
        if record.existing_config()?.host.logging.driver == LogDriver::None {
            return Err(Error::InvalidOption("configured logging driver does not support reading".to_owned()));
        }
        let path = record.path("log/container.log");
        let broken = |source| Error::file(path.clone(), source);
        let time = |nanoseconds: i64| Timestamp::from_nanosecond(nanoseconds.into()).ok();
        let query = Query {
            tail: options.tail.map(|lines| lines as u64),
            since: options.since.and_then(time),
            until: options.until.and_then(time),
        };
        let follower = options.follow.then(|| Follower::new(record.directory(), &path)).transpose().map_err(broken)?;
        let reader = Reader::open(&path, query);
        // Else whoever writes faster than the caller reads would keep it for ever.
        let reader = if options.follow { reader } else { reader.and_then(Reader::until_now) };
        let reader = reader.map_err(broken)?;
        Ok(LogReader { path, reader, follower, ahead: None })
    }
}
