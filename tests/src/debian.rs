//! Root file systems of Debian.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What nobody looks at in a container.
const LEFT_OUT: [&str; 4] = ["doc", "info", "locale", "man"];

/// The archive of a Debian with these packages and no more than they need, made by `mmdebstrap`; none if that is not
/// installed. It is kept in `cache`, since making it takes a minute. The mirror must be within reach, which it is not from a
/// [`Host`](crate::Host): make it before.
pub fn debian(cache: &Path, packages: &[&str]) -> Option<PathBuf> {
    let path = cache.join(format!("debian-{}.tar", packages.join("+")));
    if path.exists() {
        return Some(path);
    }
    let new = path.with_extension(format!("{}.new", std::process::id()));
    let mut command = Command::new("mmdebstrap");
    command.args(["--quiet", "--format=tar", "--variant=essential", "--include", &packages.join(",")]);
    // Mirrors may be copies that are not renewed, and what is not kept need not be synced.
    command.args(["--aptopt=Acquire::Check-Valid-Until \"false\"", "--dpkgopt=force-unsafe-io"]);
    command.args(LEFT_OUT.map(|name| format!("--dpkgopt=path-exclude=/usr/share/{name}/*")));
    let Ok(output) = command.arg("stable").arg(&new).output() else {
        eprintln!("skipped: mmdebstrap is not installed");
        return None;
    };
    assert!(output.status.success(), "mmdebstrap: {}", String::from_utf8_lossy(&output.stderr));
    fs::rename(&new, &path).expect("a directory of its own");
    Some(path)
}
