//! The lines of a log, bounded in number and bytes; the oldest make room for the newest.

use std::collections::VecDeque;

use crate::pattern::Pattern;
use crate::text::is_plain;

/// A longer line is kept in pieces, so that no line is too long to handle.
const MAX_LINE: usize = 256 * 1024;

/// Where a line was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Stream {
    /// Standard output.
    #[default]
    Stdout,
    /// Standard error.
    Stderr,
}

/// A line as it arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogLine<'a> {
    /// When it was written: milliseconds since the Unix epoch.
    pub time: Option<i64>,
    /// Where.
    pub stream: Stream,
    /// What, without the line break; escape sequences and all.
    pub text: &'a str,
}

/// A line as it is kept.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) text: Box<str>,
    pub(super) time: Option<i64>,
    pub(super) stream: Stream,
    /// Printable ASCII only: byte, character and cell are the same.
    pub(super) plain: bool,
}

impl Stored {
    /// Whether the line, as it is drawn, has the pattern.
    pub(super) fn holds(&self, pattern: &Pattern) -> bool {
        if self.plain { pattern.is_in_plain(&self.text) } else { pattern.is_in(&self.text) }
    }
}

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLimits {
    /// Lines.
    pub lines: usize,
    /// Bytes of text.
    pub bytes: usize,
}

impl Default for LogLimits {
    fn default() -> Self {
        Self { lines: 100_000, bytes: 32 << 20 }
    }
}

/// The lines. Each has a number for good, whatever is dropped before it.
#[derive(Debug)]
pub(super) struct Ring {
    lines: VecDeque<Stored>,
    first: u64,
    bytes: usize,
    limits: LogLimits,
}

impl Ring {
    pub(super) fn new(limits: LogLimits) -> Self {
        Self { lines: VecDeque::new(), first: 0, bytes: 0, limits }
    }

    /// Appends a line, in pieces when it is very long.
    pub(super) fn push(&mut self, line: LogLine) {
        let mut rest = line.text;
        while rest.len() > MAX_LINE {
            let cut = (0..=MAX_LINE).rev().find(|at| rest.is_char_boundary(*at)).unwrap_or(rest.len());
            self.push_piece(LogLine { text: &rest[..cut], ..line });
            rest = &rest[cut..];
        }
        self.push_piece(LogLine { text: rest, ..line });
    }

    fn push_piece(&mut self, LogLine { time, stream, text }: LogLine) {
        self.bytes += text.len();
        self.lines.push_back(Stored { text: text.into(), time, stream, plain: is_plain(text.as_bytes()) });
        while self.lines.len() > self.limits.lines.max(1) || (self.bytes > self.limits.bytes && self.lines.len() > 1) {
            let Some(oldest) = self.lines.pop_front() else {
                break;
            };
            self.bytes -= oldest.text.len();
            self.first += 1;
        }
    }

    /// The number of the oldest line kept: so many were dropped.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// The number that the next line gets.
    pub(super) fn end(&self) -> u64 {
        self.first + self.lines.len() as u64
    }

    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    pub(super) fn get(&self, id: u64) -> Option<&Stored> {
        self.lines.get(usize::try_from(id.checked_sub(self.first)?).ok()?)
    }
}
