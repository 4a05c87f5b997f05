//! Commands that run in a container after its start and before its end.

use crate::engine::Engine;
use crate::error::{Error, Result};
use porthole_compose::project::Hook;
use std::process::{Command, Stdio};

impl Engine {
    /// Runs a hook to its end. It is a process of its own that enters the container: this one has several threads.
    pub(super) fn run_hook(&self, container: &str, kind: &str, hook: &Hook) -> Result<()> {
        let mut command = Command::new("/proc/self/exe");
        command.arg("exec");
        if let Some(user) = &hook.user {
            command.args(["-u", user]);
        }
        if let Some(directory) = &hook.working_dir {
            command.args(["-w", directory]);
        }
        for (name, value) in &hook.environment {
            command.args(["-e", &format!("{name}={value}")]);
        }
        if hook.privileged {
            command.arg("--privileged");
        }
        command.arg(container).args(&hook.command).envs(self.environment());
        let output = command.stdin(Stdio::null()).output().map_err(|source| Error::file("/proc/self/exe", source))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let code = output.status.code().unwrap_or(1);
        Err(Error::Compose(porthole_compose::Error::Project(format!(
            "{kind} hook of container {container} exited with status {code}: {}",
            said.lines().last().unwrap_or_default()
        ))))
    }
}
