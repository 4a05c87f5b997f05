//! A machine of its own for one test.

use crate::commands::{self, Output, Running};
use crate::leaks::{self, Traces};
use crate::terminal::Terminal;
use crate::wait::eventually_some;
use crate::{Neighbour, Netns, archive};
use nix::mount::{MsFlags, mount, umount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::Pid;
use serde_json::Value;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use tempfile::TempDir;

/// The image that every host has: busybox with all its applets, and the user `app`.
pub const BOX: &str = "box";

/// A state root, and the namespaces in which the calling thread and its children live from now on.
pub struct Host {
    directory: TempDir,
    before: Traces,
    has_own_disk: bool,
    variables: Vec<(String, OsString)>,
}

impl Host {
    /// A host with the image [`BOX`].
    pub fn new() -> Host {
        let host = Host::empty();
        let imported = host.porthole_with("import - box:latest", archive::busybox());
        assert!(imported.ok().starts_with("sha256:"), "{}", imported.stdout);
        host
    }

    /// A host without any image.
    pub fn empty() -> Host {
        enter_namespaces();
        Host::with_root(directory(), false)
    }

    /// A host without any image whose state root is on a disk of its own, of this size.
    pub fn with_disk(size: &str) -> Host {
        enter_namespaces();
        let directory = directory();
        let options = format!("size={size},mode=700");
        mount(Some("disk"), directory.path(), Some("tmpfs"), MsFlags::empty(), Some(options.as_str())).expect("a disk");
        Host::with_root(directory, true)
    }

    /// A second state root on the same host. Both look for leaks when they are dropped, so the second must go first.
    pub fn second(&self) -> Host {
        let host = Host::with_root(directory(), false);
        host.porthole_with("import - box:latest", archive::busybox()).ok();
        host
    }

    fn with_root(directory: TempDir, has_own_disk: bool) -> Host {
        Host { before: Traces::take(), directory, has_own_disk, variables: Vec::new() }
    }

    /// The state root.
    pub fn root(&self) -> &Path {
        self.directory.path()
    }

    /// A file or directory in the state root.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    /// Sets an environment variable of all commands from now on.
    pub fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.into()));
    }

    /// The command `porthole` with this state root, for what the methods below do not do.
    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(commands::binary());
        command.args(commands::words(line)).env("PORTHOLE_ROOT", self.root());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs `porthole` to its end.
    #[track_caller]
    pub fn porthole(&self, line: &str) -> Output {
        self.porthole_with(line, b"")
    }

    /// Runs `porthole` to its end with something on standard input.
    #[track_caller]
    pub fn porthole_with(&self, line: &str, input: &[u8]) -> Output {
        commands::run(self.command(line), &format!("porthole {line}"), input)
    }

    /// Runs `porthole`, which must succeed; what it printed.
    #[track_caller]
    pub fn ok(&self, line: &str) -> String {
        self.porthole(line).ok().to_owned()
    }

    /// Runs `porthole`, which must fail with this exit code; the line that it told.
    #[track_caller]
    pub fn fails(&self, code: i32, line: &str) -> String {
        self.porthole(line).fails(code).to_owned()
    }

    /// Starts `porthole` beside the test.
    pub fn start(&self, line: &str) -> Running {
        Running::start(self.command(line))
    }

    /// Starts `porthole` on a terminal of its own.
    pub fn terminal(&self, line: &str) -> Terminal {
        Terminal::start(self.command(line), 80, 24)
    }

    /// Opens the workstation on a terminal.
    pub fn workstation(&self, columns: u16, rows: u16) -> Terminal {
        self.workstation_in(Path::new("."), columns, rows)
    }

    /// Opens the workstation on a terminal, in a directory.
    pub fn workstation_in(&self, directory: &Path, columns: u16, rows: u16) -> Terminal {
        let mut command = self.command("");
        command.env("TERM", "xterm-256color").current_dir(directory);
        Terminal::start(command, columns, rows)
    }

    /// Runs a command of the host's, such as `ip` or `nft`; what it printed.
    #[track_caller]
    pub fn tool(&self, line: &str) -> String {
        commands::tool(line)
    }

    /// What `inspect` knows of a container or an image.
    #[track_caller]
    pub fn inspect(&self, name: &str) -> Value {
        let text = self.ok(&format!("inspect {name}"));
        let mut found: Vec<Value> = serde_json::from_str(&text).expect("JSON");
        assert_eq!(found.len(), 1, "{text}");
        found.remove(0)
    }

    /// What `inspect` says of the state of a container.
    #[track_caller]
    pub fn status(&self, name: &str) -> String {
        self.inspect(name)["State"]["Status"].as_str().expect("a text").to_owned()
    }

    /// The init of a running container.
    #[track_caller]
    pub fn init(&self, name: &str) -> Pid {
        let pid = self.inspect(name)["State"]["Pid"].as_i64().expect("a number");
        assert_ne!(pid, 0, "{name} runs");
        Pid::from_raw(pid.try_into().expect("a process id"))
    }

    /// The monitor of a running container.
    #[track_caller]
    pub fn monitor(&self, name: &str) -> Pid {
        let state = fs::read(self.container(name).join("state.json")).expect("a state");
        let state: Value = serde_json::from_slice(&state).expect("JSON");
        let pid = state["monitor"]["pid"].as_i64().expect("a monitor");
        Pid::from_raw(pid.try_into().expect("a process id"))
    }

    /// The directory of a container.
    #[track_caller]
    pub fn container(&self, name: &str) -> PathBuf {
        let id = self.inspect(name)["Id"].as_str().expect("an id").to_owned();
        self.path("containers").join(id)
    }

    /// The address of a container on its first network.
    #[track_caller]
    pub fn address(&self, name: &str) -> String {
        let networks = &self.inspect(name)["NetworkSettings"]["Networks"];
        let mut addresses =
            networks.as_object().expect("a map").values().filter_map(|network| network["IPAddress"].as_str());
        addresses.next().expect("a network").to_owned()
    }

    /// The network namespace of a running container.
    #[track_caller]
    pub fn netns(&self, name: &str) -> Netns {
        Netns::of(self.init(name))
    }

    /// A file of the cgroup of a container, whatever version of cgroups the host has.
    #[track_caller]
    pub fn cgroup(&self, name: &str, v1: &str, v2: &str) -> String {
        let id = self.container(name).file_name().expect("an id").to_owned();
        let parent = leaks::cgroup_name(self.root());
        let (controller, _) = v1.split_once('.').expect("CONTROLLER.FILE");
        let candidates = [Path::new(controller), Path::new(""), Path::new("unified")].into_iter().zip([v1, v2, v2]);
        let mut paths = candidates
            .map(|(hierarchy, file)| Path::new("/sys/fs/cgroup").join(hierarchy).join(&parent).join(&id).join(file));
        let found = paths.find_map(|path| fs::read_to_string(path).ok());
        found.unwrap_or_else(|| panic!("{name} has neither {v1} nor {v2}")).trim().to_owned()
    }

    /// Another machine, joined to this one by a cable.
    pub fn neighbour(&self) -> Neighbour {
        Neighbour::join()
    }

    /// Waits until a container has said something, and returns all that it has said.
    #[track_caller]
    pub fn wait_for_log(&self, name: &str, text: &str) -> String {
        eventually_some(&format!("{name} says {text:?}"), || {
            let log = self.porthole(&format!("logs {name}"));
            log.stdout.contains(text).then_some(log.stdout)
        })
    }

    /// Removes every container.
    pub fn remove_all(&self) {
        let ids = self.ok("ps -aq --no-trunc");
        if !ids.is_empty() {
            self.ok(&format!("rm -f {}", ids.replace('\n', " ")));
        }
    }

    /// Fails if anything is left of containers.
    #[track_caller]
    pub fn assert_containers_gone(&self, when: &str) {
        leaks::assert_none(when, || leaks::of_containers(self.root()));
    }

    /// Removes every container and the network, and fails if anything is left of them.
    #[track_caller]
    pub fn assert_nothing_left(&self) {
        self.remove_all();
        self.assert_containers_gone("after the containers were removed");
        self.ok("lab down");
        leaks::assert_none("after the network was removed", || self.before.since());
    }
}

impl Default for Host {
    fn default() -> Host {
        Host::new()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if thread::panicking() {
            // One failure is told at a time; the processes must go all the same.
            let ids = self.porthole("ps -aq --no-trunc").stdout.replace('\n', " ");
            self.porthole(&format!("rm -f {ids} none"));
            self.porthole("lab down");
        } else {
            self.assert_nothing_left();
        }
        for parent in leaks::parent_cgroups(self.root()) {
            let _ = fs::remove_dir(parent);
        }
        if self.has_own_disk {
            let _ = umount(self.root());
        }
    }
}

/// Moves the calling thread into a network namespace and a mount namespace of its own.
fn enter_namespaces() {
    unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).expect("the tests need root");
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)
        .expect("private mounts");
    commands::tool("ip link set lo up");
}

fn directory() -> TempDir {
    tempfile::Builder::new().prefix("porthole-").tempdir().expect("a directory")
}
