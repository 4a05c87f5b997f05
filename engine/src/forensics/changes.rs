//! What a container changed in its files, with their digests.

use crate::error::{Error, Result};
use crate::inside::{Change, Kind, NodeId, Object, Sight, Stack, View};
use porthole_images::Digest;
use std::fmt::Write;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// Longer files are not hashed: a sparse file may be as long as it likes.
const LONGEST_HASHED: u64 = 4 << 30;

const HEADER: &str = "change\tkind\tmode\towner\tsize\tmtime\tsha256\tpath\ttarget\n";

/// A path that a container changed.
pub struct Changed {
    /// The path.
    pub path: PathBuf,
    /// What it did.
    pub change: Change,
    /// What is there now; nothing where something was removed.
    pub object: Option<Object>,
    /// The digest of a file.
    digest: Option<Digest>,
    /// Where a symbolic link leads.
    target: Option<PathBuf>,
}

/// All that the topmost layer, which is the container's own, changed.
pub fn of(stack: &Stack) -> Result<Vec<Changed>> {
    let own = stack.layers().len() - 1;
    let mut changes = Vec::new();
    collect(stack, own, Stack::ROOT, &mut changes)?;
    Ok(changes)
}

fn collect(stack: &Stack, own: usize, directory: NodeId, changes: &mut Vec<Changed>) -> Result<()> {
    for (node, sight) in stack.children(directory, View::Layer(own)) {
        if sight.change != Change::None {
            changes.push(changed(stack, own, node, &sight)?);
        }
        collect(stack, own, node, changes)?;
    }
    Ok(())
}

fn changed(stack: &Stack, own: usize, node: NodeId, sight: &Sight) -> Result<Changed> {
    let (path, source) = (stack.path(node), &stack.layers()[own].source);
    let object = Some(sight.object).filter(|_| sight.change != Change::Removed);
    let (mut digest, mut target) = (None, None);
    match object.map(|object| (object.kind, object.size)) {
        Some((Kind::File, size)) if size <= LONGEST_HASHED => {
            let file = source.open(&path)?.take(LONGEST_HASHED);
            digest = Some(Digest::of_reader(file).map_err(|error| Error::file(&path, error))?);
        }
        Some((Kind::Link, _)) => target = Some(source.read_link(&path)?),
        _ => {}
    }
    Ok(Changed { path, change: sight.change, object, digest, target })
}

/// The changes as a table, one line a path.
pub fn table(changes: &[Changed]) -> String {
    let mut table = HEADER.to_owned();
    for change in changes {
        let none = || "-".to_owned();
        let object = change.object.as_ref();
        let _ = writeln!(
            table,
            "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
            word(change.change),
            object.map_or("-", |object| kind(object.kind)),
            object.map_or_else(none, |object| format!("{:04o}", object.mode)),
            object.map_or_else(none, |object| format!("{}:{}", object.uid, object.gid)),
            object.map_or_else(none, |object| object.size.to_string()),
            object.map_or_else(none, |object| object.modified.to_string()),
            change.digest.map_or_else(none, |digest| digest.hex()),
            escape(change.path.as_os_str().as_bytes()),
            change.target.as_ref().map_or_else(none, |target| escape(target.as_os_str().as_bytes())),
        );
    }
    table
}

/// Text of a stranger in which nothing ends a cell or a line, or steers a terminal.
pub fn escape(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() || character == '\\' {
                text.extend(character.escape_default());
            } else {
                text.push(character);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// The word for a change.
pub fn word(change: Change) -> &'static str {
    match change {
        Change::None => "unchanged",
        Change::Added => "added",
        Change::Changed => "changed",
        Change::Removed => "removed",
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "file",
        Kind::Directory => "directory",
        Kind::Link => "link",
        Kind::Device => "device",
        Kind::Fifo => "fifo",
        Kind::Socket => "socket",
        Kind::Whiteout => "whiteout",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_the_table() {
        assert_eq!(escape(b"a\tb\nc\x1b[31m\\\xff\xc3\xa4"), "a\\tb\\nc\\u{1b}[31m\\\\\\xff\u{e4}");
    }
}
