//! What a build is asked for.

use super::address::Address;
use super::cache::{CacheSource, CacheTarget};
use crate::container::resolution::Resolution;
use porthole_dockerfile::platform::Platform;
use porthole_images::Reference;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// What a build is asked for.
#[derive(Clone, Debug)]
pub struct BuildOptions {
    /// The files that are copied.
    pub context: ContextSource,
    /// The Dockerfile.
    pub dockerfile: DockerfileSource,
    /// The image's names.
    pub tags: Vec<Reference>,
    /// `--build-arg`.
    pub build_args: BTreeMap<String, String>,
    /// `--target`.
    pub target: Option<String>,
    /// The line of the instruction before which the build ends, in place of a target.
    pub before: Option<usize>,
    /// `--platform`.
    pub platform: Option<Platform>,
    /// Which steps are done although the cache has them.
    pub no_cache: NoCache,
    /// Whether base images are pulled although they are there.
    pub pull: bool,
    /// `--network`.
    pub network: BuildNetwork,
    /// `--add-host`.
    pub resolution: Resolution,
    /// `--label`.
    pub labels: Vec<(String, String)>,
    /// `--build-context`.
    pub contexts: BTreeMap<String, NamedContext>,
    /// `--secret`.
    pub secrets: BTreeMap<String, SecretSource>,
    /// `--ssh`: sockets of agents.
    pub agents: BTreeMap<String, PathBuf>,
    /// `--allow security.insecure`.
    pub allows_insecure: bool,
    /// `--cache-from`.
    pub cache_from: Vec<CacheSource>,
    /// `--cache-to`.
    pub cache_to: Vec<CacheTarget>,
    /// `--output`.
    pub output: Attachment,
}

/// Where the context comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContextSource {
    /// A folder.
    Directory(PathBuf),
    /// An archive on standard input.
    Archive {
        /// What of it was read already.
        start: Vec<u8>,
    },
    /// It is fetched. A file of the web that is no archive is the Dockerfile, and there is no context.
    Address(Address),
    /// There is none.
    Nothing,
}

/// Where the Dockerfile comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DockerfileSource {
    /// It is in the context.
    InContext(String),
    /// It was read already.
    Given {
        /// What it is called.
        name: String,
        /// What is in it.
        content: Vec<u8>,
        /// The ignore file of its own, if it has one.
        ignore: Option<Vec<u8>>,
    },
}

/// A context that the Dockerfile names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedContext {
    /// A folder.
    Directory(PathBuf),
    /// An image.
    Image(String),
    /// A repository or an archive that is fetched.
    Address(Address),
}

/// Which steps are done although the cache has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NoCache {
    /// None.
    #[default]
    Nothing,
    /// All.
    Everything,
    /// Those of these stages.
    Stages(BTreeSet<String>),
}

/// The network of commands that ask for none of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BuildNetwork {
    /// The default bridge.
    #[default]
    Default,
    /// A loopback only.
    None,
    /// The host's.
    Host,
}

/// Where a secret comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// A file.
    File(PathBuf),
    /// A variable.
    Variable(String),
    /// This text.
    Text(String),
}

/// What becomes of the result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Attachment {
    /// An image in the store.
    #[default]
    Image,
    /// Its files, in a folder.
    Directory(PathBuf),
    /// Its files, in an archive; on standard output if there is no path.
    Tar(Option<PathBuf>),
    /// The image in an archive, as `save` writes it; on standard output if there is no path.
    Archive(Option<PathBuf>),
}

/// The platform of this machine.
pub(crate) fn this_machine() -> Platform {
    let machine = porthole_images::Platform::of_this_machine();
    Platform { os: machine.os, architecture: machine.architecture, variant: machine.variant.unwrap_or_default() }
}
