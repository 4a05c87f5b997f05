//! Applying a tree to data.

use super::parser::{Block, Node, Operand, Pipeline, Term};
use super::{Fault, Method, functions, print};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Data is borrowed as long as nothing was computed.
type Data<'a> = Cow<'a, Value>;

/// Applies the nodes to the data. In a header, functions that shape text leave it as it is.
pub fn render<'a>(nodes: &'a [Node], data: &'a Value, method: Method<'a>, header: bool) -> Result<String, Fault> {
    let root = ("", Cow::Borrowed(data));
    let mut evaluator = Evaluator { out: String::new(), variables: vec![root], root: data, method, header };
    evaluator.walk(nodes, &Cow::Borrowed(data))?;
    Ok(evaluator.out)
}

struct Evaluator<'a> {
    out: String,
    /// Innermost last; the first is `$`.
    variables: Vec<(&'a str, Data<'a>)>,
    root: &'a Value,
    method: Method<'a>,
    header: bool,
}

impl<'a> Evaluator<'a> {
    fn walk(&mut self, nodes: &'a [Node], dot: &Data<'a>) -> Result<(), Fault> {
        for node in nodes {
            match node {
                Node::Text(text) => self.out.push_str(text),
                Node::Print(pipeline) => {
                    let value = self.pipeline(pipeline, dot)?;
                    if pipeline.variables.is_empty() {
                        self.out.push_str(&print::result(&value));
                    }
                }
                Node::Block { block, pipeline, body, otherwise } => {
                    let scope = self.variables.len();
                    self.block(*block, pipeline, body, otherwise, dot)?;
                    self.variables.truncate(scope);
                }
            }
        }
        Ok(())
    }

    fn block(
        &mut self,
        block: Block,
        pipeline: &'a Pipeline,
        body: &'a [Node],
        otherwise: &'a [Node],
        dot: &Data<'a>,
    ) -> Result<(), Fault> {
        if block == Block::Range {
            return self.range(pipeline, body, otherwise, dot);
        }
        let value = self.condition(pipeline, dot)?;
        match block {
            _ if !functions::truth(&value) => self.walk(otherwise, dot),
            Block::With => self.walk(body, &value),
            _ => self.walk(body, dot),
        }
    }

    fn range(
        &mut self,
        pipeline: &'a Pipeline,
        body: &'a [Node],
        otherwise: &'a [Node],
        dot: &Data<'a>,
    ) -> Result<(), Fault> {
        let position = pipeline.commands[0][0].position;
        let items = items(self.commands(pipeline, dot)?)
            .map_err(|what| Fault::new(position, format!("range can't iterate over {what}")))?;
        if items.is_empty() {
            return self.walk(otherwise, dot);
        }
        for (key, item) in items {
            let scope = self.variables.len();
            match &pipeline.variables[..] {
                [] => {}
                [value] => self.set(value, item.clone(), pipeline.declares),
                [name, value, ..] => {
                    self.set(name, Cow::Owned(key), pipeline.declares);
                    self.set(value, item.clone(), pipeline.declares);
                }
            }
            self.walk(body, &item)?;
            self.variables.truncate(scope);
        }
        Ok(())
    }

    /// As [`Evaluator::pipeline`], but a field that is not there counts as false: `{{if .State.Health}}` asks just that.
    fn condition(&mut self, pipeline: &'a Pipeline, dot: &Data<'a>) -> Result<Data<'a>, Fault> {
        if let [command] = &pipeline.commands[..]
            && let [Operand { position, term: Term::Dot, fields }] = &command[..]
            && let Some((last, first)) = fields.split_last()
            && let Value::Object(map) = &*follow(dot.clone(), first, *position)?
            && !map.contains_key(key(map, last))
        {
            return Ok(Cow::Owned(Value::Null));
        }
        self.pipeline(pipeline, dot)
    }

    fn pipeline(&mut self, pipeline: &'a Pipeline, dot: &Data<'a>) -> Result<Data<'a>, Fault> {
        let value = self.commands(pipeline, dot)?;
        if let Some(name) = pipeline.variables.first() {
            self.set(name, value.clone(), pipeline.declares);
        }
        Ok(value)
    }

    fn commands(&mut self, pipeline: &'a Pipeline, dot: &Data<'a>) -> Result<Data<'a>, Fault> {
        let mut piped = None;
        for command in &pipeline.commands {
            piped = Some(self.command(command, dot, piped)?);
        }
        Ok(piped.unwrap_or_default())
    }

    fn command(&mut self, command: &'a [Operand], dot: &Data<'a>, piped: Option<Data<'a>>) -> Result<Data<'a>, Fault> {
        let (head, words) = (&command[0], &command[1..]);
        if let Term::Function(name) = &head.term {
            let value = self.call(name, head.position, words, dot, piped)?;
            return follow(value, &head.fields, head.position);
        }
        if words.is_empty() && piped.is_none() {
            return self.operand(head, dot);
        }
        let arguments = self.arguments(words, dot, piped)?;
        self.call_method(head, dot, &arguments)
    }

    /// A function, whose arguments are evaluated only as far as it needs them.
    fn call(
        &mut self,
        name: &str,
        position: usize,
        words: &'a [Operand],
        dot: &Data<'a>,
        piped: Option<Data<'a>>,
    ) -> Result<Data<'a>, Fault> {
        let Some(stops_at) = functions::stops_at(name) else {
            let mut arguments = self.arguments(words, dot, piped)?;
            if self.header && functions::shapes_text(name) && !arguments.is_empty() {
                return Ok(arguments.swap_remove(0));
            }
            return functions::call(name, arguments)
                .map_err(|message| Fault::new(position, format!("error calling {name}: {message}")));
        };
        let mut last = None;
        for word in words {
            let value = self.operand(word, dot)?;
            if functions::truth(&value) == stops_at {
                return Ok(value);
            }
            last = Some(value);
        }
        let missing = || Fault::new(position, format!("wrong number of args for {name}: want at least 1 got 0"));
        piped.or(last).ok_or_else(missing)
    }

    fn arguments(
        &mut self,
        words: &'a [Operand],
        dot: &Data<'a>,
        piped: Option<Data<'a>>,
    ) -> Result<Vec<Data<'a>>, Fault> {
        let mut arguments = words.iter().map(|word| self.operand(word, dot)).collect::<Result<Vec<_>, _>>()?;
        arguments.extend(piped);
        Ok(arguments)
    }

    fn call_method(&self, head: &Operand, dot: &Data<'a>, arguments: &[Data<'a>]) -> Result<Data<'a>, Fault> {
        let of_root = match &head.term {
            Term::Dot => **dot == *self.root,
            Term::Variable(name) => name.is_empty(),
            _ => false,
        };
        if let ([name], [argument], true) = (&head.fields[..], arguments, of_root)
            && let Value::String(argument) = &**argument
            && let Some(text) = (self.method)(name, argument)
        {
            return Ok(Cow::Owned(Value::String(text)));
        }
        let name = head.fields.last().map_or("value", String::as_str);
        Err(Fault::new(head.position, format!("{name} has arguments but cannot be invoked as function")))
    }

    fn operand(&mut self, operand: &'a Operand, dot: &Data<'a>) -> Result<Data<'a>, Fault> {
        let start = match &operand.term {
            Term::Dot => dot.clone(),
            Term::Variable(name) => self.variable(name),
            Term::Literal(value) => Cow::Borrowed(value),
            Term::Function(name) => self.call(name, operand.position, &[], dot, None)?,
            Term::Pipeline(pipeline) => self.commands(pipeline, dot)?,
        };
        follow(start, &operand.fields, operand.position)
    }

    fn variable(&self, name: &str) -> Data<'a> {
        // The parser knows no variable that is not set.
        self.variables
            .iter()
            .rev()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.clone())
            .unwrap_or_default()
    }

    fn set(&mut self, name: &'a str, value: Data<'a>, declares: bool) {
        match self.variables.iter_mut().rev().find(|(known, _)| *known == name) {
            Some(variable) if !declares => variable.1 = value,
            _ => self.variables.push((name, value)),
        }
    }
}

/// Takes field after field.
fn follow<'a>(start: Data<'a>, fields: &[String], position: usize) -> Result<Data<'a>, Fault> {
    fields.iter().try_fold(start, |value, name| field(value, name).map_err(|message| Fault::new(position, message)))
}

fn field<'a>(value: Data<'a>, name: &str) -> Result<Data<'a>, String> {
    let found = match value {
        Cow::Borrowed(Value::Object(map)) => map.get(key(map, name)).map(Cow::Borrowed),
        Cow::Owned(Value::Object(mut map)) => {
            let key = key(&map, name).to_owned();
            map.remove(&key).map(Cow::Owned)
        }
        value if value.is_null() => return Err(format!("nil pointer evaluating interface {{}}.{name}")),
        value => return Err(format!("can't evaluate field {name} in type {}", functions::type_name(&value))),
    };
    match found {
        Some(value) => Ok(value),
        None if name.starts_with(char::is_uppercase) => Err(format!("map has no entry for key {name:?}")),
        None => Ok(Cow::Owned(Value::Null)),
    }
}

/// What JSON calls a field: Go's are capitalised, and their names in JSON may be written otherwise, `ID` as `Id`.
fn key<'k>(map: &'k Map<String, Value>, name: &'k str) -> &'k str {
    if map.contains_key(name) || !name.starts_with(char::is_uppercase) {
        return name;
    }
    map.keys().find(|key| key.eq_ignore_ascii_case(name)).map_or(name, String::as_str)
}

/// What `range` walks over, keys and values; or the type that it cannot walk over.
fn items(value: Data<'_>) -> Result<Vec<(Value, Data<'_>)>, &'static str> {
    match value {
        Cow::Borrowed(Value::Array(list)) => Ok(numbered(list.iter().map(Cow::Borrowed))),
        Cow::Owned(Value::Array(list)) => Ok(numbered(list.into_iter().map(Cow::Owned))),
        Cow::Borrowed(Value::Object(map)) => Ok(sorted(map, Cow::Borrowed)),
        Cow::Owned(Value::Object(map)) => Ok(sorted(&map, |value| Cow::Owned(value.clone()))),
        Cow::Borrowed(Value::Null) | Cow::Owned(Value::Null) => Ok(Vec::new()),
        value => match value.as_str() {
            // What `index` answers with for a key that is not there.
            Some("") => Ok(Vec::new()),
            _ => Err(functions::type_name(&value)),
        },
    }
}

fn numbered<'a>(values: impl Iterator<Item = Data<'a>>) -> Vec<(Value, Data<'a>)> {
    values.enumerate().map(|(number, value)| (number.into(), value)).collect()
}

fn sorted<'m, 'a>(map: &'m Map<String, Value>, data: impl Fn(&'m Value) -> Data<'a>) -> Vec<(Value, Data<'a>)> {
    let mut pairs: Vec<(&String, &Value)> = map.iter().collect();
    pairs.sort_by_key(|(key, _)| *key);
    pairs.into_iter().map(|(key, value)| (key.as_str().into(), data(value))).collect()
}
