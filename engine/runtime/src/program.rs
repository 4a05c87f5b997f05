//! Keeping this program itself out of the reach of containers.

use crate::mount::{Depth, Mount};
use nix::fcntl::AtFlags;
use nix::sys::statvfs::{FsFlags, fstatvfs};
use nix::unistd::{execveat, geteuid};
use std::ffi::{CString, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// The file that this process executes.
const OWN: &str = "/proc/self/exe";

/// Goes on as the same program on a read-only mount that is nobody else's, with the same arguments and environment.
///
/// A container's command may turn out to be this program: by a link to, or a `#!` with, /proc/self/exe, which at that moment is
/// still the engine's. Root in the container could then keep it open, and once it has ended write to it (CVE-2019-5736). What
/// is open on a read-only mount cannot be opened for writing by way of /proc. To be called before anything is opened or
/// started, by whoever will execute a container's command.
pub fn seal() -> io::Result<()> {
    let Sealed::By(copy) = Sealed::open()? else { return Ok(()) };
    let arguments = c_strings(std::env::args_os())?;
    let variables = c_strings(std::env::vars_os().map(|(mut name, value)| {
        name.push("=");
        name.push(value);
        name
    }))?;
    match execveat(copy.as_fd(), c"", &arguments, &variables, AtFlags::AT_EMPTY_PATH)? {}
}

/// This program, as something that executes a container's command may be started from: [`seal`] has nothing to do there.
pub enum Sealed {
    /// By a read-only mount of its own.
    By(Mount),
    /// As it is: it is sealed already, or not by a user who could make containers.
    Already,
}

impl Sealed {
    /// Makes the mount if there is need for it.
    pub fn open() -> io::Result<Sealed> {
        let own = File::open(OWN)?;
        if fstatvfs(own.as_fd())?.flags().contains(FsFlags::ST_RDONLY) {
            return Ok(Sealed::Already);
        }
        let copy = match Mount::of_path(OWN.as_ref(), Depth::One) {
            // Who may not mount makes no containers either.
            Err(error) if error.raw_os_error() == Some(libc::EPERM) || !geteuid().is_root() => {
                return Ok(Sealed::Already);
            }
            copy => copy?,
        };
        copy.make_read_only(Depth::One)?;
        Ok(Sealed::By(copy))
    }

    /// What to execute, by a child of this process, as long as this is.
    pub fn path(&self) -> PathBuf {
        match self {
            Sealed::By(copy) => format!("/proc/self/fd/{}", copy.as_fd().as_raw_fd()).into(),
            Sealed::Already => OWN.into(),
        }
    }
}

fn c_strings(strings: impl Iterator<Item = OsString>) -> io::Result<Vec<CString>> {
    strings.map(|string| CString::new(string.into_vec()).map_err(io::Error::other)).collect()
}
