//! Sets written in place: `{ 22, 80-90 }`, `{ 80 : accept }`.

use super::load::Load;
use super::statement::verdict;
use super::value::Datatype;
use crate::ruleset::sets::{Data, Entry, Set};

/// The elements of a set whose keys have these parts; of a map, with values of this type.
pub(super) fn braces(set: &Set, keys: &[Load], value: Option<Datatype>) -> Option<String> {
    let kinds: Vec<Datatype> = keys.iter().map(|key| key.kind).collect();
    let text = |(key, value): (String, Option<String>)| value.map_or(key.clone(), |value| format!("{key} : {value}"));
    Some(format!("{{ {} }}", elements(set, &kinds, value)?.into_iter().map(text).collect::<Vec<_>>().join(", ")))
}

/// The keys of a set and, of a map, what each maps to.
pub(in crate::ruleset) fn elements(
    set: &Set,
    kinds: &[Datatype],
    value: Option<Datatype>,
) -> Option<Vec<(String, Option<String>)>> {
    set.entries().iter().map(|entry| element(entry, kinds, value)).collect()
}

fn element(entry: &Entry, kinds: &[Datatype], value: Option<Datatype>) -> Option<(String, Option<String>)> {
    let key = match kinds {
        [kind] => kind.format_range(&entry.first, &entry.last),
        _ => concatenation(entry, kinds)?,
    };
    let value = match (&entry.data, value) {
        (None, _) => None,
        (Some(Data::Verdict(code, chain)), _) => Some(verdict(*code, chain.as_deref())?),
        (Some(Data::Value(bytes)), Some(kind)) => Some(kind.format(bytes)),
        (Some(Data::Value(_)), None) => return None,
    };
    Some((key, value))
}

/// A key of several parts, each of which fills whole registers of four bytes.
fn concatenation(entry: &Entry, kinds: &[Datatype]) -> Option<String> {
    let mut at = 0;
    let mut parts = Vec::new();
    for kind in kinds {
        let width = match kind {
            Datatype::Ipv4 | Datatype::Mark | Datatype::CtState | Datatype::CtStatus => 4,
            Datatype::Ipv6 | Datatype::Name => 16,
            Datatype::Mac => 6,
            Datatype::Port | Datatype::EtherType => 2,
            Datatype::Protocol | Datatype::NfProto | Datatype::TcpFlags => 1,
            _ => return None,
        };
        let bytes = |key: &'_ [u8]| key.get(at..at + width).map(<[u8]>::to_vec);
        parts.push(kind.format_range(&bytes(&entry.first)?, &bytes(&entry.last)?));
        at += usize::next_multiple_of(width, 4);
    }
    (at == entry.first.len()).then(|| parts.join(" . "))
}
