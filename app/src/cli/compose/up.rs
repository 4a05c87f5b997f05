//! `compose up` and `compose create`.

use super::output::{LineStyle, Lines, short_name};
use super::progress::{Printer, Style};
use super::{Context, PullWord};
use crate::cli::{Failure, Outcome, code, sweep, warn};
use clap::Args;
use porthole_engine::compose::model::project::Project;
use porthole_engine::compose::{BuildPolicy, Member, Progress, Recreation, UpOptions, each};
use porthole_engine::{Engine, LogOptions};
use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

// When images are built.
#[derive(Clone, Copy, Debug, Args)]
pub struct BuildFlags {
    /// Build images before starting containers
    #[arg(long)]
    build: bool,
    /// Don't build an image, even if it's missing
    #[arg(long, conflicts_with = "build")]
    no_build: bool,
}

impl BuildFlags {
    pub fn policy(self) -> BuildPolicy {
        match (self.build, self.no_build) {
            (true, _) => BuildPolicy::Always,
            (false, true) => BuildPolicy::Never,
            (false, false) => BuildPolicy::Missing,
        }
    }
}

// What `up` and `create` have in common.
#[derive(Debug, Args)]
pub struct MakeArgs {
    #[command(flatten)]
    build: BuildFlags,
    /// Recreate containers even if their configuration and image haven't changed
    #[arg(long, conflicts_with = "no_recreate")]
    force_recreate: bool,
    /// If containers already exist, don't recreate them
    #[arg(long)]
    no_recreate: bool,
    /// Pull image before running
    #[arg(long, value_enum, value_name = "always|missing|never", hide_possible_values = true)]
    pull: Option<PullWord>,
    /// Pull without printing progress information
    #[arg(long)]
    quiet_pull: bool,
    /// Remove containers for services not defined in the Compose file
    #[arg(long)]
    remove_orphans: bool,
    /// Scale SERVICE to NUM instances, whatever the file says
    #[arg(long, value_name = "SERVICE=NUM", value_parser = parse_scale)]
    scale: Vec<(String, usize)>,
    /// Services
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

// `compose up`.
#[derive(Debug, Args)]
pub struct UpArgs {
    /// Detached mode: Run containers in the background
    #[arg(short = 'd', long)]
    detach: bool,
    #[command(flatten)]
    make: MakeArgs,
    /// Don't start linked services
    #[arg(long)]
    no_deps: bool,
    /// Recreate dependent containers, too
    #[arg(long, conflicts_with = "no_recreate")]
    always_recreate_deps: bool,
    /// Don't start the services after creating them
    #[arg(long)]
    no_start: bool,
    /// Wait for services to be running|healthy. Implies detached mode
    #[arg(long)]
    wait: bool,
    /// Maximum duration in seconds to wait for the project to be running|healthy
    #[arg(long, value_name = "SECONDS", requires = "wait")]
    wait_timeout: Option<u64>,
    /// Use this timeout in seconds for container shutdown when attached or when containers are already running
    #[arg(short = 't', long, value_name = "SECONDS", allow_hyphen_values = true)]
    timeout: Option<i64>,
    /// Stops all containers if any container was stopped
    #[arg(long, conflicts_with = "detach")]
    abort_on_container_exit: bool,
    /// Return the exit code of the selected service container. Implies --abort-on-container-exit
    #[arg(long, value_name = "SERVICE", conflicts_with = "detach")]
    exit_code_from: Option<String>,
    /// Restrict attaching to the specified services
    #[arg(long, value_name = "SERVICE", conflicts_with = "detach")]
    attach: Vec<String>,
    /// Do not attach (stream logs) to the specified services
    #[arg(long, value_name = "SERVICE", conflicts_with = "detach")]
    no_attach: Vec<String>,
    /// Produce monochrome output
    #[arg(long)]
    no_color: bool,
    /// Don't print prefix in logs
    #[arg(long)]
    no_log_prefix: bool,
    /// Show timestamps
    #[arg(long)]
    timestamps: bool,
}

// `compose create`.
#[derive(Debug, Args)]
pub struct CreateArgs {
    #[command(flatten)]
    make: MakeArgs,
}

pub fn parse_scale(text: &str) -> Result<(String, usize), String> {
    let pair = text.split_once('=').and_then(|(name, count)| Some((name.to_owned(), count.parse().ok()?)));
    pair.ok_or_else(|| format!("invalid scale {text:?}: want SERVICE=NUM"))
}

impl MakeArgs {
    fn options(&self) -> UpOptions {
        UpOptions {
            services: self.services.clone(),
            recreation: match (self.force_recreate, self.no_recreate) {
                (true, _) => Recreation::Force,
                (false, true) => Recreation::Never,
                (false, false) => Recreation::Diverged,
            },
            scale: self.scale.iter().cloned().collect(),
            remove_orphans: self.remove_orphans,
            pull: self.pull.map(Into::into),
            build: self.build.policy(),
            ..UpOptions::default()
        }
    }
}

/// Makes the containers of a project and does not start them.
pub fn create(context: Context<'_>, arguments: CreateArgs) -> Outcome {
    let options = UpOptions { no_start: true, ..arguments.make.options() };
    let project = context.project(&options.services)?;
    let printer = context.printer();
    warn(&context.engine.project_up(&project, &options, &|progress| printer.tell(progress))?);
    sweep(context.engine);
    Ok(ExitCode::SUCCESS)
}

/// Makes the containers of a project, starts them, and shows what they say unless told not to.
pub fn up(context: Context<'_>, arguments: UpArgs) -> Outcome {
    let make = arguments.make.options();
    let recreation = match (make.recreation, arguments.always_recreate_deps) {
        (Recreation::Force, true) => Recreation::ForceAll,
        (recreation, _) => recreation,
    };
    let options = UpOptions {
        recreation,
        no_deps: arguments.no_deps,
        no_start: arguments.no_start,
        wait: arguments.wait,
        wait_timeout: arguments.wait_timeout.map(Duration::from_secs),
        timeout: arguments.timeout,
        ..make
    };
    let project = context.project(&options.services)?;
    let stays = !(arguments.detach || arguments.no_start || arguments.wait);
    let style = if stays && context.style == Style::Auto { Style::Plain } else { context.style };
    let printer = Printer::new(style);
    let quiet = arguments.make.quiet_pull;
    let tell = |progress: Progress| {
        let is_pull =
            matches!(&progress, Progress::Work(work) if work.kind == "Image" && work.word.starts_with("Pull"));
        if !(quiet && is_pull) {
            printer.tell(progress);
        }
    };
    if !stays {
        warn(&context.engine.project_up(&project, &options, &tell)?);
        sweep(context.engine);
        return Ok(ExitCode::SUCCESS);
    }
    let shown = shown_services(&project, &options, &arguments)?;
    let code_from = arguments.exit_code_from.clone();
    if let Some(service) = &code_from
        && !project.services.contains_key(service)
    {
        return Err(Failure::new(format!("no such service: {service}"), 1));
    }
    let since = crate::cli::output::now();
    let warnings = context.engine.project_up(&project, &options, &tell)?;
    warn(&warnings);
    sweep(context.engine);
    let stay = Stay {
        engine: context.engine,
        project: &project,
        shown: &shown,
        since,
        style: LineStyle::new(arguments.no_color, arguments.no_log_prefix, arguments.timestamps),
        abort: arguments.abort_on_container_exit || code_from.is_some(),
        code_from,
        timeout: arguments.timeout,
    };
    let services = match options.no_deps {
        true => project.select(&options.services)?,
        false => project.with_dependencies(&project.select(&options.services)?),
    };
    stay.until_the_end(&services, &tell)
}

/// The services whose output is shown.
fn shown_services(project: &Project, options: &UpOptions, arguments: &UpArgs) -> Result<BTreeSet<String>, Failure> {
    let mut shown = match arguments.attach.is_empty() {
        true => project.with_dependencies(&project.select(&options.services)?),
        false => project.select(&arguments.attach)?,
    };
    let hidden = match arguments.no_attach.is_empty() {
        true => BTreeSet::new(),
        false => project.select(&arguments.no_attach)?,
    };
    shown.retain(|name| !hidden.contains(name) && (project.services[name].attach || arguments.attach.contains(name)));
    Ok(shown)
}

/// What happens while `up` stays with the containers.
enum Event {
    /// A container has ended with this code.
    Ended { service: String, code: i32 },
    /// The user wants it to end.
    Signal,
}

struct Stay<'a> {
    engine: &'a Engine,
    project: &'a Project,
    shown: &'a BTreeSet<String>,
    since: i64,
    style: LineStyle,
    abort: bool,
    code_from: Option<String>,
    timeout: Option<i64>,
}

impl Stay<'_> {
    /// Shows what the containers say until all have ended, or the user has enough.
    fn until_the_end(&self, services: &BTreeSet<String>, tell: &(dyn Fn(Progress) + Sync)) -> Outcome {
        let members = self.engine.members(&self.project.name)?;
        let members: Vec<Member> =
            members.into_iter().filter(|member| !member.one_off && services.contains(&member.service)).collect();
        let names: Vec<&str> =
            members.iter().map(|member| short_name(&self.project.name, &member.container.name)).collect();
        let lines = Lines::new(self.style, names.iter().copied());
        let (events, receiver) = channel();
        catch_signals(events.clone());
        let shown: Vec<&str> = members
            .iter()
            .zip(&names)
            .filter(|(member, _)| self.shown.contains(&member.service))
            .map(|(_, name)| *name)
            .collect();
        if !shown.is_empty() {
            crate::cli::output::line(&format!("Attaching to {}", shown.join(", ")))?;
        }
        thread::scope(|scope| {
            for (at, (member, name)) in members.iter().zip(&names).enumerate() {
                let (lines, events) = (&lines, events.clone());
                scope.spawn(move || self.follow(at, member, name, lines, &events));
            }
            self.wait_for(members.len(), &members, &receiver, tell)
        })
    }

    /// Shows what a container says, and tells when it has ended for good.
    fn follow(&self, at: usize, member: &Member, name: &str, lines: &Lines, events: &Sender<Event>) {
        let id = &member.container.id;
        let shows = self.shown.contains(&member.service);
        let options = LogOptions { follow: true, tail: None, since: Some(self.since), until: None };
        if shows && let Err(error) = lines.print(self.engine, id, at, name, &options) {
            lines.tell(at, name, &format!("cannot be followed: {error}"));
        }
        // One that is removed meanwhile has ended, too.
        let exit_code = self.engine.wait(id).unwrap_or(0);
        if shows {
            lines.tell(at, name, &format!("exited with code {exit_code}"));
        }
        // Nobody listens any more once all is over.
        let _ = events.send(Event::Ended { service: member.service.clone(), code: exit_code });
    }

    fn wait_for(
        &self,
        mut running: usize,
        members: &[Member],
        events: &Receiver<Event>,
        tell: &(dyn Fn(Progress) + Sync),
    ) -> Outcome {
        let mut first: Option<i32> = None;
        let mut wanted: Option<i32> = None;
        let mut stopping = false;
        let mut interrupted = false;
        thread::scope(|scope| {
            while running > 0 {
                let Ok(event) = events.recv() else { break };
                let stop = match event {
                    Event::Ended { service, code } => {
                        running -= 1;
                        first.get_or_insert(code);
                        if self.code_from.as_ref() == Some(&service) {
                            wanted.get_or_insert(code);
                        }
                        self.abort
                    }
                    Event::Signal if stopping => {
                        // The user does not want to wait.
                        each(members, |member| self.engine.kill(&member.container.id, "KILL").is_ok());
                        false
                    }
                    Event::Signal => {
                        interrupted = true;
                        eprintln!("Gracefully stopping... (press Ctrl+C again to force)");
                        true
                    }
                };
                if stop && !stopping {
                    stopping = true;
                    scope.spawn(|| {
                        if let Err(error) = self.engine.stop_members(Some(self.project), members, self.timeout, tell) {
                            eprintln!("WARNING: {error}");
                        }
                    });
                }
            }
        });
        let exit_code = match (&self.code_from, interrupted) {
            (Some(_), _) => wanted.unwrap_or(0),
            (None, true) => 130,
            (None, false) if self.abort => first.unwrap_or(0),
            (None, false) => 0,
        };
        Ok(code(exit_code))
    }
}

/// Tells of the signals that ask for the end, from now on.
fn catch_signals(events: Sender<Event>) {
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async {
            let (Ok(mut interrupt), Ok(mut terminate)) =
                (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
            else {
                return;
            };
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if events.send(Event::Signal).is_err() {
                    return;
                }
            }
        });
    });
}
