//! The patterns of `${name#pattern}`, `${name%pattern}` and `${name/pattern/replacement}`: `*`, `?` and escapes,
//! but no brackets (POSIX.1-2017, Shell Command Language, 2.13, as BuildKit cuts it down).

use super::LexError;

/// How much a `*` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Greed {
    /// As little as it can.
    Shortest,
    /// As much as it can.
    Longest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Symbol {
    Exactly(char),
    Anything,
}

impl Symbol {
    /// Neither `?` nor `*` takes a line's end.
    fn takes(self, character: char) -> bool {
        match self {
            Self::Exactly(expected) => expected == character,
            Self::Anything => character != '\n',
        }
    }
}

/// A pattern: pieces between which a `*` stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    pieces: Vec<Vec<Symbol>>,
}

impl Pattern {
    /// Reads a pattern. `\}` and `\/` are how these are written within `${}`, and mean themselves.
    pub fn parse(text: &str) -> Result<Self, LexError> {
        let invalid = |escaped: Option<char>| LexError::Pattern {
            pattern: text.to_owned(),
            escaped: escaped.unwrap_or(char::REPLACEMENT_CHARACTER),
        };
        let mut pieces = vec![Vec::new()];
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            let symbol = match character {
                '*' => {
                    pieces.push(Vec::new());
                    continue;
                }
                '?' => Symbol::Anything,
                '\\' => match characters.next() {
                    Some(escaped @ ('}' | '/' | '*' | '?' | '\\')) => Symbol::Exactly(escaped),
                    other => return Err(invalid(other)),
                },
                _ => Symbol::Exactly(character),
            };
            if let Some(piece) = pieces.last_mut() {
                piece.push(symbol);
            }
        }
        Ok(Self { pieces })
    }

    /// `value` without what the pattern takes of its beginning.
    pub fn trim_start(&self, value: &str, greed: Greed) -> String {
        let value: Vec<char> = value.chars().collect();
        let end = self.end_of_match(&value, 0, greed).unwrap_or(0);
        value[end..].iter().collect()
    }

    /// `value` without what the pattern takes of its end.
    pub fn trim_end(&self, value: &str, greed: Greed) -> String {
        let backwards: Vec<char> = value.chars().rev().collect();
        let end = self.reversed().end_of_match(&backwards, 0, greed).unwrap_or(0);
        backwards[end..].iter().rev().collect()
    }

    /// `value` with the first place that the pattern takes replaced.
    pub fn replace_first(&self, value: &str, replacement: &str) -> String {
        let value: Vec<char> = value.chars().collect();
        match self.find(&value, 0) {
            Some((start, end)) => {
                let before = value[..start].iter().copied();
                before.chain(replacement.chars()).chain(value[end..].iter().copied()).collect()
            }
            None => value.into_iter().collect(),
        }
    }

    /// `value` with every place that the pattern takes replaced. An empty match next to the one before is none, as in
    /// Go's `Regexp.ReplaceAllString`, whose templates (`$0`, `$$`) the replacement may use.
    pub fn replace_all(&self, value: &str, replacement: &str) -> String {
        let value: Vec<char> = value.chars().collect();
        let mut replaced = String::new();
        let (mut done, mut search) = (0, 0);
        while let Some((start, end)) = self.find(&value, search) {
            replaced.extend(&value[done..start]);
            if end > done || start == 0 {
                push_template(&mut replaced, replacement, &value[start..end]);
            }
            done = end;
            search = end.max(search + 1);
            if search > value.len() || replaced.len() > super::MAX_EXPANSION {
                break;
            }
        }
        replaced.extend(&value[done..]);
        replaced
    }

    fn reversed(&self) -> Self {
        let reverse = |piece: &Vec<Symbol>| piece.iter().rev().copied().collect();
        Self { pieces: self.pieces.iter().rev().map(reverse).collect() }
    }

    /// The leftmost, then longest, match from `from` on.
    fn find(&self, value: &[char], from: usize) -> Option<(usize, usize)> {
        let first = self.pieces.first()?;
        for start in from..=value.len() {
            if !fits(first, value, start) {
                continue;
            }
            if let Some(end) = self.end_of_match(value, start, Greed::Longest) {
                return Some((start, end));
            }
            // What is not found after an earlier start is not found after a later one of the same line either.
            if !value.contains(&'\n') {
                return None;
            }
        }
        None
    }

    /// Where a match that begins at `start` ends. Each piece but the last is best taken as early as possible.
    fn end_of_match(&self, value: &[char], start: usize, greed: Greed) -> Option<usize> {
        let (first, rest) = self.pieces.split_first()?;
        if !fits(first, value, start) {
            return None;
        }
        let mut end = start + first.len();
        for (index, piece) in rest.iter().enumerate() {
            let is_last = index + 1 == rest.len();
            let line_end =
                value[end..].iter().position(|character| *character == '\n').map_or(value.len(), |at| end + at);
            let mut places = (end..=line_end).filter(|place| fits(piece, value, *place));
            let place = match greed {
                Greed::Longest if is_last => places.next_back(),
                _ => places.next(),
            };
            end = place? + piece.len();
        }
        Some(end)
    }
}

fn fits(piece: &[Symbol], value: &[char], at: usize) -> bool {
    value.get(at..at + piece.len()).is_some_and(|part| piece.iter().zip(part).all(|(symbol, c)| symbol.takes(*c)))
}

/// Appends `template` as Go's `Regexp.Expand` reads it: `$0` is what was found, `$$` a dollar, any other name nothing.
fn push_template(replaced: &mut String, template: &str, found: &[char]) {
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        replaced.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            replaced.push('$');
            rest = after;
            continue;
        }
        let is_name = |c: char| c.is_alphanumeric() || c == '_';
        let name = match after.strip_prefix('{') {
            Some(inner) => inner.split_once('}').filter(|(name, _)| !name.is_empty() && name.chars().all(is_name)),
            None => Some(after.split_at(after.find(|c| !is_name(c)).unwrap_or(after.len()))),
        };
        match name.filter(|(name, _)| !name.is_empty()) {
            Some(("0", tail)) => {
                replaced.extend(found);
                rest = tail;
            }
            Some((_, tail)) => rest = tail,
            None => {
                replaced.push('$');
                rest = after;
            }
        }
    }
    replaced.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap()
    }

    #[test]
    fn takes_the_shortest_or_the_longest() {
        let value = "a.b.tar.gz";
        assert_eq!(pattern("*.").trim_start(value, Greed::Shortest), "b.tar.gz");
        assert_eq!(pattern("*.").trim_start(value, Greed::Longest), "gz");
        assert_eq!(pattern(".*").trim_end(value, Greed::Shortest), "a.b.tar");
        assert_eq!(pattern(".*").trim_end(value, Greed::Longest), "a");
        assert_eq!(pattern("*").trim_start(value, Greed::Shortest), value);
        assert_eq!(pattern("*").trim_start(value, Greed::Longest), "");
        assert_eq!(pattern("?").trim_end("한국", Greed::Longest), "한");
        assert_eq!(pattern("\\*").trim_start("*x", Greed::Shortest), "x");
        assert_eq!(pattern("*x*y").trim_start("xxyy", Greed::Shortest), "y");
    }

    #[test]
    fn a_star_stays_within_its_line() {
        assert_eq!(pattern("*").trim_start("a\nb", Greed::Longest), "\nb");
        assert_eq!(pattern("?").trim_start("\n", Greed::Longest), "\n");
        assert_eq!(pattern("b*d").replace_first("ab\nbcd", "_"), "ab\n_");
    }

    #[test]
    fn replaces_one_or_all() {
        assert_eq!(pattern("/?/").replace_first("/a/foo/b/c", "/"), "/foo/b/c");
        assert_eq!(pattern("/?/").replace_all("/a/foo/b/c", "/"), "/foo/c");
        assert_eq!(pattern("").replace_first("xy", "w"), "wxy");
        assert_eq!(pattern("").replace_all("xy", "w"), "wxwyw");
        assert_eq!(pattern("*").replace_all("xy", "w"), "w");
        assert_eq!(pattern("x").replace_all("xx", "[$0$$$name${0}$-]"), "[x$x$-][x$x$-]");
    }

    #[test]
    fn refuses_escapes_of_nothing_special() {
        for text in ["\\", "\\x", "\\\\\\"] {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
    }
}
