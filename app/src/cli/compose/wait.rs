//! `compose wait`.

use super::Context;
use crate::cli::{Failure, Outcome, code, output};
use clap::Args;
use porthole_engine::compose::{Member, each};

// `compose wait`.
#[derive(Debug, Args)]
pub struct WaitArgs {
    /// Services
    #[arg(value_name = "SERVICE", required = true)]
    services: Vec<String>,
}

/// Waits until the containers of services have ended; the last exit code is ours.
pub fn wait(context: &Context<'_>, arguments: &WaitArgs) -> Outcome {
    let mut members = context.members(&arguments.services)?;
    members.retain(|member| !member.one_off);
    if members.is_empty() {
        return Err(Failure::new(format!("no containers for services {}", arguments.services.join(", ")), 1));
    }
    let ended = each(&members, |member: &Member| context.engine.wait(&member.container.id));
    let mut last = 0;
    for (member, ended) in members.iter().zip(ended) {
        last = ended?;
        output::line(&format!("container {:?} exited with status code {last}", member.container.name))?;
    }
    Ok(code(last))
}
