//! `save`.

use super::image::of_store;
use super::{Failure, Outcome};
use clap::Args;
use porthole_engine::Engine;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

// `save`.
#[derive(Debug, Args)]
pub struct SaveArgs {
    /// Write to a file, instead of STDOUT
    #[arg(short = 'o', long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Images
    #[arg(required = true)]
    pub names: Vec<String>,
}

/// Writes images into an archive that `load`, Docker, Podman and skopeo read.
pub fn save(engine: &Engine, arguments: &SaveArgs) -> Outcome {
    match &arguments.output {
        None if io::stdout().is_terminal() => {
            return Err(Failure::new("cowardly refusing to save to a terminal. Use the -o flag or redirect", 1));
        }
        None => write(engine, &arguments.names, io::stdout().lock())?,
        Some(path) => replace(path, |file| write(engine, &arguments.names, file))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn write(engine: &Engine, names: &[String], writer: impl io::Write) -> Result<(), Failure> {
    for id in engine.images()?.save(names, writer).map_err(of_store)? {
        engine.record_image_event("save", &id.to_string(), &id.to_string());
    }
    Ok(())
}

/// Writes a file whole or not at all: beside it, and renamed when it is complete. What is no regular file, such as a pipe,
/// is written to as it is.
pub fn replace(path: &Path, write: impl FnOnce(File) -> Result<(), Failure>) -> Result<(), Failure> {
    let failure = |path: &Path, error: &io::Error| Failure::new(format!("{}: {error}", path.display()), 1);
    if fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        return write(OpenOptions::new().write(true).open(path).map_err(|error| failure(path, &error))?);
    }
    let name = path.file_name().filter(|_| !path.is_dir());
    let name = name.ok_or_else(|| Failure::new(format!("{} is a directory: name a file", path.display()), 1))?;
    let temporary = path.with_file_name(format!(".{}.{}", name.to_string_lossy(), std::process::id()));
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(&temporary);
    let written = write(file.map_err(|error| failure(&temporary, &error))?)
        .and_then(|()| fs::rename(&temporary, path).map_err(|error| failure(path, &error)));
    if written.is_err() {
        // The failure is told; what it left behind is of no use.
        let _ = fs::remove_file(&temporary);
    }
    written
}
