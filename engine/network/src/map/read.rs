//! One dump of each kind in each namespace, by one thread that goes from one to the next. Several at once gain nothing: they wait
//! for each other in the kernel.

use super::namespaces::{Candidates, Known};
use super::{Error, Far, Interface, Map, Namespace, decode};
use crate::netlink::{self, Message, Protocol, Socket};
use crate::{netns, topology};
use netlink_packet_route::address::AddressMessage;
use netlink_packet_route::link::{LinkAttribute, LinkExtentMask, LinkMessage};
use netlink_packet_route::neighbour::NeighbourMessage;
use netlink_packet_route::route::RouteMessage;
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::os::fd::AsFd;
use std::{panic, thread};

/// Draws the map as seen from the calling thread's network namespace. Of the containers that are `known`, each is on it.
pub fn read(known: &[Known]) -> Result<Map, Error> {
    let mut candidates = Candidates::new(known)?;
    // The thread ends in the last namespace that it read; nobody has to bring it back.
    let namespaces = thread::scope(|scope| scope.spawn(|| survey(&mut candidates)).join());
    let mut map = Map { namespaces: namespaces.unwrap_or_else(|panic| panic::resume_unwind(panic))? };
    name_ends(&mut map);
    Ok(map)
}

/// Reads the host's namespace, those of containers, and in its turn whoever is linked with one that was read.
fn survey(candidates: &mut Candidates) -> Result<Vec<Namespace>, Error> {
    let mut waiting = VecDeque::from(candidates.inodes().to_vec());
    let mut seen: BTreeSet<u64> = waiting.iter().copied().collect();
    let mut namespaces = Vec::new();
    while let Some(inode) = waiting.pop_front() {
        if let Some((namespace, linked)) = visit(candidates, inode)? {
            namespaces.push(namespace);
            waiting.extend(linked.into_iter().filter(|inode| seen.insert(*inode)));
        }
    }
    Ok(namespaces)
}

/// Reads a namespace, and finds those that it is linked with. `None` of one that has ended meanwhile.
fn visit(candidates: &mut Candidates, inode: u64) -> Result<Option<(Namespace, Vec<u64>)>, Error> {
    let Some(mut namespace) = candidates.describe(inode) else { return Ok(None) };
    let title = namespace.title();
    let failed = |source| Error::Netlink { namespace: title.clone(), source };
    let Some(fd) = candidates.open(inode) else { return Ok(None) };
    let entered = netns::enter(fd.as_fd());
    entered.map_err(|source| failed(netlink::Error::Socket { call: "setns", source }))?;
    let mut socket = Socket::open(Protocol::Route).map_err(failed)?;
    fill(&mut socket, &mut namespace).map_err(failed)?;
    let linked = resolve(candidates, &mut socket, &mut namespace)?;
    Ok(Some((namespace, linked)))
}

/// Finds the namespaces of the far ends of links, and returns them. The kernel tells only by what number a given namespace is
/// known in the socket's, so one after the other is asked for, until all numbers are found.
fn resolve(candidates: &mut Candidates, socket: &mut Socket, namespace: &mut Namespace) -> Result<Vec<u64>, Error> {
    let ids = namespace.interfaces.iter().filter_map(|interface| interface.link.as_ref()?.netnsid);
    let mut wanted: BTreeSet<i32> = ids.filter(|id| *id >= 0).collect();
    let mut found = BTreeMap::new();
    let mut asked = 0;
    while !wanted.is_empty() {
        let Some(inode) = candidates.inodes().get(asked).copied() else {
            if candidates.search()? { continue } else { break }
        };
        asked += 1;
        let Some(fd) = candidates.open(inode) else { continue };
        let id = topology::nsid(socket, fd.as_fd())
            .map_err(|source| Error::Netlink { namespace: namespace.title(), source })?;
        if let Some(id) = id.filter(|id| wanted.remove(id)) {
            found.insert(id, inode);
        }
    }
    let own = namespace.inode;
    for far in namespace.interfaces.iter_mut().filter_map(|interface| interface.link.as_mut()) {
        far.namespace = far.netnsid.map_or(Some(own), |id| found.get(&id).copied());
    }
    Ok(found.into_values().collect())
}

/// Reads what is in a namespace through a socket in it.
fn fill(socket: &mut Socket, namespace: &mut Namespace) -> netlink::Result<()> {
    let mut links = LinkMessage::default();
    links.attributes.push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
    namespace.interfaces = dump(socket, RouteNetlinkMessage::GetLink(links), decode::interface)?;
    let places: HashMap<u32, usize> =
        namespace.interfaces.iter().enumerate().map(|(place, interface)| (interface.ifindex, place)).collect();
    let names: HashMap<u32, String> =
        namespace.interfaces.iter().map(|interface| (interface.ifindex, interface.ifname.clone())).collect();
    let name = |ifindex: u32| names.get(&ifindex).cloned();
    let addresses = RouteNetlinkMessage::GetAddress(AddressMessage::default());
    for (ifindex, address) in dump(socket, addresses, decode::address)? {
        if let Some(place) = places.get(&ifindex) {
            namespace.interfaces[*place].addresses.push(address);
        }
    }
    namespace.routes = dump(socket, RouteNetlinkMessage::GetRoute(RouteMessage::default()), decode::route)?;
    for route in &mut namespace.routes {
        route.ifname = route.ifindex.and_then(name);
    }
    let neighbours = RouteNetlinkMessage::GetNeighbour(NeighbourMessage::default());
    namespace.neighbours = dump(socket, neighbours, decode::neighbour)?;
    for neighbour in &mut namespace.neighbours {
        neighbour.ifname = name(neighbour.ifindex).unwrap_or_default();
    }
    if !namespace.interfaces.iter().any(Interface::is_bridge) {
        return Ok(());
    }
    let mut stations = NeighbourMessage::default();
    stations.header.family = AddressFamily::Bridge;
    for (bridge, mut station) in dump(socket, RouteNetlinkMessage::GetNeighbour(stations), decode::station)? {
        if let Some(place) = places.get(&bridge) {
            station.ifname = name(station.ifindex).unwrap_or_default();
            namespace.interfaces[*place].fdb.push(station);
        }
    }
    Ok(())
}

/// The objects of a dump. One that a change interrupted is made again.
fn dump<T>(
    socket: &mut Socket,
    request: RouteNetlinkMessage,
    decode: fn(Message<'_>) -> Option<T>,
) -> netlink::Result<Vec<T>> {
    loop {
        let mut objects = Vec::new();
        let consistent = socket.dump_each(request.clone(), |message| {
            objects.extend(decode(message));
            Ok(())
        })?;
        if consistent {
            return Ok(objects);
        }
    }
}

/// Puts names to the far ends of links.
fn name_ends(map: &mut Map) {
    let mut ends: HashMap<(u64, u32), String> = HashMap::new();
    let mut containers: HashMap<u64, Vec<String>> = HashMap::new();
    for namespace in &map.namespaces {
        ends.extend(namespace.interfaces.iter().map(|i| ((namespace.inode, i.ifindex), i.ifname.clone())));
        containers.insert(namespace.inode, namespace.containers.iter().map(|owner| owner.name.clone()).collect());
    }
    let all = map.namespaces.iter_mut().flat_map(|namespace| &mut namespace.interfaces);
    for far in all.filter_map(|interface| interface.link.as_mut()) {
        let Far { ifindex, namespace: Some(inode), .. } = *far else { continue };
        far.ifname = ends.get(&(inode, ifindex)).cloned();
        far.containers = containers.get(&inode).cloned().unwrap_or_default();
    }
}
