//! `--runtime`: another OCI runtime for a container, one with runc's command line.

use super::config::HostConfig;
use super::record::Record;
use crate::engine::Engine;
use crate::error::{Error, Result};
use porthole_runtime::sandbox::ForeignRuntime;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// What our own is called.
pub const OWN: &str = "porthole";

impl HostConfig {
    /// The program of another runtime, if one was asked for.
    pub(super) fn foreign_runtime(&self) -> Result<Option<PathBuf>> {
        self.runtime.as_deref().map(|name| find(name, std::env::var_os("PATH").as_deref())).transpose()
    }
}

impl Engine {
    /// Ends what another runtime may have left of a container without processes that are to go on: a killed monitor
    /// cannot have it forget the container.
    pub(super) fn forget_in_runtime(&self, record: &Record, host: Option<&HostConfig>) -> Result<()> {
        let Some(program) = host.and_then(|host| host.runtime.as_deref()) else { return Ok(()) };
        let cgroup = self.cgroup_of(record)?;
        // An init that was never let go waits, whoever is gone.
        cgroup.kill_all(libc::SIGKILL).map_err(|source| Error::Cgroup { name: record.id.clone(), source })?;
        let runtime = ForeignRuntime::new(program, record.directory(), &record.id);
        runtime.discard().map_err(|source| Error::file(record.directory(), source))
    }
}

/// A program by its path, or by its name in one of the directories of `PATH`.
fn find(name: &str, path: Option<&OsStr>) -> Result<PathBuf> {
    let is_program = |path: &PathBuf| {
        fs::metadata(path).is_ok_and(|status| status.is_file() && status.permissions().mode() & 0o111 != 0)
    };
    let (found, place) = if name.contains('/') {
        (Some(PathBuf::from(name)).filter(is_program), "there is no such program")
    } else {
        let directories = path.map(std::env::split_paths).into_iter().flatten();
        let mut candidates = directories.filter(|directory| directory.is_absolute()).map(|place| place.join(name));
        (candidates.find(is_program), "there is no such program in PATH")
    };
    found
        .filter(|_| !name.is_empty())
        .ok_or_else(|| Error::InvalidOption(format!("unknown or invalid runtime name: {name}: {place}")))
}

/// What a user's word stands for: a path is taken from here and now, `None` is ours.
pub fn named(word: &str) -> Option<String> {
    match word {
        OWN => None,
        // It fails only for the empty path.
        path if path.contains('/') => {
            let absolute = std::path::absolute(path).unwrap_or_else(|_| path.into());
            Some(absolute.to_string_lossy().into_owned())
        }
        name => Some(name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn runtimes_are_found_by_path_or_name() {
        let path = Some(OsStr::new("relative:/nonexistent:/bin:/usr/bin"));
        assert_eq!(find("/bin/sh", None).unwrap(), Path::new("/bin/sh"));
        assert_eq!(find("sh", path).unwrap(), Path::new("/bin/sh"));
        for name in ["", "no-such-runtime", "/no/such/runtime", "/etc/passwd", "/bin"] {
            let error = find(name, path).unwrap_err().to_string();
            assert!(error.starts_with("unknown or invalid runtime name") && error.contains(name), "{error}");
        }
    }

    #[test]
    fn words_stand_for_runtimes() {
        assert_eq!(named("porthole"), None);
        assert_eq!(named("runc").as_deref(), Some("runc"));
        assert!(named("./runc").unwrap().starts_with('/'));
    }
}
