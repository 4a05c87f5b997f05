//! `events`: what a container uses.

use super::{Failure, Outcome, parse_id};
use clap::Args;
use porthole_engine::runtime::oci::Runtime;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

// `events`.
#[derive(Debug, Args)]
pub(super) struct EventsArgs {
    /// The container's name
    id: String,
    /// Show what it uses now, and end
    #[arg(long)]
    stats: bool,
    /// How often to show it
    #[arg(long, value_name = "DURATION", default_value = "5s")]
    interval: String,
}

pub(super) fn events(runtime: &Runtime, options: &EventsArgs) -> Outcome {
    let interval = parse_duration(&options.interval)?;
    let container = runtime.container(&parse_id(&options.id)?)?;
    let mut stdout = std::io::stdout();
    if options.stats {
        writeln!(stdout, "{}", container.usage()?.line())?;
        return Ok(ExitCode::SUCCESS);
    }
    for event in container.events(interval)? {
        writeln!(stdout, "{}", event?.line())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Go's form, like `1.5s` or `100ms`.
fn parse_duration(text: &str) -> Result<Duration, Failure> {
    let units = [("ms", 0.001), ("us", 0.000_001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
    let seconds = units.iter().find_map(|(unit, seconds)| {
        let number = text.strip_suffix(unit)?.parse::<f64>().ok()?;
        Some(number * seconds)
    });
    let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration.filter(|duration| !duration.is_zero()).ok_or_else(|| {
        Failure::new(format!("duration interval must be greater than 0, like 5s or 100ms, not {text:?}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_gos() {
        assert_eq!(parse_duration("100ms").ok(), Some(Duration::from_millis(100)));
        assert_eq!(parse_duration("1.5s").ok(), Some(Duration::from_millis(1500)));
        for wrong in ["", "5", "0s", "-1s", "s"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }
}
