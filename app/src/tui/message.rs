//! What reaches [`super::update`], and what it asks for in return. Both are plain data.

use super::model::builds::BuildId;
use super::model::builds::news::News;
use super::model::trace::{TraceUpdate, TraceWanted};
use super::project::{Definition, Origin};
use super::source::{Container, Event, Image, LogLine, Networks, Process, Sample, Since, Volume};
use porthole_engine::inside::{Source, Stack};
use porthole_widgets::key::{Key, Mouse};
use std::path::PathBuf;
use std::sync::Arc;

/// A terminal pane, by the number that it got when it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ShellId(pub u32);

/// One request for the details of the selection. What comes back for an older one is dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Generation(pub u64);

/// Something happened.
#[derive(Debug)]
pub enum Msg {
    /// Nobody sits at the terminal any more.
    TerminalGone,
    /// Something went wrong that nobody asked for.
    Complaint(String),
    /// A key was pressed.
    Key(Key),
    /// The mouse did something.
    Mouse(Mouse),
    /// Text was pasted.
    Paste(String),
    /// The terminal has another size: columns, rows.
    Resize(u16, u16),
    /// It is now so late, in nanoseconds since 1970.
    Clock(i64),
    /// The state of the engine changed: lists may be stale.
    Changed,
    /// The containers.
    Containers(Result<Vec<Container>, String>),
    /// The images.
    Images(Result<Vec<Image>, String>),
    /// The volumes.
    Volumes(Result<Vec<Volume>, String>),
    /// The way from outside to the containers.
    Networks(Result<Networks, String>),
    /// The repositories of a registry, by its host.
    Repositories(String, Result<Vec<String>, String>),
    /// The tags of a repository.
    Tags { host: String, repository: String, result: Result<Vec<String>, String> },
    /// What the files of projects say.
    Projects(Vec<Definition>),
    /// What running containers use.
    Usage(Result<Sample, String>),
    /// The command line of a shell in a container's image, by the container's id, or why there can be none.
    ImageShell(String, Result<Vec<String>, String>),
    /// What has happened, the newest last.
    Events(Vec<Event>),
    /// Events cannot be read.
    EventsFailed(String),
    /// Lines of the log that is shown.
    Log(Generation, Vec<LogLine>),
    /// The log ended, with what went wrong.
    LogEnded(Generation, Option<String>),
    /// All that is known of the selection.
    Inspected(Generation, Result<serde_json::Value, String>),
    /// The layers and files of the selection.
    Files(Generation, Result<Arc<Stack>, String>),
    /// What is in a file.
    FileText(Result<FileText, String>),
    /// The processes of the selection at a time in nanoseconds since 1970.
    Processes(Generation, Result<(i64, Vec<Process>), String>),
    /// A command line ended.
    Ran(Ran),
    /// A terminal pane's program wrote something.
    ShellOutput(ShellId, Vec<u8>),
    /// A terminal pane's program ended, with its exit code.
    ShellEnded(ShellId, i32),
    /// A terminal pane could not be opened.
    ShellFailed(ShellId, String),
    /// News of the trace.
    Trace(TraceUpdate),
    /// News of a build.
    Build(BuildId, Vec<News>),
    /// A build ended, with this exit code and complaint.
    BuildEnded { build: BuildId, code: i32, complaint: String },
    /// What is in a Dockerfile.
    SourceRead(PathBuf, Result<String, String>),
    /// This text was written to a Dockerfile, or not.
    SourceWritten { path: PathBuf, text: String, result: Result<(), SaveProblem> },
}

/// A file to be read by somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileText {
    /// Its path, and how much of it this is if not all.
    pub title: String,
    /// What is in it.
    pub text: String,
}

/// Why a text was not saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SaveProblem {
    /// The file is another one than was read.
    IsAnother,
    /// It cannot be written.
    Failed(String),
}

/// How a command line ended.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Which one, by its number in the command log.
    pub job: usize,
    /// Its exit code; 128 + n for signal n.
    pub code: i32,
    /// What it printed.
    pub stdout: String,
    /// What it complained of.
    pub stderr: String,
}

/// The list or picture to read anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// Containers.
    Containers,
    /// Images.
    Images,
    /// Volumes.
    Volumes,
    /// The way from outside.
    Networks,
}

/// The details of the selection that are to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Details {
    /// A container's log, from where, and which of its runs it is that is followed.
    Log { container: String, since: Since, run: i64 },
    /// The logs of several containers, merged by time.
    Logs { sources: Vec<LogSource>, since: Since },
    /// All that is known of something; `version` changes when it may be stale.
    Inspect { subject: Subject, version: u64 },
    /// The layers and files of a container or an image; another number has them read once more.
    Files { subject: Subject, reading: u64 },
    /// A container's processes, again and again.
    Top { container: String },
    /// The rules that matter to a network, by its name, whenever they change.
    Rules { network: String },
    /// A container's links and the rules that it meets, whenever they change.
    Links { container: String },
    /// The whole network, whenever it changes.
    Map,
}

/// A container whose log is merged with those of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSource {
    /// Its id.
    pub container: String,
    /// Which of its runs it is that is followed.
    pub run: i64,
    /// What stands before its lines, escape sequences and all.
    pub prefix: String,
}

/// Something that there are details of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A container, by its id.
    Container(String),
    /// An image, by a name or id.
    Image(String),
    /// A volume, by its name.
    Volume(String),
    /// A network, by its name.
    Network(String),
}

/// Something to do outside the model.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Read a list anew.
    Reload(Reload),
    /// Measure what running containers use.
    Sample,
    /// Find out how to open a shell in the image of this container.
    FindImageShell(String),
    /// Ask a registry for its repositories.
    ListRepositories(String),
    /// Ask a registry for the tags of a repository.
    ListTags { host: String, repository: String },
    /// Tell what has happened lately, and from now on what happens.
    WatchEvents,
    /// Tell what the files of these projects say, and from now on how they change; of no others any more.
    WatchProjects(Vec<Origin>),
    /// Show these details from now on, and no others; `None` for none at all.
    Details(Generation, Option<Details>),
    /// Read a file of a layer, at a path without links.
    ReadFile { source: Source, path: PathBuf },
    /// Run `porthole` with these arguments and keep what it prints.
    Run { job: usize, argv: Vec<String> },
    /// The same, but what it prints goes into a file.
    RunInto { job: usize, argv: Vec<String>, path: PathBuf },
    /// Open a terminal of columns × rows for `porthole` with these arguments.
    OpenShell { shell: ShellId, argv: Vec<String>, size: (u16, u16) },
    /// Type into a terminal.
    WriteShell(ShellId, Vec<u8>),
    /// Give a terminal another size: columns, rows.
    ResizeShell(ShellId, (u16, u16)),
    /// Hang up a terminal.
    CloseShell(ShellId),
    /// Begin, change or end the trace.
    Trace(TraceWanted),
    /// Build by `porthole` with these arguments, and tell what happens.
    Build { build: BuildId, argv: Vec<String> },
    /// Cancel a build.
    CancelBuild(BuildId),
    /// Read a Dockerfile.
    ReadSource(PathBuf),
    /// Write a Dockerfile, in place of what was read if that is still there.
    WriteSource { path: PathBuf, text: String, in_place_of: Option<String> },
    /// Put a text into the clipboard.
    Copy(String),
    /// Take the mouse, or leave it to the terminal.
    CaptureMouse(bool),
    /// Draw everything anew.
    Redraw,
    /// Stop as by Ctrl-Z.
    Suspend,
    /// Leave.
    Quit,
}
