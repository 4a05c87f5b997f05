//! The ruleset as `nft list ruleset` prints it.

use super::{Base, Chain, Family, NamedSet, Policy, Ruleset, Table};
use std::fmt;

/// Names of priorities (nft(8), "BASE CHAINS"); those of the bridge family differ.
const PRIORITIES: &[(i32, &str)] =
    &[(-300, "raw"), (-150, "mangle"), (-100, "dstnat"), (0, "filter"), (50, "security"), (100, "srcnat")];
const BRIDGE_PRIORITIES: &[(i32, &str)] = &[(-300, "dstnat"), (-200, "filter"), (100, "out"), (300, "srcnat")];
/// So far from a named priority nft still tells it by that name.
const NEAR: i32 = 10;

impl fmt::Display for Ruleset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tables.iter().try_for_each(|table| write!(f, "{table}"))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "table {} {} {{", self.family, self.name)?;
        for (at, set) in self.sets.iter().enumerate() {
            f.write_str(if at > 0 { "\n" } else { "" })?;
            write_set(f, set)?;
        }
        for (at, chain) in self.chains.iter().enumerate() {
            f.write_str(if at > 0 || !self.sets.is_empty() { "\n" } else { "" })?;
            write_chain(f, self.family, chain)?;
        }
        writeln!(f, "}}")
    }
}

fn write_set(f: &mut fmt::Formatter<'_>, set: &NamedSet) -> fmt::Result {
    let (kind, data) = match &set.data {
        Some(data) => ("map", format!(" : {data}")),
        None => ("set", String::new()),
    };
    writeln!(f, "\t{kind} {} {{", set.name)?;
    writeln!(f, "\t\ttype {}{data}", set.key)?;
    if set.has_ranges {
        writeln!(f, "\t\tflags interval")?;
    }
    for (at, element) in set.elements.iter().enumerate() {
        let before = if at == 0 { "\t\telements = { " } else { "\t\t\t     " };
        let value = element.value.as_ref().map(|value| format!(" : {value}")).unwrap_or_default();
        let after = if at + 1 == set.elements.len() { " }" } else { "," };
        writeln!(f, "{before}{}{value}{after}", element.key)?;
    }
    writeln!(f, "\t}}")
}

fn write_chain(f: &mut fmt::Formatter<'_>, family: Family, chain: &Chain) -> fmt::Result {
    writeln!(f, "\tchain {} {{", chain.name)?;
    if let Some(base) = &chain.base {
        let policy = match base.policy {
            Policy::Accept => "accept",
            Policy::Drop => "drop",
        };
        let Base { kind, hook, .. } = base;
        let priority = priority(family, base.priority);
        writeln!(f, "\t\ttype {kind} hook {hook} priority {priority}; policy {policy};")?;
    }
    for rule in &chain.rules {
        writeln!(f, "\t\t{rule}")?;
    }
    writeln!(f, "\t}}")
}

fn priority(family: Family, number: i32) -> String {
    let names = if family == Family::Bridge { BRIDGE_PRIORITIES } else { PRIORITIES };
    match names.iter().find(|(named, _)| number.abs_diff(*named) <= NEAR.unsigned_abs()) {
        Some((named, name)) if *named == number => (*name).to_owned(),
        Some((named, name)) if number > *named => format!("{name} + {}", number - named),
        Some((named, name)) => format!("{name} - {}", named - number),
        None => number.to_string(),
    }
}
