//! Platforms: which of the images for several machines is the one to take.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An operating system and a CPU architecture in Go's words (OCI image specification, "Image Index", `platform`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// The operating system, `linux`.
    pub os: String,
    /// The CPU architecture, `amd64`.
    pub architecture: String,
    /// The architecture's variant, as `v7` of `arm`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

/// Text that is not a platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is an invalid platform: use OS/ARCHITECTURE[/VARIANT], as linux/amd64 or linux/arm/v7")]
pub struct PlatformError(String);

impl Platform {
    /// This machine's.
    pub fn of_this_machine() -> Self {
        Self { os: "linux".to_owned(), architecture: architecture().to_owned(), variant: None }
    }

    /// How well a machine of this platform runs what is for `other`: the smaller, the better; `None`: not at all.
    /// The order is that of containerd's `platforms.Only`: newer variants run what is for older ones, 64-bit x86 runs
    /// what is for 32-bit.
    pub fn distance(&self, other: &Self) -> Option<u32> {
        if self.os != other.os {
            return None;
        }
        match (self.architecture.as_str(), other.architecture.as_str()) {
            ("amd64", "386") => Some(100),
            (own, its) if own != its => None,
            _ => self.variant_number().checked_sub(other.variant_number()),
        }
    }

    /// The variant's number; what stands for an architecture without one.
    fn variant_number(&self) -> u32 {
        let number = self.variant.as_deref().and_then(|variant| variant.strip_prefix('v')?.parse().ok());
        number.unwrap_or(match self.architecture.as_str() {
            "arm64" => 8,
            "arm" => 7,
            _ => 1,
        })
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.as_ref().map_or(Ok(()), |variant| write!(f, "/{variant}"))
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    /// `OS/ARCHITECTURE[/VARIANT]`, or one of the two alone, as `docker pull --platform` takes it.
    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let error = || PlatformError(text.chars().take(80).collect());
        let is_word = |word: &&str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let words: Vec<String> = text.split('/').map(str::to_lowercase).collect();
        if !words.iter().map(String::as_str).all(|word| is_word(&word)) {
            return Err(error());
        }
        let machine = Self::of_this_machine();
        let mut words = words.into_iter();
        let (first, second, third) = (words.next(), words.next(), words.next());
        match (first, second, third, words.next()) {
            (Some(os), None, None, None) if os == "linux" => Ok(machine),
            (Some(architecture), None, None, None) => Ok(Self::named(machine.os, &architecture, None)),
            (Some(os), Some(architecture), variant, None) => Ok(Self::named(os, &architecture, variant)),
            _ => Err(error()),
        }
    }
}

impl Platform {
    /// By the name that images use, which is not always the kernel's.
    fn named(os: String, architecture: &str, variant: Option<String>) -> Self {
        let (architecture, implied) = match architecture {
            "x86_64" | "x86-64" => ("amd64", None),
            "i386" | "i686" => ("386", None),
            "aarch64" => ("arm64", None),
            "armhf" => ("arm", Some("v7")),
            "armel" => ("arm", Some("v6")),
            other => (other, None),
        };
        Self { os, architecture: architecture.to_owned(), variant: variant.or(implied.map(str::to_owned)) }
    }
}

/// This machine's architecture in Go's words, as images use them.
pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        text.parse().unwrap()
    }

    #[test]
    fn platforms_are_read_as_docker_reads_them() {
        assert_eq!(platform("linux/x86_64").to_string(), "linux/amd64");
        assert_eq!(platform("linux/arm/v6").to_string(), "linux/arm/v6");
        assert_eq!(platform("aarch64").to_string(), "linux/arm64");
        assert_eq!(platform("armhf").to_string(), "linux/arm/v7");
        for text in ["", "/", "linux/", "a/b/c/d", "linux/amd 64", "../x"] {
            assert!(text.parse::<Platform>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn older_variants_fit_and_newer_do_not() {
        let distance = |own: &str, its: &str| platform(own).distance(&platform(its));
        assert_eq!(distance("linux/arm/v7", "linux/arm/v7"), Some(0));
        assert_eq!(distance("linux/arm/v7", "linux/arm/v6"), Some(1));
        assert_eq!(distance("linux/arm/v6", "linux/arm/v7"), None);
        assert_eq!(distance("linux/arm64", "linux/arm64/v8"), Some(0));
        assert_eq!(distance("linux/amd64", "windows/amd64"), None);
        assert!(distance("linux/amd64", "linux/386") > distance("linux/amd64", "linux/amd64"));
    }
}
