//! Finding text: a substring, case ignored unless the pattern has a capital.

use std::ops::Range;

use memchr::{memchr_iter, memchr2_iter};

use crate::text::{glyphs, is_plain, sanitise};

/// What to find. Case is folded for ASCII letters only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    needle: Box<str>,
    exact: bool,
}

impl Pattern {
    /// `None` when there is nothing to find.
    pub(crate) fn new(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self { needle: text.into(), exact: text.chars().any(char::is_uppercase) })
    }

    pub(crate) fn text(&self) -> &str {
        &self.needle
    }

    /// Whether the text, as it is drawn, has the pattern.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        self.find(&sanitise(text)).is_some()
    }

    /// The same of a text that is known to be plain.
    pub(crate) fn is_in_plain(&self, text: &str) -> bool {
        self.find(text).is_some()
    }

    fn find(&self, text: &str) -> Option<usize> {
        let (text, needle) = (text.as_bytes(), self.needle.as_bytes());
        let (low, high) = (needle[0].to_ascii_lowercase(), needle[0].to_ascii_uppercase());
        let here = |at: &usize| {
            text.get(*at..*at + needle.len())
                .is_some_and(|part| if self.exact { part == needle } else { part.eq_ignore_ascii_case(needle) })
        };
        if self.exact || low == high {
            memchr_iter(needle[0], text).find(here)
        } else {
            memchr2_iter(low, high, text).find(here)
        }
    }

    /// Where the pattern is drawn: byte ranges of `text`, which may hold escape sequences.
    pub(crate) fn ranges(&self, text: &str) -> Vec<Range<usize>> {
        if is_plain(text.as_bytes()) {
            return self.all(text);
        }
        let (mut clean, mut sources) = (String::new(), Vec::new());
        for glyph in glyphs(text) {
            clean.push_str(glyph.text);
            sources.resize(clean.len(), glyph.offset);
        }
        sources.push(text.len());
        self.all(&clean).into_iter().map(|range| sources[range.start]..sources[range.end]).collect()
    }

    fn all(&self, text: &str) -> Vec<Range<usize>> {
        let (mut ranges, mut from) = (Vec::new(), 0);
        while let Some(at) = text.get(from..).and_then(|rest| self.find(rest)) {
            let end = from + at + self.needle.len();
            ranges.push(from + at..end);
            from = end;
        }
        ranges
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(pattern: &str, text: &str) -> Vec<(usize, usize)> {
        let ranges = Pattern::new(pattern).unwrap().ranges(text);
        ranges.into_iter().map(|range| (range.start, range.end)).collect()
    }

    #[test]
    fn case_matters_only_with_a_capital() {
        assert_eq!(ranges("get", "GET get Get"), [(0, 3), (4, 7), (8, 11)]);
        assert_eq!(ranges("Get", "GET get Get"), [(8, 11)]);
        assert_eq!(ranges("404", "a 404404"), [(2, 5), (5, 8)]);
        assert_eq!(Pattern::new(""), None);
    }

    #[test]
    fn escape_sequences_do_not_hide_a_match() {
        assert_eq!(ranges("error", "an \x1b[31mer\x1b[0mror here"), [(8, 17)]);
        assert!(ranges("31m", "\x1b[31mx").is_empty());
    }

    #[test]
    fn other_alphabets_are_found() {
        assert_eq!(ranges("字", "漢字漢字"), [(3, 6), (9, 12)]);
        assert_eq!(ranges("ü", "über ü"), [(0, 2), (6, 8)]);
    }
}
