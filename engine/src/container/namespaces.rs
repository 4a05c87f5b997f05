//! Which namespaces a container has of its own, and which it shares with the host or another container (namespaces(7)).

use super::config::{ContainerConfig, NetworkMode};
use super::record::{self, Record};
use crate::engine::Engine;
use crate::error::{Error, Result};
use porthole_runtime::monitor::Donor;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// What was asked for, besides the network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Namespaces {
    /// Whose processes it sees.
    pub pid: PidMode,
    /// With whom it shares memory and message queues.
    pub ipc: IpcMode,
    /// Whether its host name is the host's.
    pub host_uts: bool,
    /// Whether it sees the cgroups of the host above its own.
    pub host_cgroup: bool,
}

/// `--pid`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum PidMode {
    /// Its own processes only.
    #[default]
    Private,
    /// All of the host's.
    Host,
    /// Those of another container too.
    Container(String),
}

/// `--ipc`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum IpcMode {
    /// Nobody else's.
    #[default]
    Private,
    /// Its own, which others may join.
    Shareable,
    /// Its own, without /dev/shm.
    None,
    /// The host's.
    Host,
    /// That of another container.
    Container(String),
}

/// The name behind `container:`.
fn other_container(text: &str) -> Option<String> {
    text.strip_prefix("container:").filter(|name| !name.is_empty()).map(str::to_owned)
}

impl FromStr for PidMode {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "" => Ok(Self::Private),
            "host" => Ok(Self::Host),
            _ => other_container(text).map(Self::Container).ok_or_else(|| "--pid: invalid PID mode".to_owned()),
        }
    }
}

impl FromStr for IpcMode {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "" | "private" => Ok(Self::Private),
            "shareable" => Ok(Self::Shareable),
            "none" => Ok(Self::None),
            "host" => Ok(Self::Host),
            _ => other_container(text).map(Self::Container).ok_or_else(|| "--ipc: invalid IPC mode".to_owned()),
        }
    }
}

impl fmt::Display for PidMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Private => Ok(()),
            Self::Host => f.write_str("host"),
            Self::Container(name) => write!(f, "container:{name}"),
        }
    }
}

impl fmt::Display for IpcMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Private => f.write_str("private"),
            Self::Shareable => f.write_str("shareable"),
            Self::None => f.write_str("none"),
            Self::Host => f.write_str("host"),
            Self::Container(name) => write!(f, "container:{name}"),
        }
    }
}

impl From<PidMode> for String {
    fn from(mode: PidMode) -> String {
        mode.to_string()
    }
}

impl TryFrom<String> for PidMode {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        text.parse()
    }
}

impl From<IpcMode> for String {
    fn from(mode: IpcMode) -> String {
        mode.to_string()
    }
}

impl TryFrom<String> for IpcMode {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        text.parse()
    }
}

/// Where the namespaces of other containers are that a container joins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Joined {
    /// A network namespace.
    pub network: Option<PathBuf>,
    /// A PID namespace.
    pub pid: Option<PathBuf>,
    /// An IPC namespace.
    pub ipc: Option<PathBuf>,
    /// The /dev/shm that goes with it.
    pub shm: Option<PathBuf>,
    /// The containers whose they are.
    pub donors: Vec<Donor>,
}

impl Engine {
    /// Refers to the containers that are named by their ids: their names may change, or become another's.
    pub(super) fn pin_donors(&self, config: &mut ContainerConfig) -> Result<()> {
        let host = &mut config.host;
        let named = [
            match &mut host.network {
                NetworkMode::Container(other) => Some(other),
                _ => None,
            },
            match &mut host.namespaces.pid {
                PidMode::Container(other) => Some(other),
                _ => None,
            },
            match &mut host.namespaces.ipc {
                IpcMode::Container(other) => Some(other),
                _ => None,
            },
        ];
        for other in named.into_iter().flatten() {
            *other = self.find(other)?.id;
        }
        Ok(())
    }

    /// Looks up the namespaces that a container joins.
    pub(super) fn joined(&self, config: &ContainerConfig) -> Result<Joined> {
        let mut joined = Joined::default();
        if let NetworkMode::Container(other) = &config.host.network {
            joined.network = Some(self.donor(other, "network", &mut joined.donors)?.join("ns/net"));
        }
        if let PidMode::Container(other) = &config.host.namespaces.pid {
            joined.pid = Some(self.donor(other, "PID namespace", &mut joined.donors)?.join("ns/pid"));
        }
        if let IpcMode::Container(other) = &config.host.namespaces.ipc {
            let process = self.donor(other, "IPC namespace", &mut joined.donors)?;
            if self.find(other)?.existing_config()?.host.namespaces.ipc != IpcMode::Shareable {
                return Err(Error::InvalidOption(format!(
                    "can't join IPC of container {other}: non-shareable IPC (hint: use --ipc shareable for the donor container)"
                )));
            }
            (joined.ipc, joined.shm) = (Some(process.join("ns/ipc")), Some(process.join("root/dev/shm")));
        }
        Ok(joined)
    }

    /// The directory in /proc of the init of another container, which must run.
    fn donor(&self, other: &str, what: &str, donors: &mut Vec<Donor>) -> Result<PathBuf> {
        let other = self.find(other)?;
        let init = self.init_of(&other, what)?;
        donors.push(Donor { directory: other.directory().to_owned(), init });
        Ok(PathBuf::from(format!("/proc/{}", init.pid)))
    }

    fn init_of(&self, record: &Record, what: &str) -> Result<porthole_runtime::process::ProcessId> {
        let live = record.live()?;
        let init = live.state.init.filter(|_| record::is_active(live.state.status));
        init.ok_or_else(|| {
            Error::InvalidOption(format!("cannot join {what} of a non running container: {}", record.id))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_dockers() {
        for text in ["", "host", "container:web"] {
            assert_eq!(text.parse::<PidMode>().unwrap().to_string(), text);
        }
        for text in ["private", "shareable", "none", "host", "container:web"] {
            assert_eq!(text.parse::<IpcMode>().unwrap().to_string(), text);
        }
        for text in ["x", "container:", "Host"] {
            assert!(text.parse::<PidMode>().is_err() && text.parse::<IpcMode>().is_err(), "{text}");
        }
    }
}
