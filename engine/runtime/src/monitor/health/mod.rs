//! Health checks: commands that the monitor runs in the container again and again, and what they say of it.

mod probe;
mod verdict;

use super::supervisor::{Phase, Supervisor};
use super::{container, memory};
use crate::health::{HealthRecord, Probe};
use crate::sandbox::{ExecOptions, ExecRequest};
use crate::state::{HealthStatus, Status};
use oci_spec::runtime::Process;
use serde::{Deserialize, Serialize};
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};
use verdict::{Rules, Verdict};

/// How a container is checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// The command, as a process of the container.
    pub process: Process,
    /// From the end of one check to the beginning of the next.
    pub interval: Duration,
    /// How long one may take.
    pub timeout: Duration,
    /// So many failures in a row make it unhealthy.
    pub retries: u32,
    /// Until its first success, failures do not count so long after the start.
    pub start_period: Duration,
    /// The interval during that time.
    pub start_interval: Duration,
}

impl HealthCheck {
    fn rules(&self) -> Rules {
        Rules { retries: self.retries, start_period: self.start_period }
    }
}

/// The checks of one run of a container.
pub(super) struct Health {
    started: Instant,
    verdict: Verdict,
    record: HealthRecord,
    turn: Turn,
}

/// Whose turn it is.
enum Turn {
    /// The next check begins then.
    Next(Instant),
    /// One runs.
    Running(Box<probe::Running>),
    /// One was ended because the container was paused: it does not count.
    Void(Box<probe::Running>),
}

impl Health {
    fn new(check: &HealthCheck) -> Self {
        let started = Instant::now();
        let mut health =
            Self { started, verdict: Verdict::STARTING, record: HealthRecord::default(), turn: Turn::Next(started) };
        health.wait_for_next(check);
        health
    }

    fn wait_for_next(&mut self, check: &HealthCheck) {
        let is_starting = self.verdict.is_starting(self.started.elapsed(), check.rules());
        let interval = if is_starting { check.start_interval } else { check.interval };
        self.turn = Turn::Next(Instant::now() + interval);
    }

    fn running(&self) -> Option<&probe::Running> {
        match &self.turn {
            Turn::Running(probe) | Turn::Void(probe) => Some(probe),
            Turn::Next(_) => None,
        }
    }

    /// What to poll for.
    pub(super) fn sources(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.running().into_iter().flat_map(probe::Running::sources)
    }

    /// When there is something to do next, unless something happens first.
    fn due(&self) -> Option<Instant> {
        match &self.turn {
            Turn::Next(at) => Some(*at),
            Turn::Running(probe) | Turn::Void(probe) => probe.deadline(),
        }
    }
}

impl Supervisor {
    /// Begins to check the container that has just been started, if it is to be.
    pub(super) fn begin_health_checks(&mut self) {
        let Some(check) = &self.config.health else { return };
        self.health = Some(Health::new(check));
        self.state.health = Some(HealthStatus::Starting);
        // What is left of an earlier run would only mislead; on a full disk it has to stay.
        let _ = HealthRecord::default().save(&self.config.directory);
    }

    /// The container has ended: as Docker has it, it is not healthy any more.
    pub(super) fn end_health_checks(&mut self) {
        let Some(health) = self.health.take() else { return };
        self.state.health = Some(HealthStatus::Unhealthy);
        if let Turn::Running(mut probe) | Turn::Void(mut probe) = health.turn {
            // Where the PID namespace is not the container's own it has not ended with the rest, and it is ours to reap.
            probe.kill();
            drop(probe.finish());
        }
    }

    /// A paused container cannot answer. A check that runs is ended, and does not count.
    pub(super) fn suspend_health_checks(&mut self) {
        let Some(health) = &mut self.health else { return };
        health.turn = match std::mem::replace(&mut health.turn, Turn::Next(Instant::now())) {
            Turn::Running(mut probe) => {
                probe.kill();
                Turn::Void(probe)
            }
            // One that an earlier pause has ended is still to be reaped.
            other => other,
        };
    }

    /// When a check begins or is ended for taking too long.
    pub(super) fn health_check_due(&self) -> Option<Instant> {
        let health = self.health.as_ref().filter(|_| self.state.status == Status::Running);
        health.and_then(Health::due)
    }

    /// Begins the next check, or ends one that takes too long.
    pub(super) fn act_on_health(&mut self, now: Instant) {
        if self.health_check_due().is_none_or(|due| due > now) {
            return;
        }
        let (Some(health), Phase::Running(running)) = (&mut self.health, &self.phase) else { return };
        match &mut health.turn {
            Turn::Running(probe) | Turn::Void(probe) => probe.kill(),
            Turn::Next(_) => {
                let Some(check) = &self.config.health else { return };
                let init = running.process;
                let begun = container::spec_of(&self.config).and_then(|spec| {
                    let request = |stdio| ExecRequest {
                        init,
                        spec: &spec,
                        process: &check.process,
                        stdio,
                        options: ExecOptions::default(),
                    };
                    probe::Running::begin(check.timeout, request)
                });
                match begun {
                    Ok(probe) => health.turn = Turn::Running(Box::new(probe)),
                    Err(error) => self.conclude(probe::not_begun(&error), now),
                }
            }
        }
    }

    /// A check has said something, or has ended.
    pub(super) fn hear_health_check(&mut self) {
        let Some(health) = &mut self.health else { return };
        let (Turn::Running(probe) | Turn::Void(probe)) = &mut health.turn else { return };
        probe.read(self.buffer.as_mut_slice());
        // What cannot be waited for is looked at again when its time is over.
        if !probe.has_ended().unwrap_or(false) {
            return;
        }
        probe.read(self.buffer.as_mut_slice());
        match std::mem::replace(&mut health.turn, Turn::Next(Instant::now())) {
            Turn::Running(probe) => {
                let begun = probe.begun;
                self.conclude(probe.finish(), begun);
            }
            Turn::Void(probe) => {
                probe.finish();
                self.await_next_health_check();
            }
            Turn::Next(_) => {}
        }
        // A check takes memory that the next one is far from needing.
        memory::release();
    }

    fn await_next_health_check(&mut self) {
        if let (Some(health), Some(check)) = (&mut self.health, &self.config.health) {
            health.wait_for_next(check);
        }
    }

    /// Writes down what a check told that began at this time.
    fn conclude(&mut self, result: Probe, begun: Instant) {
        let (Some(health), Some(check)) = (&mut self.health, &self.config.health) else { return };
        let since_start = begun.saturating_duration_since(health.started);
        health.verdict = health.verdict.after(result.exit_code == 0, since_start, check.rules());
        let Verdict { status, failing_streak } = health.verdict;
        health.record.failing_streak = failing_streak;
        health.record.push(result);
        // On a full disk the last checks stay untold; the status is written again when it changes.
        let _ = health.record.save(&self.config.directory);
        self.await_next_health_check();
        if self.state.health.replace(status) != Some(status) {
            let _ = self.state.save(&self.config.directory);
            self.config.events.record(&format!("health_status: {}", status.name()), &[]);
        }
    }
}
