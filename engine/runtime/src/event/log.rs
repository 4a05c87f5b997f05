//! Writing the log.

use super::Event;
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// The newest events.
pub const CURRENT: &str = "events.json";
/// Those before them.
pub const PREVIOUS: &str = "events.json.1";
/// From this size on the log begins anew: with the one before it, tens of thousands of events.
const LARGEST: u64 = 4 << 20;

/// Appends an event. One that cannot be written is lost: what it tells of has happened all the same, and must not be
/// undone or called a failure for it.
pub fn append(directory: &Path, event: &Event) {
    let mut line = event.to_json();
    line.push('\n');
    let _ = write(directory, line.as_bytes(), LARGEST);
}

/// One write(2) with O_APPEND, so that lines of several processes never mix.
fn write(directory: &Path, line: &[u8], largest: u64) -> io::Result<()> {
    let path = directory.join(CURRENT);
    let mut file = match open(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
            open(&path)?
        }
        file => file?,
    };
    file.write_all(line)?;
    if file.metadata()?.len() < largest { Ok(()) } else { rotate(directory, largest) }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

/// Only one of those who find the log full renames it.
fn rotate(directory: &Path, largest: u64) -> io::Result<()> {
    let lock = open(&directory.join("lock"))?;
    flock(&lock, FlockOperation::LockExclusive)?;
    let current = directory.join(CURRENT);
    match fs::metadata(&current) {
        Ok(metadata) if metadata.len() >= largest => fs::rename(current, directory.join(PREVIOUS)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_log_begins_anew() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("events");
        for number in 0..5 {
            write(&directory, format!("{number}\n").as_bytes(), 4).unwrap();
        }
        assert_eq!(fs::read_to_string(directory.join(PREVIOUS)).unwrap(), "2\n3\n");
        assert_eq!(fs::read_to_string(directory.join(CURRENT)).unwrap(), "4\n");
    }

    #[test]
    fn lines_of_several_writers_stay_whole() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("events");
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let directory = &directory;
                let line = format!("{}\n", writer.to_string().repeat(500));
                scope.spawn(move || (0..50).for_each(|_| write(directory, line.as_bytes(), 1 << 20).unwrap()));
            }
        });
        let text = fs::read_to_string(directory.join(CURRENT)).unwrap();
        assert_eq!(text.lines().count(), 200);
        assert!(text.lines().all(|line| line.len() == 500 && line.bytes().all(|byte| byte == line.as_bytes()[0])));
    }
}
