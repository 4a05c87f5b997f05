//! Values as Go prints them (pkg.go.dev/fmt).

use serde_json::Value;
use std::fmt::Write;

/// The result of an action.
pub fn result(value: &Value) -> String {
    match value {
        Value::Null => "<no value>".to_owned(),
        _ => plain(value),
    }
}

/// `%v`.
pub fn plain(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(list) => format!("[{}]", list.iter().map(plain).collect::<Vec<_>>().join(" ")),
        Value::Object(map) => {
            let mut pairs: Vec<_> = map.iter().collect();
            pairs.sort_by_key(|(key, _)| *key);
            let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}:{}", plain(value))).collect();
            format!("map[{}]", pairs.join(" "))
        }
    }
}

/// `print`: blanks stand between operands when neither is a string.
pub fn print(values: &[impl AsRef<Value>]) -> String {
    let mut text = String::new();
    for (at, value) in values.iter().enumerate() {
        if at > 0 && !value.as_ref().is_string() && !values[at - 1].as_ref().is_string() {
            text.push(' ');
        }
        text.push_str(&plain(value.as_ref()));
    }
    text
}

/// `println`.
pub fn println(values: &[impl AsRef<Value>]) -> String {
    let words: Vec<String> = values.iter().map(|value| plain(value.as_ref())).collect();
    format!("{}\n", words.join(" "))
}

/// `printf`.
pub fn printf(format: &str, values: &[impl AsRef<Value>]) -> String {
    let mut values = values.iter().map(AsRef::as_ref);
    let mut text = String::new();
    let mut characters = format.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '%' {
            text.push(character);
            continue;
        }
        let mut layout = String::new();
        while let Some(part) = characters.next_if(|c| matches!(c, '-' | '+' | '#' | ' ' | '.' | '0'..='9')) {
            layout.push(part);
        }
        match characters.next() {
            None => text.push_str("%!(NOVERB)"),
            Some('%') => text.push('%'),
            Some(verb) => match values.next() {
                Some(value) => text.push_str(&Layout::parse(&layout).apply(verb, value)),
                None => _ = write!(text, "%!{verb}(MISSING)"),
            },
        }
    }
    let extra: Vec<String> =
        values.map(|value| format!("{}={}", super::functions::type_name(value), plain(value))).collect();
    if !extra.is_empty() {
        _ = write!(text, "%!(EXTRA {})", extra.join(", "));
    }
    text
}

/// Flags, width and precision of a verb.
struct Layout {
    left: bool,
    plus: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

impl Layout {
    fn parse(text: &str) -> Layout {
        let flags_end = text.find(|c: char| matches!(c, '1'..='9' | '.')).unwrap_or(text.len());
        let (flags, sizes) = text.split_at(flags_end);
        let (width, precision) = match sizes.split_once('.') {
            Some((width, precision)) => (width, Some(size(precision))),
            None => (sizes, None),
        };
        let left = flags.contains('-');
        Layout { left, plus: flags.contains('+'), zero: flags.contains('0') && !left, width: size(width), precision }
    }

    fn apply(&self, verb: char, value: &Value) -> String {
        let text = self
            .convert(verb, value)
            .unwrap_or_else(|| format!("%!{verb}({}={})", super::functions::type_name(value), plain(value)));
        let blanks = self.width.saturating_sub(text.chars().count());
        match (self.left, self.zero && value.is_number()) {
            (true, _) => text + &" ".repeat(blanks),
            (false, true) => {
                let digits = text.trim_start_matches(['-', '+']);
                format!("{}{}{digits}", &text[..text.len() - digits.len()], "0".repeat(blanks))
            }
            (false, false) => " ".repeat(blanks) + &text,
        }
    }

    /// The value in the form of the verb; `None` when the verb is not for such values.
    fn convert(&self, verb: char, value: &Value) -> Option<String> {
        let sign = |text: String| if self.plus && !text.starts_with('-') { format!("+{text}") } else { text };
        match (verb, value) {
            ('v', Value::Number(number)) => Some(sign(number.to_string())),
            ('v', _) => Some(self.cut(plain(value))),
            ('s', Value::String(text)) => Some(self.cut(text.clone())),
            ('s', Value::Array(_) | Value::Object(_)) => Some(plain(value)),
            ('q', Value::String(text)) => Some(format!("{text:?}")),
            ('t', Value::Bool(truth)) => Some(truth.to_string()),
            ('d', Value::Number(number)) if !number.is_f64() => Some(sign(number.to_string())),
            ('x', Value::Number(number)) => number.as_i64().map(|number| format!("{number:x}")),
            ('X', Value::Number(number)) => number.as_i64().map(|number| format!("{number:X}")),
            ('f', Value::Number(number)) if number.is_f64() => {
                number.as_f64().map(|number| sign(format!("{number:.*}", self.precision.unwrap_or(6))))
            }
            _ => None,
        }
    }

    fn cut(&self, text: String) -> String {
        match self.precision {
            Some(most) => text.chars().take(most).collect(),
            None => text,
        }
    }
}

/// A width no terminal has is a mistake, and must not fill the memory.
fn size(digits: &str) -> usize {
    digits.parse::<usize>().unwrap_or(0).min(1000)
}
