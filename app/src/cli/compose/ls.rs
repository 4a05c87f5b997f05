//! `compose ls`.

use super::list::print_list;
use crate::cli::{Outcome, output};
use clap::Args;
use porthole_engine::Engine;
use porthole_engine::compose::ProjectSummary;
use serde_json::{Map, Value};
use std::process::ExitCode;

// `compose ls`.
#[derive(Debug, Args)]
pub struct LsArgs {
    /// Show all stopped Compose projects
    #[arg(short = 'a', long)]
    all: bool,
    /// Only display project names
    #[arg(short = 'q', long)]
    quiet: bool,
    /// Format the output: table or json
    #[arg(long, default_value = "table", value_parser = ["table", "json"])]
    format: String,
}

const DEFAULT: &str = "{{.Name}}\t{{.Status}}\t{{.ConfigFiles}}";
const TITLES: [(&str, &str); 3] = [("Name", "NAME"), ("Status", "STATUS"), ("ConfigFiles", "CONFIG FILES")];

/// Lists the projects that have containers.
pub fn list(engine: &Engine, arguments: &LsArgs) -> Outcome {
    let projects = engine.projects(arguments.all)?;
    if arguments.quiet {
        projects.iter().try_for_each(|project| output::line(&project.name))?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<Map<String, Value>> = projects.iter().map(fields).collect();
    print_list(&arguments.format, DEFAULT, &TITLES, rows)
}

fn fields(project: &ProjectSummary) -> Map<String, Value> {
    let states: Vec<String> = project.states.iter().map(|(state, count)| format!("{state}({count})")).collect();
    let fields =
        [("Name", project.name.clone()), ("Status", states.join(", ")), ("ConfigFiles", output::plain(&project.files))];
    fields.into_iter().map(|(name, text)| (name.to_owned(), text.into())).collect()
}
