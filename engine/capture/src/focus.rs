//! What a session looks at.

use std::net::IpAddr;

use crate::flow::{Endpoint, Flow, Protocol};
use crate::journey::TapKind;

/// Connections of interest: those to a published port, and those of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Focus {
    /// Only this protocol.
    pub protocol: Option<Protocol>,
    /// The published side: what clients outside connect to.
    pub published: Option<Side>,
    /// The container's side: where published connections end, or the container itself.
    pub container: Option<Side>,
}

/// An address, a port, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Side {
    /// The address; any if none.
    pub address: Option<IpAddr>,
    /// The port; any if none.
    pub port: Option<u16>,
}

impl Side {
    fn matches(&self, endpoint: &Endpoint) -> bool {
        self.address.is_none_or(|address| address == endpoint.address)
            && self.port.is_none_or(|port| port == endpoint.port)
    }

    /// In pcap-filter(7)'s language; none if it matches everything.
    fn filter(&self) -> Option<String> {
        match (self.address, self.port) {
            (Some(address), Some(port)) => Some(format!("(host {address} and port {port})")),
            (Some(address), None) => Some(format!("host {address}")),
            (None, Some(port)) => Some(format!("port {port}")),
            (None, None) => None,
        }
    }
}

impl Focus {
    /// A published port and where it leads.
    pub fn port(protocol: Protocol, address: Option<IpAddr>, port: u16, container: Endpoint) -> Self {
        Focus {
            protocol: Some(protocol),
            published: Some(Side { address, port: Some(port) }),
            container: Some(Side { address: Some(container.address), port: Some(container.port) }),
        }
    }

    /// Everything from and to a container.
    pub fn container(address: IpAddr) -> Self {
        let side = Side { address: Some(address), port: None };
        Focus { protocol: None, published: None, container: Some(side) }
    }

    fn sides(&self) -> impl Iterator<Item = &Side> {
        self.published.iter().chain(&self.container)
    }

    /// Whether a packet with this flow is of interest.
    pub(crate) fn matches(&self, flow: &Flow) -> bool {
        self.protocol.is_none_or(|protocol| protocol == flow.protocol)
            && self.sides().any(|side| side.matches(&flow.source) || side.matches(&flow.destination))
    }

    /// The filter for one tap; none if it has to see everything.
    fn filter(&self, kind: TapKind) -> Option<String> {
        // Away from the container its connections may show another address and any port.
        let hidden =
            |side: &Side| side.port.is_none() && matches!(kind, TapKind::Outside | TapKind::Uplink | TapKind::Loopback);
        if self.container.as_ref().is_some_and(hidden) {
            return self.protocol.and_then(protocol_filter).map(str::to_owned);
        }
        let sides = self.sides().map(Side::filter).collect::<Option<Vec<_>>>()?.join(" or ");
        match self.protocol.and_then(protocol_filter) {
            Some(protocol) if sides.is_empty() => Some(protocol.to_owned()),
            Some(protocol) => Some(format!("({protocol} and ({sides}))")),
            None if sides.is_empty() => None,
            None => Some(format!("({sides})")),
        }
    }
}

fn protocol_filter(protocol: Protocol) -> Option<&'static str> {
    match protocol {
        Protocol::Tcp => Some("tcp"),
        Protocol::Udp => Some("udp"),
        Protocol::Icmp => Some("icmp"),
        Protocol::Icmpv6 => Some("icmp6"),
        Protocol::Arp => Some("arp"),
        Protocol::Other(_) => None,
    }
}

/// The filter that a tap needs to show everything in focus, from both sides of NAT, and the ICMP errors about it; in
/// pcap-filter(7)'s language. Empty if the tap has to see everything.
pub(crate) fn filter(focus: &[Focus], kind: TapKind, arp: bool) -> String {
    let Some(mut parts) = focus.iter().map(|focus| focus.filter(kind)).collect::<Option<Vec<_>>>() else {
        return String::new();
    };
    if parts.is_empty() {
        return String::new();
    }
    // Echoes and errors, not the neighbour discovery that is always going on (RFC 4443 §2.1, RFC 4861).
    parts.push("icmp or (icmp6 and ip6[40] < 130)".to_owned());
    if arp {
        parts.push("arp".to_owned());
    }
    parts.join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn filters_by_both_sides_of_nat() {
        let container = Endpoint::new(Ipv4Addr::new(172, 17, 0, 2), 80);
        let focus = [Focus::port(Protocol::Tcp, None, 8088, container)];
        assert_eq!(
            filter(&focus, TapKind::Bridge, false),
            "(tcp and (port 8088 or (host 172.17.0.2 and port 80))) or icmp or (icmp6 and ip6[40] < 130)"
        );
        let at = |host, port| Endpoint::new(Ipv4Addr::new(10, 0, 0, host), port);
        assert!(focus[0].matches(&Flow::new(Protocol::Tcp, at(2, 4000), at(1, 8088))));
        assert!(focus[0].matches(&Flow::new(Protocol::Tcp, container, at(2, 4000))));
        assert!(!focus[0].matches(&Flow::new(Protocol::Udp, at(2, 4000), at(1, 8088))));
        assert!(!focus[0].matches(&Flow::new(Protocol::Tcp, at(2, 4000), at(1, 80))));
    }

    #[test]
    fn a_masqueraded_container_is_not_filtered_out_at_the_uplink() {
        let focus = [Focus::container(Ipv4Addr::new(172, 17, 0, 2).into())];
        assert_eq!(filter(&focus, TapKind::Uplink, true), "");
        assert_eq!(
            filter(&focus, TapKind::Veth, true),
            "(host 172.17.0.2) or icmp or (icmp6 and ip6[40] < 130) or arp"
        );
        assert_eq!(filter(&[], TapKind::Veth, false), "");
    }
}
