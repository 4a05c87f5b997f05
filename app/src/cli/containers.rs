//! Commands that change containers as wholes.

use super::arguments::{KillArgs, Names, RenameArgs, RmArgs, StopArgs};
use super::{Failure, Outcome, for_each, for_each_at_once, output, sweep, warn};
use porthole_engine::{Engine, Error, RemoveOptions};
use std::process::ExitCode;

/// `stop`.
pub fn stop(engine: &Engine, arguments: StopArgs) -> Outcome {
    for_each_at_once(&arguments.names, |name| engine.stop(name, arguments.signal.as_deref(), arguments.timeout))
}

/// `restart`.
pub fn restart(engine: &Engine, arguments: StopArgs) -> Outcome {
    for_each(&arguments.names, |name| {
        engine.restart(name, arguments.signal.as_deref(), arguments.timeout).map(|warnings| warn(&warnings))
    })
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

/// `resume`.
pub fn resume(engine: &Engine) -> Outcome {
    for_each(&engine.to_resume()?, |name| engine.start(name).map(|warnings| warn(&warnings)))
}

/// `rm`. As with Docker, removing by force what is not there is no failure.
pub fn remove(engine: &Engine, arguments: RmArgs) -> Outcome {
    let options = RemoveOptions { force: arguments.force, volumes: arguments.volumes };
    let outcome = for_each_at_once(&arguments.names, |name| match engine.remove(name, options) {
        Err(Error::NoSuchContainer(_)) if arguments.force => Ok(()),
        result => result,
    });
    sweep(engine);
    outcome
}

/// `rename`.
pub fn rename(engine: &Engine, arguments: &RenameArgs) -> Outcome {
    engine.rename(&arguments.container, &arguments.new_name).map_err(Failure::from)?;
    Ok(ExitCode::SUCCESS)
}
