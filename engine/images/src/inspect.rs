//! `inspect` and `history`: what there is to know of an image, in Docker's shapes.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::platform::Platform;
use crate::reference::Reference;
use crate::store::{Image, Store, timestamp};

/// The answer to `inspect`, with the field names that Docker's scripts know.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Inspection {
    /// The digest of the configuration.
    pub id: Digest,
    /// Names with a tag.
    pub repo_tags: Vec<String>,
    /// Names with a digest.
    pub repo_digests: Vec<String>,
    /// Not recorded any more; always empty.
    pub parent: String,
    /// The comment of the last step of its history.
    pub comment: String,
    /// When it was made, as its configuration says.
    pub created: String,
    /// Who made it.
    pub author: String,
    /// How it runs, exactly as its configuration says.
    pub config: serde_json::Value,
    /// The CPU architecture.
    pub architecture: String,
    /// The architecture's variant.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub variant: String,
    /// The operating system.
    pub os: String,
    /// The length of all files in all layers.
    pub size: u64,
    /// Where its layers are.
    pub graph_driver: GraphDriver,
    /// What its layers are.
    #[serde(rename = "RootFS")]
    pub root_fs: RootFs,
}

/// Where an image's layers are.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GraphDriver {
    /// `LowerDir` and `UpperDir`, as overlayfs takes them.
    pub data: BTreeMap<&'static str, String>,
    /// `overlay2`.
    pub name: &'static str,
}

/// What an image's layers are.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RootFs {
    /// `layers`.
    pub r#type: &'static str,
    /// The diffIDs, from the base upwards.
    pub layers: Vec<Digest>,
}

/// A step of an image's making.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The image's ID, at the step that completed it.
    pub id: Option<Digest>,
    /// When.
    pub created: Option<Timestamp>,
    /// The instruction.
    pub created_by: String,
    /// The length of the files in the layer that it made, if it made one.
    pub size: u64,
    /// A comment.
    pub comment: String,
    /// Whether it changed no file.
    pub empty_layer: bool,
    /// The image's names, at the step that completed it.
    pub tags: Vec<Reference>,
}

impl Store {
    /// All there is to know of an image.
    pub fn inspect(&self, image: &Image) -> Result<Inspection> {
        let record = self.record(&image.id)?;
        let damaged = |problem: serde_json::Error| Error::Record {
            path: self.blob_path(&image.id),
            problem: problem.to_string(),
        };
        let mut raw: serde_json::Value = serde_json::from_slice(&self.blob(&image.id)?).map_err(damaged)?;
        let text = |key: &str| raw[key].as_str().unwrap_or_default().to_owned();
        let (created, author) = (text("created"), text("author"));
        let Platform { os, architecture, variant } = image.platform.clone();
        let history = image.config.history().as_deref().unwrap_or_default();
        Ok(Inspection {
            id: image.id,
            repo_tags: image.references.iter().filter(|name| name.tag().is_some()).map(Reference::to_string).collect(),
            repo_digests: repo_digests(&image.references, record.manifest),
            parent: String::new(),
            comment: history.last().and_then(|step| step.comment().clone()).unwrap_or_default(),
            created,
            author,
            config: raw["config"].take(),
            architecture,
            variant: variant.unwrap_or_default(),
            os,
            size: image.size,
            graph_driver: graph_driver(image),
            root_fs: RootFs { r#type: "layers", layers: record.layers.iter().map(|layer| layer.diff_id).collect() },
        })
    }

    /// How an image was made, the last step first.
    pub fn history(&self, image: &Image) -> Result<Vec<HistoryEntry>> {
        let record = self.record(&image.id)?;
        let mut sizes = record.layers.iter().map(|layer| layer.size);
        let steps = image.config.history().iter().flatten();
        let mut entries: Vec<HistoryEntry> = steps
            .map(|step| {
                let empty_layer = step.empty_layer().unwrap_or(false);
                HistoryEntry {
                    id: None,
                    created: timestamp(step.created().as_deref()),
                    created_by: step.created_by().clone().unwrap_or_default(),
                    size: if empty_layer { 0 } else { sizes.next().unwrap_or(0) },
                    comment: step.comment().clone().unwrap_or_default(),
                    empty_layer,
                    tags: Vec::new(),
                }
            })
            .collect();
        if let Some(last) = entries.last_mut() {
            last.id = Some(image.id);
            last.tags = image.references.clone();
        }
        entries.reverse();
        Ok(entries)
    }
}

/// Names by digest: those by which registries know the image, and for repositories that none is known for the digest of the
/// manifest by which the image came.
fn repo_digests(references: &[Reference], manifest: Option<Digest>) -> Vec<String> {
    let (pinned, tagged): (Vec<_>, Vec<_>) = references.iter().partition(|name| name.digest().is_some());
    let unknown = tagged.into_iter().filter(|name| !pinned.iter().any(|pinned| pinned.same_repository(name)));
    let implied = manifest.into_iter().flat_map(|digest| unknown.clone().map(move |name| name.with_digest(digest)));
    let given = pinned.iter().map(|name| (*name).clone());
    let digests: BTreeSet<String> = given.chain(implied).map(|name| without_tag(&name)).collect();
    digests.into_iter().collect()
}

fn without_tag(name: &Reference) -> String {
    name.digest().map_or_else(|| name.to_string(), |digest| name.with_digest(*digest).to_string())
}

fn graph_driver(image: &Image) -> GraphDriver {
    let mut layers = image.layers.iter().map(|layer| layer.display().to_string());
    let upper = layers.next().map(|layer| ("UpperDir", layer));
    let lower = layers.collect::<Vec<_>>().join(":");
    let lower = (!lower.is_empty()).then_some(("LowerDir", lower));
    GraphDriver { data: upper.into_iter().chain(lower).collect(), name: "overlay2" }
}
