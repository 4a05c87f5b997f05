//! System call filters: from the `linux.seccomp` of a spec, or Docker's default profile, to a BPF program in the kernel
//! (seccomp(2)).

mod architecture;
mod bpf;
mod default;
mod policy;
mod syscalls;

pub use default::default_profile;
pub use policy::Unsupported;

use crate::capabilities::{CapabilitySet, ThreadCapabilities};
use nix::errno::Errno;
use oci_spec::runtime::{LinuxSeccomp, Spec};
use policy::Policy;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

/// The annotation (key and value) by which a spec asks for Docker's default profile without spelling it out.
pub const DEFAULT_SECCOMP_ANNOTATION: (&str, &str) = ("io.porthole.seccomp", "default");

/// The spec with the default profile as its `linux.seccomp`, if [`DEFAULT_SECCOMP_ANNOTATION`] asks for it: for runtimes
/// that do not know the annotation.
pub fn spelled_out(spec: &Spec) -> Spec {
    let mut spec = spec.clone();
    let capabilities = spec.process().as_ref().map(|process| ThreadCapabilities::from(process.capabilities()));
    let asked = asks_for_default(&spec);
    if let Some(annotations) = spec.annotations_mut() {
        annotations.remove(DEFAULT_SECCOMP_ANNOTATION.0);
    }
    if let (true, Some(linux)) = (asked, spec.linux_mut()) {
        linux.set_seccomp(Some(default_profile(capabilities.unwrap_or_default().bounding)));
    }
    spec
}

/// A profile that is spelled out counts more.
fn asks_for_default(spec: &Spec) -> bool {
    let (key, value) = DEFAULT_SECCOMP_ANNOTATION;
    let has_profile = spec.linux().as_ref().is_some_and(|linux| linux.seccomp().is_some());
    let asked = spec.annotations().as_ref().and_then(|annotations| annotations.get(key));
    !has_profile && asked.is_some_and(|asked| asked == value)
}

/// The `SECCOMP_FILTER_FLAG_*` of the profile that a spec spells out.
pub fn filter_flags(spec: &Spec) -> Option<u64> {
    spec.linux().as_ref().and_then(|linux| linux.seccomp().as_ref()).map(policy::flags_of)
}

/// `BPF_MAXINSNS` (linux/bpf_common.h).
const LONGEST_PROGRAM: usize = 4096;

/// A compiled filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    program: Vec<bpf::Instruction>,
    flags: libc::c_ulong,
}

impl Filter {
    /// The filter that the spec asks for: its `linux.seccomp`, or the default profile for the bounding set
    /// `capabilities` if it carries [`DEFAULT_SECCOMP_ANNOTATION`], or none.
    pub fn of_spec(spec: &Spec, capabilities: CapabilitySet) -> Result<Option<Self>, Unsupported> {
        if let Some(profile) = spec.linux().as_ref().and_then(|linux| linux.seccomp().as_ref()) {
            return Self::compile(profile).map(Some);
        }
        Ok(asks_for_default(spec).then(|| Self::default_for(capabilities)))
    }

    /// Compiles a profile.
    pub fn compile(profile: &LinuxSeccomp) -> Result<Self, Unsupported> {
        let filter = Self::from(&Policy::try_from(profile)?);
        match filter.program.len() > LONGEST_PROGRAM {
            true => Err(Unsupported("it has more rules than fit a filter of the kernel's, 4096 instructions")),
            false => Ok(filter),
        }
    }

    /// Docker's default profile for a process with this bounding set.
    pub fn default_for(capabilities: CapabilitySet) -> Self {
        Self::from(&default::policy(capabilities))
    }

    /// Puts the calling thread, and all that it will execute, under the filter. Needs CAP_SYS_ADMIN or no-new-privileges.
    /// If the filter notifies, what it notifies of is read from the returned file (seccomp_unotify(2)).
    pub fn install(&self) -> io::Result<Option<OwnedFd>> {
        let length = u16::try_from(self.program.len()).map_err(|_| Errno::E2BIG)?;
        let program =
            libc::sock_fprog { len: length, filter: self.program.as_ptr().cast::<libc::sock_filter>().cast_mut() };
        // SAFETY: `Instruction` has the layout of `sock_filter`; the kernel copies the `len` instructions and writes nothing.
        let result =
            unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, self.flags, &raw const program) };
        let result = Errno::result(result)?;
        let notifies = self.flags & libc::SECCOMP_FILTER_FLAG_NEW_LISTENER != 0;
        // SAFETY: with this flag the kernel returns a new descriptor, which nobody else owns.
        Ok(notifies.then(|| unsafe { OwnedFd::from_raw_fd(result as i32) }))
    }
}

impl From<&Policy<'_>> for Filter {
    fn from(policy: &Policy) -> Self {
        Self { program: bpf::compile(policy), flags: policy.flags }
    }
}
