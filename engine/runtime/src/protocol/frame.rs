//! Frames: how requests and replies lie on the wire.

use std::io::{self, Read};

/// The first byte of every frame.
const VERSION: u8 = 1;
const HEADER: usize = 4;
/// The most that one frame carries.
const MAX_PAYLOAD: usize = u16::MAX as usize;

/// A peer that does not speak this protocol.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// Another version byte.
    #[error("the peer speaks version {0} of the monitor protocol, this is version {VERSION}")]
    Version(u8),
    /// A kind or a payload that no version-1 peer sends.
    #[error("malformed frame of kind {0}")]
    Frame(u8),
}

impl From<Malformed> for io::Error {
    fn from(error: Malformed) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

/// Appends one frame; text too long for it is cut, bulk data must fit.
pub(super) fn frame(out: &mut Vec<u8>, kind: u8, parts: &[&[u8]]) {
    let length = parts.iter().map(|part| part.len()).sum::<usize>().min(MAX_PAYLOAD);
    out.extend_from_slice(&[VERSION, kind]);
    out.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes());
    let end = out.len() + length;
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out.truncate(end);
}

/// Takes numbers off the front of a payload.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.take().map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    pub(super) fn i32(&mut self) -> Option<i32> {
        self.take().map(i32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.rest()).ok()
    }
}

/// One frame, not yet read as a request or reply.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    pub(super) kind: u8,
    pub(super) payload: &'a [u8],
}

/// Collects bytes from a socket until they make whole frames.
#[derive(Default)]
pub struct Inbox {
    bytes: Vec<u8>,
    taken: usize,
}

impl Inbox {
    /// How much one read asks for: a whole frame fits after at most a few of them.
    const READ: usize = 16 * 1024;

    /// Reads once from `source`; 0 at its end.
    pub fn fill(&mut self, mut source: impl Read) -> io::Result<usize> {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        let before = self.bytes.len();
        self.bytes.resize(before + Self::READ, 0);
        let result = source.read(&mut self.bytes[before..]);
        self.bytes.truncate(before + *result.as_ref().unwrap_or(&0));
        result
    }

    /// The next whole frame, if there is one.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, Malformed> {
        let bytes = &self.bytes[self.taken..];
        let Some(&[version, kind, low, high]) = bytes.first_chunk::<HEADER>() else {
            self.release_if_empty();
            return Ok(None);
        };
        if version != VERSION {
            return Err(Malformed::Version(version));
        }
        let end = HEADER + usize::from(u16::from_le_bytes([low, high]));
        if bytes.len() < end {
            return Ok(None);
        }
        let payload = self.taken + HEADER..self.taken + end;
        self.taken += end;
        Ok(Some(Frame { kind, payload: &self.bytes[payload] }))
    }

    /// A silent connection holds no memory.
    fn release_if_empty(&mut self) {
        if self.taken == self.bytes.len() {
            *self = Self::default();
        }
    }
}
