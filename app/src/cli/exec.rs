//! `exec`.

use super::arguments::ExecArgs;
use super::{Failure, Outcome, attach, files};
use porthole_engine::{Engine, Error, ExecOptions};
use std::process::ExitCode;

/// Runs a command in a running container.
pub fn exec(engine: &Engine, arguments: ExecArgs) -> Outcome {
    if !arguments.detach {
        attach::check_terminal(arguments.interactive, arguments.tty)?;
    }
    let options = ExecOptions {
        command: arguments.command,
        env: files::environment(&arguments.env_file, &arguments.env)?,
        user: arguments.user,
        working_dir: arguments.workdir,
        privileged: arguments.privileged,
        tty: arguments.tty,
        stdin: arguments.interactive,
        detach_keys: arguments.detach_keys,
    };
    if arguments.detach {
        engine.exec_detached(&arguments.container, &options).map_err(of_exec)?;
        return Ok(ExitCode::SUCCESS);
    }
    attach::exit_code(engine.exec(&arguments.container, &options).map_err(of_exec)?)
}

/// A command that is not there ends with 127, one that cannot be run with 126, all else with 1.
pub fn of_exec(error: Error) -> Failure {
    let exit_code = match error.exit_code() {
        125 => 1,
        exit_code => exit_code,
    };
    Failure { exit_code, ..Failure::from(error) }
}
