//! The processes of a cgroup: listing, freezing, killing.

use super::{Cgroup, Error, Layout, Result, read, subdirectories, write};
use nix::errno::Errno;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long freezing may take. A process in an uninterruptible wait holds it up.
const FREEZE_TIMEOUT: Duration = Duration::from_secs(10);

impl Cgroup {
    /// All processes in it and in the cgroups below it, by their numbers in the caller's PID namespace.
    pub fn processes(&self) -> Result<Vec<i32>> {
        self.process_directory().map_or(Ok(Vec::new()), |directory| list(&directory))
    }

    /// Stops all its processes until [`thaw`](Self::thaw); returns when they have stopped.
    pub fn freeze(&self) -> Result<()> {
        let result = self.set_frozen(true);
        if result.is_err() {
            // Half a frozen container helps nobody; the first error is the one to tell.
            let _ = self.set_frozen(false);
        }
        result
    }

    /// Has a process freeze and go on with it, which somebody may have moved into another cgroup for that (cgroup v1's freezer).
    pub fn take_back(&self, pid: i32) -> Result<()> {
        match (self.layout, self.freezer()) {
            (Layout::V1 { .. }, Some((directory, _))) => write(&directory, "cgroup.procs", pid.to_string()),
            _ => Ok(()),
        }
    }

    /// Lets its processes go on.
    pub fn thaw(&self) -> Result<()> {
        self.set_frozen(false)
    }

    /// Whether its processes are stopped.
    pub fn is_frozen(&self) -> Result<bool> {
        let Some((directory, v2)) = self.freezer() else {
            return Ok(false);
        };
        match v2 {
            true => Ok(read(&directory, "cgroup.events")?.lines().any(|line| line == "frozen 1")),
            false => Ok(read(&directory, "freezer.state")?.trim() == "FROZEN"),
        }
    }

    /// Signals all its processes at once: none can fork away or end and leave its number to another meanwhile. A cgroup
    /// that does not exist, or is removed meanwhile, has none.
    pub fn kill_all(&self, signal: i32) -> Result<()> {
        match self.kill_existing(signal) {
            Err(error) if error.is_gone() => Ok(()),
            result => result,
        }
    }

    fn kill_existing(&self, signal: i32) -> Result<()> {
        if signal == libc::SIGKILL && self.kill_by_kernel()? {
            // On v1, a frozen process does not even die.
            return match self.layout {
                Layout::V2(_) => Ok(()),
                Layout::V1 { .. } => self.thaw(),
            };
        }
        let was_frozen = self.is_frozen()?;
        if !was_frozen {
            self.freeze()?;
        }
        let sent = self.signal_each(signal);
        if !was_frozen || signal == libc::SIGKILL {
            self.thaw()?;
        }
        sent
    }

    /// `cgroup.kill` (Linux 5.14), which also exists beside v1 hierarchies. Tells whether it could be used.
    fn kill_by_kernel(&self) -> Result<bool> {
        let Some(hierarchy) = self.layout.v2() else {
            return Ok(false);
        };
        match write(&hierarchy.directory(&self.path), "cgroup.kill", "1") {
            Ok(()) => Ok(true),
            Err(Error::File { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn signal_each(&self, signal: i32) -> Result<()> {
        for pid in self.processes()? {
            // SAFETY: kill(2) takes two integers.
            match Errno::result(unsafe { libc::kill(pid, signal) }) {
                Ok(_) | Err(Errno::ESRCH) => {}
                Err(errno) => return Err(Error::at("signal a process of", self.path.clone())(errno.into())),
            }
        }
        Ok(())
    }

    fn set_frozen(&self, frozen: bool) -> Result<()> {
        let Some((directory, v2)) = self.freezer() else {
            return Err(Error::NoController { what: "whether processes run", controller: "freezer" });
        };
        let (file, value) = match (v2, frozen) {
            (true, true) => ("cgroup.freeze", "1"),
            (true, false) => ("cgroup.freeze", "0"),
            (false, true) => ("freezer.state", "FROZEN"),
            (false, false) => ("freezer.state", "THAWED"),
        };
        let deadline = Instant::now() + FREEZE_TIMEOUT;
        write(&directory, file, value)?;
        while self.is_frozen()? != frozen {
            if Instant::now() > deadline {
                return Err(Error::FreezeTimeout(self.path.clone()));
            }
            std::thread::sleep(Duration::from_micros(100));
            // v1 forgets processes that forked while it was freezing, unless it is asked again.
            write(&directory, file, value)?;
        }
        Ok(())
    }

    /// The directory that freezes, and whether in v2's way.
    fn freezer(&self) -> Option<(PathBuf, bool)> {
        match self.layout {
            Layout::V2(_) => self.layout.v2().map(|hierarchy| (hierarchy.directory(&self.path), true)),
            Layout::V1 { .. } => self.directory_of("freezer").map(|directory| (directory, false)),
        }
    }

    /// A directory whose `cgroup.procs` lists them.
    fn process_directory(&self) -> Option<PathBuf> {
        self.freezer()
            .map(|(directory, _)| directory)
            .or_else(|| self.layout.hierarchies().next().map(|hierarchy| hierarchy.directory(&self.path)))
    }
}

/// The processes in a directory of a hierarchy and in those below it; none if it does not exist.
pub(super) fn list(directory: &Path) -> Result<Vec<i32>> {
    let text = match read(directory, "cgroup.procs") {
        Err(error) if error.is_gone() => return Ok(Vec::new()),
        text => text?,
    };
    // 0 stands for a process outside the reader's PID namespace.
    let mut pids: Vec<i32> = text.lines().filter_map(|line| line.parse().ok()).filter(|pid| *pid != 0).collect();
    for child in subdirectories(directory).unwrap_or_default() {
        pids.extend(list(&child)?);
    }
    Ok(pids)
}
