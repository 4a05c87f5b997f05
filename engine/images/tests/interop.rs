//! Archives that other tools write.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{Fixture, Layer, config, docker_archive};
use porthole_images::Digest;

fn has(tool: &str) -> bool {
    let found = Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        eprintln!("skipped: {tool} is not installed");
    }
    found
}

fn run(directory: &Path, command: &[&str]) {
    let output = Command::new(command[0]).args(&command[1..]).current_dir(directory).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn saved() -> (Vec<u8>, Vec<Digest>) {
    let layers = [
        Layer::new().directory("etc").file("etc/name", b"lower").file("etc/gone", b"x").finish(),
        Layer::new().directory("etc").file("etc/name", b"upper").file("etc/.wh.gone", b"").finish(),
    ];
    let diff_ids: Vec<Digest> = layers.iter().map(|layer| Digest::of(layer)).collect();
    (docker_archive("example.org/team/a:1", &config(&diff_ids), &layers), diff_ids)
}

/// Ours → skopeo's docker and OCI archives, gzip and zstd → ours: the same layers.
#[test]
fn archives_written_by_skopeo_are_loaded() {
    if !has("skopeo") {
        return;
    }
    let (archive, diff_ids) = saved();
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("in.tar"), archive).unwrap();
    let copies: [(&str, &[&str]); 4] = [
        ("docker-archive:docker.tar:example.org/team/a:1", &[]),
        ("oci-archive:oci.tar:example.org/team/a:1", &[]),
        ("oci-archive:gzip.tar:example.org/team/a:1", &["--dest-compress-format", "gzip"]),
        ("oci-archive:zstd.tar:example.org/team/a:1", &["--dest-compress-format", "zstd"]),
    ];
    for (target, options) in copies {
        let copy = ["skopeo", "--insecure-policy", "--tmpdir", ".", "copy", "-q"];
        run(directory.path(), &[&copy[..], options, &["docker-archive:in.tar", target]].concat());
        let path = directory.path().join(target.split(':').nth(1).unwrap());
        let fixture = Fixture::new();
        let images = fixture.store.load_file(&path, &mut |_| ()).unwrap();
        assert_eq!(images[0].references, ["example.org/team/a:1".parse().unwrap()], "{target}");
        let image = fixture.store.resolve("example.org/team/a:1").unwrap();
        let inspection = fixture.store.inspect(&image).unwrap();
        assert_eq!(inspection.root_fs.layers, diff_ids, "{target}");
        assert_eq!(fs::read_to_string(image.layers[0].join("etc/name")).unwrap(), "upper");
    }
}

#[test]
fn layouts_written_by_umoci_are_loaded() {
    if !has("umoci") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    run(at, &["umoci", "init", "--layout", "layout"]);
    run(at, &["umoci", "new", "--image", "layout:latest"]);
    run(at, &["umoci", "unpack", "--image", "layout:latest", "bundle"]);
    fs::create_dir_all(at.join("bundle/rootfs/etc")).unwrap();
    fs::write(at.join("bundle/rootfs/etc/name"), "umoci").unwrap();
    run(at, &["umoci", "repack", "--image", "layout:latest", "bundle"]);
    run(at, &["tar", "-C", "layout", "-cf", "layout.tar", "."]);
    let fixture = Fixture::new();
    let images = fixture.store.load_file(&at.join("layout.tar"), &mut |_| ()).unwrap();
    assert_eq!(images[0].references, [], "a tag alone names nothing");
    let image = fixture.store.resolve(&images[0].id.short()).unwrap();
    assert_eq!(fs::read_to_string(image.layers[0].join("etc/name")).unwrap(), "umoci");
}

/// Overlayfs shows of our layers what the image is to show.
#[test]
fn layers_stack() {
    let (archive, _) = saved();
    let fixture = Fixture::new();
    fixture.load(&archive).unwrap();
    let image = fixture.store.resolve("example.org/team/a:1").unwrap();
    let merged = fixture.root.path().join("merged");
    fs::create_dir(&merged).unwrap();
    let layers: Vec<_> = image.layers.iter().map(|layer| layer.to_str().unwrap()).collect();
    let options = format!("lowerdir={}", layers.join(":"));
    // In a mount namespace of its own, which takes the mount along when it ends.
    let script =
        format!("mount -t overlay overlay -o {options} {0} && ls {0}/etc && cat {0}/etc/name", merged.display());
    let output = Command::new("unshare").args(["-m", "sh", "-c", &script]).output().unwrap();
    if !output.status.success() {
        eprintln!("skipped: no overlayfs here: {}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    assert_eq!(String::from_utf8_lossy(&output.stdout), "name\nupper");
}
