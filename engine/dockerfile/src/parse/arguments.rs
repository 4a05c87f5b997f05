//! What follows an instruction's name, read in the way of that instruction.

use super::split;
use crate::ast::{Arguments, Pair};
use crate::error::{Error, Result};
use crate::quote::quote;
use crate::shell::Escape;

/// One text, kept whole.
pub fn text(rest: &str) -> Arguments {
    Arguments::Words(if rest.is_empty() { Vec::new() } else { vec![rest.to_owned()] })
}

/// Words between white space.
pub fn words(rest: &str) -> Arguments {
    Arguments::Words(split::words(rest))
}

/// A JSON array of strings, or one text for the shell.
pub fn json_or_text(rest: &str) -> Result<Arguments> {
    Ok(json(rest)?.unwrap_or_else(|| text(rest)))
}

/// A JSON array of strings, or words.
pub fn json_or_words(rest: &str) -> Result<Arguments> {
    Ok(json(rest)?.unwrap_or_else(|| words(rest)))
}

/// A JSON array, if the text is one. What looks like one but is not JSON is something for the shell.
fn json(rest: &str) -> Result<Option<Arguments>> {
    let rest = rest.trim_start();
    if !rest.starts_with('[') {
        return Ok(None);
    }
    let Ok(values) = serde_json::from_str::<Vec<serde_json::Value>>(rest) else { return Ok(None) };
    let strings = values.into_iter().map(|value| match value {
        serde_json::Value::String(string) => Ok(string),
        _ => Err(Error::new("when using JSON array syntax, arrays must be comprised of strings only")),
    });
    strings.collect::<Result<_>>().map(Arguments::Json).map(Some)
}

/// `HEALTHCHECK`: a word for the kind, and then a JSON array of strings or one text.
pub fn health(rest: &str) -> Result<Arguments> {
    let (kind, command) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let with_kind = |words: Vec<String>| std::iter::once(kind.to_owned()).chain(words).collect();
    match json_or_text(command.trim_start())? {
        _ if kind.is_empty() => Ok(Arguments::Words(Vec::new())),
        Arguments::Json(words) => Ok(Arguments::Json(with_kind(words))),
        _ => {
            let Arguments::Words(words) = text(command.trim_start()) else { return Ok(Arguments::Unread) };
            Ok(Arguments::Words(with_kind(words)))
        }
    }
}

/// `name=value …`, or the old `name value` where no `=` is in the first word.
pub fn pairs(keyword: &str, rest: &str, escape: Escape) -> Result<Arguments> {
    let words = quoted_words(rest, escape);
    let Some(first) = words.first() else { return Ok(Arguments::Pairs(Vec::new())) };
    if !first.contains('=') {
        return match split::first_word(rest) {
            (name, Some(value)) => {
                let pair = Pair { name: name.to_owned(), value: value.to_owned(), legacy: true };
                Ok(Arguments::Pairs(vec![pair]))
            }
            (_, None) => Err(Error::new(format!("{keyword} must have two arguments"))),
        };
    }
    let pair = |word: &String| match word.split_once('=') {
        Some((name, value)) => Ok(Pair { name: name.to_owned(), value: value.to_owned(), legacy: false }),
        None => {
            let word = quote(word);
            Err(Error::new(format!("Syntax error - can't find = in {word}. Must be of the form: name=value")))
        }
    };
    words.iter().map(pair).collect::<Result<_>>().map(Arguments::Pairs)
}

/// Words that may be quoted. Quotes and escapes are kept: they are resolved together with variables.
pub fn quoted_words(rest: &str, escape: Escape) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = None::<String>;
    let mut quote = None;
    let mut characters = rest.chars().peekable();
    while let Some(character) = characters.next() {
        if quote.is_none() && character.is_whitespace() {
            words.extend(word.take());
            continue;
        }
        let word = word.get_or_insert_default();
        if character == escape.character() && quote != Some('\'') {
            // At the end of the line an escape escapes nothing, and is dropped.
            if let Some(escaped) = characters.next() {
                word.extend([character, escaped]);
            }
            continue;
        }
        match quote {
            Some(open) if open == character => quote = None,
            None if matches!(character, '\'' | '"') => quote = Some(character),
            _ => {}
        }
        word.push(character);
    }
    // A word of nothing but a dropped escape is none.
    words.extend(word.filter(|word| !word.is_empty()));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(rest: &str) -> Vec<String> {
        quoted_words(rest, Escape::Backslash)
    }

    #[test]
    fn words_keep_their_quotes() {
        assert_eq!(quoted("föo bàr \"âbc xÿz\""), ["föo", "bàr", "\"âbc xÿz\""]);
        assert_eq!(quoted("a\\ b 'c\\' d'' \"e\\\" f\""), ["a\\ b", "'c\\'", "d''", "\"e\\\" f\""]);
        assert_eq!(quoted("a=\"b c\"d  e\\"), ["a=\"b c\"d", "e"]);
        assert_eq!(quoted("''"), ["''"]);
        assert_eq!(quoted("\\"), [""; 0]);
        assert_eq!(quoted("'open \\"), ["'open \\"]);
        assert_eq!(quoted_words("a\\ `  b", Escape::Backtick), ["a\\", "` ", "b"]);
    }

    #[test]
    fn json_must_be_strings() {
        let json = |rest: &str| json_or_text(rest);
        assert_eq!(json("[]"), Ok(Arguments::Json(vec![])));
        assert_eq!(json(" [ \"a\",\t\"☃\\u0000\" ] "), Ok(Arguments::Json(vec!["a".to_owned(), "☃\0".to_owned()])));
        assert_eq!(json("['a']"), Ok(text("['a']")));
        assert_eq!(json("[\"a\"] b"), Ok(text("[\"a\"] b")));
        assert_eq!(json_or_words("[\"a\", b]"), Ok(words("[\"a\", b]")));
        for mixed in ["[\"a\",42]", "[null]", "[[\"a\"]]", "[{}]", "[true]"] {
            let message = "when using JSON array syntax, arrays must be comprised of strings only";
            assert_eq!(json(mixed).unwrap_err().message(), message);
        }
    }

    #[test]
    fn pairs_are_new_or_old() {
        let read = |rest: &str| pairs("ENV", rest, Escape::Backslash);
        let pair = |name: &str, value: &str, legacy| Pair { name: name.to_owned(), value: value.to_owned(), legacy };
        let two = vec![pair("a", "b", false), pair("c", "\"d e\"=f", false)];
        assert_eq!(read("a=b c=\"d e\"=f"), Ok(Arguments::Pairs(two)));
        assert_eq!(read("a  b c=d"), Ok(Arguments::Pairs(vec![pair("a", "b c=d", true)])));
        assert_eq!(read(""), Ok(Arguments::Pairs(vec![])));
        assert_eq!(read("a").unwrap_err().message(), "ENV must have two arguments");
        let message = "Syntax error - can't find = in \"c\". Must be of the form: name=value";
        assert_eq!(read("a=b c").unwrap_err().message(), message);
    }
}
