//! `compose events`.

use super::Context;
use crate::cli::{Outcome, output};
use clap::Args;
use porthole_engine::Event;
use porthole_engine::compose::label;
use serde_json::json;
use std::process::ExitCode;

// `compose events`.
#[derive(Debug, Args)]
pub struct EventsArgs {
    /// Output events as a stream of json objects
    #[arg(long)]
    json: bool,
    /// Services
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

/// Prints what happens to the containers of a project from now on.
pub fn events(context: &Context<'_>, arguments: &EventsArgs) -> Outcome {
    let project = context.name()?;
    let mut reader = context.engine.events(None, None)?;
    while let Some(event) = reader.next_event()? {
        let attribute = |name: &str| event.actor.attributes.get(name).map(String::as_str).unwrap_or_default();
        let service = attribute(label::SERVICE);
        let wanted = event.kind == "container"
            && attribute(label::PROJECT) == project
            && (arguments.services.is_empty() || arguments.services.iter().any(|name| name == service));
        if wanted {
            output::line(&if arguments.json { as_json(&event, service) } else { as_text(&event) })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn time(event: &Event, format: &str) -> String {
    let time = jiff::Timestamp::from_nanosecond(event.time_nano.into()).unwrap_or_default();
    time.to_zoned(jiff::tz::TimeZone::system()).strftime(format).to_string()
}

/// What is told of a container besides Compose's own labels.
fn details(event: &Event) -> impl Iterator<Item = (&String, &String)> {
    event.actor.attributes.iter().filter(|(key, _)| !key.starts_with("com.docker.compose."))
}

fn as_text(event: &Event) -> String {
    let details: Vec<String> = details(event).map(|(key, value)| format!("{key}={value}")).collect();
    let time = time(event, "%Y-%m-%d %H:%M:%S.%6f");
    output::plain(&format!("{time} container {} {} ({})", event.action, event.id, details.join(", ")))
}

fn as_json(event: &Event, service: &str) -> String {
    let attributes: serde_json::Map<String, serde_json::Value> =
        details(event).map(|(key, value)| (key.clone(), value.clone().into())).collect();
    json!({
        "time": time(event, "%Y-%m-%dT%H:%M:%S.%9f%:z"),
        "type": "container",
        "service": service,
        "id": event.id,
        "action": event.action,
        "attributes": attributes,
    })
    .to_string()
}
