//! The Compose specification (<https://github.com/compose-spec/compose-spec>), as Docker Compose reads it. No containers: what
//! a project asks for is plain data, and so is what has to be done about it.
//!
//! Files go through stages. [`yaml`] reads them into a tree of values ([`node`]) that know where they stand; [`interpolate`]
//! replaces variables; [`schema`] checks every key and every kind of value; [`canonical`] turns short forms into long ones;
//! [`load`] adds what services extend and what files include, and lays one file over the other ([`merge`]); [`normal`] fills in
//! what is left open; and [`project`] is what it all means. [`graph`] has the order of services, [`plan`] what has to change.
//!
//! Files may be written by strangers: nothing panics, and neither time, memory nor depth grows without bounds.

pub mod canonical;
pub mod decode;
pub mod dotenv;
pub mod emit;
mod error;
pub mod files;
pub mod graph;
pub mod hash;
pub mod interpolate;
pub mod load;
pub mod merge;
pub mod node;
pub mod normal;
pub mod plan;
pub mod project;
pub mod request;
pub mod schema;
pub mod words;
pub mod yaml;

pub use error::{Error, Result};
pub use files::{Disk, Files};
pub use project::Project;
pub use request::{Loaded, Request};
