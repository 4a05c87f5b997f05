//! The store as its users see it: load, import, list, resolve, tag, inspect, remove.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use common::{Fixture, Layer, config, docker_archive, docker_image, gzip, oci_archive, zstd};
use porthole_images::{Digest, Error, ImportConfig, Reference, Removal};

fn layer(name: &str) -> Vec<u8> {
    Layer::new().directory("d").file(&format!("d/{name}"), name.as_bytes()).finish()
}

fn reference(name: &str) -> Reference {
    name.parse().unwrap()
}

fn unused(_: &Digest) -> Vec<String> {
    Vec::new()
}

fn count(fixture: &Fixture, directory: &str) -> usize {
    fs::read_dir(fixture.root.path().join(directory)).unwrap().count()
}

#[test]
fn an_untouched_store_is_empty() {
    let fixture = Fixture::new();
    assert_eq!(fixture.store.list().unwrap(), []);
    assert_eq!(fixture.store.resolve("x").unwrap_err().to_string(), "No such image: x:latest");
    fixture.store.recover().unwrap();
    fixture.store.empty_trash().unwrap();
    assert_eq!(fs::read_dir(fixture.root.path()).unwrap().count(), 0, "reading makes nothing");
}

#[test]
fn all_forms_of_an_archive_give_the_same_image() {
    let layers = [layer("one"), layer("two")];
    let diff_ids: Vec<Digest> = layers.iter().map(|layer| Digest::of(layer)).collect();
    let plain = docker_image("a:b", &layers);
    let compressed_layers = docker_archive("a:b", &config(&diff_ids), &[gzip(&layers[0]), zstd(&layers[1])]);
    let oci = oci_archive("a:b", &[gzip(&layers[0]), zstd(&layers[1])], &diff_ids);
    let forms = [gzip(&plain), zstd(&plain), plain, compressed_layers, oci];
    for archive in &forms {
        for by_file in [false, true] {
            let fixture = Fixture::new();
            let loaded = if by_file {
                let path = fixture.root.path().join("archive.tar");
                fs::write(&path, archive).unwrap();
                fixture.store.load_file(&path, &mut |_| ()).unwrap()
            } else {
                fixture.load(archive).unwrap()
            };
            assert_eq!((loaded.len(), loaded[0].references.as_slice()), (1, &[reference("a:b")][..]));
            let image = fixture.store.resolve("a:b").unwrap();
            assert_eq!((image.id, image.size), (Digest::of(&config(&diff_ids)), 6));
            assert_eq!(fs::read_to_string(image.layers[0].join("d/two")).unwrap(), "two");
            assert_eq!(fs::read_to_string(image.layers[1].join("d/one")).unwrap(), "one");
            assert_eq!((image.platform.architecture.as_str(), image.chain.len()), ("amd64", 2));
            assert_eq!(image.config.config().as_ref().unwrap().cmd().as_deref(), Some(&["sh".to_owned()][..]));
            assert_eq!(count(&fixture, "ingest"), 0);
        }
    }
}

#[test]
fn blobs_are_kept_for_saving() {
    let layers = [layer("one"), layer("two")];
    let diff_ids: Vec<Digest> = layers.iter().map(|layer| Digest::of(layer)).collect();
    let fixture = Fixture::new();
    let compressed = gzip(&layers[1]);
    fixture.load(&docker_archive("a", &config(&diff_ids), &[layers[0].clone(), compressed.clone()])).unwrap();
    let blobs = fixture.root.path().join("content/sha256");
    let plain = fs::read(blobs.join(format!("{}.zst", diff_ids[0].hex()))).unwrap();
    assert_eq!(Digest::of(&zstd::decode_all(plain.as_slice()).unwrap()), diff_ids[0]);
    assert_eq!(fs::read(blobs.join(Digest::of(&compressed).hex())).unwrap(), compressed);
}

#[test]
fn progress_reaches_the_end() {
    let fixture = Fixture::new();
    let blob = Layer::new().file("f", &vec![7; 3_000_000]).finish();
    let mut last = None;
    let mut progress = |progress| last = Some(progress);
    fixture.store.load(docker_image("a", std::slice::from_ref(&blob)).as_slice(), &mut progress).unwrap();
    let last = last.unwrap();
    assert_eq!((last.layer, last.current, last.total), (Digest::of(&blob), blob.len() as u64, blob.len() as u64));
}

#[test]
fn layers_are_shared_and_freed_with_the_last_image() {
    let fixture = Fixture::new();
    fixture.load(&docker_image("one", &[layer("base"), layer("one")])).unwrap();
    fixture.load(&docker_image("two", &[layer("base"), layer("two")])).unwrap();
    assert_eq!((count(&fixture, "snapshots"), fixture.store.list().unwrap().len()), (3, 2));
    let one = fixture.store.resolve("one").unwrap();
    let removals = fixture.store.remove("one", false, &unused).unwrap();
    let expected = [Removal::Untagged(reference("one")), Removal::Deleted(one.id), Removal::Deleted(one.chain[1])];
    assert_eq!(removals, expected);
    assert_eq!(count(&fixture, "snapshots"), 2);
    assert!(fixture.store.resolve("two").unwrap().layers.iter().all(|layer| layer.exists()));
    assert_eq!(fixture.store.remove("two", false, &unused).unwrap().len(), 4);
    fixture.store.empty_trash().unwrap();
    fixture.assert_empty();
}

#[test]
fn images_are_found_by_name_id_and_prefix() {
    let fixture = Fixture::new();
    let ids: Vec<Digest> = (0..20)
        .map(|index| {
            fixture.load(&docker_image(&format!("team/a:{index}"), &[layer(&index.to_string())])).unwrap()[0].id
        })
        .collect();
    let id = ids[3];
    for name in [
        "team/a:3".to_owned(),
        "docker.io/team/a:3".to_owned(),
        id.to_string(),
        id.hex(),
        id.short(),
        format!("sha256:{}", id.short()),
        format!("team/a:3@{id}"),
        format!("team/a@{id}"),
    ] {
        assert_eq!(fixture.store.resolve(&name).unwrap().id, id, "{name}");
    }
    // Of 20 IDs at least two begin with the same of 16 digits.
    let digits = "0123456789abcdef".chars().map(String::from);
    let errors = digits.filter(|digit| matches!(fixture.store.resolve(digit), Err(Error::Ambiguous(_)))).count();
    assert!(errors > 0);
    let missing = Digest::of(b"missing");
    for (name, text) in [
        ("team/a:99", "No such image: team/a:99".to_owned()),
        ("team/a", "No such image: team/a:latest".to_owned()),
        (&missing.to_string(), format!("No such image: {missing}")),
        (&format!("team/b@{id}"), format!("No such image: team/b@{id}")),
        ("Team/", "invalid reference format".to_owned()),
    ] {
        let error = fixture.store.resolve(name).unwrap_err().to_string();
        assert!(error.starts_with(&text), "{error}");
    }
    let mut created: Vec<_> = fixture.store.list().unwrap().into_iter().map(|image| image.created).collect();
    created.dedup();
    assert_eq!(created, ["2024-05-06T07:08:09Z".parse().ok()]);
}

#[test]
fn a_name_wins_over_an_id() {
    let fixture = Fixture::new();
    let id = fixture.load(&docker_image("a", &[layer("a")])).unwrap()[0].id;
    let other = fixture.load(&docker_image("b", &[layer("b")])).unwrap()[0].id;
    fixture.store.tag("b", &reference(&id.short())).unwrap();
    assert_eq!(fixture.store.resolve(&id.short()).unwrap().id, other);
}

#[test]
fn tags_move() {
    let fixture = Fixture::new();
    let old = fixture.load(&docker_image("a", &[layer("old")])).unwrap()[0].id;
    let loaded = fixture.load(&docker_image("a", &[layer("new")])).unwrap();
    assert_eq!(loaded[0].replaced, [(reference("a"), old)]);
    assert_eq!(fixture.store.resolve(&old.short()).unwrap().references, []);
    fixture.store.tag(&old.short(), &reference("b:1")).unwrap();
    fixture.store.tag("b:1", &reference("b:2")).unwrap();
    assert_eq!(fixture.store.resolve("b:2").unwrap().references, [reference("b:1"), reference("b:2")]);
    assert!(fixture.store.tag("nothing", &reference("c")).is_err());
    assert!(fixture.store.tag("a", &reference(&format!("c@{old}"))).is_err());
    let again = fixture.load(&docker_image("a", &[layer("new")])).unwrap();
    assert_eq!(again[0].replaced, []);
}

#[test]
fn an_image_in_use_is_not_removed() {
    let fixture = Fixture::new();
    fixture.load(&docker_image("a", &[layer("a")])).unwrap();
    let id = fixture.store.resolve("a").unwrap().id;
    let used = |_: &Digest| vec!["web".to_owned()];
    let error = fixture.store.remove("a", false, &used).unwrap_err().to_string();
    assert!(error.contains("container web is using its referenced image"), "{error}");
    let error = fixture.store.remove(&id.short(), true, &used).unwrap_err().to_string();
    assert!(error.contains("cannot be forced"), "{error}");
    assert_eq!(fixture.store.remove("a", true, &used).unwrap(), [Removal::Untagged(reference("a"))]);
    assert!(fixture.store.resolve(&id.short()).unwrap().layers[0].exists());
}

#[test]
fn a_lease_keeps_an_image() {
    let fixture = Fixture::new();
    fixture.load(&docker_image("a", &[layer("a")])).unwrap();
    let id = fixture.store.resolve("a").unwrap().id;
    let leases = [fixture.store.lease(&id).unwrap(), fixture.store.lease(&id).unwrap()];
    assert!(matches!(fixture.store.remove("a", false, &unused), Err(Error::Conflict(_))));
    drop(leases);
    fixture.store.remove("a", false, &unused).unwrap();
    assert!(matches!(fixture.store.lease(&id), Err(Error::NotFound(_))));
}

#[test]
fn an_image_that_comes_back_has_only_the_names_that_it_comes_with() {
    let fixture = Fixture::new();
    let id = fixture.load(&docker_image("a:1", &[layer("a")])).unwrap()[0].id;
    fixture.store.tag("a:1", &reference("b:1")).unwrap();
    fixture.store.remove(&id.to_string(), true, &unused).unwrap();
    assert!(matches!(fixture.store.resolve("a:1"), Err(Error::NotFound(_))));
    assert_eq!(fixture.load(&docker_image("c:1", &[layer("a")])).unwrap()[0].id, id);
    assert_eq!(fixture.store.resolve("c:1").unwrap().references, [reference("c:1")]);
    assert!(matches!(fixture.store.resolve("a:1"), Err(Error::NotFound(_))));
}

#[test]
fn what_nobody_has_cannot_be_removed() {
    let fixture = Fixture::new();
    assert_eq!(fixture.store.remove("a", true, &unused).unwrap_err().to_string(), "No such image: a:latest");
    fixture.assert_empty();
}

#[test]
fn imports_are_configured_and_reproducible() {
    let layer = layer("f");
    let config = ImportConfig {
        command: vec!["httpd".into(), "-f".into()],
        env: vec!["PATH=/bin".into()],
        exposed_ports: vec!["80/tcp".into(), "443/tcp".into()],
        volumes: vec!["/data".into()],
        labels: [("b".into(), "2".into()), ("a".into(), "1".into())].into(),
        working_dir: "/srv".into(),
        message: "from a test".into(),
        created: "2024-01-02T03:04:05Z".parse().ok(),
        ..ImportConfig::default()
    };
    let ids: Vec<Digest> = [layer.clone(), gzip(&layer)]
        .iter()
        .map(|content| {
            let fixture = Fixture::new();
            let image = fixture.store.import(content.as_slice(), Some(&reference("lab")), config.clone()).unwrap();
            assert_eq!((image.references.as_slice(), image.created), (&[reference("lab")][..], config.created));
            let execution = image.config.config().clone().unwrap();
            assert_eq!(execution.cmd(), &Some(config.command.clone()));
            assert_eq!(execution.exposed_ports().as_ref().unwrap().len(), 2);
            assert_eq!(execution.entrypoint(), &None);
            let inspection = serde_json::to_value(fixture.store.inspect(&image).unwrap()).unwrap();
            assert_eq!(inspection["Comment"], "from a test");
            assert_eq!(inspection["Config"]["Volumes"]["/data"], serde_json::json!({}));
            image.id
        })
        .collect();
    assert_eq!(ids[0], ids[1]);
    let fixture = Fixture::new();
    let pinned = reference(&format!("a@{}", ids[0]));
    assert!(fixture.store.import(layer.as_slice(), Some(&pinned), ImportConfig::default()).is_err());
    assert!(fixture.store.import(&b"no tar"[..], None, ImportConfig::default()).is_err());
    fixture.assert_empty();
}

#[test]
fn inspection_has_docker_s_names() {
    let fixture = Fixture::new();
    let layers = [layer("one"), layer("two")];
    let diff_ids: Vec<Digest> = layers.iter().map(|layer| Digest::of(layer)).collect();
    fixture.load(&oci_archive("team/a:b", &layers.clone().map(|layer| gzip(&layer)), &diff_ids)).unwrap();
    let image = fixture.store.resolve("team/a:b").unwrap();
    let inspection = serde_json::to_value(fixture.store.inspect(&image).unwrap()).unwrap();
    assert_eq!(inspection["Id"], image.id.to_string());
    assert_eq!(inspection["RepoTags"], serde_json::json!(["team/a:b"]));
    let pinned = inspection["RepoDigests"][0].as_str().unwrap();
    assert_eq!(fixture.store.resolve(pinned).unwrap().id, image.id);
    assert_eq!(inspection["Created"], "2024-05-06T07:08:09Z");
    assert_eq!(inspection["RootFS"], serde_json::json!({"Type": "layers", "Layers": diff_ids}));
    assert_eq!(inspection["Size"], 6);
    // What the specification does not know is shown, too.
    assert_eq!(inspection["Config"]["Healthcheck"]["Test"][0], "NONE");
    assert_eq!(inspection["GraphDriver"]["Data"]["UpperDir"], image.layers[0].display().to_string());
    let history = fixture.store.history(&image).unwrap();
    let steps: Vec<_> = history.iter().map(|step| (step.created_by.as_str(), step.size, step.id)).collect();
    assert_eq!(steps, [("CMD sh", 0, Some(image.id)), ("ADD layer", 3, None)]);
}

#[test]
fn the_store_is_private() {
    let fixture = Fixture::new();
    fixture.load(&docker_image("a", &[layer("a")])).unwrap();
    for directory in ["content", "snapshots", "images", "ingest", "trash"] {
        let mode = fs::metadata(fixture.root.path().join(directory)).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o700, "{directory}");
    }
}

#[test]
fn a_damaged_record_is_told_and_can_be_removed() {
    let fixture = Fixture::new();
    let id = fixture.load(&docker_image("a", &[layer("a")])).unwrap()[0].id;
    let other = fixture.load(&docker_image("b", &[layer("b")])).unwrap()[0].id;
    for id in [id, other] {
        fs::write(fixture.root.path().join(format!("images/{}.json", id.hex())), "{").unwrap();
    }
    assert!(fixture.store.resolve("a").unwrap_err().to_string().contains("damaged"));
    for name in ["a", "b"] {
        fixture.store.remove(name, false, &unused).unwrap();
    }
    fixture.load(&docker_image("a", &[layer("a")])).unwrap();
    assert_eq!(fixture.store.resolve("a").unwrap().id, id);
}
