//! The lab: everything that a learner needs, without a network.

use porthole_tests::{Host, eventually, fetch};
use std::path::PathBuf;

/// Where the neighbour's namespace is mounted, as `lab status` tells it.
fn outside(host: &Host) -> PathBuf {
    let status = host.ok("lab status");
    status.split_whitespace().last().expect("a path").into()
}

#[test]
fn up_send_and_down() {
    let host = Host::empty();
    let up = host.ok("lab up");
    for text in ["lab", "web", "0.0.0.0:8088->80/tcp", "outside", "porthole trace"] {
        assert!(up.contains(text), "{text} in {up}");
    }
    let answer = host.ok("lab send");
    assert!(answer.contains(":8088  HTTP/1.1 200 OK, 100 bytes"), "{answer}");
    assert!(fetch("127.0.0.1:8088").is_ok_and(|page| page.contains("It works")));
    assert!(host.ok("exec web ls /bin/vi").contains("vi"), "all applets are there");
    let namespace = outside(&host);
    assert!(namespace.exists(), "{}", namespace.display());
    assert_eq!(host.ok("lab down"), "");
    assert!(!namespace.exists(), "{}", namespace.display());
    assert_eq!(host.ok("ps -aq"), "");
    assert_eq!(host.ok("images -q"), "");
    assert_eq!(host.porthole("lab status").code, 1);
}

#[test]
fn asked_for_twice_each_does_no_harm() {
    let host = Host::empty();
    assert!(host.fails(1, "lab send").contains("porthole lab up"));
    host.ok("lab down");
    host.ok("lab up");
    let (id, init) = (host.inspect("web")["Id"].clone(), host.init("web"));
    host.ok("lab up");
    assert_eq!((host.inspect("web")["Id"].clone(), host.init("web")), (id, init));
    host.ok("lab send");
    host.ok("lab send");
    host.ok("lab down");
    host.ok("lab down");
}

#[test]
fn up_mends_what_is_missing() {
    let host = Host::empty();
    host.ok("lab up");
    for damage in ["stop -t 0 web", "rm -f web"] {
        host.ok(damage);
        assert_eq!(host.porthole("lab status").code, 1, "{damage}");
        host.ok("lab up");
        host.ok("lab send");
    }
    host.tool("ip link del outside0");
    assert!(host.fails(1, "lab send").contains("lab up"));
    host.ok("lab up");
    host.ok("lab send");
    host.ok("restart web");
    eventually("the server listens again", || host.porthole("lab send").code == 0);
}

#[test]
fn a_stranger_named_web_is_left_alone() {
    let host = Host::new();
    host.ok("create --name web box true");
    assert!(host.fails(1, "lab up").contains("\"/web\" is already in use"));
    host.ok("lab down");
    assert_eq!(host.status("web"), "created");
}

#[test]
fn other_containers_outlive_the_lab() {
    let host = Host::new();
    host.ok("lab up");
    host.ok("run -d --name mine -p 7000:80 box httpd -f -h /www");
    host.ok("lab down");
    assert_eq!(host.status("mine"), "running");
    assert!(fetch("127.0.0.1:7000").is_ok());
    assert_eq!(host.ok("images").lines().count(), 2);
}

#[test]
fn not_even_an_empty_cgroup_is_left() {
    let host = Host::empty();
    host.ok("lab up");
    let parents = porthole_tests::parent_cgroups(host.root());
    assert!(!parents.is_empty());
    host.ok("lab down");
    let left: Vec<PathBuf> = parents.into_iter().filter(|path| path.exists()).collect();
    assert!(left.is_empty(), "{left:?}");
}
