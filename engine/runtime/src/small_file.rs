//! Reading small files, of which a look at many containers needs thousands.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// More than almost any of them has.
const READ: usize = 4096;

/// Reads a file in as few system calls as can be. `std::fs::read` asks for its size first; a file of the kernel's does not
/// tell, and is then read in pieces that begin with 32 bytes.
pub fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut buffer = [0; READ];
    let mut bytes = Vec::new();
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(bytes),
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Reads a file of text.
pub fn read_text(path: impl AsRef<Path>) -> io::Result<String> {
    String::from_utf8(read(path)?).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_whole_whatever_its_size() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("file");
        for size in [0, 1, READ, READ + 1, 3 * READ] {
            let content = "x".repeat(size);
            std::fs::write(&path, &content).expect("written");
            assert_eq!(read_text(&path).expect("readable"), content);
        }
        assert_eq!(read("/proc/self/mountinfo").expect("ours"), std::fs::read("/proc/self/mountinfo").expect("ours"));
        assert_eq!(read(directory.path().join("none")).expect_err("missing").kind(), ErrorKind::NotFound);
    }
}
