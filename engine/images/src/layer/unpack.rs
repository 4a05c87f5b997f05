//! The pipeline that unpacks one layer: a thread reads, hashes and decompresses, another makes the files.
//!
//! Both digests are computed on the way: of the blob as it came, and of the tar stream within (the diffID). The blob is
//! kept beside the snapshot, since no repacking of files gives a tar stream back bit by bit and a registry knows layers
//! by these bits. A compressed blob is kept as it came. A plain one, as `docker save` writes them, is compressed by
//! zstd's fastest level while the other thread is busy making files: that costs no time and a third of the space.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use rustix::fs::Mode;
use rustix::process::umask;
use rustix::thread::{UnshareFlags, unshare_unsafe};

use super::LayerError;
use super::budget::Budget;
use super::extract::{Contents, Onto, Owner, extract};
use crate::compression::{Compression, Decoder, Format, read_full};
use crate::digest::{Digest, Hashing};
use crate::tar::{Source, TarError, TarReader};

/// One step of the pipeline, and how many of them may be under way.
const CHUNK: usize = 256 << 10;
const CHUNKS: usize = 8;

/// zstd's fastest regular level.
const LEVEL: i32 = 1;

/// What a layer was promised to be.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Expected {
    /// The digest of the blob.
    pub(crate) blob: Option<Digest>,
    /// The length of the blob.
    pub(crate) length: Option<u64>,
    /// The digest of the tar stream.
    pub(crate) diff_id: Option<Digest>,
}

/// A layer's blob, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Blob {
    pub(crate) digest: Digest,
    pub(crate) length: u64,
    pub(crate) compression: Compression,
}

/// An unpacked layer.
#[derive(Debug)]
pub(crate) struct Unpacked {
    pub(crate) diff_id: Digest,
    pub(crate) blob: Blob,
    /// The length of all files together.
    pub(crate) size: u64,
    /// Directories that no member described, parents first; the empty path is the root.
    pub(crate) implied: BTreeSet<Vec<u8>>,
    /// Whether the layer hides everything below it.
    pub(crate) opaque: bool,
}

/// Unpacks the blob that `source` reads into the empty directory `root`, and copies it to `copy`. `progress` is told how
/// many bytes of the blob have been read since the last time.
pub(crate) fn unpack(
    source: impl Read,
    expected: Expected,
    root: OwnedFd,
    copy: File,
    budget: &Budget,
    progress: &mut dyn FnMut(u64),
) -> Result<Unpacked, LayerError> {
    let (full, filled) = sync_channel(CHUNKS);
    let (empty, emptied) = sync_channel(CHUNKS);
    thread::scope(|scope| {
        let extractor = thread::Builder::new()
            .name("extract".into())
            .spawn_scoped(scope, move || extract_chunks(Chunks::new(filled, empty), root, budget))
            .map_err(LayerError::Thread)?;
        let decoded = decode(source, copy, &Pipe { full, emptied }, progress);
        let contents = extractor.join().unwrap_or_else(|panic| resume_unwind(panic));
        // When reading fails, the extractor sees a stream cut short; when the extractor fails, reading just stops.
        let decoded = decoded?;
        let Contents { size, implied, opaque } = contents?;
        let (diff_id, blob) = decoded.ok_or(TarError::Truncated)?;
        check(expected, diff_id, &blob)?;
        Ok(Unpacked { diff_id, blob, size, implied, opaque })
    })
}

fn check(expected: Expected, diff_id: Digest, blob: &Blob) -> Result<(), LayerError> {
    if let Some(expected) = expected.length.filter(|length| *length != blob.length) {
        return Err(LayerError::Size { expected, found: blob.length });
    }
    let promises = [("the blob's digest", expected.blob, blob.digest), ("the diffID", expected.diff_id, diff_id)];
    for (what, expected, found) in promises {
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            return Err(LayerError::Digest { what, expected, found });
        }
    }
    Ok(())
}

/// Reads the blob to its end: hashes it, copies it, and sends what it decompresses to. `None` when the extractor wants
/// no more.
fn decode(
    source: impl Read,
    copy: File,
    pipe: &Pipe,
    progress: &mut dyn FnMut(u64),
) -> Result<Option<(Digest, Blob)>, LayerError> {
    let (format, source) = Format::detect(source).map_err(TarError::Read)?;
    let compression = match format {
        Format::Blob(compression) => compression,
        // No blob is compressed so: it is as if it had come plain.
        Format::Bzip2 | Format::Xz => Compression::None,
    };
    if compression == Compression::None {
        let mut encoder = zstd::Encoder::new(copy, LEVEL).map_err(LayerError::Blob)?;
        let tap = Tap { source, copy: None, progress };
        let mut tar = Decoder::new(format, tap).map_err(TarError::Read)?;
        let Some((diff_id, length)) = pipe.send_all(&mut tar, |chunk| encoder.write_all(chunk))? else {
            return Ok(None);
        };
        encoder.finish().map_err(LayerError::Blob)?;
        return Ok(Some((diff_id, Blob { digest: diff_id, length, compression })));
    }
    let mut tap = Tap { source, copy: Some(Hashing::new(copy)), progress };
    let mut tar = Decoder::new(compression, &mut tap).map_err(TarError::Read)?;
    let Some((diff_id, _)) = pipe.send_all(&mut tar, |_| Ok(()))? else {
        return Ok(None);
    };
    drop(tar);
    let (digest, length) = tap.finish().map_err(TarError::Read)?;
    Ok(Some((diff_id, Blob { digest, length, compression })))
}

/// The decoding end of the pipeline.
struct Pipe {
    full: SyncSender<Vec<u8>>,
    emptied: Receiver<Vec<u8>>,
}

impl Pipe {
    /// Sends all that `tar` has, and shows each chunk to `keep`. Returns the digest and the length of it all; `None` when
    /// the extractor wants no more.
    fn send_all(
        &self,
        tar: &mut impl Read,
        mut keep: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<Option<(Digest, u64)>, LayerError> {
        let mut tar = Hashing::new(tar);
        let mut fresh = CHUNKS;
        loop {
            let mut chunk = if fresh > 0 {
                fresh -= 1;
                vec![0; CHUNK]
            } else {
                let Ok(chunk) = self.emptied.recv() else { return Ok(None) };
                chunk
            };
            chunk.resize(CHUNK, 0);
            let count = read_full(&mut tar, &mut chunk).map_err(TarError::Read)?;
            if count == 0 {
                let (digest, length, _) = tar.finish();
                return Ok(Some((digest, length)));
            }
            chunk.truncate(count);
            keep(&chunk).map_err(LayerError::Blob)?;
            if self.full.send(chunk).is_err() {
                return Ok(None);
            }
        }
    }
}

/// Reads a compressed blob, keeping a copy and counting.
struct Tap<'a, R> {
    source: R,
    copy: Option<Hashing<File>>,
    progress: &'a mut dyn FnMut(u64),
}

impl<R: Read> Read for Tap<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        if let Some(copy) = &mut self.copy {
            copy.write_all(&buffer[..count])?;
        }
        (self.progress)(count as u64);
        Ok(count)
    }
}

impl<R: Read> Tap<'_, R> {
    /// The digest and length of the whole blob, with what a decoder may have left unread.
    fn finish(mut self) -> io::Result<(Digest, u64)> {
        io::copy(&mut self, &mut io::sink())?;
        let (digest, length, _) = self.copy.expect("a compressed blob is copied as it comes").finish();
        Ok((digest, length))
    }
}

/// Unpacks the archive that `source` reads, plain or compressed, onto a directory. Reads all of it.
pub(crate) fn unpack_onto(
    source: impl Read + Send,
    root: OwnedFd,
    owner: Owner<'_>,
    budget: &Budget,
) -> Result<(), LayerError> {
    thread::scope(|scope| {
        let extract = move || {
            own_umask()?;
            let (format, source) = Format::detect(source).map_err(TarError::Read)?;
            let source = Decoder::new(format, source).map_err(TarError::Read)?;
            let mut archive = TarReader::new(Stream(BufReader::with_capacity(CHUNK, source)));
            extract(&mut archive, root, budget, Onto::Tree { owner })?;
            // Who writes it is not to fail for lack of a reader.
            io::copy(&mut archive.into_source().0, &mut io::sink()).map_err(TarError::Read)?;
            Ok(())
        };
        let extractor = thread::Builder::new().name("extract".into()).spawn_scoped(scope, extract);
        extractor.map_err(LayerError::Thread)?.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// Gives the calling thread, which must be one for the purpose, a umask of its own, so that modes come out as the archive has
/// them.
fn own_umask() -> Result<(), LayerError> {
    // SAFETY: only the file system attributes (umask, root, working directory) of this thread become its own; no other
    // code runs on it.
    unsafe { unshare_unsafe(UnshareFlags::FS) }.map_err(|error| LayerError::Thread(error.into()))?;
    umask(Mode::empty());
    Ok(())
}

/// A source that can only be read on.
struct Stream<R>(BufReader<R>);

impl<R: Read> Read for Stream<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<R: Read> BufRead for Stream<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.0.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.0.consume(count);
    }
}

impl<R: Read> Source for Stream<R> {}

/// The extracting thread.
fn extract_chunks(chunks: Chunks, root: OwnedFd, budget: &Budget) -> Result<Contents, LayerError> {
    own_umask()?;
    let mut archive = TarReader::new(chunks);
    let contents = extract(&mut archive, root, budget, Onto::Layer)?;
    // The padding behind the archive's end is part of what its digest names.
    archive.into_source().drain();
    Ok(contents)
}

/// The extracting end of the pipeline.
struct Chunks {
    filled: Receiver<Vec<u8>>,
    empty: SyncSender<Vec<u8>>,
    current: Vec<u8>,
    position: usize,
}

impl Chunks {
    fn new(filled: Receiver<Vec<u8>>, empty: SyncSender<Vec<u8>>) -> Self {
        Self { filled, empty, current: Vec::new(), position: 0 }
    }

    /// Goes to the next chunk; at the end of the stream there is none, and nothing is at hand.
    fn advance(&mut self) {
        let next = self.filled.recv().unwrap_or_default();
        let used = std::mem::replace(&mut self.current, next);
        self.position = 0;
        // The decoding end may be gone already, and want no buffers any more.
        let _ = self.empty.try_send(used);
    }

    fn drain(mut self) {
        while !self.current.is_empty() {
            self.advance();
        }
    }
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Chunks {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.position == self.current.len() {
            self.advance();
        }
        Ok(&self.current[self.position..])
    }

    fn consume(&mut self, count: usize) {
        self.position += count;
    }
}

impl Source for Chunks {}

#[cfg(test)]
mod tests {
    use ::tar::{Builder, EntryType, Header};

    use super::*;

    fn archive(count: usize, length: usize) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for index in 0..count {
            let mut header = Header::new_gnu();
            header.set_entry_type(EntryType::Regular);
            header.set_size(length as u64);
            builder.append_data(&mut header, format!("f{index}"), io::repeat(0).take(length as u64)).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn unpack_within(budget: &Budget, source: impl Read) -> Result<Unpacked, LayerError> {
        let directory = tempfile::tempdir().unwrap();
        let root = crate::fs::open_directory(directory.path()).unwrap();
        unpack(source, Expected::default(), root, tempfile::tempfile().unwrap(), budget, &mut |_| ())
    }

    #[test]
    fn a_bomb_of_zeros_is_stopped_at_the_budget() {
        let bomb = zstd::encode_all(archive(1, 64 << 20).as_slice(), 1).unwrap();
        assert!(bomb.len() < 64 << 10);
        let error = unpack_within(&Budget::new(1 << 20, 10), bomb.as_slice()).unwrap_err();
        assert!(matches!(error, LayerError::Budget { unit: "bytes", .. }), "{error}");
    }

    #[test]
    fn a_bomb_of_empty_files_is_stopped_at_the_budget() {
        let error = unpack_within(&Budget::new(1 << 20, 100), archive(101, 0).as_slice()).unwrap_err();
        assert!(matches!(error, LayerError::Budget { unit: "files", .. }), "{error}");
        assert!(unpack_within(&Budget::new(1 << 20, 100), archive(100, 0).as_slice()).is_ok());
    }

    #[test]
    fn both_digests_cover_every_byte() {
        let mut tar = archive(3, 700_000);
        tar.extend_from_slice(&[0; 10_240]);
        let compressed = zstd::encode_all(tar.as_slice(), 1).unwrap();
        let budget = Budget::new(1 << 30, 100);
        let plain = unpack_within(&budget, tar.as_slice()).unwrap();
        assert_eq!((plain.diff_id, plain.blob.digest, plain.size), (Digest::of(&tar), Digest::of(&tar), 2_100_000));
        let packed = unpack_within(&budget, compressed.as_slice()).unwrap();
        assert_eq!((packed.diff_id, packed.blob.digest), (Digest::of(&tar), Digest::of(&compressed)));
        assert_eq!((packed.blob.length, packed.blob.compression), (compressed.len() as u64, Compression::Zstd));
    }
}
