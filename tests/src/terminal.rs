//! `porthole` on a terminal.

use crate::wait::eventually;
use nix::pty::{OpenptyResult, Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{LocalFlags, tcgetattr};
use nix::unistd::Pid;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

/// A pseudo-terminal with a command on it. What the command prints is gathered as it comes.
pub struct Terminal {
    child: Child,
    keyboard: File,
    output: Arc<Mutex<Vec<u8>>>,
    size: (u16, u16),
    /// Held open, so that reading ends with us and not with the command.
    side: File,
}

impl Terminal {
    pub(crate) fn start(mut command: Command, columns: u16, rows: u16) -> Terminal {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let OpenptyResult { master, slave } = openpty(Some(&size), None).expect("a terminal");
        let side = || Stdio::from(slave.try_clone().expect("a descriptor"));
        let child = command.stdin(side()).stdout(side()).stderr(side()).spawn().expect("the binary can be run");
        let output = Arc::new(Mutex::new(Vec::new()));
        let (mut printed, gathered) = (File::from(master.try_clone().expect("a descriptor")), Arc::clone(&output));
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = printed.read(&mut buffer) {
                gathered.lock().expect("no panic").extend_from_slice(&buffer[..length]);
            }
        });
        Terminal { child, keyboard: File::from(master), output, size: (columns, rows), side: File::from(slave) }
    }

    /// Types something.
    pub fn type_(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("a terminal");
    }

    /// All that was printed so far.
    pub fn screen(&self) -> String {
        String::from_utf8_lossy(&self.output.lock().expect("no panic")).into_owned()
    }

    /// What a person sees now, as lines of text.
    pub fn picture(&self) -> String {
        let (columns, rows) = self.size;
        let mut parser = vt100::Parser::new(rows, columns, 0);
        parser.process(&self.output.lock().expect("no panic"));
        parser.screen().contents()
    }

    /// Waits until a person sees something.
    #[track_caller]
    pub fn expect_picture(&self, text: &str) {
        let start = std::time::Instant::now();
        while !self.picture().contains(text) {
            assert!(start.elapsed().as_secs() < 20, "not within 20 s: {text:?} in\n{}", self.picture());
            crate::wait::pause(20);
        }
    }

    /// Sends the command a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).expect("it runs");
    }

    /// Waits until something was printed.
    #[track_caller]
    pub fn expect(&self, text: &str) {
        let what = || format!("the terminal shows {text:?}");
        let start = std::time::Instant::now();
        while !self.screen().contains(text) {
            assert!(start.elapsed().as_secs() < 10, "not within 10 s: {}, but {:?}", what(), self.screen());
            crate::wait::pause(5);
        }
    }

    /// Changes the size of the terminal, as a window manager does.
    pub fn resize(&self, columns: u16, rows: u16) {
        let size = rustix::termios::Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(&self.keyboard, size).expect("a terminal");
        // The command is not of the terminal's session, so that the kernel does not tell it.
        kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGWINCH).expect("it runs");
    }

    /// Whether keys are echoed and lines edited, as before and after a command that took the terminal over.
    pub fn is_cooked(&self) -> bool {
        tcgetattr(&self.side).expect("a terminal").local_flags.contains(LocalFlags::ICANON | LocalFlags::ECHO)
    }

    /// How many bytes were typed, by whomever, and not read.
    pub fn unread(&self) -> u64 {
        rustix::io::ioctl_fionread(&self.side).expect("a terminal")
    }

    /// Waits for the command's end; its exit code.
    #[track_caller]
    pub fn wait(&mut self) -> i32 {
        let mut status = None;
        eventually("the command on the terminal ends", || {
            status = self.child.try_wait().expect("our child");
            status.is_some()
        });
        let status = status.expect("ended");
        status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It has ended already unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
