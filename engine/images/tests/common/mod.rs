//! Archives made by hand, so that they can be as wrong as a test needs.
#![allow(dead_code, reason = "each test file uses a part")]

use std::io::Write;
use std::path::PathBuf;

use porthole_images::{Digest, Image, ImportConfig, LoadProgress, Store};
use tar::{EntryType, Header};
use tempfile::TempDir;

/// A store of its own, removed at the end.
pub struct Fixture {
    pub root: TempDir,
    pub store: Store,
}

impl Fixture {
    pub fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(root.path()).unwrap();
        Self { root, store }
    }

    /// Imports a layer; returns the directory it was unpacked into.
    pub fn unpack(&self, layer: Layer) -> porthole_images::Result<PathBuf> {
        self.import(&layer.finish()).map(|image| image.layers[0].clone())
    }

    pub fn import(&self, layer: &[u8]) -> porthole_images::Result<Image> {
        self.store.import(layer, None, ImportConfig::default())
    }

    pub fn load(&self, archive: &[u8]) -> porthole_images::Result<Vec<porthole_images::LoadedImage>> {
        self.store.load(archive, &mut |_: LoadProgress| ())
    }

    /// Nothing is stored, and nothing is left of the attempt.
    pub fn assert_empty(&self) {
        assert_eq!(self.store.list().unwrap(), []);
        for directory in ["content/sha256", "snapshots", "ingest", "trash"] {
            let path = self.root.path().join(directory);
            let names: Vec<_> =
                std::fs::read_dir(path).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
            assert!(names.is_empty(), "{names:?}");
        }
    }
}

/// A layer's tar stream.
#[derive(Default)]
pub struct Layer(Vec<u8>);

impl Layer {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn file(self, path: &str, content: &[u8]) -> Self {
        self.member(EntryType::Regular, path, "", 0o644, content)
    }

    pub fn directory(self, path: &str) -> Self {
        self.member(EntryType::Directory, path, "", 0o755, b"")
    }

    pub fn symlink(self, path: &str, target: &str) -> Self {
        self.member(EntryType::Symlink, path, target, 0o777, b"")
    }

    pub fn hard_link(self, path: &str, target: &str) -> Self {
        self.member(EntryType::Link, path, target, 0o644, b"")
    }

    /// A member of whatever name, which the `tar` crate's builder would refuse.
    pub fn member(self, kind: EntryType, path: &str, link: &str, mode: u32, content: &[u8]) -> Self {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_000_000_000);
        header.set_size(content.len() as u64);
        let old = header.as_old_mut();
        old.name[..path.len()].copy_from_slice(path.as_bytes());
        old.linkname[..link.len()].copy_from_slice(link.as_bytes());
        self.raw(header, content)
    }

    pub fn raw(mut self, mut header: Header, content: &[u8]) -> Self {
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    /// Extended header records for the next member.
    pub fn pax(self, records: &[(&str, &[u8])]) -> Self {
        let mut builder = tar::Builder::new(Vec::new());
        builder.append_pax_extensions(records.iter().copied()).unwrap();
        let mut bytes = builder.into_inner().unwrap();
        bytes.truncate(bytes.len() - 1024);
        Self([self.0, bytes].concat())
    }

    pub fn finish(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }
}

pub fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

pub fn zstd(content: &[u8]) -> Vec<u8> {
    zstd::encode_all(content, 1).unwrap()
}

/// An image's configuration with these diffIDs.
pub fn config(layers: &[Digest]) -> Vec<u8> {
    serde_json::to_vec(&serde_json::json!({
        "architecture": "amd64",
        "os": "linux",
        "created": "2024-05-06T07:08:09Z",
        "config": {"Cmd": ["sh"], "Env": ["A=b"], "Healthcheck": {"Test": ["NONE"]}},
        "rootfs": {"type": "layers", "diff_ids": layers},
        "history": [{"created_by": "ADD layer"}, {"created_by": "CMD sh", "empty_layer": true}],
    }))
    .unwrap()
}

/// What `docker save` writes.
pub fn docker_archive(tag: &str, config: &[u8], layers: &[Vec<u8>]) -> Vec<u8> {
    let config_name = format!("{}.json", Digest::of(config).hex());
    let names: Vec<String> = (0..layers.len()).map(|index| format!("{index}/layer.tar")).collect();
    let manifest = serde_json::json!([{"Config": config_name, "RepoTags": [tag], "Layers": names}]);
    let mut archive = Layer::new();
    for (name, layer) in names.iter().zip(layers) {
        archive = archive.file(name, layer);
    }
    archive.file(&config_name, config).file("manifest.json", manifest.to_string().as_bytes()).finish()
}

/// An image of plain layers, saved.
pub fn docker_image(tag: &str, layers: &[Vec<u8>]) -> Vec<u8> {
    let diff_ids: Vec<Digest> = layers.iter().map(|layer| Digest::of(layer)).collect();
    docker_archive(tag, &config(&diff_ids), layers)
}

/// A blob in an OCI layout.
pub fn descriptor(media_type: &str, content: &[u8]) -> serde_json::Value {
    serde_json::json!({
        "mediaType": format!("application/vnd.oci.image.{media_type}"),
        "digest": Digest::of(content),
        "size": content.len(),
    })
}

pub fn blob(archive: Layer, content: &[u8]) -> Layer {
    archive.file(&format!("blobs/sha256/{}", Digest::of(content).hex()), content)
}

/// An OCI archive of one image: its layers as they are stored, and their diffIDs.
pub fn oci_archive(name: &str, layers: &[Vec<u8>], diff_ids: &[Digest]) -> Vec<u8> {
    let config = config(diff_ids);
    let manifest = serde_json::to_vec(&serde_json::json!({
        "schemaVersion": 2,
        "config": descriptor("config.v1+json", &config),
        "layers": layers.iter().map(|layer| descriptor("layer.v1.tar+gzip", layer)).collect::<Vec<_>>(),
    }))
    .unwrap();
    let mut listed = descriptor("manifest.v1+json", &manifest);
    listed["annotations"] = serde_json::json!({"org.opencontainers.image.ref.name": name});
    let index = serde_json::json!({"schemaVersion": 2, "manifests": [listed]});
    let mut archive = Layer::new().file("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
    for content in layers.iter().chain([&config, &manifest]) {
        archive = blob(archive, content);
    }
    archive.file("index.json", index.to_string().as_bytes()).finish()
}
