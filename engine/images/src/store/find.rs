//! Finding images by what a user types.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use jiff::Timestamp;
use oci_spec::image::ImageConfiguration;
use rustix::fs::{FlockOperation, flock};

use super::{ImageRecord, LayerRecord, References, Store};
use crate::digest::Digest;
use crate::error::{Context, Error, Result};
use crate::healthcheck::{Extended, Extension, Healthcheck};
use crate::platform::Platform;
use crate::reference::Reference;

/// An image, with all that is needed to run it.
#[derive(Debug, Clone)]
pub struct Image {
    /// The digest of its configuration.
    pub id: Digest,
    /// All its names.
    pub references: Vec<Reference>,
    /// When it was made, if its configuration tells.
    pub created: Option<Timestamp>,
    /// The length of all files in all layers.
    pub size: u64,
    /// The machine that its programs need.
    pub platform: Platform,
    /// Its configuration.
    pub config: ImageConfiguration,
    /// How its containers are checked, if it says.
    pub healthcheck: Option<Healthcheck>,
    /// The shell for commands that are given as text, if it names one.
    pub shell: Option<Vec<String>>,
    /// The chain IDs of its layers, from the base upwards.
    pub chain: Vec<Digest>,
    /// The directories of its layers, topmost first: overlayfs's lower layers. Below a layer that hides everything there
    /// are none; nor has an image without layers any.
    pub layers: Vec<PathBuf>,
}

impl Image {
    /// Refuses an image that a machine of the `wanted` platform cannot run. It goes by `name`.
    pub fn check_platform(&self, name: &str, wanted: &Platform) -> Result<()> {
        match wanted.distance(&self.platform) {
            Some(_) => Ok(()),
            None => Err(Error::OtherPlatform {
                name: name.to_owned(),
                wanted: Box::new(wanted.clone()),
                actual: Box::new(self.platform.clone()),
            }),
        }
    }
}

/// An image as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSummary {
    /// The digest of its configuration.
    pub id: Digest,
    /// All its names.
    pub references: Vec<Reference>,
    /// When it was made, if its configuration tells.
    pub created: Option<Timestamp>,
    /// The length of all files in all layers.
    pub size: u64,
}

impl ImageSummary {
    /// The names that lists show: one by digest only where its repository has no tag for the image.
    pub fn shown_references(&self) -> impl Iterator<Item = &Reference> {
        let tagged =
            |name: &Reference| self.references.iter().any(|other| other.tag().is_some() && other.same_repository(name));
        self.references.iter().filter(move |name| name.tag().is_some() || !tagged(name))
    }
}

/// Keeps an image from being removed.
#[derive(Debug)]
pub struct Lease {
    _record: File,
}

/// How a user named an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    ByReference(Reference, Digest),
    ById(Digest),
}

impl Found {
    pub(super) fn id(&self) -> Digest {
        match self {
            Self::ByReference(_, id) | Self::ById(id) => *id,
        }
    }
}

impl Store {
    /// All images, the newest first.
    pub fn list(&self) -> Result<Vec<ImageSummary>> {
        let references = self.references()?;
        let mut images = Vec::new();
        for id in self.ids()? {
            // Another process may have removed it since.
            let record = match self.record(&id) {
                Err(Error::NotFound(_)) => continue,
                record => record?,
            };
            let (created, size) = (timestamp(record.created.as_deref()), record.size());
            images.push(ImageSummary { id, references: references.of(&id), created, size });
        }
        images.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.id.cmp(&b.id)));
        Ok(images)
    }

    /// The image that `name` stands for: a reference, an ID, or the beginning of an ID.
    pub fn resolve(&self, name: &str) -> Result<Image> {
        let references = self.references()?;
        let id = self.find(name, &references)?.id();
        self.image(id, &references).map_err(|error| match error {
            Error::NotFound(_) => Error::NotFound(name.to_owned()),
            error => error,
        })
    }

    /// As [`Store::resolve`], but of an image that may be damaged.
    pub fn find_id(&self, name: &str) -> Result<Digest> {
        self.find(name, &self.references()?).map(|found| found.id())
    }

    /// What people would call an image: its first name, rather one by tag than one by digest, or else its ID.
    pub fn name_of(&self, id: &Digest) -> Result<String> {
        let names = self.references()?.of(id);
        let name = names.iter().find(|name| name.tag().is_some()).or(names.first());
        Ok(name.map_or_else(|| id.short(), Reference::to_string))
    }

    /// Keeps the image from being removed until the lease is dropped. An image that is removed already is not found.
    pub fn lease(&self, id: &Digest) -> Result<Lease> {
        let path = self.record_path(id);
        let gone = || Error::NotFound(id.to_string());
        let record = match File::open(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(gone()),
            record => record.at("open", &path)?,
        };
        // Whoever holds it for himself is removing the image.
        flock(&record, FlockOperation::NonBlockingLockShared).map_err(|_| gone())?;
        let at_path = std::fs::metadata(&path).map_err(|_| gone())?;
        match at_path.ino() == record.metadata().at("examine", &path)?.ino() {
            true => Ok(Lease { _record: record }),
            false => Err(gone()),
        }
    }

    pub(super) fn find(&self, name: &str, references: &References) -> Result<Found> {
        if let Ok(id) = name.parse().or_else(|_| Digest::from_hex(name)) {
            return match self.record_path(&id).exists() {
                true => Ok(Found::ById(id)),
                false => Err(Error::NotFound(name.to_owned())),
            };
        }
        let reference = name.parse::<Reference>();
        if let Ok(reference) = &reference
            && let Some(found) = self.find_reference(reference, references)?
        {
            return Ok(found);
        }
        match self.find_prefix(name.strip_prefix("sha256:").unwrap_or(name))? {
            Some(id) => Ok(Found::ById(id)),
            None => Err(Error::NotFound(reference?.to_string())),
        }
    }

    fn find_reference(&self, reference: &Reference, references: &References) -> Result<Option<Found>> {
        if let Some(id) = references.get(reference) {
            return Ok(Some(Found::ByReference(reference.clone(), id)));
        }
        let Some(digest) = reference.digest() else { return Ok(None) };
        // A digest names the image by its manifest or its configuration, whatever the tag says.
        for (other, id) in references.iter().filter(|(other, _)| other.same_repository(reference)) {
            if id == digest || other.digest() == Some(digest) || self.record(id)?.manifest == Some(*digest) {
                return Ok(Some(Found::ByReference(other.clone(), *id)));
            }
        }
        Ok(None)
    }

    fn find_prefix(&self, prefix: &str) -> Result<Option<Digest>> {
        if prefix.is_empty() || !prefix.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Ok(None);
        }
        let mut fitting = self.ids()?.into_iter().filter(|id| id.hex().starts_with(prefix));
        match (fitting.next(), fitting.next()) {
            (Some(_), Some(_)) => Err(Error::Ambiguous(prefix.to_owned())),
            (only, _) => Ok(only),
        }
    }

    fn image(&self, id: Digest, references: &References) -> Result<Image> {
        let record = self.record(&id)?;
        let damaged =
            |problem: serde_json::Error| Error::Record { path: self.blob_path(&id), problem: problem.to_string() };
        let blob = self.blob(&id)?;
        let config: ImageConfiguration = serde_json::from_slice(&blob).map_err(damaged)?;
        let Extension { healthcheck, shell } =
            serde_json::from_slice::<Extended>(&blob).map_err(damaged)?.config.unwrap_or_default();
        Ok(Image {
            id,
            references: references.of(&id),
            created: timestamp(record.created.as_deref()),
            size: record.size(),
            platform: platform(&config),
            chain: record.layers.iter().map(|layer| layer.chain_id).collect(),
            layers: self.lower_layers(&record),
            config,
            healthcheck,
            shell,
        })
    }

    /// The layers that overlayfs stacks. It has no whiteout for everything, so such a layer ends the stack.
    fn lower_layers(&self, record: &ImageRecord) -> Vec<PathBuf> {
        self.lower_of(&record.layers)
    }

    pub(super) fn lower_of(&self, layers: &[LayerRecord]) -> Vec<PathBuf> {
        let visible = layers.iter().rposition(|layer| layer.opaque).unwrap_or(0);
        layers[visible..].iter().rev().map(|layer| self.layer_root(&layer.chain_id)).collect()
    }
}

fn platform(config: &ImageConfiguration) -> Platform {
    let (os, architecture) = (config.os().to_string(), config.architecture().to_string());
    Platform { os, architecture, variant: config.variant().clone() }
}

/// The time of a configuration. Strangers wrote it: nonsense counts as none.
pub(crate) fn timestamp(created: Option<&str>) -> Option<Timestamp> {
    created?.parse().ok()
}
