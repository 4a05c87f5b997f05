//! How names are resolved in a container: its hosts and resolv.conf.

use super::config::NetworkMode;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::net::IpAddr;

/// What was asked for. What is empty is as the host has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resolution {
    /// Further hosts, by name.
    pub hosts: Vec<(String, HostAddress)>,
    /// Resolvers.
    pub servers: Vec<IpAddr>,
    /// Domains to search; `.` alone for none.
    pub search: Vec<String>,
    /// Options of the resolver.
    pub options: Vec<String>,
}

/// Where a further host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HostAddress {
    /// At this address.
    Is(IpAddr),
    /// It is the host of the container, by its address on the bridge.
    Gateway,
}

impl HostAddress {
    /// `NAME:ADDRESS`; an IPv6 address may stand in brackets.
    pub fn of(word: &str) -> std::result::Result<(String, HostAddress), String> {
        let bad = || format!("bad format for add-host: {word:?}");
        let (name, address) = word.split_once(['=', ':']).ok_or_else(bad)?;
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(bad());
        }
        if address == "host-gateway" {
            return Ok((name.to_owned(), HostAddress::Gateway));
        }
        let plain = address.strip_prefix('[').and_then(|address| address.strip_suffix(']')).unwrap_or(address);
        let address: IpAddr = plain.parse().map_err(|_| format!("invalid IP address in add-host: {address:?}"))?;
        Ok((name.to_owned(), HostAddress::Is(address)))
    }
}

impl Resolution {
    /// Refuses what would go to files that are not the container's own.
    pub fn check(&self, network: &NetworkMode) -> Result<()> {
        let refuse = |text: &str| Err(Error::InvalidOption(text.to_owned()));
        let changes_resolvers = !(self.servers.is_empty() && self.search.is_empty() && self.options.is_empty());
        match network {
            NetworkMode::Container(_) if changes_resolvers => refuse("conflicting options: dns and the network mode"),
            NetworkMode::Container(_) if !self.hosts.is_empty() => {
                refuse("conflicting options: custom host-to-IP mapping and the network mode")
            }
            NetworkMode::Host | NetworkMode::None if self.hosts.iter().any(|(_, at)| *at == HostAddress::Gateway) => {
                refuse("host-gateway needs a network with a gateway: use --network bridge")
            }
            _ => Ok(()),
        }
    }

    /// The further hosts; those at the gateway once that is known.
    pub fn hosts(&self, gateway: Option<IpAddr>) -> Vec<(String, IpAddr)> {
        let at = |address: HostAddress| match address {
            HostAddress::Is(address) => Some(address),
            HostAddress::Gateway => gateway,
        };
        self.hosts.iter().filter_map(|(name, address)| Some((name.clone(), at(*address)?))).collect()
    }

    /// A resolv.conf (resolv.conf(5)) with what was asked for in place of what was there.
    pub fn resolv_conf(&self, base: String) -> String {
        let replaced = [
            ("nameserver", !self.servers.is_empty()),
            ("search", !self.search.is_empty()),
            ("domain", !self.search.is_empty()),
            ("options", !self.options.is_empty()),
        ];
        let keeps = |line: &&str| {
            let word = line.split_ascii_whitespace().next();
            !replaced.iter().any(|(key, replaced)| *replaced && word == Some(key))
        };
        let mut text: String = base.lines().filter(keeps).flat_map(|line| [line, "\n"]).collect();
        for server in &self.servers {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "nameserver {server}");
        }
        for (key, words) in [("search", &self.search), ("options", &self.options)] {
            if !words.is_empty() && words.as_slice() != ["."] {
                let _ = writeln!(text, "{key} {}", words.join(" "));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_have_a_name_and_an_address() {
        assert_eq!(HostAddress::of("db:10.0.0.2").unwrap().0, "db");
        assert_eq!(HostAddress::of("v6=[::1]").unwrap().1, HostAddress::Is("::1".parse().unwrap()));
        assert_eq!(HostAddress::of("up:host-gateway").unwrap().1, HostAddress::Gateway);
        for word in ["", "db", ":10.0.0.2", "db:", "db:x", "d b:10.0.0.2"] {
            assert!(HostAddress::of(word).is_err(), "{word}");
        }
    }

    #[test]
    fn only_what_was_asked_for_is_replaced() {
        let base = "# host\nnameserver 10.0.0.1\nsearch example.com\noptions ndots:2\n".to_owned();
        assert_eq!(Resolution::default().resolv_conf(base.clone()), base);
        let asked = Resolution { servers: vec!["1.1.1.1".parse().unwrap()], ..Resolution::default() };
        let expected = "# host\nsearch example.com\noptions ndots:2\nnameserver 1.1.1.1\n";
        assert_eq!(asked.resolv_conf(base.clone()), expected);
        let none = Resolution { search: vec![".".into()], options: vec!["rotate".into()], ..Resolution::default() };
        assert_eq!(none.resolv_conf(base), "# host\nnameserver 10.0.0.1\noptions rotate\n");
    }

    #[test]
    fn the_gateway_is_a_host_once_it_is_known() {
        let address: IpAddr = "172.17.0.1".parse().unwrap();
        let hosts = vec![("up".into(), HostAddress::Gateway), ("db".into(), HostAddress::Is(address))];
        let resolution = Resolution { hosts, ..Resolution::default() };
        assert_eq!(resolution.hosts(None), [("db".to_owned(), address)]);
        assert_eq!(resolution.hosts(Some(address)).len(), 2);
        assert!(resolution.check(&NetworkMode::Host).is_err() && resolution.check(&NetworkMode::Bridge).is_ok());
    }
}
