//! The functions of Go's templates and of Docker's.

use super::print;
use serde_json::Value;
use std::borrow::Cow;
use std::cmp::Ordering;

/// Every function there is.
const NAMES: [&str; 23] = [
    "and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "index", "slice", "len", "print", "printf", "println",
    "json", "join", "split", "upper", "lower", "title", "pad", "truncate",
];

/// Whether there is such a function.
pub fn exists(name: &str) -> bool {
    NAMES.contains(&name)
}

/// Whether it makes other text of its first argument.
pub fn shapes_text(name: &str) -> bool {
    matches!(name, "json" | "join" | "split" | "upper" | "lower" | "title" | "pad" | "truncate")
}

/// For `and` and `or`, which stop at the first operand that decides: the truth that does.
pub fn stops_at(name: &str) -> Option<bool> {
    match name {
        "and" => Some(false),
        "or" => Some(true),
        _ => None,
    }
}

/// Whether a value counts as true: whether it is not its type's zero.
pub fn truth(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

/// What Go calls the type of a value.
pub fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "nil",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

/// Calls a function other than `and` and `or`.
pub fn call<'a>(name: &str, mut arguments: Vec<Cow<'a, Value>>) -> Result<Cow<'a, Value>, String> {
    check_count(name, arguments.len())?;
    if name == "index" {
        let indices = arguments.split_off(1);
        let value = arguments.pop().unwrap_or_default();
        return indices.iter().try_fold(value, |value, index| element(value, index));
    }
    compute(name, &arguments).map(Cow::Owned)
}

fn check_count(name: &str, count: usize) -> Result<(), String> {
    let (least, most) = match name {
        "print" | "println" => (0, usize::MAX),
        "not" | "len" | "json" | "upper" | "lower" | "title" => (1, 1),
        "ne" | "lt" | "le" | "gt" | "ge" | "join" | "split" | "truncate" => (2, 2),
        "eq" => (2, usize::MAX),
        "pad" => (3, 3),
        "slice" => (1, 3),
        _ => (1, usize::MAX),
    };
    match () {
        () if count < least => Err(format!("wrong number of args: want at least {least} got {count}")),
        () if count > most => Err(format!("wrong number of args: want at most {most} got {count}")),
        () => Ok(()),
    }
}

fn compute(name: &str, arguments: &[Cow<'_, Value>]) -> Result<Value, String> {
    let first = || &*arguments[0];
    let text = |at: usize| string(&arguments[at]);
    let number = |at: usize| position(&arguments[at]);
    Ok(match name {
        "not" => (!truth(first())).into(),
        "eq" => arguments[1..]
            .iter()
            .map(|other| equal(first(), other))
            .collect::<Result<Vec<_>, _>>()?
            .contains(&true)
            .into(),
        "ne" => (!equal(first(), &arguments[1])?).into(),
        "lt" => order(first(), &arguments[1])?.is_lt().into(),
        "le" => order(first(), &arguments[1])?.is_le().into(),
        "gt" => order(first(), &arguments[1])?.is_gt().into(),
        "ge" => order(first(), &arguments[1])?.is_ge().into(),
        "len" => length(first())?.into(),
        "print" => print::print(arguments).into(),
        "println" => print::println(arguments).into(),
        "printf" => print::printf(text(0)?, &arguments[1..]).into(),
        "json" => first().to_string().into(),
        "join" => join(first(), text(1)?)?.into(),
        "split" => text(0)?.split(text(1)?).map(Value::from).collect(),
        "upper" => text(0)?.to_uppercase().into(),
        "lower" => text(0)?.to_lowercase().into(),
        "title" => title(text(0)?).into(),
        "pad" if text(0)?.is_empty() => "".into(),
        "pad" => format!("{}{}{}", blanks(number(1)?), text(0)?, blanks(number(2)?)).into(),
        "truncate" => text(0)?.chars().take(number(1)?).collect::<String>().into(),
        "slice" => {
            let bounds = (1..arguments.len()).map(number).collect::<Result<Vec<_>, _>>()?;
            slice(first(), bounds.first().copied().unwrap_or(0), bounds.get(1).copied())?
        }
        _ => return Err("no such function".to_owned()),
    })
}

/// One step of `index`. A key that is not there gives the zero value of what the map holds.
fn element<'a>(value: Cow<'a, Value>, index: &Value) -> Result<Cow<'a, Value>, String> {
    match (&*value, index) {
        (Value::Object(map), Value::String(key)) if !map.contains_key(key) => {
            Ok(Cow::Owned(zero_like(map.values().next())))
        }
        (Value::Object(_), Value::String(key)) => Ok(match value {
            Cow::Borrowed(map) => Cow::Borrowed(&map[key]),
            Cow::Owned(mut map) => Cow::Owned(map[key].take()),
        }),
        (Value::Array(list), _) => {
            let at = position(index)?;
            if at >= list.len() {
                return Err(format!("index out of range: {at}"));
            }
            Ok(match value {
                Cow::Borrowed(list) => Cow::Borrowed(&list[at]),
                Cow::Owned(mut list) => Cow::Owned(list[at].take()),
            })
        }
        (Value::Null, _) => Err("index of untyped nil".to_owned()),
        (Value::Object(_), _) => Err(format!("value has type {}; should be string", type_name(index))),
        _ => Err(format!("can't index item of type {}", type_name(&value))),
    }
}

/// Nothing, in the type of `value`; of a map that holds nothing, text is meant.
fn zero_like(value: Option<&Value>) -> Value {
    match value {
        None | Some(Value::String(_)) => "".into(),
        Some(Value::Array(_)) => Value::Array(Vec::new()),
        Some(Value::Bool(_)) => false.into(),
        Some(Value::Number(_)) => 0.into(),
        Some(Value::Null | Value::Object(_)) => Value::Null,
    }
}

fn string(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| format!("wrong type for value; expected string; got {}", type_name(value)))
}

fn position(value: &Value) -> Result<usize, String> {
    let number = value.as_i64().ok_or_else(|| format!("cannot index slice/array with type {}", type_name(value)))?;
    usize::try_from(number).map_err(|_| format!("index out of range: {number}"))
}

fn equal(one: &Value, other: &Value) -> Result<bool, String> {
    match (one, other) {
        (Value::Number(_), Value::Number(_)) => order(one, other).map(Ordering::is_eq),
        (Value::Array(_) | Value::Object(_), _) | (_, Value::Array(_) | Value::Object(_)) => {
            Err("non-comparable type".to_owned())
        }
        (Value::Null, _) | (_, Value::Null) => Ok(one == other),
        _ if type_name(one) != type_name(other) => Err("incompatible types for comparison".to_owned()),
        _ => Ok(one == other),
    }
}

fn order(one: &Value, other: &Value) -> Result<Ordering, String> {
    let ordering = match (one, other) {
        (Value::Number(one), Value::Number(other)) => match (one.as_i64(), other.as_i64()) {
            (Some(one), Some(other)) => Some(one.cmp(&other)),
            _ => one.as_f64().partial_cmp(&other.as_f64()),
        },
        (Value::String(one), Value::String(other)) => Some(one.cmp(other)),
        _ => None,
    };
    ordering.ok_or_else(|| "incompatible types for comparison".to_owned())
}

fn length(value: &Value) -> Result<usize, String> {
    match value {
        Value::String(text) => Ok(text.len()),
        Value::Array(list) => Ok(list.len()),
        Value::Object(map) => Ok(map.len()),
        _ => Err(format!("len of type {}", type_name(value))),
    }
}

fn join(list: &Value, separator: &str) -> Result<String, String> {
    match list {
        Value::Array(list) => Ok(list.iter().map(print::plain).collect::<Vec<_>>().join(separator)),
        // Go's nil slice.
        Value::Null => Ok(String::new()),
        _ => Err(format!("wrong type for value; expected []string; got {}", type_name(list))),
    }
}

fn title(text: &str) -> String {
    let mut start = true;
    let upper = |character: char, start: bool| if start { character.to_ascii_uppercase() } else { character };
    text.chars().map(|character| upper(character, std::mem::replace(&mut start, character.is_whitespace()))).collect()
}

fn blanks(count: usize) -> String {
    // As many as any terminal has columns.
    " ".repeat(count.min(1000))
}

fn slice(value: &Value, from: usize, to: Option<usize>) -> Result<Value, String> {
    let to = to.map_or_else(|| length(value), Ok)?;
    let part = match value {
        Value::String(text) => text.get(from..to).map(Value::from),
        Value::Array(list) => list.get(from..to).map(Value::from),
        _ => return Err(format!("can't slice item of type {}", type_name(value))),
    };
    part.ok_or_else(|| format!("index out of range: {from}:{to}"))
}
