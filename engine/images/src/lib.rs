//! The image store: references, content by digest, unpacked snapshots, archives.
