//! `system df`.

use super::build::ago;
use super::format::{Format, Row};
use super::image::age;
use super::{Outcome, output};
use clap::Args;
use jiff::Timestamp;
use porthole_engine::images::{CachedSummary, Reference};
use porthole_engine::{ContainerSummary, Engine, StorageUsage, Totals, VolumeSummary, units};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::process::ExitCode;

const DEFAULT: &str = "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}";

/// The columns, by the name that templates use.
const TITLES: [(&str, &str); 5] =
    [("Type", "TYPE"), ("TotalCount", "TOTAL"), ("Active", "ACTIVE"), ("Size", "SIZE"), ("Reclaimable", "RECLAIMABLE")];

const BUILD_CACHE: &str = "Build Cache";

const IMAGE_TITLES: [&str; 8] =
    ["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE", "SHARED SIZE", "UNIQUE SIZE", "CONTAINERS"];
const CONTAINER_TITLES: [&str; 7] = ["CONTAINER ID", "IMAGE", "COMMAND", "SIZE", "CREATED", "STATUS", "NAMES"];

const VOLUME_TITLES: [&str; 3] = ["VOLUME NAME", "LINKS", "SIZE"];
const CACHE_TITLES: [&str; 5] = ["CACHE ID", "SIZE", "LAST USED", "IN USE", "SHARED"];

// `system df`.
#[derive(Debug, Args)]
pub struct DfArgs {
    /// Show detailed information on space usage
    #[arg(short = 'v', long, conflicts_with = "format")]
    pub verbose: bool,
    /// Format output: 'table', 'table TEMPLATE', 'json', or a Go template
    #[arg(long, value_name = "TEMPLATE")]
    pub format: Option<String>,
}

/// Shows what images, containers, volumes and the cache of builds take on disk.
pub fn df(engine: &Engine, arguments: &DfArgs) -> Outcome {
    let format = Format::parse(arguments.format.as_deref().unwrap_or("table"), DEFAULT)?;
    let usage = engine.storage_usage()?;
    if arguments.verbose {
        return verbose(&usage);
    }
    let kinds = [
        ("Images", usage.image_totals()),
        ("Containers", usage.container_totals()),
        ("Local Volumes", usage.volume_totals()),
        (BUILD_CACHE, usage.cache.totals()),
    ];
    let no_labels = BTreeMap::new();
    let rows = kinds.into_iter().map(|(kind, totals)| Row { fields: fields(kind, totals), labels: &no_labels });
    format.print(&TITLES, rows.collect())?;
    Ok(ExitCode::SUCCESS)
}

fn fields(kind: &str, totals: Totals) -> Map<String, Value> {
    let reclaimable = units::human_size(totals.reclaimable);
    let reclaimable = match totals.reclaimable.saturating_mul(100).checked_div(totals.size) {
        // As Docker has it.
        _ if kind == BUILD_CACHE => reclaimable,
        Some(percent) => format!("{reclaimable} ({percent}%)"),
        None => reclaimable,
    };
    let texts = [
        ("Type", kind.to_owned()),
        ("TotalCount", totals.count.to_string()),
        ("Active", totals.active.to_string()),
        ("Size", units::human_size(totals.size)),
        ("Reclaimable", reclaimable),
    ];
    texts.into_iter().map(|(name, text)| (name.to_owned(), text.into())).collect()
}

fn verbose(usage: &StorageUsage) -> Outcome {
    output::line("Images space usage:\n")?;
    output::table(&IMAGE_TITLES, &image_rows(usage))?;
    output::line("\nContainers space usage:\n")?;
    output::table(&CONTAINER_TITLES, &container_rows(usage))?;
    output::line("\nLocal Volumes space usage:\n")?;
    output::table(&VOLUME_TITLES, &volume_rows(usage))?;
    output::line(&format!("\nBuild cache usage: {}\n", units::human_size(usage.cache.totals().size)))?;
    output::table(&CACHE_TITLES, &cache_rows(usage))?;
    Ok(ExitCode::SUCCESS)
}

fn image_rows(usage: &StorageUsage) -> Vec<Vec<String>> {
    let now = Timestamp::now();
    let mut rows = Vec::new();
    for (usage, containers) in &usage.images {
        let image = &usage.image;
        let names: Vec<Option<&Reference>> = match image.references.as_slice() {
            [] => vec![None],
            names => names.iter().map(Some).collect(),
        };
        let none = || "<none>".to_owned();
        rows.extend(names.into_iter().map(|name| {
            vec![
                name.map_or_else(none, Reference::repository),
                name.and_then(Reference::tag).map_or_else(none, str::to_owned),
                image.id.short(),
                age(image.created, now),
                units::human_size(image.size),
                units::human_size(usage.shared),
                units::human_size(usage.unique()),
                containers.to_string(),
            ]
        }));
    }
    rows
}

fn volume_rows(usage: &StorageUsage) -> Vec<Vec<String>> {
    let row = |(volume, size): &(VolumeSummary, u64)| {
        vec![volume.name.clone(), volume.used_by.len().to_string(), units::human_size(*size)]
    };
    usage.volumes.iter().map(row).collect()
}

fn cache_rows(usage: &StorageUsage) -> Vec<Vec<String>> {
    let steps = usage.cache.steps.iter().filter(|step| !step.is_alias);
    let row = |step: &CachedSummary| {
        vec![
            step.key.hex()[..12].to_owned(),
            units::human_size(step.size),
            ago(step.used),
            step.in_use.to_string(),
            step.is_shared.to_string(),
        ]
    };
    steps.map(row).collect()
}

fn container_rows(usage: &StorageUsage) -> Vec<Vec<String>> {
    let now = output::now();
    let row = |(container, size): &(ContainerSummary, u64)| {
        vec![
            container.short_id().to_owned(),
            container.image.clone(),
            format!("\"{}\"", output::ellipsis(&output::plain(&container.command), 20)),
            units::human_size(*size),
            format!("{} ago", units::human_duration(now - container.created)),
            container.status_text(now),
            container.name.clone(),
        ]
    };
    usage.containers.iter().map(row).collect()
}
