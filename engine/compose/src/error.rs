//! What can be wrong with a project.

use crate::node::Place;
use std::path::PathBuf;

/// Result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Something wrong with a project. The text is one line, and names the place where there is one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something wrong with what a file says.
    #[error("{place}: {message}")]
    At {
        /// Where.
        place: Place,
        /// What, and what was expected.
        message: String,
    },
    /// Something wrong with the project as a whole.
    #[error("{0}")]
    Project(String),
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Error {
    /// Something wrong at a place.
    pub fn at(place: &Place, message: impl Into<String>) -> Error {
        Error::At { place: place.clone(), message: message.into() }
    }

    /// Where it is, if it has a place.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Error::At { place, .. } => Some(place),
            Error::Project(_) | Error::File { .. } => None,
        }
    }
}
