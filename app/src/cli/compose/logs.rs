//! `compose logs`.

use super::Context;
use super::output::{LineStyle, Lines, short_name};
use crate::cli::{Failure, Outcome, output};
use clap::Args;
use porthole_engine::compose::Member;
use porthole_engine::{LogOptions, units};
use std::process::ExitCode;
use std::thread;

// `compose logs`.
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// Follow log output
    #[arg(short = 'f', long)]
    follow: bool,
    /// Index of the container if service has multiple replicas
    #[arg(long, value_name = "N")]
    index: Option<usize>,
    /// Number of lines to show from the end of the logs for each container
    #[arg(short = 'n', long, value_name = "NUMBER|all", default_value = "all")]
    tail: String,
    /// Show logs since timestamp (e.g. 2013-01-02T13:23:37Z) or relative (e.g. 42m for 42 minutes)
    #[arg(long)]
    since: Option<String>,
    /// Show logs before a timestamp (e.g. 2013-01-02T13:23:37Z) or relative (e.g. 42m for 42 minutes)
    #[arg(long)]
    until: Option<String>,
    /// Show timestamps
    #[arg(short = 't', long)]
    timestamps: bool,
    /// Produce monochrome output
    #[arg(long)]
    no_color: bool,
    /// Don't print prefix in logs
    #[arg(long)]
    no_log_prefix: bool,
    /// Services
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

/// Prints what the containers of services have said, and what they go on to say.
pub fn logs(context: &Context<'_>, arguments: &LogsArgs) -> Outcome {
    let usage = |message: String| Failure::new(message, 1);
    let now = output::now();
    let time = |text: &Option<String>| text.as_deref().map(|text| units::parse_time(text, now)).transpose();
    let options = LogOptions {
        follow: arguments.follow,
        tail: crate::cli::logs::tail(&arguments.tail).map_err(usage)?,
        since: time(&arguments.since).map_err(usage)?,
        until: time(&arguments.until).map_err(usage)?,
    };
    let (project, _) = context.project_if_there()?;
    let mut members = context.members(&arguments.services)?;
    members.retain(|member| arguments.index.is_none_or(|index| member.number == index));
    let names: Vec<&str> = members.iter().map(|member| short_name(project, &member.container.name)).collect();
    let style = LineStyle::new(arguments.no_color, arguments.no_log_prefix, arguments.timestamps);
    let lines = Lines::new(style, names.iter().copied());
    let print = |at: usize, member: &Member| {
        if let Err(error) = lines.print(context.engine, &member.container.id, at, names[at], &options) {
            eprintln!("porthole: {}: {error}", names[at]);
        }
    };
    match arguments.follow {
        false => members.iter().enumerate().for_each(|(at, member)| print(at, member)),
        true => thread::scope(|scope| {
            let print = &print;
            for (at, member) in members.iter().enumerate() {
                scope.spawn(move || print(at, member));
            }
        }),
    }
    Ok(ExitCode::SUCCESS)
}
