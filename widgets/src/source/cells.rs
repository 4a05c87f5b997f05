//! The cells of a line of source text: every character has one, so that all that can be edited is seen.

use crate::text::{Glyph, Token, is_plain, tokens};

/// Characters that open escape sequences, which other text hides (ECMA-48).
fn opens_sequence(c: char) -> bool {
    matches!(c, '\x1b' | '\u{90}' | '\u{98}' | '\u{9b}' | '\u{9d}'..='\u{9f}')
}

/// The glyphs of a line, an escape character being one of them.
pub(super) fn cells(line: &str) -> impl Iterator<Item = Glyph<'_>> {
    let (mut start, mut column) = (0, 0);
    let mut piece = tokens(&line[..end_of_piece(line, 0)]);
    std::iter::from_fn(move || {
        loop {
            match piece.next() {
                Some(Token::Glyph(glyph)) => {
                    column += glyph.width;
                    return Some(Glyph { offset: start + glyph.offset, ..glyph });
                }
                Some(Token::Sgr(_)) => {}
                None => {
                    start += piece.offset();
                    let c = line[start..].chars().next()?;
                    // The piece ended before a character that opens a sequence.
                    let shown = Glyph { text: "\u{fffd}", width: 1, offset: start };
                    start += c.len_utf8();
                    piece = tokens(&line[start..end_of_piece(line, start)]);
                    column += 1;
                    piece.restart(column);
                    return Some(shown);
                }
            }
        }
    })
}

fn end_of_piece(line: &str, start: usize) -> usize {
    line[start..].find(opens_sequence).map_or(line.len(), |len| start + len)
}

/// The byte at which a line's character `index` begins.
pub(super) fn byte_of(line: &str, index: usize) -> usize {
    if line.is_ascii() {
        return index.min(line.len());
    }
    line.char_indices().nth(index).map_or(line.len(), |(byte, _)| byte)
}

/// The column of the cell that a byte of a line is drawn in.
pub(super) fn column_of(line: &str, byte: usize) -> usize {
    if is_plain(line.as_bytes()) {
        return byte.min(line.len());
    }
    // A character without a cell of its own lies in the one before the next.
    cells(line).take_while(|glyph| glyph.offset < byte).map(|glyph| glyph.width).sum()
}

/// The character whose cell is at a column, or the end of the line.
pub(super) fn index_at(line: &str, column: usize) -> usize {
    if is_plain(line.as_bytes()) {
        return column.min(line.len());
    }
    let mut used = 0;
    let over = cells(line).find(|glyph| {
        used += glyph.width;
        used > column
    });
    let byte = over.map_or(line.len(), |glyph| glyph.offset);
    line[..byte].chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escape_characters_have_a_cell_and_hide_nothing() {
        let shown: String = cells("a\x1b[31mb\u{9b}0m\tc").map(|glyph| glyph.text).collect();
        assert_eq!(shown, "a\u{fffd}[31mb\u{fffd}0m      c");
        assert_eq!(column_of("a\tb漢c", 6), 11);
        assert_eq!(index_at("a\tb漢c", 10), 3);
        assert_eq!(index_at("a\tb漢c", 99), 5);
    }

    proptest! {
        #[test]
        fn every_cell_leads_back_to_its_character(line in "[a-z\\t\\x1b\\x07\u{9b}\\[31m漢é]{0,60}") {
            for (index, (byte, _)) in line.char_indices().enumerate() {
                prop_assert_eq!(byte_of(&line, index), byte);
                prop_assert_eq!(index_at(&line, column_of(&line, byte)), index);
            }
        }
    }
}
