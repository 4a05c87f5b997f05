//! Links that stand on another one, their parent: macvlan, ipvlan and VLAN (ip-link(8)).

use super::{Mac, execute, named, of_kind, up};
use crate::Error;
use crate::netlink::{self, Requests, Socket};
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    InfoData, InfoIpVlan, InfoKind, InfoMacVlan, InfoVlan, IpVlanFlags, IpVlanMode, LinkAttribute, LinkMessage,
    MacVlanMode,
};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::str::FromStr;

/// How macvlans of one parent reach each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MacvlanMode {
    /// Directly.
    #[default]
    Bridge,
    /// Not at all.
    Private,
    /// By way of a switch outside that sends packets back (IEEE 802.1Qbg).
    Vepa,
    /// There is but one, and it has the parent for itself.
    Passthru,
}

/// What an ipvlan has of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IpvlanMode {
    /// Its broadcasts and neighbours.
    #[default]
    L2,
    /// Its addresses alone: the parent routes.
    L3,
    /// As `L3`, and packets pass the host's connection tracking.
    L3s,
}

/// How ipvlans of one parent reach each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IpvlanFlag {
    /// Directly.
    #[default]
    Bridge,
    /// Not at all.
    Private,
    /// By way of a switch outside that sends packets back.
    Vepa,
}

/// A text that names no mode.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("unknown {kind} mode \"{text}\": want {wanted}")]
pub struct UnknownMode {
    kind: &'static str,
    text: String,
    wanted: &'static str,
}

impl FromStr for MacvlanMode {
    type Err = UnknownMode;

    fn from_str(text: &str) -> Result<MacvlanMode, UnknownMode> {
        match text {
            "bridge" => Ok(MacvlanMode::Bridge),
            "private" => Ok(MacvlanMode::Private),
            "vepa" => Ok(MacvlanMode::Vepa),
            "passthru" => Ok(MacvlanMode::Passthru),
            _ => Err(UnknownMode { kind: "macvlan", text: text.into(), wanted: "bridge, private, vepa or passthru" }),
        }
    }
}

impl fmt::Display for MacvlanMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MacvlanMode::Bridge => "bridge",
            MacvlanMode::Private => "private",
            MacvlanMode::Vepa => "vepa",
            MacvlanMode::Passthru => "passthru",
        })
    }
}

impl FromStr for IpvlanMode {
    type Err = UnknownMode;

    fn from_str(text: &str) -> Result<IpvlanMode, UnknownMode> {
        match text {
            "l2" => Ok(IpvlanMode::L2),
            "l3" => Ok(IpvlanMode::L3),
            "l3s" => Ok(IpvlanMode::L3s),
            _ => Err(UnknownMode { kind: "ipvlan", text: text.into(), wanted: "l2, l3 or l3s" }),
        }
    }
}

impl FromStr for IpvlanFlag {
    type Err = UnknownMode;

    fn from_str(text: &str) -> Result<IpvlanFlag, UnknownMode> {
        match text {
            "bridge" => Ok(IpvlanFlag::Bridge),
            "private" => Ok(IpvlanFlag::Private),
            "vepa" => Ok(IpvlanFlag::Vepa),
            _ => Err(UnknownMode { kind: "ipvlan", text: text.into(), wanted: "bridge, private or vepa" }),
        }
    }
}

/// The number of a VLAN, 1 to 4094 (IEEE 802.1Q).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct VlanId(u16);

/// A number that no VLAN has.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("invalid VLAN \"{0}\": want a number from 1 to 4094")]
pub struct InvalidVlan(String);

impl TryFrom<u16> for VlanId {
    type Error = InvalidVlan;

    fn try_from(number: u16) -> Result<VlanId, InvalidVlan> {
        if (1..=4094).contains(&number) { Ok(VlanId(number)) } else { Err(InvalidVlan(number.to_string())) }
    }
}

impl From<VlanId> for u16 {
    fn from(id: VlanId) -> u16 {
        id.0
    }
}

impl FromStr for VlanId {
    type Err = InvalidVlan;

    fn from_str(text: &str) -> Result<VlanId, InvalidVlan> {
        let number: u16 = text.parse().map_err(|_| InvalidVlan(text.into()))?;
        number.try_into()
    }
}

impl fmt::Display for VlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a link does with its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It has a hardware address of its own.
    Macvlan(MacvlanMode),
    /// It has the parent's hardware address, and is told apart by its IP addresses.
    Ipvlan(IpvlanMode, IpvlanFlag),
    /// It sends and receives the packets with this tag.
    Vlan(VlanId),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Macvlan(_) => "macvlan",
            Kind::Ipvlan(..) => "ipvlan",
            Kind::Vlan(_) => "VLAN",
        })
    }
}

impl Kind {
    fn info(self) -> (InfoKind, InfoData) {
        match self {
            Kind::Macvlan(mode) => {
                let mode = match mode {
                    MacvlanMode::Bridge => MacVlanMode::Bridge,
                    MacvlanMode::Private => MacVlanMode::Private,
                    MacvlanMode::Vepa => MacVlanMode::Vepa,
                    MacvlanMode::Passthru => MacVlanMode::Passthrough,
                };
                (InfoKind::MacVlan, InfoData::MacVlan(vec![InfoMacVlan::Mode(mode)]))
            }
            Kind::Ipvlan(mode, flag) => {
                let mode = match mode {
                    IpvlanMode::L2 => IpVlanMode::L2,
                    IpvlanMode::L3 => IpVlanMode::L3,
                    IpvlanMode::L3s => IpVlanMode::L3S,
                };
                let flags = match flag {
                    IpvlanFlag::Bridge => IpVlanFlags::empty(),
                    IpvlanFlag::Private => IpVlanFlags::Private,
                    IpvlanFlag::Vepa => IpVlanFlags::Vepa,
                };
                (InfoKind::IpVlan, InfoData::IpVlan(vec![InfoIpVlan::Mode(mode), InfoIpVlan::Flags(flags)]))
            }
            Kind::Vlan(id) => (InfoKind::Vlan, InfoData::Vlan(vec![InfoVlan::Id(id.0)])),
        }
    }

    /// The kernel module that makes such links (rtnetlink(7) loads it if it is there).
    fn module(self) -> &'static str {
        match self {
            Kind::Macvlan(_) => "macvlan",
            Kind::Ipvlan(..) => "ipvlan",
            Kind::Vlan(_) => "8021q",
        }
    }
}

/// A link to be made on a parent.
#[derive(Clone, Copy, Debug)]
pub struct Stacked<'a> {
    /// What it is.
    pub kind: Kind,
    /// The index of the parent, in the namespace of the socket.
    pub parent: u32,
    /// Its name, in its own namespace.
    pub name: &'a str,
    /// Its hardware address; the kernel's choice if there is none, and always the parent's for ipvlan and passthru macvlan.
    pub mac: Option<Mac>,
    /// Its MTU; the parent's if there is none.
    pub mtu: Option<u32>,
}

impl Stacked<'_> {
    fn message(&self) -> LinkMessage {
        let (kind, data) = self.kind.info();
        let mut message = of_kind(named(self.name), kind, Some(data));
        message.attributes.push(LinkAttribute::Link(self.parent));
        message.attributes.extend(self.mac.map(|mac| LinkAttribute::Address(mac.into())));
        message.attributes.extend(self.mtu.map(LinkAttribute::Mtu));
        message
    }

    fn refused(&self, source: netlink::Error) -> Error {
        match source {
            source if source.is(libc::EOPNOTSUPP) => {
                Error::KernelLacks { what: format!("{} links", self.kind), module: self.kind.module(), source }
            }
            source => Error::Link { what: format!("make {} {}", self.kind, self.name), source },
        }
    }
}

/// Makes a link that is born inside a network namespace. It is down.
pub fn add(socket: &mut Socket, link: &Stacked<'_>, netns: BorrowedFd<'_>) -> Result<(), Error> {
    let mut message = link.message();
    message.attributes.push(LinkAttribute::NetNsFd(netns.as_raw_fd()));
    let mut requests = Requests::new();
    requests.push(NLM_F_CREATE | NLM_F_EXCL, RouteNetlinkMessage::NewLink(message));
    execute(socket, requests).map_err(|e| link.refused(e))
}

/// Makes a link in the namespace of the socket, which bears a mark and is up. All in one system call: no kill leaves one
/// without its mark.
pub fn add_marked(socket: &mut Socket, link: &Stacked<'_>, mark: &str) -> Result<(), Error> {
    let mut label = named(link.name);
    label.attributes.push(LinkAttribute::IfAlias(mark.into()));
    let mut requests = Requests::new();
    requests.push(NLM_F_CREATE | NLM_F_EXCL, RouteNetlinkMessage::NewLink(link.message()));
    requests.push(0, RouteNetlinkMessage::SetLink(label));
    requests.push(0, RouteNetlinkMessage::SetLink(up(named(link.name))));
    execute(socket, requests).map_err(|e| link.refused(e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_and_numbers_are_read_and_refused() {
        for mode in ["bridge", "private", "vepa", "passthru"] {
            assert_eq!(mode.parse::<MacvlanMode>().unwrap().to_string(), mode);
        }
        assert_eq!("l3s".parse(), Ok(IpvlanMode::L3s));
        assert_eq!("vepa".parse(), Ok(IpvlanFlag::Vepa));
        let refused = "source".parse::<MacvlanMode>().unwrap_err().to_string();
        assert_eq!(refused, "unknown macvlan mode \"source\": want bridge, private, vepa or passthru");
        assert_eq!("4094".parse::<VlanId>().map(u16::from), Ok(4094));
        for bad in ["", "0", "4095", "-1", "x"] {
            assert_eq!(
                bad.parse::<VlanId>().unwrap_err().to_string(),
                format!("invalid VLAN \"{bad}\": want a number from 1 to 4094")
            );
        }
    }
}
