//! From a service to what the engine is asked for.

use super::label;
use crate::container::config::{Bind, EndpointConfig, HostConfig, NetworkMode};
use crate::container::confinement::{Confinement, DeviceMapping};
use crate::container::logging::Logging;
use crate::container::namespaces::Namespaces;
use crate::container::options::{CreateOptions, parse_restart};
use crate::container::resolution::{HostAddress, Resolution};
use crate::container::resources::{Resources, Throttle};
use crate::container::ulimit::Ulimit;
use crate::container::user_namespace::UserNamespace;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::volume::VolumeMount;
use porthole_compose::plan::container_name;
use porthole_compose::project::{Limits, Mount, MountKind, Project, Rate, Service};
use porthole_images::{Healthcheck, Platform};
use porthole_network::parse_mac;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What is different of a container that `run` makes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OneOff {
    /// Its name.
    pub name: String,
    /// Whether the service's ports are published.
    pub service_ports: bool,
    /// Whether others find it by the service's names.
    pub use_aliases: bool,
    /// Whether it is removed when it ends.
    pub remove: bool,
    /// Whether it does not wait for what the service depends on.
    pub no_deps: bool,
}

/// How a container of a service is made.
pub(super) struct Making<'a> {
    pub project: &'a Project,
    pub service: &'a Service,
    /// What its image is called here.
    pub image: &'a str,
    /// The image's id.
    pub image_id: &'a str,
    pub number: usize,
    /// For containers of other services, whose namespaces and volumes it uses.
    pub others: &'a dyn Fn(&str) -> Result<Vec<String>>,
}

fn wrong(service: &Service, message: impl std::fmt::Display) -> Error {
    Error::Compose(porthole_compose::Error::Project(format!("service {:?}: {message}", service.name)))
}

impl Engine {
    /// What to ask for so that a container of the service comes of it.
    pub(super) fn service_options(&self, making: &Making<'_>, one_off: Option<&OneOff>) -> Result<CreateOptions> {
        let Making { project, service, .. } = making;
        let invalid = |message: String| wrong(service, message);
        let (network, endpoints) = networks(making, one_off)?;
        let (mut binds, volumes, tmpfs) = mounts(project, service)?;
        binds.extend(self.shared_files(project, service)?);
        let publishes = one_off.is_none_or(|one_off| one_off.service_ports);
        let mut labels = label::of_container(project, service, making.number, one_off.is_some(), making.image_id);
        if one_off.is_some() {
            labels.remove(label::HASH);
        }
        let host = HostConfig {
            binds,
            volumes,
            network,
            endpoints,
            publish: if publishes { service.ports.clone() } else { Vec::new() },
            volumes_from: volumes_from(making)?,
            annotations: service.annotations.clone(),
            restart: match one_off {
                Some(_) => parse_restart("no"),
                None => parse_restart(service.restart.as_deref().unwrap_or("no")),
            }
            .map_err(invalid)?,
            auto_remove: one_off.is_some_and(|one_off| one_off.remove),
            privileged: service.privileged,
            init: service.init,
            runtime: service.runtime.as_deref().and_then(crate::container::runtime::named),
            cap_add: service.cap_add.clone(),
            cap_drop: service.cap_drop.clone(),
            read_only: service.read_only,
            tmpfs,
            resources: resources(&service.limits).map_err(invalid)?,
            oom_score_adj: service.oom_score_adj.and_then(|score| i32::try_from(score).ok()),
            shm_size: service.shm_size.filter(|size| *size != 0),
            ulimits: ulimits(service).map_err(invalid)?,
            confinement: confinement(service).map_err(invalid)?,
            resolution: resolution(service).map_err(invalid)?,
            namespaces: namespaces(making)?,
            user_namespace: UserNamespace::parse(service.userns_mode.as_deref().unwrap_or_default())?,
            logging: logging(service).map_err(invalid)?,
            publish_all: false,
        };
        let platform = service.platform.as_deref().map(str::parse::<Platform>).transpose();
        Ok(CreateOptions {
            image: making.image.to_owned(),
            platform: platform.map_err(|error| invalid(error.to_string()))?,
            name: Some(match one_off {
                Some(one_off) => one_off.name.clone(),
                None => container_name(&project.name, service, making.number),
            }),
            command: service.command.clone().unwrap_or_default(),
            entrypoint: service.entrypoint.clone(),
            env: service.environment.iter().map(|(name, value)| format!("{name}={value}")).collect(),
            working_dir: service.working_dir.clone(),
            user: service.user.clone(),
            hostname: service.hostname.clone(),
            domain_name: service.domainname.clone(),
            expose: service.expose.clone(),
            tty: service.tty,
            open_stdin: service.stdin_open,
            attach_stdin: false,
            labels,
            stop_signal: service.stop_signal.clone(),
            // Rounded up: half a second is no time-out of zero.
            stop_timeout: service.stop_grace_period.map(|nanoseconds| (nanoseconds + 999_999_999) / 1_000_000_000),
            healthcheck: service.healthcheck.clone().map(|health| Healthcheck {
                test: health.test,
                interval: health.interval,
                timeout: health.timeout,
                start_period: health.start_period,
                start_interval: health.start_interval,
                retries: health.retries,
            }),
            id_file: None,
            host,
        })
    }
}

/// The name of the first container that a `service:NAME` means; other words stay.
fn namespace_of(making: &Making<'_>, word: &str) -> Result<String> {
    let Some(other) = word.strip_prefix("service:") else { return Ok(word.to_owned()) };
    let first = (making.others)(other)?.into_iter().next();
    let first = first.ok_or_else(|| wrong(making.service, format!("service {other:?} has no container to join")))?;
    Ok(format!("container:{first}"))
}

fn namespaces(making: &Making<'_>) -> Result<Namespaces> {
    let service = making.service;
    let word = |word: &Option<String>| word.as_deref().map_or(Ok(String::new()), |word| namespace_of(making, word));
    let invalid = |message: String| wrong(service, message);
    Ok(Namespaces {
        pid: word(&service.pid)?.parse().map_err(invalid)?,
        ipc: word(&service.ipc)?.parse().map_err(invalid)?,
        host_uts: service.uts.as_deref() == Some("host"),
        host_cgroup: service.cgroup.as_deref() == Some("host"),
    })
}

fn networks(making: &Making<'_>, one_off: Option<&OneOff>) -> Result<(NetworkMode, Vec<EndpointConfig>)> {
    let Making { project, service, .. } = making;
    let invalid = |message: String| wrong(service, message);
    if let Some(mode) = &service.network_mode {
        let mode: NetworkMode = namespace_of(making, mode)?.parse().map_err(invalid)?;
        return Ok((mode, Vec::new()));
    }
    let mut links = Vec::new();
    for (other, alias) in &service.links {
        links.extend((making.others)(other)?.into_iter().map(|container| format!("{container}:{alias}")));
    }
    let mut endpoints = Vec::new();
    for (at, attachment) in service.networks.iter().enumerate() {
        let network = &project.networks[&attachment.network];
        let addresses = attachment
            .addresses
            .iter()
            .map(|text| text.parse::<IpAddr>().map_err(|_| wrong(service, format!("{text:?} is no address of IP"))));
        let mac = attachment.mac_address.as_ref().or(service.mac_address.as_ref().filter(|_| at == 0));
        let mac = mac.map(|text| parse_mac(text).map_err(|error| wrong(service, error))).transpose()?;
        let named = one_off.is_none_or(|one_off| one_off.use_aliases);
        let aliases = std::iter::once(&service.name).chain(&attachment.aliases).filter(|_| named);
        endpoints.push(EndpointConfig {
            network: network.name.clone(),
            addresses: if one_off.is_some() { Vec::new() } else { addresses.collect::<Result<_>>()? },
            mac: mac.filter(|_| one_off.is_none()),
            aliases: aliases.cloned().collect(),
            links: links.clone(),
        });
    }
    let mode = endpoints.first().map_or(NetworkMode::None, |first| NetworkMode::Network(first.network.clone()));
    Ok((mode, endpoints))
}

fn volumes_from(making: &Making<'_>) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for word in &making.service.volumes_from {
        if let Some(container) = word.strip_prefix("container:") {
            all.push(container.to_owned());
            continue;
        }
        let (other, mode) = word.split_once(':').map_or((word.as_str(), ""), |(other, mode)| (other, mode));
        for container in (making.others)(other)? {
            all.push(if mode.is_empty() { container } else { format!("{container}:{mode}") });
        }
    }
    Ok(all)
}

type Mounts = (Vec<Bind>, Vec<VolumeMount>, BTreeMap<String, String>);

fn mounts(project: &Project, service: &Service) -> Result<Mounts> {
    let (mut binds, mut volumes, mut tmpfs) = (Vec::new(), Vec::new(), BTreeMap::new());
    for Mount { kind, target, read_only } in &service.mounts {
        match kind {
            MountKind::Bind { source, propagation, create, non_recursive } => {
                let plain = Bind::new(source.clone(), target);
                binds.push(Bind {
                    read_only: *read_only,
                    propagation: propagation.clone().unwrap_or_else(|| plain.propagation.clone()),
                    non_recursive: *non_recursive,
                    must_exist: !create,
                    ..plain
                });
            }
            MountKind::Volume { source, nocopy, subpath, labels } => volumes.push(VolumeMount {
                name: source.as_ref().map(|name| project.volumes[name].name.clone()),
                target: target.clone(),
                read_only: *read_only,
                no_copy: *nocopy,
                subpath: subpath.clone(),
                labels: labels.clone(),
                ..VolumeMount::default()
            }),
            MountKind::Tmpfs { size, mode } => {
                let size = size.map(|size| format!("size={size}"));
                let mode = mode.as_ref().map(|mode| format!("mode={mode}"));
                let read_only = read_only.then(|| "ro".to_owned());
                let options: Vec<String> = [size, mode, read_only].into_iter().flatten().collect();
                tmpfs.insert(target.clone(), options.join(","));
            }
        }
    }
    for word in &service.tmpfs {
        let (path, options) = word.split_once(':').unwrap_or((word, ""));
        tmpfs.insert(path.to_owned(), options.to_owned());
    }
    Ok((binds, volumes, tmpfs))
}

/// As with `run`, a zero says nothing, but for the number of processes.
fn resources(limits: &Limits) -> std::result::Result<Resources, String> {
    let some = |value: Option<i64>| value.filter(|value| *value != 0);
    let unsigned = |name: &str, value: Option<i64>| {
        some(value)
            .map(|value| u64::try_from(value).map_err(|_| format!("{name} cannot be negative: {value}")))
            .transpose()
    };
    let weight = |value: i64| u16::try_from(value).map_err(|_| format!("invalid weight {value}"));
    let throttles = |rates: &[Rate]| {
        let throttle = |rate: &Rate| {
            let amount =
                u64::try_from(rate.rate).map_err(|_| format!("invalid rate {} of {}", rate.rate, rate.path))?;
            Ok(Throttle { path: rate.path.clone().into(), rate: amount })
        };
        rates.iter().map(throttle).collect::<std::result::Result<Vec<_>, String>>()
    };
    #[allow(clippy::cast_possible_truncation)] // Nobody has so many processors.
    let nano_cpus = limits.cpus.map(|cpus| (cpus * 1e9).round() as i64);
    Ok(Resources {
        memory: some(limits.memory),
        memory_swap: some(limits.memory_swap),
        memory_reservation: some(limits.memory_reservation),
        memory_swappiness: limits
            .memory_swappiness
            .filter(|value| *value != -1)
            .map(|value| u64::try_from(value).map_err(|_| format!("invalid mem_swappiness {value}")))
            .transpose()?,
        oom_kill_disable: limits.oom_kill_disable,
        nano_cpus: some(nano_cpus),
        cpu_shares: unsigned("cpu_shares", limits.cpu_shares)?,
        cpu_quota: some(limits.cpu_quota),
        cpu_period: unsigned("cpu_period", limits.cpu_period)?,
        cpuset_cpus: limits.cpuset.clone().filter(|list| !list.is_empty()),
        cpuset_mems: None,
        pids_limit: limits.pids,
        blkio_weight: some(limits.blkio_weight).map(weight).transpose()?,
        blkio_weight_device: throttles(&limits.blkio_weight_device)?,
        cpu_rt_period: unsigned("cpu_rt_period", limits.cpu_rt_period)?,
        cpu_rt_runtime: some(limits.cpu_rt_runtime),
        unified: BTreeMap::new(),
        device_read_bps: throttles(&limits.device_read_bps)?,
        device_write_bps: throttles(&limits.device_write_bps)?,
        device_read_iops: throttles(&limits.device_read_iops)?,
        device_write_iops: throttles(&limits.device_write_iops)?,
    })
}

fn ulimits(service: &Service) -> std::result::Result<Vec<Ulimit>, String> {
    service.ulimits.iter().map(|limit| format!("{}={}:{}", limit.name, limit.soft, limit.hard).parse()).collect()
}

fn confinement(service: &Service) -> std::result::Result<Confinement, String> {
    let devices = service
        .devices
        .iter()
        .map(|device| format!("{}:{}:{}", device.source, device.target, device.permissions).parse::<DeviceMapping>());
    let rules = service.device_cgroup_rules.iter().map(|rule| rule.parse());
    let mut confinement = Confinement {
        sysctls: service.sysctls.clone(),
        devices: devices.collect::<std::result::Result<_, _>>()?,
        device_rules: rules.collect::<std::result::Result<_, _>>()?,
        groups: service.group_add.clone(),
        ..Confinement::default()
    };
    service.security_opt.iter().try_for_each(|option| confinement.add_security_option(option))?;
    Ok(confinement)
}

fn resolution(service: &Service) -> std::result::Result<Resolution, String> {
    let server = |word: &String| word.parse().map_err(|_| format!("dns: {word} is not an ip address"));
    Ok(Resolution {
        hosts: service.extra_hosts.iter().map(|word| HostAddress::of(word)).collect::<std::result::Result<_, _>>()?,
        servers: service.dns.iter().map(server).collect::<std::result::Result<_, String>>()?,
        search: service.dns_search.clone(),
        options: service.dns_opt.clone(),
    })
}

fn logging(service: &Service) -> std::result::Result<Logging, String> {
    let options: Vec<String> = service.log_options.iter().map(|(name, value)| format!("{name}={value}")).collect();
    Logging::parse(service.log_driver.as_deref().unwrap_or_default(), &options)
}
