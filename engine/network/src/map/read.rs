//! One dump of each kind in each namespace, by one thread: a visit costs 30 µs, a thread of its own twenty times as much.

use super::namespaces::{Candidates, Known};
use super::{Error, Far, Interface, Map, Namespace, decode};
use crate::netlink::{self, Message, Protocol, Socket};
use crate::topology;
use netlink_packet_route::address::AddressMessage;
use netlink_packet_route::link::{LinkAttribute, LinkExtentMask, LinkMessage};
use netlink_packet_route::neighbour::NeighbourMessage;
use netlink_packet_route::route::RouteMessage;
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::os::fd::AsFd;

/// Draws the map as seen from the calling thread's network namespace. Of the containers that are `known`, each is on it.
pub fn read(known: &[Known]) -> Result<Map, Error> {
    let candidates = Candidates::find(known)?;
    let mut survey = Survey { candidates, read: Vec::new() };
    let wanted = survey.candidates.owned();
    for inode in wanted {
        survey.visit(inode)?;
    }
    // Whoever is linked with one that is read is read in its turn.
    let mut at = 0;
    while at < survey.read.len() {
        for inode in survey.resolve(at)? {
            survey.visit(inode)?;
        }
        at += 1;
    }
    let mut map = Map { namespaces: survey.read.into_iter().map(|visited| visited.namespace).collect() };
    name_ends(&mut map);
    Ok(map)
}

/// What was read so far.
struct Survey {
    candidates: Candidates,
    read: Vec<Visited>,
}

/// A namespace that was read, and a socket to ask it more.
struct Visited {
    namespace: Namespace,
    socket: Socket,
}

impl Survey {
    /// Reads a namespace, unless that is done. One that has ended meanwhile is passed over.
    fn visit(&mut self, inode: u64) -> Result<(), Error> {
        if self.read.iter().any(|visited| visited.namespace.inode == inode) {
            return Ok(());
        }
        let Some(mut namespace) = self.candidates.describe(inode) else { return Ok(()) };
        let failed = |source| Error::Netlink { namespace: namespace.title(), source };
        let Some(fd) = self.candidates.open(inode) else { return Ok(()) };
        let opened =
            if namespace.host { Socket::open(Protocol::Route) } else { Socket::open_in(fd.as_fd(), Protocol::Route) };
        let mut socket = opened.map_err(failed)?;
        fill(&mut socket, &mut namespace).map_err(|source| Error::Netlink { namespace: namespace.title(), source })?;
        self.read.push(Visited { namespace, socket });
        Ok(())
    }

    /// Finds the namespaces of the far ends of the links of one that is read, and returns them. The kernel tells only by
    /// what number a given namespace is known here, so one after the other is asked for, until all numbers are found.
    fn resolve(&mut self, at: usize) -> Result<Vec<u64>, Error> {
        let Survey { candidates, read } = self;
        let Visited { namespace, socket } = &mut read[at];
        let ids = namespace.interfaces.iter().filter_map(|interface| interface.link.as_ref()?.netnsid);
        let mut wanted: BTreeSet<i32> = ids.filter(|id| *id >= 0).collect();
        let mut found = BTreeMap::new();
        for inode in candidates.inodes() {
            if wanted.is_empty() {
                break;
            }
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
