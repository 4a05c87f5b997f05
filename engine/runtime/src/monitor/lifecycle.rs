//! From one state of the container to the next: started, ended, started again, ended for good.

use super::container::{Failure, Prepared, Running};
use super::peer::Peer;
use super::supervisor::{Phase, Supervisor};
use super::{MonitorConfig, daemon};
use crate::process::ProcessId;
use crate::protocol::{Reply, WaitCondition};
use crate::state::{self, State, Status};
use std::io;
use std::time::{Duration, Instant};

/// A container that has run this long has settled down, and so may its monitor; one that ends sooner saves the time.
const SETTLED: Duration = Duration::from_millis(200);

impl Supervisor {
    pub(super) fn prepare(&mut self) {
        match Prepared::new(&self.config, None) {
            Ok(prepared) => {
                let ProcessId { pid, start_time } = prepared.process();
                self.phase = Phase::Prepared(prepared);
                self.peers[0].send(Reply::Created { pid, start_time });
            }
            Err(failure) => self.fail_launch(0, failure),
        }
    }

    /// Lets the container's program run, at the launcher's word.
    pub(super) fn start(&mut self, launcher: usize) -> io::Result<()> {
        if !matches!(self.phase, Phase::Prepared(_)) {
            self.peers[launcher].send(Reply::Refused("the container has been started already"));
            return Ok(());
        }
        let Phase::Prepared(prepared) = self.take_phase() else {
            return Ok(());
        };
        if self.restarts.possible() {
            self.network = prepared.keep_network()?;
        }
        let started = prepared.start(|init| (self.begin_service)(&self.config, init));
        match started.and_then(|running| self.now_running(running)) {
            Ok(()) => self.peers[launcher].send(Reply::Started),
            Err(failure) => self.fail_launch(launcher, failure),
        }
        Ok(())
    }

    /// Starts the container again, with new streams in its old network. A start that fails counts as a run that failed: what
    /// is in its way, such as a container whose namespaces it joins and that is being restarted too, may go away.
    pub(super) fn start_again(&mut self) {
        daemon::expose();
        let begin_service = |init| (self.begin_service)(&self.config, init);
        let started =
            Prepared::new(&self.config, self.network.as_ref()).and_then(|prepared| prepared.start(begin_service));
        let Err(failure) = started.and_then(|running| self.now_running(running)) else {
            self.config.events.record("start", &[]);
            return;
        };
        match self.restarts.after_exit(failure.exit_code, Duration::ZERO) {
            Some(delay) => {
                self.state.error = failure.message;
                self.state.exit_code = Some(failure.exit_code);
                self.state.finished_at = Some(state::now());
                self.wait_to_restart(failure.exit_code, delay);
            }
            None => self.fail(failure),
        }
    }

    /// Writes down that the container runs. One that nobody could find again must not run.
    fn now_running(&mut self, running: Running) -> Result<(), Failure> {
        self.state.status = Status::Running;
        self.state.init = Some(running.process);
        self.state.error.clear();
        self.begin_health_checks();
        let before = self.state.started_at.replace(state::now());
        if let Err(error) = self.state.save(&self.config.directory) {
            // Both fail only for one that has ended.
            let _ = running.kill().and_then(|()| running.finish());
            self.state.init = None;
            self.state.health = None;
            self.state.status = Status::Created;
            self.state.started_at = before;
            let path = self.config.directory.join(State::FILE);
            return Err(Failure { exit_code: 125, message: format!("{}: {error}", path.display()) });
        }
        self.phase = Phase::Running(running);
        self.oom_kills = 0;
        self.settle_at = Some(Instant::now() + SETTLED);
        Ok(())
    }

    pub(super) fn container_ended(&mut self) -> io::Result<()> {
        let Phase::Running(running) = &self.phase else {
            return Ok(());
        };
        let (code, oom_kills) = running.finish()?;
        let uptime = running.since.elapsed();
        self.drain_outputs();
        self.kill_at = None;
        self.settle_at = None;
        self.oom_watch = None;
        self.oom_look_at = None;
        self.note_oom_kills(oom_kills);
        self.end_health_checks();
        self.state.init = None;
        self.state.exit_code = Some(code);
        self.state.finished_at = Some(state::now());
        match self.restarts.after_exit(code, uptime) {
            Some(delay) => {
                self.config.events.record("die", &[("exitCode", &code.to_string())]);
                self.wait_to_restart(code, delay);
            }
            None => self.end(code),
        }
        Ok(())
    }

    fn wait_to_restart(&mut self, code: i32, delay: Duration) {
        if let Phase::Running(running) = &self.phase {
            running.clear();
        }
        self.phase = Phase::Waiting(Instant::now() + delay);
        self.state.status = Status::Restarting;
        self.state.restart_count = self.restarts.count;
        // On a full disk the record goes on to say that it runs, which it soon does again.
        let _ = self.state.save(&self.config.directory);
        for peer in &mut self.peers {
            if peer.waits == Some(WaitCondition::NextExit) || peer.attach.is_some() {
                peer.send(Reply::Exited { code });
                peer.attach = None;
                peer.waits = peer.waits.filter(|&condition| condition == WaitCondition::Final);
            }
        }
    }

    fn fail_launch(&mut self, launcher: usize, failure: Failure) {
        let Failure { exit_code, message } = &failure;
        self.peers[launcher].send(Reply::Failed { exit_code: *exit_code, message });
        self.fail(failure);
    }

    /// The container could not be made or started.
    fn fail(&mut self, failure: Failure) {
        self.state.error = failure.message;
        self.state.exit_code = Some(failure.exit_code);
        self.end(failure.exit_code);
    }

    /// The container has ended for good. Whoever is told of it finds the socket gone and the record written.
    pub(super) fn end(&mut self, code: i32) {
        self.phase = Phase::ended(code);
        let late = self.listener.take().into_iter().flat_map(|listener| std::iter::from_fn(move || listener.accept()));
        self.peers.extend(late.map(Peer::new));
        // A container that never ran stays created.
        if self.state.started_at.is_some() {
            self.state.status = Status::Exited;
        }
        self.state.monitor = None;
        if self.state.save(&self.config.directory).is_err() {
            // The disk is full. The next run gets a configuration of its own, so the record may take the place of ours. If
            // that fails too, clients learn the code all the same; for others the record names a monitor that is gone.
            let _ = self.state.save_over(&self.config.directory, MonitorConfig::FILE);
        }
        self.network = None;
        self.turn = None;
        for peer in &mut self.peers {
            if peer.waits.is_some() || peer.attach.is_some() {
                peer.send(Reply::Exited { code });
            }
        }
    }

    /// The launcher left before it said go.
    pub(super) fn abort(&mut self) {
        // Dropping what is prepared ends its init.
        drop(self.take_phase());
        self.end(125);
    }

    pub(super) fn clean_up_if_nobody_does(&mut self) -> io::Result<()> {
        match &mut self.phase {
            Phase::Ended { cleaned, .. } if !*cleaned && !self.peers.iter().any(Peer::cleans_up) => {
                *cleaned = true;
                daemon::spawn_detached(&self.config.cleanup)
            }
            _ => Ok(()),
        }
    }

    /// Takes the phase to replace it.
    fn take_phase(&mut self) -> Phase {
        std::mem::replace(&mut self.phase, Phase::ended(125))
    }
}
