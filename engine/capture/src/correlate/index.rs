//! Finding the journey that a packet may belong to.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use super::draft::{Draft, Owner};
use crate::flow::Flow;
use crate::packet::Identity;

/// The open journeys, by what their packets have in common.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// By owner and identity, oldest first: repetitions of a packet are told apart by order.
    keys: HashMap<(Owner, Identity), Vec<u64>>,
    /// By owner and first byte, for segments that were cut otherwise at another tap.
    ranges: HashMap<Owner, BTreeMap<u32, Vec<u64>>>,
    /// Those that wait for their connection, by flow.
    orphans: HashMap<Flow, Vec<u64>>,
}

impl Index {
    pub(super) fn add(&mut self, draft: &Draft) {
        self.keys.entry((draft.owner, draft.identity)).or_default().push(draft.id);
        if let Some((start, _)) = draft.range() {
            self.ranges.entry(draft.owner).or_default().entry(start).or_default().push(draft.id);
        }
        if let Owner::Flow(flow) = draft.owner {
            self.orphans.entry(flow).or_default().push(draft.id);
        }
    }

    pub(super) fn remove(&mut self, draft: &Draft) {
        remove(&mut self.keys, &(draft.owner, draft.identity), draft.id);
        if let Some((start, _)) = draft.range()
            && let Some(ranges) = self.ranges.get_mut(&draft.owner)
        {
            if let Some(ids) = ranges.get_mut(&start) {
                ids.retain(|id| *id != draft.id);
                if ids.is_empty() {
                    ranges.remove(&start);
                }
            }
            if ranges.is_empty() {
                self.ranges.remove(&draft.owner);
            }
        }
        if let Owner::Flow(flow) = draft.owner {
            remove(&mut self.orphans, &flow, draft.id);
        }
    }

    /// The journeys of packets with this identity, oldest first.
    pub(super) fn same(&self, owner: Owner, identity: Identity) -> &[u64] {
        self.keys.get(&(owner, identity)).map_or(&[], Vec::as_slice)
    }

    /// The journeys of segments that may share bytes with this range.
    pub(super) fn near(&self, owner: Owner, start: u32, end: u32) -> impl Iterator<Item = u64> {
        /// The longest segment that the kernel builds without BIG TCP.
        const LONGEST: u32 = 1 << 16;
        let ranges = self.ranges.get(&owner).into_iter();
        ranges
            .flat_map(move |ranges| ranges.range(start.saturating_sub(LONGEST)..end))
            .flat_map(|(_, ids)| ids)
            .copied()
    }

    /// The journeys that wait under these flows, oldest first.
    pub(super) fn waiting(&self, flows: &[Flow]) -> Vec<u64> {
        let mut waiting: Vec<u64> = flows.iter().filter_map(|flow| self.orphans.get(flow)).flatten().copied().collect();
        waiting.sort_unstable();
        waiting
    }
}

fn remove<K: Hash + Eq>(index: &mut HashMap<K, Vec<u64>>, key: &K, id: u64) {
    if let Some(ids) = index.get_mut(key) {
        ids.retain(|held| *held != id);
        if ids.is_empty() {
            index.remove(key);
        }
    }
}
