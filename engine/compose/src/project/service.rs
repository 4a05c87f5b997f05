//! A service.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// What runs in one or several containers. Times are nanoseconds; what is `None` is left to the image or the engine.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)] // The specification's keys, by their names.
pub struct Service {
    pub name: String,
    /// The image, the one that is built where none is named.
    pub image: String,
    pub build: Option<Build>,
    pub command: Option<Vec<String>>,
    pub entrypoint: Option<Vec<String>>,
    pub environment: BTreeMap<String, String>,
    /// In the grammar of `run -p`.
    pub ports: Vec<String>,
    pub expose: Vec<String>,
    pub mounts: Vec<Mount>,
    pub tmpfs: Vec<String>,
    pub volumes_from: Vec<String>,
    /// The networks, the one with the default route first.
    pub networks: Vec<Attachment>,
    pub network_mode: Option<String>,
    pub mac_address: Option<String>,
    pub pid: Option<String>,
    pub ipc: Option<String>,
    pub uts: Option<String>,
    pub cgroup: Option<String>,
    pub userns_mode: Option<String>,
    pub depends_on: BTreeMap<String, Dependency>,
    pub healthcheck: Option<Health>,
    /// In the grammar of `run --restart`.
    pub restart: Option<String>,
    /// How many containers, where the command line does not say.
    pub replicas: usize,
    pub container_name: Option<String>,
    pub hostname: Option<String>,
    pub domainname: Option<String>,
    pub user: Option<String>,
    pub working_dir: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub log_driver: Option<String>,
    pub log_options: BTreeMap<String, String>,
    pub ulimits: Vec<Ulimit>,
    pub cap_add: Vec<String>,
    pub cap_drop: Vec<String>,
    pub devices: Vec<Device>,
    pub device_cgroup_rules: Vec<String>,
    pub security_opt: Vec<String>,
    pub sysctls: BTreeMap<String, String>,
    pub init: bool,
    pub stop_signal: Option<String>,
    pub stop_grace_period: Option<i64>,
    /// `NAME=ADDRESS`.
    pub extra_hosts: Vec<String>,
    pub dns: Vec<String>,
    pub dns_search: Vec<String>,
    pub dns_opt: Vec<String>,
    pub shm_size: Option<i64>,
    pub read_only: bool,
    pub privileged: bool,
    pub pull_policy: Option<PullPolicy>,
    pub platform: Option<String>,
    pub profiles: Vec<String>,
    pub secrets: Vec<SharedFile>,
    pub configs: Vec<SharedFile>,
    pub limits: Limits,
    pub group_add: Vec<String>,
    pub oom_score_adj: Option<i64>,
    pub runtime: Option<String>,
    pub tty: bool,
    pub stdin_open: bool,
    /// Whether `up` shows its output.
    pub attach: bool,
    /// Services, and the names that it finds them by too.
    pub links: Vec<(String, String)>,
    pub post_start: Vec<Hook>,
    pub pre_stop: Vec<Hook>,
    pub watch: Vec<WatchRule>,
    /// By what it is known whether a container is as the service is.
    pub hash: String,
}

/// How an image is built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Build {
    /// A directory, or something elsewhere.
    pub context: String,
    /// The Dockerfile, below the context.
    pub dockerfile: Option<String>,
    /// Its text, if it is in the compose file.
    pub dockerfile_inline: Option<String>,
    /// Arguments.
    pub args: BTreeMap<String, String>,
    /// The stage.
    pub target: Option<String>,
    /// Labels of the image.
    pub labels: BTreeMap<String, String>,
    /// Whether nothing is taken from the cache.
    pub no_cache: bool,
    /// Whether base images are pulled.
    pub pull: bool,
    /// Further names of the image.
    pub tags: Vec<String>,
    /// The network of its steps.
    pub network: Option<String>,
    /// Further contexts.
    pub additional_contexts: BTreeMap<String, String>,
    /// Further hosts, `NAME=ADDRESS`.
    pub extra_hosts: Vec<String>,
    /// Machines that it is for.
    pub platforms: Vec<String>,
    /// Secrets: what steps call them, and what the project does.
    pub secrets: BTreeMap<String, String>,
    /// Sockets of agents; the user's own where there is no path.
    pub ssh: BTreeMap<String, String>,
    /// Whether steps may ask for all capabilities.
    pub privileged: bool,
    /// What else steps may ask for.
    pub entitlements: Vec<String>,
    /// Where steps that are done already may be found.
    pub cache_from: Vec<String>,
    /// Where the steps are put that were done.
    pub cache_to: Vec<String>,
    /// Keys that ask for what no builder here has.
    pub unsupported: Vec<&'static str>,
}

impl Build {
    /// The services whose images it uses, as `additional_contexts` names them.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        self.additional_contexts.values().filter_map(|source| source.strip_prefix("service:"))
    }
}

/// Something that is seen in the container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mount {
    /// What is mounted.
    pub kind: MountKind,
    /// Absolute path inside.
    pub target: String,
    /// Whether it is read-only inside.
    pub read_only: bool,
}

/// What is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MountKind {
    /// A path of the host.
    Bind {
        /// The path.
        source: PathBuf,
        /// Mount propagation, if not the default.
        propagation: Option<String>,
        /// Whether it is made when it is not there.
        create: bool,
        /// Whether what is mounted below it stays out.
        non_recursive: bool,
    },
    /// A volume.
    Volume {
        /// The one of the project, or one for this container alone.
        source: Option<String>,
        /// Whether the image's files stay out of it.
        nocopy: bool,
        /// The part of it that is mounted.
        subpath: Option<String>,
        /// Labels of one that is for this container alone.
        labels: BTreeMap<String, String>,
    },
    /// Memory.
    Tmpfs {
        /// Most bytes.
        size: Option<i64>,
        /// Permissions of its root, octal.
        mode: Option<String>,
    },
}

impl Default for MountKind {
    fn default() -> MountKind {
        MountKind::Volume { source: None, nocopy: false, subpath: None, labels: BTreeMap::new() }
    }
}

/// A place on a network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attachment {
    /// The network of the project.
    pub network: String,
    /// Further names that others find it by.
    pub aliases: Vec<String>,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// Its hardware address.
    pub mac_address: Option<String>,
}

/// What must be so of another service before this one starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// What must be so.
    pub condition: Condition,
    /// Whether this one is restarted when Compose restarts the other.
    pub restart: bool,
    /// Whether it is an error when the other is not there.
    pub required: bool,
}

/// What must be so of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It is started.
    Started,
    /// Its health check says that it is well.
    Healthy,
    /// It has ended well.
    CompletedSuccessfully,
}

impl Condition {
    /// The specification's word.
    pub fn word(self) -> &'static str {
        match self {
            Condition::Started => "service_started",
            Condition::Healthy => "service_healthy",
            Condition::CompletedSuccessfully => "service_completed_successfully",
        }
    }

    /// The condition of such a word.
    pub fn of(word: &str) -> Option<Condition> {
        let all = [Condition::Started, Condition::Healthy, Condition::CompletedSuccessfully];
        all.into_iter().find(|condition| condition.word() == word)
    }
}

/// How it is checked whether a container is well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// `CMD`, `CMD-SHELL` or `NONE`, and what follows.
    pub test: Vec<String>,
    /// Between two checks.
    pub interval: i64,
    /// How long one may take.
    pub timeout: i64,
    /// How long failures do not count at first.
    pub start_period: i64,
    /// Between two checks meanwhile.
    pub start_interval: i64,
    /// How many failures make it unhealthy.
    pub retries: i64,
}

/// How much a container may use.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)] // The specification's keys, by their names.
pub struct Limits {
    pub memory: Option<i64>,
    pub memory_reservation: Option<i64>,
    pub memory_swap: Option<i64>,
    pub memory_swappiness: Option<i64>,
    pub oom_kill_disable: bool,
    pub cpus: Option<f64>,
    pub cpu_shares: Option<i64>,
    /// Microseconds.
    pub cpu_period: Option<i64>,
    /// Microseconds.
    pub cpu_quota: Option<i64>,
    /// Microseconds.
    pub cpu_rt_period: Option<i64>,
    /// Microseconds.
    pub cpu_rt_runtime: Option<i64>,
    pub cpuset: Option<String>,
    pub pids: Option<i64>,
    pub blkio_weight: Option<i64>,
    pub blkio_weight_device: Vec<Rate>,
    pub device_read_bps: Vec<Rate>,
    pub device_read_iops: Vec<Rate>,
    pub device_write_bps: Vec<Rate>,
    pub device_write_iops: Vec<Rate>,
}

/// The rate or the weight of a block device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The device.
    pub path: String,
    /// How much.
    pub rate: i64,
}

/// A limit of each process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ulimit {
    /// What is limited.
    pub name: String,
    /// The limit that holds.
    pub soft: i64,
    /// The most that it may be raised to.
    pub hard: i64,
}

/// A device of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its path on the host.
    pub source: String,
    /// Its path inside.
    pub target: String,
    /// Of `r`, `w` and `m`.
    pub permissions: String,
}

/// When an image is pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullPolicy {
    /// Always.
    Always,
    /// When it is not there.
    Missing,
    /// Never.
    Never,
    /// It is built instead.
    Build,
}

/// A secret or config as a container sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedFile {
    /// The one of the project.
    pub source: String,
    /// Absolute path inside.
    pub target: String,
    /// Its owner, where it is not a file of the host.
    pub uid: u32,
    /// Its group, likewise.
    pub gid: u32,
    /// Its permissions, likewise.
    pub mode: u32,
}

/// A command that runs in a container at its start or before its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hook {
    /// The command.
    pub command: Vec<String>,
    /// Who runs it.
    pub user: Option<String>,
    /// Whether with all capabilities.
    pub privileged: bool,
    /// Where.
    pub working_dir: Option<String>,
    /// Further variables.
    pub environment: BTreeMap<String, String>,
}

/// What happens when files change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchRule {
    /// The file or directory that is watched.
    pub path: PathBuf,
    /// What happens.
    pub action: WatchAction,
    /// Where changed files go in the container.
    pub target: Option<String>,
    /// What below the path does not matter.
    pub ignore: Vec<String>,
    /// What alone matters, if not everything.
    pub include: Vec<String>,
    /// Whether the files are copied when watching begins.
    pub initial_sync: bool,
    /// What runs in the container after the files are there.
    pub exec: Option<Hook>,
}

/// What happens when files change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchAction {
    /// The image is built again.
    Rebuild,
    /// They are copied into the container.
    Sync,
    /// The container is restarted.
    Restart,
    /// They are copied, and the container is restarted.
    SyncRestart,
    /// They are copied, and a command runs.
    SyncExec,
}
