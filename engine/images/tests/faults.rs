//! Several processes at once, processes killed at any moment, and a full disk.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{Fixture, Layer, docker_image};
use porthole_images::{Digest, Error, Store};

/// Layers of many small files, so that unpacking takes a while.
fn archive(tag: &str, layers: usize, files: usize) -> Vec<u8> {
    let layers: Vec<Vec<u8>> = (0..layers)
        .map(|layer| {
            let files = 0..files;
            files.fold(Layer::new(), |tar, file| tar.file(&format!("l{layer}/f{file}"), &[layer as u8; 3000])).finish()
        })
        .collect();
    docker_image(tag, &layers)
}

/// The example of this name, which Cargo builds beside the tests.
fn load_example() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    tests.parent().and_then(Path::parent).unwrap().join("examples/load")
}

fn spawn_load(root: &Path, archive: &Path) -> Child {
    Command::new(load_example()).arg(root).arg(archive).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// How long it takes to load the archive into a store that is not there yet.
fn time_of_load(root: &Path, archive: &Path) -> Duration {
    if root.exists() {
        fs::remove_dir_all(root).unwrap();
    }
    let start = Instant::now();
    assert!(spawn_load(root, archive).wait().unwrap().success());
    start.elapsed()
}

fn assert_whole(store: &Store, name: &str, layers: usize, files: usize) {
    let image = store.resolve(name).unwrap();
    assert_eq!(image.layers.len(), layers);
    for (index, root) in image.layers.iter().rev().enumerate() {
        let directory = root.join(format!("l{index}"));
        let sizes: Vec<u64> =
            fs::read_dir(&directory).unwrap().map(|entry| fs::metadata(entry.unwrap().path()).unwrap().len()).collect();
        assert_eq!((sizes.len(), sizes.iter().sum::<u64>()), (files, files as u64 * 3000));
    }
}

#[test]
fn a_killed_load_leaves_nothing() {
    let fixture = Fixture::new();
    let path = fixture.root.path().join("archive.tar");
    fs::write(&path, archive("killed", 4, 100)).unwrap();
    let root = fixture.root.path().join("state");
    // The shortest of some, because the first starts cold and a busy machine delays any.
    let whole = (0..4).map(|_| time_of_load(&root, &path)).min().unwrap();
    let store = Store::open(&root).unwrap();
    let mut killed = 0;
    for step in 0..8 {
        fs::remove_dir_all(&root).unwrap();
        let mut child = spawn_load(&root, &path);
        std::thread::sleep(whole * step / 10);
        child.kill().unwrap();
        killed += usize::from(!child.wait().unwrap().success());
        // Whatever is listed is whole.
        let listed = store.list().unwrap().len();
        match store.resolve("killed") {
            Ok(_) => assert_whole(&store, "killed", 4, 100),
            Err(Error::NotFound(_)) => {}
            Err(error) => panic!("{error}"),
        }
        store.recover().unwrap();
        let names = |directory: &str| fs::read_dir(root.join(directory)).map_or(0, Iterator::count);
        assert_eq!([names("ingest"), names("trash")], [0, 0]);
        if listed == 0 {
            assert_eq!([names("snapshots"), names("content/sha256")], [0, 0]);
        }
        store.load_file(&path, &mut |_| ()).unwrap();
        assert_whole(&store, "killed", 4, 100);
    }
    assert!(killed > 2, "only {killed} of 8 loads were killed before their end");
}

#[test]
fn the_same_image_may_be_loaded_by_many_at_once() {
    let fixture = Fixture::new();
    let path = fixture.root.path().join("archive.tar");
    fs::write(&path, archive("same", 3, 100)).unwrap();
    let root = fixture.root.path().join("state");
    let children: Vec<Child> = (0..4).map(|_| spawn_load(&root, &path)).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let store = Store::open(&root).unwrap();
    assert_eq!(store.list().unwrap().len(), 1);
    assert_whole(&store, "same", 3, 100);
    assert_eq!(fs::read_dir(root.join("snapshots")).unwrap().count(), 3);
    assert_eq!(fs::read_dir(root.join("ingest")).unwrap().count(), 0);
}

/// A loader relies on layers that are there; if they are removed before it is done, it unpacks them after all.
#[test]
fn loading_and_removing_at_once_never_leaves_half_an_image() {
    let fixture = Fixture::new();
    let archive = archive("contended", 2, 30);
    let store = &fixture.store;
    let end = Instant::now() + Duration::from_secs(3);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while Instant::now() < end {
                    store.load(archive.as_slice(), &mut |_| ()).unwrap();
                }
            });
        }
        scope.spawn(|| {
            while Instant::now() < end {
                match store.remove("contended", false, &|_: &Digest| Vec::new()) {
                    // In use is what the lease below makes it.
                    Ok(_) | Err(Error::NotFound(_) | Error::Conflict(_)) => {}
                    Err(error) => panic!("{error}"),
                }
                store.empty_trash().unwrap();
            }
        });
        scope.spawn(|| {
            while Instant::now() < end {
                let Ok(image) = store.resolve("contended") else { continue };
                // Under a lease, an image is whole and stays so.
                if let Ok(_lease) = store.lease(&image.id) {
                    assert!(image.layers.iter().all(|layer| layer.exists()));
                    assert!(image.layers[0].join("l1/f29").exists());
                }
            }
        });
    });
    store.load(archive.as_slice(), &mut |_| ()).unwrap();
    assert_whole(store, "contended", 2, 30);
}

/// A file system of its own that is too small.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// `None` where mounting is not allowed.
    fn new(size: &str) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size},mode=700"), "porthole-test"])
            .arg(directory.path())
            .stderr(Stdio::null())
            .status();
        mounted.is_ok_and(|status| status.success()).then_some(Self(directory))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_disk_too_small_is_told_before_it_is_full() {
    let Some(disk) = SmallDisk::new("4m") else {
        eprintln!("skipped: mounting a tmpfs is not allowed here");
        return;
    };
    let store = Store::open(disk.0.path()).unwrap();
    let layer = Layer::new().file("f", &vec![b'x'; 16 << 20]).finish();
    let outside = tempfile::NamedTempFile::new().unwrap();
    fs::write(outside.path(), docker_image("big", &[layer])).unwrap();
    let error = store.load_file(outside.path(), &mut |_| ()).unwrap_err().to_string();
    assert!(error.contains("would fill this disk"), "{error}");
    let by_pipe = store.load(fs::File::open(outside.path()).unwrap(), &mut |_| ()).unwrap_err().to_string();
    assert!(by_pipe.contains("would fill this disk"), "{by_pipe}");
    let free = || {
        let disk = rustix::fs::statvfs(disk.0.path()).unwrap();
        disk.f_bavail * disk.f_frsize
    };
    // The kernel counts the blocks of a removed file as free a moment later.
    let end = Instant::now() + Duration::from_secs(5);
    while free() <= 3 << 20 {
        assert!(Instant::now() < end, "all that was written is removed again");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(store.list().unwrap(), []);
}

#[test]
fn a_disk_that_fills_up_is_told() {
    let Some(disk) = SmallDisk::new("4m") else {
        eprintln!("skipped: mounting a tmpfs is not allowed here");
        return;
    };
    let store = Store::open(disk.0.path()).unwrap();
    // Many small files: the file system's overhead is more than their bytes.
    let files = (0..2000).fold(Layer::new(), |layer, index| layer.file(&format!("f{index}"), b"x"));
    let outside = tempfile::NamedTempFile::new().unwrap();
    fs::write(outside.path(), docker_image("many", &[files.finish()])).unwrap();
    let error = store.load_file(outside.path(), &mut |_| ()).unwrap_err();
    assert!(matches!(error, Error::Full { .. }), "{error}");
    assert!(error.to_string().starts_with("no space left on the disk"), "{error}");
    assert_eq!(store.list().unwrap(), []);
    assert_eq!(fs::read_dir(disk.0.path().join("ingest")).unwrap().count(), 0);
}
