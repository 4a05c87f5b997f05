//! The same contexts built by porthole, by Docker's classic builder and by Buildah: the same configuration, the same files,
//! as many steps in the history.
//!
//! What the classic builder cannot read, and where BuildKit, whom we follow, differs from it, is in `build.rs`. Where Buildah
//! differs from both is listed here.

use porthole_tests::archive::{Tree, gzip};
use porthole_tests::peer::Peer;
use porthole_tests::{BOX, Host};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

/// A Dockerfile, its lines separated by `;`, after `FROM box` unless it has a `FROM` of its own; and files: `path=content`,
/// `path@mode=content`, `path->target`, `path/`.
type Case = (&'static str, &'static str, &'static [&'static str]);

/// What instructions say of how an image runs.
const CONFIGURATIONS: &[Case] = &[
    ("env", "ENV A=1 B=\"two words\" C='x y';ENV D four words;ENV A=$A-${B} E=${F:-none} G=${A:+set}", &[]),
    ("env-path", "ENV PATH=/opt/bin:$PATH", &[]),
    ("env-escapes", "ENV A=a\\ b B=\\$A C=\"\\\"q\\\"\" D='$A' E=$D", &[]),
    ("arg", "ARG A=1;ARG B;ENV C=$A D=$B E=${A}x", &[]),
    ("arg-before-from", "ARG T=latest;FROM box:$T;ARG T;LABEL t=$T", &[]),
    ("label", "LABEL a=b \"c d\"=\"e f\" g='h';LABEL a=z multi=\"one\\\ntwo\"", &[]),
    ("label-legacy", "LABEL a b c", &[]),
    ("expose", "EXPOSE 80 443/tcp 53/udp;EXPOSE 8000-8003 80", &[]),
    ("expose-var", "ENV P=99;EXPOSE $P ${P}8/udp", &[]),
    ("volume-json", "VOLUME [\"/a\", \"/b c\"]", &[]),
    ("volume-words", "ENV V=/v;VOLUME $V /w", &[]),
    ("user", "USER app", &[]),
    ("user-group", "ENV U=1000;USER $U:50", &[]),
    ("cmd-shell", "CMD echo $HOME 'a  b'", &[]),
    ("cmd-exec", "CMD [\"echo\", \"$HOME\", \"a\\tb\"]", &[]),
    ("cmd-twice", "CMD one;CMD two", &[]),
    ("entrypoint-shell", "ENTRYPOINT exec top -b", &[]),
    ("entrypoint-exec", "ENTRYPOINT [\"top\"];CMD [\"-b\"]", &[]),
    ("entrypoint-clears", "FROM box AS base;CMD inherited;FROM base;ENTRYPOINT [\"x\"]", &[]),
    ("cmd-then-entrypoint", "CMD kept;ENTRYPOINT [\"x\"]", &[]),
    ("shell", "SHELL [\"/bin/sh\", \"-ec\"];CMD echo;ENTRYPOINT x", &[]),
    ("stopsignal", "ENV S=1;STOPSIGNAL SIGUSR$S;STOPSIGNAL 15", &[]),
    (
        "healthcheck",
        "HEALTHCHECK --interval=1m30s --timeout=2s --start-period=1h --retries=3 CMD wget -q localhost",
        &[],
    ),
    ("healthcheck-exec", "HEALTHCHECK CMD [\"true\"]", &[]),
    ("healthcheck-none", "HEALTHCHECK CMD true;HEALTHCHECK NONE", &[]),
    ("maintainer", "MAINTAINER Some One <one@example.com>", &[]),
    ("onbuild", "ONBUILD RUN true;ONBUILD COPY . /x", &[]),
    ("workdir-config", "WORKDIR /a;WORKDIR b;WORKDIR ../c;ENV W=/d;WORKDIR $W/e", &[]),
    ("escape", "# escape=`;FROM box;ENV A=x`\ny;LABEL p=c:\\dir", &[]),
    ("comments", "# one;  # two;CMD echo # three;LABEL a=b", &[]),
    ("case", "from box;env A=1;Cmd [\"x\"]", &[]),
    (
        "inherit",
        "FROM box AS a;ENV A=1;LABEL l=1;EXPOSE 1;VOLUME /v;USER app;FROM a;ENV B=$A;LABEL l=2 m=3;EXPOSE 2",
        &[],
    ),
];

/// What is copied.
const COPIES: &[Case] = &[
    ("copy-file", "COPY a /", &["a=1"]),
    ("copy-rename", "COPY a /new/place", &["a=1"]),
    ("copy-into", "COPY a /new/place/", &["a@600=1"]),
    ("copy-directory", "COPY d /e", &["d/a=1", "d/s/b@755=2"]),
    (
        "copy-directory-onto",
        "RUN mkdir -p /e/s && echo old > /e/s/b && chmod 700 /e/s;COPY d /e/",
        &["d/a=1", "d/s/b=2"],
    ),
    ("copy-all", "COPY . /all/", &["a=1", "d/b=2", ".hidden=3", "e/"]),
    ("copy-several", "COPY a b d /t/", &["a=1", "b=2", "d/c=3"]),
    ("copy-glob", "COPY *.txt d/?.c /t/", &["a.txt=1", "b.txt=2", "c.md=3", "d/x.c=4", "d/yy.c=5"]),
    ("copy-glob-class", "COPY [ab]* /t/", &["a1=1", "b2=2", "c3=3"]),
    ("copy-json", "COPY [\"a b\", \"/c d/\"]", &["a b=1"]),
    ("copy-link", "COPY d /d", &["d/l->a", "d/a=1", "d/dangling->/no/where", "d/up->../../x"]),
    ("copy-relative", "WORKDIR /w;COPY a x/;COPY a .;COPY a ./y;WORKDIR z;COPY a ../b", &["a=1"]),
    ("copy-over", "RUN echo old > /f;COPY a /f", &["a=1"]),
    ("copy-through-link", "RUN mkdir /real && ln -s real /way;COPY a /way/;COPY d /way/d", &["a=1", "d/b=2"]),
    (
        "copy-chown",
        "COPY --chown=app a /a;COPY --chown=1:2 d /d;COPY --chown=app:staff a /n/m/b;COPY --chown=55 a /c",
        &["a=1", "d/b=2"],
    ),
    ("copy-modes", "COPY d /d", &["d/a@755=1", "d/b@000=2", "d/c@1777=3"]),
    ("copy-var", "ENV S=a D=/t;COPY $S ${D}/x", &["a=1"]),
    ("copy-empty-directory", "COPY e /e;COPY f/ /f/g/", &["e/", "f/h/"]),
    ("copy-dot-source", "COPY ./d/../a /x;COPY /a /y", &["a=1", "d/"]),
    ("copy-user", "USER app;COPY a /a", &["a=1"]),
    ("copy-stage", "FROM box AS one;RUN echo 1 > /x;FROM box;COPY --from=one /x /y;COPY --from=0 /x /z/", &[]),
    ("copy-image", "COPY --from=box /etc/passwd /p", &[]),
    (
        "ignore",
        "COPY . /c/",
        &[
            ".dockerignore=*.md\n!keep.md\nsecret\n**/tmp\n/root-only\n",
            "a.md=1",
            "keep.md=2",
            "secret/x=3",
            "d/tmp/y=4",
            "d/z=5",
            "tmp=6",
            "root-only=7",
            "d/root-only=8",
        ],
    ),
    ("ignore-all-but", "COPY . /c/", &[".dockerignore=*\n!d/in\n", "a=1", "d/in=2", "d/out=3"]),
    ("ignore-dockerfile", "COPY . /c/", &[".dockerignore=Dockerfile\n.dockerignore\n", "a=1"]),
    ("add-file", "ADD a /t/", &["a@640=1"]),
    ("add-tar", "ADD a.tar /t/;ADD a.tar.gz /u", &["a.tar=TAR", "a.tar.gz=TARGZ"]),
    ("add-no-tar", "ADD a.tar /t/", &["a.tar=no archive"]),
    ("add-chown", "ADD --chown=app:staff d /d", &["d/a=1"]),
];

/// What is run.
const RUNS: &[Case] = &[
    ("run", "RUN echo one > /a && chmod 4711 /a && chown 1:2 /a;RUN [\"sh\", \"-c\", \"echo $0 > /b\", \"x\"]", &[]),
    ("run-nothing", "RUN true;RUN cat /etc/passwd", &[]),
    (
        "run-remove",
        "RUN rm /etc/group && mkdir /d && touch /d/a /d/b;RUN rm -r /d/a /www && mkdir /www && touch /www/new",
        &[],
    ),
    ("run-links", "RUN mkdir /d && echo x > /d/a && ln /d/a /d/b && ln -s a /d/c && mkfifo /d/f", &[]),
    ("run-opaque", "RUN rm -r /srv && mkdir /srv && chmod 1777 /srv", &[]),
    ("run-chmod-only", "RUN chmod 700 /etc;RUN chown 7:8 /home", &[]),
    (
        "run-env",
        "ENV A='x y';ARG B=2;RUN echo $A $B $HOME $(id -u) > /o;WORKDIR /w;RUN chmod 777 .;USER app;RUN echo $HOME $(id -u):$(id -g) $(pwd) > o",
        &[],
    ),
    ("run-shell", "SHELL [\"/bin/sh\", \"-xc\"];RUN echo x > /o", &[]),
    ("run-lines", "RUN echo a \\\n  # comment\n  b \\\n\n  c > /o", &[]),
    ("run-quotes", "RUN echo 'a  b' \"c \\\"d\\\"\" \\\\ '$x' > /o", &[]),
    ("workdir", "WORKDIR /a/b;WORKDIR c;RUN touch here;WORKDIR /etc", &[]),
    (
        "stages",
        "FROM box AS a;RUN echo a > /x;FROM a AS b;RUN echo b >> /x;FROM box;RUN echo c > /x;FROM b;RUN echo d >> /x",
        &[],
    ),
];

/// A case, or all if it has no name; a fact of it that is another one with another builder, by design; and why.
type Difference = (&'static str, &'static str, &'static str);

/// Where Buildah differs from Docker and from us.
const BUILDAH_DIFFERS: &[Difference] = &[
    ("", "etc/hostname", "what is mounted on for a RUN stays in the layer"),
    ("", "run/", "the same"),
    ("expose", "Config.ExposedPorts", "a range of ports stays one"),
    ("shell", "Config.Cmd", "SHELL is for RUN only"),
    ("shell", "Config.Entrypoint", "the same"),
    ("escape", "Config.Labels", "a backslash is dropped in values although another character escapes"),
    ("workdir-config", "a/", "WORKDIR makes no directory where no RUN or COPY follows"),
    ("workdir-config", "a/b/", "the same"),
    ("workdir-config", "a/c/", "the same"),
    ("workdir-config", "d/", "the same"),
    ("workdir-config", "d/e/", "the same"),
];

/// Us and another builder.
struct Pair {
    // Dropped first: what it has mounted is not a leak of ours.
    peer: Peer,
    host: Host,
}

impl Pair {
    fn with_docker() -> Option<Pair> {
        let host = Host::new();
        let peer = Peer::docker_for_builds()?;
        peer.ok(&format!("load -i {}", base(&host)));
        Some(Pair { peer, host })
    }

    fn with_buildah() -> Option<Pair> {
        let host = Host::new();
        let peer = Peer::buildah()?;
        peer.ok(&format!("pull -q docker-archive:{}", base(&host)));
        Some(Pair { peer, host })
    }

    fn build(&self, tag: &str, folder: &Path) {
        let words = match self.peer.name() {
            "buildah" => "bud -q --layers --format docker --identity-label=false",
            _ => "build -q",
        };
        self.peer.ok(&format!("{words} --network none -t {tag} {}", folder.display()));
    }

    fn save(&self, archive: &Path, tags: &str) {
        match self.peer.name() {
            "buildah" => self.peer.ok_by("podman", &format!("save -q -m -o {} {tags}", archive.display())),
            _ => self.peer.ok(&format!("save -o {} {tags}", archive.display())),
        };
    }

    /// Builds the cases by both, and fails where they differ but for what is known.
    fn compare(&self, cases: &[Case], known: &[Difference]) {
        let mut built = Vec::new();
        for (name, dockerfile, files) in cases {
            let folder = self.host.path("contexts").join(name);
            write(&folder, dockerfile, files);
            let (ours, theirs) = (format!("ours:{name}"), format!("localhost/theirs:{name}"));
            self.host.ok(&format!("build -q --network none -t {ours} {}", folder.display()));
            self.build(&theirs, &folder);
            built.push(theirs);
        }
        let archive = self.host.path("theirs.tar");
        self.save(&archive, &built.join(" "));
        self.host.ok(&format!("load -q -i {}", archive.display()));
        let mut differences = Vec::new();
        for (name, ..) in cases {
            let (ours, theirs) = (self.facts(&format!("ours:{name}")), self.facts(&format!("localhost/theirs:{name}")));
            let keys: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
            for key in keys.into_iter().filter(|key| ours.get(*key) != theirs.get(*key)) {
                let difference = format!("{name}: {key}: ours {:?}, theirs {:?}", ours.get(key), theirs.get(key));
                if !known.iter().any(|(case, fact, _)| (case.is_empty() || case == name) && fact == key) {
                    differences.push(difference);
                }
            }
        }
        assert!(differences.is_empty(), "\n{}", differences.join("\n"));
    }

    /// All that is to be the same: the configuration, how long the history is, and every file.
    fn facts(&self, image: &str) -> BTreeMap<String, String> {
        let inspected = self.host.inspect(image);
        let mut facts = BTreeMap::new();
        let config = inspected["Config"].as_object().expect("an object");
        let is_nothing = |value: &Value| {
            *value == Value::Null
                || *value == json!("")
                || *value == json!({})
                || *value == json!([])
                || *value == json!(false)
        };
        // What the classic builder notes of the container that it committed.
        let noted = ["Hostname", "Domainname", "AttachStdin", "AttachStdout", "AttachStderr", "Image", "Tty"];
        for (key, value) in config.iter().filter(|(key, value)| !is_nothing(value) && !noted.contains(&key.as_str())) {
            facts.insert(format!("Config.{key}"), value.to_string());
        }
        facts.insert("Author".to_owned(), inspected["Author"].to_string());
        let history = self.host.ok(&format!("history -q {image}")).lines().count();
        facts.insert("steps".to_owned(), history.to_string());
        let archive = self.host.path("tree.tar");
        self.host.ok(&format!("create --name tree {image} true"));
        self.host.ok(&format!("export -o {} tree", archive.display()));
        self.host.ok("rm tree");
        facts.extend(tree(&archive));
        facts
    }
}

/// The archive of the image that both begin with.
fn base(host: &Host) -> String {
    let archive = host.path("base.tar").display().to_string();
    host.ok(&format!("save -o {archive} {BOX}"));
    archive
}

/// What is in an archive, by path.
fn tree(archive: &Path) -> BTreeMap<String, String> {
    let mut archive = tar::Archive::new(File::open(archive).unwrap());
    let entry = |entry: std::io::Result<tar::Entry<'_, File>>| {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        let header = entry.header();
        let what = format!(
            "{:?} {:o} {}:{} {:?} {} bytes {:x}",
            header.entry_type(),
            header.mode().unwrap(),
            header.uid().unwrap(),
            header.gid().unwrap(),
            entry.link_name().unwrap(),
            content.len(),
            content.iter().fold(0_u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(*byte))),
        );
        (path, what)
    };
    archive.entries().unwrap().map(entry).collect()
}

fn write(folder: &Path, dockerfile: &str, files: &[&str]) {
    fs::create_dir_all(folder).unwrap();
    let text = dockerfile.replace(';', "\n");
    let has_base = text.lines().any(|line| line.to_uppercase().starts_with("FROM"));
    let text = if has_base { text } else { format!("FROM {BOX}\n{text}") };
    fs::write(folder.join("Dockerfile"), text + "\n").unwrap();
    let archive = Tree::new().directory("in").file("in/a", b"a").link("in/l", "a").program("in/p", b"p").finish();
    for file in files {
        if let Some((path, target)) = file.split_once("->") {
            fs::create_dir_all(folder.join(path).parent().unwrap()).unwrap();
            symlink(target, folder.join(path)).unwrap();
            continue;
        }
        let Some((path, content)) = file.split_once('=') else {
            fs::create_dir_all(folder.join(file)).unwrap();
            continue;
        };
        let (path, mode) = path.split_once('@').unwrap_or((path, "644"));
        fs::create_dir_all(folder.join(path).parent().unwrap()).unwrap();
        let content = match content {
            "TAR" => archive.clone(),
            "TARGZ" => gzip(&archive),
            text => text.as_bytes().to_vec(),
        };
        fs::write(folder.join(path), content).unwrap();
        let mode = u32::from_str_radix(mode, 8).unwrap();
        fs::set_permissions(folder.join(path), PermissionsExt::from_mode(mode)).unwrap();
    }
}

#[test]
fn configurations_are_as_docker_makes_them() {
    if let Some(pair) = Pair::with_docker() {
        pair.compare(CONFIGURATIONS, &[]);
    }
}

#[test]
fn copies_are_as_docker_makes_them() {
    if let Some(pair) = Pair::with_docker() {
        pair.compare(COPIES, &[]);
    }
}

#[test]
fn runs_are_as_docker_makes_them() {
    if let Some(pair) = Pair::with_docker() {
        pair.compare(RUNS, &[]);
    }
}

#[test]
fn configurations_are_as_buildah_makes_them() {
    if let Some(pair) = Pair::with_buildah() {
        pair.compare(CONFIGURATIONS, BUILDAH_DIFFERS);
    }
}

#[test]
fn copies_are_as_buildah_makes_them() {
    if let Some(pair) = Pair::with_buildah() {
        pair.compare(COPIES, BUILDAH_DIFFERS);
    }
}

#[test]
fn runs_are_as_buildah_makes_them() {
    if let Some(pair) = Pair::with_buildah() {
        pair.compare(RUNS, BUILDAH_DIFFERS);
    }
}
