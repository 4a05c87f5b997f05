//! Volumes: made, filled, shared, kept and removed.

use nix::sys::signal::{Signal, kill};
use porthole_tests::archive::{Image, Tree, busybox};
use porthole_tests::{Host, eventually};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

/// A host with an image that has files where volumes may be.
fn host() -> Host {
    let host = Host::empty();
    let data = Tree::new()
        .directory("data")
        .directory("data/sub")
        .file("data/sub/file", b"from the image")
        .link("data/link", "/etc/passwd")
        .link("way", "/data");
    let above = Tree::new().directory("data").file("data/gone", b"").finish();
    let top = Tree::new().directory("data").file("data/.wh.gone", b"").file("data/new", b"on top").finish();
    host.porthole_with("load", &Image::new(vec![busybox().to_vec(), data.finish(), above, top]).docker("box")).ok();
    host
}

fn names(host: &Host) -> Vec<String> {
    host.ok("volume ls -q").lines().map(str::to_owned).collect()
}

#[test]
fn a_named_volume_is_made_filled_and_kept() {
    let host = host();
    host.ok("run --rm -u 0 -v store:/data box sh -c 'echo mine > /data/mine; chmod 700 /data'");
    assert_eq!(names(&host), ["store"]);
    let data = host.path("volumes/store/_data");
    assert_eq!(fs::read_to_string(data.join("sub/file")).unwrap(), "from the image");
    assert_eq!(fs::read_to_string(data.join("new")).unwrap(), "on top");
    assert!(!data.join("gone").exists());
    assert_eq!(fs::read_link(data.join("link")).unwrap().to_str(), Some("/etc/passwd"));
    assert_eq!(fs::metadata(&data).unwrap().mode() & 0o777, 0o700);
    // Another container finds what the first one wrote, and nothing is copied again.
    fs::remove_file(data.join("new")).unwrap();
    assert_eq!(
        host.ok("run --rm -u 0 -v store:/else:ro box sh -c 'cat /else/mine; ls /else; touch /else/x || true'"),
        "mine\nlink\nmine\nsub"
    );
    let volume = host.ok("volume inspect store --format '{{.Driver}} {{.Scope}} {{.Mountpoint}}'");
    assert_eq!(volume, format!("local local {}", data.display()));
}

#[test]
fn what_the_user_does_not_want_is_not_copied() {
    let host = host();
    assert_eq!(host.ok("run --rm -v empty:/data:nocopy box ls /data"), "");
    assert_eq!(host.ok("run --rm --mount src=other,dst=/data,volume-nocopy box ls /data"), "");
    // Through a link of the image, which leads nowhere but inside.
    assert_eq!(host.ok("run --rm -v through:/way box cat /data/new"), "on top");
    assert_eq!(fs::read_to_string(host.path("volumes/through/_data/new")).unwrap(), "on top");
    assert_eq!(
        host.ok("run --rm --mount src=through,dst=/part,volume-subpath=sub box cat /part/file"),
        "from the image"
    );
    // Another runtime finds a part of a volume, too, and a file as well as a directory.
    let parts =
        "--mount src=through,dst=/part,volume-subpath=sub --mount src=through,dst=/srv/file,volume-subpath=new,ro";
    assert_eq!(
        host.ok(&format!("run --rm --runtime runc {parts} box cat /part/file /srv/file")),
        "from the imageon top"
    );
    let message = host.fails(125, "run --rm --mount src=through,dst=/part,volume-subpath=../../store box true");
    assert!(message.contains("../../store"), "{message}");
    let message = host.fails(125, "run --rm --mount src=through,dst=/part,volume-subpath=link box true");
    assert!(message.contains("link"), "{message}");
}

#[test]
fn a_volume_without_a_name_goes_with_its_container() {
    let host = host();
    host.ok("run --rm -v /data box true");
    eventually("it is removed", || names(&host).is_empty());
    host.ok("create --name one -v /data box true");
    host.ok("create --name two --volumes-from one box true");
    let [name] = names(&host).try_into().expect("one volume");
    assert_eq!(name.len(), 64);
    assert_eq!(host.inspect("one")["Mounts"], host.inspect("two")["Mounts"]);
    assert_eq!(host.inspect("one")["Mounts"][0]["Name"], name.as_str());
    host.ok("rm -v one");
    assert_eq!(names(&host), [name.as_str()], "another one uses it");
    host.ok("rm two");
    assert_eq!(names(&host), [name.as_str()], "nobody asked for it to go");
    host.ok("create --name three -v named:/data box true");
    host.ok("rm -v three");
    assert_eq!(names(&host).len(), 2, "what has a name stays");
    assert!(host.ok("volume prune -f").contains(&name));
    assert_eq!(names(&host), ["named"]);
    assert!(host.ok("volume prune -f -a").contains("Deleted Volumes:\nnamed"));
    assert!(names(&host).is_empty());
}

#[test]
fn an_image_declares_its_volumes() {
    let host = host();
    let import = |change: &str, name: &str| {
        let config = format!("import -c 'VOLUME {change}' -c 'CMD [\"true\"]' - {name}");
        host.porthole_with(&config, busybox()).ok();
    };
    import("/data /srv/www", "declares");
    host.ok("create --name one declares");
    assert_eq!(names(&host).len(), 2);
    host.ok("create --name two -v named:/data --tmpfs /srv/www declares");
    assert_eq!(names(&host).len(), 3, "only the named one is new");
    host.ok("rm -v one two");
    for hostile in ["../../etc", "/a/../../etc", "/"] {
        import(&format!("[\"{hostile}\"]"), "hostile");
        let message = host.fails(1, "create hostile");
        assert!(message.contains("which is no place for one"), "{message}");
    }
    assert_eq!(names(&host), ["named"]);
}

#[test]
fn volumes_that_are_used_stay_and_mistakes_are_told() {
    let host = host();
    assert_eq!(host.ok("volume create --label tier=db store"), "store");
    assert_eq!(host.ok("volume create store"), "store", "it is there already");
    host.ok("create --name user -v store:/data box true");
    let message = host.fails(1, "volume rm store");
    assert!(message.contains("volume is in use by user"), "{message}");
    assert_eq!(host.ok("volume prune -f -a"), "Total reclaimed space: 0B");
    assert_eq!(host.ok("volume ls --filter dangling=true -q"), "");
    assert_eq!(host.ok("volume ls --filter label=tier=db -q"), "store");
    assert_eq!(host.ok("volume ls"), "DRIVER    VOLUME NAME\nlocal     store");
    host.ok("rm user");
    assert_eq!(host.ok("volume rm store"), "store");
    assert!(host.fails(1, "volume rm store").contains("get store: no such volume"));
    host.ok("volume rm -f store");
    assert!(host.fails(1, "volume inspect ../containers").contains("no such volume"));
    for (line, told) in [
        ("volume create a/b", "includes invalid characters"),
        ("volume create -d nfs data", "plugin \"nfs\" not found"),
        ("volume create -o type=nfs data", "missing required option: \"device\""),
        ("volume ls --filter colour=red", "invalid filter 'colour'"),
    ] {
        assert!(host.fails(1, line).contains(told), "{line}");
    }
    for (code, line, told) in [
        (125, "create -v a:/x:zz box true", "unknown option 'zz'"),
        (1, "create -v x/y:/data box true", "includes invalid characters"),
        (125, "run -v x/y:/data box true", "includes invalid characters"),
        (1, "create -v data:/data -v more:/data/ box true", "Duplicate mount point"),
        (125, "create --mount src=/srv,dst=/data box true", "use type=bind"),
    ] {
        assert!(host.fails(code, line).contains(told), "{line}");
    }
    assert!(names(&host).is_empty(), "nothing is half made");
}

#[test]
fn their_room_is_told() {
    let host = host();
    host.ok("run --name user -u 0 -v used:/data:nocopy box sh -c 'head -c 3000 /dev/zero > /data/file'");
    host.ok("volume create unused");
    fs::write(host.path("volumes/unused/_data/file"), [0; 1000]).unwrap();
    let rows = host.ok("system df --format '{{.Type}} {{.TotalCount}} {{.Active}} {{.Size}} {{.Reclaimable}}'");
    assert_eq!(rows.lines().nth(2), Some("Local Volumes 2 1 4kB 1kB (25%)"));
    assert!(host.ok("system df -v").contains("\nunused        0         1kB\nused          1         3kB\n"));
}

#[test]
fn something_else_can_be_mounted_in_place_of_a_directory() {
    let host = host();
    host.ok("volume create -o type=tmpfs -o device=tmpfs -o o=size=1m,mode=1770 memory");
    let mounted = host.ok("run --rm -v memory:/memory box sh -c 'mount | grep ^tmpfs.on./memory; stat -c %a /memory'");
    assert!(mounted.starts_with("tmpfs on /memory type tmpfs (rw") && mounted.contains("size=1024k"), "{mounted}");
    assert!(mounted.ends_with("1770"), "{mounted}");
    let place = host.path("place");
    fs::create_dir(&place).unwrap();
    fs::write(place.join("file"), "here").unwrap();
    host.ok(&format!("volume create -o type=none -o device={} -o o=bind bound", place.display()));
    assert_eq!(host.ok("run --rm -v bound:/data box cat /data/file"), "here");
}

#[test]
fn many_that_begin_at_once_share_one_volume_whole() {
    let host = host();
    let line = "run --rm -v fresh:/data box cat /data/sub/file /data/new";
    let all: Vec<_> = (0..20)
        .map(|_| {
            let mut command = host.command(line);
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it can be run")
        })
        .collect();
    for one in all {
        let output = one.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "from the imageon top", "{output:?}");
    }
    assert_eq!(names(&host), ["fresh"]);
}

#[test]
fn a_copy_that_is_killed_is_begun_again() {
    let host = Host::empty();
    let many = (0..500).fold(Tree::new().directory("data"), |tree, n| tree.file(&format!("data/{n}"), &[b'x'; 100]));
    host.porthole_with("load", &Image::new(vec![busybox().to_vec(), many.finish()]).docker("box")).ok();
    for delay in [4, 12, 30] {
        let mut create = host.command("create -v store:/data box true");
        let mut create = create.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_millis(delay));
        let _ = create.kill();
        create.wait().unwrap();
        assert_eq!(host.ok("run --rm -v store:/data box sh -c 'ls /data | wc -l'"), "500", "killed after {delay} ms");
        host.remove_all();
        host.ok("volume rm -f store");
        // A container that was made before sees all of it or nothing.
        host.ok("create --name early -v store:/data:nocopy box sh -c 'ls /data | wc -l'");
        let mut create = host.start("create -v store:/data box true");
        thread::sleep(Duration::from_millis(delay));
        create.signal(Signal::SIGKILL);
        create.wait();
        let seen = host.ok("start -a early");
        assert!(["0", "500"].contains(&seen.as_str()), "killed after {delay} ms: {seen}");
        host.remove_all();
        host.ok("volume rm store");
    }
    let left: Vec<_> = fs::read_dir(host.path("volumes")).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left, [".lock"]);
}

#[test]
fn files_that_somebody_was_killed_at_moving_are_moved_by_the_next_one() {
    let host = host();
    host.ok("create --name user -v store:/data:nocopy box sh -c 'cat /data/here /data/moved; stat -c %a%u /data'");
    let volume = host.path("volumes/store");
    fs::create_dir(volume.join("filled")).unwrap();
    fs::set_permissions(volume.join("filled"), PermissionsExt::from_mode(0o751)).unwrap();
    chown(volume.join("filled"), Some(7), None).unwrap();
    for (name, content) in [("_data/here", "the user's, "), ("filled/here", "copied"), ("filled/moved", "copied")] {
        fs::write(volume.join(name), content).unwrap();
    }
    assert_eq!(host.ok("start -a user"), "the user's, copied7517");
    assert!(!volume.join("filled").exists());
}

#[test]
fn all_that_there_is_to_a_file_is_copied() {
    let host = host();
    let make = "mkdir /all; cd /all; echo x > file; ln file again; ln -s none soft; mkfifo pipe; chown 7:8 file; chmod 4711 file; touch -d @1 file; mkdir -m 1777 d; chmod 750 .";
    host.ok(&format!("run --name maker -u 0 box sh -c '{make}'"));
    host.ok("commit maker made:1");
    let look = r#"stat -c "%n %f %u %g %h %Y" /all/file /all/again; stat -c "%n %f" /all /all/d /all/pipe; readlink /all/soft"#;
    let look = |volume: &str| host.ok(&format!("run --rm -u 0 {volume} made:1 sh -c '{look}'"));
    let expected = look("");
    assert!(expected.contains("/all/again 89c9 7 8 2 1") && expected.contains("/all 41e8"), "{expected}");
    assert_eq!(look("-v all:/all"), expected);
}

#[test]
fn a_volume_is_not_mounted_over_a_file() {
    let host = host();
    for (line, file) in [
        ("-v /etc/passwd", "/etc/passwd"),
        ("-v store:/etc/passwd", "/etc/passwd"),
        ("-v store:/etc/passwd:nocopy", "/etc/passwd"),
        ("-v store:/way/new", "/way/new"),
    ] {
        let told = format!("cannot mount volume over existing file, file exists {file}");
        assert!(host.fails(1, &format!("create {line} box true")).contains(&told), "{line}");
        assert!(host.fails(125, &format!("run {line} box true")).contains(&told), "{line}");
    }
    assert!(names(&host).is_empty(), "nothing is half made");
    assert_eq!(host.ok("ps -aq"), "");
}

/// A container that shares the volume swaps the part of it that another one mounts for a link to the host's files, as fast as
/// it can (attack 7: the part is looked at, and mounted later).
#[test]
fn a_part_that_is_swapped_for_a_link_is_never_left() {
    let host = host();
    let outside = host.path("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("whose"), "the host").unwrap();
    let swap = format!(
        "mkdir /v/d /v/f; echo own > /v/d/whose; cp /v/d/whose /v/f; echo made; cd /v; while true; do mv d e; ln -s {0} d; rm d; mv e d; mv f/whose f/old; ln -s {0}/whose f/whose; rm f/whose; mv f/old f/whose; done",
        outside.display()
    );
    host.ok(&format!("run -d --name racer -u 0 -v store:/v box sh -c '{swap}'"));
    host.wait_for_log("racer", "made");
    let mut seen = Vec::new();
    while seen.len() < 12 || !seen.iter().any(|seen| seen == "own\n") && seen.len() < 100 {
        seen.push(host.porthole("run --rm --mount src=store,dst=/p,volume-subpath=d box cat /p/whose").stdout);
        seen.push(host.porthole("run --rm --mount src=store,dst=/p,volume-subpath=f/whose box cat /p").stdout);
    }
    assert!(seen.iter().all(|seen| ["own\n", ""].contains(&seen.as_str())), "{seen:?}");
    assert!(seen.iter().any(|seen| seen == "own\n"), "some find what they were sent for");
}

#[test]
fn containers_share_a_file_system_that_goes_with_the_last_of_them() {
    let host = host();
    host.ok("volume create -o type=tmpfs -o device=tmpfs -o o=size=1m memory");
    let is_mounted = || {
        let mounts = fs::read_to_string("/proc/thread-self/mountinfo").unwrap();
        mounts.lines().any(|line| line.contains(&format!("{}/volumes/memory/_data ", host.root().display())))
    };
    for (name, options) in [("one", "-v memory:/m"), ("two", "-v memory:/m:ro"), ("part", "--mount src=memory,dst=/m")]
    {
        host.ok(&format!("create --name {name} -u 0 {options} box sleep 1000"));
    }
    assert!(!is_mounted());
    host.ok("start one");
    host.ok("exec one sh -c 'echo shared > /m/file; mkdir /m/sub'");
    host.ok("start two");
    assert_eq!(host.ok("exec two cat /m/file"), "shared");
    assert!(host.porthole("exec two touch /m/x").stderr.contains("Read-only"));
    host.ok("run --rm --mount src=memory,dst=/p,volume-subpath=sub box ls /p");
    host.ok("rm -f one");
    host.ok("start part");
    assert_eq!(host.ok("exec part cat /m/file"), "shared", "somebody used it all the time");
    host.ok("kill two part");
    eventually("it goes with its last user", || !is_mounted());
    host.ok("start two");
    assert_eq!(host.ok("exec two ls /m"), "", "it is new");
    // Nobody of those who would unmount it is left.
    kill(host.monitor("two"), Signal::SIGKILL).unwrap();
    kill(host.init("two"), Signal::SIGKILL).unwrap();
    eventually("it ends", || host.status("two") == "exited");
    host.ok("run --rm box true");
    eventually("who comes next unmounts it", || !is_mounted());
    assert_eq!(fs::read_dir(host.path("volumes/memory/_data")).unwrap().count(), 0);
    for delay in [5, 15, 30, 60] {
        let mut start = host.start("run -d --name killed -v memory:/m box sleep 1000");
        thread::sleep(Duration::from_millis(delay));
        start.signal(Signal::SIGKILL);
        start.wait();
        host.porthole("rm -f killed");
        host.ok("run --rm box true");
        eventually("nothing of it is left", || !is_mounted());
    }
    // Many at once agree on who mounts and who unmounts it.
    let all: Vec<_> = (0..8).map(|_| host.start("run --rm -v memory:/m box stat -f -c %T /m")).collect();
    for mut one in all {
        assert_eq!(one.rest().trim(), "tmpfs");
        assert_eq!(one.wait(), 0);
    }
    assert!(!is_mounted());
    let message = host.fails(
        125,
        "run --rm --volume-driver local --mount src=none,dst=/m,volume-opt=type=nosuchfs,volume-opt=device=x box true",
    );
    assert!(message.contains("failed to mount local volume none"), "{message}");
}

#[test]
fn what_is_copied_to_a_container_that_is_stopped_comes_to_where_its_volume_is() {
    let host = host();
    let place = host.path("place");
    fs::create_dir(&place).unwrap();
    host.ok(&format!("volume create -o type=none -o device={} -o o=bind bound", place.display()));
    host.ok("create --name idle -v bound:/b box true");
    let file = host.path("file");
    fs::write(&file, "content").unwrap();
    host.ok(&format!("cp {} idle:/b/copied", file.display()));
    assert_eq!(fs::read_to_string(place.join("copied")).unwrap(), "content");
    host.ok("rm idle");
    host.ok("volume rm bound");
    assert!(place.join("copied").exists(), "a volume's files are not those of what is mounted there");
}
