//! Writing YAML, as Docker Compose writes it.

use crate::node::{Node, Value};
use crate::yaml;

/// A tree as YAML.
pub fn yaml(node: &Node) -> String {
    let mut text = String::new();
    match &node.value {
        Value::Map(map) if !map.is_empty() => write_map(node, 0, &mut text),
        Value::List(list) if !list.is_empty() => write_list(list, 0, &mut text),
        _ => {
            text.push_str(&inline(node));
            text.push('\n');
        }
    }
    text
}

fn indent(to: &mut String, depth: usize) {
    to.extend(std::iter::repeat_n("  ", depth));
}

fn write_map(node: &Node, depth: usize, to: &mut String) {
    for (at, (key, entry)) in node.as_map().into_iter().flatten().enumerate() {
        // The first key of a mapping in a list stands behind the dash.
        if at > 0 || !to.ends_with("- ") {
            indent(to, depth);
        }
        to.push_str(&scalar(key, depth));
        to.push(':');
        write_value(&entry.node, depth, to);
    }
}

fn write_list(list: &[Node], depth: usize, to: &mut String) {
    for item in list {
        indent(to, depth);
        to.push_str("- ");
        match &item.value {
            Value::Map(map) if !map.is_empty() => write_map(item, depth + 1, to),
            Value::List(inner) if !inner.is_empty() => {
                to.push('\n');
                write_list(inner, depth + 1, to);
            }
            _ => {
                to.push_str(&value_text(item, depth));
                to.push('\n');
            }
        }
    }
}

fn write_value(node: &Node, depth: usize, to: &mut String) {
    match &node.value {
        Value::Map(map) if !map.is_empty() => {
            to.push('\n');
            write_map(node, depth + 1, to);
        }
        Value::List(list) if !list.is_empty() => {
            to.push('\n');
            write_list(list, depth + 1, to);
        }
        _ => {
            to.push(' ');
            to.push_str(&value_text(node, depth));
            to.push('\n');
        }
    }
}

fn value_text(node: &Node, depth: usize) -> String {
    match &node.value {
        Value::Text(text) => scalar(text, depth),
        _ => inline(node),
    }
}

fn inline(node: &Node) -> String {
    match &node.value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(text) => text.clone(),
        Value::Text(text) => scalar(text, 0),
        Value::List(_) => "[]".to_owned(),
        Value::Map(_) => "{}".to_owned(),
    }
}

/// A string: plain where it stays one, in quotes elsewhere, several lines as a block.
fn scalar(text: &str, depth: usize) -> String {
    let is_block = text.contains('\n')
        && !text.starts_with([' ', '\n', '\t'])
        && text.chars().all(|c| c == '\n' || c == '\t' || !c.is_control());
    if is_block {
        let chomp = match (text.ends_with('\n'), text.ends_with("\n\n")) {
            (false, _) => "-",
            (true, false) => "",
            (true, true) => "+",
        };
        let body = text.strip_suffix('\n').unwrap_or(text);
        let pad = "  ".repeat(depth + 1);
        let lines: Vec<String> =
            body.split('\n').map(|line| if line.is_empty() { String::new() } else { format!("{pad}{line}") }).collect();
        return format!("|{chomp}\n{}", lines.join("\n"));
    }
    if is_plain(text) { text.to_owned() } else { quoted(text) }
}

/// Whether a string without quotes is read as that string, by YAML 1.1 too.
fn is_plain(text: &str) -> bool {
    const INDICATORS: &str = "?:,[]{}#&*!|>'\"%@`= ";
    let words = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "~"];
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let starts_like_a_number = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let is_plain = !text.is_empty()
        && !text.starts_with(|c| INDICATORS.contains(c))
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.chars().any(char::is_control)
        && !words.contains(&text.to_ascii_lowercase().as_str());
    let stays =
        || matches!(yaml::parse("", text).as_deref(), Ok([Node { value: Value::Text(read), .. }]) if read == text);
    is_plain && !(starts_like_a_number && looks_like_a_number(text)) && stays()
}

/// What YAML 1.1 takes for a number or a date.
fn looks_like_a_number(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_hexdigit() || "xXoO_:.-+eE".contains(c))
}

fn quoted(text: &str) -> String {
    let mut result = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => result.push_str("\\\""),
            '\\' => result.push_str("\\\\"),
            '\n' => result.push_str("\\n"),
            '\t' => result.push_str("\\t"),
            '\r' => result.push_str("\\r"),
            c if c.is_control() => result.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => result.push(c),
        }
    }
    result.push('"');
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Place;
    use proptest::prelude::*;

    #[test]
    fn trees_are_written() {
        let text = "name: x\nservices:\n  a:\n    command:\n      - sh\n      - -c\n    ports:\n      - mode: ingress\n        published: \"80\"\n    empty: {}\n    none: null\n    list: []\n    block: |\n      a\n      b\n";
        let node = yaml::parse("f", text).unwrap().remove(0);
        assert_eq!(yaml(&node), text);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(text in "[ -~\\n\\tü]{0,30}") {
            let place = Place { file: "f".into(), line: 1, column: 1 };
            let mut map = Node::new(&place, Value::Map(crate::node::Map::new()));
            map.set("k", Node::text(&place, text.clone()));
            let list = Node::new(&place, Value::List(vec![map]));
            let written = yaml(&list);
            let read = yaml::parse("f", &written).map_err(|error| TestCaseError::fail(format!("{error}: {written:?}")))?;
            let again = read[0].as_list().unwrap()[0].get("k").unwrap().as_text().map(str::to_owned);
            prop_assert_eq!(again, Some(text), "{}", written);
        }
    }
}
