//! Writing tar archives: ustar headers, and PAX records for what their fields cannot hold. The same members are always the
//! same bytes.
//!
//! Source: POSIX.1-2017 `pax`, "pax Extended Header" and "ustar Interchange Format".

use std::io::{self, Read, Write};

use ::tar::{EntryType, Header};

use super::{BLOCK, Entry, Kind, Timestamp};

/// Longer names stand in a PAX record.
const NAME: usize = 100;
/// The largest length that the header's octal field holds, and the largest owner.
const LARGEST_SIZE: u64 = 0o777_7777_7777;
const LARGEST_ID: u32 = 0o777_7777;

/// Writes the members of an archive one after the other.
pub(crate) struct TarWriter<W> {
    out: W,
}

impl<W: Write> TarWriter<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out }
    }

    /// Writes what is told of a member. The data of a file follows by [`TarWriter::data`].
    pub(crate) fn member(&mut self, entry: &Entry) -> io::Result<()> {
        let records = records(entry);
        if !records.is_empty() {
            let mut header = Header::new_ustar();
            header.set_entry_type(EntryType::XHeader);
            header.set_mode(0o644);
            put(&mut header.as_old_mut().name, b"PaxHeader");
            self.header(&mut header, records.len() as u64)?;
            self.out.write_all(&records)?;
            self.pad(records.len() as u64)?;
        }
        let mut header = header(entry)?;
        self.header(&mut header, entry.size)
    }

    /// Writes the data of the file whose member was written last: `size` bytes of it, zeros for those that it has lost since.
    pub(crate) fn data(&mut self, source: impl Read, size: u64) -> io::Result<()> {
        let read = io::copy(&mut source.take(size), &mut self.out)?;
        io::copy(&mut io::repeat(0).take(size - read), &mut self.out)?;
        self.pad(size)
    }

    /// Ends the archive with its two empty blocks.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.out.write_all(&[0; 2 * BLOCK as usize])?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn header(&mut self, header: &mut Header, size: u64) -> io::Result<()> {
        header.set_size(size.min(LARGEST_SIZE));
        header.set_cksum();
        self.out.write_all(header.as_bytes())
    }

    fn pad(&mut self, size: u64) -> io::Result<()> {
        let missing = size.next_multiple_of(BLOCK) - size;
        self.out.write_all(&[0; BLOCK as usize][..missing as usize])
    }
}

fn header(entry: &Entry) -> io::Result<Header> {
    let mut header = Header::new_ustar();
    let (kind, link, device) = match &entry.kind {
        Kind::File => (EntryType::Regular, None, (0, 0)),
        Kind::Directory => (EntryType::Directory, None, (0, 0)),
        Kind::Symlink(target) => (EntryType::Symlink, Some(target), (0, 0)),
        Kind::HardLink(target) => (EntryType::Link, Some(target), (0, 0)),
        Kind::Character(major, minor) => (EntryType::Char, None, (*major, *minor)),
        Kind::Block(major, minor) => (EntryType::Block, None, (*major, *minor)),
        Kind::Fifo => (EntryType::Fifo, None, (0, 0)),
    };
    header.set_entry_type(kind);
    header.set_mode(entry.mode);
    header.set_uid(entry.uid.min(LARGEST_ID).into());
    header.set_gid(entry.gid.min(LARGEST_ID).into());
    header.set_mtime(u64::try_from(entry.mtime.seconds).unwrap_or(0).min(LARGEST_SIZE));
    header.set_device_major(device.0)?;
    header.set_device_minor(device.1)?;
    put(&mut header.as_old_mut().name, &entry.path);
    if let Some(target) = link {
        put(&mut header.as_old_mut().linkname, target);
    }
    Ok(header)
}

/// As much as the field holds; the rest of a longer one is in a record.
fn put(field: &mut [u8; NAME], text: &[u8]) {
    let length = text.len().min(NAME);
    field[..length].copy_from_slice(&text[..length]);
}

/// The PAX records that a member needs.
fn records(entry: &Entry) -> Vec<u8> {
    let mut records = Vec::new();
    let mut add = |key: &[u8], value: &[u8]| records.extend(record(key, value));
    if entry.path.len() > NAME {
        add(b"path", &entry.path);
    }
    if let Kind::Symlink(target) | Kind::HardLink(target) = &entry.kind
        && target.len() > NAME
    {
        add(b"linkpath", target);
    }
    if entry.size > LARGEST_SIZE {
        add(b"size", entry.size.to_string().as_bytes());
    }
    for (key, id) in [(&b"uid"[..], entry.uid), (b"gid", entry.gid)] {
        if id > LARGEST_ID {
            add(key, id.to_string().as_bytes());
        }
    }
    let seconds = u64::try_from(entry.mtime.seconds).ok().filter(|seconds| *seconds <= LARGEST_SIZE);
    if entry.mtime.nanoseconds != 0 || seconds.is_none() {
        add(b"mtime", entry.mtime.to_pax().as_bytes());
    }
    for (name, value) in &entry.xattrs {
        add(&[b"SCHILY.xattr.", name.as_slice()].concat(), value);
    }
    records
}

/// `LENGTH KEY=VALUE\n`, where the length counts its own digits too.
fn record(key: &[u8], value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + " =\n".len();
    let digits = |number: usize| number.to_string().len();
    let mut length = rest + digits(rest);
    length = rest + digits(length);
    [length.to_string().as_bytes(), b" ", key, b"=", value, b"\n"].concat()
}

impl Timestamp {
    /// Decimal seconds with a fraction if there is one, as PAX writes times.
    fn to_pax(self) -> String {
        match (self.seconds, self.nanoseconds) {
            (seconds, 0) => seconds.to_string(),
            // -1.25 is a quarter of a second before second -1.
            (..0, nanoseconds) => format!("-{}.{:09}", (self.seconds + 1).unsigned_abs(), 1_000_000_000 - nanoseconds),
            (seconds, nanoseconds) => format!("{seconds}.{nanoseconds:09}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::TarReader;
    use super::*;

    #[test]
    fn a_records_length_counts_itself() {
        for length in [1, 88, 89, 90, 91, 985, 986, 987, 988, 989, 990, 991] {
            let record = record(b"path", &vec![b'x'; length]);
            let (number, _) = str::from_utf8(&record).unwrap().split_once(' ').unwrap();
            assert_eq!(number.parse::<usize>().unwrap(), record.len());
        }
    }

    fn kinds() -> impl Strategy<Value = Kind> {
        let target = || proptest::collection::vec(1_u8..=255, 1..300);
        prop_oneof![
            Just(Kind::File),
            Just(Kind::Directory),
            Just(Kind::Fifo),
            target().prop_map(Kind::Symlink),
            target().prop_map(Kind::HardLink),
            (0_u32..0o777_7777, 0_u32..0o777_7777).prop_map(|(major, minor)| Kind::Character(major, minor)),
            (0_u32..0o777_7777, 0_u32..0o777_7777).prop_map(|(major, minor)| Kind::Block(major, minor)),
        ]
    }

    prop_compose! {
        fn entries()(
            path in "[a-z/ä\n]{0,250}x",
            kind in kinds(),
            mode in 0_u32..0o10000,
            (uid, gid) in (any::<u32>(), any::<u32>()),
            (seconds, nanoseconds) in (-1_i64 << 40..1 << 40, 0_u32..1_000_000_000),
            xattrs in proptest::collection::vec(("user\\.[a-z]{1,9}", proptest::collection::vec(any::<u8>(), 0..20)), 0..3),
            length in 0_u64..2000,
        ) -> Entry {
            let size = if kind == Kind::File { length } else { 0 };
            let xattrs = xattrs.into_iter().map(|(name, value)| (name.into_bytes(), value)).collect();
            let mtime = Timestamp { seconds, nanoseconds };
            Entry::describe(path.into_bytes(), kind, (mode, uid, gid), mtime, xattrs, size)
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(entries in proptest::collection::vec(entries(), 0..5)) {
            let mut writer = TarWriter::new(Vec::new());
            for entry in &entries {
                writer.member(entry).unwrap();
                writer.data(io::repeat(b'd'), entry.size).unwrap();
            }
            let archive = writer.finish().unwrap();
            let mut reader = TarReader::new(archive.as_slice());
            for entry in &entries {
                let read = reader.next().unwrap().expect("a member");
                prop_assert_eq!(&read.path, &entry.path);
                prop_assert_eq!(&read.kind, &entry.kind);
                prop_assert_eq!((read.mode, read.uid, read.gid, read.mtime, read.size), (entry.mode, entry.uid, entry.gid, entry.mtime, entry.size));
                prop_assert_eq!(&read.xattrs, &entry.xattrs);
            }
            prop_assert!(reader.next().unwrap().is_none());
        }
    }
}
