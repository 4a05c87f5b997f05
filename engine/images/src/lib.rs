//! The image store: references, content by digest, unpacked snapshots, archives.

mod archive;
mod chain;
mod compression;
mod digest;
mod error;
mod fs;
mod import;
mod inspect;
mod layer;
mod load;
mod reference;
mod store;
mod tar;

pub use crate::tar::TarError;
pub use digest::{Digest, DigestError};
pub use error::{Error, Result};
pub use import::ImportConfig;
pub use inspect::{GraphDriver, HistoryEntry, Inspection, RootFs};
pub use layer::LayerError;
pub use load::{LoadProgress, LoadedImage};
pub use reference::{Reference, ReferenceError};
pub use store::{Image, ImageSummary, Lease, Removal, Store};
