//! A part of a file.

use std::borrow::Borrow;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

/// Reads a range of a file without moving its cursor.
#[derive(Debug, Clone)]
pub(crate) struct Section<F> {
    file: F,
    offset: u64,
    length: u64,
}

impl<F> Section<F> {
    pub(crate) fn new(file: F, offset: u64, length: u64) -> Self {
        Self { file, offset, length }
    }

    /// What of it is still unread.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }
}

impl<F: Borrow<File>> Read for Section<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = self.length.min(buffer.len() as u64) as usize;
        let count = self.file.borrow().read_at(&mut buffer[..wanted], self.offset)?;
        if count == 0 && wanted > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.offset += count as u64;
        self.length -= count as u64;
        Ok(count)
    }
}
