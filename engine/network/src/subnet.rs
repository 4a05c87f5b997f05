//! IPv4 subnets, and the choice of a free one.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// An IPv4 network in CIDR notation (RFC 4632), such as `172.17.0.0/16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subnet {
    network: u32,
    prefix_len: u8,
}

impl Subnet {
    /// The network of `prefix_len` bits (at most 32) that holds `address`.
    pub fn containing(address: Ipv4Addr, prefix_len: u8) -> Subnet {
        let prefix_len = prefix_len.min(32);
        Subnet { network: u32::from(address) & mask(prefix_len), prefix_len }
    }

    /// The network address, all host bits zero.
    pub fn network(&self) -> Ipv4Addr {
        self.network.into()
    }

    /// The number of network bits.
    pub fn prefix_len(&self) -> u8 {
        self.prefix_len
    }

    /// The network bits as an address, such as 255.255.0.0.
    pub fn netmask(&self) -> Ipv4Addr {
        mask(self.prefix_len).into()
    }

    /// The last address, all host bits one.
    pub fn broadcast(&self) -> Ipv4Addr {
        (self.network | !mask(self.prefix_len)).into()
    }

    /// The host numbered `n`: 1 is the gateway by convention.
    pub fn host(&self, n: u32) -> Ipv4Addr {
        (self.network + n).into()
    }

    /// How many addresses there are after the network address and before the broadcast address.
    pub fn hosts(&self) -> u32 {
        (!mask(self.prefix_len)).saturating_sub(1)
    }

    /// Whether the address lies in this network.
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        u32::from(address) & mask(self.prefix_len) == self.network
    }

    /// Whether the two networks share an address.
    pub fn overlaps(&self, other: &Subnet) -> bool {
        let common = mask(self.prefix_len.min(other.prefix_len));
        self.network & common == other.network & common
    }
}

fn mask(prefix_len: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix_len)).unwrap_or(0)
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network(), self.prefix_len)
    }
}

/// A text that is not a subnet.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("invalid subnet \"{0}\": want an IPv4 network such as 172.17.0.0/16")]
pub struct InvalidSubnet(String);

impl FromStr for Subnet {
    type Err = InvalidSubnet;

    fn from_str(text: &str) -> Result<Subnet, InvalidSubnet> {
        let parse = || {
            let (address, prefix_len) = text.split_once('/')?;
            let (address, prefix_len) = (address.parse().ok()?, prefix_len.parse().ok().filter(|p| *p <= 32)?);
            let subnet = Subnet::containing(address, prefix_len);
            (subnet.network() == address).then_some(subnet)
        };
        parse().ok_or_else(|| InvalidSubnet(text.into()))
    }
}

impl TryFrom<String> for Subnet {
    type Error = InvalidSubnet;

    fn try_from(text: String) -> Result<Subnet, InvalidSubnet> {
        text.parse()
    }
}

impl From<Subnet> for String {
    fn from(subnet: Subnet) -> String {
        subnet.to_string()
    }
}

/// The subnets that Docker tries for a bridge, in its order: 172.17.0.0/16 to 172.31.0.0/16, then 192.168.0.0/16 in blocks
/// of /20.
pub fn bridge_candidates() -> impl Iterator<Item = Subnet> {
    let class_b = (17..=31).map(|n| Subnet::containing(Ipv4Addr::new(172, n, 0, 0), 16));
    let class_c = (0..=240).step_by(16).map(|n| Subnet::containing(Ipv4Addr::new(192, 168, n, 0), 20));
    class_b.chain(class_c)
}

/// The first candidate that shares no address with a subnet in use. A default route is no use of a subnet.
pub fn first_free(mut candidates: impl Iterator<Item = Subnet>, used: &[Subnet]) -> Option<Subnet> {
    candidates.find(|candidate| !used.iter().any(|u| u.prefix_len > 0 && u.overlaps(candidate)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn subnet(text: &str) -> Subnet {
        text.parse().unwrap()
    }

    #[test]
    fn reads_and_refuses() {
        assert_eq!(subnet("172.17.0.0/16").broadcast(), Ipv4Addr::new(172, 17, 255, 255));
        assert_eq!(subnet("172.17.0.0/16").hosts(), 65534);
        assert_eq!(subnet("10.0.0.1/32").hosts(), 0);
        for bad in ["", "172.17.0.0", "172.17.0.0/33", "172.17.0.1/16", "a/8", "::/0"] {
            assert!(bad.parse::<Subnet>().is_err(), "{bad}");
        }
    }

    #[test]
    fn goes_around_what_is_used() {
        let choose = |used: &[&str]| {
            let used: Vec<_> = used.iter().map(|s| subnet(s)).collect();
            first_free(bridge_candidates(), &used).map(|s| s.to_string())
        };
        assert_eq!(choose(&["0.0.0.0/0", "10.0.0.0/8"]).unwrap(), "172.17.0.0/16");
        assert_eq!(choose(&["172.17.3.4/32"]).unwrap(), "172.18.0.0/16");
        assert_eq!(choose(&["172.16.0.0/12"]).unwrap(), "192.168.0.0/20");
        assert_eq!(choose(&["172.16.0.0/12", "192.168.1.0/24"]).unwrap(), "192.168.16.0/20");
        assert_eq!(choose(&["172.16.0.0/12", "192.168.0.0/16"]), None);
    }

    proptest! {
        #[test]
        fn text_and_back(address: u32, prefix_len in 0u8..=32) {
            let subnet = Subnet::containing(address.into(), prefix_len);
            prop_assert_eq!(subnet.to_string().parse::<Subnet>().unwrap(), subnet);
            prop_assert!(subnet.contains(address.into()));
            prop_assert!(subnet.contains(subnet.broadcast()));
        }

        #[test]
        fn overlap_means_a_common_address(a: u32, p in 0u8..=32, b: u32, q in 0u8..=32) {
            let (a, b) = (Subnet::containing(a.into(), p), Subnet::containing(b.into(), q));
            let common = a.contains(b.network()) || b.contains(a.network());
            prop_assert_eq!(a.overlaps(&b), common);
            prop_assert_eq!(b.overlaps(&a), common);
        }

        #[test]
        fn a_chosen_subnet_is_free(used in prop::collection::vec((any::<u32>(), 8u8..=32), 0..40)) {
            let used: Vec<_> = used.into_iter().map(|(a, p)| Subnet::containing((0xac10_0000 | a & 0xf_ffff).into(), p.max(12))).collect();
            if let Some(chosen) = first_free(bridge_candidates(), &used) {
                prop_assert!(used.iter().all(|u| !u.overlaps(&chosen)));
            }
        }
    }
}
