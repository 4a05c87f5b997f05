//! The tree that files are read into: values that know where they stand.

use indexmap::IndexMap;
use std::fmt;
use std::sync::Arc;

/// A place in a file, counted from one.
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as it was named.
    pub file: Arc<str>,
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// A value, and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it begins.
    pub place: Place,
    /// What it is.
    pub value: Value,
    /// How it goes over what other files say.
    pub mark: Option<Mark>,
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum Value {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it was written.
    Number(String),
    /// A string.
    Text(String),
    /// Values in order.
    List(Vec<Node>),
    /// Values by name, in the order in which they were written.
    Map(Map),
}

/// The tags by which a value says how it is merged (Compose specification, 13-merge.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// `!reset`: what was said before is forgotten, and nothing takes its place.
    Reset,
    /// `!override`: it replaces what was said before.
    Override,
}

/// Values by name.
pub type Map = IndexMap<String, Entry>;

/// A value of a map, and where its key stands.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where the key stands.
    pub key: Place,
    /// The value.
    pub node: Node,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Node {
    /// A value that stands for what is written at a place.
    pub fn new(place: &Place, value: Value) -> Node {
        Node { place: place.clone(), value, mark: None }
    }

    /// A string that stands for what is written at a place.
    pub fn text(place: &Place, text: impl Into<String>) -> Node {
        Node::new(place, Value::Text(text.into()))
    }

    /// A value of a map, by name.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_map()?.get(key).map(|entry| &entry.node)
    }

    /// A value of a map, by name, to change it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        match &mut self.value {
            Value::Map(map) => map.get_mut(key).map(|entry| &mut entry.node),
            _ => None,
        }
    }

    /// Puts a value into a map; where there is none, nothing happens.
    pub fn set(&mut self, key: &str, node: Node) {
        if let Value::Map(map) = &mut self.value {
            let at = map.get(key).map_or_else(|| node.place.clone(), |entry| entry.key.clone());
            map.insert(key.to_owned(), Entry { key: at, node });
        }
    }

    /// Takes a value out of a map.
    pub fn take(&mut self, key: &str) -> Option<Node> {
        match &mut self.value {
            Value::Map(map) => map.shift_remove(key).map(|entry| entry.node),
            _ => None,
        }
    }

    /// Its values by name, if it has names.
    pub fn as_map(&self) -> Option<&Map> {
        match &self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// Its values, if it is a list.
    pub fn as_list(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    /// Its text, if it is a string.
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What a single value says as text; `None` for nothing, lists and maps.
    pub fn scalar(&self) -> Option<String> {
        match &self.value {
            Value::Bool(flag) => Some(flag.to_string()),
            Value::Number(text) | Value::Text(text) => Some(text.clone()),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// Whether it is nothing.
    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// How many values there are in it, itself included.
    pub fn size(&self) -> usize {
        match &self.value {
            Value::List(list) => 1 + list.iter().map(Node::size).sum::<usize>(),
            Value::Map(map) => 1 + map.values().map(|entry| entry.node.size()).sum::<usize>(),
            _ => 1,
        }
    }

    /// What it is, for messages.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::Text(_) => "a string",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// Its form in JSON.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(flag) => (*flag).into(),
            Value::Number(text) => number(text),
            Value::Text(text) => text.clone().into(),
            Value::List(list) => list.iter().map(Node::to_json).collect(),
            Value::Map(map) => map.iter().map(|(key, entry)| (key.clone(), entry.node.to_json())).collect(),
        }
    }
}

/// A number as JSON has it; what JSON cannot say stays text.
fn number(text: &str) -> serde_json::Value {
    match (integer(text), text.parse::<f64>()) {
        (Some(whole), _) => whole.into(),
        (None, Ok(real)) if real.is_finite() => real.into(),
        _ => text.into(),
    }
}

/// A whole number: decimal, `0x…`, `0o…`, or octal by a leading zero as files of permissions have it.
pub fn integer(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o', ..] => (8, &digits[2..]),
        [b'0', b'0'..=b'7', ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if !is_number { None } else { i64::from_str_radix(digits, radix).ok().map(|number| sign * number) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_yamls() {
        for (text, value) in [("0", 0), ("12", 12), ("-3", -3), ("0x1F", 31), ("0o17", 15), ("0444", 292)] {
            assert_eq!(integer(text), Some(value), "{text}");
        }
        for text in ["", "-", "1.5", "a", "0x", "1_0", "99999999999999999999"] {
            assert_eq!(integer(text), None, "{text}");
        }
        assert_eq!(number("1.5"), serde_json::json!(1.5));
    }
}
