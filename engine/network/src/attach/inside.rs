//! The container's side: its interface, address and routes.

use super::failed;
use super::record::Attachment;
use crate::error::Error;
use crate::link::route::{self, Route};
use crate::link::{self, Link, address};
use crate::netlink::{self, Protocol, Socket};
use crate::sysctl;
use std::net::IpAddr;
use std::os::fd::BorrowedFd;

/// A socket in the container's network namespace.
pub(super) struct Inside {
    socket: Socket,
}

impl Inside {
    pub fn open(netns: BorrowedFd<'_>) -> Result<Inside, Error> {
        let socket = Socket::open_in(netns, Protocol::Route);
        socket.map(|socket| Inside { socket }).map_err(|e| failed("open", "a netlink socket in the container", e))
    }

    /// The interfaces that are there.
    pub fn links(&mut self) -> Result<Vec<Link>, Error> {
        link::all(&mut self.socket).map_err(|e| failed("list", "the container's links", e))
    }

    /// Where the default route leads of which a gateway would take the place.
    pub fn default_like(&mut self, gateway: IpAddr) -> Result<Option<Route>, Error> {
        route::default_like(&mut self.socket, gateway).map_err(|e| failed("list", "the container's routes", e))
    }

    /// Gives a new interface its address, takes it up, and makes its routes.
    pub fn configure(&mut self, attachment: &Attachment, netns: BorrowedFd<'_>) -> Result<(), Error> {
        let name = &attachment.interface;
        let index = self.index(attachment)?;
        if attachment.address.is_ipv6() {
            sysctl::set_in(netns, &format!("ipv6/conf/{name}/disable_ipv6"), "0")?;
        }
        let socket = &mut self.socket;
        address::add(socket, index, attachment.address, attachment.prefix_len)
            .map_err(|e| failed("give address to", name, e))?;
        link::set_up(socket, index).map_err(|e| failed("take up", name, e))?;
        for wanted in &attachment.routes {
            let (destination, prefix_len, via) = (wanted.destination, wanted.prefix_len, wanted.via);
            route::add(socket, &Route { destination, prefix_len, via, link: index })
                .map_err(|e| failed("make route", &wanted.to_string(), e))?;
        }
        if let Some(gateway) = attachment.gateway {
            route::replace(socket, &Route::default_via(gateway, index))
                .map_err(|e| failed("make default route by", &gateway.to_string(), e))?;
        }
        link::settle(socket, &[index]).map_err(|e| failed("take up", name, e))
    }

    /// Tells the neighbours who has the address now: they may know it as another's (RFC 826, RFC 4861 §7.2.6).
    pub fn announce(&mut self, attachment: &Attachment, netns: BorrowedFd<'_>) -> Result<(), Error> {
        let name = &attachment.interface;
        let parameter = if attachment.address.is_ipv4() { "ipv4/conf" } else { "ipv6/conf" };
        let notify = if attachment.address.is_ipv4() { "arp_notify" } else { "ndisc_notify" };
        sysctl::set_in(netns, &format!("{parameter}/{name}/{notify}"), "1")?;
        let index = self.index(attachment)?;
        link::set_mac(&mut self.socket, index, attachment.mac).map_err(|e| failed("announce", name, e))
    }

    /// Removes an interface, and puts back the default route from before. `others` are those that stay.
    pub fn remove(&mut self, attachment: &Attachment, others: &mut [Attachment]) -> Result<(), Error> {
        let name = &attachment.interface;
        let found = self.find(attachment)?;
        if let Some(found) = &found {
            match link::delete(&mut self.socket, found.index) {
                // It was faster to go by itself.
                Err(error) if error.is(libc::ENODEV) => {}
                result => result.map_err(|e| failed("remove", name, e))?,
            }
        }
        match attachment.gateway {
            Some(gateway) => self.restore_default(attachment.replaced, gateway, found.map(|link| link.index), others),
            None => Ok(()),
        }
    }

    fn restore_default(
        &mut self,
        before: Option<Route>,
        gateway: IpAddr,
        index: Option<u32>,
        others: &mut [Attachment],
    ) -> Result<(), Error> {
        let gone = index.map(|index| Route::default_via(gateway, index));
        // A younger one has taken its place meanwhile, and has to give way to what was before both.
        if let Some(younger) = others.iter_mut().find(|other| gone.is_some() && other.replaced == gone) {
            younger.replaced = before;
            return Ok(());
        }
        let Some(before) = before else { return Ok(()) };
        if self.default_like(gateway)?.is_some() {
            return Ok(());
        }
        match route::add(&mut self.socket, &before) {
            // The interface that it led to is gone, or has lost its address.
            Err(error) if is_lost(&error) => Ok(()),
            result => result.map_err(|e| failed("put back the default route by", &gateway.to_string(), e)),
        }
    }

    fn find(&mut self, attachment: &Attachment) -> Result<Option<Link>, Error> {
        let name = &attachment.interface;
        let found = link::find(&mut self.socket, name).map_err(|e| failed("look for", name, e))?;
        // Somebody inside may have removed it, and given its name to another.
        Ok(found.filter(|link| link.kind == attachment.means.kind()))
    }

    fn index(&mut self, attachment: &Attachment) -> Result<u32, Error> {
        let missing = || netlink::Error::Decode(format!("no link {} after it was made", attachment.interface));
        let found = self.find(attachment)?;
        found.map(|link| link.index).ok_or_else(|| failed("set up", &attachment.interface, missing()))
    }
}

fn is_lost(error: &netlink::Error) -> bool {
    [libc::ENODEV, libc::ENETUNREACH, libc::ENETDOWN, libc::EHOSTUNREACH, libc::EINVAL].iter().any(|e| error.is(*e))
}
