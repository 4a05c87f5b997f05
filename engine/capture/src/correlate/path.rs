//! Where a packet is expected.

use std::net::IpAddr;

use crate::flow::Flow;
use crate::journey::TapKind;

/// A tap as correlation knows it.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) kind: TapKind,
    /// The addresses behind the tap; empty if any may be.
    pub(crate) addresses: Vec<IpAddr>,
}

/// A set of taps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TapSet(u64);

impl TapSet {
    pub(super) fn insert(&mut self, tap: usize) {
        self.0 |= 1 << tap;
    }

    pub(super) fn contains(self, tap: usize) -> bool {
        self.0 >> tap & 1 == 1
    }
}

/// Whether a packet first seen at tap `first` should pass `tap` too. Certain are the taps where its connection was seen
/// before; further in than where it came from outside, all that serve its addresses; and between its container and the
/// bridge, all. Whether a packet from a container should leave the host cannot be told from its addresses alone.
pub(super) fn expects(places: &[Place], tap: usize, first: Option<usize>, seen_before: TapSet, flows: &[Flow]) -> bool {
    if seen_before.contains(tap) {
        return true;
    }
    let place = &places[tap];
    let serves = place.addresses.is_empty()
        || flows
            .iter()
            .any(|flow| [flow.source, flow.destination].iter().any(|end| place.addresses.contains(&end.address)));
    let Some(origin) = first.map(|first| places[first].kind) else { return false };
    serves
        && match origin {
            TapKind::Outside => !matches!(place.kind, TapKind::Loopback),
            TapKind::Uplink => matches!(place.kind, TapKind::Bridge | TapKind::Veth | TapKind::Container),
            TapKind::Container | TapKind::Veth => matches!(place.kind, TapKind::Bridge | TapKind::Veth),
            TapKind::Bridge | TapKind::Loopback => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Endpoint, Protocol};
    use std::net::Ipv4Addr;

    fn expected(first: TapKind, addresses: &[u8]) -> Vec<TapKind> {
        let kinds =
            [TapKind::Outside, TapKind::Uplink, TapKind::Loopback, TapKind::Bridge, TapKind::Veth, TapKind::Container];
        let places: Vec<Place> = kinds
            .iter()
            .map(|kind| Place {
                kind: *kind,
                addresses: match kind {
                    TapKind::Veth | TapKind::Container => vec![Ipv4Addr::new(172, 17, 0, 2).into()],
                    _ => vec![],
                },
            })
            .collect();
        let first = kinds.iter().position(|kind| *kind == first);
        let end = |host| Endpoint::new(Ipv4Addr::new(172, 17, 0, host), 1);
        let flows: Vec<Flow> = addresses.iter().map(|host| Flow::new(Protocol::Tcp, end(9), end(*host))).collect();
        (0..kinds.len())
            .filter(|tap| Some(*tap) != first && expects(&places, *tap, first, TapSet::default(), &flows))
            .map(|tap| kinds[tap])
            .collect()
    }

    #[test]
    fn a_packet_from_outside_is_expected_all_the_way_in() {
        use TapKind::*;
        assert_eq!(expected(Outside, &[2]), [Uplink, Bridge, Veth, Container]);
        assert_eq!(expected(Outside, &[3]), [Uplink, Bridge]);
        assert_eq!(expected(Uplink, &[2]), [Bridge, Veth, Container]);
    }

    #[test]
    fn a_packet_from_a_container_is_expected_at_the_bridge() {
        use TapKind::*;
        assert_eq!(expected(Container, &[2]), [Bridge, Veth]);
        assert_eq!(expected(Bridge, &[2]), []);
    }
}
