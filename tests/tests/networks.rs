//! Networks that were made: of every driver, several at once, by name, apart from one another.

use nix::sys::signal::Signal;
use porthole_tests::peer::Peer;
use porthole_tests::{Host, Neighbour, archive, eventually, fetch};
use std::net::TcpListener;
use std::process::Command;
use std::thread;
use std::time::Duration;

/// Starts a container that sleeps, on a network.
fn sleeper(host: &Host, name: &str, flags: &str) {
    host.ok(&format!("run -d --name {name} {flags} box sleep 1000"));
}

/// Starts a web server.
fn web(host: &Host, name: &str, flags: &str) {
    host.ok(&format!("run -d --name {name} {flags} box httpd -f -h /www"));
    eventually("the server listens", || host.porthole(&format!("exec {name} wget -qO- 127.0.0.1")).code == 0);
}

fn reaches(host: &Host, from: &str, address: &str) -> bool {
    host.porthole(&format!("exec {from} timeout 1 wget -qO- http://{address}")).stdout.contains("It works")
}

#[test]
fn made_listed_inspected_and_removed() {
    let host = Host::new();
    let id = host.ok("network create --label team=a mynet");
    assert_eq!(id.trim().len(), 64);
    let list = host.ok("network ls");
    assert!(list.starts_with("NETWORK ID     NAME      DRIVER    SCOPE\n"), "{list}");
    for line in [
        "bridge    bridge    local",
        "host      host      local",
        "mynet     bridge    local",
        "none      null      local",
    ] {
        assert!(list.contains(line), "{list}");
    }
    assert_eq!(host.ok("network ls -q --no-trunc -f name=mynet"), id);
    let network: serde_json::Value = serde_json::from_str(&host.ok("network inspect mynet")).unwrap();
    let network = &network[0];
    assert_eq!(network["IPAM"]["Config"][0]["Gateway"], "172.17.0.1");
    assert_eq!(
        (&network["Name"], &network["Driver"], &network["Labels"]["team"]),
        (&"mynet".into(), &"bridge".into(), &"a".into())
    );
    let bridge = format!("br-{}", &id[..12]);
    assert!(host.tool("ip -o link show type bridge").contains(&bridge));
    assert_eq!(host.fails(1, "network create mynet"), "network with name mynet already exists");
    assert!(
        host.fails(1, "network create --subnet 172.17.5.0/24 other")
            .contains("overlaps 172.17.0.0/16 of network mynet")
    );
    assert!(host.fails(1, "network rm bridge").contains("pre-defined"));
    assert!(host.fails(1, "network rm nothing").contains("network nothing not found"));
    sleeper(&host, "one", "--network mynet");
    let refusal = host.fails(1, "network rm mynet");
    assert!(refusal.contains("has active endpoints (name:\"one\""), "{refusal}");
    let inside: serde_json::Value = serde_json::from_str(&host.ok("network inspect mynet")).unwrap();
    assert_eq!(inside[0]["Containers"].as_object().unwrap().values().next().unwrap()["IPv4Address"], "172.17.0.2/16");
    host.ok("rm -f one");
    assert_eq!(host.ok("network rm mynet"), "mynet");
    assert!(!host.tool("ip -o link").contains(&bridge));
    assert!(host.fails(125, "run --rm --network mynet box true").contains("network mynet not found"));
    assert_eq!(host.ok("ps -aq"), "");
}

#[test]
fn bad_requests_change_nothing() {
    let host = Host::new();
    let before = (host.tool("ip -o link"), host.tool("nft list ruleset"));
    for (line, told) in [
        ("network create -d overlay x", "plugin \"overlay\" not found"),
        ("network create -o colour=red x", "unknown option \"colour\""),
        ("network create -o com.docker.network.driver.mtu=12 x", "want a number from 68 to 65535"),
        ("network create --gateway 10.0.0.1 x", "no matching subnet for gateway"),
        ("network create --subnet 10.0.0.0/24 --ip-range 10.0.1.0/25 x", "no matching subnet for range"),
        ("network create --subnet 10.0.0.0/24 --subnet 10.1.0.0/24 x", "multiple subnets"),
        ("network create --subnet fd00::/64 x", "add --ipv6"),
        ("network create -d macvlan x", "-o parent=INTERFACE"),
        ("network create -d macvlan -o parent=nothing0 x", "no interface nothing0"),
        ("network create -d host x", "only one instance"),
        ("network create -o com.docker.network.bridge.name=lo x", "not ours"),
        ("network create 'a b'", "invalid network name"),
        ("network connect nothing one", "network nothing not found"),
        ("network inspect nothing", "network nothing not found"),
    ] {
        assert!(host.fails(1, line).contains(told), "{line}: {}", host.fails(1, line));
    }
    assert_eq!((host.tool("ip -o link"), host.tool("nft list ruleset")), before);
    assert_eq!(host.ok("network ls -q -f type=custom"), "");
    sleeper(&host, "one", "");
    assert!(host.fails(1, "network connect host one").contains("cannot be connected to any other network"));
    assert!(host.fails(125, "run --rm --ip 172.17.0.9 box true").contains("user defined networks only"));
    host.ok("network create --subnet 10.0.0.0/24 net");
    assert!(host.fails(125, "run --rm --network net --ip 10.0.1.9 box true").contains("no configured subnet"));
    sleeper(&host, "two", "--network net --ip 10.0.0.9");
    assert!(
        host.fails(125, "run --rm --network net --ip 10.0.0.9 box true").contains("address 10.0.0.9 is already in use")
    );
    assert!(host.fails(1, "network connect net two").contains("already exists in network net"));
}

#[test]
fn names_are_found_on_networks_of_ones_own() {
    let host = Host::new();
    host.ok("network create mynet");
    web(&host, "web", "--network mynet --network-alias www");
    sleeper(&host, "client", "--network mynet");
    let resolv = host.ok("exec client cat /etc/resolv.conf");
    assert!(resolv.contains("nameserver 127.0.0.11"), "{resolv}");
    for name in ["web", "www", "web.mynet", "WEB"] {
        assert!(reaches(&host, "client", name), "{name}");
    }
    let lookup = host.ok("exec client nslookup web");
    assert!(lookup.contains(&host.address("web")), "{lookup}");
    host.ok("stop -t 0 web");
    assert_ne!(host.porthole("exec client nslookup web").code, 0);
    host.ok("start web");
    eventually("it is found again", || reaches(&host, "client", "web"));
    // A container that is connected later is found too, and finds.
    web(&host, "late", "");
    sleeper(&host, "guest", "");
    assert!(!reaches(&host, "client", "late"));
    host.ok("network connect --alias later mynet late");
    assert!(reaches(&host, "client", "late") && reaches(&host, "client", "later"));
    host.ok("network connect mynet guest");
    assert!(reaches(&host, "guest", "web"));
    host.ok("network disconnect mynet late");
    assert!(!reaches(&host, "client", "late"));
    assert!(host.fails(1, "network disconnect mynet late").contains("is not connected"));
    host.ok("network disconnect -f mynet late");
    host.ok("rename web site");
    assert!(reaches(&host, "client", "site") && !reaches(&host, "client", "web"), "by its new name");
    assert!(reaches(&host, "client", "www"), "its aliases stay");
}

#[test]
fn networks_are_apart_but_for_published_ports() {
    let host = Host::new();
    let neighbour = host.neighbour();
    host.ok("network create red");
    host.ok("network create blue");
    web(&host, "rr", "--network red -p 8088:80");
    web(&host, "bb", "--network blue");
    let (red, blue) = (host.address("rr"), host.address("bb"));
    assert!(!reaches(&host, "rr", &blue) && !reaches(&host, "bb", &red), "networks are apart");
    assert!(reaches(&host, "bb", &format!("{}:8088", Neighbour::HOST)), "a published port is reached");
    assert!(reaches(&host, "rr", &format!("{}:8088", Neighbour::HOST)), "also from behind it");
    let works = |address: &str| fetch(address).is_ok_and(|page| page.contains("It works"));
    assert!(neighbour.enter(|| works("10.99.0.1:8088")));
    assert!(works("127.0.0.1:8088"));
    neighbour.enter(|| {
        for subnet in ["172.17.0.0/16", "172.18.0.0/16"] {
            host.tool(&format!("ip route add {subnet} via {}", Neighbour::HOST));
        }
    });
    assert!(
        !neighbour.enter(|| works(&format!("{red}:80"))) && !neighbour.enter(|| works(&format!("{blue}:80"))),
        "no way in"
    );
    // One that is on both is reached on both.
    host.ok("network connect red bb");
    assert!(reaches(&host, "bb", &red) && reaches(&host, "bb", "rr"));
    let two =
        host.inspect("bb")["NetworkSettings"]["Networks"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(two, ["blue", "red"]);
    assert!(host.ok("exec bb ip -o addr").contains("eth1"));
}

#[test]
fn an_internal_network_leads_nowhere() {
    let host = Host::new();
    let neighbour = host.neighbour();
    let server = neighbour.enter(|| TcpListener::bind("0.0.0.0:80").unwrap());
    thread::spawn(move || server.incoming().flatten().for_each(drop));
    host.ok("network create --internal inner");
    sleeper(&host, "kept", "--network inner");
    web(&host, "peer", "--network inner");
    assert!(reaches(&host, "kept", "peer"));
    assert!(!host.ok("exec kept ip route").contains("default"));
    let out = format!("exec kept nc -w 1 {} 80", Neighbour::ADDRESS);
    assert_ne!(host.porthole(&out).code, 0);
    // Nor with a route that somebody adds.
    let gateway = host.inspect("kept")["NetworkSettings"]["Networks"]["inner"]["IPAddress"]
        .as_str()
        .unwrap()
        .replace(".0.2", ".0.1");
    let inside = host.netns("kept");
    inside.enter(|| host.tool(&format!("ip route add default via {gateway}")));
    assert_ne!(host.porthole(&out).code, 0);
    // Another network gives a way out.
    host.ok("network create outer");
    host.ok("network connect outer peer");
    assert_eq!(host.porthole(&format!("exec peer nc -w 1 {} 80", Neighbour::ADDRESS)).code, 0);
}

#[test]
fn addresses_as_they_are_asked_for() {
    let host = Host::new();
    host.ok("network create --subnet 10.5.0.0/16 --ip-range 10.5.9.0/24 --gateway 10.5.0.254 --aux-address router=10.5.9.0 net");
    sleeper(&host, "any", "--network net");
    sleeper(&host, "given", "--network net --ip 10.5.3.3 --mac-address 02:00:00:00:00:33");
    assert_eq!(host.inspect("any")["NetworkSettings"]["Networks"]["net"]["IPAddress"], "10.5.9.1");
    let given = host.inspect("given")["NetworkSettings"]["Networks"]["net"].clone();
    assert_eq!(
        (&given["IPAddress"], &given["MacAddress"], &given["Gateway"]),
        (&"10.5.3.3".into(), &"02:00:00:00:00:33".into(), &"10.5.0.254".into())
    );
    assert!(host.ok("exec given ip link show eth0").contains("02:00:00:00:00:33"));
    assert!(host.ok("exec given ip route").contains("default via 10.5.0.254"));
    // What is asked for is had again after a restart, also where another came meanwhile.
    host.ok("stop -t 0 given");
    sleeper(&host, "between", "--network net");
    host.ok("start given");
    assert_eq!(host.inspect("given")["NetworkSettings"]["Networks"]["net"]["IPAddress"], "10.5.3.3");
}

#[test]
fn ipv6_inside_and_published() {
    let host = Host::new();
    let neighbour = host.neighbour();
    host.tool("ip -6 addr add fd99::1/64 dev uplink0 nodad");
    neighbour.enter(|| host.tool("ip -6 addr add fd99::2/64 dev eth0 nodad"));
    host.ok("network create --ipv6 --subnet fd12::/64 six");
    let network: serde_json::Value = serde_json::from_str(&host.ok("network inspect six")).unwrap();
    assert_eq!(network[0]["EnableIPv6"], true);
    sleeper(&host, "client", "--network six");
    host.ok("run -d --name web --network six --ip6 fd12::80 -p 8088:80 box httpd -f -p [::]:80 -h /www");
    eventually("it listens", || host.porthole("exec client timeout 1 wget -qO- http://[fd12::80]").code == 0);
    let ports = host.ok("port web");
    assert_eq!(ports, "80/tcp -> 0.0.0.0:8088\n80/tcp -> [::]:8088");
    let works = |address: &str| fetch(address).is_ok_and(|page| page.contains("It works"));
    assert!(neighbour.enter(|| works("[fd99::1]:8088")), "from another machine");
    assert!(neighbour.enter(|| works("10.99.0.1:8088")), "and by IPv4");
    assert!(works("[fd99::1]:8088"), "from the host by its address");
    assert!(reaches(&host, "client", "[fd99::1]:8088"), "from a neighbour through the host");
    assert!(reaches(&host, "client", "web"), "by name");
    assert!(host.porthole("exec web timeout 1 wget -qO- http://[fd99::1]:8088").stdout.contains("It works"), "hairpin");
    neighbour.enter(|| host.tool("ip -6 route add fd12::/64 via fd99::1"));
    assert!(!neighbour.enter(|| works("[fd12::80]:80")), "no way in but by the published port");
    let server = neighbour.enter(|| TcpListener::bind("[::]:9").unwrap());
    // Nobody answers; who asks is seen all the same.
    host.porthole("exec client timeout 1 wget -qO- http://[fd99::2]:9");
    let (_, from) = server.accept().unwrap();
    assert_eq!(from.ip().to_string(), "fd99::1", "masqueraded");
}

#[test]
fn without_icc_containers_are_alone() {
    let host = Host::new();
    host.ok("network create -o com.docker.network.bridge.enable_icc=false -o com.docker.network.bridge.name=br-alone -o com.docker.network.driver.mtu=1400 alone");
    web(&host, "one", "--network alone -p 8088:80");
    sleeper(&host, "two", "--network alone");
    assert!(!reaches(&host, "two", &host.address("one")));
    assert!(fetch(&format!("{}:80", host.address("one"))).is_ok(), "the host reaches it");
    assert!(host.tool("ip link show br-alone").contains("mtu 1400"));
    assert!(host.ok("exec one ip link show eth0").contains("mtu 1400"));
}

#[test]
fn macvlan_stands_on_an_interface_of_the_host() {
    let host = Host::new();
    let neighbour = host.neighbour();
    host.ok("network create -d macvlan --subnet 10.99.0.0/24 --gateway 10.99.0.2 --ip-range 10.99.0.128/25 -o parent=uplink0 wire");
    web(&host, "web", "--network wire");
    sleeper(&host, "client", "--network wire");
    let address = host.inspect("web")["NetworkSettings"]["Networks"]["wire"]["IPAddress"].as_str().unwrap().to_owned();
    assert!(address.starts_with("10.99.0.1"), "{address}");
    assert!(neighbour.enter(|| fetch(&format!("{address}:80")).is_ok()), "from the wire, without NAT");
    assert!(reaches(&host, "client", "web"), "from one another, by name");
    assert!(host.ok("exec web ip route").contains("default via 10.99.0.2"));
    host.ok("rm -f web client");
    assert_eq!(host.ok("network rm wire"), "wire");
    if host
        .porthole("network create -d macvlan --subnet 10.78.0.0/24 -o parent=uplink0.78 x")
        .stderr
        .contains("no VLAN links")
    {
        // A kernel without 802.1Q says so, and leaves nothing.
        assert_eq!(host.ok("network ls -q -f type=custom"), "");
        return;
    }
    host.ok("network rm x");
    // A VLAN of the parent is made for the network, and goes with it.
    host.ok("network create -d macvlan --subnet 10.77.0.0/24 -o parent=uplink0.77 tagged");
    assert!(host.tool("ip -d link show uplink0.77").contains("vlan protocol 802.1Q id 77"));
    host.ok("run --rm --network tagged box ip addr show eth0");
    host.ok("network rm tagged");
    assert!(!host.tool("ip -o link").contains("uplink0.77"));
}

#[test]
fn the_rules_come_back_when_somebody_flushes_them() {
    let host = Host::new();
    host.ok("network create net");
    web(&host, "web", "--network net -p 8088:80 -p 127.0.0.1:8089:80");
    web(&host, "plain", "-p 8090:80");
    host.tool("nft flush ruleset");
    assert!(fetch("127.0.0.1:8088").is_err());
    host.ok("run --rm box true");
    for port in [8088, 8089, 8090] {
        assert!(fetch(&format!("127.0.0.1:{port}")).is_ok(), "{port}");
    }
}

#[test]
fn a_policy_that_drops_is_passed_and_told_of() {
    let host = Host::new();
    let neighbour = host.neighbour();
    host.tool("nft add table ip filter");
    host.tool("nft add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }");
    let told = host.porthole("run -d --name web -p 8088:80 box httpd -f -h /www").stderr;
    assert!(
        told.contains(
            "table filter, chain FORWARD drops forwarded packets by policy: rules at its head let those of docker0 pass"
        ),
        "{told}"
    );
    let works = || fetch("10.99.0.1:8088").is_ok_and(|page| page.contains("It works"));
    eventually("it is reached through the chain", || neighbour.enter(works));
    assert!(!host.porthole("run --rm box true").stderr.contains("drops"), "it is told once");
    host.ok("rm -f web");
    host.tool("nft delete table ip filter");
}

#[test]
fn a_chain_that_rejects_at_its_end_is_passed_and_told_of() {
    let host = Host::new();
    let neighbour = host.neighbour();
    // As firewalld has it.
    host.tool("nft add table inet firewalld");
    host.tool("nft add chain inet firewalld filter_FORWARD { type filter hook forward priority 10; policy accept; }");
    host.tool("nft add rule inet firewalld filter_FORWARD iifname lo accept");
    host.tool("nft add rule inet firewalld filter_FORWARD counter reject with icmpx type admin-prohibited");
    let told = host.porthole("run -d --name web -p 8088:80 box httpd -f -h /www").stderr;
    assert!(
        told.contains("chain filter_FORWARD drops forwarded packets by its last rule: rules at its head"),
        "{told}"
    );
    let works = || fetch("10.99.0.1:8088").is_ok_and(|page| page.contains("It works"));
    eventually("it is reached through the chain", || neighbour.enter(works));
    host.ok("rm -f web");
    host.ok("lab down");
    assert!(!host.tool("nft list ruleset").contains("docker0"), "the rules went with the bridge");
    host.tool("nft delete table inet firewalld");
}

#[test]
fn rules_of_iptables_legacy_are_told_of() {
    let host = Host::new();
    let legacy = |line: &str| Command::new("iptables-legacy").args(line.split(' ')).status().is_ok_and(|s| s.success());
    if !legacy("-P FORWARD DROP") {
        return eprintln!("no iptables-legacy here, or a kernel without");
    }
    let told = || host.porthole("run --rm box true").stderr;
    let first = told();
    assert!(
        first.contains("iptables-legacy drops forwarded packets by policy") && first.contains("-o docker0"),
        "{first}"
    );
    assert!(legacy("-I FORWARD -i docker0 -j ACCEPT") && legacy("-I FORWARD -o docker0 -j ACCEPT"));
    assert_eq!(told(), "", "it was done as told");
    assert!(legacy("-F FORWARD") && legacy("-P FORWARD ACCEPT"));
    assert_eq!(told(), "", "nothing is dropped");
}

#[test]
fn beside_a_real_docker() {
    let host = Host::new();
    let neighbour = host.neighbour();
    // Where Docker turns forwarding on it also makes the policy one that drops.
    host.tool("sysctl -qw net.ipv4.ip_forward=0");
    let Some(docker) = Peer::docker_with_networks() else {
        return;
    };
    docker.ok_with("import - box", archive::busybox());
    docker.ok("run -d --name theirs -p 9000:80 box httpd -f -h /www");
    web(&host, "ours", "-p 8088:80");
    let ours = host.address("ours");
    assert!(host.ok("network inspect bridge").contains("porthole0"), "docker0 is Docker's");
    let works = |address: &str| fetch(address).is_ok_and(|page| page.contains("It works"));
    let all_work = |when: &str| {
        assert!(neighbour.enter(|| works("10.99.0.1:8088") && works("10.99.0.1:9000")), "{when}: from outside");
        assert!(works("127.0.0.1:8088") && works("127.0.0.1:9000"), "{when}: from the host");
        assert!(reaches(&host, "ours", "10.99.0.1:9000"), "{when}: theirs from ours through the host");
        let direct = format!("exec theirs timeout 1 wget -qO- http://{ours}");
        assert!(docker.try_(&direct).is_none(), "{when}: ours from theirs directly");
        assert!(docker.try_("exec theirs wget -qO- http://10.99.0.1:8088").is_some(), "{when}: ours from theirs");
    };
    eventually("Docker's server listens", || works("127.0.0.1:9000"));
    all_work("both");
    assert!(host.fails(125, "run --rm -p 9000:80 box true").contains("9000"), "a port of Docker's is taken");
    docker.ok("restart -t 0 theirs");
    host.ok("restart -t 0 ours");
    eventually("both serve again", || works("127.0.0.1:8088") && works("127.0.0.1:9000"));
    all_work("both restarted");
    host.ok("rm -f ours");
    host.ok("lab down");
    assert!(works("127.0.0.1:9000"), "Docker is as before");
}

#[test]
fn links_of_the_default_network() {
    let host = Host::new();
    web(&host, "web", "");
    sleeper(&host, "client", "--link web:www");
    assert!(reaches(&host, "client", "www") && reaches(&host, "client", "web"));
    assert!(host.fails(125, "run --rm --link nothing box true").contains("No such container: nothing"));
    // Nobody else knows the name.
    sleeper(&host, "other", "");
    assert!(!reaches(&host, "other", "www"));
}

#[test]
fn several_networks_from_the_start_and_pruned_after() {
    let host = Host::new();
    host.ok("network create a");
    host.ok("network create b");
    host.ok("network create unused");
    sleeper(&host, "both", "--network a --network name=b,alias=bee");
    sleeper(&host, "peer", "--network b");
    assert!(host.ok("exec peer nslookup bee").contains("Address"));
    assert_eq!(host.ok("ps --format {{.Networks}} -f name=both"), "a,b");
    assert_eq!(host.ok("network prune -f"), "Deleted Networks:\nunused");
    host.ok("rm -f both peer");
    assert_eq!(host.ok("network prune -f"), "Deleted Networks:\na\nb");
}

#[test]
fn the_default_network_by_configuration() {
    let mut host = Host::new();
    host.set("PORTHOLE_NETWORKS", host.path("networks.toml"));
    std::fs::write(
        host.path("networks.toml"),
        "[bridge]\nname = \"br0\"\naddress = \"192.168.5.1/24\"\nrange = \"192.168.5.128/25\"\nmtu = 1450\n",
    )
    .unwrap();
    sleeper(&host, "one", "");
    assert_eq!(host.address("one"), "192.168.5.128");
    assert!(host.tool("ip addr show br0").contains("192.168.5.1/24"));
    assert!(host.tool("ip addr show br0").contains("mtu 1450"));
    host.ok("rm -f one");
    host.ok("lab down");
    // A bridge of one's own is used as it is, and stays.
    std::fs::write(host.path("networks.toml"), "[bridge]\nname = \"own0\"\n").unwrap();
    host.tool("ip link add own0 type bridge");
    assert!(host.fails(125, "run --rm box true").contains("bridge own0 has no address"));
    host.tool("ip addr add 192.168.7.1/24 dev own0");
    host.tool("ip link set own0 up");
    web(&host, "two", "-p 8088:80");
    assert_eq!(host.address("two"), "192.168.7.2");
    assert!(fetch("127.0.0.1:8088").is_ok());
    host.ok("rm -f two");
    host.ok("lab down");
    thread::sleep(Duration::from_millis(50));
    host.tool("ip link del own0");
    std::fs::write(host.path("networks.toml"), "[bridge]\nnme = \"x\"\n").unwrap();
    assert!(host.fails(125, "run --rm box true").contains("unknown field"));
}

#[test]
fn made_and_removed_by_processes_that_are_killed() {
    let host = Host::new();
    host.ok("network create first");
    let killed_after = |line: &str, microseconds: u64| {
        let mut running = host.start(line);
        thread::sleep(Duration::from_micros(microseconds));
        running.signal(Signal::SIGKILL);
        running.wait();
    };
    for n in 0..24 {
        killed_after(&format!("network create -o com.docker.network.bridge.name=k{n} k{n}"), n * 400);
    }
    for n in 0..24 {
        killed_after(&format!("network rm k{n}"), 4000 + n * 400);
    }
    host.ok("network prune -f");
    let links = host.tool("ip -o link");
    assert!(!links.contains("br-") && (0..24).all(|n| !links.contains(&format!(": k{n}:"))), "{links}");
    assert!(!host.tool("nft list tables").contains("porthole"));
    assert_eq!(host.ok("network ls -q -f type=custom"), "");
    let left = std::fs::read_dir(host.path("networks")).unwrap().flatten().filter(|entry| entry.path().is_dir());
    assert_eq!(left.count(), 0);
}

#[test]
fn a_thousand_ports_at_once() {
    let host = Host::new();
    host.ok("run -d --name many -p 20000-20999:80-1079 box httpd -f -h /www");
    assert_eq!(host.ok("port many").lines().count(), 1000);
    eventually("the server listens", || fetch("127.0.0.1:20000").is_ok());
    let refusal = host.fails(125, "run --rm -p 20999:80 box true");
    assert!(refusal.contains("port is already allocated by container many"), "{refusal}");
    host.ok("rm -f many");
    host.ok("run --rm -p 20999:80 box true");
}
