//! What a spec may ask for and this runtime does not do yet. Refusing beats starting something weaker than asked for.

use super::error::{Error, Result};
use oci_spec::runtime::{Hooks, Linux, Process, Spec};

/// Refuses a spec with fields that would otherwise be ignored.
pub(super) fn check(spec: &Spec) -> Result<()> {
    let linux = spec.linux().as_ref();
    let set = |is_set: fn(&Linux) -> bool| linux.is_some_and(is_set);
    refuse(&[
        ("hooks", spec.hooks().as_ref().is_some_and(|hooks| *hooks != Hooks::default())),
        ("linux.intelRdt", set(|linux| linux.intel_rdt().is_some())),
        ("linux.memoryPolicy", set(|linux| linux.memory_policy().is_some())),
        ("linux.personality", set(|linux| linux.personality().is_some())),
        ("linux.netDevices", set(|linux| linux.net_devices().as_ref().is_some_and(|map| !map.is_empty()))),
        ("linux.mountLabel", set(|linux| linux.mount_label().as_ref().is_some_and(|label| !label.is_empty()))),
    ])
}

/// The same for a process.
pub(super) fn check_process(process: &Process) -> Result<()> {
    let named = |label: &Option<String>| label.as_ref().is_some_and(|label| !label.is_empty());
    refuse(&[
        ("process.apparmorProfile", named(process.apparmor_profile())),
        ("process.selinuxLabel", named(process.selinux_label())),
        ("process.ioPriority", process.io_priority().is_some()),
        ("process.scheduler", process.scheduler().is_some()),
        ("process.execCPUAffinity", process.exec_cpu_affinity().is_some()),
    ])
}

fn refuse(fields: &[(&str, bool)]) -> Result<()> {
    match fields.iter().find(|(_, set)| *set) {
        Some((name, _)) => Err(Error::Spec(format!("{name} is not supported"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oci_spec::runtime::{LinuxBuilder, LinuxPersonalityBuilder, LinuxPersonalityDomain, SpecBuilder};

    #[test]
    fn nothing_is_ignored_silently() {
        let personality =
            LinuxPersonalityBuilder::default().domain(LinuxPersonalityDomain::PerLinux32).build().unwrap();
        let linux = LinuxBuilder::default().personality(personality).build().unwrap();
        let spec = SpecBuilder::default().linux(linux).build().unwrap();
        assert!(check(&spec).unwrap_err().to_string().contains("linux.personality"));
        assert!(check(&Spec::default()).is_ok());
    }
}
