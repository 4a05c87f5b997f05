//! `cp` both ways, and containers that mean to lead it astray.

use porthole_tests::archive::{Tree, gzip};
use porthole_tests::{BOX, Host, eventually};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

/// A directory of the host with a file, a directory, a link, and owners.
fn sources(host: &Host) -> String {
    let directory = host.path("from");
    fs::create_dir_all(directory.join("tree/sub")).unwrap();
    fs::write(directory.join("tree/sub/file"), "below").unwrap();
    fs::write(directory.join("file"), "content").unwrap();
    fs::set_permissions(directory.join("file"), PermissionsExt::from_mode(0o640)).unwrap();
    chown(directory.join("file"), Some(7), Some(8)).unwrap();
    symlink("file", directory.join("link")).unwrap();
    directory.display().to_string()
}

#[test]
fn files_go_where_docker_puts_them_running_or_not() {
    let host = Host::new();
    let from = sources(&host);
    host.ok(&format!("run -d --name running -v data:/vol {BOX} sleep 1000"));
    host.ok(&format!("create --name stopped -v other:/vol {BOX} sleep 1000"));
    for name in ["running", "stopped"] {
        let to = host.path(name);
        fs::create_dir(&to).unwrap();
        let to = to.display().to_string();
        let copied = host.porthole(&format!("cp {from}/file {name}:/srv/new"));
        copied.ok();
        assert!(
            copied.stderr.starts_with("Successfully copied ")
                && copied.stderr.ends_with(&format!(" to {name}:/srv/new\n"))
        );
        host.ok(&format!("cp -q {from}/file {name}:/srv/"));
        host.ok(&format!("cp {from}/tree {name}:/srv"));
        host.ok(&format!("cp {from}/tree/. {name}:/home"));
        host.ok(&format!("cp {from}/tree {name}:/srv/renamed"));
        host.ok(&format!("cp -a {from}/file {name}:/srv/kept"));
        host.ok(&format!("cp {from}/link {name}:/srv/link"));
        host.ok(&format!("cp -L {from}/link {name}:/srv/followed"));
        host.ok(&format!("cp {from}/file {name}:/vol/in-volume"));
        for (path, there) in [
            ("srv/new", "content"),
            ("srv/file", "content"),
            ("srv/tree/sub/file", "below"),
            ("home/sub/file", "below"),
            ("srv/renamed/sub/file", "below"),
            ("srv/followed", "content"),
        ] {
            host.ok(&format!("cp -q {name}:/{path} {to}/out"));
            assert_eq!(fs::read_to_string(format!("{to}/out")).unwrap(), there, "{name}:{path}");
        }
        host.ok(&format!("cp {name}:/srv {to}"));
        let owner = |path: &str| {
            fs::metadata(host.container(name).join("upper/srv").join(path))
                .map(|file| (file.uid(), file.gid(), file.mode() & 0o777))
                .unwrap()
        };
        assert_eq!((owner("new"), owner("kept")), ((0, 0, 0o640), (7, 8, 0o640)));
        assert_eq!(fs::read_link(format!("{to}/srv/link")).unwrap().to_str(), Some("file"));
        host.ok(&format!("cp -a {name}:/srv/kept {to}/kept"));
        assert_eq!(fs::metadata(format!("{to}/kept")).unwrap().uid(), 7);
        host.ok(&format!("cp {name}:/srv/tree/. {to}/contents"));
        assert_eq!(fs::read_to_string(format!("{to}/contents/sub/file")).unwrap(), "below");
    }
    for volume in ["data", "other"] {
        assert!(host.path("volumes").join(volume).join("_data/in-volume").exists(), "{volume}");
    }
    assert_eq!(host.ok("exec running cat /srv/tree/sub/file"), "below");
    assert_eq!(host.status("running"), "running");
    let events = host.ok(
        "events --since 1h --until 0s --filter container=running --filter event=extract-to-dir --format '{{.Action}}'",
    );
    assert_eq!(events.lines().count(), 9, "{events}");
}

#[test]
fn archives_come_and_go_as_streams() {
    let host = Host::new();
    host.ok(&format!("run -d --name web {BOX} sleep 1000"));
    let archive = Tree::new().directory("d").file("d/one", b"1").link("d/link", "/etc/passwd").finish();
    host.porthole_with("cp - web:/srv", &archive).ok();
    host.porthole_with("cp - web:/tmp", &gzip(&archive)).ok();
    assert_eq!(host.ok("exec web cat /srv/d/one /tmp/d/one"), "11");
    let out = host.path("out.tar");
    let status = host.command("cp web:/srv/d -").stdout(fs::File::create(&out).unwrap()).status().unwrap();
    assert!(status.success());
    assert_eq!(host.tool(&format!("tar -tf {}", out.display())), "d/\nd/link\nd/one\n".trim_end().to_owned());
    assert!(host.porthole_with("cp - web:/etc/passwd", &archive).fails(1).contains("must be a directory"));
    assert!(host.porthole_with("cp - web:/none", &archive).fails(1).contains("Could not find the file /none"));
    // CVE-2018-15664 and the like: the archive's own links lead nowhere, and neither do its names.
    let hostile = Tree::new().link("way", "/etc").file("way/escaped", b"x").finish();
    host.porthole_with("cp - web:/home", &hostile);
    assert!(!host.path("escaped").exists() && !std::path::Path::new("/etc/escaped").exists());
    let hostile = Tree::new().hostile("../../escaped", b"x").finish();
    assert!(host.porthole_with("cp - web:/home", &hostile).fails(1).contains("leads out"));
    // The source may be the container itself, which therefore must not be frozen.
    host.ok("exec web sh -c 'mkdir /pipe'");
    let mut tar = host.command("exec web tar -c -C /srv d").stdout(std::process::Stdio::piped()).spawn().unwrap();
    let status = host.command("cp - web:/pipe").stdin(tar.stdout.take().unwrap()).status().unwrap();
    assert!(tar.wait().unwrap().success() && status.success());
    assert_eq!(host.ok("exec web cat /pipe/d/one"), "1");
}

#[test]
fn bad_input_is_one_line_and_nothing_is_changed() {
    let host = Host::new();
    let from = sources(&host);
    host.ok(&format!("run -d --name web --read-only -v data:/vol -v {from}:/ro:ro {BOX} sleep 1000"));
    host.ok(&format!("create --name readonly --read-only {BOX} true"));
    host.ok(&format!("create --name open {BOX} true"));
    for (line, told) in [
        (format!("cp {from}/file {from}/file"), "must specify at least one container source"),
        ("cp web:/a open:/b".to_owned(), "copying between containers is not supported"),
        (format!("cp web:/none {from}"), "Could not find the file /none in container web"),
        (format!("cp {from}/none web:/vol"), "No such file"),
        (format!("cp nobody:/a {from}"), "No such container: nobody"),
        (format!("cp {from}/file web:/vol/none/"), "the destination directory must exist"),
        (format!("cp {from}/file web:/vol/none/x"), "No such file"),
        (format!("cp {from}/tree open:/etc/passwd"), "cannot copy a directory to a file"),
        (format!("cp {from}/file open:/etc/passwd/"), "Not a directory"),
        (format!("cp open:/etc/passwd {from}/tree/sub/file/"), "Not a directory"),
        (format!("cp {from}/file web:/srv"), "Read-only"),
        (format!("cp {from}/file web:/ro"), "Read-only"),
        (format!("cp {from}/file readonly:/srv"), "Read-only"),
    ] {
        let message = host.fails(1, &line);
        assert!(message.contains(told), "{line}: {message}");
    }
    host.ok(&format!("cp {from}/file web:/vol/"));
    host.fails(125, "cp one");
    assert_eq!(host.status("web"), "running");
    assert_eq!(host.ok("diff open"), "");
}

/// CVE-2026-42306, CVE-2018-15664: the container swaps the destination for a link to the host's root as fast as it can.
#[test]
fn a_destination_that_is_swapped_for_a_link_stays_inside() {
    let host = Host::new();
    let from = sources(&host);
    let outside = host.path("outside");
    fs::create_dir(&outside).unwrap();
    let swap = format!("mkdir /d; while true; do mv /d /e; ln -s {} /d; rm /d; mv /e /d; done", outside.display());
    host.ok(&format!("run -d --name web {BOX} sh -c '{swap}'"));
    let mut arrived = 0;
    for _ in 0..20 {
        arrived += usize::from(host.porthole(&format!("cp {from}/tree web:/d")).code == 0);
    }
    assert!(arrived > 0, "some come to where they were sent");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    assert_eq!(host.status("web"), "running");
    // Out of it, a link is a link, and as a part of the path it leads to the container's own files.
    host.ok("rm -f web");
    host.ok(&format!("run -d --name web {BOX} sh -c 'ln -s /etc/passwd /l; ln -s / /r; echo done; sleep 1000'"));
    host.wait_for_log("web", "done");
    host.ok(&format!("cp web:/r/etc/passwd {from}/passwd"));
    assert!(fs::read_to_string(format!("{from}/passwd")).unwrap().contains("app:x:1000"));
    host.ok(&format!("cp -L web:/l {from}/followed"));
    assert!(fs::read_to_string(format!("{from}/followed")).unwrap().contains("app:x:1000"));
    host.fails(1, &format!("cp web:/proc/self/root/etc/passwd {from}/x"));
}

/// CVE-2019-14271, CVE-2026-41567: libraries and tools of the container that would tell if they were used.
#[test]
fn nothing_of_the_container_is_run() {
    let host = Host::new();
    let from = sources(&host);
    let trap = "for f in /bin/xz /bin/unpigz /bin/gzip /bin/tar /lib/libnss_files.so.2 /lib64/libnss_files.so.2; do mkdir -p ${f%/*}; rm -f $f; printf \"#!/bin/sh\\necho used > /used\\n\" > $f; chmod 755 $f; done; echo set; sleep 1000";
    host.ok(&format!("run -d --name web {BOX} sh -c '{}'", trap.replace('\'', "")));
    host.wait_for_log("web", "set");
    host.ok(&format!("cp {from}/tree web:/srv"));
    host.porthole_with("cp - web:/srv", &gzip(&Tree::new().file("x", b"1").finish())).ok();
    host.ok(&format!("cp web:/srv {from}/out"));
    host.ok("commit web trapped:1");
    assert_ne!(host.porthole("exec web test -e /used").code, 0);
    eventually("it runs on", || host.status("web") == "running");
}

#[test]
fn what_is_copied_to_a_link_goes_where_it_leads() {
    let host = Host::new();
    let from = sources(&host);
    let links = "ln -s /srv/target /dangling; ln -s ../srv/other /www/relative; ln -s dangling /twice; echo old > /srv/other; ln -s loop /loop; echo done";
    host.ok(&format!("run -d --name web {BOX} sh -c '{links}; sleep 1000'"));
    host.wait_for_log("web", "done");
    for state in ["running", "exited"] {
        for (to, target) in [("/dangling", "target"), ("/www/relative", "other"), ("/twice", "target")] {
            host.ok(&format!("cp {from}/file web:{to}"));
            let there = host.container("web").join("upper/srv").join(target);
            assert_eq!(fs::read_to_string(&there).unwrap(), "content", "{state} {to}");
            fs::write(&there, "changed").unwrap();
            assert!(host.container("web").join("upper").join(&to[1..]).is_symlink(), "{state} {to}");
        }
        assert!(host.fails(1, &format!("cp {from}/file web:/loop")).contains("symbolic links"));
        if state == "running" {
            host.ok("kill web");
            host.ok("wait web");
            fs::remove_file(host.container("web").join("upper/srv/target")).unwrap();
        }
    }
    symlink("nothing-yet", format!("{from}/dangling")).unwrap();
    host.ok(&format!("cp web:/srv/other {from}/dangling"));
    assert_eq!(fs::read_to_string(format!("{from}/nothing-yet")).unwrap(), "changed");
    assert!(fs::symlink_metadata(format!("{from}/dangling")).unwrap().is_symlink());
}
