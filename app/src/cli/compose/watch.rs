//! `compose watch`.

use super::Context;
use crate::cli::{Outcome, output, sweep, warn};
use clap::Args;
use porthole_engine::compose::{BuildPolicy, ProjectWatch, UpOptions};

// `compose watch`.
#[derive(Debug, Args)]
pub struct WatchArgs {
    /// Do not start services before watching
    #[arg(long)]
    no_up: bool,
    /// Do not tell of what is copied
    #[arg(long)]
    quiet: bool,
    /// Services
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

/// Starts services, and brings files that change into their containers until it is ended.
pub fn watch(context: Context<'_>, arguments: WatchArgs) -> Outcome {
    let project = context.project(&arguments.services)?;
    let services = project.select(&arguments.services)?;
    // From before the containers start, so that no change is missed.
    let mut watch = ProjectWatch::new(&project, &services)?;
    if !arguments.no_up {
        let options = UpOptions { services: arguments.services, ..UpOptions::default() };
        let printer = context.printer();
        warn(&context.engine.project_up(&project, &options, &|progress| printer.tell(progress))?);
        sweep(context.engine);
    }
    let tell = |line: String| {
        if !arguments.quiet {
            // With nobody left to tell, the files are copied all the same.
            let _ = output::line(&output::plain(&line));
        }
    };
    context.engine.watch_begins(&watch, &tell)?;
    output::line("Watch enabled")?;
    watch.describe().into_iter().for_each(tell);
    loop {
        let services: Vec<String> = context.engine.watch_once(&mut watch, &tell)?.into_iter().collect();
        if services.is_empty() {
            continue;
        }
        let options = UpOptions { services, no_deps: true, build: BuildPolicy::Always, ..UpOptions::default() };
        let printer = context.printer();
        match context.engine.project_up(&project, &options, &|progress| printer.tell(progress)) {
            Ok(warnings) => warn(&warnings),
            // The next change may put it right.
            Err(error) => tell(error.to_string()),
        }
    }
}
