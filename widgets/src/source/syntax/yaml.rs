//! The parts of YAML (<https://yaml.org/spec/1.2.2/>), as far as lines tell them.

use super::{Ink, Span, with_variables};

/// What the lines so far leave open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Open {
    scalar: Option<Scalar>,
    /// How many lists and mappings within brackets are open.
    flow: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Scalar {
    /// `|` or `>`: all lines that are blank or stand further to the right than this column.
    Block(Option<usize>),
    /// A quoted text without its end.
    Quoted(char),
}

/// A line that is read.
struct Line<'a> {
    text: &'a str,
    at: usize,
    spans: Vec<Span>,
    /// The column of the innermost list or mapping that the line goes on with.
    column: Option<usize>,
}

impl Open {
    pub(super) fn line(&mut self, text: &str) -> Vec<Span> {
        let start = text.len() - text.trim_start_matches(' ').len();
        let mut line = Line { text, at: start, spans: Vec::new(), column: None };
        match self.scalar.take() {
            Some(Scalar::Block(column)) if text.trim().is_empty() || column.is_none_or(|column| start > column) => {
                self.scalar = Some(Scalar::Block(column));
                with_variables(&mut line.spans, text, start..text.len(), Some(Ink::Text), None);
                return line.spans;
            }
            Some(Scalar::Quoted(quote)) => {
                line.at = 0;
                self.quoted(&mut line, 0, quote);
            }
            _ if text.starts_with("---") || text.starts_with("...") => {
                line.add(3, Ink::Keyword);
                self.flow = 0;
            }
            _ if text.starts_with('%') => line.add(text.len(), Ink::Comment),
            _ => {}
        }
        while line.at < text.len() {
            self.token(&mut line);
        }
        line.spans
    }

    fn token(&mut self, line: &mut Line<'_>) {
        let rest = &line.text[line.at..];
        let blank = rest.len() - rest.trim_start().len();
        let mut chars = rest.chars();
        let (first, second) = (chars.next().unwrap_or(' '), chars.next());
        let alone = second.is_none_or(char::is_whitespace);
        match first {
            _ if blank > 0 => line.at += blank,
            '#' if line.at == 0 || line.text[..line.at].ends_with(char::is_whitespace) => {
                line.add(rest.len(), Ink::Comment)
            }
            '-' | '?' | ':' if alone => {
                if first != ':' {
                    line.column = Some(line.at);
                }
                line.add(1, Ink::Punctuation);
            }
            '[' | '{' => {
                self.flow += 1;
                line.add(1, Ink::Punctuation);
            }
            ']' | '}' | ',' if self.flow > 0 => {
                self.flow -= usize::from(first != ',');
                line.add(1, Ink::Punctuation);
            }
            '&' | '*' | '!' => {
                let len = rest.find(|c: char| c.is_whitespace() || self.is_flow(c)).unwrap_or(rest.len());
                line.add(len, if first == '!' { Ink::Keyword } else { Ink::Variable });
            }
            '|' | '>' if self.flow == 0 && is_block(rest) => {
                self.scalar = Some(Scalar::Block(line.column));
                let len = rest.find(char::is_whitespace).unwrap_or(rest.len());
                line.add(len, Ink::Punctuation);
            }
            '"' | '\'' => {
                let start = line.at;
                line.at += 1;
                self.quoted(line, start, first);
            }
            _ => self.plain(line),
        }
    }

    fn is_flow(&self, c: char) -> bool {
        self.flow > 0 && matches!(c, ',' | ']' | '}' | '[' | '{')
    }

    /// A quoted text whose inside goes on at `line.at`; it is a key if a colon follows.
    fn quoted(&mut self, line: &mut Line<'_>, start: usize, quote: char) {
        let rest = &line.text[line.at..];
        let (mut end, mut chars) = (None, rest.char_indices().peekable());
        while let Some((at, c)) = chars.next() {
            let twice = quote == '\'' && c == '\'' && chars.peek().is_some_and(|(_, next)| *next == '\'');
            if twice || (quote == '"' && c == '\\') {
                chars.next();
            } else if c == quote {
                end = Some(line.at + at + 1);
                break;
            }
        }
        let Some(end) = end else {
            self.scalar = Some(Scalar::Quoted(quote));
            line.at = line.text.len();
            with_variables(&mut line.spans, line.text, start..line.at, Some(Ink::Text), None);
            return;
        };
        line.at = end;
        if line.text[end..].trim_start().starts_with(':') {
            line.column = Some(start);
            line.spans.push((start..end, Ink::Name));
        } else {
            with_variables(&mut line.spans, line.text, start..end, Some(Ink::Text), None);
        }
    }

    /// A key, or a value without quotes.
    fn plain(&mut self, line: &mut Line<'_>) {
        let (start, rest) = (line.at, &line.text[line.at..]);
        let ends = |at: usize| rest[at..].chars().next().is_none_or(|c| c.is_whitespace() || self.is_flow(c));
        let end = rest.char_indices().skip(1).find(|(at, c)| match c {
            ':' => ends(at + 1),
            '#' => rest[..*at].ends_with(char::is_whitespace),
            c => self.is_flow(*c),
        });
        let is_key = matches!(end, Some((_, ':')));
        let len = rest[..end.map_or(rest.len(), |(at, _)| at)].trim_end().len();
        let word = &rest[..len];
        line.at = start + len;
        if is_key {
            line.column = Some(start);
            line.spans.push((start..line.at, if word == "<<" { Ink::Keyword } else { Ink::Name }));
            let colon = line.at + line.text[line.at..].find(':').unwrap_or(0);
            line.spans.push((colon..colon + 1, Ink::Punctuation));
            line.at = colon + 1;
            return;
        }
        let ink = match word {
            "true" | "false" | "null" | "~" | "True" | "False" | "yes" | "no" | "on" | "off" => Some(Ink::Word),
            _ => word.parse::<f64>().ok().filter(|_| word.starts_with(is_numeric)).map(|_| Ink::Number),
        };
        with_variables(&mut line.spans, line.text, start..line.at, ink, None);
    }
}

impl Line<'_> {
    fn add(&mut self, len: usize, ink: Ink) {
        self.spans.push((self.at..self.at + len, ink));
        self.at += len;
    }
}

fn is_numeric(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '-' | '+' | '.')
}

/// Whether this opens a block: `|`, `>-`, `|2+`, and nothing but a comment behind it.
fn is_block(rest: &str) -> bool {
    let behind = rest[1..].trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-'));
    behind.trim_start().is_empty() || (behind.starts_with(char::is_whitespace) && behind.trim_start().starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::super::{Language, tests::parts};

    #[test]
    fn keys_values_and_comments_are_told_apart() {
        let text = "---\nservices: # all\n  web: {image: \"a:${TAG:-1}\", init: true}\n  - \"8080:80\"\n  - 1.5\n  x: &a !!str http://h:80/#x\n  <<: *a\n  \"k\": it's $$x $y";
        let expected = [
            "k:---",
            "n:services|.::|#:# all",
            "n:web|.::|.:{|n:image|.::|t:\"a:|v:${TAG:-1}|t:\"|.:,|n:init|.::|w:true|.:}",
            ".:-|t:\"8080:80\"",
            ".:-|0:1.5",
            "n:x|.::|v:&a|k:!!str",
            "k:<<|.::|v:*a",
            "n:\"k\"|.::|v:$y",
        ];
        assert_eq!(parts(Language::Yaml, text), expected);
    }

    #[test]
    fn texts_of_several_lines_end_where_they_end() {
        let text = "a:\n  - b: |\n      x: $y\n\n      # no comment\n    c: >-\n     z\n  - 'one\n    two' # end\n  - [1,\n    2]";
        let expected = [
            "n:a|.::",
            ".:-|n:b|.::|.:|",
            "t:x: |v:$y",
            "",
            "t:# no comment",
            "n:c|.::|.:>-",
            "t:z",
            ".:-|t:'one",
            "t:    two'|#:# end",
            ".:-|.:[|0:1|.:,",
            "0:2|.:]",
        ];
        assert_eq!(parts(Language::Yaml, text), expected);
    }
}
