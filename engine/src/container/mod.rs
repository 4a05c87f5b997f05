//! Containers: from what a user asks to what runs, and back to nothing.

mod capabilities;
pub mod config;
pub mod confinement;
pub mod create;
mod devices;
pub mod disk_usage;
mod environment;
pub mod exec;
pub mod inspect;
pub mod logs;
pub mod names;
pub mod options;
pub mod reconcile;
pub mod record;
pub mod remove;
pub mod resolution;
pub mod resources;
pub mod resume;
pub mod spec;
pub mod start;
pub mod stop;
pub mod summary;
pub mod top;
pub mod ulimit;
pub mod update;
pub mod usage;
mod user;
