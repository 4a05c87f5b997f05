use super::message::Outcome;
use super::{Datagram, Error, Message, Requests, Result};
use crate::netns;
use netlink_packet_core::{NLM_F_DUMP, NLM_F_DUMP_INTR, NetlinkDeserializable, NetlinkSerializable};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::{io, mem};

/// The kernel never builds a larger datagram for a dump (netlink(7), NLMSG_GOODSIZE).
const RECEIVE: usize = 32 << 10;
/// Not in the libc crate for every target: linux/netlink.h.
const NETLINK_GET_STRICT_CHK: libc::c_int = 12;

/// Which part of the kernel a socket talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Links, addresses, routes, neighbours: rtnetlink(7).
    Route = libc::NETLINK_ROUTE as isize,
    /// nftables, conntrack and their events.
    Netfilter = libc::NETLINK_NETFILTER as isize,
}

/// A netlink socket. It stays in the network namespace in which it was opened.
#[derive(Debug)]
pub struct Socket {
    fd: OwnedFd,
    sequence: u32,
    buffer: Vec<u8>,
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Socket {
    /// Opens a socket in the calling thread's network namespace.
    pub fn open(protocol: Protocol) -> Result<Socket> {
        // SAFETY: socket(2) takes no pointers, and the descriptor it returns is owned by nobody else.
        let fd = unsafe {
            let fd = libc::socket(libc::AF_NETLINK, libc::SOCK_RAW | libc::SOCK_CLOEXEC, protocol as libc::c_int);
            if fd < 0 {
                return Err(Error::last("socket"));
            }
            OwnedFd::from_raw_fd(fd)
        };
        let socket = Socket { fd, sequence: 1, buffer: Vec::new() };
        // Errors with the kernel's words, without a copy of the request; filters of a dump are checked and obeyed.
        for option in [libc::NETLINK_EXT_ACK, libc::NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK] {
            socket.set_option(libc::SOL_NETLINK, option, 1)?;
        }
        Ok(socket)
    }

    /// Opens a socket inside another network namespace. The calling thread visits it and returns, for about 30 µs; a thread of
    /// its own would cost twenty times as much.
    pub fn open_in(netns: BorrowedFd<'_>, protocol: Protocol) -> Result<Socket> {
        netns::visit(netns, || Socket::open(protocol)).map_err(|source| Error::Socket { call: "setns", source })?
    }

    fn set_option(&self, level: libc::c_int, option: libc::c_int, value: libc::c_int) -> Result<()> {
        // SAFETY: the pointer is to a live c_int, whose size is given.
        let result = unsafe {
            let value: *const libc::c_int = &value;
            libc::setsockopt(
                self.fd.as_raw_fd(),
                level,
                option,
                value.cast(),
                size_of::<libc::c_int>() as libc::socklen_t,
            )
        };
        if result < 0 { Err(Error::last("setsockopt")) } else { Ok(()) }
    }

    /// Receives the events of a multicast group from now on.
    pub fn join(&self, group: u32) -> Result<()> {
        self.bind()?;
        self.set_option(libc::SOL_NETLINK, libc::NETLINK_ADD_MEMBERSHIP, group as libc::c_int)
    }

    /// Takes an address, without which the kernel passes a socket over when it announces events. Sending takes one too.
    fn bind(&self) -> Result<()> {
        // SAFETY: all zeroes is a valid sockaddr_nl, which outlasts the call and whose size is given.
        let result = unsafe {
            let mut address: libc::sockaddr_nl = mem::zeroed();
            address.nl_family = libc::AF_NETLINK as libc::sa_family_t;
            let address: *const libc::sockaddr_nl = &address;
            libc::bind(self.fd.as_raw_fd(), address.cast(), size_of::<libc::sockaddr_nl>() as libc::socklen_t)
        };
        match Error::last("bind") {
            _ if result == 0 => Ok(()),
            // It has one.
            Error::Socket { source, .. } if source.raw_os_error() == Some(libc::EINVAL) => Ok(()),
            error => Err(error),
        }
    }

    /// Receives the events of every network namespace that has an id here, tagged with that id ([`Datagram::nsid`]).
    pub fn listen_to_all_namespaces(&self) -> Result<()> {
        self.set_option(libc::SOL_NETLINK, libc::NETLINK_LISTEN_ALL_NSID, 1)
    }

    /// Sets the size of the receive buffer, beyond the system's limit (SO_RCVBUFFORCE, socket(7)).
    pub fn set_receive_buffer(&self, bytes: usize) -> Result<()> {
        self.set_option(libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, bytes.min(i32::MAX as usize) as libc::c_int)
    }

    /// Sends one request and returns what the kernel answered before its acknowledgement.
    pub fn request<M, R>(&mut self, flags: u16, message: M) -> Result<Vec<R>>
    where
        M: NetlinkSerializable,
        R: NetlinkDeserializable,
    {
        let mut requests = Requests::new();
        requests.push(flags, message);
        self.execute(requests)
    }

    /// Sends requests together and returns all answers. Outside a netfilter batch, a request that fails does not stop
    /// those after it; the first error is reported.
    pub fn execute<R: NetlinkDeserializable>(&mut self, requests: Requests) -> Result<Vec<R>> {
        if requests.is_empty() {
            return Ok(Vec::new());
        }
        let first = self.number(requests.count());
        let (bytes, last) = requests.seal(first);
        self.send(&bytes)?;
        let mut answers = Vec::new();
        let mut refused = None;
        while let Some(datagram) = self.receive()? {
            for message in datagram.messages().filter(|m| (first..=last).contains(&m.sequence())) {
                match message.outcome() {
                    Outcome::Data => answers.push(message.decode()?),
                    Outcome::Refused { errno, text } => {
                        let request = Some((message.sequence() - first) as usize);
                        refused.get_or_insert(Error::Refused { request, errno, text });
                    }
                    Outcome::Acknowledged | Outcome::Done if message.sequence() == last => {
                        return refused.map_or(Ok(answers), Err);
                    }
                    Outcome::Acknowledged | Outcome::Done => {}
                }
            }
        }
        Err(refused.unwrap_or_else(|| Error::Decode("the kernel did not acknowledge".into())))
    }

    /// Sends a dump request and returns the objects. A dump that a change interrupted is made again.
    pub fn dump<M, R>(&mut self, message: M) -> Result<Vec<R>>
    where
        M: NetlinkSerializable + Clone,
        R: NetlinkDeserializable,
    {
        loop {
            let mut objects = Vec::new();
            let consistent = self.dump_each(message.clone(), |message| {
                objects.push(message.decode()?);
                Ok(())
            })?;
            if consistent {
                return Ok(objects);
            }
        }
    }

    /// Sends a dump request and shows each object as it stands in the buffer, for those who need little of it. Returns
    /// false if something changed meanwhile, so that objects may be missing (NLM_F_DUMP_INTR).
    pub fn dump_each<M: NetlinkSerializable>(
        &mut self,
        message: M,
        mut each: impl FnMut(Message<'_>) -> Result<()>,
    ) -> Result<bool> {
        let mut requests = Requests::new();
        requests.push(NLM_F_DUMP, message);
        let sequence = self.number(1);
        let (bytes, _) = requests.seal(sequence);
        self.send(&bytes)?;
        let mut consistent = true;
        let mut failed = Ok(());
        while let Some(datagram) = self.receive()? {
            for message in datagram.messages().filter(|m| m.sequence() == sequence) {
                consistent &= message.flags() & NLM_F_DUMP_INTR == 0;
                match message.outcome() {
                    // The rest is read even so, or it would stand in the way of the next request.
                    Outcome::Data if failed.is_ok() => failed = each(message),
                    Outcome::Data => {}
                    Outcome::Refused { errno, text } => {
                        return Err(Error::Refused { request: Some(0), errno, text });
                    }
                    Outcome::Acknowledged | Outcome::Done => return failed.map(|()| consistent),
                }
            }
        }
        Err(Error::Decode("the kernel broke off a dump".into()))
    }

    /// Takes `count` sequence numbers; 0 is left to events.
    fn number(&mut self, count: u32) -> u32 {
        let first = if self.sequence.checked_add(count).is_some() { self.sequence } else { 1 };
        self.sequence = first + count;
        first
    }

    fn send(&self, bytes: &[u8]) -> Result<()> {
        let once = || {
            // SAFETY: the pointer and the length describe a live slice. A netlink datagram is sent whole or not at all.
            let sent = unsafe { libc::send(self.fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), 0) };
            if sent < 0 { Err(Error::last("send")) } else { Ok(()) }
        };
        match once() {
            // A batch of many rules. The buffer is made no larger than it needs to be, beyond the system's limit
            // (SO_SNDBUFFORCE, socket(7)), which the kernel doubles for its own use.
            Err(Error::Socket { source, .. }) if source.raw_os_error() == Some(libc::EMSGSIZE) => {
                self.set_option(
                    libc::SOL_SOCKET,
                    libc::SO_SNDBUFFORCE,
                    bytes.len().min(i32::MAX as usize) as libc::c_int,
                )?;
                once()
            }
            sent => sent,
        }
    }

    /// Takes one waiting datagram; `None` if there is none. To wait for events, poll the descriptor.
    pub fn receive(&mut self) -> Result<Option<Datagram<'_>>> {
        self.buffer.resize(RECEIVE, 0);
        // The kernel's control messages here hold one int: `struct nl_pktinfo` or an nsid.
        let mut control = [0u64; 8];
        let mut part = libc::iovec { iov_base: self.buffer.as_mut_ptr().cast(), iov_len: self.buffer.len() };
        // SAFETY: all zeroes is a valid msghdr; its pointers are to live buffers of the lengths given, which outlast the call.
        let (length, header) = unsafe {
            let mut header: libc::msghdr = mem::zeroed();
            header.msg_iov = &mut part;
            header.msg_iovlen = 1;
            header.msg_control = control.as_mut_ptr().cast();
            header.msg_controllen = size_of_val(&control) as _;
            (libc::recvmsg(self.fd.as_raw_fd(), &mut header, libc::MSG_DONTWAIT), header)
        };
        if length < 0 {
            return match Error::last("recvmsg") {
                Error::Socket { source, .. } if source.kind() == io::ErrorKind::WouldBlock => Ok(None),
                Error::Socket { source, .. } if source.raw_os_error() == Some(libc::ENOBUFS) => Err(Error::Overrun),
                error => Err(error),
            };
        }
        Ok(Some(Datagram { nsid: nsid(&header), bytes: &self.buffer[..length as usize] }))
    }
}

/// The namespace id in the control messages of a received datagram.
fn nsid(header: &libc::msghdr) -> Option<i32> {
    // SAFETY: the kernel has filled in the control buffer of `header`, which is still alive; CMSG_DATA of an
    // NETLINK_LISTEN_ALL_NSID message is an int, read without assuming its alignment.
    unsafe {
        let mut control = libc::CMSG_FIRSTHDR(header);
        while let Some(message) = control.as_ref() {
            if message.cmsg_level == libc::SOL_NETLINK && message.cmsg_type == libc::NETLINK_LISTEN_ALL_NSID {
                return Some(libc::CMSG_DATA(control).cast::<i32>().read_unaligned());
            }
            control = libc::CMSG_NXTHDR(header, control);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use netlink_packet_route::RouteNetlinkMessage;
    use netlink_packet_route::link::{LinkAttribute, LinkMessage};
    use std::time::Instant;

    fn links(socket: &mut Socket) -> Vec<RouteNetlinkMessage> {
        socket.dump(RouteNetlinkMessage::GetLink(LinkMessage::default())).unwrap()
    }

    #[test]
    fn dumps_links() {
        let mut socket = Socket::open(Protocol::Route).unwrap();
        let has_loopback = links(&mut socket).iter().any(|m| {
            matches!(m, RouteNetlinkMessage::NewLink(l) if l.attributes.contains(&LinkAttribute::IfName("lo".into())))
        });
        assert!(has_loopback);
    }

    #[test]
    fn a_refusal_carries_the_request_and_the_words() {
        let mut socket = Socket::open(Protocol::Route).unwrap();
        let get = |name: &str| {
            let mut message = LinkMessage::default();
            message.attributes.push(LinkAttribute::IfName(name.into()));
            RouteNetlinkMessage::GetLink(message)
        };
        let mut requests = Requests::new();
        requests.push(0, get("lo")).push(0, get("none such")).push(0, get("lo"));
        let error = socket.execute::<RouteNetlinkMessage>(requests).unwrap_err();
        assert!(matches!(error, Error::Refused { request: Some(1), errno: libc::ENODEV, .. }), "{error:?}");
        // The socket is in step again.
        assert_eq!(socket.request::<_, RouteNetlinkMessage>(0, get("lo")).unwrap().len(), 1);
    }

    #[test]
    #[ignore = "a measurement: cargo test --release -p porthole-network -- --ignored --nocapture visiting"]
    fn visiting_a_namespace_against_a_thread() {
        let home = netns::current().unwrap();
        let time = |name: &str, work: &dyn Fn()| {
            let start = Instant::now();
            (0..1000).for_each(|_| work());
            println!("{name}: {:?}", start.elapsed() / 1000);
        };
        time("open", &|| drop(Socket::open(Protocol::Route).unwrap()));
        time("visit", &|| drop(Socket::open_in(home.as_fd(), Protocol::Route).unwrap()));
        time("thread", &|| {
            std::thread::scope(|s| drop(s.spawn(|| Socket::open_in(home.as_fd(), Protocol::Route).unwrap()).join()))
        });
    }
}
