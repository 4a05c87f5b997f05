//! Capability sets as the kernel has them: 64 bits (capabilities(7)).

use nix::errno::Errno;
use oci_spec::runtime::{Capability, LinuxCapabilities};
use std::collections::HashSet;
use std::io;

/// A set of capabilities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CapabilitySet(u64);

impl CapabilitySet {
    /// The set whose members are the one bits.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// One bit for each member.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Whether the capability is in the set.
    pub fn contains(self, capability: Capability) -> bool {
        self.0 & (1 << number(capability)) != 0
    }

    /// The members of both sets.
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl FromIterator<Capability> for CapabilitySet {
    fn from_iter<T: IntoIterator<Item = Capability>>(capabilities: T) -> Self {
        Self(capabilities.into_iter().fold(0, |bits, capability| bits | 1 << number(capability)))
    }
}

impl From<&Option<HashSet<Capability>>> for CapabilitySet {
    fn from(capabilities: &Option<HashSet<Capability>>) -> Self {
        capabilities.iter().flatten().copied().collect()
    }
}

/// The five sets of a thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThreadCapabilities {
    /// What can ever be had again.
    pub bounding: CapabilitySet,
    /// What the kernel checks.
    pub effective: CapabilitySet,
    /// What can be made effective.
    pub permitted: CapabilitySet,
    /// What an executed file may keep.
    pub inheritable: CapabilitySet,
    /// What a program without file capabilities keeps.
    pub ambient: CapabilitySet,
}

impl From<&Option<LinuxCapabilities>> for ThreadCapabilities {
    /// A process for which the spec lists no capabilities gets none.
    fn from(capabilities: &Option<LinuxCapabilities>) -> Self {
        capabilities.as_ref().map_or_else(Self::default, |sets| Self {
            bounding: sets.bounding().into(),
            effective: sets.effective().into(),
            permitted: sets.permitted().into(),
            inheritable: sets.inheritable().into(),
            ambient: sets.ambient().into(),
        })
    }
}

impl ThreadCapabilities {
    /// Drops from the bounding set of this thread what `self` does not list. Needs CAP_SETPCAP.
    pub fn limit_bounding(&self) -> io::Result<()> {
        for number in 0..u64::BITS {
            if self.bounding.0 & (1 << number) != 0 {
                continue;
            }
            match prctl(libc::PR_CAPBSET_DROP, number.into(), 0) {
                // The kernel knows no capability of this number, nor any higher one.
                Err(Errno::EINVAL) => break,
                result => result?,
            }
        }
        Ok(())
    }

    /// Sets the other four sets of this thread, which thereby loses what they do not list. What the thread does not
    /// have (in a user namespace, or under an engine that is itself confined) is left out.
    pub fn apply(&self) -> io::Result<()> {
        let had = permitted()?;
        let permitted = self.permitted.intersection(had);
        set(self.effective.intersection(permitted), permitted, self.inheritable.intersection(had))?;
        prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL as libc::c_ulong, 0)?;
        let ambient = self.ambient.intersection(permitted).intersection(self.inheritable);
        for number in (0..u64::BITS).filter(|number| ambient.0 & (1 << number) != 0) {
            prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_RAISE as libc::c_ulong, number.into())?;
        }
        Ok(())
    }
}

/// The sets without what this thread does not have, for programs that take more for an error.
pub fn attainable(sets: &LinuxCapabilities) -> io::Result<LinuxCapabilities> {
    let had = permitted()?;
    let limit = |set: &Option<HashSet<Capability>>| {
        set.as_ref().map(|set| set.iter().copied().filter(|capability| had.contains(*capability)).collect())
    };
    let mut limited = LinuxCapabilities::default();
    limited
        .set_bounding(limit(sets.bounding()))
        .set_effective(limit(sets.effective()))
        .set_permitted(limit(sets.permitted()))
        .set_inheritable(limit(sets.inheritable()))
        .set_ambient(limit(sets.ambient()));
    Ok(limited)
}

/// Makes every permitted capability of this thread effective, as after a change of user under `PR_SET_KEEPCAPS`.
pub fn raise_permitted() -> io::Result<()> {
    let permitted = permitted()?;
    set(permitted, permitted, CapabilitySet::default())
}

fn prctl(option: libc::c_int, first: libc::c_ulong, second: libc::c_ulong) -> nix::Result<()> {
    // SAFETY: the options used here take integers only.
    Errno::result(unsafe { libc::prctl(option, first, second, 0, 0) }).map(drop)
}

/// `struct __user_cap_header_struct` of capset(2).
#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

/// `struct __user_cap_data_struct` of capset(2).
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Data {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// `_LINUX_CAPABILITY_VERSION_3` for the calling thread.
const THIS_THREAD: Header = Header { version: 0x2008_0522, pid: 0 };

/// What this thread can make effective.
pub(crate) fn permitted() -> io::Result<CapabilitySet> {
    let mut header = THIS_THREAD;
    let mut data = [Data::default(); 2];
    // SAFETY: version 3 fills two data structures, and both pointers are to live values of these layouts.
    Errno::result(unsafe { libc::syscall(libc::SYS_capget, &raw mut header, data.as_mut_ptr()) })?;
    Ok(CapabilitySet(u64::from(data[0].permitted) | u64::from(data[1].permitted) << 32))
}

fn set(effective: CapabilitySet, permitted: CapabilitySet, inheritable: CapabilitySet) -> io::Result<()> {
    let half = |shift: u32| Data {
        effective: (effective.0 >> shift) as u32,
        permitted: (permitted.0 >> shift) as u32,
        inheritable: (inheritable.0 >> shift) as u32,
    };
    let mut header = THIS_THREAD;
    let data = [half(0), half(32)];
    // SAFETY: version 3 reads two data structures, and both pointers are to live values of these layouts.
    Errno::result(unsafe { libc::syscall(libc::SYS_capset, &raw mut header, data.as_ptr()) })?;
    Ok(())
}

/// The names of all that are known, in the kernel's order.
pub fn names() -> Vec<String> {
    use oci_spec::runtime::Capability::*;
    let all = [
        Chown,
        DacOverride,
        DacReadSearch,
        Fowner,
        Fsetid,
        Kill,
        Setgid,
        Setuid,
        Setpcap,
        LinuxImmutable,
        NetBindService,
        NetBroadcast,
        NetAdmin,
        NetRaw,
        IpcLock,
        IpcOwner,
        SysModule,
        SysRawio,
        SysChroot,
        SysPtrace,
        SysPacct,
        SysAdmin,
        SysBoot,
        SysNice,
        SysResource,
        SysTime,
        SysTtyConfig,
        Mknod,
        Lease,
        AuditWrite,
        AuditControl,
        Setfcap,
        MacOverride,
        MacAdmin,
        Syslog,
        WakeAlarm,
        BlockSuspend,
        AuditRead,
        Perfmon,
        Bpf,
        CheckpointRestore,
    ];
    all.iter().map(|capability| format!("CAP_{}", capability.to_string().trim_start_matches("CAP_"))).collect()
}

/// The kernel's number of a capability (`linux/capability.h`).
const fn number(capability: Capability) -> u32 {
    match capability {
        Capability::Chown => 0,
        Capability::DacOverride => 1,
        Capability::DacReadSearch => 2,
        Capability::Fowner => 3,
        Capability::Fsetid => 4,
        Capability::Kill => 5,
        Capability::Setgid => 6,
        Capability::Setuid => 7,
        Capability::Setpcap => 8,
        Capability::LinuxImmutable => 9,
        Capability::NetBindService => 10,
        Capability::NetBroadcast => 11,
        Capability::NetAdmin => 12,
        Capability::NetRaw => 13,
        Capability::IpcLock => 14,
        Capability::IpcOwner => 15,
        Capability::SysModule => 16,
        Capability::SysRawio => 17,
        Capability::SysChroot => 18,
        Capability::SysPtrace => 19,
        Capability::SysPacct => 20,
        Capability::SysAdmin => 21,
        Capability::SysBoot => 22,
        Capability::SysNice => 23,
        Capability::SysResource => 24,
        Capability::SysTime => 25,
        Capability::SysTtyConfig => 26,
        Capability::Mknod => 27,
        Capability::Lease => 28,
        Capability::AuditWrite => 29,
        Capability::AuditControl => 30,
        Capability::Setfcap => 31,
        Capability::MacOverride => 32,
        Capability::MacAdmin => 33,
        Capability::Syslog => 34,
        Capability::WakeAlarm => 35,
        Capability::BlockSuspend => 36,
        Capability::AuditRead => 37,
        Capability::Perfmon => 38,
        Capability::Bpf => 39,
        Capability::CheckpointRestore => 40,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_promised_what_we_have_not() {
        let had = permitted().unwrap();
        let mut sets = LinuxCapabilities::default();
        sets.set_bounding(Some([Capability::Chown, Capability::SysModule, Capability::SysAdmin].into()));
        let limited = ThreadCapabilities::from(&Some(attainable(&sets).unwrap()));
        let asked = ThreadCapabilities::from(&Some(sets));
        assert_eq!(limited.bounding, asked.bounding.intersection(had));
        assert_eq!(limited.ambient, asked.ambient.intersection(had));
    }

    #[test]
    fn dockers_default_list_has_the_bits_that_its_containers_show() {
        use Capability::*;
        let default: CapabilitySet = [
            Chown,
            DacOverride,
            Fsetid,
            Fowner,
            Mknod,
            NetRaw,
            Setgid,
            Setuid,
            Setfcap,
            Setpcap,
            NetBindService,
            SysChroot,
            Kill,
            AuditWrite,
        ]
        .into_iter()
        .collect();
        assert_eq!(default.bits(), 0xa804_25fb);
        assert!(default.contains(Kill) && !default.contains(SysAdmin));
    }

    #[test]
    fn a_process_without_listed_capabilities_gets_none() {
        assert_eq!(ThreadCapabilities::from(&None), ThreadCapabilities::default());
    }
}
