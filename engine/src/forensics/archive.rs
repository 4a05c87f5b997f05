//! The archive: sorted members without times and owners of their own.

use jiff::Timestamp;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use tar::{Builder, EntryType, Header};

/// A middle way between time and size.
const LEVEL: i32 = 6;

/// The archive's one directory.
const DIRECTORY: &str = "forensics";

/// What was gathered, and what could not be.
#[derive(Default)]
pub struct Bundle {
    members: BTreeMap<String, Member>,
    failures: Vec<String>,
}

enum Member {
    Text(Vec<u8>),
    File { file: File, length: u64 },
}

impl Bundle {
    /// Adds a document, and returns it for the report.
    pub fn add_json<E: Display>(&mut self, name: &str, value: Result<Value, E>) -> Option<Value> {
        match value {
            Ok(value) => {
                self.members.insert(name.to_owned(), Member::Text(format!("{value:#}\n").into_bytes()));
                Some(value)
            }
            Err(error) => {
                self.fail(name, &error);
                None
            }
        }
    }

    /// Adds a text.
    pub fn add_text<E: Display>(&mut self, name: &str, text: Result<String, E>) {
        match text {
            Ok(text) => {
                self.members.insert(name.to_owned(), Member::Text(text.into_bytes()));
            }
            Err(error) => self.fail(name, &error),
        }
    }

    /// Adds a copy of a regular file.
    pub fn add_file(&mut self, name: &str, path: &Path) {
        match open_quietly(path).and_then(|file| Ok((file.metadata()?, file))) {
            Ok((metadata, file)) if metadata.is_file() => {
                self.members.insert(name.to_owned(), Member::File { file, length: metadata.len() });
            }
            Ok(_) => self.fail(name, &"it is no regular file"),
            Err(error) => self.fail(name, &error),
        }
    }

    /// Notes that something could not be gathered.
    pub fn fail(&mut self, name: &str, error: &dyn Display) {
        self.failures.push(format!("{name}: {error}"));
    }

    /// What could not be gathered.
    pub fn failures(&self) -> &[String] {
        &self.failures
    }

    /// Writes the archive.
    pub fn write(self, at: Option<Timestamp>, writer: impl Write) -> io::Result<()> {
        let mtime = at.map_or(0, |time| time.as_second().max(0).cast_unsigned());
        let mut archive = Builder::new(zstd::Encoder::new(writer, LEVEL)?);
        for (name, member) in self.members {
            let length = match &member {
                Member::Text(text) => text.len() as u64,
                Member::File { length, .. } => *length,
            };
            let mut header = Header::new_gnu();
            header.set_entry_type(EntryType::Regular);
            header.set_mode(0o600);
            header.set_uid(0);
            header.set_gid(0);
            header.set_mtime(mtime);
            header.set_size(length);
            let path = format!("{DIRECTORY}/{name}");
            match member {
                Member::Text(text) => archive.append_data(&mut header, path, text.as_slice())?,
                // A log that is cut meanwhile still fills its place.
                Member::File { file, .. } => {
                    archive.append_data(&mut header, path, file.chain(io::repeat(0)).take(length))?;
                }
            }
        }
        archive.into_inner()?.finish()?.flush()
    }
}

/// Opens a file without leaving a trace in its access time. A link is not followed, and a pipe does not block.
fn open_quietly(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::open(path, flags | OFlags::NOATIME, Mode::empty()) {
        // Only for who may act as its owner.
        Err(Errno::PERM) => Ok(rustix::fs::open(path, flags, Mode::empty())?.into()),
        file => Ok(file?.into()),
    }
}
