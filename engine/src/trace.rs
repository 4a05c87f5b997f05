//! Which taps and connections a trace of containers looks at.

use crate::container::summary::ContainerSummary;
use crate::engine::Engine;
use crate::error::{Error, Result};
use porthole_capture::{Endpoint, Focus, Netns, Protocol, Session, SessionConfig, TapKind, TapSpec};
use porthole_network::port::{Protocol as PortProtocol, PublishedPort};
use porthole_network::{Outside, outside};
use std::net::IpAddr;
use std::sync::Arc;

/// What to follow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// What goes to the published ports of all containers that run.
    #[default]
    Published,
    /// Everything from and to one container.
    Container(String),
    /// What goes to one published port.
    Port(u16),
}

/// The interface inside a container and in the lab's neighbour.
const INSIDE: &str = "eth0";

impl Engine {
    /// Opens the taps that a packet passes on its way to the target, in the order in which one from outside does, and
    /// begins to follow packets. Of what was seen, so many bytes are kept; then the oldest goes.
    pub fn trace(&self, target: &Target, memory: usize) -> Result<Session> {
        let containers = self.traced(target)?;
        let taps = self.taps(&containers)?;
        let focus = containers.iter().flat_map(|container| focus(container, target)).collect();
        let config = SessionConfig { memory, ..SessionConfig::new(taps, focus, Netns::Host) };
        Ok(Session::start(config)?)
    }

    fn traced(&self, target: &Target) -> Result<Vec<ContainerSummary>> {
        let mut containers = match target {
            Target::Container(name) => vec![self.container(name)?],
            Target::Published | Target::Port(_) => self.containers(false)?,
        };
        if let Target::Container(name) = target
            && !containers[0].is_running()
        {
            return Err(Error::NotRunning(name.clone()));
        }
        let wanted = |port: &PublishedPort| !matches!(target, Target::Port(number) if *number != port.host_port);
        if !matches!(target, Target::Container(_)) {
            containers.retain(|container| container.ports.iter().any(wanted));
        }
        containers.retain(|container| container.address.is_some());
        match (containers.is_empty(), target) {
            (false, _) => Ok(containers),
            (true, Target::Container(name)) => Err(Error::InvalidOption(format!(
                "container {name} is not on a bridge: there is no address translation to follow"
            ))),
            (true, Target::Port(port)) => Err(Error::InvalidOption(format!("no running container publishes port {port}"))),
            (true, Target::Published) => Err(Error::InvalidOption(
                "no running container publishes a port: name one with --container, or start the lab with `porthole lab up`"
                    .to_owned(),
            )),
        }
    }

    fn taps(&self, containers: &[ContainerSummary]) -> Result<Vec<TapSpec>> {
        let mut taps = Vec::new();
        match outside::status(&self.network())? {
            Some(outside) => taps.extend(outside_taps(&outside)),
            None => {
                taps.extend(porthole_network::uplink()?.map(|uplink| host_tap(TapKind::Uplink, "uplink", &uplink.name)))
            }
        }
        let bridges: std::collections::BTreeSet<&str> =
            containers.iter().filter_map(|container| container.bridge.as_deref()).collect();
        taps.extend(bridges.into_iter().map(|bridge| host_tap(TapKind::Bridge, bridge, bridge)));
        taps.extend(containers.iter().flat_map(container_taps));
        Ok(taps)
    }
}

/// The neighbour's interface and the host's end of its link.
fn outside_taps(outside: &Outside) -> [TapSpec; 2] {
    let inside = TapSpec {
        label: "outside".to_owned(),
        kind: TapKind::Outside,
        interface: INSIDE.to_owned(),
        netns: Netns::Path(outside.netns_path.clone()),
        addresses: vec![outside.address.into()],
        process: None,
    };
    let mut uplink = host_tap(TapKind::Uplink, "uplink", &outside.host_interface);
    uplink.addresses = vec![outside.address.into()];
    [inside, uplink]
}

fn host_tap(kind: TapKind, label: &str, interface: &str) -> TapSpec {
    TapSpec {
        label: label.to_owned(),
        kind,
        interface: interface.to_owned(),
        netns: Netns::Host,
        addresses: Vec::new(),
        process: None,
    }
}

/// Both ends of a container's veth pair.
fn container_taps(container: &ContainerSummary) -> Vec<TapSpec> {
    let (Some(address), Some(veth), Some(init)) = (container.address, &container.host_interface, container.state.init)
    else {
        return Vec::new();
    };
    let mut outer = host_tap(TapKind::Veth, veth, veth);
    outer.addresses = vec![address];
    // One that has just ended is found out when its namespace is entered.
    outer.process = init.open().ok().map(Arc::new);
    let inner = TapSpec {
        label: container.name.clone(),
        kind: TapKind::Container,
        interface: INSIDE.to_owned(),
        netns: Netns::Path(format!("/proc/{}/ns/net", init.pid).into()),
        addresses: vec![address],
        process: outer.process.clone(),
    };
    vec![outer, inner]
}

fn focus(container: &ContainerSummary, target: &Target) -> Vec<Focus> {
    let Some(address) = container.address else { return Vec::new() };
    let wanted = |port: &&PublishedPort| !matches!(target, Target::Port(number) if *number != port.host_port);
    let mut focus: Vec<Focus> = container.ports.iter().filter(wanted).map(|port| port_focus(port, address)).collect();
    if matches!(target, Target::Container(_)) {
        focus.push(Focus::container(address));
    }
    focus
}

fn port_focus(port: &PublishedPort, address: IpAddr) -> Focus {
    let protocol = match port.protocol {
        PortProtocol::Tcp => Protocol::Tcp,
        PortProtocol::Udp => Protocol::Udp,
    };
    let host = (!port.host_ip.is_unspecified()).then_some(port.host_ip);
    let inside = Endpoint { address, port: port.container_port };
    Focus::port(protocol, host, port.host_port, inside)
}
