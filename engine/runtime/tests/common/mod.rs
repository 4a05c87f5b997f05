//! A container to test with: busybox in a directory of its own, Docker's default spec, output caught in pipes.

use oci_spec::runtime::{
    Capability, LinuxBuilder, LinuxCapabilitiesBuilder, LinuxNamespaceBuilder, LinuxNamespaceType, Mount, MountBuilder,
    Process, ProcessBuilder, RootBuilder, Spec, SpecBuilder,
};
use porthole_runtime::process;
use porthole_runtime::sandbox::{
    self, CreateOptions, CreateRequest, Created, Error, Exec, ExecOptions, ExecRequest, RootSource, Running, Stdio,
};
use porthole_runtime::seccomp::DEFAULT_SECCOMP_ANNOTATION;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A bundle in a temporary directory.
pub struct Bundle {
    pub spec: Spec,
    pub root: RootSource,
    pub id: String,
    _directory: tempfile::TempDir,
}

/// Runs tests whose names contain the first argument, if there is one; fails if any does.
pub fn run_all(tests: &[(&str, fn())]) {
    let filter = std::env::args().nth(1).filter(|argument| !argument.starts_with('-')).unwrap_or_default();
    let mut failed = Vec::new();
    for (name, test) in tests.iter().filter(|(name, _)| name.contains(&filter)) {
        match std::panic::catch_unwind(test) {
            Ok(()) => println!("test {name} ... ok"),
            Err(_) => {
                println!("test {name} ... FAILED");
                failed.push(name);
            }
        }
    }
    for hierarchy in fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten() {
        // Not there on every hierarchy, and not empty if a test failed.
        let _ = fs::remove_dir(hierarchy.path().join("porthole-test"));
    }
    assert!(failed.is_empty(), "failed: {failed:?}");
}

/// Whether tests that make containers can run; says so if not.
pub fn is_root() -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        println!("skipped: making containers takes root");
    }
    root
}

impl Bundle {
    pub fn new(args: &[&str]) -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for name in ["lower/bin", "lower/etc", "lower/proc", "upper", "work"] {
            fs::create_dir_all(at(name)).unwrap();
        }
        fs::copy("/bin/busybox", at("lower/bin/busybox")).unwrap();
        for applet in [
            "sh", "cat", "id", "ls", "hostname", "true", "false", "sleep", "mount", "grep", "echo", "stat", "stty",
            "head", "readlink", "pwd", "mknod", "nproc", "wc", "tty", "touch", "kill", "date", "chmod", "chown",
        ] {
            symlink("busybox", at("lower/bin").join(applet)).unwrap();
        }
        fs::write(at("lower/etc/data"), "not a program\n").unwrap();
        let id = format!("test-{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
        Self {
            spec: spec(&id, args),
            root: RootSource::Overlay { lower: vec![at("lower")], upper: at("upper"), work: at("work") },
            id,
            _directory: directory,
        }
    }

    pub fn process(&mut self, change: impl FnOnce(&mut Process)) {
        change(self.spec.process_mut().as_mut().unwrap());
    }

    pub fn create(&self, stdio: Stdio) -> Result<Created, Error> {
        sandbox::create(CreateRequest {
            id: &self.id,
            spec: &self.spec,
            root: &self.root,
            stdio,
            options: CreateOptions::default(),
        })
    }

    /// Runs it to its end: exit code and output.
    pub fn run(&self) -> Result<(i32, String), Error> {
        let (stdio, output) = pipes();
        let running = self.create(stdio)?.start()?;
        let text = read(output);
        Ok((finish(running), text))
    }

    /// The output of a run that must succeed.
    pub fn output(&self) -> String {
        let (code, output) = self.run().unwrap();
        assert_eq!(code, 0, "{output}");
        output
    }

    pub fn exec(&self, running: &Running, process: &Process) -> Result<(i32, String), Error> {
        let (stdio, output) = pipes();
        let exec = self.exec_with(running, process, stdio)?;
        let text = read(output);
        Ok((process::reap(exec.pidfd.as_fd()).unwrap(), text))
    }

    pub fn exec_with(&self, running: &Running, process: &Process, stdio: Stdio) -> Result<Exec, Error> {
        sandbox::exec(ExecRequest {
            init: running.init,
            spec: &self.spec,
            process,
            stdio,
            options: ExecOptions::default(),
        })
    }

    /// A container that stays until it is killed.
    pub fn sleeper() -> (Self, Running) {
        let bundle = Self::new(&["sleep", "1000"]);
        let (stdio, _) = pipes();
        let running = bundle.create(stdio).unwrap().start().unwrap();
        (bundle, running)
    }

    pub fn upper(&self) -> &Path {
        match &self.root {
            RootSource::Overlay { upper, .. } => upper,
            RootSource::Directory(directory) => directory,
        }
    }
}

/// Waits for its end and removes its cgroup.
pub fn finish(running: Running) -> i32 {
    let code = process::reap(running.pidfd.as_fd()).unwrap();
    running.cgroup.remove().unwrap();
    assert!(!running.cgroup.exists());
    code
}

pub fn kill(running: Running) {
    running.cgroup.kill_all(libc::SIGKILL).unwrap();
    assert_eq!(finish(running), 128 + libc::SIGKILL);
}

/// Nothing on standard input; both outputs in one pipe.
pub fn pipes() -> (Stdio, OwnedFd) {
    let (output, input) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).unwrap();
    let stdio = Stdio::Files {
        stdin: File::open("/dev/null").unwrap().into(),
        stdout: input.try_clone().unwrap(),
        stderr: input,
    };
    (stdio, output)
}

pub fn read(file: OwnedFd) -> String {
    let mut text = Vec::new();
    // The master of a terminal fails with EIO when nobody has its other end open any more.
    let _ = File::from(file).read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

pub fn command(args: &[&str]) -> Process {
    let strings = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let capabilities = default_capabilities();
    let capabilities = LinuxCapabilitiesBuilder::default()
        .bounding(capabilities.clone())
        .effective(capabilities.clone())
        .permitted(capabilities)
        .inheritable(HashSet::new())
        .ambient(HashSet::new())
        .build()
        .unwrap();
    ProcessBuilder::default()
        .args(strings(args))
        .env(strings(&["PATH=/bin"]))
        .cwd("/")
        .no_new_privileges(false)
        .capabilities(capabilities)
        .rlimits(Vec::new())
        .build()
        .unwrap()
}

pub fn default_capabilities() -> HashSet<Capability> {
    use Capability::*;
    HashSet::from([
        Chown,
        DacOverride,
        Fsetid,
        Fowner,
        Mknod,
        NetRaw,
        Setgid,
        Setuid,
        Setfcap,
        Setpcap,
        NetBindService,
        SysChroot,
        Kill,
        AuditWrite,
    ])
}

pub fn mount(destination: &str, typ: &str, source: &str, options: &[&str]) -> Mount {
    MountBuilder::default()
        .destination(destination)
        .typ(typ)
        .source(source)
        .options(options.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
        .build()
        .unwrap()
}

fn spec(id: &str, args: &[&str]) -> Spec {
    let namespaces = [
        LinuxNamespaceType::Mount,
        LinuxNamespaceType::Pid,
        LinuxNamespaceType::Network,
        LinuxNamespaceType::Uts,
        LinuxNamespaceType::Ipc,
        LinuxNamespaceType::Cgroup,
    ]
    .map(|typ| LinuxNamespaceBuilder::default().typ(typ).build().unwrap());
    let strings = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let linux = LinuxBuilder::default()
        .namespaces(namespaces.to_vec())
        .cgroups_path(PathBuf::from("/porthole-test").join(id))
        .masked_paths(strings(&["/proc/uptime", "/proc/keys", "/proc/no-such-file", "/proc/scsi", "/sys/firmware"]))
        .readonly_paths(strings(&["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]))
        .build()
        .unwrap();
    let (annotation, value) = DEFAULT_SECCOMP_ANNOTATION;
    let mounts = vec![
        mount("/proc", "proc", "proc", &["nosuid", "noexec", "nodev"]),
        mount("/dev", "tmpfs", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
        mount(
            "/dev/pts",
            "devpts",
            "devpts",
            &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
        ),
        mount("/sys", "sysfs", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
        mount("/sys/fs/cgroup", "cgroup", "cgroup", &["ro", "nosuid", "noexec", "nodev"]),
        mount("/dev/mqueue", "mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
        mount("/dev/shm", "tmpfs", "shm", &["nosuid", "noexec", "nodev", "mode=1777", "size=67108864"]),
    ];
    SpecBuilder::default()
        .root(RootBuilder::default().path("/").readonly(false).build().unwrap())
        .hostname("inside")
        .process(command(args))
        .mounts(mounts)
        .linux(linux)
        .annotations(std::collections::HashMap::from([(annotation.to_owned(), value.to_owned())]))
        .build()
        .unwrap()
}
