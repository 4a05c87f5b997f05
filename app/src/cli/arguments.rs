//! The grammar of the command line. Docker's, down to the short flags.
//!
//! The arguments of a command are built when it is the one that was typed (`defer`): those of all commands together take
//! longer than most commands do. What is deferred would replace the text of a command by the doc comment of its struct or
//! enum of arguments, so these have plain comments, here and in the files of the commands.

use super::build::{BuildArgs, BuilderArgs};
use super::changes::{CommitArgs, DiffArgs, ExportArgs};
use super::compose::ComposeArgs;
use super::confinement::{ConfinementArgs, NamespaceArgs, ResolutionArgs};
use super::cp::CpArgs;
use super::forensics::ForensicsArgs;
use super::groups::{ContainerArgs as ContainerGroupArgs, ImageArgs as ImageGroupArgs, SystemArgs};
use super::health::HealthArgs;
use super::limits::{FixedLimitArgs, LimitArgs};
use super::login::{LoginArgs, LogoutArgs};
use super::manifest::ManifestArgs;
use super::mounts::MountArgs;
use super::network::NetworkArgs;
use super::networking::NetworkingArgs;
use super::port::PortArgs;
use super::pull::{ImageArgs, PullArgs};
use super::push::PushArgs;
use super::save::SaveArgs;
use super::search::SearchArgs;
use super::volume::VolumeArgs;
use clap::{ArgAction, Args, CommandFactory, Parser, Subcommand};
use std::path::PathBuf;

/// A terminal workstation for containers. Without arguments it opens the workstation.
#[derive(Debug, Parser)]
#[command(name = "porthole", version, disable_help_subcommand = true, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The whole grammar, for completion and help elsewhere.
pub fn command() -> clap::Command {
    let mut command = Cli::command();
    command.build();
    command
}

// One command.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum Command {
    /// Create and run a new container from an image
    Run(RunArgs),
    /// Create a new container
    Create(CreateArgs),
    /// Start one or more stopped containers
    Start(StartArgs),
    /// Stop one or more running containers
    Stop(StopArgs),
    /// Restart one or more containers
    Restart(StopArgs),
    /// Kill one or more running containers
    Kill(KillArgs),
    /// Pause all processes within one or more containers
    Pause(Names),
    /// Unpause all processes within one or more containers
    Unpause(Names),
    /// Block until one or more containers stop, then print their exit codes
    Wait(Names),
    /// Remove one or more containers
    Rm(RmArgs),
    /// Rename a container
    Rename(RenameArgs),
    /// List containers
    Ps(PsArgs),
    /// Get real time events of containers and images
    Events(EventsArgs),
    /// Fetch the logs of a container
    Logs(LogsArgs),
    /// Execute a command in a running container
    Exec(ExecArgs),
    /// Attach local standard input, output, and error streams to a running container
    Attach(AttachArgs),
    /// Display a live stream of container(s) resource usage statistics
    Stats(StatsArgs),
    /// Update configuration of one or more containers
    Update(UpdateArgs),
    /// List port mappings of a container
    Port(PortArgs),
    /// Display the running processes of a container
    Top(TopArgs),
    /// Start the containers that their restart policies want, after boot
    Resume,
    /// Return low-level information on containers and images
    Inspect(InspectArgs),
    /// List images
    Images(ImagesArgs),
    /// Download an image from a registry
    Pull(PullArgs),
    /// Upload an image to a registry
    Push(PushArgs),
    /// Authenticate to a registry
    Login(LoginArgs),
    /// Log out from a registry
    Logout(LogoutArgs),
    /// Search a registry for images
    Search(SearchArgs),
    /// Manage image manifests and manifest lists
    Manifest(ManifestArgs),
    /// Load images from a tar archive or STDIN
    Load(LoadArgs),
    /// Import the contents from a tarball to create a filesystem image
    Import(ImportArgs),
    /// Save one or more images to a tar archive (streamed to STDOUT by default)
    Save(SaveArgs),
    /// Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE
    Tag(TagArgs),
    /// Remove one or more images
    Rmi(RmiArgs),
    /// Build an image from a Dockerfile
    Build(Box<BuildArgs>),
    /// Manage what builds leave in the cache
    Builder(BuilderArgs),
    /// Show the history of an image
    History(HistoryArgs),
    /// Gather all that is known of a container in one archive, without changing it
    Forensics(ForensicsArgs),
    /// Manage images
    Image(ImageGroupArgs),
    /// Manage containers
    Container(ContainerGroupArgs),
    /// Manage porthole's data as a whole
    System(SystemArgs),
    /// Copy files and directories between a container and the host
    Cp(CpArgs),
    /// List what a container added to its image's files (A), changed (C) and deleted (D)
    Diff(DiffArgs),
    /// Create a new image from what a container changed
    Commit(CommitArgs),
    /// Export the files of a container as a tar archive
    Export(ExportArgs),
    /// Manage volumes
    Volume(VolumeArgs),
    /// Manage networks, and look at what the host really has
    Network(NetworkArgs),
    /// A web server and a neighbour to reach it from, to learn how a published port works
    Lab(LabArgs),
    /// Define and run containers of several services that belong together
    Compose(ComposeArgs),
    /// Follow packets through address translation, hop by hop
    Trace(TraceArgs),
    /// Show the version
    Version,
}

// `run`: what `create` takes, and how to attach.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub struct RunArgs {
    /// Run container in background and print container ID
    #[arg(short = 'd', long)]
    pub detach: bool,
    /// Attach to STDIN, STDOUT or STDERR
    #[arg(short = 'a', long, value_name = "STREAM")]
    pub attach: Vec<String>,
    /// Override the key sequence for detaching a container
    #[arg(long, value_name = "KEYS")]
    pub detach_keys: Option<String>,
    /// Proxy received signals to the process
    #[arg(long, default_value_t = true, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub sig_proxy: bool,
    #[command(flatten)]
    pub container: ContainerArgs,
}

// `create`.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub struct CreateArgs {
    #[command(flatten)]
    pub container: ContainerArgs,
}

// Everything that may be said of a new container.
#[derive(Debug, Args)]
pub struct ContainerArgs {
    /// Print help
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
    /// Assign a name to the container
    #[arg(long)]
    pub name: Option<String>,
    /// Keep STDIN open even if not attached
    #[arg(short = 'i', long)]
    pub interactive: bool,
    /// Allocate a pseudo-TTY
    #[arg(short = 't', long)]
    pub tty: bool,
    /// Automatically remove the container and its files when it exits
    #[arg(long)]
    pub rm: bool,
    /// Set environment variables
    #[arg(short = 'e', long = "env", value_name = "NAME[=VALUE]")]
    pub env: Vec<String>,
    /// Read in a file of environment variables
    #[arg(long, value_name = "FILE")]
    pub env_file: Vec<PathBuf>,
    /// Working directory inside the container
    #[arg(short = 'w', long, value_name = "PATH")]
    pub workdir: Option<String>,
    /// Username or UID (format: <name|uid>[:<group|gid>])
    #[arg(short = 'u', long, value_name = "USER[:GROUP]")]
    pub user: Option<String>,
    #[command(flatten)]
    pub mounts: MountArgs,
    /// Publish a container's port(s) to the host
    #[arg(short = 'p', long, value_name = "[[IP:]HOST:]CONTAINER[/PROTOCOL]")]
    pub publish: Vec<String>,
    /// Publish all exposed ports to random ports
    #[arg(short = 'P', long)]
    pub publish_all: bool,
    /// Expose a port or a range of ports
    #[arg(long, value_name = "PORT[-PORT][/PROTOCOL]")]
    pub expose: Vec<String>,
    #[command(flatten)]
    pub networking: NetworkingArgs,
    /// Container host name
    #[arg(short = 'h', long)]
    pub hostname: Option<String>,
    /// Container NIS domain name
    #[arg(long)]
    pub domainname: Option<String>,
    /// Overwrite the default ENTRYPOINT of the image
    #[arg(long, value_name = "COMMAND")]
    pub entrypoint: Option<String>,
    #[command(flatten)]
    pub limits: LimitArgs,
    #[command(flatten)]
    pub fixed_limits: FixedLimitArgs,
    #[command(flatten)]
    pub confinement: ConfinementArgs,
    #[command(flatten)]
    pub namespaces: NamespaceArgs,
    #[command(flatten)]
    pub resolution: ResolutionArgs,
    #[command(flatten)]
    pub health: HealthArgs,
    /// Tune host's OOM preferences (-1000 to 1000)
    #[arg(long, value_name = "INT", allow_hyphen_values = true)]
    pub oom_score_adj: Option<i32>,
    /// Size of /dev/shm
    #[arg(long, value_name = "BYTES")]
    pub shm_size: Option<String>,
    /// Ulimit options
    #[arg(long, value_name = "TYPE=SOFT[:HARD]")]
    pub ulimit: Vec<String>,
    /// Mount the container's root filesystem as read only
    #[arg(long)]
    pub read_only: bool,
    /// Run an init inside the container that forwards signals and reaps processes
    #[arg(long)]
    pub init: bool,
    /// Runtime to use for this container
    #[arg(long, value_name = "NAME|PATH")]
    pub runtime: Option<String>,
    /// Give extended privileges to this container
    #[arg(long)]
    pub privileged: bool,
    /// Add Linux capabilities
    #[arg(long, value_name = "CAP")]
    pub cap_add: Vec<String>,
    /// Drop Linux capabilities
    #[arg(long, value_name = "CAP")]
    pub cap_drop: Vec<String>,
    /// Restart policy to apply when a container exits
    #[arg(long, value_name = "no|on-failure[:N]|always|unless-stopped")]
    pub restart: Option<String>,
    /// Signal to stop the container
    #[arg(long, value_name = "SIGNAL")]
    pub stop_signal: Option<String>,
    /// Timeout (in seconds) to stop a container
    #[arg(long, value_name = "SECONDS", allow_hyphen_values = true)]
    pub stop_timeout: Option<i64>,
    /// Set meta data on a container
    #[arg(short = 'l', long, value_name = "KEY[=VALUE]")]
    pub label: Vec<String>,
    /// Read in a line delimited file of labels
    #[arg(long, value_name = "FILE")]
    pub label_file: Vec<PathBuf>,
    /// Add an annotation to the container (passed through to the OCI runtime)
    #[arg(long, value_name = "KEY=VALUE")]
    pub annotation: Vec<String>,
    /// Logging driver for the container
    #[arg(long, value_name = "json-file|local|none", default_value = "", hide_default_value = true)]
    pub log_driver: String,
    /// Log driver options
    #[arg(long, value_name = "max-size=SIZE|max-file=N")]
    pub log_opt: Vec<String>,
    /// Write the container ID to the file
    #[arg(long, value_name = "FILE")]
    pub cidfile: Option<PathBuf>,
    #[command(flatten)]
    pub pull: ImageArgs,
    /// The image, and the command with its arguments
    // One list, so that all that follows the image is the command's, also what looks like an option of ours.
    #[arg(required = true, trailing_var_arg = true, value_name = "IMAGE [COMMAND]")]
    pub words: Vec<String>,
}

// `start`.
#[derive(Debug, Args)]
pub struct StartArgs {
    /// Attach STDOUT/STDERR and forward signals
    #[arg(short = 'a', long)]
    pub attach: bool,
    /// Attach container's STDIN
    #[arg(short = 'i', long)]
    pub interactive: bool,
    /// Override the key sequence for detaching a container
    #[arg(long, value_name = "KEYS")]
    pub detach_keys: Option<String>,
    /// Containers
    #[arg(required = true)]
    pub names: Vec<String>,
}

// `stop` and `restart`.
#[derive(Debug, Args)]
pub struct StopArgs {
    /// Signal to send to the container
    #[arg(short = 's', long)]
    pub signal: Option<String>,
    /// Seconds to wait before killing the container
    #[arg(short = 't', long = "timeout", alias = "time", value_name = "SECONDS", allow_hyphen_values = true)]
    pub timeout: Option<i64>,
    /// Containers
    #[arg(required = true)]
    pub names: Vec<String>,
}

// `kill`.
#[derive(Debug, Args)]
pub struct KillArgs {
    /// Signal to send to the container
    #[arg(short = 's', long, default_value = "KILL")]
    pub signal: String,
    /// Containers
    #[arg(required = true)]
    pub names: Vec<String>,
}

// Commands that take containers only.
#[derive(Debug, Args)]
pub struct Names {
    /// Containers
    #[arg(required = true)]
    pub names: Vec<String>,
}

// `rm`.
#[derive(Debug, Args)]
pub struct RmArgs {
    /// Force the removal of a running container (uses SIGKILL)
    #[arg(short = 'f', long)]
    pub force: bool,
    /// Remove anonymous volumes associated with the container
    #[arg(short = 'v', long)]
    pub volumes: bool,
    /// Containers
    #[arg(required = true)]
    pub names: Vec<String>,
}

// `rename`.
#[derive(Debug, Args)]
pub struct RenameArgs {
    /// The container
    pub container: String,
    /// Its new name
    pub new_name: String,
}

// `ps`.
#[derive(Debug, Args)]
pub struct PsArgs {
    /// Show all containers (default shows just running)
    #[arg(short = 'a', long)]
    pub all: bool,
    /// Only display container IDs
    #[arg(short = 'q', long)]
    pub quiet: bool,
    /// Don't truncate output
    #[arg(long)]
    pub no_trunc: bool,
    /// Show n last created containers (includes all states)
    #[arg(short = 'n', long, value_name = "INT")]
    pub last: Option<usize>,
    /// Show the latest created container (includes all states)
    #[arg(short = 'l', long)]
    pub latest: bool,
    /// Filter output based on conditions provided
    #[arg(short = 'f', long, value_name = "KEY=VALUE")]
    pub filter: Vec<String>,
    /// Format output: 'table', 'table TEMPLATE', 'json', or a Go template
    #[arg(long, value_name = "TEMPLATE")]
    pub format: Option<String>,
    /// Display total file sizes
    #[arg(short = 's', long)]
    pub size: bool,
}

// `events`.
#[derive(Debug, Args)]
pub struct EventsArgs {
    /// Show all events created since timestamp
    #[arg(long)]
    pub since: Option<String>,
    /// Stream events until this timestamp
    #[arg(long)]
    pub until: Option<String>,
    /// Filter output based on conditions provided
    #[arg(short = 'f', long, value_name = "KEY=VALUE")]
    pub filter: Vec<String>,
    /// Format output: 'json' or a Go template
    #[arg(long, value_name = "TEMPLATE")]
    pub format: Option<String>,
}

// `logs`.
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// Follow log output
    #[arg(short = 'f', long)]
    pub follow: bool,
    /// Number of lines to show from the end of the logs
    #[arg(short = 'n', long, value_name = "NUMBER|all", default_value = "all")]
    pub tail: String,
    /// Show timestamps
    #[arg(short = 't', long)]
    pub timestamps: bool,
    /// Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)
    #[arg(long)]
    pub since: Option<String>,
    /// Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)
    #[arg(long)]
    pub until: Option<String>,
    /// The container
    pub container: String,
}

// `exec`.
#[derive(Debug, Args)]
pub struct ExecArgs {
    /// Detached mode: run command in the background
    #[arg(short = 'd', long)]
    pub detach: bool,
    /// Override the key sequence for detaching a container
    #[arg(long, value_name = "KEYS")]
    pub detach_keys: Option<String>,
    /// Keep STDIN open even if not attached
    #[arg(short = 'i', long)]
    pub interactive: bool,
    /// Allocate a pseudo-TTY
    #[arg(short = 't', long)]
    pub tty: bool,
    /// Set environment variables
    #[arg(short = 'e', long = "env", value_name = "NAME[=VALUE]")]
    pub env: Vec<String>,
    /// Read in a file of environment variables
    #[arg(long, value_name = "FILE")]
    pub env_file: Vec<PathBuf>,
    /// Give extended privileges to the command
    #[arg(long)]
    pub privileged: bool,
    /// Username or UID (format: <name|uid>[:<group|gid>])
    #[arg(short = 'u', long, value_name = "USER[:GROUP]")]
    pub user: Option<String>,
    /// Working directory inside the container
    #[arg(short = 'w', long, value_name = "PATH")]
    pub workdir: Option<String>,
    /// The container
    pub container: String,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

// `attach`.
#[derive(Debug, Args)]
pub struct AttachArgs {
    /// Override the key sequence for detaching a container
    #[arg(long, value_name = "KEYS")]
    pub detach_keys: Option<String>,
    /// Do not attach STDIN
    #[arg(long)]
    pub no_stdin: bool,
    /// Proxy all received signals to the process
    #[arg(long, default_value_t = true, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub sig_proxy: bool,
    /// The container
    pub container: String,
}

// `stats`.
#[derive(Debug, Args)]
pub struct StatsArgs {
    /// Show all containers (default shows just running)
    #[arg(short = 'a', long)]
    pub all: bool,
    /// Disable streaming stats and only pull the first result
    #[arg(long)]
    pub no_stream: bool,
    /// Do not truncate output
    #[arg(long)]
    pub no_trunc: bool,
    /// Format output: 'table', 'table TEMPLATE', 'json', or a Go template
    #[arg(long, value_name = "TEMPLATE")]
    pub format: Option<String>,
    /// Containers
    pub names: Vec<String>,
}

// `update`.
#[derive(Debug, Args)]
pub struct UpdateArgs {
    #[command(flatten)]
    pub limits: LimitArgs,
    /// Restart policy to apply when a container exits
    #[arg(long, value_name = "no|on-failure[:N]|always|unless-stopped")]
    pub restart: Option<String>,
    /// Containers
    #[arg(required = true)]
    pub names: Vec<String>,
}

// `top`.
#[derive(Debug, Args)]
pub struct TopArgs {
    /// The container
    pub container: String,
    /// Options of the host's ps(1), instead of -ef
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ps OPTIONS")]
    pub options: Vec<String>,
}

// `inspect`.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// Return JSON for specified type
    #[arg(long = "type", value_name = "container|image", value_parser = ["container", "image"])]
    pub kind: Option<String>,
    /// Format output with a Go template, or 'json'
    #[arg(short = 'f', long, value_name = "TEMPLATE")]
    pub format: Option<String>,
    /// Display total file sizes of containers
    #[arg(short = 's', long)]
    pub size: bool,
    /// Containers or images
    #[arg(required = true)]
    pub names: Vec<String>,
}

// `images`.
#[derive(Debug, Args)]
pub struct ImagesArgs {
    /// Show all images (default hides intermediate images)
    #[arg(short = 'a', long)]
    pub all: bool,
    /// Only show image IDs
    #[arg(short = 'q', long)]
    pub quiet: bool,
    /// Don't truncate output
    #[arg(long)]
    pub no_trunc: bool,
    /// Show digests
    #[arg(long)]
    pub digests: bool,
    /// Filter output based on conditions provided
    #[arg(short = 'f', long, value_name = "KEY=VALUE")]
    pub filter: Vec<String>,
    /// Format output: 'table', 'table TEMPLATE', 'json', or a Go template
    #[arg(long, value_name = "TEMPLATE")]
    pub format: Option<String>,
    /// Show only this repository, or repository and tag; * and ? stand for any characters
    pub repository: Option<String>,
}

// `load`.
#[derive(Debug, Args)]
pub struct LoadArgs {
    /// Read from tar archive file, instead of STDIN
    #[arg(short = 'i', long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// Suppress the load output
    #[arg(short = 'q', long)]
    pub quiet: bool,
}

// `import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Apply Dockerfile instruction to the created image
    #[arg(short = 'c', long, value_name = "INSTRUCTION")]
    pub change: Vec<String>,
    /// Set commit message for imported image
    #[arg(short = 'm', long)]
    pub message: Option<String>,
    /// A tar archive, or - for STDIN
    pub source: PathBuf,
    /// The name of the image
    pub reference: Option<String>,
}

// `tag`.
#[derive(Debug, Args)]
pub struct TagArgs {
    /// An image
    pub source: String,
    /// Its further name
    pub target: String,
}

// `rmi`.
#[derive(Debug, Args)]
pub struct RmiArgs {
    /// Force removal of the image
    #[arg(short = 'f', long)]
    pub force: bool,
    /// Images
    #[arg(required = true)]
    pub names: Vec<String>,
}

// `history`.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// Don't truncate output
    #[arg(long)]
    pub no_trunc: bool,
    /// Only show image IDs
    #[arg(short = 'q', long)]
    pub quiet: bool,
    /// The image
    pub image: String,
}

// `lab`.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub struct LabArgs {
    /// What to do with the lab
    #[command(subcommand)]
    pub action: LabAction,
}

// What can be done with the lab.
#[derive(Clone, Copy, Debug, Subcommand)]
#[command(defer = true)]
pub enum LabAction {
    /// Make the image `lab`, start the container `web` on port 8088, and join an outside host
    Up,
    /// Make one request from the outside host to the published port
    Send,
    /// Tell what of the lab is there
    Status,
    /// Remove all of it
    Down,
}

// `trace`.
#[derive(Debug, Args)]
pub struct TraceArgs {
    /// Follow what enters and leaves this container
    #[arg(long, value_name = "NAME", conflicts_with = "publish")]
    pub container: Option<String>,
    /// Follow what goes to this published port
    #[arg(long, value_name = "PORT")]
    pub publish: Option<u16>,
    /// End after this many packets
    #[arg(long, value_name = "N")]
    pub count: Option<usize>,
    /// End after this many seconds
    #[arg(long, value_name = "SECONDS")]
    pub timeout: Option<f64>,
    /// One JSON object per packet
    #[arg(long)]
    pub json: bool,
    /// Write what was captured to a pcapng file
    #[arg(short = 'w', long, value_name = "FILE")]
    pub write: Option<PathBuf>,
    /// A command to run once the taps are open; the trace ends after it
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The texts of all commands below this one, each with its name.
    fn texts(command: &clap::Command) -> Vec<(String, String)> {
        let own = |sub: &clap::Command| {
            let text = sub.get_about().map(ToString::to_string).unwrap_or_default();
            [vec![(sub.get_name().to_owned(), text)], texts(sub)].concat()
        };
        command.get_subcommands().flat_map(own).collect()
    }

    #[test]
    fn a_command_says_of_itself_what_the_list_says_of_it() {
        let listed = texts(&Cli::command());
        let said = texts(&command());
        assert!(listed.len() > 50 && said.len() > listed.len(), "groups have commands");
        for (name, text) in listed {
            assert!(said.contains(&(name.clone(), text.clone())), "{name}: {text:?}");
        }
    }
}
