//! Copying trees of files, by an archive that is packed at one end of a pipe and unpacked at the other. So whatever is copied
//! keeps what an archive keeps: owners, modes, times, extended attributes, hard links.

use std::io::{self, BufWriter, PipeReader, PipeWriter, Read, Write};
use std::os::fd::OwnedFd;
use std::panic::resume_unwind;
use std::thread::{self, ScopedJoinHandle};

use crate::compression::{Decoder, Format, read_full};
use crate::layer::{Budget, LayerError, Owner, PackError, Packer, Packing, unpack_onto};

/// Why a tree cannot be copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// It cannot be read.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// It cannot be written.
    #[error(transparent)]
    Unpack(#[from] LayerError),
    /// There is no pipe to be had.
    #[error("cannot make a pipe: {0}")]
    Pipe(io::Error),
}

/// Unpacks an archive, plain or compressed, onto a directory: what is there stays unless the archive has something of its
/// name. No link leads out of the directory.
pub fn unpack_tree(archive: impl Read + Send, directory: OwnedFd, owner: Owner<'_>) -> Result<(), CopyError> {
    let budget = Budget::of(&directory).map_err(|error| CopyError::Pipe(error.into()))?;
    Ok(unpack_onto(archive, directory, owner, &budget)?)
}

/// Whether a file is a tar archive, plain or compressed, as its first block tells.
pub fn is_archive(file: impl Read) -> bool {
    let first = || {
        let (format, file) = Format::detect(file)?;
        let mut block = [0; 512];
        let count = read_full(&mut Decoder::new(format, file)?, &mut block)?;
        Ok::<_, io::Error>((count, block))
    };
    // What cannot be read, or decompressed, is none.
    let Ok((512, block)) = first() else { return false };
    let header = ::tar::Header::from_byte_slice(&block);
    let sum: u32 =
        block.iter().enumerate().map(|(at, byte)| u32::from(if (148..156).contains(&at) { b' ' } else { *byte })).sum();
    header.cksum().is_ok_and(|told| told == sum) && block[0] != 0
}

/// Copies what `pack` puts into an archive to a directory, as [`unpack_tree`] does. How long the archive was.
pub fn copy_tree(
    packing: Packing<'_>,
    pack: impl FnOnce(&mut Packer<'_, Counted<BufWriter<PipeWriter>>>) -> Result<(), PackError>,
    directory: OwnedFd,
    owner: Owner<'_>,
) -> Result<u64, CopyError> {
    let (reader, writer) = io::pipe().map_err(CopyError::Pipe)?;
    thread::scope(|scope| {
        let unpacking = scope.spawn(move || unpack_tree(reader, directory, owner));
        let mut packer = Packer::new(Counted::new(BufWriter::with_capacity(64 << 10, writer)), packing);
        // The pipe ends with the writer, which is gone with this.
        let packed = pack(&mut packer).and_then(|()| packer.finish()).map(|writer| writer.count);
        let unpacked = unpacking.join().unwrap_or_else(|panic| resume_unwind(panic));
        match (packed, unpacked) {
            // Nobody reads any more: why is for the other end to tell.
            (Err(PackError::Write(_)), Err(error)) => Err(error),
            // The stream was cut short, because of this.
            (Err(error), _) => Err(error.into()),
            (Ok(count), unpacked) => unpacked.map(|()| count),
        }
    })
}

/// Lets `take` read what `pack` writes. Where packing fails, so does reading: an archive that is cut short is not taken for a
/// whole one.
pub(crate) fn packed<T>(
    pack: impl FnOnce(BufWriter<PipeWriter>) -> Result<(), PackError> + Send,
    take: impl FnOnce(&mut Packed<'_>) -> T,
) -> io::Result<T> {
    let (reader, writer) = io::pipe()?;
    thread::scope(|scope| {
        let packing = scope.spawn(move || pack(BufWriter::with_capacity(64 << 10, writer)));
        Ok(take(&mut Packed { reader, packing: Some(packing) }))
    })
}

/// The reading end of [`packed`].
pub(crate) struct Packed<'s> {
    reader: PipeReader,
    packing: Option<ScopedJoinHandle<'s, Result<(), PackError>>>,
}

impl Read for Packed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        if count == 0
            && !buffer.is_empty()
            && let Some(packing) = self.packing.take()
        {
            packing.join().unwrap_or_else(|panic| resume_unwind(panic))?;
        }
        Ok(count)
    }
}

/// Counts what is written.
pub struct Counted<W> {
    out: W,
    /// How many bytes that were.
    pub count: u64,
}

impl<W: Write> Counted<W> {
    /// None yet.
    pub fn new(out: W) -> Self {
        Self { out, count: 0 }
    }
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.count += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
