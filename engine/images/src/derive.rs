//! `commit`: an image on top of another, with one layer more.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, PipeWriter};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::assemble::MAX_LAYERS;
use crate::chain::chain_ids;
use crate::copy::packed;
use crate::digest::Digest;
use crate::error::{Context, Error, Result};
use crate::import::{ImportConfig, execution};
use crate::layer::{Budget, Expected, PackError, inherit, unpack};
use crate::reference::Reference;
use crate::store::{Image, ImageRecord, LayerRecord, StagedImage, Store};

/// What is told of an image that is made of another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Derivation {
    /// Who makes it.
    pub author: String,
    /// What made the files of its layer.
    pub created_by: String,
    /// How it runs. The message is the comment of its history.
    pub config: ImportConfig,
}

impl Store {
    /// Makes an image of all layers of `parent` and one that `pack` writes as a tar archive. The parent's layers are not read
    /// again.
    pub fn derive(
        &self,
        parent: &Image,
        pack: impl FnOnce(BufWriter<PipeWriter>) -> Result<(), PackError> + Send,
        reference: Option<&Reference>,
        derivation: &Derivation,
    ) -> Result<Image> {
        let reference = reference.map(Reference::as_tag).transpose()?;
        let _lease = self.lease(&parent.id)?;
        let mut layers = self.record(&parent.id)?.layers;
        if layers.len() >= MAX_LAYERS {
            return Err(Error::Conflict(format!(
                "an image has at most {MAX_LAYERS} layers, and {} has so many",
                parent.id
            )));
        }
        let ingest = self.ingest()?;
        let budget = Budget::of(ingest.directory()).at("examine", ingest.path())?;
        let (root, blob) = ingest.new_unnamed_layer()?;
        let unpacked = packed(pack, |reader| unpack(reader, Expected::default(), root, blob, &budget, &mut |_| ()))
            .at("make a pipe in", ingest.path())?;
        let failed = |problem: crate::layer::LayerError| match problem.is_full() {
            true => Error::Full { path: ingest.path().to_owned() },
            false => Error::Commit(problem),
        };
        let unpacked = unpacked.map_err(failed)?;
        let diff_ids = layers.iter().map(|layer| layer.diff_id).chain([unpacked.diff_id]);
        let chain_id = *chain_ids(diff_ids).last().expect("there is the new one");
        let layer = LayerRecord::new(chain_id, &unpacked);
        ingest.name_layer(&layer)?;
        let below: Vec<_> = self.layer_directories(parent).into_iter().rev().collect();
        inherit(&ingest.layer_root(&chain_id), &unpacked.implied, &below).map_err(failed)?;
        layers.push(layer);
        let created = derivation.config.created.unwrap_or_else(Timestamp::now).to_string();
        let content = self.derived_configuration(parent, derivation, &created, unpacked.diff_id)?;
        let id = ingest.stage_blob(&content)?;
        let record = ImageRecord { created: Some(created), manifest: None, layers };
        let image = StagedImage { id, record, references: reference.into_iter().cloned().collect() };
        ingest.stage_record(&image)?;
        match self.commit(&ingest, &[image])? {
            Some(_) => self.resolve(&id.to_string()),
            // Only by somebody who does not care for leases.
            None => Err(Error::NotFound(parent.id.to_string())),
        }
    }

    /// The parent's configuration with all that is new in it. What we do not know of stays.
    fn derived_configuration(
        &self,
        parent: &Image,
        derivation: &Derivation,
        created: &str,
        diff_id: Digest,
    ) -> Result<Vec<u8>> {
        let damaged = |problem: String| Error::Record { path: self.blob_path(&parent.id), problem };
        let mut all: BTreeMap<String, Value> =
            serde_json::from_slice(&self.blob(&parent.id)?).map_err(|error| damaged(error.to_string()))?;
        let Derivation { author, created_by, config } = derivation;
        let mut step = json!({ "created": created, "created_by": created_by, "comment": config.message });
        if !author.is_empty() {
            step["author"] = json!(author);
        }
        all.insert("created".to_owned(), json!(created));
        all.insert("author".to_owned(), json!(author));
        all.insert("config".to_owned(), execution(config));
        let push = |list: Option<&mut Value>, value: Value| match list {
            Some(Value::Array(list)) => {
                list.push(value);
                Ok(())
            }
            _ => Err(damaged("it has no list of layers".to_owned())),
        };
        push(all.get_mut("rootfs").and_then(|rootfs| rootfs.get_mut("diff_ids")), json!(diff_id))?;
        push(Some(all.entry("history".to_owned()).or_insert_with(|| json!([]))), step)?;
        serde_json::to_vec(&all).map_err(|error| damaged(error.to_string()))
    }
}

/// For who writes an archive that nobody waits for.
impl From<PackError> for io::Error {
    fn from(error: PackError) -> Self {
        match error {
            PackError::Write(error) => error,
            error => Self::other(error.to_string()),
        }
    }
}
