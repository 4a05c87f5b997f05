//! What can be wrong with a Dockerfile.

use std::fmt;

/// Result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Lines of a Dockerfile, counted from one; both ends belong to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lines {
    /// The first line.
    pub start: usize,
    /// The last line.
    pub end: usize,
}

impl Lines {
    /// One line.
    pub fn single(line: usize) -> Self {
        Self { start: line, end: line }
    }
}

/// A message about lines of a Dockerfile. The texts are BuildKit's, so that they can be looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    message: String,
    lines: Option<Lines>,
    /// Whether the message names the line: an instruction's does, as the trouble is within it.
    names_line: bool,
}

impl Error {
    /// Something wrong whose place is still to be told by [`Error::at`].
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), lines: None, names_line: false }
    }

    /// The same trouble at `lines`, unless its place is known already.
    pub(crate) fn at(mut self, lines: Lines) -> Self {
        self.lines.get_or_insert(lines);
        self
    }

    /// The same trouble as one of an instruction at `lines`, whose message names the line.
    pub(crate) fn in_instruction(mut self, lines: Lines) -> Self {
        self.names_line = true;
        self.at(lines)
    }

    /// The same trouble, with what was being done.
    pub(crate) fn context(mut self, doing: impl fmt::Display) -> Self {
        self.message = format!("{doing}: {}", self.message);
        self
    }

    /// The lines that the message is about.
    pub fn lines(&self) -> Option<Lines> {
        self.lines
    }

    /// What is wrong, without the line.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.lines {
            Some(lines) if self.names_line => {
                write!(f, "dockerfile parse error on line {}: {}", lines.start, self.message)
            }
            _ => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for Error {}
