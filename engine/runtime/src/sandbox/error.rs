//! What can go wrong between a spec and a running process, and what a shell is told of it.

use crate::{cgroup, seccomp, words};
use nix::errno::Errno;
use std::io;
use std::path::PathBuf;

/// Why a process could not be started in a container.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The spec asks for something that cannot be.
    #[error("spec: {0}")]
    Spec(String),
    /// A system call failed.
    #[error("cannot {action}: {source}")]
    System {
        /// What was tried.
        action: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// Something could not be mounted in a container.
    #[error("error mounting {what:?} to rootfs at {destination:?}: cannot {action}: {}", words(source))]
    Mount {
        /// The source.
        what: PathBuf,
        /// Where it belongs in the container.
        destination: PathBuf,
        /// What was tried.
        action: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The container's cgroup could not be made or limited.
    #[error(transparent)]
    Cgroup(#[from] cgroup::Error),
    /// The container's cgroup could not be made.
    #[error("unable to apply cgroup configuration: {0}")]
    NoCgroup(#[source] cgroup::Error),
    /// A hook did not succeed.
    #[error(transparent)]
    Hook(#[from] crate::hooks::Failed),
    /// The seccomp profile cannot be applied.
    #[error("seccomp profile: {0}")]
    Seccomp(#[from] seccomp::Unsupported),
    /// No directory of the container's `PATH` has the command.
    #[error("exec: {command:?}: executable file not found in $PATH")]
    NotInPath {
        /// As it was asked for.
        command: String,
    },
    /// The command was found, or named by its path, but cannot be executed.
    #[error("exec: {command:?}: {}", errno.desc().to_lowercase())]
    Exec {
        /// As it was asked for.
        command: String,
        /// What the kernel said.
        errno: Errno,
    },
    /// What the command needs to be executed, its interpreter, is missing.
    #[error("exec {command}: no such file or directory (its interpreter is missing)")]
    NoInterpreter {
        /// As it was asked for.
        command: String,
    },
    /// Another runtime could not do what it was called for.
    #[error("OCI runtime {command} failed: {message}")]
    Foreign {
        /// What it was to do.
        command: &'static str,
        /// What it said, or how it ended.
        message: String,
    },
    /// The child told of one of the others.
    #[error("{message}")]
    Reported {
        /// Its exit code.
        exit_code: i32,
        /// Its text.
        message: String,
    },
    /// The child ended without a word: it was killed.
    #[error("the container's first process was killed before it could start")]
    Vanished,
}

impl Error {
    /// What `docker run` exits with: 127 if there is no such command, 126 if it cannot be executed, 125 otherwise.
    pub fn exit_code(&self) -> i32 {
        match self {
            Self::NotInPath { .. } => 127,
            Self::NoInterpreter { .. } | Self::Exec { errno: Errno::ENOENT | Errno::ENOTDIR, .. } => 127,
            Self::Exec { .. } => 126,
            Self::Foreign { message, .. } => foreign_exit_code(message),
            Self::Reported { exit_code, .. } => *exit_code,
            _ => 125,
        }
    }
}

/// Docker's derivation of an exit code from what runc said (moby daemon/errors.go).
fn foreign_exit_code(message: &str) -> i32 {
    let message = message.to_lowercase();
    let says_any = |texts: [&str; 2]| texts.into_iter().any(|text| message.contains(text));
    if says_any(["not found in $path", "no such file or directory"]) {
        127
    } else if says_any(["permission denied", "is a directory"]) {
        126
    } else {
        125
    }
}

/// This module's result.
pub type Result<T> = std::result::Result<T, Error>;

/// Says what was being done when a system call failed.
pub(super) trait Context<T> {
    fn during(self, action: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<io::Error>> Context<T> for std::result::Result<T, E> {
    fn during(self, action: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Error::System { action: action(), source: error.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_runtime_says_has_an_exit_code() {
        for (message, code) in [
            ("runc create failed: exec: \"x\": executable file not found in $PATH", 127),
            ("executable file `x` not found in $PATH: No such file or directory", 127),
            ("exec: \"/x\": stat /x: no such file or directory", 127),
            ("exec: \"/etc/passwd\": permission denied", 126),
            ("exec: \"/etc\": is a directory", 126),
            ("it ended with exit code 1 and did not say why", 125),
        ] {
            let error = Error::Foreign { command: "create", message: message.into() };
            assert_eq!(error.exit_code(), code, "{message}");
        }
    }
}
