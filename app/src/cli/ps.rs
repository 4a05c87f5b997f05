//! `ps`.

use super::arguments::PsArgs;
use super::format::{Format, Row};
use super::ps_filters::Selection;
use super::{Outcome, output};
use jiff::Timestamp;
use porthole_engine::{ContainerSummary, DiskUsage, Engine, Error, units};
use std::process::ExitCode;

const DEFAULT: &str = "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}";
const DEFAULT_WITH_SIZE: &str =
    "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}\t{{.Size}}";

/// The columns, by the name that templates use.
const TITLES: [(&str, &str); 14] = [
    ("ID", "CONTAINER ID"),
    ("Image", "IMAGE"),
    ("Command", "COMMAND"),
    ("CreatedAt", "CREATED AT"),
    ("RunningFor", "CREATED"),
    ("Ports", "PORTS"),
    ("State", "STATE"),
    ("Status", "STATUS"),
    ("Size", "SIZE"),
    ("Names", "NAMES"),
    ("Labels", "LABELS"),
    ("Mounts", "MOUNTS"),
    ("Networks", "NETWORKS"),
    ("LocalVolumes", "LOCAL VOLUMES"),
];

/// Lists containers.
pub fn list(engine: &Engine, arguments: &PsArgs) -> Outcome {
    let default = if arguments.size { DEFAULT_WITH_SIZE } else { DEFAULT };
    let written = arguments.format.as_deref().filter(|format| !format.is_empty());
    let format = Format::parse(written.unwrap_or("table"), default)?;
    let last = if arguments.latest { Some(1) } else { arguments.last };
    let selection = Selection::parse(engine, &arguments.filter)?;
    let mut containers = engine.containers_with_ports(arguments.all || last.is_some() || selection.wants_all())?;
    selection.apply(&mut containers);
    containers.truncate(last.unwrap_or(usize::MAX));
    if arguments.quiet && written.is_none() {
        for container in &containers {
            output::line(if arguments.no_trunc { &container.id } else { container.short_id() })?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let measures = arguments.size || written.is_some_and(|format| format.contains(".Size"));
    let names = TITLES.iter().map(|(name, _)| *name);
    let names: Vec<&str> = names.filter(|name| written.is_some() || default.contains(name)).collect();
    let now = output::now();
    let mut rows = Vec::new();
    for container in &containers {
        let usage = if measures { usage(engine, container)? } else { None };
        let text = |name: &&str| output::plain(&text(name, container, usage, now, arguments.no_trunc));
        let fields = names.iter().map(|name| ((*name).to_owned(), text(name).into())).collect();
        rows.push(Row { fields, labels: &container.labels });
    }
    format.print(&TITLES, rows)?;
    Ok(ExitCode::SUCCESS)
}

/// `None` for a container that was removed since, or whose records cannot be read.
fn usage(engine: &Engine, container: &ContainerSummary) -> Result<Option<DiskUsage>, Error> {
    match engine.disk_usage(&container.id) {
        Err(Error::NoSuchContainer(_) | Error::Record { .. }) => Ok(None),
        usage => usage.map(Some),
    }
}

/// What a column says of a container.
fn text(column: &str, container: &ContainerSummary, usage: Option<DiskUsage>, now: i64, whole: bool) -> String {
    let cut = |text: &str, width: usize| if whole { text.to_owned() } else { output::ellipsis(text, width) };
    match column {
        "ID" if whole => container.id.clone(),
        "ID" => container.short_id().to_owned(),
        "Image" => container.image.clone(),
        "Command" => format!("\"{}\"", cut(&container.command, 20)),
        "CreatedAt" => created_at(container.created),
        "RunningFor" => format!("{} ago", units::human_duration(now - container.created)),
        "Ports" => container.ports_text(),
        "State" => {
            let state = serde_json::to_value(container.state.status).unwrap_or_default();
            state.as_str().unwrap_or_default().to_owned()
        }
        "Status" => container.status_text(now),
        "Size" => usage.map_or_else(|| "0B".to_owned(), size),
        "Names" => container.name.clone(),
        "Labels" => {
            let labels: Vec<String> = container.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
            labels.join(",")
        }
        "Mounts" => {
            let mounts: Vec<String> = container.mounts.iter().map(|(source, _)| cut(source, 15)).collect();
            mounts.join(",")
        }
        "Networks" => container.networks.join(","),
        // LocalVolumes, of which there are none.
        _ => "0".to_owned(),
    }
}

fn size(usage: DiskUsage) -> String {
    format!("{} (virtual {})", units::human_size(usage.writable), units::human_size(usage.total))
}

pub(super) fn created_at(nanoseconds: i64) -> String {
    Timestamp::from_nanosecond(nanoseconds.into()).map_or_else(|_| "N/A".to_owned(), output::local_time)
}
