//! Docker's default profile, as of github.com/moby/profiles/seccomp v0.2.3 (`default.json`).

use super::architecture::Architecture;
use super::policy::{Action, Comparison, Condition, Policy, Rule};
use crate::capabilities::CapabilitySet;
use oci_spec::runtime::{
    Capability, LinuxSeccomp, LinuxSeccompAction, LinuxSeccompArg, LinuxSeccompArgBuilder, LinuxSeccompBuilder,
    LinuxSeccompOperator, LinuxSyscall, LinuxSyscallBuilder,
};
use std::borrow::Cow;

/// Allowed to every container.
#[rustfmt::skip]
const ALLOWED: &[&str] = &[
    "accept", "accept4", "access", "adjtimex", "alarm", "bind", "brk", "cachestat", "capget", "capset", "chdir",
    "chmod", "chown", "chown32", "clock_adjtime", "clock_adjtime64", "clock_getres", "clock_getres_time64",
    "clock_gettime", "clock_gettime64", "clock_nanosleep", "clock_nanosleep_time64", "close", "close_range",
    "connect", "copy_file_range", "creat", "dup", "dup2", "dup3", "epoll_create", "epoll_create1", "epoll_ctl",
    "epoll_ctl_old", "epoll_pwait", "epoll_pwait2", "epoll_wait", "epoll_wait_old", "eventfd", "eventfd2", "execve",
    "execveat", "exit", "exit_group", "faccessat", "faccessat2", "fadvise64", "fadvise64_64", "fallocate",
    "fanotify_mark", "fchdir", "fchmod", "fchmodat", "fchmodat2", "fchown", "fchown32", "fchownat", "fcntl",
    "fcntl64", "fdatasync", "fgetxattr", "flistxattr", "flock", "fork", "fremovexattr", "fsetxattr", "fstat",
    "fstat64", "fstatat64", "fstatfs", "fstatfs64", "fsync", "ftruncate", "ftruncate64", "futex", "futex_requeue",
    "futex_time64", "futex_wait", "futex_waitv", "futex_wake", "futimesat", "getcpu", "getcwd", "getdents",
    "getdents64", "getegid", "getegid32", "geteuid", "geteuid32", "getgid", "getgid32", "getgroups", "getgroups32",
    "getitimer", "getpeername", "getpgid", "getpgrp", "getpid", "getppid", "getpriority", "getrandom", "getresgid",
    "getresgid32", "getresuid", "getresuid32", "getrlimit", "get_robust_list", "getrusage", "getsid", "getsockname",
    "getsockopt", "get_thread_area", "gettid", "gettimeofday", "getuid", "getuid32", "getxattr", "getxattrat",
    "inotify_add_watch", "inotify_init", "inotify_init1", "inotify_rm_watch", "io_cancel", "ioctl", "io_destroy",
    "io_getevents", "io_pgetevents", "io_pgetevents_time64", "ioprio_get", "ioprio_set", "io_setup", "io_submit",
    "ipc", "kill", "landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "lchown", "lchown32",
    "lgetxattr", "link", "linkat", "listen", "listmount", "listxattr", "listxattrat", "llistxattr", "_llseek",
    "lremovexattr", "lseek", "lsetxattr", "lstat", "lstat64", "madvise", "map_shadow_stack", "membarrier",
    "memfd_create", "memfd_secret", "mincore", "mkdir", "mkdirat", "mknod", "mknodat", "mlock", "mlock2", "mlockall",
    "mmap", "mmap2", "mprotect", "mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive", "mq_timedreceive_time64",
    "mq_timedsend", "mq_timedsend_time64", "mq_unlink", "mremap", "mseal", "msgctl", "msgget", "msgrcv", "msgsnd",
    "msync", "munlock", "munlockall", "munmap", "name_to_handle_at", "nanosleep", "newfstatat", "_newselect", "open",
    "openat", "openat2", "pause", "pidfd_open", "pidfd_send_signal", "pipe", "pipe2", "pkey_alloc", "pkey_free",
    "pkey_mprotect", "poll", "ppoll", "ppoll_time64", "prctl", "pread64", "preadv", "preadv2", "prlimit64",
    "process_mrelease", "pselect6", "pselect6_time64", "pwrite64", "pwritev", "pwritev2", "read", "readahead",
    "readlink", "readlinkat", "readv", "recv", "recvfrom", "recvmmsg", "recvmmsg_time64", "recvmsg",
    "remap_file_pages", "removexattr", "removexattrat", "rename", "renameat", "renameat2", "restart_syscall",
    "riscv_hwprobe", "rmdir", "rseq", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo",
    "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "rt_sigtimedwait_time64", "rt_tgsigqueueinfo",
    "sched_getaffinity", "sched_getattr", "sched_getparam", "sched_get_priority_max", "sched_get_priority_min",
    "sched_getscheduler", "sched_rr_get_interval", "sched_rr_get_interval_time64", "sched_setaffinity",
    "sched_setattr", "sched_setparam", "sched_setscheduler", "sched_yield", "seccomp", "select", "semctl", "semget",
    "semop", "semtimedop", "semtimedop_time64", "send", "sendfile", "sendfile64", "sendmmsg", "sendmsg", "sendto",
    "setfsgid", "setfsgid32", "setfsuid", "setfsuid32", "setgid", "setgid32", "setgroups", "setgroups32", "setitimer",
    "setpgid", "setpriority", "setregid", "setregid32", "setresgid", "setresgid32", "setresuid", "setresuid32",
    "setreuid", "setreuid32", "setrlimit", "set_robust_list", "setsid", "setsockopt", "set_thread_area",
    "set_tid_address", "setuid", "setuid32", "setxattr", "setxattrat", "shmat", "shmctl", "shmdt", "shmget",
    "shutdown", "sigaltstack", "signalfd", "signalfd4", "sigprocmask", "sigreturn", "socketcall", "socketpair",
    "splice", "stat", "stat64", "statfs", "statfs64", "statmount", "statx", "symlink", "symlinkat", "sync",
    "sync_file_range", "syncfs", "sysinfo", "tee", "tgkill", "time", "timer_create", "timer_delete",
    "timer_getoverrun", "timer_gettime", "timer_gettime64", "timer_settime", "timer_settime64", "timerfd_create",
    "timerfd_gettime", "timerfd_gettime64", "timerfd_settime", "timerfd_settime64", "times", "tkill", "truncate",
    "truncate64", "ugetrlimit", "umask", "uname", "unlink", "unlinkat", "uretprobe", "utime", "utimensat",
    "utimensat_time64", "utimes", "vfork", "vmsplice", "wait4", "waitid", "waitpid", "write", "writev",
];

/// Allowed since Linux 4.8, where they respect seccomp.
const TRACING: &[&str] = &["process_vm_readv", "process_vm_writev", "ptrace"];

/// Allowed to programs of one architecture's family.
const fn of_architecture(architecture: Architecture) -> &'static [&'static str] {
    match architecture {
        Architecture::X86_64 | Architecture::X86 | Architecture::X32 => &["arch_prctl", "modify_ldt"],
        Architecture::Aarch64 | Architecture::Arm => {
            &["arm_fadvise64_64", "arm_sync_file_range", "sync_file_range2", "breakpoint", "cacheflush", "set_tls"]
        }
    }
}

/// Allowed to containers that have the capability.
const BY_CAPABILITY: &[(Capability, &[&str])] = &[
    (Capability::DacReadSearch, &["open_by_handle_at"]),
    (
        Capability::SysAdmin,
        &[
            "bpf",
            "clone",
            "clone3",
            "fanotify_init",
            "fsconfig",
            "fsmount",
            "fsopen",
            "fspick",
            "lookup_dcookie",
            "lsm_get_self_attr",
            "lsm_list_modules",
            "lsm_set_self_attr",
            "mount",
            "mount_setattr",
            "move_mount",
            "open_tree",
            "perf_event_open",
            "quotactl",
            "quotactl_fd",
            "setdomainname",
            "sethostname",
            "setns",
            "syslog",
            "umount",
            "umount2",
            "unshare",
        ],
    ),
    (Capability::SysBoot, &["reboot"]),
    (Capability::SysChroot, &["chroot"]),
    (Capability::SysModule, &["delete_module", "init_module", "finit_module"]),
    (Capability::SysPacct, &["acct"]),
    (
        Capability::SysPtrace,
        &["kcmp", "pidfd_getfd", "process_madvise", "process_vm_readv", "process_vm_writev", "ptrace"],
    ),
    (Capability::SysRawio, &["iopl", "ioperm"]),
    (Capability::SysTime, &["settimeofday", "stime", "clock_settime", "clock_settime64"]),
    (Capability::SysTtyConfig, &["vhangup"]),
    (Capability::SysNice, &["get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node"]),
    (Capability::Syslog, &["syslog"]),
    (Capability::Bpf, &["bpf"]),
    (Capability::Perfmon, &["perf_event_open"]),
];

/// All address families but AF_ALG and AF_VSOCK.
const SOCKET: &[Comparison] =
    &[Comparison::Less(libc::AF_ALG as u64), Comparison::Equal(39), Comparison::Greater(libc::AF_VSOCK as u64)];

/// `PER_LINUX` and `PER_LINUX32`, each also with `UNAME26`, and the question which one is set (personality(2)).
const PERSONALITY: &[Comparison] = &[
    Comparison::Equal(0),
    Comparison::Equal(0x8),
    Comparison::Equal(0x2_0000),
    Comparison::Equal(0x2_0008),
    Comparison::Equal(0xffff_ffff),
];

/// clone(2) without any flag that makes a namespace.
const CLONE: &[Comparison] = &[Comparison::MaskedEqual { mask: 0x7e02_0000, value: 0 }];

/// The profile for a process with this bounding set.
pub(super) fn policy(capabilities: CapabilitySet) -> Policy<'static> {
    let mut rules = vec![allow(ALLOWED), allow(TRACING), allow(of_architecture(Architecture::NATIVE))];
    rules.extend(allow_if(&["socket"], SOCKET));
    rules.extend(allow_if(&["personality"], PERSONALITY));
    let granted = BY_CAPABILITY.iter().filter(|(capability, _)| capabilities.contains(*capability));
    rules.extend(granted.map(|(_, names)| allow(names)));
    if !capabilities.contains(Capability::SysAdmin) {
        rules.extend(allow_if(&["clone"], CLONE));
        // Its flags are behind a pointer, where a filter cannot look; C libraries fall back to clone(2).
        rules.push(Rule { action: Action::errno(libc::ENOSYS.cast_unsigned()), ..allow(&["clone3"]) });
    }
    Policy {
        default: Action::errno(libc::EPERM.cast_unsigned()),
        architectures: Architecture::NATIVE.family().to_vec(),
        rules,
        flags: libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW,
    }
}

fn allow(names: &'static [&'static str]) -> Rule<'static> {
    Rule { names: Cow::Borrowed(names), action: Action::ALLOW, conditions: Vec::new() }
}

/// Allowed when the first argument passes any of the comparisons.
fn allow_if(names: &'static [&'static str], comparisons: &'static [Comparison]) -> impl Iterator<Item = Rule<'static>> {
    comparisons.iter().map(move |comparison| Rule {
        conditions: vec![Condition { index: 0, comparison: *comparison }],
        ..allow(names)
    })
}

/// Docker's default profile for a process with this bounding set, as a spec spells it.
pub fn default_profile(capabilities: CapabilitySet) -> LinuxSeccomp {
    let policy = policy(capabilities);
    LinuxSeccompBuilder::default()
        .default_action(LinuxSeccompAction::ScmpActErrno)
        .default_errno_ret(libc::EPERM.cast_unsigned())
        .architectures(policy.architectures.iter().map(|architecture| architecture.to_spec()).collect::<Vec<_>>())
        .syscalls(policy.rules.iter().map(to_spec).collect::<Vec<_>>())
        .build()
        .expect("every required field is set")
}

fn to_spec(rule: &Rule) -> LinuxSyscall {
    let builder =
        LinuxSyscallBuilder::default().names(rule.names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    let builder = match rule.action {
        Action::ALLOW => builder.action(LinuxSeccompAction::ScmpActAllow),
        Action(other) => builder.action(LinuxSeccompAction::ScmpActErrno).errno_ret(other & libc::SECCOMP_RET_DATA),
    };
    let builder = match rule.conditions.is_empty() {
        true => builder,
        false => builder.args(rule.conditions.iter().map(argument).collect::<Vec<_>>()),
    };
    builder.build().expect("every required field is set")
}

fn argument(condition: &Condition) -> LinuxSeccompArg {
    let (op, value, value_two) = match condition.comparison {
        Comparison::Equal(value) => (LinuxSeccompOperator::ScmpCmpEq, value, None),
        Comparison::NotEqual(value) => (LinuxSeccompOperator::ScmpCmpNe, value, None),
        Comparison::Less(value) => (LinuxSeccompOperator::ScmpCmpLt, value, None),
        Comparison::LessOrEqual(value) => (LinuxSeccompOperator::ScmpCmpLe, value, None),
        Comparison::Greater(value) => (LinuxSeccompOperator::ScmpCmpGt, value, None),
        Comparison::GreaterOrEqual(value) => (LinuxSeccompOperator::ScmpCmpGe, value, None),
        Comparison::MaskedEqual { mask, value } => (LinuxSeccompOperator::ScmpCmpMaskedEq, mask, Some(value)),
    };
    let builder = LinuxSeccompArgBuilder::default().index(condition.index as usize).op(op).value(value);
    match value_two {
        Some(value) => builder.value_two(value),
        None => builder,
    }
    .build()
    .expect("every required field is set")
}
