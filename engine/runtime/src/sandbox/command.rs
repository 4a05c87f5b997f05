//! Finding and executing the command, the last step of every child.

use super::error::{Error, Result};
use super::home;
use nix::errno::Errno;
use nix::sys::stat::SFlag;
use nix::unistd::execve;
use oci_spec::runtime::Process;
use std::collections::HashSet;
use std::convert::Infallible;
use std::ffi::CString;

/// Where commands are looked for when the environment does not say: Docker's default.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A command with its arguments and environment.
#[derive(Debug)]
pub(super) struct Command {
    name: String,
    candidates: Vec<CString>,
    arguments: Vec<CString>,
    environment: Vec<CString>,
}

impl Command {
    /// Reads the spec.
    pub(super) fn of_process(process: &Process) -> Result<Self> {
        let arguments = process.args().as_deref().unwrap_or_default();
        let Some(name) = arguments.first().filter(|name| !name.is_empty()) else {
            return Err(Error::Spec("process.args names no command".into()));
        };
        let environment = process.env().as_deref().unwrap_or_default();
        let path = environment.iter().rev().find_map(|variable| variable.strip_prefix("PATH="));
        let candidates = match name.contains('/') {
            true => vec![name.clone()],
            false => candidates(name, path.unwrap_or(DEFAULT_PATH)),
        };
        Ok(Self {
            name: name.clone(),
            candidates: c_strings(&candidates)?,
            arguments: c_strings(arguments)?,
            environment: c_strings(&last_of_each_name(environment))?,
        })
    }

    /// Gives an environment without a home directory the user's. The root must be the container's.
    pub(super) fn complete(&mut self, uid: u32) -> Result<()> {
        let has_home =
            |variable: &CString| variable.to_bytes().strip_prefix(b"HOME=").is_some_and(|home| !home.is_empty());
        if !self.environment.iter().any(has_home) {
            self.environment.retain(|variable| variable.to_bytes() != b"HOME=");
            self.environment.extend(c_strings(&[format!("HOME={}", home::of_user(uid))])?);
        }
        Ok(())
    }

    /// Becomes the command. As shells do, goes on past directories that do not have it, and past files that may not be
    /// executed, but remembers those.
    pub(super) fn execute(&self) -> Result<Infallible> {
        let mut refused = None;
        for candidate in &self.candidates {
            match execve(candidate, &self.arguments, &self.environment) {
                Err(Errno::ENOENT | Errno::ENOTDIR) if self.is_searched() && !exists(candidate) => {}
                Err(Errno::EACCES) if self.is_searched() => refused = Some(Errno::EACCES),
                Err(errno) => return Err(self.error(errno)),
            }
        }
        Err(match refused {
            Some(errno) => self.error(errno),
            None => Error::NotInPath { command: self.name.clone() },
        })
    }

    fn is_searched(&self) -> bool {
        !self.name.contains('/')
    }

    fn error(&self, errno: Errno) -> Error {
        match errno {
            Errno::ENOENT if self.candidates.iter().any(exists) => Error::NoInterpreter { command: self.name.clone() },
            errno => Error::Exec { command: self.name.clone(), errno },
        }
    }

    /// Looks for the command, so that one which is not there is told of before anybody waits for it to start.
    pub(super) fn look_up(&self) -> Result<()> {
        let mut refused = Errno::ENOENT;
        for candidate in &self.candidates {
            match executable(candidate) {
                Ok(()) => return Ok(()),
                Err(Errno::ENOENT | Errno::ENOTDIR) => {}
                Err(errno) => refused = errno,
            }
        }
        Err(match refused {
            Errno::ENOENT if self.is_searched() => Error::NotInPath { command: self.name.clone() },
            errno => self.error(errno),
        })
    }
}

/// Whether anybody may execute it; who the command will run as may not.
fn executable(path: &CString) -> nix::Result<()> {
    let status = nix::sys::stat::stat(path.as_c_str())?;
    match (SFlag::from_bits_truncate(status.st_mode) & SFlag::S_IFMT, status.st_mode & 0o111) {
        (SFlag::S_IFDIR, _) => Err(Errno::EISDIR),
        (_, 0) => Err(Errno::EACCES),
        _ => Ok(()),
    }
}

fn exists(path: &CString) -> bool {
    nix::sys::stat::stat(path.as_c_str()).is_ok()
}

fn candidates(name: &str, path: &str) -> Vec<String> {
    // An empty entry would mean the working directory, where nobody expects commands.
    path.split(':').filter(|directory| !directory.is_empty()).map(|directory| format!("{directory}/{name}")).collect()
}

/// A variable that is set again has but its last value.
fn last_of_each_name(environment: &[String]) -> Vec<String> {
    let mut seen = HashSet::new();
    let name = |variable: &String| variable.split_once('=').map_or(variable.clone(), |(name, _)| name.to_owned());
    let mut last: Vec<_> = environment.iter().rev().filter(|variable| seen.insert(name(variable))).cloned().collect();
    last.reverse();
    last
}

fn c_strings(strings: &[String]) -> Result<Vec<CString>> {
    let convert = |string: &String| {
        CString::new(string.as_str()).map_err(|_| Error::Spec(format!("{string:?} holds a NUL byte")))
    };
    strings.iter().map(convert).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use oci_spec::runtime::ProcessBuilder;

    fn command(args: &[&str], env: &[&str]) -> Result<Command> {
        let strings = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let process = ProcessBuilder::default().args(strings(args)).env(strings(env)).build().unwrap();
        Command::of_process(&process)
    }

    #[test]
    fn commands_are_searched_in_the_containers_path() {
        let searched = command(&["ls", "-l"], &["PATH=/a::/b"]).unwrap();
        assert_eq!(searched.candidates, [c"/a/ls".to_owned(), c"/b/ls".to_owned()]);
        assert_eq!(command(&["./ls"], &["PATH=/a"]).unwrap().candidates, [c"./ls".to_owned()]);
        assert!(command(&["ls"], &[]).unwrap().candidates.contains(&c"/usr/bin/ls".to_owned()));
    }

    #[test]
    fn a_variable_has_its_last_value_alone() {
        let mut command = command(&["ls"], &["A=1", "HOME=/a", "A=2", "HOME="]).unwrap();
        command.complete(u32::MAX).unwrap();
        assert_eq!(command.environment, [c"A=2".to_owned(), c"HOME=/".to_owned()]);
    }

    #[test]
    fn what_cannot_be_a_command_is_refused() {
        assert!(command(&[], &[]).is_err());
        assert!(command(&["a\0b"], &[]).is_err());
    }

    #[test]
    fn errors_have_dockers_exit_codes() {
        let missing = command(&["no-such-command"], &[]).unwrap().execute().unwrap_err();
        assert_eq!(missing.exit_code(), 127);
        assert_eq!(missing.to_string(), "exec: \"no-such-command\": executable file not found in $PATH");
        assert_eq!(command(&["/no/such"], &[]).unwrap().execute().unwrap_err().exit_code(), 127);
        assert_eq!(command(&["/etc/passwd"], &[]).unwrap().execute().unwrap_err().exit_code(), 126);
        assert_eq!(command(&["/etc"], &[]).unwrap().execute().unwrap_err().exit_code(), 126);
    }
}
