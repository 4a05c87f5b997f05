//! The bridge of the default network: found again, or made.
//!
//! A bridge carries the mark of the state root that made it in its alias. It is named docker0 unless somebody else has that
//! name, for a real Docker's bridge is left alone; then porthole0, porthole1, …

use crate::error::Error;
use crate::link::{self, Link};
use crate::netlink::{self, Socket};
use crate::subnet::{self, Subnet};
use crate::sysctl;
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io, iter, thread};

/// What is remembered of the network, so that its name and addresses outlive the bridge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The name of the bridge.
    pub bridge: String,
    pub subnet: Subnet,
    pub gateway: Ipv4Addr,
    /// Forwarding was off before, and is turned off again with the bridge.
    pub turned_on_forwarding: bool,
}

impl Record {
    /// Reads the record; `None` if there is none yet.
    pub fn read(path: &Path) -> Result<Option<Record>, Error> {
        let file = |source| Error::File { path: path.into(), source };
        match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|e| file(e.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(file(error)),
        }
    }

    fn write(&self, path: &Path) -> Result<(), Error> {
        let file = |source| Error::File { path: path.into(), source };
        let temporary = path.with_extension("new");
        let text = serde_json::to_vec_pretty(self).map_err(|e| file(e.into()))?;
        fs::write(&temporary, text).and_then(|()| fs::rename(&temporary, path)).map_err(file)
    }
}

/// The bridge, ready for use.
#[derive(Clone, Debug)]
pub(crate) struct Bridge {
    pub record: Record,
    pub index: u32,
}

/// Where a bridge belongs.
pub(crate) struct Owner<'a> {
    /// What is written into the bridge's alias.
    pub mark: &'a str,
    /// What the marks of all state roots start with.
    pub mark_prefix: &'a str,
    /// The file of the [`Record`].
    pub record: PathBuf,
}

impl Owner<'_> {
    /// The bridge if it is as it should be.
    pub fn find(&self, socket: &mut Socket) -> Result<Option<Bridge>, Error> {
        let Some(record) = Record::read(&self.record)? else {
            return Ok(None);
        };
        let link = link::find(socket, &record.bridge).map_err(|e| failed("look for bridge", &record.bridge, e))?;
        // A bridge is taken up last, when all else is done.
        Ok(link.filter(|l| l.alias == self.mark && l.up).map(|l| Bridge { record, index: l.index }))
    }

    /// Makes the bridge, or completes one that a killed process left half made. The caller holds the lock of the state root.
    pub fn make(&self, socket: &mut Socket) -> Result<Bridge, Error> {
        let old = Record::read(&self.record)?;
        let link = self.marked_link(socket)?;
        self.wait_for_others(socket, &link)?;
        let record = self.choose_subnet(socket, &link, old)?;
        let complete = |e| failed("set up bridge", &link.name, e);
        sysctl::prepare_bridge(&link.name)?;
        link::add_address(socket, link.index, record.gateway, record.subnet).map_err(complete)?;
        if !sysctl::forwarding()? {
            sysctl::set_forwarding(true)?;
        }
        link::set_up(socket, link.index).map_err(complete)?;
        Ok(Bridge { record, index: link.index })
    }

    /// Our bridge, made now if there is none. It is born with its mark under a name that nobody else uses, then renamed: of two
    /// state roots that want the same name one is refused, and takes the next.
    fn marked_link(&self, socket: &mut Socket) -> Result<Link, Error> {
        let unborn = unborn_name(self.mark);
        loop {
            let links = link::all(socket).map_err(|e| failed("list", "links", e))?;
            let Some(ours) = links.iter().find(|l| l.alias == self.mark) else {
                link::add_bridge(socket, &unborn, bridge_mac(self.mark), self.mark)
                    .map_err(|e| failed("make bridge", &unborn, e))?;
                continue;
            };
            if ours.name != unborn {
                return Ok(ours.clone());
            }
            let name = free_name(&links);
            match link::rename(socket, ours.index, &name) {
                // Another process was faster to take the name.
                Err(error) if error.is(libc::EEXIST) => continue,
                other => other.map_err(|e| failed("make bridge", &name, e))?,
            }
        }
    }

    /// Of bridges that several state roots make at once, the one with the lowest index chooses its subnet first.
    fn wait_for_others(&self, socket: &mut Socket, ours: &Link) -> Result<(), Error> {
        const PATIENCE: u32 = 100;
        for _ in 0..PATIENCE {
            let links = link::all(socket).map_err(|e| failed("list", "links", e))?;
            let unfinished = |l: &Link| l.alias.starts_with(self.mark_prefix) && l.index < ours.index && !l.up;
            if !links.iter().any(unfinished) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(5));
        }
        // Its maker was killed, and it has no subnet yet that could clash.
        Ok(())
    }

    /// Decides on the subnet and writes it down: the same as before if it is still free.
    fn choose_subnet(&self, socket: &mut Socket, link: &Link, old: Option<Record>) -> Result<Record, Error> {
        let used = link::routed_subnets(socket, Some(link.index)).map_err(|e| failed("list", "routes", e))?;
        let before = old.as_ref().map(|record| record.subnet);
        let subnet =
            subnet::first_free(before.into_iter().chain(subnet::bridge_candidates()), &used).ok_or(Error::NoSubnet)?;
        let turned_on_forwarding = old.is_some_and(|record| record.turned_on_forwarding) || !sysctl::forwarding()?;
        let record = Record { bridge: link.name.clone(), subnet, gateway: subnet.host(1), turned_on_forwarding };
        record.write(&self.record)?;
        Ok(record)
    }

    /// Removes the bridge and the record, and turns forwarding off if it was off before.
    pub fn remove(&self, socket: &mut Socket) -> Result<(), Error> {
        let links = link::all(socket).map_err(|e| failed("list", "links", e))?;
        for ours in links.iter().filter(|l| l.alias == self.mark) {
            let remains = links.iter().filter(|l| l.master == Some(ours.index));
            for link in remains.chain([ours]) {
                match link::delete(socket, link.index) {
                    // A port whose namespace has just ended.
                    Err(error) if error.is(libc::ENODEV) => {}
                    other => other.map_err(|e| failed("remove link", &link.name, e))?,
                }
            }
        }
        let others = links.iter().any(|l| l.alias.starts_with(self.mark_prefix) && l.alias != self.mark);
        if Record::read(&self.record)?.is_some_and(|record| record.turned_on_forwarding) && !others {
            sysctl::set_forwarding(false)?;
        }
        match fs::remove_file(&self.record) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(Error::File { path: self.record.clone(), source })
            }
            _ => Ok(()),
        }
    }
}

fn failed(verb: &str, object: &str, source: netlink::Error) -> Error {
    Error::Link { what: format!("{verb} {object}"), source }
}

fn free_name(links: &[Link]) -> String {
    let names = iter::once("docker0".to_owned()).chain((0u32..).map(|n| format!("porthole{n}")));
    names.into_iter().find(|name| links.iter().all(|l| l.name != *name)).expect("the numbers do not run out")
}

/// The name under which a state root's bridge is born; as long as names may be.
fn unborn_name(mark: &str) -> String {
    format!("porthole~{:06x}", crate::mark::hash(mark) & 0xff_ffff)
}

/// A locally administered address (IEEE 802) in Docker's range 02:42, from what is unique here: the mark. Left to itself, a
/// bridge would change its address as ports come and go.
fn bridge_mac(mark: &str) -> link::Mac {
    let [.., a, b, c, d] = crate::mark::hash(mark).to_be_bytes();
    [0x02, 0x42, a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(name: &str) -> Link {
        Link { name: name.into(), ..Link::default() }
    }

    #[test]
    fn beside_a_docker() {
        assert_eq!(free_name(&[link("lo")]), "docker0");
        assert_eq!(free_name(&[link("docker0")]), "porthole0");
        assert_eq!(free_name(&[link("porthole0"), link("docker0")]), "porthole1");
    }
}
