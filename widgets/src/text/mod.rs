//! The one way by which text from outside reaches a cell.
//!
//! Names, logs, packets and titles come from strangers. [`glyphs`] cuts any text into [`Glyph`]s that are safe to
//! draw: no control character, no escape sequence, no bidirectional override, no invisible character, and a width
//! that the terminal agrees with. [`put`] draws them; nothing in this crate writes to a cell in any other way.

mod ansi;
mod fit;
mod put;
mod rows;
mod scan;
mod wrap;

pub use ansi::{Sgr, styled};
pub use fit::{fit, fit_first_facts, fit_last_facts, fit_middle, width};
pub(crate) use put::put_glyph;
pub use put::{put, put_right, put_spans};
pub use rows::rows;
pub use scan::{Glyph, Token, glyphs, tokens};
pub use wrap::wrap;

use std::borrow::Cow;

/// The text as it would be drawn: escape sequences removed, tabs expanded, control and bidirectional characters
/// shown as `�`, invisible characters dropped. Borrowed when there was nothing to do.
pub fn sanitise(text: &str) -> Cow<'_, str> {
    if is_plain(text.as_bytes()) {
        return Cow::Borrowed(text);
    }
    let (mut clean, mut rest) = (String::with_capacity(text.len()), tokens(text));
    loop {
        if let Some(run) = rest.plain_run() {
            clean.push_str(run);
        }
        match rest.next() {
            Some(Token::Glyph(glyph)) => clean.push_str(glyph.text),
            Some(Token::Sgr(_)) => {}
            None => return Cow::Owned(clean),
        }
    }
}

/// Whether every byte is printable ASCII, so that bytes, characters and cells are the same thing.
pub fn is_plain(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| (0x20..0x7f).contains(byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hostile_text_is_made_safe() {
        assert_eq!(sanitise("plain"), "plain");
        assert_eq!(sanitise("a\x1b[31mred\x1b[0m"), "ared");
        assert_eq!(sanitise("t\x1b]0;title\x07x\x1b]52;c;aGk=\x1b\\y"), "txy");
        assert_eq!(sanitise("\u{9b}31mC1"), "C1");
        assert_eq!(sanitise("bell\x07 del\x7f nul\0"), "bell� del� nul�");
        assert_eq!(sanitise("gpj.\u{202e}exe"), "gpj.�exe");
        assert_eq!(sanitise("zero\u{200b}width\u{feff}"), "zerowidth");
        assert_eq!(sanitise("heart \u{2764}\u{fe0f}"), "heart \u{2764}");
        assert_eq!(sanitise("a\tb"), "a       b");
        assert_eq!(sanitise("e\u{301}"), "e\u{301}");
    }

    #[test]
    fn an_unfinished_sequence_hides_nothing() {
        assert_eq!(sanitise("\x1b]0;still here"), "�]0;still here");
        assert_eq!(sanitise("\x1b[12"), "�[12");
        assert_eq!(sanitise("end\x1b"), "end�");
    }

    fn forbidden(c: char) -> bool {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fe0f}')
    }

    proptest! {
        #[test]
        fn nothing_forbidden_ever_comes_out(text in any::<String>(), tail in "[\\x00-\\x20\\x7f-\\x9f\\[\\];m0-9\\u{200b}-\\u{206f}]{0,40}") {
            let text = text + &tail;
            prop_assert!(!sanitise(&text).chars().any(forbidden));
        }

        #[test]
        fn sanitising_twice_changes_nothing(text in any::<String>()) {
            let once = sanitise(&text).into_owned();
            prop_assert_eq!(sanitise(&once).into_owned(), once);
        }

        #[test]
        fn runs_and_glyphs_agree(text in any::<String>(), tail in "[a-z \\t\\x1b\\[31me\u{301}漢]{0,40}") {
            let text = text + &tail;
            let slowly: String = glyphs(&text).map(|glyph| glyph.text).collect();
            prop_assert_eq!(sanitise(&text), slowly);
        }

        #[test]
        fn the_width_is_the_sum_of_the_glyphs(text in any::<String>()) {
            prop_assert_eq!(width(&text), glyphs(&text).map(|glyph| glyph.width).sum::<usize>());
        }
    }
}
