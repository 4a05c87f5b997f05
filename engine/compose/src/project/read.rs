//! From a completed tree to what it means.

use super::service::{
    Attachment, Build, Condition, Dependency, Device, Health, Hook, Limits, Mount, MountKind, PullPolicy, Rate,
    Service, SharedFile, Ulimit, WatchAction, WatchRule,
};
use super::{FileSource, Network, Subnet, Volume};
use crate::decode::Fields;
use crate::error::{Error, Result};
use crate::hash;
use crate::interpolate::Variables;
use crate::node::{Node, Value, integer};
use crate::words;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// As root sees them, and everybody else.
const FILE_MODE: u32 = 0o444;

pub fn network(node: &Node) -> Network {
    let subnet = |node: &Node| Subnet {
        subnet: node.text("subnet"),
        range: node.text("ip_range"),
        gateway: node.text("gateway"),
        auxiliary: node.pairs("aux_addresses"),
    };
    Network {
        name: node.text("name").unwrap_or_default(),
        external: node.flag("external").unwrap_or_default(),
        driver: node.text("driver"),
        options: node.pairs("driver_opts"),
        subnets: node.field("ipam").map(|ipam| ipam.items("config").iter().map(subnet).collect()).unwrap_or_default(),
        internal: node.flag("internal").unwrap_or_default(),
        ipv6: node.flag("enable_ipv6").unwrap_or_default(),
        attachable: node.flag("attachable").unwrap_or_default(),
        labels: node.pairs("labels"),
    }
}

pub fn volume(node: &Node) -> Volume {
    Volume {
        name: node.text("name").unwrap_or_default(),
        external: node.flag("external").unwrap_or_default(),
        driver: node.text("driver"),
        options: node.pairs("driver_opts"),
        labels: node.pairs("labels"),
    }
}

pub fn file_source(node: &Node, variables: &Variables) -> Result<FileSource> {
    if let Some(path) = node.text("file") {
        return Ok(FileSource::File(path.into()));
    }
    if let Some(name) = node.text("environment") {
        let value = variables.get(&name).map(str::to_owned);
        let missing = || Error::at(&node.place, format!("the environment variable {name:?} is not set"));
        return value.map(FileSource::Content).ok_or_else(missing);
    }
    Ok(FileSource::Content(node.text("content").unwrap_or_default()))
}

/// A service. `shared` are the secrets and configs of the project.
pub fn service(project: &str, name: &str, node: &Node, shared: [&BTreeMap<String, FileSource>; 2]) -> Result<Service> {
    let words = |key: &str| node.field(key).map(|_| node.texts(key));
    let deploy = node.field("deploy");
    let replicas = node.integer("scale").or_else(|| deploy.and_then(|deploy| deploy.integer("replicas"))).unwrap_or(1);
    let replicas = usize::try_from(replicas)
        .map_err(|_| Error::at(&node.place, format!("service {name:?}: {replicas} containers are too few")))?;
    let container_name = node.text("container_name");
    if container_name.is_some() && replicas > 1 {
        return Err(Error::at(
            &node.place,
            format!("service {name:?}: container_name allows one container only, and not {replicas}"),
        ));
    }
    let logging = node.field("logging");
    Ok(Service {
        name: name.to_owned(),
        image: node.text("image").unwrap_or_else(|| format!("{project}-{name}")),
        build: node.field("build").map(build),
        command: words("command"),
        entrypoint: words("entrypoint"),
        environment: node.pairs("environment"),
        ports: node.items("ports").iter().map(port).collect::<Result<_>>()?,
        expose: node.texts("expose"),
        mounts: node.items("volumes").iter().map(mount).collect::<Result<_>>()?,
        tmpfs: node.texts("tmpfs"),
        volumes_from: node.texts("volumes_from"),
        networks: attachments(node),
        network_mode: node.text("network_mode"),
        mac_address: node.text("mac_address"),
        pid: node.text("pid"),
        ipc: node.text("ipc"),
        uts: node.text("uts"),
        cgroup: node.text("cgroup"),
        userns_mode: node.text("userns_mode"),
        depends_on: node
            .entries("depends_on")
            .into_iter()
            .map(|(name, node)| (name.clone(), dependency(node)))
            .collect(),
        healthcheck: node.field("healthcheck").map(|node| health(name, node)).transpose()?.flatten(),
        restart: node.text("restart").or_else(|| deploy.and_then(restart_policy)),
        replicas,
        container_name,
        hostname: node.text("hostname"),
        domainname: node.text("domainname"),
        user: node.text("user"),
        working_dir: node.text("working_dir"),
        labels: node.pairs("labels"),
        annotations: node.pairs("annotations"),
        log_driver: logging.and_then(|node| node.text("driver")),
        log_options: logging.map(|node| node.pairs("options")).unwrap_or_default(),
        ulimits: node.entries("ulimits").into_iter().map(|(name, node)| ulimit(name, node)).collect(),
        cap_add: node.texts("cap_add"),
        cap_drop: node.texts("cap_drop"),
        devices: node.items("devices").iter().map(device).collect(),
        device_cgroup_rules: node.texts("device_cgroup_rules"),
        security_opt: node.texts("security_opt"),
        sysctls: node.pairs("sysctls"),
        init: node.flag("init").unwrap_or_default(),
        stop_signal: node.text("stop_signal"),
        stop_grace_period: node.duration("stop_grace_period"),
        extra_hosts: node.texts("extra_hosts"),
        dns: node.texts("dns"),
        dns_search: node.texts("dns_search"),
        dns_opt: node.texts("dns_opt"),
        shm_size: node.bytes("shm_size"),
        read_only: node.flag("read_only").unwrap_or_default(),
        privileged: node.flag("privileged").unwrap_or_default(),
        pull_policy: node.text("pull_policy").map(|word| pull_policy(&word)),
        platform: node.text("platform"),
        profiles: node.texts("profiles"),
        secrets: node.items("secrets").iter().map(|node| shared_file(node, "/run/secrets/")).collect::<Result<_>>()?,
        configs: node.items("configs").iter().map(|node| shared_file(node, "/")).collect::<Result<_>>()?,
        limits: limits(node),
        group_add: node.texts("group_add"),
        oom_score_adj: node.integer("oom_score_adj"),
        runtime: node.text("runtime"),
        tty: node.flag("tty").unwrap_or_default(),
        stdin_open: node.flag("stdin_open").unwrap_or_default(),
        attach: node.flag("attach").unwrap_or(true),
        links: node.texts("links").iter().map(|link| split_link(link)).collect(),
        post_start: node.items("post_start").iter().map(hook).collect(),
        pre_stop: node.items("pre_stop").iter().map(hook).collect(),
        watch: node
            .field("develop")
            .map(|develop| develop.items("watch"))
            .unwrap_or_default()
            .iter()
            .map(watch)
            .collect::<Result<_>>()?,
        hash: hash::of_service(node, shared),
    })
}

fn split_link(link: &str) -> (String, String) {
    let (service, alias) = link.split_once(':').unwrap_or((link, link));
    (service.to_owned(), alias.to_owned())
}

/// What can be asked of other builders.
const UNSUPPORTED: [&str; 5] = ["isolation", "provenance", "sbom", "shm_size", "ulimits"];

fn build(node: &Node) -> Build {
    Build {
        context: node.text("context").unwrap_or_default(),
        dockerfile: node.text("dockerfile"),
        dockerfile_inline: node.text("dockerfile_inline"),
        args: node.pairs("args"),
        target: node.text("target"),
        labels: node.pairs("labels"),
        no_cache: node.flag("no_cache").unwrap_or_default(),
        pull: node.flag("pull").unwrap_or_default(),
        tags: node.texts("tags"),
        network: node.text("network"),
        additional_contexts: node.pairs("additional_contexts"),
        extra_hosts: node.texts("extra_hosts"),
        platforms: node.texts("platforms"),
        secrets: node.items("secrets").iter().filter_map(build_secret).collect(),
        ssh: node.pairs("ssh"),
        privileged: node.flag("privileged").unwrap_or_default(),
        entitlements: node.texts("entitlements"),
        cache_from: node.texts("cache_from"),
        cache_to: node.texts("cache_to"),
        unsupported: UNSUPPORTED
            .into_iter()
            .filter(|key| node.field(key).is_some() && node.flag(key) != Some(false))
            .collect(),
    }
}

/// What steps call a secret, and what the project does.
fn build_secret(node: &Node) -> Option<(String, String)> {
    let source = node.text("source")?;
    Some((node.text("target").unwrap_or_else(|| source.clone()), source))
}

fn port(node: &Node) -> Result<String> {
    let target = node.integer("target").and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
    let target = target.ok_or_else(|| Error::at(&node.place, "a port needs a target from 1 to 65535"))?;
    let protocol = node.text("protocol").unwrap_or_else(|| "tcp".to_owned());
    let published = node.text("published").unwrap_or_default();
    if !published.is_empty() && published != "0" && crate::canonical::port::range(&published).is_none() {
        return Err(Error::at(&node.place, format!("invalid published port {published:?}: want a port or a range")));
    }
    let published = if published == "0" { String::new() } else { published };
    let address = match node.text("host_ip") {
        Some(address) if address.contains(':') => format!("[{address}]:"),
        Some(address) => format!("{address}:"),
        None => String::new(),
    };
    // Any free one, also where no address is named.
    let separator = if address.is_empty() && published.is_empty() { "" } else { ":" };
    Ok(format!("{address}{published}{separator}{target}/{protocol}"))
}

fn mount(node: &Node) -> Result<Mount> {
    let source = node.text("source");
    let details = |key: &str| node.field(key);
    let kind = match node.text("type").as_deref() {
        Some("bind") => {
            let bind = details("bind");
            MountKind::Bind {
                source: PathBuf::from(source.unwrap_or_default()),
                propagation: bind.and_then(|bind| bind.text("propagation")),
                create: bind.and_then(|bind| bind.flag("create_host_path")).unwrap_or(true),
                non_recursive: bind.and_then(|bind| bind.text("recursive")).as_deref() == Some("disabled"),
            }
        }
        Some("tmpfs") => {
            let tmpfs = details("tmpfs");
            let mode = tmpfs.map(|tmpfs| mode(tmpfs, "mode")).transpose()?.flatten();
            MountKind::Tmpfs {
                size: tmpfs.and_then(|tmpfs| tmpfs.bytes("size")),
                mode: mode.map(|mode| format!("{mode:o}")),
            }
        }
        _ => {
            let volume = details("volume");
            MountKind::Volume {
                source,
                nocopy: volume.and_then(|volume| volume.flag("nocopy")).unwrap_or_default(),
                subpath: volume.and_then(|volume| volume.text("subpath")),
                labels: volume.map(|volume| volume.pairs("labels")).unwrap_or_default(),
            }
        }
    };
    let target = node.text("target").unwrap_or_default();
    Ok(Mount { kind, target, read_only: node.flag("read_only").unwrap_or_default() })
}

/// Permissions: a number as YAML reads it, a string as octal.
fn mode(node: &Node, key: &str) -> Result<Option<u32>> {
    let Some(node) = node.field(key) else { return Ok(None) };
    let mode = match &node.value {
        Value::Number(text) => integer(text).and_then(|mode| u32::try_from(mode).ok()),
        Value::Text(text) => u32::from_str_radix(text.trim_start_matches("0o"), 8).ok(),
        _ => None,
    };
    let invalid = || Error::at(&node.place, "permissions are octal, as in 0440");
    mode.filter(|mode| *mode <= 0o7777).map(Some).ok_or_else(invalid)
}

/// The networks of a service: by priority, then by name.
fn attachments(node: &Node) -> Vec<Attachment> {
    let mut attachments: Vec<(f64, Attachment)> = Vec::new();
    for (network, place) in node.entries("networks") {
        let addresses = ["ipv4_address", "ipv6_address"].iter().filter_map(|key| place.text(key));
        let attachment = Attachment {
            network: network.clone(),
            aliases: place.texts("aliases"),
            addresses: addresses.collect(),
            mac_address: place.text("mac_address"),
        };
        attachments.push((place.number("priority").unwrap_or(0.0), attachment));
    }
    attachments.sort_by(|(one, a), (other, b)| other.total_cmp(one).then_with(|| a.network.cmp(&b.network)));
    attachments.into_iter().map(|(_, attachment)| attachment).collect()
}

fn dependency(node: &Node) -> Dependency {
    let condition = match node.text("condition").as_deref() {
        Some("service_healthy") => Condition::Healthy,
        Some("service_completed_successfully") => Condition::CompletedSuccessfully,
        _ => Condition::Started,
    };
    Dependency {
        condition,
        restart: node.flag("restart").unwrap_or_default(),
        required: node.flag("required").unwrap_or(true),
    }
}

fn health(service: &str, node: &Node) -> Result<Option<Health>> {
    if node.flag("disable") == Some(true) {
        return Ok(Some(Health { test: vec!["NONE".to_owned()], ..Health::default() }));
    }
    let test = node.texts("test");
    if let Some(kind) = test.first()
        && !matches!(kind.as_str(), "NONE" | "CMD" | "CMD-SHELL")
    {
        return Err(Error::at(
            &node.place,
            format!("services.{service}.healthcheck.test: must begin with NONE, CMD or CMD-SHELL, not {kind:?}"),
        ));
    }
    let time = |key: &str| node.duration(key).unwrap_or_default();
    let health = Health {
        test,
        interval: time("interval"),
        timeout: time("timeout"),
        start_period: time("start_period"),
        start_interval: time("start_interval"),
        retries: node.integer("retries").unwrap_or_default(),
    };
    Ok((health != Health::default()).then_some(health))
}

/// What Docker Compose makes of `deploy.restart_policy`.
fn restart_policy(deploy: &Node) -> Option<String> {
    let policy = deploy.field("restart_policy")?;
    let attempts = policy.integer("max_attempts").filter(|attempts| *attempts > 0);
    Some(match policy.text("condition").as_deref() {
        Some("none") => "no".to_owned(),
        Some("on-failure") => attempts.map_or("on-failure".to_owned(), |attempts| format!("on-failure:{attempts}")),
        _ => "always".to_owned(),
    })
}

fn ulimit(name: &str, node: &Node) -> Ulimit {
    let single = node.scalar().and_then(|text| integer(&text));
    let limit = |key: &str| single.or_else(|| node.integer(key));
    let soft = limit("soft").or_else(|| limit("hard")).unwrap_or(-1);
    Ulimit { name: name.to_owned(), soft, hard: limit("hard").unwrap_or(soft) }
}

fn device(node: &Node) -> Device {
    let text = |key: &str| node.text(key).unwrap_or_default();
    Device { source: text("source"), target: text("target"), permissions: text("permissions") }
}

fn pull_policy(word: &str) -> PullPolicy {
    match word {
        "always" => PullPolicy::Always,
        "never" => PullPolicy::Never,
        "build" => PullPolicy::Build,
        _ => PullPolicy::Missing,
    }
}

fn shared_file(node: &Node, directory: &str) -> Result<SharedFile> {
    let source = node.text("source").ok_or_else(|| Error::at(&node.place, "it needs a source"))?;
    let target = node.text("target").unwrap_or_else(|| source.clone());
    let id = |key: &str| match node.text(key) {
        None => Ok(0),
        Some(text) => text.parse().map_err(|_| Error::at(&node.place, format!("{key} {text:?} is no number"))),
    };
    Ok(SharedFile {
        target: if target.starts_with('/') { target } else { format!("{directory}{target}") },
        source,
        uid: id("uid")?,
        gid: id("gid")?,
        mode: mode(node, "mode")?.unwrap_or(FILE_MODE),
    })
}

fn limits(node: &Node) -> Limits {
    let resources = node.field("deploy").and_then(|deploy| deploy.field("resources"));
    let most = resources.and_then(|resources| resources.field("limits"));
    let least = resources.and_then(|resources| resources.field("reservations"));
    let microseconds = |key: &str| {
        let text = node.text(key)?;
        integer(&text).or_else(|| words::duration(&text).map(|nanoseconds| nanoseconds / 1000))
    };
    let blkio = node.field("blkio_config");
    let rates = |key: &str, field: &str| {
        let items = blkio.map(|blkio| blkio.items(key)).unwrap_or_default();
        let rate = |node: &Node| Rate {
            path: node.text("path").unwrap_or_default(),
            rate: node.bytes(field).unwrap_or_default(),
        };
        items.iter().map(rate).collect()
    };
    Limits {
        memory: most.and_then(|node| node.bytes("memory")).or_else(|| node.bytes("mem_limit")),
        memory_reservation: least.and_then(|node| node.bytes("memory")).or_else(|| node.bytes("mem_reservation")),
        memory_swap: node.bytes("memswap_limit"),
        memory_swappiness: node.integer("mem_swappiness"),
        oom_kill_disable: node.flag("oom_kill_disable").unwrap_or_default(),
        cpus: most.and_then(|node| node.number("cpus")).or_else(|| node.number("cpus")),
        cpu_shares: node.integer("cpu_shares"),
        cpu_period: microseconds("cpu_period"),
        cpu_quota: microseconds("cpu_quota"),
        cpu_rt_period: microseconds("cpu_rt_period"),
        cpu_rt_runtime: microseconds("cpu_rt_runtime"),
        cpuset: node.text("cpuset"),
        pids: most.and_then(|node| node.integer("pids")).or_else(|| node.integer("pids_limit")),
        blkio_weight: blkio.and_then(|blkio| blkio.integer("weight")),
        blkio_weight_device: rates("weight_device", "weight"),
        device_read_bps: rates("device_read_bps", "rate"),
        device_read_iops: rates("device_read_iops", "rate"),
        device_write_bps: rates("device_write_bps", "rate"),
        device_write_iops: rates("device_write_iops", "rate"),
    }
}

fn hook(node: &Node) -> Hook {
    Hook {
        command: node.texts("command"),
        user: node.text("user"),
        privileged: node.flag("privileged").unwrap_or_default(),
        working_dir: node.text("working_dir"),
        environment: node.pairs("environment"),
    }
}

fn watch(node: &Node) -> Result<WatchRule> {
    let path = node.text("path").ok_or_else(|| Error::at(&node.place, "a watch rule needs a path"))?;
    let action = match node.text("action").as_deref() {
        Some("rebuild") => WatchAction::Rebuild,
        Some("sync") => WatchAction::Sync,
        Some("restart") => WatchAction::Restart,
        Some("sync+restart") => WatchAction::SyncRestart,
        Some("sync+exec") => WatchAction::SyncExec,
        _ => return Err(Error::at(&node.place, "a watch rule needs an action")),
    };
    let target = node.text("target");
    let copies = matches!(action, WatchAction::Sync | WatchAction::SyncRestart | WatchAction::SyncExec);
    if copies && target.is_none() {
        return Err(Error::at(&node.place, "a watch rule that copies files needs a target"));
    }
    Ok(WatchRule {
        path: path.into(),
        action,
        target,
        ignore: node.texts("ignore"),
        include: node.texts("include"),
        initial_sync: node.flag("initial_sync").unwrap_or_default(),
        exec: node.field("exec").map(hook),
    })
}
