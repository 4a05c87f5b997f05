//! Registries: pulling, pushing, and what else can be asked of them (OCI distribution specification).
//!
//! [`Registries`] is the way in. Beneath it lie, each knowing only those after it: `pull` and `push`, `download` and
//! `upload` (one blob, however often the connection is lost), `repository` (manifests, tags, and how one is let in),
//! `transport` (one request and its answer), `challenge`, `credentials` and `config`.
//!
//! A registry is a stranger: its documents are bounded, its blobs are checked against digests while they stream by, and
//! it cannot make us send credentials anywhere else.

mod challenge;
mod config;
mod credentials;
mod download;
mod error;
mod pull;
mod push;
mod repository;
mod transport;
mod upload;

use std::path::PathBuf;

pub use credentials::Secret;
pub use error::RegistryError;

use crate::digest::Digest;
use crate::error::Result;
use crate::manifest::{Parsed, interpret};
use crate::platform::Platform;
use crate::reference::Reference;
use config::RegistriesConfig;
use credentials::{Credential, Credentials};
use repository::{Document, Scope, Session};
use transport::Transport;
pub(crate) use transport::{agent_for_files as plain_agent, failure as web_failure};

/// All registries, as this host is configured to speak with them.
pub struct Registries {
    transport: Transport,
}

/// What may be said of a pull.
#[derive(Debug, Clone, Default)]
pub struct PullOptions {
    /// The platform, if not this machine's.
    pub platform: Option<Platform>,
}

/// An image that has been pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The name that it has now.
    pub reference: Reference,
    /// The digest of its configuration.
    pub id: Digest,
    /// The digest of what the registry has by that name: a manifest or an index.
    pub digest: Digest,
    /// Whether the name meant another image before, or none.
    pub is_new: bool,
}

/// What happens during a pull.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PullProgress {
    /// The registry has it.
    Begun {
        /// The tag or digest.
        tag: String,
        /// The repository.
        repository: String,
    },
    /// A layer is now so far.
    Layer {
        /// Its blob's digest.
        digest: Digest,
        /// How far.
        phase: PullPhase,
    },
    /// A mirror could not help; the next is asked.
    Skipped {
        /// The mirror.
        host: String,
        /// Why.
        problem: String,
    },
}

/// How far the pull of a layer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullPhase {
    /// It is to come.
    Waiting,
    /// So much of it is here, and unpacked.
    Downloading {
        /// Bytes.
        current: u64,
        /// Of so many.
        total: u64,
    },
    /// All of it is here.
    Complete,
    /// It was here before.
    Exists,
}

/// An image that has been pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The tag.
    pub tag: String,
    /// The digest of its configuration.
    pub id: Digest,
    /// The digest of its manifest.
    pub digest: Digest,
    /// The length of its manifest.
    pub size: u64,
}

/// A layer, and how far its push is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushProgress {
    /// Its diffID.
    pub layer: Digest,
    /// How far.
    pub phase: PushPhase,
}

/// How far the push of a layer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushPhase {
    /// It is to go.
    Preparing,
    /// So much of it is there.
    Pushing {
        /// Bytes.
        current: u64,
        /// Of so many.
        total: u64,
    },
    /// All of it is there.
    Pushed,
    /// It was there before.
    Exists,
    /// Another repository of the registry had it.
    Mounted {
        /// The other repository.
        from: String,
    },
}

/// A manifest or an index, as a registry has it.
#[derive(Debug, Clone)]
pub struct RemoteManifest {
    /// Its digest.
    pub digest: Digest,
    /// What the registry calls it.
    pub media_type: String,
    /// Its bytes.
    pub content: Vec<u8>,
    /// For which platform, if an index says so.
    pub platform: Option<Platform>,
}

impl Registries {
    /// Reads `registries.toml`.
    pub fn open() -> Result<Self> {
        Ok(Self { transport: Transport::new(RegistriesConfig::read()?) })
    }

    /// What a name that a user typed may mean, in the order in which to try it.
    pub fn candidates(&self, name: &str) -> Result<Vec<Reference>> {
        Ok(self.transport.config.candidates(name)?)
    }

    /// The registry that is meant when none is named.
    pub fn default_registry(&self) -> &str {
        self.transport.config.default_registry()
    }

    /// All tags of a repository.
    pub fn tags(&self, repository: &Reference) -> Result<Vec<String>> {
        let path = repository.path();
        let session = self.session(repository.domain(), Scope::pull(path))?;
        let what = format!("repository {}", repository.repository());
        Ok(session.list(&format!("{path}/tags/list?n=1000"), "tags", usize::MAX, &what)?)
    }

    /// The repositories of a registry, as far as it tells.
    pub fn catalog(&self, host: &str, limit: usize) -> Result<Vec<String>> {
        let session = self.session(host, Scope::catalog())?;
        let what = format!("the catalogue of {host}");
        let names = session.list("_catalog?n=1000", "repositories", limit, &what);
        Ok(names.map_err(|error| match error {
            RegistryError::NotFound { .. } | RegistryError::Denied { .. } => RegistryError::NotFound {
                what,
                message: "it has none, or none for you; name a registry that has one: REGISTRY/TERM".to_owned(),
            },
            error => error,
        })?)
    }

    /// What a registry has by a name, and if that is an index, all that it lists.
    pub fn manifests(&self, reference: &Reference) -> Result<(RemoteManifest, Vec<RemoteManifest>)> {
        let path = reference.path();
        let session = self.session(reference.domain(), Scope::pull(path))?;
        let name = match reference.digest() {
            Some(digest) => digest.to_string(),
            None => reference.tag().expect("a reference without a digest has a tag").to_owned(),
        };
        let what = format!("manifest for {reference}");
        let document = session.manifest(path, &name, reference.digest(), &what)?;
        let listed = match interpret(&what, &document.content).map_err(|problem| pull::refuse(&session, problem))? {
            Parsed::Manifest(_) => Vec::new(),
            Parsed::Index(descriptors) => descriptors
                .into_iter()
                .map(|descriptor| Ok(remote(session.listed(path, &descriptor)?, descriptor.platform)))
                .collect::<Result<_>>()?,
        };
        Ok((remote(document, None), listed))
    }

    /// Whether a registry accepts a name and a password; they are kept if it does. Answers with the file that they are
    /// in, if they are in a file.
    pub fn log_in(&self, host: &str, user: &str, password: Secret) -> Result<Option<PathBuf>> {
        let credential = Credential::Password { user: user.to_owned(), password };
        let session = Session::new(&self.transport, host, Some(credential.clone()), Scope::nothing())?;
        let kept = session.log_in()?.unwrap_or(credential);
        Ok(Credentials::read()?.store(host, &kept)?)
    }

    /// Forgets the credentials for a registry; whether there were any.
    pub fn log_out(&self, host: &str) -> Result<bool> {
        Ok(Credentials::read()?.erase(host)?)
    }

    fn session(&self, host: &str, scope: Scope) -> Result<Session<'_>> {
        let credential = Credentials::read()?.get(host)?;
        Ok(Session::new(&self.transport, host, credential, scope)?)
    }
}

fn remote(document: Document, platform: Option<Platform>) -> RemoteManifest {
    let Document { content, digest, media_type } = document;
    RemoteManifest { digest, media_type, content, platform }
}
