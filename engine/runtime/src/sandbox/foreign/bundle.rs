//! An OCI bundle: the spec without what only our own runtime understands, and the root that it names.

use super::super::RootSource;
use super::super::cgroup_path;
use super::super::error::{Context, Result};
use super::super::mounts::{options_of, root_of_process, source_of};
use super::super::rootfs::RootFs;
use crate::capabilities::attainable;
use crate::mount::{BENEATH, Options};
use crate::seccomp;
use oci_spec::runtime::Spec;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, openat, statat};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// What has to be mounted before a runtime can work with the bundle.
pub(super) struct Bundle<'a> {
    spec: &'a Spec,
    root: &'a RootSource,
    borrowed: Vec<Borrowed>,
}

/// A mount whose source only our own runtime finds, in the namespace of another container or below a directory that it may not
/// leave: the source is copied to where a path leads.
#[derive(Debug, PartialEq, Eq)]
struct Borrowed {
    source: PathBuf,
    options: Options,
    copy: PathBuf,
}

impl Borrowed {
    fn mount(&self) -> io::Result<()> {
        let mount = source_of(&self.source, &self.options)?;
        let kind = FileType::from_raw_mode(statat(&mount, c"", AtFlags::EMPTY_PATH)?.st_mode);
        match kind {
            FileType::Directory => fs::create_dir(&self.copy)?,
            _ => drop(File::create(&self.copy)?),
        }
        mount.attach(openat(CWD, &self.copy, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?)
    }
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
        let (mut plain, borrowed) = plain(spec, &place, directory, id)?;
        if let Some(process) = plain.process_mut() {
            let sets = process.capabilities().as_ref().map(attainable).transpose();
            process.set_capabilities(sets.during(|| "look at our own capabilities".into())?);
        }
        let path = directory.join("config.json");
        serde_json::to_vec(&plain)
            .map_err(io::Error::from)
            .and_then(|text| fs::write(&path, text))
            .during(|| format!("write {}", path.display()))?;
        Ok(Self { spec, root, borrowed })
    }

    /// Mounts the root, and what is borrowed, in the mount namespace of the calling process, which is its own.
    pub(super) fn mount(&self) -> Result<()> {
        RootFs::mount(self.root, None, self.spec, true)?;
        let mount = |borrowed: &Borrowed| {
            borrowed.mount().during(|| format!("mount {} on {}", borrowed.source.display(), borrowed.copy.display()))
        };
        self.borrowed.iter().try_for_each(mount)
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
fn plain(spec: &Spec, root: &Path, directory: &Path, id: &str) -> Result<(Spec, Vec<Borrowed>)> {
    let mut plain = seccomp::spelled_out(spec);
    let mut own = plain.root().clone().unwrap_or_default();
    own.set_path(root.to_owned());
    plain.set_root(Some(own));
    if let Some(linux) = plain.linux_mut() {
        linux.set_cgroups_path(Some(cgroup_path(spec, id)));
    }
    let mut borrowed = Vec::new();
    for mount in plain.mounts_mut().iter_mut().flatten() {
        let is_confined = mount.options().iter().flatten().any(|option| option.starts_with(BENEATH));
        let is_borrowed = |source: &PathBuf| is_confined || root_of_process(source).is_some();
        if let Some(source) = mount.source().clone().filter(is_borrowed) {
            let options = options_of(mount)?;
            let copy = directory.join(format!("borrowed-{}", borrowed.len()));
            mount.set_source(Some(copy.clone()));
            mount.options_mut().iter_mut().for_each(|options| options.retain(|option| !option.starts_with(BENEATH)));
            borrowed.push(Borrowed { source, options, copy });
        }
    }
    Ok((plain, borrowed))
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
        let mut part = mount("/v/_data/part");
        part.set_options(Some(vec!["rbind".into(), format!("{BENEATH}/v/_data"), "ro".into()]));
        let mounts = vec![mount("/srv"), mount("/proc/7/root/dev/shm"), part];
        let spec = SpecBuilder::default().mounts(mounts).build().unwrap();
        let (plain, borrowed) = plain(&spec, Path::new("/c/upper"), Path::new("/c/runtime"), "c").unwrap();
        assert_eq!(plain.root().as_ref().unwrap().path(), Path::new("/c/upper"));
        assert_eq!(plain.linux().as_ref().unwrap().cgroups_path().as_deref(), Some(Path::new("/porthole/c")));
        let sources: Vec<_> = plain.mounts().iter().flatten().filter_map(|mount| mount.source().clone()).collect();
        let copies = ["/c/runtime/borrowed-0", "/c/runtime/borrowed-1"].map(Path::new);
        assert_eq!(sources, [Path::new("/srv"), copies[0], copies[1]]);
        assert_eq!(plain.mounts().as_ref().unwrap()[2].options().as_deref().unwrap(), ["rbind", "ro"]);
        assert_eq!(borrowed.iter().map(|borrowed| borrowed.copy.as_path()).collect::<Vec<_>>(), copies);
        assert_eq!(borrowed[0].source, Path::new("/proc/7/root/dev/shm"));
        assert_eq!(borrowed[1].source, Path::new("/v/_data/part"));
        assert_eq!(borrowed[1].options.beneath.as_deref(), Some(Path::new("/v/_data")));
    }
}
