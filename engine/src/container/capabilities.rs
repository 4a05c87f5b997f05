//! Which capabilities a container gets (capabilities(7)).

use oci_spec::runtime::{Capability, LinuxCapabilities};
use std::collections::HashSet;

/// Docker's default set.
const DEFAULT: [Capability; 14] = [
    Capability::Chown,
    Capability::DacOverride,
    Capability::Fsetid,
    Capability::Fowner,
    Capability::Mknod,
    Capability::NetRaw,
    Capability::Setgid,
    Capability::Setuid,
    Capability::Setfcap,
    Capability::Setpcap,
    Capability::NetBindService,
    Capability::SysChroot,
    Capability::Kill,
    Capability::AuditWrite,
];

/// Every capability that Linux has.
const ALL: [Capability; 41] = [
    Capability::AuditControl,
    Capability::AuditRead,
    Capability::AuditWrite,
    Capability::BlockSuspend,
    Capability::Bpf,
    Capability::CheckpointRestore,
    Capability::Chown,
    Capability::DacOverride,
    Capability::DacReadSearch,
    Capability::Fowner,
    Capability::Fsetid,
    Capability::IpcLock,
    Capability::IpcOwner,
    Capability::Kill,
    Capability::Lease,
    Capability::LinuxImmutable,
    Capability::MacAdmin,
    Capability::MacOverride,
    Capability::Mknod,
    Capability::NetAdmin,
    Capability::NetBindService,
    Capability::NetBroadcast,
    Capability::NetRaw,
    Capability::Perfmon,
    Capability::Setgid,
    Capability::Setfcap,
    Capability::Setpcap,
    Capability::Setuid,
    Capability::SysAdmin,
    Capability::SysBoot,
    Capability::SysChroot,
    Capability::SysModule,
    Capability::SysNice,
    Capability::SysPacct,
    Capability::SysPtrace,
    Capability::SysRawio,
    Capability::SysResource,
    Capability::SysTime,
    Capability::SysTtyConfig,
    Capability::Syslog,
    Capability::WakeAlarm,
];

/// The set after `--privileged`, `--cap-add` and `--cap-drop`. `ALL` stands for every capability.
pub fn select(privileged: bool, add: &[String], drop: &[String]) -> Result<HashSet<Capability>, String> {
    let mut set: HashSet<Capability> = if privileged || names_all(add) { ALL.into() } else { DEFAULT.into() };
    if privileged {
        return Ok(set);
    }
    if names_all(drop) {
        set.clear();
    }
    for name in drop.iter().filter(|name| !is_all(name)) {
        set.remove(&parse(name)?);
    }
    for name in add.iter().filter(|name| !is_all(name)) {
        set.insert(parse(name)?);
    }
    Ok(set)
}

/// The five sets of a process. Inheritable and ambient stay empty (CVE-2022-24769); a user other than root starts with
/// nothing but the bounding set, as execve(2) would leave it.
pub fn of_process(bounding: HashSet<Capability>, uid: u32) -> LinuxCapabilities {
    let held = if uid == 0 { bounding.clone() } else { HashSet::new() };
    let mut capabilities = LinuxCapabilities::default();
    capabilities
        .set_bounding(Some(bounding))
        .set_effective(Some(held.clone()))
        .set_permitted(Some(held))
        .set_inheritable(Some(HashSet::new()))
        .set_ambient(Some(HashSet::new()));
    capabilities
}

fn is_all(name: &str) -> bool {
    name.eq_ignore_ascii_case("all") || name.eq_ignore_ascii_case("cap_all")
}

fn names_all(names: &[String]) -> bool {
    names.iter().any(|name| is_all(name))
}

fn parse(name: &str) -> Result<Capability, String> {
    let upper = name.to_ascii_uppercase();
    let short = upper.strip_prefix("CAP_").unwrap_or(&upper);
    short.parse().map_err(|_| format!("invalid capability: {name}: see capabilities(7) for the names"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(add: &[&str], drop: &[&str]) -> HashSet<Capability> {
        let own = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        select(false, &own(add), &own(drop)).unwrap()
    }

    #[test]
    fn add_and_drop_as_docker() {
        assert_eq!(selected(&[], &[]), DEFAULT.into());
        assert!(selected(&["net_admin"], &[]).contains(&Capability::NetAdmin));
        assert!(!selected(&[], &["CAP_CHOWN"]).contains(&Capability::Chown));
        assert_eq!(selected(&["chown"], &["ALL"]), [Capability::Chown].into());
        assert_eq!(selected(&["ALL"], &["mknod"]).len(), ALL.len() - 1);
        assert_eq!(select(true, &[], &["ALL".into()]).unwrap().len(), ALL.len());
        assert!(select(false, &["CAP_NONE".into()], &[]).is_err());
    }

    #[test]
    fn nothing_is_inheritable() {
        let sets = of_process(DEFAULT.into(), 1000);
        assert!(sets.inheritable().as_ref().unwrap().is_empty());
        assert!(sets.effective().as_ref().unwrap().is_empty());
        assert_eq!(sets.bounding().as_ref().unwrap().len(), DEFAULT.len());
    }
}
