//! What is to be started after boot.

use super::config::ContainerConfig;
use super::record::{self, Record};
use crate::engine::Engine;
use crate::error::{Error, Result};
use porthole_runtime::monitor::RestartPolicy;
use porthole_runtime::state::{State, Status};

impl Engine {
    /// The names of the containers that do not run but that their restart policies want to, the oldest first.
    pub fn to_resume(&self) -> Result<Vec<String>> {
        self.prepare()?;
        self.reconcile_all()?;
        let mut wanted = Vec::new();
        for id in record::ids(self.paths())? {
            match Record::new(self.paths(), &id).read() {
                Ok(Some((config, live))) if is_wanted(&config, &live.state) => {
                    wanted.push((config.created, config.name))
                }
                // A damaged one must not keep the others from starting; `ps` shows it.
                Ok(_) | Err(Error::Record { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        wanted.sort();
        Ok(wanted.into_iter().map(|(_, name)| name).collect())
    }
}

fn is_wanted(config: &ContainerConfig, state: &State) -> bool {
    let has_ended = matches!(state.status, Status::Exited);
    match config.host.restart {
        RestartPolicy::Always => has_ended,
        RestartPolicy::UnlessStopped => has_ended && !state.stopped,
        RestartPolicy::No | RestartPolicy::OnFailure(_) => false,
    }
}
