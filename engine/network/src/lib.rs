//! Links, the bridge, address leases, firewall rules and published ports, all by netlink.

pub mod netlink;
pub mod netns;
pub mod ruleset;
