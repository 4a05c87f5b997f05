//! sd_notify(3) from a container: a socket of its own is passed on to the host's, which cannot be reached from inside.

use super::error::{Error, Result};
use crate::process;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use oci_spec::runtime::{MountBuilder, Spec};
use std::ffi::{OsStr, OsString};
use std::fs::{self, Permissions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The directory of the socket, beside the container's record.
const DIRECTORY: &str = "notify";
/// Where the container has it, and the socket in it.
const INSIDE: &str = "/run/notify";
const SOCKET: &str = "notify.sock";

/// Has a container that will be made find its socket, which is bound once it is started.
pub(super) fn offer(spec: &mut Spec, container: &Path) -> Result<()> {
    let directory = container.join(DIRECTORY);
    fs::create_dir(&directory)
        .and_then(|()| fs::set_permissions(&directory, Permissions::from_mode(0o755)))
        .map_err(Error::at("make", &directory))?;
    let options = ["bind", "nosuid", "noexec", "nodev", "ro"].map(str::to_owned);
    let mount = MountBuilder::default().destination(INSIDE).typ("bind").source(directory).options(options);
    let mount = mount.build().map_err(|error| Error::Bundle(error.to_string()))?;
    spec.mounts_mut().get_or_insert_default().push(mount);
    if let Some(process) = spec.process_mut() {
        process.env_mut().get_or_insert_default().push(format!("NOTIFY_SOCKET={INSIDE}/{SOCKET}"));
    }
    Ok(())
}

/// Hears what a container tells, and passes on that it is ready.
#[derive(Debug)]
pub struct Notifier {
    socket: UnixDatagram,
    host: OsString,
}

impl Notifier {
    /// For a container that was offered one; `host` is the socket to pass on to.
    pub(super) fn bind(container: &Path, host: &OsStr) -> Result<Option<Self>> {
        let path = container.join(DIRECTORY).join(SOCKET);
        if !path.parent().is_some_and(Path::exists) {
            return Ok(None);
        }
        let bind = || -> io::Result<UnixDatagram> {
            let socket = UnixDatagram::bind(&path)?;
            // Whoever the container's processes are.
            fs::set_permissions(&path, Permissions::from_mode(0o777))?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        };
        let socket = bind().map_err(Error::at("listen at", &path))?;
        Ok(Some(Self { socket, host: host.to_owned() }))
    }

    /// Waits until a container's process is ready or has ended. From then on it is `main` that the host is to watch.
    pub fn wait(&self, process: BorrowedFd, main: i32) -> Result<()> {
        let wait = || -> io::Result<()> {
            loop {
                let mut fds = [PollFd::new(self.as_fd(), PollFlags::POLLIN), PollFd::new(process, PollFlags::POLLIN)];
                poll(&mut fds, PollTimeout::NONE)?;
                if self.pass(Some(main))? || process::wait_ended(process, Some(Duration::ZERO))? {
                    return Ok(());
                }
            }
        };
        wait().map_err(Error::at("pass on to", PathBuf::from(&self.host)))
    }

    /// Passes on what has been told meanwhile; whether it was that the container is ready.
    pub(super) fn pass(&self, main: Option<i32>) -> io::Result<bool> {
        let mut buffer = [0; 4096];
        while let Ok(length) = self.socket.recv(&mut buffer) {
            let mut lines = buffer[..length].split(|byte| *byte == b'\n');
            if let Some(ready) = lines.find(|line| line.starts_with(b"READY=")) {
                self.tell(ready)?;
                main.map_or(Ok(()), |pid| self.tell(format!("MAINPID={pid}").as_bytes()))?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// An address that begins with `@` is abstract.
    fn tell(&self, line: &[u8]) -> io::Result<()> {
        let line = [line, b"\n"].concat();
        let host = match self.host.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            _ => SocketAddr::from_pathname(&self.host)?,
        };
        self.socket.send_to_addr(&line, &host).map(drop)
    }
}

impl AsFd for Notifier {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
