//! `network rules`.

use crate::cli::{Outcome, output};
use clap::Args;
use porthole_engine::Engine;
use porthole_engine::network::ruleset::{Listing, Ruleset};
use std::process::ExitCode;

// `network rules`.
#[derive(Debug, Args)]
pub struct RulesArgs {
    /// Print nft's spelling only
    #[arg(long, conflicts_with = "iptables")]
    nft: bool,
    /// Print iptables' spelling only
    #[arg(long)]
    iptables: bool,
    /// Print the rules that matter to a network
    #[arg(long, value_name = "NAME", conflicts_with = "container")]
    network: Option<String>,
    /// The container whose rules are wanted
    container: Option<String>,
}

/// Prints the rules of the firewall with their counters.
pub fn rules(engine: &Engine, arguments: &RulesArgs) -> Outcome {
    let ruleset = match &arguments.network {
        Some(network) => engine.rules_of_network(network)?,
        None => engine.network_rules(arguments.container.as_deref())?,
    };
    let nft = (!arguments.iptables).then(|| nft(&ruleset));
    let iptables =
        (!arguments.nft).then(|| ruleset.iptables().iter().map(iptables).collect::<Vec<_>>()).into_iter().flatten();
    let parts: Vec<String> = nft.into_iter().chain(iptables).filter(|part| !part.is_empty()).collect();
    if !parts.is_empty() {
        output::line(parts.join("\n").trim_end())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn nft(ruleset: &Ruleset) -> String {
    if ruleset.tables.is_empty() { String::new() } else { format!("# nft list ruleset\n{ruleset}") }
}

fn iptables(listing: &Listing) -> String {
    format!("# {}, of table {}\n{}", listing.command, listing.table, listing.text)
}
