//! `lab`.

use super::arguments::{LabAction, LabArgs};
use super::{Outcome, output};
use porthole_engine::lab::{self, Status};
use porthole_engine::{Engine, Result};
use std::process::ExitCode;

/// Makes, uses, shows or removes the lab.
pub fn lab(engine: &Engine, arguments: &LabArgs) -> Outcome {
    match arguments.action {
        LabAction::Up => {
            print(&engine.lab_up()?)?;
            output::line("Now follow a request on its way: porthole trace -- porthole lab send")?;
        }
        LabAction::Send => {
            let answer = engine.lab_send()?;
            output::line(&format!("{} → {}  {}, {} bytes", answer.from, answer.to, answer.status, answer.body))?;
        }
        LabAction::Status => return status(engine.lab_status()),
        LabAction::Down => engine.lab_down()?,
    }
    Ok(ExitCode::SUCCESS)
}

fn status(status: Result<Status>) -> Outcome {
    let status = status?;
    print(&status)?;
    let running = status.container.as_ref().is_some_and(|container| container.is_running());
    let whole = status.image && running && status.outside.is_some();
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(status: &Status) -> std::io::Result<()> {
    let now = output::now();
    output::line(&format!("image      {}", if status.image { lab::IMAGE } else { "-" }))?;
    output::line(&match &status.container {
        Some(container) => {
            let address = container.address.map_or_else(|| "-".to_owned(), |address| address.to_string());
            format!(
                "container  {}  {}  {}  {}",
                container.name,
                address,
                container.status_text(now),
                container.ports_text()
            )
        }
        None => "container  -".to_owned(),
    })?;
    output::line(&match &status.outside {
        Some(outside) => format!(
            "outside    {}  joined to {} ({})  in {}",
            outside.address,
            outside.host_interface,
            outside.host_address,
            outside.netns_path.display()
        ),
        None => "outside    -".to_owned(),
    })
}
