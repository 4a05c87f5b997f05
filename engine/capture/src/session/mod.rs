//! A live session: taps, netlink and correlation, each on a thread of its own.
//!
//! The capture thread polls all taps, the netlink thread polls its socket, and the correlator thread joins what both send.
//! All three sleep while nothing happens. Readers get snapshots and never wait for a thread.

mod capture;
mod control;
mod correlator;
mod listener;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, eventfd};

use crate::connection::Connection;
use crate::correlate::{Budget, Correlator, Event, Interest, Place};
use crate::error::Error;
use crate::focus::{Focus, filter};
use crate::journey::{Journey, Tap};
use crate::listen::Listener;
use crate::probe::Probe;
use crate::recording::{Recording, Written};
use crate::tap::{Captured, Limits, Netns, OpenTap, TapSpec, open_all};
use control::Control;

/// What a session does.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// Where packets are seen, in the order in which one from outside passes.
    pub taps: Vec<TapSpec>,
    /// Which connections are of interest. None at all means everything, which is then not traced through the rules.
    pub focus: Vec<Focus>,
    /// The namespace whose conntrack and nftables are watched.
    pub host_netns: Netns,
    /// Whether rules are traced, which takes a table of trace rules in that namespace.
    pub trace_rules: bool,
    /// How many packets a second each trace rule traces at most.
    pub trace_rate: u32,
    /// Whether ARP is shown.
    pub arp: bool,
    /// How many bytes of each frame are kept.
    pub snaplen: u32,
    /// Size of each tap's ring in the kernel, in bytes.
    pub ring: u32,
    /// How many bytes all journeys may take; then the oldest go.
    pub memory: usize,
    /// How many packets all journeys may have; then the oldest go.
    pub packets: usize,
}

impl SessionConfig {
    /// The usual limits.
    pub fn new(taps: Vec<TapSpec>, focus: Vec<Focus>, host_netns: Netns) -> Self {
        SessionConfig {
            taps,
            focus,
            host_netns,
            trace_rules: true,
            trace_rate: 1000,
            arp: false,
            snaplen: 2048,
            ring: 2 << 20,
            memory: 256 << 20,
            packets: 2_000_000,
        }
    }
}

/// What is known at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Counts the snapshots of a session.
    pub version: u64,
    /// The journeys, oldest first.
    pub journeys: Vec<Arc<Journey>>,
    /// The connections in focus, oldest first.
    pub connections: Vec<Arc<Connection>>,
    /// The taps, in the order of [`SessionConfig::taps`].
    pub taps: Vec<TapStatus>,
    /// How many journeys are complete, including those that had to go.
    pub completed: u64,
    /// How many journeys had to make room for newer ones.
    pub evicted: u64,
    /// How often the kernel lost messages about connections and rules because they came too fast.
    pub lost: u64,
    /// Why the session can no longer follow connections and rules, if so.
    pub failure: Option<String>,
}

/// A tap and its counters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TapStatus {
    /// The tap.
    pub tap: Tap,
    /// Packets that passed its filter.
    pub received: u64,
    /// Packets lost because the ring was full.
    pub dropped: u64,
    /// Why it was closed, if it was.
    pub closed: Option<String>,
}

/// What [`Session::wait`] waits for: whichever comes first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Until {
    /// This many complete journeys.
    pub journeys: Option<u64>,
    /// This moment.
    pub deadline: Option<Instant>,
    /// No packet for this long from the call on, and no journey still open.
    pub idle: Option<Duration>,
}

/// Why [`Session::wait`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// There are as many journeys.
    Journeys,
    /// The moment has come.
    Deadline,
    /// Nothing has happened for so long.
    Idle,
}

/// What the threads tell the correlator.
enum Input {
    Packets(Vec<Captured>),
    Events(Vec<Event>),
    /// The counters of a tap, and between which times it lost packets if it did.
    Counters {
        tap: usize,
        received: u64,
        dropped: u64,
        lost: Option<(u64, u64)>,
    },
    Closed {
        tap: usize,
        reason: String,
    },
    ListenerFailed(String),
    /// All that was there when it was asked has been sent.
    CaughtUp(Reader),
    Finish,
}

/// A thread that reads from the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    Capture,
    Listener,
}

/// What is shared between the correlator and readers.
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// Readable when there is a snapshot that nobody has looked at.
    notify: OwnedFd,
}

struct State {
    snapshot: Arc<Snapshot>,
    /// When something last came in.
    active: Instant,
    /// Whether no journey can still grow and the snapshot has them all.
    settled: bool,
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // Nothing in this lock can be left half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running session. Dropping it stops the threads, closes the taps and removes the trace rules.
pub struct Session {
    shared: Arc<Shared>,
    inputs: Sender<Input>,
    capture: Option<(Control, JoinHandle<()>)>,
    listener: Option<(Control, JoinHandle<()>)>,
    correlator: Option<JoinHandle<()>>,
    probe: Option<Probe>,
    written: Vec<Written>,
    snaplen: u32,
}

impl Session {
    /// Starts a session: subscribes, opens the taps, reads the connections that exist, and adds the trace rules, in this
    /// order, so that nothing is missed that happens after it returns.
    pub fn start(config: SessionConfig) -> Result<Self, Error> {
        const MOST_TAPS: usize = 64;
        if config.taps.len() > MOST_TAPS {
            return Err(Error::TooManyTaps(config.taps.len()));
        }
        let mut listener = config.host_netns.visit(Listener::open)??;
        let filters: Vec<String> =
            config.taps.iter().map(|spec| filter(&config.focus, spec.kind, config.arp)).collect();
        let limits = Limits { snaplen: config.snaplen, ring: config.ring };
        let taps = open_all(&config.taps, &filters, limits)?;
        let written = |(filter, tap): (String, &OpenTap)| Written { filter, link: tap.link };
        let written: Vec<Written> = filters.into_iter().zip(&taps).map(written).collect();
        let connections = listener.connections()?;
        let probe = match config.trace_rules && !config.focus.is_empty() {
            true => {
                let set = || Probe::set(&config.focus, config.trace_rate);
                Some(config.host_netns.visit(set)?.map_err(Error::TraceRules)?)
            }
            false => None,
        };

        let names: Arc<[Tap]> = config.taps.iter().map(TapSpec::tap).collect();
        let places = config.taps.iter().map(|spec| Place { kind: spec.kind, addresses: spec.addresses.clone() });
        let budget = Budget { bytes: config.memory, packets: config.packets };
        let interest = Interest { focus: config.focus, arp: config.arp };
        let correlator = Correlator::new(Arc::clone(&names), places.collect(), interest, budget);
        let shared = Arc::new(Shared {
            state: Mutex::new(State { snapshot: first_snapshot(&names), active: Instant::now(), settled: true }),
            changed: Condvar::new(),
            notify: event_descriptor()?,
        });

        let (inputs, received) = channel();
        // Dropping a half-made session stops the threads that run already.
        let mut session = Session {
            shared: Arc::clone(&shared),
            inputs: inputs.clone(),
            capture: None,
            listener: None,
            correlator: None,
            probe,
            written,
            snaplen: config.snaplen,
        };
        // The session may already have ended if this fails, and then nobody is interested.
        let _ = inputs.send(Input::Events(connections));
        let (capturing, listening) = (Control::new(event_descriptor()?), Control::new(event_descriptor()?));
        let readers = vec![(Reader::Capture, capturing.clone()), (Reader::Listener, listening.clone())];
        let thread = spawn("correlator", move || correlator::run(correlator, received, readers, &shared))?;
        session.correlator = Some(thread);
        let thread = spawn("capture", {
            let (control, inputs) = (capturing.clone(), inputs.clone());
            move || capture::run(taps, &control, &inputs)
        })?;
        session.capture = Some((capturing, thread));
        let thread = spawn("netfilter", {
            let control = listening.clone();
            move || listener::run(listener, &control, &inputs)
        })?;
        session.listener = Some((listening, thread));
        Ok(session)
    }

    /// What is known now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.shared.state().snapshot)
    }

    /// An event descriptor that becomes readable with each new snapshot; see [`acknowledge`](Session::acknowledge).
    pub fn changes(&self) -> BorrowedFd<'_> {
        self.shared.notify.as_fd()
    }

    /// Makes [`changes`](Session::changes) unreadable until the next snapshot. To be called before
    /// [`snapshot`](Session::snapshot), so that none is missed.
    pub fn acknowledge(&self) {
        // An event descriptor that was not signalled says EAGAIN, which is just as good.
        let _ = rustix::io::read(&self.shared.notify, &mut [0u8; 8]);
    }

    /// Waits.
    pub fn wait(&self, until: Until) -> Waited {
        // What was sent just before the call may still be on its way through the threads.
        let begun = Instant::now();
        let mut state = self.shared.state();
        loop {
            let now = Instant::now();
            if until.journeys.is_some_and(|count| state.snapshot.completed >= count) {
                return Waited::Journeys;
            }
            if until.deadline.is_some_and(|deadline| now >= deadline) {
                return Waited::Deadline;
            }
            let idle = until.idle.map(|idle| state.active.max(begun) + idle);
            if state.settled && idle.is_some_and(|idle| now >= idle) {
                return Waited::Idle;
            }
            let idle = idle.filter(|_| state.settled);
            let next = [until.deadline, idle].into_iter().flatten().min();
            state = match next {
                Some(next) => {
                    let waited = self.shared.changed.wait_timeout(state, next.saturating_duration_since(now));
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Closes a tap, for instance because its container has ended: an open one keeps the container's network alive.
    pub fn close_tap(&self, tap: usize) {
        if let Some((control, _)) = &self.capture {
            control.close(tap);
        }
    }

    /// What has been recorded so far; the last journeys may still grow.
    pub fn recording(&self) -> Recording {
        Recording::new(self.snapshot(), self.written.clone(), self.snaplen)
    }

    /// Ends the session with all that it has recorded.
    pub fn finish(mut self) -> Recording {
        self.stop();
        self.recording()
    }

    /// Stops the threads in the order of the data: what the taps and the socket still hold is read first.
    fn stop(&mut self) {
        if let Some((control, thread)) = self.capture.take() {
            control.stop();
            join(thread);
        }
        if let Some((control, thread)) = self.listener.take() {
            control.stop();
            join(thread);
        }
        self.probe = None;
        if let Some(thread) = self.correlator.take() {
            // If the correlator is gone already there is nobody to tell.
            let _ = self.inputs.send(Input::Finish);
            join(thread);
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.stop();
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("taps", &self.written).finish_non_exhaustive()
    }
}

fn first_snapshot(taps: &[Tap]) -> Arc<Snapshot> {
    let status = |tap: &Tap| TapStatus { tap: tap.clone(), received: 0, dropped: 0, closed: None };
    Arc::new(Snapshot { taps: taps.iter().map(status).collect(), ..Snapshot::default() })
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Error> {
    std::thread::Builder::new().name(name.into()).spawn(work).map_err(Error::Start)
}

fn join(thread: JoinHandle<()>) {
    if let Err(panic) = thread.join()
        && !std::thread::panicking()
    {
        std::panic::resume_unwind(panic);
    }
}

fn event_descriptor() -> Result<OwnedFd, Error> {
    eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(|error| Error::Start(error.into()))
}

/// Makes an event descriptor readable.
fn signal(fd: &OwnedFd) {
    // It can only fail when the counter is full, and then the descriptor is readable.
    let _ = rustix::io::write(fd, &1u64.to_ne_bytes());
}
