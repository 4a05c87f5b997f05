//! Patterns for paths: Go's `filepath.Match`, and the `**` that ignore files have besides.

use crate::error::{Error, Result};

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// A character.
    Literal(char),
    /// `?`: a character but `/`.
    One,
    /// `*`: any characters but `/`.
    Star,
    /// `**` at the end: any characters.
    Rest,
    /// `**` before something: directories, or nothing.
    Directories,
    /// `[a-z]`, `[^a-z]`.
    Class { negated: bool, ranges: Vec<(char, char)> },
}

/// A pattern for paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    tokens: Vec<Token>,
}

impl Glob {
    /// Reads a pattern of `COPY` and `ADD` (Go's `filepath.Match`).
    pub fn parse(pattern: &str) -> Result<Self> {
        Self::read(pattern, false)
    }

    /// Reads a pattern in which `**` stands for directories.
    pub(crate) fn parse_deep(pattern: &str) -> Result<Self> {
        // What `filepath.Match` would refuse is refused.
        Self::read(pattern, true)
    }

    /// Whether a text has wildcards at all.
    pub fn is_pattern(text: &str) -> bool {
        text.contains(['*', '?', '[', '\\'])
    }

    fn read(pattern: &str, deep: bool) -> Result<Self> {
        let mut tokens = Vec::new();
        let mut rest = pattern.chars().peekable();
        while let Some(character) = rest.next() {
            let token = match character {
                '*' if deep && rest.next_if_eq(&'*').is_some() => {
                    rest.next_if_eq(&'/');
                    if rest.peek().is_some() { Token::Directories } else { Token::Rest }
                }
                '*' => Token::Star,
                '?' => Token::One,
                '[' => class(&mut rest)?,
                '\\' => Token::Literal(rest.next().ok_or_else(bad_pattern)?),
                _ => Token::Literal(character),
            };
            tokens.push(token);
        }
        Ok(Self { tokens })
    }

    /// Whether the pattern takes the whole path. The time it needs is bounded by the product of their lengths.
    pub fn matches(&self, path: &str) -> bool {
        // States: how many tokens are done. A `**` before something has one more, for when it has taken characters.
        let mut states = vec![State::default(); self.tokens.len() + 1];
        let mut next = states.clone();
        states[0].reached = true;
        self.pass_empty(&mut states);
        for character in path.chars() {
            next.fill(State::default());
            for (index, token) in self.tokens.iter().enumerate() {
                self.step(token, index, states[index], character, &mut next);
            }
            self.pass_empty(&mut next);
            std::mem::swap(&mut states, &mut next);
        }
        states[self.tokens.len()].reached
    }

    fn step(&self, token: &Token, index: usize, state: State, character: char, next: &mut [State]) {
        let is_slash = character == '/';
        match token {
            Token::Directories if state.reached || state.within => {
                next[index].within = true;
                next[index + 1].reached |= is_slash;
            }
            _ if !state.reached => {}
            Token::Literal(literal) => next[index + 1].reached |= *literal == character,
            Token::One => next[index + 1].reached |= !is_slash,
            Token::Star => next[index].reached |= !is_slash,
            Token::Rest => next[index].reached = true,
            Token::Directories => {}
            Token::Class { negated, ranges } => {
                let is_in = ranges.iter().any(|(low, high)| (*low..=*high).contains(&character));
                next[index + 1].reached |= is_in != *negated;
            }
        }
    }

    /// Passes over tokens that may take nothing.
    fn pass_empty(&self, states: &mut [State]) {
        for (index, token) in self.tokens.iter().enumerate() {
            let may_be_empty = matches!(token, Token::Star | Token::Rest | Token::Directories);
            states[index + 1].reached |= states[index].reached && may_be_empty;
        }
    }
}

/// How far a match may have come.
#[derive(Debug, Clone, Copy, Default)]
struct State {
    /// The token is next.
    reached: bool,
    /// The token, a `**`, has taken a part of a directory's name.
    within: bool,
}

fn bad_pattern() -> Error {
    Error::new("syntax error in pattern")
}

/// What follows a `[`, up to the `]`.
fn class(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Token> {
    let negated = rest.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    while ranges.is_empty() || rest.next_if_eq(&']').is_none() {
        let low = class_character(rest)?;
        let high = match rest.next_if_eq(&'-') {
            Some(_) => class_character(rest)?,
            None => low,
        };
        if rest.peek().is_none() {
            return Err(bad_pattern());
        }
        ranges.push((low, high));
    }
    Ok(Token::Class { negated, ranges })
}

fn class_character(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<char> {
    match rest.next() {
        Some('\\') => rest.next().ok_or_else(bad_pattern),
        None | Some('-' | ']') => Err(bad_pattern()),
        Some(character) => Ok(character),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_as_go_does() {
        let cases = [
            ("abc", "abc", true),
            ("*c", "abc", true),
            ("a*", "ab/c", false),
            ("a*/b", "abc/b", true),
            ("a*/b", "a/c/b", false),
            ("a*b*c*d*e*/f", "axbxcxdxexxx/f", true),
            ("a*b*c*d*e*/f", "axbxcxdxexxx/fff", false),
            ("a*b?c*x", "abxbbxdbxebxczzx", true),
            ("a*b?c*x", "abxbbxdbxebxczzy", false),
            ("ab[b-d]", "abc", true),
            ("ab[^b-d]", "abc", false),
            ("a\\*b", "a*b", true),
            ("a\\*b", "ab", false),
            ("a?b", "a☺b", true),
            ("a[^a]b", "a☺b", true),
            ("a???b", "a☺b", false),
            ("[a-ζ]*", "α", true),
            ("*[a-ζ]", "A", false),
            ("a?b", "a/b", false),
            ("a*b", "a/b", false),
            ("[\\]a]", "]", true),
            ("[x\\-]", "-", true),
            ("[\\-x]", "a", false),
            ("*x", "xxx", true),
            ("**", "a/b", false),
            ("", "", true),
        ];
        for (pattern, path, expected) in cases {
            assert_eq!(Glob::parse(pattern).unwrap().matches(path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn refuses_as_go_does() {
        for pattern in ["[]a]", "[-]", "[x-]", "[-x]", "\\", "[a-b-c]", "[", "[^", "[^bc", "a[", "a[\\"] {
            assert_eq!(Glob::parse(pattern).unwrap_err().message(), "syntax error in pattern", "{pattern}");
        }
    }
}
