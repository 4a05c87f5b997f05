//! A tree of values that folds, unfolds and is searched; a frame costs the rows that are seen.
//!
//! The nodes lie in one row, each before all that it holds, so that a subtree is a range. Which of them no fold hides is
//! listed anew whenever a fold changes.

mod draw;
mod search;
#[cfg(test)]
mod tests;
mod value;

pub use draw::TreeView;
pub use value::{Step, Value};

use std::collections::HashSet;

use search::Search;
use value::quoted;

use crate::list::Window;
use crate::pen::cells;

/// Values stand in a column behind their names, unless a name is longer than this.
const NAME: u16 = 26;

/// A value in the tree.
#[derive(Debug)]
struct Node {
    step: Step,
    parent: Option<usize>,
    depth: u16,
    /// Behind the last node that it holds.
    end: usize,
    content: Content,
    /// The cells that names take here: those of the longest of its siblings.
    name: u16,
    open: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    /// A list, of so many values.
    List(usize),
    /// A map, of so many.
    Map(usize),
}

impl Content {
    /// As one line, at most so many characters of a text; empty for what holds others.
    fn line(&self, max: usize) -> String {
        match self {
            Content::Null => "null".to_owned(),
            Content::Bool(value) => value.to_string(),
            Content::Number(text) => text.clone(),
            Content::Text(text) => quoted(text, max),
            Content::List(_) | Content::Map(_) => String::new(),
        }
    }

    /// How many values it holds.
    fn held(&self) -> usize {
        match self {
            Content::List(count) | Content::Map(count) => *count,
            _ => 0,
        }
    }
}

/// The values and how they are looked at. Drawn by [`TreeView`].
#[derive(Debug, Default)]
pub struct Tree {
    nodes: Vec<Node>,
    /// The nodes that no fold hides.
    shown: Vec<usize>,
    search: Option<Search>,
    /// Which row is selected and which rows are seen.
    pub window: Window,
}

impl Tree {
    /// The values that `value` holds, all folded.
    pub fn new(value: Value) -> Self {
        let mut tree = Self::default();
        tree.hold(None, 0, value);
        tree.list();
        tree.window.first(tree.rows());
        tree
    }

    /// Takes another state of the same value in: folds, search and selection stay on what is still there.
    pub fn replace(&mut self, value: Value) {
        let open: HashSet<Vec<Step>> =
            (0..self.nodes.len()).filter(|index| self.nodes[*index].open).map(|index| self.path_of(index)).collect();
        let selected = self.path();
        let mut tree = Self::new(value);
        for index in 0..tree.nodes.len() {
            tree.nodes[index].open = tree.nodes[index].content.held() > 0 && open.contains(&tree.path_of(index));
        }
        tree.window = std::mem::take(&mut self.window);
        tree.list();
        tree.settle_search(self.search.take());
        // What is gone leaves the selection to what held it, or to whatever stands in its row now.
        let here = (0..selected.len()).rev().find_map(|steps| tree.find(&selected[..=steps]));
        match here {
            Some(node) => tree.select_node(node),
            None => tree.window.step(0, tree.rows()),
        }
        *self = tree;
    }

    /// Appends what a value holds, each before all that it holds itself.
    fn hold(&mut self, parent: Option<usize>, depth: u16, value: Value) {
        let held: Vec<(Step, Value)> = match value {
            Value::List(values) => {
                values.into_iter().enumerate().map(|(index, value)| (Step::Index(index), value)).collect()
            }
            Value::Map(values) => values.into_iter().map(|(key, value)| (Step::Key(key.into()), value)).collect(),
            _ => Vec::new(),
        };
        let name = held.iter().map(|(step, _)| cells(&step.text())).filter(|cells| *cells <= NAME).max().unwrap_or(0);
        for (step, value) in held {
            let content = match &value {
                Value::Null => Content::Null,
                Value::Bool(value) => Content::Bool(*value),
                Value::Number(text) => Content::Number(text.clone()),
                Value::Text(text) => Content::Text(text.clone()),
                Value::List(values) => Content::List(values.len()),
                Value::Map(values) => Content::Map(values.len()),
            };
            let index = self.nodes.len();
            self.nodes.push(Node { step, parent, depth, end: index + 1, content, name, open: false });
            self.hold(Some(index), depth.saturating_add(1), value);
            self.nodes[index].end = self.nodes.len();
        }
    }

    /// Lists what no fold hides.
    fn list(&mut self) {
        self.shown.clear();
        let mut index = 0;
        while let Some(node) = self.nodes.get(index) {
            self.shown.push(index);
            index = if node.open { index + 1 } else { node.end };
        }
    }

    /// How many rows there are, seen or not.
    pub fn rows(&self) -> usize {
        self.shown.len()
    }

    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The way from the whole to the selected value; empty when nothing is selected.
    pub fn path(&self) -> Vec<Step> {
        self.selected().map(|index| self.path_of(index)).unwrap_or_default()
    }

    /// The selected value when it holds no others: a text as it is, anything else as it is written.
    pub fn leaf(&self) -> Option<String> {
        match &self.nodes[self.selected()?].content {
            Content::List(_) | Content::Map(_) => None,
            Content::Text(text) => Some(text.clone()),
            content => Some(content.line(0)),
        }
    }

    /// How many values the selected one holds.
    pub fn held(&self) -> usize {
        self.selected().map_or(0, |index| self.nodes[index].content.held())
    }

    /// Unfolds the selected value, or folds it. False when it holds nothing.
    pub fn toggle(&mut self) -> bool {
        let Some(index) = self.selected().filter(|index| self.nodes[*index].content.held() > 0) else { return false };
        self.set_open(index, !self.nodes[index].open);
        true
    }

    /// Unfolds the selected value, or goes to the first one that it holds.
    pub fn unfold(&mut self) {
        let Some(index) = self.selected().filter(|index| self.nodes[*index].content.held() > 0) else { return };
        if self.nodes[index].open {
            self.select_node(index + 1);
        } else {
            self.set_open(index, true);
        }
    }

    /// Folds the selected value, or goes to the one that holds it.
    pub fn fold(&mut self) {
        let Some(index) = self.selected() else { return };
        match self.nodes[index].parent {
            _ if self.nodes[index].open => self.set_open(index, false),
            Some(parent) => self.select_node(parent),
            None => {}
        }
    }

    /// Unfolds everything; folds everything when nothing is folded.
    pub fn toggle_all(&mut self) {
        let open = self.nodes.iter().any(|node| !node.open && node.content.held() > 0);
        self.set_all_open(open);
    }

    /// Unfolds everything.
    pub fn unfold_all(&mut self) {
        self.set_all_open(true);
    }

    fn set_all_open(&mut self, open: bool) {
        let selected = self.selected();
        for node in &mut self.nodes {
            node.open = open && node.content.held() > 0;
        }
        self.folded_by_hand(selected);
    }

    fn set_open(&mut self, index: usize, open: bool) {
        let selected = self.selected();
        self.nodes[index].open = open;
        self.folded_by_hand(selected);
        // What was hidden is seen at once.
        let last = self.shown.partition_point(|shown| *shown < self.nodes[index].end);
        self.window.see(last.saturating_sub(1));
    }

    /// Lists anew; the selection stays where it was, or on what holds it. What a search has unfolded stays as it is now.
    fn folded_by_hand(&mut self, selected: Option<usize>) {
        if let Some(search) = &mut self.search {
            search.unfolded.clear();
        }
        self.list();
        if let Some(index) = selected {
            self.select_node(index);
        }
    }

    fn selected(&self) -> Option<usize> {
        self.shown.get(self.window.selected()?).copied()
    }

    /// Selects a node, or the nearest that shows of those that hold it.
    fn select_node(&mut self, index: usize) {
        let row = self.shown.partition_point(|shown| *shown <= index);
        self.window.select(row.checked_sub(1));
    }

    fn path_of(&self, index: usize) -> Vec<Step> {
        let mut path: Vec<Step> = self.holders(index).map(|index| self.nodes[index].step.clone()).collect();
        path.reverse();
        path.push(self.nodes[index].step.clone());
        path
    }

    /// The nodes that hold a node, the nearest first.
    fn holders(&self, index: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(self.nodes[index].parent, |index| self.nodes[*index].parent)
    }

    /// The node at the end of a path.
    fn find(&self, path: &[Step]) -> Option<usize> {
        let (mut range, mut found) = (0..self.nodes.len(), None);
        for step in path {
            let mut index = range.start;
            while index < range.end && self.nodes[index].step != *step {
                index = self.nodes[index].end;
            }
            found = (index < range.end).then_some(index);
            range = found? + 1..self.nodes[found?].end;
        }
        found
    }
}
