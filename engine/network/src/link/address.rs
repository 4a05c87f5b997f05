//! Addresses of links, IPv4 and IPv6 alike.

use super::one;
use crate::netlink::{Result, Socket};
use crate::subnet::Subnet;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use std::net::IpAddr;

/// Gives a link an address with its prefix length. An IPv6 address is usable at once: that nobody else has it is not
/// looked into (IFA_F_NODAD), for whoever gives it has seen to that.
pub fn add(socket: &mut Socket, index: u32, address: IpAddr, prefix_len: u8) -> Result<()> {
    one(socket, NLM_F_CREATE | NLM_F_EXCL, message(index, address, prefix_len))
}

/// As [`add`]; that the link has the address already is no error.
pub(crate) fn ensure(socket: &mut Socket, index: u32, address: IpAddr, prefix_len: u8) -> Result<()> {
    one(socket, NLM_F_CREATE | NLM_F_REPLACE, message(index, address, prefix_len))
}

pub(super) fn message(index: u32, address: IpAddr, prefix_len: u8) -> RouteNetlinkMessage {
    let mut message = AddressMessage::default();
    message.header.index = index;
    message.header.prefix_len = prefix_len;
    message.attributes = vec![AddressAttribute::Address(address), AddressAttribute::Local(address)];
    match Subnet::containing(address, prefix_len).broadcast() {
        IpAddr::V4(broadcast) => {
            message.header.family = AddressFamily::Inet;
            // Networks of one or two addresses have no broadcast address (RFC 3021).
            message.attributes.extend((prefix_len < 31).then_some(AddressAttribute::Broadcast(broadcast)));
        }
        IpAddr::V6(_) => {
            message.header.family = AddressFamily::Inet6;
            message.header.flags = AddressHeaderFlags::Nodad;
        }
    }
    RouteNetlinkMessage::NewAddress(message)
}
