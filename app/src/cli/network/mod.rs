//! `network`: a group of commands.

mod attach;
mod detach;
mod manage;
mod map;
mod rules;

use super::Outcome;
use super::prune::PruneArgs;
use attach::AttachArgs;
use clap::{Args, Subcommand};
use detach::DetachArgs;
use manage::{ConnectArgs, CreateArgs, DisconnectArgs, InspectArgs, LsArgs, RmArgs};
use porthole_engine::Engine;

// `network`.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub struct NetworkArgs {
    #[command(subcommand)]
    command: NetworkCommand,
}

#[derive(Debug, Subcommand)]
#[command(defer = true)]
enum NetworkCommand {
    /// Connect a container to a network
    Connect(ConnectArgs),
    /// Create a network
    Create(CreateArgs),
    /// Disconnect a container from a network
    Disconnect(DisconnectArgs),
    /// Display detailed information on one or more networks
    Inspect(InspectArgs),
    /// List networks
    #[command(visible_alias = "list")]
    Ls(LsArgs),
    /// Remove all unused networks
    Prune(PruneArgs),
    /// Remove one or more networks
    #[command(visible_alias = "remove")]
    Rm(RmArgs),
    /// Show every bridge, link, address, MAC table, neighbour and route, and which container each belongs to
    Map(map::MapArgs),
    /// Print the firewall rules that matter to a container, or all of them, as nft and as iptables would
    Rules(rules::RulesArgs),
    /// Attach a further interface to a running container, on a bridge or an interface of the host
    Attach(AttachArgs),
    /// Detach interfaces that were attached to a running container
    Detach(DetachArgs),
}

/// Runs a command on networks.
pub fn network(engine: &Engine, arguments: NetworkArgs) -> Outcome {
    match arguments.command {
        NetworkCommand::Connect(options) => manage::connect(engine, &options),
        NetworkCommand::Create(options) => manage::create(engine, options),
        NetworkCommand::Disconnect(options) => manage::disconnect(engine, &options),
        NetworkCommand::Inspect(options) => manage::inspect_all(engine, &options),
        NetworkCommand::Ls(options) => manage::list(engine, &options),
        NetworkCommand::Prune(options) => manage::prune_unused(engine, &options),
        NetworkCommand::Rm(options) => manage::remove(engine, &options),
        NetworkCommand::Map(options) => map::map(engine, &options),
        NetworkCommand::Rules(options) => rules::rules(engine, &options),
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
