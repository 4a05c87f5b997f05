//! The default network: containers on a bridge behind NAT.

use crate::attach::OwnNetwork;
use crate::bridge::{Bridge, Owner, Record};
use crate::error::Error;
use crate::firewall::{self, Firewall, Table, Wanted};
use crate::lease::{Lease, Leases};
use crate::link::{self, End, Mac, Port};
use crate::netlink::{self, Protocol, Socket};
use crate::port::{PortSpec, PublishedPort};
use crate::{conntrack, mark};
use rustix::fs::{FlockOperation, Mode, OFlags};
use serde::{Deserialize, Serialize};
use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::Ipv4Addr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The name of a container's interface, as Docker calls it.
const INTERFACE: &str = "eth0";

/// The networks of one state root.
#[derive(Clone, Debug)]
pub struct Network {
    root: PathBuf,
    run: PathBuf,
    mark: String,
    table: String,
    leases: Leases,
    /// Kept open: closing it waits for RCU (10 to 20 ms) while rules that were removed are still being freed.
    netfilter: Arc<OnceLock<Mutex<Socket>>>,
}

/// What a container wants of the network.
#[derive(Clone, Debug)]
pub struct EndpointRequest<'a> {
    /// The container's id.
    pub container: &'a str,
    /// The container's name, for comments and errors.
    pub name: &'a str,
    /// The container's network namespace, with nothing in it but a loopback interface.
    pub netns: BorrowedFd<'a>,
    /// The ports to publish.
    pub ports: &'a [PortSpec],
}

/// A container's place on the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The name of the bridge.
    pub bridge: String,
    /// The container's address.
    pub address: Ipv4Addr,
    /// The number of network bits of the address.
    pub prefix_len: u8,
    /// The container's default gateway: the bridge's address.
    pub gateway: Ipv4Addr,
    /// The hardware address of the container's interface.
    pub mac: Mac,
    /// The host's end of the container's link.
    pub host_interface: String,
    /// The index of the host's end.
    pub ifindex: u32,
    /// The ports as they were published.
    pub ports: Vec<PublishedPort>,
    /// What stands in the way of the container's packets, a line each.
    pub warnings: Vec<String>,
}

impl Network {
    /// The networks of the state root `state_root`, whose volatile files are in `run_dir`. Nothing is looked at yet.
    /// A `Network` keeps to the network namespace in which it is first used.
    pub fn open(state_root: &Path, run_dir: &Path) -> Network {
        let root = std::path::absolute(state_root).unwrap_or_else(|_| state_root.into());
        let leases = Leases::new(root.join("networks/bridge/leases"));
        Network {
            mark: mark::of(&root),
            table: mark::name("porthole", &root),
            run: run_dir.into(),
            leases,
            netfilter: Arc::default(),
            root,
        }
    }

    /// Connects a container: makes the bridge if need be, leases an address, links the namespace, publishes ports. If any
    /// of it fails, nothing of it stays.
    pub fn connect(&self, request: &EndpointRequest<'_>) -> Result<Endpoint, Error> {
        let mut socket = route_socket()?;
        let bridge = match self.owner().find(&mut socket)? {
            Some(bridge) => bridge,
            None => self.make_bridge(&mut socket)?,
        };
        let record = &bridge.record;
        let lease = self.leases.take(record.subnet, record.gateway, request.container, &interface_name());
        let lease = lease
            .map_err(|e| self.lease_error(e))?
            .ok_or_else(|| Error::NoAddress { subnet: record.subnet.to_string() })?;
        self.attach(&mut socket, &bridge, &lease, request).inspect_err(|_| {
            // The first error counts; what cannot be undone now, `reconcile` undoes.
            let _ = self.release(&mut socket, std::slice::from_ref(&lease), true);
        })
    }

    fn attach(
        &self,
        socket: &mut Socket,
        bridge: &Bridge,
        lease: &Lease,
        request: &EndpointRequest<'_>,
    ) -> Result<Endpoint, Error> {
        let record = &bridge.record;
        let mac = link::mac_of(lease.address);
        // With br_netfilter, a container's packet to its own published port is sent back without leaving the bridge.
        let port = Port { bridge: bridge.index, hairpin: !request.ports.is_empty() };
        let peer = End { name: INTERFACE, netns: request.netns, mac: Some(mac) };
        let link_failed =
            |source| Error::Link { what: format!("link container {} to {}", request.name, record.bridge), source };
        let link = link::add_veth(socket, &lease.interface, &peer, Some(port)).map_err(link_failed)?;
        let mut inside = Socket::open_in(request.netns, Protocol::Route).map_err(link_failed)?;
        let peer = link.peer.unwrap_or_default();
        link::configure(&mut inside, peer, lease.address, record.subnet, record.gateway).map_err(link_failed)?;
        link::settle(socket, &[link.index, bridge.index]).map_err(link_failed)?;
        let mut firewall = self.firewall()?;
        let wanted =
            Wanted { container: request.container, name: request.name, address: lease.address, ports: request.ports };
        let ports = firewall.publish(firewall_bridge(bridge), wanted)?;
        conntrack::forget_before(&ports)?;
        Ok(Endpoint {
            bridge: record.bridge.clone(),
            address: lease.address,
            prefix_len: record.subnet.prefix_len(),
            gateway: record.gateway,
            mac,
            host_interface: link.name,
            ifindex: link.index,
            ports,
            warnings: firewall.warnings()?,
        })
    }

    /// Disconnects a container whose network namespace is about to end: its ports are unpublished, its link carries nothing any
    /// more and goes with the namespace, its address is free. That it is not connected is no error.
    pub fn disconnect(&self, container: &str) -> Result<(), Error> {
        self.disconnect_link(container, false)
    }

    /// Disconnects a container whose network namespace stays, and removes its link. Takes 10 to 60 ms (the kernel waits for RCU).
    pub fn detach(&self, container: &str) -> Result<(), Error> {
        self.disconnect_link(container, true)
    }

    fn disconnect_link(&self, container: &str, remove: bool) -> Result<(), Error> {
        let leases = self.leases.of(container).map_err(|e| self.lease_error(e))?;
        self.unpublish(|c| c == container)?;
        self.release(&mut route_socket()?, &leases, remove)
    }

    fn unpublish(&self, whose: impl Fn(&str) -> bool) -> Result<(), Error> {
        let published = self.firewall()?.unpublish(whose)?;
        conntrack::forget_after(&published)
    }

    fn release(&self, socket: &mut Socket, leases: &[Lease], remove: bool) -> Result<(), Error> {
        for lease in leases {
            let result =
                if remove { remove_link(socket, &lease.interface) } else { link::seal_port(socket, &lease.interface) };
            match result {
                // The namespace has ended, and the link with it.
                Err(error) if error.is(libc::ENODEV) => {}
                other => {
                    other.map_err(|source| Error::Link { what: format!("disconnect {}", lease.interface), source })?
                }
            }
            self.leases.free(lease).map_err(|e| self.lease_error(e))?;
        }
        Ok(())
    }

    /// Clears up after containers that are no more: of which `live` is false. It must be true of one that is being started.
    pub fn reconcile(&self, live: &dyn Fn(&str) -> bool) -> Result<(), Error> {
        let leases = self.leases.all().map_err(|e| self.lease_error(e))?;
        let (_, dead): (Vec<_>, Vec<_>) = leases.into_iter().partition(|lease| live(&lease.container));
        self.unpublish(|container| !live(container))?;
        if dead.is_empty() {
            return Ok(());
        }
        self.release(&mut route_socket()?, &dead, true)
    }

    /// Removes the bridge and the table of this state root. Refused while a container has an address.
    pub fn teardown(&self) -> Result<(), Error> {
        let _lock = self.lock()?;
        let leases = self.leases.all().map_err(|e| self.lease_error(e))?;
        if !leases.is_empty() {
            return Err(Error::InUse(leases.len()));
        }
        self.firewall()?.remove()?;
        self.owner().remove(&mut route_socket()?)
    }

    fn make_bridge(&self, socket: &mut Socket) -> Result<Bridge, Error> {
        let _lock = self.lock()?;
        if let Some(bridge) = self.owner().find(socket)? {
            return Ok(bridge);
        }
        let directory = self.root.join("networks/bridge");
        fs::create_dir_all(&directory).map_err(|source| Error::File { path: directory, source })?;
        let bridge = self.owner().make(socket)?;
        self.firewall()?.install(firewall_bridge(&bridge))?;
        Ok(bridge)
    }

    fn owner(&self) -> Owner<'_> {
        Owner { mark: &self.mark, mark_prefix: mark::PREFIX, record: self.root.join("networks/bridge/network.json") }
    }

    fn firewall(&self) -> Result<Firewall<'_>, Error> {
        let socket = match self.netfilter.get() {
            Some(socket) => socket,
            None => {
                let socket = firewall::open()?;
                self.netfilter.get_or_init(|| Mutex::new(socket))
            }
        };
        // A socket is in order again after whatever interrupted its last user: answers are told apart by their numbers.
        let socket = socket.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Firewall::new(socket, Table { name: &self.table, mark: &self.mark, mark_prefix: mark::PREFIX }))
    }

    /// Holds off other processes that make or remove links of this state root, until the result is dropped.
    pub(crate) fn lock(&self) -> Result<OwnedFd, Error> {
        let path = self.run.join("network.lock");
        let lock = || {
            fs::create_dir_all(&self.run)?;
            let file =
                rustix::fs::open(&path, OFlags::CREATE | OFlags::RDWR | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR)?;
            rustix::fs::flock(&file, FlockOperation::LockExclusive)?;
            Ok(file)
        };
        lock().map_err(|source| Error::File { path: path.clone(), source })
    }

    /// The addresses of our own network of which this is the bridge.
    pub(crate) fn own(&self, bridge: &str) -> Result<Option<OwnNetwork>, Error> {
        let record = Record::read(&self.owner().record)?.filter(|record| record.bridge == bridge);
        Ok(record.map(|Record { subnet, gateway, .. }| OwnNetwork { subnet, gateway, leases: self.leases.clone() }))
    }

    /// The state root, absolute.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// See [`mark`].
    pub(crate) fn mark(&self) -> &str {
        &self.mark
    }

    fn lease_error(&self, source: std::io::Error) -> Error {
        Error::File { path: self.root.join("networks/bridge/leases"), source }
    }
}

fn firewall_bridge(bridge: &Bridge) -> firewall::Bridge<'_> {
    firewall::Bridge { name: &bridge.record.bridge, subnet: bridge.record.subnet }
}

fn remove_link(socket: &mut Socket, name: &str) -> netlink::Result<()> {
    match link::find(socket, name)? {
        Some(found) => link::delete(socket, found.index),
        None => Ok(()),
    }
}

pub(crate) fn route_socket() -> Result<Socket, Error> {
    Socket::open(Protocol::Route).map_err(|source| Error::Link { what: "open a netlink socket".into(), source })
}

/// `veth` and seven random hexadecimal digits, as Docker names them. A container that starts again must not clash with its own former
/// link, which the kernel may not have removed yet.
pub(crate) fn interface_name() -> String {
    format!("veth{:07x}", RandomState::new().build_hasher().finish() >> 36)
}
