//! `push`: from the store into a registry.
//!
//! An image that came by a manifest goes by the same, bit by bit. One that came otherwise gets a manifest of its own; its
//! plain layers go compressed by gzip, which all others understand. The same image always gets the same manifest.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Seek};
use std::path::{Path, PathBuf};

use flate2::write::GzEncoder;
use serde::Serialize;

use super::error::RegistryError;
use super::repository::{Scope, Session};
use super::upload::{Content, Found, Upload};
use super::{PushPhase, PushProgress, Pushed, Registries};
use crate::compression::{Compression, Decoder};
use crate::digest::{Digest, Hashing};
use crate::error::{Context, Error, Result};
use crate::fs;
use crate::manifest::{
    Descriptor, Manifest, OCI_CONFIG, OCI_INDEX, OCI_LAYER_GZIP, OCI_LAYER_ZSTD, OCI_MANIFEST, Parsed, interpret,
};
use crate::reference::Reference;
use crate::store::{ImageRecord, Ingest, LayerRecord, Store};
use crate::workers::Workers;

/// How many layers are sent at a time, as with Docker.
const AT_ONCE: usize = 5;

/// A manifest of our own making (OCI image specification, "Image Manifest").
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OwnManifest<'a> {
    schema_version: u8,
    media_type: &'static str,
    config: &'a Descriptor,
    layers: &'a [Descriptor],
}

/// An index of our own making (OCI image specification, "Image Index").
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OwnIndex<'a> {
    schema_version: u8,
    media_type: &'static str,
    manifests: &'a [Descriptor],
}

/// What goes to the registry.
struct Parcel {
    media_type: String,
    manifest: Vec<u8>,
    config: Descriptor,
    layers: Vec<Packed>,
}

/// A layer as it goes.
struct Packed {
    descriptor: Descriptor,
    diff_id: Digest,
    source: Source,
}

/// Where a layer's bytes are.
enum Source {
    /// In this file.
    File(PathBuf),
    /// In this file, compressed by zstd.
    Plain(PathBuf),
}

impl Registries {
    /// Sends an image to the registry that its name names.
    pub fn push(&self, store: &Store, reference: &Reference, progress: &mut dyn FnMut(PushProgress)) -> Result<Pushed> {
        let reference = reference.as_tag()?;
        let image = store.resolve(&reference.canonical())?;
        let session = self.session(reference.domain(), Scope::push(reference.path()))?;
        let parcel = send(&session, store, reference, &image.id, progress)?;
        let tag = reference.tag().expect("a reference without a digest has a tag");
        session.put_manifest(reference.path(), tag, &parcel.media_type, &parcel.manifest)?;
        let digest = Digest::of(&parcel.manifest);
        store.note_digest(reference, digest, image.id)?;
        Ok(Pushed { tag: tag.to_owned(), id: image.id, digest, size: parcel.manifest.len() as u64 })
    }

    /// Sends images that need no name here to a registry, and gives an index of them this name there.
    pub fn push_index(&self, store: &Store, reference: &Reference, images: &[Digest]) -> Result<()> {
        let reference = reference.as_tag()?;
        let path = reference.path();
        let session = self.session(reference.domain(), Scope::push(path))?;
        let mut manifests = Vec::new();
        for image in images {
            let parcel = send(&session, store, reference, image, &mut |_| ())?;
            let descriptor = Descriptor::of(&parcel.media_type, &parcel.manifest);
            session.put_manifest(path, &descriptor.digest.to_string(), &parcel.media_type, &parcel.manifest)?;
            manifests.push(descriptor);
        }
        let index = OwnIndex { schema_version: 2, media_type: OCI_INDEX, manifests: &manifests };
        let index = serde_json::to_vec(&index).expect("it has only string keys and whole numbers");
        let tag = reference.tag().expect("a reference without a digest has a tag");
        Ok(session.put_manifest(path, tag, OCI_INDEX, &index)?)
    }
}

/// Sends the blobs of an image; its manifest is to follow.
fn send(
    session: &Session<'_>,
    store: &Store,
    reference: &Reference,
    image: &Digest,
    progress: &mut dyn FnMut(PushProgress),
) -> Result<Parcel> {
    let _lease = store.lease(image)?;
    let record = store.record(image)?;
    for layer in &record.layers {
        progress(PushProgress { layer: layer.diff_id, phase: PushPhase::Preparing });
    }
    let path = reference.path();
    let ingest = store.ingest()?;
    let parcel = store.pack(image, &record, &ingest)?;
    let elsewhere = store.repositories_beside(reference, &record)?;
    let courier = Courier { session, path, elsewhere: &elsewhere, ingest: &ingest };
    courier.send_all(&parcel.layers, progress)?;
    let config = upload(session, path, &parcel.config, &[]);
    if config.find()?.is_none() {
        config.send(Content::Bytes(&store.blob(image)?), &mut |_| Ok(()))?;
    }
    Ok(parcel)
}

/// Brings layers to a repository.
struct Courier<'a> {
    session: &'a Session<'a>,
    path: &'a str,
    elsewhere: &'a [String],
    ingest: &'a Ingest,
}

impl Courier<'_> {
    /// Sends layers, several at a time, each once.
    fn send_all(&self, layers: &[Packed], progress: &mut dyn FnMut(PushProgress)) -> Result<()> {
        let workers = Workers::new(AT_ONCE);
        let mut seen = HashSet::new();
        let distinct = layers.iter().filter(|layer| seen.insert(layer.descriptor.digest));
        let send = |layer: &Packed, report: &dyn Fn(PushProgress)| {
            let tell = |phase| report(PushProgress { layer: layer.diff_id, phase });
            let phase = self.send(layer, &|phase| {
                tell(phase);
                if workers.are_stopped() { Err(RegistryError::Stopped) } else { Ok(()) }
            })?;
            tell(phase);
            Ok(())
        };
        workers.each(distinct, send, progress)
    }

    fn send(&self, layer: &Packed, tell: &dyn Fn(PushPhase) -> Result<(), RegistryError>) -> Result<PushPhase> {
        let total = layer.descriptor.size;
        let upload = upload(self.session, self.path, &layer.descriptor, self.elsewhere);
        match upload.find()? {
            Some(Found::Here) => return Ok(PushPhase::Exists),
            Some(Found::Elsewhere { from }) => return Ok(PushPhase::Mounted { from }),
            None => {}
        }
        let file = layer.open(self.ingest)?;
        upload.send(Content::File(&file), &mut |current| tell(PushPhase::Pushing { current, total }))?;
        Ok(PushPhase::Pushed)
    }
}

fn upload<'a>(session: &'a Session<'a>, path: &'a str, descriptor: &Descriptor, elsewhere: &'a [String]) -> Upload<'a> {
    Upload { session, path, digest: descriptor.digest, size: descriptor.size, elsewhere }
}

impl Packed {
    /// Its bytes in a file.
    fn open(&self, ingest: &Ingest) -> Result<File> {
        match &self.source {
            Source::File(path) => File::open(path).at("open", path),
            Source::Plain(path) => {
                let (mut reader, copy) = (plain(path)?, ingest.path().join(self.diff_id.hex()));
                let mut file = fs::create(&copy)?;
                io::copy(&mut reader, &mut file).and_then(|_| file.rewind()).at("write", &copy)?;
                Ok(file)
            }
        }
    }
}

/// The content of a layer that is kept compressed though it came plain.
fn plain(path: &Path) -> Result<Decoder<File>> {
    Decoder::new(Compression::Zstd, File::open(path).at("open", path)?).at("read", path)
}

impl Store {
    fn pack(&self, id: &Digest, record: &ImageRecord, ingest: &Ingest) -> Result<Parcel> {
        match self.manifest_that_fits(record)? {
            Some((content, media_type, manifest)) => {
                let layers = record.layers.iter().zip(manifest.layers);
                let layers = layers.map(|(layer, descriptor)| self.packed_as_it_came(layer, descriptor)).collect();
                Ok(Parcel { media_type, manifest: content, config: manifest.config, layers })
            }
            None => {
                let layers: Vec<Packed> =
                    record.layers.iter().map(|layer| self.packed(layer, ingest)).collect::<Result<_>>()?;
                let config = Descriptor::of(OCI_CONFIG, &self.blob(id)?);
                let descriptors: Vec<Descriptor> = layers.iter().map(|layer| layer.descriptor.clone()).collect();
                let own =
                    OwnManifest { schema_version: 2, media_type: OCI_MANIFEST, config: &config, layers: &descriptors };
                let manifest = serde_json::to_vec(&own).expect("it has only string keys and whole numbers");
                Ok(Parcel { media_type: OCI_MANIFEST.to_owned(), manifest, config, layers })
            }
        }
    }

    /// The manifest by which the image came, if the store has the very blobs that it names. It does not where another
    /// image brought the same layer in another compression.
    fn manifest_that_fits(&self, record: &ImageRecord) -> Result<Option<(Vec<u8>, String, Manifest)>> {
        let Some(digest) = record.manifest else { return Ok(None) };
        let content = self.blob(&digest)?;
        let damaged = |problem| Error::Record { path: self.blob_path(&digest), problem };
        let Parsed::Manifest(manifest) = interpret("manifest", &content).map_err(damaged)? else {
            return Err(damaged("it is an index".to_owned()));
        };
        let fits = manifest.layers.len() == record.layers.len()
            && manifest.layers.iter().zip(&record.layers).all(|(layer, kept)| layer.digest == kept.blob);
        let named: serde_json::Value = serde_json::from_slice(&content).map_err(|error| damaged(error.to_string()))?;
        let media_type = named["mediaType"].as_str().unwrap_or(OCI_MANIFEST).to_owned();
        Ok(fits.then_some((content, media_type, manifest)))
    }

    fn packed_as_it_came(&self, layer: &LayerRecord, descriptor: Descriptor) -> Packed {
        let (kept, plain) = self.layer_blob_paths(&layer.blob);
        let source = match layer.compression {
            Compression::None => Source::Plain(plain),
            Compression::Gzip | Compression::Zstd => Source::File(kept),
        };
        Packed { descriptor, diff_id: layer.diff_id, source }
    }

    /// A layer as a manifest of our own names it.
    fn packed(&self, layer: &LayerRecord, ingest: &Ingest) -> Result<Packed> {
        let (kept, plain) = self.layer_blob_paths(&layer.blob);
        let as_it_came = |media_type| Descriptor::new(media_type, layer.blob, layer.length);
        let (descriptor, source) = match layer.compression {
            Compression::Gzip => (as_it_came(OCI_LAYER_GZIP), Source::File(kept)),
            Compression::Zstd => (as_it_came(OCI_LAYER_ZSTD), Source::File(kept)),
            Compression::None => {
                let path = ingest.path().join(format!("{}.gz", layer.chain_id.hex()));
                let (digest, length) = gzip(&plain, &path)?;
                (Descriptor::new(OCI_LAYER_GZIP, digest, length), Source::File(path))
            }
        };
        Ok(Packed { descriptor, diff_id: layer.diff_id, source })
    }

    /// Other repositories of the same registry that have a layer of an image, as far as the names here tell.
    fn repositories_beside(&self, reference: &Reference, record: &ImageRecord) -> Result<Vec<String>> {
        let mut found: Vec<String> = Vec::new();
        for (other, id) in self.references()?.iter() {
            let beside = other.domain() == reference.domain() && other.path() != reference.path();
            // Only what was pulled or pushed is there, and that has a digest.
            if !beside || other.digest().is_none() || found.iter().any(|path| path == other.path()) {
                continue;
            }
            let shares =
                self.record(id)?.layers.iter().any(|layer| record.layers.iter().any(|own| own.blob == layer.blob));
            if shares {
                found.push(other.path().to_owned());
            }
        }
        Ok(found)
    }

    /// Notes the digest by which a registry now knows an image.
    fn note_digest(&self, reference: &Reference, digest: Digest, id: Digest) -> Result<()> {
        let guard = self.lock()?;
        let mut references = self.references()?;
        references.set(&reference.with_digest(digest), id);
        self.write_references(&references, &guard)
    }
}

/// Compresses a plain layer; the digest and the length of what comes out. Neither a time nor a name is in it.
fn gzip(from: &Path, to: &Path) -> Result<(Digest, u64)> {
    let mut reader = plain(from)?;
    let mut encoder = GzEncoder::new(Hashing::new(fs::create(to)?), flate2::Compression::default());
    io::copy(&mut reader, &mut encoder).at("write", to)?;
    let (digest, length, _) = encoder.finish().at("write", to)?.finish();
    Ok((digest, length))
}
