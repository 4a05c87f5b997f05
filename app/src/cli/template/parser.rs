//! From tokens to a tree.

use super::lexer::{self, Kind, Token};
use super::{Fault, functions};
use serde_json::Value;

/// Deeper nesting is a mistake, and must not cost the stack.
const DEEPEST: usize = 100;

/// A piece of a template.
#[derive(Debug)]
pub enum Node {
    /// Printed as it is.
    Text(String),
    /// Printed, unless it only sets a variable.
    Print(Pipeline),
    /// `if`, `with` or `range`.
    Block {
        /// Which.
        block: Block,
        /// What decides.
        pipeline: Pipeline,
        /// For a value that counts, or each element.
        body: Vec<Node>,
        /// For an empty one.
        otherwise: Vec<Node>,
    },
}

/// What a block does with its pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    If,
    With,
    Range,
}

/// `$x := a | b c`.
#[derive(Debug)]
pub struct Pipeline {
    /// The variables that take the value.
    pub variables: Vec<String>,
    /// Whether they are new.
    pub declares: bool,
    /// Each is called with the value of the one before it as its last argument.
    pub commands: Vec<Vec<Operand>>,
}

/// An operand and the fields that are taken of it.
#[derive(Debug)]
pub struct Operand {
    /// Where it stands.
    pub position: usize,
    /// What it begins with.
    pub term: Term,
    /// `.A.B` behind it.
    pub fields: Vec<String>,
}

/// The beginning of an operand.
#[derive(Debug)]
pub enum Term {
    Dot,
    Variable(String),
    Literal(Value),
    Function(String),
    Pipeline(Pipeline),
}

/// How a list of nodes ended.
enum Ending {
    Source,
    End,
    Else,
    /// `else if` or `else with`.
    ElseBlock(Block),
}

/// Parses a whole template.
pub fn parse(source: &str) -> Result<Vec<Node>, Fault> {
    let tokens = lexer::tokens(source)?;
    let mut parser = Parser { tokens: &tokens, at: 0, end: source.len(), depth: 0, variables: vec![String::new()] };
    let start = parser.position();
    match parser.nodes()? {
        (nodes, Ending::Source) => Ok(nodes),
        (_, Ending::End) => Err(Fault::new(start, "unexpected {{end}}")),
        (_, Ending::Else | Ending::ElseBlock(_)) => Err(Fault::new(start, "unexpected {{else}}")),
    }
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    /// Where the source ends.
    end: usize,
    depth: usize,
    /// Variables in scope.
    variables: Vec<String>,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a Kind> {
        self.tokens.get(self.at).map(|token| &token.kind)
    }

    fn position(&self) -> usize {
        self.tokens.get(self.at).map_or(self.end, |token| token.start)
    }

    fn take(&mut self, kind: &Kind) -> bool {
        let taken = self.peek() == Some(kind);
        self.at += usize::from(taken);
        taken
    }

    fn expect_close(&mut self) -> Result<(), Fault> {
        if self.take(&Kind::Close) { Ok(()) } else { Err(self.unexpected("command")) }
    }

    fn unexpected(&self, place: &str) -> Fault {
        let what = match self.peek() {
            None | Some(Kind::Close) => "end of action".to_owned(),
            Some(Kind::Word(word)) => format!("<{word}>"),
            Some(kind) => format!("{kind:?}").to_lowercase(),
        };
        Fault::new(self.position(), format!("unexpected {what} in {place}"))
    }

    fn enter(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > DEEPEST { Err(Fault::new(self.position(), "nested too deeply")) } else { Ok(()) }
    }

    fn nodes(&mut self) -> Result<(Vec<Node>, Ending), Fault> {
        let mut nodes = Vec::new();
        loop {
            match self.peek() {
                None => return Ok((nodes, Ending::Source)),
                Some(Kind::Text(text)) => {
                    nodes.push(Node::Text(text.clone()));
                    self.at += 1;
                }
                Some(_) => match self.action()? {
                    Ok(node) => nodes.push(node),
                    Err(ending) => return Ok((nodes, ending)),
                },
            }
        }
    }

    /// One action; the outer result is a fault, the inner one tells a node from the end of a list.
    fn action(&mut self) -> Result<Result<Node, Ending>, Fault> {
        self.at += 1; // The `{{` that brought us here.
        let Some(Kind::Word(word)) = self.peek() else { return self.print().map(Ok) };
        if let Some(block) = block(word) {
            self.at += 1;
            return self.block(block).map(Ok);
        }
        match word.as_str() {
            "end" => {
                self.at += 1;
                self.expect_close()?;
                Ok(Err(Ending::End))
            }
            "else" => {
                self.at += 1;
                self.otherwise().map(Err)
            }
            "break" | "continue" | "define" | "template" | "block" => {
                Err(Fault::new(self.position(), format!("{{{{{word}}}}} is not supported")))
            }
            _ => self.print().map(Ok),
        }
    }

    fn otherwise(&mut self) -> Result<Ending, Fault> {
        let chained = match self.peek() {
            Some(Kind::Word(word)) => block(word).filter(|block| *block != Block::Range),
            _ => None,
        };
        match chained {
            Some(block) => {
                self.at += 1;
                Ok(Ending::ElseBlock(block))
            }
            None => self.expect_close().map(|()| Ending::Else),
        }
    }

    fn print(&mut self) -> Result<Node, Fault> {
        let pipeline = self.pipeline(1)?;
        self.expect_close()?;
        Ok(Node::Print(pipeline))
    }

    /// What follows `{{if`, up to and with its `{{end}}`.
    fn block(&mut self, block: Block) -> Result<Node, Fault> {
        self.enter()?;
        let scope = self.variables.len();
        let start = self.position();
        let pipeline = self.pipeline(if block == Block::Range { 2 } else { 1 })?;
        self.expect_close()?;
        let (body, ending) = self.nodes()?;
        let otherwise = match ending {
            Ending::End => Vec::new(),
            Ending::ElseBlock(next) => vec![self.block(next)?],
            Ending::Else => match self.nodes()? {
                (nodes, Ending::End) => nodes,
                (_, Ending::Source) => return Err(Fault::new(start, "unexpected EOF: {{end}} is missing")),
                _ => return Err(Fault::new(start, "expected end; found {{else}}")),
            },
            Ending::Source => return Err(Fault::new(start, "unexpected EOF: {{end}} is missing")),
        };
        self.variables.truncate(scope);
        self.depth -= 1;
        Ok(Node::Block { block, pipeline, body, otherwise })
    }

    fn pipeline(&mut self, most_variables: usize) -> Result<Pipeline, Fault> {
        self.enter()?;
        let (variables, declares) = self.assignment(most_variables)?;
        let mut commands = vec![self.command()?];
        while self.take(&Kind::Pipe) {
            let position = self.position();
            let command = self.command()?;
            if matches!(command[0].term, Term::Literal(_) | Term::Dot) && command[0].fields.is_empty() {
                return Err(Fault::new(position, "non executable command in pipeline"));
            }
            commands.push(command);
        }
        if declares {
            self.variables.extend(variables.iter().cloned());
        }
        self.depth -= 1;
        Ok(Pipeline { variables, declares, commands })
    }

    /// `$x :=`, `$x =`, `$k, $v :=`, or nothing.
    fn assignment(&mut self, most: usize) -> Result<(Vec<String>, bool), Fault> {
        let start = self.at;
        let mut names = Vec::new();
        while let Some(Kind::Variable(name)) = self.peek() {
            names.push(name.clone());
            self.at += 1;
            if names.len() == most || !self.take(&Kind::Comma) {
                break;
            }
        }
        let position = self.tokens.get(start).map_or(self.end, |token| token.start);
        match self.peek() {
            Some(Kind::Declare) if !names.is_empty() => {
                self.at += 1;
                Ok((names, true))
            }
            Some(Kind::Assign) if !names.is_empty() => {
                self.at += 1;
                names.iter().try_for_each(|name| self.check_variable(name, position))?;
                Ok((names, false))
            }
            _ => {
                self.at = start;
                Ok((Vec::new(), false))
            }
        }
    }

    fn command(&mut self) -> Result<Vec<Operand>, Fault> {
        let mut operands = Vec::new();
        while let Some(operand) = self.operand()? {
            operands.push(operand);
        }
        if operands.is_empty() {
            return Err(match self.peek() {
                None | Some(Kind::Close | Kind::Right) => Fault::new(self.position(), "missing value for command"),
                _ => self.unexpected("command"),
            });
        }
        Ok(operands)
    }

    fn operand(&mut self) -> Result<Option<Operand>, Fault> {
        let position = self.position();
        let mut fields = Vec::new();
        let term = match self.peek() {
            Some(Kind::Dot) => Term::Dot,
            Some(Kind::Field(name)) => {
                fields.push(name.clone());
                Term::Dot
            }
            Some(Kind::Variable(name)) => {
                self.check_variable(name, position)?;
                Term::Variable(name.clone())
            }
            Some(Kind::Literal(value)) => Term::Literal(value.clone()),
            Some(Kind::Word(name)) if functions::exists(name) => Term::Function(name.clone()),
            Some(Kind::Word(name)) => return Err(Fault::new(position, format!("function {name:?} not defined"))),
            Some(Kind::Left) => return self.parenthesised(position).map(Some),
            _ => return Ok(None),
        };
        self.at += 1;
        self.more_fields(&mut fields);
        Ok(Some(Operand { position, term, fields }))
    }

    fn parenthesised(&mut self, position: usize) -> Result<Operand, Fault> {
        self.at += 1;
        let pipeline = self.pipeline(0)?;
        if !self.take(&Kind::Right) {
            return Err(Fault::new(position, "unclosed left paren"));
        }
        let mut fields = Vec::new();
        self.more_fields(&mut fields);
        Ok(Operand { position, term: Term::Pipeline(pipeline), fields })
    }

    /// Fields that follow without a blank belong to the operand before them.
    fn more_fields(&mut self, fields: &mut Vec<String>) {
        while let Some(Token { kind: Kind::Field(name), start, .. }) = self.tokens.get(self.at)
            && *start == self.tokens[self.at - 1].end
        {
            fields.push(name.clone());
            self.at += 1;
        }
    }

    fn check_variable(&self, name: &String, position: usize) -> Result<(), Fault> {
        match self.variables.contains(name) {
            true => Ok(()),
            false => Err(Fault::new(position, format!("undefined variable \"${name}\""))),
        }
    }
}

fn block(word: &str) -> Option<Block> {
    match word {
        "if" => Some(Block::If),
        "with" => Some(Block::With),
        "range" => Some(Block::Range),
        _ => None,
    }
}
