//! Archives that are damaged, forged or no archives: each is refused with a reason, and nothing is stored.

mod common;

use std::io::{self, Read};

use common::{Fixture, Layer, blob, config, descriptor, docker_archive, docker_image, gzip, oci_archive, zstd};
use porthole_images::Digest;

fn layer() -> Vec<u8> {
    Layer::new().directory("d").file("d/f", &b"content".repeat(1000)).finish()
}

fn refused(archive: &[u8], why: &str) {
    let fixture = Fixture::new();
    let error = fixture.load(archive).expect_err("this archive is to be refused").to_string();
    assert!(error.contains(why), "{error}");
    fixture.assert_empty();
}

#[test]
fn what_is_no_archive_is_refused() {
    refused(b"", "neither manifest.json");
    refused(b"hello, world", "cut short");
    refused(&b"hello, world".repeat(100), "not a tar archive");
    refused(&Layer::new().file("etc/passwd", b"root").finish(), "neither manifest.json");
    refused(&Layer::new().file("manifest.json", b"[]").finish(), "no image is in it");
    refused(&Layer::new().file("manifest.json", b"{").finish(), "\"manifest.json\" is malformed");
}

#[test]
fn a_truncated_archive_is_refused() {
    let whole = docker_image("a", &[layer()]);
    for compress in [|bytes: &[u8]| bytes.to_vec(), gzip, zstd] {
        let whole = compress(&whole);
        for cut in [whole.len() / 3, whole.len() / 2, whole.len() - whole.len() / 5] {
            let fixture = Fixture::new();
            assert!(fixture.load(&whole[..cut]).is_err(), "{cut} of {}", whole.len());
            fixture.assert_empty();
        }
    }
}

/// Whatever byte is flipped: the archive is refused, or the byte was one that means nothing.
#[test]
fn flipped_bytes_never_change_what_is_stored() {
    let layer = layer();
    let config = config(&[Digest::of(&layer)]);
    let whole = docker_archive("a", &config, &[gzip(&layer)]);
    let mut refused = 0;
    for at in (0..whole.len()).step_by(37) {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        let fixture = Fixture::new();
        match fixture.load(&flipped) {
            Ok(images) => {
                let image = fixture.store.resolve(&images[0].id.to_string()).unwrap();
                let content = std::fs::read(image.layers[0].join("d/f")).unwrap();
                assert_eq!((images[0].id, content), (Digest::of(&config), b"content".repeat(1000)));
            }
            Err(_) => {
                refused += 1;
                fixture.assert_empty();
            }
        }
    }
    assert!(refused > 10);
}

#[test]
fn a_wrong_diff_id_is_refused() {
    let lie = docker_archive("a", &config(&[Digest::of(b"something else")]), &[layer()]);
    refused(&lie, "the diffID is sha256:");
    let [one, two] = [layer(), Layer::new().file("x", b"y").finish()];
    let swapped = docker_archive("a", &config(&[Digest::of(&two), Digest::of(&one)]), &[one, two]);
    refused(&swapped, "the archive is damaged or forged");
}

#[test]
fn bytes_added_to_a_layer_are_noticed() {
    let config = config(&[Digest::of(&layer())]);
    refused(&docker_archive("a", &config, &[[&layer()[..], b"\0"].concat()]), "the diffID is sha256:");
    let prepended = [b"\0", &layer()[..]].concat();
    let fixture = Fixture::new();
    assert!(fixture.load(&docker_archive("a", &config, &[prepended])).is_err());
    fixture.assert_empty();
}

#[test]
fn wrong_counts_and_names_are_refused() {
    let diff_id = Digest::of(&layer());
    refused(&docker_archive("a", &config(&[diff_id, diff_id]), &[layer()]), "has 1 layers, but names 2");
    refused(&docker_archive("A", &config(&[diff_id]), &[layer()]), "must be lowercase");
    refused(&docker_archive("a", b"{}", &[layer()]), "is malformed");
    let many = vec![Layer::new().finish(); 501];
    refused(&docker_image("a", &many), "overlayfs can stack 500");
}

#[test]
fn missing_and_ambiguous_members_are_refused() {
    let manifest = br#"[{"Config":"c.json","RepoTags":["a:b"],"Layers":["l.tar"]}]"#;
    let config = config(&[Digest::of(&layer())]);
    let archive = || Layer::new().file("manifest.json", manifest);
    refused(&archive().finish(), "\"c.json\" is missing");
    refused(&archive().file("c.json", &config).finish(), "\"l.tar\" is missing");
    let twice = archive().file("c.json", &config).file("l.tar", &layer()).file("manifest.json", b"[]");
    refused(&twice.finish(), "\"manifest.json\" is in it twice");
    let circular = archive().file("c.json", &config).symlink("l.tar", "l.tar");
    refused(&circular.finish(), "too many links");
    let outside = archive().file("c.json", &config).symlink("l.tar", "/etc/passwd");
    refused(&outside.finish(), "\"l.tar\" is missing");
    refused(&archive().file("../c.json", &config).finish(), "leads out of it");
    let huge = archive().file("c.json", &vec![b' '; (4 << 20) + 1]);
    refused(&huge.finish(), "longer than 4 MiB");
}

#[test]
fn a_symlinked_layer_is_found() {
    let config = config(&[Digest::of(&layer()), Digest::of(&layer())]);
    let manifest = br#"[{"Config":"c.json","RepoTags":null,"Layers":["1/layer.tar","2/layer.tar"]}]"#;
    let archive = Layer::new()
        .file("1/layer.tar", &layer())
        .symlink("2/layer.tar", "../1/layer.tar")
        .file("c.json", &config)
        .file("manifest.json", manifest);
    let fixture = Fixture::new();
    let images = fixture.load(&archive.finish()).unwrap();
    assert_eq!(fixture.store.resolve(&images[0].id.short()).unwrap().layers.len(), 2);
}

#[test]
fn oci_lies_are_refused() {
    let blob_ = gzip(&layer());
    let diff_id = Digest::of(&layer());
    let whole = oci_archive("a:b", std::slice::from_ref(&blob_), &[diff_id]);
    let tamper = |from: &str, to: &str| {
        // Of the same length, so that the tar file stays one.
        assert_eq!(from.len(), to.len());
        let at = whole.windows(from.len()).position(|window| window == from.as_bytes()).expect("it is in the archive");
        let mut bytes = whole.clone();
        bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
        bytes
    };
    refused(&tamper("\"architecture\"", "\"architektura\""), "does not have the digest");
    refused(&tamper("image.layer.v1.tar+gzip", "image.layer.v1.tar+gzop"), "does not have the digest");
    let index_of = |layers: serde_json::Value, config_type: &str| {
        let config = config(&[diff_id]);
        let manifest = serde_json::to_vec(&serde_json::json!({
            "schemaVersion": 2, "config": descriptor(config_type, &config), "layers": layers,
        }))
        .unwrap();
        let index = serde_json::json!({"manifests": [descriptor("manifest.v1+json", &manifest)]});
        let archive = blob(blob(Layer::new(), &config), &manifest);
        archive.file("index.json", index.to_string().as_bytes())
    };
    let promised = descriptor("layer.v1.tar+gzip", &blob_);
    let path = format!("blobs/sha256/{}", Digest::of(&blob_).hex());
    let recompressed = index_of(serde_json::json!([promised]), "config.v1+json").file(&path, &zstd(&layer()));
    refused(&recompressed.finish(), "were promised");
    let mut longer = promised.clone();
    longer["size"] = (blob_.len() + 1).into();
    let archive = index_of(serde_json::json!([longer]), "config.v1+json").file(&path, &blob_);
    refused(&archive.finish(), "bytes, but");
    let mut unknown = promised.clone();
    unknown["mediaType"] = "text/html".into();
    let archive = index_of(serde_json::json!([unknown]), "config.v1+json").file(&path, &blob_);
    refused(&archive.finish(), "of unknown type \"text/html\"");
    let artifact = index_of(serde_json::json!([promised]), "helm.config.v1+json").file(&path, &blob_);
    refused(&artifact.finish(), "no container image, but an artifact");
}

/// CVE-2021-41190: one document, two meanings.
#[test]
fn what_is_both_index_and_manifest_is_refused() {
    let both = br#"{"manifests": [], "layers": [], "config": null}"#;
    refused(&Layer::new().file("index.json", both).finish(), "both an index and a manifest");
    let neither = br#"{"schemaVersion": 2}"#;
    refused(&Layer::new().file("index.json", neither).finish(), "neither an index nor a manifest");
}

#[test]
fn endless_and_foreign_indexes_are_refused() {
    let mut inner = serde_json::json!({"manifests": []}).to_string().into_bytes();
    let mut archive = Layer::new();
    for _ in 0..7 {
        archive = blob(archive, &inner);
        inner = serde_json::json!({"manifests": [descriptor("index.v1+json", &inner)]}).to_string().into_bytes();
    }
    refused(&archive.file("index.json", &inner).finish(), "nested too deep");
    let mut foreign = descriptor("manifest.v1+json", b"{}");
    foreign["platform"] = serde_json::json!({"os": "linux", "architecture": "s390x"});
    let nested = serde_json::json!({"manifests": [foreign]}).to_string().into_bytes();
    let index = serde_json::json!({"manifests": [descriptor("index.v1+json", &nested)]}).to_string();
    let archive = blob(Layer::new(), &nested).file("index.json", index.as_bytes());
    refused(&archive.finish(), "only for linux/s390x");
}

#[test]
fn one_bad_layer_keeps_the_good_ones_out() {
    let good: Vec<Vec<u8>> =
        (0..6).map(|index| Layer::new().file(&format!("f{index}"), &[index; 100_000]).finish()).collect();
    let mut diff_ids: Vec<Digest> = good.iter().map(|layer| Digest::of(layer)).collect();
    diff_ids[4] = Digest::of(b"lie");
    refused(&docker_archive("a", &config(&diff_ids), &good), "the diffID is");
}

/// A pipe whose writer dies.
#[test]
fn a_failing_reader_is_told() {
    struct Failing<'a>(&'a [u8]);
    impl Read for Failing<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error())),
                count => Ok(count),
            }
        }
    }
    let fixture = Fixture::new();
    let archive = docker_image("a", &[layer()]);
    let error = fixture.store.load(Failing(&archive[..1000]), &mut |_| ()).unwrap_err().to_string();
    assert!(error.contains("Input/output error"), "{error}");
    fixture.assert_empty();
}
