//! The firewall of our bridges: nftables tables of our own, one for each family, changed by atomic netlink batches. In
//! others' tables nothing is changed, but where a chain drops all that is forwarded: rules at its head let what our
//! tables have passed pass there too.
//!
//! A published port is an element of a verdict map and a chain with one rule, with a counter, a comment such as `web 8088→80`, and
//! user data that says whose it is. The ruleset itself is the record of what is published: it cannot disagree with what packets
//! meet.
//!
//! Two processes, also of two state roots, may publish at once. Each reads the ruleset's generation, then what all our tables
//! publish, and sends its batch on condition that the generation is still the same. The kernel refuses the second one, which looks again.

mod base;
mod batch;
mod dump;
mod expression;
mod legacy;
pub(crate) mod redirect;
mod userdata;

use crate::netlink::{self, Protocol, Socket};
use crate::port::{self, Families, PortSpec, PublishedPort, Refused, Taken, Want};
use crate::ruleset::Family;
use crate::subnet::Subnet;
use crate::{Error, sysctl};
use batch::{Batch, Place};
use dump::{Dropping, MarkedTable};
use netlink_packet_netfilter::{NetfilterMessage, NetfilterProtoFamily};
use std::cell::OnceCell;
use std::net::{IpAddr, SocketAddr};
use std::sync::MutexGuard;
pub(crate) use userdata::Publication;

/// How often a batch is made anew because the ruleset changed, before giving up. Each try takes under a millisecond.
const TRIES: usize = 1000;

/// The tables of one state root, one for each family.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table<'a> {
    /// Their name.
    pub name: &'a str,
    /// The mark of the state root; their comment.
    pub mark: &'a str,
    /// What all marks start with.
    pub mark_prefix: &'a str,
}

impl<'a> Table<'a> {
    fn of(&self, family: Family) -> Place<'a> {
        Place { family, table: self.name }
    }
}

/// A bridge, and what may pass it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bridge<'a> {
    pub name: &'a str,
    pub subnets: &'a [Subnet],
    /// Nothing leaves it, and nothing comes in.
    pub internal: bool,
    /// Whether containers on it reach one another.
    pub icc: bool,
    /// Whether what leaves it gets the host's address.
    pub masquerade: bool,
}

impl Bridge<'_> {
    fn families(&self) -> impl Iterator<Item = Family> {
        let has = |ipv6| self.subnets.iter().any(|subnet| subnet.is_ipv6() == ipv6);
        [(has(false), Family::Ip), (has(true), Family::Ip6)]
            .into_iter()
            .filter_map(|(has, family)| has.then_some(family))
    }
}

/// What a container wants published.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    pub container: &'a str,
    pub name: &'a str,
    /// Its addresses, at most one of a family.
    pub addresses: &'a [IpAddr],
    pub ports: &'a [PortSpec],
}

/// Opens a socket to the firewall of this network namespace.
pub(crate) fn open() -> Result<Socket, Error> {
    Socket::open(Protocol::Netfilter).map_err(unavailable)
}

/// The firewall of this network namespace.
pub(crate) struct Firewall<'a> {
    socket: MutexGuard<'a, Socket>,
    table: Table<'a>,
}

/// A batch that is being made, and whether there is anything in it.
struct Draft {
    batch: Batch,
    is_empty: bool,
}

impl<'a> Firewall<'a> {
    /// The firewall behind an opened socket.
    pub fn new(socket: MutexGuard<'a, Socket>, table: Table<'a>) -> Self {
        Firewall { socket, table }
    }

    /// Writes what is missing of a bridge's rules. Whether anything was.
    pub fn install(&mut self, bridge: &Bridge<'_>) -> Result<bool, Error> {
        for _ in 0..TRIES {
            let (draft, _) = self.draft(bridge)?;
            if draft.is_empty {
                return Ok(false);
            }
            match self.send(draft.batch) {
                Err(error) if error.is(libc::ERESTART) => continue,
                sent => return sent.map_err(unavailable).map(|()| true),
            }
        }
        Err(Error::FirewallBusy)
    }

    /// Begins a batch for the ruleset as it is now, with what is missing of a bridge's rules; and the marked tables.
    fn draft(&mut self, bridge: &Bridge<'_>) -> Result<(Draft, Vec<MarkedTable>), Error> {
        let generation = dump::generation(&mut self.socket).map_err(unavailable)?;
        let tables = dump::marked_tables(&mut self.socket, self.table.mark_prefix).map_err(failed)?;
        let mut draft = Draft { batch: Batch::new(Some(generation)), is_empty: true };
        for family in bridge.families() {
            let at = self.table.of(family);
            let installed = tables.iter().any(|table| table.place() == at && table.mark == self.table.mark);
            if !installed {
                base::install(&mut draft.batch, at, self.table.mark);
            }
            if !installed || !self.knows(at, bridge.name)? {
                base::add_bridge(&mut draft.batch, at, bridge);
                draft.is_empty = false;
            }
        }
        Ok((draft, tables))
    }

    fn knows(&mut self, at: Place<'_>, bridge: &str) -> Result<bool, Error> {
        let names = dump::keys(&mut self.socket, at, base::BRIDGES).map_err(failed)?;
        Ok(names.iter().any(|name| name.as_slice() == expression::interface(bridge)))
    }

    /// Publishes ports. The bridge's rules are written first if somebody removed them, which is told too.
    pub fn publish(&mut self, bridge: &Bridge<'_>, wanted: Wanted<'_>) -> Result<(Vec<PublishedPort>, bool), Error> {
        if wanted.ports.is_empty() {
            return self.install(bridge).map(|wrote_rules| (Vec::new(), wrote_rules));
        }
        let has = |ipv6| wanted.addresses.iter().any(|address| address.is_ipv6() == ipv6);
        let families = Families { ipv4: has(false), ipv6: has(true) };
        let ephemeral = OnceCell::new();
        for _ in 0..TRIES {
            let (mut draft, tables) = self.draft(bridge)?;
            let claims = self.claims(&tables)?;
            let ephemeral = || ephemeral.get_or_init(sysctl::ephemeral_ports).clone();
            // The sockets in `wants` keep other programs from the ports until the rules are in place.
            let wants = match port::choose(wanted.ports, &claims, ephemeral, families) {
                Ok(wants) => wants,
                Err(refused) => return Err(self.explain(refused, &tables, wanted.name)?),
            };
            let wrote_rules = !draft.is_empty;
            self.add(&mut draft.batch, &wants, wanted);
            match self.send(draft.batch) {
                Ok(()) => return Ok((wants.iter().map(|want| want.port).collect(), wrote_rules)),
                Err(error) if error.is(libc::ERESTART) => continue,
                Err(error) => return Err(failed(error)),
            }
        }
        Err(Error::FirewallBusy)
    }

    fn claims(&mut self, tables: &[MarkedTable]) -> Result<Vec<PublishedPort>, Error> {
        let mut claims = Vec::new();
        for table in tables {
            claims.extend(dump::claimed(&mut self.socket, table.place()).map_err(failed)?);
        }
        Ok(claims)
    }

    /// Tells whose the port is.
    fn explain(&mut self, refused: Refused, tables: &[MarkedTable], wanter: &str) -> Result<Error, Error> {
        let (port, container) = match refused {
            Refused::Taken(taken) => return Ok(Error::Port(taken)),
            Refused::Twice(port) => (port, wanter.to_owned()),
            Refused::Claimed { wanted, by } => {
                let chain = base::chain_of(&by);
                let mut owner = None;
                for table in tables {
                    let owners = dump::published(&mut self.socket, table.place(), Some(&chain)).map_err(failed)?;
                    owner = owner.or(owners.into_iter().next());
                }
                (wanted, owner.map_or_else(|| "?".to_owned(), |owner| owner.name))
            }
        };
        Ok(Error::Port(Taken::Container { host_ip: port.host_ip, port: port.host_port, container }))
    }

    fn add(&self, batch: &mut Batch, wants: &[Want], wanted: Wanted<'_>) {
        for Want { port, .. } in wants {
            let of_family = |address: &&IpAddr| address.is_ipv4() == port.host_ip.is_ipv4();
            // A port was chosen only for a family that the container has an address of.
            let Some(address) = wanted.addresses.iter().find(of_family) else { continue };
            let target = SocketAddr::new(*address, port.container_port);
            let publication =
                Publication { container: wanted.container.into(), name: wanted.name.into(), port: *port, target };
            self.add_publication(batch, &publication);
        }
    }

    fn add_publication(&self, batch: &mut Batch, publication: &Publication) {
        let at = self.table.of(family_of(publication.target.ip()));
        base::publish(batch, at, &publication.port, publication.target, publication.userdata());
    }

    /// Publishes again what somebody has removed of these ports, which were published before.
    pub fn publish_again(&mut self, bridge: &Bridge<'_>, publications: &[Publication]) -> Result<(), Error> {
        for _ in 0..TRIES {
            let (mut draft, tables) = self.draft(bridge)?;
            let claims = self.claims(&tables)?;
            let is_missing = |publication: &&Publication| !claims.iter().any(|c| c.overlaps(&publication.port));
            for publication in publications.iter().filter(is_missing) {
                self.add_publication(&mut draft.batch, publication);
                draft.is_empty = false;
            }
            if draft.is_empty {
                return Ok(());
            }
            match self.send(draft.batch) {
                Err(error) if error.is(libc::ERESTART) => continue,
                sent => return sent.map_err(failed),
            }
        }
        Err(Error::FirewallBusy)
    }

    /// Whether the tables that hold a bridge's rules are there.
    pub fn stands(&mut self, bridge: &Bridge<'_>) -> Result<bool, Error> {
        for family in bridge.families() {
            if !self.knows(self.table.of(family), bridge.name)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Removes what is published and `which` picks, and returns it.
    pub fn unpublish(&mut self, which: impl Fn(&Publication) -> bool) -> Result<Vec<Publication>, Error> {
        self.remove_published(|socket, at| {
            let mut published = dump::published(socket, at, None)?;
            published.retain(&which);
            Ok(published)
        })
    }

    /// Removes these ports of a container, without looking at what else is published, and returns them.
    pub fn unpublish_ports(&mut self, container: &str, ports: &[PublishedPort]) -> Result<Vec<Publication>, Error> {
        self.remove_published(|socket, at| {
            let mut found = Vec::new();
            for port in ports.iter().filter(|port| family_of(port.host_ip) == at.family) {
                found.append(&mut dump::published(socket, at, Some(&base::chain_of(port)))?);
            }
            found.retain(|publication| publication.container == container);
            Ok(found)
        })
    }

    fn remove_published(
        &mut self,
        find: impl Fn(&mut Socket, Place<'_>) -> netlink::Result<Vec<Publication>>,
    ) -> Result<Vec<Publication>, Error> {
        for _ in 0..TRIES {
            let mut batch = Batch::new(None);
            let mut removed = Vec::new();
            for family in [Family::Ip, Family::Ip6] {
                let at = self.table.of(family);
                let mut published = find(&mut self.socket, at).map_err(unavailable)?;
                published.iter().for_each(|publication| base::unpublish(&mut batch, at, &publication.port));
                removed.append(&mut published);
            }
            if removed.is_empty() {
                return Ok(removed);
            }
            match self.send(batch) {
                Ok(()) => return Ok(removed),
                // Somebody else removed one of them meanwhile.
                Err(error) if error.is(libc::ENOENT) => continue,
                Err(error) => return Err(failed(error)),
            }
        }
        Err(Error::FirewallBusy)
    }

    /// Removes a bridge's rules, and with those of the last bridge the tables.
    pub fn remove_bridge(&mut self, bridge: &Bridge<'_>) -> Result<(), Error> {
        self.take_back_passes(bridge.name)?;
        for family in [Family::Ip, Family::Ip6] {
            let at = self.table.of(family);
            let names = dump::keys(&mut self.socket, at, base::BRIDGES).map_err(unavailable)?;
            let is_it = |name: &Vec<u8>| name.as_slice() == expression::interface(bridge.name);
            let mut batch = Batch::new(None);
            match names.iter().any(is_it) {
                true if names.len() == 1 => batch.delete_table(at),
                true => {
                    let chain = base::POSTROUTING;
                    let handles = dump::rules_of_bridge(&mut self.socket, at, chain, self.table.name, bridge.name)
                        .map_err(failed)?;
                    base::remove_bridge(&mut batch, at, bridge.name, bridge.internal, &handles);
                }
                false => continue,
            }
            self.send(batch).map_err(failed)?;
        }
        Ok(())
    }

    /// Lets the packets of a bridge pass chains of others that drop all that is forwarded. One line for each that did not know the
    /// bridge before, and for what drops them all the same.
    pub fn let_pass(&mut self, bridge: &str) -> Result<Vec<String>, Error> {
        let mut lines = Vec::new();
        for dropping in dump::dropping_forward_chains(&mut self.socket).map_err(failed)? {
            if !self.passes(&dropping, bridge)?.is_empty() {
                continue;
            }
            let mut batch = Batch::new(None);
            for rule in base::let_pass(bridge) {
                let userdata = userdata::of_bridge("let containers pass", self.table.name, bridge);
                batch.insert_rule(dropping.place(), &dropping.chain, rule, userdata);
            }
            lines.push(match self.send(batch) {
                Ok(()) => format!("{dropping}: rules at its head let those of {bridge} pass"),
                Err(error) => format!(
                    "{dropping}, and no rule for {bridge} can be added to it ({error}): accept there what goes to and from {bridge}"
                ),
            });
        }
        lines.extend(legacy::blocked(bridge));
        Ok(lines)
    }

    fn passes(&mut self, dropping: &Dropping, bridge: &str) -> Result<Vec<u64>, Error> {
        let at = dropping.place();
        dump::rules_of_bridge(&mut self.socket, at, &dropping.chain, self.table.name, bridge).map_err(failed)
    }

    fn take_back_passes(&mut self, bridge: &str) -> Result<(), Error> {
        for dropping in dump::dropping_forward_chains(&mut self.socket).map_err(failed)? {
            let handles = self.passes(&dropping, bridge)?;
            if handles.is_empty() {
                continue;
            }
            let mut batch = Batch::new(None);
            handles.iter().for_each(|handle| batch.delete_rule(dropping.place(), &dropping.chain, *handle));
            match self.send(batch) {
                // Its owner wrote the chain anew meanwhile.
                Err(error) if error.is(libc::ENOENT) => {}
                sent => sent.map_err(failed)?,
            }
        }
        Ok(())
    }

    fn send(&mut self, batch: Batch) -> netlink::Result<()> {
        self.socket.execute::<NetfilterMessage>(batch.finish()).map(drop)
    }
}

fn family_of(address: IpAddr) -> Family {
    if address.is_ipv4() { Family::Ip } else { Family::Ip6 }
}

impl From<Family> for NetfilterProtoFamily {
    fn from(family: Family) -> NetfilterProtoFamily {
        match family {
            Family::Inet => NetfilterProtoFamily::Inet,
            Family::Ip => NetfilterProtoFamily::IPv4,
            Family::Ip6 => NetfilterProtoFamily::IPv6,
            Family::Arp => NetfilterProtoFamily::ARP,
            Family::Bridge => NetfilterProtoFamily::Bridge,
            Family::Netdev => NetfilterProtoFamily::NetDev,
        }
    }
}

fn failed(source: netlink::Error) -> Error {
    Error::Firewall { source }
}

/// The first answer tells whether there is an nftables at all.
fn unavailable(source: netlink::Error) -> Error {
    let missing = [libc::EINVAL, libc::EOPNOTSUPP, libc::EPROTONOSUPPORT, libc::EAFNOSUPPORT];
    let errno = match &source {
        netlink::Error::Refused { errno, .. } => Some(*errno),
        netlink::Error::Socket { source, .. } => source.raw_os_error(),
        _ => None,
    };
    if errno.is_some_and(|errno| missing.contains(&errno)) { Error::NoNftables { source } } else { failed(source) }
}
