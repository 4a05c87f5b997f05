//! `compose images`.

use super::Context;
use super::list::print_list;
use crate::cli::{Failure, Outcome, output};
use clap::Args;
use porthole_engine::images::Reference;
use porthole_engine::units;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::process::ExitCode;

// `compose images`.
#[derive(Debug, Args)]
pub struct ImagesArgs {
    /// Only display IDs
    #[arg(short = 'q', long)]
    quiet: bool,
    /// Format the output: table or json
    #[arg(long, default_value = "table", value_parser = ["table", "json"])]
    format: String,
    /// Services
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

const DEFAULT: &str = "{{.ContainerName}}\t{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.Size}}";
const TITLES: [(&str, &str); 5] = [
    ("ContainerName", "CONTAINER"),
    ("Repository", "REPOSITORY"),
    ("Tag", "TAG"),
    ("ID", "IMAGE ID"),
    ("Size", "SIZE"),
];

/// Lists the images of the containers of a project.
pub fn images(context: &Context<'_>, arguments: &ImagesArgs) -> Outcome {
    let members = context.members(&arguments.services)?;
    let store = context.engine.images()?;
    let images = store.list().map_err(|error| Failure::new(error.to_string(), 1))?;
    let id = |text: &str| text.trim_start_matches("sha256:").chars().take(12).collect::<String>();
    if arguments.quiet {
        let ids: BTreeSet<&String> = members.iter().map(|member| &member.container.image_id).collect();
        ids.into_iter().try_for_each(|text| output::line(text.trim_start_matches("sha256:")))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows: Vec<Map<String, Value>> = Vec::new();
    for member in &members {
        let container = &member.container;
        let image = images.iter().find(|image| image.id.to_string() == container.image_id);
        let (repository, tag) = match container.image.parse::<Reference>() {
            Ok(reference) => (reference.repository(), reference.tag().unwrap_or("<none>").to_owned()),
            Err(_) => ("<none>".to_owned(), "<none>".to_owned()),
        };
        let fields = [
            ("ContainerName", container.name.clone()),
            ("Repository", repository),
            ("Tag", tag),
            ("ID", id(&container.image_id)),
            ("Size", image.map_or_else(|| "N/A".to_owned(), |image| units::human_size(image.size))),
        ];
        rows.push(fields.into_iter().map(|(name, text)| (name.to_owned(), text.into())).collect());
    }
    print_list(&arguments.format, DEFAULT, &TITLES, rows)
}
