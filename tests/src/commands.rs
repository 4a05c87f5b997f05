//! Running commands, with a time limit on each: a command that hangs is a failed test and not a test that never ends.

use crate::wait::eventually;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Longer than any single command takes, on however loaded a machine.
const LIMIT: Duration = Duration::from_secs(60);

/// How a command ended, and what it printed.
#[derive(Clone, Debug)]
pub struct Output {
    command: String,
    /// Its exit code; 128 + n when signal n ended it.
    pub code: i32,
    /// What it printed.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
}

impl Output {
    /// What a command that must succeed printed, without the last newline.
    #[track_caller]
    pub fn ok(&self) -> &str {
        assert_eq!(self.code, 0, "{} failed: {}{}", self.command, self.stderr, self.stdout);
        self.stdout.trim_end_matches('\n')
    }

    /// The one line that a command that must fail with this exit code printed.
    #[track_caller]
    pub fn fails(&self, code: i32) -> &str {
        assert_eq!(self.code, code, "exit code of {}: {}{}", self.command, self.stderr, self.stdout);
        let line = self.stderr.strip_suffix('\n').unwrap_or(&self.stderr);
        let message = line.strip_prefix("porthole: ").filter(|message| !message.contains('\n'));
        message.unwrap_or_else(|| panic!("{} must tell one line on stderr, not {:?}", self.command, self.stderr))
    }
}

/// The binary under test: `PORTHOLE_BIN`, or the one that was built beside the tests.
pub fn binary() -> PathBuf {
    let built = || {
        let tests = std::env::current_exe().expect("the path of this test");
        tests.ancestors().nth(2).expect("target/PROFILE/deps/TEST").join("porthole")
    };
    let binary = std::env::var_os("PORTHOLE_BIN").map_or_else(built, PathBuf::from);
    assert!(binary.exists(), "{} is not there; build it first: cargo build -p porthole", binary.display());
    binary
}

/// Splits a line at blanks; what is between single quotes stays together.
pub fn words(line: &str) -> Vec<OsString> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    for character in line.chars() {
        match character {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            c if c.is_whitespace() && !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    assert!(!quoted, "a quote is missing in {line}");
    words.extend(word);
    words.into_iter().map(OsString::from).collect()
}

/// Runs a command of the host's own in the namespaces of the calling thread, and returns what it printed.
#[track_caller]
pub fn tool(line: &str) -> String {
    let words = words(line);
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    run(command, line, b"").ok().to_owned()
}

/// Runs a command to its end. Its end is that of its output, so a process that it leaves behind must not hold on to that.
#[track_caller]
pub fn run(mut command: Command, name: &str, input: &[u8]) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{name}: {error}"));
    let id = child.id();
    let (mut stdin, input) = (child.stdin.take().expect("piped"), input.to_owned());
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        // A command that reads nothing of its input is free not to.
        let writer = thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output();
        drop(writer.join());
        let _ = send.send(output);
    });
    let Ok(output) = receive.recv_timeout(LIMIT) else {
        let _ = kill(Pid::from_raw(id.cast_signed()), Signal::SIGKILL);
        panic!("{name} has not ended in {LIMIT:?}");
    };
    let output = output.unwrap_or_else(|error| panic!("{name}: {error}"));
    Output {
        command: name.to_owned(),
        code: exit_code(output.status),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn exit_code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}

/// A command that runs beside the test, with pipes to it. It is killed when the test is done with it.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    stderr: ChildStderr,
}

impl Running {
    /// Starts a command.
    pub fn start(mut command: Command) -> Running {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary can be run");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        Running { stdin: child.stdin.take(), stdout, stderr: child.stderr.take().expect("piped"), child }
    }

    /// Its process id.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("it runs");
    }

    /// Types something.
    pub fn write(&mut self, text: &str) {
        self.stdin.as_mut().expect("not closed yet").write_all(text.as_bytes()).expect("it reads");
    }

    /// Ends its input.
    pub fn close(&mut self) {
        self.stdin = None;
    }

    /// The next line that it prints.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("text");
        line.trim_end().to_owned()
    }

    /// All that it prints from now on.
    pub fn rest(&mut self) -> String {
        let mut text = String::new();
        self.stdout.read_to_string(&mut text).expect("text");
        text
    }

    /// All that it complains about until its end.
    pub fn complaints(&mut self) -> String {
        let mut text = String::new();
        self.stderr.read_to_string(&mut text).expect("text");
        text
    }

    /// Waits for its end; its exit code.
    #[track_caller]
    pub fn wait(&mut self) -> i32 {
        let mut status = None;
        eventually("the command ends", || {
            status = self.child.try_wait().expect("our child");
            status.is_some()
        });
        exit_code(status.expect("ended"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
