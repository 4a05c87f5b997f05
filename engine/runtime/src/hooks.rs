//! Hooks: programs that a spec has run at six points of a container's life (config.md, "POSIX-platform Hooks").

use crate::process;
use nix::sys::memfd::{MFdFlags, memfd_create};
use oci_spec::runtime::{Hook, Hooks, Spec};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

/// When hooks are run, and in whose namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// Before the root is entered, on the host. Older than the next.
    Prestart,
    /// Before the root is entered, on the host.
    CreateRuntime,
    /// Before the root is entered, in the container's namespaces.
    CreateContainer,
    /// Before the command is executed, in the container.
    StartContainer,
    /// After the command has been executed, on the host.
    Poststart,
    /// After the container is gone, on the host.
    Poststop,
}

/// What a hook reads from its standard input: the container's state (runtime.md, "State").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerState {
    /// Of the runtime-spec.
    pub oci_version: String,
    /// The container's.
    pub id: String,
    /// One of `creating`, `created`, `running` and `stopped`.
    pub status: String,
    /// The init, unless there is none (any more).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<i32>,
    /// The absolute path of the bundle.
    pub bundle: PathBuf,
    /// The spec's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<HashMap<String, String>>,
}

/// A hook that did not succeed.
#[derive(Debug, thiserror::Error)]
#[error("error running {} hook #{index}: {why}", point.name())]
pub struct Failed {
    point: Point,
    index: usize,
    why: String,
}

impl Point {
    /// Its name in a spec.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Prestart => "prestart",
            Self::CreateRuntime => "createRuntime",
            Self::CreateContainer => "createContainer",
            Self::StartContainer => "startContainer",
            Self::Poststart => "poststart",
            Self::Poststop => "poststop",
        }
    }

    /// What the container is then doing.
    const fn status(self) -> &'static str {
        match self {
            Self::Prestart | Self::CreateRuntime | Self::CreateContainer => "creating",
            Self::StartContainer => "created",
            Self::Poststart => "running",
            Self::Poststop => "stopped",
        }
    }

    #[allow(deprecated, reason = "specs have them all the same")]
    fn hooks(self, hooks: &Hooks) -> &[Hook] {
        match self {
            Self::Prestart => hooks.prestart(),
            Self::CreateRuntime => hooks.create_runtime(),
            Self::CreateContainer => hooks.create_container(),
            Self::StartContainer => hooks.start_container(),
            Self::Poststart => hooks.poststart(),
            Self::Poststop => hooks.poststop(),
        }
        .as_deref()
        .unwrap_or_default()
    }

    /// Those of a spec.
    pub fn of_spec(self, spec: &Spec) -> &[Hook] {
        spec.hooks().as_ref().map_or(&[], |hooks| self.hooks(hooks))
    }

    /// Runs those of a spec one after the other, until one fails. `pid` is the init as the hooks' namespaces see it.
    pub fn run(self, spec: &Spec, state: &ContainerState, pid: Option<i32>) -> Result<(), Failed> {
        self.results(spec, state, pid).collect()
    }

    /// Runs those of a spec one after the other, also when some fail.
    pub fn run_all(self, spec: &Spec, state: &ContainerState, pid: Option<i32>) -> Vec<Failed> {
        self.results(spec, state, pid).filter_map(Result::err).collect()
    }

    fn results(
        self,
        spec: &Spec,
        state: &ContainerState,
        pid: Option<i32>,
    ) -> impl Iterator<Item = Result<(), Failed>> {
        let state = ContainerState { status: self.status().to_owned(), pid, ..state.clone() };
        let run = move |(index, hook)| run(hook, &state).map_err(|why| Failed { point: self, index, why });
        self.of_spec(spec).iter().enumerate().map(run)
    }
}

fn run(hook: &Hook, state: &ContainerState) -> Result<(), String> {
    let output = memory(b"").map_err(|error| error.to_string())?;
    let mut child = start(hook, state, &output).map_err(|error| format!("{}: {error}", hook.path().display()))?;
    let status = wait(&mut child, hook.timeout()).map_err(|error| error.to_string())?;
    match status {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(format!("{}, output: {}", describe(status), said(output))),
        None => Err(format!("hook ran past specified timeout of {} s", hook.timeout().unwrap_or_default())),
    }
}

/// Input and output are files in memory: whatever a hook does with them, nobody waits for the other.
fn start(hook: &Hook, state: &ContainerState, output: &File) -> io::Result<Child> {
    let arguments = hook.args().as_deref().unwrap_or_default();
    let mut command = Command::new(hook.path());
    if let Some((name, arguments)) = arguments.split_first() {
        command.arg0(name).args(arguments);
    }
    if let Some(environment) = hook.env() {
        // A variable without a value cannot be expressed, and means nothing.
        command.env_clear().envs(environment.iter().filter_map(|variable| variable.split_once('=')));
    }
    command.stdin(memory(&serde_json::to_vec(state)?)?).stdout(output.try_clone()?).stderr(output.try_clone()?);
    // SAFETY: between fork and execve only a system call is made.
    unsafe { command.pre_exec(close_others) };
    command.spawn()
}

/// What a caller has us preserve for the container is not the hooks'.
fn close_others() -> io::Result<()> {
    let flags = libc::CLOSE_RANGE_CLOEXEC;
    // SAFETY: the call takes three integers, and with this flag closes nothing before execve.
    let result = unsafe { libc::syscall(libc::SYS_close_range, 3 as libc::c_uint, libc::c_uint::MAX, flags) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Its end, or nothing if the time was over; then it has been killed.
fn wait(child: &mut Child, timeout: Option<i64>) -> io::Result<Option<ExitStatus>> {
    let Some(seconds) = timeout else { return child.wait().map(Some) };
    // By its number alone: in a container's init, /proc may be another namespace's. It is our child, and not reaped.
    let pidfd = nix::errno::Errno::result({
        // SAFETY: the call takes two integers and returns a new descriptor or an error.
        unsafe { libc::syscall(libc::SYS_pidfd_open, child.id(), 0) }
    })?;
    // SAFETY: the kernel has just returned this descriptor, nobody else owns it.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd as i32) };
    let limit = Duration::from_secs(seconds.max(0).cast_unsigned());
    if process::wait_ended(pidfd.as_fd(), Some(limit))? {
        return child.wait().map(Some);
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}

fn memory(content: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create(c"hook", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(content)?;
    file.rewind()?;
    Ok(file)
}

/// In Go's words, which users of runc know.
fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, signal) => {
            let core = if status.core_dumped() { " (core dumped)" } else { "" };
            format!("signal: {}{core}", signal_words(signal.unwrap_or_default()))
        }
    }
}

fn signal_words(signal: i32) -> String {
    // SAFETY: the C library returns a text that is valid until this thread asks again; it is copied before.
    let words = unsafe {
        let text = libc::strsignal(signal);
        (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().to_lowercase())
    };
    words.unwrap_or_else(|| format!("signal {signal}"))
}

fn said(mut output: File) -> String {
    let mut text = Vec::new();
    // What cannot be read cannot be told.
    let _ = output.rewind().and_then(|()| output.read_to_end(&mut text));
    String::from_utf8_lossy(&text).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use oci_spec::runtime::{HookBuilder, HooksBuilder, SpecBuilder};

    fn state() -> ContainerState {
        ContainerState {
            oci_version: "1.2.0".into(),
            id: "c".into(),
            status: String::new(),
            pid: None,
            bundle: "/bundle".into(),
            annotations: None,
        }
    }

    fn shell(script: &str) -> HookBuilder {
        HookBuilder::default().path("/bin/sh").args(["sh", "-c", script].map(String::from).to_vec())
    }

    fn spec(hooks: Vec<Hook>) -> Spec {
        SpecBuilder::default().hooks(HooksBuilder::default().poststop(hooks).build().unwrap()).build().unwrap()
    }

    #[test]
    fn a_hook_has_the_state_and_its_own_environment() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("seen");
        let hook = shell(&format!("cat > {0}; echo $A$HOME >> {0}", path.display())).env(vec!["A=b".to_owned()]);
        Point::Poststop.run(&spec(vec![hook.build().unwrap()]), &state(), None).unwrap();
        let seen = std::fs::read_to_string(&path).unwrap();
        assert_eq!(seen, "{\"ociVersion\":\"1.2.0\",\"id\":\"c\",\"status\":\"stopped\",\"bundle\":\"/bundle\"}b\n");
    }

    #[test]
    fn a_signal_has_its_words() {
        let killed = shell("kill -SYS $$").build().unwrap();
        let error = Point::Poststop.run(&spec(vec![killed]), &state(), None).unwrap_err();
        assert!(error.to_string().contains("signal: bad system call"), "{error}");
    }

    #[test]
    fn the_one_that_fails_is_told_with_what_it_said() {
        let (good, bad) = (shell("true").build().unwrap(), shell("echo why >&2; exit 3").build().unwrap());
        let late = shell("sleep 10").timeout(0).build().unwrap();
        let spec = spec(vec![good, bad, late]);
        let error = Point::Poststop.run(&spec, &state(), None).unwrap_err();
        assert_eq!(error.to_string(), "error running poststop hook #1: exit status 3, output: why");
        let all = Point::Poststop.run_all(&spec, &state(), None);
        assert_eq!(all.len(), 2);
        assert!(all[1].to_string().contains("timeout of 0 s"));
    }
}
