//! Into which rows a line falls at a width.

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use super::ring::Stored;
use crate::text::{Sgr, Token, tokens};

/// Rows kept for lines that are not plain; more are not worth their memory.
const MAX_CACHED: usize = 1 << 16;

/// Where a row starts, and the colours in force there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Start {
    pub(super) offset: usize,
    pub(super) sgr: Sgr,
}

/// The rows of one line.
#[derive(Debug, Clone)]
pub(super) enum LineRows {
    /// A plain line's rows follow from its length.
    Plain { len: usize, width: usize },
    /// Those of any other line were measured.
    Measured { starts: Rc<[Start]>, len: usize },
}

impl LineRows {
    /// How many there are, at least one.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::Plain { len, width } => len.div_ceil(*width).max(1),
            Self::Measured { starts, .. } => starts.len(),
        }
    }

    /// The bytes of a row, and the colours at its start.
    pub(super) fn row(&self, row: usize) -> (Range<usize>, Sgr) {
        match self {
            Self::Plain { len, width } => (row * width..((row + 1) * width).min(*len), Sgr::default()),
            Self::Measured { starts, len } => {
                let end = starts.get(row + 1).map_or(*len, |next| next.offset);
                (starts[row].offset..end, starts[row].sgr)
            }
        }
    }
}

/// Rows measured at one width; `None` stands for lines that are not wrapped.
#[derive(Debug, Default)]
pub(super) struct RowCache {
    width: Option<usize>,
    measured: HashMap<u64, Rc<[Start]>>,
    rows: usize,
}

impl RowCache {
    /// Forgets what was measured at another width.
    pub(super) fn set_width(&mut self, width: Option<usize>) {
        let width = width.map(|width| width.max(1));
        if self.width != width {
            *self = Self { width, ..Self::default() };
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self { width: self.width, ..Self::default() };
    }

    pub(super) fn rows(&mut self, id: u64, line: &Stored) -> LineRows {
        let len = line.text.len();
        let Some(width) = self.width else {
            return LineRows::Plain { len, width: usize::MAX };
        };
        if line.plain {
            return LineRows::Plain { len, width };
        }
        if self.rows > MAX_CACHED {
            self.clear();
        }
        let starts = self.measured.entry(id).or_insert_with(|| {
            let starts = measure(&line.text, width);
            self.rows += starts.len();
            starts.into()
        });
        LineRows::Measured { starts: Rc::clone(starts), len }
    }
}

/// Breaks a line after as many glyphs as `width` cells hold.
pub(super) fn measure(text: &str, width: usize) -> Vec<Start> {
    let (mut starts, mut sgr, mut used) = (vec![Start::default()], Sgr::default(), 0);
    let mut rest = tokens(text);
    while let Some(token) = rest.next() {
        match token {
            Token::Sgr(parameters) => sgr.apply(parameters),
            Token::Glyph(glyph) if used + glyph.width > width && used > 0 => {
                // A tab is not carried over: the break itself is its white space.
                let tab = text.as_bytes()[glyph.offset] == b'\t';
                let offset = if tab { rest.offset() } else { glyph.offset };
                used = if tab { 0 } else { glyph.width };
                rest.restart(used);
                starts.push(Start { offset, sgr });
            }
            Token::Glyph(glyph) => used += glyph.width,
        }
    }
    starts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::width;

    fn pieces(text: &str, width: usize) -> Vec<&str> {
        let rows = LineRows::Measured { starts: measure(text, width).into(), len: text.len() };
        (0..rows.count()).map(|row| &text[rows.row(row).0]).collect()
    }

    #[test]
    fn lines_break_at_the_width() {
        assert_eq!(pieces("abcdefg", 3), ["abc", "def", "g"]);
        assert_eq!(pieces("漢字漢", 5), ["漢字", "漢"]);
        assert_eq!(pieces("", 5), [""]);
        assert_eq!(pieces("ab\tc", 4), ["ab\t", "c"]);
    }

    #[test]
    fn colours_go_on_in_the_next_row() {
        let starts = measure("ab\x1b[31mcdef", 3);
        assert_eq!(starts.len(), 2);
        assert_eq!(starts[1].sgr.style().fg, Some(ratatui_core::style::Color::Red));
    }

    proptest! {
        #[test]
        fn rows_are_as_wide_as_they_may_and_nothing_is_lost(text in "[a-z漢\\t\\x1b\\[0-9m;é]{0,200}", max in 2usize..40) {
            let rows = pieces(&text, max);
            prop_assert_eq!(rows.concat(), text.clone());
            for row in &rows {
                // A tab at the end of a row may reach beyond it: it is white space.
                prop_assert!(width(row.trim_end_matches('\t')) <= max, "{row:?}");
            }
        }

        #[test]
        fn plain_lines_break_as_measured_ones(text in "[ -~]{0,300}", max in 1usize..50) {
            let plain = LineRows::Plain { len: text.len(), width: max };
            let measured = LineRows::Measured { starts: measure(&text, max).into(), len: text.len() };
            prop_assert_eq!(plain.count(), measured.count());
            for row in 0..plain.count() {
                prop_assert_eq!(plain.row(row).0, measured.row(row).0);
            }
        }
    }
}
