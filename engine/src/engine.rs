//! The façade.

use crate::container::config::ContainerConfig;
use crate::container::record::{self, Record};
use crate::container::summary::{ContainerSummary, damaged, summarise};
use crate::error::{Error, Result};
use crate::paths::Paths;
use crate::{files, identity, parallel};
use porthole_images::{Digest, Removal, Store};
use porthole_network::Network;
use porthole_runtime::cgroup::Cgroup;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// The longest path a socket can have (unix(7), without the final zero).
const LONGEST_SOCKET: usize = 107;

/// All that porthole does with containers, images and networks, over one state root. Cheap to make and to clone: it
/// reads nothing until asked.
#[derive(Clone, Debug)]
pub struct Engine {
    paths: Paths,
    network: Network,
}

impl Engine {
    /// The engine over the state root of this process.
    pub fn new(paths: Paths) -> Engine {
        Engine { network: Network::open(paths.root(), paths.run()), paths }
    }

    /// Where its state lies.
    pub fn paths(&self) -> &Paths {
        &self.paths
    }

    /// The image store.
    pub fn images(&self) -> Result<Store> {
        Ok(Store::open(self.paths.root())?)
    }

    /// The network.
    pub fn network(&self) -> Network {
        self.network.clone()
    }

    /// All containers, or only those that run; the newest first. What killed processes left behind is cleaned up first.
    pub fn containers(&self, all: bool) -> Result<Vec<ContainerSummary>> {
        self.list(all, |_| true)
    }

    /// As [`Engine::containers`], but of those without ports the places on the network are not told: among many
    /// containers that takes a fourth of the time.
    pub fn containers_with_ports(&self, all: bool) -> Result<Vec<ContainerSummary>> {
        self.list(all, ContainerConfig::has_ports)
    }

    fn list(&self, all: bool, placed: fn(&ContainerConfig) -> bool) -> Result<Vec<ContainerSummary>> {
        let (mut summaries, unsettled) = self.read_all(placed)?;
        // Where it cannot be cleaned up, on a full disk say, the list is as true without.
        if unsettled && rustix::process::geteuid().is_root() && self.reconcile_all().is_ok() {
            summaries = self.read_all(placed)?.0;
        }
        summaries.retain(|summary| all || summary.is_running());
        summaries.sort_by(|one, other| (other.created, &other.id).cmp(&(one.created, &one.id)));
        Ok(summaries)
    }

    /// The containers as they are, and whether there is something to clean up.
    fn read_all(&self, placed: fn(&ContainerConfig) -> bool) -> Result<(Vec<ContainerSummary>, bool)> {
        let ids = record::ids(&self.paths)?;
        let read = |id: &String| -> Result<Option<(ContainerSummary, bool)>> {
            let record = Record::new(&self.paths, id);
            let Some((config, live)) = record.read()? else { return Ok(None) };
            let endpoints = if placed(&config) { record.endpoints(&live)? } else { Vec::new() };
            let stale = live.stale;
            Ok(Some((summarise(config, live, endpoints), stale)))
        };
        let mut summaries = Vec::with_capacity(ids.len());
        let mut unsettled = false;
        for (id, found) in ids.iter().zip(parallel::map(&ids, read)) {
            match found {
                Ok(Some((summary, stale))) => {
                    unsettled |= stale;
                    summaries.push(summary);
                }
                Ok(None) => unsettled = true,
                // One damaged record must not hide all the others.
                Err(error @ Error::Record { .. }) => summaries.push(damaged(id.clone(), &error)),
                Err(error) => return Err(error),
            }
        }
        Ok((summaries, unsettled))
    }

    /// One container, by name or id.
    pub fn container(&self, name: &str) -> Result<ContainerSummary> {
        let record = self.find(name)?;
        let (config, live) = (record.existing_config()?, record.live()?);
        let endpoints = record.endpoints(&live)?;
        Ok(summarise(config, live, endpoints))
    }

    /// Removes a name of an image, and the image with its last name. Answers with what went.
    pub fn remove_image(&self, name: &str, force: bool) -> Result<Vec<Removal>> {
        // A damaged image cannot be resolved, and is removed all the same.
        let id = self.images()?.resolve(name).map(|image| image.id.to_string()).unwrap_or_default();
        let containers = self.containers(true)?;
        let users = |image: &Digest| {
            let image = image.to_string();
            let using = containers.iter().filter(|container| container.image_id == image);
            using.map(|container| container.name.clone()).collect()
        };
        let removals = self.images()?.remove(name, force, &users)?;
        for removal in &removals {
            match removal {
                Removal::Untagged(name) => self.record_image_event("untag", &id, &name.to_string()),
                Removal::Deleted(digest) if digest.to_string() == id => self.record_image_event("delete", &id, &id),
                // A layer.
                Removal::Deleted(_) => {}
            }
        }
        Ok(removals)
    }

    /// Deletes the files of removed images and containers.
    pub fn sweep(&self) -> Result<()> {
        self.images()?.empty_trash()?;
        self.empty_graves()
    }

    /// Lets a process of its own delete them: a large tree takes seconds.
    pub fn sweep_in_background(&self) -> Result<()> {
        let mut command = Command::new("/proc/self/exe");
        command.arg("sweep").envs(self.environment());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // A terminal that closes right after the command hangs up the group of the command only.
        command.process_group(0);
        command.spawn().map(drop).map_err(|source| Error::file("/proc/self/exe", source))
    }

    /// Finds a container by id, name or the beginning of an id.
    pub(crate) fn find(&self, name: &str) -> Result<Record> {
        record::find(&self.paths, name)
    }

    /// The cgroup of a container below every hierarchy. Roots other than the system's carry a mark, so that they never
    /// meet.
    pub(crate) fn cgroup(&self, id: &str) -> String {
        if self.is_system_root() {
            format!("/porthole/{id}")
        } else {
            format!("/porthole-{}/{id}", identity::root_mark(self.paths.root()))
        }
    }

    /// Removes the cgroup above those of the containers if there are none.
    pub(crate) fn remove_parent_cgroup(&self) -> Result<()> {
        let path = self.cgroup("");
        let parent = Cgroup::open(Path::new(path.trim_end_matches('/'))).and_then(|parent| parent.remove_if_empty());
        parent.map_err(|source| Error::Cgroup { name: "all containers".to_owned(), source })
    }

    pub(crate) fn is_system_root(&self) -> bool {
        self.paths.root() == Path::new(crate::paths::SYSTEM_ROOT)
    }

    /// The command that cleans up after a container; a monitor runs it when nobody else does.
    pub(crate) fn cleanup_command(&self, id: &str) -> Vec<String> {
        vec!["/proc/self/exe".to_owned(), "cleanup".to_owned(), id.to_owned()]
    }

    /// The variables by which another porthole process finds this state root.
    pub fn environment(&self) -> [(OsString, OsString); 1] {
        [("PORTHOLE_ROOT".into(), self.paths.root().into())]
    }

    /// Makes the directories of the state root.
    pub(crate) fn prepare(&self) -> Result<()> {
        if !rustix::process::geteuid().is_root() {
            return Err(Error::NeedsRoot("running containers".to_owned()));
        }
        if self.paths.socket(&"0".repeat(64)).as_os_str().len() > LONGEST_SOCKET {
            return Err(Error::RootTooLong(self.paths.root().to_owned()));
        }
        for directory in [self.paths.containers(), self.paths.names(), self.paths.run().to_owned()] {
            files::secure_directory(&directory)?;
        }
        Ok(())
    }
}
