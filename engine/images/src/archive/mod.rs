//! Image archives: tar files that hold one or several images, as `docker save` or `skopeo copy` write them.

mod docker;
mod oci;

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::layer::Expected;
use crate::manifest::MAX_DOCUMENT;
use crate::reference::Reference;
use crate::tar::{Kind, TarReader};

/// No archive of images has more members.
const MAX_MEMBERS: usize = 1 << 17;

/// How many symbolic links may lead to a layer.
const MAX_LINKS: usize = 8;

/// An image in an archive.
#[derive(Debug)]
pub(crate) struct ArchivedImage {
    /// The configuration; its digest is the image's ID.
    pub(crate) config: Vec<u8>,
    /// The manifest, in archives that have one.
    pub(crate) manifest: Option<Vec<u8>>,
    pub(crate) references: Vec<Reference>,
    /// From the base upwards.
    pub(crate) layers: Vec<ArchivedLayer>,
}

/// A layer's blob in an archive.
#[derive(Debug, Clone)]
pub(crate) struct ArchivedLayer {
    pub(crate) section: Section,
    pub(crate) expected: Expected,
}

/// A tar file of which every member can be read at any time, by any thread.
pub(crate) struct Archive {
    file: Arc<File>,
    members: HashMap<Vec<u8>, Member>,
}

enum Member {
    Data {
        offset: u64,
        length: u64,
    },
    Link(Vec<u8>),
    /// Two members of one name: whichever a reader took, another might take the other.
    Twice,
}

/// The data of a member.
pub(crate) type Section = crate::section::Section<Arc<File>>;

/// The images in the tar file, which must be plain.
pub(crate) fn read(file: File) -> Result<Vec<ArchivedImage>> {
    let archive = Archive::index(file)?;
    // Docker writes both forms into one archive; only its own names all tags.
    let images = if archive.has("manifest.json") {
        docker::images(&archive)
    } else if archive.has("index.json") {
        oci::images(&archive)
    } else {
        Err(refuse("neither manifest.json (docker save) nor index.json (OCI layout) is in it"))
    }?;
    if images.is_empty() { Err(refuse("no image is in it")) } else { Ok(images) }
}

pub(crate) fn refuse(problem: impl Into<String>) -> Error {
    Error::Archive(problem.into())
}

impl Archive {
    fn index(file: File) -> Result<Self> {
        let mut members = HashMap::new();
        let mut reader = TarReader::new(BufReader::with_capacity(16 << 10, &file));
        while let Some(entry) = reader.next().map_err(|error| refuse(error.to_string()))? {
            let member = match entry.kind {
                Kind::File if entry.sparse.is_none() => Member::Data { offset: entry.position, length: entry.size },
                Kind::Symlink(target) => Member::Link(beside(&entry.path, &target)),
                Kind::HardLink(target) => Member::Link(target),
                _ => continue,
            };
            let name = normalise(&entry.path).ok_or_else(|| refuse("a member's name leads out of it ('..')"))?;
            members.entry(name).and_modify(|member| *member = Member::Twice).or_insert(member);
            if members.len() > MAX_MEMBERS {
                return Err(refuse("too many members"));
            }
        }
        Ok(Self { file: Arc::new(file), members })
    }

    fn has(&self, name: &str) -> bool {
        self.members.contains_key(name.as_bytes())
    }

    /// A member's data, found through links if need be.
    fn section(&self, name: &str) -> Result<Section> {
        let missing = || refuse(format!("{name:?} is missing"));
        let mut path = normalise(name.as_bytes()).ok_or_else(missing)?;
        for _ in 0..MAX_LINKS {
            match self.members.get(&path).ok_or_else(missing)? {
                Member::Data { offset, length } => {
                    let within = self.file.metadata().is_ok_and(|file| offset + length <= file.len());
                    let section = Section::new(self.file.clone(), *offset, *length);
                    return if within { Ok(section) } else { Err(refuse(format!("it is cut short within {name:?}"))) };
                }
                Member::Link(target) => path = normalise(target).ok_or_else(missing)?,
                Member::Twice => return Err(refuse(format!("{name:?} is in it twice"))),
            }
        }
        Err(refuse(format!("too many links lead to {name:?}")))
    }

    /// A member that must be small.
    fn document(&self, name: &str) -> Result<Vec<u8>> {
        let mut section = self.section(name)?;
        if section.length() > MAX_DOCUMENT {
            return Err(refuse(format!("{name:?} is longer than 4 MiB")));
        }
        let mut content = Vec::with_capacity(section.length() as usize);
        section.read_to_end(&mut content).map_err(|error| refuse(format!("cannot read {name:?}: {error}")))?;
        Ok(content)
    }
}

/// Parses a JSON document.
fn parse<T: DeserializeOwned>(name: &str, content: &[u8]) -> Result<T> {
    serde_json::from_slice(content).map_err(|error| refuse(format!("{name:?} is malformed: {error}")))
}

/// The blob's digest, if a path says it (`blobs/sha256/HEX`).
fn promised_digest(path: &str) -> Option<Digest> {
    Digest::from_hex(path.strip_prefix("blobs/sha256/")?).ok()
}

/// A path without `.`, `..` and superfluous slashes; `None` if it leads out.
fn normalise(path: &[u8]) -> Option<Vec<u8>> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop()?;
            }
            _ => parts.push(part),
        }
    }
    Some(parts.join(&b'/'))
}

/// The path of `target` seen from beside `path`.
fn beside(path: &[u8], target: &[u8]) -> Vec<u8> {
    let end = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    [&path[..end], target].concat()
}
