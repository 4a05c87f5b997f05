//! `network`: a group of commands, one file each.

mod map;
mod rules;

use super::Outcome;
use clap::{Args, Subcommand};
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
    /// Show every bridge, link, address, MAC table, neighbour and route, and which container each belongs to
    Map(map::MapArgs),
    /// Print the firewall rules that matter to a container, or all of them, as nft and as iptables would
    Rules(rules::RulesArgs),
}

/// Runs a command on networks.
pub fn network(engine: &Engine, arguments: NetworkArgs) -> Outcome {
    match arguments.command {
        NetworkCommand::Map(options) => map::map(engine, &options),
        NetworkCommand::Rules(options) => rules::rules(engine, &options),
    }
}
