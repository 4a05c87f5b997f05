//! `diff`, `commit`, `export`: what a container did to its image's files.

use super::{Failure, Outcome, change, output};
use clap::{ArgAction, Args};
use porthole_engine::images::Reference;
use porthole_engine::{CommitOptions, Engine};
use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

// `diff`.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The container
    container: String,
}

// `commit`.
#[derive(Debug, Args)]
pub struct CommitArgs {
    /// Author
    #[arg(short = 'a', long)]
    author: Option<String>,
    /// Apply Dockerfile instruction to the created image
    #[arg(short = 'c', long, value_name = "INSTRUCTION")]
    change: Vec<String>,
    /// Commit message
    #[arg(short = 'm', long)]
    message: Option<String>,
    /// Pause container during commit
    #[arg(short = 'p', long, default_value_t = true, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pause: bool,
    /// The container
    container: String,
    /// The image's name
    #[arg(value_name = "REPOSITORY[:TAG]")]
    reference: Option<String>,
}

// `export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Write to a file, instead of STDOUT
    #[arg(short = 'o', long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The container
    container: String,
}

/// Lists what a container added (A), changed (C) and deleted (D).
pub fn diff(engine: &Engine, arguments: &DiffArgs) -> Outcome {
    for (change, path) in engine.diff(&arguments.container)? {
        // A directory in which something changed counts as changed.
        let letter = change.letter().unwrap_or('C');
        output::line(&format!("{letter} {}", output::plain(&path.to_string_lossy())))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes an image of a container, and prints its id.
pub fn commit(engine: &Engine, arguments: CommitArgs) -> Outcome {
    let usage = |message: String| Failure::new(message, 1);
    let reference: Option<Reference> =
        arguments.reference.as_deref().map(str::parse).transpose().map_err(|error| usage(format!("{error}")))?;
    let options = CommitOptions {
        reference,
        author: arguments.author.unwrap_or_default(),
        message: arguments.message.unwrap_or_default(),
        goes_on: !arguments.pause,
    };
    let id = engine.commit(&arguments.container, &options, |config| {
        arguments.change.iter().try_for_each(|instruction| change::apply(config, instruction))
    })?;
    output::line(&id)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes a container's files as a tar archive.
pub fn export(engine: &Engine, arguments: &ExportArgs) -> Outcome {
    let Some(path) = &arguments.output else {
        if io::stdout().is_terminal() {
            return Err(Failure::new("cowardly refusing to save to a terminal. Use the -o flag or redirect", 1));
        }
        engine.export(&arguments.container, io::stdout().lock())?;
        return Ok(ExitCode::SUCCESS);
    };
    // Under its name there is a whole archive or what was there before.
    let mut partial = path.clone().into_os_string();
    partial.push(".partial");
    let at = |error: io::Error| Failure::new(format!("{}: {error}", path.display()), 1);
    let file = File::create(&partial).map_err(at)?;
    let written = engine.export(&arguments.container, BufWriter::new(file)).map_err(Failure::from);
    let placed = written.and_then(|()| fs::rename(&partial, path).map_err(at));
    if placed.is_err() {
        // What cannot be removed is seen by its name to be no archive.
        let _ = fs::remove_file(&partial);
    }
    placed.map(|()| ExitCode::SUCCESS)
}
