//! `list`: all containers.

use super::{Failure, Outcome};
use clap::{Args, ValueEnum};
use porthole_engine::runtime::oci::{Container, Runtime, State};
use std::io::Write;
use std::process::ExitCode;

/// How they are told of.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Format {
    Table,
    Json,
}

// `list`.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// As a table, or as JSON
    #[arg(short, long, default_value = "table")]
    format: Format,
    /// Only their names
    #[arg(short, long)]
    quiet: bool,
}

pub(super) fn list(runtime: &Runtime, options: &ListArgs) -> Outcome {
    let containers = runtime.containers()?;
    let text = match (options.quiet, options.format) {
        (true, _) => containers.iter().map(|container| format!("{}\n", container.record.state.id)).collect(),
        (false, format) => {
            let states = containers.iter().map(Container::state).collect::<Result<Vec<_>, _>>()?;
            match format {
                Format::Table => table(&states),
                Format::Json => json(&states)?,
            }
        }
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// Go's `null` for an empty list, as runc prints it.
fn json(states: &[State]) -> Result<String, Failure> {
    match states {
        [] => Ok("null\n".into()),
        states => match serde_json::to_string(states) {
            Ok(text) => Ok(text + "\n"),
            Err(error) => Err(Failure::new(error.to_string())),
        },
    }
}

fn table(states: &[State]) -> String {
    let head = ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"].map(String::from);
    let row = |state: &State| {
        let bundle = state.bundle.display().to_string();
        let (pid, status) = (state.pid.to_string(), state.status.to_string());
        [state.id.clone(), pid, status, bundle, state.created.clone(), state.owner.clone()]
    };
    let rows: Vec<_> = std::iter::once(head).chain(states.iter().map(row)).collect();
    let width = |column: usize| rows.iter().map(|row: &[String; 6]| row[column].len()).max().unwrap_or(0).max(9) + 3;
    let widths: Vec<_> = (0..5).map(width).collect();
    let line = |row: &[String; 6]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<String>() + &row[5] + "\n"
    };
    rows.iter().map(line).collect()
}
