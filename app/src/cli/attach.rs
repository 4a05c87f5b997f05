//! `attach`, and what it shares with `run`, `start` and `exec`.

use super::arguments::AttachArgs;
use super::{Failure, Outcome, code};
use porthole_engine::{Attachment, Engine, Finished};
use std::io::IsTerminal;
use std::process::ExitCode;

/// Joins the streams of a running container.
pub fn attach(engine: &Engine, arguments: AttachArgs) -> Outcome {
    let container = engine.container(&arguments.container)?;
    let stdin = !arguments.no_stdin;
    check_terminal(stdin, container.tty)?;
    let attachment = Attachment {
        stdin,
        detach_keys: arguments.detach_keys,
        signal_proxy: arguments.sig_proxy && !container.tty,
        ..Attachment::default()
    };
    exit_code(engine.attach(&arguments.container, &attachment)?)
}

/// A terminal inside needs one outside to be typed at.
pub fn check_terminal(interactive: bool, tty: bool) -> Result<(), Failure> {
    if interactive && tty && !std::io::stdin().is_terminal() {
        return Err(Failure::new("the input device is not a TTY: leave out -t, or run this in a terminal", 1));
    }
    Ok(())
}

/// What our own exit code is after the streams have ended.
pub fn exit_code(finished: Finished) -> Outcome {
    match finished {
        Finished::Exited(exit_code) => Ok(code(exit_code)),
        Finished::Detached => Ok(ExitCode::SUCCESS),
        Finished::MonitorLost => Err(Failure::new(
            "the container's monitor was killed: it may still run, but its output is no longer kept; `porthole restart` brings both back",
            125,
        )),
    }
}
