//! Moving network devices of the host into a container's network namespace (config-linux.md, "Network Devices"): with their
//! addresses, which the kernel itself would let go of (rtnetlink(7)).

use super::error::{Context, Error, Result};
use super::namespaces::{Namespaces, Visit, join};
use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket};
use oci_spec::runtime::{Linux, LinuxNetDevice, Spec};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

/// Refuses devices for a container that has the host's network.
pub(super) fn check(spec: &Spec, namespaces: &Namespaces) -> Result<()> {
    if devices(spec).next().is_some() && namespaces.all() & libc::CLONE_NEWNET == 0 {
        return Err(Error::Spec("unable to move network devices without a NET namespace".into()));
    }
    for (name, device) in devices(spec) {
        for name in [Some(name), device.name().as_ref()].into_iter().flatten() {
            let valid = (1..libc::IFNAMSIZ).contains(&name.len()) && ![".", ".."].contains(&name.as_str());
            if !valid || name.contains(|letter: char| letter == '/' || letter == ':' || letter.is_whitespace()) {
                return Err(Error::Spec(format!("linux.netDevices: {name:?} is no name of a device")));
            }
        }
    }
    Ok(())
}

/// Moves those that a spec lists into the network namespace of a process.
pub(super) fn move_all(spec: &Spec, process: i32) -> Result<()> {
    if devices(spec).next().is_none() {
        return Ok(());
    }
    let path = format!("/proc/{process}/ns/net");
    let namespace = File::open(&path).during(|| format!("open {path}"))?;
    for (name, device) in devices(spec) {
        let inside = device.name().as_deref().filter(|inside| !inside.is_empty()).unwrap_or(name);
        move_one(name, inside, &namespace).during(|| format!("move network device {name} into the container"))?;
    }
    Ok(())
}

fn devices(spec: &Spec) -> impl Iterator<Item = (&String, &LinuxNetDevice)> {
    spec.linux().iter().flat_map(Linux::net_devices).flatten()
}

fn move_one(name: &str, inside: &str, namespace: &File) -> io::Result<()> {
    let host = Routes::open()?;
    let index = if_nametoindex(name)?;
    let addresses = host.addresses(index)?;
    host.ask(&message(libc::RTM_NEWLINK, 0, &link(index, false), &[]))?;
    let descriptor = namespace.as_raw_fd().to_ne_bytes();
    let attributes = [(libc::IFLA_NET_NS_FD, &descriptor[..]), (libc::IFLA_IFNAME, inside.as_bytes())];
    host.ask(&message(libc::RTM_NEWLINK, 0, &link(index, false), &attributes))?;

    let mut visit = Visit::default();
    visit.enter(libc::CLONE_NEWNET, |flag| join(namespace, flag))?;
    let container = Routes::open()?;
    let index = if_nametoindex(inside)?;
    for address in addresses {
        container.ask(&address.request(index))?;
    }
    container.ask(&message(libc::RTM_NEWLINK, 0, &link(index, true), &[])).map(drop)
}

/// `struct ifinfomsg`: which device, and whether it is up.
fn link(index: u32, up: bool) -> [u8; 16] {
    let mut head = [0; 16];
    head[4..8].copy_from_slice(&index.to_ne_bytes());
    let flag = libc::IFF_UP.to_ne_bytes();
    head[8..12].copy_from_slice(if up { &flag } else { &[0; 4] });
    head[12..16].copy_from_slice(&flag);
    head
}

/// An address, as the kernel has told of it.
struct Address {
    /// `struct ifaddrmsg`: family, prefix length, flags, scope, and the device's index.
    head: [u8; 8],
    attributes: Vec<(u16, Vec<u8>)>,
}

impl Address {
    const KEPT: [u16; 3] = [libc::IFA_ADDRESS, libc::IFA_LOCAL, libc::IFA_BROADCAST];

    /// One of a device, that was given to it for good and is known everywhere.
    fn parse(body: &[u8], index: u32) -> Option<Self> {
        let head: [u8; 8] = body.get(..8)?.try_into().ok()?;
        let [_, _, flags, scope, at @ ..] = head;
        let lasts = u32::from(flags) & libc::IFA_F_PERMANENT != 0 && scope == libc::RT_SCOPE_UNIVERSE;
        let attributes = attributes(&body[8..]).filter(|(kind, _)| Self::KEPT.contains(kind)).collect();
        (lasts && u32::from_ne_bytes(at) == index).then_some(Self { head, attributes })
    }

    /// The request to give it to another device.
    fn request(&self, index: u32) -> Vec<u8> {
        let mut head = self.head;
        head[4..8].copy_from_slice(&index.to_ne_bytes());
        let attributes: Vec<_> = self.attributes.iter().map(|(kind, value)| (*kind, value.as_slice())).collect();
        message(libc::RTM_NEWADDR, libc::NLM_F_CREATE | libc::NLM_F_EXCL, &head, &attributes)
    }
}

/// Length and kind of an attribute, or the head of a message (netlink(7)).
const ATTRIBUTE: usize = 4;
const MESSAGE: usize = 16;

const fn aligned(length: usize) -> usize {
    length.next_multiple_of(4)
}

fn message(kind: u16, flags: libc::c_int, head: &[u8], attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let flags = (flags | libc::NLM_F_REQUEST | libc::NLM_F_ACK) as u16;
    let mut message = vec![0; 4];
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.resize(MESSAGE, 0);
    message.extend(head);
    for (kind, value) in attributes {
        message.extend(((ATTRIBUTE + value.len()) as u16).to_ne_bytes());
        message.extend(kind.to_ne_bytes());
        message.extend(*value);
        message.resize(aligned(message.len()), 0);
    }
    let length = message.len() as u32;
    message[..4].copy_from_slice(&length.to_ne_bytes());
    message
}

fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, Vec<u8>)> {
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?));
        let kind = u16::from_ne_bytes(bytes.get(2..4)?.try_into().ok()?);
        let value = bytes.get(ATTRIBUTE..length)?.to_vec();
        bytes = bytes.get(aligned(length)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// A connection to the kernel's network configuration, of the namespace that it was made in.
struct Routes(OwnedFd);

impl Routes {
    fn open() -> io::Result<Self> {
        let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute)?;
        Ok(Self(socket))
    }

    fn addresses(&self, index: u32) -> io::Result<Vec<Address>> {
        let request = message(libc::RTM_GETADDR, libc::NLM_F_DUMP, &[0; 8], &[]);
        let told = self.ask(&request)?;
        Ok(told.iter().filter_map(|body| Address::parse(body, index)).collect())
    }

    /// Sends a request; the bodies of what is told in answer.
    fn ask(&self, request: &[u8]) -> io::Result<Vec<Vec<u8>>> {
        send(self.0.as_raw_fd(), request, MsgFlags::empty())?;
        let mut told = Vec::new();
        let mut buffer = vec![0; 32 << 10];
        loop {
            let count = match recv(self.0.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
                Err(Errno::EINTR) => continue,
                count => count?,
            };
            let mut rest = &buffer[..count];
            while let Some((kind, body)) = split(&mut rest) {
                match i32::from(kind) {
                    libc::NLMSG_DONE => return Ok(told),
                    libc::NLMSG_ERROR => {
                        let code = body.get(..4).and_then(|code| code.try_into().ok()).map_or(0, i32::from_ne_bytes);
                        return if code == 0 { Ok(told) } else { Err(io::Error::from_raw_os_error(-code)) };
                    }
                    _ => told.push(body.to_vec()),
                }
            }
        }
    }
}

/// The first of some messages: its kind and body.
fn split<'a>(messages: &mut &'a [u8]) -> Option<(u16, &'a [u8])> {
    let length = u32::from_ne_bytes(messages.get(..4)?.try_into().ok()?) as usize;
    let kind = u16::from_ne_bytes(messages.get(4..6)?.try_into().ok()?);
    let body = messages.get(MESSAGE..length)?;
    *messages = messages.get(aligned(length)..).unwrap_or_default();
    Some((kind, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_asked_for_as_it_was_told() {
        let mut told = message(
            libc::RTM_NEWADDR,
            0,
            &[2, 24, 0x80, 0, 0, 0, 0, 0],
            &[(libc::IFA_LOCAL, &[10, 1, 2, 3]), (libc::IFA_LABEL, b"eth0\0"), (libc::IFA_BROADCAST, &[10, 1, 2, 254])],
        );
        told[MESSAGE + 4..MESSAGE + 8].copy_from_slice(&7_u32.to_ne_bytes());
        let mut rest = told.as_slice();
        let (kind, body) = split(&mut rest).unwrap();
        assert!(kind == libc::RTM_NEWADDR && rest.is_empty());
        assert!(Address::parse(body, 8).is_none());
        let request = Address::parse(body, 7).unwrap().request(9);
        let (_, body) = split(&mut request.as_slice()).unwrap();
        assert_eq!(body[..8], [[2, 24, 0x80, 0], 9_u32.to_ne_bytes()].concat());
        let kinds: Vec<_> = attributes(&body[8..]).collect();
        assert_eq!(kinds, [(libc::IFA_LOCAL, vec![10, 1, 2, 3]), (libc::IFA_BROADCAST, vec![10, 1, 2, 254])]);
    }
}
