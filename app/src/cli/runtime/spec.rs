//! `spec`: a configuration to begin with.

use super::{Failure, Outcome};
use clap::Args;
use porthole_engine::runtime::cgroup::is_v2_host;
use porthole_engine::runtime::oci::template;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;

// `spec`.
#[derive(Debug, Args)]
pub(super) struct SpecArgs {
    /// The directory to write it to
    #[arg(short, long, value_name = "DIRECTORY", default_value = ".")]
    bundle: PathBuf,
    /// For a user who is not root
    #[arg(long)]
    rootless: bool,
}

pub(super) fn spec(options: &SpecArgs) -> Outcome {
    let user = options.rootless.then(|| (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw()));
    let text =
        serde_json::to_string_pretty(&template(user, is_v2_host())).map_err(|error| Failure::new(error.to_string()))?;
    let path = options.bundle.join("config.json");
    let file = OpenOptions::new().write(true).create_new(true).open(&path);
    let mut file = file.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Failure::new(format!("file {} exists. Remove it first", path.display())),
        _ => Failure::new(format!("cannot make {}: {error}", path.display())),
    })?;
    writeln!(file, "{text}")?;
    Ok(ExitCode::SUCCESS)
}
