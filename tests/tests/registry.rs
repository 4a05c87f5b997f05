//! Registries: Debian's docker-registry on loopback, straight and through a proxy that misbehaves.

use porthole_tests::archive::{Image, Tree, busybox, gzip, zstd};
use porthole_tests::proxy::{Action, Proxy, Request};
use porthole_tests::registry::{Door, PASSWORD, Registry, USER};
use porthole_tests::{Host, eventually, pause};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const TAR_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const TAR_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// The registry without TLS, and the proxy before it.
const REGISTRY: &str = "127.0.0.1:5000";
const PROXY: &str = "127.0.0.1:5001";

/// A host that may speak with both without TLS, and whose credentials are its own.
fn host(mut host: Host) -> Host {
    configure(
        &mut host,
        &format!("[registry.\"{REGISTRY}\"]\ninsecure = \"http\"\n[registry.\"{PROXY}\"]\ninsecure = \"http\"\n"),
    );
    let credentials = host.path("docker");
    host.set("DOCKER_CONFIG", credentials);
    host
}

fn configure(host: &mut Host, text: &str) {
    let path = host.path("registries.toml");
    fs::write(&path, text).unwrap();
    host.set("PORTHOLE_REGISTRIES", path);
}

/// A host with a registry that has `box:1`, which the host itself does not have any more.
fn stocked() -> (Host, Registry) {
    let host = host(Host::new());
    let registry = Registry::start(5000, Door::Open);
    host.ok(&format!("tag box {REGISTRY}/box:1"));
    host.ok(&format!("push -q {REGISTRY}/box:1"));
    forget_all(&host);
    (host, registry)
}

fn forget_all(host: &Host) {
    for id in host.ok("images -q --no-trunc").lines().collect::<std::collections::BTreeSet<_>>() {
        host.ok(&format!("rmi -f {id}"));
    }
    assert_eq!(stored(host), [""; 0], "the store is empty");
}

/// Files that the store still has beside locks and what is only waiting to be deleted.
fn stored(host: &Host) -> Vec<String> {
    let names = |directory: &str| {
        let entries = fs::read_dir(host.path(directory)).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect::<Vec<_>>()
    };
    let all = ["content/sha256", "snapshots", "images", "ingest"].into_iter().flat_map(names);
    all.filter(|name| !["lock", "references.json"].contains(&name.as_str())).collect()
}

/// Bytes that do not compress.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1u64;
    let step = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(step).take(length).collect()
}

fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

fn descriptor(kind: &str, blob: &[u8]) -> Value {
    json!({ "mediaType": kind, "digest": digest(blob), "size": blob.len() })
}

/// The parts of an image of one layer, as a registry that we play has them.
struct Parts {
    layer: Vec<u8>,
    config: Vec<u8>,
    manifest: Value,
}

fn parts(diff_id: Option<&str>) -> Parts {
    let tar = Tree::new().file("hello", b"hello").finish();
    let diff_id = diff_id.map_or_else(|| digest(&tar), str::to_owned);
    let rootfs = json!({ "type": "layers", "diff_ids": [diff_id] });
    let config = json!({ "architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs }).to_string();
    let (layer, config) = (gzip(&tar), config.into_bytes());
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor(CONFIG, &config),
        "layers": [descriptor(TAR_GZIP, &layer)],
    });
    Parts { layer, config, manifest }
}

/// Plays a registry that has these documents under `evil:1` or their digests, and these blobs.
fn play(documents: Vec<Vec<u8>>, blobs: Vec<Vec<u8>>) -> Proxy {
    Proxy::alone(5001, move |request| {
        let named = |bytes: &&Vec<u8>| request.path.ends_with(&digest(bytes));
        let document =
            documents.iter().find(named).or_else(|| documents.first().filter(|_| request.path.ends_with("/1")));
        match (request.path.contains("/manifests/"), blobs.iter().find(named)) {
            (true, _) => document.map_or_else(
                || Action::status(404, ""),
                |document| Action::Answer(200, vec![("content-type".into(), MANIFEST.into())], document.clone()),
            ),
            (false, Some(blob)) => Action::Answer(200, Vec::new(), blob.clone()),
            (false, None) => Action::status(404, ""),
        }
    })
}

#[test]
fn images_go_to_a_registry_and_come_back() {
    let (host, _registry) = stocked();
    let name = format!("{REGISTRY}/box:1");
    let pulled = host.ok(&format!("pull {name}"));
    let lines: Vec<&str> = pulled.lines().collect();
    assert_eq!(lines[0], "1: Pulling from box");
    assert!(lines[1].ends_with(": Pulling fs layer") && lines[2].ends_with(": Pull complete"), "{pulled}");
    assert!(lines[3].starts_with("Digest: sha256:"), "{pulled}");
    assert_eq!(lines[4..], [format!("Status: Downloaded newer image for {name}").as_str(), name.as_str()]);
    assert_eq!(host.ok(&format!("run --rm {name} echo ran")), "ran");
    let digest = lines[3].trim_start_matches("Digest: ");
    assert_eq!(host.inspect(&name)["RepoDigests"], json!([format!("{REGISTRY}/box@{digest}")]));
    assert!(host.ok("images --digests").lines().nth(1).unwrap().contains(digest));
    assert_eq!(host.ok("images -q").lines().count(), 1, "a digest beside a tag has no line of its own");

    let again = host.ok(&format!("pull {name}"));
    assert!(again.contains(": Already exists") && again.contains("Status: Image is up to date"), "{again}");
    let pushed = host.ok(&format!("push {name}"));
    assert!(pushed.contains(": Layer already exists"), "{pushed}");
    assert!(pushed.ends_with(&format!("1: digest: {digest} size: 405")), "pushed as it came: {pushed}");

    host.ok(&format!("tag {name} {REGISTRY}/team/other:2"));
    let mounted = host.ok(&format!("push {REGISTRY}/team/other:2"));
    assert!(mounted.contains(": Mounted from box"), "{mounted}");

    forget_all(&host);
    let pinned = format!("{REGISTRY}/box@{digest}");
    assert_eq!(host.ok(&format!("pull -q {pinned}")), pinned);
    assert_eq!(host.ok(&format!("run --rm {pinned} echo ran")), "ran");
}

#[test]
fn all_tags_go_and_come() {
    let (host, _registry) = stocked();
    let repository = format!("{REGISTRY}/box");
    host.ok(&format!("pull -q {repository}:1"));
    for tag in ["2", "latest"] {
        host.ok(&format!("tag {repository}:1 {repository}:{tag}"));
    }
    assert_eq!(host.ok(&format!("push -a -q {repository}")).lines().count(), 3);
    forget_all(&host);
    host.ok(&format!("pull -a {repository}"));
    assert_eq!(host.ok("images -q").lines().count(), 3);
    assert!(host.fails(1, &format!("pull -a {repository}:1")).contains("tag can't be used with --all-tags"));
    assert!(host.fails(1, &format!("push -a {repository}:1")).contains("tag can't be used with --all-tags"));
    assert!(host.porthole(&format!("push {REGISTRY}/none")).stderr.contains("does not exist locally with the tag"));
}

#[test]
fn run_and_create_pull_what_is_missing() {
    let (host, registry) = stocked();
    let name = format!("{REGISTRY}/box:1");
    let refused = host.fails(125, &format!("run --rm --pull never {name} true"));
    assert!(refused.contains("No such image"), "{refused}");
    let ran = host.porthole(&format!("run --rm {name} echo ran"));
    assert_eq!(ran.ok(), "ran");
    assert!(
        ran.stderr.starts_with(&format!("Unable to find image '{name}' locally\n1: Pulling from box\n")),
        "{ran:?}"
    );
    assert_eq!(host.porthole(&format!("run --rm {name} true")).stderr, "");
    let always = host.porthole(&format!("run --rm --pull always {name} true"));
    assert!(always.stderr.contains("Image is up to date"), "{always:?}");
    assert_eq!(host.porthole(&format!("run -q --rm --pull=always {name} true")).stderr, "");
    forget_all(&host);
    let id = host.ok(&format!("create -q {name} true"));
    assert_eq!(id.len(), 64, "{id}");
    drop(registry);
    let gone = host.porthole(&format!("run --rm {REGISTRY}/other true"));
    assert_eq!(gone.code, 125);
    assert!(gone.stderr.contains(&format!("registry {REGISTRY} does not answer")), "{gone:?}");
}

#[test]
fn catalogues_and_manifests_are_shown() {
    let (host, _registry) = stocked();
    assert_eq!(host.ok(&format!("search {REGISTRY}/bo")), format!("NAME\n{REGISTRY}/box"));
    assert_eq!(host.ok(&format!("search --filter name=^x --format '{{{{.Name}}}}' {REGISTRY}/bo")), "");
    let manifest: Value = serde_json::from_str(&host.ok(&format!("manifest inspect {REGISTRY}/box:1"))).unwrap();
    assert_eq!(manifest["mediaType"], MANIFEST);
    let verbose: Value = serde_json::from_str(&host.ok(&format!("manifest inspect -v {REGISTRY}/box:1"))).unwrap();
    assert_eq!(verbose["Ref"], format!("{REGISTRY}/box:1"));
    assert_eq!(verbose["OCIManifest"], manifest);
    assert!(host.fails(1, &format!("manifest inspect {REGISTRY}/box:none")).contains("manifest unknown"));
    let proxy = Proxy::alone(5001, |_| Action::status(404, ""));
    let none = host.fails(1, &format!("search {}/x", proxy.host()));
    assert!(none.contains("catalogue") && none.contains("REGISTRY/TERM"), "{none}");
}

#[test]
fn without_tls_nothing_goes_unless_the_setting_says_so() {
    let mut host = host(Host::new());
    let _plain = Registry::start(5000, Door::Open);
    let secure = Registry::start(5443, Door::Tls);
    host.ok("tag box 127.0.0.1:5443/box:1");
    configure(&mut host, "");
    for name in ["127.0.0.1:5000/box", "127.0.0.1:5443/box"] {
        let told = host.fails(1, &format!("pull {name} -q"));
        let setting = format!("[registry.\"{}\"] in /etc/porthole/registries.toml", name.trim_end_matches("/box"));
        assert!(told.contains(&setting) && told.contains("insecure = \"http\""), "{told}");
    }
    configure(&mut host, &format!("[registry.\"127.0.0.1:5443\"]\nca = ['{}']\n", secure.authority().display()));
    host.ok("push -q 127.0.0.1:5443/box:1");
    configure(&mut host, "[registry.\"127.0.0.1:5443\"]\ninsecure = \"unverified\"\n");
    host.ok("pull -q 127.0.0.1:5443/box:1");
    configure(&mut host, "[registry.x]\ninsecure = true\n");
    assert!(host.fails(1, "pull -q 127.0.0.1:5443/box:1").contains("registries.toml"));
}

#[test]
fn who_has_logged_in_may_enter() {
    let mut host = host(Host::new());
    let _registry = Registry::start(5000, Door::Basic);
    let name = format!("{REGISTRY}/box:1");
    host.ok(&format!("tag box {name}"));
    let denied = host.porthole(&format!("push -q {name}"));
    assert_eq!(denied.code, 1);
    assert!(denied.stderr.contains("denied") && denied.stderr.contains("porthole login"), "{denied:?}");
    let wrong = host.porthole_with(&format!("login -u {USER} --password-stdin {REGISTRY}"), b"wrong\n");
    assert!(wrong.fails(1).contains("failed with status: 401") && !wrong.stderr.contains("wrong"), "{wrong:?}");
    assert!(host.fails(1, &format!("login {REGISTRY}")).contains("non TTY"));

    let login = host.porthole_with(&format!("login -u {USER} --password-stdin {REGISTRY}"), PASSWORD.as_bytes());
    assert_eq!(login.ok(), "Login Succeeded");
    let file = host.path("docker/config.json");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let kept: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(kept["auths"][REGISTRY]["auth"], "c29tZWJvZHk6c2VjcmV0");
    host.ok(&format!("push -q {name}"));
    forget_all(&host);
    host.ok(&format!("pull -q {name}"));
    assert_eq!(host.ok(&format!("logout {REGISTRY}")), format!("Removing login credentials for {REGISTRY}"));
    assert_eq!(host.ok(&format!("logout {REGISTRY}")), format!("Not logged in to {REGISTRY}"));
    assert!(host.porthole(&format!("pull -q {name}")).stderr.contains("denied"));

    // A helper, as Docker's protocol has it.
    let helper = host.path("bin/docker-credential-test");
    fs::create_dir(host.path("bin")).unwrap();
    let answer = format!("{{\"ServerURL\":\"\",\"Username\":\"{USER}\",\"Secret\":\"{PASSWORD}\"}}");
    fs::write(&helper, format!("#!/bin/sh\ncat >/dev/null\n[ $1 = get ] && echo '{answer}'\n")).unwrap();
    fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", host.path("bin").display(), std::env::var("PATH").unwrap());
    host.set("PATH", path);
    fs::write(&file, json!({ "credHelpers": { REGISTRY: "test" } }).to_string()).unwrap();
    host.ok(&format!("pull -q {name}"));
    for name in ["../bin/sh", "/bin/true"] {
        fs::write(&file, json!({ "credsStore": name }).to_string()).unwrap();
        let told = host.fails(1, &format!("pull -q {REGISTRY}/box:1"));
        assert!(told.contains("must not have a '/'"), "{told}");
    }
}

#[test]
fn a_password_is_asked_for_without_an_echo() {
    let host = host(Host::empty());
    let _registry = Registry::start(5000, Door::Basic);
    let mut terminal = host.terminal(&format!("login {REGISTRY}"));
    terminal.expect("Username: ");
    terminal.type_(&format!("{USER}\n"));
    terminal.expect("Password: ");
    terminal.type_(&format!("{PASSWORD}\n"));
    terminal.expect("Login Succeeded");
    assert_eq!(terminal.wait(), 0);
    assert!(!terminal.screen().contains(PASSWORD), "{}", terminal.screen());
    assert!(terminal.is_cooked());
}

#[test]
fn tokens_are_fetched_renewed_and_kept_to_themselves() {
    let (host, registry) = stocked();
    let issued = AtomicUsize::new(0);
    let proxy = Proxy::start(5001, registry.address(), move |request| {
        if request.is("GET", "/token") || request.is("POST", "/token") {
            let number = issued.fetch_add(1, Ordering::SeqCst);
            return Action::Answer(
                200,
                Vec::new(),
                json!({ "token": format!("token{number}") }).to_string().into_bytes(),
            );
        }
        // The first token of a command is said to have expired when it comes to blobs.
        let expired = request.is_for_blob() && request.header("authorization") == Some("Bearer token0");
        if request.header("authorization").is_none_or(|value| !value.starts_with("Bearer token")) || expired {
            let realm = format!("Bearer realm=\"http://{PROXY}/token\",service=\"test\",scope=\"repository:box:pull\"");
            return Action::with_header(401, "www-authenticate", &realm);
        }
        Action::Forward
    });
    let auth = json!({ "auths": { PROXY: { "auth": "c29tZWJvZHk6c2VjcmV0" } } });
    fs::create_dir_all(host.path("docker")).unwrap();
    fs::write(host.path("docker/config.json"), auth.to_string()).unwrap();
    host.ok(&format!("pull -q {PROXY}/box:1"));
    let asked: Vec<Request> =
        proxy.requests().into_iter().filter(|request| request.path.starts_with("/token")).collect();
    assert!(asked.len() >= 2, "one more when the first expired");
    let first = &asked[0];
    assert_eq!(first.header("authorization"), Some("Basic c29tZWJvZHk6c2VjcmV0"));
    for part in ["account=somebody", "service=test", "scope=repository%3Abox%3Apull"] {
        assert!(first.path.contains(part), "{}", first.path);
    }

    // An identity token goes by POST (OAuth2), and what is pushed needs more rights.
    let auth = json!({ "auths": { PROXY: { "identitytoken": "refresh-me" } } });
    fs::write(host.path("docker/config.json"), auth.to_string()).unwrap();
    host.ok(&format!("tag {PROXY}/box:1 {PROXY}/box:2"));
    host.ok(&format!("push -q {PROXY}/box:2"));
    let requests = proxy.requests();
    let post = requests.iter().find(|request| request.is("POST", "/token")).expect("an OAuth2 request");
    let form = String::from_utf8(post.body.clone()).unwrap();
    assert!(form.contains("grant_type=refresh_token") && form.contains("refresh_token=refresh-me"), "{form}");
    assert!(form.contains("scope=repository%3Abox%3Apull%2Cpush"), "{form}");
}

#[test]
fn secrets_are_not_sent_elsewhere_nor_told() {
    let mut host = host(Host::empty());
    let name = format!("{PROXY}/box:1");
    let auth = json!({ "auths": { PROXY: { "auth": "c29tZWJvZHk6c2VjcmV0" } } });
    fs::create_dir_all(host.path("docker")).unwrap();
    fs::write(host.path("docker/config.json"), auth.to_string()).unwrap();
    // A registry that tells what it was told, and that sends us elsewhere once it knows who we are.
    let proxy = Proxy::alone(5001, |request| match request.header("authorization") {
        None => Action::with_header(401, "www-authenticate", "Basic realm=\"x\""),
        Some(secret) if request.path.contains("/echo/") => Action::status(418, &format!("you said {secret}")),
        Some(_) if request.path.contains("/away/") => {
            Action::with_header(307, "location", "http://127.0.0.1:5002/v2/box/manifests/1?signature=abc")
        }
        Some(_) => Action::with_header(307, "location", "http://127.0.0.1:5003/v2/box/manifests/1"),
    });
    let elsewhere = Proxy::alone(5002, |_| Action::status(404, ""));
    configure(
        &mut host,
        "[registry.\"127.0.0.1:5001\"]\ninsecure = \"http\"\n[registry.\"127.0.0.1:5002\"]\ninsecure = \"http\"\n",
    );
    let told = host.fails(1, &format!("pull -q {PROXY}/echo/x:1"));
    assert!(told.contains("you said Basic [redacted]"), "{told}");
    let told = host.fails(1, &format!("pull -q {PROXY}/away/x:1"));
    assert!(!told.contains("signature"), "{told}");
    let there = elsewhere.requests();
    assert!(!there.is_empty() && there.iter().all(|request| request.header("authorization").is_none()), "{there:?}");
    // Port 5003 is not to be spoken to without TLS.
    let told = host.fails(1, &format!("pull -q {name}"));
    assert!(told.contains("without TLS, which [registry.\"127.0.0.1:5003\"] does not allow"), "{told}");
    assert!(proxy.requests().iter().any(|request| request.header("authorization").is_some()));
}

#[test]
fn a_token_realm_that_leads_astray_is_refused() {
    let host = host(Host::empty());
    let proxy = Proxy::alone(5001, |request| {
        let realm = match request.path.split('/').nth(2) {
            Some("file") => "file:///etc/passwd",
            Some("link") => "https://169.254.169.254/latest",
            Some("six") => "https://[fe80::1]/token",
            _ => "http://auth.example/token",
        };
        Action::with_header(401, "www-authenticate", &format!("Bearer realm=\"{realm}\",service=\"x\""))
    });
    for (repository, problem) in
        [("file", "file: URL"), ("link", "link-local"), ("six", "link-local"), ("plain", "auth.example without TLS")]
    {
        let told = host.fails(1, &format!("pull -q {}/{repository}/x:1", proxy.host()));
        assert!(told.contains("token realm is refused") && told.contains(problem), "{told}");
    }
}

#[test]
fn a_pull_goes_on_where_the_connection_was_cut() {
    let host = host(Host::empty());
    let registry = Registry::start(5000, Door::Open);
    let layers = vec![busybox().to_vec(), Tree::new().file("noise", &noise(3 << 20)).finish()];
    let name = format!("{REGISTRY}/big:1");
    host.porthole_with("load", &Image::new(layers).oci(&name, TAR_ZSTD, zstd)).ok();
    host.ok(&format!("push -q {name}"));
    forget_all(&host);
    let cuts = AtomicUsize::new(0);
    let proxy = Proxy::start(5001, registry.address(), move |request| {
        let long = request.is_for_blob() && cuts.fetch_add(1, Ordering::SeqCst) < 6;
        if long { Action::Cut(500_000) } else { Action::Forward }
    });
    host.ok(&format!("pull -q {PROXY}/big:1"));
    assert_eq!(host.ok(&format!("run --rm -u root {PROXY}/big:1 wc -c /noise")), "3145728 /noise");
    let ranges = proxy.requests().into_iter().filter(|request| request.header("range").is_some()).count();
    assert!(ranges >= 2, "{ranges} requests for a rest");
}

#[test]
fn what_a_registry_refuses_for_the_moment_is_asked_again() {
    let (host, registry) = stocked();
    let count = AtomicUsize::new(0);
    let proxy = Proxy::start(5001, registry.address(), move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Action::with_header(429, "retry-after", "1"),
        1 => Action::status(503, ""),
        2 => Action::Drop,
        3 => Action::Cut(10),
        4 => Action::Delay(Duration::from_millis(300)),
        _ => Action::Forward,
    });
    let start = Instant::now();
    host.ok(&format!("pull -q {PROXY}/box:1"));
    assert!(start.elapsed() >= Duration::from_secs(1), "a second was asked for");
    assert!(proxy.requests().len() >= 6);
}

#[test]
fn a_registry_that_never_recovers_is_told_of() {
    let (host, registry) = stocked();
    Proxy::start(5001, registry.address(), |request| match request.path.split('/').nth(2) {
        Some("busy") => Action::with_header(429, "retry-after", "3600"),
        _ => Action::status(404, "<html>no registry</html>"),
    });
    let told = host.fails(1, &format!("pull -q {PROXY}/busy:1"));
    assert!(told.contains(&format!("registry {PROXY} answers 429")), "{told}");
    let told = host.fails(1, &format!("pull -q {PROXY}/none:1"));
    assert!(told.contains("not found") && !told.contains("html"), "{told}");
    assert_eq!(stored(&host), [""; 0]);
}

#[test]
fn a_changed_byte_is_noticed_and_nothing_stays() {
    let (host, registry) = stocked();
    Proxy::start(5001, registry.address(), |request| match request.is_for_blob() {
        true => Action::Corrupt(200),
        false => Action::Forward,
    });
    let told = host.porthole(&format!("pull -q {PROXY}/box:1"));
    assert_eq!(told.code, 1, "{told:?}");
    assert_eq!(stored(&host), [""; 0]);
    assert_eq!(host.ok("images -q"), "");
}

#[test]
fn lies_are_refused_and_nothing_stays() {
    let host = host(Host::empty());
    let bytes = |value: &Value| value.to_string().into_bytes();
    let good = parts(None);
    let lying = |pointer: &str, value: Value| {
        let mut manifest = good.manifest.clone();
        *manifest.pointer_mut(pointer).unwrap() = value;
        vec![bytes(&manifest)]
    };
    let forged = parts(Some(&digest(b"something else")));
    let mut both = good.manifest.clone();
    both["manifests"] = json!([]);
    let mut many = good.manifest.clone();
    many["layers"] = json!(vec![good.manifest["layers"][0].clone(); 10_000]);
    let mut long = good.manifest.clone();
    long["annotations"] = json!({ "x": "y".repeat(5 << 20) });
    let typed = lying("/mediaType", json!(INDEX));
    let mut nested = vec![bytes(&good.manifest)];
    for _ in 0..6 {
        let below = descriptor(INDEX, &nested[0]);
        nested.insert(0, bytes(&json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [below] })));
    }
    let mut unsized_index = json!({ "schemaVersion": 2, "manifests": [descriptor(MANIFEST, &bytes(&good.manifest))] });
    unsized_index["manifests"][0]["size"] = json!(1);
    let blobs = || vec![good.layer.clone(), good.config.clone(), forged.layer.clone(), forged.config.clone()];
    type Blobs = Vec<Vec<u8>>;
    let cases: Vec<(&str, Blobs, Blobs, &str)> = vec![
        ("layer size", lying("/layers/0/size", json!(5)), blobs(), "promised"),
        ("config size", lying("/config/size", json!(5)), blobs(), "promised"),
        ("config too long", lying("/config/size", json!(5 << 20)), blobs(), "4 MiB"),
        ("diffID", vec![bytes(&forged.manifest)], blobs(), "the diffID"),
        ("both", vec![bytes(&both)], blobs(), "both an index and a manifest"),
        ("typed otherwise", typed, blobs(), "both an index and a manifest"),
        ("10 000 layers", vec![bytes(&many)], blobs(), "10000 layers"),
        ("too long", vec![bytes(&long)], blobs(), "longer than 4 MiB"),
        ("nested", nested, blobs(), "nested too deep"),
        ("listed size", vec![bytes(&unsized_index), bytes(&good.manifest)], blobs(), "size that its index promised"),
        ("schema 1", vec![br#"{"schemaVersion":1,"fsLayers":[]}"#.to_vec()], blobs(), "schema 1"),
        ("artifact", lying("/config/mediaType", json!("application/x")), blobs(), "artifact"),
        ("nonsense", vec![b"{".to_vec()], blobs(), "malformed"),
    ];
    let documents = Arc::new(Mutex::new((Vec::new(), Vec::new())));
    let known = documents.clone();
    let _proxy = Proxy::alone(5001, move |request| {
        let (documents, blobs): &(Blobs, Blobs) = &known.lock().unwrap();
        let named = |bytes: &&Vec<u8>| request.path.ends_with(&digest(bytes));
        let found = match request.path.ends_with("/manifests/1") {
            true => documents.first(),
            false => documents.iter().chain(blobs).find(named),
        };
        found.map_or_else(|| Action::status(404, ""), |bytes| Action::Answer(200, Vec::new(), bytes.clone()))
    });
    for (kind, manifests, blobs, problem) in cases {
        *documents.lock().unwrap() = (manifests, blobs);
        let told = host.fails(1, &format!("pull -q {PROXY}/evil:1"));
        assert!(told.contains(problem), "{kind}: {told}");
        assert_eq!(stored(&host), [""; 0], "{kind}");
    }
    *documents.lock().unwrap() = (vec![bytes(&good.manifest)], blobs());
    host.ok(&format!("pull -q {PROXY}/evil:1"));
}

#[test]
fn a_blob_that_is_another_than_its_digest_says_is_refused() {
    let host = host(Host::empty());
    let Parts { layer, config, manifest } = parts(None);
    let (name, manifest) = (digest(&layer), manifest.to_string().into_bytes());
    let sent = Arc::new(Mutex::new(Vec::new()));
    let lie = Arc::clone(&sent);
    let _proxy = Proxy::alone(5001, move |request| {
        let answer = match request.path.rsplit('/').next() {
            Some("1") => manifest.clone(),
            Some(digest) if digest == name => lie.lock().unwrap().clone(),
            _ => config.clone(),
        };
        Action::Answer(200, Vec::new(), answer)
    });
    let tar = Tree::new().file("hello", b"hello").finish();
    let mut shifted = [&[0x1f][..], &layer].concat();
    shifted.truncate(layer.len());
    for (kind, blob) in [
        ("a byte before it", [&[0x1f][..], &layer].concat()),
        ("a byte before it, and none more", shifted),
        ("a NUL after it", [&layer[..], b"\0"].concat()),
        ("plain", tar.clone()),
        ("compressed otherwise", zstd(&tar)),
    ] {
        *sent.lock().unwrap() = blob;
        let told = host.fails(1, &format!("pull -q {PROXY}/evil:1"));
        assert!(told.starts_with("layer "), "{kind}: {told}");
        assert_eq!(stored(&host), [""; 0], "{kind}");
    }
    *sent.lock().unwrap() = layer;
    host.ok(&format!("pull -q {PROXY}/evil:1"));
}

#[test]
fn a_layer_that_is_there_twice_is_so_in_the_configuration_too() {
    let host = host(Host::empty());
    let Parts { layer, config, mut manifest } = parts(None);
    let once = manifest["layers"][0].clone();
    manifest["layers"] = json!([once, once]);
    let mut honest: Value = serde_json::from_slice(&config).unwrap();
    honest["rootfs"]["diff_ids"] = json!([honest["rootfs"]["diff_ids"][0], honest["rootfs"]["diff_ids"][0]]);
    let honest = honest.to_string().into_bytes();
    let mut other = manifest.clone();
    other["config"] = descriptor(CONFIG, &honest);
    let lie = manifest.to_string().into_bytes();
    let truth = other.to_string().into_bytes();
    let pinned = digest(&truth);
    let _proxy = play(vec![lie, truth], vec![layer, config, honest]);
    let told = host.fails(1, &format!("pull -q {PROXY}/evil:1"));
    assert!(told.contains("has 2 layers, but names 1"), "{told}");
    assert_eq!(stored(&host), [""; 0]);
    let name = format!("{PROXY}/evil@{pinned}");
    host.ok(&format!("pull -q {name}"));
    assert_eq!(host.inspect(&name)["RootFS"]["Layers"].as_array().unwrap().len(), 2);
}

#[test]
fn an_artifact_is_told_of_and_can_be_looked_at() {
    let host = host(Host::empty());
    let blob = b"a chart".to_vec();
    let kind = "application/vnd.cncf.helm.config.v1+json";
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor(kind, b"{}"),
        "layers": [descriptor("application/vnd.cncf.helm.chart.content.v1.tar+gzip", &blob)],
    });
    let _proxy = play(vec![manifest.to_string().into_bytes()], vec![blob, b"{}".to_vec()]);
    let name = format!("{PROXY}/chart:1");
    for command in ["pull -q", "create -q"] {
        let told = host.porthole(&format!("{command} {name}"));
        let line = told.stderr.lines().last().unwrap();
        assert!(
            told.code == 1 && line.contains("is no container image, but an artifact (\"application/vnd.cncf"),
            "{told:?}"
        );
        assert!(line.contains(&format!("`porthole manifest inspect {name}` shows it")), "{line}");
    }
    assert_eq!(stored(&host), [""; 0]);
    let shown: Value = serde_json::from_str(&host.ok(&format!("manifest inspect {name}"))).unwrap();
    assert_eq!(shown, manifest);
}

#[test]
fn a_digest_header_that_lies_is_refused() {
    let host = host(Host::empty());
    let manifest = parts(None).manifest.to_string().into_bytes();
    Proxy::alone(5001, move |_| {
        let lie = vec![("docker-content-digest".to_owned(), digest(b"another"))];
        Action::Answer(200, lie, manifest.clone())
    });
    let told = host.fails(1, &format!("pull -q {PROXY}/evil:1"));
    assert!(told.contains("was promised"), "{told}");
    let told = host.fails(1, &format!("pull -q {PROXY}/evil@{}", digest(b"wanted")));
    assert!(told.contains("was promised"), "{told}");
}

#[test]
fn the_image_for_the_platform_is_taken() {
    let host = host(Host::empty());
    let good = parts(None);
    let manifest = good.manifest.to_string().into_bytes();
    let mut config: Value = serde_json::from_slice(&good.config).unwrap();
    config["architecture"] = json!("arm");
    let config = config.to_string().into_bytes();
    let mut other = good.manifest.clone();
    other["config"] = descriptor(CONFIG, &config);
    let other = other.to_string().into_bytes();
    let entry = |content: &[u8], architecture: &str, variant: Option<&str>| {
        let mut entry = descriptor(MANIFEST, content);
        entry["platform"] = json!({ "os": "linux", "architecture": architecture });
        if let Some(variant) = variant {
            entry["platform"]["variant"] = json!(variant);
        }
        entry
    };
    let entries = [entry(&other, "arm", Some("v6")), entry(&manifest, "amd64", None)];
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": entries }).to_string().into_bytes();
    let index_digest = digest(&index);
    let _proxy = play(vec![index, manifest, other], vec![good.layer, good.config, config]);
    let name = format!("{PROXY}/multi:1");
    if cfg!(target_arch = "x86_64") {
        host.ok(&format!("pull -q {name}"));
        assert_eq!(host.inspect(&name)["Architecture"], "amd64");
        assert_eq!(host.inspect(&name)["RepoDigests"], json!([format!("{PROXY}/multi@{index_digest}")]));
    }
    host.ok(&format!("pull -q --platform linux/arm/v7 {name}"));
    assert_eq!(host.inspect(&name)["Architecture"], "arm");
    let told = host.fails(1, &format!("pull -q --platform linux/s390x {name}"));
    assert!(told.contains("no image for linux/s390x, only for linux/arm/v6, linux/amd64"), "{told}");
    assert!(host.fails(125, &format!("pull --platform a/b/c/d {name}")).contains("invalid platform"));
    let verbose: Value = serde_json::from_str(&host.ok(&format!("manifest inspect -v {name}"))).unwrap();
    assert_eq!(verbose[0]["Descriptor"]["platform"]["variant"], "v6");
}

#[test]
fn a_container_gets_the_image_for_its_platform() {
    let (host, _registry) = stocked();
    let name = format!("{REGISTRY}/box:1");
    // The registry has what this machine runs; here, the name is that of an image for another.
    let layer = Tree::new().file("hello", b"hello").finish();
    let config = json!({
        "architecture": "s390x", "os": "linux", "config": { "Cmd": ["/hello"] },
        "rootfs": { "type": "layers", "diff_ids": [digest(&layer)] },
    });
    let items = json!([{ "Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"] }]);
    let archive = Tree::new()
        .file("config.json", config.to_string().as_bytes())
        .file("manifest.json", items.to_string().as_bytes())
        .file("layer.tar", &layer);
    host.porthole_with("load", &archive.finish()).ok();
    let foreign = host.inspect(&name)["Id"].clone();
    assert_eq!(host.inspect(&name)["Architecture"], "s390x");
    host.ok(&format!("create --platform linux/s390x --name kept {name}"));
    assert_eq!(host.inspect("kept")["Image"], foreign);

    let own = if cfg!(target_arch = "x86_64") { "linux/amd64" } else { "linux/arm64" };
    let refused = host.fails(125, &format!("run --rm --pull never --platform {own} {name} true"));
    assert_eq!(
        refused,
        format!(
            "image with reference {name} was found but does not match the specified platform: wanted {own}, actual: \
             linux/s390x"
        )
    );
    let ran = host.porthole(&format!("run --rm --platform {own} {name} echo ran"));
    assert_eq!(ran.ok(), "ran");
    assert!(ran.stderr.starts_with(&format!("Unable to find image '{name}' locally\n")), "{ran:?}");
    assert_ne!(host.inspect(&name)["Id"], foreign, "the name is now that of the one that was pulled");
    assert_eq!(host.porthole(&format!("run --rm --platform {own} {name} true")).stderr, "");
    let none = host.porthole(&format!("create --platform linux/s390x {name} true"));
    assert_eq!(none.code, 1);
    assert!(none.stderr.contains(&format!("is for another platform: wanted linux/s390x, actual: {own}")), "{none:?}");
    assert!(host.fails(125, &format!("run --platform a/b/c/d {name}")).contains("invalid platform"));
}

#[test]
fn mirrors_are_asked_first_and_registries_in_their_order() {
    let (mut host, registry) = stocked();
    let mirror = Proxy::start(5001, registry.address(), |request| match request.path.contains("/manifests/2") {
        true => Action::status(500, ""),
        false => Action::Forward,
    });
    let text = format!(
        "search = ['{PROXY}', '{REGISTRY}']\n[registry.'{REGISTRY}']\ninsecure = 'http'\nmirrors = ['{PROXY}']\n\
         [registry.'{PROXY}']\ninsecure = 'http'\n"
    );
    configure(&mut host, &text);
    host.ok(&format!("pull -q {REGISTRY}/box:1"));
    assert!(mirror.requests().iter().any(Request::is_for_blob));
    host.ok(&format!("tag {REGISTRY}/box:1 {REGISTRY}/box:2"));
    host.ok(&format!("push -q {REGISTRY}/box:2"));
    let pulled = host.porthole(&format!("pull -q {REGISTRY}/box:2"));
    pulled.ok();
    assert!(pulled.stderr.contains(&format!("WARNING: mirror {PROXY}")), "{pulled:?}");
    forget_all(&host);
    // Names without a registry are looked for in all that are to be searched.
    assert_eq!(host.porthole("run --rm box:1 echo found").ok(), "found");
    let again = host.porthole("run --rm box:1 echo found");
    assert_eq!((again.ok(), again.stderr.as_str()), ("found", ""), "it is known by its short name");
    assert_eq!(host.ok("search bo"), "NAME\nbox");
}

#[test]
fn long_layers_go_in_pieces_and_lost_pieces_again() {
    let host = host(Host::empty());
    let registry = Registry::start(5000, Door::Open);
    let layers = vec![busybox().to_vec(), Tree::new().file("noise", &noise(10 << 20)).finish()];
    let name = format!("{PROXY}/big:1");
    host.porthole_with("load", &Image::new(layers).docker(&name)).ok();
    let patches = AtomicUsize::new(0);
    let proxy = Proxy::start(5001, registry.address(), move |request| {
        match request.method == "PATCH" && patches.fetch_add(1, Ordering::SeqCst) == 1 {
            true => Action::Drop,
            false => Action::Forward,
        }
    });
    host.ok(&format!("push -q {name}"));
    let requests = proxy.requests();
    let pieces = requests.iter().filter(|request| request.method == "PATCH").count();
    assert_eq!(pieces, 4, "three, and one of them twice");
    assert!(
        requests.iter().any(|request| request.method == "PUT" && request.body.len() > 100_000),
        "the other at once"
    );
    forget_all(&host);
    host.ok(&format!("pull -q {REGISTRY}/big:1"));
    assert_eq!(host.ok(&format!("run --rm -u root {REGISTRY}/big:1 wc -c /noise")), "10485760 /noise");
}

#[test]
fn layers_go_several_at_a_time() {
    let host = host(Host::empty());
    let registry = Registry::start(5000, Door::Open);
    let layers: Vec<Vec<u8>> = (0..9).map(|number| Tree::new().file(&format!("file{number}"), b"x").finish()).collect();
    // One of them twice.
    let layers = [&layers[..], &layers[..1]].concat();
    let name = format!("{PROXY}/many:1");
    host.porthole_with("load", &Image::new(layers).docker(&name)).ok();
    let id = host.inspect(&name)["Id"].clone();
    let (now, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let peak = Arc::clone(&most);
    let proxy = Proxy::start(5001, registry.address(), move |request| {
        if request.is("PUT", "/v2/many/blobs/") {
            peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            pause(100);
            now.fetch_sub(1, Ordering::SeqCst);
        }
        Action::Forward
    });
    let pushed = host.ok(&format!("push {name}"));
    assert_eq!(pushed.matches(": Pushed").count(), 9, "{pushed}");
    let most = most.load(Ordering::SeqCst);
    assert!((2..=5).contains(&most), "{most} at a time");
    let uploads = proxy.requests().iter().filter(|request| request.is("PUT", "/v2/many/blobs/")).count();
    assert_eq!(uploads, 10, "nine layers and a configuration, each once");
    forget_all(&host);
    host.ok(&format!("pull -q {name}"));
    assert_eq!(host.inspect(&name)["Id"], id);
}

#[test]
fn a_push_ends_with_the_first_layer_that_is_refused() {
    let host = host(Host::empty());
    let registry = Registry::start(5000, Door::Open);
    let layers = (0..8).map(|number| Tree::new().file(&format!("file{number}"), b"x").finish()).collect();
    let name = format!("{PROXY}/many:1");
    host.porthole_with("load", &Image::new(layers).docker(&name)).ok();
    let proxy = Proxy::start(5001, registry.address(), |request| match request.is("PUT", "/v2/many/blobs/") {
        true => Action::status(413, ""),
        false => Action::Forward,
    });
    let told = host.fails(1, &format!("push -q {name}"));
    assert!(told.contains(&format!("registry {PROXY} answers 413")), "{told}");
    let requests = proxy.requests();
    let uploads = requests.iter().filter(|request| request.is("PUT", "/v2/many/blobs/")).count();
    assert!(uploads <= 5, "{uploads} layers were sent all the same");
    assert!(!requests.iter().any(|request| request.is("PUT", "/v2/many/manifests/")));
}

#[test]
fn a_killed_pull_leaves_nothing() {
    let (host, registry) = stocked();
    let proxy = Proxy::start(5001, registry.address(), |request| match request.is_for_blob() {
        true => Action::Delay(Duration::from_secs(30)),
        false => Action::Forward,
    });
    let pull = host.start(&format!("pull {PROXY}/box:1"));
    eventually("the pull has begun", || proxy.requests().iter().any(Request::is_for_blob));
    drop(pull);
    pause(10);
    assert_eq!(host.ok("images -q"), "");
    // The next who stores something cleans up.
    host.ok(&format!("pull -q {REGISTRY}/box:1"));
    forget_all(&host);
}

#[test]
fn a_terminal_shows_a_bar() {
    let (host, _registry) = stocked();
    let mut terminal = host.terminal(&format!("pull {REGISTRY}/box:1"));
    terminal.expect("Status: Downloaded newer image");
    assert_eq!(terminal.wait(), 0);
    let picture = terminal.picture();
    assert_eq!(picture.matches("Pull complete").count(), 1, "{picture}");
    assert_eq!(picture.matches("fs layer").count(), 0, "its line was drawn over: {picture}");
}

#[test]
fn skopeo_and_we_understand_each_other() {
    let host = host(Host::new());
    let _registry = Registry::start(5000, Door::Open);
    // Ours for skopeo, which checks all digests and writes what docker and podman write.
    host.ok(&format!("tag box {REGISTRY}/ours:1"));
    host.ok(&format!("push -q {REGISTRY}/ours:1"));
    let copy = |arguments: &str| host.tool(&format!("skopeo copy -q --insecure-policy {arguments}"));
    let plain = "--src-tls-verify=false --dest-tls-verify=false";
    let directory = host.path("copy");
    copy(&format!("{plain} docker://{REGISTRY}/ours:1 dir:{}", directory.display()));
    assert!(Path::new(&directory).join("manifest.json").exists());
    // Theirs for us: Docker's schema 2, and OCI with gzip and zstd.
    let archive = host.path("archive");
    fs::write(&archive, Image::new(vec![busybox().to_vec()]).oci("zstd:1", TAR_ZSTD, zstd)).unwrap();
    let (copied, archive) = (format!("dir:{}", directory.display()), format!("oci-archive:{}", archive.display()));
    for (tag, source, kind) in [
        ("schema2", format!("--format v2s2 {copied}"), "application/vnd.docker.image.rootfs.diff.tar.gzip"),
        ("oci", format!("--format oci {copied}"), TAR_GZIP),
        ("zstd", archive, TAR_ZSTD),
    ] {
        copy(&format!("{plain} {source} docker://{REGISTRY}/theirs:{tag}"));
        forget_all(&host);
        let name = format!("{REGISTRY}/theirs:{tag}");
        let manifest: Value = serde_json::from_str(&host.ok(&format!("manifest inspect {name}"))).unwrap();
        assert_eq!(manifest["layers"][0]["mediaType"], kind);
        host.ok(&format!("pull -q {name}"));
        assert_eq!(host.ok(&format!("run --rm {name} echo {tag}")), tag);
        // What came from them goes back as it was.
        let digest = host.inspect(&name)["RepoDigests"][0].as_str().unwrap().to_owned();
        host.ok(&format!("tag {name} {REGISTRY}/back:{tag}"));
        let pushed = host.ok(&format!("push {REGISTRY}/back:{tag}"));
        assert!(pushed.contains(digest.split_once('@').unwrap().1), "{pushed}");
    }
}
