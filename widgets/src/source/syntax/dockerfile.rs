//! The parts of a Dockerfile (<https://docs.docker.com/reference/dockerfile/>).

use std::collections::VecDeque;

use super::{Ink, Span, variable, with_variables};

const INSTRUCTIONS: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// What the lines so far leave open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Open {
    escape: char,
    /// Whether there were only parser directives so far.
    directives: bool,
    /// The instruction that is continued.
    instruction: Option<Instruction>,
    heredocs: VecDeque<Heredoc>,
}

/// An instruction, as far as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Instruction {
    name: &'static str,
    /// Whether a flag may still come.
    flags: bool,
    /// Whether the next word names a stage.
    stage: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Heredoc {
    name: String,
    chomp: bool,
    expand: bool,
}

impl Default for Open {
    fn default() -> Self {
        Self { escape: '\\', directives: true, instruction: None, heredocs: VecDeque::new() }
    }
}

impl Open {
    pub(super) fn line(&mut self, line: &str) -> Vec<Span> {
        // Documents begin below the last line of their instruction.
        if let Some(heredoc) = self.heredocs.front().filter(|_| self.instruction.is_none()) {
            return self.heredoc(heredoc.clone(), line);
        }
        let start = line.len() - line.trim_start().len();
        let rest = &line[start..];
        if rest.starts_with('#') {
            self.directive(rest);
            return vec![(start..line.len(), Ink::Comment)];
        }
        self.directives = false;
        if rest.is_empty() {
            return Vec::new();
        }
        let (mut spans, mut at) = (Vec::new(), start);
        let mut instruction = match self.instruction.take() {
            Some(continued) => continued,
            None => loop {
                let end = word_end(line, at);
                let known = INSTRUCTIONS.iter().find(|name| name.eq_ignore_ascii_case(&line[at..end]));
                let Some(name) = known else { return spans };
                spans.push((at..end, Ink::Keyword));
                at = end + line[end..].len() - line[end..].trim_start().len();
                // A trigger is an instruction of its own.
                if *name != "ONBUILD" || at == line.len() {
                    break Instruction { name, flags: true, stage: false };
                }
            },
        };
        let end = line.trim_end().len();
        let at = at.min(end);
        let continues = line[at..end].ends_with(self.escape);
        let words = if continues { end - 1 } else { end };
        self.words(&mut instruction, line, at..words, &mut spans);
        if continues {
            spans.push((words..end, Ink::Punctuation));
            self.instruction = Some(instruction);
        }
        spans
    }

    fn heredoc(&mut self, heredoc: Heredoc, line: &str) -> Vec<Span> {
        let text = if heredoc.chomp { line.trim_start_matches('\t') } else { line };
        let mut spans = Vec::new();
        if text.trim_end_matches('\r') == heredoc.name {
            self.heredocs.pop_front();
            spans.extend((!line.is_empty()).then_some((0..line.len(), Ink::Name)));
        } else if heredoc.expand {
            with_variables(&mut spans, line, 0..line.len(), Some(Ink::Text), Some(self.escape));
        } else {
            spans.extend((!line.is_empty()).then_some((0..line.len(), Ink::Text)));
        }
        spans
    }

    /// `# escape=` sets what escapes, as long as nothing but directives stands before it.
    fn directive(&mut self, comment: &str) {
        let Some((name, value)) = comment[1..].split_once('=').filter(|_| self.directives) else {
            self.directives = false;
            return;
        };
        let value = value.trim().chars().next();
        if let Some(escape) = value.filter(|c| name.trim().eq_ignore_ascii_case("escape") && matches!(c, '\\' | '`')) {
            self.escape = escape;
        }
    }

    fn words(
        &mut self,
        instruction: &mut Instruction,
        line: &str,
        part: std::ops::Range<usize>,
        spans: &mut Vec<Span>,
    ) {
        let mut at = part.start;
        while at < part.end {
            let rest = &line[at..part.end];
            let blank = rest.len() - rest.trim_start().len();
            if blank > 0 {
                at += blank;
                continue;
            }
            let end = word_end(line, at).min(part.end);
            let word = &line[at..end];
            let first = std::mem::replace(&mut instruction.flags, false);
            let assigns = matches!(instruction.name, "ENV" | "ARG" | "LABEL");
            if first && word.starts_with("--") {
                let name = at + word.find('=').unwrap_or(word.len());
                spans.push((at..name, Ink::Name));
                instruction.flags = true;
                at = self.word(line, name, part.end, spans);
            } else if first && instruction.name == "HEALTHCHECK" && matches!(word, "CMD" | "NONE") {
                spans.push((at..end, Ink::Keyword));
                at = end;
            } else if instruction.name == "FROM" && word.eq_ignore_ascii_case("as") {
                spans.push((at..end, Ink::Keyword));
                (instruction.stage, at) = (true, end);
            } else if instruction.stage || (instruction.name == "ARG" && !word.contains('=')) {
                spans.push((at..end, Ink::Name));
                (instruction.stage, at) = (false, end);
            } else if let Some(name) = word.find('=').filter(|name| assigns && *name > 0) {
                spans.push((at..at + name, Ink::Name));
                at = self.word(line, at + name, part.end, spans);
            } else if instruction.name == "EXPOSE" && word.starts_with(|c: char| c.is_ascii_digit()) {
                spans.push((at..end, Ink::Number));
                at = end;
            } else if let Some((end, heredoc)) = heredoc(word).filter(|_| takes_documents(instruction.name)) {
                spans.push((at..at + end, Ink::Name));
                self.heredocs.push_back(heredoc);
                at += end;
            } else {
                at = self.word(line, at, part.end, spans);
            }
        }
    }

    /// The parts of one word with its quotes; where it ends.
    fn word(&self, line: &str, start: usize, end: usize, spans: &mut Vec<Span>) -> usize {
        let mut at = start;
        while let Some(c) = line[at..end].chars().next().filter(|c| !c.is_whitespace()) {
            let next = at + c.len_utf8();
            match c {
                '"' | '\'' => {
                    let closed = closing(&line[next..end], c, self.escape).map_or(end, |close| next + close);
                    let expands = (c == '"').then_some(self.escape);
                    match expands {
                        Some(escape) => with_variables(spans, line, at..closed, Some(Ink::Text), Some(escape)),
                        None => spans.push((at..closed, Ink::Text)),
                    }
                    at = closed;
                }
                _ if c == self.escape => at = next + line[next..end].chars().next().map_or(0, char::len_utf8),
                _ => match variable(line, at).filter(|close| *close <= end) {
                    Some(close) => {
                        spans.push((at..close, Ink::Variable));
                        at = close;
                    }
                    None => at = next,
                },
            }
        }
        at
    }
}

fn takes_documents(instruction: &str) -> bool {
    matches!(instruction, "RUN" | "COPY" | "ADD")
}

fn word_end(line: &str, at: usize) -> usize {
    line[at..].find(char::is_whitespace).map_or(line.len(), |len| at + len)
}

/// Behind the quote that ends a quoted text. Nothing escapes within single quotes.
fn closing(text: &str, quote: char, escape: char) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, c)| {
        let ends = c == quote && !escaped;
        escaped = quote == '"' && c == escape && !escaped;
        ends.then_some(at + 1)
    })
}

/// A word that opens a document, `3<<-"EOF"`: where it ends, and the document.
fn heredoc(word: &str) -> Option<(usize, Heredoc)> {
    let opened = word.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<")?;
    let (chomp, name) = opened.strip_prefix('-').map_or((false, opened), |name| (true, name));
    let quote = name.chars().next().filter(|c| matches!(c, '"' | '\''));
    let bare = name.trim_start_matches(['"', '\'']);
    let len = bare.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))).unwrap_or(bare.len());
    let end = word.len() - bare.len() + len + usize::from(quote.is_some_and(|quote| bare[len..].starts_with(quote)));
    (len > 0).then(|| (end, Heredoc { name: bare[..len].to_owned(), chomp, expand: quote.is_none() }))
}

#[cfg(test)]
mod tests {
    use super::super::{Language, tests::parts};

    #[test]
    fn instructions_flags_variables_and_strings_are_told_apart() {
        let text = "FROM --platform=$P debian:12 AS base\nARG VERSION=1 OTHER\nENV A=\"x $B\" C=\\$D\nEXPOSE 80/tcp\nONBUILD RUN echo 'no $x'\nRNU make";
        let expected = [
            "k:FROM|n:--platform|v:$P|k:AS|n:base",
            "k:ARG|n:VERSION|n:OTHER",
            "k:ENV|n:A|t:\"x |v:$B|t:\"|n:C",
            "k:EXPOSE|0:80/tcp",
            "k:ONBUILD|k:RUN|t:'no $x'",
            "",
        ];
        assert_eq!(parts(Language::Dockerfile, text), expected);
    }

    #[test]
    fn what_a_line_leaves_open_the_next_ones_go_on_with() {
        let text = "# escape=`\nRUN a `\n# why\n\n  --not-a-flag FROM `\nFROM b\nRUN <<A <<-'B'\n$x\nA\n$x\n\tB\nRUN c";
        let expected = [
            "#:# escape=`",
            "k:RUN|.:`",
            "#:# why",
            "",
            ".:`",
            "",
            "k:RUN|n:<<A|n:<<-'B'",
            "v:$x",
            "n:A",
            "t:$x",
            "n:\tB",
            "k:RUN",
        ];
        assert_eq!(parts(Language::Dockerfile, text), expected);
    }
}
