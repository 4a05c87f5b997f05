//! Layers that try to break out, after containerd's TestBreakouts and the advisories of other extractors. A sentinel
//! outside of the store must stay as it is, and nothing may appear beside it.

mod common;

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use common::{Fixture, Layer, docker_image, gzip};
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

/// The break-outs that containerd tests, by the names that it gives them. Where theirs lead to `/etc`, these lead to
/// `etc`, a directory outside of the store, which the layer has, too. All come above a layer that has `etc/passwd` and the
/// symbolic link `localetc` to `etc`.
fn break_outs(etc: &str) -> Vec<(&'static str, Layer)> {
    let inner = &etc[1..];
    let file = |path: &str| format!("{inner}/{path}");
    let up = format!("../../../../..{etc}");
    let base = || Layer::new().directory(inner).file(&file("passwd"), b"inside");
    let localetc = |target: &str| base().symlink("localetc", target).hard_link("localpasswd", "/localetc/passwd");
    let dummy = || Layer::new().directory(inner).directory("dummy");
    vec![
        (
            "SymlinkAbsolute",
            Layer::new().directory(inner).symlink("localetc", etc).file("/localetc/unbroken", b"unbroken"),
        ),
        ("SymlinkUpAndOut", dummy().symlink("localetc", &format!("/dummy/..{etc}")).file("/localetc/unbroken", b"x")),
        (
            "SymlinkMultipleAbsolute",
            dummy().symlink("/dummy/etc", etc).symlink("localetc", "/dummy/etc").file("/dummy/etc/unbroken", b"x"),
        ),
        (
            "SymlinkMultipleRelative",
            dummy().symlink("/dummy/etc", etc).symlink("localetc", "./dummy/etc").file("/dummy/etc/unbroken", b"x"),
        ),
        ("SymlinkEmptyFile", base().symlink("localetc", etc).file("/localetc/sentinel", b"")),
        (
            "HardlinkRelative",
            base().directory("b").symlink("b/d1", &format!("../..{etc}")).hard_link("b/mine", "/b/d1/passwd"),
        ),
        (
            "HardlinkDownAndOut",
            base()
                .directory("b")
                .directory("downandout")
                .symlink("b/d1", &format!("../downandout/../..{etc}"))
                .hard_link("b/mine", "/b/d1/passwd"),
        ),
        ("HardlinkAbsolute", localetc(etc)),
        ("HardlinkRelativeLong", localetc(&up)),
        ("HardlinkRelativeUpAndOut", localetc(&format!("upandout/../../..{etc}"))),
        ("HardlinkDirectRelative", base().hard_link("localpasswd", &format!("{up}/sentinel"))),
        ("HardlinkDirectAbsolute", base().hard_link("localpasswd", &format!("{etc}/sentinel"))),
        (
            "HardlinkSymlinkRelative",
            base()
                .symlink("link", &format!("{up}/sentinel"))
                .hard_link("localpasswd", "/link")
                .file("localpasswd", b"mine"),
        ),
        (
            "HardlinkSymlinkAbsolute",
            base()
                .symlink("link", &format!("{etc}/sentinel"))
                .hard_link("localpasswd", "/link")
                .file("localpasswd", b"mine"),
        ),
        (
            "HardlinkSymlinkBeforeCreateTarget",
            Layer::new().symlink("link", &format!("{etc}/new")).hard_link("other", "/link").file("other", b"mine"),
        ),
        (
            "HardlinkSymlinkChmod",
            Layer::new().symlink("link", &format!("{etc}/sentinel")).hard_link("other", "/link").member(
                EntryType::Regular,
                "other",
                "",
                0o777,
                b"",
            ),
        ),
        ("SymlinkParentDirectory", base().symlink("..", etc).hard_link("localpasswd", &file("passwd"))),
        ("SymlinkEmptyFilename", base().symlink("", etc).hard_link("localpasswd", &file("passwd"))),
        ("SymlinkParentRelative", base().symlink("localetc/sub/..", etc).hard_link("localetc/new", &file("passwd"))),
        ("SymlinkSlashEnded", base().directory("localetc/").hard_link("/localetc/localpasswd", &file("passwd"))),
        ("SymlinkOverrideDirectory", base().symlink("localetc", etc).hard_link("/localetc/new", &file("passwd"))),
        (
            "SymlinkOverrideDirectoryRelative",
            base().symlink("localetc", &up).hard_link("/localetc/new", &file("passwd")),
        ),
        ("DirectoryOverrideSymlink", base().directory("/localetc/").hard_link("/localetc/new", &file("passwd"))),
        (
            "DirectoryOverrideRelativeSymlink",
            base().directory("./localetc/").hard_link("localetc/new", &file("passwd")),
        ),
        (
            "DirectoryOverrideSymlinkAndHardlink",
            Layer::new().directory("/localetc/").file("/localetc/sentinel", b"different"),
        ),
        ("WhiteoutRootParent", Layer::new().file(".wh...", b"")),
        ("WhiteoutParent", Layer::new().file(&file(".wh..."), b"")),
        ("WhiteoutRoot", Layer::new().file(".wh..", b"")),
        ("WhiteoutCurrentDirectory", Layer::new().file(&file(".wh.."), b"")),
        ("WhiteoutSymlink", Layer::new().file(".wh.localetc", b"")),
        ("WhiteoutSymlinkPath", Layer::new().file("localetc/.wh.sentinel", b"")),
        ("WhiteoutDirectoryName", Layer::new().file(".wh.localetc/sentinel", b"non-empty")),
        ("WhiteoutDeadSymlinkParent", Layer::new().symlink("dead", "/dne").file("dead/.wh.etc", b"")),
        ("WhiteoutRelativePath", Layer::new().file(&format!("dne/../.wh.{inner}"), b"")),
    ]
}

#[test]
fn every_break_out_that_containerd_tests_is_contained() {
    let outside = Outside::new();
    let mut contained = 0;
    for (name, layer) in break_outs(outside.path()) {
        let fixture = Fixture::new();
        let inner = &outside.path()[1..];
        let below = Layer::new().directory(inner).file(&format!("{inner}/passwd"), b"below");
        let below = below.symlink("localetc", outside.path()).finish();
        let layers = [below, layer.finish()];
        let result = fixture.load(&docker_image("attack", &layers));
        outside.assert_untouched();
        match result {
            Ok(_) => {
                contained += 1;
                let image = fixture.store.resolve("attack").unwrap();
                let [top, bottom] = &image.layers[..] else { panic!("{name}: two layers") };
                // The layer below is untouched, too.
                assert_eq!(walk(bottom).len(), 2 + Path::new(inner).components().count(), "{name}");
                assert_eq!(fs::read(bottom.join(inner).join("passwd")).unwrap(), b"below", "{name}");
                // Whatever was made has the layer's own directory for root.
                assert!(walk(top).iter().all(|path| path.starts_with(top)), "{name}");
            }
            Err(error) => {
                assert!(!error.to_string().is_empty(), "{name}");
                fixture.assert_empty();
            }
        }
    }
    assert!(contained >= 15, "only {contained} are unpacked: the rest are refused for some other reason");
}

/// The same archive is two, one for a reader that believes the header and one for a reader that believes PAX
/// (CVE-2025-62518); and an extended header must not pass to a member behind it.
#[test]
fn nothing_is_smuggled_past_a_size_that_is_given_twice() {
    let smuggled = Layer::new().file("smuggled", b"evil").finish();
    let length = smuggled.len().to_string();
    let mut layer = Layer::new().pax(&[("size", length.as_bytes())]).file("outer", b"").finish();
    layer.truncate(layer.len() - 1024);
    layer.extend_from_slice(&smuggled);
    let fixture = Fixture::new();
    let image = fixture.import(&[layer, Layer::new().file("after", b"x").finish()].concat()).unwrap();
    let root = &image.layers[0];
    assert_eq!(fs::read(root.join("outer")).unwrap(), smuggled);
    assert!(!root.join("smuggled").exists() && root.join("after").exists());
}

/// What GNU tar makes of an archive is what we make of it, however its extended headers are mixed (GHSA-3pv8-6f4r-ffg2).
#[test]
fn mixed_extensions_are_read_as_gnu_tar_reads_them() {
    let long = "long/".repeat(30) + "name";
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(EntryType::GNULongName);
    header.set_size(long.len() as u64 + 1);
    header.as_old_mut().name[..13].copy_from_slice(b"././@LongLink");
    let long_name = [long.as_bytes(), b"\0"].concat();
    let layer = Layer::new()
        .pax(&[("mtime", b"1000000000.5"), ("size", b"5")])
        .raw(header, &long_name)
        .file("short", b"12345")
        .file("second", b"x")
        .finish();
    let fixture = Fixture::new();
    let archive = fixture.root.path().join("layer.tar");
    fs::write(&archive, &layer).unwrap();
    let listed = std::process::Command::new("tar").arg("tf").arg(&archive).output().unwrap();
    let listed: Vec<String> = String::from_utf8(listed.stdout).unwrap().lines().map(str::to_owned).collect();
    let image = fixture.import(&layer).unwrap();
    let root = &image.layers[0];
    let files = walk(root).into_iter().filter(|path| path.is_file());
    let mut found: Vec<String> =
        files.map(|path| path.strip_prefix(root).unwrap().to_str().unwrap().to_owned()).collect();
    found.sort();
    assert_eq!((listed.clone(), found), ([&long, "second"].map(str::to_owned).to_vec(), listed));
}

/// Devices are what `--device` and the cgroup decide about; set-user-ID bits and capabilities are what programs need.
#[test]
fn devices_and_privileges_of_files_are_kept() {
    // struct vfs_cap_data, version 2, with CAP_NET_BIND_SERVICE permitted and effective (linux/capability.h).
    let capability = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let mut device = tar::Header::new_gnu();
    device.set_entry_type(EntryType::Char);
    device.as_old_mut().name[..4].copy_from_slice(b"null");
    device.set_mode(0o666);
    device.set_uid(0);
    device.set_gid(0);
    device.set_mtime(0);
    device.set_size(0);
    device.set_device_major(1).unwrap();
    device.set_device_minor(3).unwrap();
    let (_fixture, root) = contained(|_| {
        Layer::new()
            .member(EntryType::Regular, "su", "", 0o4755, b"x")
            .pax(&[("SCHILY.xattr.security.capability", &capability[..])])
            .file("ping", b"x")
            .member(EntryType::Fifo, "fifo", "", 0o600, b"")
            .raw(device, b"")
    });
    assert_eq!(fs::metadata(root.join("su")).unwrap().mode() & 0o7777, 0o4755);
    let mut value = [0; 64];
    let length = lgetxattr(root.join("ping"), "security.capability", &mut value[..]).unwrap();
    assert_eq!(value[..length], capability);
    assert!(fs::symlink_metadata(root.join("fifo")).unwrap().file_type().is_fifo());
    assert_eq!(fs::symlink_metadata(root.join("null")).unwrap().rdev(), rustix::fs::makedev(1, 3));
}
