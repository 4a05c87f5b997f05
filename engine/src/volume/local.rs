//! What the driver `local` takes: nothing, or something to be mounted in place of a directory (mount(8)'s type, device and
//! options).

use crate::error::{Error, Result};
use oci_spec::runtime::Mount;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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

    /// The mount that they ask for, at a path of the container.
    pub(crate) fn mount(&self, target: &str, read_only: bool) -> Option<Mount> {
        let device = self.get("device")?;
        let kind = if self.is_bind() { "bind" } else { self.get("type")? };
        let read_only = read_only.then_some("ro");
        let mut mount = Mount::default();
        mount
            .set_destination(target.into())
            .set_typ(Some(kind.to_owned()))
            .set_source(Some(device.into()))
            .set_options(Some(self.options().chain(read_only).map(str::to_owned).collect()));
        Some(mount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_mounted_needs_a_type_and_a_device() {
        let options = LocalOptions::parse(["type=tmpfs", "device=tmpfs", "o=size=1m,uid=1000"]).unwrap();
        let mount = options.mount("/cache", true).unwrap();
        assert_eq!(mount.typ().as_deref(), Some("tmpfs"));
        assert_eq!(mount.options().as_deref().unwrap(), ["size=1m", "uid=1000", "ro"]);
        let bind = LocalOptions::parse(["o=bind", "device=/srv"]).unwrap().mount("/srv", false).unwrap();
        assert_eq!(bind.typ().as_deref(), Some("bind"));
        assert!(LocalOptions::default().mount("/x", false).is_none());
        for (words, told) in
            [(&["type=nfs"][..], "\"device\""), (&["device=/dev/sda"], "\"type\""), (&["size=1"], "\"size\"")]
        {
            assert!(LocalOptions::parse(words.iter().copied()).unwrap_err().to_string().contains(told), "{words:?}");
        }
    }
}
