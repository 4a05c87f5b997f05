//! `compose cp`.

use super::Context;
use crate::cli::Outcome;
use crate::cli::cp::{CpArgs, Side, cp, side};
use clap::Args;

// `compose cp`.
#[derive(Debug, Args)]
pub struct CopyArgs {
    /// Archive mode: keep all owners as they are
    #[arg(short = 'a', long)]
    archive: bool,
    /// Always follow the symbolic link that SRC is
    #[arg(short = 'L', long)]
    follow_link: bool,
    /// Index of the container if service has multiple replicas
    #[arg(long, value_name = "N")]
    index: Option<usize>,
    /// SERVICE:PATH, a path of the host, or - for a tar archive on standard input
    #[arg(value_name = "SRC")]
    source: String,
    /// SERVICE:PATH, a path of the host, or - for a tar archive on standard output
    #[arg(value_name = "DEST")]
    destination: String,
}

/// Copies between a container of a service and the host.
pub fn copy(context: &Context<'_>, arguments: &CopyArgs) -> Outcome {
    let of_container = |text: &str| match side(text) {
        Side::Container(service, path) => {
            context.member(service, arguments.index).map(|member| format!("{}:{path}", member.container.id))
        }
        Side::Host(path) => Ok(path.to_owned()),
    };
    let (source, destination) = (of_container(&arguments.source)?, of_container(&arguments.destination)?);
    cp(context.engine, &CpArgs::new(arguments.archive, arguments.follow_link, source, destination))
}
