//! What `create` and `run` have in common.

use super::{Failure, parse_id};
use clap::Args;
use porthole_engine::runtime::oci::{Bundle, Create, Terminal, check_preserved};
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

// A container to be made.
#[derive(Debug, Args)]
pub(super) struct NewContainerArgs {
    /// Its name
    id: String,
    /// Path of the bundle
    #[arg(short, long, value_name = "DIRECTORY", default_value = ".")]
    bundle: PathBuf,
    /// The configuration in it
    #[arg(short = 'f', long, value_name = "FILE", default_value = "config.json")]
    config: PathBuf,
    #[command(flatten)]
    handover: HandoverArgs,
    /// Move the root onto / instead of pivoting to it, as is needed on a ramfs
    #[arg(long)]
    no_pivot: bool,
    /// Keep the session keyring that there is
    #[arg(long)]
    no_new_keyring: bool,
    /// Fail where mounts do not get their options, which is always done
    #[arg(long)]
    no_mount_fallback: bool,
}

// What a process is handed by its caller, and what its caller gets of it.
#[derive(Debug, Args)]
pub(super) struct HandoverArgs {
    /// A socket to send the terminal's master to
    #[arg(long, value_name = "SOCKET")]
    pub(super) console_socket: Option<PathBuf>,
    /// A socket to send the pidfd of the process to
    #[arg(long, value_name = "SOCKET")]
    pub(super) pidfd_socket: Option<PathBuf>,
    /// A file to write the id of the process to
    #[arg(long, value_name = "FILE")]
    pub(super) pid_file: Option<PathBuf>,
    /// How many file descriptors from 3 on to pass to the process
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) preserve_fds: u32,
}

impl NewContainerArgs {
    /// What to make. Relative paths are the caller's; from here on the working directory is the bundle, to which those in
    /// the configuration are relative.
    pub(super) fn plan(self, detaches: bool, adopts: bool) -> Result<Create, Failure> {
        let preserved = preserved(self.handover.preserve_fds)?;
        let id = parse_id(&self.id)?;
        let mut bundle = Bundle::load(&self.bundle, &self.config)?;
        if let Some(process) = bundle.spec.process_mut() {
            pass_sockets(process);
        }
        let plan = Create {
            id,
            terminal: terminal(self.handover.console_socket, detaches)?,
            preserved,
            no_pivot: self.no_pivot,
            new_keyring: !self.no_new_keyring,
            pid_file: self.handover.pid_file.map(absolute).transpose()?,
            pidfd_socket: self.handover.pidfd_socket.map(absolute).transpose()?,
            notify: notify_socket(),
            adopts,
            bundle,
        };
        env::set_current_dir(&plan.bundle.directory)?;
        Ok(plan)
    }
}

/// Where a terminal goes.
pub(super) fn terminal(socket: Option<PathBuf>, detaches: bool) -> Result<Terminal, Failure> {
    Ok(match socket {
        Some(socket) if detaches => Terminal::Socket(absolute(socket)?),
        Some(_) => return Err(Failure::new("cannot use console socket if the runtime will not detach")),
        None if detaches => Terminal::Nowhere,
        None => Terminal::Ours,
    })
}

/// How many descriptors the container keeps: those that are asked for behind those that systemd has opened
/// (sd_listen_fds(3)).
pub(super) fn preserved(asked: u32) -> Result<u32, Failure> {
    check_preserved(asked)?;
    Ok(asked + listening())
}

fn listening() -> u32 {
    let for_us = env::var("LISTEN_PID").map_or(true, |pid| pid == std::process::id().to_string());
    let count = env::var("LISTEN_FDS").ok().filter(|_| for_us).and_then(|count| count.parse().ok());
    count.unwrap_or(0)
}

/// Where systemd, if it has started us, hears whether what it started is ready (sd_notify(3)).
pub(super) fn notify_socket() -> Option<OsString> {
    env::var_os("NOTIFY_SOCKET").filter(|socket| !socket.is_empty())
}

/// Tells the container's process of the descriptors that systemd has opened: it is the first process there.
pub(super) fn pass_sockets(process: &mut porthole_engine::runtime::oci::Process) {
    let count = listening();
    if count > 0 {
        let own = [format!("LISTEN_FDS={count}"), "LISTEN_PID=1".to_owned()];
        process.env_mut().get_or_insert_default().extend(own);
    }
}

/// From the caller's working directory.
pub(super) fn absolute(path: impl AsRef<Path>) -> Result<PathBuf, Failure> {
    Ok(std::path::absolute(path)?)
}
