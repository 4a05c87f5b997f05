//! One member of an archive, with all that its headers say of it.

use std::io;

use ::tar::{EntryType, Header};

use super::pax::Pax;
use super::{BLOCK, TarError};

/// What a member is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    /// Symbolic link with this target.
    Symlink(Vec<u8>),
    /// Another name of the member at this path.
    HardLink(Vec<u8>),
    /// Character device with major and minor number.
    Character(u32, u32),
    /// Block device with major and minor number.
    Block(u32, u32),
    Fifo,
}

/// A time since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timestamp {
    pub(crate) seconds: i64,
    pub(crate) nanoseconds: u32,
}

/// A member of an archive.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) path: Vec<u8>,
    pub(crate) kind: Kind,
    /// Permission bits, with set-user-ID, set-group-ID and sticky.
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mtime: Timestamp,
    pub(crate) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// The length of the file.
    pub(crate) size: u64,
    /// The length of its data in the archive.
    pub(super) stored: u64,
    /// Where in the archive its data begins.
    pub(crate) position: u64,
    /// Where in a sparse file its data belongs: offsets and lengths.
    pub(crate) sparse: Option<Vec<(u64, u64)>>,
}

impl Entry {
    /// A member to be written: its path, what it is, its mode and owners, its time, attributes and length.
    pub(crate) fn describe(
        path: Vec<u8>,
        kind: Kind,
        (mode, uid, gid): (u32, u32, u32),
        mtime: Timestamp,
        xattrs: Vec<(Vec<u8>, Vec<u8>)>,
        size: u64,
    ) -> Self {
        Self { path, kind, mode, uid, gid, mtime, xattrs, size, stored: size, position: 0, sparse: None }
    }

    /// Combines a header at byte `at` of the archive with the extended headers before it.
    pub(super) fn new(
        header: &Header,
        pax: &Pax,
        long_path: Option<Vec<u8>>,
        long_link: Option<Vec<u8>>,
        at: u64,
    ) -> Result<Self, TarError> {
        let bad = |_| TarError::Header(at);
        let old = header.as_old();
        let path = [&pax.sparse.name, &pax.path, &long_path].into_iter().find_map(Clone::clone);
        let path = path.unwrap_or_else(|| header.path_bytes().into_owned());
        let link = pax.link.clone().or(long_link);
        let link = || link.or_else(|| header.link_name_bytes().map(|name| name.into_owned())).unwrap_or_default();
        let device = || -> Result<(u32, u32), TarError> {
            let (major, minor) = (header.device_major().map_err(bad)?, header.device_minor().map_err(bad)?);
            Ok((major.unwrap_or(0), minor.unwrap_or(0)))
        };
        let kind = match header.entry_type() {
            // Before POSIX, a directory was a file whose name ends in a slash.
            EntryType::Regular if path.ends_with(b"/") => Kind::Directory,
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => Kind::File,
            EntryType::Directory => Kind::Directory,
            EntryType::Symlink => Kind::Symlink(link()),
            EntryType::Link => Kind::HardLink(link()),
            EntryType::Char => device().map(|(major, minor)| Kind::Character(major, minor))?,
            EntryType::Block => device().map(|(major, minor)| Kind::Block(major, minor))?,
            EntryType::Fifo => Kind::Fifo,
            other => {
                let name = String::from_utf8_lossy(&path).into_owned();
                return Err(TarError::Type(char::from(other.as_byte()), name));
            }
        };
        // Only files have data in the archive: the size of a directory is an allocation hint (POSIX).
        let stored = match kind {
            Kind::File => pax.size.map_or_else(|| field(&old.size, header.entry_size()), Ok).map_err(bad)?,
            _ => 0,
        };
        let id = |pax: Option<u64>, value: io::Result<u64>| -> Result<u32, TarError> {
            u32::try_from(pax.map_or(value, Ok).map_err(bad)?).map_err(|_| TarError::Header(at))
        };
        // GNU tar writes times before 1970 as negative base-256 numbers, which wrap to the same bits.
        let mtime = field(&old.mtime, header.mtime())
            .map(|seconds| Timestamp { seconds: seconds.cast_signed(), nanoseconds: 0 });
        Ok(Self {
            kind,
            mode: field(&old.mode, header.mode()).map_err(bad)? & 0o7777,
            uid: id(pax.uid, field(&old.uid, header.uid()))?,
            gid: id(pax.gid, field(&old.gid, header.gid()))?,
            mtime: pax.mtime.map_or(mtime, Ok).map_err(bad)?,
            xattrs: pax.xattrs.clone(),
            size: stored,
            stored,
            position: at + BLOCK,
            sparse: None,
            path,
        })
    }
}

/// The value of a numeric field, which some writers leave blank for zero.
fn field<T: Default>(bytes: &[u8], value: io::Result<T>) -> io::Result<T> {
    let is_blank = bytes.iter().all(|byte| matches!(byte, 0 | b' '));
    if is_blank { Ok(T::default()) } else { value }
}

impl Timestamp {
    /// Decimal seconds with an optional fraction, as PAX writes times.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let text = str::from_utf8(text).ok()?;
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let seconds: i64 = whole.parse().ok()?;
        let nanoseconds: u32 = format!("{fraction:0<9.9}").parse().ok()?;
        match whole.starts_with('-') && nanoseconds > 0 {
            // -1.25 is a quarter of a second before second -1.
            true => Some(Self { seconds: seconds.checked_sub(1)?, nanoseconds: 1_000_000_000 - nanoseconds }),
            false => Some(Self { seconds, nanoseconds }),
        }
    }
}
