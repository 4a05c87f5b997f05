//! `top`.

use super::arguments::TopArgs;
use super::{Outcome, output};
use porthole_engine::Engine;
use std::process::ExitCode;

/// Lists the processes of a container, as `ps -ef` would, or as `ps` does with other options.
pub fn top(engine: &Engine, arguments: &TopArgs) -> Outcome {
    if !arguments.options.is_empty() {
        for line in engine.top_by_ps(&arguments.container, &arguments.options)? {
            output::line(&output::plain(&line))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let table = engine.top(&arguments.container)?;
    let rows: Vec<Vec<String>> =
        table.rows.iter().map(|row| row.iter().map(|cell| output::plain(cell)).collect()).collect();
    output::table(&table.titles, &rows)?;
    Ok(ExitCode::SUCCESS)
}
