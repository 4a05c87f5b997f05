//! `trace`.

use super::arguments::TraceArgs;
use super::{Failure, Outcome, code};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use porthole_engine::capture::{Journey, Session, TapStatus, Until};
use porthole_engine::runtime::process::ProcessId;
use porthole_engine::trace::Target;
use porthole_engine::{Engine, Error};
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// How long after the command no packet must come for the trace to end.
const QUIET: Duration = Duration::from_millis(300);
/// How many bytes of packets are kept for the file.
const MEMORY: usize = 256 << 20;
/// However busy, it ends so long after the command.
const LONGEST_QUIET: Duration = Duration::from_secs(5);

/// Follows packets and prints their journeys as they end.
pub fn trace(engine: &Engine, arguments: TraceArgs) -> Outcome {
    let target = match (arguments.container, arguments.publish) {
        (Some(name), _) => Target::Container(name),
        (None, Some(port)) => Target::Port(port),
        (None, None) => Target::Published,
    };
    // Blocked before the session starts its threads, so that an interrupt reaches us as something to read.
    let interrupts = catch_interrupts()?;
    let session = engine.trace(&target, MEMORY)?;
    let deadline = arguments.timeout.map(|seconds| Instant::now() + Duration::from_secs_f64(seconds.clamp(0.0, 1e9)));
    let mut printer =
        Printer { session: &session, json: arguments.json, limit: arguments.count, seen: Vec::new(), printed: 0 };
    printer.announce()?;
    let mut exit_code = 0;
    if arguments.command.is_empty() {
        printer.follow(&interrupts, None, deadline)?;
    } else {
        let mut child = start(&arguments.command, arguments.json)?;
        let pidfd = ProcessId::of(child.id().cast_signed()).and_then(|process| process.open());
        printer.follow(&interrupts, Some(pidfd?), deadline)?;
        exit_code = end(&mut child)?;
        session.wait(Until { deadline: Some(Instant::now() + LONGEST_QUIET), idle: Some(QUIET), journeys: None });
        printer.print_complete()?;
    }
    printer.conclude()?;
    if let Some(path) = &arguments.write {
        write(session, path)?;
    }
    Ok(code(exit_code))
}

fn catch_interrupts() -> io::Result<SignalFd> {
    let signals = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]);
    signals.thread_block()?;
    Ok(SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC)?)
}

/// Starts the command. Where standard output is JSON for a program, what the command says goes to standard error.
fn start(words: &[String], json: bool) -> Result<Child, Failure> {
    // Our own name means ourselves, wherever the shell would look for it.
    let program = if words[0] == "porthole" { "/proc/self/exe" } else { &words[0] };
    let mut command = Command::new(program);
    command.args(&words[1..]);
    if json {
        command.stdout(io::stderr().as_fd().try_clone_to_owned()?);
    }
    command.spawn().map_err(|error| {
        let exit_code = if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 };
        Failure::new(format!("{}: {error}", words[0]), exit_code)
    })
}

/// Ends the command if an interrupt or the time-out ended the trace before it; its exit code.
fn end(child: &mut Child) -> io::Result<i32> {
    let status = match child.try_wait()? {
        Some(status) => status,
        None => {
            child.kill()?;
            child.wait()?
        }
    };
    Ok(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default()))
}

fn write(session: Session, path: &Path) -> Result<(), Error> {
    Ok(session.finish().write_pcapng(path)?)
}

/// Prints each journey once, when it has ended.
struct Printer<'a> {
    session: &'a Session,
    json: bool,
    limit: Option<usize>,
    /// Ids of the journeys in the last snapshot that have been printed.
    seen: Vec<u64>,
    printed: usize,
}

impl Printer<'_> {
    /// Prints journeys until enough were printed, the command has ended, the time is over, or the user interrupts.
    fn follow(&mut self, interrupts: &SignalFd, command: Option<OwnedFd>, deadline: Option<Instant>) -> io::Result<()> {
        loop {
            let mut sources = vec![
                PollFd::new(self.session.changes(), PollFlags::POLLIN),
                PollFd::new(interrupts.as_fd(), PollFlags::POLLIN),
            ];
            sources.extend(command.as_ref().map(|command| PollFd::new(command.as_fd(), PollFlags::POLLIN)));
            if poll(&mut sources, time_left(deadline)).map_err(io::Error::from)? == 0 {
                return Ok(());
            }
            let ready: Vec<bool> = sources.iter().map(|source| source.any().unwrap_or(true)).collect();
            self.session.acknowledge();
            self.print_complete()?;
            if self.is_done() || ready[1..].contains(&true) {
                return Ok(());
            }
        }
    }

    fn is_done(&self) -> bool {
        self.limit.is_some_and(|limit| self.printed >= limit)
    }

    fn print_complete(&mut self) -> io::Result<()> {
        let snapshot = self.session.snapshot();
        let complete: Vec<&Journey> =
            snapshot.journeys.iter().filter(|journey| journey.complete).map(AsRef::as_ref).collect();
        let mut out = io::stdout().lock();
        for journey in &complete {
            if !self.is_done() && !self.seen.contains(&journey.id) {
                self.printed += 1;
                self.print(&mut out, journey)?;
            }
        }
        self.seen = complete.iter().map(|journey| journey.id).collect();
        out.flush()
    }

    fn print(&self, out: &mut impl Write, journey: &Journey) -> io::Result<()> {
        if self.json {
            serde_json::to_writer(&mut *out, journey)?;
            return writeln!(out);
        }
        writeln!(out, "#{} {journey}\n", self.printed)
    }

    /// Tells where the taps are.
    fn announce(&self) -> io::Result<()> {
        let taps = &self.session.snapshot().taps;
        let names: Vec<String> = taps.iter().map(place).collect();
        writeln!(io::stderr(), "tapping {}", names.join(", "))
    }

    /// Tells how much was seen, and what was not.
    fn conclude(&self) -> io::Result<()> {
        let snapshot = self.session.snapshot();
        let complete = || snapshot.journeys.iter().filter(|journey| journey.complete);
        let whole = complete().filter(|journey| journey.seen_everywhere()).count();
        let mut err = io::stderr();
        writeln!(err, "{} packets, {whole} seen on every tap", complete().count())?;
        for tap in snapshot.taps.iter().filter(|tap| tap.dropped > 0) {
            writeln!(err, "{} lost {} packets: hops there are unsure", place(tap), tap.dropped)?;
        }
        if snapshot.evicted > 0 {
            writeln!(err, "{} packets made room for newer ones", snapshot.evicted)?;
        }
        if snapshot.lost > 0 {
            writeln!(err, "the kernel lost messages about rules {} times: some rules are missing", snapshot.lost)?;
        }
        match &snapshot.failure {
            Some(reason) => writeln!(err, "connections and rules could not be followed to the end: {reason}"),
            None => Ok(()),
        }
    }
}

fn place(status: &TapStatus) -> String {
    let tap = &status.tap;
    if tap.label == tap.interface { tap.label.clone() } else { format!("{} ({})", tap.label, tap.interface) }
}

fn time_left(deadline: Option<Instant>) -> PollTimeout {
    let Some(deadline) = deadline else { return PollTimeout::NONE };
    let left = deadline.saturating_duration_since(Instant::now());
    // Rounded up: waking a moment early would only mean to poll again.
    PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
}
