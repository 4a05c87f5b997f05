//! Projects: containers of several services, with the networks and volumes that they share.
//!
//! What a project is to be comes from [`porthole_compose`]; what there is of it is known by the labels of containers, networks
//! and volumes, which are Docker Compose's. Nothing else is kept, so a command that is killed leaves nothing that the next one
//! does not find.

mod build;
mod condition;
mod converge;
mod down;
mod hook;
mod images;
pub mod label;
mod member;
mod options;
mod report;
mod resources;
mod run;
mod schedule;
mod shared;
mod start;
mod up;
mod watch;

pub use build::{BuildPolicy, ProjectBuild};
pub use down::{DownOptions, RemoveImages};
pub use member::{Member, ProjectSummary, state_word};
pub use options::OneOff;
pub use porthole_compose as model;
pub use report::{Progress, Report, Work, around};
pub use run::new_run_name;
pub use schedule::each;
pub use up::{Recreation, UpOptions};
pub use watch::ProjectWatch;
