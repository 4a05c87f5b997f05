//! Sets written in place: `{ 22, 80-90 }`, `{ 80 : accept }`.

use super::load::Load;
use super::statement::verdict;
use super::value::Datatype;
use crate::ruleset::sets::{Data, Entry, Set};

/// The elements of a set whose keys have these parts; of a map, with values of this type.
pub(super) fn braces(set: &Set, keys: &[Load], value: Option<Datatype>) -> Option<String> {
    let entries: Option<Vec<String>> = set.entries().iter().map(|entry| element(entry, keys, value)).collect();
    Some(format!("{{ {} }}", entries?.join(", ")))
}

fn element(entry: &Entry, keys: &[Load], value: Option<Datatype>) -> Option<String> {
    let key = match keys {
        [key] => key.kind.format_range(&entry.first, &entry.last),
        _ => concatenation(entry, keys)?,
    };
    Some(match (&entry.data, value) {
        (None, _) => key,
        (Some(Data::Verdict(code, chain)), _) => {
            format!("{key} : {}", verdict(*code, chain.as_deref())?)
        }
        (Some(Data::Value(bytes)), Some(kind)) => format!("{key} : {}", kind.format(bytes)),
        (Some(Data::Value(_)), None) => return None,
    })
}

/// A key of several parts, each of which fills whole registers of four bytes.
fn concatenation(entry: &Entry, keys: &[Load]) -> Option<String> {
    let mut at = 0;
    let mut parts = Vec::new();
    for key in keys {
        let width = match key.kind {
            Datatype::Ipv4 | Datatype::Mark | Datatype::CtState | Datatype::CtStatus => 4,
            Datatype::Ipv6 | Datatype::Name => 16,
            Datatype::Mac => 6,
            Datatype::Port | Datatype::EtherType => 2,
            Datatype::Protocol | Datatype::NfProto | Datatype::TcpFlags => 1,
            _ => return None,
        };
        let bytes = |key: &'_ [u8]| key.get(at..at + width).map(<[u8]>::to_vec);
        parts.push(key.kind.format_range(&bytes(&entry.first)?, &bytes(&entry.last)?));
        at += usize::next_multiple_of(width, 4);
    }
    (at == entry.first.len()).then(|| parts.join(" . "))
}
