//! What a filter shall do, before it is a program.

use super::architecture::{Architecture, place};
use oci_spec::runtime::{
    LinuxSeccomp, LinuxSeccompAction, LinuxSeccompArg, LinuxSeccompFilterFlag, LinuxSeccompOperator, LinuxSyscall,
};
use std::borrow::Cow;

/// Something that a profile asks for and this runtime has not.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unsupported(pub(super) &'static str);

/// What the kernel does with a call: a `SECCOMP_RET_*` value with its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Action(pub u32);

impl Action {
    pub(super) const ALLOW: Self = Self(libc::SECCOMP_RET_ALLOW);
    pub(super) const KILL_PROCESS: Self = Self(libc::SECCOMP_RET_KILL_PROCESS);

    /// The call fails with this errno.
    pub(super) const fn errno(number: u32) -> Self {
        Self(libc::SECCOMP_RET_ERRNO | (number & libc::SECCOMP_RET_DATA))
    }

    pub(super) const fn is_errno(self) -> bool {
        self.0 & libc::SECCOMP_RET_ACTION_FULL == libc::SECCOMP_RET_ERRNO
    }

    fn of_spec(action: LinuxSeccompAction, errno: Option<u32>) -> Self {
        let number = errno.unwrap_or(libc::EPERM.cast_unsigned());
        match action {
            LinuxSeccompAction::ScmpActKill | LinuxSeccompAction::ScmpActKillThread => {
                Self(libc::SECCOMP_RET_KILL_THREAD)
            }
            LinuxSeccompAction::ScmpActKillProcess => Self::KILL_PROCESS,
            LinuxSeccompAction::ScmpActTrap => Self(libc::SECCOMP_RET_TRAP),
            LinuxSeccompAction::ScmpActErrno => Self::errno(number),
            LinuxSeccompAction::ScmpActTrace => Self(libc::SECCOMP_RET_TRACE | (number & libc::SECCOMP_RET_DATA)),
            LinuxSeccompAction::ScmpActLog => Self(libc::SECCOMP_RET_LOG),
            LinuxSeccompAction::ScmpActAllow => Self::ALLOW,
            LinuxSeccompAction::ScmpActNotify => Self(libc::SECCOMP_RET_USER_NOTIF),
        }
    }
}

/// How an argument is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal(u64),
    NotEqual(u64),
    Less(u64),
    LessOrEqual(u64),
    Greater(u64),
    GreaterOrEqual(u64),
    MaskedEqual { mask: u64, value: u64 },
}

/// A test of one argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    /// Which of the six arguments.
    pub index: u32,
    pub comparison: Comparison,
}

impl TryFrom<&LinuxSeccompArg> for Condition {
    type Error = Unsupported;

    fn try_from(arg: &LinuxSeccompArg) -> Result<Self, Unsupported> {
        let index = u32::try_from(arg.index()).ok().filter(|index| *index < 6);
        let value = arg.value();
        Ok(Self {
            index: index.ok_or(Unsupported("a system call has six arguments, 0 to 5"))?,
            comparison: match arg.op() {
                LinuxSeccompOperator::ScmpCmpEq => Comparison::Equal(value),
                LinuxSeccompOperator::ScmpCmpNe => Comparison::NotEqual(value),
                LinuxSeccompOperator::ScmpCmpLt => Comparison::Less(value),
                LinuxSeccompOperator::ScmpCmpLe => Comparison::LessOrEqual(value),
                LinuxSeccompOperator::ScmpCmpGt => Comparison::Greater(value),
                LinuxSeccompOperator::ScmpCmpGe => Comparison::GreaterOrEqual(value),
                LinuxSeccompOperator::ScmpCmpMaskedEq => {
                    Comparison::MaskedEqual { mask: value, value: arg.value_two().unwrap_or(0) }
                }
            },
        })
    }
}

/// What to do with some calls when all conditions hold.
#[derive(Clone, Debug)]
pub(super) struct Rule<'a> {
    pub names: Cow<'a, [&'a str]>,
    pub action: Action,
    pub conditions: Vec<Condition>,
}

impl Rule<'_> {
    /// The places of its calls in the table of names. Calls that no table has are left out, as with libseccomp.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> {
        self.names.iter().filter_map(|name| place(name))
    }
}

/// A whole profile.
#[derive(Clone, Debug)]
pub(super) struct Policy<'a> {
    /// For calls that no rule matches.
    pub default: Action,
    pub architectures: Vec<Architecture>,
    pub rules: Vec<Rule<'a>>,
    /// `SECCOMP_FILTER_FLAG_*`.
    pub flags: libc::c_ulong,
}

impl<'a> TryFrom<&'a LinuxSeccomp> for Policy<'a> {
    type Error = Unsupported;

    fn try_from(profile: &'a LinuxSeccomp) -> Result<Self, Unsupported> {
        let mut architectures = vec![Architecture::NATIVE];
        for arch in profile.architectures().iter().flatten() {
            match Architecture::of_spec(*arch) {
                Some(known) if !architectures.contains(&known) => architectures.push(known),
                _ => {}
            }
        }
        let flags = flags_of(profile);
        let mut rules = Vec::new();
        for call in profile.syscalls().iter().flatten() {
            append(&mut rules, call)?;
        }
        Ok(Self {
            default: Action::of_spec(profile.default_action(), profile.default_errno_ret()),
            architectures,
            rules,
            flags: flags | if notifies(profile)? { libc::SECCOMP_FILTER_FLAG_NEW_LISTENER } else { 0 },
        })
    }
}

/// Appends a spec's rule. Conditions that name one argument twice are alternatives (runtime-spec, "seccomp"; libseccomp
/// cannot have them in one rule), all others must hold together.
fn append<'a>(rules: &mut Vec<Rule<'a>>, call: &'a LinuxSyscall) -> Result<(), Unsupported> {
    let names: Cow<[&str]> = call.names().iter().map(String::as_str).collect();
    let action = Action::of_spec(call.action(), call.errno_ret());
    let conditions = call.args().iter().flatten().map(Condition::try_from).collect::<Result<Vec<_>, _>>()?;
    let rule = |conditions| Rule { names: names.clone(), action, conditions };
    let repeated = |at: usize| conditions[..at].iter().any(|earlier| earlier.index == conditions[at].index);
    if (0..conditions.len()).any(repeated) {
        rules.extend(conditions.iter().map(|condition| rule(vec![*condition])));
    } else {
        rules.push(rule(conditions.clone()));
    }
    Ok(())
}

/// Whether anything is to be notified of. What hands the listener over cannot be.
fn notifies(profile: &LinuxSeccomp) -> Result<bool, Unsupported> {
    let notify = LinuxSeccompAction::ScmpActNotify;
    if profile.default_action() == notify {
        return Err(Unsupported("SCMP_ACT_NOTIFY cannot be used as default action"));
    }
    let mut notified = profile.syscalls().iter().flatten().filter(|call| call.action() == notify).peekable();
    if notified.peek().is_none() {
        return Ok(false);
    }
    let mut names = notified.flat_map(LinuxSyscall::names);
    match names.find(|name| ["write", "sendmsg"].contains(&name.as_str())).map(String::as_str) {
        Some("write") => Err(Unsupported("SCMP_ACT_NOTIFY cannot be used for the write syscall")),
        Some(_) => Err(Unsupported("SCMP_ACT_NOTIFY cannot be used for the sendmsg syscall")),
        None => Ok(true),
    }
}

/// The kernel's flags for a profile.
pub(super) fn flags_of(profile: &LinuxSeccomp) -> libc::c_ulong {
    flags(profile.flags().as_deref())
}

/// The kernel's flags. Without any asked for, a filtered process is not slowed down by mitigations against speculation,
/// which is what Docker's containers get.
fn flags(asked: Option<&[LinuxSeccompFilterFlag]>) -> libc::c_ulong {
    let Some(asked) = asked else {
        return libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    };
    asked.iter().fold(0, |flags, flag| {
        flags
            | match flag {
                LinuxSeccompFilterFlag::SeccompFilterFlagLog => libc::SECCOMP_FILTER_FLAG_LOG,
                // A process with one thread has none to synchronise.
                LinuxSeccompFilterFlag::SeccompFilterFlagTsync => 0,
                LinuxSeccompFilterFlag::SeccompFilterFlagSpecAllow => libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW,
                LinuxSeccompFilterFlag::SeccompFilterFlagWaitKillableRecv => {
                    libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
                }
            }
    })
}
