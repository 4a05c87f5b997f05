//! Which rules matter to a container: those that a packet from or to it may meet.

use super::part::{Not, Part, chain_of, written_elements};
use super::{Chain, Family, Nat, Rule, Ruleset, Table};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// By what rules know a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interest {
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// The host's interfaces by which its packets come and go: its bridges, or a link of its own.
    pub interfaces: Vec<String>,
}

/// Where a packet of the container's is going.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    From,
    To,
}

impl Ruleset {
    /// The rules that IP packets through this host may meet.
    pub fn of_packets(mut self) -> Ruleset {
        self.tables.retain(|table| !matches!(table.family, Family::Arp | Family::Netdev));
        self
    }

    /// The rules, and the elements of maps, that matter to a container. Rules that translate other containers' addresses do
    /// not, and neither do those for other interfaces and addresses alone. To one without an interface none does.
    pub fn that_concern(self, interest: &Interest) -> Ruleset {
        let mut ruleset = self.of_packets();
        if interest.interfaces.is_empty() {
            return Ruleset { tables: Vec::new(), ..ruleset };
        }
        for table in &mut ruleset.tables {
            let mut kept = Kept::default();
            for base in table.chains.iter().filter(|chain| chain.base.is_some()) {
                Walk { table, interest, ways: ways(base), kept: &mut kept }.chain(base, &[]);
            }
            keep(table, &kept);
        }
        ruleset.tables.retain(|table| !table.chains.is_empty());
        ruleset
    }
}

/// The ways of the container's packets through a base chain. What the host itself takes in comes from the container, and
/// what it sends goes to it.
fn ways(chain: &Chain) -> &'static [Way] {
    match chain.base.as_ref().map(|base| base.hook) {
        Some("input") => &[Way::From],
        Some("output") => &[Way::To],
        _ => &[Way::From, Way::To],
    }
}

/// What was found to matter.
#[derive(Default)]
struct Kept {
    /// Handles of rules.
    rules: BTreeSet<u64>,
    /// Names of maps, with keys.
    elements: BTreeSet<(String, String)>,
    /// Names of maps and sets.
    sets: BTreeSet<String>,
}

fn keep(table: &mut Table, kept: &Kept) {
    for chain in &mut table.chains {
        chain.rules.retain(|rule| kept.rules.contains(&rule.handle));
    }
    // A policy of drop matters even where no rule does.
    let drops = |chain: &Chain| chain.base.as_ref().is_some_and(|base| base.policy == super::Policy::Drop);
    table.chains.retain(|chain| !chain.rules.is_empty() || drops(chain));
    for set in &mut table.sets {
        let name = set.name.clone();
        if set.data.as_deref() == Some("verdict") {
            set.elements.retain(|element| kept.elements.contains(&(name.clone(), element.key.clone())));
        }
    }
    table.sets.retain(|set| kept.sets.contains(&set.name));
}

/// A walk through the chains of a table, from one base chain on. The kernel lets no chain lead back to itself.
struct Walk<'a> {
    table: &'a Table,
    interest: &'a Interest,
    ways: &'static [Way],
    kept: &'a mut Kept,
}

impl Walk<'_> {
    /// Notes what matters in a chain, given what packets that get there have matched already; whether anything does.
    fn chain(&mut self, chain: &Chain, before: &[Part<'_>]) -> bool {
        chain.rules.iter().fold(false, |any, rule| self.rule(rule, before) | any)
    }

    fn named_chain(&mut self, name: &str, before: &[Part<'_>]) -> bool {
        let table = self.table;
        table.chain(name).is_some_and(|chain| self.chain(chain, before))
    }

    fn rule(&mut self, rule: &Rule, before: &[Part<'_>]) -> bool {
        let parts: Vec<Part<'_>> = before.iter().cloned().chain(rule.parts()).collect();
        let met = match rule.nat {
            Some(nat) => self.translates(nat, &parts),
            None => self.is_met(&parts),
        };
        if !met {
            return false;
        }
        let mut matters = true;
        for part in &parts[before.len()..] {
            matters = match part {
                Part::Jump(chain) | Part::Goto(chain) => self.named_chain(chain, &parts),
                Part::VerdictMap { keys, map } => self.verdict_map(keys, map, &parts),
                _ => continue,
            };
        }
        if matters {
            self.kept.rules.insert(rule.handle);
            self.kept.sets.extend(parts.iter().filter_map(set_name).map(str::to_owned));
        }
        matters
    }

    /// Whether an element of a map matters.
    fn verdict_map(&mut self, keys: &[&str], map: &str, before: &[Part<'_>]) -> bool {
        let table = self.table;
        let Some(name) = map.strip_prefix('@') else {
            return written_elements(map)
                .fold(false, |any, (key, verdict)| self.element(keys, key, verdict, before) | any);
        };
        let elements = table.set(name).map(|set| set.elements.as_slice()).unwrap_or_default();
        let mut any = false;
        for element in elements {
            if self.element(keys, &element.key, element.value.as_deref().unwrap_or_default(), before) {
                self.kept.elements.insert((name.to_owned(), element.key.clone()));
                any = true;
            }
        }
        any
    }

    fn element(&mut self, keys: &[&str], key: &str, verdict: &str, before: &[Part<'_>]) -> bool {
        let texts: Vec<String> =
            keys.iter().zip(key.split(" . ")).map(|(key, value)| format!("{key} {value}")).collect();
        let parts: Vec<Part<'_>> = before.iter().cloned().chain(texts.iter().map(|text| Part::parse(text))).collect();
        match chain_of(verdict) {
            Some(chain) => self.named_chain(chain, &parts),
            None => self.is_met(&parts),
        }
    }

    /// Whether a packet from or to the container may match all of these.
    fn is_met(&self, parts: &[Part<'_>]) -> bool {
        self.ways.iter().any(|way| parts.iter().all(|part| self.interest.admits(*way, part)))
    }

    fn translates(&self, nat: Nat, parts: &[Part<'_>]) -> bool {
        let of_packets_from_it = || parts.iter().all(|part| self.interest.admits(Way::From, part));
        match nat {
            Nat::Source => self.ways.contains(&Way::From) && of_packets_from_it() || self.interest.is_named(parts),
            Nat::Destination => match parts.iter().find_map(target) {
                Some(address) => self.interest.addresses.contains(&address),
                None => self.is_met(parts),
            },
        }
    }
}

impl Interest {
    fn admits(&self, way: Way, part: &Part<'_>) -> bool {
        match (way, part) {
            (Way::From, Part::In(not, name)) | (Way::To, Part::Out(not, name)) => self.is_by(*not, name),
            (Way::From, Part::Source(not, value)) | (Way::To, Part::Destination(not, value)) => self.has(*not, value),
            _ => true,
        }
    }

    /// Whether a rule names it as where packets go to.
    fn is_named(&self, parts: &[Part<'_>]) -> bool {
        parts.iter().any(|part| match part {
            Part::Out(not @ Not(false), name) => self.is_by(*not, name),
            Part::Destination(not @ Not(false), value) => self.has(*not, value),
            _ => false,
        })
    }

    fn is_by(&self, Not(not): Not, name: &str) -> bool {
        let named = |pattern: &str, interface: &str| match pattern.trim_matches('"').strip_suffix('*') {
            Some(prefix) => interface.starts_with(prefix),
            None => pattern.trim_matches('"') == interface,
        };
        let names = members(name);
        names.is_none_or(|names| {
            self.interfaces.iter().any(|interface| names.iter().any(|name| named(name, interface)) != not)
        })
    }

    fn has(&self, Not(not): Not, value: &str) -> bool {
        let ranges = members(value);
        ranges.is_none_or(|ranges| {
            self.addresses.iter().any(|address| ranges.iter().any(|range| contains(range, *address)) != not)
        })
    }
}

/// What a value may be: itself, or what stands in braces; `None` of a set by name, whose contents may be anything.
fn members(value: &str) -> Option<Vec<&str>> {
    match value.strip_prefix("{ ").and_then(|value| value.strip_suffix(" }")) {
        Some(inside) => Some(inside.split(", ").collect()),
        None if value.starts_with('@') => None,
        None => Some(vec![value]),
    }
}

/// Whether an address is this one, in this prefix, or in this range.
fn contains(range: &str, address: IpAddr) -> bool {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(address) => (u128::from(u32::from(address)), 32),
        IpAddr::V6(address) => (u128::from(address), 128),
    };
    let parse = |text: &str| text.parse::<IpAddr>().ok().filter(|parsed| parsed.is_ipv4() == address.is_ipv4());
    let (number, width) = bits(address);
    if let Some((network, length)) = range.split_once('/') {
        let (Some(network), Ok(length)) = (parse(network), length.parse::<u32>()) else { return false };
        let shift = width - length.min(width);
        return number.checked_shr(shift) == bits(network).0.checked_shr(shift);
    }
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    match (parse(first), parse(last)) {
        (Some(first), Some(last)) => (bits(first).0..=bits(last).0).contains(&number),
        _ => false,
    }
}

/// Where a rule sends packets: `dnat to 172.17.0.2:80`, `dnat ip6 to [fd17::2]:80`.
fn target(part: &Part<'_>) -> Option<IpAddr> {
    let Part::Other(text) = part else { return None };
    let to = text.strip_prefix("dnat ")?.split(' ').skip_while(|word| *word != "to").nth(1)?;
    if let Some(address) = to.strip_prefix('[') {
        return address.split(']').next()?.parse().ok();
    }
    to.parse().ok().or_else(|| to.split(':').next()?.parse().ok())
}

/// The set or map that a part refers to.
fn set_name<'a>(part: &Part<'a>) -> Option<&'a str> {
    let text = match part {
        Part::VerdictMap { map, .. } => map,
        Part::Source(_, value) | Part::Destination(_, value) | Part::In(_, value) | Part::Out(_, value) => value,
        Part::Port { ports, .. } => ports,
        Part::Other(text) => text.split_once('@').map(|(before, _)| &text[before.len()..])?,
        _ => return None,
    };
    text.strip_prefix('@')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn web() -> Interest {
        Interest { addresses: vec!["172.17.0.2".parse().unwrap()], interfaces: vec!["docker0".into()] }
    }

    #[test]
    fn addresses_are_found_in_prefixes_ranges_and_sets() {
        let web = web();
        for (value, not, has) in [
            ("172.17.0.0/16", false, true),
            ("172.17.0.2", true, false),
            ("0.0.0.0/0", false, true),
            ("172.17.0.1-172.17.0.9", false, true),
            ("{ 10.0.0.0/8, 172.17.0.2 }", false, true),
            ("fd00::/8", false, false),
            ("@blocked", false, true),
        ] {
            assert_eq!(web.has(Not(not), value), has, "{value} {not}");
        }
    }

    #[test]
    fn interfaces_have_wildcards() {
        let web = web();
        assert!(web.is_by(Not(false), "\"docker*\"") && web.is_by(Not(true), "\"eth0\""));
        assert!(!web.is_by(Not(true), "\"docker0\"") && !web.is_by(Not(false), "{ \"eth0\", \"eth1\" }"));
    }

    #[test]
    fn targets_of_translation() {
        let of = |text: &str| target(&Part::parse(text)).map(|address| address.to_string());
        assert_eq!(of("dnat to 172.17.0.2:80").as_deref(), Some("172.17.0.2"));
        assert_eq!(of("dnat ip6 to [fd17::2]:80").as_deref(), Some("fd17::2"));
        assert_eq!(of("dnat to fd17::2").as_deref(), Some("fd17::2"));
        assert_eq!(of("redirect to :80"), None);
    }
}
