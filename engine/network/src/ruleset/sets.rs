//! The contents of sets and maps.

use std::collections::HashMap;

use super::render::Datatype;
use super::{Attributes, Family, NamedSet};

/// NFT_SET_ANONYMOUS: written in place, within braces.
const ANONYMOUS: u32 = 1;
/// NFT_SET_INTERVAL: elements are the starts and ends of ranges.
const INTERVAL: u32 = 4;
/// NFT_SET_MAP: elements have data.
const MAP: u32 = 8;
/// NFT_SET_ELEM_INTERVAL_END: the key is the first one after the range.
const INTERVAL_END: u32 = 1;

/// nft's number for the type of data of a map whose elements are verdicts (NFT_DATA_VERDICT).
const VERDICT: u32 = 0xffff_ff00;

/// The numbers of the types in that of a concatenation, six bits each.
fn types(mut number: u32) -> Vec<u32> {
    const BITS: u32 = 6;
    let mut types = vec![number & ((1 << BITS) - 1)];
    while number >> BITS != 0 {
        number >>= BITS;
        types.insert(0, number & ((1 << BITS) - 1));
    }
    types
}

/// All sets, by table and name.
pub(super) type Sets = HashMap<(Family, String, String), Set>;

/// A set, or a map if its elements have data.
#[derive(Clone, Debug, Default)]
pub(super) struct Set {
    flags: u32,
    /// The kernel's number for it.
    handle: u64,
    /// nft's numbers for the types of its keys and data; 0 where nft was not told.
    key_type: u32,
    data_type: u32,
    elements: Vec<Element>,
}

/// An element as the kernel gives it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Element {
    key: Vec<u8>,
    end: bool,
    key_end: Option<Vec<u8>>,
    data: Option<Data>,
}

/// What a map's element maps to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Data {
    /// A constant.
    Value(Vec<u8>),
    /// A verdict and, for a jump, its chain.
    Verdict(i32, Option<String>),
}

/// A key or range of keys, both ends included, and what it maps to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) first: Vec<u8>,
    pub(super) last: Vec<u8>,
    pub(super) data: Option<Data>,
}

impl Set {
    /// A set as the kernel describes it, without elements.
    pub(super) fn new(attributes: Attributes<'_>) -> Self {
        const FLAGS: u16 = 3;
        const KEY_TYPE: u16 = 4;
        const DATA_TYPE: u16 = 6;
        const HANDLE: u16 = 16;
        let number = |kind| attributes.u32(kind).unwrap_or(0);
        let handle = attributes.u64(HANDLE).unwrap_or(0);
        let (key_type, data_type) = (number(KEY_TYPE), number(DATA_TYPE));
        Set { flags: number(FLAGS), handle, key_type, data_type, elements: Vec::new() }
    }

    /// As it is shown by itself, under its name.
    pub(super) fn named(&self, name: &str) -> NamedSet {
        let (kinds, names): (Vec<_>, Vec<_>) = types(self.key_type).into_iter().map(Datatype::of_set).unzip();
        let data = (self.flags & MAP != 0).then(|| match self.data_type {
            VERDICT => (None, "verdict"),
            number => {
                let (kind, name) = Datatype::of_set(number);
                (Some(kind), name)
            }
        });
        let raw = || super::render::elements(self, &[Datatype::Raw], Some(Datatype::Raw)).unwrap_or_default();
        let elements = super::render::elements(self, &kinds, data.and_then(|(kind, _)| kind)).unwrap_or_else(raw);
        NamedSet {
            name: name.to_owned(),
            handle: self.handle,
            key: names.join(" . "),
            data: data.map(|(_, name)| name.to_owned()),
            has_ranges: self.flags & INTERVAL != 0,
            elements: elements.into_iter().map(|(key, value)| super::Element { key, value }).collect(),
        }
    }

    pub(super) fn is_anonymous(&self) -> bool {
        self.flags & ANONYMOUS != 0
    }

    /// Adds the elements in NFTA_SET_ELEM_LIST_ELEMENTS.
    pub(super) fn add(&mut self, list: Attributes<'_>) {
        const KEY: u16 = 1;
        const DATA: u16 = 2;
        const FLAGS: u16 = 3;
        const KEY_END: u16 = 10;
        for (_, element) in list {
            let element = Attributes::new(element);
            let Some(Data::Value(key)) = data(element.nested(KEY)) else {
                continue;
            };
            self.elements.push(Element {
                key,
                end: element.u32(FLAGS).unwrap_or(0) & INTERVAL_END != 0,
                key_end: match data(element.nested(KEY_END)) {
                    Some(Data::Value(key)) => Some(key),
                    _ => None,
                },
                data: data(element.nested(DATA)),
            });
        }
    }

    /// The entries in order of their keys.
    pub(super) fn entries(&self) -> Vec<Entry> {
        let mut elements: Vec<&Element> = self.elements.iter().collect();
        // Where one range ends another may begin, at the same key.
        elements.sort_by_key(|element| (&element.key, !element.end));
        let mut entries = Vec::new();
        for (index, element) in elements.iter().enumerate().filter(|(_, element)| !element.end) {
            let last = match (&element.key_end, elements.get(index + 1)) {
                (Some(last), _) => last.clone(),
                (None, _) if self.flags & INTERVAL == 0 => element.key.clone(),
                (None, Some(next)) => before(&next.key),
                (None, None) => vec![0xff; element.key.len()],
            };
            entries.push(Entry { first: element.key.clone(), last, data: element.data.clone() });
        }
        entries
    }
}

/// The number before this one.
fn before(key: &[u8]) -> Vec<u8> {
    let mut key = key.to_vec();
    for byte in key.iter_mut().rev() {
        let (less, borrow) = byte.overflowing_sub(1);
        *byte = less;
        if !borrow {
            break;
        }
    }
    key
}

/// Reads NFTA_DATA_*.
pub(super) fn data(attributes: Attributes<'_>) -> Option<Data> {
    const VALUE: u16 = 1;
    const VERDICT: u16 = 2;
    const CODE: u16 = 1;
    const CHAIN: u16 = 2;
    if let Some(value) = attributes.get(VALUE) {
        return Some(Data::Value(value.to_vec()));
    }
    let verdict = attributes.nested(VERDICT);
    Some(Data::Verdict(verdict.u32(CODE)? as i32, verdict.text(CHAIN)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(key: u8, end: bool) -> Element {
        Element { key: vec![0, key], end, key_end: None, data: None }
    }

    #[test]
    fn intervals_pair_starts_with_ends() {
        let elements = vec![
            element(21, true),
            element(0, true),
            element(30, false),
            element(10, false),
            element(21, false),
            element(25, true),
        ];
        let set = Set { flags: INTERVAL, elements, ..Set::default() };
        let ranges: Vec<_> = set.entries().into_iter().map(|entry| (entry.first, entry.last)).collect();
        assert_eq!(ranges, [(vec![0, 10], vec![0, 20]), (vec![0, 21], vec![0, 24]), (vec![0, 30], vec![0xff, 0xff])]);
    }

    #[test]
    fn types_of_a_concatenation() {
        assert_eq!(types(13), [13]);
        assert_eq!(types(7 << 12 | 12 << 6 | 13), [7, 12, 13]);
    }

    #[test]
    fn a_number_before_borrows() {
        assert_eq!(before(&[1, 0]), [0, 0xff]);
    }
}
