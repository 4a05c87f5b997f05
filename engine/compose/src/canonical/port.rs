//! Published ports: `[[ADDRESS:]PUBLISHED:]TARGET[/PROTOCOL]`, each of the first three perhaps a range of ports.

use super::{fields, is_open, text};
use crate::error::{Error, Result};
use crate::node::{Node, Value};
use std::ops::RangeInclusive;

/// The long forms that one item stands for.
pub fn long(node: &Node) -> Result<Vec<Node>> {
    if node.as_map().is_some() {
        return Ok(vec![completed(node)]);
    }
    if is_open(node) {
        return Ok(vec![node.clone()]);
    }
    let written = node.scalar().unwrap_or_default();
    let wrong = |why: &str| Error::at(&node.place, format!("invalid port {written:?}: {why}"));
    let (rest, protocol) = match written.rsplit_once('/') {
        Some((rest, protocol @ ("tcp" | "udp"))) => (rest, protocol),
        Some(_) => return Err(wrong("the protocol is tcp or udp")),
        None => (written.as_str(), "tcp"),
    };
    let (host, target) = rest.rsplit_once(':').map_or((None, rest), |(host, target)| (Some(host), target));
    let (address, published) = match host {
        None => ("", ""),
        Some(host) => host.rsplit_once(':').unwrap_or(("", host)),
    };
    let address = address.strip_prefix('[').and_then(|address| address.strip_suffix(']')).unwrap_or(address);
    if !address.is_empty() && address.parse::<std::net::IpAddr>().is_err() {
        return Err(wrong("the address is none of IP: want [[ADDRESS:]PUBLISHED:]TARGET[/PROTOCOL]"));
    }
    let targets = range(target).ok_or_else(|| wrong("the container's port is a number up to 65535, or a range"))?;
    let published = match published {
        "" => None,
        text => Some(range(text).ok_or_else(|| wrong("the published port is a number up to 65535, or a range"))?),
    };
    let one = |target: u16, published: Option<String>| {
        fields(
            &node.place,
            [
                ("mode", text("ingress")),
                ("host_ip", text(address)),
                ("target", Some(Value::Number(target.to_string()))),
                ("published", published.map(Value::Text)),
                ("protocol", text(protocol)),
            ],
        )
    };
    let length = |range: &RangeInclusive<u16>| range.end() - range.start();
    match published {
        None => Ok(targets.map(|target| one(target, None)).collect()),
        Some(published) if length(&published) == length(&targets) => {
            Ok(targets.zip(published).map(|(target, published)| one(target, Some(published.to_string()))).collect())
        }
        // Any free one of them.
        Some(published) if length(&targets) == 0 => {
            Ok(vec![one(*targets.start(), Some(format!("{}-{}", published.start(), published.end())))])
        }
        Some(_) => Err(wrong("the ranges are of different lengths")),
    }
}

/// A long form with what it leaves open.
fn completed(node: &Node) -> Node {
    let mut long = node.clone();
    for (key, default) in [("mode", "ingress"), ("protocol", "tcp")] {
        if long.get(key).is_none() {
            long.set(key, Node::text(&node.place, default));
        }
    }
    if let Some(published) = long.get_mut("published")
        && let Some(text) = published.scalar()
    {
        published.value = Value::Text(text);
    }
    long
}

/// A port or `FIRST-LAST`.
pub fn range(text: &str) -> Option<RangeInclusive<u16>> {
    let port = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u16>().ok())?;
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (port(first)?, port(last)?);
    (first > 0 && first <= last).then_some(first..=last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Place;

    fn read(text: &str) -> Result<Vec<String>> {
        let place = Place { file: "f".into(), line: 1, column: 1 };
        let ports = long(&Node::text(&place, text))?;
        let word = |port: &Node, key: &str| port.get(key).and_then(Node::scalar).unwrap_or_default();
        Ok(ports
            .iter()
            .map(|port| {
                let [ip, published, target, protocol] =
                    ["host_ip", "published", "target", "protocol"].map(|key| word(port, key));
                format!("{ip}|{published}|{target}/{protocol}")
            })
            .collect())
    }

    #[test]
    fn short_forms_are_read() {
        for (text, expected) in [
            ("80", vec!["||80/tcp"]),
            ("8080:80", vec!["|8080|80/tcp"]),
            ("53:53/udp", vec!["|53|53/udp"]),
            ("127.0.0.1:8080:80", vec!["127.0.0.1|8080|80/tcp"]),
            ("127.0.0.1::80", vec!["127.0.0.1||80/tcp"]),
            ("[::1]:8080:80", vec!["::1|8080|80/tcp"]),
            ("::1:8080:80", vec!["::1|8080|80/tcp"]),
            ("3000-3001", vec!["||3000/tcp", "||3001/tcp"]),
            ("9000-9001:80-81", vec!["|9000|80/tcp", "|9001|81/tcp"]),
            ("8000-9000:80", vec!["|8000-9000|80/tcp"]),
            (":80", vec!["||80/tcp"]),
        ] {
            assert_eq!(read(text).unwrap(), expected, "{text}");
        }
        for text in ["", "x", "0", "70000", "80/sctp", "a:80", "1.2.3:80:80", "90-80", "1-2:1-3", "80:", "-80", "+80"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
