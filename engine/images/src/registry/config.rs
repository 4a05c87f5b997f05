//! `registries.toml`: what the host's administrator says of registries.
//!
//! ```toml
//! search = ["registry.example:5000", "docker.io"]   # where names without a registry are looked for, in this order
//!
//! [registry."docker.io"]
//! mirrors = ["mirror.example"]                      # asked first when pulling
//!
//! [registry."registry.example:5000"]
//! ca = ["/etc/porthole/example.pem"]                # trusted beside the system's
//! insecure = "http"                                 # or "unverified": TLS whose certificate nobody checks
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::error::RegistryError;
use crate::reference::Reference;

/// Where the file lies, and the variable that names another.
const PATH: &str = "/etc/porthole/registries.toml";
const VARIABLE: &str = "PORTHOLE_REGISTRIES";

/// The registry of names that name none.
const DEFAULT: &str = "docker.io";

/// What is said of registries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RegistriesConfig {
    #[serde(default)]
    search: Vec<String>,
    #[serde(default, rename = "registry")]
    registries: BTreeMap<String, RegistryConfig>,
}

/// What is said of one registry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct RegistryConfig {
    #[serde(default)]
    mirrors: Vec<String>,
    #[serde(default)]
    ca: Vec<PathBuf>,
    insecure: Option<Insecure>,
}

/// A protection that is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Insecure {
    Http,
    Unverified,
}

/// How a host is spoken to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Security {
    /// TLS; the certificate is by an authority that the system trusts, or by one of these files.
    Tls {
        /// Files of certificates.
        ca: Vec<PathBuf>,
    },
    /// TLS with whatever certificate.
    Unverified,
    /// No TLS.
    Http,
}

impl RegistriesConfig {
    /// Reads the file; there need not be one unless the variable names it.
    pub(super) fn read() -> Result<Self, RegistryError> {
        let named = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
        let path = named.as_deref().unwrap_or(Path::new(PATH));
        let refuse = |problem: String| RegistryError::Config { path: path.to_owned(), problem };
        match std::fs::read_to_string(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => Ok(Self::default()),
            Err(error) => Err(refuse(error.to_string())),
            Ok(text) => Self::parse(&text).map_err(refuse),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let config: Self = toml::from_str(text).map_err(|error| error.to_string().trim().replace('\n', " "))?;
        let hosts = config.registries.iter().flat_map(|(host, registry)| [host].into_iter().chain(&registry.mirrors));
        let wrong = hosts.chain(&config.search).find(|host| !is_host(host)).cloned();
        match wrong {
            Some(host) => Err(format!("{host:?} is no registry: write HOST or HOST:PORT")),
            None => Ok(config),
        }
    }

    /// Hosts to ask for what a registry has, in this order; the registry itself is the last.
    pub(super) fn endpoints<'a>(&'a self, domain: &'a str) -> impl Iterator<Item = &'a str> {
        let mirrors = self.registries.get(domain).map_or(&[][..], |registry| &registry.mirrors);
        mirrors.iter().map(String::as_str).chain([domain])
    }

    /// How to speak to a host, given with its port if that is not the usual one.
    pub(super) fn security(&self, host: &str) -> Security {
        match self.registries.get(host) {
            Some(RegistryConfig { insecure: Some(Insecure::Http), .. }) => Security::Http,
            Some(RegistryConfig { insecure: Some(Insecure::Unverified), .. }) => Security::Unverified,
            Some(RegistryConfig { ca, .. }) => Security::Tls { ca: ca.clone() },
            None => Security::Tls { ca: Vec::new() },
        }
    }

    /// The registry that a name without one means first.
    pub(super) fn default_registry(&self) -> &str {
        self.search.first().map_or(DEFAULT, String::as_str)
    }

    /// What a name may mean: itself if it names a registry, else one image for each of the registries to search.
    pub(super) fn candidates(&self, name: &str) -> Result<Vec<Reference>, crate::ReferenceError> {
        let plain: Reference = name.parse()?;
        if self.search.is_empty() || Reference::names_registry(name) {
            return Ok(vec![plain]);
        }
        self.search.iter().map(|registry| format!("{registry}/{name}").parse()).collect()
    }
}

/// Whether a text is a host, as references have one.
fn is_host(text: &str) -> bool {
    format!("{text}/x").parse::<Reference>().is_ok_and(|reference| reference.domain() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_spoken_to_as_the_file_says() {
        let text = r#"
            search = ["first.example:5000", "docker.io"]
            [registry."docker.io"]
            mirrors = ["mirror.example"]
            [registry."plain:5000"]
            insecure = "http"
            [registry."self.example"]
            insecure = "unverified"
            [registry."own.example"]
            ca = ["/ca.pem"]
        "#;
        let config = RegistriesConfig::parse(text).unwrap();
        assert_eq!(config.security("plain:5000"), Security::Http);
        assert_eq!(config.security("plain"), Security::Tls { ca: Vec::new() }, "another port is another host");
        assert_eq!(config.security("self.example"), Security::Unverified);
        assert_eq!(config.security("own.example"), Security::Tls { ca: vec!["/ca.pem".into()] });
        assert_eq!(config.endpoints("docker.io").collect::<Vec<_>>(), ["mirror.example", "docker.io"]);
        assert_eq!(config.default_registry(), "first.example:5000");
        let names = |text| {
            let candidates = config.candidates(text).unwrap();
            candidates.iter().map(Reference::canonical).collect::<Vec<_>>()
        };
        assert_eq!(names("app:1"), ["first.example:5000/app:1", "docker.io/library/app:1"]);
        assert_eq!(names("quay.io/app:1"), ["quay.io/app:1"]);
    }

    #[test]
    fn nonsense_is_refused() {
        for text in
            ["search = 1", "serach = []", "[registry.a]\ninsecure = true", "[registry.\"a/b\"]", "search = [\"\"]"]
        {
            assert!(RegistriesConfig::parse(text).is_err(), "{text}");
        }
    }
}
