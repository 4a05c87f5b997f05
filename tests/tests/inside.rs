//! Looking inside images and containers.

use porthole_tests::Host;
use porthole_tests::archive::{Image, Tree, busybox};
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

/// Busybox, and two layers of data: the upper one replaces a file and removes another.
fn layered(host: &Host) {
    let below = Tree::new().directory("data").file("data/old", b"old").file("data/gone", b"was here").finish();
    let above = Tree::new().directory("data").file("data/old", b"newer").file("data/.wh.gone", b"").finish();
    let image = Image::new(vec![busybox().to_vec(), below, above]);
    host.porthole_with("load", &image.docker("layered")).ok();
}

#[test]
fn each_layer_tells_what_it_adds_changes_removes_and_wastes() {
    let host = Host::empty();
    layered(&host);
    let format = "'{{.Layer}} {{.Added}} {{.Changed}} {{.Removed}} {{.Size}} {{.Wasted}}'";
    let layers = host.ok(&format!("image layers layered --format {format}"));
    let lines: Vec<&str> = layers.lines().collect();
    assert_eq!(lines[1..], ["2 3 0 0 11B 11B", "3 0 1 1 5B 0B"]);
    let table = host.ok("image layers layered");
    assert!(table.starts_with("LAYER     CREATED BY"), "{table}");
    assert!(table.lines().last().unwrap().starts_with("efficiency 99.9 %: 11B of "), "{table}");

    host.ok("create --name box layered true");
    assert_eq!(host.ok("image layers box").lines().count(), lines.len() + 3);
    assert!(host.fails(1, "image layers nosuch").contains("nosuch"));
}

#[test]
fn files_are_listed_of_all_layers_or_of_one() {
    let host = Host::empty();
    layered(&host);
    let paths = |line: &str| {
        let listed = host.ok(line);
        listed.lines().map(|line| format!("{} {}", &line[..1], line.rsplit(' ').next().unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(paths("image tree layered /data"), ["C /data/old"]);
    assert_eq!(paths("image tree layered:3"), ["  /data", "D /data/gone", "C /data/old"]);
    assert_eq!(paths("image tree layered --layer 2 --depth 1"), ["A /data"]);
    assert_eq!(paths("image tree layered:3 --removed"), ["D /data/gone"]);
    assert_eq!(paths("image tree layered --find bin/busybox"), ["A /bin/busybox"]);
    assert!(host.ok("image tree layered /data").starts_with("C -rw-r--r--       0:0       5B  /data/old"));
    assert!(host.fails(1, "image tree layered:4").contains("has no layer 4: it has 3"));
    assert!(host.fails(1, "image tree layered /nosuch").contains("/nosuch: no such file or directory"));
}

#[test]
fn a_file_is_printed_without_a_container() {
    let host = Host::empty();
    layered(&host);
    assert_eq!(host.ok("image cat layered data/old"), "newer");
    assert!(host.fails(1, "image cat layered /data/gone").contains("/data/gone: no such file or directory"));
    assert!(host.fails(1, "image cat layered /data").contains("/data: is a directory"));
    host.ok(
        "run -u 0 --name box layered sh -c 'ln -s /../../data/../../data/old /link; echo mine > /data/mine; mkfifo /pipe'",
    );
    assert_eq!(host.ok("image cat box /link"), "newer");
    assert_eq!(host.ok("image cat box /data/mine"), "mine");
    assert!(host.fails(1, "image cat box /pipe").contains("is not an ordinary file"));
}

#[test]
fn why_a_file_of_a_container_is_as_it_is() {
    let host = Host::empty();
    layered(&host);
    host.ok("run -u 0 --name box layered sh -c 'echo more >> /data/old; rm /bin/vi; ln -s data /d'");
    let why = host.ok("container why box /data/old");
    let lines: Vec<&str> = why.lines().collect();
    assert_eq!(lines.len(), 3, "{why}");
    assert!(lines[0].starts_with("container -rw-r--r-- 10B, seen: copied up when it was changed"), "{why}");
    assert!(lines[1].starts_with("layer 3   -rw-r--r-- 5B, hidden"), "{why}");
    assert!(lines[2].starts_with("layer 2   -rw-r--r-- 3B, hidden"), "{why}");
    let why = host.ok("container why box /bin/vi");
    assert!(why.starts_with("/bin/vi is not there: container removed it\ncontainer removes it\nlayer 1 "), "{why}");
    let why = host.ok("container why layered /data/gone");
    assert!(why.starts_with("/data/gone is not there: layer 3 removed it\n"), "{why}");
    assert!(host.ok("container why box /d/old").starts_with("/d/old is /data/old\ncontainer "));
    assert!(host.fails(1, "container why box /nosuch").contains("/nosuch: no such file or directory"));
}

#[test]
fn files_are_copied_out_and_no_link_of_the_host_is_followed() {
    let host = Host::empty();
    layered(&host);
    let make = "mkdir -p /out/sub; echo one > /out/sub/file; chmod 4751 /out/sub/file; ln -s /etc/passwd /out/link; mkfifo /out/pipe";
    host.ok(&format!("run -u 0 --name box layered sh -c '{make}'"));
    let target = host.path("target");
    let extract =
        |path: &str, to: &std::path::Path| host.porthole(&format!("image extract box {path} {}", to.display()));
    let told = extract("/out", &target);
    assert_eq!(told.ok(), "4 objects, 4B");
    assert!(told.stderr.contains("/out/pipe is a device, a pipe or a socket"), "{}", told.stderr);
    assert_eq!(fs::read_to_string(target.join("sub/file")).unwrap(), "one\n");
    assert_eq!(fs::metadata(target.join("sub/file")).unwrap().mode() & 0o7777, 0o751);
    assert_eq!(fs::read_link(target.join("link")).unwrap(), std::path::Path::new("/etc/passwd"));
    // Once more, into the directory that is there now.
    extract("/out", &target).ok();
    assert!(target.join("out/sub/file").exists());
    // A link stands where a directory is to be made.
    fs::remove_dir_all(target.join("out/sub")).unwrap();
    fs::create_dir(host.path("elsewhere")).unwrap();
    symlink(host.path("elsewhere"), target.join("out/sub")).unwrap();
    assert!(extract("/out", &target).fails(1).contains("/out/sub: "));
    assert_eq!(fs::read_dir(host.path("elsewhere")).unwrap().count(), 0);
    assert!(extract("/nosuch", &target).fails(1).contains("/nosuch: no such file or directory"));
}
