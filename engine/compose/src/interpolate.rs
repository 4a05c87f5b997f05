//! Variables in values: `$NAME` and `${NAME}` with defaults, alternatives and demands (Compose specification,
//! 12-interpolation.md).

use crate::error::{Error, Result};
use crate::node::{Node, Value};
use std::collections::{BTreeMap, BTreeSet};

/// So many defaults may be inside each other.
const MOST_DEPTH: usize = 50;
/// No value grows beyond this.
const MOST_BYTES: usize = 1 << 20;

/// Variables by name, and which of those that were asked for are not set.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    values: BTreeMap<String, String>,
    missing: BTreeSet<String>,
}

impl Variables {
    /// These variables.
    pub fn new(values: BTreeMap<String, String>) -> Variables {
        Variables { values, missing: BTreeSet::new() }
    }

    /// A variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Adds variables that are not set yet.
    pub fn add_missing(&mut self, others: BTreeMap<String, String>) {
        for (name, value) in others {
            self.values.entry(name).or_insert(value);
        }
    }

    /// All of them.
    pub fn all(&self) -> &BTreeMap<String, String> {
        &self.values
    }

    /// Those that were asked for by files, and took a blank string.
    pub fn missing(&self) -> &BTreeSet<String> {
        &self.missing
    }

    /// Notes what others asked for in vain.
    pub fn note_missing(&mut self, others: &Variables) {
        self.missing.extend(others.missing.iter().cloned());
    }

    /// Replaces the variables of all strings in a tree; keys stay as they are.
    pub fn interpolate(&mut self, node: &mut Node) -> Result<()> {
        match &mut node.value {
            Value::Text(text) if text.contains('$') => {
                *text = self.substitute(text).map_err(|message| Error::at(&node.place, message))?;
            }
            Value::List(list) => list.iter_mut().try_for_each(|node| self.interpolate(node))?,
            Value::Map(map) => map.values_mut().try_for_each(|entry| self.interpolate(&mut entry.node))?,
            _ => {}
        }
        Ok(())
    }

    /// Replaces the variables of a text.
    pub fn substitute(&mut self, text: &str) -> Result<String, String> {
        self.expand(text, 0)
    }

    fn expand(&mut self, text: &str, depth: usize) -> Result<String, String> {
        if depth == MOST_DEPTH {
            return Err(format!("more than {MOST_DEPTH} defaults of variables are inside each other"));
        }
        let mut result = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            result.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            if let Some(next) = after.strip_prefix('$') {
                result.push('$');
                rest = next;
            } else if let Some(inner) = after.strip_prefix('{') {
                let end = closing_brace(inner).ok_or_else(|| invalid(text))?;
                result.push_str(&self.braced(&inner[..end], text, depth)?);
                rest = &inner[end + 1..];
            } else {
                let length = name_length(after);
                if length == 0 {
                    return Err(invalid(text));
                }
                result.push_str(&self.value_or_blank(&after[..length]));
                rest = &after[length..];
            }
            if result.len() > MOST_BYTES {
                return Err(format!("a value is longer than {MOST_BYTES} bytes when its variables are replaced"));
            }
        }
        result.push_str(rest);
        Ok(result)
    }

    /// What is between `${` and `}`.
    fn braced(&mut self, inner: &str, text: &str, depth: usize) -> Result<String, String> {
        let length = name_length(inner);
        let (name, rest) = inner.split_at(length);
        if name.is_empty() {
            return Err(invalid(text));
        }
        if rest.is_empty() {
            return Ok(self.value_or_blank(name));
        }
        let (empty_counts, rest) = match rest.strip_prefix(':') {
            Some(rest) => (false, rest),
            None => (true, rest),
        };
        let set = self.get(name).filter(|value| empty_counts || !value.is_empty()).map(str::to_owned);
        let mut operators = rest.chars();
        match (operators.next(), set) {
            (Some('-'), Some(value)) | (Some('?'), Some(value)) => Ok(value),
            (Some('-'), None) | (Some('+'), Some(_)) => self.expand(operators.as_str(), depth + 1),
            (Some('+'), None) => Ok(String::new()),
            (Some('?'), None) => {
                let why = self.expand(operators.as_str(), depth + 1)?;
                let why = if why.is_empty() { why } else { format!(": {why}") };
                Err(format!("required variable {name} is missing a value{why}"))
            }
            _ => Err(invalid(text)),
        }
    }

    fn value_or_blank(&mut self, name: &str) -> String {
        match self.values.get(name) {
            Some(value) => value.clone(),
            None => {
                self.missing.insert(name.to_owned());
                String::new()
            }
        }
    }
}

fn invalid(text: &str) -> String {
    let shown: String = text.chars().take(60).collect();
    format!("invalid interpolation format: {shown:?}: you may need to escape any $ with another $")
}

/// How long the name is that a text begins with.
fn name_length(text: &str) -> usize {
    let is_name = |(at, c): (usize, char)| c == '_' || c.is_ascii_alphabetic() || (at > 0 && c.is_ascii_digit());
    text.char_indices().take_while(|&found| is_name(found)).count()
}

/// Where the brace is that closes one which was opened before the text.
fn closing_brace(text: &str) -> Option<usize> {
    let mut open = 1_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => open += 1,
            b'}' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn variables() -> Variables {
        let values = [("A", "a"), ("EMPTY", ""), ("NESTED", "${A}")];
        Variables::new(values.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
    }

    #[test]
    fn variables_are_replaced() {
        for (text, expected) in [
            ("plain", "plain"),
            ("$A", "a"),
            ("${A}", "a"),
            ("x${A}y$A-z", "xaya-z"),
            ("$$A $${A}", "$A ${A}"),
            ("$NOPE|${NOPE}", "|"),
            ("${NOPE:-d}${NOPE-d}", "dd"),
            ("${EMPTY:-d}|${EMPTY-d}", "d|"),
            ("${A:-d}${A-d}", "aa"),
            ("${A:+b}${A+b}${EMPTY+b}", "bbb"),
            ("${EMPTY:+b}${NOPE+b}", ""),
            ("${A:?no}${EMPTY?no}", "a"),
            ("${NOPE:-${A}}", "a"),
            ("${NOPE:-x${NOPE2:-${A}y}z}", "xayz"),
            ("${NOPE-${NOPE-${NOPE-deep}}}", "deep"),
            ("${NOPE:-$$}", "$"),
            ("${NOPE:-http://h:80/?a={b}}", "http://h:80/?a={b}"),
            ("${NESTED}", "${A}"),
            ("${A:-${A}}", "a"),
            ("${NOPE:-}", ""),
            ("ü${A}ü", "üaü"),
        ] {
            assert_eq!(variables().substitute(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_variable_is_refused() {
        for text in ["$", "${", "${}", "${A", "$1", "${1}", "${A b}", "$-", "${A:b}", "${A/b}", "${-}", "a$"] {
            assert!(variables().substitute(text).unwrap_err().contains("escape any $"), "{text}");
        }
        let needed = |text: &str| variables().substitute(text).unwrap_err();
        assert_eq!(needed("${NOPE:?set it}"), "required variable NOPE is missing a value: set it");
        assert_eq!(needed("${EMPTY:?}"), "required variable EMPTY is missing a value");
        assert_eq!(needed("${NOPE?${A} too}"), "required variable NOPE is missing a value: a too");
        assert!(needed(&format!("{}{}", "${N:-".repeat(60), "}".repeat(60))).contains("inside each other"));
    }

    #[test]
    fn blanks_are_told_of() {
        let mut variables = variables();
        variables.substitute("$X ${Y} ${Z:-z} ${EMPTY}").unwrap();
        assert_eq!(variables.missing().iter().collect::<Vec<_>>(), ["X", "Y"]);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[$}{:?+aA_ü-]{0,40}") {
            let _ = variables().substitute(&text);
        }

        #[test]
        fn escaped_text_is_itself(text in ".{0,40}") {
            let escaped = text.replace('$', "$$");
            prop_assert_eq!(variables().substitute(&escaped).unwrap(), text);
        }
    }
}
