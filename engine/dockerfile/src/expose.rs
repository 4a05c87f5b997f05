//! The ports of `EXPOSE`: `port[-port][/protocol]`, before which an address and a host's port are borne, but mean
//! nothing.

use std::net::IpAddr;

use crate::error::{Error, Lines, Result};
use crate::lint::{Linter, Rule};
use crate::quote::quote;

/// The ports that `text` means, each with its protocol: `80/tcp`.
pub(crate) fn ports(text: &str, lines: Lines, linter: &mut Linter) -> Result<Vec<String>> {
    let (address, host, container) = split(text);
    let (range, protocol) =
        protocol(container).map_err(|error| error.context(format!("invalid port: {}", quote(text))))?;
    if protocol != protocol.to_lowercase() {
        let message = format!("Defined protocol '{text}' in EXPOSE instruction should be lowercase");
        linter.report(Rule::ExposeProtoCasing, lines, message);
    }
    if !address.is_empty() || !host.is_empty() {
        let message =
            format!("EXPOSE instruction should not define an IP address or host-port mapping, found '{text}'");
        linter.report(Rule::ExposeInvalidFormat, lines, message);
    }
    check_address(address)?;
    let ports = read_range(range).ok_or_else(|| Error::new(format!("invalid containerPort: {range}")))?;
    if !host.is_empty() {
        let hosts = read_range(host).ok_or_else(|| Error::new(format!("invalid hostPort: {host}")))?;
        if hosts.1 - hosts.0 != ports.1 - ports.0 && ports.0 != ports.1 {
            let message = format!("invalid ranges specified for container and host Ports: {range} and {host}");
            return Err(Error::new(message));
        }
    }
    let protocol = protocol.to_lowercase();
    Ok((ports.0..=ports.1).map(|port| format!("{port}/{protocol}")).collect())
}

/// Address, port of the host, and port of the container.
fn split(text: &str) -> (&str, &str, &str) {
    let Some((before, container)) = text.rsplit_once(':') else { return ("", "", text) };
    match before.rsplit_once(':') {
        Some((address, host)) => (address, host, container),
        None => ("", before, container),
    }
}

fn protocol(port: &str) -> Result<(&str, &str)> {
    let (port, protocol) = port.split_once('/').unwrap_or((port, ""));
    match protocol.to_lowercase().as_str() {
        _ if port.is_empty() => Err(Error::new("no port specified")),
        "" => Ok((port, "tcp")),
        "tcp" | "udp" | "sctp" => Ok((port, protocol)),
        _ => Err(Error::new(format!("invalid proto: {protocol}"))),
    }
}

fn check_address(address: &str) -> Result<()> {
    let bare = address.strip_prefix('[').and_then(|address| address.strip_suffix(']')).unwrap_or(address);
    match bare.is_empty() || bare.parse::<IpAddr>().is_ok() {
        true => Ok(()),
        false => Err(Error::new(format!("invalid IP address: {bare}"))),
    }
}

fn read_range(text: &str) -> Option<(u16, u16)> {
    let (start, end) = text.split_once('-').unwrap_or((text, text));
    let (start, end) = (start.parse().ok()?, end.parse().ok()?);
    (start <= end).then_some((start, end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::Options;

    fn read(text: &str) -> (Result<Vec<String>>, Vec<Rule>) {
        let mut linter = Linter::new(Options::default());
        let ports = ports(text, Lines::single(1), &mut linter);
        (ports, linter.warnings().iter().map(|warning| warning.rule).collect())
    }

    #[test]
    fn reads_ports() {
        assert_eq!(read("80"), (Ok(vec!["80/tcp".to_owned()]), vec![]));
        assert_eq!(
            read("80-81/UDP"),
            (Ok(vec!["80/udp".to_owned(), "81/udp".to_owned()]), vec![Rule::ExposeProtoCasing])
        );
        let mapped = vec![Rule::ExposeInvalidFormat];
        assert_eq!(read("8080:80"), (Ok(vec!["80/tcp".to_owned()]), mapped.clone()));
        assert_eq!(read("[::1]:1-9:80/sctp"), (Ok(vec!["80/sctp".to_owned()]), mapped));
        let message = |text: &str| read(text).0.unwrap_err().message().to_owned();
        assert_eq!(message(""), "invalid port: \"\": no port specified");
        assert_eq!(message("80/x"), "invalid port: \"80/x\": invalid proto: x");
        assert_eq!(message("x"), "invalid containerPort: x");
        assert_eq!(message("65536"), "invalid containerPort: 65536");
        assert_eq!(message("9-8"), "invalid containerPort: 9-8");
        assert_eq!(message("x:80"), "invalid hostPort: x");
        assert_eq!(message("1-3:80-81"), "invalid ranges specified for container and host Ports: 80-81 and 1-3");
        assert_eq!(message("1.2.3:1:80"), "invalid IP address: 1.2.3");
    }
}
