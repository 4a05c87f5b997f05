//! The log that engines read (`--log`), in the two forms that runc's has.

use clap::ValueEnum;
use jiff::Timestamp;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

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
    /// The file is opened when there is something to write: the working directory may change, so its path is made absolute.
    pub(super) fn new(file: Option<PathBuf>, format: LogFormat, debug: bool) -> Self {
        Self { file: file.map(|file| std::path::absolute(&file).unwrap_or(file)), format, debug }
    }

    /// Writes a line. A log that cannot be written is no reason to fail: the exit code tells.
    pub(super) fn write(&self, level: Level, message: &str) {
        if level == Level::Debug && !self.debug {
            return;
        }
        let line = line(self.format, level, message);
        let _ = match &self.file {
            Some(path) => OpenOptions::new()
                .create(true)
                .append(true)
                .open(path)
                .and_then(|mut file| file.write_all(line.as_bytes())),
            // Errors are told there by the command itself.
            None if level == Level::Error => Ok(()),
            None => std::io::stderr().write_all(line.as_bytes()),
        };
    }
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
