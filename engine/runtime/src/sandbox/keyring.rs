//! A session keyring of a container's own, so that it does not see its maker's keys (keyrings(7), keyctl(2)).

use super::error::{Context, Error, Result};
use nix::errno::Errno;
use std::ffi::CString;

const JOIN_SESSION_KEYRING: libc::c_int = 1;

/// Joins the one of this name, which is made for the first.
pub(super) fn join(name: &str) -> Result<()> {
    let name = CString::new(name).map_err(|_| Error::Spec(format!("{name:?} holds a NUL byte")))?;
    // SAFETY: the operation reads a name up to its NUL.
    match Errno::result(unsafe { libc::syscall(libc::SYS_keyctl, JOIN_SESSION_KEYRING, name.as_ptr()) }) {
        // A kernel without keys, or an outer container that may not use them: there are none to be seen.
        Ok(_) | Err(Errno::ENOSYS | Errno::EPERM) => Ok(()),
        Err(errno) => Err(errno).during(|| "join a session keyring (--no-new-keyring does without)".into()),
    }
}
