//! `checkpoint`, `restore`: what takes CRIU, which this runtime does not use.

use super::{Failure, Outcome};
use clap::Args;

// Any options of these commands.
#[derive(Debug, Args)]
pub(super) struct CheckpointArgs {
    /// The container's name, and runc's options
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

pub(super) fn refuse(options: &CheckpointArgs) -> Outcome {
    let what = options.words.last().map(|id| format!(" {id}")).unwrap_or_default();
    Err(Failure::new(format!("cannot checkpoint or restore{what}: this runtime does not use CRIU")))
}
