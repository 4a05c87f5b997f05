//! The host's side: the bridge or interface that is named, and what has to be made there.

use super::inside::Inside;
use super::record::{Attachment, Means, Records};
use super::{InterfaceRequest, Refused, Target, failed, mac_of};
use crate::config::{NetworkConfig, Pool};
use crate::connect::interface_name;
use crate::error::Error;
use crate::lease::{Lease, Leases, NoLease};
use crate::link::stacked::{self, Kind, MacvlanMode, Stacked, VlanId};
use crate::link::{self, End, Link, Mac, Port, filtering};
use crate::netlink::Socket;
use crate::network::{Network, route_socket};
use std::net::IpAddr;

/// How a bridge's name begins that is made when it is missing, as with pipework.
const BRIDGE_PREFIX: &str = "br";

/// A socket in the host's network namespace, and what is known of there.
pub(super) struct HostSide<'a> {
    network: &'a Network,
    socket: Socket,
    /// What bridges and VLANs bear that were made for attached interfaces.
    mark: String,
}

impl HostSide<'_> {
    pub fn open(network: &Network) -> Result<HostSide<'_>, Error> {
        Ok(HostSide { network, socket: route_socket()?, mark: format!("attached by {}", network.mark()) })
    }

    /// Looks whether all that is asked for can be, and says what is to be made. Nothing is changed.
    pub fn plan(
        &mut self,
        request: &InterfaceRequest,
        inside: &mut Inside,
        target: &Target<'_>,
    ) -> Result<Attachment, Error> {
        let links = self.links()?;
        let link = links.iter().find(|link| link.name == request.link);
        let means = means(request, link, &links)?;
        self.check_vlan(request, link, &links, &means)?;
        let interface = free_name(request, &inside.links()?, target)?;
        let mac = match (&means, link.and_then(|link| link.mac)) {
            (Means::Macvlan { mode: MacvlanMode::Passthru }, Some(parents)) => parents,
            _ => request.mac.unwrap_or_else(|| mac_of(request.address.address)),
        };
        self.check_taken(request, mac)?;
        self.check_subnet(request, link)?;
        let gateway = request.address.gateway;
        let replaced = gateway.map(|gateway| inside.default_like(gateway)).transpose()?.flatten();
        Ok(Attachment {
            interface,
            link: request.link.clone(),
            means,
            address: request.address.address,
            prefix_len: request.address.prefix_len,
            gateway,
            mac,
            vlan: request.vlan,
            routes: request.routes.clone(),
            replaced,
            complete: false,
        })
    }

    fn links(&mut self) -> Result<Vec<Link>, Error> {
        link::all(&mut self.socket).map_err(|e| failed("list", "links", e))
    }

    fn check_vlan(
        &self,
        request: &InterfaceRequest,
        link: Option<&Link>,
        links: &[Link],
        means: &Means,
    ) -> Result<(), Error> {
        let (Some(vlan), Some(link)) = (request.vlan, link) else { return Ok(()) };
        match means {
            Means::Veth { .. } => {
                let may_filter = link.filters_vlans == Some(true) || link.alias == self.mark;
                if may_filter { Ok(()) } else { Err(Refused::NoFiltering(link.name.clone()).into()) }
            }
            Means::Macvlan { .. } => {
                let name = vlan_name(&link.name, vlan);
                let is_free = link::is_name(&name) && links.iter().all(|other| other.name != name);
                if is_free || find_vlan(links, link, vlan).is_some() {
                    return Ok(());
                }
                Err(Refused::VlanName { name, vlan, link: link.name.clone() }.into())
            }
        }
    }

    /// Nobody else of ours has the address or the hardware address in the same place.
    fn check_taken(&self, request: &InterfaceRequest, mac: Mac) -> Result<(), Error> {
        let passthru = request.mode == Some(MacvlanMode::Passthru);
        for (owner, other) in Records::new(self.network.root()).all()? {
            if other.link != request.link || other.vlan != request.vlan {
                continue;
            }
            let taken = if other.address == request.address.address {
                other.address.to_string()
            } else if other.mac == mac && !passthru {
                link::mac_text(mac)
            } else {
                continue;
            };
            return Err(taken_by(taken, &request.link, &owner));
        }
        Ok(())
    }

    /// On the bridge of a network of ours, the address has to be one of that network's, and free.
    fn check_subnet(&self, request: &InterfaceRequest, link: Option<&Link>) -> Result<(), Error> {
        let own = link.map_or(Ok(None), |link| self.network.own(&link.name))?;
        let Some(own) = own else { return Ok(()) };
        let address = request.address.address;
        let pool = own.pool_of(address).filter(|pool| pool.subnet.prefix_len() == request.address.prefix_len);
        let Some(pool) = pool else {
            let subnets: Vec<_> = own.config.subnets().iter().map(ToString::to_string).collect();
            return Err(
                Refused::NotOfSubnet { address, subnets: subnets.join(" and "), link: request.link.clone() }.into()
            );
        };
        let leases = own.leases.all().map_err(|source| self.lease_error(source))?;
        match leases.iter().find(|lease| lease.address == address) {
            Some(lease) => Err(taken_by(address.to_string(), &request.link, &lease.container)),
            None if pool.reserved().any(|reserved| reserved == address) => {
                Err(Refused::AddressReserved { address, link: request.link.clone() }.into())
            }
            None => Ok(()),
        }
    }

    fn lease_error(&self, source: std::io::Error) -> Error {
        Error::File { path: self.network.root().join("networks"), source }
    }

    /// Makes what was planned, all but what the container's side does.
    pub fn make(&mut self, attachment: &Attachment, target: Target<'_>) -> Result<(), Error> {
        let link = match (self.find(&attachment.link)?, &attachment.means) {
            (Some(link), _) => link,
            (None, Means::Veth { .. }) => self.make_bridge(&attachment.link)?,
            (None, Means::Macvlan { .. }) => return Err(Refused::NoLink(attachment.link.clone()).into()),
        };
        match &attachment.means {
            Means::Veth { port } => self.make_port(attachment, &link, port, target),
            Means::Macvlan { mode } => self.make_macvlan(attachment, &link, *mode, target),
        }
    }

    fn find(&mut self, name: &str) -> Result<Option<Link>, Error> {
        link::find(&mut self.socket, name).map_err(|e| failed("look for", name, e))
    }

    fn make_bridge(&mut self, name: &str) -> Result<Link, Error> {
        link::add_bridge(
            &mut self.socket,
            name,
            link::mac::mac_from(&format!("{} {name}", self.mark)),
            None,
            &self.mark,
        )
        .map_err(|e| failed("make bridge", name, e))?;
        self.find(name)?.ok_or_else(|| Refused::NoLink(name.into()).into())
    }

    fn make_port(
        &mut self,
        attachment: &Attachment,
        bridge: &Link,
        port: &str,
        target: Target<'_>,
    ) -> Result<(), Error> {
        if bridge.alias == self.mark && !bridge.up {
            link::set_up(&mut self.socket, bridge.index).map_err(|e| failed("take up", &bridge.name, e))?;
        }
        self.enable_filtering(attachment, bridge)?;
        let own = self.network.own(&bridge.name)?;
        own.as_ref().map_or(Ok(()), |own| self.lease(attachment, own, port, target))?;
        let end = End { name: &attachment.interface, netns: target.netns, mac: Some(attachment.mac) };
        let isolated = own.is_some_and(|own| !own.config.icc());
        let place = Port { bridge: bridge.index, hairpin: false, isolated };
        let what = |e| failed("link container", &format!("{} to {}", target.name, bridge.name), e);
        let made = link::add_veth_with_mtu(&mut self.socket, port, &end, Some(place), bridge.mtu).map_err(what)?;
        match attachment.vlan {
            Some(vlan) => filtering::set_vlan(&mut self.socket, made.index, vlan.into(), bridge.default_vlan)
                .map_err(|e| failed("put", &format!("{port} into VLAN {vlan}"), e)),
            None => Ok(()),
        }
    }

    fn enable_filtering(&mut self, attachment: &Attachment, bridge: &Link) -> Result<(), Error> {
        if attachment.vlan.is_none() || bridge.filters_vlans == Some(true) {
            return Ok(());
        }
        match filtering::enable(&mut self.socket, &bridge.name) {
            Err(error) if error.is(libc::EOPNOTSUPP) => Err(Refused::KernelWithoutFiltering.into()),
            result => result.map_err(|e| failed("tell VLANs apart on", &bridge.name, e)),
        }
    }

    fn lease(&self, attachment: &Attachment, own: &OwnNetwork, port: &str, target: Target<'_>) -> Result<(), Error> {
        let (address, link) = (attachment.address, || attachment.link.clone());
        let Some(pool) = own.pool_of(address) else { return Ok(()) };
        match own.leases.take(pool, Some(address), target.container, port) {
            Ok(_) => Ok(()),
            Err(NoLease::Failed(source)) => Err(self.lease_error(source)),
            Err(NoLease::NoNetwork) => Err(Refused::NoLink(link()).into()),
            // Another process was faster.
            Err(NoLease::Taken(_) | NoLease::Full) => Err(Refused::AddressJustTaken { address, link: link() }.into()),
        }
    }

    fn make_macvlan(
        &mut self,
        attachment: &Attachment,
        parent: &Link,
        mode: MacvlanMode,
        target: Target<'_>,
    ) -> Result<(), Error> {
        let parent = match attachment.vlan {
            Some(vlan) => self.vlan_of(parent, vlan)?,
            None => parent.index,
        };
        let mac = Some(attachment.mac).filter(|_| mode != MacvlanMode::Passthru);
        let link = Stacked { kind: Kind::Macvlan(mode), parent, name: &attachment.interface, mac, mtu: None };
        stacked::add(&mut self.socket, &link, target.netns)
    }

    /// The VLAN of an interface, made if it is missing.
    fn vlan_of(&mut self, parent: &Link, vlan: VlanId) -> Result<u32, Error> {
        let links = self.links()?;
        if let Some(found) = find_vlan(&links, parent, vlan) {
            return Ok(found.index);
        }
        let name = vlan_name(&parent.name, vlan);
        let link = Stacked { kind: Kind::Vlan(vlan), parent: parent.index, name: &name, mac: None, mtu: None };
        stacked::add_marked(&mut self.socket, &link, &self.mark)?;
        Ok(self.find(&name)?.ok_or(Refused::NoLink(name))?.index)
    }

    /// Makes a bridge port ready to send, now that the other end is up.
    pub fn settle(&mut self, attachment: &Attachment) -> Result<(), Error> {
        let Means::Veth { port } = &attachment.means else { return Ok(()) };
        let (port, bridge) = (self.find(port)?, self.find(&attachment.link)?);
        let indices: Vec<u32> = port.iter().chain(&bridge).map(|link| link.index).collect();
        link::settle(&mut self.socket, &indices).map_err(|e| failed("take up", &attachment.link, e))
    }

    /// Removes the host's end of what was attached; that it is gone is no error.
    pub fn remove(&mut self, attachment: &Attachment) -> Result<(), Error> {
        let Means::Veth { port } = &attachment.means else { return Ok(()) };
        match self.find(port)? {
            Some(found) => self.delete(&found),
            None => Ok(()),
        }
    }

    fn delete(&mut self, link: &Link) -> Result<(), Error> {
        match link::delete(&mut self.socket, link.index) {
            // It went by itself meanwhile.
            Err(error) if error.is(libc::ENODEV) => Ok(()),
            result => result.map_err(|e| failed("remove", &link.name, e)),
        }
    }

    /// Gives back the address, if it was leased.
    pub fn free(&mut self, container: &str, attachment: &Attachment) -> Result<(), Error> {
        let Means::Veth { port } = &attachment.means else { return Ok(()) };
        let Some(own) = self.network.own(&attachment.link)? else { return Ok(()) };
        let lease = Lease { address: attachment.address, container: container.into(), interface: port.clone() };
        let leases = own.leases.all().map_err(|source| self.lease_error(source))?;
        // It is another's if there was no time to lease it.
        if leases.contains(&lease) {
            own.leases.free(&lease).map_err(|source| self.lease_error(source))?;
        }
        Ok(())
    }

    /// Removes the bridges and VLANs that were made for attached interfaces, and on which none is left of those that stay.
    pub fn prune(&mut self, staying: &[Attachment]) -> Result<(), Error> {
        let links = self.links()?;
        for link in &links {
            let parent = links.iter().find(|parent| Some(parent.index) == link.peer);
            let hangs_on_it = |attachment: &Attachment| match link.vlan {
                Some(vlan) => {
                    attachment.vlan.map(u16::from) == Some(vlan)
                        && parent.is_some_and(|parent| parent.name == attachment.link)
                }
                None => attachment.link == link.name,
            };
            let is_used = staying.iter().any(hangs_on_it) || links.iter().any(|port| port.master == Some(link.index));
            if link.alias == self.mark && !is_used {
                self.delete(link)?;
            }
        }
        Ok(())
    }
}

/// A network of ours, and who has which address of it.
pub(crate) struct OwnNetwork {
    pub config: NetworkConfig,
    pub leases: Leases,
}

impl OwnNetwork {
    fn pool_of(&self, address: IpAddr) -> Option<&Pool> {
        self.config.pools.iter().find(|pool| pool.subnet.contains(address))
    }
}

/// How an interface can hang on the link that is named, which may be one to be made.
fn means(request: &InterfaceRequest, link: Option<&Link>, links: &[Link]) -> Result<Means, Refused> {
    let name = || request.link.clone();
    let on_bridge = || match request.mode {
        Some(_) => Err(Refused::ModeOnBridge(name())),
        None => Ok(Means::Veth { port: interface_name() }),
    };
    let Some(link) = link else {
        let can_be_made = request.link.starts_with(BRIDGE_PREFIX) && link::is_name(&request.link);
        return if can_be_made { on_bridge() } else { Err(Refused::NoLink(name())) };
    };
    if let Some(bridge) = links.iter().find(|bridge| Some(bridge.index) == link.master) {
        return Err(Refused::IsPort { port: name(), bridge: bridge.name.clone() });
    }
    if !link.up {
        return Err(Refused::LinkDown(name()));
    }
    if link.kind == "bridge" {
        return on_bridge();
    }
    let mode = request.mode.unwrap_or_default();
    match request.mac {
        Some(_) if mode == MacvlanMode::Passthru => Err(Refused::MacOfPassthru(name())),
        _ => Ok(Means::Macvlan { mode }),
    }
}

/// The name that is asked for, if it is free inside, or else the first free one after Docker's.
fn free_name(request: &InterfaceRequest, inside: &[Link], target: &Target<'_>) -> Result<String, Refused> {
    let is_free = |name: &str| inside.iter().all(|link| link.name != name);
    match &request.name {
        Some(name) if is_free(name.as_str()) => Ok(name.as_str().to_owned()),
        Some(name) => {
            Err(Refused::InterfaceExists { container: target.name.into(), interface: name.as_str().to_owned() })
        }
        None => {
            let mut names = (1u32..).map(|n| format!("eth{n}"));
            Ok(names.find(|name| is_free(name)).expect("the numbers do not run out"))
        }
    }
}

fn find_vlan<'a>(links: &'a [Link], parent: &Link, vlan: VlanId) -> Option<&'a Link> {
    links.iter().find(|link| link.vlan == Some(vlan.into()) && link.peer == Some(parent.index))
}

/// As pipework and vconfig(8) name them.
fn vlan_name(parent: &str, vlan: VlanId) -> String {
    format!("{parent}.{vlan}")
}

fn taken_by(address: String, link: &str, owner: &str) -> Error {
    let owner = &owner[..owner.len().min(12)];
    Refused::AddressTaken { address, link: link.into(), owner: owner.into() }.into()
}
