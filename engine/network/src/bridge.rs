//! Bridges: found again, or made.
//!
//! A bridge carries in its alias the mark of the network that made it. That of the default network is named docker0 unless
//! somebody else has that name, for a real Docker's bridge is left alone; then porthole0, porthole1, … That of another network is
//! named `br-` and the beginning of the network's id, or as was asked.

use crate::config::{NetworkConfig, Pool};
use crate::error::Error;
use crate::link::{self, Link, address};
use crate::mark;
use crate::netlink::{self, Socket};
use crate::settings::Settings;
use crate::subnet::{self, Subnet};
use crate::{sysctl, topology};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;
use std::{iter, thread};

/// A bridge to be made, or removed.
pub(crate) struct Maker<'a> {
    /// The mark of the state root.
    pub mark: &'a str,
    /// What is said of the default network.
    pub settings: &'a Settings,
    /// The subnets of the other networks of this state root, whether they have a bridge now or not.
    pub others: &'a [Subnet],
}

/// The mark of a network's bridge.
pub(crate) fn alias(root_mark: &str, network: &NetworkConfig) -> String {
    if network.is_predefined() { root_mark.to_owned() } else { format!("{root_mark} {}", network.short_id()) }
}

/// The index of the network's bridge, if it is as it should be: a bridge is taken up last, when all else is done.
pub(crate) fn find(socket: &mut Socket, root_mark: &str, network: &NetworkConfig) -> Result<Option<u32>, Error> {
    let Some(name) = &network.bridge else { return Ok(None) };
    let link = link::find(socket, name).map_err(|e| failed("look for bridge", name, e))?;
    let is_it = |link: &Link| link.up && (network.adopted || link.alias == alias(root_mark, network));
    Ok(link.filter(is_it).map(|link| link.index))
}

impl Maker<'_> {
    /// Makes the bridge of a network, or completes one that a killed process left half made, and writes into the network what
    /// was chosen. `write_down` is called before anything depends on it. The caller holds the lock of the state root.
    pub fn make(
        &self,
        socket: &mut Socket,
        network: &mut NetworkConfig,
        write_down: impl FnOnce(&NetworkConfig) -> Result<(), Error>,
    ) -> Result<u32, Error> {
        if network.is_predefined() {
            self.apply_settings(network);
        }
        let link = self.link(socket, network)?;
        network.bridge = Some(link.name.clone());
        if network.adopted {
            adopt(network, &link)?;
        } else {
            self.wait_for_others(socket, &link)?;
            self.choose_subnets(socket, network, Some(link.index))?;
        }
        write_down(network)?;
        let complete = |e| failed("set up bridge", &link.name, e);
        sysctl::prepare_bridge(&link.name)?;
        for pool in network.pools.iter().filter(|_| !network.adopted) {
            if let Some(gateway) = pool.gateway {
                address::ensure(socket, link.index, gateway, pool.subnet.prefix_len()).map_err(complete)?;
            }
        }
        link::set_up(socket, link.index).map_err(complete)?;
        Ok(link.index)
    }

    fn apply_settings(&self, network: &mut NetworkConfig) {
        let said = &self.settings.bridge;
        network.ipv6 = said.ipv6;
        network.options.extend(said.options().map(|(option, value)| (option.to_owned(), value)));
        if let Some((address, subnet)) = said.address() {
            network.pools.retain(|pool| pool.subnet.is_ipv6());
            let pool = Pool { subnet, range: said.range(), gateway: Some(address), auxiliary: BTreeMap::new() };
            network.pools.insert(0, pool);
        }
    }

    /// The network's bridge, made now if there is none. It is born with its mark under a name that nobody else uses, then renamed:
    /// of two that want the same name one is refused, and takes the next.
    fn link(&self, socket: &mut Socket, network: &mut NetworkConfig) -> Result<Link, Error> {
        let mark = alias(self.mark, network);
        let unborn = unborn_name(&mark);
        let wanted = self.wanted_name(network);
        loop {
            let links = link::all(socket).map_err(|e| failed("list", "links", e))?;
            let holder = wanted.as_ref().and_then(|name| links.iter().find(|link| link.name == *name));
            if let Some(foreign) = holder.filter(|link| link.alias != mark) {
                // The administrator may have made the default network's bridge by hand.
                network.adopted = network.is_predefined() && is_bridge(socket, foreign.index)?;
                return if network.adopted {
                    Ok(foreign.clone())
                } else {
                    Err(Error::ForeignBridge(foreign.name.clone()))
                };
            }
            network.adopted = false;
            let Some(ours) = links.iter().find(|link| link.alias == mark) else {
                // Left to itself, a bridge would change its address as ports come and go.
                link::add_bridge(socket, &unborn, link::mac::mac_from(&mark), network.mtu(), &mark)
                    .map_err(|e| failed("make bridge", &unborn, e))?;
                continue;
            };
            if ours.name != unborn {
                return Ok(ours.clone());
            }
            let name = wanted.clone().unwrap_or_else(|| free_name(&links));
            match link::rename(socket, ours.index, &name) {
                // Another process was faster to take the name.
                Err(error) if error.is(libc::EEXIST) => continue,
                other => other.map_err(|e| failed("make bridge", &name, e))?,
            }
        }
    }

    fn wanted_name(&self, network: &NetworkConfig) -> Option<String> {
        match network.is_predefined() {
            true => self.settings.bridge.name.clone(),
            false => {
                let asked = network.wanted_bridge().map(str::to_owned);
                Some(asked.unwrap_or_else(|| format!("br-{}", network.short_id())))
            }
        }
    }

    /// Of bridges that several state roots make at once, the one with the lowest index chooses its subnet first.
    fn wait_for_others(&self, socket: &mut Socket, ours: &Link) -> Result<(), Error> {
        const PATIENCE: u32 = 100;
        for _ in 0..PATIENCE {
            let links = link::all(socket).map_err(|e| failed("list", "links", e))?;
            let unfinished = |l: &Link| l.alias.starts_with(mark::PREFIX) && l.index < ours.index && !l.up;
            if !links.iter().any(unfinished) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(5));
        }
        // Its maker was killed, and it has no subnet yet that could clash.
        Ok(())
    }

    /// Decides on the subnets that nobody asked for: the same as before if they are still free.
    pub fn choose_subnets(
        &self,
        socket: &mut Socket,
        network: &mut NetworkConfig,
        own_link: Option<u32>,
    ) -> Result<(), Error> {
        let mut used = link::routed_subnets(socket, own_link).map_err(|e| failed("list", "routes", e))?;
        used.extend(self.others);
        let fixed = !network.is_predefined() || self.settings.bridge.address().is_some();
        let of = |network: &NetworkConfig, ipv6| network.pools.iter().position(|p| p.subnet.is_ipv6() == ipv6);
        let before = of(network, false);
        if before.is_none() || !fixed {
            let old = before.map(|at| network.pools.remove(at).subnet);
            let candidates = old.into_iter().chain(self.settings.candidates());
            let subnet = subnet::first_free(candidates, &used).ok_or(Error::NoSubnet)?;
            network.pools.insert(0, Pool::whole(subnet));
        }
        if network.ipv6 && of(network, true).is_none() {
            let subnet =
                subnet::first_free(subnet::unique_local_candidates(self.mark), &used).ok_or(Error::NoSubnet)?;
            network.pools.push(Pool::whole(subnet));
        }
        Ok(())
    }

    /// Removes a network's bridge with what hangs on it. One that was there before stays.
    pub fn remove(&self, socket: &mut Socket, network: &NetworkConfig) -> Result<(), Error> {
        if network.adopted {
            return Ok(());
        }
        let mark = alias(self.mark, network);
        let links = link::all(socket).map_err(|e| failed("list", "links", e))?;
        for ours in links.iter().filter(|l| l.alias == mark) {
            let remains = links.iter().filter(|l| l.master == Some(ours.index));
            for link in remains.chain([ours]) {
                match link::delete(socket, link.index) {
                    // A port whose namespace has just ended.
                    Err(error) if error.is(libc::ENODEV) => {}
                    other => other.map_err(|e| failed("remove link", &link.name, e))?,
                }
            }
        }
        Ok(())
    }
}

/// Takes a bridge that the administrator has made as it is.
fn adopt(network: &mut NetworkConfig, link: &Link) -> Result<(), Error> {
    let interfaces = topology::links().map_err(|e| failed("list addresses of", &link.name, e))?;
    let own = interfaces.into_iter().filter(|interface| interface.index == link.index);
    let global = own.flat_map(|interface| interface.addresses).filter(|(address, _)| !is_link_local(*address));
    let said = network.pools.first().filter(|pool| !pool.subnet.is_ipv6()).and_then(|pool| pool.range);
    network.pools.clear();
    for (address, prefix_len) in global {
        let subnet = Subnet::containing(address, prefix_len);
        if network.pools.iter().all(|pool| pool.subnet.is_ipv6() != subnet.is_ipv6()) {
            let range = said.filter(|range| subnet.contains(range.network()));
            network.pools.push(Pool { subnet, range, gateway: Some(address), auxiliary: BTreeMap::new() });
        }
    }
    network.ipv6 = network.pools.iter().any(|pool| pool.subnet.is_ipv6());
    match network.pools.is_empty() {
        true => Err(Error::InvalidNetwork(format!(
            "bridge {} has no address: give it one, such as ip addr add 192.168.5.1/24 dev {0}",
            link.name
        ))),
        false => Ok(()),
    }
}

fn is_bridge(socket: &mut Socket, index: u32) -> Result<bool, Error> {
    let interfaces = topology::links_by(socket).map_err(|e| failed("list", "links", e))?;
    Ok(interfaces.iter().any(|interface| interface.index == index && interface.kind == "bridge"))
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

fn failed(verb: &str, object: &str, source: netlink::Error) -> Error {
    Error::Link { what: format!("{verb} {object}"), source }
}

fn free_name(links: &[Link]) -> String {
    let names = iter::once("docker0".to_owned()).chain((0u32..).map(|n| format!("porthole{n}")));
    names.into_iter().find(|name| links.iter().all(|l| l.name != *name)).expect("the numbers do not run out")
}

/// The name under which a bridge is born; as long as names may be.
fn unborn_name(mark: &str) -> String {
    format!("porthole~{:06x}", mark::hash(mark) & 0xff_ffff)
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
