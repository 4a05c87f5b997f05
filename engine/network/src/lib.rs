//! Links, the bridge, address leases, firewall rules and published ports, all by netlink.
