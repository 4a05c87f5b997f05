//! The lines beside a list that lead from each node down to those that wait for it.

use super::WavesNode;

/// A line from a node to those that wait for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rail {
    /// The node.
    pub(super) from: usize,
    /// Those that wait for it, in order.
    pub(super) to: Vec<usize>,
}

impl Rail {
    fn last(&self) -> usize {
        self.to.last().copied().unwrap_or(self.from)
    }

    /// Whether it passes a row, begins or ends there.
    fn is_at(&self, row: usize) -> bool {
        (self.from..=self.last()).contains(&row)
    }

    /// Whether it is joined with the node of a row.
    pub(super) fn joins(&self, row: usize) -> bool {
        self.from == row || self.to.contains(&row)
    }

    /// Whether a row is on the way from its node to that of another, or to any that waits for it.
    pub(super) fn leads(&self, row: usize, selected: usize) -> bool {
        let end = if self.from == selected { self.last() } else { selected };
        self.joins(selected) && (self.from..=end).contains(&row)
    }
}

/// What stands in a column beside a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stroke {
    /// Nothing.
    Empty,
    /// A line from the left to the node.
    Across,
    /// A line from above that goes on below.
    Down,
    /// A corner or a joint of a line that leads from above, or on below, with the one to the node.
    Joint {
        /// Whether it comes from above.
        above: bool,
        /// Whether it goes on below.
        below: bool,
        /// Whether another joins from the left.
        left: bool,
    },
}

/// Lines in columns, so that none covers another.
#[derive(Debug, Clone, Default)]
pub(super) struct Rails {
    columns: Vec<Vec<Rail>>,
}

impl Rails {
    /// The lines of nodes that wait for others before them, in at most so many columns; those that find no room are left out.
    pub(super) fn new(nodes: &[WavesNode], most: usize) -> Self {
        let waits = |from: usize| {
            let waits = nodes.iter().enumerate().filter(move |(row, node)| *row > from && node.needs.contains(&from));
            waits.map(|(row, _)| row).collect::<Vec<_>>()
        };
        let rails = (0..nodes.len()).map(|from| Rail { from, to: waits(from) });
        let mut rails: Vec<Rail> = rails.filter(|rail| !rail.to.is_empty()).collect();
        // The longest at the left: the others lie within it.
        rails.sort_by_key(|rail| (std::cmp::Reverse(rail.last() - rail.from), rail.from));
        let mut columns: Vec<Vec<Rail>> = Vec::new();
        for rail in rails {
            let is_free =
                |column: &Vec<Rail>| column.iter().all(|other| other.last() < rail.from || rail.last() < other.from);
            match columns.iter().position(is_free) {
                Some(column) => columns[column].push(rail),
                None if columns.len() < most => columns.push(vec![rail]),
                None => {}
            }
        }
        Self { columns }
    }

    /// How many columns there are.
    pub(super) fn len(&self) -> usize {
        self.columns.len()
    }

    /// The line in a column beside a row.
    pub(super) fn at(&self, column: usize, row: usize) -> Option<&Rail> {
        self.columns[column].iter().find(|rail| rail.is_at(row))
    }

    /// The first column from which a line leads to the node of a row.
    pub(super) fn first_joint(&self, row: usize) -> Option<usize> {
        (0..self.len()).find(|column| self.at(*column, row).is_some_and(|rail| rail.joins(row)))
    }

    /// What stands in a column beside a row.
    pub(super) fn stroke(&self, column: usize, row: usize) -> Stroke {
        let left = self.first_joint(row).is_some_and(|first| first < column);
        match self.at(column, row) {
            Some(rail) if rail.joins(row) => Stroke::Joint { above: rail.from < row, below: row < rail.last(), left },
            Some(_) => Stroke::Down,
            None if left => Stroke::Across,
            None => Stroke::Empty,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn nodes(needs: &[&[usize]]) -> Vec<WavesNode> {
        needs.iter().map(|needs| WavesNode { needs: needs.to_vec(), ..WavesNode::default() }).collect()
    }

    fn picture(rails: &Rails, rows: usize) -> Vec<String> {
        let glyph = |stroke| match stroke {
            Stroke::Empty => ' ',
            Stroke::Across => '─',
            Stroke::Down => '│',
            Stroke::Joint { above: false, left: false, .. } => '╭',
            Stroke::Joint { above: false, left: true, .. } => '┬',
            Stroke::Joint { below: false, left: false, .. } => '╰',
            Stroke::Joint { below: false, left: true, .. } => '┴',
            Stroke::Joint { left: false, .. } => '├',
            Stroke::Joint { left: true, .. } => '┼',
        };
        (0..rows).map(|row| (0..rails.len()).map(|column| glyph(rails.stroke(column, row))).collect()).collect()
    }

    #[test]
    fn lines_lead_from_each_to_those_that_wait_for_it() {
        let rails = Rails::new(&nodes(&[&[], &[], &[0], &[0, 1, 2], &[]]), 9);
        assert_eq!(picture(&rails, 5), ["╭──", "│╭─", "├│┬", "╰┴┴", "   "]);
    }

    #[test]
    fn a_column_is_used_again_when_its_line_has_ended() {
        let rails = Rails::new(&nodes(&[&[], &[0], &[], &[2]]), 9);
        assert_eq!(picture(&rails, 4), ["╭", "╰", "╭", "╰"]);
        let chain = Rails::new(&nodes(&[&[], &[0], &[1]]), 9);
        assert_eq!(picture(&chain, 3), ["╭─", "╰┬", " ╰"]);
        assert_eq!(Rails::new(&nodes(&[&[], &[0], &[1]]), 1).len(), 1, "what finds no room is left out");
    }

    proptest! {
        #[test]
        fn every_need_has_its_line_and_no_two_share_a_place(
            needs in prop::collection::vec(prop::collection::btree_set(0usize..12, 0..4), 0..12)
        ) {
            let needs: Vec<Vec<usize>> = needs.into_iter().enumerate()
                .map(|(row, set)| set.into_iter().filter(|need| *need < row).collect()).collect();
            let nodes = nodes(&needs.iter().map(Vec::as_slice).collect::<Vec<_>>());
            let rails = Rails::new(&nodes, usize::MAX);
            for (row, needs) in needs.iter().enumerate() {
                for need in needs {
                    let lines = rails.columns.iter().flatten().filter(|rail| rail.from == *need && rail.to.contains(&row));
                    prop_assert_eq!(lines.count(), 1);
                }
                for column in &rails.columns {
                    prop_assert!(column.iter().filter(|rail| rail.is_at(row)).count() <= 1);
                }
            }
        }
    }
}
