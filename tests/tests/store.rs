//! The store: what is saved is what was loaded, what is damaged is noticed and mended, what nobody needs goes.

use porthole_tests::Host;
use porthole_tests::archive::{Image, Tree, busybox, gzip};
use serde_json::Value;
use std::fs;
use std::process::Command;

const TAR_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// Busybox below, and above it a file more and one less.
fn layered() -> Image {
    let below = Tree::new().directory("data").file("data/old", b"old").file("data/gone", b"gone").finish();
    let above = Tree::new().directory("data").file("data/new", b"new").file("data/.wh.gone", b"").finish();
    Image::new(vec![busybox().to_vec(), below, above])
}

/// A host with the image `layered:1`, loaded from a plain archive, and `layered:2` and `other:1`, whose layers came
/// compressed.
fn host() -> Host {
    let host = Host::empty();
    host.porthole_with("load", &layered().docker("layered:1")).ok();
    let other = Image::new(vec![busybox().to_vec(), Tree::new().file("other", b"other").finish()]);
    host.porthole_with("load", &other.oci("other:1", TAR_GZIP, gzip)).ok();
    host.ok("tag layered:1 layered:2");
    host
}

/// The members of an archive, in order.
fn members(archive: &[u8]) -> Vec<String> {
    let mut archive = tar::Archive::new(archive);
    let name = |entry: std::io::Result<tar::Entry<'_, _>>| entry.unwrap().path().unwrap().display().to_string();
    archive.entries().unwrap().map(name).collect()
}

fn save(host: &Host, names: &str) -> Vec<u8> {
    let file = host.path("saved.tar");
    host.ok(&format!("save -o {} {names}", file.display()));
    fs::read(file).unwrap()
}

#[test]
fn what_is_saved_is_loaded_again() {
    let host = host();
    let before = [host.inspect("layered:1"), host.inspect("other:1")];
    let saved = save(&host, "layered:1 layered:2 other:1");
    host.ok("rmi layered:1 layered:2 other:1");
    let loaded = host.porthole_with("load", &saved);
    let mut names: Vec<&str> = loaded.ok().lines().collect();
    names.sort_unstable();
    assert_eq!(names, ["Loaded image: layered:1", "Loaded image: layered:2", "Loaded image: other:1"]);
    assert_eq!(
        [&host.inspect("layered:1")["Id"], &host.inspect("other:1")["Id"]],
        [&before[0]["Id"], &before[1]["Id"]]
    );
    assert_eq!(host.ok("run --rm layered:2 ls /data"), "new\nold");
    assert_eq!(host.ok("run --rm other:1 cat /other"), "other");
}

#[test]
fn the_same_images_give_the_same_bytes_whatever_their_order() {
    let host = host();
    let one = save(&host, "layered:1 other:1");
    let file = host.path("stdout.tar");
    let output = host.command("save other:1 layered:1").stdout(fs::File::create(&file).unwrap()).status().unwrap();
    assert!(output.success());
    assert!(one == fs::read(&file).unwrap());
    // Also from a store that got them from the archive.
    host.ok("rmi layered:1 layered:2 other:1");
    host.porthole_with("load", &one).ok();
    assert!(one == save(&host, "layered:1 other:1"));
}

#[test]
fn every_blob_is_in_the_archive_once_and_sorted() {
    let host = host();
    let members = members(&save(&host, "layered:1 other:1"));
    let mut sorted = members.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(members, sorted);
    // Two configurations, two manifests, and four layers, one of which both images have.
    let blobs = members.iter().filter(|name| name.starts_with("blobs/sha256/") && name.len() > 20).count();
    assert_eq!(blobs, 8, "{members:?}");
}

#[test]
fn a_repository_is_saved_with_all_its_tags_and_an_id_with_none() {
    let host = host();
    let tags = |archive: Vec<u8>| {
        let mut archive = tar::Archive::new(archive.as_slice());
        let entries = archive.entries().unwrap().map(Result::unwrap);
        let manifest = entries.into_iter().find(|entry| entry.path().unwrap().ends_with("manifest.json")).unwrap();
        let manifest: Vec<Value> = serde_json::from_reader(manifest).unwrap();
        manifest[0]["RepoTags"].clone()
    };
    assert_eq!(tags(save(&host, "layered")), serde_json::json!(["layered:1", "layered:2"]));
    assert_eq!(tags(save(&host, "layered:2")), serde_json::json!(["layered:2"]));
    let id = host.ok("images -q --no-trunc layered:1");
    assert_eq!(tags(save(&host, &id)), Value::Null);
}

#[test]
fn saving_what_is_not_there_leaves_no_file() {
    let host = host();
    let file = host.path("saved.tar");
    let message = host.fails(1, &format!("save -o {} layered:1 nothing", file.display()));
    assert_eq!(message, "No such image: nothing:latest");
    let left: Vec<_> = fs::read_dir(host.root()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("saved")), "{left:?}");
    assert!(host.fails(1, &format!("save -o {} layered:1", host.root().display())).contains("is a directory"));
    let mut terminal = host.terminal("save layered:1");
    terminal.expect("cowardly refusing to save to a terminal");
    assert_eq!(terminal.wait(), 1);
}

#[test]
fn other_tools_read_what_is_saved() {
    let host = host();
    save(&host, "layered:1");
    let file = host.path("saved.tar");
    for transport in ["docker-archive", "oci-archive"] {
        let text = host.tool(&format!("skopeo inspect --raw {transport}:{}", file.display()));
        let manifest: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(manifest["layers"].as_array().unwrap().len(), 3, "{transport}: {text}");
        let copied = host.path(transport);
        host.tool(&format!("skopeo copy -q {transport}:{} dir:{}", file.display(), copied.display()));
    }
    let listed = Command::new("tar").arg("tf").arg(&file).output().unwrap();
    assert!(listed.status.success());
}
