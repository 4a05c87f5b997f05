//! Where a container's output is kept, and how much of it.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A file is rotated at this size, and so many are kept, unless the user says otherwise: as Docker's bounded `local`
/// driver does.
const SIZE: u64 = 20 << 20;
const FILES: u32 = 5;

/// What was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Logging {
    /// Where it goes.
    pub driver: LogDriver,
    /// `--log-opt NAME=VALUE`.
    pub options: BTreeMap<String, String>,
}

/// `--log-driver`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogDriver {
    /// Files in Docker's JSON format.
    #[default]
    JsonFile,
    /// The same: its bounds are what `json-file` has here too.
    Local,
    /// Nowhere.
    None,
}

impl Logging {
    /// Reads the flags; an empty driver is the default one.
    pub fn parse(driver: &str, options: &[String]) -> Result<Logging, String> {
        let driver = match driver {
            "" | "json-file" => LogDriver::JsonFile,
            "local" => LogDriver::Local,
            "none" => LogDriver::None,
            _ => {
                let known = "use json-file, local or none";
                return Err(format!("logger: no log driver named '{driver}' is registered: {known}"));
            }
        };
        let option = |word: &String| {
            let pair = word.split_once('=').filter(|(name, _)| !name.is_empty());
            let (name, value) = pair.ok_or_else(|| format!("invalid logging opts format {word}: use NAME=VALUE"))?;
            Ok((name.to_owned(), value.to_owned()))
        };
        let options = options.iter().map(option).collect::<Result<BTreeMap<_, _>, String>>()?;
        if driver == LogDriver::None && !options.is_empty() {
            return Err("invalid logging opts for driver none".to_owned());
        }
        let logging = Logging { driver, options };
        logging.bounds()?;
        Ok(logging)
    }

    /// At how many bytes a file is rotated, and how many files are kept.
    pub fn bounds(&self) -> Result<(u64, u32), String> {
        let (mut size, mut files) = (SIZE, FILES);
        for (name, value) in &self.options {
            match name.as_str() {
                "max-size" if value == "-1" => size = u64::MAX,
                "max-size" => {
                    let bytes = crate::units::parse_bytes(value).ok().and_then(|bytes| u64::try_from(bytes).ok());
                    size = bytes
                        .filter(|bytes| *bytes > 0)
                        .ok_or_else(|| format!("invalid value for max-size: {value}: use a size such as 10m, or -1"))?;
                }
                "max-file" => {
                    let count = value.parse().ok().filter(|count| *count > 0);
                    files = count.ok_or_else(|| format!("max-file cannot be less than 1: {value}"))?;
                }
                "mode" if value == "blocking" => {}
                _ => {
                    return Err(format!(
                        "unknown log opt '{name}={value}': known are max-size, max-file, mode=blocking"
                    ));
                }
            }
        }
        Ok((size, files))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(driver: &str, options: &[&str]) -> Result<(u64, u32), String> {
        let options: Vec<String> = options.iter().map(ToString::to_string).collect();
        Logging::parse(driver, &options)?.bounds()
    }

    #[test]
    fn logs_are_bounded_as_asked() {
        assert_eq!(bounds("", &[]), Ok((SIZE, FILES)));
        assert_eq!(bounds("json-file", &["max-size=10m", "max-file=3"]), Ok((10 << 20, 3)));
        assert_eq!(bounds("local", &["max-size=-1", "mode=blocking"]), Ok((u64::MAX, FILES)));
        for (driver, option) in [
            ("syslog", "max-size=1m"),
            ("none", "max-size=1m"),
            ("", "max-size"),
            ("", "max-size=0"),
            ("", "max-size=x"),
            ("", "max-file=0"),
            ("", "mode=non-blocking"),
            ("", "compress=true"),
        ] {
            assert!(bounds(driver, &[option]).is_err(), "{driver} {option}");
        }
    }
}
