//! `build` with a cache elsewhere.

use porthole_tests::registry::{Door, Registry};
use porthole_tests::{Host, Output};
use std::fs;
use std::path::{Path, PathBuf};

/// Two stages, each with a step that never gives the same twice.
const DOCKERFILE: &str = "FROM box AS one\nRUN cat /proc/sys/kernel/random/uuid > /one\nRUN true\nFROM box\n\
    RUN cat /proc/sys/kernel/random/uuid > /two\nCOPY --from=one /one /\nWORKDIR /w\n";

/// How many of its steps can be in a cache, and the bases, which always are.
const STEPS: usize = 5 + 2;

fn context(host: &Host) -> PathBuf {
    let folder = host.path("context");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("Dockerfile"), DOCKERFILE).unwrap();
    folder
}

fn build(host: &Host, folder: &Path, flags: &str) -> Output {
    host.porthole(&format!("build --progress plain --network none -t made {flags} {}", folder.display()))
}

fn made(host: &Host) -> String {
    host.ok("run --rm --network none made cat /one /two")
}

fn images(host: &Host) -> String {
    host.ok("images -aq --no-trunc")
}

/// A host that may speak with the registry without TLS.
fn without_tls(mut host: Host) -> Host {
    let path = host.path("registries.toml");
    fs::write(&path, "[registry.\"127.0.0.1:5000\"]\ninsecure = \"http\"\n").unwrap();
    host.set("PORTHOLE_REGISTRIES", path);
    host
}

#[track_caller]
fn assert_cached(output: &Output, count: usize) {
    output.ok();
    assert_eq!(output.stderr.matches("CACHED").count(), count, "{}", output.stderr);
}

#[test]
fn a_folder_brings_the_steps_to_another_host() {
    let host = Host::new();
    let (folder, store) = (context(&host), host.path("elsewhere"));
    let place = store.display();
    build(
        &host,
        &folder,
        &format!("--cache-to type=local,dest={place}/all,mode=max --cache-to type=local,dest={place}/own"),
    )
    .ok();
    let (result, before) = (made(&host), images(&host));
    assert_eq!(before.lines().count(), 2, "nothing but box and made: {before}");
    for (name, count) in [("own", 2 + 1), ("all", STEPS)] {
        let other = host.second();
        assert_cached(&build(&other, &folder, &format!("--cache-from type=local,src={place}/{name}")), count);
        let got = made(&other);
        assert_eq!(got == result, name == "all", "{name}: {got} {result}");
        assert_eq!(got.lines().last(), result.lines().last(), "{name}");
        assert_eq!(images(&other).lines().count(), 2);
        assert_eq!(other.ok("image verify --full made"), "made: intact");
        // What came in is a cache like that of one's own.
        assert_cached(&build(&other, &folder, ""), STEPS);
        other.ok("rmi made");
        other.ok("builder prune -f");
        assert!(!other.ok("builder du").contains("RUN"), "it goes like one's own, too");
    }
    assert_cached(&build(&host, &folder, &format!("--no-cache --cache-from type=local,src={place}/all")), 2);
}

#[test]
fn a_cache_that_cannot_be_had_is_told_and_done_without() {
    let host = Host::new();
    let (folder, store) = (context(&host), host.path("elsewhere"));
    fs::create_dir(&store).unwrap();
    let flags = format!("--cache-from type=local,src={} --cache-from 127.0.0.1:5999/none", store.display());
    let told = build(&host, &folder, &flags);
    told.ok();
    assert_eq!(told.stderr.matches("ERROR: ").count(), 2, "{}", told.stderr);
    // An image that brings no steps, and would like to be another.
    host.ok(&format!("save -o {}/cache.tar box", store.display()));
    let other = host.second();
    let box_id = other.inspect("box")["Id"].clone();
    let told = build(&other, &folder, &flags);
    told.ok();
    assert!(told.stderr.contains("it tells of no steps"), "{}", told.stderr);
    assert_eq!(other.inspect("box")["Id"], box_id, "no name means another image for it");
    fs::write(store.join("cache.tar"), "garbage").unwrap();
    build(&other, &folder, &flags).ok();
    for wrong in ["type=gha", "type=local", "type=local,src=x,mode=max"] {
        assert!(host.fails(125, &format!("build --cache-from {wrong} .")).contains("cache"), "{wrong}");
    }
}

#[test]
fn a_registry_brings_the_steps_to_another_host() {
    let host = without_tls(Host::new());
    let folder = context(&host);
    let registry = Registry::start(5000, Door::Open);
    let at = registry.address();
    build(&host, &folder, &format!("--cache-to type=registry,ref={at}/cache:all,mode=max")).ok();
    let result = made(&host);
    assert_eq!(images(&host).lines().count(), 2);
    let other = without_tls(host.second());
    assert_cached(&build(&other, &folder, &format!("--cache-from {at}/cache:all")), STEPS);
    assert_eq!(made(&other), result);
    assert_eq!(images(&other).lines().count(), 2);
    assert!(!other.ok("images").contains("cache"));
    drop(other);
    // The image itself tells of its steps, and is an image like any other.
    build(&host, &folder, &format!("-t {at}/app --cache-to type=inline")).ok();
    host.ok(&format!("push {at}/app"));
    let other = without_tls(host.second());
    let told = build(&other, &folder, &format!("--cache-from {at}/app"));
    told.ok();
    assert_eq!(made(&other).lines().last(), result.lines().last());
    assert_eq!(images(&other).lines().count(), 2);
    other.ok(&format!("pull -q {at}/app"));
    assert_eq!(other.ok(&format!("run --rm --network none {at}/app cat /one /two")), result);
}
