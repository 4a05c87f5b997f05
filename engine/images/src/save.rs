//! `save`: images of the store become one archive.
//!
//! The archive is an OCI image layout and a Docker archive at once, as Docker's own is since version 25: `index.json` and
//! `manifest.json` lead to the same blobs, each of which is in it once. Layers are written as they came, and so is the
//! manifest, as long as it lists just these blobs. Members are sorted and have no times and owners of their own: the same
//! images give the same bytes.
//!
//! Sources: OCI image specification, "Image Layout"; Docker image specification v1.2, "Combined Image JSON + Filesystem
//! Changeset Format".

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read, Write};

use ::tar::{EntryType, Header};
use serde::{Deserialize, Serialize};

use crate::compression::{Compression, Decoder};
use crate::digest::{Digest, Hashing};
use crate::error::{Context, Error, Result};
use crate::reference::Reference;
use crate::store::{ImageRecord, LayerRecord, Lease, Store};

const BLOCK: u64 = 512;
const BUFFER: usize = 256 << 10;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// The annotations by which containerd and Docker name an image in full, and the specification by its tag.
const FULL_NAME: &str = "io.containerd.image.name";
const NAME: &str = "org.opencontainers.image.ref.name";

/// An image to be saved, and the names under which it is.
struct Saved {
    id: Digest,
    record: ImageRecord,
    references: BTreeSet<Reference>,
    /// Its layers must stay until they are written.
    _lease: Lease,
}

/// What a member of the archive holds.
enum Member {
    Directory,
    Small(Vec<u8>),
    Layer(LayerRecord),
}

/// A content descriptor (OCI image specification, "Content Descriptors"), always written in the same order.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: Digest,
    size: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u32,
    media_type: &'static str,
    config: Descriptor,
    layers: Vec<Descriptor>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    schema_version: u32,
    media_type: &'static str,
    manifests: Vec<Descriptor>,
}

/// An image in Docker's `manifest.json`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

/// What of a manifest tells whether the blobs that it lists are the ones we have.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    #[serde(default)]
    media_type: Option<String>,
    config: ListedBlob,
    layers: Vec<ListedBlob>,
}

#[derive(Deserialize)]
struct ListedBlob {
    digest: Digest,
}

impl Store {
    /// Writes images into one archive. A name without a tag stands for all tags of its repository, as in Docker; an image
    /// named by its ID is saved without a name. Returns the IDs of the images.
    pub fn save(&self, names: &[String], writer: impl Write) -> Result<Vec<Digest>> {
        let mut members = BTreeMap::from([
            ("blobs/".to_owned(), Member::Directory),
            ("blobs/sha256/".to_owned(), Member::Directory),
            ("oci-layout".to_owned(), Member::Small(br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec())),
        ]);
        let (mut manifests, mut items) = (Vec::new(), Vec::new());
        let images = self.saved(names)?;
        for image in images.values() {
            let manifest = self.manifest(image)?;
            manifests.extend(listed(image, &manifest));
            items.push(item(image));
            members.insert(path(&Digest::of(&manifest.content)), Member::Small(manifest.content));
            members.insert(path(&image.id), Member::Small(self.intact_blob(&image.id)?));
            for layer in &image.record.layers {
                members.insert(path(&layer.blob), Member::Layer(layer.clone()));
            }
        }
        let index = Index { schema_version: 2, media_type: INDEX, manifests };
        members.insert("index.json".to_owned(), Member::Small(encode(&index)));
        members.insert("manifest.json".to_owned(), Member::Small(encode(&items)));
        self.write_archive(&members, io::BufWriter::with_capacity(BUFFER, writer))?;
        Ok(images.into_keys().collect())
    }

    /// The images that the names stand for, each leased.
    fn saved(&self, names: &[String]) -> Result<BTreeMap<Digest, Saved>> {
        let references = self.references()?;
        let mut images = BTreeMap::new();
        for name in names {
            let tags = match repository(name) {
                Some(repository) => references.iter().filter(|(tag, _)| tag.same_repository(&repository)).collect(),
                None => Vec::new(),
            };
            for (tag, id) in tags.iter().filter(|(tag, _)| tag.tag().is_some()) {
                self.add_saved(&mut images, **id)?.insert((*tag).clone());
            }
            if tags.is_empty() {
                let id = self.resolve(name)?.id;
                let names = self.add_saved(&mut images, id)?;
                // Other than an ID, a name may be looked for in the loaded archive again.
                names.extend(name.parse().ok().filter(|name| references.get(name) == Some(id)));
            }
        }
        Ok(images)
    }

    fn add_saved<'a>(
        &self,
        images: &'a mut BTreeMap<Digest, Saved>,
        id: Digest,
    ) -> Result<&'a mut BTreeSet<Reference>> {
        let saved = match images.entry(id) {
            Entry::Occupied(there) => there.into_mut(),
            Entry::Vacant(place) => {
                let lease = self.lease(&id)?;
                place.insert(Saved { id, record: self.record(&id)?, references: BTreeSet::new(), _lease: lease })
            }
        };
        Ok(&mut saved.references)
    }

    /// The manifest by which the image came, or one made for it when that lists blobs which the store does not have: a
    /// layer that two images share is kept as the first of them brought it.
    fn manifest(&self, image: &Saved) -> Result<RawManifest> {
        if let Some(digest) = &image.record.manifest {
            let content = self.intact_blob(digest)?;
            let listed: Option<Listed> = serde_json::from_slice(&content).ok();
            let layers = image.record.layers.iter().map(|layer| layer.blob);
            if let Some(listed) = listed
                && listed.config.digest == image.id
                && listed.layers.iter().map(|layer| layer.digest).eq(layers)
            {
                return Ok(RawManifest { media_type: listed.media_type.unwrap_or_else(|| MANIFEST.into()), content });
            }
        }
        let size = self.intact_blob(&image.id)?.len() as u64;
        let manifest = Manifest {
            schema_version: 2,
            media_type: MANIFEST,
            config: descriptor(CONFIG.to_owned(), image.id, size),
            layers: image.record.layers.iter().map(layer_descriptor).collect(),
        };
        Ok(RawManifest { media_type: MANIFEST.into(), content: encode(&manifest) })
    }

    /// A small blob that has the digest it goes by.
    fn intact_blob(&self, digest: &Digest) -> Result<Vec<u8>> {
        let content = self.blob(digest)?;
        if Digest::of(&content) == *digest { Ok(content) } else { Err(Error::Blob(*digest)) }
    }

    fn write_archive(&self, members: &BTreeMap<String, Member>, mut writer: impl Write) -> Result<()> {
        for (name, member) in members {
            match member {
                Member::Directory => write_header(&mut writer, name, EntryType::Directory, 0)?,
                Member::Small(content) => {
                    write_header(&mut writer, name, EntryType::Regular, content.len() as u64)?;
                    writer.write_all(content).map_err(write_error)?;
                    pad(&mut writer, content.len() as u64)?;
                }
                Member::Layer(layer) => {
                    write_header(&mut writer, name, EntryType::Regular, layer.length)?;
                    self.write_layer(layer, &mut writer)?;
                    pad(&mut writer, layer.length)?;
                }
            }
        }
        writer.write_all(&[0; 2 * BLOCK as usize]).and_then(|()| writer.flush()).map_err(write_error)
    }

    /// Writes a layer's blob as it came, and makes sure that it still is what its digest says.
    fn write_layer(&self, layer: &LayerRecord, writer: &mut impl Write) -> Result<()> {
        let blob_path = self.layer_blob_path(layer);
        let mut blob = self.open_blob(layer)?;
        let mut hashing = Hashing::new(writer);
        let mut buffer = vec![0; BUFFER];
        loop {
            let count = match blob.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.raw_os_error().is_none() => return Err(Error::Blob(layer.blob)),
                count => count.at("read", &blob_path)?,
            };
            if count == 0 {
                break;
            }
            hashing.write_all(&buffer[..count]).map_err(write_error)?;
        }
        let (digest, length, _) = hashing.finish();
        if (digest, length) == (layer.blob, layer.length) { Ok(()) } else { Err(Error::Blob(layer.blob)) }
    }

    /// Reads a layer's blob as it came: one that came plain is kept compressed.
    pub(crate) fn open_blob(&self, layer: &LayerRecord) -> Result<impl Read + use<>> {
        let path = self.layer_blob_path(layer);
        let kept = if layer.compression == Compression::None { Compression::Zstd } else { Compression::None };
        Decoder::new(kept, File::open(&path).at("open", &path)?).at("read", &path)
    }
}

/// A manifest as its bytes are.
struct RawManifest {
    media_type: String,
    content: Vec<u8>,
}

/// The repository that a name without tag and digest stands for.
fn repository(name: &str) -> Option<Reference> {
    let reference: Reference = name.parse().ok()?;
    let last = name.rsplit('/').next().unwrap_or(name);
    (!last.contains([':', '@'])).then_some(reference)
}

/// The image in the index: once for each of its names, as Docker lists it.
fn listed(image: &Saved, manifest: &RawManifest) -> Vec<Descriptor> {
    let size = manifest.content.len() as u64;
    let unnamed = descriptor(manifest.media_type.clone(), Digest::of(&manifest.content), size);
    if image.references.is_empty() {
        return vec![unnamed];
    }
    let named = |name: &Reference| {
        let tag = name.tag().map(|tag| (NAME, tag.to_owned()));
        let annotations = [(FULL_NAME, name.canonical())].into_iter().chain(tag).collect();
        Descriptor { annotations, ..unnamed.clone() }
    };
    image.references.iter().map(named).collect()
}

fn item(image: &Saved) -> Item {
    let tags: Vec<String> =
        image.references.iter().filter(|name| name.tag().is_some()).map(Reference::to_string).collect();
    Item {
        config: path(&image.id),
        repo_tags: (!tags.is_empty()).then_some(tags),
        layers: image.record.layers.iter().map(|layer| path(&layer.blob)).collect(),
    }
}

fn layer_descriptor(layer: &LayerRecord) -> Descriptor {
    let suffix = match layer.compression {
        Compression::None => "",
        Compression::Gzip => "+gzip",
        Compression::Zstd => "+zstd",
    };
    descriptor(format!("application/vnd.oci.image.layer.v1.tar{suffix}"), layer.blob, layer.length)
}

fn descriptor(media_type: String, digest: Digest, size: u64) -> Descriptor {
    Descriptor { media_type, digest, size, annotations: BTreeMap::new() }
}

fn path(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

fn encode(document: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(document).expect("it has only string keys and whole numbers")
}

fn write_header(writer: &mut impl Write, name: &str, kind: EntryType, size: u64) -> Result<()> {
    let mut header = Header::new_gnu();
    header.set_path(name).expect("at most 77 bytes");
    header.set_entry_type(kind);
    header.set_mode(if kind == EntryType::Directory { 0o755 } else { 0o644 });
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header.set_cksum();
    writer.write_all(header.as_bytes()).map_err(write_error)
}

fn pad(writer: &mut impl Write, length: u64) -> Result<()> {
    let rest = length.next_multiple_of(BLOCK) - length;
    writer.write_all(&[0; BLOCK as usize][..rest as usize]).map_err(write_error)
}

fn write_error(error: io::Error) -> Error {
    Err::<(), _>(error).at("write", "the archive".as_ref()).expect_err("made from an error")
}
