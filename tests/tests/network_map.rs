//! What the host really has: the map against `ip` and `bridge`, the rules against what was sent.

use porthole_tests::peer::Peer;
use porthole_tests::{Host, Neighbour, archive, eventually, fetch};
use serde_json::Value;
use std::collections::BTreeSet;

/// A host with a server, another container, one in the server's network, and one without any.
fn lab() -> Host {
    let host = Host::new();
    host.ok("run -d --name web -p 8088:80 box httpd -f -h /www");
    host.ok("run -d --name db box sleep 100");
    host.ok("run -d --name beside --net container:web box sleep 100");
    host.ok("run -d --name alone --net none box sleep 100");
    eventually("the server answers", || fetch("127.0.0.1:8088").is_ok());
    let ping = format!("exec db wget -qO- http://{}", host.address("web"));
    assert!(host.ok(&ping).contains("It works"));
    host
}

fn map(host: &Host) -> Value {
    serde_json::from_str(&host.ok("network map --json")).expect("JSON")
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn json(host: &Host, line: &str) -> Vec<Value> {
    serde_json::from_str(&host.tool(line)).expect("JSON")
}

/// The namespace in which the container of this name is.
fn namespace<'a>(map: &'a Value, container: &str) -> &'a Value {
    let is_in = |namespace: &&Value| array(&namespace["containers"]).iter().any(|owner| owner["name"] == container);
    array(&map["namespaces"]).iter().find(is_in).unwrap_or_else(|| panic!("{container} in {map:#}"))
}

fn host_namespace(map: &Value) -> &Value {
    let first = &map["namespaces"][0];
    assert_eq!(first["host"], true);
    first
}

fn interface<'a>(namespace: &'a Value, name: &str) -> &'a Value {
    let found = array(&namespace["interfaces"]).iter().find(|interface| interface["ifname"] == name);
    found.unwrap_or_else(|| panic!("{name} in {namespace:#}"))
}

/// Compares a namespace on the map with what ip(8) and bridge(8) tell of the one that the calling thread is in.
fn compare(host: &Host, namespace: &Value) {
    let links = json(host, "ip -d -j address");
    assert_eq!(array(&namespace["interfaces"]).len(), links.len());
    for link in &links {
        let ours = interface(namespace, link["ifname"].as_str().unwrap());
        for field in ["ifindex", "mtu"] {
            assert_eq!(ours[field], link[field], "{field} of {link:#}");
        }
        let kind = link["linkinfo"]["info_kind"].as_str().unwrap_or("loopback");
        assert_eq!(ours["kind"], kind);
        assert_eq!(text(&ours["alias"]), text(&link["ifalias"]));
        if kind != "loopback" {
            assert_eq!(ours["mac"], link["address"]);
        }
        let flags = array(&link["flags"]);
        assert_eq!(ours["up"], flags.contains(&"UP".into()));
        assert_eq!(ours["carrier"], flags.contains(&"LOWER_UP".into()));
        let theirs: Vec<String> =
            array(&link["addr_info"]).iter().map(|a| format!("{}/{}", text(&a["local"]), a["prefixlen"])).collect();
        let addresses = array(&ours["addresses"]).iter();
        let addresses: Vec<String> =
            addresses.map(|a| format!("{}/{}", text(&a["address"]), a["prefix_len"])).collect();
        assert_eq!(addresses, theirs);
        let master = links.iter().find(|other| other["ifname"] == link["master"]).map(|master| &master["ifindex"]);
        assert_eq!(ours.get("master"), master);
        if let Some(peer) = link.get("link_index") {
            assert_eq!(&ours["link"]["ifindex"], peer);
            assert_eq!(ours["link"].get("netnsid"), link.get("link_netnsid"));
        }
        if link["linkinfo"]["info_slave_kind"] == "bridge" {
            let theirs = &link["linkinfo"]["info_slave_data"];
            for field in ["state", "hairpin", "isolated", "learning", "flood", "locked"] {
                assert_eq!(ours["port"][field], theirs[field], "{field} of {link:#}");
            }
            assert_eq!(format!("\"{:#x}\"", ours["port"]["number"].as_u64().unwrap()), theirs["no"].to_string());
        }
    }
    compare_routes(host, namespace);
}

fn compare_routes(host: &Host, namespace: &Value) {
    let mut theirs = BTreeSet::new();
    for (family, table) in [("-4", "local"), ("-4", "main"), ("-6", "local"), ("-6", "main")] {
        for route in json(host, &format!("ip {family} -d -j route show table {table}")) {
            let gateway = text(&route["gateway"]);
            theirs.insert([table.to_owned(), text(&route["type"]), text(&route["dst"]), gateway, text(&route["dev"])]);
        }
    }
    let destination = |route: &Value| match (&route["destination"]["address"], &route["destination"]["prefix_len"]) {
        (Value::Null, _) => "default".to_owned(),
        (address, length) if *length == 32 || *length == 128 => text(address),
        (address, length) => format!("{}/{length}", text(address)),
    };
    let ours = array(&namespace["routes"]).iter().map(|route| {
        [
            text(&route["table"]),
            text(&route["kind"]),
            destination(route),
            text(&route["gateway"]),
            text(&route["ifname"]),
        ]
    });
    assert_eq!(ours.collect::<BTreeSet<_>>(), theirs);
}

#[test]
fn every_fact_is_the_kernels() {
    let host = lab();
    let map = map(&host);
    compare(&host, host_namespace(&map));
    for name in ["web", "db", "alone"] {
        host.netns(name).enter(|| compare(&host, namespace(&map, name)));
    }
}

#[test]
fn each_end_is_with_its_container() {
    let host = lab();
    let map = map(&host);
    let names = |namespace: &Value| -> BTreeSet<String> {
        array(&namespace["containers"]).iter().map(|owner| text(&owner["name"])).collect()
    };
    assert_eq!(names(namespace(&map, "web")), ["beside", "web"].map(str::to_owned).into());
    assert_eq!(array(&namespace(&map, "alone")["interfaces"]).len(), 1);
    for name in ["web", "db"] {
        let inside = namespace(&map, name);
        let eth0 = interface(inside, "eth0");
        let link = format!("/proc/{}/ns/net", host.init(name));
        let link = std::fs::read_link(link).unwrap().display().to_string();
        assert_eq!(link, format!("net:[{}]", inside["inode"]));
        assert_eq!(eth0["link"]["namespace"], host_namespace(&map)["inode"]);
        let veth = host.inspect(name)["NetworkSettings"]["HostInterface"].clone();
        assert_eq!(eth0["link"]["ifname"], veth);
        let end = interface(host_namespace(&map), veth.as_str().unwrap());
        assert_eq!(end["link"]["namespace"], inside["inode"]);
        assert_eq!((&end["link"]["ifname"], &end["link"]["ifindex"]), (&"eth0".into(), &eth0["ifindex"]));
        assert!(array(&end["link"]["containers"]).contains(&name.into()));
    }
}

#[test]
fn mac_tables_and_neighbours() {
    let host = lab();
    let map = map(&host);
    let bridge = host.inspect("web")["NetworkSettings"]["Bridge"].as_str().unwrap().to_owned();
    let theirs: BTreeSet<[String; 3]> = json(&host, &format!("bridge -j fdb show br {bridge}"))
        .iter()
        // Multicast groups that the bridge itself listens to stand there as well, without a master.
        .filter(|entry| entry.get("master").is_some() && entry.get("vlan").is_none())
        .map(|entry| [text(&entry["mac"]), text(&entry["ifname"]), text(&entry["state"])])
        .collect();
    let state = |entry: &Value| if entry["state"] == "learned" { String::new() } else { text(&entry["state"]) };
    let entries = array(&interface(host_namespace(&map), &bridge)["fdb"]).iter();
    let ours: BTreeSet<[String; 3]> =
        entries.clone().map(|entry| [text(&entry["mac"]), text(&entry["ifname"]), state(entry)]).collect();
    assert_eq!(ours, theirs);
    let mac = host.inspect("web")["NetworkSettings"]["MacAddress"].clone();
    let learned = entries.clone().find(|entry| entry["mac"] == mac).expect("a frame came from it");
    assert_eq!((&learned["state"], learned["age"].as_u64().is_some_and(|age| age < 60)), (&"learned".into(), true));
    let neighbours = array(&namespace(&map, "db")["neighbours"]);
    let web = neighbours.iter().find(|neighbour| neighbour["address"] == host.address("web").as_str()).unwrap();
    assert_eq!((&web["mac"], &web["ifname"]), (&mac, &"eth0".into()));
}

#[test]
fn links_upon_links_have_parents() {
    let host = lab();
    let _neighbour: Neighbour = host.neighbour();
    host.tool("ip link add link uplink0 name mv0 type macvlan mode bridge");
    host.tool(&format!("ip link set mv0 netns {}", host.init("db")));
    let map = map(&host);
    let parent = &interface(host_namespace(&map), "uplink0")["ifindex"];
    let macvlan = interface(namespace(&map, "db"), "mv0");
    assert_eq!((&macvlan["kind"], &macvlan["mode"]), (&"macvlan".into(), &"bridge".into()));
    assert_eq!((&macvlan["link"]["ifindex"], &macvlan["link"]["ifname"]), (parent, &"uplink0".into()));
    assert_eq!(macvlan["link"]["namespace"], host_namespace(&map)["inode"]);
    let shown = host.ok("network map");
    let line = |name: &str| shown.lines().find(|line| line.contains(name)).unwrap_or_else(|| panic!("{name}: {shown}"));
    assert!(line(" uplink0 ").contains("db mv0"), "{shown}");
    assert!(line(" mv0 ").contains("macvlan bridge"), "{shown}");
}

#[test]
fn people_see_a_tree() {
    let host = lab();
    let shown = host.ok("network map");
    let settings = host.inspect("web")["NetworkSettings"].clone();
    let veth = settings["HostInterface"].as_str().unwrap();
    let line = shown.lines().find(|line| line.contains(veth)).unwrap();
    let address = format!("eth0 {}/16", host.address("web"));
    assert!(line.contains("─ veth") && line.contains("forwarding, hairpin") && line.contains(&address), "{line}");
    for title in ["INTERFACE", "BRIDGE", "NEIGHBOURS OF", "ROUTES OF"] {
        assert!(shown.lines().any(|line| line.starts_with(title)), "{title} in {shown}");
    }
}

/// The packets that a line of a listing counted.
fn packets(listing: &str, words: &[&str]) -> u64 {
    let line = listing.lines().find(|line| words.iter().all(|word| line.contains(word)));
    let line = line.unwrap_or_else(|| panic!("{words:?} in {listing}"));
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn rules_in_two_spellings() {
    let host = lab();
    let to = format!("to:{}:80", host.address("web"));
    let dnat = ["DNAT ", "tcp  --", "dpt:8088", &to];
    let before = packets(&host.ok("network rules web --iptables"), &dnat);
    fetch("127.0.0.1:8088").unwrap();
    let listing = host.ok("network rules web");
    assert_eq!(packets(&listing, &dnat), before + 1, "each connection is translated once");
    for text in ["# nft list ruleset", "iptables -t nat -nvL", "Chain DOCKER", "MASQUERADE", "pkts bytes target"] {
        assert!(listing.contains(text), "{text} in {listing}");
    }
    assert!(listing.contains(&format!("dnat to {}:80", host.address("web"))), "{listing}");
    let of_db = host.ok("network rules db");
    assert!(!of_db.contains("8088") && of_db.contains("MASQUERADE"), "{of_db}");
    assert_eq!(host.ok("network rules alone"), "", "what has no link meets no rule");
    let all = host.ok("network rules --nft");
    assert!(all.contains("8088") && !all.contains("iptables"), "{all}");
    assert!(host.fails(1, "network rules nobody").contains("No such container: nobody"));
    host.ok("stop -t 0 db");
    assert!(host.fails(1, "network rules db").contains("not running"));
}

#[test]
fn rules_of_a_network() {
    let host = lab();
    host.ok("network create apart");
    host.ok("run -d --name far --network apart -p 9000:80 box sleep 100");
    let of = |network: &str| host.ok(&format!("network rules --iptables --network {network}"));
    let (near, far) = (of("bridge"), of("apart"));
    assert!(near.contains("dpt:8088") && !near.contains("dpt:9000"), "{near}");
    assert!(far.contains("dpt:9000") && !far.contains("dpt:8088"), "{far}");
    let masquerade = |rules: &str| rules.lines().filter(|line| line.contains("containers go out")).count();
    assert_eq!((masquerade(&near), masquerade(&far)), (1, 1), "each its own: {near}{far}");
    assert_eq!(of("none"), "");
    assert!(host.fails(1, "network rules --network nowhere").contains("nowhere"));
}

#[test]
fn a_strangers_rules_are_shown_where_they_matter() {
    let host = lab();
    host.tool("nft add table inet guard");
    host.tool("nft add chain inet guard forward '{ type filter hook forward priority 0 ; policy drop ; }'");
    host.tool("nft add rule inet guard forward iifname other0 oifname other1 accept");
    host.tool("nft add rule inet guard forward ip daddr 172.16.0.0/12 counter accept");
    let listing = host.ok("network rules web --iptables");
    assert!(listing.contains("of table inet guard") && listing.contains("policy DROP"), "{listing}");
    assert!(listing.contains("172.16.0.0/12") && !listing.contains("other0"), "{listing}");
    assert!(host.ok("network rules").contains("other0"));
    host.tool("nft delete table inet guard");
}

#[test]
fn the_workstation_shows_it_live() {
    let host = lab();
    let mut terminal = host.workstation(140, 42);
    terminal.type_("3");
    let counted = |packets: u64| format!("{packets} {} DNAT", packets * 60);
    let before = packets(&host.ok("network rules web --iptables"), &["DNAT ", "dpt:8088"]);
    // The network is selected; its containers are below it.
    terminal.expect_picture("▌● bridge");
    terminal.type_("j");
    terminal.expect_picture("port 2 of");
    terminal.type_("j");
    terminal.expect_picture("port 1 of");
    terminal.type_("\t/DNAT tcp\r");
    terminal.expect_picture(&counted(before));
    fetch("127.0.0.1:8088").unwrap();
    terminal.expect_picture(&counted(before + 1));
    terminal.type_("]");
    terminal.expect_picture("the host ─ links");
    terminal.type_("q");
    terminal.wait();
}

#[test]
fn over_a_real_docker() {
    let host = Host::empty();
    let Some(docker) = Peer::docker_with_networks() else {
        return;
    };
    docker.ok_with("import - box", archive::busybox());
    let id = docker.ok("run -d --name stranger -p 9000:80 box sleep 100");
    let map = map(&host);
    compare(&host, host_namespace(&map));
    let inside = namespace(&map, "stranger");
    assert_eq!((&inside["containers"][0]["engine"], &inside["containers"][0]["id"]), (&"docker".into(), &id.into()));
    let far = &interface(inside, "eth0")["link"];
    let end = interface(host_namespace(&map), far["ifname"].as_str().unwrap());
    assert_eq!(end["master"], interface(host_namespace(&map), "docker0")["ifindex"]);
    // iptables itself lists what Docker wrote; some versions give protocols by number.
    let theirs =
        host.tool("iptables-nft -t nat -nvL DOCKER").replace(" 6    --", " tcp  --").replace(" 0    --", " all  --");
    let ours = host.ok("network rules --iptables");
    let lines: Vec<&str> = theirs.lines().map(str::trim_end).collect();
    assert!(lines.len() >= 4 && lines.iter().all(|line| ours.lines().any(|ours| ours == *line)), "{theirs}{ours}");
}
