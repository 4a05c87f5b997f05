//! From text to tokens.

use super::Fault;
use serde_json::{Number, Value};

/// A token, and the bytes of the source that it takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Text outside actions, trimmed.
    Text(String),
    /// `{{`
    Open,
    /// `}}`
    Close,
    /// `.`
    Dot,
    /// `.Name`
    Field(String),
    /// `$name`, `$`
    Variable(String),
    /// A keyword or a function.
    Word(String),
    /// A string, a number, `true`, `false`, `nil`.
    Literal(Value),
    /// `|`
    Pipe,
    /// `(`
    Left,
    /// `)`
    Right,
    /// `,`
    Comma,
    /// `:=`
    Declare,
    /// `=`
    Assign,
}

/// Splits a whole template.
pub fn tokens(source: &str) -> Result<Vec<Token>, Fault> {
    let mut lexer = Lexer { source, at: 0, tokens: Vec::new() };
    let mut trim = false;
    while lexer.at < source.len() {
        lexer.text(trim);
        if lexer.at < source.len() {
            trim = lexer.action()?;
        }
    }
    Ok(lexer.tokens)
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
    tokens: Vec<Token>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    fn push(&mut self, kind: Kind, length: usize) {
        self.tokens.push(Token { kind, start: self.at, end: self.at + length });
        self.at += length;
    }

    /// Takes the text before the next action. `{{- ` trims it at its end, as the action before it may at its start.
    fn text(&mut self, trim_start: bool) {
        let length = self.rest().find("{{").unwrap_or(self.rest().len());
        let mut text = &self.rest()[..length];
        if trim_start {
            text = text.trim_start();
        }
        if trims_before(&self.rest()[length..]) {
            text = text.trim_end();
        }
        if text.is_empty() {
            self.at += length;
        } else {
            self.push(Kind::Text(text.to_owned()), length);
        }
    }

    /// Takes one action or comment; true when it trims the text behind it.
    fn action(&mut self) -> Result<bool, Fault> {
        let start = self.at;
        let open = if trims_before(self.rest()) { 3 } else { 2 };
        if self.rest()[open..].trim_start().starts_with("/*") {
            return self.comment(start);
        }
        self.push(Kind::Open, open);
        loop {
            let rest = self.rest();
            let blanks = rest.len() - rest.trim_start().len();
            let trims = blanks > 0 && rest.trim_start().starts_with("-}}");
            self.at += blanks;
            if trims || rest[blanks..].starts_with("}}") {
                self.push(Kind::Close, if trims { 3 } else { 2 });
                return Ok(trims);
            }
            if self.rest().is_empty() {
                return Err(Fault::new(start, "unclosed action"));
            }
            self.token()?;
        }
    }

    fn comment(&mut self, start: usize) -> Result<bool, Fault> {
        let length = self.rest().find("*/").ok_or_else(|| Fault::new(start, "unclosed comment"))?;
        self.at += length + 2;
        let rest = self.rest();
        for (end, trims) in [("}}", false), (" -}}", true)] {
            if rest.starts_with(end) {
                self.at += end.len();
                return Ok(trims);
            }
        }
        Err(Fault::new(start, "comment ends before closing delimiter"))
    }

    fn token(&mut self) -> Result<(), Fault> {
        let rest = self.rest();
        let mut characters = rest.chars();
        let (first, second) = (characters.next().unwrap_or_default(), characters.next().unwrap_or_default());
        match first {
            '"' => return self.quoted(),
            '`' => return self.raw(),
            '|' => self.push(Kind::Pipe, 1),
            '(' => self.push(Kind::Left, 1),
            ')' => self.push(Kind::Right, 1),
            ',' => self.push(Kind::Comma, 1),
            ':' if second == '=' => self.push(Kind::Declare, 2),
            '=' => self.push(Kind::Assign, 1),
            '.' if is_name(second) => {
                let length = name_length(&rest[1..]);
                self.push(Kind::Field(rest[1..=length].to_owned()), length + 1);
            }
            '.' => self.push(Kind::Dot, 1),
            '$' => {
                let length = name_length(&rest[1..]);
                self.push(Kind::Variable(rest[1..=length].to_owned()), length + 1);
            }
            '0'..='9' | '-' | '+' => return self.number(),
            _ if is_name(first) => self.word(),
            _ => return Err(Fault::new(self.at, format!("unexpected {first:?} in command"))),
        }
        Ok(())
    }

    fn word(&mut self) {
        let length = name_length(self.rest());
        let word = &self.rest()[..length];
        let kind = match word {
            "true" => Kind::Literal(Value::Bool(true)),
            "false" => Kind::Literal(Value::Bool(false)),
            "nil" => Kind::Literal(Value::Null),
            _ => Kind::Word(word.to_owned()),
        };
        self.push(kind, length);
    }

    fn number(&mut self) -> Result<(), Fault> {
        let rest = self.rest();
        let more = |c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '_');
        let length = rest[1..].find(more).map_or(rest.len(), |at| at + 1);
        let text = &rest[..length];
        let number = text.parse::<i64>().ok().map(Number::from).or_else(|| Number::from_f64(text.parse().ok()?));
        let number = number.ok_or_else(|| Fault::new(self.at, format!("bad number syntax: {text:?}")))?;
        self.push(Kind::Literal(Value::Number(number)), length);
        Ok(())
    }

    fn raw(&mut self) -> Result<(), Fault> {
        let inside = &self.rest()[1..];
        let length = inside.find('`').ok_or_else(|| Fault::new(self.at, "unterminated raw quoted string"))?;
        self.push(Kind::Literal(inside[..length].into()), length + 2);
        Ok(())
    }

    fn quoted(&mut self) -> Result<(), Fault> {
        let unterminated = Fault::new(self.at, "unterminated quoted string");
        let unknown = |at: usize| Fault::new(self.at + at, "unknown escape in quoted string");
        let mut text = String::new();
        let mut characters = self.rest().char_indices().skip(1);
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.push(Kind::Literal(text.into()), at + 1);
                    return Ok(());
                }
                '\\' => match characters.next().map(|(_, escaped)| escaped) {
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some('r') => text.push('\r'),
                    Some('b') => text.push('\u{8}'),
                    Some('f') => text.push('\u{c}'),
                    Some('u') => {
                        let digits: String = characters.by_ref().take(4).map(|(_, digit)| digit).collect();
                        let whole = digits.len() == 4 && digits.chars().all(|digit| digit.is_ascii_hexdigit());
                        let code = u32::from_str_radix(&digits, 16).ok().filter(|_| whole);
                        text.push(code.and_then(char::from_u32).ok_or_else(|| unknown(at))?);
                    }
                    Some(same @ ('\\' | '"' | '\'')) => text.push(same),
                    _ => return Err(unknown(at)),
                },
                _ => text.push(character),
            }
        }
        Err(unterminated)
    }
}

/// Whether an action begins here that trims the text before it.
fn trims_before(text: &str) -> bool {
    text.strip_prefix("{{-").is_some_and(|rest| rest.starts_with(char::is_whitespace))
}

fn is_name(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}

fn name_length(text: &str) -> usize {
    text.find(|c: char| !is_name(c)).unwrap_or(text.len())
}
