//! `top`.

use super::arguments::TopArgs;
use super::{Outcome, output};
use porthole_engine::Engine;
use std::process::ExitCode;

/// Lists the processes of a container, as `ps -ef` would.
pub fn top(engine: &Engine, arguments: &TopArgs) -> Outcome {
    let table = engine.top(&arguments.container)?;
    let rows: Vec<Vec<String>> =
        table.rows.iter().map(|row| row.iter().map(|cell| output::plain(cell)).collect()).collect();
    output::table(&table.titles, &rows)?;
    Ok(ExitCode::SUCCESS)
}
