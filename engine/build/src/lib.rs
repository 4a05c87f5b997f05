//! Building images, as far as that needs neither containers nor the image store.
//!
//! [`Key`] is what a step is known by in the cache: equal keys, equal results. [`Tree`] is a directory that files are
//! chosen from and [`copied`](Tree::copy) out of: a build's context, or the root of a stage or an image. Nothing in it leads
//! out of it. [`Configuration`] is what the instructions make of an image's configuration and history. [`Chmod`] is what
//! `COPY --chmod` says.
//!
//! Sources: the Dockerfile reference (<https://docs.docker.com/reference/dockerfile/>), the OCI image specification, and
//! where both are silent the behaviour of BuildKit.

mod chmod;
mod config;
mod copy;
mod error;
mod key;
mod known;
mod scan;
mod select;
mod tree;

pub use chmod::{Chmod, ChmodError};
pub use config::{Configuration, Created};
pub use copy::{Destination, Owner, Placing};
pub use error::{Error, Result};
pub use key::{Key, KeyBuilder};
pub use known::Known;
pub use scan::{Kind, Scan, Scanned};
pub use tree::Tree;
