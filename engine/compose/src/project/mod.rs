//! A project as it is meant: services with all that they ask for, and what they share.

mod read;
mod service;

pub use service::{
    Attachment, Build, Condition, Dependency, Device, Health, Hook, Limits, Mount, MountKind, PullPolicy, Rate,
    Service, SharedFile, Ulimit, WatchAction, WatchRule,
};

use crate::decode::Fields;
use crate::error::{Error, Result};
use crate::files::Files;
use crate::graph;
use crate::node::{Node, Value};
use crate::normal;
use crate::request::Loaded;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// A project.
#[derive(Clone, Debug)]
pub struct Project {
    /// Its name.
    pub name: String,
    /// Where its relative paths begin.
    pub directory: PathBuf,
    /// The files that it was read from.
    pub files: Vec<PathBuf>,
    /// The services that are active.
    pub services: BTreeMap<String, Service>,
    /// Those whose profiles are not.
    pub disabled: BTreeSet<String>,
    /// Every profile that a service has.
    pub profiles: BTreeSet<String>,
    /// Its networks, by the names that services use.
    pub networks: BTreeMap<String, Network>,
    /// Its volumes, by the names that services use.
    pub volumes: BTreeMap<String, Volume>,
    /// Its secrets.
    pub secrets: BTreeMap<String, FileSource>,
    /// Its configs.
    pub configs: BTreeMap<String, FileSource>,
    /// All of it, as `config` shows it.
    pub tree: Node,
    /// What the user should know, one line each.
    pub warnings: Vec<String>,
}

/// A network of a project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// What it is called outside.
    pub name: String,
    /// Whether others have made it.
    pub external: bool,
    /// What it is made of, if not the default.
    pub driver: Option<String>,
    /// Options of the driver.
    pub options: BTreeMap<String, String>,
    /// Its subnets.
    pub subnets: Vec<Subnet>,
    /// Whether nothing leaves it.
    pub internal: bool,
    /// Whether it has IPv6 addresses.
    pub ipv6: bool,
    /// Whether others may attach.
    pub attachable: bool,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// A subnet of a network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subnet {
    /// `10.1.0.0/16`.
    pub subnet: Option<String>,
    /// The part of it from which addresses are chosen.
    pub range: Option<String>,
    /// The router.
    pub gateway: Option<String>,
    /// Addresses that others have, by name.
    pub auxiliary: BTreeMap<String, String>,
}

/// A volume of a project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// What it is called outside.
    pub name: String,
    /// Whether others have made it.
    pub external: bool,
    /// What it is made by, if not the default.
    pub driver: Option<String>,
    /// Options of the driver.
    pub options: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// Where a secret or config comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileSource {
    /// A file of the host.
    File(PathBuf),
    /// This text.
    Content(String),
}

impl Loaded {
    /// Reads the services whose profiles are active, and those that are named whatever their profiles are.
    pub fn project(self, files: &dyn Files, named: &[String]) -> Result<Project> {
        let Loaded { name, directory, files: paths, mut tree, variables, mut profiles, mut warnings } = self;
        tree.set("name", Node::text(&tree.place.clone(), name.clone()));
        if tree.field("version").is_some() {
            warnings.push("the attribute `version` is obsolete, it will be ignored".to_owned());
        }
        let (disabled, known) = choose_services(&mut tree, &mut profiles, named)?;
        normal::complete(&mut tree, &name, files, &variables)?;
        normal::check(&tree, &disabled)?;
        normal::leave_out_unused(&mut tree);
        normal::sort(&mut tree);
        let sources = |key: &str| -> Result<BTreeMap<String, FileSource>> {
            let sources = tree.entries(key).into_iter();
            sources.map(|(name, node)| Ok((name.clone(), read::file_source(node, &variables)?))).collect()
        };
        let (secrets, configs) = (sources("secrets")?, sources("configs")?);
        let mut services = BTreeMap::new();
        for (service, node) in tree.entries("services") {
            let contents = [&secrets, &configs];
            services.insert(service.clone(), read::service(&name, service, node, contents)?);
        }
        let project = Project {
            networks: tree
                .entries("networks")
                .into_iter()
                .map(|(key, node)| (key.clone(), read::network(node)))
                .collect(),
            volumes: tree.entries("volumes").into_iter().map(|(key, node)| (key.clone(), read::volume(node))).collect(),
            name,
            directory,
            files: paths,
            services,
            disabled,
            profiles: known,
            secrets,
            configs,
            tree,
            warnings,
        };
        graph::check(&project)?;
        Ok(project)
    }
}

/// Takes the services away whose profiles are not active; tells which, and all profiles that there are.
fn choose_services(
    tree: &mut Node,
    active: &mut BTreeSet<String>,
    named: &[String],
) -> Result<(BTreeSet<String>, BTreeSet<String>)> {
    let mut known = BTreeSet::new();
    let mut disabled = BTreeSet::new();
    let place = tree.place.clone();
    let services = match tree.get_mut("services").map(|node| &mut node.value) {
        Some(Value::Map(services)) if !services.is_empty() => Some(services),
        _ => None,
    };
    let Some(services) = services else {
        return match named.first() {
            Some(name) => Err(Error::Project(format!("no such service: {name}"))),
            None => Err(Error::at(&place, "no service is there: want services, with at least one")),
        };
    };
    let profiles_of = |node: &Node| node.texts("profiles");
    for name in named {
        let service = services.get(name).ok_or_else(|| Error::Project(format!("no such service: {name}")))?;
        let own = profiles_of(&service.node);
        // One that is named brings those that are active together with it.
        if !own.is_empty() && !own.iter().any(|profile| active.contains(profile)) {
            active.extend(own);
        }
    }
    services.retain(|name, entry| {
        let own = profiles_of(&entry.node);
        let enabled = own.is_empty() || active.contains("*") || own.iter().any(|profile| active.contains(profile));
        known.extend(own);
        if !enabled {
            disabled.insert(name.clone());
        }
        enabled
    });
    Ok((disabled, known))
}

impl Project {
    /// The services that are named, or all; each of them must be there.
    pub fn select(&self, names: &[String]) -> Result<BTreeSet<String>> {
        if names.is_empty() {
            return Ok(self.services.keys().cloned().collect());
        }
        for name in names {
            if !self.services.contains_key(name) {
                return Err(Error::Project(format!("no such service: {name}")));
            }
        }
        Ok(names.iter().cloned().collect())
    }

    /// The first service that has the same image, built in the same way.
    pub fn builder_of<'a>(&'a self, service: &'a Service) -> &'a Service {
        let is_same = |other: &&Service| {
            (&other.image, &other.build, &other.platform) == (&service.image, &service.build, &service.platform)
        };
        self.services.values().find(is_same).unwrap_or(service)
    }

    /// These services, and all that they depend on.
    pub fn with_dependencies(&self, names: &BTreeSet<String>) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        let mut open: Vec<&String> = names.iter().collect();
        while let Some(name) = open.pop() {
            let Some(service) = self.services.get(name) else { continue };
            if all.insert(name.clone()) {
                open.extend(service.depends_on.keys());
            }
        }
        all
    }
}
