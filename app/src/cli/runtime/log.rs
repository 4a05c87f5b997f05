//! The log that engines read (`--log`), in the two forms that runc's has.

use clap::ValueEnum;
use jiff::Timestamp;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The form of a line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum LogFormat {
    Text,
    Json,
}

/// How grave a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Debug,
    Warning,
    Error,
}

impl Level {
    const fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Where lines go: the file, or standard error for what is not told there anyway.
#[derive(Debug)]
pub(super) struct Log {
    file: Option<PathBuf>,
    format: LogFormat,
    debug: bool,
}

impl Log {
    /// The file is opened when there is something to write, so that it takes no number that a container shall keep. That it
    /// can be is seen now. The working directory may change, so its path is made absolute.
    pub(super) fn new(file: Option<PathBuf>, format: LogFormat, debug: bool) -> std::io::Result<Self> {
        let file = file.map(std::path::absolute).transpose()?;
        if let Some(path) = &file {
            drop(open(path)?);
        }
        Ok(Self { file, format, debug })
    }

    /// For when there is no file.
    pub(super) const fn nowhere() -> Self {
        Self { file: None, format: LogFormat::Text, debug: false }
    }

    /// Whether lines of this kind are written.
    pub(super) fn tells(&self, level: Level) -> bool {
        level != Level::Debug || self.debug
    }

    /// Writes a line. A log that cannot be written is no reason to fail: the exit code tells.
    pub(super) fn write(&self, level: Level, message: &str) {
        if !self.tells(level) {
            return;
        }
        let line = line(self.format, level, message);
        let _ = match &self.file {
            Some(path) => open(path).and_then(|mut file| file.write_all(line.as_bytes())),
            // Errors are told there by the command itself.
            None if level == Level::Error => Ok(()),
            None => std::io::stderr().write_all(line.as_bytes()),
        };
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

fn line(format: LogFormat, level: Level, message: &str) -> String {
    let (level, time) = (level.name(), format!("{:.0}", Timestamp::now()));
    let quoted = serde_json::Value::from(message);
    match format {
        LogFormat::Json => format!("{{\"level\":\"{level}\",\"msg\":{quoted},\"time\":\"{time}\"}}\n"),
        LogFormat::Text => format!("time=\"{time}\" level={level} msg={quoted}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_runcs_forms() {
        let json: serde_json::Value = serde_json::from_str(&line(LogFormat::Json, Level::Error, "a \"b\"")).unwrap();
        assert_eq!((json["level"].as_str(), json["msg"].as_str()), (Some("error"), Some("a \"b\"")));
        let text = line(LogFormat::Text, Level::Warning, "a \"b\"");
        assert!(text.ends_with(" level=warning msg=\"a \\\"b\\\"\"\n"), "{text}");
    }
}
