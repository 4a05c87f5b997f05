//! What a container did to its image's files: `diff`, `commit`, `export`.

use super::config::ContainerConfig;
use super::record::{self, Record};
use super::step::find_below;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::inside::{Change, NodeId, Stack, View};
use crate::volume::is_generated;
use porthole_images::{Derivation, Image, ImportConfig, Packer, Packing, Reference};
use rustix::fs::{CWD, Mode, OFlags, openat};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What becomes of a container that is committed.
#[derive(Clone, Debug, Default)]
pub struct CommitOptions {
    /// The image's name.
    pub reference: Option<Reference>,
    /// Who makes it.
    pub author: String,
    /// A comment.
    pub message: String,
    /// Whether the container goes on meanwhile.
    pub goes_on: bool,
}

impl Engine {
    /// What a container added, changed and removed, by path.
    pub fn diff(&self, name: &str) -> Result<Vec<(Change, PathBuf)>> {
        let record = self.find(name)?;
        let made = Self::mount_points(&record, &record.existing_config()?)?;
        let stack = self.inside(name)?;
        let mut changes = Vec::new();
        collect(&stack, Stack::ROOT, &made, &mut changes);
        Ok(changes)
    }

    /// Writes a container's files, without what is mounted in it, as a tar archive.
    pub fn export(&self, name: &str, out: impl Write) -> Result<()> {
        self.prepare()?;
        let record = self.find(name)?;
        let config = record.existing_config()?;
        let (view, _lock) = self.bare_root(&record, &config)?;
        let inside = inside(&config);
        let mut packer = Packer::new(out, Packing { owner: &inside, ..Packing::default() });
        let packed = packer.contents(view.root.as_fd(), b"").and_then(|()| packer.finish());
        packed.map_err(|error| Error::Copy { path: name.into(), source: error.into() })?;
        self.record_event(&config, "export", &[]);
        Ok(())
    }

    /// Makes an image of a container: its image's layers, and one with what it changed. `change` may say how it runs.
    pub fn commit(
        &self,
        name: &str,
        options: &CommitOptions,
        change: impl FnOnce(&mut ImportConfig) -> std::result::Result<(), String>,
    ) -> Result<String> {
        self.prepare()?;
        let record = self.find(name)?;
        let config = record.existing_config()?;
        let store = self.images()?;
        let image = store.resolve(&config.image_id)?;
        let mut execution = execution(&config, &image);
        execution.message.clone_from(&options.message);
        change(&mut execution).map_err(Error::InvalidOption)?;
        execution.env = last_of_each(execution.env);
        // One that does not run is kept from being started, one that does from changing its files.
        let is_active = record::is_active(record.live()?.state.status);
        let _lock = if is_active { None } else { Some(record.lock()?) };
        let _frozen = if options.goes_on { None } else { self.freeze(&record, &config)? };
        let made = Self::mount_points(&record, &config)?;
        let upper = record.path("upper");
        let directory = openat(CWD, &upper, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|error| Error::file(&upper, error))?;
        let pack = |out| {
            let inside = inside(&config);
            let packing = Packing { layer: true, leave_out: &|path| made.contains(path), owner: &inside };
            let mut packer = Packer::new(out, packing);
            packer.contents(directory.as_fd(), b"")?;
            packer.finish().map(drop)
        };
        let derivation =
            Derivation { author: options.author.clone(), created_by: config.argv().join(" "), config: execution };
        let id = store.derive(&image, pack, options.reference.as_ref(), &derivation)?.id.to_string();
        self.record_event(&config, "commit", &[("comment", &options.message), ("imageID", &id)]);
        Ok(id)
    }

    /// Files and directories in a container's layer that are there only for something to be mounted on them, as paths from its
    /// root.
    fn mount_points(record: &Record, config: &ContainerConfig) -> Result<BTreeSet<Vec<u8>>> {
        let started = if record.path("spec.json").exists() { Some(record.spec()?) } else { None };
        let started = started.iter().flat_map(|spec| spec.mounts().iter().flatten());
        let binds = config.host.binds.iter().map(|bind| &bind.target);
        let data = binds.chain(config.host.volumes.iter().map(|volume| &volume.target));
        let targets = started.map(|mount| mount.destination().clone()).chain(data.map(PathBuf::from));
        let upper = record.path("upper");
        let mut made = empty_at(&upper, targets.collect());
        // A directory of the image whose permissions or owner are others now is not there for a mount only.
        made.retain(|path| !is_changed(&upper, &config.layers, Path::new(OsStr::from_bytes(path))));
        Ok(made)
    }
}

/// Whether something of the layers below has other permissions or another owner in the one above them.
fn is_changed(upper: &Path, lower: &[PathBuf], path: &Path) -> bool {
    let attributes = |metadata: fs::Metadata| (metadata.mode(), metadata.uid(), metadata.gid());
    let below = find_below(lower, path).and_then(|below| below.metadata().ok());
    below.is_some_and(|below| {
        let own = fs::symlink_metadata(upper.join(path)).ok();
        own.is_some_and(|own| attributes(own) != attributes(below))
    })
}

/// Which of these paths, and of those above them, have nothing in a layer but one another.
fn empty_at(layer: &Path, targets: BTreeSet<PathBuf>) -> BTreeSet<Vec<u8>> {
    let above = targets.iter().flat_map(|target| target.ancestors().map(Path::to_owned)).collect::<BTreeSet<_>>();
    let mut empty = BTreeSet::new();
    // What is deeper comes first.
    for path in above.iter().rev() {
        let Ok(relative) = path.strip_prefix("/") else { continue };
        let Ok(metadata) = fs::symlink_metadata(layer.join(relative)) else { continue };
        let is_empty = match metadata.is_dir() {
            true => fs::read_dir(layer.join(relative)).is_ok_and(|mut entries| {
                entries.all(|entry| {
                    entry.is_ok_and(|entry| empty.contains(relative.join(entry.file_name()).as_os_str().as_bytes()))
                })
            }),
            false => metadata.is_file() && metadata.len() == 0 && targets.contains(path),
        };
        if is_empty && !relative.as_os_str().is_empty() {
            empty.insert(relative.as_os_str().as_bytes().to_vec());
        }
    }
    empty
}

/// Everything that the topmost layer does below a path.
fn collect(stack: &Stack, node: NodeId, made: &BTreeSet<Vec<u8>>, changes: &mut Vec<(Change, PathBuf)>) {
    let top = View::Layer(stack.layers().len() - 1);
    for (child, sight) in stack.children(node, top) {
        let path = stack.path(child);
        if made.contains(&path.as_os_str().as_bytes()[1..]) {
            continue;
        }
        // A directory that only leads to what is changed is changed, too.
        let change = if sight.change == Change::None { Change::Changed } else { sight.change };
        changes.push((change, path));
        if change != Change::Removed {
            collect(stack, child, made, changes);
        }
    }
}

/// What the owners of a container's files are inside.
fn inside(config: &ContainerConfig) -> impl Fn(u32, u32) -> (u32, u32) {
    let users = config.host.user_namespace.clone();
    move |user, group| users.as_ref().map_or((user, group), |users| users.inside(user, group))
}

/// How a container's image runs: as the container did.
fn execution(config: &ContainerConfig, image: &Image) -> ImportConfig {
    let declared = image.config.config().as_ref().and_then(|config| config.volumes().clone()).unwrap_or_default();
    let own = config.host.volumes.iter().filter(|volume| volume.name.as_deref().is_some_and(is_generated));
    let own = own.map(|volume| volume.target.clone()).filter(|target| !declared.contains(target)).collect::<Vec<_>>();
    ImportConfig {
        command: config.command.clone(),
        entrypoint: config.entrypoint.clone(),
        env: config.env.clone(),
        working_dir: if config.working_dir == "/" { String::new() } else { config.working_dir.clone() },
        user: config.user.clone(),
        exposed_ports: config.exposed_ports.clone(),
        volumes: declared.into_iter().chain(own).collect(),
        labels: config.labels.clone(),
        stop_signal: config.stop_signal.clone().unwrap_or_default(),
        healthcheck: config.healthcheck.clone(),
        shell: config.shell.clone().unwrap_or_default(),
        message: String::new(),
        created: None,
    }
}

/// Each variable once, as it was set last.
fn last_of_each(env: Vec<String>) -> Vec<String> {
    let name = |variable: &String| variable.split('=').next().unwrap_or_default().to_owned();
    let last: BTreeMap<String, String> = env.iter().map(|variable| (name(variable), variable.clone())).collect();
    let mut seen = BTreeSet::new();
    let names = env.iter().map(name).filter(|name| seen.insert(name.clone()));
    names.filter_map(|name| last.get(&name).cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_empty_is_a_mount_point() {
        let layer = tempfile::tempdir().unwrap();
        for directory in ["proc", "etc", "srv/data", "mnt/vol"] {
            fs::create_dir_all(layer.path().join(directory)).unwrap();
        }
        fs::write(layer.path().join("etc/hosts"), "").unwrap();
        fs::write(layer.path().join("etc/own"), "").unwrap();
        fs::write(layer.path().join("srv/data/file"), "x").unwrap();
        let targets = ["/proc", "/etc/hosts", "/srv/data", "/mnt/vol", "/none"].map(PathBuf::from);
        let found = empty_at(layer.path(), targets.into());
        let expected = ["etc/hosts", "mnt", "mnt/vol", "proc"].map(|path| path.as_bytes().to_vec());
        assert_eq!(found, expected.into());
    }

    #[test]
    fn a_variable_is_what_it_was_set_to_last() {
        let env = ["A=1", "B=2", "A=3"].map(str::to_owned).to_vec();
        assert_eq!(last_of_each(env), ["A=3", "B=2"]);
    }
}
