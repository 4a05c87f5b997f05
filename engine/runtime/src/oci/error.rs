//! What can go wrong, in runc's words where other programs look for them.

use super::{Id, Status};
use crate::{cgroup, hooks, sandbox};
use std::io;
use std::path::PathBuf;

/// Why a command of the runtime could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No id was given.
    #[error("container id cannot be empty")]
    EmptyId,
    /// It is no id.
    #[error("invalid container ID format: {0:?} (letters, digits and _+-. make an id)")]
    Id(String),
    /// There is no container of this id.
    #[error("container does not exist")]
    DoesNotExist,
    /// There is one.
    #[error("container with given ID already exists: {0}")]
    Exists(Id),
    /// What was asked for needs a container whose init has not ended.
    #[error("container not running")]
    NotRunning,
    /// Only what is paused can be resumed.
    #[error("container not paused")]
    NotPaused,
    /// Only what was created can be started.
    #[error("{}", match status { Status::Stopped => "cannot start a container that has stopped", _ => "cannot start an already running container" })]
    NotCreated {
        /// What it is doing.
        status: Status,
    },
    /// Only what has stopped can be deleted.
    #[error("cannot delete container {id} that is not stopped: {status}")]
    NotStopped {
        /// Which.
        id: Id,
        /// What it is doing.
        status: Status,
    },
    /// A command cannot be executed in it.
    #[error("cannot exec in a {status} container{}", match status { Status::Paused => " (use --ignore-paused to override)", _ => "" })]
    NoExec {
        /// What it is doing.
        status: Status,
    },
    /// The bundle is none.
    #[error("{0}")]
    Bundle(String),
    /// What was asked for on the command line does not fit the bundle.
    #[error("{0}")]
    Usage(String),
    /// A file that is not as it should be.
    #[error("cannot parse {}: {source}", path.display())]
    Json {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A file or socket refused.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The process could not be made.
    #[error("unable to start container process: {}", told(.0))]
    Sandbox(#[from] sandbox::Error),
    /// Its cgroup could not be made or changed.
    #[error(transparent)]
    Cgroup(#[from] cgroup::Error),
    /// A hook did not succeed.
    #[error(transparent)]
    Hook(#[from] hooks::Failed),
}

/// Whose failure it is: the init tells of its own.
fn told(error: &sandbox::Error) -> String {
    match error {
        sandbox::Error::Reported { message, .. } => format!("error during container init: {message}"),
        error => error.to_string(),
    }
}

impl Error {
    pub(super) fn at(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File { action, path: path.into(), source }
    }
}

/// This module's result.
pub type Result<T> = std::result::Result<T, Error>;
