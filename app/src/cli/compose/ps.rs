//! `compose ps`.

use super::Context;
use crate::cli::format::{Format, Row};
use crate::cli::{Outcome, output};
use clap::Args;
use porthole_engine::compose::{Member, state_word};
use porthole_engine::units;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::process::ExitCode;

// `compose ps`.
#[derive(Debug, Args)]
pub struct PsArgs {
    /// Show all stopped containers (including those created by the run command)
    #[arg(short = 'a', long)]
    all: bool,
    /// Only display IDs
    #[arg(short = 'q', long)]
    quiet: bool,
    /// Display services
    #[arg(long)]
    services: bool,
    /// Filter services by status
    #[arg(long, value_name = "STATUS", value_parser = ["created", "running", "paused", "restarting", "exited", "dead"])]
    status: Vec<String>,
    /// Format output: 'table', 'table TEMPLATE', 'json', or a Go template
    #[arg(long, default_value = "table", value_name = "TEMPLATE")]
    format: String,
    /// Don't truncate output
    #[arg(long)]
    no_trunc: bool,
    /// Services
    #[arg(value_name = "SERVICE")]
    names: Vec<String>,
}

const DEFAULT: &str = "{{.Name}}\t{{.Image}}\t{{.Command}}\t{{.Service}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}";

const TITLES: [(&str, &str); 13] = [
    ("ID", "CONTAINER ID"),
    ("Name", "NAME"),
    ("Names", "NAMES"),
    ("Image", "IMAGE"),
    ("Command", "COMMAND"),
    ("Project", "PROJECT"),
    ("Service", "SERVICE"),
    ("RunningFor", "CREATED"),
    ("State", "STATE"),
    ("Status", "STATUS"),
    ("Health", "HEALTH"),
    ("ExitCode", "EXIT CODE"),
    ("Ports", "PORTS"),
];

/// Lists the containers of a project.
pub fn list(context: &Context<'_>, arguments: &PsArgs) -> Outcome {
    let mut members = context.members(&arguments.names)?;
    let (project, _) = context.project_if_there()?;
    let is_wanted = |member: &Member| match arguments.status.is_empty() {
        true => arguments.all || (member.is_running() && !member.one_off),
        false => arguments.status.contains(&state_word(member.container.state.status)),
    };
    members.retain(is_wanted);
    if arguments.quiet {
        for member in &members {
            output::line(&member.container.id)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.services {
        let services: BTreeSet<&String> = members.iter().map(|member| &member.service).collect();
        services.into_iter().try_for_each(|service| output::line(service))?;
        return Ok(ExitCode::SUCCESS);
    }
    let now = output::now();
    let rows = members.iter().map(|member| Row {
        fields: fields(project, member, now, arguments.no_trunc),
        labels: &member.container.labels,
    });
    Format::parse(&arguments.format, DEFAULT)?.print(&TITLES, rows.collect())?;
    Ok(ExitCode::SUCCESS)
}

fn fields(project: &str, member: &Member, now: i64, whole: bool) -> Map<String, Value> {
    let container = &member.container;
    let cut = |text: &str, width: usize| if whole { text.to_owned() } else { output::ellipsis(text, width) };
    let health = serde_json::to_value(container.state.health).unwrap_or_default();
    let text = [
        ("ID", if whole { container.id.clone() } else { container.short_id().to_owned() }),
        ("Name", container.name.clone()),
        ("Names", container.name.clone()),
        ("Image", container.image.clone()),
        ("Command", format!("\"{}\"", cut(&container.command, 20))),
        ("Project", project.to_owned()),
        ("Service", member.service.clone()),
        ("RunningFor", format!("{} ago", units::human_duration(now - container.created))),
        ("State", state_word(container.state.status)),
        ("Status", container.status_text(now)),
        ("Health", health.as_str().unwrap_or_default().to_owned()),
        ("Ports", container.ports_text()),
    ];
    let mut fields: Map<String, Value> =
        text.into_iter().map(|(name, text)| (name.to_owned(), output::plain(&text).into())).collect();
    fields.insert("ExitCode".to_owned(), container.state.exit_code.unwrap_or(0).into());
    fields
}
