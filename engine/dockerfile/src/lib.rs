//! The Dockerfile language, as BuildKit reads it. No I/O: files come as bytes, and what images set is told by the caller.
//!
//! A Dockerfile goes through four stages, each with its own types: [`parse`] makes a syntax tree ([`ast`]) of its lines,
//! [`instruction`] gives each node its meaning, [`plan`] resolves what stages build on and copy from, and [`evaluate`]
//! expands the variables of a stage. [`shell`] reads words; [`lint`] tells on the way what is better written otherwise.
//! [`ignore`] and [`glob`] are the patterns that choose files of a context.
//!
//! Sources: the Dockerfile reference (<https://docs.docker.com/reference/dockerfile/>), and where it is silent the
//! behaviour of BuildKit, whose texts the messages are. Whatever is read here was written by strangers: nothing panics,
//! and neither time, memory nor depth grows without bounds.

pub mod ast;
mod csv;
mod environment;
mod error;
pub mod evaluate;
mod expose;
pub mod glob;
pub mod ignore;
pub mod instruction;
pub mod lint;
pub mod parse;
pub mod plan;
pub mod platform;
mod quote;
mod reference;
pub mod shell;
pub mod suggest;

pub use environment::Environment;
pub use error::{Error, Lines, Result};
