//! The expressions of nftables rules, as nft(8) itself would write them, so that it prints the rules back in its own words.

use crate::port::Protocol;
use crate::subnet::Subnet;
use netlink_packet_core::DefaultNla;
use netlink_packet_netfilter::nftables::{
    Bitwise, Cmp, DataAttribute, ExpressionAttribute, Expressions, Immediate, ListAttribute, Meta, MetaKey, Operator,
    Payload, Register, Verdict, VerdictAttribute,
};
use std::net::{Ipv4Addr, SocketAddrV4};

/// One expression of a rule.
pub type Expression = ListAttribute<ExpressionAttribute>;

/// Payload bases (`enum nft_payload_bases`).
const NETWORK_HEADER: u32 = 1;
const TRANSPORT_HEADER: u32 = 2;
/// Offsets in the IPv4 header (RFC 791), and of the destination port in TCP's and UDP's.
const SOURCE_ADDRESS: u32 = 12;
const DESTINATION_ADDRESS: u32 = 16;
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

/// The kernel compares interface names over their whole field.
fn interface(name: &str) -> [u8; 16] {
    let mut field = [0; 16];
    let length = name.len().min(15);
    field[..length].copy_from_slice(&name.as_bytes()[..length]);
    field
}

/// `ip saddr SUBNET`.
pub fn from(subnet: Subnet) -> Vec<Expression> {
    in_subnet(SOURCE_ADDRESS, Operator::Equal, subnet)
}

/// `ip daddr SUBNET` or `ip daddr != SUBNET`.
pub fn to(operator: Operator, subnet: Subnet) -> Vec<Expression> {
    in_subnet(DESTINATION_ADDRESS, operator, subnet)
}

fn in_subnet(offset: u32, operator: Operator, subnet: Subnet) -> Vec<Expression> {
    let network = subnet.network().octets();
    let whole = usize::from(subnet.prefix_len() / 8);
    if subnet.prefix_len().is_multiple_of(8) {
        vec![payload(NETWORK_HEADER, offset, whole as u32), compare(operator, &network[..whole])]
    } else {
        vec![payload(NETWORK_HEADER, offset, 4), masked(&subnet.netmask().octets()), compare(operator, &network)]
    }
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
pub fn dnat(target: SocketAddrV4) -> [Expression; 3] {
    const TYPE: u16 = 1;
    const FAMILY: u16 = 2;
    const ADDRESS: u16 = 3;
    const PORT: u16 = 5;
    const FLAGS: u16 = 7;
    const DESTINATION: u32 = 1;
    const NFPROTO_IPV4: u32 = 2;
    const PORT_SPECIFIED: u32 = 2;
    let translate = [
        (TYPE, DESTINATION),
        (FAMILY, NFPROTO_IPV4),
        (ADDRESS, Register::Reg1.into()),
        (PORT, Register::Reg2.into()),
        (FLAGS, PORT_SPECIFIED),
    ];
    [
        load(Register::Reg1, &target.ip().octets()),
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

/// `ip daddr ADDRESS`.
pub fn to_address(address: Ipv4Addr) -> Vec<Expression> {
    to(Operator::Equal, Subnet::containing(address, 32))
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
    Expressions::Meta(vec![Meta::DestinationRegister(Register::Reg1), Meta::Key(key)]).into()
}

fn payload(base: u32, offset: u32, length: u32) -> Expression {
    let place = vec![
        Payload::DestinationRegister(Register::Reg1),
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

fn masked(mask: &[u8; 4]) -> Expression {
    Expressions::Bitwise(vec![
        Bitwise::SourceRegister(Register::Reg1),
        Bitwise::DestinationRegister(Register::Reg1),
        Bitwise::Length(4),
        Bitwise::Mask(DataAttribute::Value(mask.to_vec())),
        Bitwise::Xor(DataAttribute::Value(vec![0; 4])),
    ])
    .into()
}

/// An expression that netlink-packet-netfilter has no type for; its attributes are big-endian numbers.
fn other(name: &str, attributes: &[(u16, u32)]) -> Expression {
    let attributes =
        attributes.iter().map(|(kind, value)| DefaultNla::new(*kind, value.to_be_bytes().to_vec())).collect();
    Expressions::Other { expression_type: name.into(), attributes }.into()
}
