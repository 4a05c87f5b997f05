//! Builds: processes of this program that tell line by line what happens.

use super::commands::{SELF, exit_code};
use crate::tui::message::{Msg, SaveProblem};
use crate::tui::model::builds::BuildId;
use crate::tui::model::builds::news::News;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::HashMap;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc::Sender;

/// So much news goes into one message at most.
const BATCH: usize = 256;
/// A longer file is no Dockerfile.
const LONGEST_FILE: u64 = 16 << 20;

/// The builds that run; they end with the workstation.
#[derive(Clone, Default)]
pub struct Running(Arc<Mutex<HashMap<BuildId, Pid>>>);

impl Running {
    fn all(&self) -> MutexGuard<'_, HashMap<BuildId, Pid>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks a build to end; it puts things in order before.
    pub fn cancel(&self, build: BuildId) {
        if let Some(pid) = self.all().get(&build) {
            // Nobody has waited for it, so the number is still its own; it fails only if it has ended.
            let _ = kill(*pid, Signal::SIGTERM);
        }
    }

    /// Asks all to end.
    pub fn cancel_all(&self) {
        for pid in self.all().values() {
            // It fails only if it has ended.
            let _ = kill(*pid, Signal::SIGTERM);
        }
    }

    /// Builds, and tells of it until it has ended.
    pub fn run(&self, build: BuildId, argv: &[String], messages: &Sender<Msg>) {
        let mut complaints = Vec::new();
        let code = match self.watch(build, argv, messages, &mut complaints) {
            Ok(code) => code,
            Err(error) => {
                complaints.push(format!("{SELF}: {error}"));
                125
            }
        };
        let complaint = complaints.iter().rev().map(|line| line.trim()).find(|line| !line.is_empty());
        let complaint = complaint.map(|line| line.strip_prefix("porthole: ").unwrap_or(line).to_owned());
        let complaint = complaint.unwrap_or_else(|| format!("exit code {code}"));
        let _ = messages.blocking_send(Msg::BuildEnded { build, code, complaint });
    }

    fn watch(
        &self,
        build: BuildId,
        argv: &[String],
        messages: &Sender<Msg>,
        complaints: &mut Vec<String>,
    ) -> io::Result<i32> {
        let (name, flags) = argv.split_first().ok_or_else(|| io::Error::other("no command"))?;
        let mut command = Command::new(SELF);
        command.arg(name).args(["--progress", "json"]).args(flags);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        self.all().insert(build, Pid::from_raw(child.id().cast_signed()));
        let told =
            child.stderr.take().map_or(Ok(()), |stderr| tell(build, BufReader::new(stderr), messages, complaints));
        // From here on the number may become another's.
        self.all().remove(&build);
        let status = child.wait()?;
        told.map(|()| exit_code(status))
    }
}

/// Hands the news on, as much at once as is there. What is no news is a complaint.
fn tell(
    build: BuildId,
    mut lines: impl BufReadLines,
    messages: &Sender<Msg>,
    complaints: &mut Vec<String>,
) -> io::Result<()> {
    let mut line = Vec::new();
    let mut batch = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        match News::read(&text) {
            Some(news) => batch.push(news),
            None => complaints.push(text.into_owned()),
        }
        line.clear();
        if batch.len() >= BATCH || !lines.has_more() {
            let news = std::mem::take(&mut batch);
            if messages.blocking_send(Msg::Build(build, news)).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Lines, and whether one is there without waiting.
trait BufReadLines: BufRead {
    fn has_more(&self) -> bool;
}

impl<R: io::Read> BufReadLines for BufReader<R> {
    fn has_more(&self) -> bool {
        self.buffer().contains(&b'\n')
    }
}

/// Reads a Dockerfile to be edited.
pub fn read(path: &Path) -> Result<String, String> {
    let failed = |error: String| format!("{}: {error}", path.display());
    let length = fs::metadata(path).map_err(|error| failed(error.to_string()))?.len();
    if length > LONGEST_FILE {
        return Err(failed("it is too long for a Dockerfile".to_owned()));
    }
    fs::read_to_string(path).map_err(|error| failed(error.to_string()))
}

/// Writes a Dockerfile, unless it is another one than was read.
pub fn write(path: &Path, text: &str, in_place_of: Option<&str>) -> Result<(), SaveProblem> {
    let failed = |error: io::Error| SaveProblem::Failed(format!("{}: {error}", path.display()));
    if let Some(expected) = in_place_of {
        match fs::read(path) {
            Ok(found) if found != expected.as_bytes() => return Err(SaveProblem::IsAnother),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
    }
    fs::write(path, text).map_err(failed)
}
