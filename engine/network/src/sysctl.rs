//! Kernel parameters of the calling thread's network namespace, under `/proc/sys/net`.

use crate::{Error, netns};
use std::fs;
use std::ops::RangeInclusive;
use std::os::fd::BorrowedFd;

/// Linux's own choice for ip_local_port_range, and what Docker falls back to.
const EPHEMERAL: RangeInclusive<u16> = 32768..=60999;

/// The ports that the host gives to those who name none.
pub(crate) fn ephemeral_ports() -> RangeInclusive<u16> {
    let read = || {
        let text = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
        let (first, last) = text.trim().split_once(char::is_whitespace)?;
        let (first, last): (u16, u16) = (first.parse().ok()?, last.trim().parse().ok()?);
        (0 < first && first <= last).then_some(first..=last)
    };
    read().unwrap_or(EPHEMERAL)
}

/// Whether the host forwards IPv4 packets.
pub(crate) fn forwarding() -> Result<bool, Error> {
    let path = path("ipv4/ip_forward");
    let text = fs::read_to_string(&path).map_err(|source| Error::Sysctl { path, source })?;
    Ok(text.trim() != "0")
}

/// Makes the host forward IPv4 packets, or stop to.
pub(crate) fn set_forwarding(on: bool) -> Result<(), Error> {
    write("ipv4/ip_forward", if on { "1" } else { "0" })
}

/// What a bridge needs: replies to localhost may come in by it, and no router advertisement of a container is heard.
pub(crate) fn prepare_bridge(name: &str) -> Result<(), Error> {
    write(&format!("ipv4/conf/{name}/route_localnet"), "1")?;
    match write(&format!("ipv6/conf/{name}/accept_ra"), "0") {
        // A kernel without IPv6 hears none anyway.
        Err(Error::Sysctl { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Writes a parameter, `ipv6/conf/eth0/disable_ipv6`, of another network namespace.
pub fn set_in(netns: BorrowedFd<'_>, name: &str, value: &str) -> Result<(), Error> {
    // Below /proc/sys/net each thread finds the parameters of the namespace in which it is.
    let written = netns::visit(netns, || write(name, value));
    written.map_err(|source| Error::Sysctl { path: path(name), source })?
}

fn path(name: &str) -> String {
    format!("/proc/sys/net/{name}")
}

fn write(name: &str, value: &str) -> Result<(), Error> {
    let path = path(name);
    fs::write(&path, value).map_err(|source| Error::Sysctl { path, source })
}
