//! What the last scan of a tree found, so that the next one need not read what has not changed since.
//!
//! A file is taken for unchanged if inode, length, mode and both times are what they were. One that changed in the moments
//! before the scan may have changed again unseen, since times have the kernel's grain: such a file is not remembered.
//!
//! The file is binary, read as a whole and looked up in place. Whatever in it makes no sense, it counts as not known.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;

use rustix::fs::Stat;

const MAGIC: &[u8; 8] = b"ptscan01";
const ROW: usize = size_of::<[u64; 5]>() + 32;

/// How long before a scan a change counts as recent, in nanoseconds.
const RECENT: i64 = 100_000_000;

/// What tells whether a file is what it was: inode, length, mode, time of its content, time of its attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity([u64; 5]);

/// The directories of an earlier scan.
#[derive(Debug, Default)]
pub struct Known {
    buffer: Vec<u8>,
    /// By path: where its rows begin, and how many there are.
    directories: HashMap<Vec<u8>, (usize, usize)>,
}

/// A name, what it was, and its digest.
pub(crate) type Row<'a> = (&'a [u8], Identity, [u8; 32]);

impl Identity {
    pub(crate) fn of(stat: &Stat) -> Self {
        let nanoseconds = |seconds: i64, rest: u64| (seconds as u64).wrapping_mul(1_000_000_000).wrapping_add(rest);
        Self([
            stat.st_ino,
            stat.st_size.cast_unsigned(),
            stat.st_mode.into(),
            nanoseconds(stat.st_mtime, stat.st_mtime_nsec),
            nanoseconds(stat.st_ctime, stat.st_ctime_nsec),
        ])
    }

    /// Whether its times are so shortly before `now`, in nanoseconds since 1970, that it may change without them changing.
    pub(crate) fn is_recent(&self, now: i64) -> bool {
        self.0[3..].iter().any(|time| time.cast_signed() > now - RECENT)
    }
}

impl Known {
    /// Reads what an earlier scan found. What is missing or damaged is not known.
    pub fn load(path: &Path) -> Self {
        fs::read(path).ok().and_then(Self::index).unwrap_or_default()
    }

    fn index(buffer: Vec<u8>) -> Option<Self> {
        let mut at = MAGIC.len();
        if buffer.get(..at)? != MAGIC {
            return None;
        }
        let mut directories = HashMap::new();
        while at < buffer.len() {
            let path = take(&buffer, &mut at)?.to_vec();
            let count = number(&buffer, &mut at)?;
            directories.insert(path, (at, count));
            for _ in 0..count {
                take(&buffer, &mut at)?;
                at += ROW;
            }
            if at > buffer.len() {
                return None;
            }
        }
        Some(Self { buffer, directories })
    }

    /// The files of a directory, in the order of their names.
    pub(crate) fn rows(&self, directory: &[u8]) -> impl Iterator<Item = Row<'_>> {
        let (mut at, count) = self.directories.get(directory).copied().unwrap_or_default();
        std::iter::repeat_with(move || {
            let name = take(&self.buffer, &mut at)?;
            let mut identity = [0; 5];
            for field in &mut identity {
                *field = u64::from_le_bytes(self.buffer.get(at..at + 8)?.try_into().ok()?);
                at += 8;
            }
            let digest = self.buffer.get(at..at + 32)?.try_into().ok()?;
            at += 32;
            Some((name, Identity(identity), digest))
        })
        .take(count)
        .map_while(|row| row)
    }

    /// How many directories there are.
    pub(crate) fn len(&self) -> usize {
        self.directories.len()
    }
}

/// Writes what a scan found, whole or not at all.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    buffer: Vec<u8>,
}

impl Writer {
    pub(crate) fn directory<'a>(&mut self, path: &[u8], rows: impl ExactSizeIterator<Item = Row<'a>>) {
        if self.buffer.is_empty() {
            self.buffer.extend_from_slice(MAGIC);
        }
        self.text(path);
        self.buffer.extend_from_slice(&(rows.len() as u32).to_le_bytes());
        for (name, Identity(identity), digest) in rows {
            self.text(name);
            identity.iter().for_each(|field| self.buffer.extend_from_slice(&field.to_le_bytes()));
            self.buffer.extend_from_slice(&digest);
        }
    }

    fn text(&mut self, text: &[u8]) {
        self.buffer.extend_from_slice(&(text.len() as u32).to_le_bytes());
        self.buffer.extend_from_slice(text);
    }

    pub(crate) fn save(self, path: &Path) -> io::Result<()> {
        let temporary = path.with_extension(format!("new-{}", std::process::id()));
        fs::write(&temporary, self.buffer)?;
        fs::rename(&temporary, path)
    }
}

fn number(buffer: &[u8], at: &mut usize) -> Option<usize> {
    let bytes = buffer.get(*at..*at + 4)?;
    *at += 4;
    Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
}

fn take<'a>(buffer: &'a [u8], at: &mut usize) -> Option<&'a [u8]> {
    let length = number(buffer, at)?;
    let text = buffer.get(*at..at.checked_add(length)?)?;
    *at += length;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_known_again_and_damage_is_not() {
        let mut writer = Writer::default();
        let rows = [(&b"a"[..], Identity([1, 2, 3, 4, 5]), [6; 32]), (b"bc", Identity([7; 5]), [8; 32])];
        writer.directory(b"", rows.into_iter());
        writer.directory(b"x/y", [].into_iter());
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("known");
        writer.save(&path).unwrap();
        let known = Known::load(&path);
        assert_eq!(known.len(), 2);
        assert!(known.rows(b"").eq(rows));
        assert_eq!(known.rows(b"x/y").count() + known.rows(b"none").count(), 0);
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            // It may know less, but never something else.
            assert!(Known::load(&path).rows(b"").all(|row| rows.contains(&row)), "{length}");
        }
    }
}
