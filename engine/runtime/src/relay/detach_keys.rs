//! The keys that leave a terminal without ending what runs in it, as Docker's `--detach-keys` writes them.

use std::str::FromStr;

/// A sequence of keys, by the bytes that a terminal sends for them. An empty one is never typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DetachKeys(Vec<u8>);

/// A sequence that cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("detach key {0:?} is unknown: give single characters or ctrl-@ to ctrl-_ (ctrl-a …), separated by commas")]
pub struct InvalidDetachKeys(String);

impl Default for DetachKeys {
    /// Ctrl-P, Ctrl-Q.
    fn default() -> Self {
        Self(vec![0x10, 0x11])
    }
}

impl FromStr for DetachKeys {
    type Err = InvalidDetachKeys;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let keys = text.split(',').map(|key| key_byte(key).ok_or_else(|| InvalidDetachKeys(key.to_owned())));
        keys.collect::<Result<_, _>>().map(Self)
    }
}

fn key_byte(key: &str) -> Option<u8> {
    let control = key.get(..5).filter(|prefix| prefix.eq_ignore_ascii_case("ctrl-"));
    match (control, key.as_bytes()) {
        (Some(_), &[.., letter]) if key.len() == 6 => {
            let letter = letter.to_ascii_uppercase();
            (b'@'..=b'_').contains(&letter).then_some(letter & 0x1f)
        }
        (None, &[byte]) if byte.is_ascii() => Some(byte),
        _ => None,
    }
}

/// What came of some input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// It goes on.
    On,
    /// The sequence is complete.
    Detach,
}

/// Looks for the sequence in what is typed.
pub(super) struct Matcher<'a> {
    keys: &'a [u8],
    matched: usize,
}

impl<'a> Matcher<'a> {
    pub(super) fn new(keys: &'a DetachKeys) -> Self {
        Self { keys: &keys.0, matched: 0 }
    }

    /// Takes input in and gives out what is no part of the sequence. A beginning of it is held back until it is clear
    /// that it was none.
    pub(super) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Typed {
        if self.keys.is_empty() {
            out.extend_from_slice(bytes);
            return Typed::On;
        }
        for &byte in bytes {
            while self.matched > 0 && self.keys[self.matched] != byte {
                let shorter = self.fallback();
                out.extend_from_slice(&self.keys[..self.matched - shorter]);
                self.matched = shorter;
            }
            match self.keys[self.matched] == byte {
                true => self.matched += 1,
                false => out.push(byte),
            }
            if self.matched == self.keys.len() {
                self.matched = 0;
                return Typed::Detach;
            }
        }
        Typed::On
    }

    /// The longest shorter beginning of the sequence that what is matched ends with.
    fn fallback(&self) -> usize {
        let matched = &self.keys[..self.matched];
        (0..self.matched).rev().find(|&length| matched.ends_with(&self.keys[..length])).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys(text: &str) -> DetachKeys {
        text.parse().expect("valid")
    }

    fn typed(keys: &DetachKeys, input: &[u8], step: usize) -> (Vec<u8>, Typed) {
        let (mut matcher, mut out) = (Matcher::new(keys), Vec::new());
        for chunk in input.chunks(step) {
            if matcher.push(chunk, &mut out) == Typed::Detach {
                return (out, Typed::Detach);
            }
        }
        (out, Typed::On)
    }

    #[test]
    fn reads_dockers_notation() {
        assert_eq!(keys("ctrl-p,ctrl-q"), DetachKeys::default());
        assert_eq!(
            keys("ctrl-@,ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_,CTRL-a,a,Z").0,
            [0, 27, 28, 29, 30, 31, 1, b'a', b'Z']
        );
        assert!(keys("").0.is_empty());
        for wrong in ["ctrl-", "ctrl-1", "ab", "a,,b", "ctrl-ab", "é", "ctrl-é"] {
            assert!(wrong.parse::<DetachKeys>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_beginning_that_was_none_is_passed_on() {
        let default = DetachKeys::default();
        assert_eq!(typed(&default, b"ls\x10x", 1), (b"ls\x10x".to_vec(), Typed::On));
        assert_eq!(typed(&default, b"a\x10\x10\x11rest", 2), (b"a\x10".to_vec(), Typed::Detach));
        assert_eq!(typed(&keys("a,a,b"), b"aaab", 1), (b"a".to_vec(), Typed::Detach));
        assert_eq!(typed(&keys(""), b"\x10\x11", 1), (b"\x10\x11".to_vec(), Typed::On));
    }

    proptest! {
        #[test]
        fn detaches_exactly_where_the_sequence_first_ends(pattern in "[ab]{1,4}", input in "[abc]{0,24}", step in 1usize..5) {
            let keys = DetachKeys(pattern.clone().into_bytes());
            let (out, end) = typed(&keys, input.as_bytes(), step);
            match input.find(&pattern) {
                Some(at) => prop_assert_eq!((out, end), (input.as_bytes()[..at].to_vec(), Typed::Detach)),
                None => {
                    prop_assert_eq!(end, Typed::On);
                    prop_assert!(input.as_bytes().starts_with(&out) && input.len() - out.len() < pattern.len());
                }
            }
        }
    }
}
