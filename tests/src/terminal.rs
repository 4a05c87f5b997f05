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

/// A pseudo-terminal of 80 columns and 24 rows with a command on it. What the command prints is gathered as it comes.
pub struct Terminal {
    child: Child,
    keyboard: File,
    screen: Arc<Mutex<String>>,
    /// Held open, so that reading ends with us and not with the command.
    side: File,
}

impl Terminal {
    pub(crate) fn start(mut command: Command) -> Terminal {
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        let OpenptyResult { master, slave } = openpty(Some(&size), None).expect("a terminal");
        let side = || Stdio::from(slave.try_clone().expect("a descriptor"));
        let child = command.stdin(side()).stdout(side()).stderr(side()).spawn().expect("the binary can be run");
        let screen = Arc::new(Mutex::new(String::new()));
        let (mut output, gathered) = (File::from(master.try_clone().expect("a descriptor")), Arc::clone(&screen));
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut buffer) {
                gathered.lock().expect("no panic").push_str(&String::from_utf8_lossy(&buffer[..length]));
            }
        });
        Terminal { child, keyboard: File::from(master), screen, side: File::from(slave) }
    }

    /// Types something.
    pub fn type_(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("a terminal");
    }

    /// All that was printed so far.
    pub fn screen(&self) -> String {
        self.screen.lock().expect("no panic").clone()
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
