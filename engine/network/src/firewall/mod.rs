//! The firewall of a bridge: an nftables table of our own, changed by atomic netlink batches. Nobody else's table is touched.
//!
//! A published port is one rule in the chain DOCKER, with a counter, a comment such as `web 8088→80`, and user data that
//! says whose it is. The ruleset itself is the record of what is published: it cannot disagree with what packets meet.
//!
//! Two processes, also of two state roots, may publish at once. Each reads the ruleset's generation, then what all our tables
//! publish, and sends its batch on condition that the generation is still the same. The kernel refuses the second one, which looks again.

mod base;
mod batch;
mod dump;
mod expression;
pub(crate) mod redirect;
mod userdata;

use crate::netlink::{self, Protocol, Socket};
use crate::port::{self, PortSpec, PublishedPort, Taken, Want};
use crate::subnet::Subnet;
use crate::{Error, sysctl};
use batch::Batch;
use netlink_packet_netfilter::NetfilterMessage;
use std::cell::OnceCell;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::MutexGuard;
pub(crate) use userdata::Publication;

/// How often a batch is made anew because the ruleset changed, before giving up. Each try takes under a millisecond.
const TRIES: usize = 1000;

/// The table of one state root.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table<'a> {
    /// Its name.
    pub name: &'a str,
    /// The mark of the state root; its comment.
    pub mark: &'a str,
    /// What all marks start with.
    pub mark_prefix: &'a str,
}

/// The bridge that a table is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bridge<'a> {
    pub name: &'a str,
    pub subnet: Subnet,
}

/// What a container wants published.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    pub container: &'a str,
    pub name: &'a str,
    pub address: Ipv4Addr,
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

impl<'a> Firewall<'a> {
    /// The firewall behind an opened socket.
    pub fn new(socket: MutexGuard<'a, Socket>, table: Table<'a>) -> Self {
        Firewall { socket, table }
    }

    /// Writes the table anew. Nothing is published then.
    pub fn install(&mut self, bridge: Bridge<'_>) -> Result<(), Error> {
        let mut batch = Batch::new(None);
        if self.is_installed()? {
            batch.delete_table(self.table.name);
        }
        base::install(&mut batch, self.table.name, self.table.mark, bridge.name, bridge.subnet);
        self.send(batch).map_err(unavailable)
    }

    /// Whether the table is there, and is not a stranger's of the same name.
    fn is_installed(&mut self) -> Result<bool, Error> {
        let tables = dump::marked_tables(&mut self.socket, self.table.mark).map_err(unavailable)?;
        Ok(tables.iter().any(|t| t.name == self.table.name && t.mark == self.table.mark))
    }

    /// Publishes ports. The table is written first if somebody removed it.
    pub fn publish(&mut self, bridge: Bridge<'_>, wanted: Wanted<'_>) -> Result<Vec<PublishedPort>, Error> {
        let ephemeral = OnceCell::new();
        for _ in 0..TRIES {
            let generation = dump::generation(&mut self.socket).map_err(unavailable)?;
            let tables = dump::marked_tables(&mut self.socket, self.table.mark_prefix).map_err(failed)?;
            let installed = tables.iter().any(|t| t.name == self.table.name);
            if installed && wanted.ports.is_empty() {
                return Ok(Vec::new());
            }
            let mut batch = Batch::new(Some(generation));
            if !installed {
                base::install(&mut batch, self.table.name, self.table.mark, bridge.name, bridge.subnet);
            }
            let claims = self.claims(&tables)?;
            let ephemeral = || ephemeral.get_or_init(sysctl::ephemeral_ports).clone();
            // The sockets in `wants` keep other programs from the ports until the rules are in place.
            let wants = port::choose(wanted.ports, &claims, ephemeral, wanted.name)?;
            self.add(&mut batch, &wants, wanted);
            match self.send(batch) {
                Ok(()) => return Ok(wants.iter().map(|want| want.port).collect()),
                Err(error) if error.is(libc::ERESTART) => continue,
                Err(error) => return Err(failed(error)),
            }
        }
        Err(Error::FirewallBusy)
    }

    fn claims(&mut self, tables: &[dump::MarkedTable]) -> Result<Vec<port::Claim>, Error> {
        let mut claims = Vec::new();
        for table in tables {
            let published = dump::published(&mut self.socket, &table.name, base::DOCKER).map_err(failed)?;
            claims.extend(published.into_iter().map(|(_, publication)| publication.into()));
        }
        Ok(claims)
    }

    fn add(&self, batch: &mut Batch, wants: &[Want], wanted: Wanted<'_>) {
        for Want { port, .. } in wants {
            let target = SocketAddrV4::new(wanted.address, port.container_port);
            let publication =
                Publication { container: wanted.container.into(), name: wanted.name.into(), port: *port, target };
            batch.add_rule(self.table.name, base::DOCKER, base::publish(port, target), publication.userdata());
        }
    }

    /// Removes what is published for the containers that `whose` picks, and returns it.
    pub fn unpublish(&mut self, whose: impl Fn(&str) -> bool) -> Result<Vec<Publication>, Error> {
        for _ in 0..TRIES {
            let mut published =
                dump::published(&mut self.socket, self.table.name, base::DOCKER).map_err(unavailable)?;
            published.retain(|(_, publication)| whose(&publication.container));
            if published.is_empty() {
                return Ok(Vec::new());
            }
            let mut batch = Batch::new(None);
            for (handle, _) in &published {
                batch.delete_rule(self.table.name, base::DOCKER, *handle);
            }
            match self.send(batch) {
                Ok(()) => {
                    return Ok(published.into_iter().map(|(_, publication)| publication).collect());
                }
                // Somebody else removed one of them meanwhile.
                Err(error) if error.is(libc::ENOENT) => continue,
                Err(error) => return Err(failed(error)),
            }
        }
        Err(Error::FirewallBusy)
    }

    /// Removes the table, if it is there and has our mark.
    pub fn remove(&mut self) -> Result<(), Error> {
        if !self.is_installed()? {
            return Ok(());
        }
        let mut batch = Batch::new(None);
        batch.delete_table(self.table.name);
        self.send(batch).map_err(failed)
    }

    /// One line for each chain, not ours, that drops what is forwarded.
    pub fn warnings(&mut self) -> Result<Vec<String>, Error> {
        let chains = dump::dropping_forward_chains(&mut self.socket).map_err(failed)?;
        let warn = |chain| {
            format!("{chain} drops forwarded packets by policy; its rules must accept what goes to and from containers")
        };
        Ok(chains.into_iter().map(warn).collect())
    }

    fn send(&mut self, batch: Batch) -> netlink::Result<()> {
        self.socket.execute::<NetfilterMessage>(batch.finish()).map(drop)
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

impl From<Taken> for Error {
    fn from(taken: Taken) -> Error {
        Error::Port(taken)
    }
}
