//! What clients ask for.

use super::container::Running;
use super::peer::Peer;
use super::supervisor::{Phase, Supervisor};
use super::{MonitorConfig, RestartPolicy};
use crate::protocol::{Inbox, Reply, Request, WaitCondition};
use crate::state::Status;
use std::io;
use std::time::{Duration, Instant};

/// The launcher's place among the peers, for as long as the container has not been started.
const LAUNCHER: usize = 0;

impl Supervisor {
    /// Reads what a client has sent and does it.
    pub(super) fn hear(&mut self, index: usize) -> io::Result<()> {
        self.peers[index].receive();
        let mut inbox = std::mem::take(&mut self.peers[index].inbox);
        let result = self.answer_all(index, &mut inbox);
        self.peers[index].inbox = inbox;
        result
    }

    fn answer_all(&mut self, index: usize, inbox: &mut Inbox) -> io::Result<()> {
        loop {
            let request = match inbox.next_frame() {
                Ok(Some(frame)) => Request::decode(frame),
                Ok(None) => return Ok(()),
                Err(error) => Err(error),
            };
            match request {
                Ok(request) => self.answer(index, request)?,
                Err(error) => {
                    self.peers[index].send(Reply::Refused(&error.to_string()));
                    self.peers[index].dismiss();
                    return Ok(());
                }
            }
        }
    }

    fn answer(&mut self, index: usize, request: Request) -> io::Result<()> {
        match request {
            Request::Go if index == LAUNCHER => self.start(index)?,
            Request::Go => self.peers[index].send(Reply::Refused("only the launcher may start the container")),
            Request::Attach(attach) => {
                let peer = &mut self.peers[index];
                peer.attach = Some(attach);
                peer.send(Reply::Done);
                self.tell_if_ended(index);
            }
            Request::Stdin(bytes) if self.peers[index].has_stdin() => self.with_streams(|streams| streams.feed(bytes)),
            Request::StdinEnd if self.peers[index].has_stdin() && self.config.stdin_once => {
                self.with_streams(|streams| streams.end_input());
            }
            // Input from one that is not attached goes nowhere.
            Request::Stdin(_) | Request::StdinEnd => {}
            Request::Wait(condition) => {
                self.peers[index].waits = Some(condition);
                self.tell_if_ended(index);
            }
            Request::Stop { signal, timeout_ms } => self.stop(index, signal, timeout_ms),
            Request::Status => {
                let state = serde_json::to_string(&self.state)?;
                self.peers[index].send(Reply::Status(&state));
            }
            Request::CleanedUp => {
                self.peers[index].attach = None;
                if let Phase::Ended { cleaned, .. } = &mut self.phase {
                    *cleaned = true;
                }
            }
            Request::Reload => {
                let result = self.reload();
                reply(&mut self.peers[index], result);
            }
            Request::Resize { .. } | Request::Signal(_) | Request::Pause | Request::Resume => {
                let result = self.control(request);
                reply(&mut self.peers[index], result);
            }
        }
        Ok(())
    }

    /// A client that came when all was over is not left waiting.
    fn tell_if_ended(&mut self, index: usize) {
        if let Phase::Ended { code, .. } = self.phase {
            self.peers[index].send(Reply::Exited { code });
        }
    }

    fn stop(&mut self, index: usize, signal: i32, timeout_ms: Option<u32>) {
        self.restarts.stop();
        self.state.stopped = true;
        let result = match &self.phase {
            Phase::Running(running) => running.signal(signal).and_then(|()| self.thaw_if_paused()),
            Phase::Prepared(_) => Err(io::Error::other("the container is not running")),
            Phase::Waiting(_) | Phase::Ended { .. } => Ok(()),
        };
        if let Err(error) = result {
            return reply(&mut self.peers[index], Err(error));
        }
        self.peers[index].waits = Some(WaitCondition::NextExit);
        match self.phase {
            Phase::Waiting(_) => self.end(self.state.exit_code.unwrap_or(0)),
            Phase::Ended { .. } => self.tell_if_ended(index),
            _ => {
                // Of several that ask, the least patient is served.
                let kill_at = timeout_ms.map(|timeout| Instant::now() + Duration::from_millis(timeout.into()));
                self.kill_at = self.kill_at.into_iter().chain(kill_at).min();
            }
        }
    }

    /// Takes on the restart policy and the name that the configuration has now, and what else serves the container. A network that was not to outlive a run is
    /// kept from now on.
    fn reload(&mut self) -> io::Result<()> {
        let MonitorConfig { restart: policy, events, .. } = MonitorConfig::load(&self.config.directory)?;
        self.config.events = events;
        if let (Phase::Running(running), None, true) = (&self.phase, &self.network, policy != RestartPolicy::No) {
            self.network = running.keep_network()?;
        }
        self.restarts.change(policy);
        self.reload_service()
    }

    fn reload_service(&mut self) -> io::Result<()> {
        match &mut self.phase {
            Phase::Running(Running { service: Some(service), .. }) => service.reload(),
            Phase::Running(running) => {
                running.service = (self.begin_service)(&self.config, running.process)?;
                Ok(())
            }
            // It is begun with the next run.
            _ => Ok(()),
        }
    }

    fn control(&mut self, request: Request) -> io::Result<()> {
        let Phase::Running(running) = &self.phase else {
            return match (request, &self.phase) {
                (Request::Signal(signal), Phase::Waiting(_)) => {
                    if self.restarts.signal(signal, self.config.stop_signal) {
                        self.state.stopped = true;
                        self.end(self.state.exit_code.unwrap_or(0));
                    }
                    Ok(())
                }
                _ => Err(io::Error::other("the container is not running")),
            };
        };
        match request {
            Request::Resize { columns, rows } => running.streams.resize(columns, rows),
            Request::Signal(signal) => {
                running.signal(signal)?;
                let stops = self.restarts.signal(signal, self.config.stop_signal);
                self.state.stopped |= stops;
                match stops {
                    true => self.thaw_if_paused(),
                    false => Ok(()),
                }
            }
            Request::Pause if self.state.status == Status::Paused => {
                Err(io::Error::other("the container is already paused"))
            }
            Request::Pause => self.set_paused(true),
            Request::Resume => self.set_paused(false),
            _ => Ok(()),
        }
    }

    /// A frozen container would not notice that it is to end.
    pub(super) fn thaw_if_paused(&mut self) -> io::Result<()> {
        match self.state.status {
            Status::Paused => self.set_paused(false),
            _ => Ok(()),
        }
    }

    fn set_paused(&mut self, paused: bool) -> io::Result<()> {
        let Phase::Running(running) = &self.phase else {
            return Ok(());
        };
        self.state.status = match paused {
            true => running.freeze().map(|()| Status::Paused)?,
            false => running.thaw().map(|()| Status::Running)?,
        };
        if paused {
            self.suspend_health_checks();
        }
        self.state.save(&self.config.directory)
    }
}

fn reply(peer: &mut Peer, result: io::Result<()>) {
    match result {
        Ok(()) => peer.send(Reply::Done),
        Err(error) => peer.send(Reply::Refused(&error.to_string())),
    }
}
