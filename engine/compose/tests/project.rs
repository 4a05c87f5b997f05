//! Whole projects, from their files to what they mean.

use porthole_compose::node::Node;
use porthole_compose::project::{Condition, FileSource, MountKind};
use porthole_compose::{Files, Project, Request, emit};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Files that are nowhere but here.
#[derive(Default)]
struct Memory(HashMap<PathBuf, String>);

impl Files for Memory {
    fn read(&self, path: &Path) -> io::Result<String> {
        self.0.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn exists(&self, path: &Path) -> bool {
        self.0.contains_key(path)
    }
}

fn files(files: &[(&str, &str)]) -> Memory {
    Memory(files.iter().map(|(path, text)| (Path::new("/p").join(path), (*text).to_owned())).collect())
}

fn request() -> Request {
    Request { working_directory: "/p".into(), ..Request::default() }
}

fn load(all: &[(&str, &str)]) -> Project {
    request().load(&files(all)).unwrap_or_else(|error| panic!("{error}"))
}

fn error(all: &[(&str, &str)]) -> String {
    match request().load(&files(all)) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("no error: {all:?}"),
    }
}

fn json(project: &Project, path: &[&str]) -> String {
    let node = path.iter().try_fold(&project.tree, |node: &Node, key| node.get(key));
    node.map(|node| node.to_json().to_string()).unwrap_or_default()
}

#[test]
fn a_whole_file_means_something() {
    let project = load(&[(
        "compose.yaml",
        "
services:
  web:
    image: nginx
    command: nginx -g 'daemon off;'
    ports: ['8080:80', '127.0.0.1:8443:443', '53:53/udp', '90']
    volumes: ['data:/data:ro', './src:/src', '/anonymous']
    networks: {front: {aliases: [www], ipv4_address: 10.0.0.5}, back: {priority: 10}}
    depends_on: {db: {condition: service_healthy, restart: true}}
    deploy: {replicas: 2, resources: {limits: {cpus: '0.5', memory: 64M, pids: 10}}}
    stop_grace_period: 1m30s
    secrets: [password]
    configs: [{source: site, target: /etc/site, mode: 0440}]
    ulimits: {nofile: {soft: 1, hard: 2}, nproc: 5}
    healthcheck: {test: curl x, interval: 5s, retries: 2}
  db:
    image: mariadb
volumes: {data: }
networks: {front: {}, back: {internal: true}}
secrets: {password: {file: ./password}}
configs: {site: {content: hello}}
",
    )]);
    assert_eq!(project.name, "p");
    let web = &project.services["web"];
    assert_eq!(web.command.as_deref().unwrap(), ["nginx", "-g", "daemon off;"]);
    assert_eq!(web.ports, ["8080:80/tcp", "127.0.0.1:8443:443/tcp", "53:53/udp", "90/tcp"]);
    assert!(matches!(&web.mounts[0].kind, MountKind::Volume { source: Some(name), .. } if name == "data"));
    assert!(web.mounts[0].read_only);
    assert!(matches!(&web.mounts[1].kind, MountKind::Bind { source, .. } if source == Path::new("/p/src")));
    assert!(matches!(&web.mounts[2].kind, MountKind::Volume { source: None, .. }));
    assert_eq!(web.networks[0].network, "back");
    assert_eq!(web.networks[1].addresses, ["10.0.0.5"]);
    assert_eq!(web.depends_on["db"].condition, Condition::Healthy);
    assert_eq!((web.replicas, web.limits.cpus, web.limits.memory), (2, Some(0.5), Some(64 << 20)));
    assert_eq!(web.stop_grace_period, Some(90_000_000_000));
    assert_eq!(web.secrets[0].target, "/run/secrets/password");
    assert_eq!((web.configs[0].target.as_str(), web.configs[0].mode), ("/etc/site", 0o440));
    assert_eq!(web.healthcheck.as_ref().unwrap().test, ["CMD-SHELL", "curl x"]);
    assert_eq!(web.ulimits.len(), 2);
    assert_eq!(project.networks["front"].name, "p_front");
    assert_eq!(project.networks["default"].name, "p_default");
    assert_eq!(project.volumes["data"].name, "p_data");
    assert_eq!(project.secrets["password"], FileSource::File("/p/password".into()));
    assert_eq!(project.configs["site"], FileSource::Content("hello".into()));
}

#[test]
fn variables_come_from_the_process_and_files() {
    let all = files(&[
        (
            "compose.yaml",
            "services: {a: {image: 'i:$TAG', environment: [A, 'B=${B:-b}'], env_file: [e, {path: none, required: false}]}}",
        ),
        (".env", "TAG=env\nA=fromenv\n"),
        ("e", "C='x y'\nA=file\nD=${TAG}\n"),
        ("other.env", "TAG=other\n"),
    ]);
    let project = request().load(&all).unwrap();
    assert_eq!(project.services["a"].image, "i:env");
    let expected = [("A", "fromenv"), ("B", "b"), ("C", "x y"), ("D", "env")];
    let expected: BTreeMap<String, String> = expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    assert_eq!(project.services["a"].environment, expected);
    let mut with_own = request();
    with_own.environment.insert("TAG".into(), "own".into());
    assert_eq!(with_own.load(&all).unwrap().services["a"].image, "i:own");
    let with_file = Request { env_files: vec!["other.env".into()], ..request() };
    assert_eq!(with_file.load(&all).unwrap().services["a"].image, "i:other");
    let missing = load(&[("compose.yaml", "services: {a: {image: 'x$NOPE'}}")]);
    assert!(missing.warnings[0].contains("\"NOPE\" variable is not set"));
    let old = load(&[("compose.yaml", "version: '3'\nservices: {a: {image: x}}")]);
    assert!(old.warnings[0].contains("`version` is obsolete") && old.tree.get("version").is_none());
}

#[test]
fn files_are_found_and_merged() {
    let all = [
        ("docker-compose.yml", "services: {a: {image: x}}"),
        ("docker-compose.override.yml", "services: {a: {command: over}}"),
        ("sub/x", ""),
    ];
    assert_eq!(load(&all).services["a"].command.as_deref().unwrap(), ["over"]);
    let below = Request { working_directory: "/p/sub/deep".into(), ..Request::default() };
    assert_eq!(below.load(&files(&all)).unwrap().directory, Path::new("/p"));
    let mut named = request();
    named.environment.insert("COMPOSE_FILE".into(), "one.yml:two.yml".into());
    let two = files(&[("one.yml", "services: {a: {image: x}}"), ("two.yml", "services: {a: {image: y}}")]);
    assert_eq!(named.load(&two).unwrap().services["a"].image, "y");
    assert!(error(&[]).contains("no configuration file provided"));
}

#[test]
fn names_of_projects() {
    let with_name = files(&[("compose.yaml", "name: ${N:-mine}\nservices: {a: {image: $COMPOSE_PROJECT_NAME}}")]);
    let project = request().load(&with_name).unwrap();
    assert_eq!((project.name.as_str(), project.services["a"].image.as_str()), ("mine", "mine"));
    let said = Request { name: Some("said".into()), ..request() };
    assert_eq!(said.load(&with_name).unwrap().name, "said");
    let wrong = Request { name: Some("No".into()), ..request() };
    assert!(wrong.load(&with_name).unwrap_err().to_string().contains("invalid project name"));
}

#[test]
fn services_extend_others() {
    let project = load(&[
        (
            "compose.yaml",
            "services: {a: {extends: b, command: a}, b: {extends: {file: sub/base.yaml, service: c}, environment: {B: 2}}}",
        ),
        (
            "sub/base.yaml",
            "services: {c: {extends: d, volumes: ['./x:/x'], environment: {B: 1, C: 1}}, d: {image: i, command: d}}",
        ),
    ]);
    let a = &project.services["a"];
    assert_eq!((a.image.as_str(), a.command.as_deref().unwrap()), ("i", &["a".to_owned()][..]));
    assert_eq!(a.environment["B"], "2");
    assert!(matches!(&a.mounts[0].kind, MountKind::Bind { source, .. } if source == Path::new("/p/sub/x")));
    assert_eq!(project.services.len(), 2);
}

#[test]
fn files_include_others() {
    let project = load(&[
        (
            "compose.yaml",
            "include: [sub/a.yaml, {path: [b.yaml, c.yaml], env_file: b.env}]\nservices: {main: {image: x, depends_on: [a]}}",
        ),
        ("sub/a.yaml", "services: {a: {image: '$TAG', volumes: ['./d:/d', 'v:/v']}}\nvolumes: {v: }"),
        ("sub/.env", "TAG=sub"),
        ("b.yaml", "services: {b: {image: '$TAG'}}"),
        ("c.yaml", "services: {b: {command: c}}"),
        ("b.env", "TAG=b"),
    ]);
    assert_eq!(project.services["a"].image, "sub");
    assert!(
        matches!(&project.services["a"].mounts[0].kind, MountKind::Bind { source, .. } if source == Path::new("/p/sub/d"))
    );
    assert_eq!((project.services["b"].image.as_str(), project.services["b"].command.is_some()), ("b", true));
    assert_eq!(project.volumes["v"].name, "p_v");
    let twice = error(&[
        ("compose.yaml", "include: [a.yaml]\nservices: {a: {image: x}}"),
        ("a.yaml", "services: {a: {image: y}}"),
    ]);
    assert!(twice.contains("services.a conflicts with the included one"), "{twice}");
}

#[test]
fn profiles_choose_services() {
    let all = files(&[(
        "compose.yaml",
        "services: {a: {image: x}, b: {image: x, profiles: [p]}, c: {image: x, profiles: [q], depends_on: {b: {condition: service_started, required: false}}}}",
    )]);
    let active = |request: Request| request.load(&all).unwrap().services.into_keys().collect::<Vec<_>>().join(" ");
    assert_eq!(active(request()), "a");
    assert_eq!(active(Request { profiles: vec!["p".into()], ..request() }), "a b");
    assert_eq!(active(Request { profiles: vec!["*".into()], ..request() }), "a b c");
    assert_eq!(active(Request { services: vec!["c".into()], ..request() }), "a c");
    let mut by_variable = request();
    by_variable.environment.insert("COMPOSE_PROFILES".into(), "p,q".into());
    assert_eq!(active(by_variable), "a b c");
}

#[test]
fn other_keys_make_dependencies() {
    let project = load(&[(
        "compose.yaml",
        "services: {a: {image: x, network_mode: 'service:b', volumes_from: ['c:ro']}, b: {image: x, links: ['d:db']}, c: {image: x}, d: {image: x}}",
    )]);
    assert_eq!(project.services["a"].depends_on.keys().collect::<Vec<_>>(), ["b", "c"]);
    assert_eq!(project.services["b"].depends_on.keys().collect::<Vec<_>>(), ["d"]);
    assert!(project.services["a"].networks.is_empty());
}

#[test]
fn what_is_wrong_is_told() {
    for (text, expected) in [
        ("services: {a: {}}", "compose.yaml:1:15: service \"a\" has neither an image nor a build"),
        ("services: {a: {image: x, networks: [n]}}", "undefined network n"),
        ("services: {a: {image: x, volumes: ['v:/v']}}", "undefined volume v"),
        ("services: {a: {image: x, secrets: [s]}}", "undefined secret s"),
        ("services: {a: {image: x, depends_on: [b]}}", "depends on undefined service \"b\""),
        (
            "services: {a: {image: x, depends_on: [b]}, b: {image: x, depends_on: [a]}}",
            "dependency cycle detected: a -> b -> a",
        ),
        ("services: {a: {image: x, depends_on: [b]}, b: {image: x, profiles: [p]}}", "which is disabled"),
        ("services: {a: {image: x, network_mode: host, networks: [default]}}", "mutually exclusive"),
        ("services: {a: {image: x, container_name: n, scale: 2}}", "one container only"),
        ("services: {a: {image: '${X:?set X}'}}", "compose.yaml:1:23: required variable X is missing a value: set X"),
        ("services: {a: {image: '${'}}", "compose.yaml:1:23: invalid interpolation format"),
        ("services: {a: {image: x, ports: ['x:80']}}", "compose.yaml:1:34: invalid port \"x:80\""),
        ("services: {a: {image: x, env_file: nope}}", "compose.yaml:1:36: env file /p/nope not found"),
        (
            "services: {a: {image: x, configs: [c]}}\nconfigs: {c: {}}",
            "want exactly one of file, environment and content",
        ),
        ("services: {a: {image: x, secrets: [c]}}\nsecrets: {c: {environment: NOPE}}", "\"NOPE\" is not set"),
        ("services: {a: {extends: a}}", "in a circle: a -> a"),
        ("services: {a: {extends: b}, b: {extends: c}, c: {extends: a}}", "circle"),
        ("services: {a: {extends: b}}", "cannot extend service \"b\""),
        ("services: {a: {extends: {file: 'https://x/y.git', service: b}}}", "not a file of this host"),
        ("include: [compose.yaml]", "include each other in a circle"),
        ("include: ['oci://x/y']", "not a file of this host"),
        ("services: {}", "no service"),
        ("", "empty compose file"),
        ("[]", "expected a mapping, not a list"),
        ("name: X\nservices: {a: {image: x}}", "compose.yaml:1:7: invalid project name"),
    ] {
        let told = error(&[("compose.yaml", text)]);
        assert!(told.contains(expected), "{text}: {told}");
    }
}

#[test]
fn what_grows_without_bounds_is_stopped() {
    let begun = Instant::now();
    let doubling = |at: usize| format!("include: [{{path: f{0}a.yaml}}, {{path: f{0}b.yaml}}]", at + 1);
    let mut many = vec![("compose.yaml".to_owned(), doubling(0))];
    for level in 1..20 {
        let text = if level == 19 { "x-end: 1".to_owned() } else { doubling(level) };
        many.extend(["a", "b"].map(|half| (format!("f{level}{half}.yaml"), text.clone())));
    }
    let many: Vec<(&str, &str)> = many.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    assert!(error(&many).contains("more than 500 files"));
    let chain: String = (0..2000).map(|at| format!("  s{at}: {{extends: s{}}}\n", at + 1)).collect();
    assert!(
        error(&[("compose.yaml", &format!("services:\n{chain}  s2000: {{image: x}}\n"))])
            .contains("more than 50 services")
    );
    let wide: String = (0..3000).map(|at| format!("  s{at}: {{extends: {{file: big.yaml, service: b}}}}\n")).collect();
    let big = format!("services: {{b: {{image: x, cap_add: [{}]}}}}", "A,".repeat(20_000));
    let told = error(&[("compose.yaml", &format!("services:\n{wide}")), ("big.yaml", &big)]);
    assert!(told.contains("more than 500000 values"), "{told}");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn config_is_read_again_as_the_same_project() {
    let project = load(&[(
        "compose.yaml",
        "x-a: {b: 1}\nservices: {web: {image: x, command: [sh, -c, 'echo $$HOME'], ports: ['80:80'], environment: {A: 'yes', B: '1'}}}",
    )]);
    let text = emit::yaml(&project.tree);
    assert!(text.starts_with("name: p\nservices:\n  web:\n    command:\n"), "{text}");
    assert!(text.ends_with("x-a:\n  b: 1\n"), "{text}");
    assert_eq!(json(&project, &["services", "web", "environment"]), r#"{"A":"yes","B":"1"}"#);
    let again = Request { keep_variables: true, ..request() };
    let again = again.load(&files(&[("compose.yaml", &text)])).unwrap();
    assert_eq!(again.services["web"].hash, project.services["web"].hash);
}
