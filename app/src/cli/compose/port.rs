//! `compose port`.

use super::Context;
use crate::cli::{Failure, Outcome, output};
use clap::Args;
use std::net::SocketAddr;
use std::process::ExitCode;

// `compose port`.
#[derive(Debug, Args)]
pub struct PortArgs {
    /// Index of the container if service has multiple replicas
    #[arg(long, value_name = "N")]
    index: Option<usize>,
    /// tcp or udp
    #[arg(long, default_value = "tcp", value_parser = ["tcp", "udp"])]
    protocol: String,
    /// The service
    service: String,
    /// The port in the container
    #[arg(value_name = "PRIVATE_PORT")]
    port: u16,
}

/// Tells where a port of a service is published.
pub fn port(context: &Context<'_>, arguments: &PortArgs) -> Outcome {
    let member = context.member(&arguments.service, arguments.index)?;
    let mut ports = member
        .container
        .ports
        .iter()
        .filter(|port| port.container_port == arguments.port && port.protocol.to_string() == arguments.protocol);
    let missing = || {
        let (name, port, protocol) = (&member.container.name, arguments.port, &arguments.protocol);
        Failure::new(format!("no port {port}/{protocol} for container {name}"), 1)
    };
    let port = ports.next().ok_or_else(missing)?;
    output::line(&SocketAddr::new(port.host_ip, port.host_port).to_string())?;
    Ok(ExitCode::SUCCESS)
}
