//! A list with filter, order, marks and a selection that survives a refresh.

use porthole_widgets::table::{Sort, TableState};
use std::cmp::Ordering;
use std::collections::HashSet;

/// What a list can hold.
pub trait Item {
    /// Identifies it across refreshes.
    fn key(&self) -> &str;
    /// Whether a filter text occurs in it; `needle` is in lower case.
    fn matches(&self, needle: &str) -> bool;
    /// Its order in a column.
    fn compare(&self, other: &Self, column: usize) -> Ordering;
}

/// The items and how they are looked at.
pub struct List<T> {
    items: Vec<T>,
    shown: Vec<usize>,
    filter: String,
    marks: HashSet<String>,
    hidden: Option<fn(&T) -> bool>,
    /// Whether the items were read at least once.
    pub loaded: bool,
    /// Selection, window and order, as the table widget keeps them.
    pub table: TableState,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            shown: Vec::new(),
            filter: String::new(),
            marks: HashSet::new(),
            hidden: None,
            loaded: false,
            table: TableState::default(),
        }
    }
}

impl<T: Item> List<T> {
    /// Replaces the items. The selection stays on its item, or on its row when that is gone.
    pub fn set(&mut self, items: Vec<T>) {
        let selected = self.selected().map(|item| item.key().to_owned());
        self.items = items;
        self.loaded = true;
        let keys: HashSet<&str> = self.items.iter().map(Item::key).collect();
        self.marks.retain(|mark| keys.contains(mark.as_str()));
        self.arrange(selected.as_deref());
    }

    /// Changes every item where it stands. The order follows, the selection stays on its item.
    pub fn change(&mut self, change: impl FnMut(&mut T)) {
        let selected = self.selected().map(|item| item.key().to_owned());
        self.items.iter_mut().for_each(change);
        self.arrange(selected.as_deref());
    }

    /// Everything, filtered or not, in the order that it came.
    pub fn all(&self) -> &[T] {
        &self.items
    }

    /// How many rows the filter leaves.
    pub fn rows(&self) -> usize {
        self.shown.len()
    }

    /// The item of a row.
    pub fn row(&self, row: usize) -> Option<&T> {
        self.items.get(*self.shown.get(row)?)
    }

    /// The selected item.
    pub fn selected(&self) -> Option<&T> {
        self.row(self.table.window.selected()?)
    }

    /// Selects the item with a key, if it is shown.
    pub fn select(&mut self, key: &str) {
        if let Some(row) = self.shown.iter().position(|&index| self.items[index].key() == key) {
            self.table.window.select(Some(row));
        }
    }

    /// Selects the item with a key; filter and hiding go if they are in its way. False when there is none.
    pub fn reveal(&mut self, key: &str) -> bool {
        if !self.items.iter().any(|item| item.key() == key) {
            return false;
        }
        if !self.shown.iter().any(|&index| self.items[index].key() == key) {
            self.hidden = None;
            self.set_filter("");
        }
        self.select(key);
        true
    }

    /// The marked items, or the selected one when none is marked.
    pub fn targets(&self) -> Vec<&T> {
        if self.marks.is_empty() {
            return self.selected().into_iter().collect();
        }
        self.items.iter().filter(|item| self.marks.contains(item.key())).collect()
    }

    /// Whether a row is marked.
    pub fn is_marked(&self, row: usize) -> bool {
        self.row(row).is_some_and(|item| self.marks.contains(item.key()))
    }

    /// How many are marked.
    pub fn marked(&self) -> usize {
        self.marks.len()
    }

    /// Marks the selected row or takes its mark away, and goes one on.
    pub fn toggle_mark(&mut self) {
        let Some(key) = self.selected().map(|item| item.key().to_owned()) else { return };
        if !self.marks.remove(&key) {
            self.marks.insert(key);
        }
        self.table.window.step(1, self.rows());
    }

    /// Takes all marks away; whether there were any.
    pub fn clear_marks(&mut self) -> bool {
        let any = !self.marks.is_empty();
        self.marks.clear();
        any
    }

    /// The filter as typed.
    pub fn filter(&self) -> &str {
        &self.filter
    }

    /// Shows only what matches; `!text` shows what does not.
    pub fn set_filter(&mut self, filter: &str) {
        let selected = self.selected().map(|item| item.key().to_owned());
        filter.clone_into(&mut self.filter);
        self.arrange(selected.as_deref());
    }

    /// Hides what a predicate holds for, beside the filter.
    pub fn set_hidden(&mut self, hidden: Option<fn(&T) -> bool>) {
        let selected = self.selected().map(|item| item.key().to_owned());
        self.hidden = hidden;
        self.arrange(selected.as_deref());
    }

    /// Whether some items are hidden by a predicate.
    pub fn hides(&self) -> bool {
        self.hidden.is_some()
    }

    /// Sorts by the column after the present one, and after the last by none.
    pub fn sort_next(&mut self, columns: usize) {
        let column = self.table.sort.map_or(0, |sort| sort.column + 1);
        self.sort((column < columns).then_some(Sort { column, descending: false }));
    }

    /// Sorts by a column, the other way round when it is sorted by it already.
    pub fn sort_by(&mut self, column: usize) {
        let descending = self.table.sort.is_some_and(|sort| sort.column == column && !sort.descending);
        self.sort(Some(Sort { column, descending }));
    }

    /// Turns the order round.
    pub fn reverse(&mut self) {
        let sort = self.table.sort.unwrap_or(Sort { column: 0, descending: false });
        self.sort(Some(Sort { descending: !sort.descending, ..sort }));
    }

    fn sort(&mut self, sort: Option<Sort>) {
        let selected = self.selected().map(|item| item.key().to_owned());
        self.table.sort = sort;
        self.arrange(selected.as_deref());
    }

    fn arrange(&mut self, selected: Option<&str>) {
        let needle = self.filter.to_lowercase();
        let (needle, wanted) = match needle.strip_prefix('!') {
            Some(needle) => (needle, false),
            None => (needle.as_str(), true),
        };
        let items = &self.items;
        let shown = |item: &T| {
            let matches = needle.is_empty() || item.matches(needle) == wanted;
            matches && !self.hidden.is_some_and(|hidden| hidden(item))
        };
        self.shown = (0..items.len()).filter(|&index| shown(&items[index])).collect();
        if let Some(Sort { column, descending }) = self.table.sort {
            self.shown.sort_by(|&a, &b| {
                let order = items[a].compare(&items[b], column);
                if descending { order.reverse() } else { order }
            });
        }
        let row = selected.and_then(|key| self.shown.iter().position(|&index| items[index].key() == key));
        let near = self.table.window.selected().unwrap_or(0).min(self.shown.len().saturating_sub(1));
        self.table.window.select((!self.shown.is_empty()).then(|| row.unwrap_or(near)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    impl Item for String {
        fn key(&self) -> &str {
            self
        }

        fn matches(&self, needle: &str) -> bool {
            self.contains(needle)
        }

        fn compare(&self, other: &Self, _column: usize) -> Ordering {
            self.cmp(other)
        }
    }

    fn list(items: &[&str]) -> List<String> {
        let mut list = List::default();
        list.set(items.iter().map(|item| (*item).to_owned()).collect());
        list
    }

    #[test]
    fn the_selection_follows_its_item() {
        let mut list = list(&["web", "db", "job"]);
        list.select("db");
        list.set(["new", "web", "db"].map(str::to_owned).into());
        assert_eq!(list.selected().map(String::as_str), Some("db"));
        list.set(["new", "web"].map(str::to_owned).into());
        assert_eq!(list.selected().map(String::as_str), Some("web"));
        list.set(Vec::new());
        assert_eq!(list.selected(), None);
    }

    #[test]
    fn a_filter_and_its_inverse_share_all_between_them() {
        let mut list = list(&["web", "db", "job"]);
        list.set_filter("b");
        assert_eq!(list.rows(), 3);
        list.set_filter("!we");
        assert_eq!((list.rows(), list.row(0).map(String::as_str)), (2, Some("db")));
    }

    #[test]
    fn marks_are_the_targets_and_vanish_with_their_items() {
        let mut list = list(&["web", "db", "job"]);
        assert_eq!(list.targets(), [&"web".to_owned()]);
        list.toggle_mark();
        list.toggle_mark();
        assert_eq!(list.targets(), [&"web".to_owned(), &"db".to_owned()]);
        list.set(vec!["db".to_owned()]);
        assert_eq!((list.marked(), list.targets()), (1, vec![&"db".to_owned()]));
    }

    #[test]
    fn what_is_revealed_passes_any_filter() {
        let mut list = list(&["web", "db", "job"]);
        list.set_filter("web");
        list.set_hidden(Some(|name: &String| name == "db"));
        assert!(!list.reveal("gone"));
        assert_eq!(list.filter(), "web");
        assert!(list.reveal("db"));
        assert_eq!((list.selected().map(String::as_str), list.rows()), (Some("db"), 3));
    }

    #[test]
    fn sorting_goes_round() {
        let mut list = list(&["web", "db"]);
        list.sort_next(1);
        assert_eq!(list.row(0).map(String::as_str), Some("db"));
        list.reverse();
        assert_eq!(list.row(0).map(String::as_str), Some("web"));
        list.sort_next(1);
        assert_eq!(list.table.sort, None);
    }

    proptest! {
        #[test]
        fn something_is_selected_whenever_there_is_something(
            first in prop::collection::hash_set("[a-c]{1,2}", 0..6),
            second in prop::collection::hash_set("[a-c]{1,2}", 0..6),
            filter in "!?[a-c]?",
        ) {
            let mut list = List::default();
            list.set(first.into_iter().collect());
            list.set_filter(&filter);
            list.set(second.into_iter().collect());
            prop_assert_eq!(list.selected().is_some(), list.rows() > 0);
        }
    }
}
