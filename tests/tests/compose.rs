//! Projects of several containers: `compose`.

use porthole_tests::{Host, Numbers, eventually};
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A host, and a directory with a project in it.
struct Site {
    host: Host,
    directory: TempDir,
}

impl Site {
    fn new(compose: &str) -> Site {
        let site = Site { host: Host::new(), directory: tempfile::tempdir().expect("a directory") };
        site.write("compose.yaml", compose);
        site
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).expect("a file");
    }

    /// Changes the compose file.
    fn change(&self, from: &str, to: &str) {
        let text = fs::read_to_string(self.path().join("compose.yaml")).expect("a file");
        assert!(text.contains(from), "{from}");
        self.write("compose.yaml", &text.replace(from, to));
    }

    fn line(&self, words: &str) -> String {
        format!("compose -p p --project-directory {0} -f {0}/compose.yaml {words}", self.path().display())
    }

    #[track_caller]
    fn ok(&self, words: &str) -> String {
        self.host.ok(&self.line(words))
    }

    /// What is told on standard error.
    #[track_caller]
    fn told(&self, words: &str) -> String {
        let output = self.host.porthole(&self.line(words));
        output.ok();
        output.stderr
    }

    #[track_caller]
    fn fails(&self, code: i32, words: &str) -> String {
        self.host.fails(code, &self.line(words))
    }

    #[track_caller]
    fn id(&self, name: &str) -> String {
        self.host.inspect(name)["Id"].as_str().expect("an id").to_owned()
    }
}

const WEB: &str = "
services:
  web:
    image: box
    init: true
    command: sh -c 'mkdir -p /www && echo page > /www/index.html && exec httpd -f -p 80 -h /www'
    depends_on: [db]
  db:
    image: box
    init: true
    command: sleep 1000
    environment: {A: '1'}
    volumes: ['data:/data']
volumes: {data: }
";

#[test]
fn services_find_each_other_and_only_what_changed_is_made_anew() {
    let site = Site::new(WEB);
    let told = site.told("up -d");
    let at = |text: &str| told.find(text).unwrap_or_else(|| panic!("{text}: {told}"));
    assert!(at("Network p_default  Created") < at("Container p-db-1  Created"));
    assert!(at("Container p-db-1  Started") < at("Container p-web-1  Starting"), "{told}");
    site.ok("exec -T db sh -c 'until wget -q -O- http://web/; do sleep 0.1; done'");
    let (web, db) = (site.id("p-web-1"), site.id("p-db-1"));
    let labels = site.host.inspect("p-web-1")["Config"]["Labels"].clone();
    for (key, value) in [
        ("project", "p"),
        ("service", "web"),
        ("container-number", "1"),
        ("oneoff", "False"),
        ("depends_on", "db:service_started:false"),
    ] {
        assert_eq!(labels[format!("com.docker.compose.{key}")], value, "{key}");
    }
    assert_eq!(labels["com.docker.compose.config-hash"], site.ok("config --hash web").split(' ').nth(1).unwrap());
    assert!(site.told("up -d").lines().all(|line| line.ends_with("Running")));
    assert_eq!((site.id("p-web-1"), site.id("p-db-1")), (web.clone(), db.clone()));
    site.change("A: '1'", "A: '2'");
    site.ok("up -d");
    assert_eq!(site.id("p-web-1"), web);
    assert_ne!(site.id("p-db-1"), db);
    assert_eq!(site.ok("exec -T db sh -c 'echo $A'"), "2");
    site.ok("up -d --force-recreate --no-deps web");
    assert_ne!(site.id("p-web-1"), web);
    site.ok("down");
    assert_eq!(site.host.ok("ps -aq"), "");
}

#[test]
fn volumes_stay_until_they_are_to_go() {
    let site = Site::new(WEB);
    site.change("'data:/data'", "'data:/data', '/own'");
    site.ok("up -d");
    site.ok("exec -T db sh -c 'echo kept > /data/file && echo own > /own/file'");
    site.change("A: '1'", "A: '2'");
    site.ok("up -d");
    assert_eq!(site.ok("exec -T db cat /data/file /own/file"), "kept\nown", "volumes without a name go on, too");
    site.ok("down");
    assert_eq!(site.host.ok("volume ls -q"), "p_data");
    site.ok("up -d");
    assert_eq!(site.ok("exec -T db cat /data/file"), "kept");
    site.ok("down -v");
    assert_eq!(site.host.ok("volume ls -q"), "");
    assert!(!site.host.ok("network ls").contains("p_default"));
}

#[test]
fn services_wait_for_what_they_depend_on() {
    let site = Site::new(
        "
services:
  app:
    image: box
    init: true
    command: sleep 1000
    depends_on:
      db: {condition: service_healthy}
      setup: {condition: service_completed_successfully}
  db:
    image: box
    init: true
    command: sh -c 'sleep 0.3; touch /ready; exec sleep 1000'
    healthcheck: {test: test -e /ready, interval: 100ms, retries: 50}
  setup:
    image: box
    command: sh -c 'sleep 0.2; exit 0'
",
    );
    let told = site.told("up -d --wait app db");
    let at = |text: &str| told.find(text).unwrap_or_else(|| panic!("{text}: {told}"));
    assert!(at("Container p-db-1  Healthy") < at("Container p-app-1  Starting"), "{told}");
    assert!(at("Container p-setup-1  Exited") < at("Container p-app-1  Starting"), "{told}");
    site.ok("down");
    site.change("exit 0", "exit 3");
    let line = site.host.porthole(&site.line("up -d"));
    assert_eq!(line.code, 1);
    assert!(
        line.stderr.contains("dependency failed to start: container p-setup-1 didn't complete successfully: exit 3")
    );
    assert_eq!(site.host.status("p-app-1"), "created");
    site.ok("down");
    site.change("test -e /ready", "'false'");
    site.change("retries: 50", "retries: 1");
    let unhealthy = site.host.porthole(&site.line("up -d"));
    assert!(unhealthy.stderr.contains("dependency failed to start"), "{}", unhealthy.stderr);
    site.ok("down");
}

#[test]
fn services_have_as_many_containers_as_asked() {
    let site = Site::new("services: {a: {image: box, init: true, command: sleep 1000, deploy: {replicas: 2}}}");
    site.ok("up -d");
    let names = |site: &Site| {
        let mut names: Vec<String> = site.ok("ps --format '{{.Name}}'").lines().map(str::to_owned).collect();
        names.sort();
        names.join(" ")
    };
    assert_eq!(names(&site), "p-a-1 p-a-2");
    let first = site.id("p-a-1");
    site.ok("up -d --scale a=3");
    assert_eq!(names(&site), "p-a-1 p-a-2 p-a-3");
    assert_eq!(site.id("p-a-1"), first);
    site.ok("scale a=1");
    assert_eq!(names(&site), "p-a-1");
    assert!(site.fails(1, "scale b=1").contains("no such service: b"));
    site.ok("down");
}

#[test]
fn orphans_are_told_of_and_removed() {
    let site = Site::new(WEB);
    site.ok("up -d");
    site.write("compose.yaml", "services: {web: {image: box, init: true, command: sleep 1000}}");
    assert!(site.told("up -d").contains("Found orphan containers ([p-db-1])"));
    assert_eq!(site.host.status("p-db-1"), "running");
    site.ok("up -d --remove-orphans");
    site.host.fails(1, "inspect p-db-1");
    site.ok("down -v");
    // By the project's name alone all goes that has its label.
    site.write("compose.yaml", WEB);
    site.ok("up -d");
    site.host.ok("compose -p p down -v");
    assert_eq!(site.host.ok("ps -aq") + &site.host.ok("volume ls -q"), "");
}

#[test]
fn profiles_networks_and_namespaces() {
    let site = Site::new(
        "
services:
  a: {image: box, init: true, command: sleep 1000, networks: {front: {aliases: [first]}, back: {ipv4_address: 10.77.0.9}}}
  b: {image: box, init: true, command: sleep 1000, network_mode: 'service:a'}
  tool: {image: box, init: true, command: sleep 1000, profiles: [tools], network_mode: none}
networks:
  front: {internal: true}
  back: {ipam: {config: [{subnet: 10.77.0.0/24}]}}
",
    );
    site.ok("up -d");
    assert_eq!(site.ok("ps --services"), "a\nb");
    assert!(site.ok("exec -T b ip -o address").contains("10.77.0.9/24"));
    assert!(site.ok("exec -T a nslookup first").contains("Address"));
    site.ok("--profile tools up -d");
    assert_eq!(site.ok("ps --services"), "a\nb\ntool");
    assert_eq!(site.ok("config --profiles"), "tools");
    assert_eq!(site.ok("config --services"), "a\nb");
    site.ok("stop");
    assert_eq!(site.ok("ps -q"), "");
    site.ok("start");
    site.ok("pause a");
    assert_eq!(site.ok("ps --status paused --services"), "a");
    site.ok("unpause a");
    site.ok("restart -t 0 a");
    site.ok("kill b");
    eventually("b has ended", || site.host.status("p-b-1") == "exited");
    site.ok("rm -f b");
    site.host.fails(1, "inspect p-b-1");
    site.ok("--profile tools down");
}

#[test]
fn secrets_and_configs_are_files_that_are_only_read() {
    let mut site = Site::new(
        "
services:
  a:
    image: box
    init: true
    command: sleep 1000
    secrets: [file, {source: variable, target: word, mode: 0400, uid: '7'}]
    configs: [{source: text, target: /etc/site}]
secrets: {file: {file: ./secret}, variable: {environment: WORD}}
configs: {text: {content: 'site of ${WORD}'}}
",
    );
    site.write("secret", "from a file");
    site.host.set("WORD", "hush");
    site.ok("up -d");
    assert_eq!(site.ok("exec -T a cat /run/secrets/file /run/secrets/word /etc/site"), "from a filehushsite of hush");
    assert_eq!(site.ok("exec -T a stat -c '%a %u' /run/secrets/word"), "400 7");
    assert!(site.host.porthole(&site.line("exec -T a sh -c 'echo x > /etc/site'")).stderr.contains("Read-only"));
    let before = site.id("p-a-1");
    site.host.set("WORD", "other");
    site.ok("up -d");
    assert_ne!(site.id("p-a-1"), before);
    assert_eq!(site.ok("exec -T a cat /etc/site"), "site of other");
    site.ok("down");
    assert_eq!(fs::read_dir(site.host.path("projects")).unwrap().count(), 0);
}

#[test]
fn output_is_shown_by_service() {
    let site = Site::new(
        "
services:
  one: {image: box, command: sh -c 'echo from one; exit 4'}
  other: {image: box, init: true, command: sh -c 'echo from other; exec sleep 1000'}
",
    );
    let up = site.host.porthole(&site.line("up --exit-code-from one"));
    assert_eq!(up.code, 4, "{}", up.stderr);
    assert!(up.stdout.contains("one-1    | from one\n"), "{}", up.stdout);
    assert!(up.stdout.contains("other-1  | from other\n"), "{}", up.stdout);
    assert!(up.stdout.contains("one-1    | exited with code 4\n"), "{}", up.stdout);
    assert_eq!(site.host.status("p-other-1"), "exited");
    let logs = site.ok("logs --no-color");
    assert!(logs.contains("one-1    | from one\n"), "{logs}");
    assert_eq!(site.ok("logs --no-log-prefix one"), "from one");
    site.ok("down");
}

#[test]
fn a_signal_ends_what_up_stays_with() {
    let site = Site::new("services: {a: {image: box, init: true, command: sleep 1000}}");
    let mut command = site.host.command(&site.line("up"));
    let mut up = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it can be run");
    eventually("it runs", || site.host.porthole("inspect p-a-1").code == 0 && site.host.status("p-a-1") == "running");
    thread::sleep(Duration::from_millis(200));
    let pid = nix::unistd::Pid::from_raw(up.id().cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    assert_eq!(up.wait().unwrap().code(), Some(130));
    assert_eq!(site.host.status("p-a-1"), "exited");
    site.ok("down");
}

#[test]
fn hooks_and_runs() {
    let site = Site::new(
        "
services:
  a:
    image: box
    init: true
    command: sleep 1000
    volumes: ['data:/data']
    post_start: [{command: sh -c 'echo started >> /data/log'}]
    pre_stop: [{command: sh -c 'echo stopping >> /data/log'}]
    environment: {A: service}
    ports: ['7070:80']
volumes: {data: }
",
    );
    site.ok("up -d");
    assert_eq!(site.ok("port a 80"), "0.0.0.0:7070");
    site.ok("stop");
    let said = site.host.porthole(&site.line("run --rm -T -e B=own a sh -c 'cat /data/log; echo $A $B'"));
    assert_eq!(said.ok(), "started\nstopping\nservice own");
    assert!(site.ok("run -d -T --name mine a sleep 1000").contains("mine"));
    assert_eq!(site.host.inspect("mine")["Config"]["Labels"]["com.docker.compose.oneoff"], "True");
    assert!(site.fails(1, "port a 80").contains("no port 80/tcp for container p-a-1"));
    site.ok("down -v -t 0");
    assert_eq!(site.host.ok("ps -aq"), "");
}

#[test]
fn mistakes_have_a_place() {
    let site = Site::new("services: {a: {image: box}}");
    let file = site.path().join("compose.yaml").display().to_string();
    for (text, expected) in [
        ("services:\n  a:\n    imge: box\n", ":3:5: services.a: unknown key \"imge\" (did you mean image?)"),
        ("services:\n  a:\n    image: [box]\n", ":3:12: services.a.image: expected a string, not a list"),
        ("services: {a: {image: box, depends_on: [a]}}", "dependency cycle detected: a -> a"),
        ("services: {a: {image: '${X:-${X:-${X'}}", ":1:23: invalid interpolation format"),
        ("a: &a [*a]", ":1:8: "),
        ("services: {a: {image: nope, pull_policy: never}}", "may not pull its image nope"),
        ("services: {a: {build: oci-layout://a}}", "is no address of a repository or a file"),
        ("services: {a: {build: {context: ., shm_size: 1m}}}", "shm_size is not supported"),
        ("services: {a: {build: {context: ., secrets: [s]}}}", ":1:46: service \"a\" refers to undefined secret s"),
        (
            "services: {a: {build: {context: ., additional_contexts: {x: 'service:b'}}}}",
            "refers to undefined service b",
        ),
        (
            "services: {a: {build: {additional_contexts: {b: 'service:b'}}}, b: {build: {additional_contexts: {a: 'service:a'}}}}",
            "build cycle detected: a -> b -> a",
        ),
        (
            "services: {a: {image: x, build: {target: a}}, b: {image: x, build: {target: b}}}",
            "service \"a\" builds the image x too",
        ),
    ] {
        site.write("compose.yaml", text);
        let told = site.fails(1, "up -d");
        assert!(told.contains(expected), "{text}: {told}");
        if expected.starts_with(':') {
            assert!(told.starts_with(&file), "{told}");
        }
    }
    site.write("compose.yaml", "services: {a: {build: .}}");
    assert!(site.fails(1, "--progress quiet up -d").contains("service \"a\": build: failed to read dockerfile"));
    let laughs: String = (1..12).fold("a0: &a0 [x,x]\n".to_owned(), |text, level| {
        text + &format!("a{level}: &a{level} [{}]\n", format!("*a{},", level - 1).repeat(20))
    });
    let begun = Instant::now();
    site.write("compose.yaml", &laughs);
    assert!(site.fails(1, "config").contains("more than 100000 values"));
    site.host.tool(&format!("mkfifo {}/fifo", site.path().display()));
    site.write("compose.yaml", "services: {a: {image: box, env_file: fifo}}");
    assert!(site.fails(1, "config").contains("no ordinary file"));
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert!(site.fails(125, "up --no-such-option").contains("--no-such-option"));
    assert!(site.host.fails(1, "compose -f /nope/compose.yaml ps").contains("/nope/compose.yaml"));
}

const BUILT: &str = "
services:
  app:
    init: true
    build: {context: ./app, args: {WORD: one}, labels: {own: label}, tags: ['app:extra']}
    command: sleep 1000
";

#[test]
fn what_a_service_builds_is_built_when_it_is_missing_or_asked_for() {
    let site = Site::new(BUILT);
    fs::create_dir(site.path().join("app")).unwrap();
    site.write("app/Dockerfile", "FROM box\nARG WORD\nRUN echo said $WORD | tee /word\nCOPY file /\n");
    site.write("app/file", "1");
    let told = site.told("up -d");
    let at = |text: &str| told.find(text).unwrap_or_else(|| panic!("{text}: {told}"));
    assert!(
        at(" Image p-app  Building") < at("[app 2/3] RUN echo said $WORD")
            && at("said one") < at(" Image p-app  Built")
    );
    assert!(at(" Image p-app  Built") < at("Container p-app-1  Creating"), "{told}");
    assert_eq!(site.ok("exec -T app cat /word /file"), "said one\n1");
    let image = |name: &str| site.host.ok(&format!("image inspect {name} --format '{{{{json .}}}}'"));
    let labels: serde_json::Value = serde_json::from_str(&image("p-app")).expect("JSON");
    for (key, value) in [("own", "label"), ("com.docker.compose.project", "p"), ("com.docker.compose.service", "app")] {
        assert_eq!(labels["Config"]["Labels"][key], value, "{key}");
    }
    assert_eq!(image("p-app"), image("app:extra"));
    let first = site.id("p-app-1");
    site.write("app/file", "2");
    assert!(!site.told("up -d").contains("Image"), "it is there");
    assert_eq!(site.id("p-app-1"), first);
    let told = site.told("up -d --build");
    assert!(told.contains("CACHED") && told.contains("Container p-app-1  Recreated"), "{told}");
    assert_eq!(site.ok("exec -T app cat /file"), "2");
    let second = site.id("p-app-1");
    site.ok("up -d --build");
    assert_eq!(site.id("p-app-1"), second, "nothing changed");
    site.change("./app, args", "./app, no_cache: false, args");
    site.ok("build --build-arg WORD=two -q");
    assert_eq!(site.ok("run --rm -T app cat /word"), "said two");
    site.write("app/file", "3");
    assert_eq!(site.ok("run --rm -T --build app cat /file"), "3");
    site.ok("down --rmi local");
    assert!(site.fails(1, "up -d --no-build").contains("may not build its image p-app"));
    site.write("app/Dockerfile", "FROM box\nRUN echo about to fail; exit 7\n");
    let failed = site.host.porthole(&site.line("up -d"));
    assert_eq!(failed.code, 1);
    let last = failed.stderr.lines().last().unwrap();
    assert!(
        last.starts_with("porthole: service \"app\": build: Dockerfile:2: RUN echo about to fail; exit 7: "),
        "{last}"
    );
    assert!(failed.stderr.contains("about to fail") && failed.stderr.contains(" Image p-app  Error"));
    assert_eq!(site.host.ok("ps -aq"), "");
    site.ok("down");
}

#[test]
fn builds_end_with_the_first_that_fails_and_when_interrupted() {
    let site = Site::new(
        "
services:
  slow: {build: {dockerfile_inline: \"FROM box\\nRUN echo begun; sleep 1000\"}, command: 'true'}
  bad: {build: {dockerfile_inline: \"FROM box\\nRUN sleep 0.5; exit 3\"}, command: 'true'}
",
    );
    let begun = Instant::now();
    let failed = site.host.porthole(&site.line("up -d"));
    assert_eq!(failed.code, 1);
    let last = failed.stderr.lines().last().unwrap();
    assert!(last.starts_with("porthole: service \"bad\": build: Dockerfile:2: "), "{last}");
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(site.host.ok("ps -aq"), "");
    for (line, code) in [("build slow", Some(130)), ("up -d slow", None)] {
        let mut child = site.host.command(&site.line(line)).stderr(Stdio::piped()).spawn().expect("it can be run");
        let mut said = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
        assert!(said.any(|line| line.unwrap().ends_with(" begun")));
        let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
        assert_eq!(child.wait().unwrap().code(), code, "{line}");
        let rest: Vec<String> = said.map(Result::unwrap).collect();
        if code.is_some() {
            assert_eq!(rest.last().unwrap(), "porthole: the build was cancelled");
        }
    }
    site.ok("down");
}

#[test]
fn builds_come_after_those_whose_images_they_use() {
    let site = Site::new(
        "
services:
  app:
    build:
      dockerfile_inline: |
        FROM base
        COPY --from=files file /
        RUN --mount=type=secret,id=word cat /base /file /run/secrets/word > /all
      additional_contexts: {base: 'service:base', files: ./files}
      secrets: [word]
    command: cat /all
  base:
    build: {context: ./files, dockerfile: ../base.Dockerfile}
    command: 'true'
  same: {image: shared, build: {dockerfile_inline: FROM box}, command: 'true'}
  also: {image: shared, build: {dockerfile_inline: FROM box}, command: 'true'}
secrets: {word: {content: secret}}
",
    );
    fs::create_dir(site.path().join("files")).unwrap();
    site.write("files/file", "file ");
    site.write("base.Dockerfile", "FROM box\nRUN printf 'base ' > /base\n");
    let told = site.told("build app");
    let at = |text: &str| told.find(text).unwrap_or_else(|| panic!("{text}: {told}"));
    assert!(at(" Image p-base  Built") < at(" Image p-app  Building"), "{told}");
    assert!(!told.contains("shared"), "{told}");
    assert_eq!(site.ok("run --rm -T --no-deps app"), "base file secret");
    let told = site.told("up -d");
    assert_eq!(told.matches(" Image shared  Built").count(), 1, "{told}");
    assert!(!told.contains("p-base  Building"), "{told}");
    site.ok("down");
}

#[test]
fn whenever_up_or_down_is_killed_the_next_puts_things_right() {
    let site = Site::new(WEB);
    let mut numbers = Numbers::new(11);
    for round in 0..16 {
        let line = ["up -d", "up -d --force-recreate -t 0", "down -t 0", "up -d --scale web=3"][round % 4];
        let mut command = site.host.command(&site.line(line));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it can be run");
        let delay = Duration::from_micros(numbers.next(120_000));
        thread::sleep(delay);
        let _ = child.kill();
        child.wait().expect("our child");
        if line.starts_with("down") {
            // A monitor that was told to end its container does so, whoever told it.
            thread::sleep(Duration::from_millis(200));
        }
        site.ok("up -d -t 0");
        let names = site.ok("ps -a --format '{{.Name}} {{.State}}'");
        assert_eq!(names, "p-db-1 running\np-web-1 running", "{line} killed after {delay:?}");
        if round % 3 == 2 {
            site.ok("down -v -t 0");
            let left = site.host.ok("ps -aq") + &site.host.ok("volume ls -q");
            assert_eq!(left, "", "{line} killed after {delay:?}");
            assert!(!site.host.ok("network ls").contains("p_default"), "{line} killed after {delay:?}");
        }
    }
    site.ok("down -v -t 0");
}

#[test]
fn images_are_built_anew_when_their_files_change() {
    let site = Site::new(BUILT);
    site.change("command: sleep 1000", "command: sleep 1000\n    develop: {watch: [{path: ./app, action: rebuild}]}");
    fs::create_dir(site.path().join("app")).unwrap();
    site.write("app/Dockerfile", "FROM box\nCOPY file /\n");
    site.write("app/file", "1");
    let mut command = site.host.command(&site.line("watch"));
    let mut watch = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it can be run");
    let mut said = std::io::BufRead::lines(std::io::BufReader::new(watch.stdout.take().unwrap()));
    assert!(said.any(|line| line.unwrap() == "Watch enabled"));
    let file = || site.host.porthole(&site.line("exec -T app cat /file")).stdout;
    assert_eq!(file(), "1");
    site.write("app/Dockerfile", "FROM box\nRUN false\n");
    assert!(said.any(|line| line.unwrap().contains("Dockerfile:2: RUN false")));
    assert_eq!(file(), "1", "what runs goes on");
    site.write("app/file", "2");
    site.write("app/Dockerfile", "FROM box\nCOPY file /\n");
    eventually("it is made anew", || file() == "2");
    watch.kill().unwrap();
    watch.wait().unwrap();
    site.ok("down -t 0");
}

#[test]
fn files_that_change_come_into_the_containers() {
    let site = Site::new(
        "
services:
  a:
    image: box
    init: true
    command: sleep 1000
    develop:
      watch:
        - {path: ./src, target: /app, action: sync, initial_sync: true, ignore: ['*.log']}
        - {path: ./conf, target: /conf, action: sync+restart}
",
    );
    fs::create_dir(site.path().join("src")).unwrap();
    site.write("src/first", "1");
    site.write("conf", "old");
    let mut command = site.host.command(&site.line("watch"));
    let mut watch = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it can be run");
    let mut said = std::io::BufRead::lines(std::io::BufReader::new(watch.stdout.take().unwrap()));
    assert!(said.any(|line| line.unwrap() == "Watch enabled"));
    let inside = |command: &str| site.host.porthole(&site.line(&format!("exec -T a sh -c '{command}'"))).stdout;
    assert_eq!(inside("cat /app/first"), "1");
    site.write("src/x.log", "no");
    site.write("src/file", "2");
    eventually("a new file is there", || inside("cat /app/file") == "2");
    fs::create_dir(site.path().join("src/deep")).unwrap();
    eventually("a new directory is there", || inside("test -d /app/deep && echo yes") == "yes\n");
    site.write("src/deep/file", "3");
    eventually("a file in it is there", || inside("cat /app/deep/file") == "3");
    fs::remove_file(site.path().join("src/file")).unwrap();
    eventually("a file is gone", || inside("ls /app") == "deep\nfirst\n");
    let pid = || site.host.inspect("p-a-1")["State"]["Pid"].as_i64().unwrap();
    let before = pid();
    site.write("conf", "new");
    eventually("it is restarted", || pid() != 0 && pid() != before && inside("cat /conf") == "new");
    watch.kill().unwrap();
    watch.wait().unwrap();
    site.ok("down -t 0");
}
