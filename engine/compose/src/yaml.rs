//! Reading YAML. A file may be anything: its size, its depth and what its aliases expand to are bounded.

use crate::error::{Error, Result};
use crate::node::{Entry, Map, Mark, Node, Place, Value};
use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};
use std::collections::HashMap;
use std::sync::Arc;

/// No file that people write comes near.
const MOST_BYTES: usize = 4 << 20;
/// So many values may be in a file, those that aliases repeat counted each time.
const MOST_VALUES: usize = 100_000;
/// So many lists and mappings may be inside each other.
const MOST_DEPTH: usize = 100;
/// The key whose mappings are merged into the one that it stands in (YAML's merge type).
const MERGE: &str = "<<";

/// Reads the documents of a file; one that says nothing is nothing.
pub fn parse(file: &str, text: &str) -> Result<Vec<Node>> {
    let file: Arc<str> = file.into();
    if text.len() > MOST_BYTES {
        let place = Place { file, line: 1, column: 1 };
        return Err(Error::at(&place, format!("the file is longer than {MOST_BYTES} bytes")));
    }
    let mut reader = Reader { file, open: Vec::new(), anchors: HashMap::new(), values: 0, documents: Vec::new() };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let marker = error.marker();
            let place = Place { file: reader.file.clone(), line: marker.line(), column: marker.col() + 1 };
            Error::at(&place, format!("not YAML: {}", error.info()))
        })?;
        reader.take(event, span)?;
    }
    Ok(reader.documents)
}

/// A list or mapping that is not closed yet.
struct Open {
    place: Place,
    mark: Option<Mark>,
    /// The anchor that is set on it, or zero.
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map {
        map: Map,
        /// The key whose value comes next.
        key: Option<(String, Place)>,
        /// What `<<` brings.
        merged: Vec<Node>,
    },
}

struct Reader {
    file: Arc<str>,
    open: Vec<Open>,
    /// What aliases stand for, and how many values each has.
    anchors: HashMap<usize, (Node, usize)>,
    values: usize,
    documents: Vec<Node>,
}

impl Reader {
    fn place(&self, span: Span) -> Place {
        Place { file: self.file.clone(), line: span.start.line(), column: span.start.col() + 1 }
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<()> {
        let place = self.place(span);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let mark = mark(tag.as_deref(), &place)?;
                let value = scalar(&text, style, tag.as_deref());
                self.count(&place, 1)?;
                self.add(Node { place, value, mark }, anchor)
            }
            Event::Alias(anchor) => {
                let Some((node, size)) = self.anchors.get(&anchor).cloned() else {
                    return Err(Error::at(&place, "an alias stands for something that contains it"));
                };
                self.count(&place, size)?;
                self.add(node, 0)
            }
            Event::SequenceStart(anchor, tag) => self.open(place, tag.as_deref(), anchor, Content::List(Vec::new())),
            Event::MappingStart(anchor, tag) => {
                let content = Content::Map { map: Map::new(), key: None, merged: Vec::new() };
                self.open(place, tag.as_deref(), anchor, content)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::DocumentStart(_) | Event::DocumentEnd | Event::StreamStart | Event::StreamEnd | Event::Nothing => {
                Ok(())
            }
        }
    }

    fn count(&mut self, place: &Place, values: usize) -> Result<()> {
        self.values = self.values.saturating_add(values);
        match self.values > MOST_VALUES {
            true => Err(Error::at(place, format!("the file has more than {MOST_VALUES} values, aliases expanded"))),
            false => Ok(()),
        }
    }

    fn open(&mut self, place: Place, tag: Option<&Tag>, anchor: usize, content: Content) -> Result<()> {
        if self.open.len() == MOST_DEPTH {
            return Err(Error::at(&place, format!("more than {MOST_DEPTH} lists and mappings are inside each other")));
        }
        self.count(&place, 1)?;
        let mark = mark(tag, &place)?;
        self.open.push(Open { place, mark, anchor, content });
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        let Some(Open { place, mark, anchor, content }) = self.open.pop() else { return Ok(()) };
        let value = match content {
            Content::List(list) => Value::List(list),
            Content::Map { map, merged, .. } => Value::Map(merge(map, merged)?),
        };
        self.add(Node { place, value, mark }, anchor)
    }

    /// Puts a value where it belongs: into the innermost list or mapping that is open.
    fn add(&mut self, node: Node, anchor: usize) -> Result<()> {
        if anchor != 0 {
            let size = node.size();
            self.count(&node.place, size)?;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.documents.push(node),
            Some(Content::List(list)) => list.push(node),
            Some(Content::Map { map, key, merged }) => match key.take() {
                None => *key = Some((key_text(&node)?, node.place)),
                Some((name, _)) if name == MERGE => merged.push(node),
                Some((name, place)) => {
                    if map.contains_key(&name) {
                        return Err(Error::at(&place, format!("the key {name:?} is there twice")));
                    }
                    map.insert(name, Entry { key: place, node });
                }
            },
        }
        Ok(())
    }
}

fn key_text(node: &Node) -> Result<String> {
    node.scalar().ok_or_else(|| Error::at(&node.place, format!("a key must be a string, not {}", node.kind())))
}

/// Lays a mapping over those that `<<` names; of these the earlier goes over the later.
fn merge(mut map: Map, merged: Vec<Node>) -> Result<Map> {
    for node in merged {
        let bases = match node.value {
            Value::List(list) => list,
            _ => vec![node],
        };
        for base in bases {
            let (place, kind) = (base.place.clone(), base.kind());
            let Value::Map(base) = base.value else {
                return Err(Error::at(&place, format!("<< takes a mapping or a list of mappings, not {kind}")));
            };
            for (key, entry) in base {
                map.entry(key).or_insert(entry);
            }
        }
    }
    Ok(map)
}

fn mark(tag: Option<&Tag>, place: &Place) -> Result<Option<Mark>> {
    match tag {
        Some(tag) if tag.handle == "!" => match tag.suffix.as_str() {
            "reset" => Ok(Some(Mark::Reset)),
            "override" => Ok(Some(Mark::Override)),
            "" => Ok(None),
            other => Err(Error::at(place, format!("unknown tag !{other}: known are !reset and !override"))),
        },
        _ => Ok(None),
    }
}

/// A scalar by YAML's core schema (YAML 1.2.2, §10.3).
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    if style != ScalarStyle::Plain || tag.is_some_and(|tag| tag.suffix == "str") {
        return Value::Text(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ if is_number(text) => Value::Number(text.to_owned()),
        _ => Value::Text(text.to_owned()),
    }
}

fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_real = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && unsigned.contains(|c: char| c.is_ascii_digit())
        && unsigned.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    crate::node::integer(text).is_some() || (is_real && text.parse::<f64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> String {
        parse("f", text).unwrap().first().map(|node| node.to_json().to_string()).unwrap_or_default()
    }

    fn error(text: &str) -> String {
        parse("f", text).unwrap_err().to_string()
    }

    #[test]
    fn scalars_are_of_the_core_schema() {
        assert_eq!(
            json("[1, 1.50, 0x10, a, 'true', true, ~, '', yes, 1.2.3, 80:80]"),
            r#"[1,1.5,16,"a","true",true,null,"","yes","1.2.3","80:80"]"#
        );
    }

    #[test]
    fn places_are_known() {
        let root = parse("f", "a:\n  b: x\n").unwrap().remove(0);
        assert_eq!(root.get("a").unwrap().get("b").unwrap().place.to_string(), "f:2:6");
        assert_eq!(root.get("a").unwrap().as_map().unwrap()["b"].key.to_string(), "f:2:3");
    }

    #[test]
    fn aliases_and_merge_keys() {
        let text = "x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\nz: {<<: [*x, *y], a: 0}\nl: *x";
        assert_eq!(json(text), r#"{"l":{"a":1,"b":2},"x":{"a":1,"b":2},"y":{"b":3,"c":4},"z":{"a":0,"b":2,"c":4}}"#);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        assert!(error("a: 1\na: 2").contains("f:2:1: the key \"a\" is there twice"));
        assert!(error("a: [1").starts_with("f:"), "{}", error("a: [1"));
        assert!(error("a: !secret 1").contains("unknown tag !secret"));
        assert!(error("a: &a [*a]").contains("f:1:8"));
        assert!(error("a: *b").starts_with("f:1:"));
        assert!(error("[a]: b").contains("a key must be a string"));
        assert!(error("a: {<<: 1}").contains("<<"));
    }

    #[test]
    fn bombs_do_not_go_off() {
        let mut laughs = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for level in 1..12 {
            let previous = format!("*a{},", level - 1).repeat(10);
            laughs += &format!("a{level}: &a{level} [{previous}]\n");
        }
        assert!(error(&laughs).contains("more than 100000 values"));
        assert!(error(&"[".repeat(150)).contains("more than 100 lists"));
        assert!(error(&"a".repeat(MOST_BYTES + 1)).contains("longer than"));
    }
}
