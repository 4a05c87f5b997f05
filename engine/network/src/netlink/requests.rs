use super::message::{HEADER, Messages, align};
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload, NetlinkSerializable,
};

/// Requests that go to the kernel in one `send`, and are carried out in order.
#[derive(Debug, Default)]
pub struct Requests {
    bytes: Vec<u8>,
    count: u32,
    /// Where the request starts that asks for an acknowledgement, and its number.
    last: Option<(usize, u32)>,
}

impl Requests {
    /// None yet.
    pub fn new() -> Requests {
        Requests::default()
    }

    /// Adds a request; `flags` beside NLM_F_REQUEST and NLM_F_ACK.
    pub fn push<M: NetlinkSerializable>(&mut self, flags: u16, message: M) -> &mut Self {
        self.last = Some((self.bytes.len(), self.count));
        self.push_bracket(flags, message)
    }

    /// Adds a message that is not acknowledged: the begin and end of a netfilter batch.
    pub fn push_bracket<M: NetlinkSerializable>(&mut self, flags: u16, message: M) -> &mut Self {
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | flags;
        let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(message));
        message.finalize();
        let start = self.bytes.len();
        let length = message.buffer_len();
        self.bytes.resize(start + align(length), 0);
        message.serialize(&mut self.bytes[start..start + length]);
        self.count += 1;
        self
    }

    /// True if nothing is asked.
    pub fn is_empty(&self) -> bool {
        self.last.is_none()
    }

    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// The bytes to send, numbered from `first`, and the number of the request that will be acknowledged.
    pub(super) fn seal(mut self, first: u32) -> (Vec<u8>, u32) {
        let (last, number) = self.last.unwrap_or_default();
        let flags = u16::from_ne_bytes([self.bytes[last + 6], self.bytes[last + 7]]) | NLM_F_ACK;
        self.bytes[last + 6..last + 8].copy_from_slice(&flags.to_ne_bytes());
        let lengths: Vec<usize> = Messages::new(&self.bytes).map(|m| HEADER + m.payload().len()).collect();
        let mut at = 0;
        for (sequence, length) in (first..).zip(lengths) {
            self.bytes[at + 8..at + 12].copy_from_slice(&sequence.to_ne_bytes());
            at += align(length);
        }
        (self.bytes, first + number)
    }
}
