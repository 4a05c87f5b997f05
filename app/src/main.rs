//! porthole: a terminal workstation for containers.
//!
//! One binary with several faces: the workstation (no arguments), the command line, and the small processes that stay
//! with each container.

mod cli;
mod tui;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    if executes_commands(std::env::args_os())
        && let Err(error) = porthole_engine::runtime::program::seal()
    {
        return cli::fail(&format!("cannot keep this program out of the reach of containers: {error}"), 125);
    }
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    let called =
        cli::runtime::NAMES.into_iter().find(|own| Path::new(&name).file_name().is_some_and(|name| name == *own));
    if let Some(name) = called {
        return cli::runtime::run(name, arguments);
    }
    let arguments: Vec<OsString> = arguments.collect();
    match arguments.first().and_then(|word| word.to_str()) {
        None => cli::workstation::open(),
        Some("runtime") => cli::runtime::run(cli::runtime::NAME, arguments.into_iter().skip(1)),
        Some("monitor") => cli::internal::monitor(&arguments[1..]),
        Some("cleanup") => cli::internal::cleanup(&arguments[1..]),
        Some("build-step") => cli::internal::build_step(),
        Some("sweep") => cli::internal::sweep(),
        Some("session") => match cli::internal::become_session_leader() {
            Ok(()) => cli::run(arguments.into_iter().skip(1)),
            Err(error) => cli::fail(&format!("session: {error}"), 125),
        },
        Some(_) => cli::run(arguments.into_iter()),
    }
}

/// Whether this process may become the parent of a container's command. More than do are no harm.
fn executes_commands(mut arguments: impl Iterator<Item = OsString>) -> bool {
    let called_runtime = arguments.next().is_some_and(|name| is_named(&name, &cli::runtime::NAMES));
    let words: Vec<OsString> = arguments.collect();
    let is_said = |own: &[&str]| words.iter().any(|word| own.iter().any(|own| word == own));
    match words.first().and_then(|word| word.to_str()) {
        // The workstation opens shells in containers, and projects have hooks there.
        None | Some("monitor" | "build-step" | "compose") => true,
        first if called_runtime || first == Some("runtime") => is_said(&["create", "exec", "run"]),
        Some(_) => is_said(&["exec"]),
    }
}

fn is_named(name: &OsString, names: &[&str]) -> bool {
    Path::new(name).file_name().is_some_and(|name| names.iter().any(|own| name == *own))
}

#[cfg(test)]
mod tests {
    use super::executes_commands;

    #[test]
    fn whoever_may_execute_a_containers_command_is_known() {
        let is_one = |line: &str| executes_commands(line.split(' ').map(Into::into));
        for line in [
            "porthole",
            "porthole exec web sh",
            "porthole container exec web sh",
            "porthole monitor /containers/web",
            "porthole build-step",
            "porthole compose up -d",
            "porthole runtime --root /run/x create web",
            "/usr/bin/porthole-runtime run web",
        ] {
            assert!(is_one(line), "{line}");
        }
        for line in ["porthole run web", "porthole ps", "porthole runtime state web", "porthole-runtime kill web"] {
            assert!(!is_one(line), "{line}");
        }
    }
}
