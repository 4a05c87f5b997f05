//! Interfaces attached to running containers by hand: packets sent over them, and what is left of them afterwards.

use nix::sys::signal::{Signal, kill};
use porthole_tests::{Host, eventually, pause};
use serde_json::Value;

/// Runs a container that sleeps.
fn sleeper(host: &Host, name: &str, flags: &str) {
    host.ok(&format!("run -d --name {name} {flags} box sleep 1000"));
}

fn pings(host: &Host, from: &str, to: &str) -> bool {
    host.porthole(&format!("exec {from} ping -c1 -W1 {to}")).code == 0
}

fn attached(host: &Host, name: &str) -> Vec<Value> {
    host.inspect(name)["NetworkSettings"]["Attached"].as_array().expect("a list").clone()
}

fn links(host: &Host) -> String {
    host.tool("ip -o link")
}

fn link_names(host: &Host) -> Vec<String> {
    let name = |line: &str| line.split([':', '@']).nth(1).expect("a name").trim().to_owned();
    links(host).lines().map(name).collect()
}

fn has_link(host: &Host, name: &str) -> bool {
    link_names(host).iter().any(|found| found == name)
}

/// Whether the kernel makes links of a kind, by what ip(8) meets.
fn kernel_has(words: &str) -> bool {
    let line = format!("link add {words}");
    std::process::Command::new("ip").args(line.split(' ')).output().expect("ip").status.success()
}

#[test]
fn containers_without_a_network_meet_on_a_bridge_of_their_own() {
    let host = Host::new();
    sleeper(&host, "one", "--net none");
    sleeper(&host, "two", "--net none");
    assert_eq!(host.ok("network attach one --link br1 --ip 192.168.1.2/24"), "eth1");
    assert!(links(&host).contains("alias attached by porthole "), "{}", links(&host));
    assert_eq!(host.ok("network attach two --link br1 --ip 192.168.1.3/24 --name lan0"), "lan0");
    assert!(pings(&host, "one", "192.168.1.3") && pings(&host, "two", "192.168.1.2"));
    let shown = attached(&host, "two").remove(0);
    assert_eq!((&shown["Interface"], &shown["Link"], &shown["Kind"]), (&"lan0".into(), &"br1".into(), &"veth".into()));
    assert_eq!(shown["MacAddress"], "02:42:c0:a8:01:03");
    let port = shown["HostInterface"].as_str().unwrap();
    assert!(host.tool(&format!("ip -o link show {port}")).contains("master br1"));
    // IPv6 beside it, on the same bridge.
    host.ok("network attach one --link br1 --ip fd00::2/64");
    host.ok("network attach two --link br1 --ip fd00::3/64");
    assert!(pings(&host, "one", "fd00::3"));
    assert_eq!(host.ok("network detach two lan0"), "lan0");
    assert!(!pings(&host, "one", "192.168.1.3") && pings(&host, "one", "fd00::3"));
    assert_eq!(host.ok("network detach two --all"), "eth1");
    assert!(has_link(&host, "br1"), "the other container is still on it");
    assert_eq!(host.ok("network detach one --all"), "eth1\neth2");
    assert!(!has_link(&host, "br1"), "{}", links(&host));
    assert_eq!(attached(&host, "one"), Vec::<Value>::new());
    assert_eq!(host.ok("network detach one --all"), "");
}

#[test]
fn a_bridge_that_was_there_stays_and_may_be_anybodys() {
    let host = Host::new();
    host.tool("ip link add lan type bridge");
    host.tool("ip addr add 10.7.0.1/24 dev lan");
    host.tool("ip link set lan up mtu 1400");
    sleeper(&host, "one", "--net none");
    host.ok("network attach one --link lan --ip 10.7.0.2/24@10.7.0.1 --mac 02:00:00:00:00:07");
    assert!(pings(&host, "one", "10.7.0.1"), "the host itself");
    let inside = host.ok("exec one ip addr show eth1");
    assert!(inside.contains("02:00:00:00:00:07") && inside.contains("mtu 1400"), "{inside}");
    assert!(inside.contains("10.7.0.2/24 brd 10.7.0.255"), "{inside}");
    assert!(host.ok("exec one ip route").contains("default via 10.7.0.1 dev eth1"));
    host.ok("rm -f one");
    assert!(has_link(&host, "lan"));
    host.tool("ip link del lan");
}

#[test]
fn packets_are_routed_by_gateways_and_routes() {
    let host = Host::new();
    for name in ["one", "two", "router"] {
        sleeper(&host, name, "--net none");
    }
    host.netns("router").enter(|| std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap());
    host.ok("network attach router --link br1 --ip 10.1.0.1/24");
    host.ok("network attach router --link br2 --ip 10.2.0.1/24");
    host.ok("network attach one --link br1 --ip 10.1.0.2/24@10.1.0.1");
    host.ok("network attach two --link br2 --ip 10.2.0.2/24 --route 10.1.0.0/24@10.2.0.1 --route 10.9.0.0/16");
    assert!(pings(&host, "one", "10.2.0.2"), "there by the gateway, and back by the route");
    let routes = host.ok("exec two ip route");
    assert!(routes.contains("10.9.0.0/16 dev eth1") && !routes.contains("default"), "{routes}");
    let shown = attached(&host, "two").remove(0);
    assert_eq!(shown["Routes"], serde_json::json!(["10.1.0.0/24@10.2.0.1", "10.9.0.0/16"]));
    assert_eq!(attached(&host, "one")[0]["Gateway"], "10.1.0.1");
}

#[test]
fn the_default_route_comes_back_whichever_goes_first() {
    let host = Host::new();
    sleeper(&host, "one", "");
    let default = || {
        let routes = host.ok("exec one ip route");
        routes.lines().find(|line| line.starts_with("default")).unwrap_or_default().trim().to_owned()
    };
    let before = default();
    assert!(before.contains("dev eth0"), "{before}");
    for (first, last) in [("eth1", "eth2"), ("eth2", "eth1")] {
        host.ok("network attach one --link br1 --ip 10.1.0.2/24@10.1.0.1");
        host.ok("network attach one --link br2 --ip 10.2.0.2/24@10.2.0.1");
        assert_eq!(default(), "default via 10.2.0.1 dev eth2");
        host.ok(&format!("network detach one {first}"));
        let between = if first == "eth1" { "default via 10.2.0.1 dev eth2" } else { "default via 10.1.0.1 dev eth1" };
        assert_eq!(default(), between, "without {first}");
        host.ok(&format!("network detach one {last}"));
        assert_eq!(default(), before, "without both");
    }
}

#[test]
fn macvlans_of_each_mode_reach_whom_they_should() {
    let host = Host::new();
    let _neighbour = host.neighbour();
    sleeper(&host, "one", "--net none");
    sleeper(&host, "two", "--net none");
    for (mode, each_other) in [("bridge", true), ("private", false), ("vepa", false)] {
        host.ok(&format!("network attach one --link uplink0 --ip 10.99.0.11/24 --mode {mode}"));
        host.ok(&format!("network attach two --link uplink0 --ip 10.99.0.12/24 --mode {mode}"));
        assert!(pings(&host, "one", "10.99.0.2"), "{mode}: the machine outside");
        assert!(pings(&host, "two", "10.99.0.2"), "{mode}: the machine outside");
        assert_eq!(pings(&host, "one", "10.99.0.12"), each_other, "{mode}: each other");
        let shown = attached(&host, "one").remove(0);
        assert_eq!((&shown["Kind"], &shown["Mode"]), (&"macvlan".into(), &mode.into()));
        host.ok("network detach one --all");
        host.ok("network detach two --all");
    }
    host.ok("network attach one --link uplink0 --ip 10.99.0.11/24 --mode passthru");
    assert!(pings(&host, "one", "10.99.0.2"), "passthru");
    let message = host.fails(1, "network attach two --link uplink0 --ip 10.99.0.12/24 --mode passthru");
    assert!(message.contains("cannot make macvlan eth1"), "{message}");
    assert_eq!(attached(&host, "two"), Vec::<Value>::new());
    host.remove_all();
}

#[test]
fn neighbours_learn_at_once_who_has_an_address_now() {
    let host = Host::new();
    for name in ["one", "two", "asker"] {
        sleeper(&host, name, "--net none");
    }
    host.ok("network attach asker --link br1 --ip 10.1.0.9/24");
    host.ok("network attach asker --link br1 --ip fd01::9/64");
    let known = |address: &str| {
        let neighbours = host.netns("asker").enter(|| host.tool(&format!("ip neigh show {address}")));
        neighbours.split_whitespace().skip_while(|word| *word != "lladdr").nth(1).unwrap_or_default().to_owned()
    };
    for (address, bits) in [("10.1.0.2", 24), ("fd01::2", 64)] {
        host.ok(&format!("network attach one --link br1 --ip {address}/{bits} --mac 02:00:00:00:00:01"));
        assert!(pings(&host, "asker", address));
        assert_eq!(known(address), "02:00:00:00:00:01");
        host.ok("network detach one --all");
        host.ok(&format!("network attach two --link br1 --ip {address}/{bits} --mac 02:00:00:00:00:02"));
        eventually(&format!("{address} is announced"), || known(address) == "02:00:00:00:00:02");
        host.ok("network detach two --all");
    }
}

#[test]
fn vlans_are_apart() {
    let host = Host::new();
    let _neighbour = host.neighbour();
    sleeper(&host, "one", "--net none");
    sleeper(&host, "two", "--net none");
    sleeper(&host, "three", "--net none");
    let filtering = kernel_has("brprobe type bridge vlan_filtering 1");
    if filtering {
        host.tool("ip link del brprobe");
    }
    on_a_bridge(&host, filtering);
    let tags = kernel_has("uplink0.9 link uplink0 type vlan id 9");
    if tags {
        host.tool("ip link del uplink0.9");
    }
    on_an_interface(&host, tags);
}

fn on_a_bridge(host: &Host, kernel_has_it: bool) {
    if !kernel_has_it {
        let message = host.fails(1, "network attach one --link br1 --ip 10.1.0.2/24 --vlan 10");
        assert!(message.contains("the kernel does not tell VLANs apart on bridges"), "{message}");
        assert!(!has_link(host, "br1") && attached(host, "one").is_empty());
        return;
    }
    host.ok("network attach one --link br1 --ip 10.1.0.2/24");
    host.ok("network attach two --link br1 --ip 10.1.0.3/24 --vlan 10");
    host.ok("network attach three --link br1 --ip 10.1.0.4/24 --vlan 10");
    assert!(pings(host, "two", "10.1.0.4"), "the same VLAN");
    assert!(!pings(host, "one", "10.1.0.4"), "another VLAN");
    for name in ["one", "two", "three"] {
        host.ok(&format!("network detach {name} --all"));
    }
    host.tool("ip link add plain type bridge");
    host.tool("ip link set plain up");
    let message = host.fails(1, "network attach one --link plain --ip 10.1.0.2/24 --vlan 10");
    assert!(message.contains("bridge plain does not tell VLANs apart"), "{message}");
    host.tool("ip link del plain");
}

fn on_an_interface(host: &Host, kernel_has_it: bool) {
    if !kernel_has_it {
        let message = host.fails(1, "network attach one --link uplink0 --ip 10.1.0.2/24 --vlan 10");
        assert!(message.contains("the kernel has no VLAN links") && message.contains("8021q"), "{message}");
        assert!(attached(host, "one").is_empty());
        return;
    }
    host.ok("network attach one --link uplink0 --ip 10.1.0.2/24 --vlan 20");
    host.ok("network attach two --link uplink0 --ip 10.1.0.3/24 --vlan 10");
    host.ok("network attach three --link uplink0 --ip 10.1.0.4/24 --vlan 10");
    assert!(pings(host, "two", "10.1.0.4"), "the same VLAN");
    assert!(!pings(host, "one", "10.1.0.4"), "another VLAN");
    host.ok("network detach two --all");
    assert!(has_link(host, "uplink0.10"), "one is left on it");
    host.ok("rm -f three");
    assert!(!has_link(host, "uplink0.10") && has_link(host, "uplink0.20"));
    host.ok("network detach one --all");
    assert!(!has_link(host, "uplink0.20"));
}

#[test]
fn on_our_own_bridge_the_address_is_kept_from_others() {
    let host = Host::new();
    sleeper(&host, "web", "");
    sleeper(&host, "bare", "--net none");
    let settings = host.inspect("web")["NetworkSettings"].clone();
    let bridge = settings["Bridge"].as_str().unwrap();
    let [gateway, taken] = ["Gateway", "IPAddress"].map(|key| settings[key].as_str().unwrap());
    let attach = |address: &str| format!("network attach bare --link {bridge} --ip {address}");
    let message = host.fails(1, &attach(&format!("{taken}/16")));
    assert!(message.contains(&format!("address {taken} on {bridge} is in use by container ")), "{message}");
    let message = host.fails(1, &attach(&format!("{gateway}/16")));
    assert!(message.contains(&format!("address {gateway} is that of {bridge} itself")), "{message}");
    let message = host.fails(1, &attach("10.1.0.2/24"));
    assert!(message.contains("is not of 172."), "{message}");
    let next = taken.replace(".0.2", ".0.3");
    host.ok(&attach(&format!("{next}/16@{gateway}")));
    assert!(pings(&host, "bare", taken) && pings(&host, "bare", gateway));
    sleeper(&host, "late", "");
    assert_eq!(host.address("late"), taken.replace(".0.2", ".0.4"), "the next free one");
    assert!(pings(&host, "late", &next));
    host.ok("network detach bare --all");
    sleeper(&host, "later", "");
    assert_eq!(host.address("later"), next, "it is free again");
    host.ok("rm -f later");
    host.ok(&attach(&format!("{next}/16")));
    host.ok("rm -f bare");
    sleeper(&host, "last", "");
    assert_eq!(host.address("last"), next, "free with its container");
}

#[test]
fn on_a_network_of_ours_its_rules_hold() {
    let host = Host::new();
    let icc = "com.docker.network.bridge.enable_icc=false";
    host.ok(&format!("network create apart -o {icc} -o com.docker.network.bridge.name=apart0 --ipv6 --subnet 10.3.0.0/24 --subnet fd03::/64"));
    sleeper(&host, "web", "--net apart");
    sleeper(&host, "bare", "--net none");
    host.ok("network attach bare --link apart0 --ip 10.3.0.7/24");
    host.ok("network attach bare --link apart0 --ip fd03::7/64");
    assert!(pings(&host, "bare", "10.3.0.1") && pings(&host, "bare", "fd03::1"), "the bridge");
    let web = host.inspect("web")["NetworkSettings"]["Networks"]["apart"]["IPAddress"].clone();
    assert!(!pings(&host, "bare", web.as_str().unwrap()), "containers are kept apart");
    let message = host.fails(125, "run --rm --net apart --ip 10.3.0.7 box true");
    assert!(message.contains("10.3.0.7 is already in use"), "{message}");
    let message = host.fails(1, "network attach bare --link apart0 --ip 10.4.0.7/24");
    assert!(message.contains("is not of 10.3.0.0/24 and fd03::/64, which apart0 has"), "{message}");
    host.ok("rm -f bare");
    host.ok("run --rm --net apart --ip 10.3.0.7 box true");
    host.remove_all();
    host.ok("network rm apart");
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let host = Host::new();
    let _neighbour = host.neighbour();
    sleeper(&host, "one", "--net none");
    sleeper(&host, "two", "--net none");
    sleeper(&host, "shared", "--net host");
    host.ok("create --name idle --net none box true");
    host.tool("ip link add down0 type veth peer name down1");
    host.tool("ip link add lan type bridge");
    host.tool("ip link set lan up");
    host.tool("ip link add port0 type veth peer name port1");
    host.tool("ip link set port0 master lan up");
    host.ok("network attach one --link br1 --ip 10.1.0.2/24");
    let id = host.inspect("one")["Id"].as_str().unwrap()[..12].to_owned();
    let before = link_names(&host);
    for (code, words, wanted) in [
        (1, "none --link br1 --ip 10.1.0.3/24", "No such container: none".to_owned()),
        (1, "idle --link br1 --ip 10.1.0.3/24", "container idle is not running".to_owned()),
        (1, "shared --link br1 --ip 10.1.0.3/24", "container shared uses the host's network".to_owned()),
        (1, "two --link eth7 --ip 10.1.0.3/24", "no interface eth7 on this host".to_owned()),
        (1, "two --link br-much-too-long --ip 10.1.0.3/24", "no interface br-much-too-long on this host".to_owned()),
        (1, "two --link down0 --ip 10.1.0.3/24", "interface down0 is down".to_owned()),
        (1, "two --link port0 --ip 10.1.0.3/24", "interface port0 is a port of bridge lan".to_owned()),
        (1, "two --link br1 --ip 10.1.0.3/24 --mode vepa", "br1 is a bridge".to_owned()),
        (1, "two --link br1 --ip 10.1.0.3/24 --name lo", "container two has an interface lo already".to_owned()),
        (1, "one --link br1 --ip 10.1.0.3/24 --name eth1", "container one has an interface eth1 already".to_owned()),
        (1, "two --link br1 --ip 10.1.0.2/24", format!("address 10.1.0.2 on br1 is in use by container {id}")),
        (
            1,
            "two --link br1 --ip 10.1.0.3/24 --mac 02:42:0a:01:00:02",
            format!("address 02:42:0a:01:00:02 on br1 is in use by container {id}"),
        ),
        (
            1,
            "two --link uplink0 --ip 10.1.0.3/24 --mode passthru --mac 02:00:00:00:00:01",
            "a passthru macvlan has the hardware address of uplink0".to_owned(),
        ),
        (1, "two --link br1 --ip 10.1.0.3/24 --route 10.5.0.0/16@10.3.0.1", "cannot make route 10.5.0.0/16".to_owned()),
        (1, "two --link br9 --ip 10.1.0.3/24 --route 10.5.0.0/16@10.3.0.1", "cannot make route 10.5.0.0/16".to_owned()),
        (1, "two --link lo --ip 10.1.0.3/24", "cannot make macvlan eth1".to_owned()),
        (125, "two --link br1 --ip 10.1.0.300/24", "invalid address \"10.1.0.300/24\"".to_owned()),
        (125, "two --link br1 --ip 10.1.0.3/24@10.2.0.1", "invalid address \"10.1.0.3/24@10.2.0.1\"".to_owned()),
        (125, "two --link br1 --ip 10.1.0.3/24 --mac 01:00:00:00:00:00", "invalid hardware address".to_owned()),
        (125, "two --link br1 --ip 10.1.0.3/24 --vlan 4095", "invalid VLAN \"4095\"".to_owned()),
        (125, "two --link br1 --ip 10.1.0.3/24 --mode source", "unknown macvlan mode \"source\"".to_owned()),
        (125, "two --link br1 --ip 10.1.0.3/24 --name a/b", "invalid interface name \"a/b\"".to_owned()),
        (125, "two --link br1 --ip 10.1.0.3/24 --route default", "invalid route \"default\"".to_owned()),
        (125, "two --ip 10.1.0.3/24", "--link".to_owned()),
    ] {
        let message = host.fails(code, &format!("network attach {words}"));
        assert!(message.contains(&wanted), "{words}: {message}");
        assert_eq!(link_names(&host), before, "{words}");
        assert!(attached(&host, "two").is_empty(), "{words}");
    }
    assert_eq!(host.ok("exec two ip -o link").lines().count(), 1, "only its loopback");
    let message = host.fails(1, "network detach two eth1");
    assert!(message.contains("container two has no attached interface eth1"), "{message}");
    let message = host.fails(1, "network detach one lo");
    assert!(message.contains("container one has no attached interface lo"), "{message}");
    assert!(host.fails(125, "network detach one").contains("required"));
    assert!(host.fails(1, "network detach idle --all").contains("container idle is not running"));
    for link in ["down0", "lan", "port0"] {
        host.tool(&format!("ip link del {link}"));
    }
}

#[test]
fn it_stays_with_a_restart_by_policy_and_goes_with_a_stop() {
    let host = Host::new();
    let _neighbour = host.neighbour();
    sleeper(&host, "other", "--net none");
    host.ok("network attach other --link br1 --ip 10.1.0.9/24");
    sleeper(&host, "one", "--net none --restart always");
    host.ok("network attach one --link br1 --ip 10.1.0.2/24");
    host.ok("network attach one --link uplink0 --ip 10.99.0.7/24");
    let first = host.init("one");
    kill(first, Signal::SIGKILL).unwrap();
    eventually("it runs again", || {
        let state = host.inspect("one")["State"].clone();
        state["Status"] == "running" && state["Pid"] != first.as_raw()
    });
    assert!(pings(&host, "one", "10.1.0.9") && pings(&host, "one", "10.99.0.2"));
    assert_eq!(attached(&host, "one").len(), 2);
    host.ok("network detach one eth2");
    host.ok("stop -t 0 one");
    assert!(host.inspect("one")["NetworkSettings"]["Attached"].is_null());
    assert!(has_link(&host, "br1"), "the other is on it");
    host.ok("start one");
    assert_eq!(attached(&host, "one"), Vec::<Value>::new(), "as with pipework");
    host.ok("network attach one --link br1 --ip 10.1.0.2/24");
    host.ok("restart -t 0 one");
    assert_eq!(attached(&host, "one"), Vec::<Value>::new());
    host.ok("network attach one --link br1 --ip 10.1.0.2/24");
    assert!(pings(&host, "other", "10.1.0.2"));
    // One that ends by itself.
    host.ok("run -d --name brief --net none box sleep 0.5");
    host.porthole("network attach brief --link br2 --ip 10.2.0.2/24");
    eventually("nothing is left of it", || !has_link(&host, "br2") && host.status("brief") == "exited");
}

#[test]
fn containers_that_share_a_network_share_what_is_attached() {
    let host = Host::new();
    let _neighbour = host.neighbour();
    sleeper(&host, "owner", "--net none");
    sleeper(&host, "guest", "--net container:owner");
    sleeper(&host, "third", "--net none");
    host.ok("network attach third --link br1 --ip 10.1.0.9/24");
    host.ok("network attach guest --link br1 --ip 10.1.0.2/24");
    host.ok("network attach owner --link uplink0 --ip 10.99.0.7/24");
    assert!(pings(&host, "owner", "10.1.0.9") && pings(&host, "guest", "10.99.0.2"));
    assert_eq!(attached(&host, "owner"), attached(&host, "guest"));
    assert_eq!(attached(&host, "owner").len(), 2);
    host.ok("stop -t 0 owner");
    // The namespace lives on in the guest, but what was attached to it is gone.
    assert_eq!(host.ok("exec guest ip -o link").lines().count(), 1, "only its loopback");
    assert!(host.fails(1, "network attach guest --link br1 --ip 10.1.0.2/24").contains("owner is not running"));
    host.ok("rm -f owner");
    assert_eq!(attached(&host, "guest"), Vec::<Value>::new());
}

#[test]
fn a_command_killed_half_way_leaves_nothing_that_the_next_one_does_not_undo() {
    let host = Host::new();
    sleeper(&host, "one", "--net none");
    let mut cut = 0;
    for step in 0..24 {
        let mut command = host.command("network attach one --link br1 --ip 10.1.0.2/24@10.1.0.1");
        let mut child = command.stdout(std::process::Stdio::null()).spawn().expect("porthole");
        pause(step);
        let _ = child.kill();
        if !child.wait().expect("its end").success() {
            cut += 1;
        }
        // What was not made whole is not shown, and not in the way.
        if attached(&host, "one").is_empty() {
            assert_eq!(host.ok("network attach one --link br1 --ip 10.1.0.2/24@10.1.0.1"), "eth1");
        }
        assert_eq!(host.ok("network detach one --all"), "eth1");
        assert!(!has_link(&host, "br1"), "{}", links(&host));
    }
    assert!(cut > 0, "some were killed");
    assert_eq!(host.ok("exec one ip -o link").lines().count(), 1, "only its loopback");
}
