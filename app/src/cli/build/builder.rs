//! `builder`: what builds leave in the cache, and a look into the middle of one.

use super::super::filters::Filters;
use super::super::prune::{PruneArgs, confirm};
use super::super::{Outcome, output};
use super::shell::{ShellArgs, shell};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use porthole_engine::build::CacheFilter;
use porthole_engine::images::CachedSummary;
use porthole_engine::{Engine, units};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

// `builder`.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true, after_help = "As the command of the same name: build")]
pub struct BuilderArgs {
    #[command(subcommand)]
    command: BuilderCommand,
}

#[derive(Debug, Subcommand)]
#[command(defer = true)]
enum BuilderCommand {
    /// Show what the cache of builds takes
    Du(DuArgs),
    /// Remove the cache of builds
    Prune(CachePruneArgs),
    /// Open a shell where an instruction of a Dockerfile is about to be carried out
    Shell(Box<ShellArgs>),
}

// `builder du`.
#[derive(Debug, Args)]
struct DuArgs {
    /// Provide a more verbose output
    #[arg(long)]
    verbose: bool,
}

// `builder prune`.
#[derive(Debug, Args)]
struct CachePruneArgs {
    /// Also remove what RUN --mount=type=cache keeps
    #[arg(short = 'a', long)]
    all: bool,
    #[command(flatten)]
    common: PruneArgs,
}

/// Runs a command on the cache.
pub fn builder(engine: &Engine, arguments: BuilderArgs) -> Outcome {
    match arguments.command {
        BuilderCommand::Du(options) => usage(engine, &options),
        BuilderCommand::Prune(options) => prune(engine, &options),
        BuilderCommand::Shell(options) => shell(engine, *options),
    }
}

fn usage(engine: &Engine, arguments: &DuArgs) -> Outcome {
    let cache = engine.cache_usage()?;
    let row = |step: &CachedSummary| {
        let key = step.key.hex();
        vec![
            if arguments.verbose { key } else { key[..12].to_owned() },
            (!step.is_shared && !step.in_use).to_string(),
            units::human_size(step.size),
            ago(step.used),
            output::plain(&step.description),
        ]
    };
    let rows: Vec<Vec<String>> = cache.steps.iter().filter(|step| !step.is_alias).map(row).collect();
    if !rows.is_empty() {
        output::table(&["ID", "RECLAIMABLE", "SIZE", "LAST ACCESSED", "DESCRIPTION"], &rows)?;
    }
    let totals = cache.totals();
    output::line(&format!("Cache mounts:\t{}", units::human_size(cache.mounts)))?;
    output::line(&format!("Reclaimable:\t{}", units::human_size(totals.reclaimable)))?;
    output::line(&format!("Total:\t\t{}", units::human_size(totals.size)))?;
    Ok(ExitCode::SUCCESS)
}

/// How long ago it was.
pub(in crate::cli) fn ago(time: SystemTime) -> String {
    let elapsed = time.elapsed().unwrap_or_default();
    format!("{} ago", units::human_duration(i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX)))
}

fn prune(engine: &Engine, arguments: &CachePruneArgs) -> Outcome {
    let filters = Filters::parse(&arguments.common.filter, &["until"])?;
    let until = filters.parsed("until", |text| units::parse_time(text, output::now()).ok())?;
    let until = until.first().map(|nanoseconds| {
        let since = Timestamp::from_nanosecond((*nanoseconds).into()).unwrap_or_default();
        SystemTime::UNIX_EPOCH + Duration::from_nanos(u64::try_from(since.as_nanosecond()).unwrap_or(0))
    });
    let what = if arguments.all { "all build cache, and what RUN --mount=type=cache keeps" } else { "all build cache" };
    confirm(&arguments.common, "builder", &format!("WARNING! This will remove {what}."))?;
    let (gone, reclaimed) = engine.prune_build_cache(CacheFilter { all: arguments.all, until })?;
    if !gone.is_empty() {
        output::line("Deleted build cache objects:")?;
        gone.iter().try_for_each(|key| output::line(key))?;
        output::line("")?;
    }
    output::line(&format!("Total reclaimed space: {}", units::human_size(reclaimed)))?;
    Ok(ExitCode::SUCCESS)
}
