//! Docker's archives: `manifest.json` names configuration, tags and layers of each image (Docker image specification v1.2,
//! "Combined Image JSON + Filesystem Changeset Format").

use serde::Deserialize;

use super::{Archive, ArchivedImage, ArchivedLayer, parse, promised_digest, refuse};
use crate::digest::Digest;
use crate::error::Result;
use crate::layer::Expected;
use crate::reference::Reference;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Option<Vec<String>>,
}

/// All images of the archive.
pub(super) fn images(archive: &Archive) -> Result<Vec<ArchivedImage>> {
    let items: Vec<Item> = parse("manifest.json", &archive.document("manifest.json")?)?;
    items.into_iter().map(|item| image(archive, item)).collect()
}

fn image(archive: &Archive, item: Item) -> Result<ArchivedImage> {
    let config = archive.document(&item.config)?;
    let name = item.config.strip_suffix(".json").unwrap_or(&item.config);
    let promised = promised_digest(name).or_else(|| Digest::from_hex(name).ok());
    if promised.is_some_and(|promised| promised != Digest::of(&config)) {
        return Err(refuse(format!("the configuration {:?} does not have the digest that its name says", item.config)));
    }
    let references: Result<Vec<Reference>, _> =
        item.repo_tags.unwrap_or_default().iter().map(|name| name.parse()).collect();
    let layers = item.layers.unwrap_or_default();
    let layers: Result<_> = layers.iter().map(|name| layer(archive, name)).collect();
    Ok(ArchivedImage { config, manifest: None, references: references?, layers: layers? })
}

fn layer(archive: &Archive, name: &str) -> Result<ArchivedLayer> {
    let expected = Expected { blob: promised_digest(name), ..Expected::default() };
    Ok(ArchivedLayer { section: archive.section(name)?, expected })
}
