//! `manifest inspect`.

use super::{Failure, Outcome, output, pull};
use clap::{Args, Subcommand};
use porthole_engine::Engine;
use porthole_engine::images::{Reference, RemoteManifest};
use serde::Serialize;
use serde_json::{Value, json};
use std::process::ExitCode;

// `manifest`.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub struct ManifestArgs {
    /// What to do with a manifest
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
#[command(defer = true)]
enum Action {
    /// Display an image manifest, or manifest list
    Inspect(InspectArgs),
}

#[derive(Debug, Args)]
struct InspectArgs {
    /// Output additional info including layers and platform
    #[arg(short = 'v', long)]
    verbose: bool,
    /// The image, by tag or digest
    #[arg(value_name = "NAME[:TAG|@DIGEST]")]
    name: String,
}

/// Prints what a registry has by a name.
pub fn manifest(engine: &Engine, arguments: &ManifestArgs) -> Outcome {
    let Action::Inspect(arguments) = &arguments.action;
    let reference = pull::parse(&arguments.name)?;
    let (document, listed) = engine.manifests(&reference)?;
    let value = match (arguments.verbose, listed.as_slice()) {
        (false, _) => content(&document)?,
        (true, []) => describe(&reference, &document)?,
        (true, listed) => {
            let of = |manifest: &RemoteManifest| describe(&reference.with_digest(manifest.digest), manifest);
            listed.iter().map(of).collect::<Result<Vec<_>, _>>()?.into()
        }
    };
    output::line(&indented(&value))?;
    Ok(ExitCode::SUCCESS)
}

fn content(manifest: &RemoteManifest) -> Result<Value, Failure> {
    serde_json::from_slice(&manifest.content).map_err(|error| Failure::new(error.to_string(), 1))
}

/// As Docker describes a manifest.
fn describe(reference: &Reference, manifest: &RemoteManifest) -> Result<Value, Failure> {
    let mut descriptor =
        json!({ "mediaType": manifest.media_type, "digest": manifest.digest, "size": manifest.content.len() });
    if let Some(platform) = &manifest.platform {
        descriptor["platform"] = json!(platform);
    }
    let key = if manifest.media_type.contains("vnd.oci") { "OCIManifest" } else { "SchemaV2Manifest" };
    Ok(json!({ "Ref": reference.canonical(), "Descriptor": descriptor, key: content(manifest)? }))
}

/// JSON indented by tabs.
fn indented(value: &Value) -> String {
    let mut text = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"\t");
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, formatter);
    value.serialize(&mut serializer).expect("memory");
    String::from_utf8(text).expect("JSON is text")
}
