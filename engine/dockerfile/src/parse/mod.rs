//! From a Dockerfile's bytes to its syntax tree (Dockerfile reference, "Format").

mod arguments;
pub mod directive;
pub mod heredoc;
mod lines;
mod split;

use crate::ast::{Arguments, Ast, EmptyContinuation, Heredoc, Node};
use crate::error::{Error, Lines, Result};
use crate::shell::Escape;
use directive::{Directive, DirectiveName, DirectiveReader};
use lines::{LineReader, MAX_LINE, without_end};

/// How deep `ONBUILD` may stand within itself. Once is too much already, which reading the instruction tells.
const MAX_NESTING: usize = 16;

/// Reads a Dockerfile.
pub fn parse(dockerfile: &[u8]) -> Result<Ast> {
    Parser::new(dockerfile).parse()
}

/// What of a Dockerfile stands before the instruction at a line, counted from one.
pub fn before(dockerfile: &[u8], line: usize) -> Result<Vec<u8>> {
    let ast = parse(dockerfile)?;
    let is_meant = |node: &&Node| node.lines.end >= line;
    let start = ast.nodes.iter().find(is_meant).map(|node| node.lines.start);
    let begun = |start: &usize| ast.nodes.iter().any(|node| node.is_from() && node.lines.end < *start);
    let Some(start) = start.filter(begun) else {
        return Err(
            Error::new("there is no stage before this line that an instruction belongs to").at(Lines::single(line))
        );
    };
    Ok(dockerfile.split_inclusive(|byte| *byte == b'\n').take(start - 1).flatten().copied().collect())
}

struct Parser<'a> {
    lines: LineReader<'a>,
    directives: DirectiveReader,
    escape: Escape,
    comments: Vec<String>,
    empty_continuations: Vec<EmptyContinuation>,
}

impl<'a> Parser<'a> {
    fn new(dockerfile: &'a [u8]) -> Self {
        Self {
            lines: LineReader::new(dockerfile),
            directives: DirectiveReader::new("#"),
            escape: Escape::default(),
            comments: Vec::new(),
            empty_continuations: Vec::new(),
        }
    }

    fn parse(mut self) -> Result<Ast> {
        let mut nodes = Vec::new();
        while let Some(line) = self.lines.next() {
            if let Some(node) = self.instruction(&line)? {
                nodes.push(node);
            }
        }
        let end = Lines::single(self.lines.count);
        if nodes.is_empty() {
            return Err(Error::new("file with no instructions").at(end));
        }
        if self.lines.too_long {
            let line = Lines::single(self.lines.count + 1);
            return Err(Error::new(format!("dockerfile line greater than max allowed size of {MAX_LINE}")).at(line));
        }
        Ok(Ast { nodes, escape: self.escape, empty_continuations: self.empty_continuations })
    }

    /// The instruction that begins with `line`, if that is no comment and not empty.
    fn instruction(&mut self, line: &str) -> Result<Option<Node>> {
        let content = without_end(line).trim_start();
        let directive = self.directives.read(content)?;
        if let Some(directive) = directive {
            self.apply(&directive)?;
            return Ok(None);
        }
        if content.is_empty() || is_comment(content) {
            self.note_comment(line);
            return Ok(None);
        }
        let start = self.lines.count;
        let original = self.joined(content);
        let parsed = self.node(&original, start);
        parsed.map(Some).map_err(|error| error.at(Lines { start, end: self.lines.count }))
    }

    /// Takes up a directive that the reading itself depends on.
    fn apply(&mut self, directive: &Directive) -> Result<()> {
        if directive.name != DirectiveName::Escape {
            return Ok(());
        }
        self.escape = match directive.value.as_str() {
            "\\" => Escape::Backslash,
            "`" => Escape::Backtick,
            other => {
                let message = format!("invalid escape token '{other}' does not match ` or \\");
                return Err(Error::new(message).at(Lines::single(directive.line)));
            }
        };
        Ok(())
    }

    /// Keeps a comment for the instruction that follows. An empty line or comment tells that those before describe
    /// nothing.
    fn note_comment(&mut self, line: &str) {
        // Of a comment that is indented, its sign is kept: it describes nothing either.
        let comment = line.get(1..).unwrap_or_default().trim();
        match comment.is_empty() {
            true => self.comments.clear(),
            false => self.comments.push(comment.to_owned()),
        }
    }

    /// The line with those that it continues over. Comments between them are passed over, and empty lines, of which
    /// note is taken.
    fn joined(&mut self, first: &str) -> String {
        let (part, mut continues) = self.continuation(first);
        let mut joined = part.to_owned();
        let mut has_empty_line = false;
        while continues {
            let Some(line) = self.lines.next() else { break };
            let content = without_end(&line);
            if is_comment(content) {
                continue;
            }
            if content.trim_start().is_empty() {
                has_empty_line = true;
                continue;
            }
            let (part, more) = self.continuation(content);
            joined.push_str(part);
            continues = more;
        }
        if has_empty_line {
            let instruction = joined.clone();
            self.empty_continuations.push(EmptyContinuation { instruction, line: self.lines.count });
        }
        joined
    }

    /// The line without the escape that it continues by, and whether it does. An escape that follows another one is
    /// itself escaped.
    fn continuation<'l>(&self, line: &'l str) -> (&'l str, bool) {
        let escape = self.escape.character();
        match line.trim_end_matches([' ', '\t']).strip_suffix(escape) {
            Some(part) if !part.ends_with(escape) => (part, true),
            _ => (line, false),
        }
    }

    fn node(&mut self, original: &str, start: usize) -> Result<Node> {
        let mut node = node(original, self.escape, 0)?;
        node.comments = std::mem::take(&mut self.comments);
        if can_open_heredocs(&node) {
            let opened = heredoc::in_line(original).map_err(|error| Error::new(error.to_string()))?;
            node.heredocs = opened.into_iter().map(|doc| self.read_heredoc(doc)).collect::<Result<_>>()?;
        }
        node.lines = Lines { start, end: self.lines.count };
        Ok(node)
    }

    fn read_heredoc(&mut self, mut heredoc: Heredoc) -> Result<Heredoc> {
        for line in self.lines.by_ref() {
            let content = without_end(&line);
            let word = if heredoc.chomp { content.trim_start_matches('\t') } else { content };
            if word == heredoc.name {
                return Ok(heredoc);
            }
            heredoc.content.push_str(&line);
        }
        Err(Error::new("unterminated heredoc"))
    }
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

/// Only instructions that run or copy may open heredocs, and not in a JSON array.
fn can_open_heredocs(node: &Node) -> bool {
    let node = match &node.arguments {
        Arguments::Nested(nested) => nested,
        _ => node,
    };
    matches!(node.keyword.to_ascii_lowercase().as_str(), "add" | "copy" | "run") && !node.is_json()
}

/// One instruction of one line. Its place, comments and heredocs are for the caller to fill in.
fn node(line: &str, escape: Escape, depth: usize) -> Result<Node> {
    let parts = split::instruction(line, escape);
    let rest = parts.rest;
    let arguments = match parts.keyword.to_ascii_lowercase().as_str() {
        "add" | "copy" | "volume" => arguments::json_or_words(rest)?,
        "arg" => Arguments::Words(arguments::quoted_words(rest, escape)),
        "cmd" | "entrypoint" | "run" | "shell" => arguments::json_or_text(rest)?,
        "env" => arguments::pairs("ENV", rest, escape)?,
        "label" => arguments::pairs("LABEL", rest, escape)?,
        "expose" | "from" => arguments::words(rest),
        "healthcheck" => arguments::health(rest)?,
        "maintainer" | "stopsignal" | "user" | "workdir" => arguments::text(rest),
        "onbuild" => nested(rest, escape, depth)?,
        _ => Arguments::Unread,
    };
    Ok(Node {
        keyword: parts.keyword.to_owned(),
        flags: parts.flags,
        arguments,
        heredocs: Vec::new(),
        original: line.to_owned(),
        lines: Lines::single(0),
        comments: Vec::new(),
    })
}

fn nested(rest: &str, escape: Escape, depth: usize) -> Result<Arguments> {
    if depth >= MAX_NESTING {
        return Err(Error::new("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"));
    }
    match rest {
        "" => Ok(Arguments::Words(Vec::new())),
        _ => node(rest, escape, depth + 1).map(|node| Arguments::Nested(Box::new(node))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ast(text: &str) -> Ast {
        parse(text.as_bytes()).unwrap()
    }

    fn failure(text: &str) -> (String, Option<Lines>) {
        let error = parse(text.as_bytes()).unwrap_err();
        (error.to_string(), error.lines())
    }

    #[test]
    fn what_stands_before_a_line_ends_at_its_instruction() {
        let text = "# syntax=x\nFROM a\nRUN <<E\nb\nE\n# why\nRUN c \\\n d\n";
        let first = |lines: usize| text.split_inclusive('\n').take(lines).collect::<String>();
        let before = |line| before(text.as_bytes(), line).map(|text| String::from_utf8(text).unwrap());
        assert_eq!(before(3), Ok(first(2)));
        assert_eq!(before(4), Ok(first(2)), "within a document");
        assert_eq!(before(6), Ok(first(6)), "a comment");
        assert_eq!(before(8), Ok(first(6)), "a continuation");
        for line in [1, 2, 9] {
            assert!(before(line).is_err(), "{line}");
        }
    }

    #[test]
    fn instructions_know_their_lines() {
        let text = "\n\n# comment\nFROM a\n\nRUN b \\\n  # comment\n  c \\\n\n  d\nCOPY <<A <<-B /e\nf\nA\n\tg\n\tB\nUSER <<C\n";
        let ast = ast(text);
        let lines: Vec<_> = ast.nodes.iter().map(|node| (node.lines.start, node.lines.end)).collect();
        assert_eq!(lines, [(4, 4), (6, 10), (11, 15), (16, 16)]);
        assert_eq!(ast.nodes[1].original, "RUN b   c   d");
        let warned = EmptyContinuation { instruction: "RUN b   c   d".to_owned(), line: 10 };
        assert_eq!(ast.empty_continuations, [warned]);
        let heredocs = &ast.nodes[2].heredocs;
        assert_eq!(heredocs.iter().map(|doc| doc.content.as_str()).collect::<Vec<_>>(), ["f\n", "\tg\n"]);
        assert_eq!(heredocs.iter().map(Heredoc::text).collect::<Vec<_>>(), ["f\n", "g\n"]);
    }

    #[test]
    fn continuations_are_by_the_last_character_only() {
        assert_eq!(ast("RUN a \\ \t\r\n  b").nodes[0].original, "RUN a   b");
        assert_eq!(ast("RUN a \\\\\nRUN b").nodes.len(), 2);
        assert_eq!(ast("RUN a \\").nodes[0].original, "RUN a ");
        assert_eq!(ast("RUN a \\\n\\\nb").nodes[0].original, "RUN a b");
        assert_eq!(ast("# escape=`\nRUN a `\nb\\\n").nodes[0].original, "RUN a b\\");
        assert_eq!(ast("#x\n# escape=`\nRUN a `\n").nodes[0].original, "RUN a `");
    }

    #[test]
    fn heredocs_may_hold_anything() {
        let text = "FROM a\nRUN <<'X' cat\n# no comment \\\n\nFROM\r\nX\nONBUILD RUN <<Y\nY\nRUN [\"<<Z\"]\n";
        let ast = ast(text);
        assert_eq!(ast.nodes[1].heredocs[0].content, "# no comment \\\n\nFROM\r\n");
        assert!(!ast.nodes[1].heredocs[0].expand);
        assert_eq!(ast.nodes[2].heredocs.len(), 1);
        assert_eq!(ast.nodes[3].heredocs, []);
        assert_eq!(
            failure("FROM a\nRUN <<X\n x\n"),
            ("unterminated heredoc".to_owned(), Some(Lines { start: 2, end: 3 }))
        );
    }

    #[test]
    fn comments_belong_to_what_follows() {
        let text = "# syntax=x\n# one\n# two\nFROM a\n# three\n\nFROM b\n# four\n#\n# five\nFROM c\n";
        let comments: Vec<_> = ast(text).nodes.into_iter().map(|node| node.comments).collect();
        assert_eq!(comments, [vec!["one", "two"], vec![], vec!["five"]]);
    }

    #[test]
    fn tells_what_is_wrong_and_where() {
        assert_eq!(failure("").0, "file with no instructions");
        assert_eq!(failure("# a\n\n"), ("file with no instructions".to_owned(), Some(Lines::single(2))));
        let escape = "invalid escape token 'x' does not match ` or \\";
        assert_eq!(failure("# escape=x\nFROM a"), (escape.to_owned(), Some(Lines::single(1))));
        assert_eq!(failure("FROM a\nENV b").0, "ENV must have two arguments");
        let long = format!("FROM a\nLABEL b={}\n", "c".repeat(MAX_LINE));
        let message = "dockerfile line greater than max allowed size of 65535";
        assert_eq!(failure(&long), (message.to_owned(), Some(Lines::single(2))));
        assert!(failure(&"ONBUILD ".repeat(5000)).0.starts_with("Chaining ONBUILD"));
    }

    #[test]
    fn dumps_as_buildkit_does() {
        let text = "FROM a AS b\nfoo bar\nHEALTHCHECK\nhealthCheck --x=1 CMD a b\nHEALTHCHECK CMD [\"c\"]\nENV a b c\nENV d=e f=\nONBUILD add [\"g h\", \"i\"]\nONBUILD\nCMD []\nARG j k=l\nEXPOSE 1  2\n";
        let dump = r#"(from "a" "AS" "b")
(foo "")
(healthcheck)
(healthcheck ["--x=1"] "CMD" "a b")
(healthcheck "CMD" "c")
(env "a" "b c" "")
(env "d" "e" "=" "f" "" "=")
(onbuild (add "g h" "i"))
(onbuild)
(cmd)
(arg "j" "k=l")
(expose "1" "2")
"#;
        assert_eq!(ast(text).to_string(), dump);
    }
}
