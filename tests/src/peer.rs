//! Other engines, each with a state of its own, in the namespaces of the calling thread.

use crate::commands;
use crate::wait::eventually;
use nix::mount::{MsFlags, mount};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// Where Docker keeps its state if it is not told otherwise.
const DOCKER_STATE: &str = "/var/lib/docker";

/// Docker, Podman or Buildah, as long as this is.
pub struct Peer {
    client: &'static str,
    variables: Vec<(&'static str, String)>,
    daemon: Option<Child>,
    has_networks: bool,
    directory: TempDir,
}

impl Peer {
    /// Docker with a daemon, if it is installed; without networks.
    pub fn docker() -> Option<Peer> {
        let directory = directory();
        let state = directory.path().join("data").display().to_string();
        Peer::start_docker(directory, &state, "--storage-driver vfs --iptables=false --bridge=none")
    }

    /// The same with a storage driver that copies no files for a layer, as builds make many.
    pub fn docker_for_builds() -> Option<Peer> {
        let directory = directory();
        let state = directory.path().join("data").display().to_string();
        Peer::start_docker(directory, &state, "--storage-driver overlay2 --iptables=false --bridge=none")
    }

    /// Docker that knows another runtime, as `other`; without networks.
    pub fn docker_with_runtime(runtime: &Path) -> Option<Peer> {
        let directory = directory();
        let state = directory.path().join("data").display().to_string();
        let flags =
            format!("--storage-driver vfs --iptables=false --bridge=none --add-runtime other={}", runtime.display());
        Peer::start_docker(directory, &state, &flags)
    }

    /// The socket of the containerd that a Docker's daemon has for itself.
    pub fn containerd(&self) -> PathBuf {
        self.directory.path().join("exec/containerd/containerd.sock")
    }

    /// Docker as hosts have it, with its bridge and rules, if it is installed.
    pub fn docker_with_networks() -> Option<Peer> {
        fs::create_dir_all(DOCKER_STATE).expect("a directory");
        let flags = MsFlags::empty();
        mount(Some("docker"), DOCKER_STATE, Some("tmpfs"), flags, None::<&str>).expect("a disk for Docker");
        let mut peer = Peer::start_docker(directory(), DOCKER_STATE, "--storage-driver vfs");
        if let Some(peer) = &mut peer {
            peer.has_networks = true;
        }
        peer
    }

    fn start_docker(directory: TempDir, state: &str, flags: &str) -> Option<Peer> {
        if !are_installed(&["docker", "dockerd", "runc"]) {
            return None;
        }
        let path = directory.path().display();
        let host = format!("unix://{path}/socket");
        let words = format!("--host {host} --data-root {state} --exec-root {path}/exec --pidfile {path}/pid {flags}");
        let log = File::create(directory.path().join("log")).expect("a file");
        let daemon = Command::new("dockerd")
            .args(commands::words(&words))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("dockerd can be run");
        let config = format!("{path}/config");
        let variables = vec![("DOCKER_HOST", host), ("DOCKER_CONFIG", config), ("DOCKER_BUILDKIT", "0".to_owned())];
        let peer = Peer { client: "docker", variables, daemon: Some(daemon), has_networks: false, directory };
        eventually("the daemon answers", || peer.run("version", b"").code == 0);
        Some(peer)
    }

    /// Podman, if it is installed. Registries on loopback need no TLS, as with Docker.
    pub fn podman() -> Option<Peer> {
        are_installed(&["podman", "runc"]).then(|| Peer::with_containers_storage("podman", "vfs"))
    }

    /// Buildah, if it is installed with Podman, which has commands for its images that it has not.
    pub fn buildah() -> Option<Peer> {
        are_installed(&["buildah", "podman", "runc"]).then(|| Peer::with_containers_storage("buildah", "overlay"))
    }

    fn with_containers_storage(client: &'static str, driver: &str) -> Peer {
        let directory = directory();
        let path = directory.path().display();
        // Limits as low as nobody has to raise them; runc, since crun refuses hosts with both versions of cgroups.
        let containers = format!(
            "[containers]\ndefault_ulimits = ['nofile=1024:1024', 'nproc=1024:1024']\n[engine]\nruntime = 'runc'\n\
             cgroup_manager = 'cgroupfs'\nevents_logger = 'none'\nlock_type = 'file'\ntmp_dir = '{path}/tmp'\n"
        );
        let storage = format!("[storage]\ndriver = '{driver}'\ngraphroot = '{path}/graph'\nrunroot = '{path}/run'\n");
        let registries = "[[registry]]\nlocation = '127.0.0.1:5000'\ninsecure = true\n".to_owned();
        let file = |variable, name: &str, text: String| {
            fs::write(directory.path().join(name), text).expect("a file");
            (variable, format!("{path}/{name}"))
        };
        let variables = vec![
            file("CONTAINERS_CONF", "containers.conf", containers),
            file("CONTAINERS_STORAGE_CONF", "storage.conf", storage),
            file("CONTAINERS_REGISTRIES_CONF", "registries.conf", registries),
        ];
        Peer { client, variables, daemon: None, has_networks: false, directory }
    }

    /// What it is called.
    pub fn name(&self) -> &'static str {
        self.client
    }

    /// A command that must succeed; what it printed.
    #[track_caller]
    pub fn ok(&self, line: &str) -> String {
        self.run(line, b"").ok().to_owned()
    }

    /// The same, with an input.
    #[track_caller]
    pub fn ok_with(&self, line: &str, input: &[u8]) -> String {
        self.run(line, input).ok().to_owned()
    }

    /// How a command ended.
    #[track_caller]
    pub fn code(&self, line: &str) -> i32 {
        self.run(line, b"").code
    }

    /// What a command printed, if it succeeded.
    pub fn try_(&self, line: &str) -> Option<String> {
        let output = self.run(line, b"");
        (output.code == 0).then_some(output.stdout)
    }

    /// A command of another client with the same state, which must succeed.
    #[track_caller]
    pub fn ok_by(&self, client: &str, line: &str) -> String {
        self.run_by(client, line, b"").ok().to_owned()
    }

    fn run(&self, line: &str, input: &[u8]) -> commands::Output {
        self.run_by(self.client, line, input)
    }

    fn run_by(&self, client: &str, line: &str, input: &[u8]) -> commands::Output {
        let mut command = Command::new(client);
        command.args(commands::words(line)).envs(self.variables.iter().map(|(name, value)| (name, value)));
        commands::run(command, &format!("{client} {line}"), input)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if self.has_networks {
            let ids = self.run("ps -aq", b"").stdout.replace('\n', " ");
            self.run(&format!("rm -f {ids} none"), b"");
        }
        if let Some(daemon) = &mut self.daemon {
            // It ends its own children when it is told to end.
            let _ = kill(Pid::from_raw(daemon.id().cast_signed()), Signal::SIGTERM);
            let _ = daemon.wait();
        }
        unmount(self.directory.path());
        if self.has_networks {
            unmount(Path::new(DOCKER_STATE));
            // It leaves its rules and its bridge; the namespace is the test's own.
            commands::tool("nft flush ruleset");
            commands::tool("ip link del docker0");
        }
    }
}

/// Takes away what a peer left mounted below its directory: Podman its storage.
fn unmount(directory: &Path) {
    let mounts = fs::read_to_string("/proc/thread-self/mountinfo").unwrap_or_default();
    let points = mounts.lines().filter_map(|mount| mount.split(' ').nth(4));
    for point in points.filter(|point| Path::new(point).starts_with(directory)) {
        let _ = nix::mount::umount(point);
    }
}

fn are_installed(programs: &[&str]) -> bool {
    let missing = programs.iter().find(|program| Command::new(program).arg("--version").output().is_err());
    if let Some(program) = missing {
        eprintln!("skipped: {program} is not installed");
    }
    missing.is_none()
}

fn directory() -> TempDir {
    tempfile::Builder::new().prefix("peer-").tempdir().expect("a directory")
}
