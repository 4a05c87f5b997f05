//! The init of a container, without any library: `init [--] COMMAND [ARGUMENT…]`.

#![no_std]
#![no_main]

use core::arch::{asm, global_asm};
use core::ffi::CStr;
use core::ptr;

#[cfg(target_arch = "x86_64")]
mod number {
    pub const WRITE: usize = 1;
    pub const RT_SIGPROCMASK: usize = 14;
    pub const IOCTL: usize = 16;
    pub const GETPID: usize = 39;
    pub const CLONE: usize = 56;
    pub const EXECVE: usize = 59;
    pub const WAIT4: usize = 61;
    pub const KILL: usize = 62;
    pub const SETPGID: usize = 109;
    pub const RT_SIGTIMEDWAIT: usize = 128;
    pub const PRCTL: usize = 157;
    pub const EXIT_GROUP: usize = 231;
}

#[cfg(target_arch = "aarch64")]
mod number {
    pub const IOCTL: usize = 29;
    pub const WRITE: usize = 64;
    pub const EXIT_GROUP: usize = 94;
    pub const KILL: usize = 129;
    pub const RT_SIGPROCMASK: usize = 135;
    pub const RT_SIGTIMEDWAIT: usize = 137;
    pub const SETPGID: usize = 154;
    pub const PRCTL: usize = 167;
    pub const GETPID: usize = 172;
    pub const CLONE: usize = 220;
    pub const EXECVE: usize = 221;
    pub const WAIT4: usize = 260;
}

const EINTR: isize = -4;
const ENOENT: isize = -2;
const EACCES: isize = -13;
const ENOTDIR: isize = -20;

const SIGILL: u32 = 4;
const SIGTRAP: u32 = 5;
const SIGABRT: u32 = 6;
const SIGBUS: u32 = 7;
const SIGFPE: u32 = 8;
const SIGSEGV: u32 = 11;
const SIGCHLD: u32 = 17;
const SIGSYS: u32 = 31;

const SIG_SETMASK: usize = 2;
const WNOHANG: usize = 1;
const PR_SET_CHILD_SUBREAPER: usize = 36;
const TIOCSPGRP: usize = 0x5410;

/// Where commands are looked for when the environment does not say: Docker's default.
const DEFAULT_PATH: &[u8] = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// The longest path (`PATH_MAX`, limits.h).
const LONGEST_PATH: usize = 4096;

// The kernel leaves argc, argv and the environment on the stack, and no return address.
#[cfg(target_arch = "x86_64")]
global_asm!(".global _start", "_start:", "mov rdi, rsp", "and rsp, -16", "call {main}", main = sym main);
#[cfg(target_arch = "aarch64")]
global_asm!(".global _start", "_start:", "mov x0, sp", "and sp, x0, #-16", "bl {main}", main = sym main);

/// A system call.
///
/// # Safety
/// The arguments must be what the call takes (syscalls(2)).
#[cfg(target_arch = "x86_64")]
unsafe fn call(number: usize, arguments: [usize; 4]) -> isize {
    let result;
    let [first, second, third, fourth] = arguments;
    // SAFETY: the kernel changes these registers and no memory but what the caller points it to.
    unsafe {
        asm!("syscall", inlateout("rax") number => result, in("rdi") first, in("rsi") second, in("rdx") third,
             in("r10") fourth, in("r8") 0, lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    result
}

/// A system call.
///
/// # Safety
/// The arguments must be what the call takes (syscalls(2)).
#[cfg(target_arch = "aarch64")]
unsafe fn call(number: usize, arguments: [usize; 4]) -> isize {
    let result;
    let [first, second, third, fourth] = arguments;
    // SAFETY: the kernel changes these registers and no memory but what the caller points it to.
    unsafe {
        asm!("svc 0", in("x8") number, inlateout("x0") first => result, in("x1") second, in("x2") third,
             in("x3") fourth, in("x4") 0, options(nostack));
    }
    result
}

fn exit(code: i32) -> ! {
    loop {
        // SAFETY: it takes one integer.
        unsafe { call(number::EXIT_GROUP, [code as usize, 0, 0, 0]) };
    }
}

/// Tells something on standard error. When nobody listens, the exit code says it.
fn tell(text: &[u8]) {
    // SAFETY: as many bytes are read as there are.
    unsafe { call(number::WRITE, [2, text.as_ptr() as usize, text.len(), 0]) };
}

/// A set of signals, as the kernel has it.
type Signals = u64;

/// Sets which signals wait; those that did before.
fn set_mask(mask: Signals) -> Signals {
    let mut before: Signals = 0;
    let (new, old) = (&raw const mask as usize, &raw mut before as usize);
    // SAFETY: one set is read and one is written.
    unsafe { call(number::RT_SIGPROCMASK, [SIG_SETMASK, new, old, size_of::<Signals>()]) };
    before
}

/// All signals but those that a fault of our own would raise.
const PASSED_ON: Signals = {
    let own = [SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS];
    let (mut mask, mut at) = (!0, 0);
    while at < own.len() {
        mask &= !(1 << (own[at] - 1));
        at += 1;
    }
    mask
};

/// What the kernel left on the stack, each list closed by a null pointer.
#[derive(Clone, Copy)]
struct Start {
    arguments: *const *const u8,
    environment: *const *const u8,
}

/// # Safety
/// `stack` must be the stack pointer that the program was started with.
unsafe extern "C" fn main(stack: *const usize) -> ! {
    // SAFETY: by the System V ABI the number of arguments lies here, then the arguments and a null, then the environment.
    let (command, environment) = unsafe {
        let (count, arguments) = (*stack, stack.add(1).cast::<*const u8>());
        let skipped = match count > 1 && CStr::from_ptr((*arguments.add(1)).cast()) == c"--" {
            true => 2,
            false => 1,
        };
        (arguments.add(skipped.min(count)), arguments.add(count + 1))
    };
    // SAFETY: it points to an argument, or to the null that closes the list.
    if unsafe { *command }.is_null() {
        tell(b"init: no command is given\n");
        exit(125);
    }
    let before = set_mask(PASSED_ON);
    let start = Start { arguments: command, environment };
    // SAFETY: without flags a child has its own copy of everything; it takes integers and null pointers.
    match unsafe { call(number::CLONE, [SIGCHLD as usize, 0, 0, 0]) } {
        0 => become_command(start, before),
        child if child > 0 => look_after(child),
        _ => {
            tell(b"init: cannot start the command: no process can be made\n");
            exit(125)
        }
    }
}

/// In the child: a process group of its own, which has the terminal if there is one, and then the command.
fn become_command(start: Start, mask: Signals) -> ! {
    // SAFETY: they take integers, and the last one reads one integer. Without a terminal it fails, as it should.
    unsafe {
        call(number::SETPGID, [0, 0, 0, 0]);
        let group = call(number::GETPID, [0; 4]) as i32;
        call(number::IOCTL, [0, TIOCSPGRP, &raw const group as usize, 0]);
    }
    set_mask(mask);
    let error = execute(start);
    // SAFETY: the first argument is there, and closed by a zero byte.
    let name = unsafe { CStr::from_ptr((*start.arguments).cast()) }.to_bytes();
    tell(b"init: exec ");
    tell(name);
    let (reason, code): (&[u8], i32) = match error {
        ENOENT | ENOTDIR => (b": no such file or directory\n", 127),
        EACCES => (b": permission denied\n", 126),
        _ => (b": it cannot be executed\n", 126),
    };
    tell(reason);
    exit(code)
}

/// execve(2), with the search of execvp(3); why it failed.
fn execute(start: Start) -> isize {
    // SAFETY: the first argument is there, and closed by a zero byte.
    let name = unsafe { CStr::from_ptr((*start.arguments).cast()) }.to_bytes_with_nul();
    let execute = |path: *const u8| {
        // SAFETY: the path is closed by a zero byte, the lists by null pointers.
        unsafe { call(number::EXECVE, [path as usize, start.arguments as usize, start.environment as usize, 0]) }
    };
    if name.contains(&b'/') {
        return execute(name.as_ptr());
    }
    let mut result = ENOENT;
    let mut path = [0_u8; LONGEST_PATH];
    for directory in search_path(start.environment).split(|&byte| byte == b':') {
        let end = directory.len() + 1 + name.len();
        if directory.is_empty() || end > path.len() {
            continue;
        }
        path[..directory.len()].copy_from_slice(directory);
        path[directory.len()] = b'/';
        path[directory.len() + 1..end].copy_from_slice(name);
        match execute(path.as_ptr()) {
            ENOENT | ENOTDIR => {}
            EACCES => result = EACCES,
            error => return error,
        }
    }
    result
}

fn search_path(environment: *const *const u8) -> &'static [u8] {
    let mut at = environment;
    // SAFETY: the list is closed by a null pointer, each variable by a zero byte; both stay for the life of the process.
    unsafe {
        while !(*at).is_null() {
            if let Some(path) = CStr::from_ptr((*at).cast()).to_bytes().strip_prefix(b"PATH=") {
                return path;
            }
            at = at.add(1);
        }
    }
    DEFAULT_PATH
}

/// In the init: passes signals on and reaps, until the command has ended.
fn look_after(child: isize) -> ! {
    // Whatever the command leaves behind becomes our child; process 1 has this by birth.
    // SAFETY: it takes integers.
    unsafe { call(number::PRCTL, [PR_SET_CHILD_SUBREAPER, 1, 0, 0]) };
    let mask = PASSED_ON;
    loop {
        // SAFETY: one set is read; nothing is written to null pointers.
        let signal = unsafe { call(number::RT_SIGTIMEDWAIT, [&raw const mask as usize, 0, 0, size_of::<Signals>()]) };
        match signal {
            EINTR => {}
            signal if signal == SIGCHLD as isize => reap(child),
            // SAFETY: it takes integers.
            signal if signal > 0 => drop(unsafe { call(number::KILL, [child as usize, signal as usize, 0, 0]) }),
            _ => {}
        }
    }
}

/// Reaps all that have ended; ends with the command.
fn reap(child: isize) {
    loop {
        let mut status: i32 = 0;
        // SAFETY: one integer is written.
        let ended = unsafe { call(number::WAIT4, [usize::MAX, &raw mut status as usize, WNOHANG, 0]) };
        match ended {
            ended if ended == child => exit(exit_code(status)),
            1.. | EINTR => {}
            _ => return,
        }
    }
}

/// What a shell would say of a status of wait4(2).
fn exit_code(status: i32) -> i32 {
    match status & 0x7f {
        0 => status >> 8 & 0xff,
        signal => 128 + signal,
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    exit(125)
}

/// The library `core` names it in its tables for unwinding, which nothing here does.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

/// The compiler may ask for this and the next ones by name.
///
/// # Safety
/// As memcpy(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    for at in 0..count {
        // SAFETY: the caller's ranges. Volatile, or this loop would be replaced by a call of itself.
        unsafe { ptr::write_volatile(to.add(at), *from.add(at)) };
    }
    to
}

/// # Safety
/// As memset(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, count: usize) -> *mut u8 {
    for at in 0..count {
        // SAFETY: the caller's range. Volatile, or this loop would be replaced by a call of itself.
        unsafe { ptr::write_volatile(to.add(at), byte as u8) };
    }
    to
}

/// # Safety
/// As memcmp(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(one: *const u8, other: *const u8, count: usize) -> i32 {
    for at in 0..count {
        // SAFETY: the caller's ranges.
        let (one, other) = unsafe { (ptr::read_volatile(one.add(at)), *other.add(at)) };
        if one != other {
            return i32::from(one) - i32::from(other);
        }
    }
    0
}

/// # Safety
/// As strlen(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn strlen(text: *const u8) -> usize {
    let mut length = 0;
    // SAFETY: the caller's text is closed by a zero byte.
    while unsafe { ptr::read_volatile(text.add(length)) } != 0 {
        length += 1;
    }
    length
}
