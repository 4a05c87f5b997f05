//! A container's control group, whichever of cgroup v1, v2 or the hybrid of both the host has (cgroups(7)).

mod devices;
mod layout;
mod oom;
mod processes;
mod stats;
mod v1;
mod v2;
mod zeros;

pub use oom::OomWatch;
pub use stats::Stats;

use crate::{small_file, words};
use layout::{Hierarchy, Layout};
use oci_spec::runtime::{LinuxMemory, LinuxResources};
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, Instant};
use zeros::without_zeros;

/// Why something about a cgroup could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or directory of it refused.
    #[error("cgroup: cannot {action} {}: {}", path.display(), words(source))]
    File {
        /// What was tried.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The path is not of the form `/a/b`.
    #[error("cgroup path {} must be absolute and without `..`", .0.display())]
    Path(PathBuf),
    /// The host has no cgroup file system where it belongs.
    #[error("no cgroup file system is mounted at {}", .0.display())]
    NotMounted(&'static Path),
    /// A limit needs a controller that the host does not have.
    #[error("cannot limit {what}: this host has no {controller} cgroup controller")]
    NoController {
        /// The limit, as a user calls it.
        what: &'static str,
        /// The controller.
        controller: &'static str,
    },
    /// Controllers cannot be had from a cgroup with processes in it (cgroup-v2.rst, "No Internal Process Constraint").
    #[error(
        "cannot set limits: cgroup {} holds processes, and so hands on no controllers; move them to a cgroup below it",
        .0.display()
    )]
    InternalProcesses(PathBuf),
    /// A limit that this version of cgroups cannot express.
    #[error("invalid configuration: cannot apply {what}, cgroup {version} has no such setting")]
    NotExpressible {
        /// The field of `linux.resources`.
        what: &'static str,
        /// The version.
        version: &'static str,
    },
    /// Processes that are not ours to move or kill are in it.
    #[error("container's cgroup is not empty: {} already holds processes {pids:?}", path.display())]
    Occupied {
        /// The cgroup below its hierarchies.
        path: PathBuf,
        /// Some of the processes.
        pids: Vec<i32>,
    },
    /// A limit below what is used, where that was to be looked at (`memory.checkBeforeUpdate`).
    #[error("rejecting {what} limit {limit} < current usage {usage}")]
    MemoryInUse {
        /// Of what.
        what: &'static str,
        /// What was asked for.
        limit: i64,
        /// What is used.
        usage: i64,
    },
    /// A cgroup below a container's that is not.
    #[error("bad sub cgroup path: {} is not a sub cgroup path", .0.display())]
    SubPath(PathBuf),
    /// No v1 hierarchy is of this controller.
    #[error("unknown controller {0} in the path of a cgroup below the container's")]
    UnknownController(String),
    /// A new process cannot be put into a cgroup of the container.
    #[error("error adding pid of the new process to cgroups: {}: {}", path.display(), words(source))]
    Entering {
        /// The file of the cgroup's that lists its processes, whichever way they come in.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// A user who may make no cgroups cannot limit anything.
    #[error("rootless needs no limits + no cgrouppath when no permission is granted for cgroups")]
    LimitsOfUser,
    /// What would be started in it would stand still.
    #[error("container's cgroup unexpectedly frozen: {}", .0.display())]
    Frozen(PathBuf),
    /// Freezing did not come to an end.
    #[error("cgroup {} did not freeze in time", .0.display())]
    FreezeTimeout(PathBuf),
}

impl Error {
    fn at(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File { action, path: path.into(), source }
    }

    /// Whether it is not for the caller to do.
    pub(crate) fn is_denied(&self) -> bool {
        let denies = |code| matches!(code, libc::EACCES | libc::EPERM | libc::EROFS);
        matches!(self, Self::File { source, .. } if source.raw_os_error().is_some_and(denies))
    }

    /// Whether the cgroup, or the file in it, is not there: ENODEV is what an open file of a removed cgroup says.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self, Self::File { source, .. } if matches!(source.raw_os_error(), Some(libc::ENOENT | libc::ENODEV)))
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::other(error)
    }
}

type Result<T> = std::result::Result<T, Error>;

/// Which processes are in a cgroup (cgroups(7)).
const PROCESSES: &str = "cgroup.procs";

/// Whether the host has cgroup v2 and nothing else.
pub fn is_v2_host() -> bool {
    Layout::of_host().is_ok_and(Layout::is_v2)
}

/// A control group, by its path below each hierarchy. It need not exist.
#[derive(Clone, Debug)]
pub struct Cgroup {
    path: PathBuf,
    layout: &'static Layout,
}

impl Cgroup {
    /// The cgroup of this path, like `/porthole/ID`, on this host. Makes nothing.
    pub fn open(path: &Path) -> Result<Self> {
        let normal = |component| matches!(component, Component::RootDir | Component::Normal(_));
        if !path.is_absolute() || !path.components().all(normal) || path == Path::new("/") {
            return Err(Error::Path(path.to_owned()));
        }
        Ok(Self { path: path.to_owned(), layout: Layout::of_host()? })
    }

    /// Its path below each hierarchy.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes it in every hierarchy. One that is left over, but empty, is taken over.
    pub fn create(&self) -> Result<()> {
        let mut is_new = true;
        for hierarchy in self.layout.hierarchies() {
            let directory = hierarchy.directory(&self.path);
            if !make(&directory)? {
                is_new = false;
                self.refuse_occupied(&directory)?;
                if hierarchy.is_v2 && !self.layout.is_v2() {
                    renew(&directory);
                }
            }
            if hierarchy.has("cpuset") && !self.layout.is_v2() {
                v1::inherit_cpuset(&hierarchy.root, &directory)?;
            }
        }
        if !is_new && self.is_frozen()? { Err(Error::Frozen(self.path.clone())) } else { Ok(()) }
    }

    fn refuse_occupied(&self, directory: &Path) -> Result<()> {
        let pids = processes::list(directory)?;
        match pids.is_empty() {
            true => Ok(()),
            false => Err(Error::Occupied { path: self.path.clone(), pids }),
        }
    }

    /// Whether it exists.
    pub fn exists(&self) -> bool {
        self.layout.hierarchies().any(|hierarchy| hierarchy.directory(&self.path).exists())
    }

    /// Applies limits; fields that are absent, or zero where that is no limit, are left as they are. Serves both a new
    /// container and an update.
    pub fn apply(&self, resources: &LinuxResources) -> Result<()> {
        let resources = without_zeros(resources);
        match self.layout {
            Layout::V2(hierarchy) => v2::apply(hierarchy, &self.path, &resources),
            Layout::V1 { hierarchies, .. } => v1::apply(hierarchies, &self.path, &resources),
        }
    }

    /// What a process needs to be put into it.
    pub fn entrance(&self) -> Result<Entrance> {
        self.entrance_below(&[])
    }

    /// What a process needs to be put into cgroups below it, where one is named for a hierarchy.
    pub fn entrance_below(&self, below: &[SubCgroup]) -> Result<Entrance> {
        let mut entrance = Entrance::default();
        if let Some(controller) = below.iter().flat_map(|sub| &sub.controllers).find(|name| !self.has_controller(name))
        {
            return Err(Error::UnknownController(controller.clone()));
        }
        for hierarchy in self.layout.hierarchies() {
            let mut directory = hierarchy.directory(&self.path);
            if let Some(sub) = below.iter().find(|sub| sub.is_for(hierarchy)) {
                directory.push(&sub.path);
            }
            let file = if hierarchy.is_v2 { directory.clone() } else { directory.join("tasks") };
            let flags = if hierarchy.is_v2 { libc::O_DIRECTORY | libc::O_PATH } else { libc::O_WRONLY };
            let opened = open(&file, flags).map_err(|error| match error {
                Error::File { source, .. } => Error::Entering { path: directory.join(PROCESSES), source },
                error => error,
            })?;
            match hierarchy.is_v2 {
                true => entrance.directory = Some((opened, directory)),
                false => entrance.tasks.push(opened),
            }
        }
        Ok(entrance)
    }

    /// What a process needs to be put into it, or on v2, where it has handed controllers on and so takes no processes itself
    /// any more (cgroup-v2.rst, "No Internal Process Constraint"), into the cgroup below it that the container's init is in.
    pub fn entrance_beside(&self, init: i32) -> Result<Entrance> {
        let Layout::V2(hierarchy) = self.layout else { return self.entrance() };
        if !v2::hands_on_domains(&read(&hierarchy.directory(&self.path), "cgroup.subtree_control")?) {
            return self.entrance();
        }
        let own = read(Path::new("/proc"), &format!("{init}/cgroup"))?;
        let path = own.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or_default();
        Self { path: PathBuf::from(path), layout: self.layout }.entrance()
    }

    /// Its directories on a v1 or hybrid host, by the names of their hierarchies; empty on v2. Where there is none, because a
    /// user could not make it, it is the caller's.
    pub fn v1_directories(&self) -> Vec<(String, PathBuf)> {
        let Layout::V1 { hierarchies, .. } = self.layout else { return Vec::new() };
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let directory = |hierarchy: &Hierarchy| match hierarchy.directory(&self.path) {
            directory if directory.exists() => directory,
            _ => hierarchy.directory(&own_path(&own, hierarchy)),
        };
        hierarchies.iter().map(|hierarchy| (hierarchy.name.clone(), directory(hierarchy))).collect()
    }

    /// Whether the host has cgroup v2 only, which knows neither swappiness nor a container that is not killed for memory.
    pub fn is_v2(&self) -> bool {
        self.layout.is_v2()
    }

    /// Whether the memory controller can limit swap (`swapaccount=1` on v1).
    pub fn limits_swap(&self) -> bool {
        let Some(directory) = self.directory_of("memory") else { return false };
        let (limit, with_swap) = match self.layout {
            Layout::V2(_) => ("memory.max", "memory.swap.max"),
            Layout::V1 { .. } => ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"),
        };
        match directory.ancestors().find(|ancestor| ancestor.join(limit).exists()) {
            Some(nearest) => nearest.join(with_swap).exists(),
            // The root of v2 has no limits, and below it nobody has asked for memory's yet; a kernel that swaps has both.
            None => self.layout.is_v2() && Path::new("/proc/swaps").exists(),
        }
    }

    /// Removes it, once its processes have ended, with all cgroups below it. One that does not exist is removed already.
    pub fn remove(&self) -> Result<()> {
        self.remove_after(|| Ok(()))
    }

    /// As [`Self::remove`], and ends what processes are left or still come. Only for who knows that they are of a run that
    /// is over: another run of the container has a cgroup at the same place.
    pub fn destroy(&self) -> Result<()> {
        self.remove_after(|| self.kill_all(libc::SIGKILL))
    }

    fn remove_after(&self, end_processes: impl Fn() -> Result<()>) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(2);
        for hierarchy in self.layout.hierarchies() {
            let directory = hierarchy.directory(&self.path);
            let mut pause = Duration::from_micros(200);
            while let Err(error) = remove(&directory) {
                if error.raw_os_error() != Some(libc::EBUSY) || Instant::now() > deadline {
                    return Err(Error::at("remove", directory)(error));
                }
                // A process that has just been reaped may still be leaving.
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(20));
                if pause > Duration::from_millis(1) {
                    end_processes()?;
                }
            }
        }
        Ok(())
    }

    /// Removes it unless there are cgroups or processes in it.
    pub fn remove_if_empty(&self) -> Result<()> {
        for hierarchy in self.layout.hierarchies() {
            let directory = hierarchy.directory(&self.path);
            match fs::remove_dir(&directory) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {}
                result => result.map_err(Error::at("remove", directory))?,
            }
        }
        Ok(())
    }

    /// What a file of a controller says, if there are both.
    pub fn text(&self, controller: &str, file: &str) -> Option<String> {
        read(&self.directory_of(controller)?, file).ok()
    }

    /// The names of the files of a controller.
    pub fn names(&self, controller: &str) -> Vec<String> {
        let entries = self.directory_of(controller).and_then(|directory| fs::read_dir(directory).ok());
        entries.into_iter().flatten().flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect()
    }

    fn has_controller(&self, controller: &str) -> bool {
        self.layout.hierarchies().any(|hierarchy| !hierarchy.is_v2 && hierarchy.has(controller))
    }

    /// Its directory in the hierarchy of a controller.
    fn directory_of(&self, controller: &str) -> Option<PathBuf> {
        self.layout
            .hierarchies()
            .find(|hierarchy| hierarchy.has(controller))
            .map(|hierarchy| hierarchy.directory(&self.path))
    }
}

/// A cgroup below a container's (`exec --cgroup`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubCgroup {
    /// In whose hierarchies; empty for all.
    controllers: Vec<String>,
    /// Relative, without `..`.
    path: PathBuf,
}

impl SubCgroup {
    /// Parses runc's `[CONTROLLER[,CONTROLLER…]:]PATH`.
    pub fn parse(text: &str) -> Result<Self> {
        let (controllers, path) = text.split_once(':').unwrap_or(("", text));
        let relative = Path::new(path.trim_start_matches('/'));
        match relative.components().all(|component| matches!(component, Component::Normal(_))) {
            true => Ok(Self {
                controllers: controllers.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
                path: relative.to_owned(),
            }),
            false => Err(Error::SubPath(path.into())),
        }
    }

    fn is_for(&self, hierarchy: &Hierarchy) -> bool {
        self.controllers.is_empty() || self.controllers.iter().any(|name| !hierarchy.is_v2 && hierarchy.has(name))
    }
}

/// Open files by which a new process enters a cgroup.
#[derive(Debug, Default)]
pub struct Entrance {
    /// `tasks` in each v1 hierarchy.
    tasks: Vec<OwnedFd>,
    /// Its directory in the v2 hierarchy, and the path of that.
    directory: Option<(OwnedFd, PathBuf)>,
}

impl Entrance {
    /// For `CLONE_INTO_CGROUP`.
    pub fn directory(&self) -> Option<BorrowedFd<'_>> {
        self.directory.as_ref().map(|(directory, _)| directory.as_fd())
    }

    /// Why a process could not be born into the directory.
    pub fn refused(&self, source: &io::Error) -> Error {
        let path = self.directory.as_ref().map(|(_, path)| path.join(PROCESSES)).unwrap_or_default();
        Error::Entering {
            path,
            source: source.raw_os_error().map_or(source.kind().into(), io::Error::from_raw_os_error),
        }
    }

    /// Moves the calling thread, the only one of its process, into the v1 hierarchies. A thread that moves itself alone
    /// does so without the kernel's global lock for moving processes, whose taking can cost 10 ms.
    pub fn enter(&self) -> io::Result<()> {
        for tasks in &self.tasks {
            rustix::io::write(tasks, b"0")?;
        }
        Ok(())
    }
}

fn open(path: &Path, flags: libc::c_int) -> Result<OwnedFd> {
    use nix::fcntl::OFlag;
    let flags = OFlag::from_bits_retain(flags) | OFlag::O_CLOEXEC;
    nix::fcntl::open(path, flags, nix::sys::stat::Mode::empty()).map_err(|errno| Error::at("open", path)(errno.into()))
}

fn write(directory: &Path, file: &str, value: impl AsRef<[u8]>) -> Result<()> {
    let path = directory.join(file);
    fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .and_then(|mut file| io::Write::write_all(&mut file, value.as_ref()))
        .map_err(Error::at("write", path))
}

fn read(directory: &Path, file: &str) -> Result<String> {
    let path = directory.join(file);
    small_file::read_text(&path).map_err(Error::at("read", path))
}

/// Makes a directory and those above it; tells whether it is new.
fn make(directory: &Path) -> Result<bool> {
    match fs::create_dir(directory) {
        Ok(()) => Ok(true),
        Err(error) => match error.kind() {
            io::ErrorKind::AlreadyExists => Ok(false),
            io::ErrorKind::NotFound => {
                if let Some(parent) = directory.parent() {
                    make(parent)?;
                }
                fs::create_dir(directory).map(|()| true).map_err(Error::at("make", directory))
            }
            _ => Err(Error::at("make", directory)(error)),
        },
    }
}

/// Puts a new cgroup in the place of an empty one that controls nothing. Into one that was killed once (`cgroup.kill`), a process
/// that is born there is killed too (Linux up to at least 6.18).
fn renew(directory: &Path) {
    // One that cannot be removed, because there are others in it, is as good but for that.
    if fs::remove_dir(directory).is_ok() {
        let _ = fs::create_dir(directory);
    }
}

/// Removes a cgroup and those below it. Somebody else may do so at the same time.
fn remove(directory: &Path) -> io::Result<()> {
    let gone_is_removed = |error: io::Error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) };
    match fs::remove_dir(directory) {
        Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {}
        result => return result.or_else(gone_is_removed),
    }
    let removed = subdirectories(directory).and_then(|children| children.iter().try_for_each(|child| remove(child)));
    removed.and_then(|()| fs::remove_dir(directory)).or_else(gone_is_removed)
}

fn subdirectories(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// The kernel of v2 would kill processes until they fit (config-linux.md, "Memory"). The files say how much memory is used,
/// and how much with swap, where that is counted.
fn refuse_less_than_used(directory: &Path, memory: &LinuxMemory, used: impl Fn(&str) -> Result<i64>) -> Result<()> {
    if memory.check_before_update() != Some(true) {
        return Ok(());
    }
    let limits = [("memory+swap", memory.swap()), ("memory", memory.limit())];
    for (what, limit) in limits {
        let Some(limit @ 1..) = limit else { continue };
        match used(what) {
            Ok(usage) if limit < usage => return Err(Error::MemoryInUse { what, limit, usage }),
            // Where swap is not counted, it is not limited either.
            Err(error) if error.is_gone() && directory.exists() => {}
            result => drop(result?),
        }
    }
    Ok(())
}

/// From the lines `number:controllers:path` (cgroups(7)); a hierarchy without controllers has its name there.
fn own_path(text: &str, hierarchy: &Hierarchy) -> PathBuf {
    let path = text.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        let mut names = controllers.split(',').map(|name| name.trim_start_matches("name="));
        names.any(|name| hierarchy.has(name)).then_some(path)
    });
    path.unwrap_or("/").into()
}

/// A hierarchy that a limit needs.
fn require<'a>(hierarchies: &'a [Hierarchy], controller: &'static str, what: &'static str) -> Result<&'a Hierarchy> {
    hierarchies.iter().find(|hierarchy| hierarchy.has(controller)).ok_or(Error::NoController { what, controller })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_absolute_paths_are_cgroups() {
        for path in ["", "/", "porthole/a", "/porthole/../a", "/.."] {
            assert!(matches!(Cgroup::open(Path::new(path)), Err(Error::Path(_))), "{path}");
        }
    }
}
