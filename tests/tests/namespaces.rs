//! Namespaces that a container shares with the host or with another container.

use nix::mount::{MsFlags, mount, umount};
use nix::sys::signal::{Signal, kill};
use porthole_tests::archive::Tree;
use porthole_tests::{Host, eventually};
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The namespace of a process that a command in the container sees as its own.
fn inside(host: &Host, options: &str, kind: &str) -> String {
    host.ok(&format!("run --rm {options} box readlink /proc/self/ns/{kind}"))
}

fn of_host(kind: &str) -> String {
    fs::read_link(format!("/proc/thread-self/ns/{kind}")).unwrap().to_string_lossy().into_owned()
}

#[test]
fn the_hosts_namespaces_are_shared_when_asked_for() {
    let host = Host::new();
    for (kind, option) in [("pid", "--pid"), ("ipc", "--ipc"), ("uts", "--uts"), ("cgroup", "--cgroupns")] {
        assert_eq!(inside(&host, &format!("{option} host"), kind), of_host(kind), "{option}");
        assert_ne!(inside(&host, "", kind), of_host(kind), "{option}");
    }
    assert_ne!(host.ok("run --rm --pid host box sh -c 'echo $$'"), "1");
    assert_eq!(host.ok("run --rm --uts host box hostname"), host.tool("hostname").trim());
    for (options, told) in [
        ("--uts host -h other", "conflicting options: hostname and the UTS mode"),
        ("--pid all", "--pid: invalid PID mode"),
        ("--ipc all", "--ipc: invalid IPC mode"),
        ("--uts all", "--uts: invalid UTS mode"),
        ("--cgroupns all", "--cgroupns: invalid CGROUP mode"),
        ("--ipc host --sysctl kernel.shmmax=9", "not allowed in host ipc namespace"),
        ("--pid container:nobody", "No such container: nobody"),
    ] {
        assert!(host.fails(125, &format!("run --rm {options} box true")).contains(told), "{options}");
    }
    host.ok("create --name modes --pid host --ipc shareable --uts host --cgroupns host box true");
    let recorded = host.inspect("modes")["HostConfig"].clone();
    let modes = ["PidMode", "IpcMode", "UTSMode", "CgroupnsMode"].map(|name| recorded[name].as_str().unwrap());
    assert_eq!(modes, ["host", "shareable", "host", "host"]);
}

#[test]
fn a_container_ends_with_all_its_processes_in_the_pid_namespace_of_the_host() {
    let host = Host::new();
    host.ok("run -d --name open --pid host box sh -c 'sleep 1000 & sleep 1000 & wait'");
    eventually("both run", || host.ok("top open").matches("sleep 1000").count() >= 2);
    assert!(host.ok("exec open ps").contains("sleep 1000"));
    host.ok("rm -f open");
}

#[test]
fn another_containers_processes_and_memory_are_seen() {
    let host = Host::new();
    host.ok("run -d --name donor --ipc shareable box sh -c 'echo secret > /dev/shm/x; exec sleep 1000'");
    eventually("it has written", || host.porthole("exec donor cat /dev/shm/x").stdout.contains("secret"));
    assert_eq!(host.ok("run --rm --ipc container:donor box cat /dev/shm/x"), "secret");
    assert!(host.ok("run --rm --pid container:donor box ps").contains("sleep 1000"));
    assert_eq!(host.ok("run --rm --ipc none box ls /dev").lines().filter(|line| *line == "shm").count(), 0);
    host.ok("run -d --name private box sleep 1000");
    let message = host.fails(125, "run --rm --ipc container:private box true");
    assert!(message.contains("non-shareable IPC"), "{message}");
    host.ok("stop -t 0 private");
    let message = host.fails(125, "run --rm --pid container:private box true");
    assert!(message.contains("non running container"), "{message}");
}

#[test]
fn a_restart_joins_what_the_other_container_has_now() {
    let host = Host::new();
    host.ok("run -d --name donor --ipc shareable box sleep 1000");
    let joins = "--pid container:donor --ipc container:donor --net container:donor";
    host.ok(&format!("run -d --name guest --restart always {joins} box sleep 1000"));
    host.ok("restart -t 0 donor");
    eventually("the guest is there again, in the donor's new namespaces", || {
        let guest = host.inspect("guest")["State"].clone();
        let pid = guest["Pid"].as_i64().unwrap_or(0);
        let namespace = |pid: i64, kind: &str| fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok();
        let donor = i64::from(host.init("donor").as_raw());
        pid != 0 && ["pid", "ipc", "net"].iter().all(|kind| namespace(pid, kind) == namespace(donor, kind))
    });
    host.ok("stop -t 0 donor");
    eventually("without the donor it cannot start, and says so", || {
        let state = host.inspect("guest")["State"].clone();
        state["Restarting"] == true && state["Error"].as_str().unwrap().contains("non running container")
    });
    host.ok("start donor");
    eventually("with the donor it can", || {
        host.status("guest") == "running" && host.inspect("guest")["State"]["Error"] == ""
    });
}

/// A file of subordinate ids in place of the host's, for this test alone.
struct SubordinateIds {
    place: PathBuf,
    is_new: bool,
}

impl SubordinateIds {
    fn new(host: &Host, name: &str) -> SubordinateIds {
        let (file, place) = (host.path(name), Path::new("/etc").join(name));
        fs::write(&file, "dockremap:200000:65536\nother:400000:1000\n").unwrap();
        let is_new = fs::File::create_new(&place).is_ok();
        mount(Some(&file), &place, None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
        SubordinateIds { place, is_new }
    }
}

impl Drop for SubordinateIds {
    fn drop(&mut self) {
        umount(&self.place).unwrap();
        if self.is_new {
            fs::remove_file(&self.place).unwrap();
        }
    }
}

/// There is one /etc for all.
static SUBORDINATES: Mutex<()> = Mutex::new(());

#[test]
fn files_come_and_go_with_their_owners_mapped() {
    let _alone = SUBORDINATES.lock().unwrap_or_else(PoisonError::into_inner);
    let host = Host::new();
    let _ids = ["subuid", "subgid"].map(|name| SubordinateIds::new(&host, name));
    let file = host.path("file");
    fs::write(&file, "content").unwrap();
    chown(&file, Some(7), Some(8)).unwrap();
    let (from, out) = (file.display(), host.path("out"));
    host.ok("create --name web --userns remap -u 0 -v data:/www box sleep 1000");
    let upper = |name: &str| {
        let file = fs::metadata(host.container("web").join("upper").join(name)).unwrap();
        (file.uid(), file.gid())
    };
    let index = fs::metadata(host.path("volumes/data/_data/index.html")).unwrap();
    assert_eq!(index.uid(), 200_000, "an image's files are the container's");
    for state in ["created", "running"] {
        if state == "running" {
            host.ok("start web");
        }
        host.ok(&format!("cp {from} web:/{state}-new"));
        host.ok(&format!("cp -a {from} web:/{state}-kept"));
        let archive = Tree::new().file(&format!("{state}/file"), b"1").finish();
        host.porthole_with("cp - web:/", &archive).ok();
        assert_eq!(upper(&format!("{state}-new")), (200_000, 200_000), "{state}");
        assert_eq!(upper(&format!("{state}-kept")), (200_007, 200_008), "{state}");
        assert_eq!(upper(state), (200_000, 200_000), "{state}");
        assert_eq!(upper(&format!("{state}/file")), (200_000, 200_000), "{state}");
        host.ok(&format!("cp -a web:/{state}-kept {}", out.display()));
        assert_eq!(fs::metadata(&out).unwrap().uid(), 7, "{state}");
        host.ok(&format!("cp web:/bin/busybox {}", out.display()));
        assert_eq!(fs::metadata(&out).unwrap().uid(), 0, "{state}");
    }
    let look = "stat -c %u:%g /created-new /created-kept /running/file /bin/busybox";
    let expected = "0:0\n7:8\n0:0\n0:0";
    assert_eq!(host.ok(&format!("exec web {look}")), expected);
    for state in ["running", "exited"] {
        host.ok("commit web made:1");
        assert_eq!(host.ok(&format!("run --rm made:1 {look}")), expected, "{state}");
        assert_eq!(host.ok(&format!("run --rm --userns remap:other made:1 {look}")), expected, "{state}");
        host.ok(&format!("export -o {} web", out.display()));
        let listed = host.tool(&format!("tar --numeric-owner -tvf {}", out.display()));
        let owner = |name: &str| {
            let line =
                listed.lines().find(|line| line.ends_with(&format!(" {name}"))).unwrap_or_else(|| panic!("{listed}"));
            line.split_whitespace().nth(1).unwrap().to_owned()
        };
        assert_eq!(
            [owner("created-kept"), owner("running/file"), owner("bin/busybox")],
            ["7/8", "0/0", "0/0"],
            "{state}"
        );
        if state == "running" {
            host.ok("kill web");
            host.ok("wait web");
        }
    }
}

#[test]
fn ids_are_mapped_into_a_user_namespace() {
    let _alone = SUBORDINATES.lock().unwrap_or_else(PoisonError::into_inner);
    let host = Host::new();
    let _ids = ["subuid", "subgid"].map(|name| SubordinateIds::new(&host, name));
    let script = "id -u; cat /proc/self/uid_map; stat -c %u:%g /bin/busybox / /etc/hosts; touch /made; ping -c 1 127.0.0.1 >/dev/null && echo raw";
    let said = host.ok(&format!("run --name mapped --userns remap box sh -c '{script}'"));
    let lines: Vec<&str> = said.lines().map(str::trim).collect();
    assert_eq!(lines[0], "0");
    assert_eq!(lines[1].split_whitespace().collect::<Vec<_>>(), ["0", "200000", "65536"]);
    assert_eq!(lines[2..], ["0:0", "0:0", "65534:65534", "raw"], "{said}");
    assert_eq!(host.container("mapped").join("upper/made").metadata().unwrap().uid(), 200_000);
    assert_eq!(host.inspect("mapped")["HostConfig"]["UsernsMode"], "remap:dockremap");

    let options =
        "--userns remap -u app -p 8080:80 --restart always --health-cmd 'test $(id -u) = 1000' --health-interval 50ms";
    host.ok(&format!("run -d --name web {options} box sleep 1000"));
    let init = host.init("web");
    assert_eq!(fs::metadata(format!("/proc/{init}")).unwrap().uid(), 201_000, "nobody on the host");
    assert_eq!(host.ok("exec web id -u"), "1000");
    assert_eq!(host.ok("exec -u root web sh -c 'id -u; cat /proc/sys/kernel/hostname | wc -l'"), "0\n1");
    eventually("it is healthy", || host.inspect("web")["State"]["Health"]["Status"] == "healthy");
    let address = host.address("web");
    kill(init, Signal::SIGKILL).unwrap();
    eventually("it is started again", || host.inspect("web")["RestartCount"] == 1 && host.status("web") == "running");
    assert!(host.ok("exec web ip addr").contains(&address), "in its old network");
    let server = "exec -d -u root web httpd -p 80 -h /www";
    host.ok(server);
    let fetched = || host.porthole("run --rm --net host box wget -q -O - http://127.0.0.1:8080/");
    eventually("its root may still bind low ports in it", || fetched().stdout.contains("It works"));

    assert_eq!(host.ok("run --rm --userns remap:other box sh -c 'wc -l < /proc/self/uid_map'"), "1");
    for (options, told) in [
        ("--userns remap:nobody-such", "/etc/subuid has no ids for user nobody-such: add a line such as"),
        ("--userns remap --privileged", "privileged mode is incompatible with user namespaces"),
        ("--userns remap --net host", "cannot share the host's network namespace with user namespaces"),
        ("--userns auto", "--userns: invalid USER mode"),
    ] {
        assert!(host.fails(125, &format!("run --rm {options} box true")).contains(told), "{options}");
    }
}
