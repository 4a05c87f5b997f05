//! Who is on a network under which names: what the engine writes and the monitors of all its containers read.
//!
//! Each endpoint has a file of its own, `endpoints/CONTAINER` in the directory of the network, so that nobody waits for anybody.

use crate::Error;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Where the endpoints are, in the directory of a network.
const DIRECTORY: &str = "endpoints";
/// What the name of a file begins with that is not yet whole. No container's id does.
const UNFINISHED: char = '.';
/// How many digits of its id a container is known by.
const SHORT_ID: usize = 12;

/// A container on a network, as others may call it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointNames {
    /// The container's id.
    pub container: String,
    /// Its name.
    pub name: String,
    /// Its other names on this network; several endpoints may have the same one.
    pub aliases: Vec<String>,
    /// Its addresses on this network.
    pub addresses: Vec<IpAddr>,
}

impl EndpointNames {
    /// Whether it goes by a name, whose case does not count (RFC 4343).
    pub fn answers_to(&self, name: &str) -> bool {
        let is = |own: &str| own.eq_ignore_ascii_case(name);
        is(&self.name) || self.aliases.iter().any(|alias| is(alias)) || self.container.get(..SHORT_ID).is_some_and(is)
    }
}

/// Makes an endpoint known on the network whose directory this is, or known anew. Readers see it whole or not at all.
pub fn write(network: &Path, endpoint: &EndpointNames) -> Result<(), Error> {
    let directory = network.join(DIRECTORY);
    let path = directory.join(&endpoint.container);
    let unfinished = directory.join(format!("{UNFINISHED}{}", endpoint.container));
    let write = || {
        let text = serde_json::to_vec(endpoint)?;
        match fs::write(&unfinished, &text) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(&directory)?;
                fs::write(&unfinished, text)?;
            }
            other => other?,
        }
        fs::rename(&unfinished, &path)
    };
    write().map_err(|source| failed(&path, source))
}

/// Makes an endpoint unknown. That it is so already is no error.
pub fn remove(network: &Path, container: &str) -> Result<(), Error> {
    let path = network.join(DIRECTORY).join(container);
    match fs::remove_file(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(failed(&path, source)),
        _ => Ok(()),
    }
}

/// All endpoints of a network, in the order of their ids. A network that is gone has none.
pub fn all(network: &Path) -> Result<Vec<EndpointNames>, Error> {
    let directory = network.join(DIRECTORY);
    let entries = match fs::read_dir(&directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(|source| failed(&directory, source))?,
    };
    let mut endpoints = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|source| failed(&directory, source))?;
        if entry.file_name().as_encoded_bytes().first() == Some(&(UNFINISHED as u8)) {
            continue;
        }
        match fs::read(entry.path()) {
            // One that a power cut left torn belongs to no container that runs.
            Ok(text) => endpoints.extend(serde_json::from_slice::<EndpointNames>(&text)),
            // It was removed meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(failed(&entry.path(), source)),
        }
    }
    endpoints.sort_unstable_by(|a, b| a.container.cmp(&b.container));
    Ok(endpoints)
}

/// The directory whose time of change tells that an endpoint came or went.
pub(super) fn directory(network: &Path) -> PathBuf {
    network.join(DIRECTORY)
}

fn failed(path: &Path, source: io::Error) -> Error {
    Error::File { path: path.into(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(id: &str, name: &str) -> EndpointNames {
        let addresses = vec!["172.18.0.2".parse().unwrap(), "fd00::2".parse().unwrap()];
        EndpointNames { container: id.repeat(64), name: name.into(), aliases: vec!["db".into()], addresses }
    }

    #[test]
    fn what_is_written_is_read_until_it_is_removed() {
        let network = tempfile::tempdir().unwrap();
        let network = network.path();
        assert_eq!(all(network).unwrap(), []);
        let (a, b) = (endpoint("a", "web"), endpoint("b", "cache"));
        write(network, &b).unwrap();
        write(network, &a).unwrap();
        assert_eq!(all(network).unwrap(), [a.clone(), b.clone()]);
        let renamed = EndpointNames { name: "front".into(), ..a.clone() };
        write(network, &renamed).unwrap();
        assert_eq!(all(network).unwrap(), [renamed, b.clone()]);
        for _ in 0..2 {
            remove(network, &a.container).unwrap();
        }
        assert_eq!(all(network).unwrap(), [b]);
    }

    #[test]
    fn what_is_not_whole_is_not_read() {
        let network = tempfile::tempdir().unwrap();
        let a = endpoint("a", "web");
        write(network.path(), &a).unwrap();
        for (name, text) in [(".b", "{}"), ("c", ""), ("d", "{\"container\":")] {
            fs::write(directory(network.path()).join(name), text).unwrap();
        }
        assert_eq!(all(network.path()).unwrap(), [a]);
    }

    #[test]
    fn names() {
        let web = endpoint("a", "web");
        for name in ["web", "WEB", "db", "aaaaaaaaaaaa", "AAAAAAAAAAAA"] {
            assert!(web.answers_to(name), "{name}");
        }
        for name in ["", "we", "web.", "aaaaaaaaaaa", &web.container] {
            assert!(!web.answers_to(name), "{name}");
        }
    }
}
