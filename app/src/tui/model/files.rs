//! The files of an image or a container: of all layers together, or what one layer changes.

use porthole_engine::inside::{NodeId, Sight, Stack, View};
use porthole_widgets::table::TableState;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

/// A row of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The path.
    pub node: NodeId,
    /// How many directories it is in.
    pub depth: u16,
    /// What is to be seen there.
    pub sight: Sight,
    /// The bytes of all files at and below it.
    pub bytes: u64,
    /// Whether it is a directory with something in it.
    pub holds: bool,
    /// Whether what is in it shows.
    pub open: bool,
}

/// The files, and how they are looked at.
#[derive(Default)]
pub struct Files {
    stack: Option<Arc<Stack>>,
    /// Of which layer; `None` for all together.
    layer: Option<usize>,
    open: HashSet<NodeId>,
    rows: Vec<Row>,
    search: String,
    /// What was unfolded and selected before the search began.
    before_search: Option<(HashSet<NodeId>, Option<NodeId>)>,
    /// The rows that are seen.
    pub table: TableState,
    /// The layers that are seen.
    pub layers: TableState,
}

impl Files {
    /// Takes in what there is now. What was unfolded and selected stays so.
    pub fn take(&mut self, stack: Arc<Stack>) {
        let before = self.stack.take();
        let paths: Vec<PathBuf> = before.iter().flat_map(|old| self.open.iter().map(|node| old.path(*node))).collect();
        let selected = before.as_ref().zip(self.selected()).map(|(old, row)| old.path(row.node));
        // Paths have other numbers now.
        self.before_search = None;
        self.open = paths.iter().filter_map(|path| stack.find(path)).collect();
        self.layer = self.layer.filter(|layer| *layer < stack.layers().len());
        let selected = selected.and_then(|path| stack.find(&path));
        self.stack = Some(stack);
        self.fill(selected);
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// What was read.
    pub fn stack(&self) -> Option<&Stack> {
        self.stack.as_deref()
    }

    /// What is looked at.
    pub fn view(&self) -> View {
        self.layer.map_or(View::Merged, View::Layer)
    }

    /// The rows of the tree.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The selected one.
    pub fn selected(&self) -> Option<&Row> {
        self.rows.get(self.table.window.selected()?)
    }

    /// What is searched; empty when nothing is.
    pub fn search_text(&self) -> &str {
        &self.search
    }

    /// Looks at the next layer, or the one before; all together come before the first.
    pub fn step_layer(&mut self, forward: bool) {
        let count = self.stack().map_or(0, |stack| stack.layers().len());
        self.layer = match (self.layer, forward) {
            (None, true) => (count > 0).then_some(0),
            (Some(layer), true) => Some((layer + 1).min(count.saturating_sub(1))),
            (Some(layer), false) => layer.checked_sub(1),
            (None, false) => None,
        };
        self.refill();
    }

    /// Looks at the layer on a row of the list of layers; row 0 is all together.
    pub fn select_layer(&mut self, row: usize) {
        self.layer = row.checked_sub(1);
        self.refill();
    }

    /// Unfolds or folds the selected directory; false when it is none.
    pub fn toggle(&mut self) -> bool {
        let Some(Row { node, holds: true, open, .. }) = self.selected().copied() else { return false };
        if open {
            self.open.remove(&node)
        } else {
            self.open.insert(node)
        };
        self.refill();
        true
    }

    /// Unfolds the selected directory, or goes into it.
    pub fn unfold(&mut self) {
        match self.selected() {
            Some(Row { holds: true, open: false, .. }) => drop(self.toggle()),
            Some(Row { holds: true, open: true, .. }) => self.table.window.step(1, self.rows.len()),
            _ => {}
        }
    }

    /// Folds the selected directory, or goes to the one it is in.
    pub fn fold(&mut self) {
        let Some(Row { node, open, .. }) = self.selected().copied() else { return };
        if open {
            self.toggle();
        } else if let Some(parent) = self.stack().and_then(|stack| stack.parent(node)) {
            self.select(parent);
        }
    }

    /// Searches for names with a text, from where the search began; an empty text ends the search. What a shorter text has
    /// unfolded is folded again.
    pub fn search(&mut self, text: &str) {
        if text.is_empty() {
            return self.search.clear();
        }
        if self.search.is_empty() {
            self.before_search = Some((self.open.clone(), self.selected().map(|row| row.node)));
        } else if let Some((open, selected)) = self.before_search.clone() {
            self.open = open;
            self.fill(selected);
        }
        self.search = text.to_lowercase();
        self.go_to_match(0);
    }

    /// To the next match or the one before, round and round; false when there is none.
    pub fn search_next(&mut self, forward: bool) -> bool {
        self.go_to_match(if forward { 1 } else { -1 })
    }

    fn go_to_match(&mut self, step: isize) -> bool {
        let Some(stack) = self.stack.clone() else { return false };
        let mut all = Vec::new();
        collect(&stack, Stack::ROOT, self.view(), &mut all);
        let at = self.selected().and_then(|row| all.iter().position(|node| *node == row.node)).unwrap_or(0);
        let count = all.len();
        let matches =
            |node: &&NodeId| String::from_utf8_lossy(stack.name(**node)).to_lowercase().contains(&self.search);
        let found = match step {
            0 => all[at..].iter().chain(&all[..at]).find(matches),
            1 => all.iter().cycle().skip(at + 1).take(count).find(matches),
            _ => all.iter().rev().cycle().skip(count - at).take(count).find(matches),
        };
        let Some(found) = found.copied() else { return false };
        let mut above = stack.parent(found);
        while let Some(directory) = above {
            self.open.insert(directory);
            above = stack.parent(directory);
        }
        self.fill(Some(found));
        true
    }

    fn select(&mut self, node: NodeId) {
        if let Some(row) = self.rows.iter().position(|row| row.node == node) {
            self.table.window.select(Some(row));
        }
    }

    fn refill(&mut self) {
        let selected = self.selected().map(|row| row.node);
        self.fill(selected);
    }

    /// Makes the rows anew, and selects one, or the next that is still to be seen above it.
    fn fill(&mut self, selected: Option<NodeId>) {
        let Some(stack) = self.stack.clone() else { return };
        self.rows.clear();
        self.push_rows(&stack, Stack::ROOT, 0);
        let mut at = selected;
        while let Some(node) = at {
            if let Some(row) = self.rows.iter().position(|row| row.node == node) {
                return self.table.window.select(Some(row));
            }
            at = stack.parent(node);
        }
        self.table.window.first(self.rows.len());
    }

    fn push_rows(&mut self, stack: &Stack, directory: NodeId, depth: u16) {
        let view = self.view();
        for (node, sight) in stack.children(directory, view) {
            let holds = stack.children(node, view).next().is_some();
            let open = holds && self.open.contains(&node);
            self.rows.push(Row { node, depth, sight, bytes: stack.bytes_below(node, view), holds, open });
            if open {
                self.push_rows(stack, node, depth.saturating_add(1));
            }
        }
    }
}

/// Every path below a directory that is to be seen, in the order of the tree.
fn collect(stack: &Stack, directory: NodeId, view: View, all: &mut Vec<NodeId>) {
    for (node, _) in stack.children(directory, view) {
        all.push(node);
        collect(stack, node, view, all);
    }
}
