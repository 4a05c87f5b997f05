//! The lines of a file, with their ends.

use std::borrow::Cow;

/// The longest line that is read, in bytes without its end (Go's `bufio.MaxScanTokenSize` less one).
pub const MAX_LINE: usize = 65_535;

/// Gives a file's lines, up to the first that is too long.
pub struct LineReader<'a> {
    rest: &'a [u8],
    /// How many lines were given.
    pub count: usize,
    /// Whether a line was too long to give it and what follows.
    pub too_long: bool,
}

impl<'a> LineReader<'a> {
    /// Reads `file`, without the mark of byte order that it may begin with.
    pub fn new(file: &'a [u8]) -> Self {
        Self { rest: file.strip_prefix("\u{feff}".as_bytes()).unwrap_or(file), count: 0, too_long: false }
    }
}

/// Bytes that are not UTF-8 are replaced, as every reader of the words would do.
impl<'a> Iterator for LineReader<'a> {
    type Item = Cow<'a, str>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() || self.too_long {
            return None;
        }
        let content = self.rest.iter().take(MAX_LINE + 1).position(|byte| *byte == b'\n');
        let length = match content {
            Some(content) => content + 1,
            None if self.rest.len() <= MAX_LINE => self.rest.len(),
            None => {
                self.too_long = true;
                return None;
            }
        };
        let (line, rest) = self.rest.split_at(length);
        self.rest = rest;
        self.count += 1;
        Some(String::from_utf8_lossy(line))
    }
}

/// A line without its end.
pub fn without_end(line: &str) -> &str {
    line.trim_end_matches(['\r', '\n'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_ends() {
        let lines: Vec<_> = LineReader::new("\u{feff}a\r\n\nb".as_bytes()).collect();
        assert_eq!(lines, ["a\r\n", "\n", "b"]);
        assert_eq!(LineReader::new(b"").next(), None);
        assert_eq!(LineReader::new(b"\xff").next().as_deref(), Some("\u{fffd}"));
    }

    #[test]
    fn a_line_that_is_too_long_ends_the_file() {
        for (length, end, fits) in [(MAX_LINE, "\n", true), (MAX_LINE, "", true), (MAX_LINE + 1, "\n", false)] {
            let mut reader = LineReader::new(b"");
            let file = format!("{}{end}", "a".repeat(length));
            reader.rest = file.as_bytes();
            assert_eq!(reader.next().is_some(), fits, "{length} {end:?}");
            assert_eq!(reader.too_long, !fits);
        }
    }
}
