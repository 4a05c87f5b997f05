//! The records of networks: a directory each, with `config.json` and the leases.
//!
//! All that changes which networks there are holds the lock of the state root.

use crate::config::{Driver, NetworkConfig, PREDEFINED};
use crate::error::Error;
use crate::lease::Leases;
use crate::mark;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

const RECORD: &str = "config.json";
/// The directory of the network of containers that name none.
const DEFAULT: &str = "bridge";
/// What the name of a directory begins with whose network is being removed.
const ASIDE: char = '.';

/// The networks of one state root.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    directory: PathBuf,
    mark: String,
}

impl Store {
    pub fn new(directory: PathBuf, mark: &str) -> Store {
        Store { directory, mark: mark.to_owned() }
    }

    /// The directory of a network.
    pub fn path(&self, network: &NetworkConfig) -> PathBuf {
        self.directory.join(if network.name == DEFAULT { DEFAULT } else { &network.id })
    }

    /// The leases of a network.
    pub fn leases(&self, network: &NetworkConfig) -> Leases {
        Leases::new(self.path(network).join("leases"))
    }

    /// All networks, in no order; those that are there without having been made among them.
    pub fn all(&self) -> Result<Vec<NetworkConfig>, Error> {
        let mut networks: Vec<NetworkConfig> = PREDEFINED.iter().map(|name| self.predefined(name)).collect();
        for network in self.records(|directory| !directory.starts_with(ASIDE))? {
            match network.name == DEFAULT {
                true => networks[0] = network,
                false => networks.push(network),
            }
        }
        Ok(networks)
    }

    /// The records of the directories that are meant. One that is not yet whole has none.
    fn records(&self, is_meant: impl Fn(&str) -> bool) -> Result<Vec<NetworkConfig>, Error> {
        let mut networks = Vec::new();
        for name in self.directories()?.iter().filter(|name| is_meant(name)) {
            networks.extend(read(&self.directory.join(name).join(RECORD))?);
        }
        Ok(networks)
    }

    fn directories(&self) -> Result<Vec<String>, Error> {
        let file = |source| Error::File { path: self.directory.clone(), source };
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(file)?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(file)?;
            if entry.file_type().map_err(file)?.is_dir() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        Ok(names)
    }

    /// Removes the directories of networks that were never made whole. The caller holds the lock of the state root.
    pub fn remove_unfinished(&self) -> Result<(), Error> {
        for path in self.directories()?.into_iter().map(|name| self.directory.join(name)) {
            if read(&path.join(RECORD))?.is_none() {
                fs::remove_dir_all(&path).map_err(|source| Error::File { path, source })?;
            }
        }
        Ok(())
    }

    /// A network by its name, its id, or the beginning of its id.
    pub fn find(&self, wanted: &str) -> Result<NetworkConfig, Error> {
        if wanted == DEFAULT {
            return self.default_network();
        }
        let networks = self.all()?;
        let exact = networks.iter().find(|network| network.name == wanted || network.id == wanted);
        if let Some(network) = exact {
            return Ok(network.clone());
        }
        let begins = |network: &&NetworkConfig| !wanted.is_empty() && network.id.starts_with(wanted);
        let mut candidates = networks.iter().filter(begins);
        match (candidates.next(), candidates.next()) {
            (Some(network), None) => Ok(network.clone()),
            (Some(_), Some(_)) => Err(Error::AmbiguousNetwork(wanted.into())),
            (None, _) => Err(Error::NoSuchNetwork(wanted.into())),
        }
    }

    /// The network of containers that name none, as it was made or as it would be.
    pub fn default_network(&self) -> Result<NetworkConfig, Error> {
        let record = read(&self.directory.join(DEFAULT).join(RECORD))?;
        Ok(record.unwrap_or_else(|| self.predefined(DEFAULT)))
    }

    fn predefined(&self, name: &str) -> NetworkConfig {
        let driver = match name {
            "host" => Driver::Host,
            "none" => Driver::None,
            _ => Driver::Bridge,
        };
        let part = |n: u8| format!("{:016x}", mark::hash(&format!("{} {name} {n}", self.mark)));
        NetworkConfig { id: (0..4).map(part).collect(), name: name.into(), driver, ..NetworkConfig::default() }
    }

    /// Writes a network down. A new one appears whole.
    pub fn write(&self, network: &NetworkConfig) -> Result<(), Error> {
        let path = self.path(network);
        fs::create_dir_all(&path).map_err(|source| Error::File { path: path.clone(), source })?;
        let record = path.join(RECORD);
        replace(&record, network).map_err(|source| Error::File { path: record, source })
    }

    /// Sets a network aside that nobody has an address of: it is not found any more, and who would lease an address
    /// meanwhile finds no directory. What else there is of it can be removed then, and the record be forgotten.
    pub fn set_aside(&self, network: &NetworkConfig) -> Result<(), Error> {
        let (path, aside) = (self.path(network), self.aside(network));
        let file = |source| Error::File { path: path.clone(), source };
        match fs::rename(&path, &aside) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            renamed => renamed.map_err(file)?,
        }
        let leases = Leases::new(aside.join("leases")).all().map_err(file)?;
        if !leases.is_empty() {
            fs::rename(&aside, &path).map_err(file)?;
            return Err(Error::InUse { network: network.name.clone(), containers: leases.len() });
        }
        Ok(())
    }

    /// The networks that were set aside, and of which something may be left.
    pub fn all_aside(&self) -> Result<Vec<NetworkConfig>, Error> {
        self.records(|directory| directory.starts_with(ASIDE))
    }

    /// Forgets a network that was set aside.
    pub fn forget(&self, network: &NetworkConfig) -> Result<(), Error> {
        let path = self.aside(network);
        fs::remove_dir_all(&path).map_err(|source| Error::File { path, source })
    }

    fn aside(&self, network: &NetworkConfig) -> PathBuf {
        self.directory.join(format!("{ASIDE}{}", network.id))
    }
}

fn read(path: &Path) -> Result<Option<NetworkConfig>, Error> {
    let file = |source| Error::File { path: path.into(), source };
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|e| file(e.into())),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(file(error)),
    }
}

fn replace(path: &Path, network: &NetworkConfig) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file = File::create(&temporary)?;
    file.write_all(&serde_json::to_vec_pretty(network)?)?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_found_by_name_and_id() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::new(directory.path().join("networks"), "porthole /x");
        let web = NetworkConfig { id: "ab".repeat(32), name: "web".into(), ..NetworkConfig::default() };
        let other = NetworkConfig { id: format!("ab{}", "c".repeat(62)), name: "other".into(), ..web.clone() };
        assert!(matches!(store.find("web"), Err(Error::NoSuchNetwork(_))));
        store.write(&web).unwrap();
        store.write(&other).unwrap();
        assert_eq!(store.find("web").unwrap(), web);
        assert_eq!(store.find(&web.id).unwrap(), web);
        assert_eq!(store.find("abc").unwrap(), other);
        assert!(matches!(store.find("ab"), Err(Error::AmbiguousNetwork(_))));
        assert_eq!(store.all().unwrap().len(), 5);
        let predefined = store.find("none").unwrap();
        assert_eq!((predefined.id.len(), predefined.driver), (64, Driver::None));
        store.set_aside(&web).unwrap();
        assert!(matches!(store.find("web"), Err(Error::NoSuchNetwork(_))));
        assert_eq!(store.all_aside().unwrap(), std::slice::from_ref(&web));
        store.forget(&web).unwrap();
        assert_eq!(store.all_aside().unwrap(), []);
    }
}
