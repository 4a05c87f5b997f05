//! OCI archives: a tar file of an OCI image layout (OCI image specification, "Image Layout").

use super::{Archive, ArchivedImage, ArchivedLayer, refuse};
use crate::error::Result;
use crate::layer::Expected;
use crate::manifest::{Descriptor, MAX_NESTING, Parsed, interpret, select};
use crate::platform::Platform;
use crate::reference::Reference;

/// The annotation by which containerd and Docker name an image in full.
const FULL_NAME: &str = "io.containerd.image.name";
/// The annotation by which the specification names an image, in full or by tag only.
const NAME: &str = "org.opencontainers.image.ref.name";

/// All images of the archive; of those for several platforms, the one for this machine.
pub(super) fn images(archive: &Archive) -> Result<Vec<ArchivedImage>> {
    let Parsed::Index(descriptors) = interpret("index.json", &archive.document("index.json")?).map_err(refuse)? else {
        return Err(refuse("\"index.json\" is no index"));
    };
    let images = descriptors.iter().filter(|descriptor| !descriptor.is_attestation());
    images.map(|descriptor| image(archive, descriptor, names(descriptor)?, MAX_NESTING)).collect()
}

fn image(
    archive: &Archive,
    descriptor: &Descriptor,
    references: Vec<Reference>,
    nesting: usize,
) -> Result<ArchivedImage> {
    let content = document(archive, descriptor)?;
    let name = descriptor.digest.to_string();
    match interpret(&name, &content).map_err(refuse)? {
        Parsed::Index(_) if nesting == 0 => Err(refuse("its indexes are nested too deep")),
        Parsed::Index(descriptors) => {
            let selected = select(&descriptors, &Platform::of_this_machine()).map_err(refuse)?;
            image(archive, selected, references, nesting - 1)
        }
        Parsed::Manifest(manifest) => {
            manifest.check(&name).map_err(refuse)?;
            let layers: Result<_> = manifest.layers.iter().map(|layer| archived_layer(archive, layer)).collect();
            let config = document(archive, &manifest.config)?;
            Ok(ArchivedImage { config, manifest: Some(content), references, layers: layers? })
        }
    }
}

fn archived_layer(archive: &Archive, descriptor: &Descriptor) -> Result<ArchivedLayer> {
    let expected = Expected { blob: Some(descriptor.digest), length: Some(descriptor.size), diff_id: None };
    Ok(ArchivedLayer { section: archive.section(&path(descriptor))?, expected })
}

/// A blob that must be small, checked against its descriptor.
fn document(archive: &Archive, descriptor: &Descriptor) -> Result<Vec<u8>> {
    let content = archive.document(&path(descriptor))?;
    match descriptor.describes(&content) {
        true => Ok(content),
        false => Err(refuse(format!("{} does not have the digest and size it is listed with", path(descriptor)))),
    }
}

fn path(descriptor: &Descriptor) -> String {
    format!("blobs/sha256/{}", descriptor.digest.hex())
}

/// The names that an index gives an image. A tag alone names nothing.
fn names(descriptor: &Descriptor) -> Result<Vec<Reference>> {
    let annotation = |key| descriptor.annotations.get(key);
    let name = annotation(FULL_NAME).or_else(|| annotation(NAME).filter(|name| name.contains([':', '/'])));
    Ok(name.map(|name| name.parse()).transpose()?.into_iter().collect())
}
