//! What a container may do beyond its default confinement: kernel parameters, devices, groups, privileges.

use super::config::NetworkMode;
use super::devices;
use super::namespaces::IpcMode;
use super::seccomp::Seccomp;
use crate::error::{Error, Result};
use oci_spec::runtime::{LinuxDevice, LinuxDeviceCgroup, LinuxDeviceType};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Kernel parameters that belong to an IPC namespace (sysctl(8), ipc_namespaces(7)).
const IPC_SYSCTLS: [&str; 8] = [
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
];

/// What was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Confinement {
    /// Kernel parameters of its namespaces.
    pub sysctls: BTreeMap<String, String>,
    /// Devices of the host that it has too.
    pub devices: Vec<DeviceMapping>,
    /// Devices that it may use, whether or not it has a node of them.
    pub device_rules: Vec<DeviceRule>,
    /// Further groups of its init, by name or number.
    pub groups: Vec<String>,
    /// Whether no program gains privileges by being executed.
    pub no_new_privileges: bool,
    /// Which system calls it may make.
    pub seccomp: Seccomp,
}

/// One `--device HOST[:CONTAINER[:PERMISSIONS]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceMapping {
    /// Absolute path on the host.
    pub host: PathBuf,
    /// Absolute path inside.
    pub container: PathBuf,
    /// Of `r`, `w` and `m`.
    pub permissions: String,
}

/// One `--device-cgroup-rule 'TYPE MAJOR:MINOR PERMISSIONS'`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct DeviceRule {
    kind: char,
    major: Option<i64>,
    minor: Option<i64>,
    permissions: String,
}

fn are_permissions(text: &str) -> bool {
    !text.is_empty() && text.len() <= 3 && text.bytes().all(|letter| b"rwm".contains(&letter))
}

impl FromStr for DeviceMapping {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let invalid = || format!("invalid device specification: {text}");
        let parts: Vec<&str> = text.split(':').collect();
        let (host, container, permissions) = match parts[..] {
            [host] => (host, host, "rwm"),
            [host, permissions] if are_permissions(permissions) => (host, host, permissions),
            [host, container] => (host, container, "rwm"),
            [host, container, permissions] if are_permissions(permissions) => (host, container, permissions),
            [_, _, permissions] => return Err(format!("invalid device mode: {permissions}")),
            _ => return Err(invalid()),
        };
        if !host.starts_with('/') || !container.starts_with('/') {
            return Err(format!("{}: both paths must be absolute", invalid()));
        }
        Ok(Self { host: host.into(), container: container.into(), permissions: permissions.to_owned() })
    }
}

impl FromStr for DeviceRule {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let parse = || {
            let mut words = text.split(' ');
            let (kind, numbers, permissions) = (words.next()?, words.next()?, words.next()?);
            let (major, minor) = numbers.split_once(':')?;
            let number = |text: &str| match text {
                "*" => Some(None),
                _ if text.bytes().all(|digit| digit.is_ascii_digit()) => text.parse().ok().map(Some),
                _ => None,
            };
            let good = words.next().is_none() && are_permissions(permissions) && matches!(kind, "a" | "b" | "c");
            let (major, minor) = (number(major)?, number(minor)?);
            good.then(|| Self {
                kind: kind.chars().next().unwrap_or('a'),
                major,
                minor,
                permissions: permissions.into(),
            })
        };
        parse().ok_or_else(|| format!("invalid device cgroup format '{text}'"))
    }
}

impl From<DeviceRule> for String {
    fn from(rule: DeviceRule) -> String {
        let number = |number: Option<i64>| number.map_or("*".to_owned(), |number| number.to_string());
        format!("{} {}:{} {}", rule.kind, number(rule.major), number(rule.minor), rule.permissions)
    }
}

impl TryFrom<String> for DeviceRule {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        text.parse()
    }
}

impl Confinement {
    /// Reads one `--security-opt`.
    pub fn add_security_option(&mut self, option: &str) -> std::result::Result<(), String> {
        let (name, value) = option.split_once(['=', ':']).unwrap_or((option, ""));
        match (name, value) {
            ("no-new-privileges", "" | "true") => self.no_new_privileges = true,
            ("no-new-privileges", "false") => self.no_new_privileges = false,
            ("seccomp", "unconfined") => self.seccomp = Seccomp::Unconfined,
            ("seccomp", "builtin") => self.seccomp = Seccomp::Builtin,
            ("seccomp", file) if !file.is_empty() => self.seccomp = Seccomp::of_file(Path::new(file))?,
            _ => return Err(format!("invalid --security-opt: {option:?}")),
        }
        Ok(())
    }

    /// Refuses kernel parameters that are not the container's own: they would be set for the whole host.
    pub fn check(&self, network: &NetworkMode, ipc: &IpcMode) -> Result<()> {
        for name in self.sysctls.keys() {
            let dotted = name.replace('/', ".");
            let of_network = dotted.starts_with("net.");
            if of_network && matches!(network, NetworkMode::Host) {
                return Err(Error::InvalidOption(format!("sysctl \"{name}\" not allowed in host network namespace")));
            }
            if !of_network && *ipc == IpcMode::Host {
                return Err(Error::InvalidOption(format!("sysctl \"{name}\" not allowed in host ipc namespace")));
            }
            if !of_network && !dotted.starts_with("fs.mqueue.") && !IPC_SYSCTLS.contains(&dotted.as_str()) {
                return Err(Error::InvalidOption(format!("sysctl '{name}' is not allowed")));
            }
        }
        Ok(())
    }

    /// The nodes of the mapped devices, and what may be done with each. Of a directory, all devices in it are meant.
    pub fn nodes(&self) -> Result<Vec<(LinuxDevice, String)>> {
        let mut nodes = Vec::new();
        for mapping in &self.devices {
            for mut device in devices::at(&mapping.host)? {
                let below = device.path().strip_prefix(&mapping.host).unwrap_or(Path::new(""));
                let place = if below.as_os_str().is_empty() {
                    mapping.container.clone()
                } else {
                    mapping.container.join(below)
                };
                device.set_path(place);
                nodes.push((device, mapping.permissions.clone()));
            }
        }
        Ok(nodes)
    }

    /// What the device controller has to allow for these nodes, and beyond.
    pub fn rules(&self, nodes: &[(LinuxDevice, String)]) -> Vec<LinuxDeviceCgroup> {
        let mapped = nodes
            .iter()
            .map(|(node, permissions)| rule(node.typ(), Some(node.major()), Some(node.minor()), permissions));
        let asked = self.device_rules.iter().map(|asked| {
            let kind = match asked.kind {
                'b' => LinuxDeviceType::B,
                'c' => LinuxDeviceType::C,
                _ => LinuxDeviceType::A,
            };
            rule(kind, asked.major, asked.minor, &asked.permissions)
        });
        mapped.chain(asked).collect()
    }
}

fn rule(kind: LinuxDeviceType, major: Option<i64>, minor: Option<i64>, access: &str) -> LinuxDeviceCgroup {
    let mut rule = LinuxDeviceCgroup::default();
    rule.set_allow(true).set_typ(Some(kind)).set_major(major).set_minor(minor).set_access(Some(access.to_owned()));
    rule
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_mapped_by_path() {
        let mapping = |text: &str| text.parse::<DeviceMapping>();
        let whole = mapping("/dev/fuse").unwrap();
        assert_eq!((whole.container.to_str(), whole.permissions.as_str()), (Some("/dev/fuse"), "rwm"));
        assert_eq!(mapping("/dev/fuse:r").unwrap().permissions, "r");
        assert_eq!(mapping("/dev/sda:/dev/xvdc:rw").unwrap().container.to_str(), Some("/dev/xvdc"));
        for text in ["", "fuse", "/dev/fuse:", "/dev/a:/dev/b:x", "/dev/a:/dev/b:r:w"] {
            assert!(mapping(text).is_err(), "{text}");
        }
    }

    #[test]
    fn device_rules_are_dockers() {
        for text in ["c 1:3 rwm", "b *:* m", "a *:* r"] {
            let rule: DeviceRule = text.parse().unwrap();
            assert_eq!(String::from(rule), text);
        }
        for text in ["", "c 1:3", "d 1:3 r", "c 1 r", "c 1:3 x", "c -1:3 r", "c 1:3 r w", "c :3 r"] {
            assert!(text.parse::<DeviceRule>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_a_containers_own_parameters_are_set() {
        let with = |name: &str| Confinement {
            sysctls: BTreeMap::from([(name.to_owned(), "1".to_owned())]),
            ..Confinement::default()
        };
        for name in ["net.core.somaxconn", "net/ipv4/ip_forward", "kernel.shmmax", "fs.mqueue.msg_max"] {
            assert!(with(name).check(&NetworkMode::Bridge, &IpcMode::Private).is_ok(), "{name}");
        }
        for name in ["kernel.core_pattern", "kernel.panic", "vm.swappiness", "fs.file-max", "../net.x"] {
            assert!(with(name).check(&NetworkMode::Bridge, &IpcMode::Private).is_err(), "{name}");
        }
        assert!(with("net.core.somaxconn").check(&NetworkMode::Host, &IpcMode::Private).is_err());
        assert!(with("kernel.shmmax").check(&NetworkMode::Bridge, &IpcMode::Host).is_err());
    }
}
