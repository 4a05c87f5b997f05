//! `compose pull` and `compose push`.

use super::{Context, PullWord};
use crate::cli::{Failure, Outcome, sweep};
use clap::Args;
use porthole_engine::Engine;
use porthole_engine::compose::model::project::PullPolicy;
use porthole_engine::compose::{Report, around, each};
use porthole_engine::images::Reference;
use std::collections::BTreeSet;
use std::process::ExitCode;

// `compose pull`.
#[derive(Debug, Args)]
pub struct PullArgs {
    /// Also pull services declared as dependencies
    #[arg(long)]
    include_deps: bool,
    /// Apply pull policy
    #[arg(long, value_enum, value_name = "missing|always", hide_possible_values = true)]
    policy: Option<PullWord>,
    /// Pull without printing progress information
    #[arg(short = 'q', long)]
    quiet: bool,
    /// Services
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

// `compose push`.
#[derive(Debug, Args)]
pub struct PushArgs {
    /// Push without printing progress information
    #[arg(short = 'q', long)]
    quiet: bool,
    /// Services
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

/// Pulls the images of services.
pub fn pull(context: Context<'_>, arguments: PullArgs) -> Outcome {
    let project = context.project(&arguments.services)?;
    let mut services = project.select(&arguments.services)?;
    if arguments.include_deps {
        services = project.with_dependencies(&services);
    }
    let printer = context.printer();
    let report = |progress| {
        if !arguments.quiet {
            printer.tell(progress);
        }
    };
    let policy = arguments.policy.map_or(PullPolicy::Always, Into::into);
    context.engine.pull_project(&project, &services, policy, &report)?;
    sweep(context.engine);
    Ok(ExitCode::SUCCESS)
}

/// Pushes the images that services build.
pub fn push(context: Context<'_>, arguments: PushArgs) -> Outcome {
    let project = context.project(&arguments.services)?;
    let services = project.select(&arguments.services)?;
    let built = project.services.values().filter(|service| services.contains(&service.name) && service.build.is_some());
    let images: BTreeSet<&String> = built.map(|service| &service.image).collect();
    let printer = context.printer();
    push_images(context.engine, &images, &|progress| {
        if !arguments.quiet {
            printer.tell(progress);
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Pushes images side by side.
pub fn push_images(engine: &Engine, images: &BTreeSet<&String>, report: Report<'_>) -> Result<(), Failure> {
    let images: Vec<&&String> = images.iter().collect();
    let pushed = each(&images, |image| -> Result<(), Failure> {
        let reference: Reference = image.parse().map_err(|error| Failure::new(format!("{image}: {error}"), 1))?;
        around(report, "Image", image, ("Pushing", "Pushed"), || engine.push(&reference, &mut |_| {}))?;
        Ok(())
    });
    pushed.into_iter().collect()
}
