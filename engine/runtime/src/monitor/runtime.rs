//! What makes the container: our own sandbox, or another OCI runtime.

use super::MonitorConfig;
use crate::process::ProcessId;
use crate::sandbox::{self, CreateRequest, ForeignCreated, ForeignRuntime, Result};
use std::os::fd::OwnedFd;

/// The one that a container is to be made by.
pub(super) enum Runtime {
    Own,
    Foreign(ForeignRuntime),
}

/// A container whose init waits to be let go.
pub(super) enum Created {
    Own(sandbox::Created),
    Foreign(ForeignCreated),
}

impl Runtime {
    pub(super) fn of(config: &MonitorConfig) -> Self {
        let foreign = |program| ForeignRuntime::new(program, &config.directory, &config.id);
        config.runtime.as_ref().map_or(Self::Own, |program| Self::Foreign(foreign(program)))
    }

    pub(super) fn create(&self, request: CreateRequest) -> Result<Created> {
        match self {
            Self::Own => sandbox::create(request).map(Created::Own),
            Self::Foreign(runtime) => runtime.create(request).map(Created::Foreign),
        }
    }

    /// Forgets a container that has ended.
    pub(super) fn forget(&self) {
        if let Self::Foreign(runtime) = self {
            // What cannot be removed is in the way of the next run, which says so.
            let _ = runtime.discard();
        }
    }
}

impl Created {
    pub(super) fn init(&self) -> ProcessId {
        match self {
            Self::Own(created) => created.init,
            Self::Foreign(created) => created.init,
        }
    }

    /// Waits until the init is ready to go on; the master of its terminal, if it has one.
    pub(super) fn ready(&mut self) -> Result<Option<OwnedFd>> {
        match self {
            Self::Own(created) => created.ready().map(|()| created.terminal.take()),
            Self::Foreign(created) => Ok(created.terminal.take()),
        }
    }

    /// Lets it go on to the container's command.
    pub(super) fn start(self) -> Result<sandbox::Running> {
        match self {
            Self::Own(created) => created.start(),
            Self::Foreign(created) => created.start(),
        }
    }
}
