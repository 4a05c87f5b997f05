//! `network attach`.

use crate::cli::{Outcome, output};
use clap::Args;
use porthole_engine::Engine;
use porthole_engine::network::Mac;
use porthole_engine::network::attach::{InterfaceAddress, InterfaceName, InterfaceRequest, RouteRequest};
use porthole_engine::network::link::stacked::{MacvlanMode, VlanId};
use porthole_engine::network::parse_mac;
use std::process::ExitCode;

// `network attach`.
#[derive(Debug, Args)]
#[command(after_help = "On a bridge the interface is one end of a veth pair, elsewhere a macvlan. Its name is printed.
A bridge that is missing is made if its name begins with \"br\", and goes with its last port.
The interface goes with `network detach` or when the container stops; a restart by the
restart policy keeps it, `start` and `restart` do not bring it back.")]
pub struct AttachArgs {
    /// The bridge or interface of the host to attach to
    #[arg(long, value_name = "PARENT|BRIDGE")]
    link: String,
    /// The address, with a gateway that becomes the default route
    #[arg(long, value_name = "ADDRESS/BITS[@GATEWAY]")]
    ip: InterfaceAddress,
    /// The hardware address (default: made of the address)
    #[arg(long, value_parser = parse_mac)]
    mac: Option<Mac>,
    /// The VLAN to be in: of the bridge's port, or under the macvlan
    #[arg(long, value_name = "ID")]
    vlan: Option<VlanId>,
    /// The name of the interface inside (default: the first free one from eth1 on)
    #[arg(long)]
    name: Option<InterfaceName>,
    /// A further route by the interface
    #[arg(long, value_name = "NETWORK/BITS[@ROUTER]")]
    route: Vec<RouteRequest>,
    /// How a macvlan reaches others of its parent: bridge (default), private, vepa, passthru
    #[arg(long)]
    mode: Option<MacvlanMode>,
    /// The container
    container: String,
}

/// Attaches an interface and prints its name.
pub fn attach(engine: &Engine, arguments: AttachArgs) -> Outcome {
    let request = InterfaceRequest {
        link: arguments.link,
        address: arguments.ip,
        mac: arguments.mac,
        vlan: arguments.vlan,
        name: arguments.name,
        routes: arguments.route,
        mode: arguments.mode,
    };
    let attached = engine.attach_interface(&arguments.container, &request)?;
    output::line(&attached.interface)?;
    Ok(ExitCode::SUCCESS)
}
