//! Complete journeys, as many as the budget allows.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::journey::Journey;

/// Memory that a hop takes beside its frame, roughly.
const HOP_COST: usize = 400;

/// How much journeys may take before the oldest have to go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    pub(crate) bytes: usize,
    pub(crate) packets: usize,
}

#[derive(Debug)]
pub(super) struct Finished {
    budget: Budget,
    journeys: VecDeque<Arc<Journey>>,
    bytes: usize,
    packets: usize,
    evicted: u64,
}

impl Finished {
    pub(super) fn new(budget: Budget) -> Self {
        Finished { budget, journeys: VecDeque::new(), bytes: 0, packets: 0, evicted: 0 }
    }

    /// Adds a journey; the oldest make room.
    pub(super) fn push(&mut self, journey: Arc<Journey>) {
        self.bytes += cost(&journey);
        self.packets += journey.hops.len();
        self.journeys.push_back(journey);
        while (self.bytes > self.budget.bytes || self.packets > self.budget.packets)
            && let Some(oldest) = self.journeys.pop_front()
        {
            self.bytes -= cost(&oldest);
            self.packets -= oldest.hops.len();
            self.evicted += 1;
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Journey>> {
        self.journeys.iter()
    }

    /// How many had to make room.
    pub(super) fn evicted(&self) -> u64 {
        self.evicted
    }

    /// How many there ever were.
    pub(super) fn count(&self) -> u64 {
        self.evicted + self.journeys.len() as u64
    }
}

fn cost(journey: &Journey) -> usize {
    journey.hops.iter().map(|hop| hop.frame.bytes.len() + HOP_COST).sum()
}
