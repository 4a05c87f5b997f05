//! Copying trees of files, by an archive that is packed at one end of a pipe and unpacked at the other. So whatever is copied
//! keeps what an archive keeps: owners, modes, times, extended attributes, hard links.

use std::io::{self, PipeWriter, Read, Write};
use std::os::fd::OwnedFd;
use std::panic::resume_unwind;
use std::thread;

use crate::layer::{Budget, LayerError, PackError, Packer, Packing, unpack_onto};

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
/// name. No link leads out of the directory. With `owner`, all is this user's and group's.
pub fn unpack_tree(archive: impl Read + Send, directory: OwnedFd, owner: Option<(u32, u32)>) -> Result<(), CopyError> {
    let budget = Budget::of(&directory).map_err(|error| CopyError::Pipe(error.into()))?;
    Ok(unpack_onto(archive, directory, owner, &budget)?)
}

/// Copies what `pack` puts into an archive to a directory, as [`unpack_tree`] does.
pub fn copy_tree(
    packing: Packing<'_>,
    pack: impl FnOnce(&mut Packer<'_, io::BufWriter<PipeWriter>>) -> Result<(), PackError>,
    directory: OwnedFd,
    owner: Option<(u32, u32)>,
) -> Result<(), CopyError> {
    let (reader, writer) = io::pipe().map_err(CopyError::Pipe)?;
    thread::scope(|scope| {
        let unpacking = scope.spawn(move || unpack_tree(reader, directory, owner));
        let mut packer = Packer::new(io::BufWriter::with_capacity(64 << 10, writer), packing);
        let packed = pack(&mut packer).and_then(|()| packer.finish()?.flush().map_err(PackError::Write));
        let unpacked = unpacking.join().unwrap_or_else(|panic| resume_unwind(panic));
        match (packed, unpacked) {
            // Nobody reads any more: why is for the other end to tell.
            (Err(PackError::Write(_)), unpacked) => unpacked,
            // The stream was cut short, because of this.
            (Err(error), _) => Err(error.into()),
            (Ok(()), unpacked) => unpacked,
        }
    })
}
