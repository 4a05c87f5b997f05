//! `pull`, and the pulls that `run` and `create` begin with.

use super::image::sweep_replaced;
use super::progress::Progress;
use super::{Failure, Outcome, output};
use clap::{Args, ValueEnum};
use porthole_engine::images::{Error as ImageError, Platform, PullOptions, Reference};
use porthole_engine::{CreateOptions, Engine, Error, PullPolicy};
use std::process::ExitCode;

// `pull`.
#[derive(Debug, Args)]
pub struct PullArgs {
    /// Download all tagged images in the repository
    #[arg(short = 'a', long)]
    all_tags: bool,
    /// Set platform if server is multi-platform capable
    #[arg(long, value_name = "OS/ARCHITECTURE[/VARIANT]")]
    platform: Option<Platform>,
    /// Suppress verbose output
    #[arg(short = 'q', long)]
    quiet: bool,
    /// The image, by tag or digest
    #[arg(value_name = "NAME[:TAG|@DIGEST]")]
    name: String,
}

// How `run` and `create` come by their image.
#[derive(Clone, Debug, Args)]
pub struct ImageArgs {
    /// Set platform if server is multi-platform capable
    #[arg(long, value_name = "OS/ARCHITECTURE[/VARIANT]")]
    pub platform: Option<Platform>,
    /// Pull image before running
    #[arg(long, value_enum, default_value_t = Policy::Missing, value_name = "missing|always|never", hide_possible_values = true)]
    pull: Policy,
    /// Suppress the pull output
    #[arg(short = 'q', long)]
    quiet: bool,
}

/// `--pull`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Policy {
    Missing,
    Always,
    Never,
}

impl From<Policy> for PullPolicy {
    fn from(policy: Policy) -> PullPolicy {
        match policy {
            Policy::Missing => PullPolicy::Missing,
            Policy::Always => PullPolicy::Always,
            Policy::Never => PullPolicy::Never,
        }
    }
}

/// Pulls an image, or all images of a repository.
pub fn pull(engine: &Engine, arguments: PullArgs) -> Outcome {
    let options = PullOptions { platform: arguments.platform };
    let mut progress = Progress::stdout(arguments.quiet);
    let reference: Reference = parse(&arguments.name)?;
    if arguments.all_tags {
        if is_tagged(&arguments.name) {
            return Err(Failure::new("tag can't be used with --all-tags/-a", 1));
        }
        for tag in engine.tags(&reference)? {
            let tagged = reference.with_tag(&tag).map_err(|error| Failure::new(error.to_string(), 1))?;
            let pulled = engine.pull(&tagged, &options, &mut |event| progress.pull(event))?;
            progress.line(&format!("Digest: {}", pulled.digest));
        }
        sweep_replaced(engine)?;
        progress.line(&format!("Status: Downloaded all images of {}", reference.repository()));
        output::line(&format!("{}/{}", reference.domain(), reference.path()))?;
        return Ok(ExitCode::SUCCESS);
    }
    if !is_tagged(&arguments.name) {
        progress.line("Using default tag: latest");
    }
    let name = pull_one(engine, &arguments.name, &options, &mut progress)?;
    output::line(&name.canonical())?;
    Ok(ExitCode::SUCCESS)
}

/// Makes a container by `act`, pulling its image first if it is missing or the user wants it so.
pub fn with_image<T>(
    engine: &Engine,
    arguments: ImageArgs,
    mut options: CreateOptions,
    act: impl Fn(CreateOptions) -> Result<T, Error>,
) -> Result<T, Failure> {
    let policy = PullPolicy::from(arguments.pull);
    if policy == PullPolicy::Always {
        options.image = fetch(engine, &options, arguments.quiet)?;
    }
    let found = match act(options.clone()) {
        Err(Error::Image(ImageError::NotFound(_) | ImageError::OtherPlatform { .. }))
            if policy == PullPolicy::Missing =>
        {
            engine.find_image(&options.image, options.platform.as_ref()).map_err(Failure::of_start)?
        }
        made => return made.map_err(Failure::of_start),
    };
    options.image = match found {
        Some(name) => name,
        None => {
            let name = parse(&options.image).map_or_else(|_| options.image.clone(), |reference| reference.to_string());
            eprintln!("Unable to find image '{name}' locally");
            fetch(engine, &options, arguments.quiet)?
        }
    };
    act(options).map_err(Failure::of_start)
}

/// Pulls a container's image; what it is called now.
fn fetch(engine: &Engine, options: &CreateOptions, quiet: bool) -> Result<String, Failure> {
    let name = &options.image;
    let mut progress = Progress::stderr(quiet);
    let pulled = pull_one(engine, name, &PullOptions { platform: options.platform.clone() }, &mut progress);
    let pulled = pulled.map_err(|failure| Failure { exit_code: 125, ..failure })?;
    // What is found by the user's own name goes by that.
    Ok(match parse(name)? == pulled {
        true => name.to_owned(),
        false => pulled.to_string(),
    })
}

fn pull_one(engine: &Engine, name: &str, options: &PullOptions, progress: &mut Progress) -> Result<Reference, Failure> {
    let pulled = engine.pull_named(name, options, &mut |event| progress.pull(event))?;
    sweep_replaced(engine)?;
    progress.line(&format!("Digest: {}", pulled.digest));
    let what = if pulled.is_new { "Downloaded newer image" } else { "Image is up to date" };
    progress.line(&format!("Status: {what} for {}", pulled.reference));
    Ok(pulled.reference)
}

/// Whether a name has a tag or a digest.
fn is_tagged(name: &str) -> bool {
    name.contains('@') || name.rsplit('/').next().is_some_and(|last| last.contains(':'))
}

/// A name that a user typed.
pub fn parse(name: &str) -> Result<Reference, Failure> {
    name.parse().map_err(|error| Failure::new(format!("{error}"), 1))
}
