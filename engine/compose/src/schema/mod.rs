//! What files may say: every key of the Compose specification with the kinds of value it takes, and the check that tells what
//! was expected where.

mod service;
mod top;

use crate::error::{Error, Result};
use crate::node::{Node, Value, integer};
use crate::words;
use porthole_dockerfile::suggest;

/// What a value may be.
#[derive(Debug)]
pub enum Kind {
    /// Whatever is there.
    Any,
    /// Nothing.
    Null,
    /// A string.
    Text,
    /// A string or a number.
    Scalar,
    /// `true` or `false`, or a string that says so.
    Flag,
    /// A whole number, or a string that is one.
    Integer,
    /// A number, or a string that is one.
    Number,
    /// A string such as `1m30s`.
    Duration,
    /// A number of bytes, or a string such as `64m`.
    Bytes,
    /// One of these strings.
    Word(&'static [&'static str]),
    /// A list of such values.
    List(&'static Kind),
    /// Such values by any name.
    Map(&'static Kind),
    /// Values by the names that the specification has.
    Object(&'static [Field]),
    /// Either, whichever fits.
    Either(&'static [Kind]),
    /// A key of the specification that porthole has no use for: refused with this reason.
    Refused(&'static str),
}

/// A key, and what it takes.
pub type Field = (&'static str, Kind);

const TEXTS: Kind = Kind::List(&Kind::Text);
const TEXT_OR_TEXTS: Kind = Kind::Either(&[Kind::Text, TEXTS]);
const COMMAND: Kind = Kind::Either(&[Kind::Null, Kind::Text, Kind::List(&Kind::Scalar)]);
const VALUE: Kind = Kind::Either(&[Kind::Null, Kind::Scalar, Kind::Flag]);
const PAIRS: Kind = Kind::Either(&[Kind::Map(&VALUE), TEXTS]);

/// Checks a file, variables replaced.
pub fn check_file(root: &Node) -> Result<()> {
    check(root, &top::FILE, "")
}

/// Checks one service.
pub fn check_service(name: &str, service: &Node) -> Result<()> {
    check(service, &service::SERVICE, &format!("services.{name}"))
}

fn check(node: &Node, kind: &Kind, path: &str) -> Result<()> {
    // What is not replaced yet can be anything.
    if node.as_text().is_some_and(|text| text.contains('$')) && accepts_words(kind) {
        return Ok(());
    }
    let told = |what: String| {
        let path = if path.is_empty() { String::new() } else { format!("{path}: ") };
        Error::at(&node.place, format!("{path}{what}"))
    };
    if let Kind::Refused(why) = kind {
        return Err(told(format!("not supported: {why}")));
    }
    if !fits(node, kind) {
        return Err(told(format!("expected {}, not {}", expected(kind), described(node))));
    }
    match (kind, &node.value) {
        (Kind::List(inner), Value::List(list)) => {
            list.iter().enumerate().try_for_each(|(at, node)| check(node, inner, &format!("{path}[{at}]")))
        }
        (Kind::Map(inner), Value::Map(map)) => {
            map.iter().try_for_each(|(key, entry)| check(&entry.node, inner, &join(path, key)))
        }
        (Kind::Object(fields), Value::Map(map)) => map.iter().try_for_each(|(key, entry)| {
            if key.starts_with("x-") {
                return Ok(());
            }
            match fields.iter().find(|(name, _)| name == key) {
                Some((_, inner)) if entry.node.mark.is_some() && entry.node.is_null() => {
                    // `!reset` takes nothing.
                    match inner {
                        Kind::Refused(_) => check(&entry.node, inner, &join(path, key)),
                        _ => Ok(()),
                    }
                }
                Some((_, inner)) => check(&entry.node, inner, &join(path, key)),
                None => {
                    let hint = suggest::hint(key, fields.iter().map(|(name, _)| *name));
                    let of = if path.is_empty() { String::new() } else { format!("{path}: ") };
                    Err(Error::at(&entry.key, format!("{of}unknown key {key:?}{hint}")))
                }
            }
        }),
        (Kind::Either(kinds), _) => match kinds.iter().find(|kind| fits(node, kind)) {
            Some(kind) => check(node, kind, path),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// Whether a value is of this kind, without a look inside.
fn fits(node: &Node, kind: &Kind) -> bool {
    let word = |holds: &dyn Fn(&str) -> bool| match &node.value {
        Value::Text(text) | Value::Number(text) => holds(text),
        _ => false,
    };
    match kind {
        Kind::Any => true,
        Kind::Null => node.is_null(),
        Kind::Text => matches!(node.value, Value::Text(_)),
        Kind::Scalar => matches!(node.value, Value::Text(_) | Value::Number(_)),
        Kind::Flag => match &node.value {
            Value::Bool(_) => true,
            Value::Text(text) => crate::decode::flag(text).is_some(),
            _ => false,
        },
        Kind::Integer => word(&|text| integer(text).is_some()),
        Kind::Number => word(&|text| text.parse::<f64>().is_ok()),
        Kind::Duration => word(&|text| words::duration(text).is_some()),
        Kind::Bytes => word(&|text| words::bytes(text).is_some() || text == "-1"),
        Kind::Word(words) => node.as_text().is_some_and(|text| words.contains(&text)),
        Kind::List(_) => matches!(node.value, Value::List(_)),
        Kind::Map(_) | Kind::Object(_) => matches!(node.value, Value::Map(_)),
        Kind::Either(kinds) => kinds.iter().any(|kind| fits(node, kind)),
        Kind::Refused(_) => false,
    }
}

fn accepts_words(kind: &Kind) -> bool {
    match kind {
        Kind::List(_) | Kind::Map(_) | Kind::Object(_) | Kind::Null | Kind::Refused(_) => false,
        Kind::Either(kinds) => kinds.iter().any(accepts_words),
        _ => true,
    }
}

fn expected(kind: &Kind) -> String {
    match kind {
        Kind::Any => "anything".to_owned(),
        Kind::Null => "nothing".to_owned(),
        Kind::Text => "a string".to_owned(),
        Kind::Scalar => "a string or a number".to_owned(),
        Kind::Flag => "true or false".to_owned(),
        Kind::Integer => "a whole number".to_owned(),
        Kind::Number => "a number".to_owned(),
        Kind::Duration => "a duration such as 1m30s".to_owned(),
        Kind::Bytes => "a size such as 64m".to_owned(),
        Kind::Word(words) => words.join(" or "),
        Kind::List(_) => "a list".to_owned(),
        Kind::Map(_) | Kind::Object(_) => "a mapping".to_owned(),
        Kind::Either(kinds) => {
            let mut all: Vec<String> = kinds.iter().filter(|kind| !matches!(kind, Kind::Null)).map(expected).collect();
            all.dedup();
            all.join(" or ")
        }
        Kind::Refused(why) => (*why).to_owned(),
    }
}

fn described(node: &Node) -> String {
    match &node.value {
        Value::Text(text) | Value::Number(text) => {
            let shown: String = text.chars().take(40).collect();
            format!("{} {shown:?}", node.kind())
        }
        Value::Bool(flag) => flag.to_string(),
        _ => node.kind().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        let root = crate::yaml::parse("c.yaml", text).unwrap().remove(0);
        check_file(&root).map_or_else(|error| error.to_string(), |()| "fine".to_owned())
    }

    #[test]
    fn mistakes_are_told_with_place_and_expectation() {
        for (text, expected) in [
            ("services: {a: {image: x}}", "fine"),
            ("services:\n  a:\n    imge: x", "c.yaml:3:5: services.a: unknown key \"imge\" (did you mean image?)"),
            ("servces: {}", "c.yaml:1:1: unknown key \"servces\" (did you mean services?)"),
            ("services:\n  a:\n    ports: 80", "c.yaml:3:12: services.a.ports: expected a list, not a number \"80\""),
            ("services: []", "c.yaml:1:11: services: expected a mapping, not a list"),
            (
                "services: {a: {environment: x}}",
                "c.yaml:1:29: services.a.environment: expected a mapping or a list, not a string \"x\"",
            ),
            (
                "services: {a: {healthcheck: {interval: soon}}}",
                "c.yaml:1:40: services.a.healthcheck.interval: expected a duration such as 1m30s, not a string \"soon\"",
            ),
            (
                "services: {a: {tty: maybe}}",
                "c.yaml:1:21: services.a.tty: expected true or false, not a string \"maybe\"",
            ),
            (
                "services: {a: {depends_on: {b: {condition: up}}}}",
                "c.yaml:1:44: services.a.depends_on.b.condition: expected service_started or service_healthy or service_completed_successfully, not a string \"up\"",
            ),
            ("services: {a: {image: x, x-y: 1}}\nx-z: [1]", "fine"),
            ("services: {a: {image: x, ports: !reset}}", "fine"),
            ("services: {a: {init: '$X', scale: '${Y}'}}", "fine"),
            ("services: {a: ~}", "c.yaml:1:15: services.a: expected a mapping, not nothing"),
        ] {
            assert_eq!(told(text), expected, "{text}");
        }
        assert!(told("services: {a: {credential_spec: {file: x}}}").contains("not supported"));
    }
}
