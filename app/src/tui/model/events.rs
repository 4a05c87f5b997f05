//! What has happened: the newest events, filtered, followed like a log.

use crate::tui::source::Event;
use crate::tui::update::Motion;
use porthole_widgets::table::TableState;
use std::collections::VecDeque;

/// How many are kept.
pub const KEPT: usize = 5000;

/// The events, and how they are looked at.
pub struct EventPane {
    events: VecDeque<Event>,
    /// The number of the oldest event kept: so many were dropped before it.
    first: usize,
    /// The numbers of the events that the filter lets through.
    shown: VecDeque<usize>,
    filter: String,
    follow: bool,
    /// Whether somebody was asked to tell of events.
    pub watched: bool,
    /// Whether it was told of any, or that there are none.
    pub loaded: bool,
    /// Why there are no more.
    pub problem: Option<String>,
    /// Selection and window, as the table widget keeps them.
    pub table: TableState,
}

impl Default for EventPane {
    fn default() -> Self {
        Self {
            events: VecDeque::new(),
            first: 0,
            shown: VecDeque::new(),
            filter: String::new(),
            follow: true,
            watched: false,
            loaded: false,
            problem: None,
            table: TableState::default(),
        }
    }
}

impl EventPane {
    /// Takes in what happened since; the oldest go when there are too many.
    pub fn push(&mut self, events: Vec<Event>) {
        self.loaded = true;
        for event in events {
            if self.passes(&event) {
                self.shown.push_back(self.first + self.events.len());
            }
            self.events.push_back(event);
        }
        let dropped = self.events.len().saturating_sub(KEPT);
        self.events.drain(..dropped);
        self.first += dropped;
        let gone = self.shown.partition_point(|number| *number < self.first);
        self.shown.drain(..gone);
        self.table.window.drop_first(gone);
        self.settle();
    }

    fn passes(&self, event: &Event) -> bool {
        let needle = self.filter.to_lowercase();
        let (needle, wanted) = needle.strip_prefix('!').map_or((needle.as_str(), true), |needle| (needle, false));
        let fields = [&event.name, &event.action, &event.details, &event.kind];
        let found = || fields.iter().any(|field| field.to_lowercase().contains(needle)) || event.id.starts_with(needle);
        needle.is_empty() || found() == wanted
    }

    /// Selects the newest when it is followed, and something in any case.
    fn settle(&mut self) {
        let rows = self.rows();
        if self.follow {
            self.table.window.last(rows);
        } else {
            self.table.window.step(0, rows);
        }
    }

    /// How many events are kept, filtered or not.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// How many rows the filter leaves.
    pub fn rows(&self) -> usize {
        self.shown.len()
    }

    /// The event of a row.
    pub fn row(&self, row: usize) -> Option<&Event> {
        self.events.get(self.shown.get(row)? - self.first)
    }

    /// The oldest event of all.
    pub fn oldest(&self) -> Option<&Event> {
        self.events.front()
    }

    /// The selected event.
    pub fn selected(&self) -> Option<&Event> {
        self.row(self.table.window.selected()?)
    }

    /// Selects a row; the newest is followed from then on.
    pub fn select(&mut self, row: usize) {
        self.table.window.select(Some(row));
        self.follow = row + 1 == self.rows();
    }

    /// Moves the selection. Away from the newest it is followed no longer, back there it is.
    pub fn go(&mut self, motion: Motion) {
        let rows = self.rows();
        motion.apply(&mut self.table.window, rows);
        self.follow = self.table.window.selected().is_none_or(|row| row + 1 == rows);
    }

    /// Whether the newest is kept selected.
    pub fn follows(&self) -> bool {
        self.follow
    }

    /// Keeps the newest selected, or what is selected now.
    pub fn toggle_follow(&mut self) {
        self.follow = !self.follow;
        self.settle();
    }

    /// The filter as typed.
    pub fn filter(&self) -> &str {
        &self.filter
    }

    /// Shows only what matches; `!text` shows what does not. The selection stays on its event, or near it.
    pub fn set_filter(&mut self, filter: &str) {
        let selected = self.table.window.selected().and_then(|row| self.shown.get(row)).copied();
        filter.clone_into(&mut self.filter);
        let first = self.first;
        self.shown =
            (first..).zip(&self.events).filter(|(_, event)| self.passes(event)).map(|(number, _)| number).collect();
        if let Some(number) = selected {
            self.table.window.select(Some(self.shown.partition_point(|shown| *shown < number)));
        }
        self.settle();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::source::Meaning;
    use proptest::prelude::*;

    fn event(number: usize) -> Event {
        let name = format!("c{number}");
        let (kind, id) = ("container".to_owned(), format!("id{number}"));
        Event { time: 0, kind, id, name, action: "start".into(), details: String::new(), meaning: Meaning::Good }
    }

    fn pane(count: usize) -> EventPane {
        let mut pane = EventPane::default();
        pane.push((0..count).map(event).collect());
        pane
    }

    fn name(pane: &EventPane) -> Option<&str> {
        pane.selected().map(|event| event.name.as_str())
    }

    #[test]
    fn the_newest_is_followed_until_somebody_looks_back() {
        let mut pane = pane(3);
        assert_eq!(name(&pane), Some("c2"));
        pane.go(Motion::Lines(-1));
        pane.push(vec![event(3)]);
        assert_eq!((name(&pane), pane.follows()), (Some("c1"), false));
        pane.go(Motion::Last);
        pane.push(vec![event(4)]);
        assert_eq!((name(&pane), pane.follows()), (Some("c4"), true));
        pane.toggle_follow();
        pane.push(vec![event(5)]);
        assert_eq!(name(&pane), Some("c4"));
    }

    #[test]
    fn only_so_many_are_kept_and_the_selection_stays_on_its_event() {
        let mut pane = pane(KEPT);
        pane.select(10);
        pane.push((KEPT..KEPT + 4).map(event).collect());
        assert_eq!((pane.len(), name(&pane)), (KEPT, Some("c10")));
        pane.push((0..KEPT - 1).map(event).collect());
        assert_eq!((pane.len(), pane.rows()), (KEPT, KEPT));
        assert!(name(&pane).is_some());
    }

    #[test]
    fn a_filter_holds_for_what_comes_later() {
        let mut pane = pane(30);
        pane.set_filter("c2");
        assert_eq!((pane.rows(), name(&pane)), (11, Some("c29")));
        pane.push(vec![event(31), event(200)]);
        assert_eq!((pane.rows(), name(&pane)), (12, Some("c200")));
        pane.go(Motion::First);
        pane.set_filter("!c2");
        assert_eq!((pane.rows(), name(&pane)), (20, Some("c3")), "the nearest");
        pane.set_filter("");
        assert_eq!((pane.rows(), name(&pane)), (32, Some("c3")));
    }

    proptest! {
        #[test]
        fn something_is_selected_whenever_there_is_something(
            steps in prop::collection::vec((0u8..5, 0usize..4000, "!?[c0-9]{0,2}"), 0..12),
        ) {
            let mut pane = EventPane::default();
            for (step, count, text) in steps {
                match step {
                    0 | 1 => pane.push((0..count).map(event).collect()),
                    2 => pane.set_filter(&text),
                    3 => pane.go(Motion::Lines(-(count as isize))),
                    _ => pane.toggle_follow(),
                }
                prop_assert!(pane.len() <= KEPT && pane.rows() <= pane.len());
                prop_assert_eq!(pane.selected().is_some(), pane.rows() > 0);
                prop_assert!(!pane.follows() || pane.rows() == 0 || pane.table.window.selected() == Some(pane.rows() - 1));
                let all = (0..pane.rows()).filter_map(|row| pane.row(row));
                prop_assert!(all.count() == pane.rows());
            }
        }
    }
}
