//! What can be wrong with the files of a build.

use std::io;

/// Result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why files cannot be chosen or copied. The words are BuildKit's where it has some.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing has this name.
    #[error("{0:?}: not found")]
    NotFound(String),
    /// The pattern is none.
    #[error("invalid pattern {pattern:?}: {problem}")]
    Pattern {
        /// As it is written.
        pattern: String,
        /// What is wrong with it.
        problem: String,
    },
    /// What is there is of another kind.
    #[error("cannot copy to {path:?}: {problem}")]
    Target {
        /// Where.
        path: String,
        /// What is in the way.
        problem: &'static str,
    },
    /// A file changed between being looked at and being copied.
    #[error("{0:?} was changed while it was being built: build again")]
    Changed(String),
    /// The kernel refused.
    #[error("cannot {action} {path:?}: {source}")]
    Io {
        /// The verb.
        action: &'static str,
        /// On what.
        path: String,
        /// The kernel's answer.
        source: io::Error,
    },
}

/// Names the object and the action of a failed system call.
pub(crate) fn at<E: Into<io::Error>>(action: &'static str, path: impl AsRef<[u8]>) -> impl FnOnce(E) -> Error {
    let path = String::from_utf8_lossy(path.as_ref()).into_owned();
    move |error| Error::Io { action, path, source: error.into() }
}
