//! What user space keeps beside a table or rule: the comment that nft(8) shows, and whose port a rule publishes.
//!
//! User data is a list of type, length and value, a byte each for type and length (libnftnl's udata). nft skips types that it
//! does not know.

use crate::port::PublishedPort;
use std::net::SocketAddr;

/// NFTNL_UDATA_RULE_COMMENT, NFTNL_UDATA_TABLE_COMMENT.
const COMMENT: u8 = 0;
/// Ours; far from libnftnl's, which count up from 0.
const PUBLICATION: u8 = 0x70;
/// The bridge that a rule is for, when it stands in a chain that all bridges share.
const BRIDGE: u8 = 0x71;
/// The kernel takes 256 bytes of user data (NFT_USERDATA_MAXLEN). With names of this length all parts fit.
const NAME: usize = 32;

/// What a rule of the chain DOCKER publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Publication {
    /// The container's id.
    pub container: String,
    /// The container's name when the port was published.
    pub name: String,
    /// The port on the host and in the container.
    pub port: PublishedPort,
    /// Where packets go.
    pub target: SocketAddr,
}

/// User data of a set: the order of bytes of its keys (NFTNL_UDATA_SET_KEYBYTEORDER), by which nft(8) prints them.
pub(super) fn byte_order(host: bool) -> Vec<u8> {
    const KEY_BYTE_ORDER: u8 = 0;
    // libnftables' enum byteorder.
    let order: u32 = if host { 1 } else { 2 };
    item(KEY_BYTE_ORDER, &order.to_ne_bytes())
}

/// User data with a comment alone.
pub(super) fn comment(text: &str) -> Vec<u8> {
    let mut value = text.as_bytes().to_vec();
    value.push(0);
    item(COMMENT, &value)
}

/// User data with a comment, and the bridge that the rule is for: a name of ours, and the bridge's.
pub(super) fn of_bridge(text: &str, table: &str, bridge: &str) -> Vec<u8> {
    let mut out = comment(text);
    out.extend(item(BRIDGE, format!("{table} {bridge}").as_bytes()));
    out
}

/// The table of ours and the bridge that a rule is for.
pub(super) fn bridge_in(userdata: &[u8]) -> Option<(&str, &str)> {
    std::str::from_utf8(find(userdata, BRIDGE)?).ok()?.split_once(' ')
}

/// The comment in user data.
pub(super) fn comment_in(userdata: &[u8]) -> Option<&str> {
    let value = find(userdata, COMMENT)?;
    std::str::from_utf8(value.strip_suffix(&[0]).unwrap_or(value)).ok()
}

impl Publication {
    /// As user data: a comment such as `web 8088→80`, and the whole for ourselves.
    pub fn userdata(&self) -> Vec<u8> {
        let name = shortened(&self.name);
        let port = &self.port;
        let mut out = comment(&format!("{name} {}→{}", port.host_port, port.container_port));
        let host = SocketAddr::new(port.host_ip, port.host_port);
        let record = format!("{} {name} {} {host} {}", self.container, port.protocol, self.target);
        out.extend(item(PUBLICATION, record.as_bytes()));
        out
    }

    /// Reads what [`userdata`](Self::userdata) wrote.
    pub fn parse(userdata: &[u8]) -> Option<Publication> {
        let record = std::str::from_utf8(find(userdata, PUBLICATION)?).ok()?;
        let mut words = record.split(' ');
        let (container, name) = (words.next()?.to_owned(), words.next()?.to_owned());
        let protocol = words.next()?.parse().ok()?;
        let host: SocketAddr = words.next()?.parse().ok()?;
        let target: SocketAddr = words.next()?.parse().ok()?;
        let port =
            PublishedPort { protocol, host_ip: host.ip(), host_port: host.port(), container_port: target.port() };
        Some(Publication { container, name, port, target })
    }
}

/// At most [`NAME`] bytes of a name, and no space or quote that would confuse a reader.
fn shortened(name: &str) -> String {
    let mut out: String =
        name.chars().map(|c| if c.is_whitespace() || c.is_control() || c == '"' { '_' } else { c }).collect();
    while out.len() > NAME {
        out.pop();
    }
    out
}

fn item(kind: u8, value: &[u8]) -> Vec<u8> {
    let value = &value[..value.len().min(255)];
    let mut out = vec![kind, value.len() as u8];
    out.extend(value);
    out
}

fn find(mut userdata: &[u8], wanted: u8) -> Option<&[u8]> {
    loop {
        let [kind, length] = *userdata.first_chunk()?;
        let value = userdata.get(2..2 + usize::from(length))?;
        if kind == wanted {
            return Some(value);
        }
        userdata = &userdata[2 + value.len()..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Protocol;
    use proptest::prelude::*;
    use std::net::IpAddr;

    proptest! {
        #[test]
        fn written_and_read(name in "[a-zA-Z0-9_.-]{1,32}", host: IpAddr, target: IpAddr, ports: (u16, u16), udp: bool) {
            let port = PublishedPort {
                protocol: if udp { Protocol::Udp } else { Protocol::Tcp },
                host_ip: host, host_port: ports.0, container_port: ports.1,
            };
            let publication = Publication { container: "f".repeat(64), name, port, target: SocketAddr::new(target, ports.1) };
            let userdata = publication.userdata();
            prop_assert!(userdata.len() <= 256);
            let comment = format!("{} {}→{}", publication.name, ports.0, ports.1);
            prop_assert_eq!(comment_in(&userdata), Some(comment.as_str()));
            prop_assert_eq!(Publication::parse(&userdata), Some(publication));
        }

        #[test]
        fn anything_can_be_read(bytes: Vec<u8>, name in "\\PC*") {
            let _ = (Publication::parse(&bytes), comment_in(&bytes));
            prop_assert!(shortened(&name).len() <= NAME);
        }
    }
}
