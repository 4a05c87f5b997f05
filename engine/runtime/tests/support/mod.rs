//! A container of the host's static busybox in a temporary directory.

use oci_spec::runtime::{Process, Spec};
use porthole_runtime::cgroup::Cgroup;
use porthole_runtime::client::{Attach, Launching, MonitorClient, StartError, launch};
use porthole_runtime::event::Subject;
use porthole_runtime::log::{Entry, LogConfig, Query, Reader, Stream};
use porthole_runtime::monitor::{HealthCheck, MonitorConfig, RestartPolicy};
use porthole_runtime::process::ProcessId;
use porthole_runtime::sandbox::{RootSource, cgroup_path};
use porthole_runtime::state::{State, Status};
use serde_json::json;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What tests vary.
pub struct Options {
    pub terminal: bool,
    pub stdin: bool,
    pub restart: RestartPolicy,
    pub max_size: u64,
    pub health: Option<HealthCheck>,
}

impl Default for Options {
    fn default() -> Self {
        Self { terminal: false, stdin: false, restart: RestartPolicy::No, max_size: 10 << 20, health: None }
    }
}

/// A container and its directory. Dropping it ends and removes both.
pub struct Container {
    directory: TempDir,
    pub config: MonitorConfig,
    spec: Spec,
}

impl Container {
    /// One that runs `script` in a shell.
    pub fn new(script: &str, options: Options) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let id = format!("monitor-test-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let directory = tempfile::tempdir_in("/var/tmp").expect("a directory");
        let root = directory.path().join("root");
        for name in ["bin", "proc", "sys", "dev", "tmp", "etc"] {
            fs::create_dir_all(root.join(name)).expect("made");
        }
        fs::create_dir(directory.path().join("log")).expect("made");
        fs::copy("/bin/busybox", root.join("bin/busybox")).expect("a static busybox at /bin/busybox");
        let config = config(&id, directory.path(), root, &options);
        let spec: Spec = serde_json::from_value(spec(&id, script, options.terminal)).expect("a spec");
        fs::write(directory.path().join("spec.json"), serde_json::to_vec(&spec).expect("JSON")).expect("written");
        fs::write(directory.path().join("monitor.json"), serde_json::to_vec(&config).expect("JSON")).expect("written");
        Self { directory, config, spec }
    }

    /// The newest file of its log.
    pub fn log_path(&self) -> PathBuf {
        self.path().join("log/container.log")
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// A process to exec in it, that runs `script` in a shell.
    pub fn process(&self, script: &str) -> Process {
        let mut process = self.spec.process().clone().expect("has one");
        let shell = ["/bin/busybox", "sh", "-c", script].map(str::to_owned);
        process.set_args(Some(shell.into()));
        process
    }

    /// Gives it a memory limit in bytes; before its start.
    pub fn limit_memory(&self, limit: i64) {
        let path = self.path().join("spec.json");
        let mut spec: serde_json::Value = serde_json::from_slice(&fs::read(&path).expect("readable")).expect("JSON");
        spec["linux"]["resources"] = json!({ "memory": { "limit": limit, "swap": limit } });
        fs::write(path, spec.to_string()).expect("written");
    }

    /// Starts its monitor, which is this very program.
    pub fn launch(&self) -> Launching {
        let program = Path::new("/proc/self/exe");
        launch(program, &[OsStr::new("monitor")], self.path(), &self.config.socket).expect("the monitor starts")
    }

    pub fn start(&self, attach: Option<Attach>) -> Result<MonitorClient, StartError> {
        let mut launching = self.launch();
        launching.created()?;
        launching.go(attach)
    }

    pub fn client(&self) -> MonitorClient {
        MonitorClient::connect(&self.config.socket).expect("the monitor listens")
    }

    pub fn state(&self) -> State {
        State::load(self.path()).expect("readable").expect("written")
    }

    /// Waits until the record says so, and fails after some seconds.
    pub fn await_status(&self, status: Status) -> State {
        eventually("the status", || State::load(self.path()).ok().flatten().filter(|state| state.status == status))
    }

    /// Waits for the mark that the clean-up command leaves.
    pub fn await_cleanup(&self) {
        eventually("the clean-up", || self.is_cleaned_up().then_some(()));
    }

    pub fn is_cleaned_up(&self) -> bool {
        self.path().join("cleaned").exists()
    }

    pub fn log(&self) -> Vec<Entry> {
        let mut reader = Reader::open(&self.log_path(), Query::default()).expect("readable");
        std::iter::from_fn(|| reader.next_entry().expect("readable")).collect()
    }

    /// What the log has of one stream.
    pub fn logged(&self, stream: Stream) -> String {
        self.log().into_iter().filter(|entry| entry.stream == stream).map(|entry| entry.message).collect()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let state = State::load(self.path()).ok().flatten().unwrap_or_default();
        for process in [state.monitor, state.init].into_iter().flatten() {
            let _ = process.send_signal(libc::SIGKILL);
        }
        if let Ok(cgroup) = Cgroup::open(&cgroup_path(&self.spec, &self.config.id)) {
            let _ = cgroup.kill_all(libc::SIGKILL);
            let _ = cgroup.remove();
        }
    }
}

/// Polls for what other processes bring about.
pub fn eventually<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what} did not come about");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The processes whose command line names `directory`.
pub fn processes_of(directory: &Path) -> Vec<ProcessId> {
    let named = |pid: &i32| {
        let text = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&text).contains(directory.to_str().expect("UTF-8"))
    };
    let pids =
        fs::read_dir("/proc").expect("proc").flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(named).filter_map(|pid| ProcessId::of(pid).ok()).collect()
}

fn config(id: &str, directory: &Path, root: PathBuf, options: &Options) -> MonitorConfig {
    MonitorConfig {
        id: id.to_owned(),
        directory: directory.to_owned(),
        root: RootSource::Directory(root),
        open_stdin: options.stdin,
        stdin_once: options.stdin,
        log: Some(LogConfig { path: directory.join("log/container.log"), max_size: options.max_size, max_files: 3 }),
        restart: options.restart,
        stop_signal: None,
        socket: directory.join("socket"),
        cleanup: ["/bin/busybox", "touch"]
            .map(str::to_owned)
            .into_iter()
            .chain([directory.join("cleaned").to_str().expect("UTF-8").to_owned()])
            .collect(),
        health: options.health.clone(),
        events: Subject {
            log: directory.join("events"),
            id: id.to_owned(),
            name: "test".to_owned(),
            image: "test".to_owned(),
            labels: BTreeMap::new(),
        },
        donors: Vec::new(),
        runtime: None,
    }
}

fn spec(id: &str, script: &str, terminal: bool) -> serde_json::Value {
    let namespaces: Vec<_> = ["pid", "mount", "network", "ipc", "uts"].map(|name| json!({ "type": name })).into();
    json!({
        "ociVersion": "1.2.0",
        "process": {
            "terminal": terminal,
            "user": { "uid": 0, "gid": 0 },
            "args": ["/bin/busybox", "sh", "-c", script],
            "env": ["PATH=/bin"],
            "cwd": "/",
        },
        "root": { "path": "root" },
        "mounts": [
            { "destination": "/proc", "type": "proc", "source": "proc" },
            { "destination": "/dev", "type": "tmpfs", "source": "tmpfs" },
            { "destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance", "ptmxmode=0666"] },
        ],
        "linux": { "namespaces": namespaces, "cgroupsPath": format!("/{id}") },
    })
}
