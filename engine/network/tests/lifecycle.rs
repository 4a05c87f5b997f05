//! Bridges, leases and rules come and go; strangers' things stay.

mod lab;

use lab::*;
use porthole_network::port::Protocol;
use porthole_network::{Error, Network, links, outside, uplink};
use std::net::Ipv4Addr;
use std::sync::Barrier;
use std::thread;

fn bridge_names() -> Vec<String> {
    links().unwrap().into_iter().filter(|l| l.kind == "bridge").map(|l| l.name).collect()
}

#[test]
fn the_bridge_is_made_once_and_as_docker_does() {
    on_a_host(|_| {
        let root = Root::new();
        let network = root.network();
        let web = container(&network, "web", &["8088:80"]);
        let other = container(&network, "other", &[]);
        assert_eq!(bridge_names(), ["docker0"]);
        assert_eq!(web.gateway(), Ipv4Addr::new(172, 17, 0, 1));
        assert_eq!((web.address(), web.endpoint.addresses[0].prefix_len), (Ipv4Addr::new(172, 17, 0, 2), 16));
        assert_eq!(web.endpoint.mac, [0x02, 0x42, 172, 17, 0, 2]);
        assert_eq!(other.address(), Ipv4Addr::new(172, 17, 0, 3));
        assert_eq!(web.endpoint.ports[0].to_string(), "0.0.0.0:8088->80/tcp");
        assert_eq!(web.endpoint.warnings, Vec::<String>::new());
        assert_eq!(std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward").unwrap().trim(), "1");
        assert_eq!(std::fs::read_to_string("/proc/sys/net/ipv6/conf/docker0/accept_ra").unwrap().trim(), "0");
        let inside = web.netns.enter(|| run("ip -o addr show eth0"));
        assert!(inside.contains("172.17.0.2/16 brd 172.17.255.255"), "{inside}");
        let rules = run("nft -a list ruleset");
        assert!(
            rules.contains(r#"counter packets 0 bytes 0 dnat to 172.17.0.2:80 comment "web 8088→80" # handle"#),
            "{rules}"
        );
        assert!(rules.contains("elements = { tcp . 8088 : goto tcp-8088 }"), "{rules}");
        // The network holds no more than asked: a second disconnect, and one of a stranger, do no harm.
        for id in [&web.id, &web.id, &other.id, &"f".repeat(64)] {
            network.disconnect(id, None).unwrap();
        }
        assert!(!run("nft list ruleset").contains("8088"));
        assert_eq!(root.leases(), 0);
        network.teardown().unwrap();
        assert_eq!(std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward").unwrap().trim(), "0");
        assert_clean(&root);
        network.teardown().unwrap();
    });
}

#[test]
fn a_real_dockers_bridge_is_left_alone() {
    on_a_host(|_| {
        run("ip link add docker0 type bridge");
        run("ip addr add 172.17.0.1/16 dev docker0");
        run("nft add table ip foreign");
        run("nft add chain ip foreign FORWARD { type filter hook forward priority 0; policy drop; }");
        let before = run("ip -d link show docker0");
        let root = Root::new();
        let network = root.network();
        let web = container(&network, "web", &["8088:80"]);
        assert_eq!(web.endpoint.bridge, "porthole0");
        assert_eq!(web.gateway(), Ipv4Addr::new(172, 18, 0, 1));
        assert_eq!(web.endpoint.warnings.len(), 1);
        assert!(
            web.endpoint.warnings[0].starts_with("table foreign, chain FORWARD drops"),
            "{:?}",
            web.endpoint.warnings
        );
        network.disconnect(&web.id, None).unwrap();
        network.teardown().unwrap();
        assert_eq!(run("ip -d link show docker0"), before);
        assert!(run("nft list ruleset").contains("foreign"));
        run("ip link del docker0");
        drop(web);
        assert_clean(&root);
    });
}

#[test]
fn two_state_roots_side_by_side() {
    on_a_host(|host| {
        let roots = [Root::new(), Root::new()];
        let networks = roots.each_ref().map(Root::network);
        let barrier = Barrier::new(2);
        let containers = thread::scope(|scope| {
            let spawn = |n: usize| {
                let (network, barrier, netns) = (&networks[n], &barrier, &host.netns);
                scope.spawn(move || {
                    porthole_network::netns::visit(std::os::fd::AsFd::as_fd(netns), || {
                        barrier.wait();
                        container(network, &format!("c{n}"), &[&format!("{}:80", 8080 + n)])
                    })
                    .unwrap()
                })
            };
            [spawn(0), spawn(1)].map(|thread| thread.join().unwrap())
        });
        let mut bridges = containers.each_ref().map(|c| c.endpoint.bridge.clone());
        bridges.sort();
        assert_eq!(bridges, ["docker0", "porthole0"]);
        assert_ne!(containers[0].gateway(), containers[1].gateway());
        for protocol_port in [8080, 8081] {
            assert!(host.outside.enter(|| ask(Protocol::Tcp, HOST, protocol_port)).is_some());
            // Also from a container of the other root.
            for container in &containers {
                assert!(container.netns.enter(|| ask(Protocol::Tcp, HOST, protocol_port)).is_some());
            }
        }
        // Networks are apart, but for published ports.
        assert_eq!(containers[0].netns.enter(|| ask(Protocol::Tcp, containers[1].address(), 80)), None);
        let taken = try_container(&networks[0], "late", &["8081:80"]).err().unwrap();
        assert_eq!(taken.to_string(), "Bind for 0.0.0.0:8081 failed: port is already allocated by container c1");
        networks[0].disconnect(&containers[0].id, None).unwrap();
        networks[0].teardown().unwrap();
        assert!(host.outside.enter(|| ask(Protocol::Tcp, HOST, 8081)).is_some(), "the other root is untouched");
        networks[1].disconnect(&containers[1].id, None).unwrap();
        networks[1].teardown().unwrap();
        drop(containers);
        roots.iter().for_each(assert_clean);
    });
}

#[test]
fn a_taken_port_leaves_nothing() {
    on_a_host(|_| {
        let root = Root::new();
        let network = root.network();
        let held = std::net::TcpListener::bind("0.0.0.0:8088").unwrap();
        let error = try_container(&network, "web", &["8089:80", "8088:80"]).err().unwrap();
        assert!(matches!(error, Error::Port(_)), "{error:?}");
        assert!(error.to_string().ends_with("address already in use by another program on this host"), "{error}");
        assert_eq!(root.leases(), 0);
        assert!(!run("nft list ruleset").contains("dnat to"));
        drop(held);
        let web = container(&network, "web", &["8088:80", "80", "127.0.0.1::80"]);
        let ports: Vec<_> = web.endpoint.ports.iter().map(|p| p.host_port).collect();
        assert_eq!(ports, [8088, 32768, 32769]);
        network.disconnect(&web.id, None).unwrap();
        network.teardown().unwrap();
        drop(web);
        assert_clean(&root);
    });
}

#[test]
fn racing_for_one_port_there_is_one_winner() {
    on_a_host(|host| {
        let roots = [Root::new(), Root::new()];
        let barrier = Barrier::new(16);
        let won: Vec<_> = thread::scope(|scope| {
            let race = |n: usize| {
                let (network, barrier, netns) = (roots[n % 2].network(), &barrier, &host.netns);
                move || {
                    porthole_network::netns::visit(std::os::fd::AsFd::as_fd(netns), || {
                        barrier.wait();
                        try_container(&network, &format!("c{n}"), &["8088:80"])
                    })
                    .unwrap()
                }
            };
            let threads: Vec<_> = (0..16).map(|n| scope.spawn(race(n))).collect();
            threads.into_iter().filter_map(|t| t.join().unwrap().ok()).collect()
        });
        assert_eq!(won.len(), 1);
        assert_eq!(run("nft list ruleset").matches(": goto tcp-8088").count(), 1);
        assert_eq!(roots.iter().map(Root::leases).sum::<usize>(), 1);
        drop(won);
        for root in &roots {
            root.network().reconcile(&|_| false).unwrap();
            root.network().teardown().unwrap();
        }
        roots.iter().for_each(assert_clean);
    });
}

#[test]
fn reconcile_clears_up_after_the_dead_alone() {
    on_a_host(|host| {
        let root = Root::new();
        let network = root.network();
        let (dead, live) = (container(&network, "dead", &["8080:80"]), container(&network, "live", &["8081:80"]));
        assert!(matches!(network.teardown(), Err(Error::InUse { containers: 2, .. })));
        network.reconcile(&|id| id == live.id).unwrap();
        assert!(host.outside.enter(|| ask(Protocol::Tcp, HOST, 8081)).is_some());
        assert_eq!(host.outside.enter(|| ask(Protocol::Tcp, HOST, 8080)), None);
        assert_eq!(root.leases(), 1);
        assert!(links().unwrap().iter().all(|l| l.name != dead.endpoint.host_interface));
        network.detach(&live.id, &live.endpoint, live.netns.fd()).unwrap();
        assert!(live.netns.enter(|| links().unwrap().iter().all(|l| l.name != "eth0")));
        network.teardown().unwrap();
        assert_clean(&root);
    });
}

#[test]
fn an_address_passes_on_while_its_former_namespace_lives() {
    on_a_host(|host| {
        let root = Root::new();
        let network = root.network();
        let old = container(&network, "old", &["8088:80/udp"]);
        let socket = host.outside.enter(|| std::net::UdpSocket::bind((OUTSIDE, 0)).unwrap());
        socket.set_read_timeout(Some(std::time::Duration::from_secs(1))).unwrap();
        let ask_again = || {
            socket.send_to(b"?", (HOST, 8088)).unwrap();
            socket.recv(&mut [0; 64]).ok()
        };
        assert!(ask_again().is_some());
        network.disconnect(&old.id, None).unwrap();
        let new = container(&network, "new", &["8088:80/udp"]);
        assert_eq!(new.address(), old.address());
        // The old one is mute, though its namespace and link are still there.
        assert_eq!(old.netns.enter(|| ask(Protocol::Udp, new.gateway(), 8088)), None);
        assert!(ask_again().is_some(), "the same flow reaches the new container");
        assert!(ask(Protocol::Tcp, new.address(), 80).is_some());
        network.disconnect(&new.id, None).unwrap();
        assert!(ask_again().is_none(), "the flow ends with the publication");
        network.teardown().unwrap();
        assert_clean(&root);
    });
}

#[test]
fn a_flushed_ruleset_is_written_again() {
    on_a_host(|host| {
        let root = Root::new();
        let network = root.network();
        let first = container(&network, "first", &[]);
        run("nft flush ruleset");
        let web = container(&network, "web", &["8088:80"]);
        assert!(host.outside.enter(|| ask(Protocol::Tcp, HOST, 8088)).is_some());
        for id in [&first.id, &web.id] {
            network.disconnect(id, None).unwrap();
        }
        network.teardown().unwrap();
        drop((first, web));
        assert_clean(&root);
    });
}

#[test]
fn the_machine_outside() {
    on_a_host(|_| {
        // As on a host where ip(8) has not made a namespace yet.
        let _ = rustix::mount::unmount("/run/netns", rustix::mount::UnmountFlags::DETACH);
        let root = Root::new();
        let network = root.network();
        assert_eq!(outside::status(&network).unwrap(), None);
        let made = outside::up(&network).unwrap();
        assert_eq!((made.host_address, made.address), (Ipv4Addr::new(10, 88, 0, 1), Ipv4Addr::new(10, 88, 0, 2)));
        assert_eq!(outside::up(&network).unwrap(), made);
        assert_eq!(outside::status(&network).unwrap(), Some(made.clone()));
        let web = container(&network, "web", &["8088:80"]);
        let name = made.netns_path.file_name().unwrap().to_str().unwrap();
        assert!(run(&format!("ip netns exec {name} ip route")).contains("default via 10.88.0.1"));
        let netns = porthole_network::netns::open(&made.netns_path).unwrap();
        let answer = porthole_network::netns::visit(std::os::fd::AsFd::as_fd(&netns), || {
            ask(Protocol::Tcp, made.host_address, 8088)
        });
        assert_eq!(answer.unwrap().as_deref(), Some("10.88.0.2"));
        drop(netns);
        // A broken one is made anew.
        run(&format!("ip link del {}", made.host_interface));
        assert_eq!(outside::status(&network).unwrap(), None);
        assert_eq!(outside::up(&network).unwrap(), made);
        network.disconnect(&web.id, None).unwrap();
        network.teardown().unwrap();
        let other = format!("{name}-other");
        run(&format!("ip netns add {other}"));
        run(&format!("ip netns del {other}"));
        for _ in 0..2 {
            outside::down(&network).unwrap();
        }
        assert!(!made.netns_path.exists());
        drop(web);
        assert_clean(&root);
    });
}

#[test]
fn links_tell_how_things_hang_together() {
    on_a_host(|_| {
        run("ip route add default via 10.99.0.2");
        let root = Root::new();
        let network = root.network();
        let web = container(&network, "web", &[]);
        let all = links().unwrap();
        let bridge = all.iter().find(|l| l.name == "docker0").unwrap();
        let veth = all.iter().find(|l| l.name == web.endpoint.host_interface).unwrap();
        assert_eq!(bridge.addresses[0], (web.gateway().into(), 16));
        assert_eq!(bridge.alias, format!("porthole {}", root.path().display()));
        assert_eq!((veth.index, veth.master), (web.endpoint.ifindex, Some(bridge.index)));
        let mut socket = porthole_network::netlink::Socket::open(porthole_network::netlink::Protocol::Route).unwrap();
        let nsid = porthole_network::topology::nsid(&mut socket, web.netns.fd()).unwrap();
        assert!(nsid.is_some() && veth.peer.unwrap().nsid == nsid);
        let inside = web.netns.enter(|| links().unwrap());
        let eth0 = inside.iter().find(|l| l.name == "eth0").unwrap();
        assert_eq!(veth.peer.unwrap().index, eth0.index);
        assert_eq!(eth0.mac, Some(web.endpoint.mac));
        assert_eq!(uplink().unwrap().unwrap().name, "uplink0");
        network.disconnect(&web.id, None).unwrap();
        network.teardown().unwrap();
        drop(web);
        assert_clean(&root);
    });
}

#[test]
fn a_half_made_bridge_is_completed() {
    on_a_host(|_| {
        let root = Root::new();
        run("ip link add docker0 type bridge");
        let alias = format!("porthole {}", root.path().display());
        let set = std::process::Command::new("ip").args(["link", "set", "docker0", "alias", &alias]).status().unwrap();
        assert!(set.success());
        let network: Network = root.network();
        let web = container(&network, "web", &["8088:80"]);
        assert_eq!(web.endpoint.bridge, "docker0");
        assert!(ask(Protocol::Tcp, HOST, 8088).is_some());
        network.disconnect(&web.id, None).unwrap();
        network.teardown().unwrap();
        drop(web);
        assert_clean(&root);
    });
}
