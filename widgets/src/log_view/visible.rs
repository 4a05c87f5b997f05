//! Which lines show: all, or those that a filter lets through. Searching walks over the same lines.

use std::collections::VecDeque;

use super::ring::{Ring, Stored};
use super::{Anchor, LogView, Search};
use crate::pattern::Pattern;

/// A filter and the numbers of the lines that it lets through.
#[derive(Debug)]
pub(super) struct Filter {
    text: String,
    pattern: Pattern,
    invert: bool,
    ids: VecDeque<u64>,
}

impl Filter {
    fn new(text: &str, ring: &Ring) -> Option<Self> {
        let (invert, wanted) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest));
        let pattern = Pattern::new(wanted)?;
        let mut filter = Self { text: text.to_owned(), pattern, invert, ids: VecDeque::new() };
        filter.extend(ring, ring.first());
        Some(filter)
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    fn lets_through(&self, line: &Stored) -> bool {
        line.holds(&self.pattern) != self.invert
    }

    /// Takes in the lines from number `from` on, and forgets those that were dropped.
    pub(super) fn extend(&mut self, ring: &Ring, from: u64) {
        for id in from.max(ring.first())..ring.end() {
            if ring.get(id).is_some_and(|line| self.lets_through(line)) {
                self.ids.push_back(id);
            }
        }
        while self.ids.front().is_some_and(|id| *id < ring.first()) {
            self.ids.pop_front();
        }
    }
}

impl LogView {
    /// Shows only lines that have the text; a leading `!` means those that do not; an empty text shows all.
    pub fn filter(&mut self, text: &str) {
        self.filter = Filter::new(text, &self.ring);
        self.top.row = 0;
        self.selection = None;
    }

    /// Searches, and goes to the last match that is not below the window.
    pub fn search(&mut self, text: &str) {
        let from = self.screen.last_id().unwrap_or_else(|| self.ring.end());
        self.search = Pattern::new(text).map(|pattern| Search { pattern, current: None });
        let found = self.find_back(from + 1).or_else(|| self.find_on(from + 1));
        self.stand_on(found);
    }

    /// Ends the search; the view stays.
    pub fn clear_search(&mut self) {
        self.search = None;
    }

    /// Goes to the next line that matches, from the end on to the start. False when none does.
    pub fn search_next(&mut self) -> bool {
        let from = self.search_origin().map_or(self.ring.first(), |id| id + 1);
        let found = self.find_on(from).or_else(|| self.find_on(self.ring.first()));
        self.stand_on(found)
    }

    /// Goes to the line before that matches, from the start on to the end. False when none does.
    pub fn search_previous(&mut self) -> bool {
        let from = self.search_origin().unwrap_or_else(|| self.ring.end());
        let found = self.find_back(from).or_else(|| self.find_back(self.ring.end()));
        self.stand_on(found)
    }

    fn search_origin(&self) -> Option<u64> {
        self.search.as_ref().and_then(|search| search.current).or_else(|| self.screen.last_id())
    }

    fn stand_on(&mut self, found: Option<u64>) -> bool {
        let Some(search) = &mut self.search else {
            return false;
        };
        search.current = found;
        if let Some(id) = found {
            self.reveal(id);
        }
        found.is_some()
    }

    /// The first match at or after line `from`.
    fn find_on(&self, from: u64) -> Option<u64> {
        let mut next = self.at_or_after(from);
        while let Some(id) = next {
            if self.matches(id) {
                return Some(id);
            }
            next = self.at_or_after(id + 1);
        }
        None
    }

    /// The last match before line `from`.
    fn find_back(&self, from: u64) -> Option<u64> {
        let mut previous = self.before(from);
        while let Some(id) = previous {
            if self.matches(id) {
                return Some(id);
            }
            previous = self.before(id);
        }
        None
    }

    fn matches(&self, id: u64) -> bool {
        let pattern = self.search.as_ref().map(|search| &search.pattern);
        pattern.zip(self.ring.get(id)).is_some_and(|(pattern, line)| line.holds(pattern))
    }

    /// The first line shown that has this number or a higher one.
    pub(super) fn at_or_after(&self, id: u64) -> Option<u64> {
        match &self.filter {
            None => Some(id.max(self.ring.first())).filter(|id| *id < self.ring.end()),
            Some(filter) => filter.ids.get(filter.ids.partition_point(|other| *other < id)).copied(),
        }
    }

    /// The last line shown that has a lower number.
    pub(super) fn before(&self, id: u64) -> Option<u64> {
        match &self.filter {
            None => id.min(self.ring.end()).checked_sub(1).filter(|id| *id >= self.ring.first()),
            Some(filter) => {
                let index = filter.ids.partition_point(|other| *other < id).checked_sub(1)?;
                filter.ids.get(index).copied()
            }
        }
    }

    /// An anchor at a line that shows, as near as can be.
    pub(super) fn settle(&self, anchor: Anchor) -> Anchor {
        match self.at_or_after(anchor.id) {
            Some(id) if id == anchor.id => anchor,
            Some(id) => Anchor { id, row: 0 },
            None => self.before(u64::MAX).map_or(Anchor::default(), |id| Anchor { id, row: 0 }),
        }
    }
}
