//! Making, listing and removing networks, and connecting containers to them.

use crate::cli::filters::Filters;
use crate::cli::format::{Format, Row};
use crate::cli::networking::PlaceArgs;
use crate::cli::prune::{self, PruneArgs};
use crate::cli::ps::created_at;
use crate::cli::{Failure, Outcome, files, for_each, inspect, output};
use clap::Args;
use porthole_engine::network::{Driver, Subnet};
use porthole_engine::{Engine, NetworkSummary, NewNetwork};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::process::ExitCode;

// `network create`.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// Driver to manage the network: bridge, macvlan or ipvlan
    #[arg(short = 'd', long, default_value = "bridge")]
    driver: String,
    /// Subnet in CIDR format that represents a network segment
    #[arg(long, value_name = "SUBNET", value_delimiter = ',')]
    subnet: Vec<Subnet>,
    /// Allocate container addresses from a sub-range
    #[arg(long, value_name = "RANGE", value_delimiter = ',')]
    ip_range: Vec<Subnet>,
    /// IPv4 or IPv6 gateway for the subnet
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    gateway: Vec<IpAddr>,
    /// Auxiliary addresses, which no container gets
    #[arg(long, value_name = "NAME=ADDRESS", value_delimiter = ',')]
    aux_address: Vec<String>,
    /// Restrict external access to the network
    #[arg(long)]
    internal: bool,
    /// Enable IPv6 networking
    #[arg(long)]
    ipv6: bool,
    /// Enable manual container attachment; every network here has it
    #[arg(long)]
    attachable: bool,
    /// Set metadata on a network
    #[arg(long, value_name = "KEY[=VALUE]")]
    label: Vec<String>,
    /// Set driver specific options: parent, macvlan_mode, ipvlan_mode, ipvlan_flag, com.docker.network.driver.mtu,
    /// com.docker.network.bridge.{name,enable_icc,enable_ip_masquerade,host_binding_ipv4}
    #[arg(short = 'o', long, value_name = "KEY=VALUE")]
    opt: Vec<String>,
    /// Its name
    name: String,
}

// `network ls`.
#[derive(Debug, Args)]
pub struct LsArgs {
    /// Provide filter values (e.g. "driver=bridge", "name=TEXT", "id=TEXT", "label=KEY", "type=custom", "dangling=true")
    #[arg(short = 'f', long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    /// Format output using a custom template, 'table', 'table TEMPLATE' or 'json'
    #[arg(long, default_value = "table")]
    format: String,
    /// Do not truncate the output
    #[arg(long)]
    no_trunc: bool,
    /// Only display network ids
    #[arg(short = 'q', long)]
    quiet: bool,
}

// `network inspect`.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// Format output using a custom template, or 'json'
    #[arg(short = 'f', long)]
    format: Option<String>,
    /// Networks
    #[arg(required = true)]
    names: Vec<String>,
}

// `network connect`.
#[derive(Debug, Args)]
pub struct ConnectArgs {
    /// Add network-scoped alias for the container
    #[arg(long, value_name = "NAME")]
    alias: Vec<String>,
    #[command(flatten)]
    place: PlaceArgs,
    /// The network
    network: String,
    /// The container
    container: String,
}

// `network disconnect`.
#[derive(Debug, Args)]
pub struct DisconnectArgs {
    /// Do not complain of a container that is not connected
    #[arg(short = 'f', long)]
    force: bool,
    /// The network
    network: String,
    /// The container
    container: String,
}

// `network rm`.
#[derive(Debug, Args)]
pub struct RmArgs {
    /// Do not complain of networks that are not there
    #[arg(short = 'f', long)]
    force: bool,
    /// Networks
    #[arg(required = true)]
    names: Vec<String>,
}

const DEFAULT: &str = "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}";
const FILTERS: [&str; 7] = ["dangling", "driver", "id", "label", "name", "scope", "type"];
const TITLES: [(&str, &str); 8] = [
    ("ID", "NETWORK ID"),
    ("Name", "NAME"),
    ("Driver", "DRIVER"),
    ("Scope", "SCOPE"),
    ("IPv6", "IPV6"),
    ("Internal", "INTERNAL"),
    ("Labels", "LABELS"),
    ("CreatedAt", "CREATED AT"),
];

/// Makes a network and prints its id.
pub fn create(engine: &Engine, arguments: CreateArgs) -> Outcome {
    let usage = |message: String| Failure::new(message, 1);
    let driver: Driver = arguments
        .driver
        .parse()
        .map_err(|()| usage(format!("could not find plugin {0} in v1 plugin registry: plugin \"{0}\" not found: there are bridge, macvlan and ipvlan", arguments.driver)))?;
    let mut auxiliary = BTreeMap::new();
    for word in &arguments.aux_address {
        let parsed = word.split_once('=').and_then(|(name, address)| Some((name.to_owned(), address.parse().ok()?)));
        let (name, address) =
            parsed.ok_or_else(|| usage(format!("invalid aux-address \"{word}\": want NAME=ADDRESS")))?;
        auxiliary.insert(name, address);
    }
    let network = engine.create_network(NewNetwork {
        name: arguments.name,
        driver,
        subnets: arguments.subnet,
        ranges: arguments.ip_range,
        gateways: arguments.gateway,
        auxiliary,
        ipv6: arguments.ipv6,
        internal: arguments.internal,
        attachable: arguments.attachable,
        labels: pairs(&arguments.label),
        options: pairs(&arguments.opt),
    })?;
    output::line(&network.id)?;
    Ok(ExitCode::SUCCESS)
}

fn pairs(words: &[String]) -> BTreeMap<String, String> {
    words.iter().map(|word| files::pair(word)).collect()
}

/// Lists networks.
pub fn list(engine: &Engine, arguments: &LsArgs) -> Outcome {
    let format = Format::parse(&arguments.format, DEFAULT)?;
    let filters = Filters::parse(&arguments.filter, &FILTERS)?;
    let dangling = filters.truth("dangling")?;
    filters.parsed("type", |text| matches!(text, "custom" | "builtin").then_some(()))?;
    let wanted = |network: &NetworkSummary| {
        let config = &network.config;
        let is_dangling = !config.is_predefined() && network.used_by.is_empty();
        dangling.is_none_or(|wanted| wanted == is_dangling)
            && filters.any("driver", |driver| *driver == config.driver.to_string())
            && filters.any("id", |text| config.id.starts_with(text.as_str()))
            && filters.any("name", |text| config.name.contains(text.as_str()))
            && filters.any("scope", |scope| scope == "local")
            && filters.any("type", |kind| (kind == "builtin") == config.is_predefined())
            && filters.labels_match(&config.labels)
    };
    let mut networks = engine.networks()?;
    networks.retain(wanted);
    if arguments.quiet {
        let id = |network: &NetworkSummary| {
            if arguments.no_trunc { network.config.id.clone() } else { network.config.short_id().to_owned() }
        };
        networks.iter().try_for_each(|network| output::line(&id(network)))?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows = networks
        .iter()
        .map(|network| Row { fields: fields(network, arguments.no_trunc), labels: &network.config.labels });
    format.print(&TITLES, rows.collect())?;
    Ok(ExitCode::SUCCESS)
}

fn fields(network: &NetworkSummary, whole: bool) -> Map<String, Value> {
    let config = &network.config;
    let labels: Vec<String> = config.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let fields = [
        ("ID", if whole { config.id.clone() } else { config.short_id().to_owned() }),
        ("Name", config.name.clone()),
        ("Driver", config.driver.to_string()),
        ("Scope", "local".to_owned()),
        ("IPv6", config.ipv6.to_string()),
        ("Internal", config.internal.to_string()),
        ("Labels", labels.join(",")),
        ("CreatedAt", created_at(config.created)),
    ];
    fields.into_iter().map(|(name, text)| (name.to_owned(), text.into())).collect()
}

/// Prints all that is known of networks.
pub fn inspect_all(engine: &Engine, arguments: &InspectArgs) -> Outcome {
    let one = |name: &str| engine.inspect_network(name).map_err(|error| error.to_string());
    inspect::print(&arguments.names, arguments.format.as_deref(), one)
}

/// Connects a container to a network.
pub fn connect(engine: &Engine, arguments: &ConnectArgs) -> Outcome {
    let settings = arguments.place.settings(&arguments.network, &arguments.alias);
    engine.connect_network(&arguments.network, &arguments.container, settings)?;
    Ok(ExitCode::SUCCESS)
}

/// Takes a container off a network.
pub fn disconnect(engine: &Engine, arguments: &DisconnectArgs) -> Outcome {
    engine.disconnect_network(&arguments.network, &arguments.container, arguments.force)?;
    Ok(ExitCode::SUCCESS)
}

/// Removes networks.
pub fn remove(engine: &Engine, arguments: &RmArgs) -> Outcome {
    for_each(&arguments.names, |name| match engine.remove_network(name) {
        Err(porthole_engine::Error::Network(porthole_engine::network::Error::NoSuchNetwork(_))) if arguments.force => {
            Ok(())
        }
        removed => removed,
    })
}

/// Removes the networks that no container uses.
pub fn prune_unused(engine: &Engine, arguments: &PruneArgs) -> Outcome {
    let filter = prune::filter(arguments)?;
    prune::confirm(
        arguments,
        "network",
        "WARNING! This will remove all custom networks not used by at least one container.",
    )?;
    let pruned = engine.prune_networks(&filter)?;
    if !pruned.networks.is_empty() {
        output::line("Deleted Networks:")?;
        pruned.networks.iter().try_for_each(|name| output::line(name))?;
    }
    Ok(ExitCode::SUCCESS)
}
