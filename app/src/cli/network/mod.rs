//! `network`.

mod attach;
mod detach;

use super::Outcome;
use attach::AttachArgs;
use clap::{Args, Subcommand};
use detach::DetachArgs;
use porthole_engine::Engine;

/// `network`.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub struct NetworkArgs {
    #[command(subcommand)]
    command: NetworkCommand,
}

#[derive(Debug, Subcommand)]
enum NetworkCommand {
    /// Attach a further interface to a running container, on a bridge or an interface of the host
    Attach(AttachArgs),
    /// Detach interfaces that were attached to a running container
    Detach(DetachArgs),
}

/// Runs a command on networks.
pub fn network(engine: &Engine, arguments: NetworkArgs) -> Outcome {
    match arguments.command {
        NetworkCommand::Attach(options) => attach::attach(engine, options),
        NetworkCommand::Detach(options) => detach::detach(engine, &options),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_on_attaching_tells_of_every_flag() {
        let page = include_str!("../../../../docs/attach.md");
        let words: Vec<&str> = page.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').collect();
        let command = crate::cli::command();
        let network = command.find_subcommand("network").expect("a group");
        for name in ["attach", "detach"] {
            let flags = network.find_subcommand(name).expect("a command").get_arguments();
            for flag in flags.filter_map(|flag| flag.get_long()).filter(|flag| *flag != "help") {
                assert!(words.contains(&format!("--{flag}").as_str()), "{name} --{flag}");
            }
        }
    }
}
