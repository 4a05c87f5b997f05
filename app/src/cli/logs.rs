//! `logs`.

use super::arguments::LogsArgs;
use super::{Failure, Outcome, output};
use porthole_engine::runtime::log::Stream;
use porthole_engine::{Engine, LogOptions, Next, units};
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

/// Prints what a container has said, and what it goes on to say.
pub fn logs(engine: &Engine, arguments: LogsArgs) -> Outcome {
    let usage = |message: String| Failure::new(message, 1);
    let now = output::now();
    let time = |text: Option<&str>| text.map(|text| units::parse_time(text, now)).transpose().map_err(usage);
    let options = LogOptions {
        follow: arguments.follow,
        tail: tail(&arguments.tail).map_err(usage)?,
        since: time(arguments.since.as_deref())?,
        until: time(arguments.until.as_deref())?,
    };
    let mut stdout = BufWriter::with_capacity(1 << 16, io::stdout());
    let mut stderr = io::stderr();
    let mut reader = engine.logs(&arguments.container, &options)?;
    loop {
        // Before we wait for more, what we have must be seen.
        if !reader.has_more()? {
            stdout.flush()?;
        }
        let Next::Entry(entry) = reader.next_entry(None)? else { break };
        let to: &mut dyn Write = match entry.stream {
            Stream::Stdout => &mut stdout,
            Stream::Stderr => {
                // The two streams keep their order when both end in one terminal.
                stdout.flush()?;
                &mut stderr
            }
        };
        if arguments.timestamps {
            write!(to, "{:.9} ", entry.time)?;
        }
        to.write_all(entry.message.as_bytes())?;
    }
    stdout.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// `--tail`: how many lines, or all.
pub fn tail(text: &str) -> Result<Option<usize>, String> {
    match text {
        "all" | "" => Ok(None),
        // Docker reads a negative number as all.
        _ if text.starts_with('-') => Ok(None),
        _ => {
            text.parse().map(Some).map_err(|_| format!("invalid value \"{text}\" for --tail: not a number, nor 'all'"))
        }
    }
}
