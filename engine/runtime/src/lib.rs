//! The OCI runtime and the monitor: from an OCI `Spec` to a running, watched process.
