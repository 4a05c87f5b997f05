//! Starting a container: its monitor, its network, and a client that attaches before anything is said.

use super::config::{ContainerConfig, NetworkMode};
use super::create::declared_ports;
use super::logging::LogDriver;
use super::namespaces::Joined;
use super::record::{self, Record};
use super::resources::Resources;
use super::seccomp::Version;
use super::spec::{self, Facts};
use super::ulimit;
use super::user::UserDatabase;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::files::{self, Durability, Lock};
use crate::volume::VolumeMount;
use oci_spec::runtime::{LinuxDevice, LinuxResources, Mount, Spec};
use porthole_network::PortSpec;
use porthole_runtime::client::{self, Attach, Launching, MonitorClient, StartError};
use porthole_runtime::monitor::{LogConfig, MonitorConfig};
use porthole_runtime::process::ProcessId;
use porthole_runtime::program::Sealed;
use porthole_runtime::relay::{self, DetachKeys, Outcome};
use porthole_runtime::sandbox::RootSource;
use porthole_runtime::state::{State, Status};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// How long a monitor may take from closing its socket to writing down the end.
const PARTING: Duration = Duration::from_secs(1);

/// The mark of a container that is about to be started for the first time, and holds nothing yet.
pub(super) const FRESH: &str = "fresh";
/// The mark of a container that was started.
const STARTED: &str = "started";

/// How to take part in a container's streams.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// Send standard input.
    pub stdin: bool,
    /// Receive standard output, or all output of a terminal.
    pub stdout: bool,
    /// Receive standard error.
    pub stderr: bool,
    /// The keys that leave the container running; Ctrl-P Ctrl-Q when `None`.
    pub detach_keys: Option<String>,
    /// Forward signals to the container's init.
    pub signal_proxy: bool,
}

impl Default for Attachment {
    /// Both outputs, and nothing else.
    fn default() -> Attachment {
        Attachment { stdin: false, stdout: true, stderr: true, detach_keys: None, signal_proxy: false }
    }
}

impl Attachment {
    fn streams(&self, tty: bool, cleanup: bool) -> Attach {
        Attach { stdin: self.stdin, stdout: self.stdout, stderr: self.stderr && !tty, cleanup }
    }

    fn keys(&self) -> Result<DetachKeys> {
        detach_keys(self.detach_keys.as_deref())
    }

    fn options(&self, terminal: bool, detach_keys: DetachKeys) -> relay::Options {
        relay::Options { terminal, stdin: self.stdin, forward_signals: self.signal_proxy, detach_keys }
    }
}

/// The keys a user chose to leave by, or Docker's.
pub(super) fn detach_keys(chosen: Option<&str>) -> Result<DetachKeys> {
    chosen.map_or(Ok(DetachKeys::default()), |keys| {
        keys.parse().map_err(|error| Error::InvalidOption(format!("{error}")))
    })
}

/// How an attachment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finished {
    /// The container ended with this exit code.
    Exited(i32),
    /// The user left it running.
    Detached,
    /// Its monitor was killed; nobody knows.
    MonitorLost,
}

impl From<Outcome> for Finished {
    fn from(outcome: Outcome) -> Finished {
        match outcome {
            Outcome::Exited(code) => Finished::Exited(code),
            Outcome::Detached => Finished::Detached,
            Outcome::MonitorLost => Finished::MonitorLost,
        }
    }
}

/// A container whose init waits to be let go.
struct Waiting {
    record: Record,
    config: ContainerConfig,
    launching: Launching,
    warnings: Vec<String>,
    /// Held until the container runs.
    lock: Lock,
}

impl Engine {
    /// Starts a container. Answers with what the user should know; nothing happens if it runs already.
    pub fn start(&self, name: &str) -> Result<Vec<String>> {
        match self.open_stopped(name)? {
            Some((record, lock)) => self.start_locked(record, lock),
            None => Ok(Vec::new()),
        }
    }

    /// Starts a container and stays with its streams until it ends or the user leaves.
    pub fn start_attached(&self, name: &str, attachment: &Attachment) -> Result<Finished> {
        match self.open_stopped(name)? {
            Some((record, lock)) => self.start_attached_locked(record, lock, attachment),
            None => self.attach(name, attachment),
        }
    }

    pub(super) fn start_locked(&self, record: Record, lock: Lock) -> Result<Vec<String>> {
        let waiting = self.launch(record, lock)?;
        let mut warnings = waiting.warnings.clone();
        drop(self.let_go(waiting, None)?);
        warnings.extend(self.reconcile_others());
        Ok(warnings)
    }

    pub(super) fn start_attached_locked(
        &self,
        record: Record,
        lock: Lock,
        attachment: &Attachment,
    ) -> Result<Finished> {
        let keys = attachment.keys()?;
        let waiting = self.launch(record, lock)?;
        waiting.warnings.iter().for_each(|warning| eprintln!("WARNING: {warning}"));
        let (id, tty) = (waiting.record.id.clone(), waiting.config.tty);
        let name = waiting.config.name.clone();
        self.record_event(&waiting.config, "attach", &[]);
        let mut client = self.let_go(waiting, Some(attachment.streams(tty, true)))?;
        let outcome =
            relay::attach(&mut client, &attachment.options(tty, keys)).map_err(|source| Error::file(name, source))?;
        if matches!(outcome, Outcome::Exited(_)) {
            self.clean_up(&id)?;
            client.cleaned_up();
            self.reconcile_others().iter().for_each(|warning| eprintln!("WARNING: {warning}"));
        }
        Ok(outcome.into())
    }

    /// What went wrong with other containers is worth a word, but this one runs all the same.
    fn reconcile_others(&self) -> Option<String> {
        self.reconcile().err().map(|error| format!("what was left behind could not be cleaned up: {error}"))
    }

    /// Joins the streams of a running container.
    pub fn attach(&self, name: &str, attachment: &Attachment) -> Result<Finished> {
        let keys = attachment.keys()?;
        let record = self.find(name)?;
        let config = record.existing_config()?;
        match record.live()?.state.status {
            Status::Paused => {
                return Err(Error::InvalidOption("cannot attach to a paused container, unpause it first".to_owned()));
            }
            status if !record::is_active(status) => {
                return Err(Error::InvalidOption("cannot attach to a stopped container, start it first".to_owned()));
            }
            _ => {}
        }
        let mut client = self.connect(&record, &config.name)?;
        client.attach(attachment.streams(config.tty, false)).map_err(|source| monitor_error(&config, source))?;
        self.record_event(&config, "attach", &[]);
        let options = attachment.options(config.tty, keys);
        let outcome = relay::attach(&mut client, &options).map_err(|source| Error::file(&config.name, source))?;
        Ok(outcome.into())
    }

    /// Locks a container that does not run; `None` when it runs. What an earlier run left is cleaned up first.
    fn open_stopped(&self, name: &str) -> Result<Option<(Record, Lock)>> {
        self.prepare()?;
        let record = self.find(name)?;
        let live = record.live()?;
        match live.state.status {
            Status::Paused => {
                return Err(Error::InvalidOption("cannot start a paused container, try unpause instead".to_owned()));
            }
            status if record::is_active(status) => return Ok(None),
            _ => self.settle(&record, &live)?,
        }
        let lock = record.lock()?;
        // Another command may have started it while we waited for the lock.
        if record::is_active(record.live()?.state.status) {
            return Ok(None);
        }
        Ok(Some((record, lock)))
    }

    /// Makes the container's processes and its place on the network. If that fails, nothing of it is left but the
    /// reason in the container's state.
    fn launch(&self, record: Record, lock: Lock) -> Result<Waiting> {
        let config = record.existing_config()?;
        let launched = self.launch_monitor(&record, &config);
        match launched {
            Ok((launching, warnings)) => Ok(Waiting { record, config, launching, warnings, lock }),
            Err(error) => Err(self.failed(&record, lock, error)),
        }
    }

    fn launch_monitor(&self, record: &Record, config: &ContainerConfig) -> Result<(Launching, Vec<String>)> {
        let ports = published_ports(config)?;
        self.mark_active(record, config)?;
        self.mount_volumes(config)?;
        let joined = self.joined(config)?;
        let spec = self.make_spec(record, config, &joined)?;
        files::write_json(&record.path("spec.json"), &spec, Durability::Volatile)?;
        let monitor = MonitorConfig { donors: joined.donors, ..self.monitor_config(record, config)? };
        files::write_json(&record.path("monitor.json"), &monitor, Durability::Volatile)?;
        // From its sealed place at once, or the monitor would have to start itself a second time.
        let program = Sealed::open().map_err(|source| Error::file("/proc/self/exe", source))?;
        let socket = self.paths().socket(&record.id);
        let mut launching = client::launch(&program.path(), &[OsStr::new("monitor")], record.directory(), &socket)?;
        let init = launching.created()?;
        let warnings = match config.host.network {
            // The init itself takes the loopback of a namespace of its own up.
            NetworkMode::Host | NetworkMode::None | NetworkMode::Container(_) => Vec::new(),
            NetworkMode::Bridge | NetworkMode::Network(_) => match open_netns(init) {
                Ok(netns) => self.join_networks(record, config, netns.as_fd(), &ports)?,
                // An init that failed meanwhile has no namespace any more. Its monitor knows why.
                Err(error) => return Err(launching.go(None).map_or_else(Error::from, |_| error)),
            },
        };
        Ok((launching, [warnings, ulimit::lowered(&config.host.ulimits)].concat()))
    }

    /// Marks a container that may hold something of the kernel's from now on. What a start that was killed left of it is
    /// given back first.
    pub(super) fn mark_active(&self, record: &Record, config: &ContainerConfig) -> Result<()> {
        match fs::read_to_string(self.paths().active(&record.id)) {
            Ok(mark) if mark != FRESH => self.release(record, Some(config))?,
            _ => {}
        }
        self.mark(&record.id, STARTED)
    }

    /// Puts a container among those that a killed process may have left something of.
    pub(super) fn mark(&self, id: &str, mark: &str) -> Result<()> {
        files::create_private_directory(&self.paths().active_directory())?;
        let path = self.paths().active(id);
        fs::write(&path, mark).map_err(|source| Error::file(path, source))
    }

    /// Takes it back.
    pub(super) fn unmark(&self, id: &str) -> Result<()> {
        files::remove_if_there(&self.paths().active(id))
    }

    /// Lets the init run the container's program.
    fn let_go(&self, waiting: Waiting, attach: Option<Attach>) -> Result<MonitorClient> {
        let Waiting { record, config, launching, lock, .. } = waiting;
        match launching.go(attach) {
            Ok(client) => {
                self.record_event(&config, "start", &[]);
                Ok(client)
            }
            Err(error) => Err(self.failed(&record, lock, error.into())),
        }
    }

    /// Undoes a start, and writes down why it failed.
    fn failed(&self, record: &Record, lock: Lock, error: Error) -> Error {
        let written = record.live().and_then(|live| {
            let state = State { exit_code: Some(error.exit_code()), error: error.to_string(), ..live.state };
            record.write_state(&state)
        });
        drop(lock);
        // The first failure is the one to tell. What could not be undone is marked active, and undone later.
        let _ = (written, self.clean_up(&record.id));
        error
    }

    pub(super) fn make_spec(&self, record: &Record, config: &ContainerConfig, joined: &Joined) -> Result<Spec> {
        let mut roots = vec![record.path("upper")];
        roots.extend(config.layers.iter().cloned());
        let user = UserDatabase::of_layers(&roots)
            .resolve_with(&config.user, &config.host.confinement.groups)
            .map_err(Error::InvalidOption)?;
        self.write_network_files(record, config)?;
        if config.host.init {
            write_program(&record.path(spec::INIT_FILE), porthole_init::PROGRAM)?;
        }
        let facts = Facts {
            user,
            directory: record.directory(),
            network_files: &self.network_files(record, config)?,
            joined,
            cgroup: self.cgroup(&record.id),
            volumes: self.volume_mounts(config)?,
            resources: self.limits(record, &config.host.resources)?,
            mapped_devices: config.host.confinement.nodes()?,
            devices: if config.host.privileged { super::devices::of_host()? } else { Vec::<LinuxDevice>::new() },
            kernel: Version::of_kernel()?,
        };
        spec::build(config, facts)
    }

    /// Mounts those of a container's volumes that are a file system of their own. The container is marked active.
    pub(super) fn mount_volumes(&self, config: &ContainerConfig) -> Result<()> {
        config.host.volumes.iter().try_for_each(|mount| {
            let volume = self.volume(mount.name.as_deref().unwrap_or_default())?;
            self.mount_volume(&volume, &config.id)
        })
    }

    /// Where the volumes of a container are, and how they are mounted.
    pub(super) fn volume_mounts(&self, config: &ContainerConfig) -> Result<Vec<Mount>> {
        let mount = |mount: &VolumeMount| {
            let volume = self.volume(mount.name.as_deref().unwrap_or_default())?;
            self.settle_volume(&volume.name)?;
            let read_only = mount.read_only || volume.options.is_read_only();
            let data = self.volume_data(&volume.name);
            match &mount.subpath {
                None => Ok(spec::volume(&data, &mount.target, read_only)),
                Some(subpath) => {
                    let part = crate::volume::part(&data, subpath)?;
                    Ok(spec::volume_part(&data, &part, &mount.target, read_only))
                }
            }
        };
        config.host.volumes.iter().map(mount).collect()
    }

    /// The OCI form of a container's limits, on this host.
    pub(super) fn limits(&self, record: &Record, resources: &Resources) -> Result<LinuxResources> {
        // Only who limits memory cares; asking costs some system calls.
        let limits_swap = resources.memory.is_none() || self.cgroup_of(record)?.limits_swap();
        resources.to_oci(limits_swap)
    }

    /// The directory of the container whose hosts and resolv.conf a container uses.
    fn network_files(&self, record: &Record, config: &ContainerConfig) -> Result<PathBuf> {
        match &config.host.network {
            NetworkMode::Container(other) => Ok(self.find(other)?.directory().to_owned()),
            _ => Ok(record.directory().to_owned()),
        }
    }

    fn write_network_files(&self, record: &Record, config: &ContainerConfig) -> Result<()> {
        write_in_place(&record.path("hostname"), &format!("{}\n", config.hostname))?;
        let asked = &config.host.resolution;
        if *config.network() == NetworkMode::Host {
            let hosts = fs::read_to_string("/etc/hosts").map_err(|source| Error::file("/etc/hosts", source))?;
            let further = asked.hosts(None).into_iter().map(|(name, address)| format!("{address}\t{name}\n"));
            write_in_place(&record.path("hosts"), &further.fold(hosts, |hosts, line| hosts + &line))?;
            return write_in_place(&record.path("resolv.conf"), &asked.resolv_conf(host_resolv_conf()?));
        }
        write_in_place(
            &record.path("hosts"),
            &porthole_network::hosts_file(&config.hostname, &[], &asked.hosts(None)),
        )?;
        let resolvers = asked.resolv_conf(porthole_network::resolv_conf(&host_resolv_conf()?));
        write_in_place(&record.path("resolv.conf"), &resolvers)
    }

    pub(super) fn monitor_config(&self, record: &Record, config: &ContainerConfig) -> Result<MonitorConfig> {
        Ok(MonitorConfig {
            id: config.id.clone(),
            directory: record.directory().to_owned(),
            root: self.root_source(record, config)?,
            runtime: config.host.foreign_runtime()?,
            open_stdin: config.open_stdin,
            stdin_once: config.stdin_once,
            log: log_config(record, config)?,
            restart: config.host.restart,
            stop_signal: config.stop_signal.as_deref().map(super::stop::parse_signal).transpose()?,
            socket: self.paths().socket(&config.id),
            cleanup: self.cleanup_command(&config.id),
            health: super::health::for_monitor(record, config)?,
            events: self.subject(config),
            donors: Vec::new(),
        })
    }

    /// Where a container's root comes from.
    pub(super) fn root_source(&self, record: &Record, config: &ContainerConfig) -> Result<RootSource> {
        let (upper, work) = (record.path("upper"), record.path("work"));
        Ok(RootSource::Overlay { lower: self.lower_layers(config)?, upper, work })
    }

    /// An overlay needs something below: an image without layers stands on an empty directory.
    fn lower_layers(&self, config: &ContainerConfig) -> Result<Vec<PathBuf>> {
        if !config.layers.is_empty() {
            return Ok(config.layers.clone());
        }
        let empty = self.paths().root().join("empty");
        files::create_private_directory(&empty)?;
        Ok(vec![empty])
    }

    pub(super) fn connect(&self, record: &Record, name: &str) -> Result<MonitorClient> {
        MonitorClient::connect(&self.paths().socket(&record.id))
            .map_err(|source| Error::Monitor { name: name.to_owned(), source })
    }

    /// Asks a container's monitor for something. The container may end meanwhile.
    pub(super) fn ask<T>(
        &self,
        record: &Record,
        config: &ContainerConfig,
        request: impl FnOnce(&mut MonitorClient) -> std::result::Result<T, client::Error>,
    ) -> Result<T> {
        let asked = self
            .connect(record, &config.name)
            .and_then(|mut monitor| request(&mut monitor).map_err(|source| monitor_error(config, source)));
        match asked {
            Err(_) if self.has_ended(record)? => Err(Error::NotRunning(config.name.clone())),
            asked => asked,
        }
    }

    /// Whether a container whose monitor does not answer has ended. A monitor closes its socket a moment before it writes
    /// that down, and one that was killed a moment before it is gone.
    pub(super) fn has_ended(&self, record: &Record) -> Result<bool> {
        let begun = Instant::now();
        loop {
            let live = record.live()?;
            let leaves = !live.monitor_lost && MonitorClient::connect(&self.paths().socket(&record.id)).is_err();
            match record::is_active(live.state.status) {
                true if leaves && begun.elapsed() < PARTING => thread::sleep(Duration::from_millis(1)),
                is_active => return Ok(!is_active),
            }
        }
    }
}

pub(super) fn monitor_error(config: &ContainerConfig, source: client::Error) -> Error {
    Error::Monitor { name: config.name.clone(), source }
}

impl From<StartError> for Error {
    fn from(error: StartError) -> Error {
        Error::StartFailed { exit_code: error.exit_code, message: error.message }
    }
}

fn published_ports(config: &ContainerConfig) -> Result<Vec<PortSpec>> {
    let mut ports = Vec::new();
    if !config.network().is_connected() {
        return Ok(ports);
    }
    for text in &config.host.publish {
        ports.extend(PortSpec::parse(text).map_err(|error| Error::InvalidOption(error.to_string()))?);
    }
    if config.host.publish_all {
        // Strangers wrote the image's list: what is no port of a protocol that can be published stays unpublished.
        let declared: Vec<_> =
            config.exposed_ports.iter().filter_map(|text| declared_ports(text).ok()).flatten().collect();
        let is_published = |port: &PortSpec| {
            ports.iter().any(|own| (own.container_port, own.protocol) == (port.container_port, port.protocol))
        };
        let others: Vec<_> = declared.into_iter().filter(|port| !is_published(port)).collect();
        ports.extend(others);
    }
    Ok(ports)
}

fn log_config(record: &Record, config: &ContainerConfig) -> Result<Option<LogConfig>> {
    let logging = &config.host.logging;
    if logging.driver == LogDriver::None {
        return Ok(None);
    }
    let (max_size, max_files) = logging.bounds().map_err(Error::InvalidOption)?;
    Ok(Some(LogConfig { path: record.path("log/container.log"), max_size, max_files }))
}

pub(super) fn open_netns(init: ProcessId) -> Result<File> {
    let path = PathBuf::from(format!("/proc/{}/ns/net", init.pid));
    File::open(&path).map_err(|source| Error::file(path, source))
}

fn host_resolv_conf() -> Result<String> {
    porthole_network::host_resolv_conf().map_err(|source| Error::file("/etc/resolv.conf", source))
}

/// A file of the container's own, so that nothing it does to it concerns others.
fn write_program(path: &Path, program: &[u8]) -> Result<()> {
    files::replace(path, program, Durability::Volatile)?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(path, mode).map_err(|source| Error::file(path, source))
}

pub(super) fn write_in_place(path: &Path, text: &str) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o644).open(path);
    file.and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
        .map_err(|source| Error::file(path, source))
}
