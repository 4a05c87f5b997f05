//! Quoting as Go's `strconv.Quote` does it, which dumps and messages show.

use std::fmt::Write as _;

/// `text` in double quotes, with what is not printable escaped.
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        push_escaped(&mut quoted, character);
    }
    quoted.push('"');
    quoted
}

/// Several texts as Go's `%q` shows a slice: `["a" "b"]`.
pub fn quote_all(texts: &[String]) -> String {
    let quoted: Vec<_> = texts.iter().map(|text| quote(text)).collect();
    format!("[{}]", quoted.join(" "))
}

fn push_escaped(quoted: &mut String, character: char) {
    match character {
        '"' => quoted.push_str("\\\""),
        '\\' => quoted.push_str("\\\\"),
        '\u{7}' => quoted.push_str("\\a"),
        '\u{8}' => quoted.push_str("\\b"),
        '\u{c}' => quoted.push_str("\\f"),
        '\n' => quoted.push_str("\\n"),
        '\r' => quoted.push_str("\\r"),
        '\t' => quoted.push_str("\\t"),
        '\u{b}' => quoted.push_str("\\v"),
        _ if is_printable(character) => quoted.push(character),
        // Writing to a string cannot fail.
        _ => drop(match u32::from(character) {
            code @ ..0x80 => write!(quoted, "\\x{code:02x}"),
            code @ 0x80..0x1_0000 => write!(quoted, "\\u{code:04x}"),
            code => write!(quoted, "\\U{code:08x}"),
        }),
    }
}

/// Letters, marks, numbers, punctuation, symbols and the ASCII space (Go's `unicode.IsPrint`).
fn is_printable(character: char) -> bool {
    let is_format = matches!(u32::from(character),
        0xad | 0x600..=0x605 | 0x61c | 0x6dd | 0x70f | 0x890..=0x891 | 0x8e2 | 0x180e | 0x200b..=0x200f
        | 0x202a..=0x202e | 0x2060..=0x206f | 0xfeff | 0xfff9..=0xfffb | 0xe0001..=0xe007f);
    let is_private = matches!(u32::from(character), 0xe000..=0xf8ff | 0xf_0000..);
    let is_blank = character != ' ' && character.is_whitespace();
    !(character.is_control() || is_blank || is_format || is_private)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_cannot_be_seen() {
        assert_eq!(quote("a \"b\" \\ 한국어 ☺"), r#""a \"b\" \\ 한국어 ☺""#);
        assert_eq!(quote("\t\n\r\u{7}\u{8}\u{b}\u{c}"), r#""\t\n\r\a\b\v\f""#);
        assert_eq!(quote("\0\u{1b}\u{7f}\u{a0}\u{feff}\u{e0001}"), r#""\x00\x1b\x7f\u00a0\ufeff\U000e0001""#);
        assert_eq!(quote_all(&["--a=b c".to_owned(), "--d".to_owned()]), r#"["--a=b c" "--d"]"#);
    }
}
