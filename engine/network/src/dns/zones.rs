//! What the names on a container's networks mean, as it is at this moment.

use super::config::{DnsConfig, DnsNetwork, Link};
use super::message::{Asked, Record};
use super::names::{self, EndpointNames};
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};
use std::{fs, io};

/// File systems tell times by the kernel's tick, at worst 10 ms; those that know seconds only show no fraction.
const TICK: Duration = Duration::from_millis(20);
const SECOND: Duration = Duration::from_secs(2);

/// The networks of a container, and what was read of them last.
#[derive(Debug)]
pub(super) struct Zones {
    zones: Vec<Zone>,
    links: Vec<Link>,
    /// Moves on with each answer, so that all addresses of a name come first in turn.
    turn: usize,
}

#[derive(Debug)]
struct Zone {
    network: DnsNetwork,
    endpoints: Vec<EndpointNames>,
    /// The directory's time of change when it was read, if what changes later must show another one.
    read: Option<(i64, i64)>,
}

impl Zones {
    pub fn new(config: &DnsConfig) -> Zones {
        let zone = |network: &DnsNetwork| Zone { network: network.clone(), endpoints: Vec::new(), read: None };
        Zones { zones: config.networks.iter().map(zone).collect(), links: config.links.clone(), turn: 0 }
    }

    /// What a question about a name of ours is answered with; `None` for the names of others.
    pub fn answer(&mut self, asked: &Asked<'_>) -> Option<Vec<Record>> {
        self.zones.iter_mut().for_each(Zone::refresh);
        let mut addresses: Vec<IpAddr> = match asked {
            Asked::Reverse(address) => return self.name_of(*address).map(|name| vec![Record::Name(name)]),
            Asked::Ipv4(name) => self.addresses(name)?.into_iter().filter(IpAddr::is_ipv4).collect(),
            Asked::Ipv6(name) => self.addresses(name)?.into_iter().filter(IpAddr::is_ipv6).collect(),
            // A name with no mail exchanger is one itself (RFC 5321 §5.1); likewise for the rest.
            Asked::Other(name) => self.addresses(name).map(|_| Vec::new())?,
        };
        self.turn = self.turn.wrapping_add(1);
        let first = self.turn % addresses.len().max(1);
        addresses.rotate_left(first);
        Some(addresses.into_iter().map(Record::Address).collect())
    }

    /// The addresses of a name: first as the container itself calls others, then on each network with and without its name behind a dot.
    fn addresses(&self, name: &str) -> Option<Vec<IpAddr>> {
        let is_linked = |endpoint: &EndpointNames| {
            let mut links = self.links.iter();
            links.any(|link| link.alias.eq_ignore_ascii_case(name) && link.container == endpoint.container)
        };
        let linked = self.zones.iter().find_map(|zone| zone.addresses(is_linked));
        linked
            .or_else(|| self.zones.iter().find_map(|zone| zone.addresses(|endpoint| endpoint.answers_to(name))))
            .or_else(|| {
                self.zones.iter().find_map(|zone| {
                    let short = zone.without_suffix(name)?;
                    zone.addresses(|endpoint| endpoint.answers_to(short))
                })
            })
    }

    fn name_of(&self, address: IpAddr) -> Option<String> {
        self.zones.iter().find_map(|zone| {
            let endpoint = zone.endpoints.iter().find(|endpoint| endpoint.addresses.contains(&address))?;
            Some(format!("{}.{}", endpoint.name, zone.network.name))
        })
    }
}

impl Zone {
    /// Reads the endpoints again if any may have come or gone. What cannot be read is as before; it is tried anew with the next question.
    fn refresh(&mut self) {
        let directory = names::directory(&self.network.directory);
        let changed = match changed(&directory) {
            Ok(changed) if self.read == Some(changed) => return,
            Ok(changed) => Some(changed),
            Err(_) => None,
        };
        self.read = None;
        let now = SystemTime::now();
        if let Ok(endpoints) = names::all(&self.network.directory) {
            self.endpoints = endpoints;
            self.read = changed.filter(|changed| is_settled(*changed, now));
        }
    }

    fn addresses(&self, is_meant: impl Fn(&EndpointNames) -> bool) -> Option<Vec<IpAddr>> {
        let mut meant = self.endpoints.iter().filter(|endpoint| is_meant(endpoint)).peekable();
        meant.peek()?;
        Some(meant.flat_map(|endpoint| endpoint.addresses.iter().copied()).collect())
    }

    fn without_suffix<'a>(&self, name: &'a str) -> Option<&'a str> {
        let (short, suffix) = name.split_at_checked(name.len().checked_sub(self.network.name.len())?)?;
        short.strip_suffix('.').filter(|_| suffix.eq_ignore_ascii_case(&self.network.name))
    }
}

fn changed(directory: &Path) -> io::Result<(i64, i64)> {
    fs::metadata(directory).map(|metadata| (metadata.mtime(), metadata.mtime_nsec()))
}

/// Whether a directory that changed then and is read now shows another time when it changes once more.
fn is_settled((seconds, nanoseconds): (i64, i64), now: SystemTime) -> bool {
    let fraction = Duration::from_nanos(nanoseconds.cast_unsigned());
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.try_into().unwrap_or(0)) + fraction;
    let wait = if nanoseconds == 0 { SECOND } else { TICK };
    now.duration_since(then).is_ok_and(|passed| passed > wait)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    struct Lab {
        directory: tempfile::TempDir,
        zones: Zones,
    }

    fn id(digit: char) -> String {
        digit.to_string().repeat(64)
    }

    impl Lab {
        fn new(links: Vec<Link>) -> Lab {
            let directory = tempfile::tempdir().unwrap();
            let network =
                |name: &str| DnsNetwork { name: name.into(), directory: directory.path().join(name), internal: false };
            let config = DnsConfig { networks: vec![network("Front"), network("back")], servers: vec![], links };
            Lab { zones: Zones::new(&config), directory }
        }

        fn add(&self, network: &str, digit: char, name: &str, aliases: &[&str], addresses: &[&str]) {
            let endpoint = EndpointNames {
                container: id(digit),
                name: name.into(),
                aliases: aliases.iter().map(|&alias| alias.into()).collect(),
                addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
            };
            names::write(&self.directory.path().join(network), &endpoint).unwrap();
        }

        fn ask(&mut self, asked: Asked<'_>) -> Option<Vec<String>> {
            let text = |record| match record {
                Record::Address(address) => address.to_string(),
                Record::Name(name) => name,
            };
            self.zones.answer(&asked).map(|records| records.into_iter().map(text).collect())
        }
    }

    fn found(addresses: &[&str]) -> Option<Vec<String>> {
        Some(addresses.iter().map(|&address| address.into()).collect())
    }

    #[test]
    fn a_container_has_many_names() {
        let mut lab = Lab::new(vec![Link { alias: "Db".into(), container: id('b') }]);
        lab.add("Front", 'a', "web", &["www"], &["172.18.0.2", "fd00::2"]);
        lab.add("back", 'b', "cache.one", &[], &["172.19.0.2"]);
        for name in ["web", "www", "aaaaaaaaaaaa", "web.front", "WEB.FRONT", "aaaaaaaaaaaa.front"] {
            assert_eq!(lab.ask(Asked::Ipv4(name)), found(&["172.18.0.2"]), "{name}");
            assert_eq!(lab.ask(Asked::Ipv6(name)), found(&["fd00::2"]), "{name}");
        }
        for name in ["cache.one", "cache.one.back", "db"] {
            assert_eq!(lab.ask(Asked::Ipv4(name)), found(&["172.19.0.2"]), "{name}");
            // There is no IPv6 address, and nobody else is to be asked for one.
            assert_eq!(lab.ask(Asked::Ipv6(name)), found(&[]), "{name}");
            assert_eq!(lab.ask(Asked::Other(name)), found(&[]), "{name}");
        }
        for name in ["", "front", ".front", "web.back", "webfront", "cache", "db.back", "web.front.front", "ü.front"] {
            assert_eq!(lab.ask(Asked::Ipv4(name)), None, "{name}");
            assert_eq!(lab.ask(Asked::Other(name)), None, "{name}");
        }
        assert_eq!(lab.ask(Asked::Reverse("172.18.0.2".parse().unwrap())), found(&["web.Front"]));
        assert_eq!(lab.ask(Asked::Reverse("fd00::2".parse().unwrap())), found(&["web.Front"]));
        assert_eq!(lab.ask(Asked::Reverse("172.19.0.3".parse().unwrap())), None);
    }

    #[test]
    fn the_first_network_that_knows_a_name_answers_and_all_its_endpoints_take_turns() {
        let mut lab = Lab::new(vec![]);
        lab.add("back", 'a', "web", &["app"], &["172.19.0.2"]);
        lab.add("Front", 'b', "one", &["app"], &["172.18.0.2"]);
        lab.add("Front", 'c', "two", &["app"], &["172.18.0.3"]);
        let first = lab.ask(Asked::Ipv4("app")).unwrap();
        let second = lab.ask(Asked::Ipv4("app")).unwrap();
        assert_eq!((first.len(), second.len()), (2, 2));
        assert_ne!(first[0], second[0]);
        assert_eq!(lab.ask(Asked::Ipv4("app.back")), found(&["172.19.0.2"]));
    }

    #[test]
    fn who_comes_or_goes_is_known_or_unknown_at_once() {
        let mut lab = Lab::new(vec![]);
        for round in 0..100 {
            lab.add("back", 'a', "web", &[], &["172.19.0.2"]);
            assert_eq!(lab.ask(Asked::Ipv4("web")), found(&["172.19.0.2"]), "{round}");
            lab.add("back", 'a', "web", &[], &["172.19.0.3"]);
            assert_eq!(lab.ask(Asked::Ipv4("web")), found(&["172.19.0.3"]), "{round}");
            names::remove(&lab.directory.path().join("back"), &id('a')).unwrap();
            assert_eq!(lab.ask(Asked::Ipv4("web")), None, "{round}");
            // Some rounds begin after what was read has settled.
            thread::sleep(Duration::from_millis(if round % 20 == 0 { 25 } else { round % 3 }));
        }
    }

    #[test]
    fn a_network_that_rests_is_read_once() {
        let mut lab = Lab::new(vec![]);
        lab.add("back", 'a', "web", &[], &["172.19.0.2"]);
        lab.ask(Asked::Ipv4("web"));
        assert_eq!(lab.zones.zones[1].read, None);
        thread::sleep(TICK + Duration::from_millis(5));
        lab.ask(Asked::Ipv4("web"));
        assert!(lab.zones.zones[1].read.is_some());
    }

    #[test]
    fn times_settle() {
        let at = |milliseconds| SystemTime::UNIX_EPOCH + Duration::from_secs(10) + Duration::from_millis(milliseconds);
        assert!(
            !is_settled((10, 5_000_000), at(5))
                && !is_settled((10, 5_000_000), at(20))
                && is_settled((10, 5_000_000), at(26))
        );
        assert!(!is_settled((10, 0), at(500)) && is_settled((10, 0), at(2001)));
        // The clock was set back.
        assert!(!is_settled((11, 5), at(0)));
    }
}
