//! The resolver of one container, at 127.0.0.11 in its network namespace, for the loop of the monitor that stays with it.
//!
//! Nothing here waits, and nothing grows with what a container asks: so many connections, so many questions on their way, so much work in
//! one turn, and what is beyond that is refused or left in the socket.

use super::config::DnsConfig;
use super::epoll::{Epoll, Interest, Token};
use super::forward::{Client, Forwarder};
use super::framed::Framed;
use super::message::{Code, LARGEST_DATAGRAM, Query};
use super::upstream;
use super::zones::Zones;
use crate::firewall::redirect;
use crate::netlink::{self, Protocol as Family, Socket};
use crate::port::Protocol;
use crate::{Error, netns};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// Where Docker's resolver is too.
pub const RESOLVER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 11);
const PORT: u16 = 53;
/// How many questions are read in one turn.
const TURN: usize = 32;
/// How many connections there are at a time. One more takes the place of the one that has rested longest.
const CONNECTIONS: usize = 16;
/// How many that are not accepted yet.
const BACKLOG: i32 = 16;
/// How long a connection may rest (RFC 7766 §6.2.3).
const REST: Duration = Duration::from_secs(10);

const DATAGRAMS: Token = 0;
const LISTENER: Token = 1;
const FIRST: Token = 2;

/// See the [module](self).
#[derive(Debug)]
pub struct Server {
    config: DnsConfig,
    zones: Zones,
    epoll: Epoll,
    datagrams: UdpSocket,
    listener: TcpListener,
    connections: BTreeMap<Token, Connection>,
    forwarder: Forwarder,
    next: Token,
}

/// A client that asks by a stream, one question after the other.
#[derive(Debug)]
struct Connection {
    framed: Framed,
    /// Whether its question is on its way.
    waits: bool,
    deadline: Instant,
}

impl Connection {
    fn interest(&self) -> Interest {
        if self.waits { Interest::Nothing } else { self.framed.interest() }
    }
}

impl Server {
    /// Opens the resolver in a container's network namespace, whose loopback interface is up. Questions are passed on from the calling thread's.
    pub fn open(netns: BorrowedFd<'_>, config: DnsConfig) -> Result<Server, Error> {
        let (datagrams, listener) = open_sockets(netns)?;
        let watched = || {
            let epoll = Epoll::new()?;
            epoll.add(&datagrams, DATAGRAMS, Interest::Read)?;
            epoll.add(&listener, LISTENER, Interest::Read)?;
            Ok(epoll)
        };
        let epoll = watched().map_err(failed)?;
        Ok(Server {
            zones: Zones::new(&config),
            config,
            epoll,
            datagrams,
            listener,
            connections: BTreeMap::new(),
            forwarder: Forwarder::default(),
            next: FIRST,
        })
    }

    /// Goes by another configuration from now on.
    pub fn reconfigure(&mut self, config: DnsConfig) {
        self.zones = Zones::new(&config);
        self.config = config;
    }

    /// When there is something to do although nothing has happened.
    pub fn due(&self) -> Option<Instant> {
        let rested = self.connections.values().map(|connection| connection.deadline).min();
        rested.into_iter().chain(self.forwarder.due()).min()
    }

    /// Does what there is to do, or as much of it as fits into one turn.
    pub fn serve(&mut self) {
        for (token, has_failed) in self.epoll.happened() {
            match token {
                DATAGRAMS => self.serve_datagrams(),
                LISTENER => self.accept(),
                _ if self.forwarder.has(token) => {
                    let answered = self.forwarder.hear(&self.epoll, token);
                    answered.into_iter().for_each(|(client, answer)| self.give(client, &answer));
                }
                _ if has_failed => drop(self.connections.remove(&token)),
                _ => self.serve_connection(token),
            }
        }
        self.act_on_time(Instant::now());
    }

    fn act_on_time(&mut self, now: Instant) {
        if self.due().is_none_or(|due| due > now) {
            return;
        }
        for (client, answer) in self.forwarder.act_on_time(&self.epoll, now) {
            self.give(client, &answer);
        }
        self.connections.retain(|_, connection| connection.deadline > now);
    }

    fn serve_datagrams(&mut self) {
        let mut buffer = [0; LARGEST_DATAGRAM];
        for _ in 0..TURN {
            // Whatever fails with one datagram is over with the next one; that there is none is the usual end.
            let Ok((count, from)) = self.datagrams.recv_from(&mut buffer) else { return };
            let client = |query: &Query| Client::Datagram { from, size: query.size() };
            if let Some(answer) = self.answer(&buffer[..count], client) {
                self.give(Client::Datagram { from, size: answer.len() }, &answer);
            }
        }
    }

    /// The answer to a question, unless somebody else is asked for it or it is none.
    fn answer(&mut self, bytes: &[u8], client: impl FnOnce(&Query) -> Client) -> Option<Vec<u8>> {
        let query = match Query::parse(bytes) {
            Ok(query) => query,
            Err(refusal) => return refusal,
        };
        let client = client(&query);
        if let Some(records) = self.zones.answer(&query.asked()) {
            let size = match client {
                Client::Datagram { size, .. } => size,
                Client::Stream(_) => usize::from(u16::MAX),
            };
            return Some(query.answer(Code::Success, &records, size));
        }
        if !self.config.forwards() {
            return Some(query.fail(Code::ServerFailure));
        }
        let token = take(&mut self.next);
        let begun = self.forwarder.begin(&self.epoll, token, client, &query, || upstream::resolvers(&self.config));
        begun.err().map(|code| query.fail(code))
    }

    fn give(&mut self, client: Client, answer: &[u8]) {
        match client {
            Client::Datagram { from, .. } => {
                // One whose client is gone or does not read is lost, as datagrams are.
                let _ = self.datagrams.send_to(answer, from);
            }
            // It may be gone.
            Client::Stream(token) => {
                if let Some(mut connection) = self.connections.remove(&token) {
                    connection.waits = false;
                    let told = connection.framed.queue(answer).and_then(|()| connection.framed.flush());
                    // It may have asked more already, which no event tells of again.
                    let told = told.and_then(|()| self.hear_connection(token, &mut connection));
                    self.keep(token, connection, told);
                }
            }
        }
    }

    fn accept(&mut self) {
        // Whoever it was is gone again, or descriptors are short for now; the rest waits in the backlog.
        let Ok((stream, _)) = self.listener.accept() else { return };
        let added = stream.set_nonblocking(true).and_then(|()| {
            let token = take(&mut self.next);
            self.epoll.add(&stream, token, Interest::Read)?;
            Ok(token)
        });
        let Ok(token) = added else { return };
        if self.connections.len() >= CONNECTIONS
            && let Some((&rested, _)) = self.connections.iter().min_by_key(|(_, connection)| connection.deadline)
        {
            self.connections.remove(&rested);
        }
        let framed = Framed::new(stream, LARGEST_DATAGRAM);
        self.connections.insert(token, Connection { framed, waits: false, deadline: Instant::now() + REST });
    }

    fn serve_connection(&mut self, token: Token) {
        let Some(mut connection) = self.connections.remove(&token) else { return };
        let io = match connection.framed.is_sending() {
            true => connection.framed.flush(),
            false => connection.framed.receive(),
        };
        let heard = io.and_then(|()| self.hear_connection(token, &mut connection));
        self.keep(token, connection, heard);
    }

    /// Answers what a connection asks, one question after the other, until it has no more or one is on its way.
    fn hear_connection(&mut self, token: Token, connection: &mut Connection) -> io::Result<()> {
        while !connection.waits && !connection.framed.is_sending() {
            let Some(question) = connection.framed.next()? else { return Ok(()) };
            let mut is_query = false;
            let client = |_: &Query| {
                is_query = true;
                Client::Stream(token)
            };
            match self.answer(&question, client) {
                Some(answer) => {
                    connection.framed.queue(&answer)?;
                    connection.framed.flush()?;
                }
                None if is_query => connection.waits = true,
                None => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
        Ok(())
    }

    /// Keeps a connection unless it failed or has ended.
    fn keep(&mut self, token: Token, mut connection: Connection, result: io::Result<()>) {
        connection.deadline = Instant::now() + REST;
        let kept = result.and_then(|()| self.epoll.change(&connection.framed, token, connection.interest()));
        if kept.is_ok() {
            self.connections.insert(token, connection);
        }
    }
}

impl AsFd for Server {
    /// What tells by poll(2) that there is something to do.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

fn take(next: &mut Token) -> Token {
    *next += 1;
    *next - 1
}

/// At ports of its own with rules that lead to them, or where the kernel has no such rules at port 53 itself.
fn open_sockets(netns: BorrowedFd<'_>) -> Result<(UdpSocket, TcpListener), Error> {
    let (datagrams, listener) = bind(netns, 0)?;
    match lead_to(netns, &datagrams, &listener) {
        Err(error) if redirect::is_unsupported(&error) => bind(netns, PORT),
        Err(source) => Err(Error::Firewall { source }),
        Ok(()) => Ok((datagrams, listener)),
    }
}

fn bind(netns: BorrowedFd<'_>, port: u16) -> Result<(UdpSocket, TcpListener), Error> {
    let open = |kind| -> io::Result<OwnedFd> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = rustix::net::socket_with(AddressFamily::INET, kind, flags, None)?;
        rustix::net::bind(&socket, &SocketAddrV4::new(RESOLVER, port))?;
        Ok(socket)
    };
    let both = || {
        let (datagrams, listener) = (open(SocketType::DGRAM)?, open(SocketType::STREAM)?);
        rustix::net::listen(&listener, BACKLOG)?;
        Ok((UdpSocket::from(datagrams), TcpListener::from(listener)))
    };
    netns::visit(netns, both).and_then(|opened| opened).map_err(failed)
}

fn lead_to(netns: BorrowedFd<'_>, datagrams: &UdpSocket, listener: &TcpListener) -> netlink::Result<()> {
    let asked = SocketAddrV4::new(RESOLVER, PORT);
    let own = |address: io::Result<SocketAddr>| match address {
        Ok(SocketAddr::V4(address)) => Ok(address),
        Ok(SocketAddr::V6(address)) => Err(netlink::Error::Decode(format!("{address} is no IPv4 address"))),
        Err(source) => Err(netlink::Error::Socket { call: "getsockname", source }),
    };
    let redirections =
        [(Protocol::Udp, asked, own(datagrams.local_addr())?), (Protocol::Tcp, asked, own(listener.local_addr())?)];
    redirect::redirect(&mut Socket::open_in(netns, Family::Netfilter)?, &redirections)
}

fn failed(source: io::Error) -> Error {
    Error::Resolver { source }
}
