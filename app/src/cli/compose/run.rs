//! `compose run`.

use super::up::BuildFlags;
use super::{Context, PullWord};
use crate::cli::mounts::MountArgs;
use crate::cli::{Failure, Outcome, attach, files, output, sweep, warn};
use clap::Args;
use porthole_engine::compose::{OneOff, UpOptions, new_run_name};
use porthole_engine::{Attachment, CreateOptions};
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

// `compose run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Run container in background and print container ID
    #[arg(short = 'd', long)]
    detach: bool,
    /// Automatically remove the container when it exits
    #[arg(long)]
    rm: bool,
    /// Assign a name to the container
    #[arg(long)]
    name: Option<String>,
    /// Don't start linked services
    #[arg(long)]
    no_deps: bool,
    /// Override the entrypoint of the image
    #[arg(long, value_name = "COMMAND")]
    entrypoint: Option<String>,
    /// Set environment variables
    #[arg(short = 'e', long, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// Set environment variables from file
    #[arg(long, value_name = "FILE")]
    env_from_file: Vec<PathBuf>,
    /// Add or override a label
    #[arg(short = 'l', long, value_name = "KEY=VALUE")]
    label: Vec<String>,
    /// Publish a container's port(s) to the host
    #[arg(short = 'p', long, value_name = "PORT")]
    publish: Vec<String>,
    /// Run command with all service's ports enabled and mapped to the host
    #[arg(short = 'P', long, conflicts_with = "publish")]
    service_ports: bool,
    /// Use the service's network useAliases in the network(s) the container connects to
    #[arg(long)]
    use_aliases: bool,
    /// Run as specified username or uid
    #[arg(short = 'u', long)]
    user: Option<String>,
    /// Bind mount a volume
    #[arg(short = 'v', long, value_name = "[VOLUME|HOST:]CONTAINER[:OPTIONS]")]
    volume: Vec<String>,
    /// Working directory inside the container
    #[arg(short = 'w', long, value_name = "PATH")]
    workdir: Option<String>,
    /// Disable pseudo-TTY allocation (default: auto-detected)
    #[arg(short = 'T', long = "no-TTY", visible_alias = "no-tty")]
    no_tty: bool,
    /// Pull image before running
    #[arg(long, value_enum, value_name = "always|missing|never", hide_possible_values = true)]
    pull: Option<PullWord>,
    #[command(flatten)]
    build: BuildFlags,
    /// The service, and the command with its arguments
    // One list, so that all that follows the service is the command's, also what looks like an option of ours.
    #[arg(required = true, trailing_var_arg = true, value_name = "SERVICE [COMMAND]")]
    words: Vec<String>,
}

impl RunArgs {
    fn service(&self) -> &String {
        &self.words[0]
    }

    fn command(&self) -> &[String] {
        &self.words[1..]
    }
}

/// Runs a command in one more container of a service, after what the service depends on has started.
pub fn run(context: Context<'_>, arguments: RunArgs) -> Outcome {
    let engine = context.engine;
    let project = context.project(std::slice::from_ref(arguments.service()))?;
    let printer = context.printer();
    let build = arguments.build.policy();
    let dependencies: Vec<String> = project.services[arguments.service()].depends_on.keys().cloned().collect();
    if !arguments.no_deps && !dependencies.is_empty() {
        let options = UpOptions { services: dependencies, build, ..UpOptions::default() };
        warn(&engine.project_up(&project, &options, &|progress| printer.tell(progress))?);
    }
    let one_off = OneOff {
        name: arguments.name.clone().unwrap_or_else(|| new_run_name(&project.name, arguments.service())),
        service_ports: arguments.service_ports,
        use_aliases: arguments.use_aliases,
        remove: arguments.rm,
        no_deps: arguments.no_deps,
    };
    let pull = arguments.pull.map(Into::into);
    let report = |progress| printer.tell(progress);
    let options = engine.one_off_options(&project, arguments.service(), &one_off, pull, build, &report)?;
    let options = with_arguments(options, &arguments)?;
    sweep(engine);
    if arguments.detach {
        let created = engine.run_detached(options).map_err(Failure::of_start)?;
        warn(&created.warnings);
        output::line(&created.name)?;
        return Ok(ExitCode::SUCCESS);
    }
    let attachment = Attachment { stdin: true, signal_proxy: !options.tty, ..Attachment::default() };
    attach::exit_code(engine.run_attached(options, &attachment).map_err(Failure::of_start)?)
}

/// What the command line says goes over what the service says.
fn with_arguments(mut options: CreateOptions, arguments: &RunArgs) -> Result<CreateOptions, Failure> {
    let usage = |message: String| Failure::new(message, 1);
    options.env.extend(files::environment(&arguments.env_from_file, &arguments.env)?);
    options.labels.extend(arguments.label.iter().map(|word| files::pair(word)));
    options.host.publish.extend(arguments.publish.iter().cloned());
    options.user = arguments.user.clone().or(options.user);
    options.working_dir = arguments.workdir.clone().or(options.working_dir);
    let mounts = MountArgs { volume: arguments.volume.clone(), ..MountArgs::default() }.mounts().map_err(usage)?;
    let targets = mounts.binds.iter().map(|bind| &bind.target).chain(mounts.volumes.iter().map(|mount| &mount.target));
    for target in targets.cloned().collect::<Vec<_>>() {
        options.host.binds.retain(|bind| bind.target != target);
        options.host.volumes.retain(|mount| mount.target != target);
    }
    options.host.binds.extend(mounts.binds);
    options.host.volumes.extend(mounts.volumes);
    if let Some(entrypoint) = &arguments.entrypoint {
        let words = porthole_engine::compose::model::words::split(entrypoint).map_err(usage)?;
        options.entrypoint = Some(words);
        options.command.clear();
    }
    if !arguments.command().is_empty() {
        options.command = arguments.command().to_vec();
    }
    options.tty = !arguments.no_tty && !arguments.detach && io::stdin().is_terminal() && io::stdout().is_terminal();
    options.open_stdin = !arguments.detach;
    options.attach_stdin = !arguments.detach;
    Ok(options)
}
