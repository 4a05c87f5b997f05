//! No arguments: the workstation.

use super::{engine, fail};
use crate::tui;
use std::io::IsTerminal;
use std::process::ExitCode;

/// Opens the workstation in this terminal.
pub fn open() -> ExitCode {
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        return fail("the workstation needs a terminal; `porthole --help` lists the commands that do not", 125);
    }
    match tui::run(engine(), tui::Options::default()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string(), 1),
    }
}
