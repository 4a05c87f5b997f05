//! `events`.

use super::arguments::EventsArgs;
use super::filters::Filters;
use super::template::Template;
use super::{Failure, Outcome, output};
use porthole_engine::{Engine, Event, units};
use std::process::ExitCode;

const FILTERS: [&str; 5] = ["container", "image", "type", "event", "label"];

/// Prints what happens to containers and images: from now on, or with `--since` also what has happened.
pub fn events(engine: &Engine, arguments: &EventsArgs) -> Outcome {
    let usage = |message: String| Failure::new(message, 1);
    let now = output::now();
    let time =
        |text: &Option<String>| text.as_deref().map(|text| units::parse_time(text, now)).transpose().map_err(usage);
    let filters = Filters::parse(&arguments.filter, &FILTERS)?;
    let template = match arguments.format.as_deref() {
        None | Some("" | "json") => None,
        Some(format) => Some(Template::parse(format).map_err(|error| usage(error.to_string()))?),
    };
    let mut reader = engine.events(time(&arguments.since)?, time(&arguments.until)?)?;
    while let Some(event) = reader.next_event()? {
        if !matches(&filters, &event) {
            continue;
        }
        let text = match (&template, arguments.format.as_deref()) {
            (Some(template), _) => {
                let value = serde_json::to_value(&event).map_err(|error| usage(error.to_string()))?;
                template.render(&value).map_err(|error| usage(error.to_string()))?
            }
            (None, Some("json")) => event.to_json(),
            (None, _) => describe(&event),
        };
        output::line(&text)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn matches(filters: &Filters, event: &Event) -> bool {
    let name = event.actor.attributes.get("name").map(String::as_str).unwrap_or_default();
    let is_of = |kind: &str, wanted: &String| {
        event.kind == kind && (name == wanted || (wanted.len() >= 4 && event.id.starts_with(wanted.as_str())))
    };
    filters.any("type", |kind| *kind == event.kind)
        // The command of an exec follows its action after a colon.
        && filters.any("event", |action| event.action.split(':').next() == Some(action))
        && filters.any("container", |wanted| is_of("container", wanted))
        && filters.any("image", |wanted| event.from == *wanted || is_of("image", wanted))
        && filters.labels_match(&event.actor.attributes)
}

/// `TIME TYPE ACTION ID (KEY=VALUE, …)`, as Docker prints it.
fn describe(event: &Event) -> String {
    let attributes: Vec<String> = event.actor.attributes.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let time = jiff::Timestamp::from_nanosecond(event.time_nano.into()).map_or_else(
        |_| event.time.to_string(),
        |time| time.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%dT%H:%M:%S.%9f%:z").to_string(),
    );
    let text = format!("{time} {} {} {} ({})", event.kind, event.action, event.id, attributes.join(", "));
    output::plain(&text)
}
