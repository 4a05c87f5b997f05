//! How the kernel treats a process: scheduler, I/O priority, memory policy, processors, personality (config.md, "Linux
//! Process"; config-linux.md).

use super::error::{Context, Error, Result};
use nix::errno::Errno;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use oci_spec::runtime::{
    IOPriorityClass, LinuxIOPriority, LinuxMemoryPolicy, LinuxPersonality, LinuxPersonalityDomain, LinuxSchedulerFlag,
    LinuxSchedulerPolicy, MemoryPolicyFlagType, MemoryPolicyModeType, Process, Scheduler, Spec,
};

/// Applies all of it but for the processors to the calling thread, which needs its capabilities for that.
pub(super) fn apply(process: &Process, spec: &Spec) -> Result<()> {
    let bound = spec.linux().as_ref().and_then(|linux| linux.resources().as_ref()?.cpu().as_ref()?.cpus().as_ref());
    if let Some(scheduler) = process.scheduler() {
        check_deadline(scheduler)?;
        set_scheduler(scheduler).map_err(|error| match (error, bound) {
            (Error::System { source, .. }, Some(list)) if source.raw_os_error() == Some(libc::EPERM) => {
                let what = "process scheduler can't be used together with AllowedCPUs";
                Error::Spec(format!("{what} (linux.resources.cpu.cpus is {list:?})"))
            }
            (error, _) => error,
        })?;
    }
    if let Some(priority) = process.io_priority() {
        set_io_priority(priority)?;
    }
    let linux = spec.linux().as_ref();
    if let Some(policy) = linux.and_then(|linux| linux.memory_policy().as_ref()) {
        set_memory_policy(policy)?;
    }
    linux.and_then(|linux| linux.personality().as_ref()).map_or(Ok(()), set_personality)
}

/// `struct sched_attr` (sched_setattr(2)).
#[repr(C)]
struct SchedulerAttributes {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    runtime: u64,
    deadline: u64,
    period: u64,
    clamp_min: u32,
    clamp_max: u32,
}

fn set_scheduler(scheduler: &Scheduler) -> Result<()> {
    let policy = match scheduler.policy() {
        LinuxSchedulerPolicy::SchedOther => libc::SCHED_OTHER,
        LinuxSchedulerPolicy::SchedFifo => libc::SCHED_FIFO,
        LinuxSchedulerPolicy::SchedRr => libc::SCHED_RR,
        LinuxSchedulerPolicy::SchedBatch => libc::SCHED_BATCH,
        LinuxSchedulerPolicy::SchedIdle => libc::SCHED_IDLE,
        LinuxSchedulerPolicy::SchedDeadline => libc::SCHED_DEADLINE,
        LinuxSchedulerPolicy::SchedIso => return Err(Error::Spec("scheduler SCHED_ISO: Linux has none".into())),
    };
    let flags = scheduler.flags().iter().flatten().fold(0, |flags, flag| flags | scheduler_flag(*flag));
    let attributes = SchedulerAttributes {
        size: size_of::<SchedulerAttributes>() as u32,
        policy: policy.cast_unsigned(),
        flags: flags as u64,
        nice: scheduler.nice().unwrap_or(0),
        priority: scheduler.priority().unwrap_or(0).cast_unsigned(),
        runtime: scheduler.runtime().unwrap_or(0),
        deadline: scheduler.deadline().unwrap_or(0),
        period: scheduler.period().unwrap_or(0),
        clamp_min: 0,
        clamp_max: 0,
    };
    // SAFETY: the kernel reads as many bytes of the attributes as their first field says.
    Errno::result(unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) })
        .during(|| format!("set the scheduler {}", scheduler.policy()))?;
    Ok(())
}

/// What sched(7) asks of SCHED_DEADLINE, where the kernel itself only says that something is invalid.
fn check_deadline(scheduler: &Scheduler) -> Result<()> {
    if scheduler.policy() != &LinuxSchedulerPolicy::SchedDeadline {
        return Ok(());
    }
    let wrong = |what: String| Err(Error::Spec(format!("sched_setattr: `SCHED_DEADLINE` {what}")));
    let period = (*scheduler.period()).filter(|period| *period != 0);
    match (*scheduler.runtime(), *scheduler.deadline()) {
        (None, _) => wrong("requires `runtime`".into()),
        (_, None) => wrong("requires `deadline`".into()),
        (Some(0), _) => wrong("runtime must be greater than 0".into()),
        (Some(runtime @ (..1024 | 0x8000_0000_0000_0000..)), _) => {
            wrong(format!("runtime {runtime} must be between 1024 and {}", i64::MAX))
        }
        (Some(runtime), Some(deadline)) if runtime > deadline => {
            wrong(format!("runtime {runtime} must be <= deadline {deadline}"))
        }
        (_, Some(deadline)) => match period {
            Some(period) if deadline > period => wrong(format!("deadline {deadline} must be <= period {period}")),
            _ => Ok(()),
        },
    }
}

const fn scheduler_flag(flag: LinuxSchedulerFlag) -> libc::c_int {
    match flag {
        LinuxSchedulerFlag::SchedResetOnFork => libc::SCHED_FLAG_RESET_ON_FORK,
        LinuxSchedulerFlag::SchedFlagReclaim => libc::SCHED_FLAG_RECLAIM,
        LinuxSchedulerFlag::SchedFlagDLOverrun => libc::SCHED_FLAG_DL_OVERRUN,
        LinuxSchedulerFlag::SchedFlagKeepPolicy => libc::SCHED_FLAG_KEEP_POLICY,
        LinuxSchedulerFlag::SchedFlagKeepParams => libc::SCHED_FLAG_KEEP_PARAMS,
        LinuxSchedulerFlag::SchedFlagUtilClampMin => libc::SCHED_FLAG_UTIL_CLAMP_MIN,
        LinuxSchedulerFlag::SchedFlagUtilClampMax => libc::SCHED_FLAG_UTIL_CLAMP_MAX,
    }
}

/// ioprio_set(2): the class in the high bits of a 16-bit number, the priority below.
fn set_io_priority(priority: &LinuxIOPriority) -> Result<()> {
    const WHO_PROCESS: libc::c_int = 1;
    const CLASS_SHIFT: u32 = 13;
    let class: i64 = match priority.class() {
        IOPriorityClass::IoprioClassRt => 1,
        IOPriorityClass::IoprioClassBe => 2,
        IOPriorityClass::IoprioClassIdle => 3,
    };
    let level = priority.priority();
    if !(0..8).contains(&level) {
        return Err(Error::Spec(format!("process.ioPriority: {level} is not between 0 and 7")));
    }
    // SAFETY: the call takes three integers.
    Errno::result(unsafe { libc::syscall(libc::SYS_ioprio_set, WHO_PROCESS, 0, class << CLASS_SHIFT | level) })
        .during(|| format!("set the I/O priority {} {level}", priority.class()))?;
    Ok(())
}

/// set_mempolicy(2), linux/mempolicy.h.
fn set_memory_policy(policy: &LinuxMemoryPolicy) -> Result<()> {
    let mode = match policy.mode() {
        MemoryPolicyModeType::MpolDefault => 0,
        MemoryPolicyModeType::MpolPreferred => 1,
        MemoryPolicyModeType::MpolBind => 2,
        MemoryPolicyModeType::MpolInterleave => 3,
        MemoryPolicyModeType::MpolLocal => 4,
        MemoryPolicyModeType::MpolPreferredMany => 5,
        MemoryPolicyModeType::MpolWeightedInterleave => 6,
    };
    let flags = policy.flags().iter().flatten().fold(0, |flags, flag| {
        flags
            | match flag {
                MemoryPolicyFlagType::MpolFStaticNodes => 1 << 15,
                MemoryPolicyFlagType::MpolFRelativeNodes => 1 << 14,
                MemoryPolicyFlagType::MpolFNumaBalancing => 1 << 13,
            }
    });
    let nodes = policy.nodes().as_deref().unwrap_or_default();
    let mut mask = [0_u64; 16];
    let wrong =
        || Error::Spec(format!("invalid memory policy nodes: {nodes:?} is no list of nodes that a host can have"));
    for node in list(nodes).ok_or_else(wrong)? {
        *mask.get_mut(node / 64).ok_or_else(wrong)? |= 1 << (node % 64);
    }
    // The kernel takes one bit less than it is told.
    let (pointer, bits) = match nodes.is_empty() {
        true => (std::ptr::null(), 0),
        false => (mask.as_ptr(), mask.len() * 64 + 1),
    };
    // SAFETY: the kernel reads the mask's bits, if it is given one.
    match Errno::result(unsafe { libc::syscall(libc::SYS_set_mempolicy, mode | flags, pointer, bits) }) {
        Ok(_) => Ok(()),
        Err(errno) => {
            let why = errno.desc().to_lowercase();
            Err(Error::Spec(format!("set_mempolicy {} on nodes {nodes:?}: {why}", policy.mode())))
        }
    }
}

fn set_personality(personality: &LinuxPersonality) -> Result<()> {
    if let Some(flag) = personality.flags().iter().flatten().next() {
        return Err(Error::Spec(format!("linux.personality.flags: {flag:?} is unknown")));
    }
    // PER_LINUX and PER_LINUX32 of linux/personality.h.
    let domain: libc::c_ulong = match personality.domain() {
        LinuxPersonalityDomain::PerLinux => 0,
        LinuxPersonalityDomain::PerLinux32 => 8,
    };
    // SAFETY: the call takes one integer.
    Errno::result(unsafe { libc::personality(domain) })
        .during(|| format!("set the personality {}", personality.domain()))?;
    Ok(())
}

/// Binds the calling thread to a list of processors, like `0-3,7`.
pub(super) fn bind_to_processors(processors: &str) -> Result<()> {
    let wrong = || Error::Spec(format!("execCPUAffinity: {processors:?} is no list of processors"));
    let mut set = CpuSet::new();
    for processor in list(processors).ok_or_else(wrong)? {
        set.set(processor).map_err(|_| wrong())?;
    }
    sched_setaffinity(Pid::from_raw(0), &set).during(|| format!("bind the process to processors {processors}"))
}

/// The bits of a list of processors, if it is one of the first 64.
pub fn processor_mask(processors: &str) -> Option<u64> {
    let bit = |processor: usize| u32::try_from(processor).ok().and_then(|at| 1_u64.checked_shl(at));
    list(processors)?.into_iter().try_fold(0, |mask, processor| Some(mask | bit(processor)?))
}

/// Lets the calling thread run on all processors of its cgroup, whatever its caller is bound to. A kernel without as many only
/// looks at those that it has; that it refuses leaves things as they are.
pub(super) fn bind_to_all() {
    let mut set = CpuSet::new();
    let all = (0..CpuSet::count()).try_for_each(|processor| set.set(processor));
    let _ = all.and_then(|()| sched_setaffinity(Pid::from_raw(0), &set));
}

/// The numbers of a list of numbers and ranges (cpuset(7), "List format").
fn list(text: &str) -> Option<Vec<usize>> {
    let mut numbers = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.trim().parse::<usize>().ok()?, last.trim().parse::<usize>().ok()?);
        if first > last || last > 4096 {
            return None;
        }
        numbers.extend(first..=last);
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_are_in_order() {
        let told = |json: &str| check_deadline(&serde_json::from_str(json).unwrap()).map_err(|error| error.to_string());
        let with = |more: &str| told(&format!(r#"{{"policy":"SCHED_DEADLINE"{more}}}"#));
        assert_eq!(with(r#","runtime":2000,"deadline":3000"#), Ok(()));
        assert_eq!(told(r#"{"policy":"SCHED_OTHER"}"#), Ok(()));
        for (more, expected) in [
            ("", "requires `runtime`"),
            (r#","runtime":2000"#, "requires `deadline`"),
            (r#","runtime":0,"deadline":1"#, "runtime must be greater than 0"),
            (r#","runtime":1023,"deadline":9999"#, "runtime 1023 must be between"),
            (r#","runtime":2000,"deadline":1999"#, "must be <= deadline 1999"),
            (r#","runtime":2000,"deadline":3000,"period":2500"#, "must be <= period 2500"),
        ] {
            assert!(with(more).unwrap_err().contains(expected), "{more}");
        }
    }

    #[test]
    fn lists_are_numbers_and_ranges() {
        assert_eq!(list("0-2,7"), Some(vec![0, 1, 2, 7]));
        assert_eq!(list(" 3 , 5-5,"), Some(vec![3, 5]));
        assert_eq!([processor_mask("0,2"), processor_mask("64"), processor_mask("x")], [Some(5), None, None]);
        assert_eq!(list(""), Some(vec![]));
        for wrong in ["a", "3-1", "0-", "0-99999999999"] {
            assert_eq!(list(wrong), None, "{wrong}");
        }
    }
}
