//! What can go wrong, in words a user can act on.

use std::io;
use std::path::{Path, PathBuf};

use crate::digest::{Digest, DigestError};
use crate::layer::LayerError;
use crate::platform::Platform;
use crate::reference::ReferenceError;
use crate::registry::RegistryError;

/// Why an operation on the image store failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No image goes by this name, ID or ID prefix.
    #[error("No such image: {0}")]
    NotFound(String),
    /// The ID prefix fits several images.
    #[error("the ID prefix {0:?} fits several images: give more of the ID")]
    Ambiguous(String),
    /// The image that is here by this name is for another machine than was asked for.
    #[error(
        "image with reference {name} was found but does not match the specified platform: wanted {wanted}, actual: {actual}"
    )]
    OtherPlatform {
        /// The name.
        name: String,
        /// What was asked for.
        wanted: Box<Platform>,
        /// What the image is for.
        actual: Box<Platform>,
    },
    /// The name is not an image reference.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// The text is not a digest.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// The image is in use, or has names that the caller did not mention.
    #[error("conflict: {0}")]
    Conflict(String),
    /// The archive is damaged, hostile, or not an image archive.
    #[error("not a usable image archive: {0}")]
    Archive(String),
    /// A file could not be fetched.
    #[error("{address}: {problem}")]
    Remote {
        /// Where it is.
        address: String,
        /// Why not.
        problem: String,
    },
    /// A registry did not do what it was asked for.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A layer could not be unpacked.
    #[error("layer {}: {problem}", .layer.short())]
    Layer {
        /// The layer's diffID, or its blob's digest.
        layer: Digest,
        /// What is wrong with it.
        problem: LayerError,
    },
    /// The root file system being imported could not be unpacked.
    #[error("the imported file system: {0}")]
    Import(LayerError),
    /// A blob of the store is not what its digest says.
    #[error(
        "the store's blob {0} is damaged: `porthole image verify` tells what else is, and loading or pulling the image \
         again mends it"
    )]
    Blob(Digest),
    /// The files of a container could not become a layer.
    #[error("the container's file system: {0}")]
    Commit(LayerError),
    /// A record of the store cannot be understood.
    #[error("the store's record {path} is damaged ({problem}): remove the image and load it again")]
    Record {
        /// The record's file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The disk is full.
    #[error("no space left on the disk that holds {path}: free some and try again")]
    Full {
        /// What was being written.
        path: PathBuf,
    },
    /// The caller may not touch the store.
    #[error("cannot {action} {path}: permission denied; the image store belongs to root: run it as root or with sudo")]
    Denied {
        /// The verb: "open", "rename", …
        action: &'static str,
        /// The object.
        path: PathBuf,
    },
    /// A system call failed.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// The verb: "open", "rename", …
        action: &'static str,
        /// The object.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
}

/// The result of an operation on the image store.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Names the object and the action of a failed system call.
pub(crate) trait Context<T> {
    /// Turns the system's error into one that tells what was attempted on which path.
    fn at(self, action: &'static str, path: &Path) -> Result<T>;
}

impl<T, E: Into<io::Error>> Context<T> for std::result::Result<T, E> {
    fn at(self, action: &'static str, path: &Path) -> Result<T> {
        self.map_err(|source| {
            let (source, path) = (source.into(), path.to_owned());
            match source.kind() {
                _ if is_full(&source) => Error::Full { path },
                io::ErrorKind::PermissionDenied => Error::Denied { action, path },
                _ => Error::Io { action, path, source },
            }
        })
    }
}

/// Whether the error says that the disk, or the user's share of it, is used up.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
