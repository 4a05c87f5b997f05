//! Routes of the main table, IPv4 and IPv6 alike.

use super::one;
use crate::netlink::{Result, Socket};
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A route to a network: `0.0.0.0` or `::` with no network bits is the default route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The network.
    pub destination: IpAddr,
    /// The number of its network bits.
    pub prefix_len: u8,
    /// The router; without one, whoever is meant is on the link.
    pub via: Option<IpAddr>,
    /// The index of the link.
    pub link: u32,
}

impl Route {
    /// The default route of the family of `via`.
    pub fn default_via(via: IpAddr, link: u32) -> Route {
        Route { destination: any_like(via), prefix_len: 0, via: Some(via), link }
    }

    fn message(&self) -> RouteNetlinkMessage {
        let mut message = family(self.destination);
        message.header.table = RouteHeader::RT_TABLE_MAIN;
        message.header.protocol = RouteProtocol::Boot;
        message.header.kind = RouteType::Unicast;
        message.header.scope =
            if self.via.is_none() && self.destination.is_ipv4() { RouteScope::Link } else { RouteScope::Universe };
        message.header.destination_prefix_length = self.prefix_len;
        if self.prefix_len > 0 {
            message.attributes.push(RouteAttribute::Destination(self.destination.into()));
        }
        message.attributes.extend(self.via.map(|via| RouteAttribute::Gateway(via.into())));
        message.attributes.push(RouteAttribute::Oif(self.link));
        RouteNetlinkMessage::NewRoute(message)
    }
}

fn any_like(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

fn family(address: IpAddr) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    message
}

/// Makes a route; that there is one to the same network is an error.
pub fn add(socket: &mut Socket, route: &Route) -> Result<()> {
    one(socket, NLM_F_CREATE | NLM_F_EXCL, route.message())
}

/// Makes a route in the place of the one to the same network, if there is one.
pub fn replace(socket: &mut Socket, route: &Route) -> Result<()> {
    one(socket, NLM_F_CREATE | NLM_F_REPLACE, route.message())
}

/// The default route of the family of `like`: of several, that with the lowest metric.
pub fn default_like(socket: &mut Socket, like: IpAddr) -> Result<Option<Route>> {
    let routes: Vec<RouteNetlinkMessage> = socket.dump(RouteNetlinkMessage::GetRoute(family(like)))?;
    let default = |message: &RouteNetlinkMessage| {
        let RouteNetlinkMessage::NewRoute(message) = message else { return None };
        let header = &message.header;
        if header.destination_prefix_length > 0
            || header.table != RouteHeader::RT_TABLE_MAIN
            || header.kind != RouteType::Unicast
        {
            return None;
        }
        let mut route = Route { destination: any_like(like), prefix_len: 0, via: None, link: 0 };
        let mut metric = 0;
        for attribute in &message.attributes {
            match attribute {
                RouteAttribute::Gateway(RouteAddress::Inet(via)) => route.via = Some((*via).into()),
                RouteAttribute::Gateway(RouteAddress::Inet6(via)) => route.via = Some((*via).into()),
                RouteAttribute::Oif(index) => route.link = *index,
                RouteAttribute::Priority(number) => metric = *number,
                _ => {}
            }
        }
        Some((metric, route))
    };
    Ok(routes.iter().filter_map(default).min_by_key(|(metric, _)| *metric).map(|(_, route)| route))
}
