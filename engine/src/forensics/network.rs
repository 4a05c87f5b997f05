//! Addresses, routes, neighbours, sockets and connections of a running container.

use super::Case;
use crate::container::config::NetworkMode;
use crate::error::{Error, Result};
use porthole_capture::tracked_connections;
use porthole_network::{Endpoint, links, netns};
use serde_json::{Value, json};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd;
use std::path::Path;

/// The files with sockets, and the kind of those.
const TABLES: [(&str, &str); 6] =
    [("tcp", "tcp"), ("tcp6", "tcp"), ("udp", "udp"), ("udp6", "udp"), ("raw", "raw"), ("raw6", "raw")];

/// `enum` in the kernel's `net/tcp_states.h`, from 1 on.
const STATES: [&str; 12] = [
    "ESTABLISHED",
    "SYN_SENT",
    "SYN_RECV",
    "FIN_WAIT1",
    "FIN_WAIT2",
    "TIME_WAIT",
    "CLOSE",
    "CLOSE_WAIT",
    "LAST_ACK",
    "LISTEN",
    "CLOSING",
    "NEW_SYN_RECV",
];

impl Case<'_> {
    /// Its network; of one that does not run only what was asked for, of one in the host's network nothing more either:
    /// that is the host's.
    pub(super) fn network(&self) -> Result<Value> {
        let mode = self.config.network();
        let endpoints = self.record.endpoints(&self.live)?;
        let mut value = json!({
            "Mode": mode,
            "Published": self.config.host.publish,
            "Endpoints": endpoints,
        });
        let Some(init) = self.init().filter(|_| *mode != NetworkMode::Host) else { return Ok(value) };
        let path = format!("/proc/{init}/ns/net");
        let failed = |source| Error::file(&path, source);
        let namespace = netns::open(Path::new(&path)).map_err(failed)?;
        let interfaces = netns::visit(namespace.as_fd(), links).map_err(failed)??;
        value["Interfaces"] = json!(interfaces);
        for (name, file) in [("Routes", "route"), ("Routes6", "ipv6_route"), ("Neighbours", "arp")] {
            value[name] = json!(read(init, file)?.lines().collect::<Vec<_>>());
        }
        let mut sockets = Vec::new();
        for (file, kind) in TABLES {
            sockets.extend(read(init, file)?.lines().skip(1).filter_map(|line| socket(kind, line)));
        }
        value["Sockets"] = Value::Array(sockets);
        let inside = netns::visit(namespace.as_fd(), tracked_connections).map_err(failed)??;
        let outside = tracked_connections()?.into_iter().filter(|connection| belongs(connection, &endpoints));
        let tell = |connection: porthole_capture::TrackedConnection| {
            json!({
                "Original": connection.original.to_string(),
                "Reply": connection.reply.to_string(),
                "State": connection.state,
            })
        };
        value["Connections"] = inside.into_iter().map(tell).collect();
        value["ConnectionsOnHost"] = outside.map(tell).collect();
        Ok(value)
    }
}

/// Whether a connection of the host is one of the container at this place.
fn belongs(connection: &porthole_capture::TrackedConnection, endpoints: &[Endpoint]) -> bool {
    let ends = [connection.original, connection.reply].map(|flow| [flow.source, flow.destination]);
    let own: Vec<IpAddr> = endpoints.iter().flat_map(|endpoint| &endpoint.addresses).map(|own| own.address).collect();
    ends.iter().flatten().any(|end| own.contains(&end.address))
}

fn read(init: i32, file: &str) -> Result<String> {
    let path = format!("/proc/{init}/net/{file}");
    match fs::read_to_string(&path) {
        // A kernel without IPv6 has no such files.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        text => text.map_err(|source| Error::file(path, source)),
    }
}

/// A line of `/proc/net/tcp`: number, local address, remote address, state, …, uid, timeout, inode.
fn socket(kind: &str, line: &str) -> Option<Value> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let state = usize::from_str_radix(fields.get(3)?, 16).ok()?;
    let state = if kind == "tcp" { STATES.get(state.checked_sub(1)?).copied() } else { None };
    Some(json!({
        "Kind": kind,
        "Local": address(fields.get(1)?)?,
        "Remote": address(fields.get(2)?)?,
        "State": state,
        "Uid": fields.get(7)?.parse::<u32>().ok()?,
        "Inode": fields.get(9)?.parse::<u64>().ok()?,
    }))
}

/// `0100007F:1F90`: words of 32 bits in the byte order of the machine.
fn address(text: &str) -> Option<String> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| {
        address.get(at..at + 8).and_then(|digits| u32::from_str_radix(digits, 16).ok()).map(u32::to_ne_bytes)
    };
    match address.len() {
        8 => Some(format!("{}:{port}", Ipv4Addr::from(word(0)?))),
        32 => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?];
            let bytes: [u8; 16] = words.concat().try_into().ok()?;
            Some(format!("[{}]:{port}", Ipv6Addr::from(bytes)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn sockets_are_read() {
        let line =
            "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 12345 1 x";
        let socket = socket("tcp", line).unwrap();
        assert_eq!([&socket["Local"], &socket["Remote"], &socket["State"]], ["127.0.0.1:8080", "0.0.0.0:0", "LISTEN"]);
        assert_eq!((&socket["Uid"], &socket["Inode"]), (&json!(1000), &json!(12345)));
        assert_eq!(address("00000000000000000000000001000000:0035").as_deref(), Some("[::1]:53"));
        assert_eq!(address("x:1"), None);
    }
}
