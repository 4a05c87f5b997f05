//! PAX extended headers: records `LENGTH KEY=VALUE\n` that override fields of the next member's header.

use super::TarError;
use super::entry::Timestamp;

/// The records that matter to us, of all the extended headers before a member.
#[derive(Debug, Default)]
pub(super) struct Pax {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<u64>,
    pub(super) gid: Option<u64>,
    pub(super) mtime: Option<Timestamp>,
    pub(super) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) sparse: SparseKeys,
    seen: bool,
}

/// GNU tar's `GNU.sparse.*` records.
#[derive(Debug, Default)]
pub(super) struct SparseKeys {
    pub(super) major: Option<u64>,
    pub(super) name: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    /// Offsets and lengths by turns, as formats 0.0 and 0.1 give them.
    pub(super) map: Vec<u64>,
}

impl Pax {
    pub(super) fn is_empty(&self) -> bool {
        !self.seen
    }

    /// Takes in the records of one extended header.
    pub(super) fn parse(&mut self, mut bytes: &[u8]) -> Result<(), TarError> {
        self.seen = true;
        while !bytes.is_empty() {
            // Some writers pad the header with NULs.
            if bytes.iter().all(|byte| *byte == 0) {
                break;
            }
            let (record, rest) = split_record(bytes).ok_or(TarError::Extension("bad record length"))?;
            let equals = record.iter().position(|byte| *byte == b'=').ok_or(TarError::Extension("no '='"))?;
            self.record(&record[..equals], &record[equals + 1..])?;
            bytes = rest;
        }
        Ok(())
    }

    fn record(&mut self, key: &[u8], value: &[u8]) -> Result<(), TarError> {
        match key {
            b"path" => self.path = name(value)?,
            b"linkpath" => self.link = name(value)?,
            b"size" => self.size = optional(value)?,
            b"uid" => self.uid = optional(value)?,
            b"gid" => self.gid = optional(value)?,
            b"mtime" => self.mtime = Some(Timestamp::parse(value).ok_or(TarError::Extension("bad mtime"))?),
            b"GNU.sparse.major" => self.sparse.major = optional(value)?,
            b"GNU.sparse.name" => self.sparse.name = name(value)?,
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => self.sparse.size = optional(value)?,
            b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => self.sparse.map.push(number(value)?),
            b"GNU.sparse.map" => {
                self.sparse.map = value.split(|byte| *byte == b',').map(number).collect::<Result<_, _>>()?;
            }
            _ => {
                if let Some(xattr) = key.strip_prefix(b"SCHILY.xattr.") {
                    if xattr.contains(&0) {
                        return Err(TarError::Extension("NUL in the name of an extended attribute"));
                    }
                    self.xattrs.push((xattr.to_vec(), value.to_vec()));
                }
            }
        }
        Ok(())
    }
}

/// The first record, without its length and newline, and what follows it.
fn split_record(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = bytes.iter().take(20).position(|byte| *byte == b' ')?;
    let length: usize = str::from_utf8(&bytes[..space]).ok()?.parse().ok()?;
    let record = bytes.get(space + 1..length)?;
    Some((record.strip_suffix(b"\n")?, &bytes[length..]))
}

/// A path; an empty value takes back an earlier record.
fn name(value: &[u8]) -> Result<Option<Vec<u8>>, TarError> {
    match value.contains(&0) {
        true => Err(TarError::Extension("NUL in a name")),
        false => Ok((!value.is_empty()).then(|| value.to_vec())),
    }
}

fn optional(value: &[u8]) -> Result<Option<u64>, TarError> {
    if value.is_empty() { Ok(None) } else { number(value).map(Some) }
}

pub(super) fn number(value: &[u8]) -> Result<u64, TarError> {
    let digits = str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    digits.and_then(|text| text.parse().ok()).ok_or(TarError::Extension("bad number"))
}
