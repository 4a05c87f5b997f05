//! `compose`: projects of several containers.

mod build;
mod config;
mod copy;
mod events;
mod exec;
mod images;
mod lifecycle;
mod list;
mod logs;
mod ls;
mod output;
mod port;
mod progress;
mod ps;
mod pull;
mod rm;
mod run;
mod scale;
mod top;
mod up;
mod version;
mod wait;
mod watch;

pub use output::{COLOURS, short_name};

use super::{Failure, Outcome};
use clap::{Args, Subcommand, ValueEnum};
use porthole_engine::Engine;
use porthole_engine::compose::Member;
use porthole_engine::compose::model::project::PullPolicy;
use porthole_engine::compose::model::{Disk, Project, Request};
use progress::{Printer, Style};
use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::path::PathBuf;

// `compose`.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
pub struct ComposeArgs {
    /// Compose configuration files
    #[arg(short = 'f', long, value_name = "FILE")]
    file: Vec<PathBuf>,
    /// Project name
    #[arg(short = 'p', long, value_name = "NAME")]
    project_name: Option<String>,
    /// Specify a profile to enable
    #[arg(long, value_name = "NAME")]
    profile: Vec<String>,
    /// Specify an alternate environment file
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
    /// Specify an alternate working directory (default: the path of the first specified Compose file)
    #[arg(long, value_name = "DIRECTORY")]
    project_directory: Option<PathBuf>,
    /// Set type of progress output
    #[arg(long, value_enum, default_value_t = ProgressWord::Auto, value_name = "auto|tty|plain|quiet", hide_possible_values = true, hide_default_value = true)]
    progress: ProgressWord,
    /// What to do
    #[command(subcommand)]
    action: Action,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ProgressWord {
    Auto,
    Tty,
    Plain,
    Quiet,
}

// What is done with a project.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
enum Action {
    /// Build or rebuild services
    Build(build::BuildArgs),
    /// Parse, resolve and render compose file in canonical format
    Config(config::ConfigArgs),
    /// Copy files/folders between a service container and the local filesystem
    Cp(copy::CopyArgs),
    /// Creates containers for a service
    Create(up::CreateArgs),
    /// Stop and remove containers, networks
    Down(lifecycle::DownArgs),
    /// Receive real time events from containers
    Events(events::EventsArgs),
    /// Execute a command in a running container
    Exec(exec::ExecArgs),
    /// List images used by the created containers
    Images(images::ImagesArgs),
    /// Force stop service containers
    Kill(lifecycle::KillArgs),
    /// View output from containers
    Logs(logs::LogsArgs),
    /// List running compose projects
    Ls(ls::LsArgs),
    /// Pause services
    Pause(lifecycle::Services),
    /// Print the public port for a port binding
    Port(port::PortArgs),
    /// List containers
    Ps(ps::PsArgs),
    /// Pull service images
    Pull(pull::PullArgs),
    /// Push service images
    Push(pull::PushArgs),
    /// Restart service containers
    Restart(lifecycle::RestartArgs),
    /// Removes stopped service containers
    Rm(rm::RmArgs),
    /// Run a one-off command on a service
    Run(run::RunArgs),
    /// Scale services
    Scale(scale::ScaleArgs),
    /// Start services
    Start(lifecycle::StartArgs),
    /// Stop services
    Stop(lifecycle::StopArgs),
    /// Display the running processes
    Top(lifecycle::Services),
    /// Unpause services
    Unpause(lifecycle::Services),
    /// Create and start containers
    Up(up::UpArgs),
    /// Show the Compose version information
    Version(version::VersionArgs),
    /// Block until containers of all (or specified) services stop
    Wait(wait::WaitArgs),
    /// Bring files that change into the containers of services
    Watch(watch::WatchArgs),
}

/// A command of `compose`, with what all of them have.
struct Context<'a> {
    engine: &'a Engine,
    request: Request,
    style: Style,
    /// The project, once it was looked for.
    found: OnceCell<(String, Option<Project>)>,
}

impl From<porthole_engine::compose::model::Error> for Failure {
    fn from(error: porthole_engine::compose::model::Error) -> Failure {
        Failure { message: error.to_string(), exit_code: 1 }
    }
}

/// Does what is asked with a project.
pub fn compose(engine: &Engine, arguments: ComposeArgs) -> Outcome {
    let style = match arguments.progress {
        ProgressWord::Auto => Style::Auto,
        ProgressWord::Tty => Style::Terminal,
        ProgressWord::Plain => Style::Plain,
        ProgressWord::Quiet => Style::Quiet,
    };
    let working_directory = std::env::current_dir()?;
    let request = Request {
        files: arguments.file,
        directory: arguments.project_directory,
        name: arguments.project_name,
        profiles: arguments.profile,
        env_files: arguments.env_file,
        environment: std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect(),
        working_directory,
        services: Vec::new(),
        keep_variables: false,
    };
    let context = Context { engine, request, style, found: OnceCell::new() };
    match arguments.action {
        Action::Build(options) => build::build(context, options),
        Action::Config(options) => config::config(context, &options),
        Action::Cp(options) => copy::copy(&context, &options),
        Action::Create(options) => up::create(context, options),
        Action::Down(options) => lifecycle::down(&context, options),
        Action::Events(options) => events::events(&context, &options),
        Action::Exec(options) => exec::exec(&context, &options),
        Action::Images(options) => images::images(&context, &options),
        Action::Kill(options) => lifecycle::kill(&context, &options),
        Action::Logs(options) => logs::logs(&context, &options),
        Action::Ls(options) => ls::list(engine, &options),
        Action::Pause(options) => lifecycle::pause(&context, &options),
        Action::Port(options) => port::port(&context, &options),
        Action::Ps(options) => ps::list(&context, &options),
        Action::Pull(options) => pull::pull(context, options),
        Action::Push(options) => pull::push(context, options),
        Action::Restart(options) => lifecycle::restart(&context, &options),
        Action::Rm(options) => rm::remove(&context, &options),
        Action::Run(options) => run::run(context, options),
        Action::Scale(options) => scale::scale(context, &options),
        Action::Start(options) => lifecycle::start(context, options),
        Action::Stop(options) => lifecycle::stop(&context, &options),
        Action::Top(options) => top::top(&context, &options),
        Action::Unpause(options) => lifecycle::unpause(&context, &options),
        Action::Up(options) => up::up(context, options),
        Action::Version(options) => version::version(&options),
        Action::Watch(options) => watch::watch(context, options),
        Action::Wait(options) => wait::wait(&context, &options),
    }
}

impl Context<'_> {
    /// The project of the files, with these services whatever their profiles are.
    fn project(&self, services: &[String]) -> Result<Project, Failure> {
        let request = Request { services: services.to_vec(), ..self.request.clone() };
        let project = request.load(&Disk)?;
        super::warn(&project.warnings);
        Ok(project)
    }

    /// The project's name: without its files where that is possible.
    fn name(&self) -> Result<String, Failure> {
        match self.request.known_name()? {
            Some(name) => Ok(name),
            None => Ok(self.request.read(&Disk)?.name),
        }
    }

    /// The project of the files, if it has any; without them a name is enough.
    fn project_if_there(&self) -> Result<&(String, Option<Project>), Failure> {
        if let Some(found) = self.found.get() {
            return Ok(found);
        }
        let found = match (self.request.known_name()?, self.request.files.is_empty()) {
            (Some(name), true) => match self.request.load(&Disk) {
                Ok(project) => (name, Some(project)),
                Err(error) if error.place().is_some() => return Err(error.into()),
                Err(_) => (name, None),
            },
            _ => {
                let project = self.project(&[])?;
                (project.name.clone(), Some(project))
            }
        };
        Ok(self.found.get_or_init(|| found))
    }

    /// The containers of services, or of all; each service must have one, or be in the file.
    fn members(&self, services: &[String]) -> Result<Vec<Member>, Failure> {
        let (name, project) = self.project_if_there()?;
        let mut members = self.engine.members(name)?;
        let known: BTreeSet<&String> = members.iter().map(|member| &member.service).collect();
        for service in services {
            let in_file = project
                .as_ref()
                .is_some_and(|project| project.services.contains_key(service) || project.disabled.contains(service));
            if !in_file && !known.contains(service) {
                return Err(Failure::new(format!("no such service: {service}"), 1));
            }
        }
        members.retain(|member| services.is_empty() || services.contains(&member.service));
        Ok(members)
    }

    /// One container of a service: the one with this number, or the first.
    fn member(&self, service: &str, index: Option<usize>) -> Result<Member, Failure> {
        let members = self.members(&[service.to_owned()])?.into_iter().filter(|member| !member.one_off);
        let mut members = members.filter(|member| index.is_none_or(|index| member.number == index));
        let missing = || match index {
            Some(index) => format!("service {service:?} is not running container #{index}"),
            None => format!("service {service:?} is not running"),
        };
        members.next().ok_or_else(|| Failure::new(missing(), 1))
    }

    fn printer(&self) -> Printer {
        Printer::new(self.style)
    }
}

/// `--pull` and `--policy`.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum PullWord {
    Always,
    Missing,
    Never,
}

impl From<PullWord> for PullPolicy {
    fn from(word: PullWord) -> PullPolicy {
        match word {
            PullWord::Always => PullPolicy::Always,
            PullWord::Missing => PullPolicy::Missing,
            PullWord::Never => PullPolicy::Never,
        }
    }
}
