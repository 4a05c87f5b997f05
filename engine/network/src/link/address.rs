//! Addresses of links, IPv4 and IPv6 alike.

use super::one;
use crate::netlink::{Result, Socket};
use crate::subnet::Subnet;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use std::net::IpAddr;

/// Gives a link an address with its prefix length. An IPv6 address is usable at once: that nobody else has it is not
/// looked into (IFA_F_NODAD), for whoever gives it has seen to that.
pub fn add(socket: &mut Socket, index: u32, address: IpAddr, prefix_len: u8) -> Result<()> {
    let mut message = AddressMessage::default();
    message.header.index = index;
    message.header.prefix_len = prefix_len;
    message.attributes = vec![AddressAttribute::Address(address), AddressAttribute::Local(address)];
    match address {
        IpAddr::V4(v4) => {
            message.header.family = AddressFamily::Inet;
            // Networks of one or two addresses have no broadcast address (RFC 3021).
            let broadcast = (prefix_len < 31).then(|| Subnet::containing(v4, prefix_len).broadcast());
            message.attributes.extend(broadcast.map(AddressAttribute::Broadcast));
        }
        IpAddr::V6(_) => {
            message.header.family = AddressFamily::Inet6;
            message.header.flags = AddressHeaderFlags::Nodad;
        }
    }
    one(socket, NLM_F_CREATE | NLM_F_EXCL, RouteNetlinkMessage::NewAddress(message))
}
