//! Ids of containers and marks of state roots.

use std::path::Path;

/// A new container id: 64 hexadecimal digits, random.
pub fn new_id() -> String {
    hex(&random_bytes::<32>())
}

/// Random bytes from the kernel.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let mut filled = 0;
    while filled < N {
        // getrandom(2) fails only before the pool is ready, and then blocks instead; EINTR is the one thing to repeat.
        filled += rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty()).unwrap_or(0);
    }
    bytes
}

/// Eight hexadecimal digits that tell one state root from another, in names that several roots share.
pub fn root_mark(root: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    // FNV-1a: stable across versions and machines, which std's hasher does not promise.
    let hash = root
        .as_os_str()
        .as_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{:08x}", (hash >> 32) ^ (hash & 0xffff_ffff))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_long_and_differ() {
        let (one, two) = (new_id(), new_id());
        assert_eq!(one.len(), 64);
        assert_ne!(one, two);
    }

    #[test]
    fn marks_are_stable() {
        assert_eq!(root_mark(Path::new("/tmp/a")).len(), 8);
        assert_ne!(root_mark(Path::new("/tmp/a")), root_mark(Path::new("/tmp/b")));
    }
}
