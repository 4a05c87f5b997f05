//! Commands stopped right before one of the changes that they, or the processes that they start, make to the machine.
//!
//! A change is a system call that leaves something behind: a file, a mount, a process, a message to the kernel. By
//! ptrace(2) each of them can be the last thing that a process never did, or fail as on a full disk.

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::collections::HashMap;
use std::fs;
use std::io::{Read, Seek};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Who is struck.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// The command itself.
    Command,
    /// The process that stays with a container.
    Monitor,
    /// What either of them starts: the container's init, a process of `exec`.
    Child,
}

/// What happens to it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// It is killed.
    Kill,
    /// No space is left on the device.
    FullDisk,
}

impl Fault {
    /// Whether this can happen at such a system call.
    fn fits(self, call: &Call) -> bool {
        match self {
            Fault::Kill => true,
            Fault::FullDisk => call.takes_space(),
        }
    }
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// Before which system call it was; nothing when the role makes fewer changes.
    pub struck: Option<&'static str>,
    /// The exit code of the command; 128 + n when signal n ended it.
    pub code: i32,
    /// What the command complained about.
    pub stderr: String,
}

/// Runs a command in which a fault happens right before the change number `number`, counted from 0, of a role. Processes
/// that were there before take part as monitors. Returns when the command has ended and what is left of it is idle.
#[track_caller]
pub fn with_fault(command: Command, monitors: &[Pid], role: Role, number: usize, fault: Fault) -> Outcome {
    let monitors = monitors.to_vec();
    // The kernel lets go of all that a thread traces when the thread ends.
    let tracer = thread::spawn(move || Tracer::new(role, number, fault).run(command, &monitors));
    tracer.join().expect("the processes can be traced")
}

/// How long nothing must happen until what is left is taken to be idle.
const IDLE: Duration = Duration::from_millis(60);

/// However slowly it goes, it has ended by then.
const LIMIT: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug)]
struct Tracee {
    role: Role,
    /// Whether it is about to fail for want of space.
    fails: bool,
    /// Whether the SIGSTOP with which the kernel begins to trace it is still to come.
    is_new: bool,
}

impl Tracee {
    fn born(role: Role) -> Tracee {
        Tracee { role, fails: false, is_new: true }
    }
}

struct Tracer {
    role: Role,
    number: usize,
    fault: Fault,
    /// How many changes of the role have been seen.
    seen: usize,
    struck: Option<&'static str>,
    tracees: HashMap<Pid, Tracee>,
    code: Option<i32>,
}

impl Tracer {
    fn new(role: Role, number: usize, fault: Fault) -> Tracer {
        Tracer { role, number, fault, seen: 0, struck: None, tracees: HashMap::new(), code: None }
    }

    #[expect(clippy::zombie_processes, reason = "whoever waits for all that is traced waits for it, too")]
    fn run(mut self, mut command: Command, monitors: &[Pid]) -> Outcome {
        let mut stderr = tempfile::tempfile().expect("a file");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr.try_clone().expect("a descriptor"));
        // SAFETY: ptrace(2) is one system call, and allocates nothing.
        unsafe { command.pre_exec(|| ptrace::traceme().map_err(Into::into)) };
        let child = command.spawn().expect("it can be run");
        let child = Pid::from_raw(child.id().cast_signed());
        waitpid(child, None).expect("it stops when it is executed");
        ptrace::setoptions(child, options()).expect("it is ours");
        self.tracees.insert(child, Tracee { is_new: false, ..Tracee::born(Role::Command) });
        for &monitor in monitors {
            ptrace::seize(monitor, options()).expect("a process");
            ptrace::interrupt(monitor).expect("it is ours");
            self.tracees.insert(monitor, Tracee::born(Role::Monitor));
        }
        go_on(child, None);
        self.follow(child);
        let mut text = String::new();
        stderr.rewind().and_then(|()| stderr.read_to_string(&mut text)).expect("what it wrote");
        Outcome { struck: self.struck, code: self.code.expect("it has ended"), stderr: text }
    }

    /// Until the command has ended and all is idle.
    fn follow(&mut self, command: Pid) {
        let (begun, mut last) = (Instant::now(), Instant::now());
        let flags = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD | WaitPidFlag::WNOHANG;
        loop {
            match waitpid(None, Some(flags)) {
                Ok(WaitStatus::StillAlive) if self.code.is_some() && last.elapsed() > IDLE => return,
                Ok(WaitStatus::StillAlive) => {
                    assert!(begun.elapsed() < LIMIT, "it hangs; {:?} was struck", self.struck);
                    if last.elapsed() > Duration::from_millis(1) {
                        thread::sleep(IDLE / 60)
                    } else {
                        thread::yield_now()
                    }
                }
                Err(Errno::ECHILD) => return,
                Ok(status) => {
                    last = Instant::now();
                    self.take(status, command);
                }
                Err(error) => panic!("waitpid: {error}"),
            }
        }
    }

    fn take(&mut self, status: WaitStatus, command: Pid) {
        match status {
            WaitStatus::Exited(pid, code) => self.ended(pid, command, code),
            WaitStatus::Signaled(pid, signal, _) => self.ended(pid, command, 128 + signal as i32),
            WaitStatus::PtraceSyscall(pid) => self.at_call(pid),
            // The first stop of one that was seized, and of its children.
            WaitStatus::PtraceEvent(pid, _, libc::PTRACE_EVENT_STOP) => {
                self.tracees.entry(pid).or_insert(Tracee::born(Role::Child)).is_new = false;
                go_on(pid, None);
            }
            WaitStatus::PtraceEvent(pid, _, event) => self.at_event(pid, event),
            WaitStatus::Stopped(pid, signal) => {
                let tracee = self.tracees.entry(pid).or_insert(Tracee::born(Role::Child));
                let is_first = signal == Signal::SIGSTOP && std::mem::take(&mut tracee.is_new);
                go_on(pid, (!is_first).then_some(signal));
            }
            _ => {}
        }
    }

    fn ended(&mut self, pid: Pid, command: Pid, code: i32) {
        self.tracees.remove(&pid);
        if pid == command {
            self.code = Some(code);
        }
    }

    /// At the beginning or the end of a system call.
    fn at_call(&mut self, pid: Pid) {
        let tracee = self.tracees[&pid];
        if tracee.fails {
            self.tracees.insert(pid, Tracee { fails: false, ..tracee });
            answer(pid, -i64::from(libc::ENOSPC));
        } else if let Some(call) = Call::begun(pid)
            && tracee.role == self.role
            && self.struck.is_none()
            && self.fault.fits(&call)
        {
            if self.seen == self.number {
                self.strike(pid, &call);
            }
            self.seen += 1;
        }
        go_on(pid, None);
    }

    fn strike(&mut self, pid: Pid, call: &Call) {
        self.struck = Some(call.name);
        match self.fault {
            Fault::Kill => kill(pid, Signal::SIGKILL).expect("it is there"),
            Fault::FullDisk => {
                skip(pid);
                self.tracees.get_mut(&pid).expect("one of ours").fails = true;
            }
        }
    }

    /// At a birth, or once another program is executed.
    fn at_event(&mut self, pid: Pid, event: i32) {
        let role = self.tracees[&pid].role;
        match event {
            libc::PTRACE_EVENT_EXEC if is_monitor(pid) => {
                self.tracees.get_mut(&pid).expect("one of ours").role = Role::Monitor
            }
            libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_VFORK | libc::PTRACE_EVENT_CLONE => {
                let born = ptrace::getevent(pid).expect("it is stopped");
                let born = Pid::from_raw(born.try_into().expect("a process id"));
                // A thread or a fork of a monitor is one, too; what has namespaces of its own is the container.
                let keeps =
                    is_thread(pid, born) || (role == Role::Monitor && is_monitor(born) && shares_pids(pid, born));
                let role = if keeps { role } else { Role::Child };
                // Its first stop may have been seen already.
                let is_new = self.tracees.get(&born).is_none_or(|tracee| tracee.is_new);
                self.tracees.insert(born, Tracee { is_new, ..Tracee::born(role) });
            }
            _ => {}
        }
        go_on(pid, None);
    }
}

fn options() -> Options {
    Options::PTRACE_O_TRACESYSGOOD
        | Options::PTRACE_O_TRACEFORK
        | Options::PTRACE_O_TRACEVFORK
        | Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_TRACEEXEC
}

/// Lets a process run to its next stop. It may have been killed meanwhile.
fn go_on(pid: Pid, signal: Option<Signal>) {
    match ptrace::syscall(pid, signal) {
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(error) => panic!("ptrace {pid}: {error}"),
    }
}

/// Makes the system call that has begun none.
fn skip(pid: Pid) {
    let mut registers = ptrace::getregs(pid).expect("it is stopped");
    registers.orig_rax = u64::MAX;
    ptrace::setregs(pid, registers).expect("it is stopped");
}

/// What the system call that has ended returns.
fn answer(pid: Pid, value: i64) {
    let mut registers = ptrace::getregs(pid).expect("it is stopped");
    registers.rax = value.cast_unsigned();
    ptrace::setregs(pid, registers).expect("it is stopped");
}

fn is_monitor(pid: Pid) -> bool {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.split(|byte| *byte == 0).nth(1) == Some(b"monitor")
}

fn is_thread(parent: Pid, born: Pid) -> bool {
    fs::exists(format!("/proc/{parent}/task/{born}")).unwrap_or_default()
}

fn shares_pids(one: Pid, other: Pid) -> bool {
    let namespace = |pid| fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    namespace(one) == namespace(other)
}

/// A system call that is about to be made.
struct Call {
    pid: Pid,
    name: &'static str,
    arguments: [u64; 3],
}

/// What needs space on a disk.
const TAKING_SPACE: [(i64, &str); 23] = [
    (libc::SYS_mkdir, "mkdir"),
    (libc::SYS_mkdirat, "mkdirat"),
    (libc::SYS_rename, "rename"),
    (libc::SYS_renameat, "renameat"),
    (libc::SYS_renameat2, "renameat2"),
    (libc::SYS_link, "link"),
    (libc::SYS_linkat, "linkat"),
    (libc::SYS_symlink, "symlink"),
    (libc::SYS_symlinkat, "symlinkat"),
    (libc::SYS_mknod, "mknod"),
    (libc::SYS_mknodat, "mknodat"),
    (libc::SYS_write, "write"),
    (libc::SYS_writev, "writev"),
    (libc::SYS_pwrite64, "pwrite64"),
    (libc::SYS_ftruncate, "ftruncate"),
    (libc::SYS_fallocate, "fallocate"),
    (libc::SYS_copy_file_range, "copy_file_range"),
    (libc::SYS_setxattr, "setxattr"),
    (libc::SYS_fsetxattr, "fsetxattr"),
    (libc::SYS_fsync, "fsync"),
    (libc::SYS_fdatasync, "fdatasync"),
    (libc::SYS_openat, "openat"),
    (libc::SYS_open, "open"),
];

/// What else leaves something behind.
const CHANGES: [(i64, &str); 27] = [
    (libc::SYS_rmdir, "rmdir"),
    (libc::SYS_unlink, "unlink"),
    (libc::SYS_unlinkat, "unlinkat"),
    (libc::SYS_chmod, "chmod"),
    (libc::SYS_fchmod, "fchmod"),
    (libc::SYS_fchownat, "fchownat"),
    (libc::SYS_mount, "mount"),
    (libc::SYS_umount2, "umount2"),
    (libc::SYS_open_tree, "open_tree"),
    (libc::SYS_move_mount, "move_mount"),
    (libc::SYS_fsconfig, "fsconfig"),
    (libc::SYS_fsmount, "fsmount"),
    (libc::SYS_mount_setattr, "mount_setattr"),
    (libc::SYS_pivot_root, "pivot_root"),
    (libc::SYS_unshare, "unshare"),
    (libc::SYS_setns, "setns"),
    (libc::SYS_clone, "clone"),
    (libc::SYS_clone3, "clone3"),
    (libc::SYS_vfork, "vfork"),
    (libc::SYS_execve, "execve"),
    (libc::SYS_setsid, "setsid"),
    (libc::SYS_bind, "bind"),
    (libc::SYS_sendto, "sendto"),
    (libc::SYS_sendmsg, "sendmsg"),
    (libc::SYS_kill, "kill"),
    (libc::SYS_pidfd_send_signal, "pidfd_send_signal"),
    (libc::SYS_exit_group, "exit_group"),
];

impl Call {
    /// The call at whose beginning a process is stopped, if it may change something.
    fn begun(pid: Pid) -> Option<Call> {
        let registers = ptrace::getregs(pid).ok()?;
        let is_beginning = registers.rax.cast_signed() == -i64::from(libc::ENOSYS);
        let number = registers.orig_rax.cast_signed();
        let (_, name) = TAKING_SPACE.iter().chain(&CHANGES).find(|(known, _)| is_beginning && *known == number)?;
        let call = Call { pid, name, arguments: [registers.rdi, registers.rsi, registers.rdx] };
        call.changes().then_some(call)
    }

    fn changes(&self) -> bool {
        let makes = |flags: u64| {
            flags & (libc::O_CREAT | libc::O_TRUNC | libc::O_TMPFILE) as u64 & !(libc::O_DIRECTORY as u64) != 0
        };
        match self.name {
            "openat" => makes(self.arguments[2]),
            "open" => makes(self.arguments[1]),
            _ => true,
        }
    }

    fn takes_space(&self) -> bool {
        let is_on_disk = || {
            let file = fs::read_link(format!("/proc/{}/fd/{}", self.pid, self.arguments[0])).unwrap_or_default();
            file.is_absolute() && !["/dev", "/proc", "/sys"].iter().any(|kernel| file.starts_with(kernel))
        };
        match self.name {
            "write" | "writev" | "pwrite64" => is_on_disk(),
            name => TAKING_SPACE.iter().any(|(_, known)| *known == name),
        }
    }
}
