//! What a state root may leave behind on the machine.

use crate::commands::tool;
use crate::wait::pause;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The kernel takes down links and namespaces a moment after their last user.
const MOMENT: Duration = Duration::from_secs(5);

/// Fails if something is still left after a moment.
#[track_caller]
pub fn assert_none(when: &str, look: impl Fn() -> Vec<String>) {
    let start = Instant::now();
    loop {
        let left = look();
        if left.is_empty() {
            return;
        }
        assert!(start.elapsed() < MOMENT, "left {when}:\n  {}", left.join("\n  "));
        pause(10);
    }
}

/// All that containers of a state root hold, of the kernel's and on disk.
pub fn of_containers(root: &Path) -> Vec<String> {
    let mut left = Vec::new();
    for directory in ["containers", "names", "active", "attached", "removed", "trash"] {
        left.extend(entries(&root.join(directory)));
    }
    for network in directories(&root.join("networks")) {
        left.extend(entries(&network.join("leases")));
        left.extend(entries(&network.join("endpoints")));
    }
    left.extend(entries(&root.join("run")).into_iter().filter(|path| path.ends_with(".sock")));
    left.extend(cgroups(root));
    left.extend(processes(root));
    left.extend(links().into_iter().filter(|link| link.starts_with("veth")));
    // Bridges and VLANs that were made for attached interfaces.
    let marked = format!("alias attached by porthole {}", root.display());
    left.extend(tool("ip -o link").lines().filter(|line| line.contains(&marked)).map(str::to_owned));
    left.extend(tool("nft list ruleset").lines().filter(|line| line.contains("dnat to")).map(str::to_owned));
    left
}

/// What is mounted, linked and filtered in the namespaces of the calling thread.
#[derive(Clone, Debug)]
pub struct Traces {
    mounts: BTreeSet<String>,
    links: BTreeSet<String>,
    rules: String,
}

impl Traces {
    /// As it is now.
    pub fn take() -> Traces {
        let mounts = fs::read_to_string("/proc/thread-self/mountinfo").expect("our mounts");
        Traces { mounts: mounts.lines().map(str::to_owned).collect(), links: links(), rules: tool("nft list ruleset") }
    }

    /// What is there now and was not before.
    pub fn since(&self) -> Vec<String> {
        let now = Traces::take();
        let mounts = now.mounts.difference(&self.mounts);
        // What ip(8) makes of it the first time that it names a namespace, it stays.
        let mounts = mounts.filter(|mount| mount.split(' ').nth(4) != Some("/run/netns"));
        let mut new: Vec<String> = mounts.map(|mount| format!("mount {mount}")).collect();
        new.extend(now.links.difference(&self.links).map(|link| format!("link {link}")));
        if now.rules != self.rules {
            new.push(format!("rules {}", now.rules));
        }
        new
    }
}

/// The cgroup under which all containers of a state root live, made of the FNV-1a hash of its path.
pub fn cgroup_name(root: &Path) -> String {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = root.as_os_str().as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, step);
    format!("porthole-{:08x}", (hash >> 32) ^ (hash & 0xffff_ffff))
}

/// The cgroup of a state root in every hierarchy where it is.
pub fn parent_cgroups(root: &Path) -> Vec<PathBuf> {
    let name = cgroup_name(root);
    let mounted = Path::new("/sys/fs/cgroup");
    let hierarchies = directories(mounted).into_iter().chain([mounted.to_owned()]);
    hierarchies.map(|hierarchy| hierarchy.join(&name)).filter(|parent| parent.exists()).collect()
}

/// The cgroups of containers, in every hierarchy.
fn cgroups(root: &Path) -> Vec<String> {
    let containers = parent_cgroups(root).into_iter().flat_map(|parent| directories(&parent));
    containers.map(|path| format!("cgroup {}", path.display())).collect()
}

/// Processes that were started for a state root, or have its files for their root.
fn processes(root: &Path) -> Vec<String> {
    let root = root.to_str().expect("a plain path");
    let (variable, cgroup) = (format!("PORTHOLE_ROOT={root}\0"), format!("/{}", cgroup_name(Path::new(root))));
    let belongs = |process: &Path| {
        let read = |file: &str| fs::read(process.join(file)).unwrap_or_default();
        let contains = |text: Vec<u8>, part: &str| String::from_utf8_lossy(&text).contains(part);
        contains([read("environ"), vec![0]].concat(), &variable)
            || contains(read("cgroup"), &cgroup)
            || contains(read("mountinfo"), &format!("upperdir={root}/"))
    };
    let all = directories(Path::new("/proc")).into_iter();
    let processes = all.filter(|path| path.file_name().is_some_and(|name| name.as_bytes()[0].is_ascii_digit()));
    processes.filter(|process| belongs(process)).map(|process| describe(&process)).collect()
}

fn describe(process: &Path) -> String {
    let command = fs::read(process.join("cmdline")).unwrap_or_default();
    format!("process {}: {}", process.display(), String::from_utf8_lossy(&command).replace('\0', " "))
}

fn links() -> BTreeSet<String> {
    let name = |line: &str| line.split([':', '@']).nth(1).unwrap_or(line).trim().to_owned();
    tool("ip -o link").lines().map(name).collect()
}

fn entries(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.path().display().to_string()).collect()
}

fn directories(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()).collect()
}
