//! `config.json`: what was asked of a container, joined with what its image says.

use super::confinement::Confinement;
use super::logging::Logging;
use super::namespaces::Namespaces;
use super::resolution::Resolution;
use super::resources::Resources;
use super::ulimit::Ulimit;
use super::user_namespace::UserNamespace;
use crate::volume::VolumeMount;
use porthole_images::Healthcheck;
use porthole_runtime::monitor::RestartPolicy;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// A container as it was created. Only its name changes later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContainerConfig {
    /// 64 hexadecimal digits.
    pub id: String,
    /// Unique among the containers of a state root.
    pub name: String,
    /// When it was created, in nanoseconds since 1970.
    pub created: i64,
    /// The image as the user named it.
    pub image: String,
    /// The image's id, `sha256:…`.
    pub image_id: String,
    /// The image's layers, the topmost first.
    pub layers: Vec<PathBuf>,
    /// Entrypoint, of the image or the user.
    pub entrypoint: Vec<String>,
    /// Arguments after the entrypoint, of the image or the user.
    pub command: Vec<String>,
    /// `NAME=value`, the image's first.
    pub env: Vec<String>,
    /// Working directory; `/` when neither image nor user say.
    pub working_dir: String,
    /// `user[:group]`, by name or number; empty means root.
    pub user: String,
    /// NIS domain name inside.
    #[serde(default)]
    pub domain_name: Option<String>,
    /// Host name inside; empty in the host's or another container's network.
    pub hostname: String,
    /// Whether its streams are a terminal.
    pub tty: bool,
    /// Whether standard input is kept open.
    pub open_stdin: bool,
    /// Whether standard input closes when the first client leaves.
    pub stdin_once: bool,
    /// Labels, the image's among them.
    pub labels: BTreeMap<String, String>,
    /// Ports that image and user declare, `80/tcp`.
    pub exposed_ports: Vec<String>,
    /// The signal that asks it to end; SIGTERM when nobody says.
    pub stop_signal: Option<String>,
    /// How many seconds it has to end before it is killed; negative: for ever, 10 when nobody says.
    #[serde(default)]
    pub stop_timeout: Option<i64>,
    /// How it is checked whether it is well, as image and user say.
    #[serde(default)]
    pub healthcheck: Option<Healthcheck>,
    /// The image's shell for commands that are given as text; `/bin/sh -c` when it names none.
    #[serde(default)]
    pub shell: Option<Vec<String>>,
    /// What the user asked of the host.
    pub host: HostConfig,
}

/// What a container may use of the host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HostConfig {
    /// Directories and files of the host seen inside.
    pub binds: Vec<Bind>,
    /// Volumes.
    pub volumes: Vec<VolumeMount>,
    /// Its network.
    pub network: NetworkMode,
    /// What it asks of each network that it is to be connected to, the one of `network` first; nothing special when empty.
    pub endpoints: Vec<EndpointConfig>,
    /// Published ports, in the grammar of `-p`.
    pub publish: Vec<String>,
    /// Whether the other declared ports are published at random ports.
    pub publish_all: bool,
    /// Containers whose binds it has too, each perhaps with `:ro`.
    pub volumes_from: Vec<String>,
    /// For its OCI runtime.
    pub annotations: BTreeMap<String, String>,
    /// What happens when it ends.
    pub restart: RestartPolicy,
    /// Whether it is removed when it ends.
    pub auto_remove: bool,
    /// Whether it gets every capability and device.
    pub privileged: bool,
    /// Whether an init of ours is its first process, and its command the init's child.
    pub init: bool,
    /// The OCI runtime that makes it, by name or absolute path; ours when nobody says.
    pub runtime: Option<String>,
    /// Capabilities added to the default ones.
    pub cap_add: Vec<String>,
    /// Capabilities taken from the default ones.
    pub cap_drop: Vec<String>,
    /// Whether its root is read-only.
    pub read_only: bool,
    /// tmpfs mounts: path and options.
    pub tmpfs: BTreeMap<String, String>,
    /// How much it may use.
    pub resources: Resources,
    /// How likely the kernel kills its processes when the host runs out of memory, -1000 to 1000.
    pub oom_score_adj: Option<i32>,
    /// Size of /dev/shm in bytes; 64 MiB when nobody says.
    pub shm_size: Option<i64>,
    /// Limits of each of its processes.
    pub ulimits: Vec<Ulimit>,
    /// What it may do.
    pub confinement: Confinement,
    /// How it resolves names.
    pub resolution: Resolution,
    /// Which namespaces it shares.
    pub namespaces: Namespaces,
    /// Its ids, if they are not the host's.
    pub user_namespace: Option<UserNamespace>,
    /// Where its output is kept.
    pub logging: Logging,
}

/// One `-v SOURCE:TARGET[:OPTIONS]`, or one `--mount type=bind`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bind {
    /// Absolute path on the host.
    pub source: PathBuf,
    /// Absolute path inside.
    pub target: String,
    /// Whether it is read-only inside.
    pub read_only: bool,
    /// Mount propagation, `rprivate` unless asked otherwise.
    pub propagation: String,
    /// Whether what is mounted below the source stays out.
    #[serde(default)]
    pub non_recursive: bool,
    /// Whether a source that is missing is an error, and not made.
    #[serde(default)]
    pub must_exist: bool,
}

impl Bind {
    /// One without options.
    pub fn new(source: PathBuf, target: &str) -> Bind {
        let propagation = "rprivate".to_owned();
        let target = target.to_owned();
        Bind { source, target, read_only: false, propagation, non_recursive: false, must_exist: false }
    }
}

/// What a container asks of a network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointConfig {
    /// The network, by name or id.
    pub network: String,
    /// The addresses that it is to have there, at most one of a family.
    pub addresses: Vec<IpAddr>,
    /// The hardware address of its interface there.
    pub mac: Option<[u8; 6]>,
    /// Further names that others on the network find it by.
    pub aliases: Vec<String>,
    /// Containers by further names, which it alone finds them by: `NAME:ALIAS`.
    pub links: Vec<String>,
}

/// Where a container's network comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum NetworkMode {
    /// The default bridge.
    #[default]
    Bridge,
    /// The host's own.
    Host,
    /// A namespace with a loopback only.
    None,
    /// That of another container, by name or id.
    Container(String),
    /// A network that was made, by name or id.
    Network(String),
}

impl NetworkMode {
    /// Whether the container has places on networks of its own.
    pub fn is_connected(&self) -> bool {
        matches!(self, NetworkMode::Bridge | NetworkMode::Network(_))
    }
}

impl fmt::Display for NetworkMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NetworkMode::Bridge => f.write_str("bridge"),
            NetworkMode::Host => f.write_str("host"),
            NetworkMode::None => f.write_str("none"),
            NetworkMode::Container(name) => write!(f, "container:{name}"),
            NetworkMode::Network(name) => f.write_str(name),
        }
    }
}

impl FromStr for NetworkMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "" | "default" | "bridge" => Ok(NetworkMode::Bridge),
            "host" => Ok(NetworkMode::Host),
            "none" => Ok(NetworkMode::None),
            _ => match text.strip_prefix("container:") {
                Some(name) if !name.is_empty() => Ok(NetworkMode::Container(name.to_owned())),
                Some(_) => Err("invalid container format container:<name|id>".to_owned()),
                None => Ok(NetworkMode::Network(text.to_owned())),
            },
        }
    }
}

impl From<NetworkMode> for String {
    fn from(mode: NetworkMode) -> String {
        mode.to_string()
    }
}

impl TryFrom<String> for NetworkMode {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl HostConfig {
    /// Size of /dev/shm in bytes.
    pub fn shm_size(&self) -> i64 {
        self.shm_size.unwrap_or(64 << 20)
    }
}

impl ContainerConfig {
    /// The whole command: entrypoint, then arguments.
    pub fn argv(&self) -> Vec<String> {
        self.entrypoint.iter().chain(&self.command).cloned().collect()
    }

    /// Whether it publishes or declares ports.
    pub fn has_ports(&self) -> bool {
        !self.host.publish.is_empty() || !self.exposed_ports.is_empty()
    }

    /// Where its network comes from.
    pub fn network(&self) -> &NetworkMode {
        &self.host.network
    }

    /// The networks that it is to be connected to, in order.
    pub fn endpoints(&self) -> Vec<EndpointConfig> {
        match self.host.endpoints.is_empty() && self.host.network.is_connected() {
            true => vec![EndpointConfig { network: self.host.network.to_string(), ..EndpointConfig::default() }],
            false => self.host.endpoints.clone(),
        }
    }

    /// The first twelve digits of the id.
    pub fn short_id(&self) -> &str {
        &self.id[..12]
    }
}
