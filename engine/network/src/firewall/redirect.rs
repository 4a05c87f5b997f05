//! The rules inside a container's network namespace by which its resolver, listening at ports of its own, is found at port 53: a
//! server in the container may then have that port at every address.

use super::batch::{Base, Batch, Place};
use super::expression as is;
use super::userdata;
use crate::netlink::{Error, Result, Socket};
use crate::port::Protocol;
use crate::ruleset::Family;
use netlink_packet_netfilter::NetfilterMessage;
use netlink_packet_netfilter::nftables::InetHookNumber;
use std::net::SocketAddrV4;

const TABLE: Place<'static> = Place { family: Family::Ip, table: "porthole" };
const CHAIN: &str = "OUTPUT";

/// Sends what goes to each address of a list to the other one beside it. Earlier such rules are replaced.
pub(crate) fn redirect(socket: &mut Socket, redirections: &[(Protocol, SocketAddrV4, SocketAddrV4)]) -> Result<()> {
    match send(socket, redirections, false) {
        // The namespace is that of a container that starts again.
        Err(error) if error.is(libc::EEXIST) => send(socket, redirections, true),
        other => other,
    }
}

fn send(socket: &mut Socket, redirections: &[(Protocol, SocketAddrV4, SocketAddrV4)], replace: bool) -> Result<()> {
    let mut batch = Batch::new(None);
    if replace {
        batch.delete_table(TABLE);
    }
    batch.add_table(TABLE, "names of other containers");
    batch.add_chain(TABLE, CHAIN, Some(Base { kind: "nat", hook: InetHookNumber::LocalOut, priority: -100 }));
    for (protocol, from, to) in redirections {
        let mut expressions = is::to_address(*from.ip());
        expressions.extend(is::to_port(*protocol, from.port()));
        expressions.push(is::counter());
        expressions.extend(is::dnat((*to).into()));
        batch.add_rule(TABLE, CHAIN, expressions, userdata::comment("to the container's resolver"));
    }
    socket.execute::<NetfilterMessage>(batch.finish()).map(drop)
}

/// Whether a refusal means that the kernel cannot translate addresses: no nftables, or no chain of that type.
pub(crate) fn is_unsupported(error: &Error) -> bool {
    let missing = [libc::EPROTONOSUPPORT, libc::EAFNOSUPPORT, libc::EOPNOTSUPP, libc::ENOENT, libc::EINVAL];
    match error {
        Error::Refused { errno, .. } => missing.contains(errno),
        Error::Socket { source, .. } => source.raw_os_error().is_some_and(|errno| missing.contains(&errno)),
        _ => false,
    }
}
