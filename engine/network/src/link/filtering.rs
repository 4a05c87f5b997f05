//! Bridges that tell VLANs apart, and the VLANs of their ports (bridge(8), `vlan`).

use super::{execute, indexed, named, of_kind, one};
use crate::netlink::{Requests, Result, Socket};
use netlink_packet_route::link::{
    AfSpecBridge, BridgeVlanInfo, BridgeVlanInfoFlags, InfoBridge, InfoData, InfoKind, LinkAttribute, LinkMessage,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

/// Makes a bridge tell VLANs apart. Its ports are all in the default one, as before.
pub(crate) fn enable(socket: &mut Socket, bridge: &str) -> Result<()> {
    let data = InfoData::Bridge(vec![InfoBridge::VlanFiltering(true)]);
    one(socket, 0, RouteNetlinkMessage::NewLink(of_kind(named(bridge), InfoKind::Bridge, Some(data))))
}

/// Puts a bridge port into one VLAN, whose packets have no tags on it; and out of the default one.
pub(crate) fn set_vlan(socket: &mut Socket, port: u32, vlan: u16, default: Option<u16>) -> Result<()> {
    let mut requests = Requests::new();
    let own = BridgeVlanInfoFlags::Pvid | BridgeVlanInfoFlags::Untagged;
    requests.push(0, RouteNetlinkMessage::SetLink(vlan_of(port, vlan, own)));
    if let Some(default) = default.filter(|default| *default != vlan) {
        requests.push(0, RouteNetlinkMessage::DelLink(vlan_of(port, default, BridgeVlanInfoFlags::empty())));
    }
    execute(socket, requests)
}

fn vlan_of(port: u32, vid: u16, flags: BridgeVlanInfoFlags) -> LinkMessage {
    let mut message = indexed(port);
    message.header.interface_family = AddressFamily::Bridge;
    message.attributes.push(LinkAttribute::AfSpecBridge(vec![AfSpecBridge::VlanInfo(BridgeVlanInfo { flags, vid })]));
    message
}
