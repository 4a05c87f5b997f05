//! One line of `ps`, and what a list of containers shows.

use super::config::{Bind, ContainerConfig, HostConfig};
use super::resources::Resources;
use crate::error::Error;
use crate::units::human_duration;
use crate::volume::VolumeMount;
use porthole_network::{Endpoint, PublishedPort};
use porthole_runtime::monitor::RestartPolicy;
use porthole_runtime::state::{HealthStatus, State, Status};
use std::net::IpAddr;

/// What a list shows of a container.
#[derive(Clone, Debug, PartialEq)]
pub struct ContainerSummary {
    /// 64 hexadecimal digits.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The image as it was named.
    pub image: String,
    /// The image's id, `sha256:…`.
    pub image_id: String,
    /// The whole command, joined by blanks.
    pub command: String,
    /// When it was created, in nanoseconds since 1970.
    pub created: i64,
    /// What it is doing; already corrected for a reboot or a vanished init.
    pub state: State,
    /// Whether its monitor was killed while it runs: nothing logs it or waits for it.
    pub monitor_lost: bool,
    /// Its network mode.
    pub network: String,
    /// The networks that it is on, or to be on.
    pub networks: Vec<String>,
    /// Its places on them, while it runs.
    pub endpoints: Vec<Endpoint>,
    /// Its first address, while it runs.
    pub address: Option<IpAddr>,
    /// The bridge it is on, while it runs.
    pub bridge: Option<String>,
    /// The host's end of its veth pair, while it runs.
    pub host_interface: Option<String>,
    /// Its published ports, while it runs.
    pub ports: Vec<PublishedPort>,
    /// Ports that its image declares, `80/tcp`.
    pub exposed_ports: Vec<String>,
    /// Its mounts: where each comes from, and where it is seen.
    pub mounts: Vec<(String, String)>,
    /// How much it may use.
    pub resources: Resources,
    /// What happens when it ends.
    pub restart: RestartPolicy,
    /// Its labels.
    pub labels: std::collections::BTreeMap<String, String>,
    /// Whether it has a terminal.
    pub tty: bool,
}

impl ContainerSummary {
    /// The first twelve digits of the id.
    pub fn short_id(&self) -> &str {
        &self.id[..self.id.len().min(12)]
    }

    /// Whether it has processes.
    pub fn is_running(&self) -> bool {
        matches!(self.state.status, Status::Running | Status::Paused | Status::Restarting)
    }

    /// Docker's STATUS column: `Up 3 minutes`, `Exited (0) 2 hours ago`. `now` in nanoseconds since 1970.
    pub fn status_text(&self, now: i64) -> String {
        let since = |time: &Option<String>| human_duration(now - nanoseconds(time.as_deref()).unwrap_or(now));
        let text = match self.state.status {
            Status::Created => "Created".to_owned(),
            Status::Running => format!("Up {}{}", since(&self.state.started_at), self.health_text()),
            Status::Paused => format!("Up {} (Paused)", since(&self.state.started_at)),
            Status::Restarting => {
                format!("Restarting ({}) {} ago", self.state.exit_code.unwrap_or(0), since(&self.state.finished_at))
            }
            Status::Exited => {
                format!("Exited ({}) {} ago", self.state.exit_code.unwrap_or(0), since(&self.state.finished_at))
            }
            Status::Dead => "Dead".to_owned(),
        };
        if self.monitor_lost { format!("{text} (monitor lost)") } else { text }
    }

    fn health_text(&self) -> &'static str {
        match self.state.health {
            Some(HealthStatus::Starting) => " (health: starting)",
            Some(HealthStatus::Healthy) => " (healthy)",
            Some(HealthStatus::Unhealthy) => " (unhealthy)",
            None => "",
        }
    }

    /// Docker's PORTS column: `0.0.0.0:8088->80/tcp, [::]:8088->80/tcp`.
    pub fn ports_text(&self) -> String {
        let is_published = |declared: &&String| {
            self.ports.iter().any(|port| format!("{}/{}", port.container_port, port.protocol) == **declared)
        };
        // Those that are only declared are told of a container that has a place on the network.
        let declared = self.exposed_ports.iter().filter(|_| self.address.is_some()).filter(|port| !is_published(port));
        let published = self.ports.iter().map(ToString::to_string);
        published.chain(declared.cloned()).collect::<Vec<_>>().join(", ")
    }
}

/// An RFC 3339 time as nanoseconds since 1970.
pub fn nanoseconds(time: Option<&str>) -> Option<i64> {
    let time: jiff::Timestamp = time?.parse().ok()?;
    i64::try_from(time.as_nanosecond()).ok()
}

/// The command as Docker lists it: arguments with blanks stand in quotes.
fn command_line(argv: &[String]) -> String {
    let quoted =
        |(at, word): (usize, &String)| if at > 0 && word.contains(' ') { format!("'{word}'") } else { word.clone() };
    argv.iter().enumerate().map(quoted).collect::<Vec<_>>().join(" ")
}

/// A container whose records cannot be read: all that is left to do with it is to remove it.
pub fn damaged(id: String, error: &Error) -> ContainerSummary {
    ContainerSummary {
        name: id[..id.len().min(12)].to_owned(),
        image: "<damaged>".to_owned(),
        image_id: String::new(),
        command: String::new(),
        created: 0,
        state: State { status: Status::Dead, error: error.to_string(), ..State::default() },
        monitor_lost: false,
        network: String::new(),
        networks: Vec::new(),
        endpoints: Vec::new(),
        address: None,
        bridge: None,
        host_interface: None,
        ports: Vec::new(),
        exposed_ports: Vec::new(),
        mounts: Vec::new(),
        resources: Resources::default(),
        restart: RestartPolicy::No,
        labels: std::collections::BTreeMap::new(),
        tty: false,
        id,
    }
}

/// What the first place on a network that has it says.
fn first(endpoints: &[Endpoint], what: impl Fn(&Endpoint) -> &String) -> Option<String> {
    endpoints.iter().map(what).find(|text| !text.is_empty()).cloned()
}

fn networks(host: &HostConfig) -> Vec<String> {
    match host.endpoints.is_empty() {
        true => vec![host.network.to_string()],
        false => host.endpoints.iter().map(|attachment| attachment.network.clone()).collect(),
    }
}

/// Joins a record with what runs.
pub fn summarise(config: ContainerConfig, live: super::record::Live, endpoints: Vec<Endpoint>) -> ContainerSummary {
    let command = command_line(&config.argv());
    let mount = |bind: &Bind| (bind.source.to_string_lossy().into_owned(), bind.target.clone());
    let volume = |mount: &VolumeMount| (mount.name.clone().unwrap_or_default(), mount.target.clone());
    ContainerSummary {
        id: config.id,
        name: config.name,
        image: config.image,
        image_id: config.image_id,
        command,
        created: config.created,
        state: live.state,
        monitor_lost: live.monitor_lost,
        network: config.host.network.to_string(),
        networks: networks(&config.host),
        address: endpoints.iter().find_map(Endpoint::address),
        bridge: first(&endpoints, |endpoint| &endpoint.bridge),
        host_interface: first(&endpoints, |endpoint| &endpoint.host_interface),
        ports: endpoints.iter().flat_map(|endpoint| endpoint.ports.iter().copied()).collect(),
        endpoints,
        exposed_ports: config.exposed_ports,
        mounts: config.host.binds.iter().map(mount).chain(config.host.volumes.iter().map(volume)).collect(),
        resources: config.host.resources,
        restart: config.host.restart,
        labels: config.labels,
        tty: config.tty,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_quoted_as_docker_does() {
        let words = ["sh", "-c", "exit 4"].map(str::to_owned);
        assert_eq!(command_line(&words), "sh -c 'exit 4'");
    }
}
