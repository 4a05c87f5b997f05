//! Records: the store's small JSON files.

use std::collections::BTreeMap;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::compression::Compression;
use crate::digest::Digest;
use crate::error::{Context, Error, Result};
use crate::layer::Unpacked;
use crate::reference::Reference;

/// Every name in its canonical form, and the ID of the image it stands for.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct References(BTreeMap<Reference, Digest>);

/// What the store knows of an image beside its configuration.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ImageRecord {
    /// When the image was made, as its configuration says.
    pub(crate) created: Option<String>,
    /// The manifest by which the image came, if it came by one.
    pub(crate) manifest: Option<Digest>,
    /// From the base upwards.
    pub(crate) layers: Vec<LayerRecord>,
}

/// What the store knows of an unpacked layer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct LayerRecord {
    pub(crate) chain_id: Digest,
    pub(crate) diff_id: Digest,
    /// The blob as it came.
    pub(crate) blob: Digest,
    /// The blob's length as it came.
    pub(crate) length: u64,
    pub(crate) compression: Compression,
    /// The length of all files together.
    pub(crate) size: u64,
    /// Whether the layer hides everything below it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) opaque: bool,
}

impl LayerRecord {
    pub(crate) fn new(chain_id: Digest, unpacked: &Unpacked) -> Self {
        Self {
            chain_id,
            diff_id: unpacked.diff_id,
            blob: unpacked.blob.digest,
            length: unpacked.blob.length,
            compression: unpacked.blob.compression,
            size: unpacked.size,
            opaque: unpacked.opaque,
        }
    }

    /// A layer whose archive was just made, and is kept compressed.
    pub(crate) fn plain(chain_id: Digest, diff_id: Digest, length: u64, size: u64) -> Self {
        Self { chain_id, diff_id, blob: diff_id, length, compression: Compression::None, size, opaque: false }
    }

    /// The name of the blob's file: a plain blob is kept compressed.
    pub(crate) fn blob_file(&self) -> String {
        match self.compression {
            Compression::None => format!("{}.zst", self.blob.hex()),
            Compression::Gzip | Compression::Zstd => self.blob.hex(),
        }
    }
}

impl ImageRecord {
    /// The length of all files in all layers.
    pub(crate) fn size(&self) -> u64 {
        self.layers.iter().fold(0, |size, layer| size.saturating_add(layer.size))
    }
}

impl References {
    pub(crate) fn get(&self, reference: &Reference) -> Option<Digest> {
        self.0.get(reference).copied()
    }

    /// Points a name at an image; returns the image it stood for.
    pub(crate) fn set(&mut self, reference: &Reference, id: Digest) -> Option<Digest> {
        self.0.insert(reference.clone(), id)
    }

    pub(crate) fn remove(&mut self, reference: &Reference) {
        self.0.remove(reference);
    }

    /// Forgets the names of images that are not to be kept.
    pub(crate) fn retain(&mut self, keep: impl Fn(&Digest) -> bool) {
        self.0.retain(|_, id| keep(id));
    }

    /// All names of an image.
    pub(crate) fn of(&self, id: &Digest) -> Vec<Reference> {
        self.iter().filter(|(_, named)| *named == id).map(|(reference, _)| reference.clone()).collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Reference, &Digest)> {
        self.0.iter()
    }
}

/// Reads a record; `None` if there is none.
pub(crate) fn read_optional<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let content = match std::fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        content => content.at("read", path)?,
    };
    let damaged = |error: serde_json::Error| Error::Record { path: path.to_owned(), problem: error.to_string() };
    serde_json::from_slice(&content).map(Some).map_err(damaged)
}

/// The bytes of a record.
pub(crate) fn encode(record: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(record).expect("records have only string keys and finite numbers")
}
