//! What a security module shall hold the command to: an AppArmor profile or an SELinux label, which take effect when it is
//! executed (config.md, "Linux Process"; aa_change_onexec(2), setexeccon(3)).

use super::error::{Context, Error, Result};
use oci_spec::runtime::Process;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;

/// Files of the host's /proc, about the calling thread, and what is to be written to them. They are opened while that is the
/// only /proc there is: a container may have put another in its place (CVE-2019-16884).
#[derive(Debug, Default)]
pub(super) struct Labels(Vec<(File, String)>);

impl Labels {
    /// Whether a process can have what it needs.
    pub(super) fn check(process: &Process) -> Result<()> {
        Self::open(process).map(drop)
    }

    /// Opens what a process needs. Without the module, nothing would confine it: it is refused.
    pub(super) fn open(process: &Process) -> Result<Self> {
        let mut labels = Self::default();
        if let Some(profile) = named(process.apparmor_profile()) {
            check_name(profile)?;
            if !has_apparmor() {
                return Err(Error::Spec(format!(
                    "apparmor profile {profile:?} is specified, but apparmor is not enabled"
                )));
            }
            labels.add(&["attr/apparmor/exec", "attr/exec"], format!("exec {profile}"))?;
        }
        if let Some(label) = named(process.selinux_label()) {
            check_name(label)?;
            if !has_selinux() {
                return Err(Error::Spec(format!(
                    "selinux label {label:?} is specified, but selinux is disabled or not supported"
                )));
            }
            labels.add(&["attr/exec"], label.to_owned())?;
        }
        Ok(labels)
    }

    /// The first of some files that there is: older kernels have one for all modules.
    fn add(&mut self, files: &[&str], text: String) -> Result<()> {
        let directory = Path::new("/proc/thread-self");
        let open = |file: &&str| OpenOptions::new().write(true).open(directory.join(file));
        let mut opened = files.iter().map(open);
        let first = opened.next().unwrap_or_else(|| Err(std::io::ErrorKind::NotFound.into()));
        let file = first.or_else(|error| opened.next().unwrap_or(Err(error)));
        self.0.push((file.during(|| format!("open {} about this process", files[0]))?, text));
        Ok(())
    }

    /// Has them take effect with the next execve.
    pub(super) fn apply(self) -> Result<()> {
        self.0.into_iter().try_for_each(|(mut file, text)| {
            file.write_all(text.as_bytes()).during(|| format!("apply the label {text:?} (is it loaded on this host?)"))
        })
    }
}

/// Whether SELinux decides here.
pub(super) fn has_selinux() -> bool {
    Path::new("/sys/fs/selinux/enforce").exists()
}

fn has_apparmor() -> bool {
    fs::read("/sys/module/apparmor/parameters/enabled").is_ok_and(|enabled| enabled.starts_with(b"Y"))
}

fn named(name: &Option<String>) -> Option<&str> {
    name.as_deref().filter(|name| !name.is_empty())
}

/// It is written in one line.
fn check_name(name: &str) -> Result<()> {
    match name.contains(char::is_control) {
        true => Err(Error::Spec(format!("{name:?} is no profile or label"))),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oci_spec::runtime::ProcessBuilder;

    #[test]
    fn what_would_confine_nobody_is_refused() {
        assert!(Labels::open(&Process::default()).unwrap().0.is_empty());
        let process = ProcessBuilder::default().apparmor_profile("a\nb").build().unwrap();
        assert!(Labels::open(&process).unwrap_err().to_string().contains("no profile"));
        if !has_apparmor() {
            let process = ProcessBuilder::default().apparmor_profile("some").build().unwrap();
            assert!(Labels::open(&process).unwrap_err().to_string().contains("apparmor is not enabled"));
        }
        if !has_selinux() {
            let process = ProcessBuilder::default().selinux_label("a:b:c:s0").build().unwrap();
            assert!(Labels::open(&process).unwrap_err().to_string().contains("selinux is disabled"));
        }
    }
}
