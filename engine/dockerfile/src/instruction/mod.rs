//! Instructions with their meaning: one type each (Dockerfile reference).

mod device;
mod duration;
mod expand;
mod flags;
mod mount;
pub(crate) mod read;

use std::time::Duration;

use crate::error::Lines;
pub use device::Device;
pub(crate) use expand::Expand;
pub use mount::{Mount, MountSpec, MountType, Sharing};
pub use read::read;

/// A Dockerfile: its global arguments and its stages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dockerfile {
    /// The `ARG`s before the first `FROM`.
    pub global_args: Vec<GlobalArgs>,
    /// The stages, in order.
    pub stages: Vec<Stage>,
    /// What escapes.
    pub escape: crate::shell::Escape,
}

/// An `ARG` before the first `FROM`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GlobalArgs {
    /// What it declares.
    pub args: Vec<Arg>,
    /// Where it stands.
    pub lines: Lines,
}

/// A `FROM` and the instructions that follow it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// `FROM` as it is written.
    pub keyword: String,
    /// What the stage builds on, its variables not yet expanded.
    pub base: String,
    /// The name that it is given by `AS`, in lower case.
    pub name: Option<String>,
    /// `--platform`, its variables not yet expanded.
    pub platform: Option<String>,
    /// What the comment before it says of it.
    pub description: Option<String>,
    /// The `FROM` as one line.
    pub source: String,
    /// Where the `FROM` stands.
    pub lines: Lines,
    /// What follows.
    pub instructions: Vec<Instruction>,
}

/// An instruction of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// Its name as it is written.
    pub keyword: String,
    /// What it does.
    pub command: Command,
    /// The instruction as one line.
    pub source: String,
    /// Where it stands.
    pub lines: Lines,
}

/// What an instruction does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Copies files, also such as must be fetched or unpacked.
    Add(Add),
    /// Declares build arguments.
    Arg(Vec<Arg>),
    /// Sets what a container runs unless told otherwise.
    Cmd(CommandLine),
    /// Copies files.
    Copy(Copy),
    /// Sets what a container always runs.
    Entrypoint(CommandLine),
    /// Sets variables.
    Env(Vec<KeyValue>),
    /// Tells which ports are listened at.
    Expose(Vec<String>),
    /// Sets how a container is asked for its health.
    Healthcheck(Healthcheck),
    /// Labels the image.
    Label(Vec<KeyValue>),
    /// Names the image's author.
    Maintainer(String),
    /// Keeps an instruction for the images that build on this one.
    Onbuild(String),
    /// Runs a command.
    Run(Run),
    /// Sets the shell for what is not a JSON array.
    Shell(Vec<String>),
    /// Sets the signal that stops a container.
    StopSignal(String),
    /// Sets the user.
    User(String),
    /// Tells which paths are volumes.
    Volume(Vec<String>),
    /// Sets the working directory.
    Workdir(String),
}

/// A name and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyValue {
    /// The name.
    pub key: String,
    /// The value.
    pub value: String,
    /// Whether they are separated by white space in place of `=`.
    pub legacy: bool,
}

/// A build argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arg {
    /// Its name.
    pub key: String,
    /// Its value where none is given; none if it is only declared.
    pub value: Option<String>,
    /// What the comment before it says of it.
    pub description: Option<String>,
}

/// A command, for the shell or to execute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandLine {
    /// A text for the shell.
    Shell(String),
    /// A program and its arguments.
    Exec(Vec<String>),
}

/// What is copied to where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourcesAndDest {
    /// Paths, which may hold wildcards.
    pub sources: Vec<String>,
    /// Files whose content stands in the Dockerfile.
    pub contents: Vec<InlineFile>,
    /// Where to.
    pub dest: String,
}

/// A file that stands in the Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InlineFile {
    /// Its name: that of the heredoc.
    pub name: String,
    /// What it holds.
    pub data: String,
    /// Whether variables in it are expanded.
    pub expand: bool,
}

/// `ADD`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Add {
    /// What to where.
    pub paths: SourcesAndDest,
    /// `--chown`.
    pub chown: Option<String>,
    /// `--chmod`.
    pub chmod: Option<String>,
    /// `--link`.
    pub link: bool,
    /// `--exclude`, each time it is given.
    pub exclude: Vec<String>,
    /// `--keep-git-dir`.
    pub keep_git_dir: bool,
    /// `--checksum`.
    pub checksum: Option<String>,
    /// `--unpack`, where it is given.
    pub unpack: Option<bool>,
}

/// `COPY`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copy {
    /// What to where.
    pub paths: SourcesAndDest,
    /// `--from`.
    pub from: Option<String>,
    /// `--chown`.
    pub chown: Option<String>,
    /// `--chmod`.
    pub chmod: Option<String>,
    /// `--link`.
    pub link: bool,
    /// `--parents`.
    pub parents: bool,
    /// `--exclude`, each time it is given.
    pub exclude: Vec<String>,
}

/// `RUN`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// What is run.
    pub command: CommandLine,
    /// The documents that its line opens, which its shell reads.
    pub documents: Vec<crate::ast::Heredoc>,
    /// `--mount`, each time it is given.
    pub mounts: Vec<MountSpec>,
    /// `--network`.
    pub network: Network,
    /// `--security`.
    pub security: Security,
    /// `--device`, each time it is given.
    pub devices: Vec<Device>,
}

/// The network of a `RUN`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Network {
    /// That of the build.
    #[default]
    Default,
    /// None but its own loopback.
    None,
    /// The host's.
    Host,
}

/// What a `RUN` may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Security {
    /// What every container may.
    #[default]
    Sandbox,
    /// Everything.
    Insecure,
}

/// `HEALTHCHECK`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Healthcheck {
    /// `NONE`: not even what the base asks.
    None,
    /// `CMD`.
    Cmd(HealthcheckCommand),
}

/// How a container is asked for its health. What is zero is as the base, or the engine, has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthcheckCommand {
    /// What is run.
    pub command: CommandLine,
    /// `--interval`.
    pub interval: Duration,
    /// `--timeout`.
    pub timeout: Duration,
    /// `--start-period`.
    pub start_period: Duration,
    /// `--start-interval`.
    pub start_interval: Duration,
    /// `--retries`.
    pub retries: u32,
}

impl Run {
    /// The text for the shell, its documents within it: that of a command which is nothing but one document is the
    /// document, so that shells without heredocs can run it; others get their documents after their line.
    pub fn script(&self) -> Option<String> {
        let CommandLine::Shell(line) = &self.command else { return None };
        match self.documents.first() {
            None => Some(line.clone()),
            Some(document) if self.is_document() => Some(document.text()),
            Some(_) => {
                let documents =
                    self.documents.iter().map(|document| format!("\n{}{}", document.content, document.name));
                Some(std::iter::once(line.clone()).chain(documents).collect())
            }
        }
    }

    /// Whether the command is nothing but a document, such as may name its own interpreter (`#!`).
    pub fn is_document(&self) -> bool {
        let opens_one = |line: &str| matches!(crate::parse::heredoc::in_word(line), Ok(Some(_)));
        !self.documents.is_empty() && matches!(&self.command, CommandLine::Shell(line) if opens_one(line))
    }
}
