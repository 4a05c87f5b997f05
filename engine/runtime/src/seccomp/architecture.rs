//! The system call interfaces that a filter tells apart.

use super::syscalls::{N, SYSCALLS};
use oci_spec::runtime::Arch;

/// One table of system call numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Architecture {
    /// x86-64.
    X86_64,
    /// i386, by the compatibility entry of an x86-64 kernel.
    X86,
    /// x86-64 with 32-bit pointers: x86-64's entry, numbers with bit 30 set.
    X32,
    /// 64-bit ARM.
    Aarch64,
    /// 32-bit ARM, by the compatibility entry of a 64-bit kernel.
    Arm,
}

/// Set in x32's numbers (`__X32_SYSCALL_BIT`).
pub(super) const X32_BIT: u32 = 0x4000_0000;

impl Architecture {
    /// What this machine's programs use by themselves.
    #[cfg(target_arch = "x86_64")]
    pub(super) const NATIVE: Self = Self::X86_64;
    /// What this machine's programs use by themselves.
    #[cfg(target_arch = "aarch64")]
    pub(super) const NATIVE: Self = Self::Aarch64;

    /// The native interface and those that its kernel also offers.
    pub(super) const fn family(self) -> &'static [Self] {
        match self {
            Self::X86_64 | Self::X86 | Self::X32 => &[Self::X86_64, Self::X86, Self::X32],
            Self::Aarch64 | Self::Arm => &[Self::Aarch64, Self::Arm],
        }
    }

    /// `AUDIT_ARCH_*`, as in `seccomp_data.arch`.
    pub(super) const fn audit(self) -> u32 {
        match self {
            Self::X86_64 | Self::X32 => 0xC000_003E,
            Self::X86 => 0x4000_0003,
            Self::Aarch64 => 0xC000_00B7,
            Self::Arm => 0x4000_0028,
        }
    }

    /// The number of each known call here, by its place in the table of names.
    pub(super) fn number(self, place: usize) -> Option<u32> {
        match SYSCALLS[place].1[self as usize] {
            N => None,
            number => Some(number.cast_unsigned()),
        }
    }

    /// The interface that a spec names; none if it is of a machine that we do not run on.
    pub(super) const fn of_spec(arch: Arch) -> Option<Self> {
        match arch {
            Arch::ScmpArchNative => Some(Self::NATIVE),
            Arch::ScmpArchX86_64 => Some(Self::X86_64),
            Arch::ScmpArchX86 => Some(Self::X86),
            Arch::ScmpArchX32 => Some(Self::X32),
            Arch::ScmpArchAarch64 => Some(Self::Aarch64),
            Arch::ScmpArchArm => Some(Self::Arm),
            _ => None,
        }
    }

    /// The name that a spec has for it.
    pub(super) const fn to_spec(self) -> Arch {
        match self {
            Self::X86_64 => Arch::ScmpArchX86_64,
            Self::X86 => Arch::ScmpArchX86,
            Self::X32 => Arch::ScmpArchX32,
            Self::Aarch64 => Arch::ScmpArchAarch64,
            Self::Arm => Arch::ScmpArchArm,
        }
    }
}

/// A name's place in the table; none if no architecture has such a call.
pub(super) fn place(name: &str) -> Option<usize> {
    SYSCALLS.binary_search_by_key(&name, |row| row.0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_agrees_with_libc() {
        assert!(SYSCALLS.is_sorted_by(|a, b| a.0 < b.0));
        let native = |name| Architecture::NATIVE.number(place(name).unwrap()).unwrap();
        for (name, number) in [
            ("read", libc::SYS_read),
            ("clone3", libc::SYS_clone3),
            ("openat2", libc::SYS_openat2),
            ("execveat", libc::SYS_execveat),
            ("mount_setattr", libc::SYS_mount_setattr),
            ("io_uring_enter", libc::SYS_io_uring_enter),
        ] {
            assert_eq!(i64::from(native(name)), number, "{name}");
        }
        assert_eq!(Architecture::Aarch64.number(place("read").unwrap()), Some(63));
        assert_eq!(Architecture::Aarch64.number(place("open").unwrap()), None);
        assert_eq!(Architecture::X32.number(place("execve").unwrap()), Some(520));
    }
}
