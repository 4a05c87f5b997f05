//! The scanner beneath [`Lexer`]: one pass over the characters, recursing into `${}`.

use std::collections::BTreeSet;

use super::pattern::{Greed, Pattern};
use super::{LexError, Lexer, MAX_DEPTH, MAX_EXPANSION, MAX_WORK};
use crate::environment::Environment;

/// Where a text read by [`Scanner::scan_until`] ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    End,
    At(char),
}

/// Words as they are found. Characters that were quoted or escaped do not separate them.
#[derive(Default)]
struct Words {
    finished: Vec<String>,
    word: String,
}

impl Words {
    fn push(&mut self, character: char) {
        match character.is_whitespace() {
            true => self.finish(),
            false => self.word.push(character),
        }
    }

    fn push_quoted(&mut self, text: &str) {
        self.word.push_str(text);
    }

    fn finish(&mut self) {
        if !self.word.is_empty() {
            self.finished.push(std::mem::take(&mut self.word));
        }
    }
}

/// Reads one text.
pub(super) struct Scanner<'a> {
    lexer: Lexer,
    characters: Vec<char>,
    at: usize,
    raw_escapes: bool,
    depth: usize,
    environment: &'a Environment,
    matched: BTreeSet<String>,
    unmatched: BTreeSet<String>,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(lexer: Lexer, text: &str, environment: &'a Environment) -> Self {
        Self {
            lexer,
            characters: text.chars().collect(),
            at: 0,
            raw_escapes: lexer.raw_escapes,
            depth: 0,
            environment,
            matched: BTreeSet::new(),
            unmatched: BTreeSet::new(),
        }
    }

    /// The whole text, expanded, and its words.
    pub(super) fn scan(&mut self) -> Result<(String, Vec<String>), LexError> {
        let (text, mut words) = self.scan_until(Stop::End, self.raw_escapes)?;
        words.finish();
        Ok((text, words.finished))
    }

    /// The variables that are set and those that are not.
    pub(super) fn into_names(self) -> (BTreeSet<String>, BTreeSet<String>) {
        (self.matched, self.unmatched)
    }

    fn peek(&self) -> Option<char> {
        self.characters.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.at += 1;
        Some(character)
    }

    /// Reads up to `stop` and over it.
    fn scan_until(&mut self, stop: Stop, raw_escapes: bool) -> Result<(String, Words), LexError> {
        let outer = std::mem::replace(&mut self.raw_escapes, raw_escapes);
        let scanned = self.scan_plain(stop);
        self.raw_escapes = outer;
        scanned
    }

    fn scan_plain(&mut self, stop: Stop) -> Result<(String, Words), LexError> {
        let mut text = String::new();
        let mut words = Words::default();
        while let Some(character) = self.next() {
            match character {
                _ if stop == Stop::At(character) => return Ok((text, words)),
                '$' => {
                    let value = self.scan_dollar()?;
                    value.chars().for_each(|character| words.push(character));
                    text.push_str(&value);
                }
                '\'' | '"' if !self.lexer.ignore_quotes => {
                    let quoted = self.scan_quoted(character)?;
                    words.push_quoted(&quoted);
                    text.push_str(&quoted);
                }
                '<' => {
                    let opened = self.scan_heredoc_opening();
                    words.push_quoted(&opened);
                    text.push_str(&opened);
                }
                _ if character == self.lexer.escape.character() => {
                    let escaped = self.scan_escaped();
                    words.push_quoted(&escaped);
                    text.push_str(&escaped);
                }
                _ => {
                    words.push(character);
                    text.push(character);
                }
            }
            if text.len() > MAX_EXPANSION {
                return Err(LexError::TooLong);
            }
        }
        match stop {
            Stop::End => Ok((text, words)),
            Stop::At(_) => Err(LexError::MissingBrace),
        }
    }

    /// What follows an escape; at the end of the text that is nothing, and the escape is dropped.
    fn scan_escaped(&mut self) -> String {
        let kept = self.raw_escapes.then(|| self.lexer.escape.character());
        kept.into_iter().chain(self.next()).collect()
    }

    /// `<`, or `<<` with the white space that may stand before a heredoc's name, so that they stay one word.
    fn scan_heredoc_opening(&mut self) -> String {
        let mut opening = String::from('<');
        if self.peek() == Some('<') {
            self.at += 1;
            opening.push('<');
            while let Some(blank) = self.peek().filter(|character| character.is_whitespace()) {
                self.at += 1;
                opening.push(blank);
            }
        }
        opening
    }

    fn scan_quoted(&mut self, quote: char) -> Result<String, LexError> {
        let mut text = String::new();
        if self.lexer.raw_quotes {
            text.push(quote);
        }
        match quote {
            '\'' => self.scan_single_quoted(&mut text)?,
            _ => self.scan_double_quoted(&mut text)?,
        }
        if self.lexer.raw_quotes {
            text.push(quote);
        }
        Ok(text)
    }

    fn scan_single_quoted(&mut self, text: &mut String) -> Result<(), LexError> {
        while let Some(character) = self.next() {
            if character == '\'' {
                return Ok(());
            }
            text.push(character);
        }
        Err(LexError::OpenQuote("single"))
    }

    /// Within double quotes an escape escapes `"`, `$` and itself; before anything else it stands for itself.
    fn scan_double_quoted(&mut self, text: &mut String) -> Result<(), LexError> {
        let escape = self.lexer.escape.character();
        while let Some(character) = self.next() {
            match character {
                '"' => return Ok(()),
                '$' => text.push_str(&self.scan_dollar()?),
                _ if character == escape => {
                    if self.raw_escapes {
                        text.push(escape);
                    }
                    match self.peek() {
                        Some(escaped) if matches!(escaped, '"' | '$') || escaped == escape => {
                            self.at += 1;
                            text.push(escaped);
                        }
                        Some(_) => text.push(escape),
                        None => {}
                    }
                }
                _ => text.push(character),
            }
            if text.len() > MAX_EXPANSION {
                return Err(LexError::TooLong);
            }
        }
        Err(LexError::OpenQuote("double"))
    }

    /// What follows a `$`.
    fn scan_dollar(&mut self) -> Result<String, LexError> {
        if self.peek() == Some('{') {
            self.at += 1;
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                return Err(LexError::TooDeep);
            }
            let value = self.scan_braces();
            self.depth -= 1;
            return value;
        }
        let name = self.scan_name();
        match self.look_up(&name) {
            _ if name.is_empty() => Ok("$".to_owned()),
            None if self.lexer.keep_unset => Ok(format!("${name}")),
            value => Ok(value.unwrap_or_default()),
        }
    }

    /// What follows a `${`.
    fn scan_braces(&mut self) -> Result<String, LexError> {
        match self.peek() {
            None => return Err(LexError::MissingBrace),
            Some('{' | '}' | ':') => return Err(LexError::BadSubstitution),
            Some(_) => {}
        }
        let name = self.scan_name();
        match self.next() {
            Some('}') => match self.look_up(&name) {
                None if self.lexer.keep_unset => Ok(format!("${{{name}}}")),
                value => Ok(value.unwrap_or_default()),
            },
            Some('/') => self.scan_replacement(&name),
            Some(':') => {
                let modifier = self.next().unwrap_or(char::REPLACEMENT_CHARACTER);
                self.scan_modified(&name, modifier, true)
            }
            Some(modifier @ ('+' | '-' | '?' | '#' | '%')) => self.scan_modified(&name, modifier, false),
            other => Err(LexError::Modifier(other.unwrap_or(char::REPLACEMENT_CHARACTER).to_string())),
        }
    }

    /// `${name-word}` and the like; with a colon, an empty variable counts as one that is not set.
    fn scan_modified(&mut self, name: &str, modifier: char, colon: bool) -> Result<String, LexError> {
        let written: String = colon.then_some(':').into_iter().chain([modifier]).collect();
        let is_pattern = matches!(modifier, '#' | '%');
        if colon && is_pattern {
            return Err(LexError::Modifier(written));
        }
        let word = self.scan_part('}', is_pattern)?;
        let value = self.look_up(name);
        if self.lexer.keep_unset && value.is_none() {
            return Ok(format!("${{{name}{written}{word}}}"));
        }
        let counts = value.as_ref().is_some_and(|value| !(colon && value.is_empty()));
        match modifier {
            '-' if counts => Ok(value.unwrap_or_default()),
            '-' => Ok(word),
            '+' if counts => Ok(word),
            '+' => Ok(String::new()),
            '?' if counts => Ok(value.unwrap_or_default()),
            '?' => Err(LexError::Required { name: name.to_owned(), message: complaint(word, value.is_some()) }),
            '#' | '%' => {
                let value = value.unwrap_or_default();
                check_work(name, &value, &word)?;
                trim(&value, modifier, &word)
            }
            _ => Err(LexError::Modifier(written)),
        }
    }

    /// `${name/pattern/replacement}`; with two slashes, all places are replaced.
    fn scan_replacement(&mut self, name: &str) -> Result<String, LexError> {
        let all = self.peek() == Some('/');
        self.at += usize::from(all);
        let pattern = self.scan_part('/', true)?;
        let replacement = self.scan_part('}', true)?;
        let Some(value) = self.look_up(name) else {
            return match self.lexer.keep_unset {
                true => Ok(format!("${{{name}/{pattern}/{replacement}}}")),
                false => Pattern::parse(&pattern).map(|pattern| replace("", &pattern, &replacement, all)),
            };
        };
        check_work(name, &value, &pattern)?;
        Ok(replace(&value, &Pattern::parse(&pattern)?, &replacement, all))
    }

    /// What stands within braces up to `end`. Trouble that reaches the end of the text is the brace's that is missing.
    fn scan_part(&mut self, end: char, raw_escapes: bool) -> Result<String, LexError> {
        match self.scan_until(Stop::At(end), raw_escapes) {
            Ok((text, _)) => Ok(text),
            Err(limit @ (LexError::TooDeep | LexError::TooLong)) => Err(limit),
            Err(_) if self.peek().is_none() && end == '/' => Err(LexError::MissingSlash),
            Err(_) if self.peek().is_none() => Err(LexError::MissingBrace),
            Err(error) => Err(error),
        }
    }

    /// A variable's name, digits, or one of the special parameters.
    fn scan_name(&mut self) -> String {
        let rest = &self.characters[self.at..];
        let is_letter = |character: &char| character.is_alphanumeric() || *character == '_';
        let length = match rest.first() {
            Some('@' | '*' | '#' | '?' | '-' | '$' | '!') => 1,
            Some('0'..='9') => rest.iter().take_while(|character| character.is_ascii_digit()).count(),
            _ => rest.iter().take_while(|character| is_letter(character)).count(),
        };
        let name = rest[..length].iter().collect();
        self.at += length;
        name
    }

    fn look_up(&mut self, name: &str) -> Option<String> {
        if name.is_empty() {
            return None;
        }
        let value = self.environment.get(name);
        let names = if value.is_some() { &mut self.matched } else { &mut self.unmatched };
        names.insert(name.to_owned());
        value.map(str::to_owned)
    }
}

fn complaint(word: String, is_set: bool) -> String {
    match (word.is_empty(), is_set) {
        (false, _) => word,
        (true, true) => "is not allowed to be empty".to_owned(),
        (true, false) => "is not allowed to be unset".to_owned(),
    }
}

/// Refuses comparisons that would take too long: each character of the value with each of the pattern, and from each
/// line's beginning again.
fn check_work(name: &str, value: &str, pattern: &str) -> Result<(), LexError> {
    let starts = if value.contains('\n') { value.len() } else { 1 };
    match value.len().saturating_mul(pattern.len()).saturating_mul(starts) > MAX_WORK {
        true => Err(LexError::Work(name.to_owned())),
        false => Ok(()),
    }
}

/// `${name#word}`, `${name##word}`, `${name%word}`, `${name%%word}`: the doubled sign is the word's first.
fn trim(value: &str, sign: char, word: &str) -> Result<String, LexError> {
    let (pattern, greed) = match word.strip_prefix(sign) {
        Some(pattern) => (pattern, Greed::Longest),
        None => (word, Greed::Shortest),
    };
    let pattern = Pattern::parse(pattern)?;
    match sign {
        '#' => Ok(pattern.trim_start(value, greed)),
        _ => Ok(pattern.trim_end(value, greed)),
    }
}

fn replace(value: &str, pattern: &Pattern, replacement: &str, all: bool) -> String {
    match all {
        true => pattern.replace_all(value, replacement),
        false => pattern.replace_first(value, replacement),
    }
}
