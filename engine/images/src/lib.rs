//! The image store: references, content by digest, unpacked snapshots, archives.
//!
//! [`Store`] is the way in: it loads archives, imports root file systems, finds images by what a user types, and removes
//! them. [`Registries`] brings images into it and out of it. Beneath it lie, each knowing only those after it: `store` (what is on disk, and how processes share it), `archive`
//! (image archives), `layer` (a tar stream becomes a directory that overlayfs can stack), `compression` and `tar`.
//! [`Reference`] and [`Digest`] are the names of things.
//!
//! Everything that is read here was written by strangers. Whatever an archive says is checked against its digests while it
//! streams by, bounded, and confined; what fails is refused as a whole and leaves nothing behind.

mod archive;
mod assemble;
mod build;
mod chain;
mod compression;
mod copy;
mod derive;
mod digest;
mod error;
mod fs;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod healthcheck;
mod import;
mod inspect;
mod layer;
mod load;
mod manifest;
mod platform;
mod reference;
mod registry;
mod remote;
mod save;
mod section;
mod store;
mod tar;
mod workers;

pub use crate::tar::TarError;
pub use build::{Bench, StepNote, Workshop};
pub use copy::{CopyError, Counted, copy_tree, is_archive, unpack_tree};
pub use derive::Derivation;
pub use digest::{Digest, DigestError};
pub use error::{Error, Result};
pub use healthcheck::Healthcheck;
pub use import::ImportConfig;
pub use inspect::{GraphDriver, HistoryEntry, Inspection, RootFs};
pub use layer::{LayerError, Owner, PackError, Packer, Packing};
pub use load::{LoadProgress, LoadedImage};
pub use platform::{Platform, PlatformError};
pub use reference::{Reference, ReferenceError};
pub use registry::{
    PullOptions, PullPhase, PullProgress, Pulled, PushPhase, PushProgress, Pushed, Registries, RegistryError,
    RemoteManifest, Secret,
};
pub use remote::{Remote, fetch};
pub use store::{
    CacheLease, CachedStep, CachedSummary, Damage, Depth, Image, ImageSummary, ImageUsage, Layers, Lease, Removal,
    Store,
};
