//! The links, addresses and routes that the rest is built of, as the kernel then has them.

mod lab;

use lab::*;
use porthole_network::link::route::{self, Route};
use porthole_network::link::stacked::{self, IpvlanFlag, IpvlanMode, Kind, MacvlanMode, Stacked};
use porthole_network::link::{address, set_loopback_up, set_mtu, set_up};
use porthole_network::netlink::{Protocol, Socket};
use porthole_network::{Error, links, netns, sysctl};
use std::os::fd::AsFd;
use std::process::Command;

const MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 1];

fn index(name: &str) -> u32 {
    links().unwrap().into_iter().find(|link| link.name == name).unwrap().index
}

fn on_the_uplink(kind: Kind, name: &str, mac: Option<[u8; 6]>) -> Stacked<'_> {
    Stacked { kind, parent: index("uplink0"), name, mac, mtu: None }
}

/// Whether the kernel makes links of a kind, by what ip(8) meets.
fn kernel_has(kind: &str) -> bool {
    let words = format!("link add probe0 link uplink0 type {kind}");
    let made = Command::new("ip").args(words.split(' ')).output().unwrap().status.success();
    if made {
        run("ip link del probe0");
    }
    made
}

#[test]
fn a_macvlan_of_each_mode_is_born_inside() {
    on_a_host(|_| {
        let mut socket = Socket::open(Protocol::Route).unwrap();
        for (mode, name) in [
            (MacvlanMode::Bridge, "bridge"),
            (MacvlanMode::Private, "private"),
            (MacvlanMode::Vepa, "vepa"),
            (MacvlanMode::Passthru, "passthru"),
        ] {
            let inside = Netns::new();
            let link = Stacked { mtu: Some(1400), ..on_the_uplink(Kind::Macvlan(mode), "eth7", Some(MAC)) };
            stacked::add(&mut socket, &link, inside.fd()).unwrap();
            let shown = inside.enter(|| run("ip -d link show eth7"));
            // A passthru macvlan is the parent to the world, its address and all.
            let parent = links().unwrap().into_iter().find(|link| link.name == "uplink0").unwrap().mac.unwrap();
            let mac = if mode == MacvlanMode::Passthru { parent } else { MAC };
            let mac = mac.map(|byte| format!("{byte:02x}")).join(":");
            for wanted in [&format!("macvlan mode {name}"), &mac, "mtu 1400"] {
                assert!(shown.contains(wanted), "{wanted}: {shown}");
            }
            assert!(!run("ip -o link").contains("eth7"));
            inside.enter(|| run("ip link del eth7"));
        }
    });
}

#[test]
fn both_families_have_addresses_and_routes() {
    on_a_host(|host| {
        let mut socket = Socket::open(Protocol::Route).unwrap();
        let inside = Netns::new();
        let link = on_the_uplink(Kind::Macvlan(MacvlanMode::Bridge), "eth7", None);
        stacked::add(&mut socket, &link, inside.fd()).unwrap();
        host.outside.enter(|| run("ip -6 addr add fd00::2/64 dev eth0 nodad"));
        sysctl::set_in(inside.fd(), "ipv4/conf/eth7/arp_notify", "1").unwrap();
        inside.enter(|| {
            let mut socket = Socket::open(Protocol::Route).unwrap();
            let eth7 = index("eth7");
            set_loopback_up(&mut socket).unwrap();
            address::add(&mut socket, eth7, "10.99.0.7".parse().unwrap(), 24).unwrap();
            address::add(&mut socket, eth7, "fd00::7".parse().unwrap(), 64).unwrap();
            set_mtu(&mut socket, eth7, 1450).unwrap();
            set_up(&mut socket, eth7).unwrap();
            for via in ["10.99.0.2", "fd00::2"] {
                let via = via.parse().unwrap();
                assert_eq!(route::default_like(&mut socket, via).unwrap(), None);
                route::add(&mut socket, &Route::default_via(via, eth7)).unwrap();
                assert_eq!(route::default_like(&mut socket, via).unwrap(), Some(Route::default_via(via, eth7)));
            }
            let direct = Route { destination: "10.5.0.0".parse().unwrap(), prefix_len: 16, via: None, link: eth7 };
            route::add(&mut socket, &direct).unwrap();
            assert!(route::add(&mut socket, &direct).unwrap_err().is(libc::EEXIST));
            let by_router = Route { via: Some("10.99.0.2".parse().unwrap()), ..direct };
            route::replace(&mut socket, &by_router).unwrap();
            let shown = run("ip addr show eth7") + &run("ip route") + &run("ip -6 route") + &run("ip addr show lo");
            for wanted in [
                "10.99.0.7/24 brd 10.99.0.255",
                "mtu 1450",
                "fd00::7/64",
                "default via 10.99.0.2 dev eth7",
                "default via fd00::2 dev eth7",
                "10.5.0.0/16 via 10.99.0.2 dev eth7",
                "127.0.0.1/8",
            ] {
                assert!(shown.contains(wanted), "{wanted}: {shown}");
            }
            assert!(!shown.contains("10.5.0.0/16 dev eth7"), "{shown}");
            assert!(!run("ip -6 addr show eth7").lines().any(|l| l.contains("fd00::7") && l.contains("tentative")));
            eventually(
                || Command::new("busybox").args(["ping", "-c1", "-W1", "10.99.0.2"]).output().unwrap().status.success(),
                "ping",
            );
            eventually(
                || Command::new("busybox").args(["ping", "-c1", "-W1", "fd00::2"]).output().unwrap().status.success(),
                "ping6",
            );
            let notify = std::fs::read_to_string("/proc/sys/net/ipv4/conf/eth7/arp_notify").unwrap();
            assert_eq!(notify.trim(), "1");
        });
        sysctl::set_in(inside.fd(), "ipv6/conf/eth7/disable_ipv6", "1").unwrap();
        assert!(!inside.enter(|| run("ip -6 addr show eth7")).contains("fd00::7"));
        let unknown = sysctl::set_in(inside.fd(), "ipv4/conf/none/arp_notify", "1").unwrap_err();
        assert!(unknown.to_string().starts_with("cannot set /proc/sys/net/ipv4/conf/none/arp_notify"), "{unknown}");
    });
}

#[test]
fn a_kernel_without_a_kind_of_link_is_told() {
    on_a_host(|_| {
        let mut socket = Socket::open(Protocol::Route).unwrap();
        let home = netns::current().unwrap();
        let ipvlan = Kind::Ipvlan(IpvlanMode::L3, IpvlanFlag::Private);
        let vlan = Kind::Vlan("7".parse().unwrap());
        for (kind, name, tried, module) in
            [(ipvlan, "ipvlan", "ipvlan", "ipvlan"), (vlan, "VLAN", "vlan id 9", "8021q")]
        {
            let made = stacked::add(&mut socket, &on_the_uplink(kind, "foreign7", None), home.as_fd());
            if kernel_has(tried) {
                made.unwrap();
                let shown = run("ip -d link show foreign7").split_whitespace().collect::<Vec<_>>().join(" ");
                let wanted = if name == "VLAN" { "vlan protocol 802.1Q id 7" } else { "ipvlan mode l3 private" };
                assert!(shown.contains(wanted), "{shown}");
                run("ip link del foreign7");
                continue;
            }
            let error = made.unwrap_err();
            assert!(matches!(error, Error::KernelLacks { .. }), "{error:?}");
            let text = error.to_string();
            assert!(text.starts_with(&format!("the kernel has no {name} links (")), "{text}");
            assert!(text.contains(&format!("load the module {module}")), "{text}");
        }
    });
}
