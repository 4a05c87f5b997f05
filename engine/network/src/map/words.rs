//! The facts of the map in words, the same wherever they are shown.

use super::{Address, Interface, Map, Namespace, Route, StationState, mac_text};

impl Interface {
    /// `veth`, `macvlan bridge`, `vlan 10`.
    pub fn kind_text(&self) -> String {
        let kind = if self.kind.is_empty() { "physical" } else { &self.kind };
        let more = self.mode.clone().or(self.vlan.map(|vlan| vlan.to_string()));
        more.map_or_else(|| kind.to_owned(), |more| format!("{kind} {more}"))
    }

    /// Its number, and that of what it hangs on: `5⇄2`, `7→3`.
    pub fn numbers_text(&self) -> String {
        match &self.link {
            Some(far) if self.is_child() => format!("{}→{}", self.ifindex, far.ifindex),
            Some(far) => format!("{}⇄{}", self.ifindex, far.ifindex),
            None => self.ifindex.to_string(),
        }
    }

    /// `up`, or of a port what the bridge does with it: `forwarding, hairpin`.
    pub fn state_text(&self) -> String {
        let link = match (self.up, self.carrier) {
            (false, _) => "down",
            (true, false) => "no carrier",
            (true, true) => "up",
        };
        let Some(port) = self.port.as_ref().filter(|_| self.up && self.carrier) else { return link.to_owned() };
        let facts = [
            (port.hairpin, "hairpin"),
            (port.isolated, "isolated"),
            (port.locked, "locked"),
            (!port.learning, "no learning"),
            (!port.flood, "no flood"),
        ];
        let facts = facts.iter().filter(|(holds, _)| *holds).map(|(_, name)| *name);
        [port.state].into_iter().chain(facts).collect::<Vec<_>>().join(", ")
    }

    /// `172.17.0.2/16, fe80::1/64`; empty without any.
    pub fn addresses_text(&self) -> String {
        self.addresses.iter().map(Address::to_string).collect::<Vec<_>>().join(", ")
    }
}

impl Map {
    /// What is at the other end of an interface: `web eth0 172.17.0.2/16`, `host veth1 port 2 of docker0`, the children that a
    /// parent has in other namespaces. Empty when it leads nowhere else.
    pub fn leads_to(&self, namespace: &Namespace, interface: &Interface) -> String {
        let children = self.children(namespace.inode, interface.ifindex);
        let elsewhere = children.filter(|(there, _)| there.inode != namespace.inode);
        let ends = elsewhere.map(|(there, child)| there.end_text(child));
        let own = interface.link.as_ref();
        let own = own.filter(|far| far.namespace != Some(namespace.inode) || !interface.is_child());
        let own = own.map(|far| match self.far(far) {
            Some((there, end)) => there.end_text(end),
            None => format!("if {} of an unknown namespace", far.ifindex),
        });
        own.into_iter().chain(ends).collect::<Vec<_>>().join("; ")
    }
}

impl Namespace {
    /// An interface of it, as seen from elsewhere.
    fn end_text(&self, interface: &Interface) -> String {
        let bridge = interface.master.and_then(|master| self.interface(master));
        let port = interface.port.as_ref().zip(bridge);
        let place = port.map(|(port, bridge)| format!("port {} of {}", port.number, bridge.ifname));
        let address = interface.addresses.first().map(Address::to_string);
        let words = [Some(self.title()), Some(interface.ifname.clone()), place.or(address)];
        words.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

impl StationState {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            StationState::Learned => "learned",
            StationState::Permanent => "permanent",
            StationState::Static => "static",
        }
    }
}

impl Route {
    /// `default`, `172.17.0.0/16`, `broadcast 172.17.255.255/32`.
    pub fn destination_text(&self) -> String {
        let destination = self.destination.map_or_else(|| "default".to_owned(), |to| to.to_string());
        if self.kind == "unicast" { destination } else { format!("{} {destination}", self.kind) }
    }
}

/// Facts side by side, for lists without columns.
fn words(parts: &[&str]) -> String {
    parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("  ")
}

impl super::Station {
    /// `02:42:ac:11:00:02  veth9d8f5b1  learned`, which stays the same from one look to the next.
    pub fn text(&self) -> String {
        words(&[&mac_text(self.mac), &self.ifname, self.state.name()])
    }
}

impl super::Neighbour {
    /// `172.17.0.1  02:42:05:8c:53:8e  eth0  reachable`.
    pub fn text(&self) -> String {
        let mac = self.mac.map(mac_text).unwrap_or_default();
        words(&[&self.address.to_string(), &mac, &self.ifname, self.state])
    }
}

impl Route {
    /// `default via 172.17.0.1 dev eth0`, as ip(8) writes it.
    pub fn text(&self) -> String {
        let part =
            |word: &str, value: Option<String>| value.map(|value| format!(" {word} {value}")).unwrap_or_default();
        let address = |address: Option<std::net::IpAddr>| address.map(|address| address.to_string());
        let via = |hop: &super::NextHop| part("via", address(hop.gateway));
        format!(
            "{}{}{}{}{}{}",
            self.destination_text(),
            part("via", address(self.gateway)),
            self.nexthops.iter().map(via).collect::<String>(),
            part("dev", self.ifname.clone()),
            part("src", address(self.source)),
            part("metric", self.metric.map(|metric| metric.to_string())),
        )
    }
}
