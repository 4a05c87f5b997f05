//! `run` and `start`.

use super::arguments::{RunArgs, StartArgs};
use super::{Failure, Outcome, attach, for_each, options, output, pull, warn};
use porthole_engine::{Attachment, Engine};
use std::process::ExitCode;

/// Makes a container, starts it, and stays with it unless told not to.
pub fn run(engine: &Engine, arguments: RunArgs) -> Outcome {
    let RunArgs { detach, attach, detach_keys, sig_proxy, container } = arguments;
    let (interactive, tty, pull) = (container.interactive, container.tty, container.pull.clone());
    if detach && !attach.is_empty() {
        return Err(Failure::new("conflicting options: cannot specify both --attach and --detach", 125));
    }
    let attachment = Attachment { detach_keys, signal_proxy: sig_proxy && !tty, ..streams(&attach, interactive)? };
    if !detach {
        attach::check_terminal(attachment.stdin, tty)?;
    }
    let options = options::create_options(container, !detach && attachment.stdin)?;
    if detach {
        let created = pull::with_image(engine, pull, options, |options| engine.run_detached(options))?;
        warn(&created.warnings);
        output::line(&created.id)?;
        return Ok(ExitCode::SUCCESS);
    }
    if attachment.stdout || attachment.stderr {
        let run = |options| engine.run_attached(options, &attachment);
        return attach::exit_code(pull::with_image(engine, pull, options, run)?);
    }
    // As with Docker, who sees nothing of the container at least learns its id.
    let created = pull::with_image(engine, pull, options, |options| engine.create(options))?;
    warn(&created.warnings);
    output::line(&created.id)?;
    attach::exit_code(engine.start_attached(&created.id, &attachment).map_err(Failure::of_start)?)
}

/// The streams that are named; without names both outputs, and the input if it is to be kept open.
fn streams(names: &[String], interactive: bool) -> Result<Attachment, Failure> {
    if names.is_empty() {
        return Ok(Attachment { stdin: interactive, ..Attachment::default() });
    }
    let mut streams = Attachment { stdout: false, stderr: false, ..Attachment::default() };
    for name in names {
        match name.to_ascii_lowercase().as_str() {
            "stdin" => streams.stdin = true,
            "stdout" => streams.stdout = true,
            "stderr" => streams.stderr = true,
            _ => {
                return Err(Failure::new(
                    format!("invalid stream {name}: valid streams are STDIN, STDOUT and STDERR"),
                    125,
                ));
            }
        }
    }
    Ok(streams)
}

/// Starts containers that exist.
pub fn start(engine: &Engine, arguments: StartArgs) -> Outcome {
    if !arguments.attach && !arguments.interactive {
        return for_each(&arguments.names, |name| engine.start(name).map(|warnings| warn(&warnings)));
    }
    let [name] = &arguments.names[..] else {
        return Err(Failure::new("you cannot start and attach multiple containers at once", 1));
    };
    let container = engine.container(name)?;
    attach::check_terminal(arguments.interactive, container.tty)?;
    let attachment = Attachment {
        stdin: arguments.interactive,
        detach_keys: arguments.detach_keys,
        signal_proxy: !container.tty,
        ..Attachment::default()
    };
    match engine.start_attached(name, &attachment) {
        Ok(finished) => attach::exit_code(finished),
        Err(error) => Ok(super::fail(&error.to_string(), code_of_start(&error))),
    }
}

fn code_of_start(error: &porthole_engine::Error) -> i32 {
    match error.exit_code() {
        125 => 1,
        exit_code => exit_code,
    }
}
