//! A container's first process, from clone3 to execve.

use super::channel;
use super::clone::{Cloned, clone, clone_into, hide, show};
use super::command::Command;
use super::error::{Context, Error, Result};
use super::host_mounts::{HostMounts, Users};
use super::identity::{Groups, Identity};
use super::labels::Labels;
use super::mounts::{finish_dev, mount_all};
use super::namespaces::{Namespaces, Visit, id_mappings, map_ids, unshare};
use super::rootfs::{Entering, RootFs};
use super::streams::Streams;
use super::{
    CreateOptions, CreateRequest, Stdio, cgroup_path, devices, kernel, keyring, masks, net_devices, scheduling,
    support, workdir,
};
use crate::capabilities::raise_permitted;
use crate::cgroup::{self, Cgroup, Entrance};
use crate::hooks::{ContainerState, Failed, Point};
use crate::process::{self, ProcessId};
use nix::unistd::{Gid, Uid, fchdir, geteuid, setresgid, setresuid};
use oci_spec::runtime::{LinuxIdMapping, LinuxResources, Process, Spec, User};
use std::convert::Infallible;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};

/// A container whose init has not executed its command yet. Dropping it ends the init and removes the cgroup.
#[derive(Debug)]
pub struct Created {
    /// The init. It has its namespaces, so that a network can be set up in them.
    pub init: ProcessId,
    /// The init as a file.
    pub pidfd: OwnedFd,
    /// The master of its terminal, once [`ready`](Self::ready) has returned, if one was asked for.
    pub terminal: Option<OwnedFd>,
    channel: channel::Parent,
    is_ready: bool,
    hooks: Option<Box<HostHooks>>,
    /// With network devices to be moved in.
    devices: Option<Box<Spec>>,
    unstarted: Unstarted,
}

/// Hooks of the host's namespaces, which are run while the init sets itself up.
#[derive(Debug)]
struct HostHooks {
    spec: Spec,
    state: ContainerState,
}

impl HostHooks {
    fn run(&self, init: i32) -> std::result::Result<(), Failed> {
        Point::Prestart.run(&self.spec, &self.state, Some(init))?;
        Point::CreateRuntime.run(&self.spec, &self.state, Some(init))
    }
}

/// A container whose command runs.
#[derive(Debug)]
pub struct Running {
    /// The init.
    pub init: ProcessId,
    /// The init as a file, to wait for and to signal.
    pub pidfd: OwnedFd,
    /// The master of its terminal, unless it was taken before.
    pub terminal: Option<OwnedFd>,
    /// The container's cgroup.
    pub cgroup: Cgroup,
    /// Keeps the mount namespace while this lives. Else the init, as it ends, would take all mounts down before its end
    /// is told, and for that wait for an RCU grace period, which can take milliseconds.
    pub(super) _mounts: Option<File>,
}

/// Makes the init in its namespaces and cgroup, and returns while it still sets itself up.
pub fn create(request: CreateRequest) -> Result<Created> {
    let CreateRequest { id, spec, root, stdio, options } = request;
    support::check(spec, options.state.is_some())?;
    let process = spec.process().as_ref().ok_or_else(|| Error::Spec("it has no process".into()))?;
    Labels::check(process)?;
    let namespaces = Namespaces::of_spec(spec)?;
    net_devices::check(spec, &namespaces)?;
    // A cgroup that holds processes is refused before there is anything that would remove it.
    let cgroup = Cgroup::open(&cgroup_path(spec, id))?;
    let is_made = make_cgroup(&cgroup, spec, options.cgroup_may_lack)?;
    let mut unstarted = Unstarted { cgroup: Some(cgroup.clone()), pidfd: None };
    let entrance = if is_made { enterable(&cgroup, spec)? } else { Entrance::default() };

    let by_user = !geteuid().is_root();
    let users = namespaces.users()?;
    let kind = match (&users, namespaces.maps_ids()) {
        (None, false) if by_user => return Err(Error::Spec("rootless container requires user namespaces".into())),
        _ if by_user => Users::Callers,
        (Some(users), _) => Users::Joined(users),
        (None, true) => Users::New,
        (None, false) => Users::Hosts,
    };
    let made = HostMounts::prepare(root, spec, kind)?;
    let hooks =
        spec.hooks().as_ref().and(options.state.clone()).map(|state| Box::new(HostHooks { spec: spec.clone(), state }));
    let setup =
        Setup { spec, process, root, namespaces: &namespaces, entrance: &entrance, cgroup: &cgroup, options, by_user };
    // Unshared by the init itself: a cgroup namespace once it is in its cgroup, a time namespace before its offsets are set.
    let at_clone = namespaces.new & !(libc::CLONE_NEWCGROUP | libc::CLONE_NEWTIME);
    // A user can only join them from within their user namespace.
    let visit = if by_user { Visit::default() } else { namespaces.visit()? };
    let body = |channel: &mut channel::Child| setup.run(channel, stdio, made);
    let cloned = match &users {
        Some(users) => clone_into(|| namespaces.enter(users), at_clone, entrance.directory(), body),
        None => clone(at_clone, entrance.directory(), body),
    };
    drop(visit);
    let Cloned { pid, pidfd, channel } = cloned?;
    unstarted.pidfd = Some(pidfd.try_clone().during(|| "duplicate a pidfd".into())?);

    adjust_oom_score(process, pid)?;
    if namespaces.makes(libc::CLONE_NEWUSER) {
        map_ids(id_mappings(spec), pid)?;
        channel.mapped()?;
    }
    Ok(Created {
        init: ProcessId::of(pid).during(|| format!("look at process {pid}"))?,
        pidfd,
        terminal: None,
        channel,
        is_ready: false,
        hooks,
        devices: spec.linux().as_ref().and_then(|linux| linux.net_devices().as_ref()).map(|_| Box::new(spec.clone())),
        unstarted,
    })
}

/// Makes the cgroup; whether it could be. It `may_lack` where its maker may make none and the spec does not ask for one.
fn make_cgroup(cgroup: &Cgroup, spec: &Spec, may_lack: bool) -> Result<bool> {
    match cgroup.create() {
        Ok(()) => Ok(true),
        Err(error) if may_lack && error.is_denied() => {
            // Some of the hierarchies may be its maker's.
            cgroup.remove_if_empty()?;
            match spec.linux().as_ref().and_then(|linux| linux.resources().as_ref()).is_some_and(has_limits) {
                true => Err(cgroup::Error::LimitsOfUser.into()),
                false => Ok(false),
            }
        }
        Err(error @ cgroup::Error::File { .. }) => Err(Error::NoCgroup(error)),
        Err(error) => Err(error.into()),
    }
}

/// Devices do not count: a user can make none that could be refused.
fn has_limits(resources: &LinuxResources) -> bool {
    let members = serde_json::to_value(resources).unwrap_or_default();
    let is_said = |member: &serde_json::Value| member.as_object().is_none_or(|members| !members.is_empty());
    members.as_object().into_iter().flatten().any(|(name, member)| name != "devices" && is_said(member))
}

/// Limits the cgroup before anything is in it.
fn enterable(cgroup: &Cgroup, spec: &Spec) -> Result<Entrance> {
    let none = LinuxResources::default();
    let resources = spec.linux().as_ref().and_then(|linux| linux.resources().as_ref());
    cgroup.apply(resources.unwrap_or(&none))?;
    Ok(cgroup.entrance()?)
}

/// Lowering it takes CAP_SYS_RESOURCE.
fn adjust_oom_score(process: &Process, pid: i32) -> Result<()> {
    let Some(score) = process.oom_score_adj() else { return Ok(()) };
    let path = format!("/proc/{pid}/oom_score_adj");
    std::fs::write(&path, score.to_string()).during(|| format!("write {score} to {path}"))
}

impl Created {
    /// Waits until the init has set up everything but its own identity.
    pub fn ready(&mut self) -> Result<()> {
        if !self.is_ready {
            self.terminal = self.channel.wait_ready(|| self.run_hooks())?;
            // As late as can be: a device that is not real hardware ends with its namespace.
            self.devices.take().map_or(Ok(()), |spec| net_devices::move_all(&spec, self.init.pid))?;
            self.is_ready = true;
        }
        Ok(())
    }

    fn run_hooks(&self) -> Result<()> {
        self.hooks.as_ref().map_or(Ok(()), |hooks| Ok(hooks.run(self.init.pid)?))
    }

    /// Leaves the init, which must have been given a gate and be [`ready`](Self::ready), to wait for whoever opens that.
    pub fn leave(mut self) -> ProcessId {
        self.unstarted.release();
        self.init
    }

    /// Lets the init go on, and returns when it has become the container's command.
    pub fn start(self) -> Result<Running> {
        self.start_with(channel::refuse_listener)
    }

    /// The same, where a seccomp filter that notifies has somebody who hears it.
    pub fn start_with(mut self, listener: impl Fn(OwnedFd) -> Result<()>) -> Result<Running> {
        self.ready()?;
        self.channel.go()?;
        // Only for speed, so that it may fail.
        let mounts = File::open(format!("/proc/{}/ns/mnt", self.init.pid)).ok();
        self.channel.wait_executed(listener)?;
        let Self { init, pidfd, terminal, mut unstarted, .. } = self;
        let cgroup = unstarted.release().ok_or(Error::Vanished)?;
        Ok(Running { init, pidfd, terminal, cgroup, _mounts: mounts })
    }
}

/// What is undone when the container does not come to run.
#[derive(Debug)]
struct Unstarted {
    pidfd: Option<OwnedFd>,
    cgroup: Option<Cgroup>,
}

impl Unstarted {
    /// There is nothing to undo any more.
    fn release(&mut self) -> Option<Cgroup> {
        self.pidfd = None;
        self.cgroup.take()
    }
}

impl Drop for Unstarted {
    fn drop(&mut self) {
        if let Some(pidfd) = self.pidfd.take() {
            // Both fail when somebody else has ended and reaped it, which is as good.
            let _ = process::send_signal(pidfd.as_fd(), libc::SIGKILL);
            let _ = process::reap(pidfd.as_fd());
        }
        if let Some(cgroup) = self.cgroup.take() {
            // A destructor has nobody to tell; the engine removes leftovers when it reconciles.
            let _ = cgroup.remove();
        }
    }
}

/// What the init does with.
struct Setup<'a> {
    spec: &'a Spec,
    process: &'a Process,
    root: &'a super::RootSource,
    namespaces: &'a Namespaces,
    entrance: &'a Entrance,
    cgroup: &'a Cgroup,
    options: CreateOptions<'a>,
    /// Whether who makes it is not root.
    by_user: bool,
}

impl Setup<'_> {
    /// The init's whole life before it becomes its command.
    fn run(&self, channel: &mut channel::Child, stdio: Stdio, made: HostMounts) -> Result<Infallible> {
        let in_user_namespace = self.namespaces.maps_ids();
        if self.namespaces.makes(libc::CLONE_NEWUSER) {
            channel.wait_mapped()?;
        }
        let labels = Labels::open(self.process)?;
        if self.namespaces.makes(libc::CLONE_NEWTIME) {
            kernel::set_clocks(self.spec)?;
        }
        if self.namespaces.makes(libc::CLONE_NEWUSER) {
            hide();
        }
        if in_user_namespace {
            become_mapped(self.spec, self.process.user(), self.by_user)?;
        }
        if let Some(name) = &self.options.keyring {
            keyring::join(name)?;
        }
        self.entrance.enter().during(|| "enter the cgroup".into())?;
        scheduling::bind_to_all();
        if self.namespaces.makes(libc::CLONE_NEWCGROUP) {
            unshare(libc::CLONE_NEWCGROUP).during(|| "make a cgroup namespace".into())?;
        }
        // The set-up makes files with the modes that it says.
        nix::sys::stat::umask(nix::sys::stat::Mode::empty());
        kernel::configure(self.spec, self.namespaces)?;
        let mut streams = self.build_root(channel, stdio, made, in_user_namespace)?;
        let mut command = Command::of_process(self.process)?;
        command.complete(self.process.user().uid())?;
        command.look_up()?;
        // Whoever leaves a container to wait wants to know first whether it can be started.
        let early = self.options.gate.map(|_| Identity::prepare(self.spec, self.process, self.by_user)).transpose()?;
        if self.options.gate.is_some() {
            // Before anybody knows of it.
            end_by_signals();
            if self.by_user {
                // A user joins the namespaces of none but their own, which what is hidden is not.
                show();
            }
        }
        // Whoever reads what our caller writes is not kept waiting by an init that waits.
        streams.install(Uid::from_raw(self.process.user().uid()), self.options.preserved)?;
        channel.ready(streams.terminal().map(|terminal| &terminal.master))?;

        let identity = match early {
            Some(identity) => identity,
            // While the caller may still be busy with the network.
            None => Identity::prepare(self.spec, self.process, self.by_user)?,
        };
        match self.options.gate {
            Some(gate) => channel.wait_at(gate.as_fd())?,
            None => channel.wait_go()?,
        }
        scheduling::apply(self.process, self.spec)?;
        labels.apply()?;
        identity.assume(channel)?;
        // What belongs to the container may do no more than its command.
        if let Some(state) = &self.options.state {
            Point::StartContainer.run(self.spec, state, Some(std::process::id().cast_signed()))?;
        }
        command.execute()
    }

    /// Builds the root and enters it. The working directory is the one that the command will have.
    fn build_root(
        &self,
        channel: &channel::Child,
        stdio: Stdio,
        mut made: HostMounts,
        in_user_namespace: bool,
    ) -> Result<Streams> {
        let own = self.namespaces.makes(libc::CLONE_NEWNS);
        let new = RootFs::mount(self.root, made.root.take(), self.spec, own)?;
        mount_all(&new.root, self.spec, self.cgroup, &made)?;
        devices::populate(&new.root, self.spec, in_user_namespace, &made)?;
        masks::apply(&new.root, self.spec)?;
        let streams = Streams::open(stdio, &new.root)?;
        if let Some(terminal) = streams.terminal() {
            devices::bind_console(&new.root, terminal)?;
        }
        finish_dev(&new.root, self.spec)?;
        let directory = workdir::make(&new.root, self.process.cwd())?;
        if self.spec.root().as_ref().and_then(|root| root.readonly()) == Some(true) {
            new.make_read_only()?;
        }
        if let (Some(state), true) = (&self.options.state, self.spec.hooks().is_some()) {
            channel.hooks()?;
            // What they do to the root they name from there, as with runc.
            fchdir(new.root.as_fd()).during(|| "enter the root's directory for hooks".into())?;
            Point::CreateContainer.run(self.spec, state, Some(std::process::id().cast_signed()))?;
        }
        new.enter(match (own, self.options.no_pivot) {
            (false, _) => Entering::Chroot,
            (true, true) => Entering::Cover,
            (true, false) => Entering::Pivot,
        })?;
        workdir::enter(&directory, self.process.cwd())?;
        Ok(streams)
    }
}

/// Becomes root of the user namespace, or where that has none the command's user: whoever is nobody there can make no files.
fn become_mapped(spec: &Spec, user: &User, by_user: bool) -> Result<()> {
    let [users, groups] = id_mappings(spec);
    let (uid, gid) = (Uid::from_raw(mapped_or(users, user.uid())), Gid::from_raw(mapped_or(groups, user.gid())));
    nix::sys::prctl::set_keepcaps(true)
        .and_then(|()| Groups::of_spec(spec, by_user).replace(&[]))
        .and_then(|()| setresgid(gid, gid, gid))
        .and_then(|()| setresuid(uid, uid, uid))
        .during(|| format!("become user {uid} and group {gid} of the user namespace (does the spec map them?)"))?;
    raise_permitted().during(|| "raise capabilities".into())
}

/// 0 where it is mapped, as it is taken to be in a namespace that is joined; else this id.
fn mapped_or(mappings: &[LinuxIdMapping], id: u32) -> u32 {
    let has_root = mappings.is_empty() || mappings.iter().any(|mapping| mapping.container_id() == 0);
    if has_root { 0 } else { id }
}

/// The init of a PID namespace is deaf to signals that it does not handle. One that only waits may be ended by them, as any
/// other process.
fn end_by_signals() {
    extern "C" fn end(signal: libc::c_int) {
        // SAFETY: _exit(2) is async-signal-safe.
        unsafe { libc::_exit(128 + signal) }
    }
    for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM] {
        // SAFETY: the handler makes one call that signal-safety(7) lists; execve resets it.
        unsafe { libc::signal(signal, end as *const () as libc::sighandler_t) };
    }
}
