//! Lists that are a table or JSON.

use crate::cli::format::{Format, Row};
use crate::cli::{Outcome, output};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::process::ExitCode;

/// Prints rows as `--format` asks: `json`, or a table of the columns of `default` below their `titles`.
pub fn print_list(format: &str, default: &str, titles: &[(&str, &str)], rows: Vec<Map<String, Value>>) -> Outcome {
    if format == "json" {
        output::line(&json!(rows).to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    let no_labels = BTreeMap::new();
    let rows = rows.into_iter().map(|fields| Row { fields, labels: &no_labels }).collect();
    Format::parse("table", default)?.print(titles, rows)?;
    Ok(ExitCode::SUCCESS)
}
