//! Reading values out of a checked tree.

use crate::node::{Node, Value, integer};
use crate::words;
use std::collections::BTreeMap;

/// What a string says of a flag (YAML 1.1's words, as Docker Compose takes them).
pub fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" | "1" => Some(true),
        "false" | "no" | "off" | "n" | "0" => Some(false),
        _ => None,
    }
}

/// Looks into a mapping by key; what is not there, or of another kind, is `None` or empty.
pub trait Fields {
    /// A value of the mapping.
    fn field(&self, key: &str) -> Option<&Node>;

    /// A single value as text.
    fn text(&self, key: &str) -> Option<String> {
        self.field(key).and_then(Node::scalar)
    }

    /// A flag.
    fn flag(&self, key: &str) -> Option<bool> {
        match &self.field(key)?.value {
            Value::Bool(set) => Some(*set),
            Value::Text(text) => flag(text),
            _ => None,
        }
    }

    /// A whole number.
    fn integer(&self, key: &str) -> Option<i64> {
        integer(&self.text(key)?)
    }

    /// A number.
    fn number(&self, key: &str) -> Option<f64> {
        self.text(key)?.parse().ok()
    }

    /// A duration in nanoseconds.
    fn duration(&self, key: &str) -> Option<i64> {
        words::duration(&self.text(key)?)
    }

    /// A number of bytes.
    fn bytes(&self, key: &str) -> Option<i64> {
        let text = self.text(key)?;
        if text == "-1" { Some(-1) } else { words::bytes(&text) }
    }

    /// The items of a list.
    fn items(&self, key: &str) -> &[Node] {
        self.field(key).and_then(Node::as_list).unwrap_or_default()
    }

    /// The items of a list of single values.
    fn texts(&self, key: &str) -> Vec<String> {
        self.items(key).iter().filter_map(Node::scalar).collect()
    }

    /// The values of a mapping in it.
    fn entries(&self, key: &str) -> Vec<(&String, &Node)> {
        let map = self.field(key).and_then(Node::as_map);
        map.into_iter().flatten().map(|(key, entry)| (key, &entry.node)).collect()
    }

    /// The single values of a mapping in it; nothing counts as an empty one.
    fn pairs(&self, key: &str) -> BTreeMap<String, String> {
        self.entries(key).into_iter().map(|(key, node)| (key.clone(), node.scalar().unwrap_or_default())).collect()
    }
}

impl Fields for Node {
    fn field(&self, key: &str) -> Option<&Node> {
        self.get(key).filter(|node| !node.is_null())
    }
}
