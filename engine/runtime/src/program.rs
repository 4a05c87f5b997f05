//! Keeping this program itself out of the reach of containers.

use crate::mount::{Depth, Mount};
use nix::fcntl::{AtFlags, FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::statvfs::{FsFlags, fstatvfs};
use nix::unistd::{AccessFlags, access, execveat, geteuid};
use std::ffi::{CString, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
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
    let copy: OwnedFd = match Sealed::open()? {
        Sealed::Already => return Ok(()),
        Sealed::By(copy) => copy.as_fd().try_clone_to_owned()?,
        Sealed::Copy(copy) => copy.into(),
    };
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
    /// By being a copy in memory that nobody can change: a user who owns it may not mount.
    Copy(File),
    /// As it is: it is sealed already, or not its user's to write to.
    Already,
}

impl Sealed {
    /// Makes the mount if there is need for it.
    pub fn open() -> io::Result<Sealed> {
        let own = File::open(OWN)?;
        if fstatvfs(own.as_fd())?.flags().contains(FsFlags::ST_RDONLY) || is_sealed(&own) {
            return Ok(Sealed::Already);
        }
        if !geteuid().is_root() {
            return match own.metadata()?.uid() == geteuid().as_raw() || access(OWN, AccessFlags::W_OK).is_ok() {
                true => Ok(Sealed::Copy(sealed_copy(own)?)),
                false => Ok(Sealed::Already),
            };
        }
        let copy = match Mount::of_path(OWN.as_ref(), Depth::One) {
            // Who may not mount makes no containers either.
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => return Ok(Sealed::Already),
            copy => copy?,
        };
        copy.make_read_only(Depth::One)?;
        Ok(Sealed::By(copy))
    }

    /// What to execute, by a child of this process, as long as this is.
    pub fn path(&self) -> PathBuf {
        match self {
            Sealed::By(copy) => format!("/proc/self/fd/{}", copy.as_fd().as_raw_fd()).into(),
            Sealed::Copy(copy) => format!("/proc/self/fd/{}", copy.as_raw_fd()).into(),
            Sealed::Already => OWN.into(),
        }
    }
}

/// What makes a file in memory unchangeable for ever (fcntl(2), "File Sealing").
const SEALS: SealFlag =
    SealFlag::F_SEAL_WRITE.union(SealFlag::F_SEAL_GROW).union(SealFlag::F_SEAL_SHRINK).union(SealFlag::F_SEAL_SEAL);

fn is_sealed(file: &File) -> bool {
    fcntl(file, FcntlArg::F_GET_SEALS).is_ok_and(|seals| SealFlag::from_bits_retain(seals).contains(SEALS))
}

fn sealed_copy(mut program: File) -> io::Result<File> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let mut copy = File::from(memfd_create(c"porthole", flags)?);
    io::copy(&mut program, &mut copy)?;
    fcntl(&copy, FcntlArg::F_ADD_SEALS(SEALS))?;
    // What is open for writing cannot be executed.
    File::open(format!("/proc/self/fd/{}", copy.as_raw_fd()))
}

fn c_strings(strings: impl Iterator<Item = OsString>) -> io::Result<Vec<CString>> {
    strings.map(|string| CString::new(string.into_vec()).map_err(io::Error::other)).collect()
}
