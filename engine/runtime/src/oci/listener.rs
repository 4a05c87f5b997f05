//! Handing what a seccomp filter notifies of to the agent that decides on it (config-linux.md, "Seccomp", `listenerPath`).

use super::descriptors::send_descriptor;
use crate::hooks::ContainerState;
use crate::sandbox;
use oci_spec::runtime::Spec;
use serde::Serialize;
use std::os::fd::{AsFd, OwnedFd};

/// The message that comes with the listener (`ContainerProcessState`).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProcessState<'a> {
    oci_version: &'a str,
    fds: [&'static str; 1],
    pid: i32,
    #[serde(skip_serializing_if = "str::is_empty")]
    metadata: &'a str,
    state: ContainerState,
}

/// Sends the listener of the process `pid` of a container.
pub(super) fn deliver(
    spec: &Spec,
    state: &ContainerState,
    pid: i32,
    init: i32,
    listener: OwnedFd,
) -> sandbox::Result<()> {
    let seccomp = spec.linux().as_ref().and_then(|linux| linux.seccomp().as_ref());
    let path = seccomp.and_then(|seccomp| seccomp.listener_path().as_ref()).filter(|path| !path.as_os_str().is_empty());
    let Some(path) = path else {
        return Err(sandbox::Error::Spec("SCMP_ACT_NOTIFY needs linux.seccomp.listenerPath".into()));
    };
    let message = ProcessState {
        oci_version: &state.oci_version,
        fds: ["seccompFd"],
        pid,
        metadata: seccomp.and_then(|seccomp| seccomp.listener_metadata().as_deref()).unwrap_or_default(),
        state: ContainerState { pid: Some(init), ..state.clone() },
    };
    let failed = |error: String| sandbox::Error::Spec(format!("failed to connect with seccomp agent: {error}"));
    let text = serde_json::to_vec(&message).map_err(|error| failed(error.to_string()))?;
    send_descriptor(path, listener.as_fd(), &text).map_err(|error| failed(error.to_string()))
}
