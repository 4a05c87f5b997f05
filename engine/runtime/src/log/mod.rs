//! A container's log: Docker's json-file format, in files of bounded size.
//!
//! Each record is a line `{"log":"text\n","stream":"stdout","time":"2024-01-01T00:00:00.000000000Z"}`. A line of the
//! container longer than 16 KiB makes several records, of which only the last ends in `\n`.

mod follow;
mod json;
mod lines;
mod reader;
mod tail;
mod writer;

pub use follow::{Follower, Wake};
pub use reader::{Entry, Query, Reader};
pub use writer::Writer;

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Where and how much to log. The format is Docker's json-file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogConfig {
    /// The newest file; older ones are `path.1`, `path.2` …
    pub path: PathBuf,
    /// A file is rotated when it would grow past this many bytes.
    pub max_size: u64,
    /// How many files are kept, the newest included; at least one.
    pub max_files: u32,
}

/// Which of the container's streams said it. A terminal has only one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output, or the terminal.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    /// The name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// The path of the file that was rotated `number` times; the newest for 0.
fn rotated(path: &Path, number: u32) -> PathBuf {
    match number {
        0 => path.to_owned(),
        _ => {
            let mut name = path.as_os_str().to_owned();
            name.push(format!(".{number}"));
            name.into()
        }
    }
}
