//! Reading tar archives: ustar, GNU and PAX. Writing them: ustar and PAX.
//!
//! The fields of a header are parsed by the `tar` crate. Iteration is done here, because an archive is written by a
//! stranger and must not decide how much memory we use (the crate reads extended headers of any length), because
//! PAX values may hold newlines (file capabilities do), and because a PAX size must never be overlooked
//! (CVE-2025-62518).
//!
//! Sources: POSIX.1-2017 `pax`, "ustar Interchange Format" and "pax Extended Header"; GNU tar manual, "Basic Tar
//! Format" and "Storing Sparse Files".

mod entry;
mod pax;
mod sparse;
mod write;

use std::io::{self, BufRead, BufReader, Read, Seek};

use ::tar::{EntryType, Header};

pub(crate) use entry::{Entry, Kind, Timestamp};
use pax::Pax;
pub(crate) use write::TarWriter;

pub(crate) const BLOCK: u64 = 512;

/// No name, link target or PAX header of a real archive is longer.
const MAX_EXTENSION: u64 = 1 << 20;

/// Why a stream is not a tar archive.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// The stream cannot be read, or its compression is damaged.
    #[error("{0}")]
    Read(#[from] io::Error),
    /// A block is not a tar header.
    #[error("not a tar archive, or a damaged one (bad header at byte {0})")]
    Header(u64),
    /// The archive ends inside a header or a file.
    #[error("the archive is cut short")]
    Truncated,
    /// An extended header is malformed.
    #[error("malformed extended header: {0}")]
    Extension(&'static str),
    /// A map of a sparse file is malformed.
    #[error("malformed sparse file: {0}")]
    Sparse(&'static str),
    /// The member is of a type that no file system has.
    #[error("unknown type {0:?} of archive member {1:?}")]
    Type(char, String),
}

/// A source of bytes that can skip some, by seeking if it is a file.
pub(crate) trait Source: BufRead {
    /// Passes over `count` bytes. Being at or past the end is no error here; the next read tells.
    fn skip(&mut self, mut count: u64) -> io::Result<()> {
        while count > 0 {
            let available = self.fill_buf()?.len() as u64;
            if available == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let step = available.min(count);
            self.consume(step as usize);
            count -= step;
        }
        Ok(())
    }
}

impl Source for &[u8] {}

impl<R: Read + Seek> Source for BufReader<R> {
    fn skip(&mut self, count: u64) -> io::Result<()> {
        let count = i64::try_from(count).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        self.seek_relative(count)
    }
}

/// Reads the members of an archive one after the other.
pub(crate) struct TarReader<S> {
    source: S,
    /// Where the next unread byte of the archive is.
    position: u64,
    /// What of the current member's data, padding included, is still unread.
    pending: u64,
    /// What of the pending bytes is data.
    data: u64,
}

impl<S: Source> TarReader<S> {
    pub(crate) fn new(source: S) -> Self {
        Self { source, position: 0, pending: 0, data: 0 }
    }

    /// The next member; `None` at the end of the archive. Unread data of the last one is passed over.
    pub(crate) fn next(&mut self) -> Result<Option<Entry>, TarError> {
        let mut pax = Pax::default();
        let (mut long_path, mut long_link) = (None, None);
        loop {
            self.skip_pending()?;
            let Some(header) = self.header()? else {
                let is_whole = pax.is_empty() && long_path.is_none() && long_link.is_none();
                return if is_whole { Ok(None) } else { Err(TarError::Truncated) };
            };
            let at = self.position - BLOCK;
            let size = || header.entry_size().map_err(|_| TarError::Header(at));
            match header.entry_type() {
                EntryType::GNULongName => long_path = Some(self.long_name(size()?)?),
                EntryType::GNULongLink => long_link = Some(self.long_name(size()?)?),
                EntryType::XHeader => pax.parse(&self.extension(size()?)?)?,
                // Global headers in practice hold a comment, such as the commit that `git archive` writes.
                EntryType::XGlobalHeader => self.start_data(size()?)?,
                _ => {
                    let mut entry = Entry::new(&header, &pax, long_path, long_link, at)?;
                    self.start_data(entry.stored)?;
                    sparse::resolve(&mut entry, &header, &pax, self)?;
                    entry.position = self.position;
                    return Ok(Some(entry));
                }
            }
        }
    }

    /// Bytes of the current member's data that are at hand; empty at its end.
    pub(crate) fn data(&mut self) -> Result<&[u8], TarError> {
        if self.data == 0 {
            return Ok(&[]);
        }
        let available = self.source.fill_buf()?;
        if available.is_empty() {
            return Err(TarError::Truncated);
        }
        let length = self.data.min(available.len() as u64) as usize;
        Ok(&available[..length])
    }

    /// Marks `count` bytes, at most as many as [`TarReader::data`] showed, as read.
    pub(crate) fn consume(&mut self, count: usize) {
        self.source.consume(count);
        self.position += count as u64;
        self.pending -= count as u64;
        self.data -= count as u64;
    }

    /// The source, to read what follows the archive's end.
    pub(crate) fn into_source(self) -> S {
        self.source
    }

    fn start_data(&mut self, size: u64) -> Result<(), TarError> {
        self.data = size;
        self.pending = size.checked_next_multiple_of(BLOCK).ok_or(TarError::Truncated)?;
        Ok(())
    }

    fn skip_pending(&mut self) -> Result<(), TarError> {
        let count = std::mem::take(&mut self.pending);
        self.data = 0;
        self.position = self.position.checked_add(count).ok_or(TarError::Truncated)?;
        self.source.skip(count).map_err(truncated)
    }

    /// The next header; `None` when the archive ends, with or without its closing zero blocks.
    fn header(&mut self) -> Result<Option<Header>, TarError> {
        let mut header = Header::new_old();
        if self.source.fill_buf()?.is_empty() {
            return Ok(None);
        }
        self.source.read_exact(header.as_mut_bytes()).map_err(truncated)?;
        let bytes = header.as_bytes();
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        // The checksum field counts as eight spaces.
        let sum: u32 = bytes.iter().map(|byte| u32::from(*byte)).sum();
        let field: u32 = bytes[148..156].iter().map(|byte| u32::from(*byte)).sum();
        if header.cksum().ok() != Some(sum - field + 8 * u32::from(b' ')) {
            return Err(TarError::Header(self.position));
        }
        self.position += BLOCK;
        Ok(Some(header))
    }

    /// The whole data of an extended header.
    fn extension(&mut self, size: u64) -> Result<Vec<u8>, TarError> {
        if size > MAX_EXTENSION {
            return Err(TarError::Extension("longer than 1 MiB"));
        }
        self.start_data(size)?;
        let mut bytes = vec![0; size as usize];
        self.read_data(&mut bytes)?;
        Ok(bytes)
    }

    /// A GNU long name, which ends at its first NUL.
    fn long_name(&mut self, size: u64) -> Result<Vec<u8>, TarError> {
        let mut name = self.extension(size)?;
        let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
        name.truncate(end);
        Ok(name)
    }

    /// Fills `bytes` from the current member's data.
    fn read_data(&mut self, bytes: &mut [u8]) -> Result<(), TarError> {
        if bytes.len() as u64 > self.data {
            return Err(TarError::Truncated);
        }
        self.source.read_exact(bytes).map_err(truncated)?;
        self.position += bytes.len() as u64;
        self.pending -= bytes.len() as u64;
        self.data -= bytes.len() as u64;
        Ok(())
    }

    /// Fills `bytes` from a header block that follows a header, outside of the member's data.
    fn read_block(&mut self, bytes: &mut [u8; BLOCK as usize]) -> Result<(), TarError> {
        self.source.read_exact(bytes).map_err(truncated)?;
        self.position += BLOCK;
        Ok(())
    }
}

/// The end of the source inside a member is the archive's fault.
fn truncated(error: io::Error) -> TarError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => TarError::Truncated,
        _ => TarError::Read(error),
    }
}

#[cfg(test)]
mod tests;
