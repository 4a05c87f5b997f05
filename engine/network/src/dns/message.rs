//! DNS messages (RFC 1035 §4, RFC 6891), as far as one needs to understand them who knows some names and passes all other questions on: header,
//! question, size of the answer. Whatever else a message has is only stepped over, so that there is little that a hostile one can be wrong in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(crate) const HEADER: usize = 12;
/// The longest name (RFC 1035 §2.3.4).
const LONGEST_NAME: usize = 255;
/// The fields of a record after its name: type, class, TTL, length.
const RECORD: usize = 10;
/// What is sent to one who names no size (RFC 1035 §4.2.1).
const PLAIN_SIZE: usize = 512;
/// More than any resolver sends in one datagram.
pub(crate) const LARGEST_DATAGRAM: usize = 4096;
/// An OPT record without options: the root's name and the fields.
const OPT_RECORD: usize = 1 + RECORD;

pub(crate) const A: u16 = 1;
const PTR: u16 = 12;
const AAAA: u16 = 28;
const OPT: u16 = 41;
const IN: u16 = 1;

/// In the first two bytes of flags.
const RESPONSE: u8 = 0x80;
const OPCODE: u8 = 0x78;
const TRUNCATED: u8 = 0x02;
const RECURSION_DESIRED: u8 = 0x01;
const RECURSION_AVAILABLE: u8 = 0x80;
const CODE: u8 = 0x0f;

/// Nobody is to keep what we say: an address may belong to another container a moment later.
const TTL: u32 = 0;

/// How a question ended (RFC 1035 §4.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    Success = 0,
    FormatError = 1,
    ServerFailure = 2,
    NotImplemented = 4,
    Refused = 5,
}

/// A question, and how long an answer may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Query<'a> {
    bytes: &'a [u8],
    /// Where the question ends.
    end: usize,
    /// The name without the dot at its end, in lower case. A byte of a label that is no printable letter is written `\DDD`, and so is a dot.
    name: String,
    kind: u16,
    class: u16,
    /// What a datagram takes, if it says so by an OPT record.
    size: Option<usize>,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked<'a> {
    /// The IPv4 addresses of a name.
    Ipv4(&'a str),
    /// Its IPv6 addresses.
    Ipv6(&'a str),
    /// The name of an address.
    Reverse(IpAddr),
    /// Something else about a name.
    Other(&'a str),
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    Address(IpAddr),
    Name(String),
}

impl<'a> Query<'a> {
    /// Reads a query; on failure, what to answer, if it is a query at all.
    pub fn parse(bytes: &'a [u8]) -> Result<Query<'a>, Option<Vec<u8>>> {
        let header: &[u8; HEADER] = bytes.first_chunk().ok_or(None)?;
        if header[2] & RESPONSE != 0 {
            return Err(None);
        }
        let refuse = |code| Some(head(header, code));
        if header[2] & OPCODE != 0 {
            return Err(refuse(Code::NotImplemented));
        }
        Query::read(bytes).ok_or_else(|| refuse(Code::FormatError))
    }

    fn read(bytes: &'a [u8]) -> Option<Query<'a>> {
        if count(bytes, 4)? != 1 {
            return None;
        }
        let (name, after) = plain_name(bytes, HEADER)?;
        let (kind, class) = (u16_at(bytes, after)?, u16_at(bytes, after + 2)?);
        let mut query = Query { bytes, end: after + 4, name, kind, class, size: None };
        let records = count(bytes, 6)? + count(bytes, 8)? + count(bytes, 10)?;
        let mut at = query.end;
        for _ in 0..records {
            let fields = skip_name(bytes, at)?;
            if u16_at(bytes, fields)? == OPT {
                query.size = Some(usize::from(u16_at(bytes, fields + 2)?).clamp(PLAIN_SIZE, LARGEST_DATAGRAM));
            }
            at = skip_fields(bytes, fields)?;
        }
        Some(query)
    }

    /// The whole message.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// What is asked.
    pub fn asked(&self) -> Asked<'_> {
        match (self.class, self.kind) {
            (IN, A) => Asked::Ipv4(&self.name),
            (IN, AAAA) => Asked::Ipv6(&self.name),
            (IN, PTR) => reversed(&self.name).map_or(Asked::Other(&self.name), Asked::Reverse),
            _ => Asked::Other(&self.name),
        }
    }

    /// How long the answer in a datagram may be.
    pub fn size(&self) -> usize {
        self.size.unwrap_or(PLAIN_SIZE)
    }

    /// An answer without records.
    pub fn fail(&self, code: Code) -> Vec<u8> {
        self.answer(code, &[], usize::MAX)
    }

    /// An answer of at most `size` bytes; marked as cut short if that is not enough for all records.
    pub fn answer(&self, code: Code, records: &[Record], size: usize) -> Vec<u8> {
        let header: &[u8; HEADER] = self.bytes.first_chunk().expect("a query has a header");
        let mut out = head(header, code);
        out.extend(&self.bytes[HEADER..self.end]);
        out[5] = 1;
        let room = size.saturating_sub(if self.size.is_some() { OPT_RECORD } else { 0 });
        let mut written: u16 = 0;
        for record in records {
            let before = out.len();
            record.write(&mut out);
            if out.len() > room || written == u16::MAX {
                out.truncate(before);
                out[2] |= TRUNCATED;
                break;
            }
            written += 1;
        }
        out[6..8].copy_from_slice(&written.to_be_bytes());
        if self.size.is_some() {
            out[11] = 1;
            out.push(0);
            out.extend(OPT.to_be_bytes());
            out.extend((LARGEST_DATAGRAM as u16).to_be_bytes());
            out.extend([0; 6]);
        }
        out
    }
}

impl Record {
    /// Writes it for the name in the question, which starts after the header (RFC 1035 §4.1.4).
    fn write(&self, out: &mut Vec<u8>) {
        let (kind, data) = match self {
            Record::Address(IpAddr::V4(address)) => (A, address.octets().to_vec()),
            Record::Address(IpAddr::V6(address)) => (AAAA, address.octets().to_vec()),
            Record::Name(name) => (PTR, encode_name(name)),
        };
        out.extend([0xc0, HEADER as u8]);
        out.extend(kind.to_be_bytes());
        out.extend(IN.to_be_bytes());
        out.extend(TTL.to_be_bytes());
        out.extend((data.len() as u16).to_be_bytes());
        out.extend(data);
    }
}

/// What a resolver says to a query that was sent to it with the number `id`; `None` if it is no answer to that.
pub(crate) fn code_of_answer(query: &[u8], answer: &[u8]) -> Option<u8> {
    let end = skip_name(query, HEADER)? + 4;
    let is_response = answer.get(2)? & RESPONSE != 0 && count(answer, 4)? == 1;
    let fits =
        answer.get(..2)? == query.get(..2)? && answer.get(HEADER..end)?.eq_ignore_ascii_case(query.get(HEADER..end)?);
    let code = answer.get(3)? & CODE;
    (is_response && fits).then_some(code)
}

/// Whether an answer says that it was cut short.
pub(crate) fn is_truncated(answer: &[u8]) -> bool {
    answer.get(2).is_some_and(|flags| flags & TRUNCATED != 0)
}

/// Gives a message another number.
pub(crate) fn set_id(message: &mut [u8], id: [u8; 2]) {
    if let Some(own) = message.first_chunk_mut() {
        *own = id;
    }
}

/// The number of a message.
pub(crate) fn id(message: &[u8]) -> [u8; 2] {
    message.first_chunk().copied().unwrap_or_default()
}

/// Cuts an answer down to `size` bytes: the answers that fit stay, what is beside them goes (RFC 2181 §9).
pub(crate) fn cut(answer: &mut Vec<u8>, size: usize) {
    if answer.len() <= size || answer.len() < HEADER {
        return;
    }
    let (kept, end) = fitting(answer, size).unwrap_or((0, HEADER));
    answer.truncate(end);
    answer[2] |= TRUNCATED;
    if end == HEADER {
        answer[4..6].fill(0);
    }
    answer[6..8].copy_from_slice(&kept.to_be_bytes());
    answer[8..12].fill(0);
}

/// How many records of the answer fit, and where the last one of them ends.
fn fitting(answer: &[u8], size: usize) -> Option<(u16, usize)> {
    let mut end = HEADER;
    for _ in 0..count(answer, 4)? {
        end = skip_name(answer, end)? + 4;
    }
    if end > size || end > answer.len() {
        return None;
    }
    let mut kept = 0;
    for _ in 0..u16_at(answer, 6)? {
        match skip_name(answer, end).and_then(|fields| skip_fields(answer, fields)) {
            Some(next) if next <= size => end = next,
            _ => break,
        }
        kept += 1;
    }
    Some((kept, end))
}

/// The header of an answer.
fn head(query: &[u8; HEADER], code: Code) -> Vec<u8> {
    let flags = [RESPONSE | query[2] & (OPCODE | RECURSION_DESIRED), RECURSION_AVAILABLE | code as u8];
    let mut out = vec![query[0], query[1], flags[0], flags[1]];
    out.resize(HEADER, 0);
    out
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}

fn count(bytes: &[u8], at: usize) -> Option<usize> {
    u16_at(bytes, at).map(usize::from)
}

/// Reads the name of a question, in which there is nothing yet to point to; and where it ends.
fn plain_name(bytes: &[u8], mut at: usize) -> Option<(String, usize)> {
    let start = at;
    let mut name = String::new();
    loop {
        let length = usize::from(*bytes.get(at)?);
        at += 1;
        if length == 0 {
            return (at - start <= LONGEST_NAME).then_some((name, at));
        }
        if length > 63 || at - start > LONGEST_NAME {
            return None;
        }
        if !name.is_empty() {
            name.push('.');
        }
        bytes.get(at..at + length)?.iter().for_each(|byte| push_letter(&mut name, *byte));
        at += length;
    }
}

fn push_letter(name: &mut String, byte: u8) {
    match byte {
        b'.' | b'\\' => name.push_str(&format!("\\{byte:03}")),
        _ if byte.is_ascii_graphic() => name.push(char::from(byte.to_ascii_lowercase())),
        _ => name.push_str(&format!("\\{byte:03}")),
    }
}

/// Where a name ends. It is not followed to where it may point, so it cannot go round in circles.
fn skip_name(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let length = usize::from(*bytes.get(at)?);
        match length {
            0 => return Some(at + 1),
            1..64 => at += 1 + length,
            0xc0.. => return Some(at + 2),
            _ => return None,
        }
    }
}

/// Where a record ends whose fields after the name begin here.
fn skip_fields(bytes: &[u8], fields: usize) -> Option<usize> {
    let end = fields + RECORD + count(bytes, fields + 8)?;
    (end <= bytes.len()).then_some(end)
}

/// Labels longer than 63 bytes, which no name of ours that anybody can ask for has, are left out.
fn encode_name(name: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len() + 2);
    for label in name.split('.').filter(|label| (1..64).contains(&label.len())) {
        out.push(label.len() as u8);
        out.extend(label.as_bytes());
    }
    out.push(0);
    out
}

/// The address that a name below `in-addr.arpa` (RFC 1035 §3.5) or `ip6.arpa` (RFC 3596 §2.5) stands for.
fn reversed(name: &str) -> Option<IpAddr> {
    if let Some(digits) = name.strip_suffix(".in-addr.arpa") {
        let mut parts = digits.rsplit('.');
        let mut next = || parts.next()?.parse::<u8>().ok();
        let address = Ipv4Addr::from([next()?, next()?, next()?, next()?]);
        return parts.next().is_none().then_some(address.into());
    }
    let digits = name.strip_suffix(".ip6.arpa")?;
    let mut address: u128 = 0;
    let mut seen = 0;
    for digit in digits.rsplit('.') {
        if digit.len() != 1 || seen == 32 {
            return None;
        }
        address = address << 4 | u128::from_str_radix(digit, 16).ok()?;
        seen += 1;
    }
    (seen == 32).then_some(Ipv6Addr::from(address).into())
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
