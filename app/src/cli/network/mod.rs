//! `network`: a group of commands.

mod manage;
mod map;
mod rules;

use super::Outcome;
use super::prune::PruneArgs;
use clap::{Args, Subcommand};
use manage::{ConnectArgs, CreateArgs, DisconnectArgs, InspectArgs, LsArgs, RmArgs};
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
    }
}
