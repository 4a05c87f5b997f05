//! The mark by which links and tables of one state root are told from those of another, and from strangers'.

use std::path::Path;

/// What every mark starts with.
pub(crate) const PREFIX: &str = "porthole ";
/// The state root whose objects have plain names.
const DEFAULT_ROOT: &str = "/var/lib/porthole";
/// nft(8) shows comments of up to 128 bytes.
const LONGEST: usize = 120;

/// The mark of a state root: its path, so that `ip link` and `nft list` tell whose an object is.
pub(crate) fn of(root: &Path) -> String {
    let path = root.to_string_lossy();
    let mark = format!("{PREFIX}{path}");
    if mark.len() <= LONGEST && !path.contains(['"', '\n']) { mark } else { format!("{PREFIX}{:016x}", hash(&path)) }
}

/// A name that only this state root uses: `name` for the default one, `name-HASH` for another.
pub(crate) fn name(name: &str, root: &Path) -> String {
    if root == Path::new(DEFAULT_ROOT) {
        return name.into();
    }
    format!("{name}-{:08x}", hash(&root.to_string_lossy()) as u32)
}

/// FNV-1a, which stays the same from one build to the next.
pub(crate) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_root_has_its_own() {
        let (default, other) = (Path::new(DEFAULT_ROOT), Path::new("/tmp/a"));
        assert_eq!(of(default), "porthole /var/lib/porthole");
        assert_eq!(name("porthole", default), "porthole");
        assert!(name("porthole", other).starts_with("porthole-") && name("porthole", other).len() == 17);
        assert_ne!(name("porthole", other), name("porthole", Path::new("/tmp/b")));
        let long = "/x".repeat(100);
        assert!(of(Path::new(&long)).len() <= LONGEST);
    }
}
