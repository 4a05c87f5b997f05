//! The syntax tree: one node an instruction, before anything is known of what instructions mean.

use std::fmt;

use crate::error::Lines;
use crate::quote::{quote, quote_all};
use crate::shell::Escape;

/// A Dockerfile's instructions as they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ast {
    /// The instructions; there is at least one.
    pub nodes: Vec<Node>,
    /// What escapes, and continues lines.
    pub escape: Escape,
    /// The instructions with empty lines within their continuations: what they say, and the lines that they end at.
    pub empty_continuations: Vec<EmptyContinuation>,
}

/// An instruction that has empty lines between the lines that it continues over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmptyContinuation {
    /// The instruction as one line.
    pub instruction: String,
    /// The last of its lines.
    pub line: usize,
}

/// One instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The instruction's name as it is written.
    pub keyword: String,
    /// Its flags, with quotes and escapes resolved: `--name` or `--name=value`.
    pub flags: Vec<String>,
    /// What follows.
    pub arguments: Arguments,
    /// The heredocs that its line opens, in order.
    pub heredocs: Vec<Heredoc>,
    /// The instruction as one line, its continuations joined.
    pub original: String,
    /// Where it stands.
    pub lines: Lines,
    /// The comments that stand right before it.
    pub comments: Vec<String>,
}

/// What follows an instruction's name and flags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arguments {
    /// Words, or one text that is kept whole.
    Words(Vec<String>),
    /// A JSON array of strings.
    Json(Vec<String>),
    /// The names and values of `ENV` and `LABEL`.
    Pairs(Vec<Pair>),
    /// The instruction within an `ONBUILD`.
    Nested(Box<Node>),
    /// Those of an instruction that is not known, which are not read.
    Unread,
}

/// A name and a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
    /// Whether white space stands between them where `=` should, as the first Dockerfiles had it.
    pub legacy: bool,
}

/// A document within the Dockerfile: `<<EOF`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heredoc {
    /// The word that ends it.
    pub name: String,
    /// The file descriptor before the `<<`, 0 if there is none.
    pub file_descriptor: u64,
    /// Whether variables in it are expanded, as they are unless its name is quoted.
    pub expand: bool,
    /// Whether tabs at the beginning of its lines are removed (`<<-`).
    pub chomp: bool,
    /// The lines, their tabs still there.
    pub content: String,
}

impl Heredoc {
    /// The document as it is meant: without the tabs that `<<-` removes.
    pub fn text(&self) -> String {
        match self.chomp {
            true => self.content.split_inclusive('\n').map(|line| line.trim_start_matches('\t')).collect(),
            false => self.content.clone(),
        }
    }
}

impl Node {
    /// The arguments as a flat list, as the readers of most instructions want them.
    pub fn words(&self) -> Vec<String> {
        match &self.arguments {
            Arguments::Words(words) | Arguments::Json(words) => words.clone(),
            Arguments::Pairs(pairs) => pairs.iter().flat_map(|pair| [pair.name.clone(), pair.value.clone()]).collect(),
            Arguments::Nested(node) => std::iter::once(node.keyword.clone()).chain(node.words()).collect(),
            Arguments::Unread => Vec::new(),
        }
    }

    /// Whether it begins a stage.
    pub fn is_from(&self) -> bool {
        self.keyword.eq_ignore_ascii_case("from")
    }

    /// Whether the arguments are a JSON array.
    pub fn is_json(&self) -> bool {
        matches!(self.arguments, Arguments::Json(_))
    }
}

/// The dump that BuildKit's parser tests compare: `(from "busybox")`, one instruction a line.
impl fmt::Display for Ast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.nodes.iter().try_for_each(|node| writeln!(f, "({node})"))
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.keyword.to_lowercase())?;
        if !self.flags.is_empty() {
            write!(f, " {}", quote_all(&self.flags))?;
        }
        match &self.arguments {
            Arguments::Words(words) | Arguments::Json(words) => {
                words.iter().try_for_each(|word| write!(f, " {}", quote(word)))
            }
            Arguments::Pairs(pairs) => pairs.iter().try_for_each(|pair| {
                let separator = if pair.legacy { "" } else { "=" };
                write!(f, " {} {} {}", quote(&pair.name), quote(&pair.value), quote(separator))
            }),
            Arguments::Nested(node) => write!(f, " ({node})"),
            Arguments::Unread => f.write_str(" \"\""),
        }
    }
}
