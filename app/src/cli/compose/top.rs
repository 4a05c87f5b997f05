//! `compose top`.

use super::Context;
use super::lifecycle::Services;
use crate::cli::{Outcome, output};
use porthole_engine::compose::Member;
use std::process::ExitCode;

/// Lists the processes of the containers of services.
pub fn top(context: &Context<'_>, arguments: &Services) -> Outcome {
    let mut members = context.members(&arguments.services)?;
    members.retain(Member::is_running);
    for member in &members {
        let table = context.engine.top(&member.container.id)?;
        let cells = |row: &Vec<String>| row.iter().map(|cell| output::plain(cell)).collect();
        output::line(&member.container.name)?;
        output::table(&table.titles, &table.rows.iter().map(cells).collect::<Vec<Vec<String>>>())?;
        output::line("")?;
    }
    Ok(ExitCode::SUCCESS)
}
