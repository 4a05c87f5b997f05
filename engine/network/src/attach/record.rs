//! What is remembered of attached interfaces: a file for each container that has some.

use super::request::RouteRequest;
use crate::error::Error;
use crate::link::Mac;
use crate::link::route::Route;
use crate::link::stacked::{MacvlanMode, VlanId};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// An interface that was attached to a container by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Its name inside.
    pub interface: String,
    /// The bridge or interface of the host that it hangs on.
    pub link: String,
    /// How.
    pub means: Means,
    /// Its address.
    pub address: IpAddr,
    /// The number of network bits of the address.
    pub prefix_len: u8,
    /// The router that the default route leads to since.
    pub gateway: Option<IpAddr>,
    /// Its hardware address.
    pub mac: Mac,
    /// The VLAN that it is in.
    pub vlan: Option<VlanId>,
    /// Further routes by it.
    pub routes: Vec<RouteRequest>,
    /// The default route from before, which comes back when this goes.
    pub(super) replaced: Option<Route>,
    /// Whether all of it is made: it is written down before anything is, so that whoever finds it half made can undo it.
    pub(super) complete: bool,
}

/// How an interface hangs on a link of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Means {
    /// By a veth pair.
    Veth {
        /// The host's end, a port of the bridge.
        port: String,
    },
    /// As a macvlan on it.
    Macvlan {
        /// How it reaches others.
        mode: MacvlanMode,
    },
}

impl Means {
    /// What the kernel calls such a link.
    pub fn kind(&self) -> &'static str {
        match self {
            Means::Veth { .. } => "veth",
            Means::Macvlan { .. } => "macvlan",
        }
    }
}

/// The directory of those files.
#[derive(Debug)]
pub(super) struct Records {
    directory: PathBuf,
}

impl Records {
    pub fn new(root: &Path) -> Records {
        Records { directory: root.join("attached") }
    }

    fn path(&self, container: &str) -> PathBuf {
        self.directory.join(container)
    }

    /// Whether something was attached to a container, made whole or not.
    pub fn has(&self, container: &str) -> bool {
        self.path(container).exists()
    }

    /// What was attached to a container.
    pub fn of(&self, container: &str) -> Result<Vec<Attachment>, Error> {
        let path = self.path(container);
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|e| Error::File { path, source: e.into() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(source) => Err(Error::File { path, source }),
        }
    }

    /// What was attached to any container, with the container's id.
    pub fn all(&self) -> Result<Vec<(String, Attachment)>, Error> {
        let failed = |source| Error::File { path: self.directory.clone(), source };
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let mut all = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
            // What a killed process had not renamed yet.
            if name.ends_with(NEW) {
                continue;
            }
            all.extend(self.of(&name)?.into_iter().map(|attachment| (name.clone(), attachment)));
        }
        Ok(all)
    }

    /// Replaces what is remembered of a container. It is worthless after a reboot, so nothing is synced.
    pub fn write(&self, container: &str, attachments: &[Attachment]) -> Result<(), Error> {
        let path = self.path(container);
        let temporary = self.path(&format!("{container}{NEW}"));
        let result = if attachments.is_empty() {
            [&path, &temporary].into_iter().try_for_each(|path| remove_if_there(path))
        } else {
            fs::create_dir_all(&self.directory)
                .and_then(|()| fs::write(&temporary, serde_json::to_vec(attachments)?))
                .and_then(|()| fs::rename(&temporary, &path))
        };
        result.map_err(|source| Error::File { path, source })
    }
}

const NEW: &str = ".new";

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
