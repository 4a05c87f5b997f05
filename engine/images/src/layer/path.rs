//! Names of archive members, taken apart: pure logic.

use super::LayerError;

/// Deeper trees are refused: each level costs an open descriptor, and no tool could handle them.
const MAX_DEPTH: usize = 256;

/// Where a member belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place<'a> {
    /// The layer's root itself.
    Root,
    /// A name in a directory below the root.
    In {
        /// The directory's path.
        parents: Vec<&'a [u8]>,
        /// The last component.
        name: &'a [u8],
    },
}

/// What a member does to the layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role<'a> {
    /// It is itself.
    Plain,
    /// It hides this name of the layers below (`.wh.NAME`).
    Whiteout(&'a [u8]),
    /// It hides all that layers below have in its directory (`.wh..wh..opq`).
    Opaque,
    /// It is bookkeeping of AUFS (`.wh..wh.*`).
    Ignored,
}

/// Splits a member's path. Leading slashes and `.` are dropped, `..` is refused.
pub(super) fn place(path: &[u8]) -> Result<Place<'_>, LayerError> {
    let refuse = |problem| Err(LayerError::Name { name: lossy(path), problem });
    if path.is_empty() {
        return refuse("empty name");
    }
    if path.contains(&0) {
        return refuse("NUL in the name");
    }
    let mut parents: Vec<&[u8]> =
        path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".").collect();
    if parents.contains(&&b".."[..]) {
        return refuse("it leads out of the layer ('..')");
    }
    if parents.len() > MAX_DEPTH {
        return refuse("nested deeper than 256 directories");
    }
    Ok(match parents.pop() {
        Some(name) => Place::In { parents, name },
        None => Place::Root,
    })
}

/// Tells whiteouts (OCI image layer specification, "Whiteouts") from plain members.
pub(super) fn role(name: &[u8]) -> Result<Role<'_>, LayerError> {
    let Some(hidden) = name.strip_prefix(b".wh.") else {
        return Ok(Role::Plain);
    };
    match hidden {
        b".wh..opq" => Ok(Role::Opaque),
        b"" | b"." | b".." => {
            Err(LayerError::Name { name: lossy(name), problem: "a whiteout of the directory itself or of its parent" })
        }
        _ if hidden.starts_with(b".wh.") => Ok(Role::Ignored),
        _ => Ok(Role::Whiteout(hidden)),
    }
}

/// A name fit for messages.
pub(super) fn lossy(name: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(name).into_owned();
    if text.len() > 200 {
        text = text.chars().take(200).chain(['…']).collect();
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_are_taken_apart() {
        for root in ["/", ".", "./", "//./"] {
            assert_eq!(place(root.as_bytes()).unwrap(), Place::Root);
        }
        for same in ["a/b", "/a/b", "./a//b/", "a/./b/."] {
            assert_eq!(place(same.as_bytes()).unwrap(), Place::In { parents: vec![b"a"], name: b"b" });
        }
        for bad in ["", "..", "../a", "a/../b", "a\0b"] {
            assert!(place(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(place("d/".repeat(257).as_bytes()).is_err());
        assert!(place("d/".repeat(256).as_bytes()).is_ok());
    }

    #[test]
    fn whiteouts_are_told() {
        assert_eq!(role(b"a").unwrap(), Role::Plain);
        assert_eq!(role(b".wh").unwrap(), Role::Plain);
        assert_eq!(role(b".wh.a").unwrap(), Role::Whiteout(b"a"));
        assert_eq!(role(b".wh..a").unwrap(), Role::Whiteout(b".a"));
        assert_eq!(role(b".wh..wh..opq").unwrap(), Role::Opaque);
        assert_eq!(role(b".wh..wh.plnk").unwrap(), Role::Ignored);
        for bad in [".wh.", ".wh..", ".wh..."] {
            assert!(role(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_component_leads_anywhere(path in proptest::collection::vec(proptest::sample::select(b"a./\0\n".to_vec()), 0..30)) {
            if let Ok(Place::In { parents, name }) = place(&path) {
                for part in parents.into_iter().chain([name]) {
                    prop_assert!(!part.is_empty() && part != b"." && part != b"..");
                    prop_assert!(!part.contains(&b'/') && !part.contains(&0));
                }
            }
        }

        #[test]
        fn a_whiteout_never_hides_a_special_name(name in "[.wha]{1,12}") {
            if let Ok(Role::Whiteout(hidden)) = role(name.as_bytes()) {
                prop_assert!(!matches!(hidden, b"" | b"." | b".."));
            }
        }
    }
}
