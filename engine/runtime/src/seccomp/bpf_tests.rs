use super::*;
use crate::capabilities::CapabilitySet;
use crate::seccomp::architecture::place;
use crate::seccomp::{DEFAULT_SECCOMP_ANNOTATION, Filter, default, default_profile, spelled_out};
use oci_spec::runtime::{Capability, LinuxCapabilities, Process, Spec};
use std::borrow::Cow;

/// Runs a program as the kernel would.
fn run(program: &[Instruction], audit: u32, number: u32, arguments: [u64; 6]) -> Action {
    let mut accumulator = 0;
    let mut at = 0;
    loop {
        let instruction = program[at];
        at += 1;
        let code = u32::from(instruction.code);
        let k = instruction.k;
        match code & 0x07 {
            libc::BPF_LD => {
                accumulator = match k {
                    NUMBER => number,
                    ARCHITECTURE => audit,
                    _ => {
                        let argument = arguments[(k as usize - 16) / 8];
                        (argument >> (8 * (k % 8))) as u32
                    }
                }
            }
            libc::BPF_ALU => accumulator &= k,
            libc::BPF_RET => return Action(k),
            _ if code & 0xf0 == libc::BPF_JA => at += k as usize,
            _ => {
                let holds = match code & 0xf0 {
                    EQUAL => accumulator == k,
                    GREATER => accumulator > k,
                    GREATER_OR_EQUAL => accumulator >= k,
                    other => panic!("unexpected test {other:#x}"),
                };
                at += usize::from(if holds { instruction.jump_true } else { instruction.jump_false });
            }
        }
    }
}

const EPERM: Action = Action::errno(1);
const ENOSYS: Action = Action::errno(38);

fn number(architecture: Architecture, name: &str) -> u32 {
    architecture.number(place(name).unwrap()).unwrap()
}

fn default_policy(capabilities: &[Capability]) -> Policy<'static> {
    let mut policy = default::policy(capabilities.iter().copied().collect());
    policy.architectures = vec![Architecture::X86_64, Architecture::X86, Architecture::X32];
    policy
}

fn call(program: &[Instruction], name: &str, first: u64) -> Action {
    let architecture = Architecture::X86_64;
    run(program, architecture.audit(), number(architecture, name), [first, 0, 0, 0, 0, 0])
}

#[test]
fn the_default_profile_decides_as_dockers() {
    let program = compile(&default_policy(&[]));
    for name in ["read", "execve", "openat2", "ptrace", "uretprobe", "arch_prctl", "removexattrat"] {
        assert_eq!(call(&program, name, 0), Action::ALLOW, "{name}");
    }
    for name in ["mount", "bpf", "keyctl", "add_key", "io_uring_setup", "unshare", "kexec_load", "reboot", "chroot"] {
        assert_eq!(call(&program, name, 0), EPERM, "{name}");
    }
    assert_eq!(call(&program, "clone3", 0), ENOSYS);
    assert_eq!(call(&program, "clone", 0x11), Action::ALLOW);
    assert_eq!(call(&program, "clone", 0x1000_0011), EPERM, "CLONE_NEWUSER");
    for (family, expected) in [(2, Action::ALLOW), (38, EPERM), (39, Action::ALLOW), (40, EPERM), (44, Action::ALLOW)] {
        assert_eq!(call(&program, "socket", family), expected, "family {family}");
    }
    assert_eq!(call(&program, "personality", 0x4_0000), EPERM, "ADDR_NO_RANDOMIZE");
    assert_eq!(call(&program, "personality", 0xffff_ffff), Action::ALLOW);
}

#[test]
fn capabilities_open_their_calls() {
    let program = compile(&default_policy(&[Capability::SysAdmin, Capability::SysChroot]));
    for name in ["mount", "clone3", "setns", "chroot", "bpf"] {
        assert_eq!(call(&program, name, 0), Action::ALLOW, "{name}");
    }
    assert_eq!(call(&program, "clone", 0x1000_0011), Action::ALLOW);
    assert_eq!(call(&program, "reboot", 0), EPERM);
}

#[test]
fn other_interfaces_of_the_machine_are_no_way_around() {
    let program = compile(&default_policy(&[]));
    let by = |architecture: Architecture, bit: u32, name: &str| {
        run(&program, architecture.audit(), bit | number(architecture, name), [0; 6])
    };
    for name in ["mount", "keyctl", "unshare"] {
        assert_eq!(by(Architecture::X86, 0, name), EPERM, "{name} by i386");
        assert_eq!(by(Architecture::X32, X32_BIT, name), EPERM, "{name} by x32");
    }
    assert_eq!(by(Architecture::X86, 0, "socketcall"), Action::ALLOW);
    assert_eq!(by(Architecture::X32, X32_BIT, "execve"), Action::ALLOW);
    assert_eq!(run(&program, Architecture::Arm.audit(), 3, [0; 6]), Action::KILL_PROCESS);
}

#[test]
fn x32_is_refused_when_it_is_not_listed() {
    let mut policy = default_policy(&[]);
    policy.architectures = vec![Architecture::X86_64];
    let program = compile(&policy);
    assert_eq!(run(&program, Architecture::X86_64.audit(), X32_BIT, [0; 6]), Action::KILL_PROCESS);
}

#[test]
fn calls_newer_than_the_profile_do_not_exist() {
    let program = compile(&default_policy(&[]));
    assert_eq!(run(&program, Architecture::X86_64.audit(), 5000, [0; 6]), ENOSYS);
    assert_eq!(run(&program, Architecture::X86_64.audit(), u32::MAX, [0; 6]), ENOSYS);
}

#[test]
fn every_call_of_every_interface_gets_what_its_rules_say() {
    for architectures in [
        vec![Architecture::X86_64, Architecture::X86, Architecture::X32],
        vec![Architecture::Aarch64, Architecture::Arm],
    ] {
        let mut policy = default_policy(&[Capability::SysPtrace]);
        policy.architectures = architectures.clone();
        let program = compile(&policy);
        for architecture in architectures {
            let bit = if architecture == Architecture::X32 { X32_BIT } else { 0 };
            for (at, row) in super::super::syscalls::SYSCALLS.iter().enumerate() {
                let Some(number) = architecture.number(at) else {
                    continue;
                };
                let named = policy.rules.iter().find(|rule| rule.names.contains(&row.0));
                let newest =
                    policy.rules.iter().flat_map(Rule::places).filter_map(|place| architecture.number(place)).max();
                let expected = match named {
                    Some(rule) => rule.action,
                    None if Some(number) > newest => ENOSYS,
                    None => EPERM,
                };
                let got = run(&program, architecture.audit(), bit | number, [0; 6]);
                assert_eq!(got, expected, "{} on {architecture:?}", row.0);
            }
        }
    }
}

#[test]
fn comparisons_see_all_64_bits() {
    let pivot = 0x1_0000_0005_u64;
    let samples = [0, 5, u64::from(u32::MAX), pivot - 1, pivot, pivot + 1, 0x2_0000_0000, 0x2_0000_0005, u64::MAX];
    type Law = fn(u64, u64) -> bool;
    let laws: [(Comparison, Law); 7] = [
        (Comparison::Equal(pivot), |a, b| a == b),
        (Comparison::NotEqual(pivot), |a, b| a != b),
        (Comparison::Less(pivot), |a, b| a < b),
        (Comparison::LessOrEqual(pivot), |a, b| a <= b),
        (Comparison::Greater(pivot), |a, b| a > b),
        (Comparison::GreaterOrEqual(pivot), |a, b| a >= b),
        (Comparison::MaskedEqual { mask: 0xf_0000_000f, value: pivot }, |a, b| a & 0xf_0000_000f == b),
    ];
    for (comparison, law) in laws {
        let condition = |index| Condition { index, comparison };
        let policy = Policy {
            default: EPERM,
            architectures: vec![Architecture::X86_64],
            rules: vec![Rule {
                names: Cow::Borrowed(&["read"]),
                action: Action::ALLOW,
                conditions: vec![condition(0), condition(5)],
            }],
            flags: 0,
        };
        let program = compile(&policy);
        for first in samples {
            for last in samples {
                let expected = law(first, pivot) && law(last, pivot);
                let got = run(&program, Architecture::X86_64.audit(), 0, [first, 0, 0, 0, 0, last]);
                assert_eq!(got == Action::ALLOW, expected, "{comparison:?} {first:#x} {last:#x}");
            }
        }
    }
}

#[test]
fn the_spelled_out_default_compiles_to_the_same_program() {
    for bits in [0, 0xa804_25fb, u64::MAX >> 23] {
        let capabilities = CapabilitySet::from_bits(bits);
        let spelled = default_profile(capabilities);
        assert_eq!(Filter::compile(&spelled).unwrap(), Filter::default_for(capabilities));
    }
}

#[test]
fn a_profile_too_long_for_the_kernel_is_refused() {
    let mut profile = default_profile(CapabilitySet::default());
    let calls = profile.syscalls().clone().unwrap();
    let conditional = calls.iter().find(|call| call.args().is_some()).unwrap();
    profile.set_syscalls(Some(vec![conditional.clone(); 1000]));
    assert!(Filter::compile(&profile).unwrap_err().to_string().contains("4096 instructions"));
}

#[test]
fn a_spec_spelled_out_means_the_same() {
    let mut sets = LinuxCapabilities::default();
    sets.set_bounding(Some([Capability::SysAdmin, Capability::Chown].into()));
    let mut process = Process::default();
    process.set_capabilities(Some(sets));
    let (key, value) = DEFAULT_SECCOMP_ANNOTATION;
    let mut spec = Spec::default();
    let annotations = [(key.to_owned(), value.to_owned()), ("a".to_owned(), "b".to_owned())];
    spec.set_process(Some(process)).set_annotations(Some(annotations.into()));
    let plain = spelled_out(&spec);
    assert_eq!(plain.annotations().as_ref().unwrap().keys().collect::<Vec<_>>(), ["a"]);
    let bounding = [Capability::SysAdmin, Capability::Chown].into_iter().collect();
    let filter = |spec: &Spec| Filter::of_spec(spec, bounding).unwrap().unwrap();
    assert_eq!(filter(&plain), filter(&spec));
    assert_eq!(spelled_out(&plain), plain);
}
