//! The files that a build is given: its context, its Dockerfile, and contexts with names.

use super::address::{Address, Repository};
use super::fetch::{Behalf, Fetched, Fetcher};
use super::options::{BuildOptions, ContextSource, DockerfileSource, NamedContext};
use super::trouble::Trouble;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::identity;
use porthole_build::{Known, Scan, Tree};
use porthole_dockerfile::ignore::Ignore;
use porthole_dockerfile::parse;
use porthole_images::{Workshop, unpack_tree};
use porthole_runtime::mount::Root;
use rustix::fs::{CWD, Mode, OFlags, openat};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// A longer Dockerfile or ignore file is none.
const LONGEST_FILE: u64 = 16 << 20;

/// The files of a build.
pub(crate) struct Contexts {
    /// What the Dockerfile is called in messages.
    pub(super) dockerfile_name: String,
    /// The Dockerfile.
    pub(super) dockerfile: Vec<u8>,
    /// What of the context is left out.
    pub(super) ignore: Ignore,
    main: Option<Remembered>,
    named: BTreeMap<String, Remembered>,
}

/// A folder that files are copied from.
enum Folder {
    /// The user's.
    Own(PathBuf),
    /// One that was made for this build.
    Made(PathBuf),
}

impl Folder {
    fn path(&self) -> &Path {
        match self {
            Folder::Own(path) | Folder::Made(path) => path,
        }
    }
}

/// A tree whose scans are remembered for the next build, if that can see it.
pub(super) struct Remembered {
    pub(super) tree: Tree,
    path: PathBuf,
    file: Option<PathBuf>,
    scans: Mutex<Vec<Arc<Scan>>>,
}

impl Contexts {
    pub(super) fn open(engine: &Engine, fetcher: &Fetcher<'_>, options: &BuildOptions) -> Result<Self> {
        // A file of the web that is no archive.
        let mut fetched = None;
        let folder = match &options.context {
            ContextSource::Directory(path) => Some(Folder::Own(path.clone())),
            ContextSource::Archive { start } => Some(Folder::Made(unpacked(fetcher.workshop, start)?)),
            ContextSource::Address(Address::Git(repository)) => Some(checked_out(fetcher, repository)?),
            ContextSource::Address(Address::Web(address)) => match fetcher.context(address, LONGEST_FILE)? {
                Fetched::Tree(path) => Some(Folder::Made(path)),
                Fetched::File(content) => {
                    fetched = Some(content);
                    None
                }
            },
            ContextSource::Nothing => None,
        };
        let root = folder.as_ref().map(|folder| open_directory(folder.path())).transpose()?;
        let root_file = |name: &str| match &root {
            Some(root) => read_in(root, name),
            None => Ok(None),
        };
        let (dockerfile_name, dockerfile, own_ignore) = match (&options.dockerfile, fetched) {
            (DockerfileSource::Given { .. }, Some(_)) => {
                let problem =
                    "ambiguous Dockerfile source: both the context, which is no archive, and the flag are Dockerfiles";
                return Err(Error::Build(problem.to_owned()));
            }
            (DockerfileSource::Given { name, content, ignore }, None) => {
                (name.clone(), content.clone(), ignore.clone())
            }
            (DockerfileSource::InContext(name), Some(content)) => (name.clone(), content, None),
            (DockerfileSource::InContext(name), None) => {
                let missing =
                    || Error::Build(format!("failed to read dockerfile: open {name}: no such file or directory"));
                let content = root_file(name)?.ok_or_else(missing)?;
                (name.clone(), content, root_file(&format!("{name}.dockerignore"))?)
            }
        };
        let dockerfile = match options.before {
            Some(line) => parse::before(&dockerfile, line)
                .map_err(|error| Trouble::new(&dockerfile_name, &dockerfile).of_dockerfile(&error))?,
            None => dockerfile,
        };
        let (ignore_name, ignore) = match own_ignore {
            Some(own) => (format!("{dockerfile_name}.dockerignore"), Some(own)),
            None => (".dockerignore".to_owned(), root_file(".dockerignore")?),
        };
        let bad = |error: porthole_dockerfile::Error| Error::Build(format!("{ignore_name}: {}", error.message()));
        let ignore = ignore.map_or(Ok(Ignore::default()), |file| Ignore::parse(&file)).map_err(bad)?;
        let mut named = BTreeMap::new();
        for (name, context) in &options.contexts {
            let folder = match context {
                NamedContext::Image(_) => continue,
                NamedContext::Directory(path) => Folder::Own(path.clone()),
                NamedContext::Address(Address::Git(repository)) => checked_out(fetcher, repository)?,
                NamedContext::Address(Address::Web(address)) => match fetcher.context(address, LONGEST_FILE)? {
                    Fetched::Tree(path) => Folder::Made(path),
                    Fetched::File(_) => {
                        return Err(Error::Build(format!("build context {name}: {address} is no archive")));
                    }
                },
            };
            let root = open_directory(folder.path())?;
            let own = read_in(&root, ".dockerignore")?;
            let own = own.map_or(Ok(Ignore::default()), |file| Ignore::parse(&file)).map_err(|error| {
                Error::Build(format!("{}: {}", folder.path().join(".dockerignore").display(), error.message()))
            })?;
            named.insert(name.clone(), Remembered::new(engine, folder, root, own)?);
        }
        let main = match (folder, root) {
            (Some(folder), Some(root)) => Some(Remembered::new(engine, folder, root, ignore.clone())?),
            _ => None,
        };
        Ok(Self { dockerfile_name, dockerfile, ignore, main, named })
    }

    /// The build's context.
    pub(super) fn main(&self) -> Result<&Remembered> {
        let none = "there is no context to copy from: name a folder in place of -";
        self.main.as_ref().ok_or_else(|| Error::Build(none.to_owned()))
    }

    /// A folder that goes by a name.
    pub(super) fn named(&self, name: &str) -> Option<&Remembered> {
        self.named.get(name)
    }

    /// Writes down what scans found. It only makes the next build faster.
    pub(super) fn remember(&self) {
        for context in self.main.iter().chain(self.named.values()) {
            let scans = context.scans.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(file) = &context.file
                && !scans.is_empty()
            {
                let _ = context.tree.remember(&scans.iter().map(Arc::as_ref).collect::<Vec<_>>(), file);
            }
        }
    }
}

impl Remembered {
    fn new(engine: &Engine, folder: Folder, root: OwnedFd, ignore: Ignore) -> Result<Self> {
        let path = match folder {
            Folder::Own(path) => path.canonicalize().unwrap_or(path),
            Folder::Made(path) => {
                let tree = Tree::context(root, ignore, Known::default());
                return Ok(Self { tree, path, file: None, scans: Mutex::default() });
            }
        };
        let directory = engine.paths().root().join("build/contexts");
        crate::files::create_private_directory(&directory)?;
        let file = directory.join(identity::root_mark(&path));
        let tree = Tree::context(root, ignore, Known::load(&file));
        Ok(Self { tree, path, file: Some(file), scans: Mutex::default() })
    }

    /// The folder.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps what a scan found for the next build.
    pub(super) fn keep(&self, scan: Arc<Scan>) {
        self.scans.lock().unwrap_or_else(PoisonError::into_inner).push(scan);
    }
}

fn checked_out(fetcher: &Fetcher<'_>, repository: &Repository) -> Result<Folder> {
    Ok(Folder::Made(fetcher.repository(repository, Behalf::User, false)?.path))
}

fn open_directory(path: &Path) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(CWD, path, flags, Mode::empty()).map_err(|error| match io::Error::from(error) {
        error if error.kind() == ErrorKind::NotFound => Error::Build(format!("path {path:?} not found")),
        error if error.kind() == ErrorKind::NotADirectory => Error::Build(format!("path {path:?} is no folder")),
        error => Error::file(path, error),
    })
}

/// A regular file of a context; none if it is not there.
fn read_in(root: &OwnedFd, name: &str) -> Result<Option<Vec<u8>>> {
    let failed = |error| Error::file(name, error);
    let root = Root::new(root.try_clone().map_err(failed)?);
    let file = match root.open(Path::new(name), OFlags::RDONLY | OFlags::NONBLOCK) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        file => File::from(file.map_err(failed)?),
    };
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(Error::Build(format!("{name} is no regular file")));
    }
    let mut content = Vec::new();
    file.take(LONGEST_FILE).read_to_end(&mut content).map_err(failed)?;
    Ok(Some(content))
}

/// Unpacks the archive on standard input, which begins with `start`; where it is now.
fn unpacked(workshop: &Workshop, start: &[u8]) -> Result<PathBuf> {
    let directory = workshop.directory()?;
    let root = open_directory(&directory)?;
    unpack_tree(start.chain(io::stdin()), root, &|user, group| (user, group))
        .map_err(|error| Error::Build(format!("the context on standard input: {error}")))?;
    Ok(directory)
}
