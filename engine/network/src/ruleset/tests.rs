//! The renderer against `nft` and `iptables-nft` themselves, each test in a network namespace of its own.

use std::io::Write as _;
use std::process::{Command, Stdio};

use rustix::thread::UnshareFlags;

use super::*;
use crate::netlink::{Protocol, Socket};

/// Runs `work` on a thread in a new network namespace, which goes with the thread.
fn in_new_netns<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = std::thread::spawn(|| {
        // SAFETY: only this thread changes its namespace, and it shares no files with another.
        unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET) }.expect("unshare: these tests need root");
        work()
    });
    thread.join().unwrap()
}

fn run(program: &str, arguments: &[&str], input: &str) -> String {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn read() -> Ruleset {
    Ruleset::read(&mut Socket::open(Protocol::Netfilter).unwrap()).unwrap()
}

/// The ruleset as `nft -a list ruleset` prints it, without the declarations of tables, sets and hooks.
fn listing(ruleset: &Ruleset) -> Vec<String> {
    let chains = ruleset.tables.iter().flat_map(|table| &table.chains);
    chains.flat_map(|chain| &chain.rules).map(|rule| format!("{rule} # handle {}", rule.handle)).collect()
}

/// The rules in a listing: everything with a handle that does not open a block.
fn rules_of(listing: &str) -> Vec<String> {
    let lines = listing.lines().map(str::trim).filter(|line| line.contains("# handle") && !line.contains("{ # handle"));
    lines.map(str::to_owned).collect()
}

const RULES: &str = r#"
table ip nat {
  map targets { type inet_service : ipv4_addr; elements = { 80 : 10.0.0.1 } }
  chain DOCKER {
    iifname "docker0" counter return comment "docker: not from bridge"
    tcp dport 8088 counter dnat to 172.17.0.2:80 comment "publish 8088->web:80"
    udp dport 53 dnat to 172.17.0.2
    tcp dport 9000-9010 dnat to 172.17.0.2:9000-9010 persistent
    dnat to tcp dport map { 80 : 172.17.0.2, 443 : 172.17.0.3 }
    tcp dport 7000 redirect to :7001
  }
  chain PREROUTING {
    type nat hook prerouting priority dstnat;
    fib daddr type local counter jump DOCKER
    fib saddr . iif oif missing drop
  }
  chain OUTPUT {
    type nat hook output priority -100;
    ip daddr != 127.0.0.0/8 fib daddr type local counter jump DOCKER
  }
  chain POSTROUTING {
    type nat hook postrouting priority srcnat;
    ip saddr 172.17.0.0/16 oifname != "docker0" counter masquerade
    ip saddr 10.1.2.0/23 ip daddr 10.0.0.1-10.0.0.9 snat to 192.0.2.1
    ip protocol tcp masquerade to :1024-65535 random
    ip protocol udp masquerade fully-random
  }
}
table ip6 filter6 {
  chain forward {
    type filter hook forward priority filter; policy drop;
    ip6 saddr fd17::/64 ip6 daddr fd10::1 tcp dport 80 accept
    icmpv6 type echo-request accept
    reject with icmpv6 admin-prohibited
  }
  chain published {
    type nat hook prerouting priority dstnat;
    tcp dport 25 dnat to [fd17::2]:25
    udp dport 25 dnat to fd17::2
  }
}
table inet filter {
  set blocked { type ipv4_addr; flags interval; elements = { 192.0.2.0/24 } }
  set pairs { type ipv4_addr . inet_service; }
  counter seen { }
  chain other { }
  chain input {
    type filter hook input priority filter; policy accept;
    ct state established,related accept
    ct state invalid drop
    ct state { new, untracked } counter
    ct status dnat accept
    ct mark 0x00000007 meta mark set 0x00000010
    meta l4proto tcp ct original proto-dst 8088 meta nftrace set 1
    ct original ip saddr 172.17.0.2 accept
    ip saddr @blocked drop
    ip saddr != @blocked counter
    ip saddr . tcp dport @pairs accept
    ip saddr . tcp dport { 10.0.0.1 . 80, 10.0.0.2 . 443 } accept
    tcp dport { 22, 80-90, 443 } accept
    tcp dport != { 22, 80 } drop
    tcp dport vmap { 22 : accept, 80 : jump other, 443 : goto other }
    ip saddr { 10.0.0.0/8, 192.168.1.1-192.168.1.5 } accept
    ip6 saddr fd00::/8 accept
    tcp flags syn / fin,syn,rst,ack limit rate 200/second burst 50 packets accept
    tcp flags & (syn | ack) == syn accept
    tcp flags syn accept
    tcp dport > 1024 accept
    tcp dport != 1000-2000 accept
    tcp sport 1000-2000 tcp dport 5 accept
    meta l4proto { tcp, udp } th dport 53 accept
    meta l4proto icmp accept
    icmp type echo-request limit rate over 10/minute burst 5 packets drop
    iifname "veth*" accept
    iifname { "eth0", "eth1" } accept
    iifname "lo" ip daddr 127.0.0.0/8 accept
    meta pkttype broadcast drop
    meta nfproto ipv6 drop
    ip ttl 64 accept
    ip protocol udp accept
    ether saddr 02:42:ac:11:00:02 accept
    log prefix "dropped: " level info
    log group 5 snaplen 100
    counter name "seen"
    tcp dport 113 reject with tcp reset
    reject
    reject with icmpx admin-prohibited
    limit rate 1 mbytes/second accept
    meta mark & 0x000000ff == 0x00000010 accept
    meta mark set ct mark
    ct count over 20 drop
  }
  chain raw {
    type filter hook prerouting priority raw; policy accept;
    udp dport 5000 notrack
    meta nftrace set 1
  }
  chain nat {
    type nat hook prerouting priority dstnat;
    tcp dport 80 dnat ip to 10.0.0.1:8080
    tcp dport 80 dnat ip6 to [fd00::1]:8080
    tcp dport 81 dnat ip to 10.0.0.1
  }
}
table bridge b {
  chain forward {
    type filter hook forward priority 0; policy accept;
    ether type arp accept
    ip saddr 10.0.0.1 tcp dport 80 accept
  }
}
"#;

#[test]
fn renders_as_nft_lists() {
    in_new_netns(|| {
        run("nft", &["-f", "-"], RULES);
        // Later versions than 1.0.6 show the default burst.
        let theirs = run("nft", &["-a", "-y", "list", "ruleset"], "").replace(" burst 5 packets", "");
        let theirs = rules_of(&theirs);
        let ours = listing(&read());
        assert!(theirs.len() > 60, "{}", theirs.len());
        let differences: Vec<_> = theirs.iter().zip(&ours).filter(|(theirs, ours)| theirs != ours).collect();
        assert!(differences.is_empty(), "nft, and ours: {differences:#?}");
        assert_eq!(theirs.len(), ours.len());
    });
}

#[test]
fn knows_hooks_priorities_policies_and_counters() {
    in_new_netns(|| {
        run("nft", &["-f", "-"], RULES);
        let ruleset = read();
        let chain = |family, table, chain| ruleset.table(family, table).unwrap().chain(chain).unwrap();
        let base = chain(Family::Ip6, "filter6", "forward").base.as_ref().unwrap();
        assert_eq!((base.kind.as_str(), base.hook, base.priority, base.policy), ("filter", "forward", 0, Policy::Drop));
        assert_eq!(chain(Family::Inet, "filter", "raw").base.as_ref().unwrap().priority, -300);
        let docker = chain(Family::Ip, "nat", "DOCKER");
        assert_eq!(docker.base, None);
        let publish = &docker.rules[1];
        assert_eq!(publish.text(), "tcp dport 8088 dnat to 172.17.0.2:80");
        assert_eq!(publish.comment.as_deref(), Some("publish 8088->web:80"));
        assert_eq!((publish.counter(), publish.nat), (Some(Counter::default()), Some(Nat::Destination)));
        assert_eq!(docker.rule(publish.handle), Some(publish));
        assert_eq!(chain(Family::Ip, "nat", "POSTROUTING").rules[0].nat, Some(Nat::Source));
    });
}

#[test]
fn reading_again_shows_a_new_generation() {
    in_new_netns(|| {
        let empty = read();
        assert_eq!(empty.tables, []);
        run("nft", &["add", "table", "ip", "t"], "");
        let ruleset = read();
        assert_ne!(ruleset.generation, empty.generation);
        assert!(ruleset.table(Family::Ip, "t").is_some());
    });
}

#[test]
fn renders_what_iptables_stored() {
    in_new_netns(|| {
        let iptables = |arguments: &str| run("iptables-nft", &arguments.split(' ').collect::<Vec<_>>(), "");
        iptables("-t nat -N DOCKER");
        iptables("-t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER");
        iptables("-t nat -A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER");
        iptables("-t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE");
        iptables("-t nat -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8088 -j DNAT --to-destination 172.17.0.2:80");
        iptables("-t nat -A DOCKER -p udp --dport 53:54 -j REDIRECT --to-ports 5353");
        iptables("-t nat -A POSTROUTING -s 10.0.0.1 -j SNAT --to-source 192.0.2.1-192.0.2.9");
        iptables("-P FORWARD DROP");
        iptables("-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT");
        iptables("-A FORWARD -p tcp -m multiport --dports 80,443,8000:8010 -m comment --comment web -j ACCEPT");
        iptables("-A FORWARD -p tcp --tcp-flags SYN,ACK SYN -j DROP");
        iptables("-A FORWARD -m statistic --mode random --probability 0.5 -j REJECT");
        let ruleset = read();
        let texts = |table: &str, chain: &str| -> Vec<String> {
            ruleset.table(Family::Ip, table).unwrap().chain(chain).unwrap().rules.iter().map(Rule::text).collect()
        };
        assert_eq!(texts("nat", "PREROUTING"), ["fib daddr type local jump DOCKER"]);
        assert_eq!(texts("nat", "OUTPUT"), ["ip daddr != 127.0.0.0/8 fib daddr type local jump DOCKER"]);
        assert_eq!(
            texts("nat", "POSTROUTING"),
            [
                "oifname != \"docker0\" ip saddr 172.17.0.0/16 masquerade",
                "ip saddr 10.0.0.1 snat to 192.0.2.1-192.0.2.9"
            ]
        );
        assert_eq!(
            texts("nat", "DOCKER"),
            ["iifname != \"docker0\" tcp dport 8088 dnat to 172.17.0.2:80", "udp dport 53-54 redirect to :5353"]
        );
        assert_eq!(
            texts("filter", "FORWARD"),
            [
                "oifname \"docker0\" ct state established,related accept",
                "tcp dport { 80, 443, 8000-8010 } comment \"web\" accept",
                "tcp flags syn / syn,ack drop",
                "<match statistic> reject",
            ]
        );
        let publish = &ruleset.table(Family::Ip, "nat").unwrap().chain("DOCKER").unwrap().rules[0];
        assert_eq!(publish.nat, Some(Nat::Destination));
    });
}

/// The chains of a listing of iptables: the title, and each rule as words with its protocol by name.
fn iptables_chains(listing: &str) -> Vec<(String, Vec<String>)> {
    let mut chains: Vec<(String, Vec<String>)> = Vec::new();
    for line in listing.lines().filter(|line| !line.is_empty() && !line.starts_with(" pkts")) {
        match chains.last_mut().filter(|_| !line.starts_with("Chain ")) {
            Some((_, rules)) => {
                let names = [("0", "all"), ("6", "tcp"), ("17", "udp"), ("1", "icmp")];
                let mut words: Vec<&str> = line.split_whitespace().collect();
                if let Some((_, name)) = names.iter().find(|(number, _)| words[3] == *number) {
                    words[3] = name;
                }
                rules.push(words.join(" "));
            }
            // Where nobody counts what a policy decided, iptables tells a count of 0.
            None => chains.push((line.replace(" 0 packets, 0 bytes", ""), Vec::new())),
        }
    }
    chains.retain(|(_, rules)| !rules.is_empty());
    chains.sort();
    chains
}

#[test]
fn lists_as_iptables_does() {
    in_new_netns(|| {
        let iptables = |arguments: &str| run("iptables-nft", &arguments.split(' ').collect::<Vec<_>>(), "");
        for arguments in [
            "-t nat -N DOCKER",
            "-t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER",
            "-t nat -A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER",
            "-t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE",
            "-t nat -A DOCKER -i docker0 -j RETURN",
            "-t nat -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8088 -j DNAT --to-destination 172.17.0.2:80",
            "-t nat -A DOCKER -p udp --dport 53:54 -j REDIRECT --to-ports 5353",
            "-P FORWARD DROP",
            "-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
            "-A FORWARD -p tcp -m multiport --dports 80,443,8000:8010 -m comment --comment web -j ACCEPT",
            "-A FORWARD -p tcp --tcp-flags SYN,ACK SYN -j DROP",
            "-A FORWARD -p icmp -j REJECT",
            "-A FORWARD -m mark --mark 0x1 -j ACCEPT",
            "-A FORWARD -j LOG --log-prefix x:",
            "-A FORWARD ! -s 10.0.0.1 -d 10.0.0.0/24 -i br+ -p tcp ! --sport 22 -j DROP",
        ] {
            iptables(arguments);
        }
        let listings = read().iptables();
        for table in ["nat", "filter"] {
            let command = format!("iptables -t {table} -nvL");
            let ours = listings.iter().find(|listing| listing.command == command).unwrap();
            let theirs = iptables_chains(&iptables(&format!("-t {table} -nvL")));
            assert_eq!(iptables_chains(&ours.text), theirs);
            assert!(theirs.iter().map(|(_, rules)| rules.len()).sum::<usize>() > 5);
        }
        let dnat = "    0     0 DNAT       tcp  --  !docker0 *       0.0.0.0/0            0.0.0.0/0            tcp dpt:8088 to:172.17.0.2:80";
        let nat = &listings.iter().find(|listing| listing.command.contains("nat")).unwrap().text;
        assert!(nat.lines().any(|line| line == dnat), "{nat}");
    });
}

const PUBLISHED: &str = r#"
table ip porthole {
  map published {
    type ipv4_addr . inet_proto . inet_service : verdict;
    elements = { 10.0.0.1 . tcp . 8088 : goto web, 10.0.0.1 . udp . 53 : goto dns, 10.0.0.1 . tcp . 9 : drop }
  }
  set blocked { type ipv4_addr; flags interval; elements = { 192.0.2.0/24, 198.51.100.7 } }
  chain web { meta l4proto tcp counter dnat to 172.17.0.2:80 comment "web 8088"; }
  chain dns { meta l4proto udp counter dnat to 172.17.0.3:53; }
  chain DOCKER {
    iifname != "docker0" ip daddr . meta l4proto . th dport vmap @published
  }
  chain PREROUTING {
    type nat hook prerouting priority dstnat + 5; policy accept;
    fib daddr type local counter jump DOCKER
  }
  chain FORWARD {
    type filter hook forward priority filter; policy drop;
    ip saddr @blocked drop
    oifname "docker0" ct status dnat counter accept
    iifname "other0" oifname "other0" accept
    ip saddr 10.9.0.0/16 ip daddr 10.8.0.0/16 drop
    ct state invalid drop
  }
  chain POSTROUTING {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr 172.17.0.0/16 oifname != "docker0" counter masquerade
    ip saddr 172.18.0.0/16 oifname != "other0" counter masquerade
  }
}
table arp a {
  chain input {
    type filter hook input priority filter; policy accept;
    counter
  }
}
"#;

fn read_whole() -> Ruleset {
    Ruleset::read_whole(&mut Socket::open(Protocol::Netfilter).unwrap()).unwrap()
}

/// A listing without what differs between versions of nft: how elements are spread over lines, and their order.
fn squeezed(listing: &str) -> Vec<String> {
    let mut words: Vec<String> = listing.split_whitespace().map(|word| word.trim_end_matches(',').to_owned()).collect();
    words.sort();
    words
}

#[test]
fn the_whole_is_printed_as_by_nft() {
    in_new_netns(|| {
        run("nft", &["-f", "-"], PUBLISHED);
        let (ours, theirs) = (read_whole().to_string(), run("nft", &["list", "ruleset"], ""));
        assert_eq!(squeezed(&ours), squeezed(&theirs), "{ours}\n{theirs}");
        run("nft", &["flush", "ruleset"], "");
        run("nft", &["-f", "-"], &ours);
        assert_eq!(squeezed(&run("nft", &["list", "ruleset"], "")), squeezed(&theirs), "nft reads what is printed");
    });
}

#[test]
fn published_ports_behind_a_map_are_lines_of_their_chain() {
    in_new_netns(|| {
        run("nft", &["-f", "-"], PUBLISHED);
        let listings = read_whole().iptables();
        let nat = listings.iter().find(|listing| listing.command == "iptables -t nat -nvL").unwrap();
        assert_eq!(nat.table, "ip porthole");
        let chains = iptables_chains(&nat.text);
        let docker = chains.iter().find(|(title, _)| title == "Chain DOCKER (1 references)").unwrap();
        assert_eq!(
            docker.1,
            [
                "- - DROP tcp -- !docker0 * 0.0.0.0/0 10.0.0.1 tcp dpt:9",
                "0 0 DNAT tcp -- !docker0 * 0.0.0.0/0 10.0.0.1 tcp dpt:8088 /* web 8088 */ to:172.17.0.2:80",
                "0 0 DNAT udp -- !docker0 * 0.0.0.0/0 10.0.0.1 udp dpt:53 to:172.17.0.3:53",
            ]
        );
        let titles: Vec<&str> = chains.iter().map(|(title, _)| title.as_str()).collect();
        assert!(!titles.iter().any(|title| title.contains("web")), "{titles:?}");
    });
}

#[test]
fn what_a_map_has_for_other_bridges_does_not_matter() {
    in_new_netns(|| {
        let rules = "
            table ip t {
              map bridges { type ifname : verdict; elements = { docker0 : jump one, other0 : jump two } }
              chain one { iifname docker0 accept; }
              chain two { iifname other0 accept; }
              chain forward {
                type filter hook forward priority filter;
                oifname vmap @bridges comment \"to containers\"
              }
            }";
        run("nft", &["-f", "-"], rules);
        let listing = |ruleset: &Ruleset| iptables_chains(&ruleset.iptables()[0].text);
        let whole = read_whole();
        assert_eq!(
            listing(&whole)[0].1,
            [
                "- - ACCEPT all -- docker0 docker0 0.0.0.0/0 0.0.0.0/0",
                "- - ACCEPT all -- other0 other0 0.0.0.0/0 0.0.0.0/0"
            ]
        );
        let web = Interest { addresses: vec!["172.17.0.2".parse().unwrap()], interfaces: vec!["docker0".into()] };
        let ruleset = whole.that_concern(&web);
        assert_eq!(listing(&ruleset)[0].1, ["- - ACCEPT all -- docker0 docker0 0.0.0.0/0 0.0.0.0/0"]);
    });
}

#[test]
fn the_rules_that_matter_to_a_container() {
    in_new_netns(|| {
        run("nft", &["-f", "-"], PUBLISHED);
        let web = Interest { addresses: vec!["172.17.0.2".parse().unwrap()], interfaces: vec!["docker0".into()] };
        let ruleset = read_whole().that_concern(&web);
        assert_eq!(ruleset.tables.len(), 1);
        let table = &ruleset.tables[0];
        let texts =
            |chain: &str| table.chain(chain).map(|chain| chain.rules.iter().map(Rule::text).collect::<Vec<_>>());
        assert_eq!(texts("web").unwrap(), ["meta l4proto tcp dnat to 172.17.0.2:80"]);
        assert_eq!(texts("dns"), None);
        let keys: Vec<&str> = table.set("published").unwrap().elements.iter().map(|e| e.key.as_str()).collect();
        assert_eq!(keys, ["10.0.0.1 . tcp . 8088"]);
        let forward = ["ip saddr @blocked drop", "oifname \"docker0\" ct status dnat accept", "ct state invalid drop"];
        assert_eq!(texts("FORWARD").unwrap(), forward);
        assert_eq!(table.set("blocked").unwrap().elements.len(), 2);
        assert_eq!(texts("POSTROUTING").unwrap(), ["ip saddr 172.17.0.0/16 oifname != \"docker0\" masquerade"]);
        assert!(texts("PREROUTING").is_some());
    });
}
