//! What only a running container has: processes, and mounts as the kernel knows them (proc(5)).

use super::Case;
use super::secrets;
use crate::error::{Error, Result};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// As many open files of a process are told.
const MOST_FILES: usize = 1000;

impl Case<'_> {
    /// The processes on the host's side; none when it does not run.
    pub(super) fn processes(&self) -> Result<Value> {
        if self.init().is_none() {
            return Ok(json!([]));
        }
        let processes = self.engine.processes(&self.config.id)?;
        let tell = |process: &crate::Process| {
            let command =
                if self.options.secrets { process.command.clone() } else { secrets::mask_command(&process.command) };
            json!({
                "Pid": process.pid,
                "Parent": process.parent,
                "Uid": process.uid,
                "StartTicks": process.start,
                "Command": command,
                "Executable": link(process.pid, "exe"),
                "WorkingDirectory": link(process.pid, "cwd"),
                "Root": link(process.pid, "root"),
                "Status": status(process.pid),
                "OpenFiles": open_files(process.pid),
            })
        };
        Ok(processes.iter().map(tell).collect())
    }

    /// The mounts as its init sees them; as its spec asks for when it does not run.
    pub(super) fn mounts(&self) -> Result<Value> {
        let Some(init) = self.init() else {
            let spec = match self.record.spec() {
                Err(Error::NotRunning(_)) => {
                    return Ok(json!({ "From": "nothing: it was never started", "Mounts": [] }));
                }
                spec => spec?,
            };
            return Ok(json!({ "From": "spec.json", "Mounts": spec.mounts() }));
        };
        let path = format!("/proc/{init}/mountinfo");
        let text = fs::read_to_string(&path).map_err(|source| Error::file(path, source))?;
        let mounts: Vec<Value> = text.lines().filter_map(mount).collect();
        Ok(json!({ "From": "the kernel", "Mounts": mounts }))
    }
}

/// A line of mountinfo: `36 35 98:0 /root /target options shared:1 - type source super-options`.
fn mount(line: &str) -> Option<Value> {
    let (left, right) = line.split_once(" - ")?;
    let left: Vec<&str> = left.split(' ').collect();
    let right: Vec<&str> = right.split(' ').collect();
    Some(json!({
        "Destination": left.get(4)?,
        "Type": right.first()?,
        "Source": right.get(1)?,
        "Root": left.get(3)?,
        "Options": left.get(5)?,
        "SuperOptions": right.get(2),
        "Propagation": left.get(6..).unwrap_or_default().join(" "),
    }))
}

fn link(pid: i32, name: &str) -> Option<String> {
    fs::read_link(format!("/proc/{pid}/{name}")).ok().map(|target| target.to_string_lossy().into_owned())
}

/// What of a process's status matters here: its names, ids, capabilities and seccomp mode.
fn status(pid: i32) -> Value {
    const FIELDS: [&str; 14] = [
        "Name",
        "State",
        "NSpid",
        "Uid",
        "Gid",
        "Groups",
        "Threads",
        "VmRSS",
        "CapPrm",
        "CapEff",
        "CapBnd",
        "NoNewPrivs",
        "Seccomp",
        "TracerPid",
    ];
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let fields = text.lines().filter_map(|line| line.split_once(':'));
    let wanted = fields.filter(|(name, _)| FIELDS.contains(name));
    wanted.map(|(name, value)| (name.to_owned(), Value::from(value.trim().replace('\t', " ")))).collect()
}

fn open_files(pid: i32) -> Vec<Value> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd"));
    let mut files: Vec<(u32, String)> = entries
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let target = fs::read_link(entry.path()).ok()?;
            Some((number(&entry.path())?, target.to_string_lossy().into_owned()))
        })
        .take(MOST_FILES)
        .collect();
    files.sort();
    files.into_iter().map(|(number, target)| json!({ "Number": number, "Target": target })).collect()
}

fn number(path: &Path) -> Option<u32> {
    path.file_name()?.to_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_mountinfo_is_taken_apart() {
        let mount = mount("36 35 98:0 /mnt1 /mnt/2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue").unwrap();
        assert_eq!([&mount["Destination"], &mount["Type"], &mount["Source"]], ["/mnt/2", "ext3", "/dev/root"]);
        assert_eq!([&mount["Root"], &mount["Options"], &mount["Propagation"]], ["/mnt1", "rw,noatime", "master:1"]);
    }
}
