//! The ruleset as `iptables -t nat -nvL` and its like print theirs, for those who learnt to read that.
//!
//! A chain that a map leads to is written where the map is looked up: each element makes a line of each of its rules, with
//! what the key says beside what the rule says. What iptables has no word for stands in nft's words in brackets, and a dash stands
//! for a counter that a rule does not have. Protocols are told by name, as by all versions but 1.8.9 of iptables.

use super::part::{Not, Part, chain_of, written_elements};
use super::{Chain, Counter, Family, Policy, Rule, Ruleset, Statement, Table};
use std::collections::BTreeSet;
use std::fmt;

const TITLES: &str = " pkts bytes target     prot opt in     out     source               destination";
/// The tables of iptables, by the priority of their chains (iptables(8), "TABLES"; `linux/netfilter_ipv4.h`).
const TABLES: [(&str, i32); 4] = [("raw", -300), ("mangle", -150), ("filter", 0), ("security", 50)];

/// One of iptables' tables, as far as a table of nftables has its chains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The command that would print it, if the rules were iptables': `iptables -t nat -nvL`.
    pub command: String,
    /// The table of nftables: `ip porthole`.
    pub table: String,
    /// The chains, each with its title, headings and rules, and a blank line between.
    pub text: String,
}

impl Ruleset {
    /// All rules in iptables' spelling.
    pub fn iptables(&self) -> Vec<Listing> {
        self.tables.iter().flat_map(listings).collect()
    }
}

fn listings(table: &Table) -> Vec<Listing> {
    let command = match table.family {
        Family::Ip6 => "ip6tables",
        Family::Bridge => "ebtables",
        _ => "iptables",
    };
    let mut listings = Vec::new();
    for name in ["raw", "mangle", "nat", "filter", "security"] {
        let chains = chains_of(table, name);
        if chains.is_empty() {
            continue;
        }
        let texts: Vec<String> = chains.iter().map(|chain| Lister { table }.chain(chain)).collect();
        listings.push(Listing {
            command: format!("{command} -t {name} -nvL"),
            table: format!("{} {}", table.family, table.name),
            text: texts.join("\n"),
        });
    }
    listings
}

/// In which of iptables' tables a base chain would be.
fn table_of(chain: &Chain) -> Option<&'static str> {
    let base = chain.base.as_ref()?;
    match base.kind.as_str() {
        "nat" => Some("nat"),
        "route" => Some("mangle"),
        _ => TABLES.iter().min_by_key(|(_, priority)| priority.abs_diff(base.priority)).map(|(name, _)| *name),
    }
}

/// The base chains that would be in one of iptables' tables, and the chains that they jump to.
fn chains_of<'a>(table: &'a Table, name: &str) -> Vec<&'a Chain> {
    let mut reached = BTreeSet::new();
    let mut waiting: Vec<&Chain> = table.chains.iter().filter(|chain| table_of(chain) == Some(name)).collect();
    let written_out = |chain: &Chain| {
        let verdicts = table.chains.iter().flat_map(|chain| &chain.rules).flat_map(|rule| looked_up(table, rule));
        verdicts.into_iter().any(|(_, verdict)| chain_of(&verdict) == Some(&chain.name))
            && references(table, &chain.name) == 0
    };
    while let Some(chain) = waiting.pop() {
        if reached.insert(&chain.name) {
            let parts = chain.rules.iter().flat_map(Rule::parts);
            let jumps =
                parts.filter_map(|part| if let Part::Jump(to) | Part::Goto(to) = part { Some(to) } else { None });
            waiting.extend(jumps.filter_map(|name| table.chain(name)));
            let looked_up = chain.rules.iter().flat_map(|rule| looked_up(table, rule));
            waiting.extend(looked_up.filter_map(|(_, verdict)| table.chain(chain_of(&verdict)?)));
        }
    }
    let listed = |chain: &&Chain| reached.contains(&chain.name) && !written_out(chain);
    let mut chains: Vec<&Chain> = table.chains.iter().filter(listed).collect();
    // As iptables has them: those at hooks in a packet's order, then the others.
    const HOOKS: [&str; 5] = ["prerouting", "input", "forward", "output", "postrouting"];
    chains.sort_by_key(|chain| {
        let hook = chain.base.as_ref().and_then(|base| HOOKS.iter().position(|hook| *hook == base.hook));
        hook.unwrap_or(HOOKS.len())
    });
    chains
}

/// How many rules jump to a chain.
fn references(table: &Table, name: &str) -> usize {
    let parts = table.chains.iter().flat_map(|chain| &chain.rules).flat_map(Rule::parts);
    parts.filter(|part| matches!(part, Part::Jump(to) | Part::Goto(to) if *to == name)).count()
}

/// What the map of a rule leads to: the key as matches in nft's words, and the verdict.
fn looked_up(table: &Table, rule: &Rule) -> Vec<(Vec<String>, String)> {
    let Some((keys, map)) = rule.parts().find_map(|part| match part {
        Part::VerdictMap { keys, map } => Some((keys, map)),
        _ => None,
    }) else {
        return Vec::new();
    };
    let matches = |key: &str| keys.iter().zip(key.split(" . ")).map(|(key, value)| format!("{key} {value}")).collect();
    match map.strip_prefix('@').map(|name| table.set(name)) {
        None => written_elements(map).map(|(key, verdict)| (matches(key), verdict.to_owned())).collect(),
        Some(set) => {
            let elements = set.into_iter().flat_map(|set| &set.elements);
            elements.filter_map(|element| Some((matches(&element.key), element.value.clone()?))).collect()
        }
    }
}

struct Lister<'a> {
    table: &'a Table,
}

impl Lister<'_> {
    fn chain(&self, chain: &Chain) -> String {
        let mut text = format!("Chain {} ({})\n{TITLES}\n", chain.name, self.about(chain));
        for rule in &chain.rules {
            for line in self.lines(rule) {
                text += &format!("{line}\n");
            }
        }
        text
    }

    fn about(&self, chain: &Chain) -> String {
        let Some(base) = &chain.base else {
            return format!("{} references", references(self.table, &chain.name));
        };
        let hook = base.hook.to_uppercase();
        let hook = if hook == chain.name { String::new() } else { format!("hook {hook}, ") };
        let policy = match base.policy {
            Policy::Accept => "ACCEPT",
            Policy::Drop => "DROP",
        };
        let counter = base.counter.map(|Counter { packets, bytes }| format!(" {packets} packets, {bytes} bytes"));
        format!("{hook}policy {policy}{}", counter.unwrap_or_default())
    }

    /// The lines of a rule: one, or as many as its map leads to.
    fn lines(&self, rule: &Rule) -> Vec<Line> {
        let mut line = Line::of(self.table.family);
        line.add_rule(rule);
        if !rule.parts().any(|part| matches!(part, Part::VerdictMap { .. })) {
            return vec![line];
        }
        // What is said of the look-up is not said of what it leads to.
        line.matches.truncate(line.matches.len() - usize::from(rule.comment.is_some()));
        let mut lines = Vec::new();
        for (matches, verdict) in looked_up(self.table, rule) {
            let mut line = Line { counter: None, ..line.clone() };
            matches.iter().for_each(|text| line.add(text));
            match chain_of(&verdict).and_then(|name| self.table.chain(name)) {
                Some(chain) => lines.extend(chain.rules.iter().flat_map(|rule| {
                    let mut line = line.clone();
                    line.add_rule(rule);
                    // A map behind a map: what it leads to is told by its name.
                    vec![line]
                })),
                None => {
                    line.add(&verdict);
                    lines.push(line);
                }
            }
        }
        lines
    }
}

/// A line of a listing.
#[derive(Clone, Debug, Default)]
struct Line {
    counter: Option<Counter>,
    target: String,
    protocol: Option<String>,
    input: Option<String>,
    output: Option<String>,
    source: Option<String>,
    destination: Option<String>,
    /// Other matches, and what they are of the target's, which comes last.
    matches: Vec<String>,
    target_info: Vec<String>,
    anywhere: &'static str,
}

impl Line {
    fn of(family: Family) -> Line {
        Line { anywhere: if family == Family::Ip6 { "::/0" } else { "0.0.0.0/0" }, ..Line::default() }
    }

    fn add_rule(&mut self, rule: &Rule) {
        for statement in &rule.statements {
            match statement {
                Statement::Text(text) => self.add(text),
                Statement::Counter(counter) => self.counter = Some(*counter),
            }
        }
        self.matches.extend(rule.comment.as_ref().map(|comment| format!("/* {comment} */")));
    }

    fn add(&mut self, text: &str) {
        let invert = |Not(not): Not| if not { "!" } else { "" };
        let taken = match Part::parse(text) {
            Part::In(not, name) => interface(name).map(|name| put(&mut self.input, format!("{}{name}", invert(not)))),
            Part::Out(not, name) => interface(name).map(|name| put(&mut self.output, format!("{}{name}", invert(not)))),
            Part::Source(not, value) => {
                address(value).map(|value| put(&mut self.source, format!("{}{value}", invert(not))))
            }
            Part::Destination(not, value) => {
                address(value).map(|value| put(&mut self.destination, format!("{}{value}", invert(not))))
            }
            Part::Protocol(not, name) => {
                simple(name).map(|name| put(&mut self.protocol, format!("{}{name}", invert(not))))
            }
            Part::Port { protocol, destination, not, ports } => {
                self.add_ports(protocol, destination, invert(not), ports);
                return;
            }
            Part::VerdictMap { .. } => return,
            Part::Jump(chain) => Some(put_target(&mut self.target, chain)),
            Part::Goto(chain) => {
                self.target_info.push("[goto] ".into());
                Some(put_target(&mut self.target, chain))
            }
            Part::Other(text) => Some(self.add_other(text)),
        };
        if taken != Some(true) {
            self.matches.push(format!("[{text}]"));
        }
    }

    fn add_ports(&mut self, protocol: &str, destination: bool, invert: &str, ports: &str) {
        if protocol != "th" {
            self.protocol.get_or_insert_with(|| protocol.to_owned());
        }
        let protocol = self.protocol.clone().unwrap_or_else(|| protocol.to_owned());
        let side = if destination { "d" } else { "s" };
        let colons = |ports: &str| ports.replace('-', ":");
        self.matches.push(match ports.strip_prefix("{ ").and_then(|ports| ports.strip_suffix(" }")) {
            Some(ports) => {
                let ports: Vec<String> = ports.split(", ").map(colons).collect();
                format!("multiport {side}ports {invert}{}", ports.join(","))
            }
            None if ports.starts_with('@') => format!("[{protocol} {side}port {ports}]"),
            None if ports.contains('-') => format!("{protocol} {side}pts:{invert}{}", colons(ports)),
            None => format!("{protocol} {side}pt:{invert}{ports}"),
        });
    }

    /// What has a word of its own; false if it has none.
    fn add_other(&mut self, text: &str) -> bool {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let to = rest.split_once("to ").map(|(_, to)| to);
        match word {
            "accept" | "drop" | "return" | "queue" => put_target(&mut self.target, &word.to_uppercase()),
            "continue" => true,
            "dnat" | "snat" => {
                self.target_info.extend(to.map(|to| format!("to:{to}")));
                put_target(&mut self.target, &word.to_uppercase())
            }
            "masquerade" => {
                self.target_info.extend(to.map(|to| format!("masq ports: {}", to.trim_start_matches(':'))));
                self.target_info.extend((to.is_none() && !rest.is_empty()).then(|| rest.to_owned()));
                put_target(&mut self.target, "MASQUERADE")
            }
            "redirect" => {
                self.target_info.extend(to.map(|to| format!("redir ports {}", to.trim_start_matches(':'))));
                put_target(&mut self.target, "REDIRECT")
            }
            "reject" => {
                let with = rest.strip_prefix("with ").unwrap_or("icmp port-unreachable");
                self.target_info.push(format!("reject-with {}", with.replace(' ', "-")));
                put_target(&mut self.target, "REJECT")
            }
            "log" => {
                let prefix = rest.strip_prefix("prefix ").map(|prefix| format!(" prefix {prefix}"));
                self.target_info.push(format!("LOG flags 0 level 4{}", prefix.unwrap_or_default()));
                put_target(&mut self.target, "LOG")
            }
            "comment" => {
                self.matches.push(format!("/* {} */", rest.trim_matches('"')));
                true
            }
            _ => match other_match(text) {
                Some(matched) => {
                    if word == "tcp" {
                        self.protocol.get_or_insert_with(|| word.to_owned());
                    }
                    self.matches.push(matched);
                    true
                }
                None => false,
            },
        }
    }
}

/// Fills a column; false if it says something else already.
fn put(column: &mut Option<String>, value: String) -> bool {
    column.get_or_insert_with(|| value.clone()) == &value
}

fn put_target(target: &mut String, name: &str) -> bool {
    name.clone_into(target);
    true
}

/// An interface as iptables names it; a prefix of names ends in `+`.
fn interface(name: &str) -> Option<String> {
    simple(name).map(|name| name.trim_matches('"').replace('*', "+"))
}

/// An address or prefix.
fn address(value: &str) -> Option<&str> {
    simple(value).filter(|value| !value.contains('-'))
}

/// A value that is no set.
fn simple(value: &str) -> Option<&str> {
    (!value.starts_with(['{', '@'])).then_some(value)
}

/// iptables' extensions, as far as they are usual around containers (iptables-extensions(8)).
fn other_match(text: &str) -> Option<String> {
    if let Some(states) = text.strip_prefix("ct state ") {
        return Some(states_text(states, "ctstate"));
    }
    if let Some(status) = text.strip_prefix("ct status ").filter(|status| matches!(*status, "dnat" | "snat")) {
        return Some(format!("ctstate {}", status.to_uppercase()));
    }
    for (prefix, side) in [("fib daddr type ", "dst"), ("fib saddr type ", "src")] {
        if let Some(kind) = text.strip_prefix(prefix).and_then(simple) {
            let (not, kind) = kind.strip_prefix("!= ").map_or(("", kind), |kind| ("!", kind));
            return Some(format!("ADDRTYPE match {side}-type {not}{}", kind.to_uppercase()));
        }
    }
    if let Some(mark) = text.strip_prefix("meta mark 0x").filter(|mark| !mark.contains(' ')) {
        return Some(format!("mark match 0x{:x}", u32::from_str_radix(mark, 16).ok()?));
    }
    let (compare, mask) = text.strip_prefix("tcp flags ")?.split_once(" / ")?;
    let (not, compare) = compare.strip_prefix("!= ").map_or(("", compare), |compare| ("!", compare));
    Some(format!("tcp flags:{not}{}/{}", tcp_flags(mask)?, tcp_flags(compare)?))
}

/// `RELATED,ESTABLISHED`, in iptables' order.
fn states_text(states: &str, word: &str) -> String {
    const ORDER: [&str; 7] = ["invalid", "new", "related", "established", "untracked", "snat", "dnat"];
    let (not, states) = states.strip_prefix("!= ").map_or(("", states), |states| ("!", states));
    let states: Vec<&str> = states.split([',', ' ', '{', '}']).filter(|state| !state.is_empty()).collect();
    let ordered: Vec<String> =
        ORDER.iter().filter(|state| states.contains(state)).map(|state| state.to_uppercase()).collect();
    let not = if not.is_empty() { "" } else { "! " };
    format!("{not}{word} {}", ordered.join(","))
}

fn tcp_flags(names: &str) -> Option<String> {
    const NAMES: [&str; 6] = ["fin", "syn", "rst", "psh", "ack", "urg"];
    let bits = names.split(',').map(|name| NAMES.iter().position(|known| *known == name).map(|bit| 1u8 << bit));
    Some(format!("0x{:02X}", bits.collect::<Option<Vec<_>>>()?.into_iter().fold(0, |all, bit| all | bit)))
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |number: Option<u64>| number.map_or_else(|| "    -".to_owned(), shortened);
        let (packets, bytes) = (self.counter.map(|c| c.packets), self.counter.map(|c| c.bytes));
        let protocol = turned(self.protocol.as_deref().unwrap_or("all"));
        let [input, output] = [&self.input, &self.output].map(|name| name.as_deref().unwrap_or("*"));
        let [source, destination] =
            [&self.source, &self.destination].map(|a| turned(a.as_deref().unwrap_or(self.anywhere)));
        let rest = self.matches.iter().chain(&self.target_info).map(String::as_str).collect::<Vec<_>>().join(" ");
        let line = format!(
            "{} {} {:<9} {protocol:<6}--  {input:<6} {output:<6} {source:<20} {destination:<20}  {rest}",
            number(packets),
            number(bytes),
            self.target,
        );
        f.write_str(line.trim_end())
    }
}

/// A value with room before it for the `!` that it may begin with.
fn turned(value: &str) -> String {
    if value.starts_with('!') { value.to_owned() } else { format!(" {value}") }
}

/// A count of at most five digits, in thousands, millions and so on (xtables_print_num).
fn shortened(mut number: u64) -> String {
    if number <= 99_999 {
        return format!("{number:>5}");
    }
    for unit in ['K', 'M', 'G'] {
        number = (number + 500) / 1000;
        if number <= 9999 {
            return format!("{number:>4}{unit}");
        }
    }
    format!("{:>4}T", (number + 500) / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_shortened() {
        assert_eq!(shortened(99_999), "99999");
        assert_eq!(shortened(100_000), " 100K");
        assert_eq!(shortened(12_345_678), "  12M");
    }

    #[test]
    fn flags_and_states() {
        assert_eq!(other_match("tcp flags syn / syn,ack").as_deref(), Some("tcp flags:0x12/0x02"));
        assert_eq!(other_match("ct state established,related").as_deref(), Some("ctstate RELATED,ESTABLISHED"));
        assert_eq!(other_match("ct state { new, untracked }").as_deref(), Some("ctstate NEW,UNTRACKED"));
        assert_eq!(other_match("limit rate 1/second"), None);
    }
}
