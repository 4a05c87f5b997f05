//! Which devices a container may use: lines for the v1 controller, an eBPF program for v2.

use nix::errno::Errno;
use oci_spec::runtime::{LinuxDeviceCgroup, LinuxDeviceType, LinuxResources};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// What every container may use, whatever its spec lists: making any node, the default devices, and terminals of its own
/// devpts (config-linux.md, "Default Devices").
const IMPLIED: [(LinuxDeviceType, i64, i64, &str); 10] = [
    (LinuxDeviceType::C, -1, -1, "m"),
    (LinuxDeviceType::B, -1, -1, "m"),
    (LinuxDeviceType::C, 1, 3, "rwm"),
    (LinuxDeviceType::C, 1, 5, "rwm"),
    (LinuxDeviceType::C, 1, 7, "rwm"),
    (LinuxDeviceType::C, 1, 8, "rwm"),
    (LinuxDeviceType::C, 1, 9, "rwm"),
    (LinuxDeviceType::C, 5, 0, "rwm"),
    (LinuxDeviceType::C, 5, 2, "rwm"),
    (LinuxDeviceType::C, 136, -1, "rwm"),
];

/// A spec's rules and the implied ones behind them. A spec without rules restricts nothing.
pub(super) fn rules(resources: &LinuxResources) -> Vec<LinuxDeviceCgroup> {
    let Some(rules) = resources.devices().as_ref().filter(|rules| !rules.is_empty()) else {
        return Vec::new();
    };
    let implied = IMPLIED.iter().map(|&(typ, major, minor, access)| {
        let mut rule = LinuxDeviceCgroup::default();
        rule.set_allow(true)
            .set_typ(Some(typ))
            .set_major(Some(major))
            .set_minor(Some(minor))
            .set_access(Some(access.to_owned()));
        rule
    });
    rules.iter().cloned().chain(implied).collect()
}

/// The file and the line that express a rule to the v1 controller (Documentation/admin-guide/cgroup-v1/devices.rst).
pub(super) fn v1_line(rule: &LinuxDeviceCgroup) -> (&'static str, String) {
    let file = if rule.allow() { "devices.allow" } else { "devices.deny" };
    let number = |number: Option<i64>| match number {
        Some(number @ 0..) => number.to_string(),
        _ => "*".to_owned(),
    };
    let kind = match rule.typ() {
        Some(LinuxDeviceType::B) => 'b',
        Some(LinuxDeviceType::C | LinuxDeviceType::U) => 'c',
        _ => return (file, "a *:* rwm".to_owned()),
    };
    // The controller refuses letters that it does not know, where v2's programs, and runc, look only for those that they do.
    let access = rule.access().as_deref().unwrap_or("rwm").chars().filter(|letter| "rwm".contains(*letter));
    let access: String = access.collect();
    (file, format!("{kind} {}:{} {access}", number(rule.major()), number(rule.minor())))
}

/// `struct bpf_insn` (linux/bpf.h).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Instruction {
    code: u8,
    /// Destination in the low half, source in the high.
    registers: u8,
    offset: i16,
    immediate: i32,
}

const fn instruction(code: u8, registers: u8, offset: i16, immediate: i32) -> Instruction {
    Instruction { code, registers, offset, immediate }
}

/// Registers: the result, the context, and where the program keeps the request.
const RESULT: u8 = 0;
const CONTEXT: u8 = 1;
const KIND: u8 = 2;
const ACCESS: u8 = 3;
const MAJOR: u8 = 4;
const MINOR: u8 = 5;

const fn load(register: u8, offset: i16) -> Instruction {
    instruction(0x61, register | CONTEXT << 4, offset, 0)
}

/// `BPF_DEVCG_DEV_*` and `BPF_DEVCG_ACC_*`.
const BLOCK: i32 = 1;
const CHARACTER: i32 = 2;
const ACCESSES: [(char, i32); 3] = [('m', 1), ('r', 2), ('w', 4)];

/// A program that answers as the v1 controller would: of the rules that match a request, the last one counts. It reads
/// `struct bpf_cgroup_dev_ctx { access_type, major, minor }`, whose first word has the access in its high half.
fn program(rules: &[LinuxDeviceCgroup]) -> Vec<Instruction> {
    let mut program = vec![
        load(KIND, 0),
        instruction(0x54, KIND, 0, 0xffff),
        load(ACCESS, 0),
        instruction(0x74, ACCESS, 0, 16),
        load(MAJOR, 4),
        load(MINOR, 8),
    ];
    for rule in rules.iter().rev() {
        program.extend(test(rule));
        if matches_all(rule) {
            return program;
        }
    }
    program.extend(answer(false));
    program
}

const fn answer(allow: bool) -> [Instruction; 2] {
    [instruction(0xb7, RESULT, 0, allow as i32), instruction(0x95, 0, 0, 0)]
}

fn matches_all(rule: &LinuxDeviceCgroup) -> bool {
    !matches!(rule.typ(), Some(LinuxDeviceType::B | LinuxDeviceType::C | LinuxDeviceType::U))
}

/// Ends the program with the rule's answer if it matches, else goes on behind.
fn test(rule: &LinuxDeviceCgroup) -> Vec<Instruction> {
    let mut tests = Vec::new();
    if !matches_all(rule) {
        let kind = if rule.typ() == Some(LinuxDeviceType::B) { BLOCK } else { CHARACTER };
        // Jump when different (JNE); the distance is filled in below.
        tests.push(instruction(0x55, KIND, 0, kind));
        let access = rule.access().as_deref().unwrap_or("rwm");
        let bits = ACCESSES.iter().filter(|(letter, _)| access.contains(*letter)).fold(0, |bits, (_, bit)| bits | bit);
        // Allowing needs every access that is asked for to be listed, denying any of them.
        match rule.allow() {
            true if bits != 7 => tests.push(instruction(0x45, ACCESS, 0, !bits & 7)),
            false if bits != 7 => tests.extend([instruction(0x45, ACCESS, 1, bits), instruction(0x05, 0, 0, 0)]),
            _ => {}
        }
        for (register, number) in [(MAJOR, rule.major()), (MINOR, rule.minor())] {
            if let Some(number) = number.filter(|number| *number >= 0).and_then(|number| i32::try_from(number).ok()) {
                tests.push(instruction(0x55, register, 0, number));
            }
        }
    }
    let end = tests.len() + 2;
    for (at, test) in tests.iter_mut().enumerate() {
        if test.offset == 0 {
            test.offset = (end - at - 1) as i16;
        }
    }
    tests.extend(answer(rule.allow()));
    tests
}

/// The members of `union bpf_attr` for `BPF_PROG_LOAD` that are used, the rest zero.
#[repr(C)]
#[derive(Default)]
struct Load {
    program_type: u32,
    instruction_count: u32,
    instructions: u64,
    licence: u64,
    log_level: u32,
    log_size: u32,
    log_buffer: u64,
    kernel_version: u32,
    flags: u32,
}

/// The same for `BPF_PROG_ATTACH` and `BPF_PROG_DETACH`.
#[repr(C)]
#[derive(Default)]
struct Attach {
    target: u32,
    program: u32,
    attach_type: u32,
    flags: u32,
}

/// The same for `BPF_PROG_QUERY`.
#[repr(C)]
#[derive(Default)]
struct Query {
    target: u32,
    attach_type: u32,
    query_flags: u32,
    attach_flags: u32,
    ids: u64,
    count: u32,
    padding: u32,
}

const PROG_LOAD: libc::c_int = 5;
const PROG_ATTACH: libc::c_int = 8;
const PROG_DETACH: libc::c_int = 9;
const PROG_GET_FD_BY_ID: libc::c_int = 13;
const PROG_QUERY: libc::c_int = 16;
const TYPE_CGROUP_DEVICE: u32 = 15;
const ATTACH_CGROUP_DEVICE: u32 = 6;
const ALLOW_MULTI: u32 = 2;

fn bpf<T>(command: libc::c_int, attributes: &mut T) -> io::Result<libc::c_long> {
    // SAFETY: every `T` used here is a prefix of `union bpf_attr` for its command, whose pointers are to live values;
    // the kernel takes what lies beyond the given size as zero.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, &raw mut *attributes, size_of::<T>()) };
    Ok(Errno::result(result)?)
}

fn owned(number: libc::c_long) -> OwnedFd {
    // SAFETY: the kernel has just returned this descriptor, nobody else owns it.
    unsafe { OwnedFd::from_raw_fd(number as i32) }
}

/// Attaches the filter to a cgroup, in place of those that were attached to it before.
pub(super) fn attach_filter(cgroup: &OwnedFd, rules: &[LinuxDeviceCgroup]) -> io::Result<()> {
    let program = program(rules);
    let filter = owned(bpf(
        PROG_LOAD,
        &mut Load {
            program_type: TYPE_CGROUP_DEVICE,
            instruction_count: program.len() as u32,
            instructions: program.as_ptr() as u64,
            licence: c"Apache-2.0".as_ptr() as u64,
            ..Load::default()
        },
    )?);
    let before = attached(cgroup)?;
    change(PROG_ATTACH, cgroup, std::os::fd::AsFd::as_fd(&filter), ALLOW_MULTI)?;
    // The new one is in force before the old ones go: there is no moment without a filter.
    for old in before {
        change(PROG_DETACH, cgroup, std::os::fd::AsFd::as_fd(&old), 0)?;
    }
    Ok(())
}

fn change(command: libc::c_int, cgroup: &OwnedFd, program: BorrowedFd, flags: u32) -> io::Result<()> {
    bpf(
        command,
        &mut Attach {
            target: cgroup.as_raw_fd().cast_unsigned(),
            program: program.as_raw_fd().cast_unsigned(),
            attach_type: ATTACH_CGROUP_DEVICE,
            flags,
        },
    )
    .map(drop)
}

fn attached(cgroup: &OwnedFd) -> io::Result<Vec<OwnedFd>> {
    let mut ids = [0_u32; 64];
    let mut query = Query {
        target: cgroup.as_raw_fd().cast_unsigned(),
        attach_type: ATTACH_CGROUP_DEVICE,
        ids: ids.as_mut_ptr() as u64,
        count: ids.len() as u32,
        ..Query::default()
    };
    bpf(PROG_QUERY, &mut query)?;
    ids[..query.count as usize].iter().map(|&id| Ok(owned(bpf(PROG_GET_FD_BY_ID, &mut { id })?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use oci_spec::runtime::LinuxDeviceCgroupBuilder;

    fn rule(allow: bool, typ: LinuxDeviceType, major: i64, minor: i64, access: &str) -> LinuxDeviceCgroup {
        LinuxDeviceCgroupBuilder::default()
            .allow(allow)
            .typ(typ)
            .major(major)
            .minor(minor)
            .access(access)
            .build()
            .unwrap()
    }

    /// Runs a program as the kernel would, for the few instructions that are used.
    fn run(program: &[Instruction], kind: i32, access: i32, major: i32, minor: i32) -> bool {
        let context = [kind | access << 16, major, minor];
        let mut registers = [0_i32; 6];
        let mut at = 0;
        loop {
            let Instruction { code, registers: named, offset, immediate } = program[at];
            at += 1;
            let register = &mut registers[usize::from(named & 0xf)];
            match code {
                0x61 => *register = context[offset as usize / 4],
                0x54 => *register &= immediate,
                0x74 => *register >>= immediate,
                0xb7 => *register = immediate,
                0x95 => return registers[0] == 1,
                0x05 => at += offset as usize,
                0x55 if *register != immediate => at += offset as usize,
                0x45 if *register & immediate != 0 => at += offset as usize,
                0x55 | 0x45 => {}
                other => panic!("unexpected instruction {other:#x}"),
            }
        }
    }

    #[test]
    fn the_last_matching_rule_counts() {
        use LinuxDeviceType::{A, B, C};
        let rules = [
            rule(false, A, -1, -1, "rwm"),
            rule(true, C, -1, -1, "m"),
            rule(true, C, 1, 3, "rwm"),
            rule(true, B, 8, -1, "r"),
            rule(false, C, 10, 229, "rw"),
        ];
        let program = program(&rules);
        assert!(run(&program, CHARACTER, 6, 1, 3), "read and write /dev/null");
        assert!(!run(&program, CHARACTER, 2, 1, 1), "read /dev/mem");
        assert!(run(&program, CHARACTER, 1, 1, 1), "mknod /dev/mem");
        assert!(run(&program, BLOCK, 2, 8, 5));
        assert!(!run(&program, BLOCK, 6, 8, 5));
        assert!(!run(&program, CHARACTER, 2, 10, 229));
        assert!(run(&program, CHARACTER, 1, 10, 229), "mknod is not among what was denied last");
    }

    #[test]
    fn v1_lines_are_the_controllers() {
        use LinuxDeviceType::{A, C};
        assert_eq!(v1_line(&rule(false, A, -1, -1, "rwm")), ("devices.deny", "a *:* rwm".into()));
        assert_eq!(v1_line(&rule(true, C, 136, -1, "rwm")), ("devices.allow", "c 136:* rwm".into()));
    }
}
