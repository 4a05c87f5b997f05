//! The monitor's loop: one poll(2) over everything that can happen to a container.

use super::container::{KeptNetwork, Prepared, Running};
use super::health::Health;
use super::listener::Listener;
use super::peer::Peer;
use super::restart::Restarts;
use super::service;
use super::turn::Turn;
use super::{MonitorConfig, memory};
use crate::cgroup::OomWatch;
use crate::log::{Stream, Writer};
use crate::process::ProcessId;
use crate::signals::Signals;
use crate::state::{self, State};
use crate::streams::{Chunk, Streams};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// How much of an output is read at once.
const READ: usize = 32 * 1024;
/// How much is read at most after the end: a process outside of the container may hold an output open and never stop.
const LAST_READS: usize = 64;
/// How long the container has to stop when the monitor itself is asked to.
const GRACE: Duration = Duration::from_secs(10);
/// How long the monitor waits for the question of a client that connected before the end.
const PARTING: Duration = Duration::from_secs(1);

/// Everything a monitor keeps.
pub(super) struct Supervisor {
    pub(super) config: MonitorConfig,
    pub(super) begin_service: service::Begin,
    pub(super) state: State,
    pub(super) phase: Phase,
    pub(super) restarts: Restarts,
    /// When a container that was asked to stop is killed.
    pub(super) kill_at: Option<Instant>,
    /// When the monitor gives back what starting the container took.
    pub(super) settle_at: Option<Instant>,
    pub(super) peers: Vec<Peer>,
    pub(super) listener: Option<Listener>,
    /// Until the container has ended for good.
    pub(super) turn: Option<Turn>,
    signals: Signals,
    log: Option<Writer>,
    pub(super) network: Option<KeptNetwork>,
    pub(super) health: Option<Health>,
    pub(super) oom_watch: Option<OomWatch>,
    /// When it is looked whether memory that was short has cost a process.
    pub(super) oom_look_at: Option<Instant>,
    /// How many it has cost in this run.
    pub(super) oom_kills: u64,
    pub(super) buffer: Box<[u8; READ]>,
}

/// What the container is doing.
pub(super) enum Phase {
    /// Made; waits for the launcher to say go.
    Prepared(Prepared),
    /// Runs, frozen or not.
    Running(Running),
    /// Ended; starts again at this time.
    Waiting(Instant),
    /// Ended for good.
    Ended {
        code: i32,
        /// Whether somebody has cleaned up.
        cleaned: bool,
        /// Until when clients that are connected may still ask.
        leave_at: Instant,
    },
}

impl Phase {
    pub(super) fn ended(code: i32) -> Self {
        Self::Ended { code, cleaned: false, leave_at: Instant::now() + PARTING }
    }
}

/// What poll(2) can report.
enum Source {
    Signals,
    Listener,
    Exit,
    Output(Stream),
    Stdin,
    HealthCheck,
    Oom,
    Service,
    Peer(usize),
}

impl Supervisor {
    pub(super) fn new(config: MonitorConfig, turn: Turn, begin_service: service::Begin) -> io::Result<Self> {
        let dropped = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGPIPE];
        let signals = Signals::catch(&[Signal::SIGTERM], &dropped)?;
        let earlier = State::load(&config.directory)?.unwrap_or_default();
        let state = State {
            monitor: Some(ProcessId::current()?),
            boot_id: state::boot_id()?,
            // One that cannot be started has ended when it ended before.
            started_at: earlier.started_at,
            finished_at: earlier.finished_at,
            exit_code: earlier.exit_code,
            ..State::default()
        };
        Ok(Self {
            begin_service,
            state,
            // Until `run` has made the container, there is none.
            phase: Phase::ended(125),
            restarts: Restarts::new(config.restart),
            kill_at: None,
            settle_at: None,
            peers: Vec::new(),
            listener: Some(Listener::bind(config.socket.clone())?),
            turn: Some(turn),
            signals,
            log: config.log.clone().map(Writer::open).transpose()?,
            network: None,
            health: None,
            oom_watch: None,
            oom_look_at: None,
            oom_kills: 0,
            buffer: Box::new([0; READ]),
            config,
        })
    }

    /// Makes the container and stays until it has ended for good.
    pub(super) fn run(mut self, control: UnixStream) -> io::Result<()> {
        self.peers.push(Peer::new(control));
        self.prepare();
        while !self.is_over() {
            for (source, flags) in self.wait()? {
                self.serve(source, flags)?;
            }
            self.act_on_time();
            self.part_with_gone()?;
        }
        Ok(())
    }

    /// Waits for the next events and names what they happened to.
    fn wait(&self) -> io::Result<Vec<(Source, PollFlags)>> {
        let mut sources = Vec::with_capacity(8);
        sources.push((Source::Signals, PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)));
        sources.extend(
            self.listener.as_ref().map(|listener| (Source::Listener, PollFd::new(listener.as_fd(), PollFlags::POLLIN))),
        );
        let mut hold_input = false;
        if let Phase::Running(running) = &self.phase {
            sources.push((Source::Exit, PollFd::new(running.pidfd.as_fd(), PollFlags::POLLIN)));
            // A client that is slower than the container slows it down, nothing piles up here.
            let outputs = running.streams.outputs.iter().filter(|_| !self.peers.iter().any(Peer::is_stalled));
            sources.extend(
                outputs
                    .map(|output| (Source::Output(output.stream), PollFd::new(output.fd.as_fd(), PollFlags::POLLIN))),
            );
            hold_input = running.streams.input_waits();
            let stdin = running.streams.stdin.as_ref().filter(|_| hold_input);
            sources.extend(stdin.map(|stdin| (Source::Stdin, PollFd::new(stdin.fd.as_fd(), PollFlags::POLLOUT))));
            let checks = self.health.iter().flat_map(Health::sources);
            sources.extend(checks.map(|fd| (Source::HealthCheck, PollFd::new(fd, PollFlags::POLLIN))));
            sources
                .extend(self.oom_watch.iter().map(|watch| (Source::Oom, PollFd::new(watch.as_fd(), watch.interest()))));
            let service = running.service.iter();
            sources.extend(service.map(|service| (Source::Service, PollFd::new(service.as_fd(), PollFlags::POLLIN))));
        }
        for (index, peer) in self.peers.iter().enumerate() {
            if let Some(flags) = peer.interest(hold_input && peer.has_stdin()) {
                sources.push((Source::Peer(index), PollFd::new(peer.as_fd(), flags)));
            }
        }
        let (names, mut fds): (Vec<_>, Vec<_>) = sources.into_iter().unzip();
        match poll(&mut fds, self.time_left()) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let happened = fds.iter().map(|fd| fd.revents().unwrap_or(PollFlags::all()));
        Ok(names.into_iter().zip(happened).filter(|(_, flags)| !flags.is_empty()).collect())
    }

    fn time_left(&self) -> PollTimeout {
        let by_phase = match self.phase {
            Phase::Waiting(at) => Some(at),
            Phase::Ended { cleaned: true, leave_at, .. } => Some(leave_at),
            _ => None,
        };
        let by_container = self.kill_at.into_iter().chain(self.settle_at).chain(self.oom_look_at);
        let next =
            by_phase.into_iter().chain(by_container).chain(self.health_check_due()).chain(self.service_due()).min();
        match next {
            // Rounded up, or the last millisecond would be spent spinning.
            Some(at) => {
                let left = at.saturating_duration_since(Instant::now()).as_nanos().div_ceil(1_000_000);
                PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
            }
            None => PollTimeout::NONE,
        }
    }

    fn serve(&mut self, source: Source, flags: PollFlags) -> io::Result<()> {
        match source {
            Source::Signals => self.stop_for_signal(),
            Source::Listener => {
                let clients = self.listener.iter().flat_map(|listener| std::iter::from_fn(|| listener.accept()));
                self.peers.extend(clients.map(Peer::new));
            }
            Source::Exit => self.container_ended()?,
            Source::Output(stream) => drop(self.read_output(stream)),
            Source::Stdin => self.with_streams(|streams| streams.push_input()),
            Source::HealthCheck => self.hear_health_check(),
            Source::Oom => self.hear_oom(),
            Source::Service => self.serve_container(),
            Source::Peer(index) => {
                if flags.contains(PollFlags::POLLOUT) {
                    self.peers[index].flush();
                }
                if flags.intersects(PollFlags::POLLIN | PollFlags::POLLHUP | PollFlags::POLLERR) {
                    self.hear(index)?;
                }
            }
        }
        Ok(())
    }

    /// The monitor was asked to end, which it does by ending the container.
    fn stop_for_signal(&mut self) {
        while self.signals.next().is_some() {}
        self.restarts.stop();
        match &self.phase {
            Phase::Running(running) => {
                // It fails only for a container that has ended, which is noticed next.
                let _ = running.signal(self.config.stop_signal.unwrap_or(libc::SIGTERM));
                let _ = self.thaw_if_paused();
                self.kill_at = Some(Instant::now() + GRACE);
            }
            Phase::Waiting(_) => self.end(self.state.exit_code.unwrap_or(0)),
            // The launcher is about to say go or to leave.
            Phase::Prepared(_) | Phase::Ended { .. } => {}
        }
    }

    fn act_on_time(&mut self) {
        let now = Instant::now();
        if self.kill_at.take_if(|at| *at <= now).is_some()
            && let Phase::Running(running) = &self.phase
        {
            // It fails only for a container that has ended, which is noticed next.
            let _ = running.kill();
        }
        if self.settle_at.take_if(|at| *at <= now).is_some() {
            self.watch_oom();
            memory::release();
        }
        if self.oom_look_at.take_if(|at| *at <= now).is_some() {
            self.look_for_oom_kills();
        }
        self.act_on_health(now);
        if self.service_due().is_some_and(|due| due <= now) {
            self.serve_container();
        }
        match self.phase {
            Phase::Waiting(at) if at <= now => self.start_again(),
            _ => {}
        }
    }

    fn service_due(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Running(running) => running.service.as_ref().and_then(|service| service.due()),
            _ => None,
        }
    }

    fn serve_container(&mut self) {
        if let Phase::Running(Running { service: Some(service), .. }) = &mut self.phase {
            service.serve();
        }
    }

    /// Reads an output once, for the log and for who is attached; whether there may be more.
    fn read_output(&mut self, stream: Stream) -> bool {
        let Phase::Running(running) = &mut self.phase else {
            return false;
        };
        let outputs = &mut running.streams.outputs;
        let Some(at) = outputs.iter().position(|output| output.stream == stream) else {
            return false;
        };
        let result = match outputs[at].read(self.buffer.as_mut_slice()) {
            Chunk::Empty => return false,
            Chunk::Bytes(count) => {
                let bytes = &self.buffer[..count];
                self.peers.iter_mut().for_each(|peer| peer.send_output(stream, bytes));
                self.log.as_mut().map_or(Ok(()), |log| log.write(stream, bytes))
            }
            Chunk::End => {
                outputs.remove(at);
                self.log.as_mut().map_or(Ok(()), |log| log.end(stream))
            }
        };
        if let Err(error) = result {
            self.note_log_failure(&error);
        }
        true
    }

    /// A log that cannot be written must not stop the container, but has to be told of.
    fn note_log_failure(&mut self, error: &io::Error) {
        if let (Some(log), true) = (&self.config.log, self.state.error.is_empty()) {
            self.state.error = format!("{}: {error}; output is missing from the log", log.path.display());
            // On a full disk this fails too; the state is written again at the end.
            let _ = self.state.save(&self.config.directory);
        }
    }

    /// Everything that the container wrote is in its pipes now, since all its processes are gone.
    pub(super) fn drain_outputs(&mut self) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            for _ in 0..LAST_READS {
                if !self.read_output(stream) {
                    break;
                }
            }
            if let Some(Err(error)) = self.log.as_mut().map(|log| log.end(stream)) {
                self.note_log_failure(&error);
            }
        }
    }

    /// Forgets clients that have left, and what depended on them.
    fn part_with_gone(&mut self) -> io::Result<()> {
        let launcher_left = self.peers.first().is_some_and(Peer::is_gone);
        let stdin_left = self.peers.iter().any(|peer| peer.is_gone() && peer.has_stdin());
        self.peers.retain(|peer| !peer.is_gone());
        if stdin_left && self.config.stdin_once {
            self.with_streams(|streams| streams.end_input());
        }
        if launcher_left && matches!(self.phase, Phase::Prepared(_)) {
            self.abort();
        }
        self.clean_up_if_nobody_does()
    }

    /// Whether all is told and cleaned up.
    fn is_over(&self) -> bool {
        match self.phase {
            Phase::Ended { cleaned: true, leave_at, .. } => {
                let awaited = if Instant::now() < leave_at { Peer::may_ask } else { Peer::has_waiting };
                !self.peers.iter().any(awaited)
            }
            _ => false,
        }
    }

    pub(super) fn with_streams(&mut self, act: impl FnOnce(&mut Streams)) {
        if let Phase::Running(running) = &mut self.phase {
            act(&mut running.streams);
        }
    }
}
