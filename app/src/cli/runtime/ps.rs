//! `ps`: the processes of a container, as ps(1) shows them.

use super::list::Format;
use super::{Failure, Outcome, parse_id};
use clap::Args;
use porthole_engine::runtime::oci::Runtime;
use std::io::Write;
use std::process::{Command, ExitCode};

// `ps`.
#[derive(Debug, Args)]
pub(super) struct PsArgs {
    /// As a table, or the process ids as JSON
    #[arg(short, long, default_value = "table")]
    format: Format,
    /// The container's name
    id: String,
    /// Options for ps(1), by default -ef
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    options: Vec<String>,
}

pub(super) fn ps(runtime: &Runtime, options: &PsArgs) -> Outcome {
    let pids = runtime.container(&parse_id(&options.id)?)?.processes()?;
    let text = match options.format {
        Format::Json => serde_json::to_string(&pids).map_err(|error| Failure::new(error.to_string()))? + "\n",
        Format::Table => select(&host_table(&options.options)?, &pids)?,
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn host_table(options: &[String]) -> Result<String, Failure> {
    let default = ["-ef".to_owned()];
    let options = if options.is_empty() { &default[..] } else { options };
    let output = Command::new("ps").args(options).output();
    let output = output.map_err(|error| Failure::new(format!("cannot execute ps (package procps): {error}")))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(Failure::new(format!("ps: {}", String::from_utf8_lossy(&output.stderr).trim()))),
    }
}

/// The head and the lines of some processes.
fn select(table: &str, pids: &[i32]) -> Result<String, Failure> {
    let mut lines = table.lines();
    let head = lines.next().unwrap_or_default();
    let column = head.split_whitespace().position(|name| name == "PID");
    let column = column.ok_or_else(|| Failure::new("couldn't find PID field in ps output"))?;
    let pid = |line: &str| line.split_whitespace().nth(column)?.parse().ok();
    let selected = lines.filter(|line| pid(line).is_some_and(|pid: i32| pids.contains(&pid)));
    Ok(std::iter::once(head).chain(selected).map(|line| format!("{line}\n")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_selected_by_the_column_of_the_pid() {
        let table = "UID PID CMD\nroot 1 init\nroot 12 1\n";
        assert_eq!(select(table, &[12]).ok().as_deref(), Some("UID PID CMD\nroot 12 1\n"));
        assert!(select("CMD\nx\n", &[1]).is_err());
    }
}
