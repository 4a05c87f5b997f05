//! Members of a layer's archive become objects in its directory.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;

use rustix::fs::{AtFlags, FileType, Mode, linkat, mkdirat, statat, symlinkat};
use rustix::io::Errno;

use super::budget::Budget;
use super::path::{Place, Role, lossy, place, role};
use super::tree::{Tree, make};
use super::{LayerError, node};
use crate::tar::{Entry, Kind, Source, TarReader};

/// What a layer turned out to hold.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// The length of all files together.
    pub(super) size: u64,
    /// Directories that no member described, parents first; the empty path is the root.
    pub(super) implied: BTreeSet<Vec<u8>>,
    /// Whether the layer hides everything below it.
    pub(super) opaque: bool,
}

/// What an archive is unpacked onto.
#[derive(Clone, Copy)]
pub(crate) enum Onto<'a> {
    /// The empty directory of a layer, in which markers become overlayfs's.
    Layer,
    /// A directory that may have something in it. All names are names; a directory stays one and a file stays one.
    Tree {
        /// Whose everything is.
        owner: Owner<'a>,
    },
}

/// The user and group on disk, by those that an archive names.
pub type Owner<'a> = &'a (dyn Fn(u32, u32) -> (u32, u32) + Sync);

/// Unpacks all members that `archive` has into the directory `root`. The umask must be 0.
pub(super) fn extract<S: Source>(
    archive: &mut TarReader<S>,
    root: OwnedFd,
    budget: &Budget,
    onto: Onto<'_>,
) -> Result<Contents, LayerError> {
    let implied_owner = match onto {
        Onto::Layer => None,
        Onto::Tree { owner } => Some(owner(0, 0)),
    };
    let mut extractor =
        Extractor { tree: Tree::new(root, implied_owner, budget), budget, contents: Contents::default(), onto };
    while let Some(mut entry) = archive.next()? {
        if let Onto::Tree { owner } = onto {
            (entry.uid, entry.gid) = owner(entry.uid, entry.gid);
        }
        extractor.member(&entry, archive)?;
    }
    let implied = extractor.tree.finish()?;
    Ok(Contents { implied, ..extractor.contents })
}

struct Extractor<'a> {
    tree: Tree<'a>,
    budget: &'a Budget,
    contents: Contents,
    onto: Onto<'a>,
}

impl Extractor<'_> {
    fn member<S: Source>(&mut self, entry: &Entry, archive: &mut TarReader<S>) -> Result<(), LayerError> {
        let (parents, name) = match place(&entry.path)? {
            Place::In { parents, name } => (parents, name),
            Place::Root => return self.root(entry),
        };
        let role = match self.onto {
            Onto::Layer => role(name)?,
            Onto::Tree { .. } => Role::Plain,
        };
        if role == Role::Ignored {
            return Ok(());
        }
        self.tree.enter(&parents)?;
        match role {
            Role::Plain => self.plain(&parents, name, entry, archive),
            Role::Whiteout(hidden) => self.whiteout(hidden),
            Role::Opaque => {
                self.contents.opaque |= parents.is_empty();
                node::set_opaque(self.tree.current())
            }
            Role::Ignored => Ok(()),
        }
    }

    /// The layer's own directory cannot be made anew, only given attributes.
    fn root(&mut self, entry: &Entry) -> Result<(), LayerError> {
        if entry.kind != Kind::Directory {
            let problem = "the root of a layer must be a directory";
            return Err(LayerError::Name { name: lossy(&entry.path), problem });
        }
        self.tree.leave_all()?;
        self.tree.describe_root(node::timespec(entry.mtime));
        node::set_attributes(self.tree.current(), entry)
    }

    fn plain<S: Source>(
        &mut self,
        parents: &[&[u8]],
        name: &[u8],
        entry: &Entry,
        archive: &mut TarReader<S>,
    ) -> Result<(), LayerError> {
        self.budget.take_inode()?;
        match &entry.kind {
            Kind::File => self.file(name, entry, archive),
            Kind::Directory => self.directory(name, entry),
            Kind::Symlink(target) => {
                self.make(name, |parent| symlinkat(target.as_slice(), parent, name))?;
                node::set_attributes_at(self.tree.current(), name, entry)
            }
            Kind::HardLink(target) => self.hard_link(parents, name, target),
            Kind::Character(major, minor) => self.node(name, entry, FileType::CharacterDevice, (*major, *minor)),
            Kind::Block(major, minor) => self.node(name, entry, FileType::BlockDevice, (*major, *minor)),
            Kind::Fifo => self.node(name, entry, FileType::Fifo, (0, 0)),
        }
    }

    /// Makes an object, in place of one that an earlier member made if need be.
    fn make<T>(
        &mut self,
        name: &[u8],
        make_once: impl Fn(std::os::fd::BorrowedFd<'_>) -> rustix::io::Result<T>,
    ) -> Result<T, LayerError> {
        match make_once(self.tree.current()) {
            Err(Errno::EXIST) => {
                self.replace(name)?;
                make_once(self.tree.current()).map_err(make("make", name))
            }
            result => result.map_err(make("make", name)),
        }
    }

    /// Removes what stands in this place.
    fn replace(&mut self, name: &[u8]) -> Result<(), LayerError> {
        if matches!(self.onto, Onto::Tree { .. }) {
            let stat = statat(self.tree.current(), name, AtFlags::SYMLINK_NOFOLLOW).map_err(make("examine", name))?;
            if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                let problem = "cannot overwrite a directory with what is none";
                return Err(LayerError::Name { name: lossy(name), problem });
            }
        }
        node::remove(self.tree.current(), name)?;
        self.tree.start_afresh();
        Ok(())
    }

    fn file<S: Source>(&mut self, name: &[u8], entry: &Entry, archive: &mut TarReader<S>) -> Result<(), LayerError> {
        let file = File::from(self.make(name, |parent| node::create_file(parent, name, entry))?);
        let written = match &entry.sparse {
            None => self.write(&file, archive, name),
            Some(map) => self.write_pieces(&file, entry.size, map, archive, name),
        };
        written?;
        node::set_attributes(file.as_fd(), entry)?;
        node::set_mtime(file.as_fd(), entry)?;
        self.contents.size = self.contents.size.saturating_add(entry.size);
        Ok(())
    }

    fn write<S: Source>(&self, mut file: &File, archive: &mut TarReader<S>, name: &[u8]) -> Result<(), LayerError> {
        loop {
            let data = archive.data()?;
            if data.is_empty() {
                return Ok(());
            }
            self.budget.take_bytes(data.len() as u64)?;
            let count = file.write(data).map_err(make("write", name))?;
            archive.consume(count);
        }
    }

    /// Writes the pieces of a sparse file where they belong, and leaves holes between them.
    fn write_pieces<S: Source>(
        &self,
        file: &File,
        size: u64,
        map: &[(u64, u64)],
        archive: &mut TarReader<S>,
        name: &[u8],
    ) -> Result<(), LayerError> {
        file.set_len(size).map_err(make("size", name))?;
        for (offset, length) in map {
            let mut done = 0;
            while done < *length {
                let data = archive.data()?;
                let data = &data[..data.len().min((length - done) as usize)];
                self.budget.take_bytes(data.len() as u64)?;
                let count = file.write_at(data, offset + done).map_err(make("write", name))?;
                archive.consume(count);
                done += count as u64;
            }
        }
        Ok(())
    }

    /// A directory may be described after its members were made, and more than once.
    fn directory(&mut self, name: &[u8], entry: &Entry) -> Result<(), LayerError> {
        let made = mkdirat(self.tree.current(), name, Mode::from_raw_mode(0o700));
        let mut hides = false;
        if made == Err(Errno::EXIST) {
            let stat = statat(self.tree.current(), name, AtFlags::SYMLINK_NOFOLLOW).map_err(make("examine", name))?;
            if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
                if matches!(self.onto, Onto::Tree { .. }) {
                    let problem = "cannot overwrite with a directory what is none";
                    return Err(LayerError::Name { name: lossy(name), problem });
                }
                hides = node::is_whiteout(&stat);
                self.replace(name)?;
                mkdirat(self.tree.current(), name, Mode::from_raw_mode(0o700)).map_err(make("make directory", name))?;
            }
        } else {
            made.map_err(make("make directory", name))?;
        }
        self.tree.descend_described(name, node::timespec(entry.mtime))?;
        if hides {
            node::set_opaque(self.tree.current())?;
        }
        node::set_attributes(self.tree.current(), entry)
    }

    fn hard_link(&mut self, parents: &[&[u8]], name: &[u8], target: &[u8]) -> Result<(), LayerError> {
        let refuse = |problem| LayerError::Name { name: lossy(target), problem };
        let Place::In { parents: target_parents, name: target_name } = place(target)? else {
            return Err(refuse("a hard link to the root"));
        };
        self.tree.enter(&target_parents)?;
        let directory = self.tree.current().try_clone_to_owned().map_err(make("open", target))?;
        let stat = match statat(&directory, target_name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Err(refuse("a hard link to what the layer does not have")),
            result => result.map_err(make("examine", target))?,
        };
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            return Err(refuse("a hard link to a directory"));
        }
        self.tree.enter(parents)?;
        // A second link of the same name is what replacing it would lose.
        let existing = statat(self.tree.current(), name, AtFlags::SYMLINK_NOFOLLOW);
        if existing.is_ok_and(|existing| (existing.st_dev, existing.st_ino) == (stat.st_dev, stat.st_ino)) {
            return Ok(());
        }
        self.make(name, |parent| linkat(&directory, target_name, parent, name, AtFlags::empty()))
    }

    fn node(&mut self, name: &[u8], entry: &Entry, kind: FileType, number: (u32, u32)) -> Result<(), LayerError> {
        self.make(name, |parent| node::make_node(parent, name, kind, node::mode(entry), number))?;
        node::set_attributes_at(self.tree.current(), name, entry)
    }

    /// Hides a name of the layers below. What this layer itself has by that name stays, and hides it anyway: a
    /// directory by being opaque.
    fn whiteout(&mut self, name: &[u8]) -> Result<(), LayerError> {
        self.budget.take_inode()?;
        let parent = self.tree.current();
        match node::make_node(parent, name, FileType::CharacterDevice, Mode::empty(), (0, 0)) {
            Err(Errno::EXIST) => {
                let stat = statat(parent, name, AtFlags::SYMLINK_NOFOLLOW).map_err(make("examine", name))?;
                if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                    self.tree.enter_child(name)?;
                    node::set_opaque(self.tree.current())?;
                }
                Ok(())
            }
            result => result.map_err(make("make a whiteout of", name)),
        }
    }
}
