//! Words as a shell reads them: quotes, escapes and variables, but nothing that would run a program.
//!
//! What is understood is what BuildKit's lexer understands, a part of POSIX.1-2017 Shell Command Language 2.2 and 2.6.2 with
//! bash's `${name/pattern/replacement}`.

mod lexer;
mod pattern;

use std::collections::BTreeSet;

use crate::environment::Environment;
use crate::quote::quote;
use lexer::Scanner;

/// How deep substitutions may stand within one another. Nothing that a person writes comes near.
const MAX_DEPTH: usize = 64;

/// How long an expansion may grow. Variables that double one another end here, not at the end of memory.
const MAX_EXPANSION: usize = 2 << 20;

/// How much comparing a pattern with a value may take, in characters compared.
const MAX_WORK: usize = 1 << 28;

/// The character that escapes others, and that continues a line at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Escape {
    /// `\`, unless the Dockerfile says otherwise.
    #[default]
    Backslash,
    /// `` ` ``, for paths of Windows.
    Backtick,
}

impl Escape {
    /// The character itself.
    pub fn character(self) -> char {
        match self {
            Self::Backslash => '\\',
            Self::Backtick => '`',
        }
    }
}

/// Why a word cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LexError {
    /// A quote is not closed.
    #[error("unexpected end of statement while looking for matching {0}-quote")]
    OpenQuote(&'static str),
    /// `${` is not closed.
    #[error("syntax error: missing '}}'")]
    MissingBrace,
    /// `${name/pattern` goes no further.
    #[error("syntax error: missing '/' in ${{}}")]
    MissingSlash,
    /// `${}`, `${{`, `${:`.
    #[error("syntax error: bad substitution")]
    BadSubstitution,
    /// What follows the name in `${}` has no meaning.
    #[error("unsupported modifier ({0}) in substitution")]
    Modifier(String),
    /// `${name?message}` of a variable that is not set, or `${name:?message}` of one that is empty.
    #[error("{name}: {message}")]
    Required {
        /// The variable.
        name: String,
        /// What the Dockerfile says of it, or what is wrong.
        message: String,
    },
    /// A pattern escapes what needs no escape.
    #[error("invalid pattern ({pattern}) in substitution: invalid escape '\\{escaped}'")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is escaped.
        escaped: char,
    },
    /// A pattern and a value are so long that comparing them would not end in time.
    #[error("the value of {0} and its pattern are too long to be compared")]
    Work(String),
    /// Substitutions stand too deep within one another.
    #[error("substitutions within more than {MAX_DEPTH} others")]
    TooDeep,
    /// The result is too long to be meant.
    #[error("the expansion is longer than {MAX_EXPANSION} bytes")]
    TooLong,
}

/// A word that cannot be read, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to process {}: {reason}", quote(word))]
pub struct WordError {
    word: String,
    reason: LexError,
}

/// What a text expands to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expansion {
    /// The text with its variables replaced and its quotes removed.
    pub text: String,
    /// The text as words: separated by white space, also such as variables bring, but not within quotes.
    pub words: Vec<String>,
    /// The variables that were asked for and are set.
    pub matched: BTreeSet<String>,
    /// The variables that were asked for and are not set.
    pub unmatched: BTreeSet<String>,
}

/// Reads words. The flags keep what would otherwise be lost, to learn of a text how it was written.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lexer {
    /// What escapes.
    pub escape: Escape,
    /// Quotes are kept.
    pub raw_quotes: bool,
    /// Escapes are kept.
    pub raw_escapes: bool,
    /// Quotes are ordinary characters.
    pub ignore_quotes: bool,
    /// Variables that are not set are left as they are written.
    pub keep_unset: bool,
}

impl Lexer {
    /// Reads words in which `escape` escapes.
    pub fn new(escape: Escape) -> Self {
        Self { escape, ..Self::default() }
    }

    /// Expands a text. The variables that it asks for are told also when it cannot be expanded.
    pub fn expand(&self, text: &str, environment: &Environment) -> (Expansion, Result<(), WordError>) {
        let mut scanner = Scanner::new(*self, text, environment);
        let result = scanner.scan();
        let (matched, unmatched) = scanner.into_names();
        match result {
            Ok((text, words)) => (Expansion { text, words, matched, unmatched }, Ok(())),
            Err(reason) => (
                Expansion { matched, unmatched, ..Expansion::default() },
                Err(WordError { word: text.to_owned(), reason }),
            ),
        }
    }

    /// The text with its variables replaced and its quotes removed (BuildKit's `ProcessWord`).
    pub fn word(&self, text: &str, environment: &Environment) -> Result<String, WordError> {
        let (expansion, result) = self.expand(text, environment);
        result.map(|()| expansion.text)
    }

    /// The same as words (BuildKit's `ProcessWords`).
    pub fn words(&self, text: &str, environment: &Environment) -> Result<Vec<String>, WordError> {
        let (expansion, result) = self.expand(text, environment);
        result.map(|()| expansion.words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(text: &str) -> (Expansion, Result<(), WordError>) {
        let environment = Environment::from_iter(["FOO=xxx", "BAR=", "S=a b"]);
        Lexer::new(Escape::Backslash).expand(text, &environment)
    }

    #[test]
    fn tells_which_variables_were_asked_for() {
        let (expansion, result) = expand("${FOO:+$BAR}${BAZ:-$QUX}$FOO");
        assert_eq!(result, Ok(()));
        assert_eq!(expansion.text, "xxx");
        assert!(expansion.matched.iter().eq(["BAR", "FOO"]));
        assert!(expansion.unmatched.iter().eq(["BAZ", "QUX"]));
        let (expansion, result) = expand("$NOT ${FOO");
        assert!(result.is_err());
        assert!(expansion.unmatched.contains("NOT"));
    }

    #[test]
    fn names_the_word_and_what_is_wrong() {
        let message = |text: &str| expand(text).1.unwrap_err().to_string();
        assert_eq!(message("${X:?}"), r#"failed to process "${X:?}": X: is not allowed to be unset"#);
        assert_eq!(message("${BAR:?}"), r#"failed to process "${BAR:?}": BAR: is not allowed to be empty"#);
        assert_eq!(message("${X?say $FOO}"), r#"failed to process "${X?say $FOO}": X: say xxx"#);
        assert_eq!(message("${FOO=1}"), r#"failed to process "${FOO=1}": unsupported modifier (=) in substitution"#);
        assert_eq!(message("${FOO:#1}"), r#"failed to process "${FOO:#1}": unsupported modifier (:#) in substitution"#);
        assert_eq!(message("${}"), r#"failed to process "${}": syntax error: bad substitution"#);
        assert_eq!(message("${FOO:-x"), r#"failed to process "${FOO:-x": syntax error: missing '}'"#);
        assert_eq!(message("${FOO/x}"), r#"failed to process "${FOO/x}": syntax error: missing '/' in ${}"#);
        let open = r#"failed to process "\"x": unexpected end of statement while looking for matching double-quote"#;
        assert_eq!(message("\"x"), open);
        let escape = r#"failed to process "${FOO#\\x}": invalid pattern (\x) in substitution: invalid escape '\x'"#;
        assert_eq!(message("${FOO#\\x}"), escape);
    }

    #[test]
    fn variables_split_into_words_unless_quoted() {
        let words = |text: &str| expand(text).0.words;
        assert_eq!(words("$S"), ["a", "b"]);
        assert_eq!(words("x$S'c  d'e"), ["xa", "bc  de"]);
        assert_eq!(words("\"$S\" '$S'"), ["a b", "$S"]);
        assert_eq!(words("x${NOT:-y}z"), ["xyz"]);
        assert_eq!(words("  '' "), [""; 0]);
        assert_eq!(words("a\\ b"), ["a b"]);
    }

    #[test]
    fn depth_and_length_have_an_end() {
        let deep = format!("{}x{}", "${A:-".repeat(100_000), "}".repeat(100_000));
        assert_eq!(expand(&deep).1.unwrap_err().reason, LexError::TooDeep);
        let environment = Environment::from_iter([format!("A={}", "x".repeat(1 << 20))]);
        let long = Lexer::default().word(&"$A".repeat(3), &environment);
        assert_eq!(long.unwrap_err().reason, LexError::TooLong);
        let slow = Lexer::default().word(&format!("${{A#{}b}}", "x".repeat(1 << 10)), &environment);
        assert_eq!(slow.unwrap_err().reason, LexError::Work("A".to_owned()));
    }

    #[test]
    fn flags_keep_how_a_text_was_written() {
        let lexer = Lexer { raw_quotes: true, raw_escapes: true, keep_unset: true, ..Lexer::default() };
        let environment = Environment::from_iter(["FOO=xxx"]);
        let text = r#"'a'"b" \c $X ${X} ${X:-$FOO} ${X/a/b} <<  EOF"#;
        assert_eq!(lexer.word(text, &environment).unwrap(), text.replace("$FOO", "xxx"));
        assert_eq!(lexer.words("RUN <<-  'E F' x <y", &environment).unwrap(), ["RUN", "<<-", "'E F'", "x", "<y"]);
        assert_eq!(lexer.words("RUN <<  EOF", &environment).unwrap(), ["RUN", "<<  EOF"]);
        let plain = Lexer { ignore_quotes: true, ..Lexer::default() };
        assert_eq!(plain.word("it's \"$FOO\" \\$FOO", &environment).unwrap(), "it's \"xxx\" $FOO");
    }
}
