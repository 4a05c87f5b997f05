//! Interfaces attached to running containers by hand, as the script pipework does: a veth pair onto a bridge, or a macvlan on another
//! interface of the host.
//!
//! What is to be made is written down first, so that whoever comes after a killed process can undo it. Bridges and VLANs that were made
//! on the way bear a mark, and go with the last interface that needs them.

mod host_side;
mod inside;
mod record;
mod refused;
mod request;

pub(crate) use host_side::OwnNetwork;
pub use record::{Attachment, Means};
pub use refused::Refused;
pub use request::{InterfaceAddress, InterfaceName, InterfaceRequest, InvalidText, RouteRequest};

use crate::error::Error;
use crate::link::{self, Mac};
use crate::network::Network;
use host_side::HostSide;
use inside::Inside;
use record::Records;
use std::net::IpAddr;
use std::os::fd::BorrowedFd;

/// A running container, to which something is attached or from which it is detached.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The container's id.
    pub container: &'a str,
    /// The container's name, for errors.
    pub name: &'a str,
    /// The container's network namespace.
    pub netns: BorrowedFd<'a>,
}

impl Network {
    /// Attaches an interface to a running container. If any of it fails, nothing of it stays.
    pub fn attach_interface(&self, target: Target<'_>, request: &InterfaceRequest) -> Result<Attachment, Error> {
        let _lock = self.lock()?;
        let mut records = Kept::open(self, target.container)?;
        let mut inside = Inside::open(target.netns)?;
        let mut host = HostSide::open(self)?;
        records.undo(&mut host, Some(&mut inside), |attachment| !attachment.complete)?;
        let attachment = host.plan(request, &mut inside, &target)?;
        records.push(attachment.clone())?;
        let made = host.make(&attachment, target).and_then(|()| inside.configure(&attachment, target.netns));
        match made.and_then(|()| host.settle(&attachment)).and_then(|()| inside.announce(&attachment, target.netns)) {
            Ok(()) => records.complete(),
            Err(error) => {
                // The first error counts; what cannot be undone now is undone by whoever comes next.
                let _ = records.undo(&mut host, Some(&mut inside), |attachment| !attachment.complete);
                Err(error)
            }
        }
    }

    /// Detaches one interface that was attached to a running container, or all of them. Answers with their names.
    pub fn detach_interfaces(&self, target: Target<'_>, interface: Option<&str>) -> Result<Vec<String>, Error> {
        let _lock = self.lock()?;
        let mut records = Kept::open(self, target.container)?;
        let is_meant = |attachment: &Attachment| interface.is_none_or(|name| attachment.interface == name);
        let names: Vec<_> =
            records.attachments.iter().filter(|a| a.complete && is_meant(a)).map(|a| a.interface.clone()).collect();
        if let (Some(interface), []) = (interface, names.as_slice()) {
            return Err(Refused::NotAttached { container: target.name.into(), interface: interface.into() }.into());
        }
        let (mut host, mut inside) = (HostSide::open(self)?, Inside::open(target.netns)?);
        records.undo(&mut host, Some(&mut inside), |attachment| !attachment.complete || is_meant(attachment))?;
        Ok(names)
    }

    /// The interfaces that were attached to a container.
    pub fn attachments(&self, container: &str) -> Result<Vec<Attachment>, Error> {
        let mut attachments = Records::new(self.root()).of(container)?;
        attachments.retain(|attachment| attachment.complete);
        Ok(attachments)
    }

    /// Removes what was attached to a container that has ended. Its network namespace ends too, unless others share it: then
    /// that is `netns`. That nothing was attached is no error.
    pub fn release_attachments(&self, container: &str, netns: Option<BorrowedFd<'_>>) -> Result<(), Error> {
        if !self.has_attachments(container) {
            return Ok(());
        }
        let _lock = self.lock()?;
        let mut records = Kept::open(self, container)?;
        let mut inside = netns.map(Inside::open).transpose()?;
        records.undo(&mut HostSide::open(self)?, inside.as_mut(), |_| true)
    }

    /// Whether something was attached to a container, made whole or not.
    pub fn has_attachments(&self, container: &str) -> bool {
        Records::new(self.root()).has(container)
    }
}

/// What is remembered of one container, and on disk always what is there at most.
struct Kept<'a> {
    records: Records,
    container: &'a str,
    attachments: Vec<Attachment>,
}

impl<'a> Kept<'a> {
    fn open(network: &Network, container: &'a str) -> Result<Kept<'a>, Error> {
        let records = Records::new(network.root());
        Ok(Kept { attachments: records.of(container)?, records, container })
    }

    fn push(&mut self, attachment: Attachment) -> Result<(), Error> {
        self.attachments.push(attachment);
        self.records.write(self.container, &self.attachments)
    }

    /// The last one is whole.
    fn complete(&mut self) -> Result<Attachment, Error> {
        let last = self.attachments.last_mut().expect("one was pushed");
        last.complete = true;
        let last = last.clone();
        self.records.write(self.container, &self.attachments)?;
        Ok(last)
    }

    /// Removes those that are meant, the youngest first, each with what only it needed. It is forgotten last.
    fn undo(
        &mut self,
        host: &mut HostSide<'_>,
        mut inside: Option<&mut Inside>,
        is_meant: impl Fn(&Attachment) -> bool,
    ) -> Result<(), Error> {
        while let Some(at) = self.attachments.iter().rposition(&is_meant) {
            let mut rest = self.attachments.clone();
            let attachment = rest.remove(at);
            if let Some(inside) = inside.as_deref_mut() {
                inside.remove(&attachment, &mut rest)?;
            }
            host.remove(&attachment)?;
            host.free(self.container, &attachment)?;
            host.prune(&self.needed(&rest)?)?;
            self.records.write(self.container, &rest)?;
            self.attachments = rest;
        }
        Ok(())
    }

    /// What was attached to any container, where this one keeps `rest`.
    fn needed(&self, rest: &[Attachment]) -> Result<Vec<Attachment>, Error> {
        let others = self.records.all()?.into_iter().filter(|(container, _)| container != self.container);
        Ok(others.map(|(_, attachment)| attachment).chain(rest.iter().cloned()).collect())
    }
}

/// The hardware address of an interface that is given none: Docker's for an IPv4 address, and the like for an IPv6 address.
fn mac_of(address: IpAddr) -> Mac {
    match address {
        IpAddr::V4(address) => link::mac_of(address),
        IpAddr::V6(_) => link::mac::mac_from(&address.to_string()),
    }
}

fn failed(verb: &str, object: &str, source: crate::netlink::Error) -> Error {
    Error::Link { what: format!("{verb} {object}"), source }
}
