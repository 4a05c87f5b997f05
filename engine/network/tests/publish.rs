//! Who reaches a container, with packets really sent.

mod lab;

use lab::*;
use porthole_network::port::Protocol;
use std::net::Ipv4Addr;

const BOTH: [Protocol; 2] = [Protocol::Tcp, Protocol::Udp];

fn set_bridge_netfilter(on: bool) {
    let path = "/proc/sys/net/bridge/bridge-nf-call-iptables";
    if std::path::Path::new(path).exists() {
        std::fs::write(path, if on { "1" } else { "0" }).unwrap();
    }
}

/// From everywhere to a port published on every address.
fn matrix(host: &Host) {
    let root = Root::new();
    let network = root.network();
    let web = container(&network, "web", &["8088:80", "8088:80/udp"]);
    let other = container(&network, "other", &[]);
    let gateway = web.gateway();
    for protocol in BOTH {
        let from_outside = host.outside.enter(|| ask(protocol, HOST, 8088));
        assert_eq!(from_outside.as_deref(), Some("10.99.0.2"), "{protocol} from outside");
        assert_eq!(
            ask(protocol, HOST, 8088).as_deref(),
            Some("10.99.0.1"),
            "{protocol} from the host to its own address"
        );
        assert_eq!(ask(protocol, Ipv4Addr::LOCALHOST, 8088), Some(gateway.to_string()), "{protocol} from localhost");
        assert_eq!(
            ask(protocol, gateway, 8088),
            Some(gateway.to_string()),
            "{protocol} from the host to the bridge's address"
        );
        assert_eq!(ask(protocol, web.address(), 80), Some(gateway.to_string()), "{protocol} from the host, directly");
        let direct = other.netns.enter(|| ask(protocol, web.address(), 80));
        assert_eq!(direct, Some(other.address().to_string()), "{protocol} from a neighbour, directly");
        for through in [HOST, gateway] {
            let neighbour = other.netns.enter(|| ask(protocol, through, 8088));
            assert_eq!(neighbour, Some(gateway.to_string()), "{protocol} from a neighbour through {through}");
            let hairpin = web.netns.enter(|| ask(protocol, through, 8088));
            assert_eq!(hairpin, Some(gateway.to_string()), "{protocol} from itself through {through}");
        }
        // A container goes out with the host's address.
        if protocol == Protocol::Tcp {
            host.outside.answer(7000);
        }
        assert_eq!(other.netns.enter(|| ask(protocol, OUTSIDE, 7000)).as_deref(), Some("10.99.0.1"), "{protocol} out");
        // What is not published is not there.
        for (to, port) in [(HOST, 80), (HOST, 8089)] {
            assert_eq!(host.outside.enter(|| ask(protocol, to, port)), None, "{protocol} to {to}:{port}");
        }
    }
    // Not even with a route to the bridge's subnet.
    host.outside.enter(|| run("ip route add 172.16.0.0/12 via 10.99.0.1"));
    for protocol in BOTH {
        assert_eq!(host.outside.enter(|| ask(protocol, web.address(), 80)), None, "{protocol} directly from outside");
    }
    for container in [web, other] {
        network.disconnect(&container.id, None).unwrap();
    }
    network.teardown().unwrap();
    assert_clean(&root);
}

#[test]
fn published_on_every_address() {
    on_a_host(|host| {
        set_bridge_netfilter(true);
        matrix(host);
    });
}

#[test]
fn published_on_every_address_without_bridge_netfilter() {
    on_a_host(|host| {
        set_bridge_netfilter(false);
        matrix(host);
    });
}

#[test]
fn published_on_localhost_is_for_this_host_alone() {
    on_a_host(|host| {
        let root = Root::new();
        let network = root.network();
        let web = container(&network, "web", &["127.0.0.1:8088:80", "127.0.0.1:8088:80/udp"]);
        let other = container(&network, "other", &[]);
        // A program that listens on the host's loopback only is no more reachable than before.
        Netns::answer_here(9000);
        host.outside.enter(|| {
            run("ip route add 127.0.0.0/8 via 10.99.0.1 table 7");
            run("ip rule add to 127.0.0.1 table 7 pref 0");
            run("ip rule del pref 0 table local");
            run("ip rule add pref 10 table local");
            std::fs::write("/proc/sys/net/ipv4/conf/all/route_localnet", "1").unwrap();
        });
        for protocol in BOTH {
            assert!(ask(protocol, Ipv4Addr::LOCALHOST, 8088).is_some(), "{protocol} from localhost");
            assert_eq!(host.outside.enter(|| ask(protocol, HOST, 8088)), None, "{protocol} from outside");
            assert_eq!(
                host.outside.enter(|| ask(protocol, Ipv4Addr::LOCALHOST, 8088)),
                None,
                "{protocol} from outside, as 127.0.0.1"
            );
            assert_eq!(other.netns.enter(|| ask(protocol, web.gateway(), 8088)), None, "{protocol} from a neighbour");
            assert!(ask(protocol, Ipv4Addr::LOCALHOST, 9000).is_some());
            assert_eq!(attack_loopback(&other, protocol, 8088), None, "{protocol} from a neighbour, as 127.0.0.1");
            assert_eq!(attack_loopback(&other, protocol, 9000), None, "{protocol} to the host's loopback");
        }
        for container in [web, other] {
            network.disconnect(&container.id, None).unwrap();
        }
        network.teardown().unwrap();
        assert_clean(&root);
    });
}

/// Sends packets for 127.0.0.1 to the gateway, as a container with NET_ADMIN can.
fn attack_loopback(container: &Container, protocol: Protocol, port: u16) -> Option<String> {
    container.netns.enter(|| {
        std::fs::write("/proc/sys/net/ipv4/conf/all/route_localnet", "1").unwrap();
        let gateway = container.gateway();
        run(&format!("ip route replace 127.0.0.1/32 via {gateway} dev eth0 src {} table 7", container.address()));
        if !run("ip rule").contains("lookup 7") {
            run("ip rule add pref 10 table local");
            run("ip rule add to 127.0.0.1 table 7 pref 0");
            run("ip rule del pref 0 table local");
        }
        ask(protocol, Ipv4Addr::LOCALHOST, port)
    })
}
