//! What a container changed: `diff`, `commit`, `export`.

use nix::sys::signal::Signal;
use porthole_tests::archive::{Image, busybox};
use porthole_tests::{BOX, Host};
use serde_json::json;
use std::fs;
use std::thread;
use std::time::Duration;

const CHANGES: &str = "echo new > /srv/new; echo changed >> /etc/group; rm /www/index.html; mkdir /srv/d; ln /srv/new /srv/d/hard; ln -s new /srv/soft; chmod 4755 /srv/new; mknod /srv/fifo p";

#[test]
fn diff_tells_what_was_added_changed_and_deleted() {
    let host = Host::new();
    host.ok(&format!("run --name web -v data:/data {BOX} sh -c '{CHANGES}'"));
    let expected = "C /etc\nC /etc/group\nC /srv\nA /srv/d\nA /srv/d/hard\nA /srv/fifo\nA /srv/new\nA /srv/soft\nC /www\nD /www/index.html";
    assert_eq!(host.ok("diff web"), expected);
    host.ok(&format!("create --name idle {BOX} true"));
    assert_eq!(host.ok("container diff idle"), "");
    host.ok("start idle");
    assert_eq!(host.ok("wait idle"), "0");
    assert_eq!(host.ok("diff idle"), "", "what is mounted in it is no change of its own");
    assert_eq!(host.fails(1, "diff nobody"), "No such container: nobody");
}

#[test]
fn a_commit_is_an_image_with_one_layer_more() {
    let host = Host::new();
    host.ok(&format!("run --name web -e A=1 -w /srv {BOX} sh -c '{CHANGES}'"));
    let id = host.ok("commit -a me -m why -c 'CMD [\"cat\", \"/srv/new\"]' -c 'ENV A=2' -c 'EXPOSE 80' web made:1");
    assert!(id.starts_with("sha256:") && id.len() == 71, "{id}");
    let (image, base) = (host.inspect("made:1"), host.inspect(BOX));
    assert_eq!((&image["Id"], &image["Author"], &image["Comment"]), (&json!(id), &json!("me"), &json!("why")));
    assert_eq!(image["Config"]["Cmd"], json!(["cat", "/srv/new"]));
    assert!(image["Config"]["Env"].as_array().unwrap().contains(&json!("A=2")));
    assert!(!image["Config"]["Env"].as_array().unwrap().contains(&json!("A=1")));
    let layers = |image: &serde_json::Value| image["RootFS"]["Layers"].as_array().unwrap().clone();
    assert_eq!(layers(&image)[0], layers(&base)[0]);
    assert_eq!(layers(&image).len(), 2);
    assert!(host.ok("history --no-trunc made:1").lines().nth(1).unwrap().contains("mkdir /srv/d"));
    assert_eq!(host.ok("run --rm made:1"), "new");
    let script = "stat -c %h%a /srv/new; readlink /srv/soft; test -p /srv/fifo && test ! -e /www/index.html && tail -1 /etc/group; pwd";
    assert_eq!(host.ok(&format!("run --rm made:1 sh -c '{script}'")), "24755\nnew\nchanged\n/srv");
    let again = host.ok("commit web");
    assert!(host.ok("images -q --no-trunc").contains(&again));
    let upper: Vec<_> = host.ok("image layers made:1").lines().map(str::to_owned).collect();
    assert!(!upper.is_empty());
    host.ok("rm web");
    host.ok("rmi made:1");
    assert_eq!(
        host.ok(&format!("run --rm {BOX} cat /www/index.html")),
        "<h1>It works</h1>",
        "the parent's layers stay"
    );
}

#[test]
fn permissions_of_a_directory_are_a_change_although_nothing_else_is() {
    let host = Host::new();
    host.ok(&format!("run --name web {BOX} sh -c 'chmod 700 /etc; chown 7:8 /home'"));
    assert_eq!(host.ok("diff web"), "C /etc\nC /home");
    host.ok("commit web made");
    assert_eq!(host.ok("run --rm made stat -c '%a %u:%g' /etc /home"), "700 0:0\n755 7:8");
}

#[test]
fn a_running_container_goes_on_after_it() {
    let host = Host::new();
    host.ok(&format!("run -d --name web {BOX} sh -c 'while true; do date > /srv/now; sleep 0.1; done'"));
    for flag in ["", "--pause=false"] {
        host.ok(&format!("commit {flag} web made:1"));
        assert_eq!(host.status("web"), "running");
    }
    assert!(host.fails(1, "commit -c 'RUN true' web made:2").contains("not a valid change command"));
    assert!(host.fails(1, "commit web UPPER:1").contains("lowercase") || !host.ok("images -q").contains("UPPER"));
    assert_eq!(host.status("web"), "running");
    host.ok("pause web");
    host.ok("commit web made:3");
    assert_eq!(host.status("web"), "paused");
    host.ok("unpause web");
    assert_eq!(host.fails(1, "commit nobody"), "No such container: nobody");
    let events = host.ok("events --since 1h --until 0s --filter event=commit --format '{{.Action}}'");
    assert_eq!(events, "commit\ncommit\ncommit");
}

#[test]
fn a_killed_commit_leaves_nothing_and_its_container_can_go_on() {
    let host = Host::new();
    host.ok(&format!("run -d --name web {BOX} sh -c 'dd if=/dev/urandom of=/srv/big bs=1M count=24 2>/dev/null; echo made; sleep 1000'"));
    host.wait_for_log("web", "made");
    for milliseconds in [10, 40, 80] {
        let mut commit = host.start("commit web killed:1");
        thread::sleep(Duration::from_millis(milliseconds));
        commit.signal(Signal::SIGKILL);
        commit.wait();
        if host.status("web") == "paused" {
            host.ok("unpause web");
        }
        if host.porthole("inspect --type image killed:1").code == 0 {
            host.ok("rmi killed:1");
        }
    }
    host.ok("commit web whole:1");
    assert_eq!(fs::read_dir(host.path("ingest")).unwrap().count(), 0);
    assert_eq!(host.ok("run --rm whole:1 sh -c 'wc -c < /srv/big'"), (24 << 20).to_string());
    assert_eq!(host.ok("images -q").lines().count(), 2);
}

#[test]
fn an_export_is_all_files_without_what_is_mounted() {
    let host = Host::new();
    host.ok(&format!("run -d --name web -v data:/data {BOX} sh -c 'echo x > /srv/file; echo y > /data/in; rm /www/index.html; echo done; sleep 1000'"));
    host.wait_for_log("web", "done");
    let archive = host.path("web.tar");
    for state in ["running", "stopped"] {
        host.ok(&format!("export -o {} web", archive.display()));
        let names = host.tool(&format!("tar -tf {}", archive.display()));
        let names: Vec<&str> = names.lines().collect();
        assert!(names.contains(&"srv/file") && names.contains(&"bin/busybox") && names.contains(&"data/"), "{state}");
        assert!(
            !names.iter().any(|name| name.starts_with("proc/1") || *name == "data/in" || *name == "www/index.html"),
            "{state}"
        );
        if state == "running" {
            host.ok("kill web");
            host.ok("wait web");
        }
    }
    host.ok(&format!("import {} exported:1", archive.display()));
    assert_eq!(host.ok("run --rm exported:1 cat /srv/file"), "x");
    host.terminal("export web").expect("cowardly refusing");
    assert_eq!(host.fails(1, "export nobody"), "No such container: nobody");
}

#[test]
fn what_the_image_says_that_nobody_here_knows_stays() {
    let host = Host::empty();
    let image = Image::new(vec![busybox().to_vec()]);
    let image = image.with("OnBuild", json!(["RUN make"])).with("com.example", json!({ "n": [1, null, "x"] }));
    host.porthole_with("load", &image.docker("box")).ok();
    host.ok("run --name web -u 0 box sh -c 'echo x > /new'");
    let id = host.ok("commit -c 'CMD [\"cat\", \"/new\"]' web made:1");
    let blob = host.path("content/sha256").join(id.strip_prefix("sha256:").unwrap());
    let config: serde_json::Value = serde_json::from_slice(&fs::read(blob).unwrap()).unwrap();
    let config = &config["config"];
    assert_eq!(config["OnBuild"], json!(["RUN make"]));
    assert_eq!(config["com.example"], json!({ "n": [1, null, "x"] }));
    assert_eq!((&config["Cmd"], &config["StopSignal"]), (&json!(["cat", "/new"]), &json!("SIGINT")));
}
