//! `search`: the names in a registry's catalogue.

use super::Outcome;
use super::filters::Filters;
use super::format::{Format, Row};
use clap::Args;
use porthole_engine::Engine;
use porthole_engine::images::Reference;
use serde_json::Map;
use std::collections::BTreeMap;
use std::process::ExitCode;

// `search`.
#[derive(Debug, Args)]
pub struct SearchArgs {
    /// Filter output based on conditions provided (name=PATTERN)
    #[arg(short = 'f', long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    /// Format output: 'table', 'table TEMPLATE', 'json', or a Go template
    #[arg(long, value_name = "TEMPLATE")]
    format: Option<String>,
    /// Max number of search results
    #[arg(long, value_name = "INT", default_value_t = 25)]
    limit: usize,
    /// A part of the name; before a slash, the registry
    #[arg(value_name = "[REGISTRY/]TERM")]
    term: String,
}

/// Lists repositories whose names have the term in them.
pub fn search(engine: &Engine, arguments: &SearchArgs) -> Outcome {
    let format = Format::parse(arguments.format.as_deref().unwrap_or("table"), "{{.Name}}")?;
    let patterns = Filters::parse(&arguments.filter, &["name"])?.patterns("name")?;
    let (host, term) = match arguments.term.split_once('/') {
        Some((host, term)) if Reference::names_registry(&arguments.term) => (Some(host), term),
        _ => (None, arguments.term.as_str()),
    };
    let wanted = |name: &String| {
        name.contains(term) && (patterns.is_empty() || patterns.iter().any(|pattern| pattern.is_match(name)))
    };
    let shown = |name: String| host.map_or(name.clone(), |host| format!("{host}/{name}"));
    let names = engine.catalog(host)?.into_iter().filter(wanted).take(arguments.limit).map(shown);
    let no_labels = BTreeMap::new();
    let rows = names.map(|name| Row {
        fields: Map::from_iter([("Name".to_owned(), super::output::plain(&name).into())]),
        labels: &no_labels,
    });
    format.print(&[("Name", "NAME")], rows.collect())?;
    Ok(ExitCode::SUCCESS)
}
