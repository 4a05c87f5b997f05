//! What the workstation shows, as plain data. `effects/engine.rs` fills it from the engine, tests fill it by hand.

use super::project::Member;
use porthole_engine::network::{Driver, Subnet};
use porthole_engine::runtime::monitor::RestartPolicy;
use porthole_engine::runtime::state::HealthStatus;
use porthole_engine::{Resources, RunningUsage};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// What a container is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Its init runs.
    Running,
    /// Its processes are frozen.
    Paused,
    /// Ended, and waiting to be started again.
    Restarting,
    /// Made, never started.
    Created,
    /// Ended.
    Exited,
    /// Could not be removed or started.
    Dead,
}

/// A container.
#[derive(Clone, Debug, PartialEq)]
pub struct Container {
    /// 64 hexadecimal digits.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The image as it was named.
    pub image: String,
    /// The image's id, `sha256:…`.
    pub image_id: String,
    /// Its command line.
    pub command: String,
    /// What it is doing.
    pub phase: Phase,
    /// Since when, in nanoseconds since 1970.
    pub since: i64,
    /// When it was made, in nanoseconds since 1970.
    pub created: i64,
    /// When its last run began; 0 when it never ran.
    pub started: i64,
    /// Exit code of the last run that ended, or of a start that failed.
    pub exit_code: Option<i32>,
    /// Why the last start failed, or how its monitor was lost; empty when nothing went wrong.
    pub error: String,
    /// Whether the kernel killed a process of its last run for want of memory.
    pub oom_killed: bool,
    /// Whether a client made it end.
    pub stopped: bool,
    /// How often its restart policy has started it again.
    pub restarts: u32,
    /// What its health check says; `None` without one.
    pub health: Option<HealthStatus>,
    /// Whether its monitor was killed: nothing logs it or waits for it.
    pub monitor_lost: bool,
    /// Its network mode.
    pub network: String,
    /// The bridge of its first network that has one, while it runs.
    pub bridge: Option<String>,
    /// Its first address, while it runs.
    pub address: Option<IpAddr>,
    /// The host's end of its veth pair, while it runs.
    pub interface: Option<String>,
    /// Its published ports, while it runs.
    pub ports: Vec<Port>,
    /// How much it may use.
    pub resources: Resources,
    /// What happens when it ends.
    pub restart: RestartPolicy,
    /// What it is in a project.
    pub member: Option<Member>,
    /// What it uses, as of the last look; `None` before, and when it does not run.
    pub load: Option<Load>,
}

/// What a container uses at one moment, as lists show it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Percent of one CPU.
    pub cpu: f32,
    /// Bytes of memory.
    pub memory: u64,
}

/// A published port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// On the host.
    pub host: u16,
    /// In the container.
    pub container: u16,
    /// Whether it is UDP rather than TCP.
    pub udp: bool,
}

impl Container {
    /// Whether it has processes that run or could go on.
    pub fn is_up(&self) -> bool {
        matches!(self.phase, Phase::Running | Phase::Paused)
    }

    /// Whether its last run or start went wrong by itself.
    pub fn has_failed(&self) -> bool {
        let badly = self.exit_code.is_some_and(|code| code != 0);
        !self.is_up() && (!self.error.is_empty() || self.oom_killed || (badly && !self.stopped))
    }

    /// How long it has been what it is, at a time in nanoseconds since 1970.
    pub fn age(&self, now: i64) -> Duration {
        Duration::from_nanos(u64::try_from(now - self.since).unwrap_or(0))
    }

    /// Its published ports.
    pub fn ports_text(&self, arrow: &str) -> String {
        ports_text(&self.ports, arrow)
    }
}

/// Published ports, each once, whatever addresses they listen on: `8088→80`.
pub fn ports_text(ports: &[Port], arrow: &str) -> String {
    let mut texts = Vec::new();
    for port in ports {
        let protocol = if port.udp { "/udp" } else { "" };
        let text = format!("{}{arrow}{}{protocol}", port.host, port.container);
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts.join(" ")
}

/// One name of an image, or an image without names.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// `sha256:…`.
    pub id: String,
    /// `repository:tag`; `None` for an image that has lost its last name.
    pub name: Option<String>,
    /// Bytes that it takes, unpacked.
    pub size: u64,
    /// When it was made, in nanoseconds since 1970.
    pub created: i64,
    /// The names of the containers made from it.
    pub used_by: Vec<String>,
}

impl Image {
    /// How commands name it.
    pub fn reference(&self) -> &str {
        self.name.as_deref().unwrap_or_else(|| self.short_id())
    }

    /// The first twelve digits of the id.
    pub fn short_id(&self) -> &str {
        let digits = self.id.strip_prefix("sha256:").unwrap_or(&self.id);
        &digits[..digits.len().min(12)]
    }
}

/// A volume.
#[derive(Clone, Debug, PartialEq)]
pub struct Volume {
    /// Its name; 64 hexadecimal digits for one that nobody named.
    pub name: String,
    /// What holds its data: `local`.
    pub driver: String,
    /// Whether it was made for one container without a name, and goes with it.
    pub anonymous: bool,
    /// Where its data is on the host.
    pub mountpoint: String,
    /// When it was made, in nanoseconds since 1970.
    pub created: i64,
    /// The names of the containers that mount it.
    pub used_by: Vec<String>,
}

/// One look at what all running containers use.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// When, in nanoseconds since 1970.
    pub at: i64,
    /// Each by its id.
    pub usages: Vec<(String, RunningUsage)>,
}

/// A process of a container.
#[derive(Clone, Debug, PartialEq)]
pub struct Process {
    /// Its number on the host, as text.
    pub pid: String,
    /// Its user's number on the host.
    pub uid: u32,
    /// When it began: with the number this tells it from any other.
    pub start: u64,
    /// CPU time that it has used.
    pub time: Duration,
    /// Percent of one CPU lately; `None` when it was not looked at before.
    pub cpu: Option<f32>,
    /// Its command line.
    pub command: String,
}

/// Something that happened to a container or an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, in nanoseconds since 1970.
    pub time: i64,
    /// `container` or `image`.
    pub kind: String,
    /// The id of the container or image.
    pub id: String,
    /// Its name then.
    pub name: String,
    /// What happened: `start`, `healthy`.
    pub action: String,
    /// What belongs to that: an exit code, a signal.
    pub details: String,
    /// What it means.
    pub meaning: Meaning,
}

/// What an event means to somebody who reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Something works.
    Good,
    /// Somebody interfered.
    Warn,
    /// Something failed.
    Bad,
    /// Neither.
    Plain,
    /// Hardly of interest.
    Faint,
}

/// One line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When, in nanoseconds since 1970.
    pub time: i64,
    /// Whether it came from standard error.
    pub stderr: bool,
    /// The text without its line end.
    pub text: String,
}

/// Where the log that is shown begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Since {
    /// The newest lines.
    #[default]
    Tail,
    /// The first line.
    Head,
    /// So many minutes ago.
    Minutes(u16),
}

impl Since {
    /// What the pane's status says.
    pub fn text(self) -> Option<String> {
        match self {
            Since::Tail => None,
            Since::Head => Some("from the start".to_owned()),
            Since::Minutes(minutes) => Some(format!("last {minutes} min")),
        }
    }
}

/// A network interface of the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// Its address with prefix length; empty when it has none.
    pub address: String,
}

/// The networks, and the way from outside to them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks {
    /// The bridge of containers that name no network; `None` when there is none yet.
    pub bridge: Option<Link>,
    /// The link that leads outside.
    pub uplink: Option<Link>,
    /// The lab's other machine, when it is up: its address.
    pub outside: Option<Ipv4Addr>,
    /// The veth pairs: the name of the host's end, its number, and that of the other end.
    pub pairs: HashMap<String, (u32, u32)>,
    /// Every network, in the order in which they are shown.
    pub all: Vec<Network>,
}

impl Networks {
    /// A bridge with the address that the host has on it.
    pub fn bridge_named(&self, name: &str) -> Option<Link> {
        let default = self.bridge.iter().find(|bridge| bridge.name == name).cloned();
        default.or_else(|| {
            let network = self.all.iter().find(|network| network.interface.as_deref() == Some(name))?;
            let gateway = network.gateways.iter().find(|address| address.is_ipv4()).or(network.gateways.first());
            let address = gateway.map(ToString::to_string).unwrap_or_default();
            Some(Link { name: name.to_owned(), address })
        })
    }
}

/// A network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// 64 hexadecimal digits.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it is made of.
    pub driver: Driver,
    /// Whether it is there without having been made.
    pub predefined: bool,
    /// Its bridge, or the interface of the host that it stands on; `None` while there is none.
    pub interface: Option<String>,
    /// Its subnets: at most one of a family, IPv4 first.
    pub subnets: Vec<Subnet>,
    /// The addresses of its routers.
    pub gateways: Vec<IpAddr>,
    /// Whether nothing leaves it.
    pub internal: bool,
    /// Whether containers get IPv6 addresses.
    pub ipv6: bool,
    /// Whether what leaves it gets the host's address.
    pub masquerade: bool,
    /// The containers that are on it, or would be when they run.
    pub places: Vec<Place>,
}

impl Network {
    /// Whether containers can be connected to it by hand.
    pub fn takes_containers(&self) -> bool {
        !matches!(self.driver, Driver::Host | Driver::None)
    }
}

/// A container's place on a network. Of a container that does not run only the name is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The container's name.
    pub container: String,
    /// Its addresses there.
    pub addresses: Vec<IpAddr>,
    /// Its interface, by the name inside.
    pub interface: String,
    /// The host's end of the veth pair; empty if there is none.
    pub host: String,
    /// The ports that are published there.
    pub ports: Vec<Port>,
}
