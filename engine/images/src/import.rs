//! `import`: an image of one layer, from a tar file of a root file system.

use std::collections::BTreeMap;
use std::io::Read;

use jiff::Timestamp;
use serde::Serialize;

use crate::digest::Digest;
use crate::error::{Context, Error, Result};
use crate::healthcheck::Healthcheck;
use crate::layer::{Budget, Expected, unpack};
use crate::platform::architecture;
use crate::reference::Reference;
use crate::store::{Image, ImageRecord, LayerRecord, StagedImage, Store};

/// How an imported image runs. What is empty is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportConfig {
    /// The command, or the entry point's arguments.
    pub command: Vec<String>,
    /// The entry point.
    pub entrypoint: Vec<String>,
    /// Environment variables, `NAME=VALUE`.
    pub env: Vec<String>,
    /// The working directory.
    pub working_dir: String,
    /// The user, as `USER[:GROUP]`.
    pub user: String,
    /// The ports it listens on, `PORT/PROTOCOL`.
    pub exposed_ports: Vec<String>,
    /// The directories that are to be volumes.
    pub volumes: Vec<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The signal that stops it.
    pub stop_signal: String,
    /// How its containers are checked.
    pub healthcheck: Option<Healthcheck>,
    /// The shell for commands that are given as text.
    pub shell: Vec<String>,
    /// A comment for the image's history.
    pub message: String,
    /// When the image was made; now, if it is not given. The same input made at the same time is the same image.
    pub created: Option<Timestamp>,
}

/// An image configuration (OCI image specification, "Image Configuration"). Unlike the type of the `oci-spec` crate, it
/// is always written in the same order, as an ID that is the digest of it demands.
#[derive(Serialize)]
struct Configuration<'a> {
    created: String,
    architecture: &'static str,
    os: &'static str,
    config: Execution<'a>,
    rootfs: RootFs,
    history: [History<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Execution<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    user: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    exposed_ports: BTreeMap<&'a str, Empty>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    env: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    entrypoint: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    cmd: &'a [String],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    volumes: BTreeMap<&'a str, Empty>,
    #[serde(skip_serializing_if = "str::is_empty")]
    working_dir: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    stop_signal: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    healthcheck: Option<&'a Healthcheck>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    shell: &'a [String],
}

#[derive(Serialize)]
struct RootFs {
    r#type: &'static str,
    diff_ids: [Digest; 1],
}

#[derive(Serialize)]
struct History<'a> {
    created: String,
    comment: &'a str,
}

/// Go's `struct{}`.
#[derive(Serialize)]
struct Empty {}

impl Store {
    /// Makes an image of the tar stream that `reader` reads, plain or compressed.
    pub fn import(&self, reader: impl Read, reference: Option<&Reference>, config: ImportConfig) -> Result<Image> {
        let reference = reference.map(Reference::as_tag).transpose()?;
        let ingest = self.ingest()?;
        let budget = Budget::of(ingest.directory()).at("examine", ingest.path())?;
        // The layer's name is known only when all of it has been read.
        let (root, blob) = ingest.new_unnamed_layer()?;
        let unpacked = unpack(reader, Expected::default(), root, blob, &budget, &mut |_| ());
        let unpacked = unpacked.map_err(|problem| match problem.is_full() {
            true => Error::Full { path: ingest.path().to_owned() },
            false => Error::Import(problem),
        })?;
        let layer = LayerRecord::new(unpacked.diff_id, &unpacked);
        ingest.name_layer(&layer)?;
        let created = config.created.unwrap_or_else(Timestamp::now).to_string();
        let content = configuration(&config, &created, layer.diff_id);
        let id = ingest.stage_blob(&content)?;
        let record = ImageRecord { created: Some(created), manifest: None, layers: vec![layer] };
        let image = StagedImage { id, record, references: reference.into_iter().cloned().collect() };
        ingest.stage_record(&image)?;
        match self.commit(&ingest, &[image])? {
            Some(_) => self.resolve(&id.to_string()),
            None => unreachable!("the only layer is in the ingest directory"),
        }
    }
}

/// The configuration's bytes.
fn configuration(config: &ImportConfig, created: &str, diff_id: Digest) -> Vec<u8> {
    let configuration = Configuration {
        created: created.to_owned(),
        architecture: architecture(),
        os: "linux",
        config: executed(config),
        rootfs: RootFs { r#type: "layers", diff_ids: [diff_id] },
        history: [History { created: created.to_owned(), comment: &config.message }],
    };
    serde_json::to_vec(&configuration).expect("it has only string keys and whole numbers")
}

fn executed(config: &ImportConfig) -> Execution<'_> {
    Execution {
        user: &config.user,
        exposed_ports: keys(&config.exposed_ports),
        env: &config.env,
        entrypoint: &config.entrypoint,
        cmd: &config.command,
        volumes: keys(&config.volumes),
        working_dir: &config.working_dir,
        labels: &config.labels,
        stop_signal: &config.stop_signal,
        healthcheck: config.healthcheck.as_ref(),
        shell: &config.shell,
    }
}

/// The keys that are decided by an [`ImportConfig`], whether it leaves them out or not.
pub(crate) const EXECUTION_KEYS: [&str; 11] = [
    "User",
    "ExposedPorts",
    "Env",
    "Entrypoint",
    "Cmd",
    "Volumes",
    "WorkingDir",
    "Labels",
    "StopSignal",
    "Healthcheck",
    "Shell",
];

/// The part of a configuration that tells how the image runs.
pub(crate) fn execution(config: &ImportConfig) -> serde_json::Value {
    serde_json::to_value(executed(config)).expect("it has only string keys and whole numbers")
}

/// A set as Go writes one.
fn keys(keys: &[String]) -> BTreeMap<&str, Empty> {
    keys.iter().map(|key| (key.as_str(), Empty {})).collect()
}
