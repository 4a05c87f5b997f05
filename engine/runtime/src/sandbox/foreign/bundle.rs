//! An OCI bundle: the spec without what only our own runtime understands, and the root that it names.

use super::super::RootSource;
use super::super::cgroup_path;
use super::super::error::{Context, Result};
use super::super::mounts::{root_of_process, source_of};
use super::super::rootfs::RootFs;
use crate::capabilities::attainable;
use crate::mount::Depth;
use crate::seccomp;
use oci_spec::runtime::Spec;
use rustix::fs::{CWD, Mode, OFlags};
use std::fs;
use std::path::{Path, PathBuf};

/// What has to be mounted before a runtime can work with the bundle.
pub(super) struct Bundle<'a> {
    spec: &'a Spec,
    root: &'a RootSource,
    borrowed: Vec<Borrowed>,
}

/// A mount in the namespace of another container, which no path of ours leads to: it is copied to where one does.
#[derive(Debug, PartialEq, Eq)]
struct Borrowed {
    source: PathBuf,
    copy: PathBuf,
}

impl<'a> Bundle<'a> {
    /// Writes it into a directory, which is made anew.
    pub(super) fn write(directory: &Path, id: &str, spec: &'a Spec, root: &'a RootSource) -> Result<Self> {
        if directory.exists() {
            fs::remove_dir_all(directory).during(|| format!("remove {}", directory.display()))?;
        }
        fs::create_dir(directory).during(|| format!("make {}", directory.display()))?;
        let place = mount_point(root);
        // Runtimes refuse a root behind a symbolic link.
        let place = fs::canonicalize(place).during(|| format!("find the root {}", place.display()))?;
        let (mut plain, borrowed) = plain(spec, &place, directory, id);
        if let Some(process) = plain.process_mut() {
            let sets = process.capabilities().as_ref().map(attainable).transpose();
            process.set_capabilities(sets.during(|| "look at our own capabilities".into())?);
        }
        for Borrowed { copy, .. } in &borrowed {
            fs::create_dir(copy).during(|| format!("make {}", copy.display()))?;
        }
        let path = directory.join("config.json");
        serde_json::to_vec(&plain)
            .map_err(std::io::Error::from)
            .and_then(|text| fs::write(&path, text))
            .during(|| format!("write {}", path.display()))?;
        Ok(Self { spec, root, borrowed })
    }

    /// Mounts the root, and what is borrowed, in the mount namespace of the calling process, which is its own.
    pub(super) fn mount(&self) -> Result<()> {
        RootFs::mount(self.root, None, self.spec)?;
        for Borrowed { source, copy } in &self.borrowed {
            let mount = source_of(source, Depth::Recursive).during(|| format!("open source {}", source.display()))?;
            rustix::fs::openat(CWD, copy, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
                .map_err(std::io::Error::from)
                .and_then(|target| mount.attach(target))
                .during(|| format!("mount {}", copy.display()))?;
        }
        Ok(())
    }
}

/// Where [`RootFs`] mounts the root.
fn mount_point(root: &RootSource) -> &Path {
    match root {
        RootSource::Overlay { upper, .. } => upper,
        RootSource::Directory(directory) => directory,
    }
}

/// The spec as any runtime understands it.
fn plain(spec: &Spec, root: &Path, directory: &Path, id: &str) -> (Spec, Vec<Borrowed>) {
    let mut plain = seccomp::spelled_out(spec);
    let mut own = plain.root().clone().unwrap_or_default();
    own.set_path(root.to_owned());
    plain.set_root(Some(own));
    if let Some(linux) = plain.linux_mut() {
        linux.set_cgroups_path(Some(cgroup_path(spec, id)));
    }
    let mut borrowed = Vec::new();
    for mount in plain.mounts_mut().iter_mut().flatten() {
        if let Some(source) = mount.source().clone().filter(|source| root_of_process(source).is_some()) {
            let copy = directory.join(format!("borrowed-{}", borrowed.len()));
            mount.set_source(Some(copy.clone()));
            borrowed.push(Borrowed { source, copy });
        }
    }
    (plain, borrowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use oci_spec::runtime::{Mount, SpecBuilder};

    #[test]
    fn a_plain_spec_names_what_is_there() {
        let mount = |source: &str| {
            let mut mount = Mount::default();
            mount.set_destination("/x".into()).set_source(Some(source.into()));
            mount
        };
        let mounts = vec![mount("/srv"), mount("/proc/7/root/dev/shm")];
        let spec = SpecBuilder::default().mounts(mounts).build().unwrap();
        let (plain, borrowed) = plain(&spec, Path::new("/c/upper"), Path::new("/c/runtime"), "c");
        assert_eq!(plain.root().as_ref().unwrap().path(), Path::new("/c/upper"));
        assert_eq!(plain.linux().as_ref().unwrap().cgroups_path().as_deref(), Some(Path::new("/porthole/c")));
        let sources: Vec<_> = plain.mounts().iter().flatten().filter_map(|mount| mount.source().clone()).collect();
        assert_eq!(sources, [Path::new("/srv"), Path::new("/c/runtime/borrowed-0")]);
        let (source, copy) = ("/proc/7/root/dev/shm".into(), "/c/runtime/borrowed-0".into());
        assert_eq!(borrowed, [Borrowed { source, copy }]);
    }
}
