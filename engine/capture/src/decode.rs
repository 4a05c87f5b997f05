//! From captured bytes to what correlation needs of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use etherparse::{ArpPacketSlice, LaxNetSlice, LaxSlicedPacket};

use crate::flow::{Endpoint, Flow, Protocol};
use crate::packet::{Content, Decoded, Identity, Mac, TcpFlags};

/// How much of a payload goes into its hash: enough to tell packets apart, and the same part at every tap.
const HASHED: usize = 256;

/// How a tap's frames begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// An Ethernet header (DLT_EN10MB); loopback has one too.
    Ethernet,
    /// The IP header (DLT_RAW): tunnels.
    Ip,
}

/// Reads a frame; none if it is neither IP nor ARP, or too short to tell.
pub(crate) fn decode(link: Link, frame: &[u8], original_length: u32) -> Option<Decoded> {
    let packet = match link {
        Link::Ethernet => LaxSlicedPacket::from_ethernet(frame).ok()?,
        Link::Ip => LaxSlicedPacket::from_ip(frame).ok()?,
    };
    let macs = match link {
        Link::Ethernet => Some((Mac(*frame.get(6..12)?.first_chunk()?), Mac(*frame.first_chunk()?))),
        Link::Ip => None,
    };
    let cut = original_length.saturating_sub(frame.len() as u32);
    let (network, payload) = match packet.net.as_ref()? {
        LaxNetSlice::Arp(arp) => return arp_packet(arp, macs),
        LaxNetSlice::Ipv4(ip) => {
            let (header, payload) = (ip.header(), ip.payload().payload);
            let network = Network {
                source: header.source_addr().into(),
                destination: header.destination_addr().into(),
                ip_id: header.identification(),
                ttl: header.ttl(),
                protocol: ip.payload_ip_number().0,
                // The kernel leaves the length 0 in segments beyond 64 KiB (BIG TCP).
                payload_length: match header.total_len() {
                    0 => payload.len() as u32 + cut,
                    length => u32::from(length).saturating_sub(u32::from(header.ihl()) * 4),
                },
                fragment: header.fragments_offset().value(),
            };
            (network, payload)
        }
        LaxNetSlice::Ipv6(ip) => {
            let (header, payload) = (ip.header(), ip.payload().payload);
            let network = Network {
                source: header.source_addr().into(),
                destination: header.destination_addr().into(),
                ip_id: 0,
                ttl: header.hop_limit(),
                protocol: ip.payload().ip_number.0,
                payload_length: match header.payload_length() {
                    0 => payload.len() as u32 + cut,
                    length => u32::from(length).saturating_sub(ip.extensions().slice().len() as u32),
                },
                fragment: 0,
            };
            (network, payload)
        }
    };
    Some(Decoded { link: macs, ..network.decode(payload) })
}

/// The part of an IP header that matters here.
struct Network {
    source: IpAddr,
    destination: IpAddr,
    ip_id: u16,
    ttl: u8,
    protocol: u8,
    payload_length: u32,
    /// Where in its datagram a fragment belongs, in units of 8 bytes.
    fragment: u16,
}

impl Network {
    /// `payload` may be cut short anywhere; what is read of it is at its start.
    fn decode(&self, payload: &[u8]) -> Decoded {
        let transport = match Protocol::from_number(self.protocol) {
            _ if self.fragment != 0 => None,
            Protocol::Tcp => self.tcp(payload),
            Protocol::Udp => self.udp(payload),
            Protocol::Icmp | Protocol::Icmpv6 => self.icmp(payload),
            _ => None,
        };
        transport.unwrap_or_else(|| self.bare())
    }

    /// RFC 9293 §3.1.
    fn tcp(&self, segment: &[u8]) -> Option<Decoded> {
        let header = segment.first_chunk::<14>()?;
        let number = |at: usize| header[at..].first_chunk().map(|bytes| u32::from_be_bytes(*bytes));
        let content = Content::Tcp { flags: TcpFlags(header[13]), sequence: number(4)?, acknowledgement: number(8)? };
        self.ports(segment, content, usize::from(header[12] >> 4) * 4)
    }

    /// RFC 768.
    fn udp(&self, datagram: &[u8]) -> Option<Decoded> {
        self.ports(datagram, Content::Udp, 8)
    }

    fn ports(&self, packet: &[u8], content: Content, header: usize) -> Option<Decoded> {
        let flow = Flow::new(
            Protocol::from_number(self.protocol),
            Endpoint::new(self.source, field(packet, 0)?),
            Endpoint::new(self.destination, field(packet, 2)?),
        );
        let length = self.payload_length.saturating_sub(header as u32);
        let payload = packet.get(header..).unwrap_or_default();
        let payload = &payload[..payload.len().min(length as usize)];
        Some(self.packet(flow, flow, content, length, hash(payload)))
    }

    /// A packet of which only the addresses are known: an unknown protocol, or a later fragment.
    fn bare(&self) -> Decoded {
        let flow = self.addresses();
        let content = match self.fragment {
            0 => Content::Other,
            offset => Content::Fragment { offset },
        };
        self.packet(flow, flow, content, self.payload_length, 0)
    }

    /// RFC 792, RFC 4443 §2.1: type, code, checksum, and four bytes that depend on the type.
    fn icmp(&self, message: &[u8]) -> Option<Decoded> {
        const HEADER: usize = 8;
        let (kind, code) = (*message.first()?, *message.get(1)?);
        let version = Protocol::from_number(self.protocol);
        let length = self.payload_length.saturating_sub(HEADER as u32);
        let payload = message.get(HEADER..).unwrap_or_default();
        let mut flow = self.addresses();
        if is_echo(version, kind) {
            flow.echo = field(message, 4)?;
            let content = Content::Icmp { kind, code, sequence: field(message, 6)? };
            return Some(self.packet(flow, flow, content, length, hash(payload)));
        }
        // An error travels against the packet that it quotes.
        let quoted = is_error(version, kind).then(|| quoted_flow(payload)).flatten();
        let belongs = quoted.map_or(flow, Flow::reversed);
        Some(self.packet(flow, belongs, Content::Icmp { kind, code, sequence: 0 }, length, 0))
    }

    fn addresses(&self) -> Flow {
        let protocol = Protocol::from_number(self.protocol);
        Flow::new(protocol, Endpoint::new(self.source, 0), Endpoint::new(self.destination, 0))
    }

    fn packet(&self, flow: Flow, belongs: Flow, content: Content, length: u32, hash: u64) -> Decoded {
        let identity = Identity { ip_id: self.ip_id, content, length };
        Decoded { flow, belongs, identity, hash, ttl: Some(self.ttl), link: None }
    }
}

/// Two bytes in network byte order.
fn field(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn is_echo(version: Protocol, kind: u8) -> bool {
    match version {
        Protocol::Icmp => matches!(kind, 0 | 8),
        _ => matches!(kind, 128 | 129),
    }
}

fn is_error(version: Protocol, kind: u8) -> bool {
    match version {
        Protocol::Icmp => matches!(kind, 3 | 4 | 5 | 11 | 12),
        _ => kind < 128,
    }
}

/// The flow of the packet at the start of these bytes: its IP header and the eight bytes after it, as an ICMP error has
/// them.
fn quoted_flow(bytes: &[u8]) -> Option<Flow> {
    let (source, destination, protocol, transport): (IpAddr, IpAddr, u8, &[u8]) = match bytes.first()? >> 4 {
        4 => {
            let header = bytes.first_chunk::<20>()?;
            let length = usize::from(header[0] & 0xf) * 4;
            let address = |at: usize| Ipv4Addr::new(header[at], header[at + 1], header[at + 2], header[at + 3]);
            (address(12).into(), address(16).into(), header[9], bytes.get(length..)?)
        }
        6 => {
            let header = bytes.first_chunk::<40>()?;
            let address = |at: usize| header[at..].first_chunk::<16>().map(|octets| Ipv6Addr::from(*octets));
            (address(8)?.into(), address(24)?.into(), header[6], &bytes[40..])
        }
        _ => return None,
    };
    let protocol = Protocol::from_number(protocol);
    let (ports, echo) = match protocol {
        _ if protocol.has_ports() => ((field(transport, 0)?, field(transport, 2)?), 0),
        Protocol::Icmp | Protocol::Icmpv6 => ((0, 0), field(transport, 4)?),
        _ => ((0, 0), 0),
    };
    let (source, destination) = (Endpoint::new(source, ports.0), Endpoint::new(destination, ports.1));
    Some(Flow { protocol, source, destination, echo })
}

/// The headers of a packet as the kernel copies them into a trace message: the network header and the first bytes of the
/// transport header.
pub(crate) fn decode_headers(network: &[u8], transport: &[u8]) -> Option<Decoded> {
    let length = match network.first()? >> 4 {
        4 => usize::from(network[0] & 0xf) * 4,
        6 => 40,
        _ => return None,
    };
    let packet = [network.get(..length)?, transport].concat();
    let mut decoded = decode(Link::Ip, &packet, packet.len() as u32)?;
    decoded.hash = 0;
    Some(decoded)
}

fn arp_packet(arp: &ArpPacketSlice<'_>, link: Option<(Mac, Mac)>) -> Option<Decoded> {
    let endpoint = |octets: &[u8]| Some(Endpoint::new(Ipv4Addr::from(*octets.first_chunk::<4>()?), 0));
    let source = endpoint(arp.sender_protocol_addr())?;
    let destination = endpoint(arp.target_protocol_addr())?;
    let flow = Flow::new(Protocol::Arp, source, destination);
    let content = Content::Arp { operation: arp.operation().0 };
    let identity = Identity { ip_id: 0, content, length: 0 };
    Some(Decoded { flow, belongs: flow, identity, hash: hash(arp.slice()), ttl: None, link })
}

/// FNV-1a over the start of a payload; 0 stands for an empty one.
fn hash(payload: &[u8]) -> u64 {
    let payload = &payload[..payload.len().min(HASHED)];
    if payload.is_empty() {
        return 0;
    }
    payload.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::{PacketBuilder, TcpOptionElement};
    use proptest::prelude::*;

    fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        PacketBuilder::ethernet2([1; 6], [2; 6])
            .ipv4([10, 0, 0, 2], [10, 0, 0, 1], 64)
            .udp(source, destination)
            .write(&mut frame, payload)
            .unwrap();
        frame
    }

    #[test]
    fn decodes_udp_and_cut_frames_alike() {
        let frame = udp(5000, 53, &[7; 600]);
        let whole = decode(Link::Ethernet, &frame, frame.len() as u32).unwrap();
        assert_eq!(whole.flow.to_string(), "10.0.0.2:5000 → 10.0.0.1:53");
        assert_eq!((whole.identity.length, whole.ttl), (600, Some(64)));
        assert_eq!(whole.link, Some((Mac([1; 6]), Mac([2; 6]))));
        let cut = decode(Link::Ethernet, &frame[..400], frame.len() as u32).unwrap();
        assert_eq!((cut.flow, cut.identity, cut.hash), (whole.flow, whole.identity, whole.hash));
    }

    #[test]
    fn padding_is_not_payload() {
        let mut frame = udp(1, 2, b"x");
        let bare = decode(Link::Ethernet, &frame, frame.len() as u32).unwrap();
        frame.resize(60, 0);
        assert_eq!(decode(Link::Ethernet, &frame, 60).unwrap(), bare);
    }

    #[test]
    fn an_icmp_error_belongs_to_the_connection_it_quotes() {
        let quoted = &udp(40000, 53, b"question")[14..];
        let mut frame = Vec::new();
        PacketBuilder::ethernet2([1; 6], [2; 6])
            .ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
            .icmpv4_raw(3, 3, [0; 4])
            .write(&mut frame, quoted)
            .unwrap();
        let error = decode(Link::Ethernet, &frame, frame.len() as u32).unwrap();
        assert_eq!(error.flow.to_string(), "10.0.0.1 → 10.0.0.2");
        assert_eq!(error.belongs.to_string(), "10.0.0.1:53 → 10.0.0.2:40000");
        assert_eq!(error.identity.to_string(), "port unreachable");
    }

    #[test]
    fn echoes_carry_their_identifier() {
        let mut frame = Vec::new();
        PacketBuilder::ethernet2([1; 6], [2; 6])
            .ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
            .icmpv4_echo_request(77, 3)
            .write(&mut frame, b"ping")
            .unwrap();
        let echo = decode(Link::Ethernet, &frame, frame.len() as u32).unwrap();
        assert_eq!(echo.flow.echo, 77);
        assert_eq!(echo.identity.content, Content::Icmp { kind: 8, code: 0, sequence: 3 });
    }

    #[test]
    fn the_headers_of_a_trace_message_give_the_same_identity() {
        let mut frame = Vec::new();
        PacketBuilder::ethernet2([1; 6], [2; 6])
            .ipv4([10, 0, 0, 2], [10, 0, 0, 1], 64)
            .tcp(40000, 80, 12345, 64240)
            .psh()
            .ack(99)
            // The kernel copies twenty bytes of a longer header.
            .options(&[TcpOptionElement::MaximumSegmentSize(1460), TcpOptionElement::SelectiveAcknowledgementPermitted])
            .unwrap()
            .write(&mut frame, &[1; 700])
            .unwrap();
        let seen = decode(Link::Ethernet, &frame, frame.len() as u32).unwrap();
        let traced = decode_headers(&frame[14..34], &frame[34..54]).unwrap();
        assert_eq!((traced.flow, traced.identity), (seen.flow, seen.identity));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(frame in proptest::collection::vec(any::<u8>(), 0..200), length in any::<u32>()) {
            decode(Link::Ethernet, &frame, length);
            decode(Link::Ip, &frame, length);
            quoted_flow(&frame);
            let middle = frame.len() / 2;
            decode_headers(&frame[..middle], &frame[middle..]);
        }
    }
}
