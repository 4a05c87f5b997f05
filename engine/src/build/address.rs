//! What is fetched: git repositories, and files of the web.

use std::fmt;

/// Where a context, or a source of `ADD`, is fetched from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A repository.
    Git(Repository),
    /// A file, by `http` or `https`.
    Web(String),
}

/// A state of a git repository: `URL#REFERENCE:SUBDIRECTORY`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// Where it is.
    pub url: String,
    /// A branch, a tag or a commit; what the repository has checked out, if there is none.
    pub reference: Option<String>,
    /// The part of it that is meant.
    pub subdirectory: Option<String>,
}

impl Address {
    /// Reads what a build is given as a context; nothing if that is a path. Repositories are told as Docker tells them
    /// (docker build, "Git repositories"), and may be those of this machine, by `file://`.
    pub fn of_context(text: &str) -> Option<Address> {
        match text.strip_prefix("github.com/") {
            Some(_) => Some(Address::Git(Repository::of(&format!("https://{text}")))),
            None if text.starts_with("file://") => Some(Address::Git(Repository::of(text))),
            None => Address::of_source(text),
        }
    }

    /// The same for a source of `ADD`, which is to see nothing of the machine that it is built on.
    pub fn of_source(text: &str) -> Option<Address> {
        let is_web = text.starts_with("http://") || text.starts_with("https://");
        let path = text.split('#').next().unwrap_or_default();
        let is_git = ["git://", "ssh://", "git@"].iter().any(|start| text.starts_with(start));
        match (is_git || is_web && path.ends_with(".git"), is_web) {
            (true, _) => Some(Address::Git(Repository::of(text))),
            (false, true) => Some(Address::Web(text.to_owned())),
            (false, false) => None,
        }
    }
}

impl Repository {
    fn of(text: &str) -> Repository {
        let (url, fragment) = text.split_once('#').unwrap_or((text, ""));
        let (reference, subdirectory) = fragment.split_once(':').unwrap_or((fragment, ""));
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Repository { url: url.to_owned(), reference: some(reference), subdirectory: some(subdirectory) }
    }

    /// Whether it is on this machine.
    pub(super) fn is_local(&self) -> bool {
        self.url.starts_with("file://")
    }

    /// The user and password in the address, with their `@`, if it has a password.
    pub(super) fn credentials(&self) -> Option<&str> {
        let (_, rest) = self.url.split_once("://")?;
        let authority = &rest[..rest.find('/').unwrap_or(rest.len())];
        let end = authority.rfind('@')?;
        authority[..end].contains(':').then(|| &authority[..=end])
    }

    /// Why git is not to be asked for the reference, if so: the name would mean more to it than a name (git-check-ref-format(1)).
    pub(super) fn problem(&self) -> Option<String> {
        let is_bad = |name: &str| {
            name.starts_with(['-', '+', '/'])
                || name.contains("..")
                || name.contains("@{")
                || name.chars().any(|c| c.is_control() || " ~^:?*[\\".contains(c))
        };
        self.reference
            .as_deref()
            .filter(|name| is_bad(name))
            .map(|name| format!("{name:?} is no name of a branch or tag"))
    }
}

impl fmt::Display for Repository {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.credentials() {
            Some(credentials) => f.write_str(&self.url.replacen(credentials, "", 1))?,
            None => f.write_str(&self.url)?,
        }
        match (&self.reference, &self.subdirectory) {
            (None, None) => Ok(()),
            (reference, None) => write!(f, "#{}", reference.as_deref().unwrap_or_default()),
            (reference, Some(path)) => write!(f, "#{}:{path}", reference.as_deref().unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_paths_and_repositories_from_files() {
        for text in ["git@host:x.git", "git://host/x", "https://host/x.git", "https://host/x.git#main:sub", "ssh://a/b"]
        {
            assert!(matches!(Address::of_source(text), Some(Address::Git(_))), "{text}");
        }
        for text in ["https://host/x.tar.gz", "http://host/x#y.git"] {
            assert_eq!(Address::of_source(text), Some(Address::Web(text.to_owned())));
        }
        for text in
            ["dir.git", "-oProxyCommand=x", "github.com/a/b", "file:///x.git", "http", "--http://x", "ext::sh -c x"]
        {
            assert_eq!(Address::of_source(text), None, "{text}");
        }
        let Some(Address::Git(hub)) = Address::of_context("github.com/a/b#v1:c/d") else { panic!("a repository") };
        assert_eq!(hub.to_string(), "https://github.com/a/b#v1:c/d");
        assert_eq!((hub.reference.as_deref(), hub.subdirectory.as_deref()), (Some("v1"), Some("c/d")));
        assert!(matches!(Address::of_context("file:///x"), Some(Address::Git(_))));
        assert_eq!(Address::of_context("./github.com/x"), None);
    }

    #[test]
    fn passwords_are_not_told_and_names_are_names() {
        let of = |text: &str| match Address::of_source(text) {
            Some(Address::Git(repository)) => repository,
            other => panic!("{other:?}"),
        };
        assert_eq!(of("https://me:secret@host/x.git#a").to_string(), "https://host/x.git#a");
        assert_eq!(of("ssh://git@host/x").to_string(), "ssh://git@host/x");
        assert_eq!(of("git@host:x.git").credentials(), None);
        for name in ["-x", "+a", "a b", "a..b", "a^", "x@{1}", "a*"] {
            assert!(of(&format!("git://host/x#{name}")).problem().is_some(), "{name}");
        }
        for name in ["main", "v1.2", "feature/x", "0123456789012345678901234567890123456789"] {
            assert!(of(&format!("git://host/x#{name}")).problem().is_none(), "{name}");
        }
    }
}
