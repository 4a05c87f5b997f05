//! The images that services build.

use super::label;
use super::report::{Progress, Report, around};
use super::schedule::walk;
use crate::build::{
    Address, BuildNetwork, BuildOptions, BuildOutput, ContextSource, DockerfileSource, NamedContext, NoCache,
    SecretSource,
};
use crate::container::resolution::{HostAddress, Resolution};
use crate::container::step::Cancel;
use crate::engine::Engine;
use crate::error::{Error, Result};
use porthole_compose::canonical::is_remote;
use porthole_compose::files::{Disk, Files};
use porthole_compose::graph;
use porthole_compose::project::{Build, FileSource, Project, Service};
use porthole_dockerfile::platform::Platform;
use porthole_images::Reference;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

/// When images are built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BuildPolicy {
    /// When they are not there, or their service says `pull_policy: build`.
    #[default]
    Missing,
    /// Always; what is in the cache is not done again.
    Always,
    /// Never.
    Never,
}

/// What is asked of `build`, beside what the file says.
#[derive(Clone, Debug, Default)]
pub struct ProjectBuild {
    /// Whether nothing is taken from the cache.
    pub no_cache: bool,
    /// Whether base images are pulled.
    pub pull: bool,
    /// Arguments, over those of the file.
    pub args: BTreeMap<String, String>,
}

fn refused<T>(service: &Service, why: impl std::fmt::Display) -> Result<T> {
    Err(Error::Compose(porthole_compose::Error::Project(format!("service {:?}: build: {why}", service.name))))
}

impl Engine {
    /// Builds the images of these services, and before them those that they are built with. The first that fails ends the
    /// others, as `cancel` does.
    pub fn build_project(
        &self,
        project: &Project,
        services: &BTreeSet<String>,
        asked: &ProjectBuild,
        cancel: &Cancel,
        report: Report<'_>,
    ) -> Result<()> {
        let graph = graph::of_builds(project, services)?;
        // All of them are understood before the first is begun.
        let mut builds: BTreeMap<&str, (&Service, BuildOptions)> = BTreeMap::new();
        for service in graph.keys().map(|name| &project.services[name]) {
            let same = builds.values().find(|(other, _)| other.image == service.image);
            if let Some((other, _)) = same {
                return refused(
                    service,
                    format!(
                        "service {:?} builds the image {} too, in another way: give one of them an image of its own",
                        other.name, service.image
                    ),
                );
            }
            if let Some(build) = &service.build {
                builds.insert(&service.name, (service, build_options(project, service, build, asked)?));
            }
        }
        let first = Mutex::new(None);
        let failed = |error: Error| {
            first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            cancel.cancel();
        };
        let walked = walk(&graph, |name| {
            let (service, options) = &builds[name];
            self.build_service(service, options, cancel, report).map_err(failed)
        });
        self.forget_parent_cgroup();
        match (walked, first.into_inner().unwrap_or_else(PoisonError::into_inner)) {
            (Err(()), Some(error)) => Err(error),
            _ => Ok(()),
        }
    }

    fn build_service(
        &self,
        service: &Service,
        options: &BuildOptions,
        cancel: &Cancel,
        report: Report<'_>,
    ) -> Result<()> {
        let built = around(report, "Image", &service.image, ("Building", "Built"), || {
            self.build_beside_others(options, cancel, &|event| {
                report(Progress::Step { service: service.name.clone(), event });
            })
        });
        match built {
            Err(Error::Build(problem)) => refused(service, problem),
            built => built.map(drop),
        }
    }
}

/// What is asked of the builder for a service.
fn build_options(project: &Project, service: &Service, build: &Build, asked: &ProjectBuild) -> Result<BuildOptions> {
    if let Some(key) = build.unsupported.first() {
        return refused(service, format!("{key} is not supported here: remove it"));
    }
    let known = ["security.insecure", "network.host"];
    if let Some(other) = build.entitlements.iter().find(|word| !known.contains(&word.as_str())) {
        return refused(service, format!("invalid entitlement: {other}"));
    }
    let context = match Address::of_context(&build.context) {
        Some(address) => ContextSource::Address(address),
        None if is_remote(&build.context) => {
            return refused(service, format!("{} is no address of a repository or a file", build.context));
        }
        None => ContextSource::Directory(build.context.clone().into()),
    };
    let network = match build.network.as_deref() {
        None | Some("default" | "bridge") => BuildNetwork::Default,
        Some("none") => BuildNetwork::None,
        Some("host") => BuildNetwork::Host,
        Some(other) => {
            return refused(service, format!("network {other:?} is none of default, none and host"));
        }
    };
    let hosts = build.extra_hosts.iter().map(|word| HostAddress::of(word));
    let hosts = hosts.collect::<std::result::Result<_, _>>().or_else(|problem| refused(service, problem))?;
    let tag = |name: &String| {
        let tag = name.parse::<Reference>().and_then(|name| name.as_tag().cloned());
        tag.or_else(|error| refused(service, format!("{name}: {error}")))
    };
    let mut labels = build.labels.clone();
    let own = [
        (label::PROJECT, project.name.as_str()),
        (label::SERVICE, &service.name),
        (label::VERSION, label::OWN_VERSION),
    ];
    labels.extend(own.map(|(key, value)| (key.to_owned(), value.to_owned())));
    let mut build_args = build.args.clone();
    build_args.extend(asked.args.clone());
    let contexts = build.additional_contexts.iter();
    Ok(BuildOptions {
        context,
        dockerfile: dockerfile(service, build)?,
        tags: [&service.image].into_iter().chain(&build.tags).map(tag).collect::<Result<_>>()?,
        build_args,
        target: build.target.clone(),
        before: None,
        platform: platform(service, build)?,
        no_cache: if build.no_cache || asked.no_cache { NoCache::Everything } else { NoCache::Nothing },
        pull: build.pull || asked.pull,
        network,
        resolution: Resolution { hosts, ..Resolution::default() },
        labels: labels.into_iter().collect(),
        contexts: contexts
            .map(|(name, source)| Ok((name.to_lowercase(), named_context(project, service, source)?)))
            .collect::<Result<_>>()?,
        secrets: build.secrets.iter().filter_map(|(id, source)| secret(project, id, source)).collect(),
        agents: build.ssh.iter().map(|(id, path)| agent(service, id, path)).collect::<Result<_>>()?,
        allows_insecure: build.privileged || build.entitlements.iter().any(|word| word == "security.insecure"),
        cache_from: caches(service, &build.cache_from)?,
        cache_to: caches(service, &build.cache_to)?,
        output: BuildOutput::Image,
    })
}

/// Places of caches, as the flags of `build` have them.
fn caches<T: FromStr<Err = String>>(service: &Service, words: &[String]) -> Result<Vec<T>> {
    words.iter().map(|word| word.parse().or_else(|problem| refused(service, problem))).collect()
}

/// A Dockerfile below the context is read there, where no link leads out of it.
fn dockerfile(service: &Service, build: &Build) -> Result<DockerfileSource> {
    let name = match (&build.dockerfile, &build.dockerfile_inline) {
        (Some(_), Some(_)) => return refused(service, "dockerfile and dockerfile_inline cannot both be"),
        (None, Some(text)) => {
            let content = text.clone().into_bytes();
            return Ok(DockerfileSource::Given { name: "Dockerfile".to_owned(), content, ignore: None });
        }
        (Some(name), None) => name,
        (None, None) => return Ok(DockerfileSource::InContext("Dockerfile".to_owned())),
    };
    if Path::new(name).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Ok(DockerfileSource::InContext(name.clone()));
    }
    if is_remote(&build.context) {
        return refused(service, format!("the Dockerfile {name} is not in the context"));
    }
    let path = Path::new(&build.context).join(name);
    let read = |path: &Path| {
        let failed = |source| Error::Compose(porthole_compose::Error::File { path: path.to_owned(), source });
        Disk.read(path).map(String::into_bytes).map_err(failed)
    };
    let ignore = PathBuf::from(format!("{}.dockerignore", path.display()));
    Ok(DockerfileSource::Given {
        name: name.clone(),
        content: read(&path)?,
        ignore: Disk.exists(&ignore).then(|| read(&ignore)).transpose()?,
    })
}

/// The platform that the service runs on; of several, that of this machine.
fn platform(service: &Service, build: &Build) -> Result<Option<Platform>> {
    let parse = |text: &String| {
        text.parse::<Platform>().or_else(|error| refused(service, format!("platform {text:?}: {}", error.message())))
    };
    let platforms = build.platforms.iter().map(parse).collect::<Result<Vec<_>>>()?;
    let own = service.platform.as_ref().map(parse).transpose()?;
    match (own, platforms.as_slice()) {
        (own, []) => Ok(own),
        (None, [one]) => Ok(Some(one.clone())),
        (own, several) => {
            let wanted = own.unwrap_or_else(crate::build::this_machine);
            let fits = |one: &&Platform| {
                (&one.os, &one.architecture) == (&wanted.os, &wanted.architecture)
                    && (one.variant == wanted.variant || one.variant.is_empty() || wanted.variant.is_empty())
            };
            match several.iter().find(fits) {
                Some(one) => Ok(Some(one.clone())),
                None => refused(service, format!("platforms does not have {wanted}, for which it would be built")),
            }
        }
    }
}

fn named_context(project: &Project, service: &Service, source: &str) -> Result<NamedContext> {
    if let Some(other) = source.strip_prefix("service:") {
        return Ok(NamedContext::Image(project.services[other].image.clone()));
    }
    match (source.strip_prefix("docker-image://"), Address::of_context(source)) {
        (Some(image), _) => Ok(NamedContext::Image(image.to_owned())),
        (None, Some(address)) => Ok(NamedContext::Address(address)),
        (None, None) if is_remote(source) => {
            refused(service, format!("{source} is none of a folder, a URL, docker-image://IMAGE and service:NAME"))
        }
        (None, None) => Ok(NamedContext::Directory(source.into())),
    }
}

fn secret(project: &Project, id: &str, source: &str) -> Option<(String, SecretSource)> {
    let source = match project.secrets.get(source)? {
        FileSource::File(path) => SecretSource::File(path.clone()),
        FileSource::Content(text) => SecretSource::Text(text.clone()),
    };
    Some((id.to_owned(), source))
}

/// The socket of an agent: where the file says, or the user's own.
fn agent(service: &Service, id: &str, path: &str) -> Result<(String, PathBuf)> {
    if !path.is_empty() {
        return Ok((id.to_owned(), path.into()));
    }
    match std::env::var_os("SSH_AUTH_SOCK").filter(|socket| !socket.is_empty()) {
        Some(socket) => Ok((id.to_owned(), socket.into())),
        None => {
            refused(service, format!("ssh agent {id}: start one, so that SSH_AUTH_SOCK is set, or name its socket"))
        }
    }
}
