//! `kill`: a signal for a container.

use super::{Failure, Outcome, parse_id};
use clap::Args;
use nix::sys::signal::Signal;
use porthole_engine::runtime::oci::{Runtime, Signalled};
use std::process::ExitCode;

// `kill`.
#[derive(Debug, Args)]
pub(super) struct KillArgs {
    /// The container's name
    id: String,
    /// The signal, by name or number
    #[arg(default_value = "SIGTERM")]
    signal: String,
    /// Send it to all processes of the container
    #[arg(short, long)]
    all: bool,
}

pub(super) fn kill(runtime: &Runtime, options: &KillArgs) -> Outcome {
    let container = runtime.container(&parse_id(&options.id)?)?;
    let to = if options.all { Signalled::All } else { Signalled::Init };
    container.kill(parse_signal(&options.signal)?, to)?;
    Ok(ExitCode::SUCCESS)
}

fn parse_signal(text: &str) -> Result<i32, Failure> {
    let name = text.to_ascii_uppercase();
    let name = name.strip_prefix("SIG").unwrap_or(&name);
    let realtime = name.strip_prefix("RTMIN+").and_then(|more| more.parse::<i32>().ok());
    let found = match (name.parse::<i32>(), realtime) {
        (Ok(number), _) => Some(number),
        (_, Some(more)) => Some(libc::SIGRTMIN() + more),
        _ => format!("SIG{name}").parse::<Signal>().ok().map(|signal| signal as i32),
    };
    let valid = found.filter(|number| (0..=libc::SIGRTMAX()).contains(number));
    valid.ok_or_else(|| Failure::new(format!("unknown signal {text:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_names_and_numbers() {
        for (text, number) in [("KILL", 9), ("sigterm", 15), ("SIGUSR1", 10), ("2", 2), ("0", 0)] {
            assert_eq!(parse_signal(text).ok(), Some(number), "{text}");
        }
        assert_eq!(parse_signal("RTMIN+1").ok(), Some(libc::SIGRTMIN() + 1));
        for text in ["", "NOPE", "-1", "99"] {
            assert!(parse_signal(text).is_err(), "{text}");
        }
    }
}
