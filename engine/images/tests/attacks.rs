//! Layers that try to break out, after containerd's TestBreakouts and the advisories of other extractors. A sentinel
//! outside of the store must stay as it is, and nothing may appear beside it.

mod common;

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use common::{Fixture, Layer, gzip};
use rustix::fs::{lgetxattr, llistxattr};
use tar::EntryType;
use tempfile::TempDir;

/// A directory that no layer may touch.
struct Outside(TempDir);

impl Outside {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("sentinel"), "untouched").unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o751)).unwrap();
        Self(directory)
    }

    fn path(&self) -> &str {
        self.0.path().to_str().unwrap()
    }

    /// The way to it from the root of a layer by `..`.
    fn upwards(&self) -> String {
        format!("{}{}", "../".repeat(12), &self.path()[1..])
    }

    fn assert_untouched(&self) {
        let names: Vec<_> = fs::read_dir(self.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["sentinel"]);
        let sentinel = self.0.path().join("sentinel");
        assert_eq!(fs::read_to_string(&sentinel).unwrap(), "untouched");
        let metadata = fs::metadata(&sentinel).unwrap();
        assert_eq!((metadata.nlink(), metadata.mode() & 0o7777), (1, 0o644));
        assert_eq!(fs::metadata(self.path()).unwrap().mode() & 0o7777, 0o751);
    }
}

/// Unpacks the layer. Whether it is refused or contained, nothing outside changes; if refused, nothing is left.
fn attack(layer: impl FnOnce(&Outside) -> Layer) -> Result<(Fixture, PathBuf), String> {
    let outside = Outside::new();
    let fixture = Fixture::new();
    let result = fixture.unpack(layer(&outside));
    outside.assert_untouched();
    match result {
        Ok(root) => Ok((fixture, root)),
        Err(error) => {
            fixture.assert_empty();
            Err(error.to_string())
        }
    }
}

fn contained(layer: impl FnOnce(&Outside) -> Layer) -> (Fixture, PathBuf) {
    attack(layer).expect("this layer is to be unpacked, confined")
}

fn refused(layer: impl FnOnce(&Outside) -> Layer, why: &str) {
    let error = attack(layer).err().expect("this layer is to be refused");
    assert!(error.contains(why), "{error}");
}

#[test]
fn a_symlink_to_outside_leads_inside() {
    let (_fixture, root) = contained(|outside| {
        let inner = outside.path().trim_start_matches('/').to_owned();
        Layer::new().directory(&inner).symlink("link", outside.path()).file("link/new", b"inside")
    });
    assert!(fs::symlink_metadata(root.join("link")).unwrap().is_symlink());
}

#[test]
fn a_symlink_upwards_ends_at_the_root() {
    let (_fixture, root) =
        contained(|_| Layer::new().directory("etc").symlink("d", "../../../../../../etc").file("d/passwd", b"ours"));
    assert_eq!(fs::read_to_string(root.join("etc/passwd")).unwrap(), "ours");
}

#[test]
fn a_chain_of_symlinks_leads_inside() {
    let (_fixture, root) = contained(|_| {
        Layer::new()
            .directory("target")
            .symlink("a", "/b")
            .symlink("b", "c")
            .symlink("c", "/../target")
            .file("a/new", b"inside")
    });
    assert_eq!(fs::read_to_string(root.join("target/new")).unwrap(), "inside");
}

#[test]
fn a_dangling_or_circular_parent_is_refused() {
    refused(|outside| Layer::new().symlink("link", outside.path()).file("link/new", b"x"), "follow the symbolic link");
    refused(|_| Layer::new().symlink("a", "b").symlink("b", "a").file("a/new", b"x"), "follow the symbolic link");
}

#[test]
fn magic_links_lead_nowhere() {
    refused(|_| Layer::new().symlink("self", "/proc/self/cwd").file("self/new", b"x"), "follow the symbolic link");
}

#[test]
fn names_that_lead_upwards_are_refused() {
    for name in ["../new", "a/../../new", "a/..", "..", "/../new"] {
        refused(|_| Layer::new().file(name, b"x"), "leads out of the layer");
    }
    refused(|outside| Layer::new().file(&outside.upwards(), b"x"), "leads out of the layer");
}

#[test]
fn absolute_names_are_of_the_layer() {
    let (_fixture, root) = contained(|outside| Layer::new().file(&format!("{}/new", outside.path()), b"x"));
    assert_eq!(walk(&root).iter().filter(|path| path.ends_with("new")).count(), 1);
}

#[test]
fn hard_links_to_outside_are_refused() {
    for target in ["/etc/passwd", "/proc/self/exe", "missing"] {
        refused(|_| Layer::new().hard_link("link", target), "a hard link to what the layer does not have");
    }
    refused(
        |outside| Layer::new().hard_link("link", &format!("{}/sentinel", outside.upwards())),
        "leads out of the layer",
    );
    refused(|_| Layer::new().directory("d").hard_link("link", "d"), "a hard link to a directory");
    refused(|_| Layer::new().hard_link("link", "/"), "a hard link to the root");
}

#[test]
fn a_hard_link_to_a_symlink_is_one_of_the_symlink() {
    let (_fixture, root) = contained(|outside| {
        let sentinel = format!("{}/sentinel", outside.path());
        // Writing or changing modes through the second name must not reach the target.
        Layer::new().symlink("a", &sentinel).hard_link("b", "a").file("b", b"mine")
    });
    assert!(fs::symlink_metadata(root.join("a")).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(root.join("b")).unwrap(), "mine");
}

#[test]
fn a_hard_link_through_a_symlinked_parent_stays_inside() {
    refused(
        |outside| Layer::new().symlink("d", outside.path()).hard_link("link", "d/sentinel"),
        "follow the symbolic link",
    );
}

#[test]
fn a_file_over_a_symlink_replaces_it() {
    let (_fixture, root) = contained(|outside| {
        let sentinel = format!("{}/sentinel", outside.path());
        Layer::new().symlink("link", &sentinel).file("link", b"mine")
    });
    assert!(fs::symlink_metadata(root.join("link")).unwrap().is_file());
}

/// CVE-2026-33056: the mode of what the link points to was changed.
#[test]
fn a_directory_over_a_symlink_replaces_it() {
    let (_fixture, root) = contained(|outside| {
        Layer::new()
            .symlink("link", outside.path())
            .member(EntryType::Directory, "link", "", 0o777, b"")
            .file("link/new", b"x")
    });
    assert!(fs::symlink_metadata(root.join("link")).unwrap().is_dir());
    assert!(root.join("link/new").exists());
}

#[test]
fn a_tree_is_replaced_without_following_links_in_it() {
    let (_fixture, root) = contained(|outside| {
        Layer::new().directory("d").symlink("d/link", outside.path()).directory("d/e").file("d", b"now a file")
    });
    assert!(fs::symlink_metadata(root.join("d")).unwrap().is_file());
}

#[test]
fn a_directory_that_the_walk_stands_in_may_be_replaced() {
    let (_fixture, root) =
        contained(|_| Layer::new().directory("a").symlink("a/up", "/").file("a/up/a", b"replaced").file("b", b"x"));
    assert_eq!(fs::read_to_string(root.join("a")).unwrap(), "replaced");
}

#[test]
fn whiteouts_name_something_in_their_directory() {
    for name in [".wh.", ".wh..", ".wh...", "d/.wh."] {
        refused(|_| Layer::new().directory("d").file(name, b""), "a whiteout of the directory itself");
    }
    refused(|_| Layer::new().file("../.wh.etc", b""), "leads out of the layer");
}

#[test]
fn a_whiteout_beside_a_symlink_touches_no_target() {
    let (_fixture, root) =
        contained(|outside| Layer::new().symlink("link", outside.path()).file(".wh.link", b"").file(".wh.other", b""));
    assert!(fs::symlink_metadata(root.join("link")).unwrap().is_symlink());
    assert!(fs::symlink_metadata(root.join("other")).unwrap().file_type().is_char_device());
}

#[test]
fn a_whiteout_through_a_symlinked_parent_stays_inside() {
    refused(
        |outside| Layer::new().symlink("d", outside.path()).file("d/.wh.sentinel", b""),
        "follow the symbolic link",
    );
    refused(
        |outside| Layer::new().symlink("d", outside.path()).file("d/.wh..wh..opq", b""),
        "follow the symbolic link",
    );
}

#[test]
fn the_root_is_a_directory() {
    for kind in [EntryType::Regular, EntryType::Symlink, EntryType::Fifo] {
        refused(|_| Layer::new().member(kind, "./.", "/etc", 0o644, b""), "must be a directory");
    }
}

#[test]
fn empty_and_impossible_names_are_refused() {
    refused(|_| Layer::new().file("", b"x"), "empty name");
    refused(|_| Layer::new().pax(&[("path", b"a\0b")]).file("x", b""), "NUL in a name");
    refused(|_| Layer::new().pax(&[("path", &[b'x'; 300])]).file("x", b""), "File name too long");
    refused(|_| Layer::new().pax(&[("path", "d/".repeat(300).as_bytes())]).file("x", b""), "nested deeper");
    refused(|_| Layer::new().pax(&[("linkpath", &[b'x'; 5000])]).symlink("x", ""), "File name too long");
    refused(|_| Layer::new().file("a", b"x").file("a/b", b"y"), "come after it as a file");
}

#[test]
fn odd_names_are_kept() {
    let deep = "d/".repeat(255) + "f";
    let (_fixture, root) = contained(|_| {
        Layer::new()
            .file("new\nline", b"1")
            .file(" ", b"2")
            .file("\x1b[31m", b"3")
            .pax(&[("path", deep.as_bytes())])
            .file("x", b"4")
    });
    for (name, content) in [("new\nline", "1"), (" ", "2"), ("\x1b[31m", "3"), (&deep, "4")] {
        assert_eq!(fs::read_to_string(root.join(name)).unwrap(), content);
    }
}

#[test]
fn attributes_that_steer_overlayfs_are_stripped() {
    let steering = [
        ("SCHILY.xattr.trusted.overlay.redirect", &b"/etc"[..]),
        ("SCHILY.xattr.trusted.overlay.opaque", b"y"),
        ("SCHILY.xattr.trusted.overlay.metacopy", b""),
        ("SCHILY.xattr.user.overlay.opaque", b"y"),
        ("SCHILY.xattr.user.kept", b"yes"),
    ];
    let (_fixture, root) = contained(|_| {
        Layer::new().pax(&steering).directory("d").pax(&steering).file("f", b"x").pax(&steering[..3]).symlink("l", "x")
    });
    for (name, kept) in [("d", &b"user.kept\0"[..]), ("f", b"user.kept\0"), ("l", b"")] {
        let mut names = [0; 256];
        let length = llistxattr(root.join(name), &mut names[..]).unwrap();
        assert_eq!(&names[..length], kept, "{name}");
    }
    let mut value = [0; 8];
    assert_eq!(lgetxattr(root.join("f"), "user.kept", &mut value[..]).unwrap(), 3);
}

/// Ten megabytes of gzip hold 10 GB of zeros; a sparse file of any length holds nothing.
#[test]
fn a_sparse_file_of_an_exabyte_is_refused_or_costs_nothing() {
    let result = attack(|_| {
        Layer::new().pax(&[("GNU.sparse.size", b"1152921504606846976"), ("GNU.sparse.map", b"0,0")]).file("huge", b"")
    });
    if let Ok((_fixture, root)) = result {
        assert_eq!(fs::metadata(root.join("huge")).unwrap().blocks(), 0);
    }
}

#[test]
fn a_header_that_promises_more_than_any_disk_has_is_refused() {
    let fixture = Fixture::new();
    let layer = Layer::new().pax(&[("size", b"9223372036854775000")]).file("f", b"x").finish();
    assert!(fixture.import(&gzip(&layer)).unwrap_err().to_string().contains("cut short"));
    fixture.assert_empty();
}

fn walk(directory: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if fs::symlink_metadata(&path).unwrap().is_dir() {
            paths.extend(walk(&path));
        }
        paths.push(path);
    }
    paths
}
