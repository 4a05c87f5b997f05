//! `port`.

use super::{Failure, Outcome, output};
use clap::Args;
use porthole_engine::Engine;
use porthole_engine::network::PublishedPort;
use std::net::SocketAddr;
use std::process::ExitCode;

// `port`.
#[derive(Debug, Args)]
pub struct PortArgs {
    /// The container
    container: String,
    /// Only where this port of the container is published
    #[arg(value_name = "PRIVATE_PORT[/PROTOCOL]")]
    port: Option<String>,
}

/// Tells where the ports of a container are published.
pub fn port(engine: &Engine, arguments: &PortArgs) -> Outcome {
    let container = engine.container(&arguments.container)?;
    let mut ports = container.ports;
    ports.sort_by_key(|port| (port.container_port, port.protocol.number(), port.host_ip, port.host_port));
    let Some(wanted) = &arguments.port else {
        ports.iter().try_for_each(|port| output::line(&format!("{} -> {}", inside(port), outside(port))))?;
        return Ok(ExitCode::SUCCESS);
    };
    let name = if wanted.contains('/') { wanted.to_ascii_lowercase() } else { format!("{wanted}/tcp") };
    ports.retain(|port| inside(port) == name);
    if ports.is_empty() {
        return Err(Failure::new(format!("no public port '{name}' published for {}", arguments.container), 1));
    }
    ports.iter().try_for_each(|port| output::line(&outside(port).to_string()))?;
    Ok(ExitCode::SUCCESS)
}

fn inside(port: &PublishedPort) -> String {
    format!("{}/{}", port.container_port, port.protocol)
}

fn outside(port: &PublishedPort) -> SocketAddr {
    SocketAddr::new(port.host_ip, port.host_port)
}
