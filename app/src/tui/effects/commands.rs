//! Runs the very command lines that are shown: this program with arguments.

use crate::tui::message::{Msg, Ran};
use std::fs::File;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Output, Stdio};
use tokio::sync::mpsc::Sender;

/// This program, even if its file has been replaced meanwhile.
pub const SELF: &str = "/proc/self/exe";

/// Runs a command line to its end; its output goes into a file if one is given.
pub fn run(job: usize, argv: &[String], into: Option<&Path>, messages: &Sender<Msg>) {
    let ran = match output(argv, into) {
        Ok(output) => Ran {
            job,
            code: exit_code(output.status),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        },
        Err(error) => {
            let place = into.map_or_else(|| SELF.to_owned(), |path| path.display().to_string());
            Ran { job, code: 125, stdout: String::new(), stderr: format!("{place}: {error}") }
        }
    };
    let _ = messages.blocking_send(Msg::Ran(ran));
}

fn output(argv: &[String], into: Option<&Path>) -> io::Result<Output> {
    let mut command = Command::new(SELF);
    command.args(argv).stdin(Stdio::null()).stderr(Stdio::piped()).stdout(Stdio::piped());
    if let Some(path) = into {
        // What is there already is not written over.
        let file = File::create_new(path)?;
        command.stdout(file.try_clone()?).stderr(file);
    }
    command.spawn()?.wait_with_output()
}

/// As shells count: 128 + n for signal n.
pub fn exit_code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}
