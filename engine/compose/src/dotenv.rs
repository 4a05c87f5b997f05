//! Files of variables: `.env`, `--env-file` and `env_file` (Compose specification, "env_file format").

use crate::interpolate::Variables;
use std::collections::BTreeMap;

/// Variables in the order of the file; one without a value is to be taken from elsewhere.
pub type Lines = Vec<(String, Option<String>)>;

/// Reads `NAME=VALUE` lines with comments, quotes and `export`; variables in values are those of `outside`, and those that
/// the file has set before. The error names the line.
pub fn parse(text: &str, outside: &Variables) -> Result<Lines, (usize, String)> {
    let mut known = outside.clone();
    let mut lines = Lines::new();
    let mut reader = Reader { rest: text.strip_prefix('\u{feff}').unwrap_or(text), line: 1 };
    while let Some(name) = reader.name()? {
        let value = reader.value(&mut known)?;
        if let Some(value) = &value {
            known.add_missing(BTreeMap::from([(name.clone(), value.clone())]));
        }
        lines.push((name, value));
    }
    Ok(lines)
}

/// Reads `NAME=VALUE` lines as they are: no quotes, no variables (`format: raw`).
pub fn parse_raw(text: &str) -> Result<Lines, (usize, String)> {
    let mut lines = Lines::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=').map_or((line, None), |(name, value)| (name, Some(value.to_owned())));
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err((number + 1, format!("{name:?} is no name of a variable")));
        }
        lines.push((name.to_owned(), value));
    }
    Ok(lines)
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Reader<'a> {
    /// Goes over so many bytes.
    fn skip(&mut self, bytes: usize) -> &'a str {
        let (skipped, rest) = self.rest.split_at(bytes);
        self.line += skipped.matches('\n').count();
        self.rest = rest;
        skipped
    }

    fn line_end(&mut self) -> &'a str {
        let end = self.rest.find('\n').unwrap_or(self.rest.len());
        self.skip(end).trim_end_matches('\r')
    }

    /// The next name; what is behind it is still to be read.
    fn name(&mut self) -> Result<Option<String>, (usize, String)> {
        loop {
            let blank = self.rest.len() - self.rest.trim_start().len();
            self.skip(blank);
            match self.rest.starts_with('#') {
                true => drop(self.line_end()),
                false => break,
            }
        }
        if self.rest.is_empty() {
            return Ok(None);
        }
        if let Some(after) = self.rest.strip_prefix("export").filter(|after| after.starts_with([' ', '\t'])) {
            self.skip(self.rest.len() - after.trim_start_matches([' ', '\t']).len());
        }
        let end = self.rest.find(['=', ':', '\n']).unwrap_or(self.rest.len());
        let name = self.skip(end).trim();
        let is_name = |c: char| c.is_alphanumeric() || "_.-[]".contains(c);
        match !name.is_empty() && name.chars().all(is_name) {
            true => Ok(Some(name.to_owned())),
            false => Err((self.line, format!("{name:?} is no name of a variable"))),
        }
    }

    fn value(&mut self, known: &mut Variables) -> Result<Option<String>, (usize, String)> {
        let line = self.line;
        if self.rest.is_empty() || self.rest.starts_with('\n') {
            return Ok(None);
        }
        self.skip(1);
        let blanks = self.rest.len() - self.rest.trim_start_matches([' ', '\t']).len();
        self.skip(blanks);
        let text = match self.rest.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                self.skip(1);
                let end = closing(self.rest, quote).ok_or((line, format!("a closing {quote} is missing")))?;
                let text = self.skip(end);
                self.skip(1);
                let behind = self.line_end().trim();
                if !(behind.is_empty() || behind.starts_with('#')) {
                    return Err((line, format!("unexpected {behind:?} behind the closing {quote}")));
                }
                if quote == '\'' {
                    return Ok(Some(text.replace("\\'", "'")));
                }
                unescape(text)
            }
            _ => {
                let text = self.line_end();
                let comment = text.match_indices('#').find(|(at, _)| *at == 0 || text[..*at].ends_with([' ', '\t']));
                comment.map_or(text, |(at, _)| &text[..at]).trim_end().to_owned()
            }
        };
        known.substitute(&text).map(Some).map_err(|message| (line, message))
    }
}

/// Where the quote is that closes.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return Some(at),
            _ => {}
        }
    }
    None
}

/// What stands between double quotes; an escaped `$` stays one.
fn unescape(text: &str) -> String {
    let mut result = String::new();
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match (c, if c == '\\' { characters.next() } else { None }) {
            ('\\', Some('n')) => result.push('\n'),
            ('\\', Some('r')) => result.push('\r'),
            ('\\', Some('t')) => result.push('\t'),
            ('\\', Some('$')) => result.push_str("$$"),
            ('\\', Some(c @ ('"' | '\\' | '\''))) => result.push(c),
            ('\\', Some(c)) => result.extend(['\\', c]),
            (c, _) => result.push(c),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, Option<String>)> {
        parse(text, &Variables::new(BTreeMap::from([("OUT".to_owned(), "out".to_owned())]))).unwrap()
    }

    #[test]
    fn values_are_read() {
        for (text, expected) in [
            ("A=1", Some("1")),
            ("A = 1 ", Some("1")),
            ("export A=1", Some("1")),
            ("A: yes", Some("yes")),
            ("A=", Some("")),
            ("A", None),
            ("A=x # comment", Some("x")),
            ("A=x#no", Some("x#no")),
            ("A='a $OUT # b'", Some("a $OUT # b")),
            ("A=\"a $OUT\\n\\$x\" # c", Some("a out\n$x")),
            ("A=\"two\nlines\"", Some("two\nlines")),
            ("A=${OUT}-${NO:-d}", Some("out-d")),
            ("A=$$x", Some("$x")),
            ("# c\n\n  A=1\r\n", Some("1")),
        ] {
            assert_eq!(read(text), [("A".to_owned(), expected.map(str::to_owned))], "{text}");
        }
        let both = read("OUT=mine\nB=$OUT\nC=1\nD=$C");
        assert_eq!(both[1].1.as_deref(), Some("out"), "what is set outside goes before");
        assert_eq!(both[3].1.as_deref(), Some("1"));
    }

    #[test]
    fn mistakes_have_a_line() {
        for (text, line) in [("A=1\nb c=2", 2), ("A='x", 1), ("\n=1", 2), ("A=\"x\" y", 1), ("A=${", 1)] {
            assert_eq!(parse(text, &Variables::default()).unwrap_err().0, line, "{text}");
        }
    }

    #[test]
    fn raw_is_raw() {
        let read = parse_raw("# c\nA='x $Y' #z\nB\n").unwrap();
        assert_eq!(read[0], ("A".to_owned(), Some("'x $Y' #z".to_owned())));
        assert_eq!(read[1], ("B".to_owned(), None));
        assert_eq!(parse_raw("a b=1").unwrap_err().0, 1);
    }
}
