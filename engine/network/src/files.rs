//! What stands in a container's `/etc/hosts` and `/etc/resolv.conf`.

use std::net::IpAddr;
use std::path::Path;
use std::{fs, io};

/// Google's resolvers, which Docker gives to containers when the host has none that they can reach.
pub(crate) const PUBLIC_RESOLVERS: [&str; 2] = ["8.8.8.8", "8.8.4.4"];
/// Where systemd-resolved is found, and where it tells the resolvers behind it (systemd-resolved.service(8)).
const STUB_RESOLVER: &str = "127.0.0.53";
const RESOLVED: &str = "/run/systemd/resolve/resolv.conf";

/// The content of `/etc/hosts` of a container (hosts(5)): the names of localhost, the container's own at each of its
/// addresses, and `extra` ones.
pub fn hosts_file(hostname: &str, addresses: &[IpAddr], extra: &[(String, IpAddr)]) -> String {
    let mut out = String::from(
        "127.0.0.1\tlocalhost\n\
         ::1\tlocalhost ip6-localhost ip6-loopback\n\
         fe00::\tip6-localnet\n\
         ff00::\tip6-mcastprefix\n\
         ff02::1\tip6-allnodes\n\
         ff02::2\tip6-allrouters\n",
    );
    let own = addresses.iter().map(|address| (hostname, *address));
    for (name, address) in extra.iter().map(|(name, address)| (name.as_str(), *address)).chain(own) {
        out.push_str(&format!("{address}\t{name}\n"));
    }
    out
}

/// The content of `/etc/resolv.conf` (resolv.conf(5)) of a container on a bridge, from the host's: without resolvers on a loopback
/// address, which is the container's own there; with public ones if none is left.
pub fn resolv_conf(host: &str) -> String {
    let mut out = String::new();
    let mut reachable = 0;
    for line in host.lines() {
        match resolver(line) {
            Some(address) if is_loopback(address) => continue,
            Some(_) => reachable += 1,
            None => {}
        }
        out.push_str(line);
        out.push('\n');
    }
    if reachable == 0 {
        PUBLIC_RESOLVERS.iter().for_each(|address| out.push_str(&format!("nameserver {address}\n")));
    }
    out
}

/// The host's resolv.conf: systemd-resolved's own where `/etc/resolv.conf` names nothing but its stub. Empty if there is none.
pub fn host_resolv_conf() -> io::Result<String> {
    let etc = read(Path::new("/etc/resolv.conf"))?;
    if names_only_the_stub(&etc) {
        let resolved = read(Path::new(RESOLVED))?;
        return Ok(if resolved.is_empty() { etc } else { resolved });
    }
    Ok(etc)
}

pub(crate) fn read(path: &Path) -> io::Result<String> {
    match fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error),
    }
}

fn names_only_the_stub(text: &str) -> bool {
    let mut resolvers = text.lines().filter_map(resolver).peekable();
    resolvers.peek().is_some() && resolvers.all(|address| address == STUB_RESOLVER)
}

/// The address of a `nameserver` line.
pub(crate) fn resolver(line: &str) -> Option<&str> {
    let mut words = line.split_ascii_whitespace();
    (words.next()? == "nameserver").then(|| words.next()).flatten()
}

pub(crate) fn is_loopback(text: &str) -> bool {
    address(text).is_some_and(|address| address.is_loopback())
}

/// An address without the interface that may follow it.
pub(crate) fn address(text: &str) -> Option<IpAddr> {
    text.split_once('%').map_or(text, |(address, _zone)| address).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hosts() {
        let text = hosts_file("web", &["172.17.0.2".parse().unwrap()], &[("db".into(), "10.0.0.1".parse().unwrap())]);
        assert!(text.starts_with("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"));
        assert!(text.ends_with("ff02::2\tip6-allrouters\n10.0.0.1\tdb\n172.17.0.2\tweb\n"));
        assert!(!hosts_file("web", &[], &[]).contains("web"));
    }

    #[test]
    fn resolvers_that_a_container_reaches_stay() {
        let plain = "# by hand\nnameserver 10.0.0.2\nsearch example.org\noptions ndots:2\n";
        assert_eq!(resolv_conf(plain), plain);
        let mixed = "nameserver 127.0.0.1\nnameserver ::1\nnameserver 10.0.0.2\nsearch a b";
        assert_eq!(resolv_conf(mixed), "nameserver 10.0.0.2\nsearch a b\n");
        assert_eq!(resolv_conf("nameserver fe80::1%eth0"), "nameserver fe80::1%eth0\n");
    }

    #[test]
    fn public_ones_where_none_is_left() {
        let public = "nameserver 8.8.8.8\nnameserver 8.8.4.4\n";
        assert_eq!(resolv_conf(""), public);
        assert_eq!(resolv_conf("nameserver 127.0.0.53\noptions edns0\n"), format!("options edns0\n{public}"));
        assert_eq!(resolv_conf("#nameserver 10.0.0.1\n"), format!("#nameserver 10.0.0.1\n{public}"));
        assert_eq!(resolv_conf("nameserver\n"), format!("nameserver\n{public}"));
    }

    #[test]
    fn the_stub_of_systemd() {
        assert!(names_only_the_stub("nameserver 127.0.0.53\noptions edns0 trust-ad\n"));
        assert!(!names_only_the_stub("nameserver 127.0.0.53\nnameserver 10.0.0.1\n"));
        assert!(!names_only_the_stub("search example.org\n"));
    }

    proptest! {
        #[test]
        fn never_a_loopback_resolver_never_none(text in "(nameserver (127\\.0\\.0\\.[0-9]|10\\.0\\.0\\.[0-9]|::1|\\PC{0,9})\n|\\PC{0,20}\n){0,9}") {
            let out = resolv_conf(&text);
            let resolvers: Vec<_> = out.lines().filter_map(resolver).collect();
            prop_assert!(!resolvers.is_empty());
            prop_assert!(resolvers.iter().all(|address| !is_loopback(address)));
        }
    }
}
