//! `RUN --mount`: caches, files of the context, of stages and of images, memory, secrets and agents.
//!
//! What is in a secret or a cache is not part of the key, only that it is there. Secrets are kept in memory that only the
//! container's maker has mounted.

use super::context::Remembered;
use super::solve::Progress;
use super::{Job, SecretSource};
use crate::container::step::{MemoryFile, MountSource};
use crate::error::{Error, Result};
use crate::files::{self, Lock};
use porthole_build::{Configuration, Destination, Key, KeyBuilder, Placing, Scan};
use porthole_dockerfile::evaluate::Step;
use porthole_dockerfile::ignore::Ignore;
use porthole_dockerfile::instruction::{Mount, MountType, Sharing};
use porthole_dockerfile::plan::Source;
use porthole_images::Layers;
use porthole_runtime::mount::BENEATH;
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A larger secret is none.
const LARGEST_SECRET: u64 = 500 << 10;

/// Where secrets are seen that say nothing else.
const SECRETS: &str = "/run/secrets";

/// What a `RUN` asks to be mounted.
pub(super) struct Mounts {
    /// What of it counts for the cache.
    pub(super) key: Key,
    wanted: Vec<(Mount, Origin)>,
}

/// Where what is mounted comes from.
enum Origin {
    /// Nowhere: it is a cache, memory, a secret or an agent.
    Own,
    /// What a scan found in a context; in the one of this name, or the build's own.
    Context(Option<String>, Arc<Scan>),
    /// Layers.
    Layers(Layers),
}

/// What is mounted.
pub(super) struct Prepared {
    pub(super) mounts: Vec<oci_spec::runtime::Mount>,
    pub(super) sources: Vec<MountSource>,
    pub(super) env: Vec<String>,
    _locks: Vec<Lock>,
}

/// A bind mount of a whole directory.
pub(super) fn bind(from: &Path, target: &str, read_only: bool) -> oci_spec::runtime::Mount {
    let access = if read_only { "ro" } else { "rw" };
    let mut mount = oci_spec::runtime::Mount::default();
    mount
        .set_destination(target.into())
        .set_typ(Some("bind".to_owned()))
        .set_source(Some(from.to_owned()))
        .set_options(Some(["rbind", "rprivate", access].map(str::to_owned).to_vec()));
    mount
}

/// A bind mount of something below a directory, which links in it do not lead out of.
fn bind_beneath(root: &Path, path: &str, target: &str, read_only: bool) -> Result<oci_spec::runtime::Mount> {
    let inner = porthole_dockerfile::ignore::clean(&format!("/{path}"));
    let inner = inner.trim_start_matches('/');
    let inner = if inner.is_empty() { Path::new(".") } else { Path::new(inner) };
    let mut mount = bind(&root.join(inner), target, read_only);
    if inner != Path::new(".") {
        let beneath = format!("{BENEATH}{}", root.display());
        mount.options_mut().get_or_insert_default().push(beneath);
    }
    Ok(mount)
}

impl Job<'_> {
    /// What the mounts of a `RUN` are, and what of them counts.
    pub(super) fn mounts(&self, progress: &Progress<'_>, step: &Step) -> Result<Mounts> {
        let mut key = KeyBuilder::new("mounts");
        let mut wanted = Vec::new();
        for (mount, source) in step.mounts.iter().zip(&step.sources) {
            key = key.text(&mount.kind.to_string()).option(mount.id.as_deref()).option(mount.source.as_deref());
            key = key.option(mount.target.as_deref()).option(mount.env.as_deref()).number(mount.read_only.into());
            key = key.text(&format!("{:?} {:?} {:?} {:?}", mount.mode, mount.uid, mount.gid, mount.size));
            let (from, origin) = self.origin(progress, mount, source.as_ref())?;
            key = key.key(&from);
            wanted.push((mount.clone(), origin));
        }
        Ok(Mounts { key: key.finish(), wanted })
    }

    fn origin(&self, progress: &Progress<'_>, mount: &Mount, source: Option<&Source>) -> Result<(Key, Origin)> {
        let nothing = || KeyBuilder::new("nothing").finish();
        match (mount.kind, source) {
            (MountType::Bind, None) => {
                let context = self.contexts.main()?;
                let path = mount.source.as_deref().unwrap_or("/");
                let scan = scanned(context, path)?;
                Ok((scan.key, Origin::Context(None, scan)))
            }
            (MountType::Bind | MountType::Cache, Some(Source::Stage(stage))) => {
                let made = progress.board.wait(*stage)?;
                Ok((made.key, Origin::Layers(made.layers.clone())))
            }
            (MountType::Bind | MountType::Cache, Some(Source::Image(name))) => match self.contexts.named(name) {
                Some(context) => {
                    let scan = scanned(context, mount.source.as_deref().unwrap_or("/"))?;
                    Ok((scan.key, Origin::Context(Some(name.clone()), scan)))
                }
                None => {
                    let found = self.image(name, None, false)?;
                    let top = found.layers.top().map_or_else(String::new, |top| top.to_string());
                    Ok((KeyBuilder::new("image").text(&top).finish(), Origin::Layers(found.layers.clone())))
                }
            },
            _ => Ok((nothing(), Origin::Own)),
        }
    }

    /// Makes what is to be mounted.
    pub(super) fn prepare_mounts(&self, mounts: Mounts, configuration: &Configuration) -> Result<Prepared> {
        let mut prepared = Prepared { mounts: Vec::new(), sources: Vec::new(), env: Vec::new(), _locks: Vec::new() };
        for (mount, origin) in &mounts.wanted {
            let target = |default: &str| configuration.path(mount.target.as_deref().unwrap_or(default));
            match mount.kind {
                MountType::Bind => self.bind_mount(&mut prepared, mount, origin, &target("/"))?,
                MountType::Cache => self.cache_mount(&mut prepared, mount, origin, &target("/"))?,
                MountType::Tmpfs => prepared.mounts.push(memory(&target("/"), mount.size)),
                MountType::Secret => self.secret_mount(&mut prepared, mount, configuration)?,
                MountType::Ssh => self.agent_mount(&mut prepared, mount, configuration)?,
            }
        }
        Ok(prepared)
    }

    fn bind_mount(&self, prepared: &mut Prepared, mount: &Mount, origin: &Origin, target: &str) -> Result<()> {
        check_target(mount, target)?;
        let path = mount.source.as_deref().unwrap_or("/");
        let root = match origin {
            Origin::Own => return Err(Error::Build("a bind mount needs something to come from".to_owned())),
            // Writes go to a directory that is not kept, as do what is ignored and whatever links lead to.
            Origin::Context(name, scan) => self.context_shadow(prepared, name.as_deref(), scan)?,
            Origin::Layers(layers) => self.shadow(prepared, self.lower(layers)?)?,
        };
        prepared.mounts.push(bind_beneath(&root, path, target, mount.read_only)?);
        Ok(())
    }

    /// A context as a mount shows it: without what is ignored.
    fn context_shadow(&self, prepared: &mut Prepared, name: Option<&str>, scan: &Scan) -> Result<PathBuf> {
        let context = match name.and_then(|name| self.contexts.named(name)) {
            Some(named) => named,
            None => self.contexts.main()?,
        };
        // An overlay cannot have something of its own below it.
        let is_around = self.engine.paths().root().starts_with(context.path());
        if context.tree.is_whole() && !is_around {
            return self.shadow(prepared, vec![context.path().to_owned()]);
        }
        let bench = self.workshop.bench(&Layers::default())?;
        let root = fs::File::open(&bench.upper).map_err(|error| Error::file(&bench.upper, error))?;
        let slash = if scan.is_directory() { "/" } else { "" };
        let path = format!("/{}{slash}", String::from_utf8_lossy(&scan.path));
        let to = Destination { root: root.as_fd(), path: &path, owner: Some((0, 0)), chmod: None, epoch: None };
        context.tree.copied(scan, Placing::Usual, &to).map_err(|error| Error::Build(error.to_string()))?;
        Ok(bench.upper)
    }

    /// Layers, with somewhere for changes to go that is not kept; where they are seen.
    fn shadow(&self, prepared: &mut Prepared, lower: Vec<PathBuf>) -> Result<PathBuf> {
        let bench = self.workshop.bench(&Layers::default())?;
        prepared.sources.push(MountSource::Layers { lower, upper: bench.upper.clone(), work: bench.work });
        Ok(bench.upper)
    }

    fn cache_mount(&self, prepared: &mut Prepared, mount: &Mount, origin: &Origin, target: &str) -> Result<()> {
        check_target(mount, target)?;
        let id = mount.id.clone().unwrap_or_else(|| porthole_dockerfile::ignore::clean(target));
        let (directory, lock) = self.cache_directory(&id, mount.sharing.unwrap_or(Sharing::Shared))?;
        let data = directory.join("data");
        if !data.exists() {
            let new = directory.join("new");
            // One that was killed may have left some.
            let _ = fs::remove_dir_all(&new);
            self.fill_cache(&new, mount, origin)?;
            fs::rename(&new, &data)
                .or_else(|error| if data.exists() { Ok(()) } else { Err(error) })
                .map_err(|error| Error::file(&data, error))?;
        }
        let path = match origin {
            Origin::Own => mount.source.as_deref().unwrap_or("/"),
            _ => "/",
        };
        prepared.mounts.push(bind_beneath(&data, path, target, mount.read_only)?);
        prepared._locks.extend(lock);
        Ok(())
    }

    fn fill_cache(&self, new: &Path, mount: &Mount, origin: &Origin) -> Result<()> {
        let failed = |error| Error::file(new, error);
        files::create_private_directory(new)?;
        if let Origin::Layers(layers) = origin {
            let bench = self.workshop.bench(&Layers::default())?;
            let view = self.view(&self.lower(layers)?, &bench)?;
            let path = mount.source.as_deref().unwrap_or("/");
            let source = view.root.open(Path::new(path), rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::DIRECTORY);
            let source = source.map_err(|error| Error::file(path, error))?;
            let target = fs::File::open(new).map_err(failed)?;
            let copied = porthole_images::copy_tree(
                porthole_images::Packing::default(),
                |packer| packer.contents(source.as_fd(), b""),
                target.into(),
                &|user, group| (user, group),
            );
            copied.map_err(|error| Error::Copy { path: path.into(), source: error })?;
        }
        let mode = PermissionsExt::from_mode(mount.mode.unwrap_or(0o755));
        fs::set_permissions(new, mode).map_err(failed)?;
        std::os::unix::fs::chown(new, Some(mount.uid.unwrap_or(0)), Some(mount.gid.unwrap_or(0))).map_err(failed)
    }

    /// The directory of a cache, and the lock that says that it is ours, if it must be.
    fn cache_directory(&self, id: &str, sharing: Sharing) -> Result<(PathBuf, Option<Lock>)> {
        let base = self.engine.paths().root().join("build/mounts");
        let name = KeyBuilder::new("cache").text(id).finish().hex();
        let directory = |number: usize| match number {
            0 => base.join(&name),
            number => base.join(format!("{name}-{number}")),
        };
        match sharing {
            Sharing::Shared => {
                let directory = directory(0);
                files::create_private_directory(&directory)?;
                Ok((directory, None))
            }
            Sharing::Locked => {
                let directory = directory(0);
                files::create_private_directory(&directory)?;
                loop {
                    match Lock::try_acquire(&directory.join("lock"))? {
                        Some(lock) => return Ok((directory, Some(lock))),
                        None if self.cancel.is_cancelled() => return Err(Error::Cancelled),
                        None => std::thread::sleep(std::time::Duration::from_millis(20)),
                    }
                }
            }
            Sharing::Private => {
                for number in 0.. {
                    let directory = directory(number);
                    files::create_private_directory(&directory)?;
                    if let Some(lock) = Lock::try_acquire(&directory.join("lock"))? {
                        return Ok((directory, Some(lock)));
                    }
                }
                Err(Error::Cancelled)
            }
        }
    }

    fn secret_mount(&self, prepared: &mut Prepared, mount: &Mount, configuration: &Configuration) -> Result<()> {
        let last = |path: &String| path.rsplit('/').next().unwrap_or_default().to_owned();
        let id = mount.id.clone().or_else(|| mount.source.clone()).or_else(|| mount.target.as_ref().map(last));
        let id = id.unwrap_or_default();
        let Some(content) = self.secret(&id)? else {
            return match mount.required {
                true => Err(Error::Build(format!("secret {id}: not found: give it by --secret id={id},src=FILE"))),
                false => Ok(()),
            };
        };
        if let Some(name) = &mount.env {
            prepared.env.push(format!("{name}={}", String::from_utf8_lossy(&content)));
            if mount.target.is_none() {
                return Ok(());
            }
        }
        let target = configuration.path(mount.target.as_deref().unwrap_or(&format!("{SECRETS}/{}", last(&id))));
        let at = self.workshop.directory()?;
        let file = MemoryFile {
            name: "secret".to_owned(),
            content,
            mode: mount.mode.unwrap_or(0o400),
            uid: mount.uid.unwrap_or(0),
            gid: mount.gid.unwrap_or(0),
        };
        prepared.mounts.push(bind(&at.join("secret"), &target, true));
        prepared.sources.push(MountSource::Memory { at, files: vec![file], executable: false });
        Ok(())
    }

    fn secret(&self, id: &str) -> Result<Option<Vec<u8>>> {
        match self.options.secrets.get(id) {
            None => Ok(None),
            Some(SecretSource::Variable(name)) => {
                Ok(std::env::var_os(name).map(std::os::unix::ffi::OsStringExt::into_vec))
            }
            Some(SecretSource::Text(text)) => Ok(Some(text.clone().into_bytes())),
            Some(SecretSource::File(path)) => {
                let metadata = fs::metadata(path).map_err(|error| Error::file(path, error))?;
                if !metadata.is_file() || metadata.len() > LARGEST_SECRET {
                    let problem = format!("secret {id}: {} is no file of at most 500 KiB", path.display());
                    return Err(Error::Build(problem));
                }
                fs::read(path).map(Some).map_err(|error| Error::file(path, error))
            }
        }
    }

    fn agent_mount(&self, prepared: &mut Prepared, mount: &Mount, configuration: &Configuration) -> Result<()> {
        let id = mount.id.as_deref().unwrap_or("default");
        let Some(socket) = self.options.agents.get(id) else {
            return match mount.required {
                true => Err(Error::Build(format!("ssh agent {id}: not found: give it by --ssh {id}"))),
                false => Ok(()),
            };
        };
        let number = prepared.env.iter().filter(|variable| variable.starts_with("SSH_AUTH_SOCK=")).count();
        let target = mount.target.clone().unwrap_or_else(|| format!("/run/buildkit/ssh_agent.{number}"));
        let target = configuration.path(&target);
        prepared.mounts.push(bind(socket, &target, false));
        prepared.env.push(format!("SSH_AUTH_SOCK={target}"));
        Ok(())
    }
}

fn memory(target: &str, size: Option<u64>) -> oci_spec::runtime::Mount {
    let mut options = ["nosuid", "nodev", "mode=1777"].map(str::to_owned).to_vec();
    options.extend(size.map(|size| format!("size={size}")));
    let mut mount = oci_spec::runtime::Mount::default();
    mount
        .set_destination(target.into())
        .set_typ(Some("tmpfs".to_owned()))
        .set_source(Some("tmpfs".into()))
        .set_options(Some(options));
    mount
}

fn check_target(mount: &Mount, target: &str) -> Result<()> {
    match mount.target.is_none() || target == "/" {
        true => {
            Err(Error::Build(format!("invalid mount target {target:?} of a {} mount: it needs a path", mount.kind)))
        }
        false => Ok(()),
    }
}

/// What is at a path of a context, which must be there.
fn scanned(context: &Remembered, path: &str) -> Result<Arc<Scan>> {
    let failed = |error: porthole_build::Error| Error::Build(error.to_string());
    let inner = porthole_dockerfile::ignore::clean(&format!("/{path}"));
    let inner = inner.trim_start_matches('/').as_bytes();
    let scan = Arc::new(context.tree.scan(inner, &Ignore::default()).map_err(failed)?);
    context.keep(Arc::clone(&scan));
    Ok(scan)
}
