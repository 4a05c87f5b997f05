//! Archives of all formats, written by the `tar` crate or by hand.

use ::tar::{Builder, EntryType, Header};

use super::*;

fn header(kind: EntryType, name: &str, size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_path(name).unwrap();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(1);
    header.set_cksum();
    header
}

/// Members as they are, without the archive's closing blocks.
fn members(members: &[(Header, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (header, data) in members {
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(data);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes
}

fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length += 1;
    }
    [format!("{length} {key}=").as_bytes(), value, b"\n"].concat()
}

fn pax(records: &[(&str, &[u8])]) -> (Header, Vec<u8>) {
    let data: Vec<u8> = records.iter().flat_map(|(key, value)| record(key, value)).collect();
    (header(EntryType::XHeader, "PaxHeaders/0", data.len() as u64), data)
}

fn read_data(reader: &mut TarReader<&[u8]>) -> Result<Vec<u8>, TarError> {
    let mut content = Vec::new();
    loop {
        let data = reader.data()?;
        if data.is_empty() {
            return Ok(content);
        }
        content.extend_from_slice(data);
        let count = data.len();
        reader.consume(count);
    }
}

fn read(bytes: &[u8]) -> Result<Vec<(Entry, Vec<u8>)>, TarError> {
    let mut reader = TarReader::new(bytes);
    let mut entries = Vec::new();
    while let Some(entry) = reader.next()? {
        entries.push((entry, read_data(&mut reader)?));
    }
    Ok(entries)
}

#[test]
fn plain_members_follow_one_another() {
    let bytes = members(&[
        (header(EntryType::Directory, "d/", 0), b""),
        (header(EntryType::Regular, "d/f", 5), b"hello"),
        (header(EntryType::Regular, "empty", 0), b""),
    ]);
    let entries = read(&bytes).unwrap();
    assert_eq!(entries.len(), 3);
    assert_eq!((&entries[0].0.path, &entries[0].0.kind), (&b"d/".to_vec(), &Kind::Directory));
    assert_eq!((entries[1].0.position, entries[1].1.as_slice()), (1024, &b"hello"[..]));
    assert_eq!(entries[2].1, b"");
}

#[test]
fn data_may_be_left_unread() {
    let bytes =
        members(&[(header(EntryType::Regular, "a", 600), &[7; 600]), (header(EntryType::Regular, "b", 1), b"x")]);
    let mut reader = TarReader::new(bytes.as_slice());
    assert_eq!(reader.next().unwrap().unwrap().path, b"a");
    assert!(reader.data().unwrap().len() >= 10);
    reader.consume(10);
    assert_eq!(reader.next().unwrap().unwrap().path, b"b");
    assert_eq!(read_data(&mut reader).unwrap(), b"x");
}

#[test]
fn long_gnu_names_are_joined() {
    let name = "d/".repeat(200) + "f";
    let mut builder = Builder::new(Vec::new());
    let mut header = Header::new_gnu();
    header.set_size(2);
    builder.append_data(&mut header, &name, &b"ok"[..]).unwrap();
    let entries = read(&builder.into_inner().unwrap()).unwrap();
    assert_eq!((&entries[0].0.path, entries[0].1.as_slice()), (&name.into_bytes(), &b"ok"[..]));
}

#[test]
fn pax_overrides_what_the_header_says() {
    let (extension, data) = pax(&[
        ("path", b"caf\xc3\xa9"),
        ("size", b"3"),
        ("uid", b"70000000"),
        ("gid", b"4000000000"),
        ("mtime", b"1700000000.25"),
        ("SCHILY.xattr.security.capability", b"\x01\n\x00="),
    ]);
    let bytes = members(&[
        (extension, &data),
        (header(EntryType::Regular, "x", 0), b"abc"),
        (header(EntryType::Fifo, "p", 0), b""),
    ]);
    let entries = read(&bytes).unwrap();
    let (entry, content) = &entries[0];
    assert_eq!((entry.path.as_slice(), content.as_slice()), ("café".as_bytes(), &b"abc"[..]));
    assert_eq!((entry.uid, entry.gid), (70_000_000, 4_000_000_000));
    assert_eq!(entry.mtime, Timestamp { seconds: 1_700_000_000, nanoseconds: 250_000_000 });
    assert_eq!(entry.xattrs, [(b"security.capability".to_vec(), b"\x01\n\x00=".to_vec())]);
    // And only for the next member.
    assert_eq!((entries[1].0.path.as_slice(), &entries[1].0.kind), (&b"p"[..], &Kind::Fifo));
}

/// CVE-2025-62518: a parser that trusts the header's size takes the data for members.
#[test]
fn data_is_not_taken_for_members() {
    let inner = members(&[(header(EntryType::Regular, "smuggled", 0), b"")]);
    let (extension, data) = pax(&[("size", inner.len().to_string().as_bytes())]);
    let bytes = members(&[(extension, &data), (header(EntryType::Regular, "outer", 0), &inner)]);
    let names: Vec<_> = read(&bytes).unwrap().into_iter().map(|(entry, _)| entry.path).collect();
    assert_eq!(names, [b"outer"]);
}

/// GHSA-3pv8-6f4r-ffg2: the PAX size is the member's, not that of a long name between them.
#[test]
fn a_long_name_between_pax_and_member_changes_nothing() {
    let (extension, data) = pax(&[("size", b"2")]);
    let bytes = members(&[
        (extension, &data),
        (header(EntryType::GNULongName, "././@LongLink", 5), b"name\0"),
        (header(EntryType::Regular, "x", 0), b"ok"),
    ]);
    let entries = read(&bytes).unwrap();
    assert_eq!((entries[0].0.path.as_slice(), entries[0].1.as_slice()), (&b"name"[..], &b"ok"[..]));
}

#[test]
fn times_before_1970_are_understood() {
    assert_eq!(Timestamp::parse(b"-1.25"), Some(Timestamp { seconds: -2, nanoseconds: 750_000_000 }));
    assert_eq!(Timestamp::parse(b"12.1234567899"), Some(Timestamp { seconds: 12, nanoseconds: 123_456_789 }));
    for bad in ["", ".", "x", "1.x", "1.-5", "99999999999999999999"] {
        assert_eq!(Timestamp::parse(bad.as_bytes()), None, "{bad}");
    }
}

#[test]
fn sparse_files_of_all_formats_have_the_same_map() {
    let data = [b"a".repeat(512), b"b".repeat(512)].concat();
    let map = Some(vec![(0, 512), (4096, 512)]);
    let mut gnu = Header::new_gnu();
    gnu.set_entry_type(EntryType::GNUSparse);
    gnu.set_path("s").unwrap();
    gnu.set_size(1024);
    let fields = gnu.as_gnu_mut().unwrap();
    fields.set_real_size(8192);
    for (slot, (offset, length)) in fields.sparse.iter_mut().zip([(0, 512), (4096, 512)]) {
        slot.set_offset(offset);
        slot.set_length(length);
    }
    gnu.set_cksum();
    let (format_0_0, records_0_0) = pax(&[
        ("GNU.sparse.size", b"8192"),
        ("GNU.sparse.offset", b"0"),
        ("GNU.sparse.numbytes", b"512"),
        ("GNU.sparse.offset", b"4096"),
        ("GNU.sparse.numbytes", b"512"),
    ]);
    let (format_0_1, records_0_1) =
        pax(&[("GNU.sparse.size", b"8192"), ("GNU.sparse.name", b"s"), ("GNU.sparse.map", b"0,512,4096,512")]);
    let (format_1_0, records_1_0) =
        pax(&[("GNU.sparse.major", b"1"), ("GNU.sparse.name", b"s"), ("GNU.sparse.realsize", b"8192")]);
    let mut with_map = b"2\n0\n512\n4096\n512\n".to_vec();
    with_map.resize(512, 0);
    with_map.extend_from_slice(&data);
    let plain = || header(EntryType::Regular, "s", 1024);
    for bytes in [
        members(&[(gnu, &data)]),
        members(&[(format_0_0, &records_0_0), (plain(), &data)]),
        members(&[(format_0_1, &records_0_1), (plain(), &data)]),
        members(&[(format_1_0, &records_1_0), (header(EntryType::Regular, "GNUSparseFile.0/s", 1536), &with_map)]),
    ] {
        let entries = read(&bytes).unwrap();
        let (entry, content) = &entries[0];
        assert_eq!((entry.path.as_slice(), entry.size, &entry.sparse, content), (&b"s"[..], 8192, &map, &data));
    }
}

#[test]
fn sparse_maps_that_lie_are_refused() {
    for map in ["0,512,4096", "4096,512,0,512", "0,1024,512,1024", "0,512,18446744073709551615,512", "0,99999"] {
        let (extension, records) = pax(&[("GNU.sparse.size", b"8192"), ("GNU.sparse.map", map.as_bytes())]);
        let bytes = members(&[(extension, &records), (header(EntryType::Regular, "s", 1024), &[0; 1024])]);
        assert!(read(&bytes).is_err(), "{map}");
    }
}

#[test]
fn damage_is_told() {
    let whole = members(&[(header(EntryType::Regular, "a", 600), &[7; 600])]);
    assert!(matches!(read(&whole[..100]), Err(TarError::Truncated)));
    assert!(matches!(read(&whole[..700]), Err(TarError::Truncated)));
    assert!(matches!(read(&[b'x'; 512]), Err(TarError::Header(0))));
    let mut flipped = whole.clone();
    flipped[3] ^= 1;
    assert!(matches!(read(&flipped), Err(TarError::Header(0))));
    let (extension, data) = pax(&[("path", b"x")]);
    assert!(matches!(read(&members(&[(extension, &data)])), Err(TarError::Truncated)));
    assert!(matches!(read(&members(&[(header(EntryType::new(b'?'), "a", 0), b"")])), Err(TarError::Type('?', _))));
}

#[test]
fn malformed_extensions_are_refused() {
    for record in [&b"x"[..], b"5 a=", b"3 a=b\n", b"99 a=b\n", b"6 ab\n\n", b"9 path=\0\n", b"9 uid=x1\n"] {
        let extension = header(EntryType::XHeader, "x", record.len() as u64);
        let bytes = members(&[(extension, record), (header(EntryType::Regular, "f", 0), b"")]);
        assert!(matches!(read(&bytes), Err(TarError::Extension(_))), "{record:?}");
    }
    let huge = members(&[(header(EntryType::GNULongName, "x", 1 << 33), b"")]);
    assert!(matches!(read(&huge), Err(TarError::Extension("longer than 1 MiB"))));
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..2048),
    ) {
        let _ = read(&bytes);
    }

    #[test]
    fn a_damaged_archive_is_read_or_refused(at in 0usize..3000, value: u8) {
        let (extension, data) = pax(&[("path", b"long name"), ("mtime", b"1.5"), ("GNU.sparse.map", b"0,1,2,1")]);
        let mut bytes = members(&[(extension, &data), (header(EntryType::Regular, "f", 900), &[3; 900])]);
        let at = at % bytes.len();
        bytes[at] = value;
        let _ = read(&bytes);
    }
}
