//! Waiting until a container is as another service needs it.

use crate::container::record::Record;
use crate::engine::Engine;
use crate::error::{Error, Result};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use porthole_compose::project::Condition;
use porthole_runtime::state::{HealthStatus, State, Status};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// So often is looked again although nothing was written: who writes may have been killed.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

fn refused<T>(message: String) -> Result<T> {
    Err(Error::Compose(porthole_compose::Error::Project(message)))
}

impl Engine {
    /// Waits until a container is as the condition says; fails when it cannot become so any more.
    pub(super) fn await_condition(
        &self,
        id: &str,
        name: &str,
        condition: Condition,
        deadline: Option<Instant>,
    ) -> Result<()> {
        let record = Record::new(self.paths(), id);
        let holds = |state: &State| holds(name, state, condition);
        if let Some(checked) = record.config()?.map(|config| config.healthcheck)
            && condition == Condition::Healthy
            && checked.is_none_or(|check| check.test.is_empty() || check.test[0] == "NONE")
        {
            return refused(format!("container {name} has no healthcheck configured"));
        }
        if holds(&record.live()?.state)? {
            return Ok(());
        }
        let broken = |error: Errno| Error::file(record.directory(), error);
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).map_err(broken)?;
        let changes = AddWatchFlags::IN_MOVED_TO | AddWatchFlags::IN_CREATE;
        inotify.add_watch(record.directory(), changes).map_err(broken)?;
        loop {
            if holds(&record.live()?.state)? {
                return Ok(());
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return refused(format!(
                    "container {name} is not {} in time",
                    condition.word().trim_start_matches("service_")
                ));
            }
            let wait = left.map_or(LOOK_AGAIN, |left| left.min(LOOK_AGAIN));
            let wait = PollTimeout::try_from(wait).unwrap_or(PollTimeout::MAX);
            match poll(&mut [PollFd::new(inotify.as_fd(), PollFlags::POLLIN)], wait) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(broken(error)),
            }
            // What was written does not matter, only that something was.
            let _ = inotify.read_events();
        }
    }
}

/// Whether it is so; an error when it will not become so.
fn holds(name: &str, state: &State, condition: Condition) -> Result<bool> {
    let code = state.exit_code.unwrap_or(0);
    let has_ended = matches!(state.status, Status::Exited | Status::Dead);
    match condition {
        Condition::Started => Ok(state.status == Status::Running || has_ended),
        Condition::Healthy if has_ended => refused(format!("container {name} exited ({code})")),
        Condition::Healthy => match state.health {
            Some(HealthStatus::Healthy) => Ok(true),
            Some(HealthStatus::Unhealthy) => refused(format!("container {name} is unhealthy")),
            Some(HealthStatus::Starting) | None => Ok(false),
        },
        Condition::CompletedSuccessfully if has_ended && code == 0 => Ok(true),
        Condition::CompletedSuccessfully if has_ended => {
            refused(format!("container {name} didn't complete successfully: exit {code}"))
        }
        Condition::CompletedSuccessfully => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_hold_or_never_will() {
        let state = |status, exit_code, health| State { status, exit_code, health, ..State::default() };
        let told = |state: &State, condition| holds("c", state, condition).map_err(|error| error.to_string());
        let running = state(Status::Running, None, Some(HealthStatus::Starting));
        assert_eq!(told(&running, Condition::Started), Ok(true));
        assert_eq!(told(&running, Condition::Healthy), Ok(false));
        assert_eq!(told(&running, Condition::CompletedSuccessfully), Ok(false));
        let failed = state(Status::Exited, Some(3), None);
        assert_eq!(told(&failed, Condition::Healthy), Err("container c exited (3)".into()));
        assert!(told(&failed, Condition::CompletedSuccessfully).unwrap_err().contains("exit 3"));
        assert_eq!(told(&state(Status::Exited, Some(0), None), Condition::CompletedSuccessfully), Ok(true));
        let sick = state(Status::Running, None, Some(HealthStatus::Unhealthy));
        assert_eq!(told(&sick, Condition::Healthy), Err("container c is unhealthy".into()));
    }
}
