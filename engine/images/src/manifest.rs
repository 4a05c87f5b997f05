//! Manifests and indexes: the documents by which archives and registries name an image's parts (OCI image
//! specification, "Image Manifest", "Image Index"; Docker image manifest, version 2, schema 2).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::platform::Platform;

/// The longest manifest, index or configuration; the limit that registries set, too.
pub(crate) const MAX_DOCUMENT: u64 = 4 << 20;

/// Indexes may be nested, but not without end.
pub(crate) const MAX_NESTING: usize = 4;

pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub(crate) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

pub(crate) const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const CONFIGS: [&str; 2] = [OCI_CONFIG, "application/vnd.docker.container.image.v1+json"];

pub(crate) const OCI_LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
pub(crate) const OCI_LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
const LAYERS: [&str; 10] = [
    "application/vnd.oci.image.layer.v1.tar",
    OCI_LAYER_GZIP,
    OCI_LAYER_ZSTD,
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd",
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
];

/// Names a blob or a document, and promises its digest and length (OCI image specification, "Content Descriptors").
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    #[serde(default)]
    pub(crate) media_type: String,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) platform: Option<Platform>,
}

/// A manifest or an index. One type for both, since what claims to be both must be noticed (CVE-2021-41190).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: Option<u64>,
    media_type: Option<String>,
    manifests: Option<Vec<Descriptor>>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
}

/// What a document turns out to be.
#[derive(Debug)]
pub(crate) enum Parsed {
    Index(Vec<Descriptor>),
    Manifest(Manifest),
}

/// The parts of an image or of an artifact.
#[derive(Debug, Clone)]
pub(crate) struct Manifest {
    pub(crate) config: Descriptor,
    /// From the base upwards.
    pub(crate) layers: Vec<Descriptor>,
}

/// Reads a document; what is wrong with it otherwise.
pub(crate) fn interpret(name: &str, content: &[u8]) -> Result<Parsed, String> {
    let document: Document =
        serde_json::from_slice(content).map_err(|error| format!("{name:?} is malformed: {error}"))?;
    if document.schema_version == Some(1) {
        return Err(format!(
            "{name:?} is a manifest of Docker's schema 1, which nobody writes any more: push it again"
        ));
    }
    let media_type = document.media_type.as_deref();
    let claims_index = media_type.is_some_and(|kind| [OCI_INDEX, DOCKER_LIST].contains(&kind));
    let claims_manifest = media_type.is_some_and(|kind| [OCI_MANIFEST, DOCKER_MANIFEST].contains(&kind));
    match (document.manifests, document.config, document.layers) {
        (Some(manifests), None, None) if !claims_manifest => Ok(Parsed::Index(manifests)),
        (None, Some(config), Some(layers)) if !claims_index => Ok(Parsed::Manifest(Manifest { config, layers })),
        (Some(_), _, _) | (_, Some(_), Some(_)) => Err(format!("{name:?} claims to be both an index and a manifest")),
        _ => Err(format!("{name:?} is neither an index nor a manifest")),
    }
}

impl Manifest {
    /// What else than a container image it is.
    pub(crate) fn artifact(&self) -> Option<&str> {
        Some(self.config.media_type.as_str()).filter(|kind| !CONFIGS.contains(kind))
    }

    /// Refuses what is no container image.
    pub(crate) fn check(&self, name: &str) -> Result<(), String> {
        if let Some(kind) = self.artifact() {
            return Err(format!("{name} is no container image, but an artifact ({kind:?})"));
        }
        match self.layers.iter().find(|layer| !LAYERS.contains(&layer.media_type.as_str())) {
            Some(Descriptor { media_type, digest, .. }) => {
                Err(format!("the layer {digest} is of unknown type {media_type:?}"))
            }
            None => Ok(()),
        }
    }
}

/// Of the images in an index, the one that suits a platform best.
pub(crate) fn select<'a>(descriptors: &'a [Descriptor], wanted: &Platform) -> Result<&'a Descriptor, String> {
    let images: Vec<_> = descriptors.iter().filter(|descriptor| !descriptor.is_attestation()).collect();
    let distance = |descriptor: &&Descriptor| match &descriptor.platform {
        Some(platform) => wanted.distance(platform),
        // Whoever writes no platform has only one.
        None => Some(0),
    };
    // The first of those that fit as well as any.
    images
        .iter()
        .copied()
        .filter_map(|image| Some((distance(&image)?, image)))
        .min_by_key(|(distance, _)| *distance)
        .map_or_else(
            || {
                let platforms = images.iter().filter_map(|descriptor| descriptor.platform.as_ref());
                let platforms: Vec<_> = platforms.take(20).map(Platform::to_string).collect();
                Err(format!("it has no image for {wanted}, only for {}", platforms.join(", ")))
            },
            |(_, image)| Ok(image),
        )
}

impl Descriptor {
    /// Provenance that BuildKit stores beside images.
    pub(crate) fn is_attestation(&self) -> bool {
        self.annotations.contains_key("vnd.docker.reference.type")
            || self.platform.as_ref().is_some_and(|platform| platform.os == "unknown")
    }

    /// Whether this is what was promised.
    pub(crate) fn describes(&self, content: &[u8]) -> bool {
        Digest::of(content) == self.digest && content.len() as u64 == self.size
    }
}
