//! Containers on the network: who reaches whom, and by what address.

use porthole_tests::{Host, Neighbour, caller, datagram_caller, eventually, fetch};
use std::net::{TcpListener, UdpSocket};
use std::path::Path;

/// Runs a web server, and waits until it answers.
fn web(host: &Host, flags: &str) {
    host.ok(&format!("run -d --name web {flags} box httpd -f -h /www"));
    eventually("the server listens", || host.porthole("exec web wget -qO- 127.0.0.1").code == 0);
}

fn bridges(host: &Host) -> Vec<String> {
    let name = |line: &str| line.split(": ").nth(1).unwrap().to_owned();
    host.tool("ip -o link show type bridge").lines().map(name).collect()
}

#[test]
fn a_published_port_is_reached_from_everywhere() {
    let host = Host::new();
    let neighbour = host.neighbour();
    web(&host, "-p 8088:80");
    let works = |address: &str| fetch(address).is_ok_and(|page| page.contains("It works"));
    assert!(neighbour.enter(|| works("10.99.0.1:8088")), "from another machine");
    assert!(works("10.99.0.1:8088"), "from the host by its own address");
    assert!(works("127.0.0.1:8088"), "from the host by localhost");
    assert!(works(&format!("{}:80", host.address("web"))), "from the host by the container's address");
    let wget = "wget -qO- http://10.99.0.1:8088";
    assert!(host.ok(&format!("run --rm box {wget}")).contains("It works"), "from another container through the host");
    assert!(host.ok(&format!("exec web {wget}")).contains("It works"), "from itself through the host");
    let direct = format!("run --rm box wget -qO- http://{}", host.address("web"));
    assert!(host.ok(&direct).contains("It works"), "from another container");
}

#[test]
fn the_caller_is_seen_as_it_is() {
    let host = Host::new();
    let neighbour = host.neighbour();
    host.ok("run -d --name who -p 8088:80 -p 8088:80/udp box sleep 100");
    let sockets = || (TcpListener::bind("0.0.0.0:80").unwrap(), UdpSocket::bind("0.0.0.0:80").unwrap());
    let (tcp, udp) = host.netns("who").enter(sockets);
    let seen = |address: &str| {
        let by = [caller(&tcp, address).unwrap(), datagram_caller(&udp, address).unwrap()];
        assert_eq!(by[0], by[1], "{address}");
        by[0].to_string()
    };
    let gateway = host.inspect("who")["NetworkSettings"]["Gateway"].as_str().unwrap().to_owned();
    assert_eq!(neighbour.enter(|| seen("10.99.0.1:8088")), Neighbour::ADDRESS, "another machine");
    assert_eq!(seen("127.0.0.1:8088"), gateway, "localhost comes by the bridge");
    host.ok("run -d --name other box sleep 100");
    let other = host.address("other");
    assert_eq!(host.netns("other").enter(|| seen(&format!("{}:80", host.address("who")))), other, "a container");
    assert_eq!(host.netns("other").enter(|| seen("10.99.0.1:8088")), gateway, "a container through the host");
    assert_eq!(host.netns("who").enter(|| seen("10.99.0.1:8088")), gateway, "itself through the host");
}

#[test]
fn containers_go_out_with_the_hosts_address() {
    let host = Host::new();
    let neighbour = host.neighbour();
    let listener = neighbour.enter(|| TcpListener::bind("10.99.0.2:5000").unwrap());
    let client = host.start("run --rm box nc 10.99.0.2 5000");
    let (_, peer) = listener.accept().unwrap();
    assert_eq!(peer.ip().to_string(), Neighbour::HOST);
    drop(client);
    host.remove_all();
}

#[test]
fn udp_is_published_apart_from_tcp() {
    let host = Host::new();
    host.ok("run -d --name dns -p 5353:53/udp box sleep 100");
    let udp = host.netns("dns").enter(|| UdpSocket::bind("0.0.0.0:53").unwrap());
    assert!(datagram_caller(&udp, "127.0.0.1:5353").is_ok());
    assert!(fetch("127.0.0.1:5353").is_err(), "tcp is not published");
}

#[test]
fn ports_are_published_in_all_four_forms() {
    let host = Host::new();
    let neighbour = host.neighbour();
    web(&host, "-p 80 -p 8001:80 -p 127.0.0.1:8002:80 -p 127.0.0.1::80");
    let ports = host.inspect("web")["NetworkSettings"]["Ports"]["80/tcp"].clone();
    let ports: Vec<(&str, u16)> = ports
        .as_array()
        .unwrap()
        .iter()
        .map(|port| (port["HostIp"].as_str().unwrap(), port["HostPort"].as_str().unwrap().parse().unwrap()))
        .collect();
    assert_eq!(ports.len(), 4, "{ports:?}");
    for (address, port) in &ports {
        assert!(fetch(&format!("127.0.0.1:{port}")).is_ok(), "{address}:{port}");
        let from_outside = neighbour.enter(|| fetch(&format!("10.99.0.1:{port}")).is_ok());
        assert_eq!(from_outside, *address == "0.0.0.0", "{address}:{port}");
    }
    let random: Vec<u16> = ports.iter().map(|port| port.1).filter(|port| ![8001, 8002].contains(port)).collect();
    assert!(random.iter().all(|port| *port >= 32768), "{random:?}");
}

#[test]
fn what_is_not_published_is_not_reached() {
    let host = Host::new();
    let neighbour = host.neighbour();
    web(&host, "-p 8088:80");
    let address = host.address("web");
    neighbour.enter(|| host.tool("ip route add default via 10.99.0.1"));
    assert!(neighbour.enter(|| fetch(&format!("{address}:80"))).is_err(), "not by the container's own address");
    assert!(neighbour.enter(|| fetch("10.99.0.1:80")).is_err());
    assert!(neighbour.enter(|| fetch("10.99.0.1:8088")).is_ok());
}

#[test]
fn a_port_that_is_taken_by_us_is_refused() {
    let host = Host::new();
    web(&host, "-p 8088:80");
    let message = host.fails(125, "run -d --name late -p 8088:80 box true");
    assert!(message.contains("8088") && message.contains("web"), "{message}");
    let message = host.fails(125, "run --rm -p 127.0.0.1:8088:80 box true");
    assert!(message.contains("8088"), "{message}");
    assert_eq!(host.status("late"), "created", "it stays, as with Docker");
    assert!(fetch("127.0.0.1:8088").is_ok(), "the first is as before");
    host.ok("rm -f web");
    assert_eq!(host.ok("start late"), "late", "once the port is free it starts");
}

#[test]
fn a_port_that_is_taken_by_a_stranger_is_refused() {
    let host = Host::new();
    let tcp = TcpListener::bind("0.0.0.0:8088").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:8089").unwrap();
    for line in ["run --rm -p 8088:80 box true", "run --rm -p 8089:53/udp box true"] {
        let message = host.fails(125, line);
        assert!(message.contains("808") && message.contains("in use"), "{message}");
    }
    assert_eq!(host.ok("ps -aq"), "");
    host.assert_nothing_left();
    drop((tcp, udp));
    assert_eq!(host.porthole_with("import - box:latest", porthole_tests::archive::busybox()).code, 0);
    assert_eq!(host.ok("run --rm -p 8088:80 -p 8089:53/udp box echo free"), "free");
}

#[test]
fn the_hosts_network_is_the_hosts() {
    let host = Host::new();
    let own = std::fs::read_link("/proc/thread-self/ns/net").unwrap();
    let inside = host.ok("run --rm --net host box readlink /proc/self/ns/net");
    assert_eq!(Path::new(&inside), own);
    let name = host.tool("hostname");
    assert_eq!(host.ok("run --rm --net host box hostname"), name);
    host.ok("run -d --name web --net host box httpd -f -p 8080 -h /www");
    eventually("it answers on the host", || fetch("127.0.0.1:8080").is_ok());
}

#[test]
fn no_network_is_a_loopback() {
    let host = Host::new();
    let links = host.ok("run --rm --net none box ip -o link");
    assert_eq!(links.lines().count(), 1, "{links}");
    assert!(links.contains("lo:") && links.contains(",UP"), "{links}");
    assert!(host.ok("run --rm --net none box ping -c 1 -q 127.0.0.1").contains(" 0% packet loss"));
    assert_eq!(bridges(&host), [""; 0], "no bridge is made for it");
}

#[test]
fn a_container_joins_the_network_of_another() {
    let host = Host::new();
    web(&host, "-h server -p 8088:80");
    assert!(host.ok("run --rm --net container:web box wget -qO- 127.0.0.1").contains("It works"));
    let hosts = host.ok("run --rm --net container:web box cat /etc/hosts");
    assert!(hosts.contains("server"), "{hosts}");
    assert!(host.fails(125, "run --rm --net container:nobody box true").contains("nobody"));
    assert!(host.fails(125, "run --rm --net container:web -p 80:80 box true").contains("conflicting"));
    host.ok("stop -t 0 web");
    assert!(host.fails(125, "run --rm --net container:web box true").contains("non running"));
    assert_eq!(host.ok("ps -aq").lines().count(), 1);
}

#[test]
fn two_state_roots_live_side_by_side() {
    let host = Host::new();
    let other = host.second();
    web(&host, "-p 8001:80");
    web(&other, "-p 8002:80");
    assert_eq!(bridges(&host).len(), 2);
    let (one, two) = (host.address("web"), other.address("web"));
    assert_ne!(one.rsplit_once('.').unwrap().0, two.rsplit_once('.').unwrap().0, "subnets of their own");
    assert!(fetch("127.0.0.1:8001").is_ok() && fetch("127.0.0.1:8002").is_ok());
    let message = other.fails(125, "run --rm -p 8001:80 box true");
    assert!(message.contains("8001"), "a port of another root is taken: {message}");
    assert_eq!(other.ok("ps -aq").lines().count(), 1);
    host.ok("rm -f web");
    host.ok("lab down");
    assert_eq!(bridges(&host).len(), 1);
    assert!(fetch("127.0.0.1:8002").is_ok(), "the other is as before");
}

#[test]
fn addresses_are_given_back() {
    let host = Host::new();
    host.ok("run -d --name one box sleep 100");
    let address = host.address("one");
    assert_eq!(std::fs::read_dir(host.path("networks/bridge/leases")).unwrap().count(), 1);
    host.ok("stop -t 0 one");
    assert_eq!(std::fs::read_dir(host.path("networks/bridge/leases")).unwrap().count(), 0);
    host.ok("rm one");
    host.ok("run -d --name two box sleep 100");
    host.ok("run -d --name three box sleep 100");
    assert_ne!(host.address("two"), host.address("three"));
    assert!([host.address("two"), host.address("three")].contains(&address), "a free address is used again");
}

#[test]
fn a_container_knows_its_route_and_its_names() {
    let host = Host::new();
    host.ok("run -d --name web box sleep 100");
    let settings = host.inspect("web")["NetworkSettings"].clone();
    let text = |field: &str| settings[field].as_str().unwrap().to_owned();
    let routes = host.ok("exec web ip route");
    assert!(routes.contains(&format!("default via {} dev eth0", text("Gateway"))), "{routes}");
    let link = host.ok("exec web ip -o link show eth0");
    assert!(link.contains(&text("MacAddress")), "{link}");
    let peer = host.tool(&format!("ip -o link show {}", text("HostInterface")));
    assert!(peer.contains(&format!("master {}", text("Bridge"))), "{peer}");
    assert!(host.ok("exec web cat /etc/resolv.conf").contains("nameserver"));
    assert_eq!(std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward").unwrap().trim(), "1");
}

#[test]
fn the_rules_read_like_the_tutorials() {
    let host = Host::new();
    web(&host, "-p 8088:80");
    let rules = host.tool("nft list ruleset");
    let dnat = format!("dnat to {}:80", host.address("web"));
    for text in [
        "chain DOCKER",
        "tcp . 8088 : goto tcp-8088",
        &dnat,
        "masquerade",
        "chain PREROUTING",
        "chain FORWARD",
        "counter",
    ] {
        assert!(rules.contains(text), "{text} in {rules}");
    }
}
