//! All that is known of a container or an image, in the shape of Docker's `inspect`.

use super::config::{Bind, ContainerConfig, EndpointConfig, HostConfig, NetworkMode};
use super::confinement::{Confinement, DeviceMapping};
use super::record::{Live, Record};
use super::resolution::HostAddress;
use super::resources::{Resources, Throttle};
use super::seccomp::Seccomp;
use super::ulimit::Ulimit;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::paths::Paths;
use crate::volume::VolumeMount;
use porthole_network::attach::{Attachment, Means};
use porthole_network::{Endpoint, PublishedPort, mac_text};
use porthole_runtime::health::{HealthRecord, Probe};
use porthole_runtime::monitor::RestartPolicy;
use porthole_runtime::state::{HealthStatus, Status};
use serde_json::{Map, Value, json};

/// Docker's way to say never.
const NEVER: &str = "0001-01-01T00:00:00Z";

impl Engine {
    /// A container, as Docker's `inspect` shows it.
    pub fn inspect(&self, name: &str) -> Result<Value> {
        let record = self.find(name)?;
        let config = record.existing_config()?;
        let live = record.live()?;
        let endpoints = record.endpoints(&live)?;
        let mut value = describe(self.paths(), &record, &config, &live, &endpoints);
        if super::record::is_active(live.state.status) && config.host.network != NetworkMode::Host {
            let attached = self.attachments(&record, &config)?;
            value["NetworkSettings"]["Attached"] = attached.iter().map(attached_interface).collect();
        }
        Ok(value)
    }

    /// An image, as Docker's `inspect` shows it.
    pub fn inspect_image(&self, name: &str) -> Result<Value> {
        let store = self.images()?;
        let image = store.resolve(name)?;
        let text = store.inspect(&image)?;
        serde_json::to_value(text).map_err(|source| Error::Record { path: self.paths().root().join("images"), source })
    }
}

fn describe(paths: &Paths, record: &Record, config: &ContainerConfig, live: &Live, endpoints: &[Endpoint]) -> Value {
    let argv = config.argv();
    let file = |name: &str| record.path(name).to_string_lossy().into_owned();
    json!({
        "Id": config.id,
        "Created": timestamp(config.created),
        "Path": argv.first(),
        "Args": argv.get(1..).unwrap_or_default(),
        "State": state(record, live),
        "Image": config.image_id,
        "ResolvConfPath": file("resolv.conf"),
        "HostnamePath": file("hostname"),
        "HostsPath": file("hosts"),
        "LogPath": file("log/container.log"),
        "Name": format!("/{}", config.name),
        "RestartCount": live.state.restart_count,
        "Driver": "overlayfs",
        "Platform": "linux",
        "HostConfig": host_config(config),
        "GraphDriver": {
            "Name": "overlayfs",
            "Data": {
                "LowerDir": config.layers.iter().map(|layer| layer.to_string_lossy()).collect::<Vec<_>>().join(":"),
                "UpperDir": file("upper"),
                "WorkDir": file("work"),
            },
        },
        "Mounts": mounts(config, paths),
        "Config": container_config(config),
        "NetworkSettings": network_settings(config, endpoints),
    })
}

fn state(record: &Record, live: &Live) -> Value {
    let state = &live.state;
    let active = super::record::is_active(state.status);
    let pid = state.init.filter(|_| active && state.status != Status::Restarting).map_or(0, |init| init.pid);
    let mut value = json!({
        "Status": state.status,
        "Running": active,
        "Paused": state.status == Status::Paused,
        "Restarting": state.status == Status::Restarting,
        "OOMKilled": state.oom_killed,
        "Dead": state.status == Status::Dead,
        "Pid": pid,
        "ExitCode": state.exit_code.unwrap_or(0),
        "Error": state.error,
        "StartedAt": state.started_at.as_deref().unwrap_or(NEVER),
        "FinishedAt": state.finished_at.as_deref().unwrap_or(NEVER),
        "MonitorLost": live.monitor_lost,
    });
    if let Some(status) = state.health {
        value["Health"] = health(record, status);
    }
    value
}

fn health(record: &Record, status: HealthStatus) -> Value {
    // One that cannot be read has checks that nobody can tell of; the status is known all the same.
    let HealthRecord { failing_streak, log } = HealthRecord::load(record.directory()).unwrap_or_default();
    let probe = |probe: &Probe| json!({ "Start": probe.start, "End": probe.end, "ExitCode": probe.exit_code, "Output": probe.output });
    let log: Vec<Value> = log.iter().map(probe).collect();
    json!({ "Status": status, "FailingStreak": failing_streak, "Log": log })
}

fn host_config(config: &ContainerConfig) -> Value {
    let host = &config.host;
    let mut value = json!({
        "Binds": host.binds.iter().map(bind).chain(host.volumes.iter().filter_map(named)).collect::<Vec<_>>(),
        "NetworkMode": host.network,
        "LogConfig": { "Type": host.logging.driver, "Config": host.logging.options },
        "PortBindings": port_bindings(host),
        "RestartPolicy": restart_policy(host.restart),
        "AutoRemove": host.auto_remove,
        "PublishAllPorts": host.publish_all,
        "VolumesFrom": host.volumes_from,
        "Annotations": host.annotations,
        "Privileged": host.privileged,
        "Init": host.init,
        "Runtime": host.runtime.as_deref().unwrap_or(super::runtime::OWN),
        "PidMode": host.namespaces.pid,
        "IpcMode": host.namespaces.ipc,
        "UTSMode": if host.namespaces.host_uts { "host" } else { "" },
        "UsernsMode": host.user_namespace.as_ref().map_or(String::new(), |users| format!("remap:{}", users.user)),
        "CgroupnsMode": if host.namespaces.host_cgroup { "host" } else { "private" },
        "CapAdd": host.cap_add,
        "CapDrop": host.cap_drop,
        "ReadonlyRootfs": host.read_only,
        "Tmpfs": host.tmpfs,
        "OomScoreAdj": host.oom_score_adj.unwrap_or(0),
        "ShmSize": host.shm_size(),
        "Sysctls": host.confinement.sysctls,
        "Devices": host.confinement.devices.iter().map(device).collect::<Vec<_>>(),
        "DeviceCgroupRules": host.confinement.device_rules,
        "GroupAdd": host.confinement.groups,
        "SecurityOpt": security_options(&host.confinement),
        "Dns": host.resolution.servers,
        "DnsSearch": host.resolution.search,
        "DnsOptions": host.resolution.options,
        "ExtraHosts": host.resolution.hosts.iter().map(further_host).collect::<Vec<_>>(),
        "Ulimits": host.ulimits.iter().map(ulimit).collect::<Vec<_>>(),
    });
    if let (Value::Object(all), Value::Object(limits)) = (&mut value, resources(&host.resources)) {
        all.extend(limits);
    }
    value
}

fn resources(resources: &Resources) -> Value {
    let throttles = |list: &[Throttle]| {
        list.iter().map(|throttle| json!({ "Path": throttle.path, "Rate": throttle.rate })).collect::<Vec<_>>()
    };
    let weights = |list: &[Throttle]| {
        list.iter().map(|device| json!({ "Path": device.path, "Weight": device.rate })).collect::<Vec<_>>()
    };
    json!({
        "Memory": resources.memory.unwrap_or(0),
        "MemorySwap": resources.memory_and_swap().unwrap_or(0),
        "MemoryReservation": resources.memory_reservation.unwrap_or(0),
        "MemorySwappiness": resources.memory_swappiness,
        "OomKillDisable": resources.oom_kill_disable,
        "NanoCpus": resources.nano_cpus.unwrap_or(0),
        "CpuShares": resources.cpu_shares.unwrap_or(0),
        "CpuQuota": resources.cpu_quota.unwrap_or(0),
        "CpuPeriod": resources.cpu_period.unwrap_or(0),
        "CpusetCpus": resources.cpuset_cpus.as_deref().unwrap_or_default(),
        "CpusetMems": resources.cpuset_mems.as_deref().unwrap_or_default(),
        "PidsLimit": resources.pids_limit,
        "BlkioWeight": resources.blkio_weight.unwrap_or(0),
        "BlkioWeightDevice": weights(&resources.blkio_weight_device),
        "CpuRealtimePeriod": resources.cpu_rt_period.unwrap_or(0),
        "CpuRealtimeRuntime": resources.cpu_rt_runtime.unwrap_or(0),
        "CgroupConf": resources.unified,
        "BlkioDeviceReadBps": throttles(&resources.device_read_bps),
        "BlkioDeviceWriteBps": throttles(&resources.device_write_bps),
        "BlkioDeviceReadIOps": throttles(&resources.device_read_iops),
        "BlkioDeviceWriteIOps": throttles(&resources.device_write_iops),
    })
}

fn device(mapping: &DeviceMapping) -> Value {
    json!({
        "PathOnHost": mapping.host,
        "PathInContainer": mapping.container,
        "CgroupPermissions": mapping.permissions,
    })
}

fn security_options(confinement: &Confinement) -> Vec<String> {
    let seccomp = Some(&confinement.seccomp).filter(|seccomp| **seccomp != Seccomp::Builtin);
    let privileges = confinement.no_new_privileges.then(|| "no-new-privileges".to_owned());
    privileges.into_iter().chain(seccomp.map(|seccomp| format!("seccomp={seccomp}"))).collect()
}

fn further_host((name, address): &(String, HostAddress)) -> String {
    match address {
        HostAddress::Is(address) => format!("{name}:{address}"),
        HostAddress::Gateway => format!("{name}:host-gateway"),
    }
}

fn ulimit(limit: &Ulimit) -> Value {
    json!({ "Name": limit.name, "Soft": limit.soft, "Hard": limit.hard })
}

fn bind(bind: &Bind) -> String {
    let access = if bind.read_only { ":ro" } else { "" };
    format!("{}:{}{access}", bind.source.display(), bind.target)
}

/// As `-v` names it; one that nobody named is told of among the mounts alone.
fn named(mount: &VolumeMount) -> Option<String> {
    let name = mount.name.as_ref().filter(|name| !crate::volume::is_generated(name))?;
    let access = if mount.read_only { ":ro" } else { "" };
    Some(format!("{name}:{}{access}", mount.target))
}

fn mounts(config: &ContainerConfig, paths: &Paths) -> Vec<Value> {
    let volume = |mount: &VolumeMount| {
        let name = mount.name.as_deref().unwrap_or_default();
        json!({
            "Type": "volume",
            "Name": name,
            "Source": crate::volume::data(paths, name),
            "Destination": mount.target,
            "Driver": "local",
            "Mode": if mount.read_only { "ro" } else { "" },
            "RW": !mount.read_only,
            "Propagation": "",
        })
    };
    config.host.binds.iter().map(mount).chain(config.host.volumes.iter().map(volume)).collect()
}

fn mount(bind: &Bind) -> Value {
    json!({
        "Type": "bind",
        "Source": bind.source,
        "Destination": bind.target,
        "Mode": if bind.read_only { "ro" } else { "" },
        "RW": !bind.read_only,
        "Propagation": bind.propagation,
    })
}

fn restart_policy(policy: RestartPolicy) -> Value {
    let (name, retries) = match policy {
        RestartPolicy::No => ("no", 0),
        RestartPolicy::OnFailure(retries) => ("on-failure", retries),
        RestartPolicy::Always => ("always", 0),
        RestartPolicy::UnlessStopped => ("unless-stopped", 0),
    };
    json!({ "Name": name, "MaximumRetryCount": retries })
}

/// What was asked to be published; which random ports it became is told under the network.
fn port_bindings(host: &HostConfig) -> Value {
    let mut bindings = Map::new();
    // They were checked when the container was made.
    for port in host.publish.iter().filter_map(|text| porthole_network::PortSpec::parse(text).ok()).flatten() {
        let host_port = port.host_ports.as_ref().map_or(String::new(), |ports| match (ports.start(), ports.end()) {
            (first, last) if first == last => first.to_string(),
            (first, last) => format!("{first}-{last}"),
        });
        let binding =
            json!({ "HostIp": port.host_ip.map_or(String::new(), |ip| ip.to_string()), "HostPort": host_port });
        push(&mut bindings, format!("{}/{}", port.container_port, port.protocol), binding);
    }
    Value::Object(bindings)
}

fn container_config(config: &ContainerConfig) -> Value {
    let exposed: Map<String, Value> = config.exposed_ports.iter().map(|port| (port.clone(), json!({}))).collect();
    let mut value = json!({
        "Hostname": config.hostname,
        "Domainname": config.domain_name.as_deref().unwrap_or_default(),
        "User": config.user,
        "Tty": config.tty,
        "OpenStdin": config.open_stdin,
        "StdinOnce": config.stdin_once,
        "ExposedPorts": exposed,
        "Env": config.env,
        "Cmd": config.command,
        "Image": config.image,
        "WorkingDir": config.working_dir,
        "Entrypoint": config.entrypoint,
        "Labels": config.labels,
        "StopSignal": config.stop_signal,
        "StopTimeout": config.stop_timeout,
    });
    if let Some(healthcheck) = &config.healthcheck {
        value["Healthcheck"] = json!(healthcheck);
    }
    value
}

fn network_settings(config: &ContainerConfig, endpoints: &[Endpoint]) -> Value {
    let declared = config.exposed_ports.iter().filter(|_| !endpoints.is_empty());
    let mut ports: Map<String, Value> = declared.map(|port| (port.clone(), Value::Null)).collect();
    for port in endpoints.iter().flat_map(|endpoint| &endpoint.ports) {
        push(&mut ports, format!("{}/{}", port.container_port, port.protocol), published(port));
    }
    let asked = match config.host.network {
        NetworkMode::Host | NetworkMode::None => {
            vec![EndpointConfig { network: config.host.network.to_string(), ..EndpointConfig::default() }]
        }
        _ => config.endpoints(),
    };
    let of = |attachment: &EndpointConfig| {
        let is_it = |endpoint: &&Endpoint| {
            endpoint.network == attachment.network || endpoint.network_id.starts_with(&attachment.network)
        };
        let endpoint = endpoints.iter().find(is_it);
        let name = endpoint.map_or(&attachment.network, |endpoint| &endpoint.network);
        (name.clone(), endpoint_settings(config, attachment, endpoint))
    };
    let networks: Map<String, Value> = asked.iter().map(of).collect();
    // As Docker has it, the container's own fields are those of the default network.
    let default = endpoints.iter().find(|endpoint| endpoint.network == "bridge");
    let first = endpoints.first();
    json!({
        "Bridge": first.map_or("", |endpoint| &endpoint.bridge),
        "HostInterface": first.map_or("", |endpoint| &endpoint.host_interface),
        "Ports": ports,
        "IPAddress": address_text(default, false),
        "IPPrefixLen": prefix_len(default, false),
        "Gateway": gateway_text(default, false),
        "GlobalIPv6Address": address_text(default, true),
        "GlobalIPv6PrefixLen": prefix_len(default, true),
        "IPv6Gateway": gateway_text(default, true),
        "MacAddress": default.map_or(String::new(), |endpoint| mac_text(endpoint.mac)),
        "Networks": networks,
    })
}

fn endpoint_settings(config: &ContainerConfig, asked: &EndpointConfig, endpoint: Option<&Endpoint>) -> Value {
    let of_family = |ipv6| asked.addresses.iter().find(|address| address.is_ipv6() == ipv6).map(ToString::to_string);
    let wanted = (!asked.addresses.is_empty()).then(|| {
        json!({
            "IPv4Address": of_family(false).unwrap_or_default(),
            "IPv6Address": of_family(true).unwrap_or_default(),
        })
    });
    let by_name = !matches!(asked.network.as_str(), "bridge" | "host" | "none");
    let names: Vec<&str> = [config.name.as_str()]
        .into_iter()
        .chain(asked.aliases.iter().map(String::as_str))
        .chain([config.short_id()])
        .collect();
    json!({
        "IPAMConfig": wanted,
        "Links": (!asked.links.is_empty()).then_some(&asked.links),
        "Aliases": (!asked.aliases.is_empty()).then_some(&asked.aliases),
        "MacAddress": endpoint.map_or(String::new(), |endpoint| mac_text(endpoint.mac)),
        "NetworkID": endpoint.map_or("", |endpoint| &endpoint.network_id),
        "EndpointID": endpoint.map_or(String::new(), |endpoint| crate::networks::endpoint_id(&config.id, &endpoint.network_id)),
        "Gateway": gateway_text(endpoint, false),
        "IPAddress": address_text(endpoint, false),
        "IPPrefixLen": prefix_len(endpoint, false),
        "IPv6Gateway": gateway_text(endpoint, true),
        "GlobalIPv6Address": address_text(endpoint, true),
        "GlobalIPv6PrefixLen": prefix_len(endpoint, true),
        "DNSNames": by_name.then_some(names),
    })
}

fn address_text(endpoint: Option<&Endpoint>, ipv6: bool) -> String {
    endpoint.and_then(|endpoint| endpoint.of_family(ipv6)).map_or(String::new(), |address| address.address.to_string())
}

fn prefix_len(endpoint: Option<&Endpoint>, ipv6: bool) -> u8 {
    endpoint.and_then(|endpoint| endpoint.of_family(ipv6)).map_or(0, |address| address.prefix_len)
}

fn gateway_text(endpoint: Option<&Endpoint>, ipv6: bool) -> String {
    let gateway = endpoint.and_then(|endpoint| endpoint.of_family(ipv6)?.gateway);
    gateway.map_or(String::new(), |gateway| gateway.to_string())
}

/// An interface that was attached by hand, of which Docker knows nothing.
fn attached_interface(attachment: &Attachment) -> Value {
    let (host_interface, mode) = match &attachment.means {
        Means::Veth { port } => (port.as_str(), String::new()),
        Means::Macvlan { mode } => ("", mode.to_string()),
    };
    json!({
        "Interface": attachment.interface,
        "Link": attachment.link,
        "Kind": attachment.means.kind(),
        "HostInterface": host_interface,
        "Mode": mode,
        "Vlan": attachment.vlan,
        "IPAddress": attachment.address,
        "IPPrefixLen": attachment.prefix_len,
        "Gateway": attachment.gateway.map_or(String::new(), |gateway| gateway.to_string()),
        "MacAddress": mac_text(attachment.mac),
        "Routes": attachment.routes.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn published(port: &PublishedPort) -> Value {
    json!({ "HostIp": port.host_ip.to_string(), "HostPort": port.host_port.to_string() })
}

fn push(map: &mut Map<String, Value>, key: String, value: Value) {
    match map.entry(key).or_insert(Value::Null) {
        Value::Array(values) => values.push(value),
        none => *none = json!([value]),
    }
}

fn timestamp(nanoseconds: i64) -> String {
    jiff::Timestamp::from_nanosecond(nanoseconds.into()).map_or_else(|_| NEVER.to_owned(), |time| format!("{time:.9}"))
}
