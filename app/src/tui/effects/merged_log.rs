//! Reads the logs of several containers and follows them, as one that is in the order of time.

use super::cancel::Token;
use super::log::{Lines, options};
use crate::tui::message::{Generation, LogSource, Msg};
use crate::tui::source::{LogLine, Since};
use porthole_engine::{Engine, Next, Result};
use std::os::fd::AsFd;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Sender;

/// Lines that one container may be ahead of the others.
const AHEAD: usize = 512;
/// Lines of all that has been said already: as many as the log that is looked at keeps.
const KEPT: usize = 10_000;
/// What is said within this span is put in order.
const PAUSE: Duration = Duration::from_millis(80);
/// Readers do little.
const STACK: usize = 256 * 1024;

/// What a reader has to tell.
enum Part {
    Line(LogLine),
    /// It has told all that was there when it began.
    CaughtUp,
    /// It cannot read.
    Failed(String),
}

/// Sends the lines of all until all have ended, or until nobody wants them any more.
pub fn follow(
    engine: &Engine,
    sources: Vec<LogSource>,
    since: Since,
    generation: Generation,
    token: Token,
    messages: &Sender<Msg>,
) -> std::result::Result<(), String> {
    let (sender, parts) = sync_channel(AHEAD);
    let (sources, token) = (&sources, &token);
    thread::scope(|scope| {
        for source in sources {
            let sender = sender.clone();
            let read = move || {
                if let Err(error) = read(engine, source, since, token, &sender) {
                    let _ = sender.send(Part::Failed(error.to_string()));
                }
            };
            let reader = thread::Builder::new().name("log".to_owned()).stack_size(STACK);
            reader.spawn_scoped(scope, read).map_err(|error| format!("cannot start a thread: {error}"))?;
        }
        drop(sender);
        merge(parts, sources.len(), generation, messages)
    })
}

/// Tells the lines of one container, each behind its prefix.
fn read(engine: &Engine, source: &LogSource, since: Since, token: &Token, sender: &SyncSender<Part>) -> Result<()> {
    let mut reader = engine.logs(&source.container, &options(since))?;
    let mut lines = Lines::default();
    let mut caught_up = false;
    for count in 0.. {
        if !caught_up && !reader.has_more()? {
            caught_up = true;
            if sender.send(Part::CaughtUp).is_err() {
                return Ok(());
            }
        }
        if count % AHEAD == 0 && !token.sleep(Duration::ZERO) {
            return Ok(());
        }
        let ended = match reader.next_entry(Some(token.as_fd()))? {
            Next::Entry(entry) => {
                lines.add(entry);
                false
            }
            Next::End => {
                lines.end();
                true
            }
            Next::Cancelled => return Ok(()),
        };
        for line in lines.whole.drain(..) {
            let line = LogLine { text: format!("{}{}", source.prefix, line.text), ..line };
            if sender.send(Part::Line(line)).is_err() {
                return Ok(());
            }
        }
        if ended {
            break;
        }
    }
    if !caught_up {
        // Nobody is left who would miss it.
        let _ = sender.send(Part::CaughtUp);
    }
    Ok(())
}

/// First what has been said already, in order; then what is said, a little late and in order. The problem of a reader.
fn merge(
    parts: Receiver<Part>,
    readers: usize,
    generation: Generation,
    messages: &Sender<Msg>,
) -> std::result::Result<(), String> {
    let (mut lines, mut behind, mut problem) = (Vec::new(), readers, Ok(()));
    // Readers that were cancelled hang up without a word.
    while behind > 0
        && let Ok(part) = parts.recv()
    {
        match part {
            Part::Line(line) => lines.push(line),
            Part::CaughtUp => behind -= 1,
            Part::Failed(why) => {
                problem = Err(why);
                behind -= 1;
            }
        }
        if lines.len() >= 2 * KEPT {
            lines.sort_by_key(|line: &LogLine| line.time);
            lines.drain(..lines.len() - KEPT);
        }
    }
    loop {
        lines.sort_by_key(|line| line.time);
        if messages.blocking_send(Msg::Log(generation, std::mem::take(&mut lines))).is_err() {
            return problem;
        }
        match parts.recv() {
            Ok(part) => take(part, &mut lines, &mut problem),
            Err(_) => return problem,
        }
        let end = Instant::now() + PAUSE;
        while lines.len() < AHEAD {
            match parts.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(part) => take(part, &mut lines, &mut problem),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
    }
}

fn take(part: Part, lines: &mut Vec<LogLine>, problem: &mut std::result::Result<(), String>) {
    match part {
        Part::Line(line) => lines.push(line),
        Part::CaughtUp => {}
        Part::Failed(why) => *problem = Err(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(time: i64) -> LogLine {
        LogLine { time, stderr: false, text: time.to_string() }
    }

    #[test]
    fn what_was_said_before_comes_in_order_once_all_have_told_it() {
        let (sender, parts) = sync_channel(AHEAD);
        let (messages, mut inbox) = tokio::sync::mpsc::channel(9);
        let merging = thread::spawn(move || merge(parts, 2, Generation(1), &messages));
        for part in [Part::Line(line(3)), Part::Line(line(9)), Part::CaughtUp, Part::Line(line(5))] {
            sender.send(part).expect("somebody listens");
        }
        sender.send(Part::CaughtUp).expect("somebody listens");
        let times = |message: Option<Msg>| match message {
            Some(Msg::Log(Generation(1), lines)) => lines.iter().map(|line| line.time).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        assert_eq!(times(inbox.blocking_recv()), [3, 5, 9]);
        for part in [Part::Line(line(12)), Part::Line(line(11)), Part::Failed("gone".into())] {
            sender.send(part).expect("somebody listens");
        }
        drop(sender);
        assert_eq!(times(inbox.blocking_recv()), [11, 12]);
        assert_eq!(merging.join().expect("no panic"), Err("gone".to_owned()));
    }
}
