//! What a tree shows: values as JSON has them.

use std::fmt::Write;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A number, as it is written.
    Number(String),
    /// A text.
    Text(String),
    /// Values in an order.
    List(Vec<Value>),
    /// Values with names.
    Map(Vec<(String, Value)>),
}

/// From a value to one that it holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Step {
    /// To the value of this name.
    Key(Box<str>),
    /// To the value at this place, counted from 0.
    Index(usize),
}

impl Step {
    /// As it stands before its value.
    pub(super) fn text(&self) -> String {
        match self {
            Step::Key(key) => key.to_string(),
            Step::Index(index) => format!("[{index}]"),
        }
    }
}

/// A text in quotes on one line: its first `max` characters, with what cannot be drawn written as JSON does.
pub(super) fn quoted(text: &str, max: usize) -> String {
    let mut out = String::from("\"");
    for c in text.chars().take(max) {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_cannot_be_drawn_is_written_out() {
        assert_eq!(quoted("a \"b\"\n\t\\\u{1b}[31m", 99), r#""a \"b\"\n\t\\\u001b[31m""#);
        assert_eq!(quoted("abc", 2), "\"ab\"");
    }

    proptest! {
        #[test]
        fn one_line_is_enough(text in any::<String>()) {
            prop_assert!(!quoted(&text, usize::MAX).chars().any(char::is_control));
        }
    }
}
