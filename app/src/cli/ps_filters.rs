//! `ps --filter`.

use super::Failure;
use super::filters::{Filters, invalid};
use porthole_engine::images::Digest;
use porthole_engine::runtime::state::{HealthStatus, Status};
use porthole_engine::{ContainerSummary, Engine};
use regex::Regex;
use std::collections::HashMap;
use std::ops::RangeInclusive;

const KNOWN: [&str; 13] = [
    "id", "name", "label", "status", "exited", "ancestor", "before", "since", "publish", "expose", "network", "volume",
    "health",
];
const STATES: [&str; 7] = ["created", "restarting", "running", "removing", "paused", "exited", "dead"];
const HEALTH: [&str; 4] = ["starting", "healthy", "unhealthy", "none"];

/// Ports and a protocol.
type Ports = (RangeInclusive<u16>, String);

/// What a list of containers is narrowed to, with everything looked up that the words name.
pub struct Selection {
    filters: Filters,
    ids: Vec<Regex>,
    names: Vec<Regex>,
    exit_codes: Vec<i32>,
    publish: Vec<Ports>,
    expose: Vec<Ports>,
    /// Created before one of these moments, in nanoseconds since 1970.
    before: Vec<i64>,
    /// Created after one of these.
    since: Vec<i64>,
    /// Ids of the images that are, or stand on, an image named by `ancestor`.
    images: Vec<String>,
}

impl Selection {
    /// Reads the words.
    pub fn parse(engine: &Engine, words: &[String]) -> Result<Selection, Failure> {
        let filters = Filters::parse(words, &KNOWN)?;
        if let Some(state) = filters.of("status").iter().find(|state| !STATES.contains(&state.as_str())) {
            return Err(invalid("status", state));
        }
        if let Some(health) = filters.of("health").iter().find(|health| !HEALTH.contains(&health.as_str())) {
            return Err(invalid("health", health));
        }
        let created = |key: &str| -> Result<Vec<i64>, Failure> {
            filters.of(key).iter().map(|name| Ok(engine.container(name)?.created)).collect()
        };
        Ok(Selection {
            ids: filters.patterns("id")?,
            names: filters.patterns("name")?,
            exit_codes: filters.parsed("exited", |text| text.parse().ok())?,
            publish: filters.parsed("publish", parse_ports)?,
            expose: filters.parsed("expose", parse_ports)?,
            before: created("before")?,
            since: created("since")?,
            images: descendants(engine, filters.of("ancestor"))?,
            filters,
        })
    }

    /// Whether containers that do not run are wanted, without being asked for by `-a`.
    pub fn wants_all(&self) -> bool {
        !self.filters.of("status").is_empty()
    }

    /// Leaves only what matches.
    pub fn apply(&self, containers: &mut Vec<ContainerSummary>) {
        containers.retain(|container| self.matches(container));
    }

    fn matches(&self, container: &ContainerSummary) -> bool {
        let status = container.state.status;
        let published = || container.ports.iter().map(|port| (port.container_port, port.protocol.to_string()));
        let exposed = || container.exposed_ports.iter().filter_map(|text| parse_port(text));
        self.filters.labels_match(&container.labels)
            && one_of(&self.ids, |pattern| pattern.is_match(&container.id))
            && one_of(&self.names, |pattern| name_matches(pattern, &container.name))
            && self.filters.any("status", |wanted| is_called(status, wanted))
            && one_of(&self.exit_codes, |code| status == Status::Exited && container.state.exit_code == Some(*code))
            && self
                .filters
                .any("ancestor", |name| *name == container.image || self.images.contains(&container.image_id))
            && one_of(&self.before, |moment| container.created < *moment)
            && one_of(&self.since, |moment| container.created > *moment)
            && one_of(&self.publish, |ports| published().any(|port| includes(ports, &port)))
            && one_of(&self.expose, |ports| exposed().chain(published()).any(|port| includes(ports, &port)))
            && self.filters.any("network", |network| container.networks.contains(network) || is_on(container, network))
            && self.filters.any("health", |wanted| wanted == container.state.health.map_or("none", HealthStatus::name))
            && self
                .filters
                .any("volume", |path| container.mounts.iter().any(|(source, target)| source == path || target == path))
    }
}

/// Whether nothing is asked, or one of the alternatives matches.
fn one_of<T>(alternatives: &[T], matches: impl FnMut(&T) -> bool) -> bool {
    alternatives.is_empty() || alternatives.iter().any(matches)
}

/// Names may be asked for with the slash that `inspect` shows.
fn name_matches(pattern: &Regex, name: &str) -> bool {
    pattern.is_match(name) || pattern.is_match(&format!("/{name}"))
}

fn is_called(status: Status, wanted: &str) -> bool {
    serde_json::to_value(status).is_ok_and(|name| name == wanted)
}

fn includes((ports, protocol): &Ports, (port, its): &(u16, String)) -> bool {
    ports.contains(port) && protocol == its
}

/// `80`, `80/udp`, `8000-8080/tcp`.
fn parse_ports(text: &str) -> Option<Ports> {
    let (range, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last && matches!(protocol, "tcp" | "udp" | "sctp")).then(|| (first..=last, protocol.to_owned()))
}

fn parse_port(text: &str) -> Option<(u16, String)> {
    parse_ports(text).map(|(ports, protocol)| (*ports.start(), protocol))
}

/// Ids of the images whose lower layers are all those of one of the named images.
fn descendants(engine: &Engine, names: &[String]) -> Result<Vec<String>, Failure> {
    let store = engine.images()?;
    let failure = |error: porthole_engine::images::Error| Failure::new(error.to_string(), 1);
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut chains = HashMap::<Digest, Vec<Digest>>::new();
    for image in store.list().map_err(failure)? {
        chains.insert(image.id, store.resolve(&image.id.to_string()).map_err(failure)?.chain);
    }
    // An image that nobody has has no containers.
    let ancestors: Vec<Digest> = names.iter().filter_map(|name| Some(store.resolve(name).ok()?.id)).collect();
    let descends = |id: &Digest, chain: &Vec<Digest>| {
        ancestors.iter().any(|ancestor| {
            let lower = chains.get(ancestor).filter(|lower| !lower.is_empty());
            id == ancestor || lower.is_some_and(|lower| chain.starts_with(lower))
        })
    };
    Ok(chains.iter().filter(|(id, chain)| descends(id, chain)).map(|(id, _)| id.to_string()).collect())
}

/// Whether a container is on the network with this id.
fn is_on(container: &ContainerSummary, network: &str) -> bool {
    container.endpoints.iter().any(|endpoint| endpoint.network_id == network)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_single_or_ranges() {
        assert_eq!(parse_ports("80"), Some((80..=80, "tcp".to_owned())));
        assert_eq!(parse_ports("8000-8080/udp"), Some((8000..=8080, "udp".to_owned())));
        for text in ["", "x", "80/none", "90-80", "70000"] {
            assert_eq!(parse_ports(text), None, "{text}");
        }
    }

    #[test]
    fn names_are_patterns() {
        let matches = |pattern: &str, name: &str| name_matches(&Regex::new(pattern).unwrap(), name);
        assert!(matches("eb", "web") && matches("^web$", "web") && matches("^/web$", "web"));
        assert!(!matches("^web$", "web2") && !matches("^eb", "web"));
    }
}
