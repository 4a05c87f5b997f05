//! `build`: images from Dockerfiles.

use nix::sys::signal::Signal;
use porthole_tests::archive::{Tree, gzip};
use porthole_tests::{BOX, Host, Numbers, Web, eventually};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// A folder with a Dockerfile and these files.
fn context(host: &Host, name: &str, dockerfile: &str, files: &[(&str, &str)]) -> PathBuf {
    let folder = host.path("contexts").join(name);
    for (path, content) in files.iter().chain(&[("Dockerfile", dockerfile)]) {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

/// Builds a Dockerfile in a folder of these files; what `-q` prints.
#[track_caller]
fn build(host: &Host, name: &str, dockerfile: &str, files: &[(&str, &str)], flags: &str) -> String {
    let folder = context(host, name, dockerfile, files);
    host.ok(&format!("build -q -t {name} {flags} {}", folder.display()))
}

/// Fails to build; the line that tells why.
#[track_caller]
fn refused(host: &Host, dockerfile: &str, files: &[(&str, &str)], flags: &str) -> String {
    let folder = context(host, "refused", dockerfile, files);
    host.fails(1, &format!("build -q {flags} {}", folder.display()))
}

/// All bytes of the state root, and of the image's configuration, that have a text in them.
fn files_with(host: &Host, text: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![host.root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            if kind.is_dir() && path != host.path("contexts") {
                folders.push(path);
            } else if kind.is_file() && contains(&path, text.as_bytes()) {
                found.push(path);
            }
        }
    }
    found
}

/// Whether a file, decompressed if it is compressed, has this in it.
fn contains(path: &Path, text: &[u8]) -> bool {
    let bytes = fs::read(path).unwrap();
    let plain = zstd::decode_all(bytes.as_slice()).unwrap_or_default();
    [bytes, plain].iter().any(|bytes| bytes.windows(text.len()).any(|window| window == text))
}

#[test]
fn an_image_is_what_its_instructions_say() {
    let host = Host::new();
    let dockerfile = "FROM box AS base\nMAINTAINER me\nENV A=1 B=\"two words\"\nRUN echo \"$A-$B\" > /made; id -u >> /made\n\
        WORKDIR /srv/app\nCOPY --chown=app --chmod=640 one.txt ./renamed\nADD data /data/\nUSER app\n\
        RUN [\"sh\", \"-c\", \"id -u; pwd\"]\nLABEL l=\"v w\" m=n\nEXPOSE 80 53/udp\nVOLUME [\"/v\"]\nSTOPSIGNAL SIGINT\n\
        SHELL [\"/bin/sh\", \"-ec\"]\nHEALTHCHECK --interval=5s --retries=2 CMD true\nONBUILD RUN echo trigger\n\
        COPY --chmod=755 show /show\nENTRYPOINT [\"cat\"]\nCMD [\"/made\"]\n";
    let files = [
        ("one.txt", "one\n"),
        ("data/a/b", "b\n"),
        ("data/c", "c\n"),
        ("show", "#!/bin/sh\ncat renamed /data/a/b /data/c; stat -c %u:%g:%a renamed /srv/app /data/c\n"),
    ];
    let id = build(&host, "made", dockerfile, &files, "--label from=outside");
    let image = host.inspect("made");
    assert_eq!(image["Id"], json!(id));
    assert_eq!(image["Author"], json!("me"));
    let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let expected = json!({
        "Cmd": ["/made"],
        "Entrypoint": ["cat"],
        "Env": [path, "A=1", "B=two words"],
        "ExposedPorts": { "53/udp": {}, "80/tcp": {} },
        "Healthcheck": { "Interval": 5_000_000_000_u64, "Retries": 2, "Test": ["CMD-SHELL", "true"] },
        "Labels": { "from": "outside", "l": "v w", "m": "n" },
        "OnBuild": ["RUN echo trigger"],
        "Shell": ["/bin/sh", "-ec"],
        "StopSignal": "SIGINT",
        "User": "app",
        "Volumes": { "/v": {} },
        "WorkingDir": "/srv/app",
    });
    assert_eq!(image["Config"], expected);
    assert_eq!(host.ok("run --rm made"), "1-two words\n0");
    let shown = host.ok("run --rm --entrypoint /show made");
    assert_eq!(shown, "one\nb\nc\n1000:1001:640\n0:0:755\n0:0:644");
    let history = host.ok("history --no-trunc made");
    assert!(history.lines().nth(1).unwrap().contains(" CMD [\"/made\"]  "), "{history}");
    assert!(history.contains(" RUN /bin/sh -c echo \"$A-$B\" > /made; id -u >> /made # buildkit "), "{history}");
    assert!(history.contains(" COPY --chown=app --chmod=640 one.txt ./renamed # buildkit "), "{history}");
    assert_eq!(host.ok("image verify --full made"), "made: intact");
    let layers = image["RootFS"]["Layers"].as_array().unwrap().len();
    assert_eq!(layers, 6, "a RUN that changes nothing has none");
}

#[test]
fn triggers_of_a_base_are_done_by_who_builds_on_it() {
    let host = Host::new();
    build(&host, "parent", "FROM box\nONBUILD COPY x /x\nONBUILD RUN echo done >> /x\n", &[], "");
    build(&host, "child", "FROM parent\nRUN cat /x > /y\n", &[("x", "x\n")], "");
    assert_eq!(host.ok("run --rm child cat /y"), "x\ndone");
    assert_eq!(host.inspect("child")["Config"]["OnBuild"], Value::Null);
}

#[test]
fn only_what_is_needed_is_built_and_stages_hand_on_files() {
    let host = Host::new();
    let dockerfile = "ARG TAG=latest\nFROM box:$TAG AS one\nRUN mkdir /o; echo 1 > /o/one; chown 1000:1001 /o/one\n\
        FROM box AS two\nRUN exit 7\nFROM scratch AS three\nCOPY --from=one /o/ /t/\nCOPY --from=box /etc/passwd /\n\
        FROM box\nCOPY --from=three / /all\nCOPY --from=0 --chown=0:0 /o/* /owned/\nRUN --mount=from=one,source=/o,target=/m cp /m/one /mounted\n";
    build(&host, "staged", dockerfile, &[], "");
    let shown = host.ok("run --rm staged sh -c 'stat -c %u:%g /all/t/one /owned/one; head -1 /all/passwd; cat /mounted; ls -A /m 2>&1 || true'");
    assert_eq!(shown, "1000:1001\n0:0\nroot:x:0:0:root:/root:/bin/sh\n1\nls: /m: No such file or directory");
    assert!(refused(&host, dockerfile, &[], "--target two").contains("Dockerfile:5: RUN exit 7: process"));
    let message = refused(&host, dockerfile, &[], "--target thre");
    assert_eq!(message, "Dockerfile: target stage \"thre\" could not be found (did you mean three?)");
}

#[test]
fn what_is_cached_is_not_done_again() {
    let host = Host::new();
    let dockerfile = "FROM box\nARG V=1\nENV E=1\nRUN cat /proc/sys/kernel/random/uuid > /run1; echo $V > /v\nCOPY dir /dir\nRUN cat /proc/sys/kernel/random/uuid > /run2\n";
    let files = [("dir/a", "a"), ("dir/b", "b")];
    let first = build(&host, "cached", dockerfile, &files, "");
    let folder = host.path("contexts/cached");
    // Neither time nor owner of what is copied counts.
    chown(folder.join("dir/a"), Some(7), Some(8)).unwrap();
    host.tool(&format!("touch -d 2001-01-01 {}", folder.join("dir/b").display()));
    assert_eq!(host.ok(&format!("build -q {}", folder.display())), first);
    let plain = host.porthole(&format!("build --progress plain {}", folder.display()));
    assert_eq!(plain.stderr.matches("CACHED").count(), 4, "{}", plain.stderr);
    let image = |flags: &str| {
        host.ok(&format!("build -q -t other {flags} {}", folder.display()));
        host.ok("run --rm other sh -c 'cat /run1 /run2'")
    };
    let (same, argument) = (image(""), image("--build-arg V=2"));
    assert!(same.lines().zip(argument.lines()).all(|(one, other)| one != other));
    assert_eq!(image("--build-arg V=1"), same, "a default that is given is the default");
    assert_eq!(image("--build-arg V=2"), argument);
    fs::set_permissions(folder.join("dir/a"), PermissionsExt::from_mode(0o700)).unwrap();
    let mode = image("");
    assert_eq!((mode.lines().next(), mode.lines().last() == same.lines().last()), (same.lines().next(), false));
    assert!(image("--no-cache").lines().zip(same.lines()).all(|(one, other)| one != other));
}

#[test]
fn a_pulled_image_cannot_poison_the_cache() {
    // Attack 34 (CVE-2024-24557): the same instructions over another image that goes by the same name.
    let host = Host::new();
    let dockerfile = "FROM base\nRUN cat /etc/passwd > /seen\nHEALTHCHECK CMD true\n";
    host.ok("tag box base");
    build(&host, "good", dockerfile, &[], "");
    host.ok("run --name one box sh -c 'echo evil > /etc/passwd'");
    host.ok("commit one base");
    build(&host, "other", dockerfile, &[], "");
    assert_eq!(host.ok("run --rm -u 0 other cat /seen"), "evil");
    host.ok("tag box base");
    // What is not in the layers counts as well: a configuration of its own makes another environment.
    host.ok("run --name two box true");
    host.ok("commit -c 'ENV PATH=/bin X=evil' two base");
    build(&host, "env", "FROM base\nRUN echo x$X > /seen\n", &[], "");
    host.ok("tag box base");
    build(&host, "env2", "FROM base\nRUN echo x$X > /seen\n", &[], "");
    assert_eq!((host.ok("run --rm env cat /seen"), host.ok("run --rm env2 cat /seen")), ("xevil".into(), "x".into()));
}

#[test]
fn secrets_and_arguments_are_left_nowhere() {
    // Attack 35.
    let host = Host::new();
    let (secret, argument) = ("SeCrEt-in-a-file", "ArGuMeNt-value");
    let file = host.path("contexts/token");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, secret).unwrap();
    let dockerfile = "FROM box\nARG TOKEN\nRUN --mount=type=secret,id=tok,uid=1000,mode=0440 \
        stat -c %u%a /run/secrets/tok > /stat; wc -c < /run/secrets/tok > /length; cp /proc/self/mountinfo /mounts\n\
        RUN --mount=type=secret,id=tok,env=SECRET test ${#SECRET} = 16 && test ! -e /run/secrets/tok\n\
        RUN test -z \"$SECRET\" && test ${#TOKEN} = 14\nRUN --mount=type=secret,id=none,target=/no test ! -e /no\n\
        RUN env | grep -q SECRET && exit 1; ls -A /run/secrets > /left 2>&1; true\n";
    let flags = format!("--secret id=tok,src={} --build-arg TOKEN={argument}", file.display());
    build(&host, "quiet", dockerfile, &[], &flags);
    assert_eq!(host.ok("run --rm quiet cat /stat /length"), "1000440\n16");
    assert!(!host.ok("run --rm quiet ls /").contains("run"), "what it is mounted on is not left");
    for text in [secret, argument] {
        assert_eq!(files_with(&host, text), Vec::<PathBuf>::new(), "{text}");
        assert!(
            !host.ok("history --no-trunc quiet").contains(text) && !host.inspect("quiet").to_string().contains(text)
        );
    }
    let required = "FROM box\nRUN --mount=type=secret,id=gone,required true\n";
    let message = refused(&host, required, &[], "");
    assert!(message.ends_with("secret gone: not found: give it by --secret id=gone,src=FILE"), "{message}");
}

#[test]
fn nothing_leads_out_of_the_context() {
    // Attack 36.
    let host = Host::new();
    let outside = host.path("outside");
    fs::write(&outside, "outside\n").unwrap();
    let files = [
        ("inside", "inside\n"),
        ("dir/x", "x\n"),
        (".dockerignore", "ignored\n!ignored/but\n"),
        ("ignored/a", ""),
        ("ignored/but", ""),
    ];
    let folder = context(&host, "links", "FROM box\nCOPY . /c/\n", &files);
    symlink(&outside, folder.join("absolute")).unwrap();
    symlink("../../outside", folder.join("relative")).unwrap();
    symlink("/inside", folder.join("rooted")).unwrap();
    symlink("/", folder.join("dir/root")).unwrap();
    host.ok(&format!("build -q -t links {}", folder.display()));
    let names = host.ok("run --rm links sh -c 'cd /c; find . | sort | tr \"\\n\" \" \"; readlink relative'");
    let expected = ". ./.dockerignore ./Dockerfile ./absolute ./dir ./dir/root ./dir/x ./ignored ./ignored/but ./inside \
                    ./relative ./rooted ../../outside";
    assert_eq!(names, expected);
    let copies = |source: &str| {
        fs::write(folder.join("Dockerfile"), format!("FROM box\nCOPY {source} /copied\n")).unwrap();
        host.porthole(&format!("build -q -t copies {}", folder.display()))
    };
    copies("rooted").ok();
    assert_eq!(host.ok("run --rm copies cat /copied"), "inside");
    copies("../../../inside").ok();
    for source in ["absolute", "relative", "../outside", "dir/root/../../outside", "ignored/a", "dir/root/outside"] {
        let message = copies(source).fails(1).to_owned();
        assert!(message.ends_with("not found"), "{source}: {message}");
    }
    // A stage's links lead to places in it.
    let dockerfile = format!(
        "FROM box AS evil\nRUN ln -s {} /to; ln -s / /root/all\nFROM box\nCOPY --from=evil /to /x\n",
        outside.display()
    );
    assert!(refused(&host, &dockerfile, &[], "").contains("not found"));
    // Nor does the place that is copied to.
    let dockerfile = format!("FROM box\nRUN ln -s {} /up\nCOPY x /up/made/\n", host.root().display());
    build(&host, "into", &dockerfile, &[("x", "x")], "");
    assert!(!host.path("made").exists());
    assert_eq!(host.ok(&format!("run --rm into cat {}/made/x", host.root().display())), "x");
    for source in ["-x", "--upload-pack=x"] {
        assert!(host.porthole(&format!("build -- {source}")).code != 0);
    }
    let message = refused(&host, "FROM box\nADD git@host:--upload-pack=x.git /x\n", &[], "");
    assert!(message.contains("strange pathname"), "{message}");
}

#[test]
fn mounts_are_confined() {
    // Attack 32 (CVE-2024-23651, 23652, 23653, 2024-9675, 2024-9407, 2024-1753).
    let host = Host::new();
    let outside = host.path("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("file"), "outside").unwrap();
    let up = "../".repeat(12);
    let inside = |mount: &str, command: &str| format!("FROM box\nRUN --mount={mount} {command}\n");
    // A path that leads up ends at the root of the cache, or of the context.
    let cache = format!("type=cache,id=c,source={up}{},target=/m", outside.display());
    assert!(refused(&host, &inside(&cache, "true"), &[], "").contains("Dockerfile:2"));
    let bind = format!("type=bind,source={up}{},target=/m", outside.display());
    assert!(refused(&host, &inside(&bind, "true"), &[], "").contains("not found"));
    // Links in a cache, and in a stage, are not followed out of it.
    let dockerfile = format!("FROM box\nRUN --mount=type=cache,id=l,target=/m ln -s {} /m/way\n", outside.display());
    build(&host, "cache", &dockerfile, &[], "");
    let way = inside("type=cache,id=l,source=way,target=/m", "echo written > /m/file");
    assert!(refused(&host, &way, &[], "").contains("Dockerfile:2"));
    let stage = format!(
        "FROM box AS evil\nRUN ln -s {} /way\nFROM box\nRUN --mount=from=evil,source=/way,target=/m,rw echo written > /m/file\n",
        outside.display()
    );
    assert!(refused(&host, &stage, &[], "").contains("Dockerfile:4"));
    assert_eq!(fs::read_to_string(outside.join("file")).unwrap(), "outside");
    // What a mount is made on is not cleaned up through a link that a command put there.
    let link = format!(
        "FROM box\nRUN --mount=type=tmpfs,target=/a/b rm -rf /a; ln -s {} /a 2>/dev/null; true\n",
        outside.display()
    );
    build(&host, "link", &link, &[], "");
    assert!(outside.join("file").exists());
    // What is written to a mount of the context, or of a stage, is seen by nobody.
    let folder = context(
        &host,
        "written",
        "FROM box\nRUN --mount=target=/m,rw echo new > /m/x && rm /m/y\n",
        &[("x", "old"), ("y", "")],
    );
    host.ok(&format!("build -q {}", folder.display()));
    assert!(folder.join("y").exists());
    assert_eq!(fs::read_to_string(folder.join("x")).unwrap(), "old");
    // What is ignored is not mounted either.
    let files = [("x", "x"), ("hidden", "h"), (".dockerignore", "hidden\n")];
    build(&host, "ignored", "FROM box\nRUN --mount=target=/m ls /m > /seen\n", &files, "");
    assert_eq!(host.ok("run --rm ignored cat /seen"), "Dockerfile\nx");
    let message = refused(&host, &inside("source=hidden,target=/m", "true"), &files, "");
    assert!(message.ends_with("\"hidden\": not found"), "{message}");
    for junk in ["type=cache,target=/m,propagation=shared", "type=bind,target=/m,bind-propagation=rshared"] {
        assert!(refused(&host, &inside(junk, "true"), &[], "").contains("unexpected key"));
    }
    // The command's own limits are those of every container.
    assert!(refused(&host, "FROM box\nRUN mount -t tmpfs x /tmp\n", &[], "").contains("exit code"));
    let insecure = refused(&host, "FROM box\nRUN --security=insecure true\n", &[], "");
    assert!(insecure.ends_with("RUN --security=insecure needs --allow security.insecure"), "{insecure}");
}

#[test]
fn caches_stay_between_builds() {
    let host = Host::new();
    let dockerfile = |n: u32| {
        format!(
            "FROM box\nRUN --mount=type=cache,target=/c,uid=1000 echo {n} >> /c/log; cat /c/log > /log; stat -c %u /c >> /log\n"
        )
    };
    build(&host, "one", &dockerfile(1), &[], "");
    build(&host, "two", &dockerfile(2), &[], "");
    assert_eq!(host.ok("run --rm two cat /log"), "1\n2\n1000");
    assert!(!host.ok("run --rm two ls /").lines().any(|name| name == "c"));
    assert!(host.ok("builder du").contains("Cache mounts:\t4B"), "{}", host.ok("builder du"));
    host.ok("builder prune -f");
    build(&host, "three", &dockerfile(3), &[], "");
    assert_eq!(host.ok("run --rm three cat /log"), "1\n2\n3\n1000");
    host.ok("builder prune -af");
    build(&host, "four", &dockerfile(4), &[], "");
    assert_eq!(host.ok("run --rm four cat /log"), "4\n1000");
}

#[test]
fn pruning_takes_what_no_image_has() {
    let host = Host::new();
    build(&host, "kept", "FROM box\nRUN head -c 100000 /dev/zero > /kept\n", &[], "");
    build(&host, "gone", "FROM box\nRUN head -c 300000 /dev/zero > /gone\n", &[], "");
    host.ok("rmi gone");
    let before = host.ok("builder du");
    assert!(before.contains("true          300kB") && before.contains("false         100kB"), "{before}");
    let rows = host.ok("system df --format '{{.Type}} {{.TotalCount}} {{.Active}} {{.Size}} {{.Reclaimable}}'");
    assert_eq!(rows.lines().last(), Some("Build Cache 2 0 400kB 300kB"));
    assert!(host.ok("system df -v").contains("\nBuild cache usage: 400kB\n"));
    build(&host, "gone", "FROM box\nRUN head -c 300000 /dev/zero > /gone\n", &[], "");
    host.ok("rmi gone");
    assert!(host.ok("builder prune -f").ends_with("Total reclaimed space: 300kB"));
    assert_eq!(host.ok("run --rm kept sh -c 'wc -c < /kept'"), "100000");
    assert!(!host.ok("builder du").contains("RUN"));
    assert_eq!(host.ok("rmi kept").matches("Deleted").count(), 2);
    assert_eq!(fs::read_dir(host.path("snapshots")).unwrap().count(), 1);
}

#[test]
fn archives_are_unpacked_and_standard_input_is_read() {
    let host = Host::new();
    let inner = Tree::new().directory("d").file("d/in", b"in\n").link("d/soft", "in").finish();
    let dockerfile =
        b"FROM box\nADD inner.tar.gz /a/\nADD inner.tar /b/\nCOPY inner.tar /c/\nADD --unpack=false inner.tar /e\n";
    let outer =
        Tree::new().file("Dockerfile", dockerfile).file("inner.tar.gz", &gzip(&inner)).file("inner.tar", &inner);
    host.porthole_with("build -q -t tarred -", &outer.finish()).ok();
    let shown = host.ok("run --rm tarred sh -c 'cat /a/d/in /b/d/soft; ls /c; wc -c < /e'");
    assert_eq!(shown, format!("in\nin\ninner.tar\n{}", inner.len()));
    host.porthole_with("build -q -t piped -", b"FROM box\nRUN echo piped > /x\n").ok();
    assert_eq!(host.ok("run --rm piped cat /x"), "piped");
    let folder = context(&host, "c", "FROM nothing\n", &[("x", "from the context")]);
    host.porthole_with(&format!("build -q -t both -f - {}", folder.display()), b"FROM box\nCOPY x /x\n").ok();
    assert_eq!(host.ok("run --rm both cat /x"), "from the context");
    let message = host.porthole_with("build -q -", b"FROM box\nCOPY x /x\n").fails(1).to_owned();
    assert!(message.ends_with("there is no context to copy from: name a folder in place of -"), "{message}");
    assert!(host.fails(125, "build -f - -").contains("can't use stdin for both"));
    let archive = Tree::new().hostile("../../escaped", b"x").file("Dockerfile", b"FROM box\n").finish();
    assert!(host.porthole_with("build -q -", &archive).code == 1);
}

#[test]
fn documents_stand_in_the_dockerfile() {
    let host = Host::new();
    let dockerfile = "FROM box\nARG WHO=you\nCOPY <<A <<'B' /d/\nhello $WHO\nA\nhello $WHO\nB\nRUN <<E\necho one > /r\necho $WHO >> /r\nE\n\
        RUN <<F cat > /s\n\tdocument\nF\nRUN <<G\n#!/bin/cat\nscript\nG\nCOPY --chmod=755 <<-H /run.sh\n\t#!/bin/sh\n\techo ran\nH\nCMD /run.sh\n";
    build(&host, "docs", dockerfile, &[], "");
    assert_eq!(host.ok("run --rm docs cat /d/A /d/B /r /s"), "hello you\nhello $WHO\none\nyou\n\tdocument");
    assert_eq!(host.ok("run --rm docs"), "ran");
}

#[test]
fn copies_follow_their_flags() {
    let host = Host::new();
    let files = [("a/b/one.txt", "1"), ("a/b/two.md", "2"), ("a/c/three.txt", "3"), ("z.txt", "z")];
    let dockerfile = "FROM box\nCOPY --parents a/*/*.txt /p/\nCOPY --parents a/./b/one.txt /q/\nCOPY --exclude=**/*.md a /e\n\
        COPY --link z.txt /linked/dir/\nCOPY --chmod=u=rwX,go= a/b /m/\nCOPY *.txt no*such /w/\nCOPY z.txt a/b/ /both/\n";
    build(&host, "flags", dockerfile, &files, "");
    let find =
        |path: &str| host.ok(&format!("run --rm flags sh -c 'cd {path}; find . -type f | sort | xargs stat -c %n:%a'"));
    assert_eq!(find("/p"), "./a/b/one.txt:644\n./a/c/three.txt:644");
    assert_eq!(find("/q"), "./b/one.txt:644");
    assert_eq!(find("/e"), "./b/one.txt:644\n./c/three.txt:644");
    assert_eq!(find("/linked"), "./dir/z.txt:644");
    assert_eq!(find("/m"), "./one.txt:600\n./two.md:600");
    assert_eq!((find("/w"), find("/both")), ("./z.txt:644".into(), "./one.txt:644\n./two.md:644\n./z.txt:644".into()));
    let message = refused(&host, "FROM box\nCOPY a b /x\n", &[("a", ""), ("b", "")], "");
    assert!(message.contains("the destination must be a directory and end with a /"), "{message}");
    let message = refused(&host, "FROM box\nCOPY --chown=nobody99 a /x\n", &[("a", "")], "");
    assert!(message.ends_with("unable to find user nobody99: no matching entries in passwd file"), "{message}");
    let folder = context(&host, "over", "FROM box\nRUN mkdir -p /t/x\nCOPY a /t/\n", &[("a/x", "")]);
    let message = host.fails(1, &format!("build -q {}", folder.display()));
    assert!(message.ends_with("a directory is not replaced by a file"), "{message}");
}

#[test]
fn mistakes_name_file_line_and_instruction() {
    let host = Host::new();
    let cases = [
        ("FROM box\nRNU true\n", "Dockerfile:2: RNU true: unknown instruction: RNU (did you mean RUN?)"),
        ("FROM box\nCOPY gone /x\n", "Dockerfile:2: COPY gone /x: \"gone\": not found"),
        (
            "FROM box\n\nRUN \\\n  exit 3\n",
            "Dockerfile:3: RUN exit 3: process \"/bin/sh -c exit 3\" did not complete successfully: exit code: 3",
        ),
        ("FROM box\nRUN [\"/nothing\"]\n", "Dockerfile:2: RUN [\"/nothing\"]: "),
        ("FROM box\nUSER nobody99\nRUN true\n", "Dockerfile:3: RUN true: unable to find user nobody99"),
        ("FROM box\nADD --checksum=sha256:00 x /x\n", "Dockerfile:2: "),
        ("FROM\n", "Dockerfile:1: FROM: "),
        ("", "Dockerfile: "),
    ];
    for (dockerfile, expected) in cases {
        let message = refused(&host, dockerfile, &[("x", "")], "");
        assert!(message.starts_with(expected), "{message}");
    }
    assert!(host.fails(1, "build -q /no/such/folder").contains("not found"));
    assert!(host.fails(1, &format!("build -q {}", host.root().display())).contains("failed to read dockerfile"));
    assert!(host.fails(125, "build --network web .").contains("use default, none or host"));
    let other = context(&host, "named", "", &[("my.dockerfile", "FROM box\nOOPS\n")]);
    let message = host.fails(1, &format!("build -q -f {0}/my.dockerfile {0}", other.display()));
    assert!(message.contains("my.dockerfile:2: OOPS: unknown instruction: OOPS"), "{message}");
}

#[test]
fn checks_tell_what_is_better_written_otherwise() {
    let host = Host::new();
    let folder = context(&host, "checked", "FROM box\nCMD echo hi\n", &[]);
    let checked = host.porthole(&format!("build --check {}", folder.display()));
    assert_eq!(checked.code, 1);
    assert!(checked.stdout.starts_with(
        "WARNING: JSONArgsRecommended - https://docs.docker.com/go/dockerfile/rule/json-args-recommended/\n"
    ));
    assert!(checked.stdout.contains("Dockerfile:2\n") && checked.stdout.contains("   2 | >>> CMD echo hi\n"));
    fs::write(folder.join("Dockerfile"), "FROM box\nCMD [\"echo\"]\n").unwrap();
    assert_eq!(host.ok(&format!("build --check {}", folder.display())), "Check complete, no warnings found.");
}

#[test]
fn the_same_epoch_makes_the_same_image() {
    let (host, files) = (Host::new(), [("dir/a", "a")]);
    let dockerfile =
        "FROM box\nRUN mkdir /d && date > /d/ignored && rm /d/ignored; touch /d/file\nWORKDIR /w/x\nCOPY dir /c\n";
    let flags = "--build-arg SOURCE_DATE_EPOCH=1000000000";
    let first = build(&host, "epoch", dockerfile, &files, flags);
    let second = {
        let other = host.second();
        other.ok("rmi box");
        let base = host.path("base.tar");
        host.ok(&format!("save -o {} box", base.display()));
        other.ok(&format!("load -i {}", base.display()));
        thread::sleep(Duration::from_millis(1100));
        build(&other, "epoch", dockerfile, &files, flags)
    };
    assert_eq!(first, second);
    assert_eq!(host.inspect("epoch")["Created"], json!("2001-09-09T01:46:40Z"));
    assert_eq!(
        host.ok("run --rm epoch stat -c %Y /d /d/file /w/x /c/a").replace('\n', " "),
        "1000000000 1000000000 1000000000 1000000000"
    );
}

#[test]
fn results_go_where_they_are_wanted() {
    let host = Host::new();
    let folder = context(&host, "out", "FROM scratch\nCOPY x y/ /d/\n", &[("x", "x"), ("y/z", "z")]);
    let at = |name: &str| host.path(name).display().to_string();
    host.ok(&format!("build -q -o {} {}", at("tree"), folder.display()));
    assert_eq!(fs::read_to_string(host.path("tree/d/x")).unwrap(), "x");
    host.ok(&format!("build -q -o type=tar,dest={} {}", at("x.tar"), folder.display()));
    assert_eq!(host.tool(&format!("tar -tf {}", at("x.tar"))), "d/\nd/x\nd/z");
    assert_eq!(host.ok("images -q").lines().count(), 1, "nothing but the base is there");
    host.ok(&format!("build -q -t kept -o type=oci,dest={} {}", at("i.tar"), folder.display()));
    host.ok("rmi kept");
    assert!(host.ok(&format!("load -i {}", at("i.tar"))).contains("kept:latest"));
    host.ok(&format!("build -q --iidfile {} -t a:1 -t b:2 {}", at("id"), folder.display()));
    let id = fs::read_to_string(host.path("id")).unwrap();
    assert_eq!(
        (host.inspect("a:1")["Id"].as_str(), host.inspect("b:2")["Id"].as_str()),
        (Some(id.as_str()), Some(id.as_str()))
    );
}

#[test]
fn contexts_with_names_are_copied_from() {
    let host = Host::new();
    let other = context(&host, "other", "", &[("o", "other"), (".dockerignore", "Dockerfile\n")]);
    let dockerfile = "FROM alias\nCOPY --from=extra . /e/\nRUN --mount=from=extra,target=/m cat /m/o > /m2\nCOPY --from=img /etc/group /g\n";
    let flags = format!(
        "--build-context extra={} --build-context alias=docker-image://{BOX} --build-context img=docker-image://{BOX}",
        other.display()
    );
    build(&host, "named", dockerfile, &[], &flags);
    assert_eq!(
        host.ok("run --rm named sh -c 'ls -A /e; cat /e/o /m2; head -1 /g'"),
        ".dockerignore\no\notherotherroot:x:0:"
    );
    assert!(host.fails(125, "build --build-context a=ftp://x .").contains("invalid build context"));
}

#[test]
fn networks_are_those_that_were_asked_for() {
    let host = Host::new();
    let dockerfile = "FROM box\nRUN ls /sys/class/net > /default\nRUN --network=none ls /sys/class/net > /none\nRUN grep added /etc/hosts > /hosts\n";
    build(&host, "nets", dockerfile, &[], "--add-host added:10.9.8.7");
    let shown = host.ok("run --rm nets cat /default /none /hosts");
    assert_eq!(shown.split_whitespace().collect::<Vec<_>>(), ["eth0", "lo", "lo", "10.9.8.7", "added"]);
    build(&host, "none", "FROM box\nRUN ls /sys/class/net > /nets\n", &[], "--network none");
    assert_eq!(host.ok("run --rm none cat /nets"), "lo");
    build(&host, "host", "FROM box\nRUN ip -o link > /nets\n", &[], "--network host");
    assert!(
        host.ok("run --rm host cat /nets").contains("docker0")
            || host.ok("run --rm host cat /nets").contains("porthole0")
    );
}

#[test]
fn equal_steps_of_two_builds_are_done_once() {
    let host = Host::new();
    let folder = context(&host, "twice", "FROM box\nRUN sleep 1; cat /proc/sys/kernel/random/uuid > /n\n", &[]);
    let start = |tag: &str| host.start(&format!("build -q -t {tag} {}", folder.display()));
    let (mut one, mut other) = (start("one"), start("other"));
    assert_eq!((one.wait(), other.wait()), (0, 0));
    assert_eq!(host.inspect("one")["Id"], host.inspect("other")["Id"]);
    let stages = "FROM box AS a\nRUN cat /proc/sys/kernel/random/uuid > /n\nFROM box AS b\nRUN cat /proc/sys/kernel/random/uuid > /n\nFROM box\nCOPY --from=a /n /a\nCOPY --from=b /n /b\n";
    build(&host, "equal", stages, &[], "--no-cache");
    let shown = host.ok("run --rm equal cat /a /b");
    assert_eq!(shown.lines().next(), shown.lines().last());
}

#[test]
fn independent_stages_are_built_side_by_side() {
    let host = Host::new();
    let stages = "FROM box AS a\nRUN sleep 1; echo a > /n\nFROM box AS b\nRUN sleep 1; echo b > /n\nFROM box\nCOPY --from=a /n /a\nCOPY --from=b /n /b\n";
    let folder = context(&host, "side", stages, &[]);
    let text = host.porthole(&format!("build --progress json {}", folder.display())).stderr;
    let begins = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let begun: Vec<_> =
        begins.filter(|event| event["name"].as_str().is_some_and(|name| name.contains("RUN sleep"))).collect();
    assert_eq!(begun.len(), 2);
    let position = |text: &str, word: &str| text.find(word).unwrap();
    let done = position(&text, &format!("\"step\":{}", begun[1]["step"]));
    assert!(done < text.rfind("\"status\":\"done\"").unwrap());
}

#[test]
fn a_build_that_is_interrupted_leaves_nothing_and_keeps_its_cache() {
    let host = Host::new();
    let folder =
        context(&host, "long", "FROM box\nRUN cat /proc/sys/kernel/random/uuid > /n\nRUN echo begun; sleep 100\n", &[]);
    let line = format!("build -t long {}", folder.display());
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGKILL] {
        let mut running = host.start(&line);
        eventually("the step runs", || host.tool("ps -eo args").lines().any(|line| line.trim() == "sleep 100"));
        running.signal(signal);
        let code = running.wait();
        assert_eq!(code, if signal == Signal::SIGKILL { 137 } else { 130 });
        eventually("the step has ended", || !host.tool("ps -eo args").lines().any(|line| line.trim() == "sleep 100"));
    }
    assert_eq!(host.ok("ps -aq"), "");
    let folder = context(&host, "long", "FROM box\nRUN cat /proc/sys/kernel/random/uuid > /n\n", &[]);
    let text = host.porthole(&format!("build {}", folder.display())).stderr;
    assert_eq!(text.matches("CACHED").count(), 2, "{text}");
    assert_eq!(fs::read_dir(host.path("ingest")).unwrap().count(), 0);
}

#[test]
fn whenever_a_build_is_killed_the_next_goes_on() {
    let host = Host::new();
    let dockerfile = "FROM box AS a\nRUN cat /proc/sys/kernel/random/uuid > /one\nRUN sleep 0.05\nFROM box\nCOPY d /d\n\
        RUN --mount=type=cache,target=/m cat /proc/sys/kernel/random/uuid > /two\nWORKDIR /w\nCOPY --from=a /one /\n";
    let folder = context(&host, "killed", dockerfile, &[("d/a", "a"), ("d/b", "b")]);
    let mut numbers = Numbers::new(5);
    for round in 0..12 {
        let flags = if round % 2 == 0 { "--no-cache" } else { "" };
        let mut killed = host.start(&format!("build -q -t killed {flags} {}", folder.display()));
        let delay = Duration::from_micros(numbers.next(250_000));
        thread::sleep(delay);
        killed.signal(Signal::SIGKILL);
        killed.wait();
        // What it was running ends by itself, when it notices.
        let id = host.ok(&format!("build -q -t whole {}", folder.display()));
        assert_eq!(host.ok(&format!("build -q {}", folder.display())), id, "killed after {delay:?}");
        assert_eq!(host.ok("image verify --full whole"), "whole: intact", "killed after {delay:?}");
        assert_eq!(host.ok("run --rm whole sh -c 'cat /d/a /d/b; pwd; wc -l < /one'"), "ab/w\n1");
        assert_eq!(host.ok("ps -aq"), "", "killed after {delay:?}");
        assert_eq!(fs::read_dir(host.path("ingest")).unwrap().count(), 0, "killed after {delay:?}");
    }
}

#[test]
fn a_full_disk_is_told_and_nothing_half_made_is_kept() {
    let host = Host::with_disk("12m");
    host.porthole_with("import - box:latest", porthole_tests::archive::busybox()).ok();
    let files = tempfile::tempdir().unwrap();
    fs::write(files.path().join("Dockerfile"), "FROM box\nRUN dd if=/dev/urandom of=/big bs=1M count=20\n").unwrap();
    let message = host.fails(1, &format!("build -q {}", files.path().display()));
    assert!(message.contains("exit code") || message.contains("no space left"), "{message}");
    fs::write(files.path().join("Dockerfile"), "FROM box\nRUN echo small > /x\n").unwrap();
    host.ok(&format!("build -q -t small {}", files.path().display()));
    assert_eq!(host.ok("run --rm small cat /x"), "small");
}

#[test]
fn files_are_fetched_and_checked() {
    let host = Host::new();
    let served = host.path("served");
    fs::create_dir(&served).unwrap();
    fs::write(served.join("file"), "served\n").unwrap();
    fs::write(served.join("a.tar.gz"), gzip(&Tree::new().file("in", b"in\n").finish())).unwrap();
    let digest =
        host.tool(&format!("sha256sum {}", served.join("file").display())).split(' ').next().unwrap().to_owned();
    let _web = Web::serve(&served);
    let at = Web::ADDRESS;
    let dockerfile = format!(
        "FROM box\nADD {at}/file /d/\nADD --chmod=644 --checksum=sha256:{digest} {at}/file /named\nADD {at}/a.tar.gz /kept/\n\
         ADD --unpack=true {at}/a.tar.gz /unpacked/\n"
    );
    build(&host, "web", &dockerfile, &[], "");
    let shown = host.ok("run --rm web sh -c 'stat -c %a /d/file /named; cat /named; ls /kept; cat /unpacked/in'");
    assert_eq!(shown, "600\n644\nserved\na.tar.gz\nin");
    fs::write(served.join("file"), "changed\n").unwrap();
    let message = refused(&host, &dockerfile, &[], "");
    assert!(
        message.contains("Dockerfile:3: ADD --chmod=644") && message.contains("digest mismatch sha256:"),
        "{message}"
    );
    let message = refused(&host, &format!("FROM box\nADD {at}/missing /x\n"), &[], "");
    assert!(message.ends_with("the server answers 404 Not Found"), "{message}");
    let message = refused(&host, "FROM box\nADD http://127.0.0.1:8098/x /x\n", &[], "");
    assert!(message.starts_with("Dockerfile:2: ADD http://127.0.0.1:8098/x /x: "), "{message}");
}

#[test]
fn a_terminal_shows_what_is_under_way_and_keeps_what_failed() {
    let host = Host::new();
    let folder = context(&host, "shown", "FROM box\nRUN echo said; exit 4\n", &[]);
    let terminal = host.terminal(&format!("build {}", folder.display()));
    terminal.expect("ERROR [2/2] RUN echo said; exit 4");
    terminal.expect(" > said");
    terminal.expect("exit code: 4");
}

#[test]
fn an_agent_is_there_while_a_command_runs() {
    let host = Host::new();
    let socket = host.path("agent.sock");
    let _agent = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let dockerfile = "FROM box\nRUN --mount=type=ssh test -S $SSH_AUTH_SOCK && echo $SSH_AUTH_SOCK > /seen\n\
        RUN test -z \"$SSH_AUTH_SOCK\" && test ! -e /run\nRUN --mount=type=ssh,id=other test -z \"$SSH_AUTH_SOCK\"\n";
    build(&host, "agent", dockerfile, &[], &format!("--ssh default={}", socket.display()));
    assert_eq!(host.ok("run --rm agent cat /seen"), "/run/buildkit/ssh_agent.0");
    let message = refused(&host, "FROM box\nRUN --mount=type=ssh,required true\n", &[], "");
    assert!(message.ends_with("ssh agent default: not found: give it by --ssh default"), "{message}");
    assert!(host.fails(125, "build --ssh default=/etc/passwd .").contains("is no socket of an agent"));
}
