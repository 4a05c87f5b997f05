//! OCI archives: a tar file of an OCI image layout (OCI image specification, "Image Layout").

use std::collections::HashMap;

use serde::Deserialize;

use super::{Archive, ArchivedImage, ArchivedLayer, parse, refuse};
use crate::digest::Digest;
use crate::error::Result;
use crate::layer::Expected;
use crate::reference::Reference;

/// Indexes may be nested, but not without end.
const MAX_NESTING: usize = 4;

/// The annotation by which containerd and Docker name an image in full.
const FULL_NAME: &str = "io.containerd.image.name";
/// The annotation by which the specification names an image, in full or by tag only.
const NAME: &str = "org.opencontainers.image.ref.name";

const CONFIGS: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];

const LAYERS: [&str; 8] = [
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
];

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: Digest,
    size: u64,
    #[serde(default)]
    annotations: HashMap<String, String>,
    platform: Option<Platform>,
}

#[derive(Debug, Clone, Deserialize)]
struct Platform {
    architecture: String,
    os: String,
}

/// A manifest or an index. One type for both, since what claims to be both must be noticed (CVE-2021-41190).
#[derive(Debug, Deserialize)]
struct Document {
    manifests: Option<Vec<Descriptor>>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
}

enum Parsed {
    Index(Vec<Descriptor>),
    Manifest { config: Descriptor, layers: Vec<Descriptor> },
}

/// All images of the archive; of those for several platforms, the one for this machine.
pub(super) fn images(archive: &Archive) -> Result<Vec<ArchivedImage>> {
    let Parsed::Index(descriptors) = interpret("index.json", &archive.document("index.json")?)? else {
        return Err(refuse("\"index.json\" is no index"));
    };
    let images = descriptors.iter().filter(|descriptor| !is_attestation(descriptor));
    images.map(|descriptor| image(archive, descriptor, names(descriptor)?, MAX_NESTING)).collect()
}

fn image(
    archive: &Archive,
    descriptor: &Descriptor,
    references: Vec<Reference>,
    nesting: usize,
) -> Result<ArchivedImage> {
    let content = document(archive, descriptor)?;
    match interpret(&descriptor.digest.to_string(), &content)? {
        Parsed::Index(_) if nesting == 0 => Err(refuse("its indexes are nested too deep")),
        Parsed::Index(descriptors) => image(archive, for_this_machine(&descriptors)?, references, nesting - 1),
        Parsed::Manifest { config, layers } => {
            if !CONFIGS.contains(&config.media_type.as_str()) {
                let kind = &config.media_type;
                return Err(refuse(format!("{} is no container image, but an artifact ({kind:?})", descriptor.digest)));
            }
            let layers: Result<_> = layers.iter().map(|layer| archived_layer(archive, layer)).collect();
            Ok(ArchivedImage {
                config: document(archive, &config)?,
                manifest: Some(content),
                references,
                layers: layers?,
            })
        }
    }
}

fn archived_layer(archive: &Archive, descriptor: &Descriptor) -> Result<ArchivedLayer> {
    if !LAYERS.contains(&descriptor.media_type.as_str()) {
        let Descriptor { media_type, digest, .. } = descriptor;
        return Err(refuse(format!("the layer {digest} is of unknown type {media_type:?}")));
    }
    let expected = Expected { blob: Some(descriptor.digest), length: Some(descriptor.size), diff_id: None };
    Ok(ArchivedLayer { section: archive.section(&path(descriptor))?, expected })
}

/// A blob that must be small, checked against its descriptor.
fn document(archive: &Archive, descriptor: &Descriptor) -> Result<Vec<u8>> {
    let content = archive.document(&path(descriptor))?;
    match Digest::of(&content) == descriptor.digest && content.len() as u64 == descriptor.size {
        true => Ok(content),
        false => Err(refuse(format!("{} does not have the digest and size it is listed with", path(descriptor)))),
    }
}

fn path(descriptor: &Descriptor) -> String {
    format!("blobs/sha256/{}", descriptor.digest.hex())
}

fn interpret(name: &str, content: &[u8]) -> Result<Parsed> {
    let document: Document = parse(name, content)?;
    match (document.manifests, document.config, document.layers) {
        (Some(manifests), None, None) => Ok(Parsed::Index(manifests)),
        (None, Some(config), Some(layers)) => Ok(Parsed::Manifest { config, layers }),
        (Some(_), _, _) => Err(refuse(format!("{name:?} claims to be both an index and a manifest"))),
        _ => Err(refuse(format!("{name:?} is neither an index nor a manifest"))),
    }
}

fn for_this_machine(descriptors: &[Descriptor]) -> Result<&Descriptor> {
    let images: Vec<_> = descriptors.iter().filter(|descriptor| !is_attestation(descriptor)).collect();
    let wanted = architecture();
    let fits = |descriptor: &&&Descriptor| {
        descriptor.platform.as_ref().is_none_or(|platform| platform.os == "linux" && platform.architecture == wanted)
    };
    images.iter().find(fits).copied().ok_or_else(|| {
        let platforms = images.iter().filter_map(|descriptor| descriptor.platform.as_ref());
        let platforms: Vec<_> =
            platforms.take(20).map(|platform| format!("{}/{}", platform.os, platform.architecture)).collect();
        refuse(format!("it has no image for linux/{wanted}, only for {}", platforms.join(", ")))
    })
}

/// This machine's architecture in Go's words, as images use them.
pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        "riscv64" => "riscv64",
        other => other,
    }
}

/// Provenance that BuildKit stores beside images.
fn is_attestation(descriptor: &Descriptor) -> bool {
    descriptor.annotations.contains_key("vnd.docker.reference.type")
        || descriptor.platform.as_ref().is_some_and(|platform| platform.os == "unknown")
}

/// The names that an index gives an image. A tag alone names nothing.
fn names(descriptor: &Descriptor) -> Result<Vec<Reference>> {
    let annotation = |key| descriptor.annotations.get(key);
    let name = annotation(FULL_NAME).or_else(|| annotation(NAME).filter(|name| name.contains([':', '/'])));
    Ok(name.map(|name| name.parse()).transpose()?.into_iter().collect())
}
