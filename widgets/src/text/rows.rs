//! Breaking text into rows without changing it.

use super::glyphs;

/// The safe text in rows of at most `width` cells: broken at its own line breaks and wherever a row is full, blanks and all,
/// so that it can be read exactly. Rows are made one by one, so whoever shows a few of a long text pays for those.
pub fn rows(text: &str, width: usize) -> impl Iterator<Item = String> {
    text.lines().flat_map(move |line| {
        let mut glyphs = glyphs(line).peekable();
        let mut begun = false;
        std::iter::from_fn(move || {
            if begun && glyphs.peek().is_none() {
                return None;
            }
            begun = true;
            let (mut row, mut used) = (String::new(), 0);
            while let Some(glyph) = glyphs.next_if(|glyph| used == 0 || used + glyph.width <= width) {
                row.push_str(glyph.text);
                used += glyph.width;
            }
            Some(row)
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::{sanitise, width};

    #[test]
    fn text_breaks_at_its_own_breaks_and_at_the_width() {
        assert_eq!(rows("abcdefg\n\nh", 3).collect::<Vec<_>>(), ["abc", "def", "g", "", "h"]);
        assert_eq!(rows("漢字漢", 5).collect::<Vec<_>>(), ["漢字", "漢"]);
        assert_eq!(rows("a\x1b[31mb\u{202e}", 9).collect::<Vec<_>>(), ["ab\u{fffd}"]);
        assert_eq!(rows("", 9).count(), 0);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_too_wide(text in "[a-z漢\\x1b\\[0-9m;é\\n]{0,200}", max in 2usize..40) {
            let whole: String = text.lines().map(|line| sanitise(line).into_owned()).collect();
            let rows: Vec<String> = rows(&text, max).collect();
            prop_assert_eq!(rows.concat(), whole);
            prop_assert!(rows.iter().all(|row| width(row) <= max));
        }
    }
}
