//! Limits of a process (getrlimit(2)).

use super::error::{Context, Error, Result};
use crate::capabilities;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use oci_spec::runtime::{Capability, PosixRlimit, PosixRlimitType};
use std::fs;

/// Sets a limit; without CAP_SYS_RESOURCE no higher than the hard limit that there is.
pub(super) fn set(limit: &PosixRlimit) -> Result<()> {
    let resource = resource(limit.typ());
    let (mut soft, mut hard) = (limit.soft(), limit.hard());
    if soft > hard {
        return Err(Error::Spec(format!("{resource:?}: soft limit {soft} is above hard limit {hard}")));
    }
    if setrlimit(resource, soft, hard).is_err() {
        let (_, most) = getrlimit(resource).during(|| format!("read {resource:?}"))?;
        (soft, hard) = (soft.min(most), hard.min(most));
        setrlimit(resource, soft, hard).during(|| format!("set {resource:?} to {soft}:{hard}"))?;
    }
    Ok(())
}

/// A line for each limit that is more than this process can give: its containers get what it has itself.
pub fn lowered_limits(limits: &[PosixRlimit]) -> Vec<String> {
    let may_raise = capabilities::permitted().is_ok_and(|held| held.contains(Capability::SysResource));
    let lowered = |limit: &PosixRlimit| {
        let (_, most) = getrlimit(resource(limit.typ())).ok()?;
        let asked = limit.hard();
        let is_beyond = || limit.typ() == PosixRlimitType::RlimitNofile && asked > most_files();
        let name = limit.typ().to_string().trim_start_matches("RLIMIT_").to_ascii_lowercase();
        let told =
            || format!("ulimit {name}: {} is more than this host allows, the hard limit is {most}", number(asked));
        (asked > most && (!may_raise || is_beyond())).then(told)
    };
    limits.iter().filter_map(lowered).collect()
}

/// As ulimit(1) has it.
fn number(limit: u64) -> String {
    if limit == libc::RLIM_INFINITY { "unlimited".to_owned() } else { limit.to_string() }
}

/// Nobody may have more open files (proc_sys_fs(5)).
fn most_files() -> u64 {
    let limit = fs::read_to_string("/proc/sys/fs/nr_open").ok();
    limit.and_then(|limit| limit.trim().parse().ok()).unwrap_or(u64::MAX)
}

fn resource(kind: PosixRlimitType) -> Resource {
    match kind {
        PosixRlimitType::RlimitCpu => Resource::RLIMIT_CPU,
        PosixRlimitType::RlimitFsize => Resource::RLIMIT_FSIZE,
        PosixRlimitType::RlimitData => Resource::RLIMIT_DATA,
        PosixRlimitType::RlimitStack => Resource::RLIMIT_STACK,
        PosixRlimitType::RlimitCore => Resource::RLIMIT_CORE,
        PosixRlimitType::RlimitRss => Resource::RLIMIT_RSS,
        PosixRlimitType::RlimitNproc => Resource::RLIMIT_NPROC,
        PosixRlimitType::RlimitNofile => Resource::RLIMIT_NOFILE,
        PosixRlimitType::RlimitMemlock => Resource::RLIMIT_MEMLOCK,
        PosixRlimitType::RlimitAs => Resource::RLIMIT_AS,
        PosixRlimitType::RlimitLocks => Resource::RLIMIT_LOCKS,
        PosixRlimitType::RlimitSigpending => Resource::RLIMIT_SIGPENDING,
        PosixRlimitType::RlimitMsgqueue => Resource::RLIMIT_MSGQUEUE,
        PosixRlimitType::RlimitNice => Resource::RLIMIT_NICE,
        PosixRlimitType::RlimitRtprio => Resource::RLIMIT_RTPRIO,
        PosixRlimitType::RlimitRttime => Resource::RLIMIT_RTTIME,
    }
}
