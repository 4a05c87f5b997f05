//! `# check=`: which rules are skipped, which experimental ones count, and whether a warning is an error.

use crate::error::{Error, Result};
use crate::quote::quote;

/// Some rules, by name, or all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rules {
    /// Every rule.
    All,
    /// Those named.
    Named(Vec<String>),
}

impl Rules {
    fn parse(text: &str) -> Self {
        match text.trim() {
            "all" => Self::All,
            names => Self::Named(names.split(',').map(|name| name.trim().to_owned()).collect()),
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.iter().any(|known| known == name),
        }
    }
}

/// What the checks do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Rules that do not count.
    pub skip: Rules,
    /// Experimental rules that count.
    pub experimental: Rules,
    /// Whether a build fails where a rule is not followed.
    pub error: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { skip: Rules::Named(Vec::new()), experimental: Rules::Named(Vec::new()), error: false }
    }
}

impl Options {
    /// Those that a Dockerfile sets by `# check=`.
    pub fn of(dockerfile: &[u8]) -> Result<Self> {
        let text = crate::parse::directive::check(dockerfile).unwrap_or_default();
        Self::parse(&text).map_err(|error| error.context("failed to parse check options"))
    }

    /// Reads `skip=A,B;experimental=all;error=true`, as the directive and the build argument
    /// `BUILDKIT_DOCKERFILE_CHECK` have it.
    pub fn parse(text: &str) -> Result<Self> {
        let mut options = Self::default();
        if text.trim().is_empty() {
            return Ok(options);
        }
        for part in text.trim().splitn(3, ';') {
            let Some((key, value)) = part.split_once('=') else {
                return Err(Error::new(format!("invalid check option {}", quote(part))));
            };
            match key.trim() {
                "skip" => options.skip = Rules::parse(value),
                "experimental" => options.experimental = Rules::parse(value),
                "error" => options.error = parse_bool(part, value.trim())?,
                key => return Err(Error::new(format!("invalid check option {}", quote(key)))),
            }
        }
        Ok(options)
    }
}

fn parse_bool(part: &str, value: &str) -> Result<bool> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => {
            let reason = format!("strconv.ParseBool: parsing {}: invalid syntax", quote(value));
            Err(Error::new(format!("failed to parse check option {}: {reason}", quote(part))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_options() {
        let options = Options::of(b"# check=skip=A,B;error=true\nFROM a").unwrap();
        assert!(options.skip.has("A") && options.skip.has("B") && !options.skip.has("C"));
        assert!(options.error && !options.experimental.has("D"));
        assert!(Options::parse("skip=all ; experimental=all").unwrap().experimental.has("D"));
        assert_eq!(Options::parse("  "), Ok(Options::default()));
        assert_eq!(Options::of(b"FROM a"), Ok(Options::default()));
        let message = |text: &str| Options::parse(text).unwrap_err().message().to_owned();
        assert_eq!(message("all"), "invalid check option \"all\"");
        assert_eq!(message("ignore=all"), "invalid check option \"ignore\"");
        let expected = "failed to parse check option \"error=x\": strconv.ParseBool: parsing \"x\": invalid syntax";
        assert_eq!(message("error=x"), expected);
    }
}
