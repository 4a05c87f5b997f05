//! From the kernel's expressions back to the syntax in which a rule was written.
//!
//! A rule is a program for a machine with registers: `tcp dport 80 accept` is "load the transport protocol, compare with
//! 6; load two bytes at transport offset 2, compare with 80; accept". [`Renderer`] runs the program symbolically: loads
//! put text into registers, comparisons take it out and become statements.

mod compare;
mod compat;
mod elements;
mod load;
mod statement;
mod value;

use std::collections::HashMap;

use super::sets::{Data, Set, Sets, data};
use super::{Attributes, Counter, Family, Nat, Statement};
use compare::{Settled, comparison, masked_comparison, settles};
use elements::braces;
pub(super) use elements::elements;
use load::{Base, Load};
pub(super) use value::Datatype;

const ICMP: u8 = libc::IPPROTO_ICMP as u8;
const ICMPV6: u8 = libc::IPPROTO_ICMPV6 as u8;

/// The statements of a rule, and what it does to addresses.
#[derive(Debug, Default)]
pub(super) struct Rendered {
    pub(super) statements: Vec<Statement>,
    pub(super) nat: Option<Nat>,
}

/// Renders NFTA_RULE_EXPRESSIONS of a rule in this table.
pub(super) fn render(family: Family, table: &str, expressions: Attributes<'_>, sets: &Sets) -> Rendered {
    const NAME: u16 = 1;
    const DATA: u16 = 2;
    let mut renderer = Renderer::new(family, table, sets);
    for (_, expression) in expressions {
        let expression = Attributes::new(expression);
        let name = expression.text(NAME).unwrap_or_default();
        if renderer.expression(&name, expression.nested(DATA)).is_none() {
            renderer.push(format!("<{name}>"));
        }
    }
    renderer.rendered
}

/// What a register holds.
#[derive(Clone, Debug)]
enum Operand {
    /// Something loaded.
    Load(Load),
    /// Something loaded, and then `& mask ^ xor`.
    Masked { load: Load, mask: Vec<u8>, xor: Vec<u8> },
    /// A constant.
    Constant(Vec<u8>),
    /// What a map has for the key with this text.
    Mapped { key: Load, map: Set },
}

struct Renderer<'a> {
    family: Family,
    table: &'a str,
    sets: &'a Sets,
    registers: HashMap<u32, Operand>,
    /// The network protocol, once it is settled.
    network: Option<Family>,
    /// The transport protocol, once it is settled.
    transport: Option<u8>,
    /// The statement that settled the kind of link, which a match on a field of its header makes superfluous.
    link_match: Option<usize>,
    /// The same for the network protocol.
    network_match: Option<usize>,
    /// The same for the transport protocol.
    transport_match: Option<usize>,
    /// The register and value of a `>=` that may be the first half of a range.
    lower: Option<(u32, Vec<u8>)>,
    rendered: Rendered,
}

impl<'a> Renderer<'a> {
    fn new(family: Family, table: &'a str, sets: &'a Sets) -> Self {
        Renderer {
            family,
            table,
            sets,
            registers: HashMap::new(),
            network: matches!(family, Family::Ip | Family::Ip6 | Family::Arp).then_some(family),
            transport: None,
            link_match: None,
            network_match: None,
            transport_match: None,
            lower: None,
            rendered: Rendered::default(),
        }
    }

    fn push(&mut self, text: String) {
        self.rendered.statements.push(Statement::Text(text));
    }

    /// One expression; none if it, or a form of it, is unknown.
    fn expression(&mut self, name: &str, attributes: Attributes<'_>) -> Option<()> {
        match name {
            "payload" => self.payload(attributes),
            "meta" => self.meta(attributes),
            "ct" => self.ct(attributes),
            "fib" => self.fib(attributes),
            "bitwise" => self.bitwise(attributes),
            "byteorder" => self.copy(attributes.u32(1)?, attributes.u32(2)?),
            "immediate" => self.immediate(attributes),
            "cmp" => self.compare(attributes),
            "range" => self.range(attributes),
            "lookup" => self.lookup(attributes),
            "match" => self.compat_match(attributes),
            "target" => self.compat_target(attributes),
            _ => self.statement(name, attributes),
        }
    }

    fn payload(&mut self, attributes: Attributes<'_>) -> Option<()> {
        const DREG: u16 = 1;
        const BASE: u16 = 2;
        const OFFSET: u16 = 3;
        const LEN: u16 = 4;
        const SREG: u16 = 5;
        let base = Base::from_number(attributes.u32(BASE)?)?;
        let (offset, width) = (attributes.u32(OFFSET)?, attributes.u32(LEN)?);
        let load = load::payload(base, offset, width, self.network, self.transport);
        match base {
            Base::Link => self.drop_match(|this| &mut this.link_match),
            Base::Network => self.drop_match(|this| &mut this.network_match),
            Base::Transport if matches!(self.transport, Some(ICMP | ICMPV6)) => {
                self.drop_match(|this| &mut this.transport_match);
                self.drop_match(|this| &mut this.network_match);
            }
            Base::Transport if self.transport.is_some() => self.drop_match(|this| &mut this.transport_match),
            Base::Transport | Base::Inner => {}
        }
        match attributes.u32(SREG) {
            Some(source) => self.set(&load, source),
            None => self.put(attributes.u32(DREG)?, Operand::Load(load)),
        }
    }

    fn meta(&mut self, attributes: Attributes<'_>) -> Option<()> {
        const DREG: u16 = 1;
        const KEY: u16 = 2;
        const SREG: u16 = 3;
        let load = load::meta(attributes.u32(KEY)?)?;
        match attributes.u32(SREG) {
            Some(source) => self.set(&load, source),
            None => self.put(attributes.u32(DREG)?, Operand::Load(load)),
        }
    }

    fn ct(&mut self, attributes: Attributes<'_>) -> Option<()> {
        const DREG: u16 = 1;
        const KEY: u16 = 2;
        const DIRECTION: u16 = 3;
        const SREG: u16 = 4;
        let load = load::ct(attributes.u32(KEY)?, attributes.u8(DIRECTION))?;
        match attributes.u32(SREG) {
            Some(source) => self.set(&load, source),
            None => self.put(attributes.u32(DREG)?, Operand::Load(load)),
        }
    }

    fn fib(&mut self, attributes: Attributes<'_>) -> Option<()> {
        const DREG: u16 = 1;
        const RESULT: u16 = 2;
        const FLAGS: u16 = 3;
        let load = load::fib(attributes.u32(RESULT)?, attributes.u32(FLAGS)?)?;
        self.put(attributes.u32(DREG)?, Operand::Load(load))
    }

    fn bitwise(&mut self, attributes: Attributes<'_>) -> Option<()> {
        const SREG: u16 = 1;
        const DREG: u16 = 2;
        const MASK: u16 = 4;
        const XOR: u16 = 5;
        const OPERATION: u16 = 6;
        if attributes.u32(OPERATION).unwrap_or(0) != 0 {
            return None;
        }
        let (mask, xor) = (constant(attributes, MASK)?, constant(attributes, XOR)?);
        let Operand::Load(load) = self.get(attributes.u32(SREG)?)? else {
            return None;
        };
        self.put(attributes.u32(DREG)?, Operand::Masked { load, mask, xor })
    }

    /// A change of byte order: the text stays the same.
    fn copy(&mut self, from: u32, to: u32) -> Option<()> {
        let operand = self.get(from)?;
        self.put(to, operand)
    }

    fn immediate(&mut self, attributes: Attributes<'_>) -> Option<()> {
        const DREG: u16 = 1;
        const DATA: u16 = 2;
        match data(attributes.nested(DATA))? {
            Data::Value(value) => self.put(attributes.u32(DREG)?, Operand::Constant(value))?,
            Data::Verdict(code, chain) => self.push(statement::verdict(code, chain.as_deref())?),
        }
        Some(())
    }

    fn compare(&mut self, attributes: Attributes<'_>) -> Option<()> {
        const SREG: u16 = 1;
        const OP: u16 = 2;
        const DATA: u16 = 3;
        let (register, operation) = (attributes.u32(SREG)?, attributes.u32(OP)?);
        let value = constant(attributes, DATA)?;
        let operand = self.get(register)?;
        if operation == 5 && matches!(operand, Operand::Load(_)) {
            self.lower = Some((register, value.clone()));
        } else if let (3, Some((lower_register, first)), Operand::Load(load)) = (operation, self.lower.take(), &operand)
            && lower_register == register
        {
            // `>= first` is the last statement, and this one makes a range of it.
            self.rendered.statements.pop();
            self.push(format!("{} {}", load.text, load.kind.format_range(&first, &value)));
            return Some(());
        }
        let text = match &operand {
            Operand::Load(load) => {
                let known = settles(&load.text, operation, &value);
                let text = comparison(load, operation, &value)?;
                self.push(text);
                self.settle(known);
                return Some(());
            }
            Operand::Masked { load, mask, xor } if xor.iter().all(|byte| *byte == 0) => {
                masked_comparison(load, mask, operation, &value)?
            }
            _ => return None,
        };
        self.push(text);
        Some(())
    }

    fn range(&mut self, attributes: Attributes<'_>) -> Option<()> {
        const SREG: u16 = 1;
        const OP: u16 = 2;
        const FROM: u16 = 3;
        const TO: u16 = 4;
        let Operand::Load(load) = self.get(attributes.u32(SREG)?)? else {
            return None;
        };
        let (from, to) = (constant(attributes, FROM)?, constant(attributes, TO)?);
        let operator = if attributes.u32(OP)? == 1 { "!= " } else { "" };
        self.push(format!("{} {operator}{}", load.text, load.kind.format_range(&from, &to)));
        Some(())
    }

    fn lookup(&mut self, attributes: Attributes<'_>) -> Option<()> {
        const SET: u16 = 1;
        const SREG: u16 = 2;
        const DREG: u16 = 3;
        const FLAGS: u16 = 5;
        const INVERTED: u32 = 1;
        let name = attributes.text(SET)?;
        let set = self.sets.get(&(self.family, self.table.to_owned(), name.clone()));
        let keys = self.keys(attributes.u32(SREG)?)?;
        let text = keys.iter().map(|key| key.text.as_str()).collect::<Vec<_>>().join(" . ");
        let contents = |value: Option<Datatype>| match set {
            Some(set) if set.is_anonymous() => braces(set, &keys, value),
            _ => Some(format!("@{name}")),
        };
        match attributes.u32(DREG) {
            None => {
                let operator = if attributes.u32(FLAGS).unwrap_or(0) & INVERTED != 0 { "!= " } else { "" };
                self.push(format!("{text} {operator}{}", contents(None)?));
            }
            Some(0) => self.push(format!("{text} vmap {}", contents(None)?)),
            Some(register) => {
                let [key] = keys.as_slice() else { return None };
                let map = set.filter(|set| set.is_anonymous())?.clone();
                self.put(register, Operand::Mapped { key: key.clone(), map })?;
            }
        }
        Some(())
    }

    /// The parts of a key, which lie in consecutive registers from this one.
    fn keys(&self, register: u32) -> Option<Vec<Load>> {
        let first = slot(register);
        let mut slots: Vec<u32> = self.registers.keys().copied().filter(|slot| *slot >= first).collect();
        slots.sort_unstable();
        let loads = slots.into_iter().map(|slot| match self.registers.get(&slot) {
            Some(Operand::Load(load)) => Some(load.clone()),
            _ => None,
        });
        loads.collect::<Option<Vec<_>>>().filter(|loads| !loads.is_empty())
    }

    /// `meta mark set 1`.
    fn set(&mut self, load: &Load, source: u32) -> Option<()> {
        let value = self.operand(source, load.kind)?;
        self.push(format!("{} set {value}", load.text));
        Some(())
    }

    /// What a register holds, for a statement that takes this type.
    fn operand(&self, register: u32, kind: Datatype) -> Option<String> {
        match self.get(register)? {
            Operand::Constant(value) => Some(kind.format(&value)),
            Operand::Load(load) => Some(load.text),
            Operand::Mapped { key, map } => {
                let contents = braces(&map, std::slice::from_ref(&key), Some(kind))?;
                Some(format!("{} map {contents}", key.text))
            }
            Operand::Masked { .. } => None,
        }
    }

    fn get(&self, register: u32) -> Option<Operand> {
        self.registers.get(&slot(register)).cloned()
    }

    /// A load overwrites whatever came after it: what is left there belongs to an earlier statement.
    fn put(&mut self, register: u32, operand: Operand) -> Option<()> {
        let slot = slot(register);
        self.registers.retain(|held, _| *held < slot);
        self.registers.insert(slot, operand);
        Some(())
    }

    fn settle(&mut self, known: Option<Settled>) {
        let index = self.rendered.statements.len() - 1;
        match known {
            Some(Settled::Ethernet) => self.link_match = Some(index),
            Some(Settled::Network(family)) => {
                self.network = Some(family);
                self.network_match = Some(index);
            }
            Some(Settled::Transport(protocol)) => {
                self.transport = Some(protocol);
                self.transport_match = Some(index);
            }
            None => {}
        }
    }

    /// Takes out a statement that a later one implies.
    fn drop_match(&mut self, which: impl Fn(&mut Self) -> &mut Option<usize>) {
        let Some(index) = which(self).take() else {
            return;
        };
        self.rendered.statements.remove(index);
        let others = [&mut self.link_match, &mut self.network_match, &mut self.transport_match];
        for other in others.into_iter().flatten() {
            if *other > index {
                *other -= 1;
            }
        }
    }

    fn count(&mut self, counter: Counter) {
        self.rendered.statements.push(Statement::Counter(counter));
    }
}

/// The bytes of a constant attribute (NFTA_DATA_VALUE).
fn constant(attributes: Attributes<'_>, kind: u16) -> Option<Vec<u8>> {
    match data(attributes.nested(kind))? {
        Data::Value(value) => Some(value),
        Data::Verdict(..) => None,
    }
}

/// The kernel numbers its registers twice, as 4 of 16 bytes (1 to 4) and as 16 of 4 bytes (8 to 23). This is the number
/// of the first four bytes.
fn slot(register: u32) -> u32 {
    match register {
        0..=4 => register * 4,
        _ => register - 8 + 4,
    }
}
