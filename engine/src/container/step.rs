//! The container of a `RUN`: it has no name, no monitor and no log, and lasts as long as its command.
//!
//! A process of its own makes it, since a process with threads cannot, and stays with it: when the builder goes, however it
//! goes, the channel between the two closes, and that ends the container. Until it has given everything back, the container
//! has a locked directory without a configuration among the containers; what is left there by one that was killed goes as
//! what is left of others.

use super::config::{ContainerConfig, HostConfig, NetworkMode};
use super::namespaces::Joined;
use super::record::Record;
use super::resolution::Resolution;
use super::start::open_netns;
use super::user::{hides, open_inside};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::files::{self, Lock};
use crate::identity;
use oci_spec::runtime::{Mount, Spec};
use porthole_runtime::mount::{Depth, set_propagation};
use porthole_runtime::process::{self, ProcessId};
use porthole_runtime::program::Sealed;
use porthole_runtime::sandbox::{self, CreateOptions, CreateRequest, RootSource, Stdio};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, fstat, openat2, statat, unlinkat};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio as ProcessStdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How often a directory is made that others take for one that was left behind.
const ATTEMPTS: usize = 16;

/// The word by which porthole starts the process that stays with the container.
const WORD: &str = "build-step";

/// What to run, and where.
pub(crate) struct Step<'a> {
    /// The layers below, the topmost first.
    pub lower: Vec<PathBuf>,
    /// Where changes go.
    pub upper: &'a Path,
    /// overlayfs's own.
    pub work: &'a Path,
    /// The command.
    pub argv: Vec<String>,
    /// `NAME=value`.
    pub env: Vec<String>,
    /// Where it runs.
    pub working_dir: String,
    /// Who runs it.
    pub user: String,
    /// `Bridge`, `None` or `Host`.
    pub network: NetworkMode,
    /// Further hosts.
    pub resolution: Resolution,
    /// Whether it may do everything (`--security=insecure`).
    pub privileged: bool,
    /// What is mounted besides, in order.
    pub mounts: Vec<Mount>,
    /// What is mounted for these mounts to come from.
    pub sources: Vec<MountSource>,
}

/// Something mounted where only the container's maker sees it, for the container's mounts to come from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum MountSource {
    /// Layers, the topmost first; changes go to a directory that is not kept.
    Layers {
        /// The layers.
        lower: Vec<PathBuf>,
        /// Where changes go, and where the layers are seen.
        upper: PathBuf,
        /// overlayfs's own.
        work: PathBuf,
    },
    /// Files in memory, which never get to a disk.
    Memory {
        /// A directory to mount them on.
        at: PathBuf,
        /// The files.
        files: Vec<MemoryFile>,
        /// Whether they may be executed.
        executable: bool,
    },
}

/// A file in memory.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct MemoryFile {
    /// Its name.
    pub name: String,
    /// What is in it.
    pub content: Vec<u8>,
    /// Permissions.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

impl std::fmt::Debug for MemoryFile {
    /// Not its content, which is a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryFile").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Ends all that a build is running.
#[derive(Debug, Default)]
pub struct Cancel {
    is_cancelled: AtomicBool,
    channels: Mutex<Vec<(i32, UnixStream)>>,
}

impl Cancel {
    /// Ends what runs; nothing begins after it.
    pub fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::SeqCst);
        for (_, channel) in self.channels().drain(..) {
            // It fails only for one that is closed.
            let _ = channel.shutdown(std::net::Shutdown::Both);
        }
    }

    /// Whether it was asked for.
    pub fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::SeqCst)
    }

    fn channels(&self) -> MutexGuard<'_, Vec<(i32, UnixStream)>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes a channel when everything is to end.
    pub(crate) fn watch(&self, channel: &UnixStream) -> io::Result<Watched<'_>> {
        let number = channel.as_raw_fd();
        self.channels().push((number, channel.try_clone()?));
        if self.is_cancelled() {
            self.cancel();
        }
        Ok(Watched { cancel: self, number })
    }
}

/// A channel that is closed when everything is to end, and with this.
pub(crate) struct Watched<'a> {
    cancel: &'a Cancel,
    number: i32,
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.cancel.channels().retain(|(number, channel)| {
            if *number == self.number {
                // It fails only for one that is closed.
                let _ = channel.shutdown(std::net::Shutdown::Both);
            }
            *number != self.number
        });
    }
}

/// What the process that stays with the container is told.
#[derive(Serialize, Deserialize)]
struct Request {
    id: String,
    spec: Spec,
    root: RootSource,
    sources: Vec<MountSource>,
}

/// What it tells.
#[derive(Serialize, Deserialize)]
enum Reply {
    /// The container's init waits to be let go.
    Created(i32),
    /// Its command has ended with this code.
    Ended(i32),
    /// It could not be made; the exit code is the one that `run` would have.
    Failed(String, i32),
}

impl Engine {
    /// Runs a command to its end; its exit code. What it prints is given to `output` as it comes.
    pub(crate) fn run_step(&self, step: Step<'_>, cancel: &Cancel, output: &mut dyn FnMut(&[u8])) -> Result<i32> {
        self.prepare()?;
        let (record, _lock) = self.step_record()?;
        let ran = self.run_recorded(&record, step, cancel, output);
        let released = self.release(&record, None);
        fs::remove_dir_all(record.directory()).map_err(|source| Error::file(record.directory(), source))?;
        let code = ran?;
        released.map(|()| code)
    }

    /// A directory of a container that nobody takes for one that was left behind.
    fn step_record(&self) -> Result<(Record, Lock)> {
        let mut last = None;
        for _ in 0..ATTEMPTS {
            let record = Record::new(self.paths(), &identity::new_id());
            files::create_private_directory(record.directory())?;
            match record.lock() {
                Ok(lock) => return Ok((record, lock)),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| Error::InvalidOption("no directory for a step can be made".to_owned())))
    }

    fn run_recorded(
        &self,
        record: &Record,
        step: Step<'_>,
        cancel: &Cancel,
        output: &mut dyn FnMut(&[u8]),
    ) -> Result<i32> {
        let config = config(record, &step);
        let mut spec = self.make_spec(record, &config, &Joined::default())?;
        spec.mounts_mut().get_or_insert_default().extend(step.mounts);
        let made = MountPoints::of(&spec, &step.lower);
        self.mark(&record.id, "step")?;
        let (ours, theirs) = UnixStream::pair().map_err(|source| Error::file("a socket", source))?;
        let watched = cancel.watch(&ours).map_err(|source| Error::file("a socket", source))?;
        let failed = |source| Error::file("the process of a build step", source);
        let (mut reader, writer) = io::pipe().map_err(failed)?;
        let mut helper = {
            // The descriptors in it must go, or the pipe never ends.
            let program = Sealed::open().map_err(failed)?;
            let mut command = Command::new(program.path());
            command.arg0("porthole").arg(WORD).envs(self.environment()).process_group(0);
            command.stdin(ProcessStdio::from(OwnedFd::from(theirs)));
            command.stdout(writer.try_clone().map_err(failed)?).stderr(writer);
            command.spawn().map_err(failed)?
        };
        let root =
            RootSource::Overlay { lower: step.lower.clone(), upper: step.upper.to_owned(), work: step.work.to_owned() };
        let request = Request { id: record.id.clone(), spec, root, sources: step.sources };
        let ran = self.converse(record, &config, &request, &ours, || relay(&mut reader, output));
        drop(watched);
        drop(reader);
        // It ends with its channel, whatever was said on it.
        let _ = helper.wait();
        if cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let code = ran?;
        made.clear(step.upper, &step.lower).map_err(|source| Error::file(step.upper, source))?;
        Ok(code)
    }

    fn converse(
        &self,
        record: &Record,
        config: &ContainerConfig,
        request: &Request,
        mut channel: &UnixStream,
        mut relay: impl FnMut() -> io::Result<()>,
    ) -> Result<i32> {
        let failed = |source| Error::file("the process of a build step", source);
        let mut answers = BufReader::new(channel.try_clone().map_err(failed)?);
        let mut text = serde_json::to_vec(request).map_err(|error| failed(error.into()))?;
        text.push(b'\n');
        channel.write_all(&text).map_err(failed)?;
        let pid = match answer(&mut answers).map_err(failed)? {
            Reply::Created(pid) => pid,
            Reply::Failed(message, exit_code) => return Err(Error::StartFailed { exit_code, message }),
            Reply::Ended(code) => return Ok(code),
        };
        if config.network().is_connected() {
            let init = ProcessId::of(pid).map_err(failed);
            let joined =
                init.and_then(open_netns).and_then(|netns| self.join_networks(record, config, netns.as_fd(), &[]));
            if let Err(error) = joined {
                // An init that failed meanwhile has no namespace any more. Its maker knows why.
                channel.write_all(b"\n").map_err(failed)?;
                return match answer(&mut answers).map_err(failed)? {
                    Reply::Failed(message, exit_code) => Err(Error::StartFailed { exit_code, message }),
                    _ => Err(error),
                };
            }
        }
        channel.write_all(b"\n").map_err(failed)?;
        relay().map_err(failed)?;
        match answer(&mut answers).map_err(failed)? {
            Reply::Ended(code) => Ok(code),
            Reply::Failed(message, exit_code) => Err(Error::StartFailed { exit_code, message }),
            Reply::Created(_) => Err(failed(io::ErrorKind::InvalidData.into())),
        }
    }
}

fn relay(reader: &mut impl Read, output: &mut dyn FnMut(&[u8])) -> io::Result<()> {
    let mut buffer = [0; 16 << 10];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => output(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn answer(answers: &mut impl BufRead) -> io::Result<Reply> {
    let mut line = String::new();
    match answers.read_line(&mut line)? {
        0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it was killed")),
        _ => Ok(serde_json::from_str(&line)?),
    }
}

fn config(record: &Record, step: &Step<'_>) -> ContainerConfig {
    ContainerConfig {
        id: record.id.clone(),
        // As BuildKit has it: nothing that a build sees differs from one time to the next.
        name: "buildkitsandbox".to_owned(),
        created: 0,
        image: String::new(),
        image_id: String::new(),
        layers: step.lower.clone(),
        entrypoint: Vec::new(),
        command: step.argv.clone(),
        env: step.env.clone(),
        working_dir: step.working_dir.clone(),
        user: step.user.clone(),
        domain_name: None,
        hostname: "buildkitsandbox".to_owned(),
        tty: false,
        open_stdin: false,
        stdin_once: false,
        labels: Default::default(),
        exposed_ports: Vec::new(),
        stop_signal: None,
        stop_timeout: None,
        healthcheck: None,
        shell: None,
        host: HostConfig {
            network: step.network.clone(),
            resolution: step.resolution.clone(),
            privileged: step.privileged,
            ..HostConfig::default()
        },
    }
}

/// What is made in the root only for something to be mounted on it.
struct MountPoints {
    /// The paths that the layers below have not, those above others first.
    missing: BTreeSet<PathBuf>,
    /// The directories that they have, and that are copied up for it.
    parents: BTreeSet<PathBuf>,
}

impl MountPoints {
    fn of(spec: &Spec, lower: &[PathBuf]) -> MountPoints {
        let targets = spec.mounts().iter().flatten().map(|mount| mount.destination().clone());
        let paths: BTreeSet<PathBuf> = targets.flat_map(|target| prefixes(&target)).collect();
        let (there, missing): (BTreeSet<_>, BTreeSet<_>) =
            paths.into_iter().partition(|path| find_below(lower, path).is_some());
        let parents = missing.iter().flat_map(|path| path.ancestors().skip(1).map(Path::to_owned)).collect();
        MountPoints { parents: there.intersection(&parents).cloned().collect(), missing }
    }

    /// Removes what of it is still empty.
    fn clear(&self, upper: &Path, lower: &[PathBuf]) -> io::Result<()> {
        let root = File::open(upper)?;
        for path in self.missing.iter().rev() {
            let Some((parent, name)) = opened(&root, path)? else { continue };
            let Ok(stat) = statat(&parent, &name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            let removed = match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => unlinkat(&parent, &name, AtFlags::REMOVEDIR),
                FileType::RegularFile if stat.st_size == 0 => unlinkat(&parent, &name, AtFlags::empty()),
                _ => Ok(()),
            };
            tolerate_full(removed)?;
        }
        for path in self.parents.iter().rev() {
            let (Some((parent, name)), Some(below)) = (opened(&root, path)?, find_below(lower, path)) else { continue };
            let (Ok(ours), Ok(theirs)) = (statat(&parent, &name, AtFlags::SYMLINK_NOFOLLOW), fstat(&below)) else {
                continue;
            };
            let attributes = |stat: &rustix::fs::Stat| (stat.st_mode, stat.st_uid, stat.st_gid);
            if attributes(&ours) == attributes(&theirs) {
                tolerate_full(unlinkat(&parent, &name, AtFlags::REMOVEDIR))?;
            }
        }
        Ok(())
    }
}

/// A directory with something in it stays.
fn tolerate_full(result: rustix::io::Result<()>) -> io::Result<()> {
    match result {
        Err(rustix::io::Errno::NOTEMPTY | rustix::io::Errno::EXIST | rustix::io::Errno::NOTDIR) => Ok(()),
        result => Ok(result?),
    }
}

/// The directory of a path in a layer, reached without any link, and its last name.
fn opened(root: &File, path: &Path) -> io::Result<Option<(OwnedFd, PathBuf)>> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(None) };
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    match openat2(root, parent, flags, Mode::empty(), ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS) {
        Ok(directory) => Ok(Some((directory, name.into()))),
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A path and those above it, relative to the root.
fn prefixes(path: &Path) -> Vec<PathBuf> {
    let mut prefixes = Vec::new();
    let mut current = PathBuf::new();
    for component in path.components() {
        if let Component::Normal(name) = component {
            current.push(name);
            prefixes.push(current.clone());
        }
    }
    prefixes
}

/// What the layers below show at a path.
pub(super) fn find_below(lower: &[PathBuf], path: &Path) -> Option<File> {
    for layer in lower {
        match open_inside(layer, path, OFlags::PATH | OFlags::NOFOLLOW) {
            Ok(found) => return Some(found).filter(|found| !is_whiteout(found)),
            Err(_) if hides(layer, path) => return None,
            Err(_) => {}
        }
    }
    None
}

fn is_whiteout(object: &File) -> bool {
    fstat(object)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && stat.st_rdev == 0)
}

/// The process that makes the container of a `RUN` and stays with it. It is told what by standard input, and its other
/// standard streams are the container's. It has one thread.
pub fn stay_with_step() -> i32 {
    let Ok(channel) = io::stdin().as_fd().try_clone_to_owned() else { return 125 };
    let mut channel = UnixStream::from(channel);
    let reply = match attend(&mut channel) {
        Ok(code) => Reply::Ended(code),
        Err(error) => Reply::Failed(error.to_string(), error.exit_code()),
    };
    match tell(&mut channel, &reply) {
        Ok(()) => 0,
        // There is nobody any more who would care.
        Err(_) => 125,
    }
}

fn tell(channel: &mut UnixStream, reply: &Reply) -> io::Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    channel.write_all(&line)
}

fn attend(channel: &mut UnixStream) -> Result<i32> {
    let failed = |source: io::Error| Error::file("the process of a build step", source);
    // Whoever waits for signals by blocking them has made us; the command is to have none blocked.
    let none = nix::sys::signal::SigSet::empty();
    none.thread_set_mask().map_err(|errno| failed(errno.into()))?;
    let mut line = String::new();
    BufReader::new(channel.try_clone().map_err(failed)?).read_line(&mut line).map_err(failed)?;
    let request: Request = serde_json::from_str(&line).map_err(|error| failed(error.into()))?;
    drop(line);
    if !request.sources.is_empty() {
        mount_sources(&request.sources).map_err(failed)?;
    }
    let null = File::open("/dev/null").map_err(failed)?;
    let own = |stream: &dyn AsFd| stream.as_fd().try_clone_to_owned().map_err(failed);
    let stdio = Stdio::Files { stdin: null.into(), stdout: own(&io::stdout())?, stderr: own(&io::stderr())? };
    let created = sandbox::create(CreateRequest {
        id: &request.id,
        spec: &request.spec,
        root: &request.root,
        stdio,
        options: CreateOptions::default(),
    })?;
    tell(channel, &Reply::Created(created.init.pid)).map_err(failed)?;
    if channel.read(&mut [0]).map_err(failed)? == 0 {
        return Err(Error::Cancelled);
    }
    let running = created.start()?;
    let ended = wait(channel, running.pidfd.as_fd());
    let killed = running.cgroup.destroy();
    let code = ended.map_err(failed)?;
    killed.map_err(|source| Error::Cgroup { name: "a build step".to_owned(), source })?;
    code.ok_or(Error::Cancelled)
}

/// Waits for the end of the command, and ends it when the channel closes.
fn wait(channel: &UnixStream, pidfd: std::os::fd::BorrowedFd<'_>) -> io::Result<Option<i32>> {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    loop {
        let mut fds = [PollFd::new(pidfd, PollFlags::POLLIN), PollFd::new(channel.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::NONE) {
            Err(nix::errno::Errno::EINTR) => continue,
            polled => polled?,
        };
        if fds[0].any().unwrap_or(true) {
            return process::reap(pidfd).map(Some);
        }
        if fds[1].any().unwrap_or(true) {
            process::send_signal(pidfd, libc::SIGKILL)?;
            process::reap(pidfd)?;
            return Ok(None);
        }
    }
}

/// Mounts what mounts of the container come from, in a mount namespace of this process.
fn mount_sources(sources: &[MountSource]) -> io::Result<()> {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS)?;
    set_propagation(c"/", libc::MS_PRIVATE, Depth::Recursive)?;
    for source in sources {
        match source {
            MountSource::Layers { lower, upper, work } => {
                let mounted = sandbox::mount_overlay(lower, upper, work);
                mounted.map_err(|error| io::Error::other(error.to_string()))?;
            }
            MountSource::Memory { at, files, executable } => {
                use nix::mount::{MsFlags, mount};
                let no_exec = if *executable { MsFlags::empty() } else { MsFlags::MS_NOEXEC };
                let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | no_exec;
                mount(Some("secrets"), at, Some("tmpfs"), flags, Some("mode=0755,size=64m"))?;
                files.iter().try_for_each(|file| write_memory(at, file))?;
            }
        }
    }
    Ok(())
}

fn write_memory(directory: &Path, file: &MemoryFile) -> io::Result<()> {
    let path = directory.join(&file.name);
    let mut made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    made.write_all(&file.content)?;
    std::os::unix::fs::chown(&path, Some(file.uid), Some(file.gid))?;
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(file.mode))
}
