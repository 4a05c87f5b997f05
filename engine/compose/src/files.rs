//! Reading the files of a project: ordinary ones only, and no more than a bound of each.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// More than any file that people write.
const MOST_BYTES: u64 = 16 << 20;
/// `O_NONBLOCK` (open(2)): opening a fifo must not wait for its writer.
const O_NONBLOCK: i32 = 0o4000;

/// Where files come from.
pub trait Files {
    /// The text of a file.
    fn read(&self, path: &Path) -> io::Result<String>;
    /// Whether there is a file.
    fn exists(&self, path: &Path) -> bool;
}

/// Those of the host; `-` is standard input.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path) -> io::Result<String> {
        if path == Path::new("-") {
            return bounded(io::stdin());
        }
        let file = OpenOptions::new().read(true).custom_flags(O_NONBLOCK).open(path)?;
        let kind = file.metadata()?.file_type();
        if kind.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if !kind.is_file() && path != Path::new("/dev/null") {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no ordinary file"));
        }
        bounded(file)
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }
}

fn bounded(from: impl Read) -> io::Result<String> {
    let mut text = String::new();
    from.take(MOST_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MOST_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("it is longer than {MOST_BYTES} bytes")));
    }
    Ok(text)
}
