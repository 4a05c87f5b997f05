//! `load`: from an archive into the store.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;
use std::thread;

use crate::archive::{self, ArchivedLayer, refuse};
use crate::assemble::{Assembled, LayerSource, Plan, Step};
use crate::compression::{Compression, Decoder, Format};
use crate::digest::Digest;
use crate::error::{Context, Error, Result};
use crate::fs;
use crate::layer::{Budget, Expected};
use crate::reference::Reference;
use crate::store::{Ingest, Store};

/// How far the unpacking of a layer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadProgress {
    /// The layer's chain ID.
    pub layer: Digest,
    /// How much of its blob has been read.
    pub current: u64,
    /// How long its blob is.
    pub total: u64,
}

/// An image that has been loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedImage {
    /// The digest of its configuration.
    pub id: Digest,
    /// The names that the archive gave it.
    pub references: Vec<Reference>,
    /// Those of the names that stood for another image before, and that image.
    pub replaced: Vec<(Reference, Digest)>,
}

impl LayerSource for ArchivedLayer {
    fn length(&self) -> u64 {
        self.section.length()
    }

    fn expected(&self) -> Expected {
        self.expected
    }

    fn open(&self) -> Result<impl Read> {
        Ok(self.section.clone())
    }
}

impl Store {
    /// Stores the images of an archive that comes by a pipe.
    pub fn load(&self, reader: impl Read + Send, progress: &mut dyn FnMut(LoadProgress)) -> Result<Vec<LoadedImage>> {
        let ingest = self.ingest()?;
        let file = spool(reader, &ingest)?;
        self.load_archive(file, &ingest, Names::Own, progress)
    }

    /// Stores the images of an archive in a file, without copying it first unless it is compressed as a whole.
    pub fn load_file(&self, path: &Path, progress: &mut dyn FnMut(LoadProgress)) -> Result<Vec<LoadedImage>> {
        let mut file = File::open(path).at("open", path)?;
        let ingest = self.ingest()?;
        if file.metadata().at("examine", path)?.is_file() {
            let (format, _) = Format::detect(&file).at("read", path)?;
            file.rewind().at("read", path)?;
            if format == Compression::None.into() {
                return self.load_archive(file, &ingest, Names::Own, progress);
            }
        }
        let file = spool(file, &ingest)?;
        self.load_archive(file, &ingest, Names::Own, progress)
    }

    /// Stores the images of an archive that is not compressed without any of the names that they have there.
    pub fn load_unnamed(&self, path: &Path) -> Result<Vec<Digest>> {
        let file = File::open(path).at("open", path)?;
        let loaded = self.load_archive(file, &self.ingest()?, Names::None, &mut |_| ())?;
        Ok(loaded.into_iter().map(|image| image.id).collect())
    }

    fn load_archive(
        &self,
        file: File,
        ingest: &Ingest,
        names: Names,
        progress: &mut dyn FnMut(LoadProgress),
    ) -> Result<Vec<LoadedImage>> {
        let names_of = |references| match names {
            Names::Own => references,
            Names::None => Vec::new(),
        };
        let plans: Vec<Plan<ArchivedLayer>> = archive::read(file)?
            .into_iter()
            .map(|image| {
                Plan::new(image.config, image.manifest, names_of(image.references), image.layers).map_err(refuse)
            })
            .collect::<Result<_>>()?;
        // As many layers at a time as there are processors: nothing else would be waited for.
        let workers = thread::available_parallelism().map_or(1, |count| count.get());
        let mut tell = |layer, step| {
            if let Step::Read { current, total } = step {
                progress(LoadProgress { layer, current, total });
            }
        };
        Ok(self.assemble(&plans, ingest, workers, &mut tell)?.into_iter().map(loaded).collect())
    }
}

/// The names that loaded images get.
#[derive(Clone, Copy)]
enum Names {
    /// Those that the archive has for them.
    Own,
    None,
}

fn loaded(image: Assembled) -> LoadedImage {
    let Assembled { id, references, replaced } = image;
    LoadedImage { id, references, replaced }
}

/// Copies an archive that can be read only once, or only from its beginning, into a plain tar file.
fn spool(reader: impl Read, ingest: &Ingest) -> Result<File> {
    let path = ingest.path().join("archive");
    let mut file = fs::create(&path)?;
    let room = Budget::of(ingest.directory()).at("examine", ingest.path())?.bytes();
    let (format, reader) = Format::detect(reader).at("read", Path::new("the archive"))?;
    let mut reader = Decoder::new(format, reader).at("read", Path::new("the archive"))?;
    let copied = io::copy(&mut (&mut reader).take(room), &mut file);
    if copied.map_err(|error| copy_error(error, &path))? == room {
        return Err(refuse(format!("it is longer than {room} bytes, which would fill this disk")));
    }
    file.rewind().at("read", &path)?;
    Ok(file)
}

fn copy_error(error: io::Error, path: &Path) -> Error {
    match error.raw_os_error() {
        Some(_) => Err::<(), _>(error).at("copy the archive to", path).expect_err("made from an error"),
        None => refuse(error.to_string()),
    }
}
