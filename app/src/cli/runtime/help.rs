//! Help in the form that users of runc know, and their tools look for.

use super::RuntimeCli;
use clap::{Command, CommandFactory};
use std::ffi::OsString;
use std::process::ExitCode;

/// Prints the help that a command line asks for, to standard output.
pub(super) fn print(name: &str, words: &[OsString]) -> ExitCode {
    let told = command(name).try_get_matches_from(words).map_or_else(|help| help.print(), |_| Ok(()));
    if told.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn command(name: &str) -> Command {
    let head = format!("   {name}, with the command line of runc - Open Container Initiative runtime");
    let names: Vec<String> = RuntimeCli::command().get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    names.iter().fold(RuntimeCli::command().help_template(template(&head)), |command, sub| {
        let head = format!("   {name} {sub}, with the command line of runc {sub} - {{about}}");
        command.mut_subcommand(sub, |sub| sub.help_template(template(&head)))
    })
}

fn template(head: &str) -> String {
    format!("NAME:\n{head}\n\nUSAGE:\n   {{usage}}\n\n{{all-args}}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_begins_as_runcs_does() {
        let help = |words: &[&str]| command("runc").try_get_matches_from(words).unwrap_err().to_string();
        let (all, kill) = (help(&["runc", "-h"]), help(&["runc", "kill", "--help"]));
        assert!(all.starts_with("NAME:\n   runc, ") && all.lines().nth(1).unwrap().contains("runc - Open Container"));
        assert!(kill.starts_with("NAME:\n   runc kill, ") && kill.contains("\nUSAGE:\n   runc kill "), "{kill}");
        assert!(!all.contains("VERSION"));
    }
}
