//! Root file systems and image archives, made on the spot.

use serde_json::json;
use sha2::{Digest, Sha256};
use std::fs;
use std::io::Write;
use std::process::Command;
use std::sync::OnceLock;
use tar::{EntryType, Header};

/// The host's busybox, which is static.
const BUSYBOX: &str = "/bin/busybox";

/// A tar archive that grows entry by entry.
pub struct Tree(tar::Builder<Vec<u8>>);

impl Default for Tree {
    fn default() -> Tree {
        Tree::new()
    }
}

impl Tree {
    /// An archive without entries.
    pub fn new() -> Tree {
        Tree(tar::Builder::new(Vec::new()))
    }

    /// With a directory.
    #[must_use]
    pub fn directory(self, path: &str) -> Tree {
        self.entry(EntryType::Directory, path, 0o755, b"")
    }

    /// With a file.
    #[must_use]
    pub fn file(self, path: &str, content: &[u8]) -> Tree {
        self.entry(EntryType::Regular, path, 0o644, content)
    }

    /// With a program.
    #[must_use]
    pub fn program(self, path: &str, content: &[u8]) -> Tree {
        self.entry(EntryType::Regular, path, 0o755, content)
    }

    /// With a symbolic link.
    #[must_use]
    pub fn link(mut self, path: &str, target: &str) -> Tree {
        let mut header = header(EntryType::Symlink, 0o777, 0);
        self.0.append_link(&mut header, path, target).expect("a link");
        self
    }

    /// With a file whose path is taken as it is, be it absolute or full of `..`.
    #[must_use]
    pub fn hostile(mut self, path: &str, content: &[u8]) -> Tree {
        let mut header = header(EntryType::Regular, 0o644, content.len());
        let field = &mut header.as_old_mut().name;
        field[..path.len()].copy_from_slice(path.as_bytes());
        header.set_cksum();
        self.0.append(&header, content).expect("a file");
        self
    }

    fn entry(mut self, kind: EntryType, path: &str, mode: u32, content: &[u8]) -> Tree {
        let mut header = header(kind, mode, content.len());
        self.0.append_data(&mut header, path, content).expect("an entry");
        self
    }

    /// The archive.
    pub fn finish(self) -> Vec<u8> {
        self.0.into_inner().expect("an archive")
    }
}

fn header(kind: EntryType, mode: u32, size: usize) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size as u64);
    header
}

/// The root file system of the image `box`.
pub fn busybox() -> &'static [u8] {
    static ARCHIVE: OnceLock<Vec<u8>> = OnceLock::new();
    ARCHIVE.get_or_init(|| {
        let program = fs::read(BUSYBOX).expect("busybox-static is installed");
        let applets = Command::new(BUSYBOX).arg("--list").output().expect("busybox runs").stdout;
        let directories = ["bin", "dev", "etc", "home", "proc", "root", "srv", "sys", "tmp", "www"];
        let tree = directories.iter().fold(Tree::new(), |tree, path| tree.directory(path));
        let applets = String::from_utf8(applets).expect("names");
        let applets = applets.lines().filter(|applet| *applet != "busybox");
        applets
            .fold(tree.program("bin/busybox", &program), |tree, applet| tree.link(&format!("bin/{applet}"), "busybox"))
            .file("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:app:/srv:/bin/sh\n")
            .file("etc/group", b"root:x:0:\nstaff:x:50:app\napp:x:1001:\n")
            .file("www/index.html", b"<h1>It works</h1>\n")
            .finish()
    })
}

/// An image for an archive: its layers from the lowest up, and what it runs.
pub struct Image {
    layers: Vec<Vec<u8>>,
    config: serde_json::Value,
}

impl Image {
    /// An image of these layers, each an uncompressed tar archive.
    pub fn new(layers: Vec<Vec<u8>>) -> Image {
        let ids: Vec<String> = layers.iter().map(|layer| digest(layer)).collect();
        let history: Vec<_> = (0..ids.len())
            .map(|number| json!({ "created": CREATED, "created_by": format!("layer {number}") }))
            .collect();
        let config = json!({
            "created": CREATED, "architecture": architecture(), "os": "linux",
            "config": {
                "Cmd": ["sh", "-c", "echo $GREETING"], "Env": ["GREETING=hello", "PATH=/bin"], "WorkingDir": "/srv",
                "User": "app", "Labels": { "made": "here" }, "StopSignal": "SIGINT", "ExposedPorts": { "80/tcp": {} },
            },
            "rootfs": { "type": "layers", "diff_ids": ids },
            "history": history,
        });
        Image { layers, config }
    }

    /// With one more word on how it runs.
    pub fn with(mut self, key: &str, value: serde_json::Value) -> Image {
        self.config["config"][key] = value;
        self
    }

    /// As `docker save` writes it.
    pub fn docker(&self, tag: &str) -> Vec<u8> {
        let config = self.config.to_string().into_bytes();
        let config_name = format!("{}.json", hex(&config));
        let names: Vec<String> = (0..self.layers.len()).map(|number| format!("{number}/layer.tar")).collect();
        let manifest = json!([{ "Config": config_name, "RepoTags": [tag], "Layers": names }]);
        let tree = Tree::new().file(&config_name, &config).file("manifest.json", manifest.to_string().as_bytes());
        self.layers.iter().zip(&names).fold(tree, |tree, (layer, name)| tree.file(name, layer)).finish()
    }

    /// As an OCI image layout in an archive, its layers as `compress` makes them.
    pub fn oci(&self, tag: &str, media_type: &str, compress: fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
        let blobs: Vec<Vec<u8>> = self.layers.iter().map(|layer| compress(layer)).collect();
        let config = self.config.to_string().into_bytes();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": descriptor("application/vnd.oci.image.config.v1+json", &config),
            "layers": blobs.iter().map(|blob| descriptor(media_type, blob)).collect::<Vec<_>>(),
        });
        let manifest = manifest.to_string().into_bytes();
        let mut entry = descriptor("application/vnd.oci.image.manifest.v1+json", &manifest);
        entry["annotations"] = json!({ "org.opencontainers.image.ref.name": tag, "io.containerd.image.name": tag });
        let index = json!({ "schemaVersion": 2, "manifests": [entry] });
        let tree = Tree::new()
            .file("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)
            .file("index.json", index.to_string().as_bytes());
        let all = blobs.iter().chain([&config, &manifest]);
        all.fold(tree, |tree, blob| tree.file(&format!("blobs/sha256/{}", hex(blob)), blob)).finish()
    }
}

const CREATED: &str = "2024-05-06T07:08:09Z";

fn descriptor(media_type: &str, blob: &[u8]) -> serde_json::Value {
    json!({ "mediaType": media_type, "digest": digest(blob), "size": blob.len() })
}

fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(bytes))
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Compresses with gzip.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

/// Compresses with zstd.
pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).expect("memory")
}
