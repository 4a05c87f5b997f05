//! The parsers of strangers' bytes, as the fuzz targets in `fuzz/` call them.

use std::fs::File;
use std::io::Write;

use crate::archive;
use crate::tar::TarReader;

/// Reads every member of an archive.
///
/// # Panics
///
/// If the members show more data than the archive has bytes.
pub fn read_tar(bytes: &[u8]) {
    let mut reader = TarReader::new(bytes);
    let mut left = bytes.len();
    while let Ok(Some(_)) = reader.next() {
        loop {
            let count = match reader.data() {
                Ok([]) | Err(_) => break,
                Ok(data) => data.len(),
            };
            left = left.checked_sub(count).expect("each byte is shown once");
            reader.consume(count);
        }
    }
}

/// Reads an archive with one document: `manifest.json` of Docker, or `index.json` of an OCI layout and what it may name.
///
/// # Panics
///
/// If there is no memory file to write it to.
pub fn read_document(kind: u8, document: &[u8]) {
    let name = if kind % 2 == 0 { "manifest.json" } else { "index.json" };
    let mut archive =
        tar_of(&[(name, document), ("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#), ("config.json", b"{}")]);
    archive.extend([0; 1024]);
    let file = rustix::fs::memfd_create("archive", rustix::fs::MemfdFlags::CLOEXEC).expect("a memory file");
    let mut file = File::from(file);
    file.write_all(&archive).expect("memory");
    let _ = archive::read(file);
}

fn tar_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, content) in members {
        let mut header = ::tar::Header::new_ustar();
        header.set_path(name).expect("a short name");
        header.set_size(content.len() as u64);
        header.set_cksum();
        archive.extend_from_slice(header.as_bytes());
        archive.extend_from_slice(content);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive
}
