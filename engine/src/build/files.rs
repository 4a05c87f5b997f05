//! `COPY` and `ADD`.

use super::Job;
use super::address::{Address, Repository};
use super::fetch::{Behalf, Fetcher, download};
use super::solve::Progress;
use crate::container::user::UserDatabase;
use crate::error::{Error, Result};
use crate::files;
use porthole_build::{Chmod, Destination, Key, KeyBuilder, Known, Owner, Placing, Scan, Tree};
use porthole_dockerfile::evaluate::Step;
use porthole_dockerfile::ignore::{Ignore, clean};
use porthole_dockerfile::instruction::{Add, Command, Copy, InlineFile};
use porthole_dockerfile::plan::Source;
use porthole_images::{Bench, Digest, Layers, is_archive, unpack_tree};
use porthole_runtime::mount::Root;
use porthole_runtime::sandbox::{RootSource, View};
use rustix::fs::OFlags;
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

/// What both instructions say.
struct Asked<'a> {
    verb: &'static str,
    sources: &'a [String],
    contents: &'a [InlineFile],
    dest: &'a str,
    chown: Option<&'a str>,
    chmod: Option<&'a str>,
    link: bool,
    parents: bool,
    exclude: &'a [String],
    add: Option<&'a Add>,
}

/// Something that is put into the image.
enum Item {
    /// What a scan found, under its own name or below this path.
    Files { scan: Scan, below: Option<Vec<u8>> },
    /// What is in an archive of the tree.
    Archive { scan: Scan },
    /// A file from the web, and what it is called.
    Remote { file: File, name: String, modified: Option<i64>, unpack: bool },
    /// A repository that is checked out.
    Repository { tree: Tree, scan: Scan, state: State },
}

/// What a repository is known by.
enum State {
    /// Its files.
    Files,
    /// The commit: what git keeps for itself is different each time.
    Commit(String),
}

/// Where files come from, as long as it is looked at.
enum Origin<'a> {
    Context(&'a super::context::Remembered),
    Root { tree: Tree, _view: View },
}

impl Origin<'_> {
    fn tree(&self) -> &Tree {
        match self {
            Origin::Context(context) => &context.tree,
            Origin::Root { tree, .. } => tree,
        }
    }
}

impl<'a> Asked<'a> {
    fn of(command: &'a Command) -> Option<Self> {
        match command {
            Command::Copy(Copy { paths, chown, chmod, link, parents, exclude, .. }) => Some(Self {
                verb: "COPY",
                sources: &paths.sources,
                contents: &paths.contents,
                dest: &paths.dest,
                chown: chown.as_deref(),
                chmod: chmod.as_deref(),
                link: *link,
                parents: *parents,
                exclude,
                add: None,
            }),
            Command::Add(add) => Some(Self {
                verb: "ADD",
                sources: &add.paths.sources,
                contents: &add.paths.contents,
                dest: &add.paths.dest,
                chown: add.chown.as_deref(),
                chmod: add.chmod.as_deref(),
                link: add.link,
                parents: false,
                exclude: &add.exclude,
                add: Some(add),
            }),
            _ => None,
        }
    }

    /// Where a source is fetched from, if it is.
    fn address(&self, source: &str) -> Option<Address> {
        self.add.and_then(|_| Address::of_source(source))
    }
}

impl Job<'_> {
    pub(super) fn files(&self, progress: &mut Progress<'_>, step: &Step) -> Result<()> {
        let Some(asked) = Asked::of(&step.instruction.command) else { return Ok(()) };
        let dest = progress.configuration.path(asked.dest);
        if asked.sources.len() + asked.contents.len() > 1 && !dest.ends_with('/') {
            return Err(Error::Build(format!(
                "When using {} with more than one source file, the destination must be a directory and end with a /",
                asked.verb
            )));
        }
        let lower = self.lower(&progress.layers)?;
        let chown = asked.chown.map(|chown| self.owner(&lower, chown)).transpose()?;
        let chmod = asked.chmod.map(str::parse::<Chmod>).transpose().map_err(failed)?;
        let exclude = Ignore::from_patterns(asked.exclude).map_err(|error| Error::Build(error.message().to_owned()))?;
        let epoch = self.options.epoch()?;
        let above = KeyBuilder::new("files")
            .key(&progress.key)
            .text(&dest)
            .text(&format!("{chown:?} {epoch:?}"))
            .option(asked.chmod)
            .number(asked.link.into())
            .number(asked.parents.into())
            .texts(asked.contents.iter().flat_map(|file| [&file.name, &file.data]));
        let history = format!("{} # buildkit", super::trouble::shortened(&step.instruction.source));

        let from = step.sources.first().and_then(Option::as_ref);
        let (known_by, place) = self.place(progress, from)?;
        // What is copied out of a stage that is known need not be looked at: the same was copied before.
        let by_place = known_by
            .map(|place| above.clone().text("from").key(&place).texts(asked.sources).texts(asked.exclude).finish());
        if let Some(by_place) = &by_place
            && let Some(same) = self.known_as(progress, by_place)?
        {
            return self.once(progress, &step.instruction, same, &history, |_, _| Err(Error::Cancelled));
        }
        let origin = match place {
            Place::Main => None,
            Place::Context(name) => self.contexts.named(&name).map(Origin::Context),
            Place::Layers(layers) => {
                let bench = self.workshop.bench(&Layers::default())?;
                let view = self.view(&self.lower(&layers)?, &bench)?;
                let root = view.root.as_fd().try_clone_to_owned();
                let tree = Tree::image(root.map_err(|error| Error::file("the root of a stage", error))?);
                Some(Origin::Root { tree, _view: view })
            }
        };
        let origin = match origin {
            None if asked.sources.iter().any(|source| asked.address(source).is_none()) => {
                Some(Origin::Context(self.contexts.main()?))
            }
            origin => origin,
        };
        let mut items = Vec::new();
        for source in asked.sources {
            self.collect(&mut items, source, &asked, origin.as_ref(), &exclude)?;
        }
        let key = items.iter().try_fold(above, |key, item| item.key(key))?.finish();
        let owner = chown.or(match &origin {
            Some(Origin::Root { .. }) => None,
            _ => Some((0, 0)),
        });
        let done = self.once(progress, &step.instruction, key, &history, |bench, _| {
            let view = if asked.link { None } else { Some(self.view(&lower, bench)?) };
            let upper = match &view {
                Some(_) => None,
                None => Some(File::open(&bench.upper).map_err(|error| Error::file(&bench.upper, error))?),
            };
            let root = match (&view, &upper) {
                (Some(view), _) => view.root.as_fd(),
                (None, Some(upper)) => upper.as_fd(),
                (None, None) => return Err(Error::Cancelled),
            };
            let to = Destination { root, path: &dest, owner, chmod: chmod.as_ref(), epoch };
            for item in &items {
                if self.cancel.is_cancelled() {
                    return Err(Error::Cancelled);
                }
                put(item, origin.as_ref(), &to, chown)?;
            }
            asked.contents.iter().try_for_each(|file| {
                let made = to.write(&file.name, 0o644, epoch, file.data.as_bytes());
                made.map_err(failed)
            })
        });
        for item in items {
            if let (Item::Files { scan, .. } | Item::Archive { scan }, Some(Origin::Context(context))) = (item, &origin)
            {
                context.keep(scan.into());
            }
        }
        done?;
        match by_place {
            // That it is found faster the next time is all that it is for.
            Some(by_place) => Ok(self.workshop.store().cache_alias(
                &super::solve::digest(&by_place),
                &super::solve::digest(&key),
                &super::trouble::shortened(&step.instruction.source),
            )?),
            None => Ok(()),
        }
    }

    /// Where the files come from, and what that is known by if it is not to be looked at.
    fn place(&self, progress: &Progress<'_>, from: Option<&Source>) -> Result<(Option<Key>, Place)> {
        Ok(match from {
            None => (None, Place::Main),
            Some(Source::Stage(stage)) => {
                let made = progress.board.wait(*stage)?;
                let top = made.layers.top().map_or_else(String::new, |top| top.to_string());
                (Some(KeyBuilder::new("stage").key(&made.key).text(&top).finish()), Place::Layers(made.layers.clone()))
            }
            Some(Source::Image(name)) if self.contexts.named(name).is_some() => (None, Place::Context(name.clone())),
            Some(Source::Image(name)) => {
                let found = self.image(name, None, false)?;
                let top = found.layers.top().map_or_else(String::new, |top| top.to_string());
                (Some(KeyBuilder::new("image").text(&top).finish()), Place::Layers(found.layers.clone()))
            }
        })
    }

    fn collect(
        &self,
        items: &mut Vec<Item>,
        source: &str,
        asked: &Asked<'_>,
        origin: Option<&Origin<'_>>,
        exclude: &Ignore,
    ) -> Result<()> {
        if let Some(add) = asked.add {
            let item = match asked.address(source) {
                Some(Address::Git(repository)) => Some(self.checked_out(&repository, add, exclude)?),
                Some(Address::Web(address)) => Some(self.fetched(&address, add, asked.dest)?),
                None if add.checksum.is_some() => {
                    return Err(Error::Build("checksum can't be specified for files of the context".to_owned()));
                }
                None => None,
            };
            if let Some(item) = item {
                items.push(item);
                return Ok(());
            }
        }
        let Some(origin) = origin else { return Ok(()) };
        let tree = origin.tree();
        let (pivot, pattern) = if asked.parents { pivot(source) } else { (0, source.to_owned()) };
        for path in tree.select(&pattern).map_err(failed)? {
            let scan = tree.scan(&path, exclude).map_err(failed)?;
            let unpacks = asked.add.is_some_and(|add| add.unpack != Some(false));
            if unpacks
                && !scan.is_directory()
                && !scan.entries.is_empty()
                && is_archive(tree.read(&path).map_err(failed)?)
            {
                items.push(Item::Archive { scan });
                continue;
            }
            let below = asked.parents.then(|| {
                let names: Vec<&[u8]> = path.split(|byte| *byte == b'/').skip(pivot).collect();
                names.join(&b'/')
            });
            items.push(Item::Files { scan, below });
        }
        Ok(())
    }

    fn fetched(&self, address: &str, add: &Add, dest: &str) -> Result<Item> {
        let (mut file, name, modified) = download(&self.workshop, address)?;
        let at = |error| Error::file(address, error);
        if let Some(expected) = &add.checksum {
            let found = Digest::of_reader(&file).map_err(at)?;
            if *expected != found.to_string() {
                return Err(Error::Build(format!("digest mismatch {found}: {expected} is expected of {address}")));
            }
            file.seek(SeekFrom::Start(0)).map_err(at)?;
        }
        let unpack = add.unpack == Some(true) && is_archive(&file);
        file.seek(SeekFrom::Start(0)).map_err(at)?;
        let name = match (name, dest.ends_with('/')) {
            (Some(name), _) => name,
            (None, false) => "download".to_owned(),
            (None, true) => return Err(Error::Build(format!("cannot determine filename for source {address}"))),
        };
        Ok(Item::Remote { file, name, modified, unpack })
    }

    fn checked_out(&self, repository: &Repository, add: &Add, exclude: &Ignore) -> Result<Item> {
        let fetcher = Fetcher { workshop: &self.workshop, steps: &self.steps, cancel: self.cancel };
        let agent = self.options.agents.get("default").map(PathBuf::as_path);
        let found = fetcher.repository(repository, Behalf::Dockerfile(agent), add.keep_git_dir)?;
        if let Some(expected) = add.checksum.as_deref().filter(|expected| !found.commit.starts_with(expected)) {
            return Err(Error::Build(format!("commit {} was found where {expected} is expected", found.commit)));
        }
        let root = File::open(&found.path).map_err(|error| Error::file(&found.path, error))?;
        let tree = Tree::context(root.into(), Ignore::default(), Known::default());
        let scan = tree.scan(b"", exclude).map_err(failed)?;
        let state = match add.keep_git_dir {
            true => State::Commit(format!("{repository} {} {:?}", found.commit, add.exclude)),
            false => State::Files,
        };
        Ok(Item::Repository { tree, scan, state })
    }

    /// The layers as overlayfs stacks them. Without any there is an empty one.
    pub(super) fn lower(&self, layers: &Layers) -> Result<Vec<PathBuf>> {
        let lower = self.workshop.store().lower_directories(layers);
        if !lower.is_empty() {
            return Ok(lower);
        }
        let empty = self.engine.paths().root().join("empty");
        files::create_private_directory(&empty)?;
        Ok(vec![empty])
    }

    /// The root that a step changes.
    pub(super) fn view(&self, lower: &[PathBuf], bench: &Bench) -> Result<View> {
        let (upper, work) = (bench.upper.clone(), bench.work.clone());
        Ok(View::assemble(&RootSource::Overlay { lower: lower.to_vec(), upper, work }, None, &[], false)?)
    }

    /// Who `user[:group]` is in these layers. A number alone is that group, too (Dockerfile reference, "COPY --chown").
    pub(super) fn owner(&self, lower: &[PathBuf], text: &str) -> Result<Owner> {
        let user = UserDatabase::of_layers(lower).resolve(text).map_err(Error::Build)?;
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        Ok((user.uid, if is_number { user.uid } else { user.gid }))
    }
}

/// Where files come from.
enum Place {
    Main,
    Context(String),
    Layers(Layers),
}

impl Item {
    fn key(&self, key: KeyBuilder) -> Result<KeyBuilder> {
        let name = |scan: &Scan| scan.path.rsplit(|byte| *byte == b'/').next().unwrap_or_default().to_vec();
        Ok(match self {
            Item::Files { scan, below: None } if scan.is_directory() => key.text("contents").key(&scan.key),
            Item::Files { scan, below: None } => key.text("file").bytes(&name(scan)).key(&scan.key),
            Item::Files { scan, below: Some(path) } => key.text("below").bytes(path).key(&scan.key),
            Item::Archive { scan } => key.text("archive").key(&scan.key),
            Item::Repository { scan, state: State::Files, .. } => key.text("contents").key(&scan.key),
            Item::Repository { state: State::Commit(commit), .. } => key.text("repository").text(commit),
            Item::Remote { file, name, modified, unpack } => {
                let at = |error| Error::file(name, error);
                let mut file = file.try_clone().map_err(at)?;
                let digest = Digest::of_reader(&file).map_err(at)?;
                file.seek(SeekFrom::Start(0)).map_err(at)?;
                key.text("remote").text(name).text(&digest.to_string()).text(&format!("{modified:?} {unpack}"))
            }
        })
    }
}

fn put(item: &Item, origin: Option<&Origin<'_>>, to: &Destination<'_>, chown: Option<Owner>) -> Result<()> {
    match (item, origin) {
        (Item::Files { scan, below }, Some(origin)) => {
            let placing = below.as_deref().map_or(Placing::Usual, Placing::Below);
            origin.tree().copied(scan, placing, to).map_err(failed)
        }
        (Item::Archive { scan }, Some(origin)) => unpack(origin.tree().read(&scan.path).map_err(failed)?, to, chown),
        (Item::Repository { tree, scan, .. }, _) => tree.copied(scan, Placing::Usual, to).map_err(failed),
        (Item::Remote { file, unpack: true, .. }, _) => unpack(clone(file)?, to, chown),
        (Item::Remote { file, name, modified, .. }, _) => {
            to.write(name, 0o600, *modified, clone(file)?).map_err(failed)
        }
        (Item::Files { .. } | Item::Archive { .. }, None) => Ok(()),
    }
}

fn clone(file: &File) -> Result<File> {
    file.try_clone().map_err(|error| Error::file("a file that was fetched", error))
}

fn unpack(archive: File, to: &Destination<'_>, chown: Option<Owner>) -> Result<()> {
    let directory = to.directory(to.path).map_err(failed)?;
    let owner = move |user, group| chown.unwrap_or((user, group));
    unpack_tree(archive, directory, &owner).map_err(|source| Error::Copy { path: to.path.into(), source })
}

/// How many names of a path are above its `/./`, and the path without that.
fn pivot(source: &str) -> (usize, String) {
    match source.split_once("/./") {
        Some((above, below)) => {
            let above = clean(&format!("/{above}"));
            let names = above.split('/').filter(|name| !name.is_empty()).count();
            (names, format!("{above}/{below}"))
        }
        None => (0, source.to_owned()),
    }
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Build(error.to_string())
}

/// Opens a directory of a root.
pub(super) fn inner(root: &Root, path: &str) -> Result<std::os::fd::OwnedFd> {
    root.open(Path::new(path), OFlags::RDONLY | OFlags::DIRECTORY).map_err(|error| Error::file(path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_above_the_dot_is_left_out() {
        assert_eq!(pivot("a/b/./c/*.d"), (2, "/a/b/c/*.d".to_owned()));
        assert_eq!(pivot("./a"), (0, "./a".to_owned()));
    }
}
