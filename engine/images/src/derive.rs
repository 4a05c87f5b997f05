//! `commit`: an image on top of another, with one layer more.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, PipeWriter};

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use crate::assemble::MAX_LAYERS;
use crate::chain::chain_ids;
use crate::copy::packed;
use crate::digest::Digest;
use crate::error::{Context, Error, Result};
use crate::import::{EXECUTION_KEYS, ImportConfig};
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

    /// The parent's configuration with all that is new in it. What we do not know of stays as it is written.
    fn derived_configuration(
        &self,
        parent: &Image,
        derivation: &Derivation,
        created: &str,
        diff_id: Digest,
    ) -> Result<Vec<u8>> {
        derived(&self.blob(&parent.id)?, derivation, created, diff_id)
            .map_err(|problem| Error::Record { path: self.blob_path(&parent.id), problem: problem.to_string() })
    }
}

/// An object of which only some keys are looked at.
type Object = BTreeMap<String, Box<RawValue>>;

fn derived(parent: &[u8], derivation: &Derivation, created: &str, diff_id: Digest) -> serde_json::Result<Vec<u8>> {
    let Derivation { author, created_by, config } = derivation;
    let mut all: Object = serde_json::from_slice(parent)?;
    let mut step = json!({ "created": created, "created_by": created_by, "comment": config.message });
    if !author.is_empty() {
        step["author"] = json!(author);
    }
    let mut rootfs: Object = read(&all, "rootfs")?;
    let mut diff_ids: Vec<Box<RawValue>> = read(&rootfs, "diff_ids")?;
    diff_ids.push(to_raw_value(&diff_id)?);
    rootfs.insert("diff_ids".to_owned(), to_raw_value(&diff_ids)?);
    let mut history: Vec<Box<RawValue>> = read::<Option<_>>(&all, "history")?.unwrap_or_default();
    history.push(to_raw_value(&step)?);
    let mut execution: Object = read::<Option<_>>(&all, "config")?.unwrap_or_default();
    execution.retain(|key, _| !EXECUTION_KEYS.contains(&key.as_str()));
    execution.extend(serde_json::from_value::<Object>(crate::import::execution(config))?);
    all.insert("created".to_owned(), to_raw_value(created)?);
    all.insert("author".to_owned(), to_raw_value(author)?);
    all.insert("config".to_owned(), to_raw_value(&execution)?);
    all.insert("rootfs".to_owned(), to_raw_value(&rootfs)?);
    all.insert("history".to_owned(), to_raw_value(&history)?);
    serde_json::to_vec(&all)
}

/// What an object has under a key; null if there is nothing.
fn read<T: DeserializeOwned>(object: &Object, key: &str) -> serde_json::Result<T> {
    serde_json::from_str(object.get(key).map_or("null", |value| value.get()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_stays_and_what_is_known_is_decided_anew() {
        let parent =
            br#"{"config":{"Cmd":["old"],"OnBuild":["RUN make"],"Own":{"n":1.10,"big":123456789012345678901234567890}},
            "rootfs":{"type":"layers","diff_ids":["sha256:aa"]},"os.features":["x"],"variant":"v8"}"#;
        let config = ImportConfig { user: "app".into(), ..ImportConfig::default() };
        let derivation = Derivation { author: "me".into(), created_by: "sh".into(), config };
        let made = derived(parent, &derivation, "now", Digest::of(b"layer")).unwrap();
        let text = String::from_utf8(made).unwrap();
        for kept in
            [r#"{"n":1.10,"big":123456789012345678901234567890}"#, r#""OnBuild":["RUN make"]"#, r#""variant":"v8""#]
        {
            assert!(text.contains(kept), "{text}");
        }
        assert!(text.contains(r#""User":"app""#) && !text.contains("Cmd"), "{text}");
        assert!(text.contains(&format!(r#"["sha256:aa","{}"]"#, Digest::of(b"layer"))), "{text}");
        let made: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(made["history"][0]["created_by"], "sh");
        assert!(derived(br#"{"config":{}}"#, &derivation, "now", Digest::of(b"")).is_err(), "it has no layers");
    }

    #[test]
    fn the_keys_that_are_known_are_those_that_are_written() {
        let config = ImportConfig {
            command: vec!["c".into()],
            entrypoint: vec!["e".into()],
            env: vec!["A=1".into()],
            working_dir: "/w".into(),
            user: "u".into(),
            exposed_ports: vec!["80/tcp".into()],
            volumes: vec!["/v".into()],
            labels: [("l".into(), "1".into())].into(),
            stop_signal: "TERM".into(),
            healthcheck: Some(Default::default()),
            shell: vec!["sh".into()],
            ..ImportConfig::default()
        };
        let written: Object = serde_json::from_value(crate::import::execution(&config)).unwrap();
        let mut known = EXECUTION_KEYS.to_vec();
        known.sort_unstable();
        assert_eq!(written.keys().map(String::as_str).collect::<Vec<_>>(), known);
    }
}
