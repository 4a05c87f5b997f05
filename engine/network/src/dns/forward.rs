//! Asking the resolvers of the world, on behalf of the container, from the network namespace of the host.
//!
//! Each question goes out from a port of its own with a number of its own, and only what answers both, from the address that was asked, counts
//! (RFC 5452). A resolver that says nothing in time, or that it failed, is followed by the next one.

use super::epoll::{Epoll, Interest, Token};
use super::framed::Framed;
use super::message::{self, Code, LARGEST_DATAGRAM, Query};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType};
use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

/// How many questions wait for an answer at a time.
const MOST: usize = 128;
/// How long a resolver has. Clients wait 5 s (resolv.conf(5)), in which two have their turn.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many datagrams that are no answer are looked at in one turn.
const LIES: usize = 16;
const SERVER_FAILURE: u8 = Code::ServerFailure as u8;
const REFUSED: u8 = Code::Refused as u8;

/// Who is to have the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Client {
    /// Whoever sent a datagram from this address, and how long the answer may be.
    Datagram { from: SocketAddr, size: usize },
    /// The connection of this token.
    Stream(Token),
}

/// The questions that wait for an answer.
#[derive(Debug, Default)]
pub(super) struct Forwarder {
    flights: BTreeMap<Token, Flight>,
    numbers: Numbers,
}

/// One question on its way.
#[derive(Debug)]
struct Flight {
    client: Client,
    /// The number that the client gave it.
    id: [u8; 2],
    /// The question, with the number that it has on this way.
    query: Vec<u8>,
    asked: Resolver,
    /// Who is asked next.
    others: VecDeque<Resolver>,
    exchange: Exchange,
    deadline: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Resolver {
    address: SocketAddr,
    /// Whether it has been asked in vain: a datagram may get lost, but hardly two.
    again: bool,
}

#[derive(Debug)]
enum Exchange {
    Datagram(UdpSocket),
    Stream(Framed),
}

/// What has come of an exchange.
enum Outcome {
    /// Nothing yet.
    Waiting,
    Answer(Vec<u8>),
    /// There is a longer answer by a stream.
    Truncated,
    Failed,
}

/// Numbers that nobody can guess.
#[derive(Debug, Default)]
struct Numbers {
    secret: RandomState,
    count: u64,
}

impl Numbers {
    fn next(&mut self) -> [u8; 2] {
        self.count += 1;
        (self.secret.hash_one(self.count) as u16).to_be_bytes()
    }
}

impl Forwarder {
    /// Passes a question on to the first of these resolvers that can be asked.
    pub fn begin(
        &mut self,
        epoll: &Epoll,
        token: Token,
        client: Client,
        query: &Query<'_>,
        resolvers: impl FnOnce() -> Vec<SocketAddr>,
    ) -> Result<(), Code> {
        if self.flights.len() >= MOST {
            return Err(Code::Refused);
        }
        let others = resolvers().into_iter().map(|address| Resolver { address, again: false }).collect();
        let mut way = Way { epoll, token, numbers: &mut self.numbers };
        let flight = way.begin(client, query.bytes().to_vec(), others).ok_or(Code::ServerFailure)?;
        self.flights.insert(token, flight);
        Ok(())
    }

    /// Whether it is a question's socket that has this token.
    pub fn has(&self, token: Token) -> bool {
        self.flights.contains_key(&token)
    }

    /// Takes in what a resolver says; the answer for the client, if that is one.
    pub fn hear(&mut self, epoll: &Epoll, token: Token) -> Option<(Client, Vec<u8>)> {
        let mut flight = self.flights.remove(&token)?;
        let mut way = Way { epoll, token, numbers: &mut self.numbers };
        let goes_on = match flight.hear(epoll, token) {
            Outcome::Answer(answer) => return Some(flight.land(answer)),
            Outcome::Waiting => true,
            Outcome::Truncated => way.ask_by_stream(&mut flight) || way.ask_next(&mut flight),
            Outcome::Failed => way.ask_next(&mut flight),
        };
        self.keep_or_fail(token, flight, goes_on)
    }

    /// Goes on to the next resolver where one has been silent too long; answers for clients whose questions nobody has answered.
    pub fn act_on_time(&mut self, epoll: &Epoll, now: Instant) -> Vec<(Client, Vec<u8>)> {
        let overdue: Vec<_> =
            self.flights.iter().filter(|(_, flight)| flight.deadline <= now).map(|(token, _)| *token).collect();
        let mut failed = Vec::new();
        for token in overdue {
            let Some(mut flight) = self.flights.remove(&token) else { continue };
            if !flight.asked.again {
                flight.others.push_back(Resolver { again: true, ..flight.asked });
            }
            let goes_on = Way { epoll, token, numbers: &mut self.numbers }.ask_next(&mut flight);
            failed.extend(self.keep_or_fail(token, flight, goes_on));
        }
        failed
    }

    fn keep_or_fail(&mut self, token: Token, flight: Flight, goes_on: bool) -> Option<(Client, Vec<u8>)> {
        if goes_on {
            self.flights.insert(token, flight);
            return None;
        }
        Some(flight.fail())
    }

    /// When a resolver has been silent too long.
    pub fn due(&self) -> Option<Instant> {
        self.flights.values().map(|flight| flight.deadline).min()
    }
}

/// How a flight gets on.
struct Way<'a> {
    epoll: &'a Epoll,
    token: Token,
    numbers: &'a mut Numbers,
}

impl Way<'_> {
    fn begin(&mut self, client: Client, query: Vec<u8>, mut others: VecDeque<Resolver>) -> Option<Flight> {
        let id = message::id(&query);
        let mut query = query;
        while let Some(asked) = others.pop_front() {
            message::set_id(&mut query, self.numbers.next());
            let exchange = match client {
                Client::Datagram { .. } => self.by_datagram(asked.address, &query),
                Client::Stream(_) => self.by_stream(asked.address, &query),
            };
            if let Ok(exchange) = exchange {
                let deadline = Instant::now() + PATIENCE;
                return Some(Flight { client, id, query, asked, others, exchange, deadline });
            }
        }
        None
    }

    /// Asks the next resolver; false if there is none that can be asked.
    fn ask_next(&mut self, flight: &mut Flight) -> bool {
        let others = std::mem::take(&mut flight.others);
        match self.begin(flight.client, flight.query.clone(), others) {
            Some(next) => {
                *flight = Flight { id: flight.id, ..next };
                true
            }
            None => false,
        }
    }

    fn ask_by_stream(&mut self, flight: &mut Flight) -> bool {
        message::set_id(&mut flight.query, self.numbers.next());
        match self.by_stream(flight.asked.address, &flight.query) {
            Ok(exchange) => {
                flight.exchange = exchange;
                flight.deadline = Instant::now() + PATIENCE;
                true
            }
            Err(_) => false,
        }
    }

    fn by_datagram(&self, to: SocketAddr, query: &[u8]) -> io::Result<Exchange> {
        let any: SocketAddr = match to {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any)?;
        socket.set_nonblocking(true)?;
        // From now on the kernel lets nothing in but what comes from there.
        socket.connect(to)?;
        socket.send(query)?;
        self.epoll.add(&socket, self.token, Interest::Read)?;
        Ok(Exchange::Datagram(socket))
    }

    fn by_stream(&self, to: SocketAddr, query: &[u8]) -> io::Result<Exchange> {
        let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
        match rustix::net::connect(&socket, &to) {
            Ok(()) | Err(rustix::io::Errno::INPROGRESS) => {}
            Err(error) => return Err(error.into()),
        }
        let mut framed = Framed::new(TcpStream::from(socket), usize::from(u16::MAX));
        framed.queue(query)?;
        self.epoll.add(&framed, self.token, framed.interest())?;
        Ok(Exchange::Stream(framed))
    }
}

impl Flight {
    fn hear(&mut self, epoll: &Epoll, token: Token) -> Outcome {
        match &mut self.exchange {
            Exchange::Datagram(socket) => hear_datagrams(socket, &self.query),
            Exchange::Stream(framed) => hear_stream(framed, &self.query, epoll, token).unwrap_or(Outcome::Failed),
        }
    }

    /// The answer as the client is to have it.
    fn land(self, mut answer: Vec<u8>) -> (Client, Vec<u8>) {
        message::set_id(&mut answer, self.id);
        if let Client::Datagram { size, .. } = self.client {
            message::cut(&mut answer, size);
        }
        (self.client, answer)
    }

    fn fail(self) -> (Client, Vec<u8>) {
        let answer = Query::parse(&self.query).map(|query| query.fail(Code::ServerFailure)).unwrap_or_default();
        self.land(answer)
    }
}

fn hear_datagrams(socket: &UdpSocket, query: &[u8]) -> Outcome {
    let mut buffer = [0; LARGEST_DATAGRAM];
    for _ in 0..LIES {
        let (count, length) = match rustix::net::recv(socket, &mut buffer, RecvFlags::TRUNC) {
            Ok(received) => received,
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => return Outcome::Waiting,
            // Nobody listens there.
            Err(_) => return Outcome::Failed,
        };
        let answer = &buffer[..count];
        match message::code_of_answer(query, answer) {
            Some(_) if length > count || message::is_truncated(answer) => return Outcome::Truncated,
            Some(code) => return by_code(code, answer.to_vec()),
            None => {}
        }
    }
    Outcome::Waiting
}

fn hear_stream(framed: &mut Framed, query: &[u8], epoll: &Epoll, token: Token) -> io::Result<Outcome> {
    if framed.is_sending() {
        framed.flush()?;
        if !framed.is_sending() {
            epoll.change(&*framed, token, Interest::Read)?;
        }
        return Ok(Outcome::Waiting);
    }
    framed.receive()?;
    while let Some(answer) = framed.next()? {
        if let Some(code) = message::code_of_answer(query, &answer) {
            return Ok(by_code(code, answer));
        }
    }
    Ok(Outcome::Waiting)
}

/// A resolver that failed or does not want to may be one of several that do.
fn by_code(code: u8, answer: Vec<u8>) -> Outcome {
    if matches!(code, SERVER_FAILURE | REFUSED) { Outcome::Failed } else { Outcome::Answer(answer) }
}
