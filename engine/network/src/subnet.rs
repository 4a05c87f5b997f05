//! Subnets of either family, and the choice of a free one.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// An IP network in CIDR notation (RFC 4632, RFC 4291 §2.3), such as `172.17.0.0/16` or `fd00::/64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subnet {
    network: IpAddr,
    prefix_len: u8,
}

/// How many bits an address of this family has.
pub(crate) fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}

/// An address of the family of `like`.
fn address(like: IpAddr, bits: u128) -> IpAddr {
    match like {
        // The bits come from addresses of 32 bits.
        IpAddr::V4(_) => Ipv4Addr::from(bits as u32).into(),
        IpAddr::V6(_) => Ipv6Addr::from(bits).into(),
    }
}

impl Subnet {
    /// The network of `prefix_len` bits (at most all) that holds `address`.
    pub fn containing(address: impl Into<IpAddr>, prefix_len: u8) -> Subnet {
        let holds = address.into();
        let prefix_len = prefix_len.min(width(holds));
        let whole = Subnet { network: holds, prefix_len };
        Subnet { network: self::address(holds, bits(holds) & !whole.host_mask()), prefix_len }
    }

    /// The bits that tell hosts apart.
    fn host_mask(&self) -> u128 {
        let host_bits = u32::from(width(self.network) - self.prefix_len);
        1u128.checked_shl(host_bits).map_or(u128::MAX, |bit| bit - 1)
    }

    /// The network address, all host bits zero.
    pub fn network(&self) -> IpAddr {
        self.network
    }

    /// The number of network bits.
    pub fn prefix_len(&self) -> u8 {
        self.prefix_len
    }

    /// Whether its addresses are of IPv6.
    pub fn is_ipv6(&self) -> bool {
        self.network.is_ipv6()
    }

    /// The network bits as an address, such as 255.255.0.0.
    pub fn netmask(&self) -> IpAddr {
        let all = u128::MAX >> (128 - u32::from(width(self.network)));
        address(self.network, all & !self.host_mask())
    }

    /// The last address, all host bits one.
    pub fn broadcast(&self) -> IpAddr {
        address(self.network, bits(self.network) | self.host_mask())
    }

    /// The host numbered `n`: 1 is the gateway by convention.
    pub fn host(&self, n: u128) -> IpAddr {
        address(self.network, bits(self.network).wrapping_add(n))
    }

    /// How many addresses there are after the network address and, of IPv4, before the broadcast address.
    pub fn hosts(&self) -> u128 {
        if self.is_ipv6() { self.host_mask() } else { self.host_mask().saturating_sub(1) }
    }

    /// Whether the address lies in this network.
    pub fn contains(&self, address: impl Into<IpAddr>) -> bool {
        let address = address.into();
        address.is_ipv4() == self.network.is_ipv4() && bits(address) & !self.host_mask() == bits(self.network)
    }

    /// Whether the two networks share an address.
    pub fn overlaps(&self, other: &Subnet) -> bool {
        self.contains(other.network) || other.contains(self.network)
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix_len)
    }
}

/// A text that is not a subnet.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("invalid subnet \"{0}\": want a network such as 172.17.0.0/16 or fd00::/64")]
pub struct InvalidSubnet(String);

impl FromStr for Subnet {
    type Err = InvalidSubnet;

    fn from_str(text: &str) -> Result<Subnet, InvalidSubnet> {
        let parse = || {
            let (address, prefix_len) = text.split_once('/')?;
            let address: IpAddr = address.parse().ok()?;
            let prefix_len = prefix_len.parse().ok().filter(|bits| *bits <= width(address))?;
            let subnet = Subnet::containing(address, prefix_len);
            (subnet.network == address).then_some(subnet)
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

/// The unique local subnets (RFC 4193) of a state root: its mark makes the global id, so that two hosts hardly clash.
pub fn unique_local_candidates(mark: &str) -> impl Iterator<Item = Subnet> {
    let [.., a, b, c, d, e] = crate::mark::hash(mark).to_be_bytes();
    (0u16..=u16::MAX).map(move |n| {
        let [high, low] = n.to_be_bytes();
        let octets = [0xfd, a, b, c, d, e, high, low, 0, 0, 0, 0, 0, 0, 0, 0];
        Subnet::containing(Ipv6Addr::from(octets), 64)
    })
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
        assert_eq!(subnet("172.17.0.0/16").netmask(), Ipv4Addr::new(255, 255, 0, 0));
        assert_eq!(subnet("fd00::/64").host(1).to_string(), "fd00::1");
        assert_eq!(subnet("fd00::/64").hosts(), u128::from(u64::MAX));
        assert_eq!(subnet("::/0").netmask().to_string(), "::");
        assert_eq!(subnet("172.17.0.0/16").hosts(), 65534);
        assert_eq!(subnet("10.0.0.1/32").hosts(), 0);
        for bad in ["", "172.17.0.0", "172.17.0.0/33", "172.17.0.1/16", "a/8", "fd00::1/64", "::/129"] {
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
        fn text_and_back(address: IpAddr, prefix_len in 0u8..=128) {
            let subnet = Subnet::containing(address, prefix_len);
            prop_assert_eq!(subnet.to_string().parse::<Subnet>().unwrap(), subnet);
            prop_assert!(subnet.contains(address));
            prop_assert!(subnet.contains(subnet.broadcast()));
        }

        #[test]
        fn overlap_means_a_common_address(a: Ipv4Addr, p in 0u8..=32, b: Ipv4Addr, q in 0u8..=32) {
            let (a, b) = (Subnet::containing(a, p), Subnet::containing(b, q));
            let common = a.contains(b.network()) || b.contains(a.network());
            prop_assert_eq!(a.overlaps(&b), common);
            prop_assert_eq!(b.overlaps(&a), common);
        }

        #[test]
        fn a_chosen_subnet_is_free(used in prop::collection::vec((any::<u32>(), 8u8..=32), 0..40)) {
            let used: Vec<_> = used.into_iter().map(|(a, p)| Subnet::containing(Ipv4Addr::from(0xac10_0000 | a & 0xf_ffff), p.max(12))).collect();
            if let Some(chosen) = first_free(bridge_candidates(), &used) {
                prop_assert!(used.iter().all(|u| !u.overlaps(&chosen)));
            }
        }
    }
}
