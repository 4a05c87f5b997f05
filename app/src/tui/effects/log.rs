//! Reads a container's log and follows it.

use super::cancel::Token;
use crate::tui::message::{Generation, Msg};
use crate::tui::source::{LogLine, Since};
use crate::tui::workstation::now;
use porthole_engine::runtime::log::{Entry, Stream};
use porthole_engine::{Engine, LogOptions, Next, Result};
use std::os::fd::AsFd;
use std::time::Duration;
use tokio::sync::mpsc::Sender;

/// Lines of a tail.
const TAIL: usize = 2000;
/// Lines in one message.
const BATCH: usize = 512;
/// A chatty container is heard so often.
const PAUSE: Duration = Duration::from_millis(80);

/// Sends the log's lines until it ends, or until nobody wants them any more.
pub fn follow(
    engine: &Engine,
    container: &str,
    since: Since,
    generation: Generation,
    token: &Token,
    messages: &Sender<Msg>,
) -> Result<()> {
    let mut reader = engine.logs(container, &options(since))?;
    let mut lines = Lines::default();
    // That there is nothing yet is an answer too.
    if !reader.has_more()? && messages.blocking_send(Msg::Log(generation, Vec::new())).is_err() {
        return Ok(());
    }
    loop {
        let ended = match reader.next_entry(Some(token.as_fd()))? {
            Next::Entry(entry) => {
                lines.add(entry);
                false
            }
            Next::End => true,
            Next::Cancelled => return Ok(()),
        };
        let drained = ended || !reader.has_more()?;
        if (drained || lines.whole.len() >= BATCH) && !send(&mut lines, ended, generation, messages) {
            return Ok(());
        }
        if ended || (drained && !token.sleep(PAUSE)) {
            return Ok(());
        }
    }
}

pub fn options(since: Since) -> LogOptions {
    let minutes = |minutes: u16| now() - i64::from(minutes) * 60 * 1_000_000_000;
    let all = LogOptions { follow: true, ..LogOptions::default() };
    match since {
        Since::Tail => LogOptions { tail: Some(TAIL), ..all },
        Since::Head => all,
        Since::Minutes(count) => LogOptions { since: Some(minutes(count)), ..all },
    }
}

/// Sends the lines that are whole, at the end also one that is not; whether somebody still listens.
fn send(lines: &mut Lines, ended: bool, generation: Generation, messages: &Sender<Msg>) -> bool {
    if ended {
        lines.end();
    }
    let whole = std::mem::take(&mut lines.whole);
    whole.is_empty() || messages.blocking_send(Msg::Log(generation, whole)).is_ok()
}

/// Lines put together from records: a long line makes several, of which only the last ends in a line feed.
#[derive(Default)]
pub struct Lines {
    pub whole: Vec<LogLine>,
    /// What has begun on standard output and standard error.
    begun: [Option<LogLine>; 2],
}

/// A line is cut here, or one without end would take all memory.
const LONGEST: usize = 1 << 20;

impl Lines {
    /// Nothing follows: what has begun is a line, too.
    pub fn end(&mut self) {
        self.whole.extend(self.begun.iter_mut().filter_map(Option::take));
    }

    pub fn add(&mut self, entry: Entry) {
        let stderr = entry.stream == Stream::Stderr;
        let begun = &mut self.begun[usize::from(stderr)];
        let line = begun.get_or_insert_with(|| LogLine {
            time: i64::try_from(entry.time.as_nanosecond()).unwrap_or(i64::MAX),
            stderr,
            text: String::new(),
        });
        let ends = entry.message.ends_with('\n');
        line.text.push_str(entry.message.trim_end_matches(['\r', '\n']));
        if ends || line.text.len() >= LONGEST {
            self.whole.extend(begun.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(stream: Stream, message: &str) -> Entry {
        Entry { stream, time: "2025-01-01T00:00:00Z".parse().expect("a time"), message: message.to_owned() }
    }

    #[test]
    fn pieces_become_lines_and_streams_do_not_mix() {
        let mut lines = Lines::default();
        lines.add(entry(Stream::Stdout, "one, "));
        lines.add(entry(Stream::Stderr, "error\r\n"));
        lines.add(entry(Stream::Stdout, "two\n"));
        let texts: Vec<(&str, bool)> = lines.whole.iter().map(|line| (line.text.as_str(), line.stderr)).collect();
        assert_eq!(texts, [("error", true), ("one, two", false)]);
    }
}
