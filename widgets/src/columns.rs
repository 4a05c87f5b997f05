//! Giving columns their widths.

use ratatui_core::layout::Rect;

use crate::pen::{cells, part};

/// Cells left free at the left of every row: selection marker and a space.
const MARGIN: u16 = 2;
/// Cells between two columns.
const GAP: u16 = 2;

/// A column of a table.
#[derive(Debug, Clone)]
pub struct Column {
    pub(crate) title: &'static str,
    pub(crate) min: u16,
    pub(crate) max: u16,
    pub(crate) flex: u16,
    pub(crate) right: bool,
    pub(crate) priority: u8,
}

impl Column {
    /// A column as wide as its title, never dropped.
    pub fn new(title: &'static str) -> Self {
        let min = cells(title);
        Self { title, min, max: u16::MAX, flex: 0, right: false, priority: 0 }
    }

    /// The width that it has at least.
    pub fn min(mut self, width: u16) -> Self {
        self.min = width.max(cells(self.title));
        self
    }

    /// The width that it has at most.
    pub fn max(mut self, width: u16) -> Self {
        self.max = width;
        self
    }

    /// The share that it takes of what is left over.
    pub fn flex(mut self, share: u16) -> Self {
        self.flex = share;
        self
    }

    /// Aligned at the right, as numbers are.
    pub fn right(mut self) -> Self {
        self.right = true;
        self
    }

    /// When space is short the columns of highest number go first; 0 never goes.
    pub fn priority(mut self, priority: u8) -> Self {
        self.priority = priority;
        self
    }
}

/// Where a column lies, from the left edge of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) x: u16,
    pub(crate) width: u16,
}

impl Place {
    /// The column's part of a row.
    pub(crate) fn of(self, row: Rect) -> Rect {
        part(row, self.x, self.width)
    }
}

/// The place of each column, `None` for one that was dropped.
pub(crate) fn arrange(columns: &[Column], width: u16) -> Vec<Option<Place>> {
    let available = width.saturating_sub(MARGIN);
    let mut kept: Vec<bool> = vec![true; columns.len()];
    while needed(columns, &kept) > u32::from(available) {
        let droppable = (0..columns.len()).filter(|index| kept[*index] && columns[*index].priority > 0);
        // Of equals the rightmost goes: `max_by_key` returns the last.
        let Some(last) = droppable.max_by_key(|index| columns[*index].priority) else {
            break;
        };
        kept[last] = false;
    }
    let mut widths: Vec<u16> = columns.iter().map(|column| column.min).collect();
    let spare = u32::from(available).saturating_sub(needed(columns, &kept));
    share_out(columns, &kept, &mut widths, spare);
    let mut x = MARGIN;
    let place = |(index, keep): (usize, &bool)| {
        let here = keep.then_some(Place { x, width: widths[index] });
        x = if *keep { x.saturating_add(widths[index] + GAP) } else { x };
        here
    };
    kept.iter().enumerate().map(place).collect()
}

fn needed(columns: &[Column], kept: &[bool]) -> u32 {
    let widths = columns.iter().zip(kept).filter(|(_, keep)| **keep).map(|(column, _)| u32::from(column.min + GAP));
    widths.sum::<u32>().saturating_sub(u32::from(GAP))
}

/// Gives spare cells to the flexible columns by their shares, until all are at their widest.
fn share_out(columns: &[Column], kept: &[bool], widths: &mut [u16], mut spare: u32) {
    loop {
        let hungry: Vec<usize> = (0..columns.len())
            .filter(|index| kept[*index] && columns[*index].flex > 0 && widths[*index] < columns[*index].max)
            .collect();
        let shares: u32 = hungry.iter().map(|index| u32::from(columns[*index].flex)).sum();
        if spare == 0 || shares == 0 {
            return;
        }
        let round = spare;
        for index in hungry {
            let column = &columns[index];
            let share = (round * u32::from(column.flex)).div_ceil(shares).min(spare);
            let given = share.min(u32::from(column.max - widths[index]));
            widths[index] += given as u16;
            spare -= given;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn columns() -> Vec<Column> {
        vec![
            Column::new("NAME").min(8).flex(1).max(20),
            Column::new("IMAGE").min(10).flex(2).priority(3),
            Column::new("STATUS").min(12),
            Column::new("CPU").min(6).right().priority(1),
            Column::new("PORTS").min(8).priority(2),
        ]
    }

    fn widths(width: u16) -> Vec<u16> {
        arrange(&columns(), width).iter().map(|place| place.map_or(0, |place| place.width)).collect()
    }

    #[test]
    fn least_important_columns_go_first() {
        assert_eq!(widths(54), [8, 10, 12, 6, 8]);
        assert_eq!(widths(53)[1], 0);
        assert_eq!(widths(40)[4], 0);
        assert_eq!(widths(26)[3], 0);
        assert_eq!(widths(5)[0], 8);
    }

    #[test]
    fn spare_cells_go_by_share_up_to_the_maximum() {
        assert_eq!(widths(60), [10, 14, 12, 6, 8]);
        assert_eq!(widths(200)[0], 20);
    }

    proptest! {
        #[test]
        fn columns_fill_exactly_and_never_overlap(width in 24u16..400) {
            let places: Vec<Place> = arrange(&columns(), width).into_iter().flatten().collect();
            for pair in places.windows(2) {
                prop_assert!(pair[0].x + pair[0].width + GAP == pair[1].x);
            }
            let last = places.last().unwrap();
            prop_assert!(last.x + last.width <= width);
        }
    }
}
