//! Commands that change or list containers as wholes.

use super::arguments::{KillArgs, Names, PsArgs, RenameArgs, RmArgs, StopArgs};
use super::{Failure, Outcome, for_each, output};
use porthole_engine::{ContainerSummary, Engine, Error, units};
use std::process::ExitCode;

/// `stop`.
pub fn stop(engine: &Engine, arguments: StopArgs) -> Outcome {
    for_each(&arguments.names, |name| engine.stop(name, arguments.signal.as_deref(), arguments.timeout))
}

/// `restart`.
pub fn restart(engine: &Engine, arguments: StopArgs) -> Outcome {
    for_each(&arguments.names, |name| engine.restart(name, arguments.signal.as_deref(), arguments.timeout))
}

/// `kill`.
pub fn kill(engine: &Engine, arguments: KillArgs) -> Outcome {
    for_each(&arguments.names, |name| engine.kill(name, &arguments.signal))
}

/// `pause`.
pub fn pause(engine: &Engine, arguments: Names) -> Outcome {
    for_each(&arguments.names, |name| engine.pause(name))
}

/// `unpause`.
pub fn unpause(engine: &Engine, arguments: Names) -> Outcome {
    for_each(&arguments.names, |name| engine.unpause(name))
}

/// `wait`.
pub fn wait(engine: &Engine, arguments: Names) -> Outcome {
    let mut failed = false;
    for name in &arguments.names {
        match engine.wait(name) {
            Ok(exit_code) => output::line(&exit_code.to_string())?,
            Err(error) => {
                eprintln!("porthole: {error}");
                failed = true;
            }
        }
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// `rm`. As with Docker, removing by force what is not there is no failure.
pub fn remove(engine: &Engine, arguments: RmArgs) -> Outcome {
    for_each(&arguments.names, |name| match engine.remove(name, arguments.force) {
        Err(Error::NoSuchContainer(_)) if arguments.force => Ok(()),
        result => result,
    })
}

/// `rename`.
pub fn rename(engine: &Engine, arguments: &RenameArgs) -> Outcome {
    engine.rename(&arguments.container, &arguments.new_name).map_err(Failure::from)?;
    Ok(ExitCode::SUCCESS)
}

/// `ps`.
pub fn list(engine: &Engine, arguments: &PsArgs) -> Outcome {
    let last = if arguments.latest { Some(1) } else { arguments.last };
    let mut containers = engine.containers(arguments.all || last.is_some())?;
    containers.truncate(last.unwrap_or(usize::MAX));
    if arguments.quiet {
        for container in &containers {
            output::line(if arguments.no_trunc { &container.id } else { container.short_id() })?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let now = output::now();
    let rows: Vec<Vec<String>> = containers.iter().map(|container| row(container, now, arguments.no_trunc)).collect();
    output::table(&["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"], &rows)?;
    Ok(ExitCode::SUCCESS)
}

fn row(container: &ContainerSummary, now: i64, whole: bool) -> Vec<String> {
    let (id, command) = if whole {
        (container.id.as_str(), container.command.clone())
    } else {
        (container.short_id(), output::ellipsis(&container.command, 20))
    };
    vec![
        id.to_owned(),
        container.image.clone(),
        format!("\"{}\"", output::plain(&command)),
        format!("{} ago", units::human_duration(now - container.created)),
        container.status_text(now),
        container.ports_text(),
        container.name.clone(),
    ]
}
