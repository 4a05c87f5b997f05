//! The configuration that `spec` writes, to be changed to one's needs: that of `runc spec`.

use serde_json::{Value, json};

/// It, for a bundle whose root file system is the directory `rootfs`. A `rootless` one is for a user who is not root, with
/// these ids. On v1, where other runtimes' containers see the paths of their cgroups, it has no cgroup namespace.
pub fn template(rootless: Option<(u32, u32)>, is_v2: bool) -> Value {
    let mut spec = json!({
        "ociVersion": super::SPEC_VERSION,
        "process": {
            "terminal": true,
            "user": { "uid": 0, "gid": 0 },
            "args": ["sh"],
            "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
            "cwd": "/",
            "capabilities": { "bounding": CAPABILITIES, "effective": CAPABILITIES, "permitted": CAPABILITIES },
            "rlimits": [{ "type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024 }],
            "noNewPrivileges": true,
        },
        "root": { "path": "rootfs", "readonly": true },
        "hostname": "porthole",
        "mounts": mounts(rootless.is_some()),
        "linux": {
            "resources": { "devices": [{ "allow": false, "access": "rwm" }] },
            "namespaces": namespaces(rootless.is_some(), is_v2),
            "maskedPaths": [
                "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
                "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi",
            ],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
        },
    });
    if let Some((uid, gid)) = rootless {
        let mapping = |id: u32| json!([{ "containerID": 0, "hostID": id, "size": 1 }]);
        spec["linux"]["uidMappings"] = mapping(uid);
        spec["linux"]["gidMappings"] = mapping(gid);
        if let Some(linux) = spec["linux"].as_object_mut() {
            linux.remove("resources");
        }
    }
    spec
}

const CAPABILITIES: [&str; 3] = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];

fn namespaces(rootless: bool, is_v2: bool) -> Value {
    // Without a network namespace of its own, a user's container has the host's network.
    let kinds = ["pid", "ipc", "uts", "mount"].into_iter().chain((!rootless).then_some("network"));
    let kinds = kinds.chain(is_v2.then_some("cgroup")).chain(rootless.then_some("user"));
    kinds.map(|kind| json!({ "type": kind })).collect()
}

fn mounts(rootless: bool) -> Value {
    let mount = |destination: &str, kind: &str, source: &str, options: &[&str]| {
        let mut mount = json!({ "destination": destination, "type": kind, "source": source });
        if !options.is_empty() {
            mount["options"] = json!(options);
        }
        mount
    };
    let terminals: &[&str] = match rootless {
        true => &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"],
        false => &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
    };
    let sys = match rootless {
        true => mount("/sys", "none", "/sys", &["rbind", "nosuid", "noexec", "nodev", "ro"]),
        false => mount("/sys", "sysfs", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
    };
    json!([
        mount("/proc", "proc", "proc", &[]),
        mount("/dev", "tmpfs", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
        mount("/dev/pts", "devpts", "devpts", terminals),
        mount("/dev/shm", "tmpfs", "shm", &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
        mount("/dev/mqueue", "mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
        sys,
        mount("/sys/fs/cgroup", "cgroup", "cgroup", &["nosuid", "noexec", "nodev", "relatime", "ro"]),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use oci_spec::runtime::Spec;

    #[test]
    fn the_templates_are_specs() {
        for (rootless, is_v2) in [(None, true), (None, false), (Some((1000, 1000)), true), (Some((1000, 1000)), false)]
        {
            let spec: Spec = serde_json::from_value(template(rootless, is_v2)).unwrap();
            let linux = spec.linux().as_ref().unwrap();
            assert_eq!(linux.uid_mappings().is_some(), rootless.is_some());
            let spaces: Vec<_> = linux.namespaces().iter().flatten().map(|space| space.typ().to_string()).collect();
            assert_eq!(spaces.contains(&"cgroup".to_owned()), is_v2, "{spaces:?}");
        }
    }
}
