//! Finding a text in names and values.

use super::{Content, Step, Tree};
use crate::pattern::Pattern;

/// What is searched and where it was found.
#[derive(Debug)]
pub(super) struct Search {
    pub(super) pattern: Pattern,
    /// The nodes that have the text, in their order.
    matches: Vec<usize>,
    /// What was unfolded to show the match that is selected: it is folded again when the search goes on.
    pub(super) unfolded: Vec<usize>,
}

impl Tree {
    /// Searches names and values, and goes to the first match from the selection on. An empty text ends the search.
    pub fn search(&mut self, text: &str) {
        let unfolded = self.search.take().map(|search| search.unfolded).unwrap_or_default();
        self.search = Pattern::new(text).map(|pattern| Search { matches: self.matches(&pattern), pattern, unfolded });
        let from = self.selected().unwrap_or(0);
        self.stand_on(|matches| matches.partition_point(|index| *index < from));
    }

    /// Ends the search; what is unfolded stays so.
    pub fn clear_search(&mut self) {
        self.search = None;
    }

    /// What is searched.
    pub fn search_text(&self) -> Option<&str> {
        self.search.as_ref().map(|search| search.pattern.text())
    }

    /// Goes to the next match, from the end on to the start. False when there is none.
    pub fn search_next(&mut self) -> bool {
        let from = self.selected().unwrap_or(0);
        self.stand_on(|matches| matches.partition_point(|index| *index <= from))
    }

    /// Goes to the match before, from the start on to the end. False when there is none.
    pub fn search_previous(&mut self) -> bool {
        let from = self.selected().unwrap_or(0);
        self.stand_on(|matches| {
            let before = matches.partition_point(|index| *index < from);
            before.checked_sub(1).unwrap_or(matches.len().saturating_sub(1))
        })
    }

    /// Which of the matches is selected, counted from 1 (0 when it is none), and how many there are.
    pub fn search_position(&self) -> Option<(usize, usize)> {
        let search = self.search.as_ref()?;
        let at = self.selected().and_then(|index| search.matches.binary_search(&index).ok());
        Some((at.map_or(0, |at| at + 1), search.matches.len()))
    }

    /// Goes on with a search in other values.
    pub(super) fn settle_search(&mut self, search: Option<Search>) {
        self.search = search.map(|search| Search {
            matches: self.matches(&search.pattern),
            pattern: search.pattern,
            unfolded: Vec::new(),
        });
    }

    fn matches(&self, pattern: &Pattern) -> Vec<usize> {
        let has = |index: &usize| {
            let node = &self.nodes[*index];
            let named = matches!(&node.step, Step::Key(key) if pattern.is_in(key));
            named
                || match &node.content {
                    Content::Text(text) => pattern.is_in(text),
                    content => pattern.is_in(&content.line(0)),
                }
        };
        (0..self.nodes.len()).filter(has).collect()
    }

    /// Selects one of the matches, and unfolds what it lies in.
    fn stand_on(&mut self, choose: impl FnOnce(&[usize]) -> usize) -> bool {
        let Some(search) = &mut self.search else { return false };
        let chosen = choose(&search.matches);
        let found = search.matches.get(chosen).or(search.matches.first()).copied();
        let unfolded = std::mem::take(&mut search.unfolded);
        let Some(found) = found else {
            search.unfolded = unfolded;
            return false;
        };
        for index in unfolded {
            self.nodes[index].open = false;
        }
        let folded: Vec<usize> = self.holders(found).filter(|index| !self.nodes[*index].open).collect();
        for index in &folded {
            self.nodes[*index].open = true;
        }
        if let Some(search) = &mut self.search {
            search.unfolded = folded;
        }
        self.list();
        self.select_node(found);
        // With something of what follows.
        let (row, height) = (self.window.selected().unwrap_or(0), usize::from(self.window.area().height));
        self.window.see(row + height / 3);
        true
    }
}
