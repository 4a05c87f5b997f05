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

/// The parameters by which the host forwards packets of a family.
fn forwarding_of(ipv6: bool) -> &'static str {
    if ipv6 { "ipv6/conf/all/forwarding" } else { "ipv4/ip_forward" }
}

/// Whether the host forwards packets of a family.
pub(crate) fn forwarding(ipv6: bool) -> Result<bool, Error> {
    let path = path(forwarding_of(ipv6));
    let text = fs::read_to_string(&path).map_err(|source| Error::Sysctl { path, source })?;
    Ok(text.trim() != "0")
}

/// Makes the host forward packets of a family, or stop to.
pub(crate) fn set_forwarding(ipv6: bool, on: bool) -> Result<(), Error> {
    if ipv6 && on {
        go_on_hearing_routers()?;
    }
    write(forwarding_of(ipv6), if on { "1" } else { "0" })
}

/// A host that forwards is deaf to router advertisements unless it is told to hear them all the same (accept_ra = 2,
/// ip-sysctl): one that has its address from them would lose it.
fn go_on_hearing_routers() -> Result<(), Error> {
    let directory = path("ipv6/conf");
    let entries = fs::read_dir(&directory).map_err(|source| Error::Sysctl { path: directory, source })?;
    for name in entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
        let hears = format!("ipv6/conf/{name}/accept_ra");
        let is_interface = !matches!(name.as_str(), "all" | "default" | "lo");
        if is_interface && fs::read_to_string(path(&hears)).is_ok_and(|value| value.trim() == "1") {
            write(&hears, "2")?;
        }
    }
    Ok(())
}

/// What a bridge needs: replies to localhost may come in by it, and no router advertisement of a container is heard.
pub(crate) fn prepare_bridge(name: &str) -> Result<(), Error> {
    write(&format!("ipv4/conf/{name}/route_localnet"), "1")?;
    // Nobody else has its addresses; until that were found out, a second later, it could not ask who has a container's.
    for (parameter, value) in [("accept_ra", "0"), ("accept_dad", "0")] {
        match write(&format!("ipv6/conf/{name}/{parameter}"), value) {
            // A kernel without IPv6.
            Err(Error::Sysctl { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
            other => other?,
        }
    }
    Ok(())
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
