//! Platforms: operating system, architecture and variant, as containerd names them.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::quote::quote;

/// What an image runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// The operating system, as Go names it.
    pub os: String,
    /// The architecture, as Go names it.
    pub architecture: String,
    /// Which of its versions, or nothing.
    pub variant: String,
}

impl Platform {
    /// The platform with what has several names under the one that counts.
    fn normalized(os: &str, architecture: &str, variant: &str) -> Self {
        let os = match os.to_lowercase().as_str() {
            "macos" => "darwin".to_owned(),
            os => os.to_owned(),
        };
        let variant = variant.to_lowercase();
        let (architecture, variant) = match (architecture.to_lowercase().as_str(), variant.as_str()) {
            ("i386", _) => ("386", ""),
            ("x86_64" | "x86-64" | "amd64", "v1") => ("amd64", ""),
            ("x86_64" | "x86-64", variant) => ("amd64", variant),
            ("aarch64" | "arm64", "8" | "v8" | "v8.0") => ("arm64", ""),
            ("aarch64" | "arm64", "9" | "9.0" | "v9.0") => ("arm64", "v9"),
            ("aarch64", variant) => ("arm64", variant),
            ("armhf", _) => ("arm", "v7"),
            ("armel", _) => ("arm", "v6"),
            ("arm", "" | "7") => ("arm", "v7"),
            ("arm", "5") => ("arm", "v5"),
            ("arm", "6") => ("arm", "v6"),
            ("arm", "8") => ("arm", "v8"),
            (architecture, variant) => {
                return Self { os, architecture: architecture.to_owned(), variant: variant.to_owned() };
            }
        };
        Self { os, architecture: architecture.to_owned(), variant: variant.to_owned() }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match self.variant.as_str() {
            "" => Ok(()),
            variant => write!(f, "/{variant}"),
        }
    }
}

impl FromStr for Platform {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts: Vec<_> = text.split('/').collect();
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        if let Some(part) = parts.iter().find(|part| part.is_empty() || !part.chars().all(is_allowed)) {
            let (part, text) = (quote(part), quote(text));
            let rule = "platform specifier component must match \"^[A-Za-z0-9_.-]+$\"";
            return Err(Error::new(format!("{part} is an invalid component of {text}: {rule}: invalid argument")));
        }
        match parts.as_slice() {
            [architecture] if is_known_architecture(architecture) => Ok(Self::normalized("linux", architecture, "")),
            [os] if os.eq_ignore_ascii_case("linux") => Ok(Self::normalized(os, host_architecture(), "")),
            [_] => {
                let text = quote(text);
                Err(Error::new(format!("{text}: unknown operating system or architecture: invalid argument")))
            }
            [os, architecture] => Ok(Self::normalized(os, architecture, "")),
            [os, architecture, variant] => Ok(Self::normalized(os, architecture, variant)),
            _ => Err(Error::new(format!("{}: cannot parse platform specifier: invalid argument", quote(text)))),
        }
    }
}

fn is_known_architecture(name: &str) -> bool {
    let known = [
        "386", "amd64", "arm", "arm64", "loong64", "mips", "mipsle", "mips64", "mips64le", "ppc64", "ppc64le",
        "riscv64", "s390x", "wasm", "i386", "x86_64", "x86-64", "aarch64", "armhf", "armel",
    ];
    known.iter().any(|architecture| name.eq_ignore_ascii_case(architecture))
}

fn host_architecture() -> &'static str {
    std::env::consts::ARCH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_containerd_reads() {
        let read = |text: &str| text.parse::<Platform>().map(|platform| platform.to_string()).unwrap();
        let cases = [
            ("linux/amd64", "linux/amd64"),
            ("Linux/x86_64", "linux/amd64"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/arm/v6", "linux/arm/v6"),
            ("arm64", "linux/arm64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("macos/aarch64", "darwin/arm64"),
            ("windows/amd64/v2", "windows/amd64/v2"),
        ];
        for (text, platform) in cases {
            assert_eq!(read(text), platform);
        }
        let message = |text: &str| text.parse::<Platform>().unwrap_err().to_string();
        let empty = "\"\" is an invalid component of \"linux/\": platform specifier component must match \
                     \"^[A-Za-z0-9_.-]+$\": invalid argument";
        assert_eq!(message("linux/"), empty);
        assert_eq!(message("beos"), "\"beos\": unknown operating system or architecture: invalid argument");
        assert_eq!(message("a/b/c/d"), "\"a/b/c/d\": cannot parse platform specifier: invalid argument");
    }
}
