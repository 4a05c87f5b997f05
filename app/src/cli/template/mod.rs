//! Go templates, as far as `--format` uses them (pkg.go.dev/text/template): fields, pipelines, variables, `if`, `with`,
//! `range`, and Docker's functions, over JSON.
//!
//! What Go knows from types is told by names here: a capitalised field belongs to a struct and must exist, any other is a
//! map's key and need not.

mod evaluate;
mod functions;
mod lexer;
mod parser;
mod print;
#[cfg(test)]
mod tests;

use parser::Node;
use serde_json::Value;
use std::fmt;

/// A method of the data, such as `.Label "key"`: from its name and argument to its value; `None` when there is no such
/// method.
pub type Method<'a> = &'a dyn Fn(&str, &str) -> Option<String>;

/// A parsed template.
#[derive(Debug)]
pub struct Template {
    source: String,
    nodes: Vec<Node>,
}

/// Why a template could not be parsed or applied. One line, in Docker's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    line: usize,
    column: usize,
    message: String,
}

/// What is wrong, at a byte of the source.
#[derive(Debug)]
struct Fault {
    position: usize,
    message: String,
}

impl Template {
    /// Parses a template.
    pub fn parse(source: &str) -> Result<Template, Error> {
        let nodes = parser::parse(source).map_err(|fault| fault.locate(source))?;
        Ok(Template { source: source.to_owned(), nodes })
    }

    /// Applies the template to data without methods.
    pub fn render(&self, data: &Value) -> Result<String, Error> {
        self.render_with(data, &|_, _| None)
    }

    /// Applies the template to data.
    pub fn render_with(&self, data: &Value, method: Method<'_>) -> Result<String, Error> {
        evaluate::render(&self.nodes, data, method, false).map_err(|fault| fault.locate(&self.source))
    }

    /// Applies the template to the titles of columns, which functions leave as they are.
    pub fn header(&self, titles: &Value, method: Method<'_>) -> Result<String, Error> {
        evaluate::render(&self.nodes, titles, method, true).map_err(|fault| fault.locate(&self.source))
    }
}

impl Fault {
    fn new(position: usize, message: impl Into<String>) -> Fault {
        Fault { position, message: message.into() }
    }

    fn locate(self, source: &str) -> Error {
        let before = &source[..self.position.min(source.len())];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before[line_start..].chars().count() + 1;
        Error { line: before.matches('\n').count() + 1, column, message: self.message }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "template parsing error: template: :{}:{}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for Error {}
