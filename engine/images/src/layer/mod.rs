//! Layers: from a tar stream to a directory that overlayfs can stack.
//!
//! A layer is unpacked into an empty directory of its own, without those below it. That is what makes layers
//! independent of one another, so that they can be unpacked at the same time and shared between images whatever lies
//! beneath: the OCI whiteouts become overlayfs's own (`Documentation/filesystems/overlayfs.rst`, "whiteouts and opaque
//! directories"), which take effect only when the layer is mounted over others.
//!
//! Confinement: an archive is a stranger's. Every object is made relative to a directory descriptor, by a name that is
//! a single component; a symbolic link in a parent's place is resolved by `openat2` with the layer's directory as
//! root; nothing is ever followed in the last place.

mod budget;
mod compare;
mod extract;
mod inherit;
mod node;
mod pack;
mod path;
mod tree;
mod unpack;

use std::io;

use crate::digest::Digest;
use crate::tar::TarError;

pub(crate) use budget::Budget;
pub(crate) use compare::{differences, length_of_files};
pub use extract::Owner;
pub(crate) use inherit::inherit;
pub use pack::{PackError, Packer, Packing};
pub(crate) use unpack::{Expected, Unpacked, unpack, unpack_onto};

/// Why a layer cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// The stream is not a tar archive.
    #[error(transparent)]
    Tar(#[from] TarError),
    /// The content is not what its digest promised.
    #[error("{what} is {found}, but {expected} was promised: the archive is damaged or forged")]
    Digest {
        /// Which digest: that of the blob, or the diffID.
        what: &'static str,
        /// The promise.
        expected: Digest,
        /// The truth.
        found: Digest,
    },
    /// The blob is not as long as its descriptor says.
    #[error("the blob has {found} bytes, but {expected} were promised: the archive is damaged or forged")]
    Size {
        /// The promise.
        expected: u64,
        /// The truth.
        found: u64,
    },
    /// A name would lead out of the layer, or nowhere.
    #[error("refused member {name:?}: {problem}")]
    Name {
        /// The name as the archive has it.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The layer is larger than this disk can take.
    #[error("refused: unpacking needs more than {limit} {unit}, which would fill this disk")]
    Budget {
        /// How much was allowed.
        limit: u64,
        /// Of what.
        unit: &'static str,
    },
    /// The kernel refused to make an object.
    #[error("cannot {action} {name:?}: {source}")]
    Make {
        /// The verb.
        action: &'static str,
        /// The name as the archive has it.
        name: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The thread that makes the files cannot be started.
    #[error("cannot start the unpacking thread: {0}")]
    Thread(io::Error),
    /// The copy of the blob cannot be written.
    #[error("cannot store the layer's blob: {0}")]
    Blob(io::Error),
}

impl LayerError {
    /// Whether the disk was full.
    pub(crate) fn is_full(&self) -> bool {
        match self {
            Self::Make { source, .. } | Self::Blob(source) | Self::Tar(TarError::Read(source)) => {
                crate::error::is_full(source)
            }
            _ => false,
        }
    }
}
