//! What comes out of a layer is what went in, and what overlayfs makes of it.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use common::{Fixture, Layer, docker_image};
use proptest::prelude::*;
use rustix::fs::{lgetxattr, major, minor};
use tar::{EntryType, Header};

fn is_whiteout(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_char_device() && metadata.rdev() == 0)
}

fn is_opaque(path: &Path) -> bool {
    let mut value = [0; 8];
    lgetxattr(path, "trusted.overlay.opaque", &mut value[..]).is_ok_and(|length| &value[..length] == b"y")
}

#[test]
fn every_kind_of_member_keeps_its_attributes() {
    let mut owned = Header::new_gnu();
    owned.set_path("setuid").unwrap();
    owned.set_mode(0o4755);
    owned.set_uid(12);
    owned.set_gid(34);
    owned.set_mtime(1_234_567_890);
    owned.set_size(4);
    let mut device = Header::new_gnu();
    device.set_entry_type(EntryType::Char);
    device.set_path("null").unwrap();
    device.set_mode(0o666);
    device.set_uid(0);
    device.set_gid(5);
    device.set_mtime(7);
    device.set_size(0);
    device.set_device_major(1).unwrap();
    device.set_device_minor(3).unwrap();
    // VFS_CAP_REVISION_2 with CAP_NET_RAW effective and permitted.
    let capability = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let fixture = Fixture::new();
    let root = fixture
        .unpack(
            Layer::new()
                .member(EntryType::Directory, "./", "", 0o555, b"")
                .member(EntryType::Directory, "tmp/", "", 0o1777, b"")
                .file("tmp/f", b"in a directory whose time must not change")
                .raw(owned, b"suid")
                .raw(device, b"")
                .member(EntryType::Fifo, "fifo", "", 0o600, b"")
                .symlink("link", "/nowhere")
                .hard_link("tmp/hard", "setuid")
                .pax(&[("SCHILY.xattr.security.capability", &capability), ("mtime", b"1000000000.5")])
                .member(EntryType::Regular, "ping", "", 0o755, b"x"),
        )
        .unwrap();
    let stat = |name: &str| fs::symlink_metadata(root.join(name)).unwrap();
    assert_eq!((stat("").mode() & 0o7777, stat("").mtime()), (0o555, 1_000_000_000));
    assert_eq!((stat("tmp").mode() & 0o7777, stat("tmp").mtime()), (0o1777, 1_000_000_000));
    let suid = stat("setuid");
    assert_eq!((suid.mode() & 0o7777, suid.uid(), suid.gid(), suid.mtime()), (0o4755, 12, 34, 1_234_567_890));
    assert_eq!((suid.ino(), suid.nlink()), (stat("tmp/hard").ino(), 2));
    let null = stat("null");
    assert_eq!((major(null.rdev()), minor(null.rdev()), null.gid(), null.mtime()), (1, 3, 5, 7));
    assert_eq!(null.mode() & 0o7777, 0o666);
    assert!(stat("fifo").file_type().is_fifo());
    assert_eq!(fs::read_link(root.join("link")).unwrap(), Path::new("/nowhere"));
    assert_eq!(stat("link").mtime(), 1_000_000_000);
    let ping = stat("ping");
    assert_eq!((ping.mtime(), ping.mtime_nsec()), (1_000_000_000, 500_000_000));
    let mut value = [0; 64];
    let length = lgetxattr(root.join("ping"), "security.capability", &mut value[..]).unwrap();
    assert_eq!(value[..length], capability);
}

#[test]
fn sparse_files_have_holes() {
    let fixture = Fixture::new();
    let map = b"0,4096,10485760,4096";
    let root = fixture
        .unpack(
            Layer::new()
                .pax(&[("GNU.sparse.size", b"20971520"), ("GNU.sparse.map", map)])
                .file("s", &[b"a".repeat(4096), b"b".repeat(4096)].concat()),
        )
        .unwrap();
    let content = fs::read(root.join("s")).unwrap();
    assert_eq!(content.len(), 20 << 20);
    assert_eq!((content[4095], content[4096], content[10 << 20], content[(10 << 20) + 4096]), (b'a', 0, b'b', 0));
    assert!(fs::metadata(root.join("s")).unwrap().blocks() * 512 < 1 << 20);
}

#[test]
fn whiteouts_become_overlayfs_s_own() {
    let fixture = Fixture::new();
    let root = fixture
        .unpack(Layer::new().directory("d").file(".wh.gone", b"").file("d/.wh..wh..opq", b"").file(".wh..wh.plnk", b""))
        .unwrap();
    assert!(is_whiteout(&root.join("gone")));
    assert!(is_opaque(&root.join("d")));
    assert_eq!(fs::read_dir(&root).unwrap().count(), 2);
}

/// Whiteouts hide what is below the layer, not what is in it, in whatever order they come.
#[test]
fn a_whiteout_spares_its_own_layer() {
    let fixture = Fixture::new();
    let before = Layer::new().file(".wh.f", b"").file("f", b"new").file(".wh.d", b"").directory("d").file("d/x", b"x");
    let after = Layer::new().file("f", b"new").file(".wh.f", b"").directory("d").file("d/x", b"x").file(".wh.d", b"");
    let implied = Layer::new().file("f", b"new").file(".wh.d", b"").file("d/x", b"x");
    for layer in [before, after, implied] {
        let root = fixture.unpack(layer).unwrap();
        assert_eq!(fs::read_to_string(root.join("f")).unwrap(), "new");
        assert_eq!(fs::read_to_string(root.join("d/x")).unwrap(), "x");
        assert!(is_opaque(&root.join("d")), "{root:?}");
    }
}

#[test]
fn a_layer_that_hides_everything_ends_the_stack() {
    let fixture = Fixture::new();
    let layers = [
        Layer::new().file("old", b"x").finish(),
        Layer::new().file(".wh..wh..opq", b"").file("new", b"x").finish(),
        Layer::new().file("top", b"x").finish(),
    ];
    fixture.load(&docker_image("a", &layers)).unwrap();
    let image = fixture.store.resolve("a").unwrap();
    assert_eq!((image.chain.len(), image.layers.len()), (3, 2));
    assert!(image.layers[0].join("top").exists() && image.layers[1].join("new").exists());
}

/// A layer that has `tmp/f` but not `tmp` must not change the mode of the `/tmp` below it.
#[test]
fn undescribed_directories_are_as_below() {
    let fixture = Fixture::new();
    let base = Layer::new()
        .member(EntryType::Directory, "./", "", 0o711, b"")
        .member(EntryType::Directory, "tmp", "", 0o1777, b"")
        .member(EntryType::Directory, "tmp/deep", "", 0o700, b"")
        .member(EntryType::Directory, "gone", "", 0o700, b"");
    let middle = Layer::new().directory("other").file(".wh.gone", b"");
    let top = Layer::new().file("tmp/deep/f", b"x").file("gone/f", b"x");
    let layers = [base.finish(), middle.finish(), top.finish()];
    fixture.load(&docker_image("a", &layers)).unwrap();
    let image = fixture.store.resolve("a").unwrap();
    let mode = |path: &str| fs::metadata(image.layers[0].join(path)).unwrap().mode() & 0o7777;
    assert_eq!([mode(""), mode("tmp"), mode("tmp/deep"), mode("gone")], [0o711, 0o1777, 0o700, 0o755]);
    assert_eq!(fs::metadata(image.layers[0].join("tmp")).unwrap().mtime(), 1_000_000_000);
}

/// What a tree is to look like.
#[derive(Debug, Clone, PartialEq)]
enum Node {
    File(Vec<u8>, u32),
    Directory(u32),
    Symlink(String),
}

fn node() -> impl Strategy<Value = Node> {
    let mode = prop_oneof![Just(0o644u32), Just(0o4755), Just(0o600), Just(0o2711)];
    prop_oneof![
        (prop::collection::vec(any::<u8>(), 0..1500), mode).prop_map(|(content, mode)| Node::File(content, mode)),
        prop_oneof![Just(0o755u32), Just(0o1777), Just(0o2775)].prop_map(Node::Directory),
        "[a-z/.]{1,40}".prop_map(Node::Symlink),
    ]
}

fn snapshot(root: &Path, prefix: &str, found: &mut BTreeMap<String, Node>) {
    for entry in fs::read_dir(root).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        let metadata = fs::symlink_metadata(entry.path()).unwrap();
        let mode = metadata.mode() & 0o7777;
        let node = if metadata.is_dir() {
            snapshot(&entry.path(), &format!("{name}/"), found);
            Node::Directory(mode)
        } else if metadata.is_symlink() {
            Node::Symlink(fs::read_link(entry.path()).unwrap().to_str().unwrap().to_owned())
        } else {
            Node::File(fs::read(entry.path()).unwrap(), mode)
        };
        assert_eq!(metadata.mtime(), 1_000_000_000, "{name}");
        found.insert(name, node);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Any tree, its members in order, some of them twice: what counts is the last.
    #[test]
    fn a_tree_comes_out_as_it_went_in(
        top in prop::collection::btree_map("[a-e]{1,3}", node(), 0..12),
        below in prop::collection::vec(("[x-z]{1,2}", node()), 0..12),
        twice in any::<bool>(),
    ) {
        let mut tree: BTreeMap<String, Node> = top.clone();
        let directories: Vec<_> =
            top.iter().filter(|(_, node)| matches!(node, Node::Directory(_))).map(|(name, _)| name.clone()).collect();
        for (index, (name, node)) in below.into_iter().enumerate() {
            if let Some(directory) = directories.get(index % directories.len().max(1)) {
                tree.insert(format!("{directory}/{name}"), node);
            }
        }
        let mut layer = Layer::new();
        for _ in 0..=usize::from(twice) {
            for (name, node) in &tree {
                layer = match node {
                    Node::File(content, mode) => layer.member(EntryType::Regular, name, "", *mode, content),
                    Node::Directory(mode) => layer.member(EntryType::Directory, name, "", *mode, b""),
                    Node::Symlink(target) => layer.symlink(name, target),
                };
            }
        }
        let fixture = Fixture::new();
        let root = fixture.unpack(layer).unwrap();
        let mut found = BTreeMap::new();
        snapshot(&root, "", &mut found);
        prop_assert_eq!(found, tree);
    }
}
