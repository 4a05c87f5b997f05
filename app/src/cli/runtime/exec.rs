//! `exec`: another process in a container.

use super::create::tell_ignored;
use super::log::{Level, Log};
use super::new_container::{HandoverArgs, absolute, pass_sockets, preserved, terminal};
use super::{Failure, Outcome, parse_id};
use clap::Args;
use porthole_engine::runtime::oci::{
    Capability, Container, ExecIn, LinuxCapabilities, Process, Runtime, SubCgroup, User, attend, processor_mask,
    read_process,
};
use std::collections::HashSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

// `exec`.
#[derive(Debug, Args)]
pub(super) struct ExecArgs {
    /// A file with the process, in place of most other options
    #[arg(short, long, value_name = "FILE")]
    process: Option<PathBuf>,
    /// The working directory
    #[arg(long, value_name = "DIRECTORY")]
    cwd: Option<PathBuf>,
    /// Set an environment variable
    #[arg(short, long, value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// The user, as UID[:GID]
    #[arg(short, long, value_name = "USER")]
    user: Option<NumericUser>,
    /// Add a supplementary group
    #[arg(short = 'g', long, value_name = "GID")]
    additional_gids: Vec<u32>,
    /// Give it a terminal
    #[arg(short, long)]
    tty: bool,
    /// Add a capability
    #[arg(short, long = "cap", value_name = "CAPABILITY")]
    caps: Vec<String>,
    /// Put it into a cgroup below the container's: [CONTROLLER[,CONTROLLER]:]PATH
    #[arg(long, value_name = "PATH")]
    cgroup: Vec<String>,
    /// The AppArmor profile
    #[arg(long, value_name = "PROFILE")]
    apparmor: Option<String>,
    /// The SELinux label
    #[arg(long, value_name = "LABEL")]
    process_label: Option<String>,
    /// It gains no privileges by what it executes
    #[arg(long)]
    no_new_privs: bool,
    /// Go ahead in a paused container
    #[arg(long)]
    ignore_paused: bool,
    /// Leave it running
    #[arg(short, long)]
    detach: bool,
    /// Do not adopt what it leaves behind
    #[arg(long)]
    no_subreaper: bool,
    #[command(flatten)]
    handover: HandoverArgs,
    /// The container's name
    id: String,
    /// The command with its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

/// A user by numbers: there is no looking up of names in a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct NumericUser {
    uid: u32,
    gid: Option<u32>,
}

impl FromStr for NumericUser {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| {
            // Digits only: Rust would also take a sign.
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let number = text.parse::<u32>().ok().filter(|number| digits && *number != u32::MAX);
            number.ok_or_else(|| format!("{text:?} is no user or group id"))
        };
        let (uid, gid) = text.split_once(':').map_or((text, None), |(uid, gid)| (uid, Some(gid)));
        Ok(Self { uid: number(uid)?, gid: gid.map(number).transpose()? })
    }
}

pub(super) fn exec(runtime: &Runtime, options: ExecArgs, log: &Log) -> Outcome {
    let preserved = preserved(options.handover.preserve_fds)?;
    let id = parse_id(&options.id)?;
    let container = runtime.container(&id)?;
    log.write(Level::Debug, &format!("exec in container {id}"));
    let cgroups = options.cgroup.iter().map(|path| SubCgroup::parse(path));
    let exec = ExecIn {
        process: process(&options, &container, log)?,
        terminal: terminal(options.handover.console_socket, options.detach)?,
        preserved,
        cgroups: cgroups.collect::<Result<_, _>>().map_err(|error| Failure::new(error.to_string()))?,
        ignore_paused: options.ignore_paused,
        pid_file: options.handover.pid_file.map(absolute).transpose()?,
        pidfd_socket: options.handover.pidfd_socket.map(absolute).transpose()?,
        adopts: !options.no_subreaper,
    };
    let affinity = exec.process.exec_cpu_affinity().as_ref().and_then(|affinity| affinity.initial().clone());
    let process = exec.run(&container)?;
    if log.tells(Level::Debug) {
        let affinity = affinity.and_then(|list| processor_mask(&list)).map(|mask| format!(": affinity: {mask:#x}"));
        log.write(Level::Debug, &format!("nsexec container setup{}", affinity.unwrap_or_default()));
        log.write(Level::Debug, "child process in init(); setns_init: about to exec");
    }
    match options.detach {
        true => Ok(ExitCode::SUCCESS),
        false => Ok(super::super::code(attend(process)?)),
    }
}

/// The process of the file, or that of the container with what the options change in it.
fn process(options: &ExecArgs, container: &Container, log: &Log) -> Result<Process, Failure> {
    if let Some(path) = &options.process {
        let (mut process, ignored) = read_process(path)?;
        tell_ignored(log, &ignored);
        if options.tty {
            process.set_terminal(Some(true));
        }
        return Ok(process);
    }
    let own = container.record.spec.process().clone();
    let mut process = own.ok_or_else(|| Failure::new("the container has no process to take settings from"))?;
    if options.command.is_empty() {
        return Err(Failure::new("process args cannot be empty"));
    }
    process.set_args(Some(options.command.clone())).set_terminal(Some(options.tty)).set_console_size(None);
    if let Some(cwd) = &options.cwd {
        process.set_cwd(cwd.clone());
    }
    process.env_mut().get_or_insert_default().extend(options.env.iter().cloned());
    pass_sockets(&mut process);
    if let Some(label) = &options.process_label {
        process.set_selinux_label(Some(label.clone()));
    }
    if let Some(profile) = &options.apparmor {
        process.set_apparmor_profile(Some(profile.clone()));
    }
    if options.no_new_privs {
        process.set_no_new_privileges(Some(true));
    }
    change_user(process.user_mut(), options);
    if !options.caps.is_empty() {
        let (added, unknown) = capabilities(&options.caps);
        tell_ignored(log, &unknown);
        let sets = add_capabilities(process.capabilities().clone().unwrap_or_else(none), &added);
        process.set_capabilities(Some(sets));
    }
    Ok(process)
}

fn change_user(user: &mut User, options: &ExecArgs) {
    if let Some(NumericUser { uid, gid }) = options.user {
        user.set_uid(uid).set_gid(gid.unwrap_or(0));
    }
    let groups = user.additional_gids_mut().get_or_insert_default();
    groups.extend(&options.additional_gids);
}

fn none() -> LinuxCapabilities {
    let mut sets = LinuxCapabilities::default();
    sets.set_bounding(None).set_effective(None).set_permitted(None).set_inheritable(None).set_ambient(None);
    sets
}

/// Those that are known, with or without `CAP_`, and the names that are not.
fn capabilities(names: &[String]) -> (HashSet<Capability>, Vec<String>) {
    let mut unknown = Vec::new();
    let parse = |name: &String| {
        let upper = name.to_ascii_uppercase();
        let full = if upper.starts_with("CAP_") { upper } else { format!("CAP_{upper}") };
        serde_json::from_value(full.into()).inspect_err(|_| unknown.push(name.clone())).ok()
    };
    (names.iter().filter_map(parse).collect(), unknown)
}

/// As runc does: also ambient where the process has inheritable ones.
fn add_capabilities(mut sets: LinuxCapabilities, added: &HashSet<Capability>) -> LinuxCapabilities {
    let with = |set: &Option<HashSet<Capability>>| Some(set.iter().flatten().chain(added).copied().collect());
    let (bounding, effective, permitted) = (with(sets.bounding()), with(sets.effective()), with(sets.permitted()));
    sets.set_bounding(bounding).set_effective(effective).set_permitted(permitted);
    if sets.inheritable().as_ref().is_some_and(|set| !set.is_empty()) {
        let ambient = with(sets.ambient());
        sets.set_ambient(ambient);
    }
    sets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_numbers() {
        assert_eq!("1000".parse(), Ok(NumericUser { uid: 1000, gid: None }));
        assert_eq!("1:2".parse(), Ok(NumericUser { uid: 1, gid: Some(2) }));
        for wrong in ["", "root", "1000:", ":0", "+1", "-1", "4294967295", "99999999999", "1:2:3"] {
            assert!(wrong.parse::<NumericUser>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn unknown_capabilities_are_told_apart() {
        let (known, unknown) = capabilities(&["kill", "CAP_SYS_ADMIN", "CAP_NONE"].map(String::from));
        assert_eq!((known.len(), unknown), (2, vec!["CAP_NONE".to_owned()]));
    }
}
