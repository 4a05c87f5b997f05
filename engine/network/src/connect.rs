//! Connecting a container to a network: addresses, an interface in its namespace, rules.

use crate::bridge;
use crate::config::{Driver, NetworkConfig};
use crate::conntrack;
use crate::endpoint::{Address, Connected, Endpoint, EndpointRequest};
use crate::error::Error;
use crate::firewall::Wanted;
use crate::lease::{Lease, NoLease};
use crate::link::route::Route;
use crate::link::stacked::{self, Kind, Stacked};
use crate::link::{self, End, Mac, Port, Setup};
use crate::netlink::{self, Protocol, Socket};
use crate::network::{Network, firewall_bridge, route_socket};
use crate::sysctl;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::IpAddr;
use std::os::fd::BorrowedFd;

/// What the interface of a container stands on.
#[derive(Clone, Copy)]
struct Below {
    /// The index of the bridge or parent.
    index: u32,
    /// Whether its rules ought to be there.
    has_rules: bool,
    /// Whether those of other bridges are not.
    others_miss_theirs: bool,
}

/// The interface that a request has made.
struct Made {
    bridge: String,
    host_interface: String,
    ifindex: u32,
    mac: Mac,
}

impl Network {
    /// Connects a container to a network: makes the bridge if need be, leases addresses, makes an interface in the namespace,
    /// publishes ports. If any of it fails, nothing of it stays.
    pub fn connect(&self, request: &EndpointRequest<'_>) -> Result<Connected, Error> {
        let mut socket = route_socket()?;
        let host_interface = match request.network.driver {
            Driver::Bridge => interface_name(),
            Driver::Macvlan | Driver::Ipvlan => String::new(),
            Driver::Host | Driver::None => {
                let name = &request.network.name;
                return Err(Error::InvalidNetwork(format!(
                    "containers are not connected to network {name}: it is a mode of its own"
                )));
            }
        };
        let (network, below) = self.ready(&mut socket, request.network)?;
        let request = EndpointRequest { network: &network, ..request.clone() };
        let leases = self.lease(&request, &host_interface)?;
        self.attach(&mut socket, below, &leases, &request, &host_interface).inspect_err(|_| {
            // The first error counts; what cannot be undone now, `reconcile` undoes.
            let _ = self.unpublish(|publication| {
                publication.container == request.container && is_of(&leases, publication.target.ip())
            });
            let _ = self.release(&mut socket, &network, &leases, true);
        })
    }

    /// Sees to it that there is what the network stands on: the index of its bridge or of its parent.
    fn ready(&self, socket: &mut Socket, network: &NetworkConfig) -> Result<(NetworkConfig, Below), Error> {
        if network.driver != Driver::Bridge {
            let index = self.parent_of(socket, network)?;
            return Ok((network.clone(), Below { index, has_rules: true, others_miss_theirs: false }));
        }
        if let Some(index) = bridge::find(socket, self.mark(), network)? {
            return Ok((network.clone(), Below { index, has_rules: true, others_miss_theirs: false }));
        }
        let others_miss_theirs = !self.is_intact()?;
        let (network, index) = self.make_bridge(socket, network)?;
        Ok((network, Below { index, has_rules: false, others_miss_theirs }))
    }

    fn lease(&self, request: &EndpointRequest<'_>, interface: &str) -> Result<Vec<Lease>, Error> {
        let network = request.network;
        let holder = self.store().leases(network);
        let foreign =
            request.addresses.iter().find(|address| !network.pools.iter().any(|p| p.subnet.contains(**address)));
        if let Some(address) = foreign {
            let subnets = network.subnets().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            return Err(Error::ForeignAddress { network: network.name.clone(), address: *address, subnets });
        }
        let mut leases = Vec::new();
        for pool in &network.pools {
            let wanted = request.addresses.iter().copied().find(|address| pool.subnet.contains(*address));
            let taken = holder.take(pool, wanted, request.container, interface).map_err(|none| {
                let name = network.name.clone();
                match (none, wanted) {
                    (NoLease::Taken(owner), Some(address)) => Error::AddressTaken { network: name, address, owner },
                    (NoLease::NoNetwork, _) => Error::NoSuchNetwork(name),
                    (NoLease::Failed(source), _) => Error::File { path: self.store().path(network), source },
                    _ => Error::NoAddress { network: name, subnet: pool.range.unwrap_or(pool.subnet).to_string() },
                }
            });
            match taken {
                Ok(lease) => leases.push(lease),
                Err(error) => {
                    // Those of the other family, which nobody uses yet. The first error counts.
                    let _ = leases.iter().try_for_each(|lease| holder.free(lease));
                    return Err(error);
                }
            }
        }
        Ok(leases)
    }

    fn attach(
        &self,
        socket: &mut Socket,
        below: Below,
        leases: &[Lease],
        request: &EndpointRequest<'_>,
        host_interface: &str,
    ) -> Result<Connected, Error> {
        let network = request.network;
        let failed = |source| link_failed(request, source);
        let mut inside = Socket::open_in(request.netns, Protocol::Route).map_err(failed)?;
        let addresses = addresses(network, leases);
        let made = match network.driver {
            Driver::Bridge => add_bridge_port(socket, &mut inside, below.index, &addresses, request, host_interface)?,
            _ => add_stacked(socket, &mut inside, below.index, &addresses, request)?,
        };
        let all: Vec<IpAddr> = addresses.iter().map(|address| address.address).collect();
        let (ports, wrote_rules, warnings) = match (network.driver, &network.bridge) {
            (Driver::Bridge, Some(name)) => {
                let mut firewall = self.firewall()?;
                let subnets = network.subnets();
                let specs = self.bound(network, request.ports);
                let wanted =
                    Wanted { container: request.container, name: request.name, addresses: &all, ports: &specs };
                let (ports, wrote_rules) = firewall.publish(&firewall_bridge(network, &subnets), wanted)?;
                conntrack::forget_before(&ports)?;
                (ports, wrote_rules, firewall.let_pass(name)?)
            }
            _ => (Vec::new(), false, Vec::new()),
        };
        let endpoint = Endpoint {
            network: network.name.clone(),
            network_id: network.id.clone(),
            interface: request.interface.to_owned(),
            bridge: made.bridge,
            addresses,
            mac: made.mac,
            host_interface: made.host_interface,
            ifindex: made.ifindex,
            default_route: request.default_route,
            ports,
            warnings,
        };
        let rules_were_missing = below.others_miss_theirs || (below.has_rules && wrote_rules);
        Ok(Connected { endpoint, rules_were_missing })
    }

    /// Lets what is not on a network of its own go out by another network, or by none: of a container that stays.
    pub fn set_default_route(&self, netns: BorrowedFd<'_>, endpoint: &Endpoint) -> Result<(), Error> {
        let failed = |source| Error::Link { what: format!("change the default route to {}", endpoint.network), source };
        let mut inside = Socket::open_in(netns, Protocol::Route).map_err(failed)?;
        let Some(link) = link::find(&mut inside, &endpoint.interface).map_err(failed)? else { return Ok(()) };
        let gateways = endpoint.addresses.iter().filter_map(|address| address.gateway);
        for gateway in gateways {
            link::route::replace(&mut inside, &Route::default_via(gateway, link.index)).map_err(failed)?;
        }
        Ok(())
    }
}

fn link_failed(request: &EndpointRequest<'_>, source: netlink::Error) -> Error {
    Error::Link { what: format!("link container {} to network {}", request.name, request.network.name), source }
}

fn is_of(leases: &[Lease], address: IpAddr) -> bool {
    leases.iter().any(|lease| lease.address == address)
}

fn addresses(network: &NetworkConfig, leases: &[Lease]) -> Vec<Address> {
    let address = |lease: &Lease| {
        let pool = network.pools.iter().find(|pool| pool.subnet.contains(lease.address))?;
        let gateway = pool.gateway.filter(|_| !network.internal);
        Some(Address { address: lease.address, prefix_len: pool.subnet.prefix_len(), gateway })
    };
    leases.iter().filter_map(address).collect()
}

/// The hardware address that an interface gets: that asked for, or one that follows from its IPv4 address.
fn mac(addresses: &[Address], request: &EndpointRequest<'_>) -> Option<Mac> {
    let own = addresses.iter().find_map(|address| match address.address {
        IpAddr::V4(address) => Some(link::mac_of(address)),
        IpAddr::V6(_) => None,
    });
    request.mac.or(own)
}

/// Lets an interface with IPv6 addresses use its link-local one at once: until nobody else were found to have it, a second
/// later, it could not ask for its neighbours.
fn forgo_duplicate_detection(addresses: &[Address], request: &EndpointRequest<'_>) -> Result<(), Error> {
    match addresses.iter().any(|address| address.address.is_ipv6()) {
        true => sysctl::set_in(request.netns, &format!("ipv6/conf/{}/accept_dad", request.interface), "0"),
        false => Ok(()),
    }
}

fn set_up(
    inside: &mut Socket,
    index: u32,
    addresses: &[Address],
    request: &EndpointRequest<'_>,
) -> netlink::Result<()> {
    let own: Vec<(IpAddr, u8)> = addresses.iter().map(|address| (address.address, address.prefix_len)).collect();
    let gateways = addresses.iter().filter_map(|address| address.gateway).filter(|_| request.default_route);
    // Where the host routes, as it does for an ipvlan of layer 3, there is nobody to be asked on the link.
    let routed =
        matches!(request.network.driver, Driver::Ipvlan) && request.network.ipvlan_mode().0 != stacked::IpvlanMode::L2;
    let (gateways, routes): (Vec<IpAddr>, Vec<Route>) = match routed {
        false => (gateways.collect(), Vec::new()),
        true => (
            Vec::new(),
            own.iter().filter(|_| request.default_route).map(|(like, _)| Route::default_on(*like, index)).collect(),
        ),
    };
    link::configure(inside, &Setup { index, addresses: &own, gateways: &gateways, routes: &routes })
}

fn add_bridge_port(
    socket: &mut Socket,
    inside: &mut Socket,
    bridge: u32,
    addresses: &[Address],
    request: &EndpointRequest<'_>,
    host_interface: &str,
) -> Result<Made, Error> {
    let failed = |source| link_failed(request, source);
    // With br_netfilter, a container's packet to its own published port is sent back without leaving the bridge.
    let port = Port { bridge, hairpin: !request.ports.is_empty(), isolated: !request.network.icc() };
    let peer = End { name: request.interface, netns: request.netns, mac: mac(addresses, request) };
    let mtu = request.network.mtu();
    let link = link::add_veth_with_mtu(socket, host_interface, &peer, Some(port), mtu).map_err(failed)?;
    forgo_duplicate_detection(addresses, request)?;
    set_up(inside, link.peer.unwrap_or_default(), addresses, request).map_err(failed)?;
    link::settle(socket, &[link.index, bridge]).map_err(failed)?;
    let mac = match peer.mac {
        Some(mac) => mac,
        None => link::mac_in(inside, request.interface).map_err(failed)?,
    };
    let bridge = request.network.bridge.clone().unwrap_or_default();
    Ok(Made { bridge, host_interface: link.name, ifindex: link.index, mac })
}

fn add_stacked(
    socket: &mut Socket,
    inside: &mut Socket,
    parent: u32,
    addresses: &[Address],
    request: &EndpointRequest<'_>,
) -> Result<Made, Error> {
    let failed = |source| link_failed(request, source);
    let network = request.network;
    let (kind, mac) = match network.driver {
        Driver::Ipvlan => {
            let (mode, flag) = network.ipvlan_mode();
            (Kind::Ipvlan(mode, flag), None)
        }
        _ => (Kind::Macvlan(network.macvlan_mode()), mac(addresses, request)),
    };
    let link = Stacked { kind, parent, name: request.interface, mac, mtu: network.mtu() };
    stacked::add(socket, &link, request.netns)?;
    let made = link::find(inside, request.interface).map_err(failed)?;
    forgo_duplicate_detection(addresses, request)?;
    set_up(inside, made.map_or(0, |link| link.index), addresses, request).map_err(failed)?;
    let mac = link::mac_in(inside, request.interface).map_err(failed)?;
    Ok(Made { bridge: String::new(), host_interface: String::new(), ifindex: parent, mac })
}

/// `veth` and seven random hexadecimal digits, as Docker names them. A container that starts again must not clash with its own former
/// link, which the kernel may not have removed yet.
pub(crate) fn interface_name() -> String {
    format!("veth{:07x}", RandomState::new().build_hasher().finish() >> 36)
}
