//! Who the command runs as, and what it may: limits, user and groups, capabilities, seccomp.

use super::channel;
use super::error::{Context, Error, Result};
use super::rlimit;
use crate::capabilities::{ThreadCapabilities, raise_permitted};
use crate::seccomp::Filter;
use nix::errno::Errno;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};
use oci_spec::runtime::{Process, Spec, User};

/// The last part of a child's set-up, which leaves it without the means for any other.
#[derive(Debug)]
pub(super) struct Identity<'a> {
    process: &'a Process,
    capabilities: ThreadCapabilities,
    filter: Option<Filter>,
    groups: Groups,
}

impl<'a> Identity<'a> {
    /// Prepares what takes time: the filter. `by_user` is a container whose maker is not root.
    pub(super) fn prepare(spec: &Spec, process: &'a Process, by_user: bool) -> Result<Self> {
        let capabilities = ThreadCapabilities::from(process.capabilities());
        let filter = Filter::of_spec(spec, capabilities.bounding)?;
        Ok(Self { process, capabilities, filter, groups: Groups::of_spec(spec, by_user) })
    }

    /// Takes it on. Without no-new-privileges a filter needs CAP_SYS_ADMIN, so it comes before the capabilities go; with
    /// it, it comes last. Either way it is as late as can be, so that it need not allow the set-up's own calls.
    pub(super) fn assume(&self, channel: &channel::Child) -> Result<()> {
        let no_new_privileges = self.process.no_new_privileges() == Some(true);
        for limit in self.process.rlimits().iter().flatten() {
            rlimit::set(limit)?;
        }
        self.capabilities.limit_bounding().during(|| "limit the capability bounding set".into())?;
        become_user(self.process.user(), self.groups)?;
        if no_new_privileges {
            nix::sys::prctl::set_no_new_privs().during(|| "set no-new-privileges".into())?;
        } else {
            self.filter(channel)?;
        }
        self.capabilities.apply().during(|| "set capabilities".into())?;
        if no_new_privileges {
            self.filter(channel)?;
        }
        Ok(())
    }

    fn filter(&self, channel: &channel::Child) -> Result<()> {
        let Some(filter) = &self.filter else { return Ok(()) };
        let listener = filter.install().during(|| "install the seccomp filter".into())?;
        listener.map_or(Ok(()), |listener| channel.listener(&listener))
    }
}

/// Changes to exactly this user, group and supplementary groups, and keeps the capabilities for the next steps.
fn become_user(user: &User, kept: Groups) -> Result<()> {
    let groups: Vec<Gid> = user.additional_gids().iter().flatten().map(|gid| Gid::from_raw(*gid)).collect();
    // -1 means "leave as it is" to these calls, which for a container's user would be root.
    let ids = [user.uid(), user.gid()];
    if ids.into_iter().chain(groups.iter().map(|gid| gid.as_raw())).any(|id| id == u32::MAX) {
        return Err(Error::Spec(format!("{} is not a user or group id", u32::MAX)));
    }
    let (uid, gid) = (Uid::from_raw(user.uid()), Gid::from_raw(user.gid()));
    kept.replace(&groups).during(|| format!("set supplementary groups {groups:?}"))?;
    setresgid(gid, gid, gid).during(|| format!("change to group {gid}"))?;
    if !uid.is_root() {
        nix::sys::prctl::set_keepcaps(true).during(|| "keep capabilities over the change of user".into())?;
    }
    setresuid(uid, uid, uid).during(|| format!("change to user {uid}"))?;
    if !uid.is_root() {
        raise_permitted().during(|| "raise capabilities".into())?;
        nix::sys::prctl::set_keepcaps(false).during(|| "stop keeping capabilities".into())?;
    }
    umask(Mode::from_bits_truncate(user.umask().unwrap_or(0o022)));
    Ok(())
}

/// What becomes of the supplementary groups that whoever makes a container has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Groups {
    /// They go.
    Replaced,
    /// They go, unless none are asked for in their place: a user who maps nobody else has given up setting any
    /// (user_namespaces(7)), and keeps groups that are nobody's in the container.
    ReplacedIfMapped,
    /// They stay.
    Kept,
}

impl Groups {
    /// They stay where an annotation of crun's says so (crun(1), "EXTENSIONS"), which is how Podman asks for it.
    pub(super) fn of_spec(spec: &Spec, by_user: bool) -> Self {
        let annotation = spec.annotations().iter().find_map(|all| all.get("run.oci.keep_original_groups"));
        match annotation {
            Some(value) if value != "0" => Self::Kept,
            _ if by_user => Self::ReplacedIfMapped,
            _ => Self::Replaced,
        }
    }

    /// Sets exactly these in their place, if they are to go.
    pub(super) fn replace(self, groups: &[Gid]) -> nix::Result<()> {
        if self == Self::Kept {
            return Ok(());
        }
        match setgroups(groups) {
            Err(Errno::EPERM) if self == Self::ReplacedIfMapped && groups.is_empty() => Ok(()),
            result => result,
        }
    }
}
