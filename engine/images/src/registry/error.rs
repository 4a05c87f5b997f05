//! What can go wrong between here and a registry. No text here has a credential in it, nor the query of a URL, which
//! may be as good as one.

use std::path::PathBuf;

/// Why a registry did not do what it was asked for.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RegistryError {
    /// The file that says how registries are spoken to makes no sense.
    #[error("{}: {problem}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Credentials could not be read, kept or forgotten.
    #[error("credentials for {host}: {problem}")]
    Credentials {
        /// The registry.
        host: String,
        /// Why.
        problem: String,
    },
    /// No answer.
    #[error("registry {host} does not answer: {problem}")]
    Unreachable {
        /// The registry.
        host: String,
        /// Why.
        problem: String,
    },
    /// The connection broke off.
    #[error("the connection to registry {host} was lost: {problem}")]
    Lost {
        /// The registry.
        host: String,
        /// How.
        problem: String,
    },
    /// It does not speak TLS, or shows a certificate that nobody vouches for.
    #[error(
        "registry {host} cannot be trusted: {problem}; if it is to be trusted all the same, write below [registry.\"{host}\"] \
         in /etc/porthole/registries.toml either ca = [\"FILE\"], insecure = \"unverified\" (TLS, certificate unchecked) or \
         insecure = \"http\""
    )]
    Untrusted {
        /// The registry.
        host: String,
        /// Why.
        problem: String,
    },
    /// It wants other credentials, or any.
    #[error(
        "pull access denied for {what}, repository does not exist or may require 'porthole login {host}': denied: requested \
         access to the resource is denied"
    )]
    Denied {
        /// The registry.
        host: String,
        /// The repository.
        what: String,
    },
    /// A name and password that it does not accept.
    #[error("login attempt to {host} failed with status: {status}")]
    Login {
        /// The registry.
        host: String,
        /// Its answer.
        status: u16,
    },
    /// An upload was given up.
    #[error("stopped, since another layer failed")]
    Stopped,
    /// It does not have it.
    #[error("{what} not found: {message}")]
    NotFound {
        /// What was asked for.
        what: String,
        /// The registry's words.
        message: String,
    },
    /// Another answer than any that makes sense.
    #[error("{what}: registry {host} answers {status}{message}")]
    Status {
        /// What was asked for.
        what: String,
        /// The registry.
        host: String,
        /// The status.
        status: u16,
        /// The registry's words, after a colon.
        message: String,
    },
    /// It is there, but not to be run.
    #[error("{name} is no container image, but an artifact ({kind:?}): `porthole manifest inspect {name}` shows it")]
    Artifact {
        /// What was asked for.
        name: String,
        /// What its configuration is.
        kind: String,
    },
    /// What it sent is not what it promised, or leads astray.
    #[error("refused from registry {host}: {problem}")]
    Refused {
        /// The registry.
        host: String,
        /// What is wrong.
        problem: String,
    },
}

impl RegistryError {
    /// Whether it is that the registry does not have it, or not for us: another may.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::NotFound { .. } | Self::Denied { .. })
    }

    /// Whether another endpoint of the same registry may do better.
    pub(super) fn is_of_endpoint(&self) -> bool {
        !matches!(self, Self::Config { .. } | Self::Credentials { .. })
    }
}

/// A stranger's words, fit for a line of ours.
pub(super) fn quoted(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect::<String>().trim().to_owned()
}
