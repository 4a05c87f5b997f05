//! Images: loading, importing, naming, removing, and what strangers may send.

use porthole_tests::Host;
use porthole_tests::archive::{Image, Tree, busybox, gzip, zstd};
use porthole_tests::eventually;
use serde_json::json;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

const TAR: &str = "application/vnd.oci.image.layer.v1.tar";
const TAR_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const TAR_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

/// Busybox below, and above it a file more, one less, and a directory replaced.
fn layered() -> Image {
    let below = Tree::new().directory("data").file("data/old", b"old").file("data/gone", b"gone").finish();
    let above = Tree::new().directory("data").file("data/new", b"new").file("data/.wh.gone", b"").finish();
    Image::new(vec![busybox().to_vec(), below, above])
}

/// Everything that an image leaves in a store, as paths; locks and empty directories do not count.
fn stored(host: &Host) -> Vec<String> {
    fn walk(directory: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            match entry.file_type().unwrap().is_dir() {
                true => walk(&entry.path(), found),
                false => found.push(entry.path().display().to_string()),
            }
        }
    }
    let mut found = Vec::new();
    for directory in ["content", "snapshots", "ingest", "images", "trash"] {
        walk(&host.path(directory), &mut found);
    }
    found.retain(|path| !path.ends_with("/lock") && !path.ends_with("/references.json"));
    found
}

#[test]
fn archives_of_every_kind_are_loaded() {
    let host = Host::empty();
    let image = layered();
    let archives = [
        ("docker", image.docker("layered:1")),
        ("docker, gzip", gzip(&image.docker("layered:1"))),
        ("docker, zstd", zstd(&image.docker("layered:1"))),
        ("oci", image.oci("layered:1", TAR, <[u8]>::to_vec)),
        ("oci, layers gzip", image.oci("layered:1", TAR_GZIP, gzip)),
        ("oci, layers zstd", image.oci("layered:1", TAR_ZSTD, zstd)),
        ("oci, layers and all zstd", zstd(&image.oci("layered:1", TAR_ZSTD, zstd))),
    ];
    for (kind, archive) in archives {
        let file = host.path("archive");
        fs::write(&file, &archive).unwrap();
        let loaded = host.ok(&format!("load -i {}", file.display()));
        assert!(loaded.starts_with("Loaded image: ") && loaded.ends_with("layered:1"), "{kind}: {loaded}");
        assert_eq!(host.ok("run --rm layered:1 ls /data"), "new\nold", "{kind}");
        host.ok("rmi layered:1");
        assert_eq!(host.porthole_with("load -q", &archive).ok(), "", "{kind} from standard input");
        host.ok("rmi layered:1");
    }
}

#[test]
fn images_and_history_print_dockers_tables() {
    let host = Host::empty();
    host.porthole_with("load", &layered().docker("layered:1")).ok();
    let table = host.ok("images");
    assert!(table.starts_with("REPOSITORY   TAG       IMAGE ID       CREATED"), "{table}");
    let row: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().collect();
    let id = host.inspect("layered:1")["Id"].as_str().unwrap().to_owned();
    assert_eq!(row[..3], ["layered", "1", &id["sha256:".len()..][..12]]);
    assert_eq!(host.ok("images -q --no-trunc"), id);
    assert_eq!(host.ok("images -q nothing"), "");
    let history = host.ok("history layered:1");
    assert_eq!(history.lines().count(), 4, "{history}");
    assert!(history.contains("layer 2"), "{history}");
}

#[test]
fn inspect_tells_how_an_image_runs() {
    let host = Host::empty();
    host.porthole_with("load", &layered().docker("layered:1")).ok();
    let image = host.inspect("layered:1");
    assert_eq!(image["Config"]["Cmd"], json!(["sh", "-c", "echo $GREETING"]));
    assert_eq!(image["Config"]["User"], "app");
    assert_eq!(image["RootFS"]["Layers"].as_array().unwrap().len(), 3);
    assert_eq!(image["Os"], "linux");
    assert!(image["RepoTags"][0].as_str().unwrap().ends_with("layered:1"));
}

#[test]
fn a_root_file_system_is_imported_with_changes() {
    let host = Host::empty();
    let file = host.path("root.tar");
    fs::write(&file, gzip(busybox())).unwrap();
    let line = format!("import -c 'CMD [\"echo\", \"imported\"]' -c 'ENV A=1' {} mine:2", file.display());
    let id = host.ok(&line);
    assert!(id.starts_with("sha256:") && id.len() == 71, "{id}");
    assert_eq!(host.inspect("mine:2")["Id"], id.as_str());
    assert_eq!(host.ok("run --rm mine:2"), "imported");
    assert!(host.fails(1, "import /nonexistent mine").contains("/nonexistent"));
    assert!(host.porthole_with("import - Mine:2", busybox()).fails(1).contains("Mine"));
}

#[test]
fn an_image_has_as_many_names_as_it_is_given() {
    let host = Host::new();
    host.ok("tag box other:v1");
    host.ok("tag box registry.example:5000/team/box:v2");
    assert_eq!(host.ok("images -q").lines().count(), 3);
    assert_eq!(host.ok("run --rm registry.example:5000/team/box:v2 echo yes"), "yes");
    let first = host.ok("rmi other:v1");
    assert!(first.starts_with("Untagged: ") && !first.contains("Deleted"), "{first}");
    assert!(host.fails(1, "tag nothing other").contains("No such image: nothing"));
    assert!(host.fails(1, "rmi nothing").contains("No such image: nothing"));
    let id = host.ok("images -q --no-trunc box");
    assert!(host.porthole(&format!("rmi {id}")).fails(1).contains("must be forced"), "two names are left");
    host.ok(&format!("rmi -f {id}"));
    assert_eq!(host.ok("images -q"), "");
}

#[test]
fn an_image_in_use_is_not_removed() {
    let host = Host::new();
    host.ok("run -d --name user box sleep 100");
    assert!(host.fails(1, "rmi box").contains("user"));
    host.ok("stop -t 0 user");
    assert!(host.fails(1, "rmi box").contains("user"), "a stopped container needs it, too");
    assert_eq!(host.porthole("rmi -f box").code, 0, "the name can go");
    assert_eq!(host.ok("start user"), "user", "what the container needs is still there");
}

#[test]
fn nothing_is_left_of_a_removed_image() {
    let host = Host::empty();
    host.porthole_with("load", &layered().docker("layered:1")).ok();
    assert!(stored(&host).len() > 4);
    assert!(host.ok("rmi layered:1").contains("Deleted: sha256:"));
    // A process in the background deletes the files.
    eventually("the store is empty", || stored(&host).is_empty());
}

#[test]
fn broken_archives_are_refused_in_one_line_and_leave_nothing() {
    let host = Host::empty();
    let whole = layered().docker("broken:1");
    let zipped = gzip(&whole);
    let mut flipped = layered().oci("broken:1", TAR, <[u8]>::to_vec);
    let middle = flipped.len() / 3;
    flipped[middle] ^= 0x55;
    let archives: [(&str, Vec<u8>); 7] = [
        ("empty", Vec::new()),
        ("not an archive", b"this is not an archive\n".repeat(100)),
        ("cut", whole[..whole.len() / 2].to_vec()),
        ("cut gzip", zipped[..zipped.len() / 2].to_vec()),
        ("changed", flipped),
        ("no manifest", Tree::new().file("a", b"b").finish()),
        ("manifest no JSON", Tree::new().file("manifest.json", b"{").finish()),
    ];
    for (kind, archive) in archives {
        let output = host.porthole_with("load", &archive);
        assert_eq!(output.code, 1, "{kind}: {output:?}");
        output.fails(1);
        assert_eq!(stored(&host), [""; 0], "{kind}");
    }
    assert!(host.fails(1, "load -i /nonexistent").contains("/nonexistent"));
    assert_eq!(host.ok("images -q"), "");
}

#[test]
fn a_hostile_layer_does_not_leave_its_snapshot() {
    let host = Host::empty();
    let target = host.path("victim");
    fs::write(&target, "untouched").unwrap();
    let absolute = target.to_str().unwrap();
    let up = format!("{}{}", "../".repeat(12), &absolute[1..]);
    let layers = [
        ("..", Tree::new().hostile(&up, b"taken").finish()),
        ("absolute", Tree::new().hostile(absolute, b"taken").finish()),
        ("link", Tree::new().link("out", host.root().to_str().unwrap()).hostile("out/victim", b"taken").finish()),
        ("relative link", Tree::new().link("out", "../../../..").hostile("out/victim", b"taken").finish()),
    ];
    for (kind, layer) in layers {
        let output = host.porthole_with("load", &Image::new(vec![busybox().to_vec(), layer]).docker("hostile:1"));
        assert!(output.code == 0 || output.stderr.lines().count() == 1, "{kind}: {output:?}");
        assert_eq!(fs::read_to_string(&target).unwrap(), "untouched", "{kind}");
        host.porthole("rmi hostile:1");
    }
}

#[test]
fn a_full_disk_is_told_and_nothing_is_left() {
    let host = Host::with_disk("2500k");
    let message = host.porthole_with("load", &layered().docker("big:1")).fails(1).to_lowercase();
    assert!(message.contains("no space left"), "{message}");
    assert_eq!(stored(&host), [""; 0]);
    assert_eq!(host.ok("images -q"), "");
}

#[test]
fn a_container_on_a_full_disk_is_told_and_nothing_is_left() {
    let host = Host::with_disk("16m");
    host.porthole_with("import - box", busybox()).ok();
    let filler = host.path("filler");
    let written = File::create(&filler).unwrap().write_all(&vec![1; 16 << 20]);
    assert_eq!(written.unwrap_err().kind(), std::io::ErrorKind::StorageFull);
    let message = host.fails(125, "run --rm box true").to_lowercase();
    assert!(message.contains("no space left"), "{message}");
    fs::remove_file(filler).unwrap();
    assert_eq!(host.ok("ps -aq"), "");
    assert_eq!(host.ok("run --rm box echo again"), "again");
}
