use super::{Error, Result};
use netlink_packet_core::{NetlinkBuffer, NetlinkDeserializable, NetlinkHeader, Parseable};

/// Length of `struct nlmsghdr`.
pub(super) const HEADER: usize = 16;
/// Length of `struct nlmsgerr` when capped: an `int` and the header of the refused request.
const ERROR: usize = 4 + HEADER;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
/// The error carries attributes (NLM_F_ACK_TLVS).
const ACK_TLVS: u16 = 0x200;
const NLMSGERR_ATTR_MSG: u16 = 1;

/// One message as it stands in the receive buffer.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    bytes: &'a [u8],
}

impl<'a> Message<'a> {
    fn u16_at(&self, at: usize) -> u16 {
        u16::from_ne_bytes([self.bytes[at], self.bytes[at + 1]])
    }

    fn u32_at(&self, at: usize) -> u32 {
        u32::from_ne_bytes(self.bytes[at..at + 4].try_into().expect("four bytes"))
    }

    /// `nlmsg_type`.
    pub fn kind(&self) -> u16 {
        self.u16_at(4)
    }

    /// `nlmsg_flags`.
    pub fn flags(&self) -> u16 {
        self.u16_at(6)
    }

    /// `nlmsg_seq`: the request that this answers, 0 for an event.
    pub fn sequence(&self) -> u32 {
        self.u32_at(8)
    }

    /// What follows the header.
    pub fn payload(&self) -> &'a [u8] {
        &self.bytes[HEADER..]
    }

    /// The whole message as one of the netlink-packet crates understands it.
    pub fn decode<M: NetlinkDeserializable>(&self) -> Result<M> {
        let header = NetlinkHeader::parse(&NetlinkBuffer::new_checked(&self.bytes)?)?;
        M::deserialize(&header, self.payload()).map_err(|e| Error::Decode(e.to_string()))
    }

    /// What the message means to whoever waits for the end of an answer.
    pub(super) fn outcome(&self) -> Outcome {
        let code = || self.payload().first_chunk().map(|c| i32::from_ne_bytes(*c)).unwrap_or(0);
        match self.kind() {
            NLMSG_ERROR if code() == 0 => Outcome::Acknowledged,
            NLMSG_ERROR => Outcome::Refused { errno: -code(), text: self.extended_text(ERROR) },
            NLMSG_DONE if code() < 0 => Outcome::Refused { errno: -code(), text: self.extended_text(4) },
            NLMSG_DONE => Outcome::Done,
            _ => Outcome::Data,
        }
    }

    /// The text that the kernel adds to an error (NETLINK_EXT_ACK); its attributes start at `at`.
    fn extended_text(&self, at: usize) -> Option<String> {
        if self.flags() & ACK_TLVS == 0 {
            return None;
        }
        let text = attributes(self.payload().get(at..)?).find(|(kind, _)| *kind == NLMSGERR_ATTR_MSG)?.1;
        let text = text.strip_suffix(&[0]).unwrap_or(text);
        Some(String::from_utf8_lossy(text).into_owned())
    }
}

/// See [`Message::outcome`].
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Data,
    Acknowledged,
    Done,
    Refused { errno: i32, text: Option<String> },
}

/// Walks the messages of a datagram; stops at the first that is cut short.
#[derive(Clone, Debug)]
pub struct Messages<'a> {
    rest: &'a [u8],
}

impl<'a> Messages<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Messages { rest: bytes }
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Message<'a>> {
        let length = u32::from_ne_bytes(*self.rest.first_chunk()?) as usize;
        if length < HEADER || length > self.rest.len() {
            return None;
        }
        let bytes = &self.rest[..length];
        self.rest = &self.rest[align(length).min(self.rest.len())..];
        Some(Message { bytes })
    }
}

/// What one receive brought.
#[derive(Clone, Debug)]
pub struct Datagram<'a> {
    /// The network namespace that it came from, for a socket that listens to all ([`Socket::listen_to_all_namespaces`]);
    /// `None` for the socket's own.
    ///
    /// [`Socket::listen_to_all_namespaces`]: super::Socket::listen_to_all_namespaces
    pub nsid: Option<i32>,
    pub(super) bytes: &'a [u8],
}

impl<'a> Datagram<'a> {
    /// Its messages in order.
    pub fn messages(&self) -> Messages<'a> {
        Messages::new(self.bytes)
    }
}

/// Rounds up to the alignment of messages and attributes.
pub(super) fn align(length: usize) -> usize {
    (length + 3) & !3
}

/// Walks attributes (`struct nlattr`): type without its flags, and value.
pub(crate) fn attributes(mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    const TYPE_MASK: u16 = 0x3fff;
    std::iter::from_fn(move || {
        let [a, b, c, d] = *rest.first_chunk()?;
        let length = u16::from_ne_bytes([a, b]) as usize;
        let value = rest.get(4..length)?;
        rest = &rest[align(length).min(rest.len())..];
        Some((u16::from_ne_bytes([c, d]) & TYPE_MASK, value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, flags: u16, payload: &[u8]) -> Vec<u8> {
        let mut out = ((HEADER + payload.len()) as u32).to_ne_bytes().to_vec();
        out.extend(kind.to_ne_bytes());
        out.extend(flags.to_ne_bytes());
        out.extend(7u32.to_ne_bytes());
        out.extend(0u32.to_ne_bytes());
        out.extend(payload);
        out.resize(align(out.len()), 0);
        out
    }

    #[test]
    fn walks_messages_and_stops_at_a_cut_one() {
        let mut bytes = message(20, 0, b"abc");
        bytes.extend(message(21, 2, b""));
        bytes.extend([200, 0, 0, 0, 1]);
        let seen: Vec<_> =
            Messages::new(&bytes).map(|m| (m.kind(), m.flags(), m.sequence(), m.payload().to_vec())).collect();
        assert_eq!(seen, [(20, 0, 7, b"abc".to_vec()), (21, 2, 7, vec![])]);
    }

    #[test]
    fn reads_the_kernels_words() {
        let mut payload = (-libc::EINVAL).to_ne_bytes().to_vec();
        payload.extend([0; HEADER]);
        payload.extend([12, 0, 1, 0]);
        payload.extend(b"bad one\0");
        let bytes = message(NLMSG_ERROR, ACK_TLVS, &payload);
        let outcome = Messages::new(&bytes).next().unwrap().outcome();
        assert_eq!(outcome, Outcome::Refused { errno: libc::EINVAL, text: Some("bad one".into()) });
    }

    #[test]
    fn a_short_error_is_no_panic() {
        let bytes = message(NLMSG_ERROR, ACK_TLVS, &[]);
        assert_eq!(Messages::new(&bytes).next().unwrap().outcome(), Outcome::Acknowledged);
        let attribute = [3u8, 0, 1, 0, 9];
        assert_eq!(attributes(&attribute).count(), 0);
    }
}
