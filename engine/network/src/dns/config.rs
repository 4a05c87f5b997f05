//! What a monitor has to know of the networks of its container: written by the engine before the container starts, and anew whenever it
//! is connected or disconnected.

use crate::Error;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// What names a container can ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsConfig {
    /// Its user-defined networks. Where two know a name, the first one counts.
    pub networks: Vec<DnsNetwork>,
    /// The resolvers to ask for names of the world (`--dns`); those of the host when there are none.
    pub servers: Vec<IpAddr>,
    /// Names that other containers have for this one alone.
    pub links: Vec<Link>,
}

/// A network whose names are answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsNetwork {
    /// Its name, which may follow a container's after a dot.
    pub name: String,
    /// Its directory, where its endpoints are.
    pub directory: PathBuf,
    /// Whether it leads nowhere else. A container that is on no other network learns no names of the world either.
    pub internal: bool,
}

/// `--link CONTAINER:ALIAS`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The name.
    pub alias: String,
    /// The id of the container that it means.
    pub container: String,
}

impl DnsConfig {
    /// The record's name in the container's directory.
    pub const FILE: &str = "dns.json";

    /// Writes the record into a container's directory; a monitor finds the old one or the new one.
    pub fn write(&self, container: &Path) -> Result<(), Error> {
        let path = container.join(Self::FILE);
        let unfinished = path.with_extension("json.new");
        let write = || {
            fs::write(&unfinished, serde_json::to_vec(self)?)?;
            fs::rename(&unfinished, &path)
        };
        write().map_err(|source| Error::File { path: path.clone(), source })
    }

    /// Removes the record from a container's directory: it is on no user-defined network any more. That there is none is no error.
    pub fn remove(container: &Path) -> Result<(), Error> {
        let path = container.join(Self::FILE);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Error::File { path, source }),
            _ => Ok(()),
        }
    }

    /// Reads the record of a container; `None` for one that is on no user-defined network.
    pub fn read(container: &Path) -> Result<Option<DnsConfig>, Error> {
        let path = container.join(Self::FILE);
        let read = || match fs::read(&path) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        };
        read().map_err(|source| Error::File { path: path.clone(), source })
    }

    /// Whether names that are none of ours may be asked for elsewhere.
    pub fn forwards(&self) -> bool {
        self.networks.iter().any(|network| !network.internal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_and_read() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        assert_eq!(DnsConfig::read(directory).unwrap(), None);
        let inside = DnsNetwork { name: "in".into(), directory: "/a/networks/in".into(), internal: true };
        let config = DnsConfig {
            networks: vec![inside.clone()],
            servers: vec!["127.0.0.53".parse().unwrap()],
            links: vec![Link { alias: "db".into(), container: "f".repeat(64) }],
        };
        config.write(directory).unwrap();
        assert_eq!(DnsConfig::read(directory).unwrap(), Some(config.clone()));
        assert!(!config.forwards());
        let out = DnsNetwork { name: "out".into(), internal: false, ..inside };
        assert!(DnsConfig { networks: [config.networks, vec![out]].concat(), ..config }.forwards());
        for _ in 0..2 {
            DnsConfig::remove(directory).unwrap();
        }
        assert_eq!(DnsConfig::read(directory).unwrap(), None);
    }
}
