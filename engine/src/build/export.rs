//! What becomes of a build: an image in the store, or files and archives beside it.

use super::cache::CacheTarget;
use super::options::Attachment;
use super::solve::Made;
use super::{BuildOptions, Job};
use crate::error::{Error, Result};
use porthole_images::{Digest, Layers, Packer, Packing, copy_tree};
use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT, openat, statat, utimensat,
};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

impl BuildOptions {
    /// `SOURCE_DATE_EPOCH`: nothing that is made is younger (<https://reproducible-builds.org/specs/source-date-epoch/>).
    pub(super) fn epoch(&self) -> Result<Option<i64>> {
        let text = self.build_args.get("SOURCE_DATE_EPOCH").filter(|text| !text.is_empty());
        let epoch = text.map(|text| text.parse().map_err(|_| text)).transpose();
        epoch.map_err(|text| {
            Error::InvalidOption(format!("invalid SOURCE_DATE_EPOCH: {text}: seconds since 1970 are expected"))
        })
    }
}

impl Job<'_> {
    pub(super) fn export(&self, made: &Made) -> Result<Option<Digest>> {
        match &self.options.output {
            Attachment::Image => self.publish(made).map(Some),
            Attachment::Directory(path) => self.to_directory(made, path).map(|()| None),
            Attachment::Tar(path) => {
                let begun = self.steps.begin("exporting to client tarball");
                let view = self.result(made)?;
                let mut packer = Packer::new(writer(path.as_deref())?, Packing::default());
                let packed = packer.contents(view.root.as_fd(), b"").and_then(|()| packer.finish());
                packed.map_err(|error| failed(path.as_deref(), error.into()))?;
                begun.done();
                self.keep(made)
            }
            Attachment::Archive(path) => {
                let id = self.publish(made)?;
                let names: Vec<String> = match self.options.tags.as_slice() {
                    [] => vec![id.to_string()],
                    tags => tags.iter().map(|tag| tag.canonical()).collect(),
                };
                self.workshop.store().save(&names, writer(path.as_deref())?)?;
                Ok(Some(id))
            }
        }
    }

    fn publish(&self, made: &Made) -> Result<Digest> {
        let begun = self.steps.begin("exporting to image");
        let diff_ids: Vec<String> = made.layers.diff_ids().iter().map(Digest::to_string).collect();
        let epoch = self.options.epoch()?.map(timestamp).transpose()?;
        let now = jiff::Timestamp::now().to_string();
        let (config, created) = made.configuration.finish(&diff_ids, epoch.as_deref(), &now);
        let config = match self.options.cache_to.contains(&CacheTarget::Inline) {
            true => super::cache::inlined(&config, made),
            false => config,
        };
        let store = self.workshop.store();
        let id = match store.published(&config, &self.options.tags)? {
            // All is as it was.
            Some(id) => id,
            None => {
                let id = self.workshop.publish(&config, &created, &made.layers, &self.options.tags)?;
                self.engine.record_image_event("build", &id.to_string(), &id.to_string());
                id
            }
        };
        begun.output(format!("writing image {id}\n").as_bytes());
        for tag in &self.options.tags {
            begun.output(format!("naming to {}\n", tag.canonical()).as_bytes());
        }
        begun.done();
        Ok(id)
    }

    fn keep(&self, made: &Made) -> Result<Option<Digest>> {
        self.workshop.keep(&made.layers.above(made.inherited))?;
        Ok(None)
    }

    fn result(&self, made: &Made) -> Result<porthole_runtime::sandbox::View> {
        let bench = self.workshop.bench(&Layers::default())?;
        self.view(&self.lower(&made.layers)?, &bench)
    }

    fn to_directory(&self, made: &Made, path: &Path) -> Result<()> {
        let begun = self.steps.begin("exporting to client directory");
        std::fs::create_dir_all(path).map_err(|error| Error::file(path, error))?;
        let target = File::open(path).map_err(|error| Error::file(path, error))?;
        let view = self.result(made)?;
        let root = super::files::inner(&view.root, "/")?;
        let own = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let pack = |packer: &mut Packer<'_, _>| packer.contents(root.as_fd(), b"");
        // The files are for who builds, as BuildKit has it.
        copy_tree(Packing::default(), pack, target.into(), &|_, _| own)
            .map_err(|source| Error::Copy { path: path.to_owned(), source })?;
        begun.done();
        self.keep(made).map(drop)
    }
}

pub(super) fn timestamp(epoch: i64) -> Result<String> {
    let time = jiff::Timestamp::from_second(epoch);
    time.map(|time| time.to_string())
        .map_err(|error| Error::InvalidOption(format!("invalid SOURCE_DATE_EPOCH: {error}")))
}

fn failed(path: Option<&Path>, source: porthole_images::CopyError) -> Error {
    Error::Copy { path: path.map_or_else(|| PathBuf::from("-"), Path::to_owned), source }
}

fn writer(path: Option<&Path>) -> Result<Box<dyn Write>> {
    Ok(match path {
        None => Box::new(BufWriter::new(io::stdout())),
        Some(path) => {
            if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                std::fs::create_dir_all(parent).map_err(|error| Error::file(parent, error))?;
            }
            Box::new(BufWriter::new(File::create(path).map_err(|error| Error::file(path, error))?))
        }
    })
}

/// Makes nothing below a directory younger than `epoch`.
pub(super) fn set_newest(root: &Path, epoch: i64) -> Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = openat(CWD, root, flags, Mode::empty()).map_err(|error| Error::file(root, error))?;
    newest_below(&directory, epoch).map_err(|error| Error::file(root, error))
}

fn newest_below(directory: &OwnedFd, epoch: i64) -> rustix::io::Result<()> {
    let time = Timespec { tv_sec: epoch, tv_nsec: 0 };
    let unchanged = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        let stat = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            newest_below(&openat(directory, name, flags, Mode::empty())?, epoch)?;
        }
        if stat.st_mtime > epoch || (stat.st_mtime == epoch && stat.st_mtime_nsec > 0) {
            let times = Timestamps { last_access: unchanged, last_modification: time };
            utimensat(directory, name, &times, AtFlags::SYMLINK_NOFOLLOW)?;
        }
    }
    Ok(())
}
