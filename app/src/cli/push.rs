//! `push`.

use super::image::of_store;
use super::progress::Progress;
use super::{Failure, Outcome, output, pull};
use clap::Args;
use porthole_engine::images::{Error as ImageError, Reference};
use porthole_engine::{Engine, Error};
use std::process::ExitCode;

// `push`.
#[derive(Debug, Args)]
pub struct PushArgs {
    /// Push all tags of an image to the repository
    #[arg(short = 'a', long)]
    all_tags: bool,
    /// Suppress verbose output
    #[arg(short = 'q', long)]
    quiet: bool,
    /// The image
    #[arg(value_name = "NAME[:TAG]")]
    name: String,
}

/// Pushes an image, or all images of a repository.
pub fn push(engine: &Engine, arguments: &PushArgs) -> Outcome {
    let reference = pull::parse(&arguments.name)?;
    let mut progress = Progress::stdout(arguments.quiet);
    progress.line(&format!("The push refers to repository [{}/{}]", reference.domain(), reference.path()));
    let references = match arguments.all_tags {
        true => tags_of(engine, &reference, &arguments.name)?,
        false => vec![reference],
    };
    for reference in references {
        let pushed = engine.push(&reference, &mut |event| progress.push(event)).map_err(|error| match error {
            Error::Image(ImageError::NotFound(_)) => {
                Failure::new(format!("An image does not exist locally with the tag: {}", reference.repository()), 1)
            }
            error => error.into(),
        })?;
        progress.line(&format!("{}: digest: {} size: {}", pushed.tag, pushed.digest, pushed.size));
        if arguments.quiet {
            output::line(&reference.canonical())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// All tags that the store has of a repository.
fn tags_of(engine: &Engine, repository: &Reference, name: &str) -> Result<Vec<Reference>, Failure> {
    if name.rsplit('/').next().is_some_and(|last| last.contains(':')) {
        return Err(Failure::new("tag can't be used with --all-tags/-a", 1));
    }
    let images = engine.images()?.list().map_err(of_store)?;
    let names = images.into_iter().flat_map(|image| image.references);
    let tags: Vec<_> = names.filter(|name| name.tag().is_some() && name.same_repository(repository)).collect();
    match tags.is_empty() {
        true => {
            Err(Failure::new(format!("An image does not exist locally with the tag: {}", repository.repository()), 1))
        }
        false => Ok(tags),
    }
}
