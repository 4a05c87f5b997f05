//! What the parts of a source text are, line by line. What a line leaves open, the next one is given.

mod dockerfile;
mod yaml;

use std::ops::Range;

use porthole_themes::Theme;
use ratatui_core::style::Style;

/// The language of a source text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// None: no colours.
    #[default]
    Plain,
    /// A Dockerfile.
    Dockerfile,
    /// YAML.
    Yaml,
}

impl Language {
    /// The cells of an indentation.
    pub(super) fn indent(self) -> usize {
        if self == Self::Yaml { 2 } else { 4 }
    }
}

/// What a part of a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    Keyword,
    Name,
    Text,
    Variable,
    Number,
    Word,
    Comment,
    Punctuation,
}

impl Ink {
    pub(super) fn style(self, theme: &Theme) -> Style {
        match self {
            Self::Keyword => theme.source_keyword(),
            Self::Name => theme.source_name(),
            Self::Text => theme.source_string(),
            Self::Variable => theme.source_variable(),
            Self::Number => theme.number(),
            Self::Word => theme.word(),
            Self::Comment => theme.source_comment(),
            Self::Punctuation => theme.muted(),
        }
    }
}

/// A part of a line, in bytes. What no span covers is plain.
pub(super) type Span = (Range<usize>, Ink);

/// What the lines so far leave open.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Open {
    Plain,
    Dockerfile(dockerfile::Open),
    Yaml(yaml::Open),
}

impl Open {
    fn at_start(language: Language) -> Self {
        match language {
            Language::Plain => Self::Plain,
            Language::Dockerfile => Self::Dockerfile(dockerfile::Open::default()),
            Language::Yaml => Self::Yaml(yaml::Open::default()),
        }
    }

    fn line(&mut self, line: &str) -> Vec<Span> {
        match self {
            Self::Plain => Vec::new(),
            Self::Dockerfile(open) => open.line(line),
            Self::Yaml(open) => open.line(line),
        }
    }
}

/// The parts of a text's lines. Lines are read as far as they were asked for, and again from the one that changed.
#[derive(Debug, Clone)]
pub(super) struct Inks {
    /// What is open before each line.
    open: Vec<Open>,
}

impl Inks {
    pub(super) fn new(language: Language) -> Self {
        Self { open: vec![Open::at_start(language)] }
    }

    /// The lines from `row` on are others now.
    pub(super) fn forget(&mut self, row: usize) {
        self.open.truncate(row + 1);
    }

    /// The parts of a line of `lines`.
    pub(super) fn of(&mut self, lines: &[String], row: usize) -> Vec<Span> {
        while let Some(mut open) = self.open.last().filter(|_| self.open.len() <= row).cloned() {
            open.line(&lines[self.open.len() - 1]);
            self.open.push(open);
        }
        self.open[row].clone().line(&lines[row])
    }
}

/// Where a variable that begins at the `$` at `at` ends: `$NAME`, `$1`, `${…}`. None if that is no variable.
fn variable(line: &str, at: usize) -> Option<usize> {
    let rest = line[at..].strip_prefix('$')?;
    if let Some(braced) = rest.strip_prefix('{') {
        let mut depth = 1;
        let end = braced.bytes().position(|byte| {
            depth += match byte {
                b'{' => 1,
                b'}' => -1,
                _ => 0,
            };
            depth == 0
        });
        return end.map(|end| at + 3 + end);
    }
    let len = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    (len > 0).then_some(at + 1 + len)
}

/// Adds a part, and within it its variables as parts of their own. Of an `escape`d character nothing begins.
fn with_variables(spans: &mut Vec<Span>, line: &str, part: Range<usize>, ink: Option<Ink>, escape: Option<char>) {
    let (mut from, mut at) = (part.start, part.start);
    let mut add = |range: Range<usize>, ink: Option<Ink>| {
        if let Some(ink) = ink.filter(|_| !range.is_empty()) {
            spans.push((range, ink));
        }
    };
    while let Some(c) = line[at..part.end].chars().next() {
        let next = at + c.len_utf8();
        if Some(c) == escape {
            at = next + line[next..part.end].chars().next().map_or(0, char::len_utf8);
        } else if line[at..].starts_with("$$") && escape.is_none() {
            at = (at + 2).min(part.end);
        } else if let Some(end) = variable(line, at).filter(|end| *end <= part.end) {
            add(from..at, ink);
            add(at..end, Some(Ink::Variable));
            (from, at) = (end, end);
        } else {
            at = next;
        }
    }
    add(from..part.end, ink);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Each line with its parts in brackets.
    pub(super) fn parts(language: Language, text: &str) -> Vec<String> {
        let lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
        let mut inks = Inks::new(language);
        let show = |(range, ink): Span, line: &str| {
            let letter = match ink {
                Ink::Keyword => 'k',
                Ink::Name => 'n',
                Ink::Text => 't',
                Ink::Variable => 'v',
                Ink::Number => '0',
                Ink::Word => 'w',
                Ink::Comment => '#',
                Ink::Punctuation => '.',
            };
            format!("{letter}:{}", &line[range])
        };
        (0..lines.len())
            .map(|row| {
                let spans = inks.of(&lines, row);
                spans.into_iter().map(|span| show(span, &lines[row])).collect::<Vec<_>>().join("|")
            })
            .collect()
    }

    proptest! {
        #[test]
        fn parts_are_in_order_and_within_their_lines(
            lines in prop::collection::vec("(RUN |FROM |ENV |# escape=`|<<-?'?E'?|E|\\$\\{|\\}|\\$a|\"|'|\\\\|`|--a=|é|漢| |\t|: |- |\\||#|&|[\\[\\]{},]|1){0,20}", 1..12),
            yaml in any::<bool>(),
            row in 0usize..12,
        ) {
            let mut inks = Inks::new(if yaml { Language::Yaml } else { Language::Dockerfile });
            for row in (0..lines.len()).rev() {
                let mut end = 0;
                for (range, _) in inks.of(&lines, row) {
                    prop_assert!(end <= range.start && range.start < range.end, "{:?}", lines[row]);
                    prop_assert!(lines[row].get(range.clone()).is_some());
                    end = range.end;
                }
            }
            // What is forgotten is found again.
            let row = row.min(lines.len() - 1);
            let before: Vec<_> = (0..lines.len()).map(|row| inks.of(&lines, row)).collect();
            inks.forget(row);
            let after: Vec<_> = (0..lines.len()).map(|row| inks.of(&lines, row)).collect();
            prop_assert_eq!(before, after);
        }
    }
}
