//! Breaking text into lines.

use super::{fit, glyphs, sanitise};

/// The safe text in lines of at most `max` cells, broken at blanks where there are some. At most `lines` of them; the
/// last is cut with `ellipsis` when that is not all.
pub fn wrap(text: &str, max: usize, lines: usize, ellipsis: &str) -> Vec<String> {
    let clean = sanitise(text);
    let mut rest = clean.trim();
    let mut wrapped = Vec::new();
    while !rest.is_empty() && wrapped.len() < lines {
        let last = wrapped.len() + 1 == lines;
        let end = if last { rest.len() } else { break_at(rest, max) };
        wrapped.push(fit(rest[..end].trim_end(), max, ellipsis).into_owned());
        rest = rest[end..].trim_start();
    }
    wrapped
}

/// Where the first line ends, in bytes: at the last blank that leaves it within `max` cells, or within a word that is
/// longer than a line.
fn break_at(text: &str, max: usize) -> usize {
    let (mut used, mut blank) = (0, None);
    for glyph in glyphs(text) {
        if glyph.text == " " {
            blank = Some(glyph.offset);
        }
        used += glyph.width;
        if used > max {
            // A glyph that is wider than the line goes all the same, or nothing ever would.
            let within = if glyph.offset == 0 { glyph.text.len() } else { glyph.offset };
            return blank.unwrap_or(within);
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::super::width;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_break_at_blanks_and_long_words_anywhere() {
        assert_eq!(wrap("run --rm -it lab", 8, 9, "…"), ["run --rm", "-it lab"]);
        assert_eq!(wrap("abcdefghij kl", 4, 9, "…"), ["abcd", "efgh", "ij", "kl"]);
        assert_eq!(wrap("one two three", 5, 2, "…"), ["one", "two …"]);
        assert_eq!(wrap("  ", 5, 2, "…"), [""; 0]);
        assert_eq!(wrap("漢字漢字", 5, 9, "…"), ["漢字", "漢字"]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_no_line_is_too_long(text in "[a-z漢 ]{0,60}", max in 2usize..20) {
            let lines = wrap(&text, max, usize::MAX, "…");
            prop_assert!(lines.iter().all(|line| width(line) <= max), "{lines:?}");
            let joined: String = lines.concat().split_whitespace().collect();
            prop_assert_eq!(joined, text.split_whitespace().collect::<String>());
        }
    }
}
