//! Image references: `[DOMAIN/]PATH[:TAG][@DIGEST]`.
//!
//! The grammar and the normalisation are those of the `distribution/reference` library: a name without a domain
//! belongs to `docker.io`, a single-component name there to its `library`, and a name with neither tag nor
//! digest means `latest`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, DigestError};

const DEFAULT_DOMAIN: &str = "docker.io";
const LEGACY_DOMAIN: &str = "index.docker.io";
const DEFAULT_NAMESPACE: &str = "library/";
const DEFAULT_TAG: &str = "latest";
const MAX_NAME: usize = 255;
const MAX_TAG: usize = 128;

/// A normalised name of an image: a domain, a path, and a tag, a digest or both.
///
/// `Display` writes the familiar form (`debian:12`), [`Reference::canonical`] the full one
/// (`docker.io/library/debian:12`), which is also how it is serialised.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reference {
    domain: String,
    path: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// Why a text is not an image reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// The text does not fit the grammar.
    #[error("invalid reference format: {0:?}")]
    Format(String),
    /// The path has upper-case letters.
    #[error("invalid reference format: repository name ({0}) must be lowercase")]
    Uppercase(String),
    /// The name is too long.
    #[error("invalid reference format: repository name must not be more than 255 characters")]
    TooLong,
    /// The tag does not fit the grammar.
    #[error(
        "invalid reference format: tag {0:?} (1 to 128 letters, digits, '_', '.' and '-', not starting with '.' or '-')"
    )]
    Tag(String),
    /// The part after `@` is not a digest.
    #[error("invalid reference format: {0}")]
    Digest(#[from] DigestError),
    /// The name could not be told from an ID.
    #[error("invalid repository name ({0}), cannot specify 64-byte hexadecimal strings")]
    LooksLikeId(String),
    /// A name with a digest cannot be given to an image, only found.
    #[error("refusing to create a tag with a digest reference: {0}")]
    Pinned(Box<Reference>),
}

impl Reference {
    /// The registry's host name, with its port if it has one.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The repository's path within its registry.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The tag, which only a reference by digest may lack.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest that the reference is pinned to.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The familiar form of the repository: `debian`, `registry.example/team/app`.
    pub fn repository(&self) -> String {
        if self.domain != DEFAULT_DOMAIN {
            return format!("{}/{}", self.domain, self.path);
        }
        match self.path.strip_prefix(DEFAULT_NAMESPACE) {
            Some(name) if !name.contains('/') => name.to_owned(),
            // Without its domain, this path would be read back as another registry's.
            _ if self.path.split_once('/').is_some_and(|(first, _)| is_registry(first)) => {
                format!("{}/{}", self.domain, self.path)
            }
            _ => self.path.clone(),
        }
    }

    /// The full form, with domain and namespace.
    pub fn canonical(&self) -> String {
        format!("{}/{}{}", self.domain, self.path, Suffix(self))
    }

    /// The same repository under another tag, without a digest.
    pub fn with_tag(&self, tag: &str) -> Result<Self, ReferenceError> {
        let tag = Some(parse_tag(tag)?);
        Ok(Self { tag, digest: None, ..self.clone() })
    }

    /// The same repository pinned to `digest`, without a tag.
    pub fn with_digest(&self, digest: Digest) -> Self {
        Self { tag: None, digest: Some(digest), ..self.clone() }
    }

    /// Refuses a name with a digest, which cannot be given to an image.
    pub fn as_tag(&self) -> Result<&Self, ReferenceError> {
        match self.digest {
            Some(_) => Err(ReferenceError::Pinned(Box::new(self.clone()))),
            None => Ok(self),
        }
    }

    /// Whether a text names a registry, and not only what is in one.
    pub fn names_registry(text: &str) -> bool {
        text.split_once('/').is_some_and(|(first, _)| is_registry(first))
    }

    /// Whether both name the same repository.
    pub fn same_repository(&self, other: &Self) -> bool {
        self.domain == other.domain && self.path == other.path
    }
}

/// The tag and digest as written after the repository.
struct Suffix<'a>(&'a Reference);

impl fmt::Display for Suffix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(tag) = &self.0.tag {
            write!(f, ":{tag}")?;
        }
        match &self.0.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.repository(), Suffix(self))
    }
}

impl TryFrom<String> for Reference {
    type Error = ReferenceError;

    fn try_from(text: String) -> Result<Self, ReferenceError> {
        text.parse()
    }
}

impl From<Reference> for String {
    fn from(reference: Reference) -> Self {
        reference.canonical()
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let malformed = || ReferenceError::Format(text.chars().take(300).collect());
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse()?)),
            None => (text, None),
        };
        // A colon before the last slash introduces a port, not a tag.
        let name_end = rest.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match rest[name_end..].split_once(':') {
            Some((last, tag)) => (&rest[..name_end + last.len()], Some(tag)),
            None => (rest, None),
        };
        let (domain, path) = split_domain(name);
        if path.strip_prefix(DEFAULT_NAMESPACE).is_some_and(is_hex_id) {
            return Err(ReferenceError::LooksLikeId(name.to_owned()));
        }
        if path.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(ReferenceError::Uppercase(path));
        }
        if !is_domain(domain) || !path.split('/').all(is_path_component) {
            return Err(malformed());
        }
        if domain.len() + 1 + path.len() > MAX_NAME {
            return Err(ReferenceError::TooLong);
        }
        let tag = match (tag, &digest) {
            (Some(tag), _) => Some(parse_tag(tag)?),
            (None, None) => Some(DEFAULT_TAG.to_owned()),
            (None, Some(_)) => None,
        };
        Ok(Self { domain: domain.to_owned(), path, tag, digest })
    }
}

/// Whether a name's first component is a registry rather than a namespace of the hub: it has a dot or a colon,
/// has upper-case letters, or is `localhost`.
fn is_registry(first: &str) -> bool {
    first == "localhost" || first.contains(['.', ':']) || first.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// Separates the registry from the path, and completes both.
fn split_domain(name: &str) -> (&str, String) {
    let (domain, path) = match name.split_once('/') {
        Some((LEGACY_DOMAIN, path)) => (DEFAULT_DOMAIN, path),
        Some((first, path)) if is_registry(first) => (first, path),
        _ => (DEFAULT_DOMAIN, name),
    };
    match domain == DEFAULT_DOMAIN && !path.contains('/') {
        true => (domain, format!("{DEFAULT_NAMESPACE}{path}")),
        false => (domain, path.to_owned()),
    }
}

fn is_hex_id(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// `host [":" port]`, where a host is dot-separated labels or a bracketed IPv6 address.
fn is_domain(domain: &str) -> bool {
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(rest) = domain.strip_prefix('[') {
        return rest.split_once(']').is_some_and(|(address, port)| {
            let is_address = |byte: u8| byte.is_ascii_hexdigit() || byte == b':';
            let well_formed = !address.is_empty() && address.bytes().all(is_address);
            well_formed && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
        });
    }
    let (host, port) = match domain.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (domain, None),
    };
    host.split('.').all(is_host_label) && port.is_none_or(is_port)
}

/// Letters, digits and inner hyphens.
fn is_host_label(label: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !label.is_empty() && label.bytes().all(is_inner) && !label.starts_with('-') && !label.ends_with('-')
}

/// Lower-case alphanumeric runs joined by `.`, `_`, `__` or any number of `-`.
fn is_path_component(component: &str) -> bool {
    let is_alphanumeric = |byte: char| matches!(byte, 'a'..='z' | '0'..='9');
    let mut separators = component.split(is_alphanumeric);
    let (first, last) = (separators.next(), separators.next_back());
    // Splitting at every alphanumeric leaves the separators, which may stand neither first nor last.
    first == Some("")
        && last == Some("")
        && separators.all(|run| matches!(run, "" | "." | "_" | "__") || run.bytes().all(|byte| byte == b'-'))
}

fn parse_tag(tag: &str) -> Result<String, ReferenceError> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let is_inner = |byte: u8| is_word(byte) || matches!(byte, b'.' | b'-');
    let bytes = tag.as_bytes();
    match bytes.first().is_some_and(|byte| is_word(*byte))
        && bytes.len() <= MAX_TAG
        && bytes.iter().all(|byte| is_inner(*byte))
    {
        true => Ok(tag.to_owned()),
        false => Err(ReferenceError::Tag(tag.chars().take(MAX_TAG + 1).collect())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn canonical(text: &str) -> String {
        text.parse::<Reference>().unwrap_or_else(|error| panic!("{text}: {error}")).canonical()
    }

    #[test]
    fn names_are_normalised() {
        for (text, full) in [
            ("debian", "docker.io/library/debian:latest"),
            ("debian:12", "docker.io/library/debian:12"),
            ("library/debian", "docker.io/library/debian:latest"),
            ("docker.io/debian", "docker.io/library/debian:latest"),
            ("index.docker.io/debian", "docker.io/library/debian:latest"),
            ("team/app", "docker.io/team/app:latest"),
            ("localhost/app", "localhost/app:latest"),
            ("localhost:5000/app:1", "localhost:5000/app:1"),
            ("registry.example/a/b/c:T.1-x_y", "registry.example/a/b/c:T.1-x_y"),
            ("[::1]:5000/app", "[::1]:5000/app:latest"),
            ("Registry/app", "Registry/app:latest"),
            ("a__b/c--d.e_f", "docker.io/a__b/c--d.e_f:latest"),
        ] {
            assert_eq!(canonical(text), full);
        }
        assert_eq!(canonical(&format!("a@sha256:{HEX}")), format!("docker.io/library/a@sha256:{HEX}"));
        assert_eq!(canonical(&format!("a:b@sha256:{HEX}")), format!("docker.io/library/a:b@sha256:{HEX}"));
    }

    #[test]
    fn the_familiar_form_is_short() {
        for (text, familiar) in [
            ("docker.io/library/debian", "debian:latest"),
            ("docker.io/team/app:1", "team/app:1"),
            ("quay.io/team/app", "quay.io/team/app:latest"),
            ("docker.io/library/a/b", "library/a/b:latest"),
        ] {
            assert_eq!(text.parse::<Reference>().unwrap().to_string(), familiar);
        }
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        let long = format!("{}/{}", "a".repeat(130), "b".repeat(130));
        let tag = format!("a:{}", "t".repeat(129));
        let digest = format!("a@sha256:{}", &HEX[1..]);
        for text in [
            "", ":", "@", "a:", "a@", "/a", "a/", "a//b", "../../x", "a/../b", ".a", "a.", "a..b", "a___b", "-a", "a-",
            "a b", "a\nb", "a:b:c", "a:.b", "a:-b", "UP", "a/B", "h:x/a", "[::1/a", "[]/a", "a.-b/c", "é", "a:é", HEX,
            &long, &tag, &digest,
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn errors_tell_what_is_wrong() {
        let error = |text: &str| text.parse::<Reference>().unwrap_err().to_string();
        assert!(error("team/App").contains("repository name (team/App) must be lowercase"));
        assert!(error(HEX).contains("64-byte hexadecimal"));
        assert!(error("a@sha256:1").contains("invalid digest"));
        assert!(error("a:b/c").starts_with("invalid reference format"));
    }

    #[test]
    fn tags_and_digests_can_be_exchanged() {
        let reference: Reference = "team/app:1".parse().unwrap();
        assert_eq!(reference.with_tag("2").unwrap().to_string(), "team/app:2");
        assert!(reference.with_tag("no/tag").is_err());
        let pinned = reference.with_digest(Digest::of(b""));
        assert_eq!(pinned.to_string(), format!("team/app@sha256:{HEX}"));
        assert!(pinned.same_repository(&reference));
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "\\PC{0,80}") {
            let _ = text.parse::<Reference>();
        }

        #[test]
        fn both_forms_read_back(
            domain in "([a-z0-9]{1,5}\\.[a-z]{1,3}(:[0-9]{1,4})?/|localhost/|docker\\.io/|)",
            path in "[a-z0-9]{1,5}((_|__|-{1,3})[a-z0-9]{1,4}){0,2}(/[a-z0-9]{1,5}(\\.[a-z0-9]{1,4})?){0,3}",
            tag in proptest::option::of("[A-Za-z0-9_][A-Za-z0-9_.-]{0,10}"),
            pinned: bool,
        ) {
            let tag = tag.map(|tag| format!(":{tag}")).unwrap_or_default();
            let digest = if pinned { format!("@sha256:{HEX}") } else { String::new() };
            let reference: Reference = format!("{domain}{path}{tag}{digest}").parse()?;
            prop_assert_eq!(&reference.canonical().parse::<Reference>()?, &reference);
            prop_assert_eq!(&reference.to_string().parse::<Reference>()?, &reference);
        }

        #[test]
        fn a_parsed_name_is_a_safe_path(text in "[a-zA-Z0-9._:/@\\[\\]-]{1,40}") {
            if let Ok(reference) = text.parse::<Reference>() {
                let canonical = reference.canonical();
                prop_assert!(canonical.split('/').all(|part| !part.is_empty() && part != "." && part != ".."));
            }
        }
    }
}
