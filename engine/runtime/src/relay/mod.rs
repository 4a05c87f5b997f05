//! Between the user's terminal or pipes and a process in a container: what `run`, `attach`, `start -a` and `exec` do
//! while the process runs.
//!
//! [`attach`] relays for a container's init through its monitor, [`exec`] for a process that the caller itself
//! started in the container. Both use the calling process's standard streams and signals, so a process relays once at
//! a time and from its main thread.

mod attached;
mod detach_keys;
mod execed;
mod screen;

pub use detach_keys::{DetachKeys, InvalidDetachKeys};
pub use execed::Execed;

use crate::client::MonitorClient;
use crate::signals::Signals;
use crate::terminal::{RawMode, window_size};
use attached::Attached;
use detach_keys::{Matcher, Typed};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigHandler, Signal, raise};
use nix::unistd::read;
use screen::Screen;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;

/// Signals that mean the user wants something of the process, not of the relay.
const FORWARDED: [Signal; 6] =
    [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGUSR1, Signal::SIGUSR2];
/// Signals that end the relay itself, after which the terminal has to be as it was.
const ENDING: [Signal; 4] = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM];
/// How often the user has to ask for the end of a process that does not heed it, until the relay ends alone.
const INSISTENCE: u32 = 3;
/// How much is read at once.
const READ: usize = 16 * 1024;

/// How to relay.
#[derive(Clone, Debug)]
pub struct Options {
    /// The process runs on a terminal of its own.
    pub terminal: bool,
    /// It gets this process's standard input.
    pub stdin: bool,
    /// Without a terminal: signals that this process gets go to it.
    pub forward_signals: bool,
    /// With a terminal: what the user types to leave it running.
    pub detach_keys: DetachKeys,
}

/// How relaying ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The process has ended with this code, 128 + n for signal n.
    Exited(i32),
    /// The user typed the detach keys; the process goes on.
    Detached,
    /// The monitor is gone. The container may go on: its `state.json` names its init.
    MonitorLost,
}

/// Relays for a container whose monitor `client` is attached to, by [`MonitorClient::attach`] or
/// [`crate::client::Launching::go`]. A broken pipe at standard output or error ends the process as SIGPIPE does.
pub fn attach(client: &mut MonitorClient, options: &Options) -> io::Result<Outcome> {
    relay(&mut Attached::new(client)?, options)
}

/// Relays for a process that [`crate::sandbox::exec`] started, and reaps it; or leaves it running when the user leaves.
pub fn exec(mut process: Execed, options: &Options) -> io::Result<Outcome> {
    let outcome = relay(&mut process, options)?;
    if outcome == Outcome::Detached {
        process.leave()?;
    }
    Ok(outcome)
}

/// The other side: a monitor's connection, or pipes and a pidfd.
trait Peer {
    /// Adds what to poll for. Output may come only while the screen has room for it.
    fn interests<'a>(&'a self, room_for_output: bool, fds: &mut Vec<PollFd<'a>>);

    /// Does what can be done without blocking; the outcome once there is one and all output has been passed on.
    fn work(&mut self, screen: &mut Screen) -> io::Result<Option<Outcome>>;

    /// Whether it has not taken all input yet; no more is read meanwhile.
    fn input_waits(&self) -> bool;

    /// Input from the user.
    fn feed(&mut self, bytes: &[u8]);

    /// The user's input has ended.
    fn end_input(&mut self);

    /// The user's terminal has this size now.
    fn resize(&mut self, columns: u16, rows: u16);

    /// This process got a signal.
    fn signal(&mut self, signal: i32);
}

/// Why the loop ended.
enum End {
    Outcome(Outcome),
    Killed(i32),
}

fn relay(peer: &mut impl Peer, options: &Options) -> io::Result<Outcome> {
    let end = {
        // The signals are caught before the terminal changes and let go after it is as it was.
        let signals = Signals::catch(&caught(options), &[])?;
        let raw = options.terminal && options.stdin && io::stdin().is_terminal();
        let _raw = raw.then(RawMode::enter).transpose()?;
        Relay {
            peer,
            options,
            signals,
            screen: Screen::new(),
            keys: Matcher::new(&options.detach_keys),
            input: options.stdin,
            asked_to_end: 0,
        }
        .run()
    };
    match end {
        Ok(End::Outcome(outcome)) => Ok(outcome),
        // A reader that has left ends this process as it ends any filter.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => die_of(libc::SIGPIPE),
        Ok(End::Killed(signal)) => die_of(signal),
        Err(error) => Err(error),
    }
}

/// Ends the process as the signal would have. The handlers of the relay are gone by now.
fn die_of(signal: i32) -> io::Result<Outcome> {
    let signal = Signal::try_from(signal)?;
    // SAFETY: the default action runs no code of this process.
    unsafe { nix::sys::signal::signal(signal, SigHandler::SigDfl) }?;
    raise(signal)?;
    Err(Errno::EINTR.into())
}

fn caught(options: &Options) -> Vec<Signal> {
    match (options.terminal, options.forward_signals) {
        (true, _) => ENDING.into_iter().chain([Signal::SIGWINCH]).collect(),
        (false, true) => FORWARDED.to_vec(),
        (false, false) => Vec::new(),
    }
}

struct Relay<'a, P> {
    peer: &'a mut P,
    options: &'a Options,
    signals: Signals,
    screen: Screen,
    keys: Matcher<'a>,
    /// Standard input has not ended.
    input: bool,
    /// How many signals that ask for the end were passed on.
    asked_to_end: u32,
}

impl<P: Peer> Relay<'_, P> {
    fn run(mut self) -> io::Result<End> {
        self.pass_size();
        loop {
            if let Some(outcome) = self.peer.work(&mut self.screen)? {
                return Ok(End::Outcome(outcome));
            }
            let ready = self.wait()?;
            if ready.signals
                && let Some(signal) = self.take_signals()
            {
                return Ok(End::Killed(signal));
            }
            if ready.screen {
                self.screen.flush()?;
            }
            if ready.input && self.read_input()? {
                return Ok(End::Outcome(Outcome::Detached));
            }
        }
    }

    fn wait(&self) -> io::Result<Ready> {
        let stdin = io::stdin();
        let takes_input = self.input && !self.peer.input_waits();
        let mut fds = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        fds.extend(takes_input.then(|| PollFd::new(stdin.as_fd(), PollFlags::POLLIN)));
        let screen_at = fds.len();
        self.screen.interests(&mut fds);
        let peer_at = fds.len();
        self.peer.interests(self.screen.is_clear(), &mut fds);
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let any = |fds: &[PollFd]| fds.iter().any(|fd| fd.any().unwrap_or(true));
        Ok(Ready { signals: any(&fds[..1]), input: any(&fds[1..screen_at]), screen: any(&fds[screen_at..peer_at]) })
    }

    /// Acts on signals that came; the one that ends the relay, if any.
    fn take_signals(&mut self) -> Option<i32> {
        while let Some(signal) = self.signals.next() {
            match (signal, self.options.terminal) {
                (libc::SIGWINCH, _) => self.pass_size(),
                (_, true) => return Some(signal),
                (libc::SIGINT | libc::SIGTERM, false) => {
                    self.asked_to_end += 1;
                    if self.asked_to_end >= INSISTENCE {
                        return Some(signal);
                    }
                    self.peer.signal(signal);
                }
                (_, false) => self.peer.signal(signal),
            }
        }
        None
    }

    fn pass_size(&mut self) {
        if self.options.terminal
            && let Some((columns, rows)) = window_size(io::stdout().as_fd())
        {
            self.peer.resize(columns, rows);
        }
    }

    /// Passes on what the user typed; whether that was to leave.
    fn read_input(&mut self) -> io::Result<bool> {
        let mut buffer = [0; READ];
        let bytes = match read(io::stdin(), &mut buffer) {
            Ok(count) => &buffer[..count],
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(false),
            // A terminal that has hung up.
            Err(Errno::EIO) => &[],
            Err(error) => return Err(error.into()),
        };
        if bytes.is_empty() {
            self.input = false;
            self.peer.end_input();
            return Ok(false);
        }
        if !self.options.terminal {
            self.peer.feed(bytes);
            return Ok(false);
        }
        let mut typed = Vec::with_capacity(bytes.len());
        let leaves = self.keys.push(bytes, &mut typed) == Typed::Detach;
        if !typed.is_empty() {
            self.peer.feed(&typed);
        }
        Ok(leaves)
    }
}

/// What poll(2) found, besides the peer, which looks for itself.
struct Ready {
    signals: bool,
    input: bool,
    screen: bool,
}
