//! Takes a line apart: the instruction's name, its flags, and the rest.

use crate::shell::Escape;

/// What stands between words: white space but the line's end. Other white space is part of a word.
fn is_blank(character: char) -> bool {
    matches!(character, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ')
}

/// The first word and what follows the white space after it, if there is any.
pub fn first_word(text: &str) -> (&str, Option<&str>) {
    match text.split_once(is_blank) {
        Some((word, rest)) => (word, Some(rest.trim_start_matches(is_blank))),
        None => (text, None),
    }
}

/// The words of a text that has no white space at its ends.
pub fn words(text: &str) -> Vec<String> {
    text.split(is_blank).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// An instruction in its parts.
#[derive(Debug, PartialEq, Eq)]
pub struct Parts<'a> {
    /// Its name.
    pub keyword: &'a str,
    /// Its flags, with quotes and escapes resolved.
    pub flags: Vec<String>,
    /// What follows.
    pub rest: &'a str,
}

/// Takes an instruction apart. Flags are the words before all others that begin with `--`; a bare `--` ends them.
pub fn instruction(line: &str, escape: Escape) -> Parts<'_> {
    let (keyword, rest) = first_word(line.trim());
    let (flags, rest) = flags(rest.unwrap_or_default(), escape);
    Parts { keyword, flags, rest: rest.trim() }
}

fn flags(text: &str, escape: Escape) -> (Vec<String>, &str) {
    let mut flags = Vec::new();
    let mut rest = text.trim_start();
    while rest.starts_with("--") {
        let (flag, after) = flag(rest, escape);
        if flag == "--" {
            return (flags, after);
        }
        flags.push(flag);
        rest = after.trim_start();
    }
    (flags, rest)
}

/// The first word without its quotes and escapes, and what follows it.
fn flag(text: &str, escape: Escape) -> (String, &str) {
    let mut flag = String::new();
    let mut quote = None;
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            _ if character == escape.character() => flag.extend(characters.next().map(|(_, escaped)| escaped)),
            _ if quote == Some(character) => quote = None,
            '\'' | '"' if quote.is_none() => quote = Some(character),
            _ if quote.is_none() && character.is_whitespace() => return (flag, &text[at..]),
            _ => flag.push(character),
        }
    }
    (flag, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(line: &str) -> (&str, Vec<String>, &str) {
        let parts = instruction(line, Escape::Backslash);
        (parts.keyword, parts.flags, parts.rest)
    }

    #[test]
    fn flags_stand_before_all_else() {
        assert_eq!(parts(" RUN  make --jobs=4 "), ("RUN", vec![], "make --jobs=4"));
        assert_eq!(parts("RUN"), ("RUN", vec![], ""));
        assert_eq!(parts("COPY --a=b --c  d"), ("COPY", vec!["--a=b".to_owned(), "--c".to_owned()], "d"));
        assert_eq!(parts("COPY --a -- --b c"), ("COPY", vec!["--a".to_owned()], "--b c"));
        assert_eq!(parts("CMD -- x"), ("CMD", vec![], "x"));
        assert_eq!(parts("CMD --"), ("CMD", vec![], ""));
        assert_eq!(parts("CMD - x"), ("CMD", vec![], "- x"));
    }

    #[test]
    fn flags_are_quoted_as_words_are() {
        let all = vec!["--a=b c".to_owned(), "--d'e\"".to_owned(), "--fé g".to_owned()];
        assert_eq!(parts("X --a='b c' --d\\'e\\\" --\"fé\\ g\" h"), ("X", all, "h"));
        assert_eq!(parts("X --a\\"), ("X", vec!["--a".to_owned()], ""));
        let backtick = instruction("X --a=\\` b", Escape::Backtick);
        assert_eq!((backtick.flags, backtick.rest), (vec!["--a=\\ b".to_owned()], ""));
    }
}
