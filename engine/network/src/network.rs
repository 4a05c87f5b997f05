//! The networks of a state root.

use crate::attach::OwnNetwork;
use crate::bridge::{self, Maker};
use crate::config::{Driver, NetworkConfig, Pool};
use crate::conntrack;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::firewall::{self, Firewall, Publication, Table};
use crate::lease::Lease;
use crate::link;
use crate::link::stacked::{self, Kind, Stacked, VlanId};
use crate::mark;
use crate::netlink::{self, Protocol, Socket};
use crate::port::{PortSpec, PublishedPort};
use crate::settings::Settings;
use crate::store::Store;
use crate::subnet::Subnet;
use crate::sysctl;
use rustix::fs::{FlockOperation, Mode, OFlags};
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// For so many ports each is looked for by itself; for more it is quicker to look through all.
const FEW: usize = 16;

/// The networks of one state root.
#[derive(Clone, Debug)]
pub struct Network {
    root: PathBuf,
    run: PathBuf,
    mark: String,
    table: String,
    store: Store,
    /// Kept open: closing it waits for RCU (10 to 20 ms) while rules that were removed are still being freed.
    netfilter: Arc<OnceLock<Mutex<Socket>>>,
}

impl Network {
    /// The networks of the state root `state_root`, whose volatile files are in `run_dir`. Nothing is looked at yet.
    /// A `Network` keeps to the network namespace in which it is first used.
    pub fn open(state_root: &Path, run_dir: &Path) -> Network {
        let root = std::path::absolute(state_root).unwrap_or_else(|_| state_root.into());
        let mark = mark::of(&root);
        Network {
            table: mark::name("porthole", &root),
            store: Store::new(root.join("networks"), &mark),
            mark,
            run: run_dir.into(),
            netfilter: Arc::default(),
            root,
        }
    }

    /// All networks, in no order: bridge, host and none among them.
    pub fn networks(&self) -> Result<Vec<NetworkConfig>, Error> {
        self.store.all()
    }

    /// A network by its name, its id, or the beginning of its id.
    pub fn find(&self, wanted: &str) -> Result<NetworkConfig, Error> {
        self.store.find(wanted)
    }

    /// The directory with what is kept of a network.
    pub fn directory(&self, network: &NetworkConfig) -> PathBuf {
        self.store.path(network)
    }

    /// Who has an address of a network: the ids of containers, each as often as it has addresses.
    pub fn holders(&self, network: &NetworkConfig) -> Result<Vec<String>, Error> {
        let leases = self.store.leases(network).all().map_err(|e| self.lease_error(network, e))?;
        Ok(leases.into_iter().map(|lease| lease.container).collect())
    }

    /// Makes a network as it is described, but for its subnets where none are given, and its bridge.
    pub fn create(&self, mut network: NetworkConfig) -> Result<NetworkConfig, Error> {
        network.check_options()?;
        let _lock = self.lock()?;
        self.finish_removals()?;
        let others = self.store.all()?;
        if others.iter().any(|other| other.name == network.name) {
            return Err(Error::NameTaken(network.name));
        }
        self.check(&network, &others)?;
        let mut socket = route_socket()?;
        let (settings, others) = (Settings::read()?, others_subnets(&others, &network));
        self.maker(&settings, &others).choose_subnets(&mut socket, &mut network, None)?;
        // Written down first: whoever is killed now leaves a network that can be removed.
        self.store.write(&network)?;
        let made = match network.driver {
            Driver::Bridge => self.make_locked(&mut socket, &mut network),
            _ => self.parent_of(&mut socket, &network).map(drop),
        };
        made.inspect_err(|_| {
            // The first error counts.
            let _ = self.remove_locked(&network);
        })?;
        Ok(network)
    }

    fn check(&self, network: &NetworkConfig, others: &[NetworkConfig]) -> Result<(), Error> {
        if network.driver != Driver::Bridge && network.parent().is_none() {
            let driver = network.driver;
            return Err(Error::InvalidNetwork(format!(
                "a {driver} network stands on an interface of this host: say which, with -o parent=INTERFACE"
            )));
        }
        let clash = |pool: &Pool| {
            let mut others = others.iter().flat_map(|other| other.pools.iter().map(move |p| (other, p.subnet)));
            others
                .find(|(_, subnet)| subnet.overlaps(&pool.subnet))
                .map(|(other, with)| (pool.subnet, format!("{with} of network {}", other.name)))
        };
        if let Some((subnet, with)) = network.pools.iter().find_map(clash) {
            return Err(Error::Overlap { subnet: subnet.to_string(), with });
        }
        if network.driver != Driver::Bridge {
            return Ok(());
        }
        // A bridge would take the packets of an interface that has an address of this subnet.
        let interfaces =
            crate::topology::links().map_err(|source| Error::Link { what: "list addresses".into(), source })?;
        let connected = interfaces.iter().flat_map(|interface| {
            interface
                .addresses
                .iter()
                .map(move |(address, prefix_len)| (Subnet::containing(*address, *prefix_len), &interface.name))
        });
        for (subnet, interface) in connected {
            if let Some(pool) = network.pools.iter().find(|pool| pool.subnet.overlaps(&subnet)) {
                return Err(Error::Overlap {
                    subnet: pool.subnet.to_string(),
                    with: format!("{subnet} of interface {interface}"),
                });
            }
        }
        Ok(())
    }

    /// Removes a network that nobody has an address of.
    pub fn remove(&self, network: &NetworkConfig) -> Result<(), Error> {
        let _lock = self.lock()?;
        let holders = self.holders(network)?;
        if !holders.is_empty() {
            return Err(Error::InUse { network: network.name.clone(), containers: distinct(holders) });
        }
        self.remove_locked(network)
    }

    fn remove_locked(&self, network: &NetworkConfig) -> Result<(), Error> {
        self.store.set_aside(network)?;
        self.finish_removals()
    }

    /// Removes what processes that were killed have left of networks that they were making or removing.
    pub fn tidy(&self) -> Result<(), Error> {
        let _lock = self.lock()?;
        self.finish_removals()
    }

    fn finish_removals(&self) -> Result<(), Error> {
        for network in self.store.all_aside()? {
            self.take_down(&network)?;
            self.store.forget(&network)?;
        }
        self.store.remove_unfinished()
    }

    /// Removes a network's bridge with its rules, or the VLAN that was made for it.
    fn take_down(&self, network: &NetworkConfig) -> Result<(), Error> {
        let mut socket = route_socket()?;
        if network.driver != Driver::Bridge {
            return self.remove_parent(&mut socket, network);
        }
        let subnets = network.subnets();
        if network.bridge.is_some() {
            self.firewall()?.remove_bridge(&firewall_bridge(network, &subnets))?;
        }
        self.maker(&Settings::default(), &[]).remove(&mut socket, network)?;
        self.stop_forwarding(&mut socket)
    }

    /// Removes the default network's bridge and the tables of this state root. Refused while a container has an address.
    pub fn teardown(&self) -> Result<(), Error> {
        let networks = self.store.all()?;
        for network in networks.iter().filter(|network| network.driver == Driver::Bridge && network.bridge.is_some()) {
            self.remove(network)?;
        }
        Ok(())
    }

    /// Clears up after containers that are no more: of which `live` is false. It must be true of one that is being started.
    pub fn reconcile(&self, live: &dyn Fn(&str) -> bool) -> Result<(), Error> {
        self.unpublish(|publication| !live(&publication.container))?;
        for network in self.store.all()? {
            let leases = self.store.leases(&network).all().map_err(|e| self.lease_error(&network, e))?;
            let dead: Vec<_> = leases.into_iter().filter(|lease| !live(&lease.container)).collect();
            if !dead.is_empty() {
                self.release(&mut route_socket()?, &network, &dead, true)?;
            }
        }
        Ok(())
    }

    /// Disconnects a container whose network namespace is about to end from all its networks: its ports are unpublished, its links
    /// carry nothing any more and go with the namespace, its addresses are free. That it is not connected is no error. `known` are all
    /// its places, if the caller is sure of them: then it does not matter how many ports others publish.
    pub fn disconnect(&self, container: &str, known: Option<&[Endpoint]>) -> Result<(), Error> {
        let ports: Option<Vec<PublishedPort>> =
            known.map(|endpoints| endpoints.iter().flat_map(|endpoint| endpoint.ports.clone()).collect());
        match ports {
            Some(ports) if ports.is_empty() => {}
            Some(ports) if ports.len() <= FEW => {
                let published = self.firewall()?.unpublish_ports(container, &ports)?;
                conntrack::forget_after(&published)?;
            }
            _ => self.unpublish(|publication| publication.container == container)?,
        }
        for network in self.store.all()? {
            let leases = self.store.leases(&network).of(container).map_err(|e| self.lease_error(&network, e))?;
            if !leases.is_empty() {
                self.release(&mut route_socket()?, &network, &leases, false)?;
            }
        }
        Ok(())
    }

    /// Disconnects a container whose network namespace stays from one network, and removes its interface. Takes 10 to 60 ms (the
    /// kernel waits for RCU).
    pub fn detach(&self, container: &str, endpoint: &Endpoint, netns: BorrowedFd<'_>) -> Result<(), Error> {
        let network = self.store.find(&endpoint.network_id)?;
        let is_of = |publication: &Publication| {
            publication.container == container
                && endpoint.addresses.iter().any(|a| a.address == publication.target.ip())
        };
        self.unpublish(is_of)?;
        if endpoint.host_interface.is_empty() {
            let failed =
                |source| Error::Link { what: format!("remove {} from the container", endpoint.interface), source };
            let mut inside = Socket::open_in(netns, Protocol::Route).map_err(failed)?;
            remove_link(&mut inside, &endpoint.interface).map_err(failed)?;
        }
        let leases = self.store.leases(&network).of(container).map_err(|e| self.lease_error(&network, e))?;
        self.release(&mut route_socket()?, &network, &leases, true)
    }

    /// Whether the rules of all bridges are there.
    pub(crate) fn is_intact(&self) -> Result<bool, Error> {
        for network in self.store.all()? {
            let subnets = network.subnets();
            let has_rules = network.driver == Driver::Bridge && network.bridge.is_some();
            if has_rules && !self.firewall()?.stands(&firewall_bridge(&network, &subnets))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Writes again what somebody has removed of the rules for these endpoints, each with the id and the name of its container.
    pub fn reassert(&self, endpoints: &[(String, String, Endpoint)]) -> Result<(), Error> {
        for network in self.store.all()? {
            let mut here = endpoints.iter().filter(|(.., endpoint)| endpoint.network_id == network.id).peekable();
            if network.driver != Driver::Bridge || network.bridge.is_none() || here.peek().is_none() {
                continue;
            }
            let subnets = network.subnets();
            let publications: Vec<_> = here.flat_map(|(id, name, endpoint)| publications(id, name, endpoint)).collect();
            self.firewall()?.publish_again(&firewall_bridge(&network, &subnets), &publications)?;
        }
        Ok(())
    }

    pub(crate) fn unpublish(&self, which: impl Fn(&Publication) -> bool) -> Result<(), Error> {
        let published = self.firewall()?.unpublish(which)?;
        conntrack::forget_after(&published)
    }

    pub(crate) fn release(
        &self,
        socket: &mut Socket,
        network: &NetworkConfig,
        leases: &[Lease],
        remove: bool,
    ) -> Result<(), Error> {
        let holder = self.store.leases(network);
        for lease in leases {
            let result = match lease.interface.as_str() {
                "" => Ok(()),
                name if remove => remove_link(socket, name),
                name => link::seal_port(socket, name),
            };
            match result {
                // The namespace has ended, and the link with it.
                Err(error) if error.is(libc::ENODEV) => {}
                other => {
                    other.map_err(|source| Error::Link { what: format!("disconnect {}", lease.interface), source })?
                }
            }
            holder.free(lease).map_err(|e| self.lease_error(network, e))?;
        }
        Ok(())
    }

    pub(crate) fn make_bridge(
        &self,
        socket: &mut Socket,
        network: &NetworkConfig,
    ) -> Result<(NetworkConfig, u32), Error> {
        let _lock = self.lock()?;
        // Another process may have made it, or removed the network, while we waited.
        let mut network = self.store.find(if network.is_predefined() { &network.name } else { &network.id })?;
        if let Some(index) = bridge::find(socket, &self.mark, &network)? {
            return Ok((network, index));
        }
        self.make_locked(socket, &mut network)?;
        match bridge::find(socket, &self.mark, &network)? {
            Some(index) => Ok((network, index)),
            None => Err(Error::InvalidNetwork(format!(
                "somebody removed the bridge of network {} as soon as it was made",
                network.name
            ))),
        }
    }

    fn make_locked(&self, socket: &mut Socket, network: &mut NetworkConfig) -> Result<(), Error> {
        let settings = Settings::read()?;
        let others = others_subnets(&self.store.all()?, network);
        self.maker(&settings, &others).make(socket, network, |network| self.store.write(network))?;
        for ipv6 in [false, true] {
            if network.pools.iter().any(|pool| pool.subnet.is_ipv6() == ipv6) {
                self.forward(ipv6)?;
            }
        }
        let subnets = network.subnets();
        self.firewall()?.install(&firewall_bridge(network, &subnets)).map(drop)
    }

    fn maker<'a>(&'a self, settings: &'a Settings, others: &'a [Subnet]) -> Maker<'a> {
        Maker { mark: &self.mark, settings, others }
    }

    /// The file that says that forwarding was off before, and is turned off again with the last bridge.
    fn forwarding_mark(&self, ipv6: bool) -> PathBuf {
        self.root.join(if ipv6 { "networks/.forwarding6" } else { "networks/.forwarding" })
    }

    fn forward(&self, ipv6: bool) -> Result<(), Error> {
        if sysctl::forwarding(ipv6)? {
            return Ok(());
        }
        let path = self.forwarding_mark(ipv6);
        fs::write(&path, "").map_err(|source| Error::File { path, source })?;
        sysctl::set_forwarding(ipv6, true)
    }

    fn stop_forwarding(&self, socket: &mut Socket) -> Result<(), Error> {
        let links = link::all(socket).map_err(|source| Error::Link { what: "list links".into(), source })?;
        let is_bridge = |alias: &str| alias.starts_with(mark::PREFIX) && !alias.ends_with(" outside");
        if links.iter().any(|link| is_bridge(&link.alias)) {
            return Ok(());
        }
        for ipv6 in [false, true] {
            match fs::remove_file(self.forwarding_mark(ipv6)) {
                Ok(()) => sysctl::set_forwarding(ipv6, false)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(Error::File { path: self.forwarding_mark(ipv6), source }),
            }
        }
        Ok(())
    }

    /// The index of the interface on which a network stands; a VLAN's, `eth0.50`, is made if it is not there.
    pub(crate) fn parent_of(&self, socket: &mut Socket, network: &NetworkConfig) -> Result<u32, Error> {
        let name = network.parent().unwrap_or_default();
        let failed = |source| Error::Link { what: format!("look for interface {name}"), source };
        if let Some(link) = link::find(socket, name).map_err(failed)? {
            return Ok(link.index);
        }
        let missing = || Error::NoParent { network: network.name.clone(), parent: name.to_owned() };
        let (below, id) = name.rsplit_once('.').ok_or_else(missing)?;
        let id: VlanId = id.parse().map_err(|_| missing())?;
        let below = link::find(socket, below).map_err(failed)?.ok_or_else(missing)?;
        let vlan = Stacked { kind: Kind::Vlan(id), parent: below.index, name, mac: None, mtu: None };
        stacked::add_marked(socket, &vlan, &bridge::alias(&self.mark, network))?;
        link::find(socket, name).map_err(failed)?.map(|link| link.index).ok_or_else(missing)
    }

    /// Removes the VLAN that was made for a network.
    fn remove_parent(&self, socket: &mut Socket, network: &NetworkConfig) -> Result<(), Error> {
        let name = network.parent().unwrap_or_default();
        let failed = |source| Error::Link { what: format!("remove {name}"), source };
        let link = link::find(socket, name).map_err(failed)?;
        match link.filter(|link| link.alias == bridge::alias(&self.mark, network)) {
            Some(ours) => link::delete(socket, ours.index).map_err(failed),
            None => Ok(()),
        }
    }

    /// The ports, at the address at which the network publishes those that name none.
    pub(crate) fn bound(&self, network: &NetworkConfig, ports: &[PortSpec]) -> Vec<PortSpec> {
        let default = network.bind_address();
        let bound = |port: &PortSpec| PortSpec { host_ip: port.host_ip.or(default), ..port.clone() };
        ports.iter().map(bound).collect()
    }

    pub(crate) fn firewall(&self) -> Result<Firewall<'_>, Error> {
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

    /// Our own network of which this is the bridge.
    pub(crate) fn own(&self, bridge: &str) -> Result<Option<OwnNetwork>, Error> {
        let networks = self.store.all()?;
        let own = networks.into_iter().find(|network| network.bridge.as_deref() == Some(bridge));
        Ok(own.map(|config| OwnNetwork { leases: self.store.leases(&config), config }))
    }

    /// The state root, absolute.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// See [`mark`].
    pub(crate) fn mark(&self) -> &str {
        &self.mark
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    fn lease_error(&self, network: &NetworkConfig, source: io::Error) -> Error {
        Error::File { path: self.store.path(network).join("leases"), source }
    }
}

fn others_subnets(all: &[NetworkConfig], but: &NetworkConfig) -> Vec<Subnet> {
    all.iter().filter(|other| other.id != but.id).flat_map(NetworkConfig::subnets).collect()
}

fn distinct(mut ids: Vec<String>) -> usize {
    ids.sort_unstable();
    ids.dedup();
    ids.len()
}

fn publications(id: &str, name: &str, endpoint: &Endpoint) -> Vec<Publication> {
    let publication = |port: &PublishedPort| {
        let address = endpoint.of_family(port.host_ip.is_ipv6())?.address;
        let target = SocketAddr::new(address, port.container_port);
        Some(Publication { container: id.to_owned(), name: name.to_owned(), port: *port, target })
    };
    endpoint.ports.iter().filter_map(publication).collect()
}

pub(crate) fn firewall_bridge<'a>(network: &'a NetworkConfig, subnets: &'a [Subnet]) -> firewall::Bridge<'a> {
    firewall::Bridge {
        name: network.bridge.as_deref().unwrap_or_default(),
        subnets,
        internal: network.internal,
        icc: network.icc(),
        masquerade: network.masquerade(),
    }
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
