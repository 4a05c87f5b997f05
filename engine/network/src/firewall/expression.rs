//! The expressions of nftables rules, as nft(8) itself would write them, so that it prints the rules back in its own words.

use crate::port::Protocol;
use crate::subnet::Subnet;
use netlink_packet_core::DefaultNla;
use netlink_packet_netfilter::nftables::{
    Bitwise, Cmp, DataAttribute, ExpressionAttribute, Expressions, Immediate, ListAttribute, Meta, MetaKey, Operator,
    Payload, Register, Verdict, VerdictAttribute,
};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// One expression of a rule.
pub type Expression = ListAttribute<ExpressionAttribute>;

/// Payload bases (`enum nft_payload_bases`).
const NETWORK_HEADER: u32 = 1;
const TRANSPORT_HEADER: u32 = 2;
/// The offset of the destination port in the headers of TCP and UDP.
const DESTINATION_PORT: u32 = 2;
/// `enum nf_inet_hooks` results: NF_DROP and NF_ACCEPT.
const DROP: u32 = 0;
const ACCEPT: u32 = 1;

/// `iifname NAME` or `iifname != NAME`.
pub fn input(operator: Operator, name: &str) -> [Expression; 2] {
    [meta(MetaKey::Iifname), compare(operator, &interface(name))]
}

/// `oifname NAME` or `oifname != NAME`.
pub fn output(operator: Operator, name: &str) -> [Expression; 2] {
    [meta(MetaKey::Oifname), compare(operator, &interface(name))]
}

/// The name of an interface as rules and sets hold it: the kernel compares the whole field.
pub fn interface(name: &str) -> [u8; 16] {
    let mut field = [0; 16];
    let length = name.len().min(15);
    field[..length].copy_from_slice(&name.as_bytes()[..length]);
    field
}

/// `ip saddr SUBNET`.
pub fn from(subnet: Subnet) -> Vec<Expression> {
    // The offsets in the headers (RFC 791, RFC 8200).
    in_subnet(if subnet.is_ipv6() { 8 } else { 12 }, Operator::Equal, subnet)
}

/// `ip daddr SUBNET` or `ip daddr != SUBNET`.
pub fn to(operator: Operator, subnet: Subnet) -> Vec<Expression> {
    in_subnet(destination_offset(subnet.is_ipv6()), operator, subnet)
}

fn destination_offset(ipv6: bool) -> u32 {
    if ipv6 { 24 } else { 16 }
}

fn in_subnet(offset: u32, operator: Operator, subnet: Subnet) -> Vec<Expression> {
    let network = octets(subnet.network());
    let whole = usize::from(subnet.prefix_len() / 8);
    if subnet.prefix_len().is_multiple_of(8) {
        vec![payload(NETWORK_HEADER, offset, whole as u32), compare(operator, &network[..whole])]
    } else {
        let length = network.len() as u32;
        let mask = masked(&octets(subnet.netmask()));
        vec![payload(NETWORK_HEADER, offset, length), mask, compare(operator, &network)]
    }
}

/// An address as it stands in a packet.
pub fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().into(),
        IpAddr::V6(address) => address.octets().into(),
    }
}

/// `iifname @SET`.
pub fn input_in(set: &str) -> [Expression; 2] {
    [meta(MetaKey::Iifname), lookup(set, Register::Reg1, false)]
}

/// `oifname @SET`.
pub fn output_in(set: &str) -> [Expression; 2] {
    [meta(MetaKey::Oifname), lookup(set, Register::Reg1, false)]
}

/// `iifname vmap @MAP`.
pub fn input_map(map: &str) -> [Expression; 2] {
    [meta(MetaKey::Iifname), lookup(map, Register::Reg1, true)]
}

/// `oifname vmap @MAP`.
pub fn output_map(map: &str) -> [Expression; 2] {
    [meta(MetaKey::Oifname), lookup(map, Register::Reg1, true)]
}

/// `meta l4proto . th dport vmap @MAP`.
pub fn port_map(map: &str) -> Vec<Expression> {
    let protocol = meta_to(Register::Reg32_00, MetaKey::L4Proto);
    let port = payload_to(Register::Reg32_01, TRANSPORT_HEADER, DESTINATION_PORT, 2);
    vec![protocol, port, lookup(map, Register::Reg32_00, true)]
}

/// `ip daddr . meta l4proto . th dport vmap @MAP`.
pub fn address_and_port_map(map: &str, ipv6: bool) -> Vec<Expression> {
    let (length, after) = if ipv6 {
        (16, [Register::Reg32_04, Register::Reg32_05])
    } else {
        (4, [Register::Reg32_01, Register::Reg32_02])
    };
    vec![
        payload_to(Register::Reg32_00, NETWORK_HEADER, destination_offset(ipv6), length),
        meta_to(after[0], MetaKey::L4Proto),
        payload_to(after[1], TRANSPORT_HEADER, DESTINATION_PORT, 2),
        lookup(map, Register::Reg32_00, true),
    ]
}

/// Looks a register up in a set, or takes the verdict that a map has for it.
fn lookup(set: &str, register: Register, verdict: bool) -> Expression {
    const SET: u16 = 1;
    const SREG: u16 = 2;
    const DREG: u16 = 3;
    let number = |kind, value: Register| DefaultNla::new(kind, u32::from(value).to_be_bytes().to_vec());
    let mut attributes = vec![DefaultNla::new(SET, [set.as_bytes(), &[0]].concat()), number(SREG, register)];
    attributes.extend(verdict.then(|| number(DREG, Register::Verdict)));
    Expressions::Other { expression_type: "lookup".into(), attributes }.into()
}

/// `fib daddr type local`: the packet is for this host.
pub fn to_this_host() -> [Expression; 2] {
    const DREG: u16 = 1;
    const RESULT: u16 = 2;
    const FLAGS: u16 = 3;
    const ADDRESS_TYPE: u32 = 3;
    const BY_DESTINATION: u32 = 1 << 1;
    const RTN_LOCAL: u32 = 2;
    let lookup = other("fib", &[(DREG, Register::Reg1.into()), (RESULT, ADDRESS_TYPE), (FLAGS, BY_DESTINATION)]);
    [lookup, compare(Operator::Equal, &RTN_LOCAL.to_ne_bytes())]
}

/// `ct state established,related`.
pub fn established() -> [Expression; 3] {
    const STATE: u32 = 0;
    const ESTABLISHED_OR_RELATED: u32 = 2 | 4;
    conntrack_bit(STATE, ESTABLISHED_OR_RELATED)
}

/// `ct status dnat`: the destination was translated.
pub fn translated() -> [Expression; 3] {
    const STATUS: u32 = 2;
    const DESTINATION_TRANSLATED: u32 = 1 << 5;
    conntrack_bit(STATUS, DESTINATION_TRANSLATED)
}

fn conntrack_bit(key: u32, bits: u32) -> [Expression; 3] {
    const DREG: u16 = 1;
    const KEY: u16 = 2;
    let load = other("ct", &[(DREG, Register::Reg1.into()), (KEY, key)]);
    [load, masked(&bits.to_ne_bytes()), compare(Operator::NotEqual, &0u32.to_ne_bytes())]
}

/// `ip daddr ADDRESS`.
pub fn to_address(address: Ipv4Addr) -> Vec<Expression> {
    to(Operator::Equal, Subnet::containing(address, 32))
}

/// `tcp dport PORT` or `udp dport PORT`.
pub fn to_port(protocol: Protocol, port: u16) -> [Expression; 4] {
    [
        meta(MetaKey::L4Proto),
        compare(Operator::Equal, &[protocol.number()]),
        payload(TRANSPORT_HEADER, DESTINATION_PORT, 2),
        compare(Operator::Equal, &port.to_be_bytes()),
    ]
}

/// `counter`.
pub fn counter() -> Expression {
    other("counter", &[])
}

/// `dnat to ADDRESS:PORT`.
pub fn dnat(target: SocketAddr) -> [Expression; 3] {
    const TYPE: u16 = 1;
    const FAMILY: u16 = 2;
    const ADDRESS: u16 = 3;
    const PORT: u16 = 5;
    const FLAGS: u16 = 7;
    const DESTINATION: u32 = 1;
    const PORT_SPECIFIED: u32 = 2;
    let family = if target.is_ipv4() { libc::NFPROTO_IPV4 } else { libc::NFPROTO_IPV6 };
    let translate = [
        (TYPE, DESTINATION),
        (FAMILY, family as u32),
        (ADDRESS, Register::Reg1.into()),
        (PORT, Register::Reg2.into()),
        (FLAGS, PORT_SPECIFIED),
    ];
    [
        load(Register::Reg1, &octets(target.ip())),
        load(Register::Reg2, &target.port().to_be_bytes()),
        other("nat", &translate),
    ]
}

/// `masquerade`.
pub fn masquerade() -> Expression {
    other("masq", &[])
}

/// `accept`.
pub fn accept() -> Expression {
    verdict(vec![VerdictAttribute::Code(Verdict::Other(ACCEPT))])
}

/// `drop`.
pub fn drop() -> Expression {
    verdict(vec![VerdictAttribute::Code(Verdict::Other(DROP))])
}

/// `jump CHAIN`.
pub fn jump(chain: &str) -> Expression {
    verdict(vec![VerdictAttribute::Code(Verdict::Jump), VerdictAttribute::Chain(chain.into())])
}

fn verdict(attributes: Vec<VerdictAttribute>) -> Expression {
    let data = DataAttribute::Verdict(attributes);
    Expressions::Immediate(vec![Immediate::DestinationRegister(Register::Verdict), Immediate::Data(data)]).into()
}

fn load(register: Register, value: &[u8]) -> Expression {
    let data = DataAttribute::Value(value.into());
    Expressions::Immediate(vec![Immediate::DestinationRegister(register), Immediate::Data(data)]).into()
}

fn meta(key: MetaKey) -> Expression {
    meta_to(Register::Reg1, key)
}

fn meta_to(register: Register, key: MetaKey) -> Expression {
    Expressions::Meta(vec![Meta::DestinationRegister(register), Meta::Key(key)]).into()
}

fn payload(base: u32, offset: u32, length: u32) -> Expression {
    payload_to(Register::Reg1, base, offset, length)
}

fn payload_to(register: Register, base: u32, offset: u32, length: u32) -> Expression {
    let place = vec![
        Payload::DestinationRegister(register),
        Payload::Base(base),
        Payload::Offset(offset),
        Payload::Len(length),
    ];
    Expressions::Payload(place).into()
}

fn compare(operator: Operator, value: &[u8]) -> Expression {
    let data = DataAttribute::Value(value.into());
    Expressions::Cmp(vec![Cmp::SourceRegister(Register::Reg1), Cmp::Op(operator), Cmp::Data(data)]).into()
}

fn masked(mask: &[u8]) -> Expression {
    Expressions::Bitwise(vec![
        Bitwise::SourceRegister(Register::Reg1),
        Bitwise::DestinationRegister(Register::Reg1),
        Bitwise::Length(mask.len() as u32),
        Bitwise::Mask(DataAttribute::Value(mask.to_vec())),
        Bitwise::Xor(DataAttribute::Value(vec![0; mask.len()])),
    ])
    .into()
}

/// An expression that netlink-packet-netfilter has no type for; its attributes are big-endian numbers.
fn other(name: &str, attributes: &[(u16, u32)]) -> Expression {
    let attributes =
        attributes.iter().map(|(kind, value)| DefaultNla::new(*kind, value.to_be_bytes().to_vec())).collect();
    Expressions::Other { expression_type: name.into(), attributes }.into()
}
