//! What the driver `local` takes: nothing, or something to be mounted in place of a directory (mount(8)'s type, device and
//! options).

use crate::error::{Error, Result};
use porthole_runtime::mount::{Bind, Mount, Options};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// The options `type`, `device` and `o`, as they were given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LocalOptions(BTreeMap<String, String>);

impl LocalOptions {
    /// Reads `KEY=VALUE` words.
    pub fn parse<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let mut options = BTreeMap::new();
        for word in words {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            if !["type", "device", "o"].contains(&key) {
                return Err(Error::InvalidOption(format!(
                    "invalid option: \"{key}\": the driver local takes type, device and o"
                )));
            }
            options.insert(key.to_owned(), value.to_owned());
        }
        let options = Self(options);
        options.check()?;
        Ok(options)
    }

    /// As they were given.
    pub fn words(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// Whether nothing is to be mounted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn check(&self) -> Result<()> {
        let missing = |key: &str| Err(Error::InvalidOption(format!("missing required option: \"{key}\"")));
        match (self.is_empty(), self.get("type"), self.get("device")) {
            (true, ..) => Ok(()),
            (_, _, None) => missing("device"),
            (_, None, _) if !self.is_bind() => missing("type"),
            _ => Ok(()),
        }
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn options(&self) -> impl Iterator<Item = &str> {
        self.get("o").into_iter().flat_map(|options| options.split(','))
    }

    fn is_bind(&self) -> bool {
        self.options().any(|option| matches!(option, "bind" | "rbind"))
    }

    /// Whether nobody may write, whatever a container asks for.
    pub(crate) fn is_read_only(&self) -> bool {
        self.options().filter(|option| matches!(*option, "ro" | "rw")).last() == Some("ro")
    }

    /// The mount that they ask for, not placed yet.
    pub(super) fn mount(&self) -> io::Result<Mount> {
        let options = Options::parse(self.options()).map_err(io::Error::other)?;
        let device = self.get("device").unwrap_or_default();
        if let Some(Bind(depth)) = options.bind {
            let mount = Mount::of_path(Path::new(device), depth)?;
            return mount.apply(&options).map(|()| mount);
        }
        let kind = self.get("type").unwrap_or_default();
        let mount = Mount::new(kind, device, options.data.iter().map(String::as_str), options.set)?;
        mount.apply(&Options { set: 0, clear: 0, ..options }).map(|()| mount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_mounted_needs_a_type_and_a_device() {
        let options = LocalOptions::parse(["type=tmpfs", "device=tmpfs", "o=size=1m,uid=1000"]).unwrap();
        assert!(!options.is_empty() && !options.is_bind() && !options.is_read_only());
        let bind = LocalOptions::parse(["o=bind,rw,ro", "device=/srv"]).unwrap();
        assert!(bind.is_bind() && bind.is_read_only());
        assert!(LocalOptions::default().is_empty());
        for (words, told) in
            [(&["type=nfs"][..], "\"device\""), (&["device=/dev/sda"], "\"type\""), (&["size=1"], "\"size\"")]
        {
            assert!(LocalOptions::parse(words.iter().copied()).unwrap_err().to_string().contains(told), "{words:?}");
        }
    }
}
