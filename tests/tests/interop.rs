//! Images that go between porthole and other engines, and back, by archives and by a registry.

use porthole_tests::Host;
use porthole_tests::archive::{Image, Tree, busybox, gzip};
use porthole_tests::peer::Peer;
use porthole_tests::registry::{Door, Registry};
use serde_json::Value;
use std::fs;

const TAR_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// The registry that all of them may speak with without TLS.
const REGISTRY: &str = "127.0.0.1:5000";

/// Busybox below, and above it a file more and one less.
fn layered() -> Image {
    let below = Tree::new().directory("data").file("data/old", b"old").file("data/gone", b"gone").finish();
    let above = Tree::new().directory("data").file("data/new", b"new").file("data/.wh.gone", b"").finish();
    Image::new(vec![busybox().to_vec(), below, above])
}

/// A host that may speak with the registry without TLS.
fn host() -> Host {
    let mut host = Host::empty();
    let registries = host.path("registries.toml");
    fs::write(&registries, format!("[registry.'{REGISTRY}']\ninsecure = 'http'\n")).unwrap();
    host.set("PORTHOLE_REGISTRIES", registries);
    host
}

/// What an image is, whoever has it: its ID and its layers.
#[derive(Debug, PartialEq)]
struct Identity {
    id: String,
    layers: Value,
}

fn ours(host: &Host, name: &str) -> Identity {
    let image = host.inspect(name);
    Identity { id: image["Id"].as_str().unwrap().to_owned(), layers: image["RootFS"]["Layers"].clone() }
}

fn theirs(peer: &Peer, name: &str) -> Identity {
    let text = peer.ok(&format!("image inspect {name}"));
    let image: Value = serde_json::from_str(&text).unwrap();
    let id = image[0]["Id"].as_str().unwrap();
    let id = if id.contains(':') { id.to_owned() } else { format!("sha256:{id}") };
    Identity { id, layers: image[0]["RootFS"]["Layers"].clone() }
}

/// Archives from us to a peer and, in each of these formats, back.
fn exchange_archives(host: &Host, peer: &Peer, formats: &[&str]) {
    for (name, archive) in
        [("plain:1", layered().docker("plain:1")), ("packed:1", layered().oci("packed:1", TAR_GZIP, gzip))]
    {
        host.porthole_with("load", &archive).ok();
        let sent = ours(host, name);
        let file = host.path("archive.tar");
        let path = file.display();
        host.ok(&format!("save -o {path} {name}"));
        host.ok(&format!("rmi {name}"));
        peer.ok(&format!("load -i {path}"));
        assert_eq!(theirs(peer, name), sent, "{name} loaded by {}", peer.name());
        assert_eq!(peer.ok(&format!("run --rm --net none {name} ls /data")), "new\nold");
        for format in formats {
            fs::remove_file(&file).unwrap();
            peer.ok(&format!("save {format} -o {path} {name}"));
            host.ok(&format!("load -i {path}"));
            let loaded = loaded_name(host, name);
            assert_eq!(ours(host, &loaded), sent, "{name} saved by {} {format}", peer.name());
            assert_eq!(host.ok(&format!("run --rm {loaded} ls /data")), "new\nold");
            host.ok(&format!("rmi {loaded}"));
        }
        peer.ok(&format!("rmi {name}"));
    }
}

/// Podman puts its own registry before names that have none.
fn loaded_name(host: &Host, name: &str) -> String {
    host.ok("images --format '{{.Repository}}:{{.Tag}}'").lines().find(|line| line.ends_with(name)).unwrap().to_owned()
}

/// By the registry from us to a peer and, under another name, back.
fn exchange_by_registry(host: &Host, peer: &Peer) {
    let _registry = Registry::start(5000, Door::Open);
    let (there, back) = (format!("{REGISTRY}/there:1"), format!("{REGISTRY}/back:1"));
    host.porthole_with("load", &layered().docker(&there)).ok();
    let sent = ours(host, &there);
    host.ok(&format!("push -q {there}"));
    host.ok(&format!("rmi {there}"));
    peer.ok(&format!("pull -q {there}"));
    assert_eq!(theirs(peer, &there), sent, "pulled by {}", peer.name());
    assert_eq!(peer.ok(&format!("run --rm --net none {there} ls /data")), "new\nold");
    peer.ok(&format!("tag {there} {back}"));
    peer.ok(&format!("push -q {back}"));
    host.ok(&format!("pull -q {back}"));
    assert_eq!(ours(host, &back), sent, "pushed by {}", peer.name());
    assert_eq!(host.ok(&format!("run --rm {back} ls /data")), "new\nold");
}

#[test]
fn docker_and_we_understand_each_other() {
    let host = host();
    let Some(docker) = Peer::docker() else { return };
    exchange_archives(&host, &docker, &[""]);
    exchange_by_registry(&host, &docker);
}

#[test]
fn podman_and_we_understand_each_other() {
    let host = host();
    let Some(podman) = Peer::podman() else { return };
    exchange_archives(&host, &podman, &["--format docker-archive", "--format oci-archive"]);
    exchange_by_registry(&host, &podman);
}
