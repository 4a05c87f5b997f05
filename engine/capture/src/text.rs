//! A journey as text: a ladder of hops, then the rules.
//!
//! ```text
//! tcp SYN  len 0  10.88.0.2:40110 → 10.88.0.1:8088  conntrack 3780919891, first packet's way
//!        0.0 µs  outside  eth0     10.88.0.2:40110 → 10.88.0.1:8088  ttl 64
//!      125.8 µs  docker0  docker0  10.88.0.2:40110 → 172.17.0.2:80   ttl 63  DNAT 10.88.0.1:8088 → 172.17.0.2:80, ttl 64 → 63, mac
//!                rule  ip nat DOCKER handle 6   accept  tcp dport 8088 dnat to 172.17.0.2:80
//!                DNAT by rule ip nat DOCKER handle 6: tcp dport 8088 dnat to 172.17.0.2:80
//! ```

use std::fmt;

use porthole_network::ruleset::Nat;

use crate::connection::Direction;
use crate::journey::{Hop, Journey, Step, Unseen, Verdict};

/// Width of the column of times, with its unit.
const TIME: usize = 15;

/// The journey as a person reads it, several lines without an empty one at the end.
impl fmt::Display for Journey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.headline(f)?;
        let widths = Widths::of(self);
        for hop in &self.hops {
            self.hop(hop, &widths, f)?;
        }
        for unseen in &self.unseen {
            self.unseen(*unseen, &widths, f)?;
        }
        self.rules(f)?;
        for rewrite in &self.rewrites {
            let name = match rewrite.nat {
                Nat::Destination => "DNAT",
                Nat::Source => "SNAT",
            };
            write!(f, "\n{:TIME$}  {name} {}", "", rewrite.author)?;
        }
        if self.rules_lost {
            write!(f, "\n{:TIME$}  rules may be missing: the kernel lost trace messages", "")?;
        }
        Ok(())
    }
}

/// How wide the columns are.
struct Widths {
    label: usize,
    interface: usize,
    source: usize,
    destination: usize,
}

impl Widths {
    fn of(journey: &Journey) -> Self {
        let taps = || journey.taps.iter();
        let width = |texts: &mut dyn Iterator<Item = String>| texts.map(|text| text.chars().count()).max().unwrap_or(0);
        Widths {
            label: width(&mut taps().map(|tap| tap.label.clone())),
            interface: width(&mut taps().map(|tap| tap.interface.clone())),
            source: width(&mut journey.hops.iter().map(|hop| hop.flow.source.to_string())),
            destination: width(&mut journey.hops.iter().map(|hop| hop.flow.destination.to_string())),
        }
    }
}

impl Journey {
    fn headline(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.protocol)?;
        let name = self.packet.to_string();
        if !name.is_empty() {
            write!(f, " {name}")?;
        }
        write!(f, "  len {}", self.packet.length)?;
        if let Some(hop) = self.hops.first() {
            write!(f, "  {}", hop.flow)?;
        }
        if let Some(connection) = &self.connection {
            f.write_str("  conntrack")?;
            if let Some(id) = connection.id {
                write!(f, " {id}")?;
            }
            f.write_str(match self.direction {
                Some(Direction::Reply) => ", reply",
                _ => ", original",
            })?;
        }
        match self.dropped_by() {
            Some(Step { rule, .. }) => write!(f, "  DROPPED by {} {} {}", rule.family, rule.table, rule.chain),
            None => Ok(()),
        }
    }

    fn hop(&self, hop: &Hop, widths: &Widths, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tap = self.tap(hop);
        let microseconds = hop.offset as f64 / 1000.0;
        write!(
            f,
            "\n{microseconds:>width$.1} µs  {:label$}  {:interface$}  {:source$} → {:destination$}",
            tap.label,
            tap.interface,
            hop.flow.source,
            hop.flow.destination,
            width = TIME - 3,
            label = widths.label,
            interface = widths.interface,
            source = widths.source,
            destination = widths.destination,
        )?;
        if let Some(ttl) = hop.ttl {
            write!(f, "  ttl {ttl}")?;
        }
        for (index, change) in hop.changes.iter().enumerate() {
            write!(f, "{}{change:#}", if index == 0 { "  " } else { ", " })?;
        }
        Ok(())
    }

    fn unseen(&self, unseen: Unseen, widths: &Widths, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tap = &self.taps[unseen.tap];
        let what = match (unseen.sure, self.complete) {
            (true, true) => "unseen",
            (true, false) => "not yet seen",
            (false, _) => "unsure: the tap lost packets at that time",
        };
        write!(
            f,
            "\n{:>TIME$}  {:label$}  {:interface$}  {what}",
            "-",
            tap.label,
            tap.interface,
            label = widths.label,
            interface = widths.interface
        )
    }

    fn rules(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = |step: &Step| {
            let rule = &step.rule;
            let handle = rule.handle.map_or_else(|| "policy".to_owned(), |handle| format!("handle {handle}"));
            format!("{} {} {} {handle}", rule.family, rule.table, rule.chain)
        };
        let verdict = |step: &Step| match step.verdict {
            Verdict::Drop => "DROP".to_owned(),
            ref verdict => verdict.to_string(),
        };
        let width = |part: &dyn Fn(&Step) -> String| self.steps.iter().map(|step| part(step).len()).max().unwrap_or(0);
        let (places, verdicts) = (width(&place), width(&verdict));
        for step in &self.steps {
            let text = match (&step.rule.text, step.rule.handle) {
                (Some(text), _) => text,
                (None, Some(_)) => "(gone before it could be read)",
                (None, None) => "",
            };
            let line = format!("{:places$}  {:verdicts$}  {text}", place(step), verdict(step));
            write!(f, "\n{:TIME$}  rule {}", "", line.trim_end())?;
        }
        Ok(())
    }
}
