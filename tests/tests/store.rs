//! The store: what is saved is what was loaded, what is damaged is noticed and mended, what nobody needs goes.

use porthole_tests::archive::{Image, Tree, busybox, gzip};
use porthole_tests::registry::{Door, Registry};
use porthole_tests::{Host, eventually};
use serde_json::Value;
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
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
    let output = host.command("save other:1 layered:1").stdout(File::create(&file).unwrap()).status().unwrap();
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

/// The files of a kind in the store, the longest first.
fn stored(host: &Host, directory: &str, suffix: &str) -> Vec<PathBuf> {
    fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap().is_dir() {
                true => walk(&entry.path(), found),
                false => found.push(entry.path()),
            }
        }
    }
    let mut found = Vec::new();
    walk(&host.path(directory), &mut found);
    found.retain(|path| path.to_string_lossy().ends_with(suffix));
    found.sort_by_key(|path| std::cmp::Reverse(fs::symlink_metadata(path).unwrap().len()));
    found
}

/// Changes the byte in the middle of a file, and not its time.
fn flip(path: &Path) {
    let modified = fs::metadata(path).unwrap().modified().unwrap();
    let mut content = fs::read(path).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 0x10;
    fs::write(path, content).unwrap();
    File::options().write(true).open(path).unwrap().set_modified(modified).unwrap();
}

#[test]
fn whatever_is_damaged_is_told_and_mended_by_loading_the_image_again() {
    let host = Host::empty();
    let archive = layered().oci("layered:1", TAR_GZIP, gzip);
    let load = || drop(host.porthole_with("load", &archive).ok().to_owned());
    load();
    assert_damage_is_mended(&host, "layered:1", &load);
}

#[test]
fn whatever_is_damaged_is_mended_by_pulling_the_image_again() {
    let mut host = Host::empty();
    let (_registry, name) = (Registry::start(5000, Door::Open), "127.0.0.1:5000/layered:1");
    fs::write(host.path("registries.toml"), "[registry.'127.0.0.1:5000']\ninsecure = 'http'\n").unwrap();
    host.set("PORTHOLE_REGISTRIES", host.path("registries.toml"));
    host.porthole_with("load", &layered().oci(name, TAR_GZIP, gzip)).ok();
    host.ok(&format!("push -q {name}"));
    assert_damage_is_mended(&host, name, &|| drop(host.ok(&format!("pull -q {name}"))));
}

/// Damages the image of [`layered`] in one way after the other; each is told of, and mended.
fn assert_damage_is_mended(host: &Host, name: &str, mend: &dyn Fn()) {
    assert_eq!(host.ok("image verify --full"), format!("{name}: intact"));
    let id = host.ok("images -q --no-trunc");
    let config = host.path("content/sha256").join(&id["sha256:".len()..]);
    let of = |directory: &str, suffix: &str| stored(host, directory, suffix).remove(0);
    let file = |name: &str| of("snapshots", name);
    let damages: [(&str, &str, &dyn Fn()); 10] = [
        ("", "the blob sha256:", &|| flip(&of("content", ""))),
        ("", "the blob sha256:", &|| fs::remove_file(of("content", "")).unwrap()),
        ("", "the configuration is damaged", &|| flip(&config)),
        ("", "the record is damaged", &|| {
            fs::write(host.path("images").join(format!("{}.json", &id[7..])), "{").unwrap()
        }),
        ("", "bytes, not", &|| {
            fs::remove_dir_all(host.path("snapshots").join(file("data/new").ancestors().nth(3).unwrap())).unwrap();
        }),
        ("", "should not be there", &|| fs::write(file("data/new").with_file_name("more"), "more").unwrap()),
        ("", "is missing", &|| fs::remove_file(file("data/new")).unwrap()),
        (" --full", "has another content", &|| flip(&file("data/new"))),
        (" --full", "has mode 600, not 644", &|| {
            fs::set_permissions(file("data/new"), fs::Permissions::from_mode(0o600)).unwrap();
        }),
        (" --full", "belongs to 5:0, not to 0:0", &|| chown(file("data/new"), Some(5), None).unwrap()),
    ];
    for (depth, told, damage) in damages {
        damage();
        let verified = host.porthole(&format!("image verify{depth} {name}"));
        assert_eq!(verified.code, 1, "{told}: {verified:?}");
        assert!(verified.stdout.contains(told) || told == "bytes, not", "{told}: {verified:?}");
        assert_eq!(verified.stdout.lines().count(), 1, "{verified:?}");
        mend();
        assert_eq!(host.ok("image verify --full"), format!("{name}: intact"), "after {told}");
    }
    assert_eq!(host.ok(&format!("run --rm {name} ls /data")), "new\nold");
}

#[test]
fn a_layer_that_comes_back_in_another_form_is_that_of_all_images() {
    let host = host();
    let plain = stored(&host, "content", ".zst").remove(0);
    flip(&plain);
    let told = host.porthole("image verify");
    assert_eq!((told.code, told.stdout.matches("damaged").count()), (1, 1), "a shared layer is told of once: {told:?}");
    // Busybox came plain; now it comes compressed.
    let other = Image::new(vec![busybox().to_vec(), Tree::new().file("other", b"other").finish()]);
    host.porthole_with("load", &other.oci("other:1", TAR_GZIP, gzip)).ok();
    assert_eq!(host.ok("image verify --full"), "layered:1: intact\nother:1: intact");
    assert!(!plain.exists());
    assert_eq!(host.ok("run --rm layered:1 ls /data"), "new\nold");
    save(&host, "layered:1 other:1");
}

#[test]
fn a_damaged_layer_is_not_replaced_below_a_running_container() {
    let host = Host::new();
    host.ok("run -d --name user box sleep 100");
    flip(&stored(&host, "snapshots", "bin/busybox").remove(0));
    let told = host.porthole("image verify --full box");
    assert!(told.code == 1 && told.stdout.contains("stop user and verify again"), "{told:?}");
    assert!(!stored(&host, "snapshots", "").iter().any(|path| path.ends_with("damaged")));
}

#[test]
fn a_damaged_blob_is_not_saved() {
    let host = host();
    flip(&stored(&host, "content", ".zst").remove(0));
    let file = host.path("saved.tar");
    let message = host.fails(1, &format!("save -o {} layered:1", file.display()));
    assert!(message.contains("is damaged") && message.contains("image verify"), "{message}");
    assert!(!file.exists());
}

#[test]
fn images_that_nobody_needs_are_pruned() {
    let host = host();
    host.ok("create --name user other:1 true");
    // Another image takes the name; the one before stays without.
    host.porthole_with("load", &Image::new(vec![busybox().to_vec()]).docker("layered:2")).ok();
    host.ok("tag layered:2 layered:1");
    let dangling = host.ok("images -q --no-trunc -f dangling=true");
    let asked = host.porthole_with("image prune", b"n\n");
    assert_eq!(asked.fails(1), "image prune has been cancelled");
    assert!(asked.stdout.starts_with("WARNING! This will remove all dangling images."), "{asked:?}");
    assert_eq!(host.porthole("image prune").code, 1, "the end of the input means no");
    let pruned = host.porthole_with("image prune", b"y\n");
    assert!(pruned.ok().contains(&format!("deleted: {dangling}\n")), "{pruned:?}");
    assert!(pruned.ok().ends_with("Total reclaimed space: 10B"), "{pruned:?}");
    assert_eq!(host.ok("image prune -f"), "Total reclaimed space: 0B");
    assert_eq!(host.ok("image prune -a -f --filter until=2000-01-01"), "Total reclaimed space: 0B");
    assert_eq!(host.ok("image prune -a -f --filter label!=made"), "Total reclaimed space: 0B");
    let pruned = host.ok("image prune -a -f --filter label=made=here");
    assert!(
        pruned.starts_with("Deleted Images:\nuntagged: layered:1\nuntagged: layered:2\ndeleted: sha256:"),
        "{pruned}"
    );
    assert_eq!(host.ok("images --format '{{.Repository}}'"), "other", "a container was made of it");
    assert_eq!(host.ok("start user"), "user");
    assert!(host.fails(1, "image prune -f --filter x=y").contains("invalid filter"));
}

#[test]
fn containers_that_do_not_run_are_pruned() {
    let host = Host::new();
    let id = host.ok("create --label a=b box true");
    host.ok("run --name wrote box dd if=/dev/zero of=/file bs=1000 count=3");
    host.ok("run -d --name running box sleep 100");
    assert_eq!(host.ok("container prune -f --filter label=b"), "Total reclaimed space: 0B");
    assert_eq!(host.ok("container prune -f --filter until=1h"), "Total reclaimed space: 0B");
    let pruned = host.ok("container prune -f --filter label=a=b");
    assert_eq!(pruned, format!("Deleted Containers:\n{id}\n\nTotal reclaimed space: 0B"));
    let pruned = host.ok("system prune -f");
    assert!(pruned.starts_with("Deleted Containers:\n") && pruned.ends_with("Total reclaimed space: 3kB"), "{pruned}");
    assert_eq!(host.ok("ps -a --format '{{.Names}}'"), "running");
}

#[test]
fn anonymous_volumes_are_pruned_when_asked_for() {
    let host = Host::new();
    host.ok("volume create named");
    host.ok("run --name old -v /data box sh -c 'echo some > /data/file'");
    assert!(!host.ok("system prune -f").contains("Deleted Volumes"), "nobody asked");
    let pruned = host.ok("system prune -f --volumes");
    assert!(pruned.starts_with("Deleted Volumes:\n") && pruned.ends_with("Total reclaimed space: 5B"), "{pruned}");
    assert_eq!(host.ok("volume ls -q"), "named");
}

#[test]
fn disk_usage_tells_what_is_shared() {
    let host = host();
    host.ok("run -d -u 0 --name user layered:1 sh -c 'dd if=/dev/zero of=/tmp/file bs=1000 count=3; sleep 100'");
    eventually("it has written", || {
        host.container("user").join("upper/tmp/file").metadata().is_ok_and(|file| file.len() == 3000)
    });
    let table = host.ok("system df");
    assert!(table.starts_with("TYPE            TOTAL     ACTIVE    SIZE"), "{table}");
    let json: Vec<Value> =
        host.ok("system df --format json").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!([&json[0]["Type"], &json[0]["TotalCount"], &json[0]["Active"]], ["Images", "2", "1"]);
    // What `other:1` alone has.
    assert_eq!(json[0]["Reclaimable"], "5B (0%)");
    assert_eq!([&json[1]["Active"], &json[1]["Size"], &json[1]["Reclaimable"]], ["1", "3kB", "0B (0%)"]);
    let verbose = host.ok("system df -v");
    let other = verbose.lines().find(|line| line.starts_with("other")).unwrap();
    assert!(other.contains("  5B  ") && other.ends_with('0'), "{verbose}");
    assert_eq!(
        verbose.lines().filter(|line| line.starts_with("layered") && line.ends_with('1')).count(),
        2,
        "{verbose}"
    );
}

#[test]
fn the_groups_list_what_they_have() {
    let host = Host::empty();
    for (group, words) in
        [("image", "verify prune history save rmi"), ("container", "prune ps rm"), ("system", "df prune")]
    {
        let help = host.ok(&format!("{group} --help"));
        assert!(words.split(' ').all(|word| help.contains(word)), "{help}");
    }
    host.fails(125, "image nothing");
}
