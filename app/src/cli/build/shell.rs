//! `builder shell`: a shell where an instruction of a Dockerfile is about to be carried out.

use super::super::{Failure, Outcome, sweep};
use super::arguments::{BuildArgs, ProgressStyle};
use clap::Args;
use porthole_engine::build::{BuildOptions, BuildOutput, NoCache};
use porthole_engine::images::Digest;
use porthole_engine::{Engine, Error, Result};
use std::process::{Command, ExitCode};

/// This program, even if its file has been replaced meanwhile.
const SELF: &str = "/proc/self/exe";

/// `builder shell`.
#[derive(Debug, Args)]
#[command(
    after_help = "The other flags are those of build; those that say what becomes of the image change nothing here."
)]
pub struct ShellArgs {
    /// Line of the Dockerfile: everything before its instruction is there already
    #[arg(long, value_name = "LINE")]
    line: usize,
    #[command(flatten)]
    build: BuildArgs,
}

/// Builds up to an instruction and opens a shell there. Container and image go with it.
pub fn shell(engine: &Engine, arguments: ShellArgs) -> Outcome {
    let mut argv: Vec<String> =
        ["run", "--rm", "-it", "--network", arguments.build.network()].map(str::to_owned).into();
    argv.extend(arguments.build.hosts().iter().flat_map(|host| ["--add-host".to_owned(), host.clone()]));
    let options = arguments.build.options().map_err(|message| Failure::new(message, 125))?;
    let options = BuildOptions {
        before: Some(arguments.line),
        target: None,
        tags: Vec::new(),
        cache_to: Vec::new(),
        no_cache: NoCache::Nothing,
        output: BuildOutput::Image,
        ..options
    };
    let Some(id) = super::solve(engine, &options, ProgressStyle::Auto)?.id else { return Ok(ExitCode::SUCCESS) };
    let image = engine.images()?.resolve(&id.to_string()).map_err(Error::from)?;
    let program = image.shell.and_then(|shell| shell.into_iter().next()).unwrap_or_else(|| "sh".to_owned());
    argv.extend(["--entrypoint".to_owned(), program, id.to_string()]);
    // It has the terminal, and every signal that reaches this process from there.
    let status = Command::new(SELF).args(argv).status();
    remove(engine, &id)?;
    let status = status.map_err(|error| Failure::new(format!("{SELF}: {error}"), 125))?;
    // What the last command in a shell ended with is nobody's failure.
    Ok(if status.code().is_some_and(|code| (125..=127).contains(&code)) {
        ExitCode::from(125)
    } else {
        ExitCode::SUCCESS
    })
}

/// Removes the image, unless somebody gave it a name or another shell is open on it.
fn remove(engine: &Engine, id: &Digest) -> Result<()> {
    let images = engine.images()?.list()?;
    let has_name = images.iter().any(|image| image.id == *id && image.shown_references().next().is_some());
    let in_use = engine.containers(true)?.iter().any(|container| container.image_id == id.to_string());
    if !has_name && !in_use {
        engine.remove_image(&id.to_string(), false)?;
        sweep(engine);
    }
    Ok(())
}
