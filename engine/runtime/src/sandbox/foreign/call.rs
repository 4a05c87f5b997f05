//! Calling the runtime, and understanding what it complains about.

use super::super::error::{Context, Error, Result};
use super::ForeignRuntime;
use crate::process::{self, ProcessId};
use serde::Deserialize;
use std::ffi::{CString, OsStr, OsString};
use std::fs;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long one call may take.
const LIMIT: Duration = Duration::from_secs(30);
/// Variables that offer a program descriptors or sockets, which are not the runtime's: those of sd_listen_fds(3), sd_notify(3).
const NOT_PASSED: [&str; 4] = ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "NOTIFY_SOCKET"];

/// A line of the log (`--log-format json`).
#[derive(Deserialize)]
struct Line {
    level: String,
    msg: String,
}

impl ForeignRuntime {
    /// Calls it with one of its commands.
    pub(super) fn call(&self, command: &'static str, options: &[&str]) -> Result<()> {
        // What it says from now on is about this call. A log that is not there need not be removed.
        let _ = fs::remove_file(self.log());
        let mut child = Command::new(&self.program)
            .args(self.global_options())
            .arg(command)
            .args(options)
            .arg(&self.id)
            .env_clear()
            .envs(environment())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .during(|| format!("execute the runtime {}", self.program.display()))?;
        let pidfd = ProcessId::of(child.id().cast_signed()).and_then(|process| process.open());
        match pidfd {
            Ok(pidfd) => self.wait_for(command, pidfd.as_fd()),
            Err(error) => {
                // Whatever stands in the way of watching it, it must not be left behind.
                let _ = child.kill().and_then(|()| child.wait());
                Err(error).during(|| "watch the runtime".into())
            }
        }
    }

    /// Waits for the end of a call, which must be a good one.
    pub(super) fn wait_for(&self, command: &'static str, pidfd: BorrowedFd) -> Result<()> {
        let ended = process::wait_ended(pidfd, Some(LIMIT)).during(|| "wait for the runtime".into())?;
        if !ended {
            // It fails only for one that has ended by now.
            let _ = process::send_signal(pidfd, libc::SIGKILL);
        }
        let code = process::reap(pidfd).during(|| "wait for the runtime".into())?;
        match (ended, code) {
            (true, 0) => Ok(()),
            (false, _) => Err(self.failure(command, &format!("it took longer than {} s", LIMIT.as_secs()))),
            (true, code) => match self.complaint() {
                Some(message) => Err(Error::Foreign { command, message }),
                None => Err(self.failure(command, &format!("it ended with exit code {code} and did not say why"))),
            },
        }
    }

    /// What it said last of what went wrong.
    fn complaint(&self) -> Option<String> {
        let log = fs::read(self.log()).unwrap_or_default();
        last_error(&String::from_utf8_lossy(&log))
    }

    /// One of which it said nothing.
    pub(super) fn failure(&self, command: &'static str, what: &str) -> Error {
        Error::Foreign { command, message: format!("{}: {what}", self.program.display()) }
    }

    /// What comes before each command.
    pub(super) fn global_options(&self) -> [OsString; 6] {
        let state = self.directory.join("state").into_os_string();
        ["--root".into(), state, "--log".into(), self.log().into_os_string(), "--log-format".into(), "json".into()]
    }

    fn log(&self) -> PathBuf {
        self.directory.join("log.json")
    }
}

/// The last error of a log, as one line.
fn last_error(log: &str) -> Option<String> {
    let mut lines = log.lines().rev().filter_map(|line| serde_json::from_str::<Line>(line).ok());
    let message = lines.find(|line| matches!(line.level.as_str(), "error" | "fatal" | "panic"))?.msg;
    Some(message.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// What the runtime has of our environment.
fn environment() -> impl Iterator<Item = (OsString, OsString)> {
    std::env::vars_os().filter(|(name, _)| !NOT_PASSED.iter().any(|other| name == other))
}

/// The same, as execve(2) takes it.
pub(super) fn environment_block() -> Vec<CString> {
    let joined = environment().map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes()].concat());
    // An environment has no zero bytes in it.
    joined.filter_map(|variable| CString::new(variable).ok()).collect()
}

pub(super) fn c_string(word: &OsStr) -> Result<CString> {
    CString::new(word.as_bytes()).map_err(|_| Error::Spec(format!("{word:?} contains a zero byte")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_error_is_told_as_one_line() {
        let log = concat!(
            "{\"level\":\"warning\",\"msg\":\"cgroup is not empty\",\"time\":\"t\"}\n",
            "{\"level\":\"error\",\"msg\":\"first\"}\n",
            "{\"level\":\"error\",\"msg\":\"exec: \\\"x\\\":\\n  not found\\n\"}\n",
            "{\"level\":\"info\",\"msg\":\"later\"}\nno JSON\n",
        );
        assert_eq!(last_error(log).as_deref(), Some("exec: \"x\": not found"));
        assert_eq!(last_error("{\"level\":\"debug\",\"msg\":\"fine\"}\n"), None);
        assert_eq!(last_error(""), None);
    }

    #[test]
    fn a_program_that_is_no_runtime_is_told_of() {
        let directory = tempfile::tempdir().unwrap();
        let told = |program: &str| {
            ForeignRuntime::new(program, directory.path(), "c").call("start", &[]).unwrap_err().to_string()
        };
        assert!(
            told("/bin/false").contains("start failed: /bin/false: it ended with exit code 1"),
            "{}",
            told("/bin/false")
        );
        assert!(told("/no/such/program").contains("execute the runtime /no/such/program"));
    }
}
