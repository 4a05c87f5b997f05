//! `build` of what is fetched: repositories, and archives of the web.

use nix::sys::signal::Signal;
use porthole_tests::archive::{Tree, gzip};
use porthole_tests::{Host, Web, eventually};
use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// A repository in a folder of the host's.
struct Repository<'a> {
    host: &'a Host,
    path: PathBuf,
}

impl<'a> Repository<'a> {
    fn new(host: &'a Host, path: PathBuf) -> Repository<'a> {
        host.tool(&format!("git init -q -b main {}", path.display()));
        Repository { host, path }
    }

    fn git(&self, words: &str) -> String {
        let line = format!("git -C {} -c user.name=me -c user.email=me@host {words}", self.path.display());
        self.host.tool(&line).trim().to_owned()
    }

    /// Commits files; the commit.
    fn commit(&self, files: &[(&str, &str)]) -> String {
        for (path, content) in files {
            let path = self.path.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        self.git("add -A");
        self.git("commit -q -m change");
        self.git("rev-parse HEAD")
    }
}

/// A folder that is served; in it, what is in `repositories` is also served by git's own program.
fn served(host: &Host) -> (PathBuf, String) {
    let folder = host.path("served");
    let (programs, repositories) = (folder.join("cgi-bin"), folder.join("repositories"));
    fs::create_dir_all(&programs).unwrap();
    fs::create_dir_all(&repositories).unwrap();
    let program = format!(
        "#!/bin/sh\nexport PATH={} GIT_PROJECT_ROOT={} GIT_HTTP_EXPORT_ALL=1\nexec git http-backend\n",
        std::env::var("PATH").unwrap(),
        repositories.display()
    );
    fs::write(programs.join("git"), program).unwrap();
    fs::set_permissions(programs.join("git"), PermissionsExt::from_mode(0o755)).unwrap();
    (repositories, format!("{}/cgi-bin/git", Web::ADDRESS))
}

#[test]
fn a_repository_is_a_context() {
    let host = Host::new();
    let repository = Repository::new(&host, host.path("repository"));
    let first = repository.commit(&[("Dockerfile", "FROM box\nCOPY . /c/\n"), ("file", "one\n")]);
    repository.git("tag v1");
    fs::set_permissions(repository.path.join("file"), PermissionsExt::from_mode(0o700)).unwrap();
    let inner =
        [("part/Dockerfile", "FROM box\nCOPY . /c/\n"), ("part/.dockerignore", "left-out"), ("part/left-out", "")];
    repository.commit(&inner);
    repository.commit(&[("file", "two\n"), ("other/Dockerfile.two", "FROM box\nCOPY --from=more file /more\n")]);
    symlink("/", repository.path.join("part/way")).unwrap();
    repository.commit(&[]);
    let at = format!("file://{}", repository.path.display());
    let shown = |context: &str, flags: &str| {
        host.ok(&format!("build -q -t made {flags} {context}"));
        host.ok("run --rm made sh -c 'cd /c 2>/dev/null && find . -type f -exec stat -c \"%n %a\" {} + | sort; cat file /more; true'")
    };
    assert_eq!(shown(&format!("{at}#v1"), ""), "./Dockerfile 644\n./file 644\none");
    assert_eq!(shown(&format!("{at}#{first}"), ""), "./Dockerfile 644\n./file 644\none");
    assert!(shown(&at, "").ends_with("./file 755\n./other/Dockerfile.two 644\n./part/.dockerignore 644\n./part/Dockerfile 644\n./part/left-out 644\ntwo"));
    assert_eq!(shown(&format!("{at}#main:part"), ""), "./.dockerignore 644\n./Dockerfile 644");
    assert_eq!(shown(&format!("{at}#:other"), &format!("-f Dockerfile.two --build-context more={at}#v1")), "one");
    let refused = |context: &str| host.fails(1, &format!("build -q {context}"));
    assert!(refused(&format!("{at}#main:part/way/etc")).contains("\"part/way/etc\" is no folder of it"));
    assert!(refused(&format!("{at}#main:nowhere")).contains("it has no folder \"nowhere\""));
    assert!(refused(&format!("{at}#nowhere")).contains("nowhere"));
    assert!(refused(&format!("{at}#--upload-pack=x")).contains("is no name of a branch or tag"));
    assert!(refused("file:///nowhere.git").contains("git fetch: "));
    let told = host.porthole(&format!("build --progress plain {at}#v1")).stderr;
    assert!(told.contains(&format!("[internal] load git source {at}#v1")) && told.contains("CACHED"), "{told}");
    assert_eq!(fs::read_dir(host.path("ingest")).unwrap().count(), 0);
}

#[test]
fn repositories_are_added() {
    let host = Host::new();
    let (folder, at) = served(&host);
    let _web = Web::serve(&host.path("served"));
    let part = Repository::new(&host, folder.join("part"));
    part.commit(&[("inside", "part\n")]);
    let repository = Repository::new(&host, folder.join("main.git"));
    let commit = repository.commit(&[("a/b", "b\n"), ("a/c", "c\n"), ("d", "d\n")]);
    repository.git(&format!("submodule --quiet add {at}/part sub"));
    repository.git("commit -q -m part");
    repository.git("tag -m note v1");
    repository.git("update-server-info");
    let context = host.path("context");
    fs::create_dir(&context).unwrap();
    let build = |dockerfile: &str, flags: &str| {
        fs::write(context.join("Dockerfile"), format!("FROM box\n{dockerfile}\n")).unwrap();
        host.porthole(&format!("build --progress plain -t added {flags} {}", context.display()))
    };
    let short = &commit[..12];
    let dockerfile = format!(
        "ADD {at}/main.git#v1 /all\nADD --chown=app --exclude=c {at}/main.git#main:a /part/\n\
         ADD --keep-git-dir=true --checksum={short} {at}/main.git#{commit} /kept\n\
         ADD {}/repositories/main.git/.git#{commit}:a /plain/",
        Web::ADDRESS
    );
    build(&dockerfile, "").ok();
    let shown = host.ok("run --rm added sh -c 'cat /all/a/b /all/sub/inside; ls -A /all /part /plain; stat -c %u /part/b; cat /kept/.git/HEAD'");
    assert_eq!(shown, format!("b\npart\n/all:\n.gitmodules\na\nd\nsub\n\n/part:\nb\n\n/plain:\nb\nc\n1000\n{commit}"));
    let again = build(&dockerfile, "").stderr;
    assert_eq!(again.matches("CACHED").count(), 5, "{again}");
    let wrong = build(&format!("ADD --checksum=0000 {at}/main.git /x"), "").stderr;
    assert!(wrong.contains("where 0000 is expected"), "{wrong}");
    let missing = build(&format!("ADD {at}/none.git /x"), "").stderr;
    assert!(missing.contains("porthole: Dockerfile:2: ADD ") && missing.contains("git fetch: "), "{missing}");
    let secret = host.porthole(&format!("build {}/none.git", at.replace("//", "//me:SeCrEt@")));
    assert_eq!(secret.code, 1);
    assert!(secret.stderr.contains("none.git") && !secret.stderr.contains("SeCrEt"), "{}", secret.stderr);
    // Nothing of this machine comes in, neither by an address nor by what a repository is made of.
    let own = format!("ADD file://{}/main.git /x", folder.display());
    assert!(build(&own, "").stderr.contains("not found"));
    let evil = Repository::new(&host, folder.join("evil.git"));
    evil.git(&format!("-c protocol.file.allow=always submodule --quiet add file://{} sub", part.path.display()));
    evil.git("commit -q -m evil");
    let evil = build(&format!("ADD {at}/evil.git /x"), "").stderr;
    assert!(evil.contains("transport 'file' not allowed"), "{evil}");
}

#[test]
fn an_interrupted_fetch_ends() {
    let host = Host::new();
    // Somebody who takes calls and says nothing.
    let _silent = TcpListener::bind("127.0.0.1:8098").unwrap();
    let mut running = host.start("build http://127.0.0.1:8098/x.git");
    let fetches = || {
        host.tool("ps -eo args")
            .lines()
            .any(|line| line.contains("http://127.0.0.1:8098/x.git") && line.contains("remote"))
    };
    eventually("git fetches", fetches);
    running.signal(Signal::SIGINT);
    assert_eq!(running.wait(), 130);
    eventually("git has ended", || !fetches());
    assert_eq!(fs::read_dir(host.path("ingest")).unwrap().count(), 0);
}

#[test]
fn contexts_come_from_the_web() {
    let host = Host::new();
    let folder = host.path("served");
    fs::create_dir(&folder).unwrap();
    let archive = Tree::new().file("Dockerfile", b"FROM box\nCOPY file /\n").file("file", b"in\n").finish();
    fs::write(folder.join("context.tar.gz"), gzip(&archive)).unwrap();
    fs::write(folder.join("only"), "FROM box\nRUN echo only > /file\n").unwrap();
    let _web = Web::serve(&folder);
    let at = Web::ADDRESS;
    let file = |words: &str| {
        host.ok(&format!("build -q -t web {words}"));
        host.ok("run --rm web cat /file")
    };
    assert_eq!(file(&format!("{at}/context.tar.gz")), "in");
    assert_eq!(file(&format!("{at}/only")), "only");
    let given = host.porthole_with(
        &format!("build -q -t web -f - {at}/context.tar.gz"),
        b"FROM box\nCOPY file /\nRUN echo more >> /file\n",
    );
    given.ok();
    assert_eq!(host.ok("run --rm web cat /file"), "in\nmore");
    let named = host.path("named");
    fs::create_dir(&named).unwrap();
    fs::write(named.join("Dockerfile"), "FROM box\nCOPY --from=more file /\n").unwrap();
    assert_eq!(file(&format!("--build-context more={at}/context.tar.gz {}", named.display())), "in");
    assert!(
        host.fails(1, &format!("build -q --build-context more={at}/only {}", named.display()))
            .contains("is no archive")
    );
    assert!(host.fails(1, &format!("build -q {at}/missing")).ends_with("the server answers 404 Not Found"));
    let both = host.porthole_with(&format!("build -q -f - {at}/only"), b"FROM box\n");
    assert!(both.fails(1).contains("ambiguous Dockerfile source"));
}

#[test]
fn archives_are_unpacked_however_they_are_compressed() {
    let host = Host::new();
    let archive = |name: &str| Tree::new().file(name, name.as_bytes()).finish();
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(&archive("by-bzip2")).unwrap();
    let bzip2 = bzip2.finish().unwrap();
    let xz = |bytes: &[u8]| {
        let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).unwrap();
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let context = host.path("context");
    let write = |name: &str, bytes: &[u8]| fs::write(Path::new(&context).join(name), bytes).unwrap();
    fs::create_dir(&context).unwrap();
    write("a.tar.bz2", &bzip2);
    write("b", &xz(&archive("by-xz")));
    write("c.xz", &xz(b"no archive"));
    write("Dockerfile", b"FROM box\nADD a.tar.bz2 b c.xz /t/\nADD --unpack=false a.tar.bz2 /kept/\n");
    host.ok(&format!("build -q -t made {}", context.display()));
    assert_eq!(
        host.ok("run --rm made sh -c 'ls /t /kept; cat /t/by-xz'"),
        "/kept:\na.tar.bz2\n\n/t:\nby-bzip2\nby-xz\nc.xz\nby-xz"
    );
    let whole = Tree::new().file("Dockerfile", b"FROM box\nCOPY f /\n").file("f", b"f\n").finish();
    host.porthole_with("build -q -t piped -", &xz(&whole)).ok();
    assert_eq!(host.ok("run --rm piped cat /f"), "f");
    host.porthole_with("import - imported", &xz(porthole_tests::archive::busybox())).ok();
    assert_eq!(host.ok("run --rm imported echo runs"), "runs");
}
