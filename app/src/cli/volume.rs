//! `volume`.

use super::filters::Filters;
use super::format::{Format, Row};
use super::prune::{self, PruneArgs};
use super::{Failure, Outcome, files, inspect, output};
use clap::{Args, Subcommand};
use porthole_engine::volume::LocalOptions;
use porthole_engine::{Engine, NewVolume, VolumeSummary};
use serde_json::{Map, Value};
use std::process::ExitCode;

// `volume`.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub struct VolumeArgs {
    #[command(subcommand)]
    command: VolumeCommand,
}

#[derive(Debug, Subcommand)]
#[command(defer = true)]
enum VolumeCommand {
    /// Create a volume
    Create(CreateArgs),
    /// Display detailed information on one or more volumes
    Inspect(InspectArgs),
    /// List volumes
    #[command(visible_alias = "list")]
    Ls(LsArgs),
    /// Remove unused local volumes
    Prune(VolumePruneArgs),
    /// Remove one or more volumes
    #[command(visible_alias = "remove")]
    Rm(RmArgs),
}

#[derive(Debug, Args)]
struct CreateArgs {
    /// Specify volume driver name
    #[arg(short = 'd', long, default_value = "local")]
    driver: String,
    /// Set metadata for a volume
    #[arg(long, value_name = "KEY[=VALUE]")]
    label: Vec<String>,
    /// Set driver specific options: type, device, o
    #[arg(short = 'o', long, value_name = "KEY=VALUE")]
    opt: Vec<String>,
    /// Its name; a random one if there is none
    name: Option<String>,
}

#[derive(Debug, Args)]
struct InspectArgs {
    /// Format output using a custom template, or 'json'
    #[arg(short = 'f', long)]
    format: Option<String>,
    /// Volumes
    #[arg(required = true)]
    names: Vec<String>,
}

#[derive(Debug, Args)]
struct LsArgs {
    /// Provide filter values (e.g. "dangling=true", "driver=local", "label=KEY", "name=TEXT")
    #[arg(short = 'f', long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    /// Format output using a custom template, 'table', 'table TEMPLATE' or 'json'
    #[arg(long, default_value = "table")]
    format: String,
    /// Only display volume names
    #[arg(short = 'q', long)]
    quiet: bool,
}

#[derive(Debug, Args)]
struct VolumePruneArgs {
    /// Remove all unused volumes, not just anonymous ones
    #[arg(short = 'a', long)]
    all: bool,
    #[command(flatten)]
    common: PruneArgs,
}

#[derive(Debug, Args)]
struct RmArgs {
    /// Do not complain of volumes that are not there
    #[arg(short = 'f', long)]
    force: bool,
    /// Volumes
    #[arg(required = true)]
    names: Vec<String>,
}

const DEFAULT: &str = "{{.Driver}}\t{{.Name}}";
const FILTERS: [&str; 4] = ["dangling", "driver", "label", "name"];
const TITLES: [(&str, &str); 7] = [
    ("Driver", "DRIVER"),
    ("Name", "VOLUME NAME"),
    ("Scope", "SCOPE"),
    ("Mountpoint", "MOUNTPOINT"),
    ("Labels", "LABELS"),
    ("Links", "LINKS"),
    ("Size", "SIZE"),
];

/// Runs a command on volumes.
pub fn volume(engine: &Engine, arguments: VolumeArgs) -> Outcome {
    match arguments.command {
        VolumeCommand::Create(arguments) => create(engine, arguments),
        VolumeCommand::Inspect(arguments) => inspect_all(engine, &arguments),
        VolumeCommand::Ls(arguments) => list(engine, &arguments),
        VolumeCommand::Prune(arguments) => prune(engine, &arguments),
        VolumeCommand::Rm(arguments) => remove(engine, &arguments),
    }
}

/// Refuses any driver but the one that there is.
pub(super) fn check_driver(driver: &str) -> Result<(), String> {
    match driver {
        "local" => Ok(()),
        _ => Err(format!(
            "error looking up volume plugin {driver}: plugin \"{driver}\" not found: there is only \"local\""
        )),
    }
}

fn create(engine: &Engine, arguments: CreateArgs) -> Outcome {
    check_driver(&arguments.driver).map_err(|problem| Failure::new(problem, 1))?;
    let options = LocalOptions::parse(arguments.opt.iter().map(String::as_str))?;
    let labels = arguments.label.iter().map(|word| files::pair(word)).collect();
    let volume = engine.create_volume(NewVolume { name: arguments.name, labels, options })?;
    output::line(&volume.name)?;
    Ok(ExitCode::SUCCESS)
}

fn inspect_all(engine: &Engine, arguments: &InspectArgs) -> Outcome {
    let one = |name: &str| engine.inspect_volume(name).map_err(|error| error.to_string());
    inspect::print(&arguments.names, arguments.format.as_deref(), one)
}

fn list(engine: &Engine, arguments: &LsArgs) -> Outcome {
    let format = Format::parse(&arguments.format, DEFAULT)?;
    let filters = Filters::parse(&arguments.filter, &FILTERS)?;
    let dangling = filters.truth("dangling")?;
    let wanted = |volume: &VolumeSummary| {
        dangling.is_none_or(|dangling| volume.used_by.is_empty() == dangling)
            && filters.any("driver", |driver| driver == volume.driver)
            && filters.any("name", |text| volume.name.contains(text.as_str()))
            && filters.labels_match(&volume.labels)
    };
    let mut volumes = engine.volumes()?;
    volumes.retain(wanted);
    if arguments.quiet {
        volumes.iter().try_for_each(|volume| output::line(&volume.name))?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows = volumes.iter().map(|volume| Row { fields: fields(volume), labels: &volume.labels });
    format.print(&TITLES, rows.collect())?;
    Ok(ExitCode::SUCCESS)
}

fn fields(volume: &VolumeSummary) -> Map<String, Value> {
    let labels: Vec<String> = volume.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let fields = [
        ("Driver", volume.driver.to_owned()),
        ("Name", volume.name.clone()),
        ("Scope", "local".to_owned()),
        ("Mountpoint", volume.mountpoint.display().to_string()),
        ("Labels", labels.join(",")),
        ("Links", volume.used_by.len().to_string()),
        // As with Docker, only `system df -v` looks how large they are.
        ("Size", "N/A".to_owned()),
    ];
    fields.into_iter().map(|(name, text)| (name.to_owned(), text.into())).collect()
}

fn prune(engine: &Engine, arguments: &VolumePruneArgs) -> Outcome {
    let filter = prune::filter(&arguments.common)?;
    let which = if arguments.all { "all local volumes" } else { "anonymous local volumes" };
    let warning = format!("WARNING! This will remove {which} not used by at least one container.");
    prune::confirm(&arguments.common, "volume", &warning)?;
    let pruned = engine.prune_volumes(arguments.all, &filter)?;
    super::sweep(engine);
    prune::report(&pruned)
}

fn remove(engine: &Engine, arguments: &RmArgs) -> Outcome {
    let outcome = super::for_each(&arguments.names, |name| engine.remove_volume(name, arguments.force));
    super::sweep(engine);
    outcome
}
