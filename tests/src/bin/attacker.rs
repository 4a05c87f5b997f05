//! Makes system calls that a container must not make, each as its numbers say, and tells the kernel's answers.
//!
//! `attacker calls` prints a line for each; `attacker inject TEXT` pushes text into the input of its terminal.

use nix::errno::Errno;
use nix::libc;
use std::ffi::c_long;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["calls"] => calls(),
        ["inject", text] => text.bytes().for_each(inject),
        _ => panic!("calls | inject TEXT"),
    }
}

fn calls() {
    let user_namespace = c_long::from(libc::CLONE_NEWUSER);
    for (name, number, arguments) in [
        ("add_key", libc::SYS_add_key, [0; 3]),
        ("keyctl", libc::SYS_keyctl, [0; 3]),
        ("request_key", libc::SYS_request_key, [0; 3]),
        ("bpf", libc::SYS_bpf, [0; 3]),
        ("io_uring_setup", libc::SYS_io_uring_setup, [1, 0, 0]),
        ("unshare user", libc::SYS_unshare, [user_namespace, 0, 0]),
        ("socket AF_ALG", libc::SYS_socket, [38, 5, 0]),
        ("socket AF_VSOCK", libc::SYS_socket, [40, 1, 0]),
        ("clone3", libc::SYS_clone3, [0; 3]),
        #[cfg(target_arch = "x86_64")]
        ("x32 add_key", 0x4000_0000 | libc::SYS_add_key, [0; 3]),
    ] {
        // SAFETY: none of these calls reads or writes memory when its pointers are null.
        let answer = unsafe { libc::syscall(number, arguments[0], arguments[1], arguments[2]) };
        tell(name, if answer < 0 { -i64::from(Errno::last_raw()) } else { answer });
    }
    #[cfg(target_arch = "x86_64")]
    for (name, number) in [("i386 add_key", 286), ("i386 io_uring_setup", 425), ("i386 bpf", 357)] {
        tell(name, call_i386(number));
    }
}

fn tell(name: &str, answer: i64) {
    match answer {
        0.. => println!("{name}: allowed"),
        error => println!("{name}: {:?}", Errno::from_raw(-i32::try_from(error).expect("an error number"))),
    }
}

/// A call by the gate of 32-bit programs, with null for every argument.
#[cfg(target_arch = "x86_64")]
fn call_i386(number: i64) -> i64 {
    let answer: i64;
    // SAFETY: as above; the kernel keeps all registers but rax and, on this gate, r8 to r11.
    unsafe {
        std::arch::asm!(
            "push rbx", "xor ebx, ebx", "int 0x80", "pop rbx",
            inlateout("rax") number => answer, in("rcx") 0_i64, in("rdx") 0_i64,
            lateout("r8") _, lateout("r9") _, lateout("r10") _, lateout("r11") _,
        );
    }
    i64::from(answer as i32)
}

/// TIOCSTI: a byte for whoever reads from the terminal next.
fn inject(byte: u8) {
    // SAFETY: the kernel reads one byte.
    let done = unsafe { libc::ioctl(0, libc::TIOCSTI, &raw const byte) };
    println!("inject: {}", if done == 0 { "allowed".to_owned() } else { Errno::last().to_string() });
}
