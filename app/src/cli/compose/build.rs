//! `compose build`.

use super::Context;
use super::progress::{Printer, Style};
use super::pull::push_images;
use crate::cli::build::{INTERRUPTED, build_arg, interrupt};
use crate::cli::{Failure, Outcome, sweep, warn};
use clap::Args;
use porthole_engine::compose::ProjectBuild;
use porthole_engine::{Cancel, Error};
use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;

// `compose build`.
#[derive(Debug, Args)]
pub struct BuildArgs {
    /// Set build-time variables for services
    #[arg(long, value_name = "NAME[=VALUE]")]
    build_arg: Vec<String>,
    /// Do not use cache when building the image
    #[arg(long)]
    no_cache: bool,
    /// Always attempt to pull a newer version of the image
    #[arg(long)]
    pull: bool,
    /// Push service images
    #[arg(long)]
    push: bool,
    /// Suppress the build output
    #[arg(short = 'q', long)]
    quiet: bool,
    /// Also build dependencies (transitively)
    #[arg(long)]
    with_dependencies: bool,
    /// Services
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

/// Builds the images of services.
pub fn build(context: Context<'_>, arguments: BuildArgs) -> Outcome {
    let project = context.project(&arguments.services)?;
    let mut services = project.select(&arguments.services)?;
    if arguments.with_dependencies {
        services = project.with_dependencies(&services);
    }
    services.retain(|name| project.services[name].build.is_some());
    if services.is_empty() {
        warn(&["No services to build".to_owned()]);
        return Ok(ExitCode::SUCCESS);
    }
    let asked = ProjectBuild {
        no_cache: arguments.no_cache,
        pull: arguments.pull,
        args: arguments.build_arg.iter().filter_map(|word| build_arg(word)).collect(),
    };
    let cancel = Arc::new(Cancel::default());
    interrupt::watch(&cancel)?;
    let printer = Printer::new(if arguments.quiet { Style::Quiet } else { context.style });
    let report = |progress| printer.tell(progress);
    let built = context.engine.build_project(&project, &services, &asked, &cancel, &report);
    sweep(context.engine);
    built.map_err(|error| match error {
        Error::Cancelled => Failure::new("the build was cancelled", INTERRUPTED),
        error => Failure::from(error),
    })?;
    if arguments.push {
        let images: BTreeSet<&String> = services.iter().map(|name| &project.services[name].image).collect();
        push_images(context.engine, &images, &report)?;
    }
    Ok(ExitCode::SUCCESS)
}
