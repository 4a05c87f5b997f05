//! What a spec may ask for and this runtime does not do yet. Refusing beats starting something weaker than asked for.

use super::error::{Error, Result};
use super::labels::has_selinux;
use oci_spec::runtime::{Hooks, Linux, Spec};

/// Refuses a spec with fields that would otherwise be ignored. Hooks are run for who says what they are to be told.
pub(super) fn check(spec: &Spec, runs_hooks: bool) -> Result<()> {
    let linux = spec.linux().as_ref();
    let set = |is_set: fn(&Linux) -> bool| linux.is_some_and(is_set);
    refuse(&[
        ("hooks", !runs_hooks && spec.hooks().as_ref().is_some_and(|hooks| *hooks != Hooks::default())),
        ("linux.intelRdt", set(|linux| linux.intel_rdt().is_some())),
        // Without SELinux there is nothing to label.
        (
            "linux.mountLabel",
            has_selinux() && set(|linux| linux.mount_label().as_ref().is_some_and(|label| !label.is_empty())),
        ),
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
    use oci_spec::runtime::{HookBuilder, HooksBuilder, LinuxBuilder, LinuxIntelRdt, SpecBuilder};

    #[test]
    fn nothing_is_ignored_silently() {
        let linux = LinuxBuilder::default().intel_rdt(LinuxIntelRdt::default()).build().unwrap();
        let spec = SpecBuilder::default().linux(linux).build().unwrap();
        assert!(check(&spec, true).unwrap_err().to_string().contains("linux.intelRdt"));
        let hook = HookBuilder::default().path("/bin/true").build().unwrap();
        let hooks = HooksBuilder::default().poststop(vec![hook]).build().unwrap();
        let spec = SpecBuilder::default().hooks(hooks).build().unwrap();
        assert!(check(&spec, false).unwrap_err().to_string().contains("hooks"));
        assert!(check(&spec, true).is_ok() && check(&Spec::default(), false).is_ok());
    }
}
