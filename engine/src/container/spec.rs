//! From what was asked of a container to the OCI `Spec` of its process. Pure: what must be looked up comes in [`Facts`].

use super::config::{Bind, ContainerConfig, HostConfig, NetworkMode};
use super::namespaces::{IpcMode, Joined, PidMode};
use super::seccomp::{Circumstances, Seccomp, Version};
use super::ulimit::Ulimit;
use super::user::User;
use super::{capabilities, environment};
use crate::error::{Error, Result};
use oci_spec::runtime::{
    Linux, LinuxDevice, LinuxDeviceCgroup, LinuxDeviceType, LinuxNamespace, LinuxNamespaceType, LinuxResources, Mount,
    Process, Root, Spec,
};
use porthole_runtime::mount::BENEATH;
use porthole_runtime::seccomp::DEFAULT_SECCOMP_ANNOTATION;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// What a spec needs to know beyond the container's own configuration.
pub struct Facts<'a> {
    /// The user of the init.
    pub user: User,
    /// The container's directory, where hostname, hosts and resolv.conf lie.
    pub directory: &'a Path,
    /// Directory with the hosts and resolv.conf files to use: its own, or that of the container whose network it shares.
    pub network_files: &'a Path,
    /// Namespaces of other containers that it joins.
    pub joined: &'a Joined,
    /// Its cgroup below every hierarchy.
    pub cgroup: String,
    /// How much it may use.
    pub resources: LinuxResources,
    /// The host's devices; only for a privileged container.
    pub devices: Vec<LinuxDevice>,
    /// Devices that it was given one by one, and what it may do with each.
    pub mapped_devices: Vec<(LinuxDevice, String)>,
    /// The version of the kernel.
    pub kernel: Version,
    /// Its volumes.
    pub volumes: Vec<Mount>,
}

/// Where the init of `--init` is seen, as Docker has it.
const INIT: &str = "/sbin/docker-init";
/// Where it lies in the container's directory.
pub const INIT_FILE: &str = "init";

/// Docker's masked paths (moby daemon/pkg/oci/defaults.go).
const MASKED: [&str; 12] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];

/// Docker's read-only paths (same source).
const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// Makes the spec.
pub fn build(config: &ContainerConfig, facts: Facts<'_>) -> Result<Spec> {
    let capabilities = capabilities::select(config.host.privileged, &config.host.cap_add, &config.host.cap_drop)
        .map_err(Error::InvalidOption)?;
    let circumstances = Circumstances { bounding: &capabilities, kernel: facts.kernel };
    let profile = config.host.confinement.seccomp.to_oci(&circumstances)?;
    let env = environment::of_init(&config.env, &config.hostname, config.tty, &facts.user.home);
    let init: &[&str] = if config.host.init { &[INIT, "--"] } else { &[] };
    let argv = init.iter().map(ToString::to_string).chain(config.argv()).collect();
    let mut process = process(argv, env, &config.working_dir, &facts.user, config.tty);
    process
        .set_capabilities(Some(capabilities::of_process(capabilities, facts.user.uid)))
        .set_oom_score_adj(config.host.oom_score_adj);
    limit(&mut process, &config.host);

    let mut root = Root::default();
    root.set_path("rootfs".into()).set_readonly(Some(config.host.read_only));

    let mounts = mounts(config, &facts);
    let mut linux = linux(config, facts)?;
    linux.set_seccomp(profile);
    let mut spec = Spec::default();
    spec.set_process(Some(process))
        .set_root(Some(root))
        .set_hostname((!config.host.namespaces.host_uts).then(|| config.hostname.clone()))
        .set_mounts(Some(mounts))
        .set_linux(Some(linux))
        .set_domainname(config.domain_name.clone())
        .set_annotations(annotations(&config.host));
    Ok(spec)
}

/// The user's, and the one by which our runtime knows that the default filter is meant.
fn annotations(host: &HostConfig) -> Option<HashMap<String, String>> {
    let mut annotations: HashMap<_, _> = host.annotations.clone().into_iter().collect();
    let (key, value) = DEFAULT_SECCOMP_ANNOTATION;
    annotations.remove(key);
    if has_default_seccomp(host) {
        annotations.insert(key.to_owned(), value.to_owned());
    }
    (!annotations.is_empty()).then_some(annotations)
}

fn has_default_seccomp(host: &HostConfig) -> bool {
    !host.privileged && host.confinement.seccomp == Seccomp::Builtin
}

/// What holds for each process of a container.
pub fn limit(process: &mut Process, host: &HostConfig) {
    process
        .set_rlimits(Some(host.ulimits.iter().filter_map(Ulimit::to_oci).collect()))
        .set_no_new_privileges(Some(host.confinement.no_new_privileges));
}

/// A process with no capabilities yet.
pub fn process(argv: Vec<String>, env: Vec<String>, cwd: &str, user: &User, tty: bool) -> Process {
    let mut id = oci_spec::runtime::User::default();
    id.set_uid(user.uid).set_gid(user.gid);
    if !user.groups.is_empty() {
        id.set_additional_gids(Some(user.groups.clone()));
    }
    let mut process = Process::default();
    process
        .set_terminal(Some(tty))
        .set_user(id)
        .set_args(Some(argv))
        .set_env(Some(env))
        .set_cwd(cwd.into())
        .set_rlimits(None)
        .set_no_new_privileges(Some(false));
    process
}

fn linux(config: &ContainerConfig, facts: Facts<'_>) -> Result<Linux> {
    let limits = resources(config, facts.resources, &facts.mapped_devices);
    let mapped = facts.mapped_devices.into_iter().map(|(device, _)| device);
    let mut linux = Linux::default();
    linux
        .set_namespaces(Some(namespaces(&config.host, facts.joined)))
        .set_resources(Some(limits))
        .set_devices(Some(facts.devices.into_iter().chain(mapped).collect()))
        .set_sysctl(Some(config.host.confinement.sysctls.clone().into_iter().collect()))
        .set_cgroups_path(Some(facts.cgroup.into()));
    if let Some(users) = &config.host.user_namespace {
        let [uids, gids] = users.mappings()?;
        linux.set_uid_mappings(Some(uids)).set_gid_mappings(Some(gids));
    }
    if config.host.privileged {
        linux.set_masked_paths(None).set_readonly_paths(None);
    } else {
        linux.set_masked_paths(Some(masked_paths())).set_readonly_paths(Some(READ_ONLY.map(str::to_owned).into()));
    }
    Ok(linux)
}

/// The fixed list, and the thermal throttle counters of each CPU that has some (GHSA-jq35-85cj-fj4p).
fn masked_paths() -> Vec<String> {
    let throttles = (0..)
        .map(|cpu| format!("/sys/devices/system/cpu/cpu{cpu}"))
        .take_while(|cpu| Path::new(cpu).exists())
        .map(|cpu| format!("{cpu}/thermal_throttle"))
        .filter(|path| Path::new(path).exists());
    MASKED.iter().map(ToString::to_string).chain(throttles).collect()
}

/// All that are not the host's: new ones, and those of other containers by their paths.
fn namespaces(host: &HostConfig, joined: &Joined) -> Vec<LinuxNamespace> {
    let asked = &host.namespaces;
    let all = [
        (LinuxNamespaceType::Mount, false, &None),
        (LinuxNamespaceType::Uts, asked.host_uts, &None),
        (LinuxNamespaceType::Pid, asked.pid == PidMode::Host, &joined.pid),
        (LinuxNamespaceType::Ipc, asked.ipc == IpcMode::Host, &joined.ipc),
        (LinuxNamespaceType::Cgroup, asked.host_cgroup, &None),
        (LinuxNamespaceType::Network, host.network == NetworkMode::Host, &joined.network),
        (LinuxNamespaceType::User, host.user_namespace.is_none(), &None),
    ];
    let not_the_hosts = all.into_iter().filter(|(_, is_the_hosts, _)| !is_the_hosts);
    not_the_hosts.map(|(kind, _, path)| namespace(kind, path.clone())).collect()
}

fn namespace(kind: LinuxNamespaceType, path: Option<PathBuf>) -> LinuxNamespace {
    let mut namespace = LinuxNamespace::default();
    namespace.set_typ(kind).set_path(path);
    namespace
}

fn resources(config: &ContainerConfig, mut limits: LinuxResources, mapped: &[(LinuxDevice, String)]) -> LinuxResources {
    let mut rules = device_rules(config.host.privileged);
    rules.extend(config.host.confinement.rules(mapped));
    limits.set_devices(Some(rules));
    limits
}

/// Deny all, then what every container may use: moby's default list (daemon/pkg/oci/defaults.go).
fn device_rules(privileged: bool) -> Vec<LinuxDeviceCgroup> {
    if privileged {
        return vec![device_rule(true, None, None, None, "rwm")];
    }
    let character = Some(LinuxDeviceType::C);
    let mut rules = vec![
        device_rule(false, None, None, None, "rwm"),
        // Before what is allowed to all, which no later rule can take back on cgroup v1.
        device_rule(false, character, Some(10), Some(229), "rwm"),
        device_rule(true, character, None, None, "m"),
        device_rule(true, Some(LinuxDeviceType::B), None, None, "m"),
    ];
    for (major, minor) in [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2)] {
        rules.push(device_rule(true, character, Some(major), Some(minor), "rwm"));
    }
    rules.push(device_rule(true, character, Some(136), None, "rwm"));
    rules
}

fn device_rule(
    allow: bool,
    kind: Option<LinuxDeviceType>,
    major: Option<i64>,
    minor: Option<i64>,
    access: &str,
) -> LinuxDeviceCgroup {
    let mut rule = LinuxDeviceCgroup::default();
    rule.set_allow(allow).set_typ(kind).set_major(major).set_minor(minor).set_access(Some(access.to_owned()));
    rule
}

fn mounts(config: &ContainerConfig, facts: &Facts<'_>) -> Vec<Mount> {
    let read_only = if config.host.privileged { "rw" } else { "ro" };
    let mut mounts = vec![
        mount("/proc", "proc", "proc", &["nosuid", "noexec", "nodev"]),
        mount("/dev", "tmpfs", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
        mount(
            "/dev/pts",
            "devpts",
            "devpts",
            &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
        ),
        mount("/sys", "sysfs", "sysfs", &["nosuid", "noexec", "nodev", read_only]),
        mount("/sys/fs/cgroup", "cgroup", "cgroup", &["nosuid", "noexec", "nodev", read_only]),
    ];
    mounts.extend(shared_memory(&config.host, facts.joined));
    if config.host.network == NetworkMode::Host {
        // sysfs shows the network namespace it was mounted in, which here is not the container's to mount anew.
        mounts[3] = mount("/sys", "bind", "/sys", &["rbind", "nosuid", "noexec", "nodev", read_only]);
    }
    mounts.extend(config.host.tmpfs.iter().map(|(target, options)| tmpfs(target, options)));
    mounts.extend([
        file("/etc/hostname", &facts.directory.join("hostname")),
        file("/etc/hosts", &facts.network_files.join("hosts")),
        file("/etc/resolv.conf", &facts.network_files.join("resolv.conf")),
    ]);
    if config.host.init {
        let program = facts.directory.join(INIT_FILE);
        mounts.push(mount(INIT, "bind", &program.to_string_lossy(), &["bind", "ro", "nosuid", "nodev"]));
    }
    // A bind asked for comes last, and so wins over what stands at its place.
    mounts.extend(data(&config.host, &facts.volumes));
    mounts
}

/// Binds and volumes. What is mounted below something else is mounted after it.
pub(super) fn data(host: &HostConfig, volumes: &[Mount]) -> Vec<Mount> {
    let mut mounts: Vec<Mount> = host.binds.iter().map(bind).chain(volumes.iter().cloned()).collect();
    mounts.sort_by_key(|mount| mount.destination().components().count());
    mounts
}

/// Message queues and /dev/shm, which go with the IPC namespace.
fn shared_memory(host: &HostConfig, joined: &Joined) -> Vec<Mount> {
    let own = ["nosuid", "noexec", "nodev"];
    let queues = mount("/dev/mqueue", "mqueue", "mqueue", &own);
    let size = format!("size={}", host.shm_size());
    match (&host.namespaces.ipc, &joined.shm) {
        (IpcMode::Host, _) => {
            vec![queues, mount("/dev/shm", "bind", "/dev/shm", &["rbind", "nosuid", "noexec", "nodev"])]
        }
        (IpcMode::Container(_), Some(shm)) => {
            vec![queues, mount("/dev/shm", "bind", &shm.to_string_lossy(), &["bind", "nosuid", "noexec", "nodev"])]
        }
        (IpcMode::None | IpcMode::Container(_), _) => vec![queues],
        (IpcMode::Private | IpcMode::Shareable, _) => {
            vec![queues, mount("/dev/shm", "tmpfs", "shm", &["nosuid", "noexec", "nodev", "mode=1777", &size])]
        }
    }
}

fn mount(target: &str, kind: &str, source: &str, options: &[&str]) -> Mount {
    let mut mount = Mount::default();
    mount
        .set_destination(target.into())
        .set_typ(Some(kind.to_owned()))
        .set_source(Some(source.into()))
        .set_options(Some(options.iter().map(ToString::to_string).collect()));
    mount
}

fn tmpfs(target: &str, options: &str) -> Mount {
    let asked = options.split(',').filter(|option| !option.is_empty());
    let options: Vec<&str> = ["nosuid", "nodev", "noexec"].into_iter().chain(asked).collect();
    mount(target, "tmpfs", "tmpfs", &options)
}

fn file(target: &str, source: &Path) -> Mount {
    mount(target, "bind", &source.to_string_lossy(), &["rbind", "rprivate"])
}

/// The mount of a directory that is a volume.
pub(super) fn volume(source: &Path, target: &str, read_only: bool) -> Mount {
    let access = if read_only { "ro" } else { "rw" };
    mount(target, "bind", &source.to_string_lossy(), &["rbind", "rprivate", access])
}

/// The mount of a part of a volume, in which other containers may make links.
pub(super) fn volume_part(data: &Path, part: &Path, target: &str, read_only: bool) -> Mount {
    let mut mount = volume(part, target, read_only);
    let beneath = format!("{BENEATH}{}", data.display());
    mount.options_mut().get_or_insert_default().push(beneath);
    mount
}

fn bind(bind: &Bind) -> Mount {
    let access = if bind.read_only { "ro" } else { "rw" };
    let depth = if bind.non_recursive { "bind" } else { "rbind" };
    mount(&bind.target, "bind", &bind.source.to_string_lossy(), &[depth, &bind.propagation, access])
}

#[cfg(test)]
mod tests {
    use super::super::namespaces::Namespaces;
    use super::*;

    fn config() -> ContainerConfig {
        ContainerConfig {
            id: "ab".repeat(32),
            name: "web".into(),
            created: 0,
            image: "lab".into(),
            image_id: format!("sha256:{}", "0".repeat(64)),
            layers: vec!["/l1".into()],
            entrypoint: vec!["/bin/sh".into()],
            command: vec!["-c".into(), "true".into()],
            env: vec!["A=1".into()],
            working_dir: "/srv".into(),
            user: String::new(),
            hostname: "web".into(),
            domain_name: None,
            tty: false,
            open_stdin: false,
            stdin_once: false,
            labels: Default::default(),
            exposed_ports: vec![],
            stop_signal: None,
            stop_timeout: None,
            healthcheck: None,
            shell: None,
            host: HostConfig::default(),
        }
    }

    fn built(config: &ContainerConfig) -> serde_json::Value {
        let facts = Facts {
            user: User { uid: 0, gid: 0, groups: vec![], home: "/root".into() },
            directory: Path::new("/c"),
            network_files: Path::new("/c"),
            joined: &Joined::default(),
            cgroup: "/porthole/ab".into(),
            volumes: Vec::new(),
            resources: LinuxResources::default(),
            devices: vec![],
            mapped_devices: vec![],
            kernel: Version::of_kernel().unwrap(),
        };
        serde_json::to_value(build(config, facts).unwrap()).unwrap()
    }

    fn kinds(spec: &serde_json::Value) -> Vec<&str> {
        let namespaces = spec["linux"]["namespaces"].as_array().unwrap();
        namespaces.iter().map(|namespace| namespace["type"].as_str().unwrap()).collect()
    }

    #[test]
    fn the_default_container_is_confined() {
        let spec = built(&config());
        assert_eq!(spec["process"]["args"], serde_json::json!(["/bin/sh", "-c", "true"]));
        assert_eq!(kinds(&spec), ["mount", "uts", "pid", "ipc", "cgroup", "network"]);
        assert_eq!(spec["process"]["capabilities"]["bounding"].as_array().unwrap().len(), 14);
        assert!(spec["linux"]["maskedPaths"].as_array().unwrap().contains(&"/proc/kcore".into()));
        assert_eq!(spec["linux"]["resources"]["devices"][0]["allow"], false);
        assert!(spec["linux"]["resources"].get("memory").is_none());
        assert_eq!(spec["annotations"][DEFAULT_SECCOMP_ANNOTATION.0], DEFAULT_SECCOMP_ANNOTATION.1);
    }

    #[test]
    fn a_privileged_container_is_not() {
        let mut config = config();
        config.host.privileged = true;
        let spec = built(&config);
        assert!(spec["linux"].get("maskedPaths").is_none());
        assert!(spec.get("annotations").is_none());
        assert_eq!(spec["linux"]["resources"]["devices"][0]["allow"], true);
    }

    #[test]
    fn shared_memory_has_the_size_asked_for() {
        let mut config = config();
        let size = |config: &ContainerConfig| {
            let spec = built(config);
            let mounts = spec["mounts"].as_array().unwrap();
            let shm = mounts.iter().find(|mount| mount["destination"] == "/dev/shm").unwrap();
            shm["options"].as_array().unwrap().last().unwrap().clone()
        };
        assert_eq!(size(&config), "size=67108864");
        config.host.shm_size = Some(1 << 20);
        assert_eq!(size(&config), "size=1048576");
    }

    #[test]
    fn namespaces_of_the_host_are_left_out_and_those_of_others_named() {
        let mut config = config();
        config.host.namespaces =
            Namespaces { pid: PidMode::Host, ipc: IpcMode::Host, host_uts: true, host_cgroup: true };
        let spec = built(&config);
        assert_eq!(kinds(&spec), ["mount", "network"]);
        assert!(spec.get("hostname").is_none());
        let joined = Joined { pid: Some("/proc/7/ns/pid".into()), ..Joined::default() };
        let host = HostConfig::default();
        let pid = namespaces(&host, &joined).into_iter().find(|one| one.typ() == LinuxNamespaceType::Pid).unwrap();
        assert_eq!(pid.path().as_deref(), Some(Path::new("/proc/7/ns/pid")));
    }

    #[test]
    fn the_hosts_network_makes_no_namespace_and_a_bind_comes_last() {
        let mut config = config();
        config.host.network = NetworkMode::Host;
        config.host.binds.push(Bind { read_only: true, ..Bind::new("/data".into(), "/etc/hosts") });
        let spec = built(&config);
        assert!(!kinds(&spec).contains(&"network"));
        let last = spec["mounts"].as_array().unwrap().last().unwrap();
        assert_eq!(last["source"], "/data");
        assert_eq!(last["options"], serde_json::json!(["rbind", "rprivate", "ro"]));
    }
}
