//! A host with a bundle for the runtime to run.

use porthole_tests::{Host, Output};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

const APPLETS: [&str; 24] = [
    "sh", "cat", "echo", "true", "sleep", "id", "env", "hostname", "ls", "stat", "grep", "mkdir", "touch", "readlink",
    "kill", "pwd", "nproc", "chmod", "stty", "mount", "uname", "printenv", "date", "head",
];

/// A host with a bundle, whose containers are remembered in a directory of its own.
pub struct Bundle {
    pub host: Host,
    pub config: Value,
}

impl Bundle {
    pub fn new(command: &[&str]) -> Bundle {
        let host = Host::empty();
        let root = host.path("bundle/rootfs");
        for name in ["bin", "etc", "proc", "sys", "dev", "tmp"] {
            fs::create_dir_all(root.join(name)).expect("made");
        }
        fs::copy("/bin/busybox", root.join("bin/busybox")).expect("busybox-static is installed");
        for applet in APPLETS {
            symlink("busybox", root.join("bin").join(applet)).expect("linked");
        }
        let mut bundle = Bundle { host, config: Value::Null };
        bundle.run("spec -b BUNDLE").ok();
        bundle.config = serde_json::from_slice(&fs::read(bundle.path("config.json")).expect("written")).expect("JSON");
        bundle.config["process"]["terminal"] = json!(false);
        bundle.config["root"]["readonly"] = json!(false);
        bundle.config["linux"]["cgroupsPath"] = json!(format!("/{}/box", bundle.cgroup()));
        bundle.command(command);
        bundle
    }

    /// A cgroup for this test alone.
    pub fn cgroup(&self) -> String {
        format!("oci-{}", self.host.root().file_name().expect("a name").to_string_lossy())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.host.path("bundle").join(name)
    }

    /// Changes the configuration.
    pub fn set(&mut self, pointer: &str, value: Value) {
        let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
        self.config.pointer_mut(parent).expect("there")[name] = value;
        self.save();
    }

    pub fn push(&mut self, pointer: &str, value: Value) {
        self.config.pointer_mut(pointer).and_then(Value::as_array_mut).expect("a list").push(value);
        self.save();
    }

    pub fn save(&self) {
        fs::write(self.path("config.json"), self.config.to_string()).expect("written");
    }

    pub fn command(&mut self, command: &[&str]) {
        self.set("/process/args", json!(command));
    }

    pub fn line(&self, line: &str) -> String {
        let bundle = self.host.path("bundle").display().to_string();
        format!("runtime --root {} {}", self.host.path("oci").display(), line.replace("BUNDLE", &bundle))
    }

    pub fn run(&self, line: &str) -> Output {
        self.host.porthole(&self.line(line))
    }

    pub fn ok(&self, line: &str) -> String {
        self.run(line).ok().to_owned()
    }

    /// Runs a command that leaves a container, which must not have our pipes.
    #[track_caller]
    pub fn detached(&self, line: &str) -> String {
        let told = self.host.path("told");
        let file = fs::File::create(&told).expect("made");
        let null = || std::process::Stdio::null();
        let status = self.host.command(&self.line(line)).stdin(null()).stdout(null()).stderr(file).status();
        let told = fs::read_to_string(&told).expect("written");
        assert!(status.expect("executed").success(), "{line}: {told}");
        told
    }

    /// The one line that a command which must fail has told.
    #[track_caller]
    pub fn fails(&self, code: i32, line: &str) -> String {
        let output = self.run(line);
        assert_eq!(output.code, code, "{line}: {}{}", output.stdout, output.stderr);
        let made = ["create", "run", "exec"].map(|command| format!("porthole-runtime {command} failed: "));
        let begins = made.iter().map(String::as_str).chain(["porthole-runtime: "]);
        let told =
            begins.into_iter().find_map(|begin| output.stderr.trim_end().strip_prefix(begin)).unwrap_or_default();
        let told = told.trim_start_matches("unable to start container process: ");
        let told = told.trim_start_matches("error during container init: ").to_owned();
        assert!(!told.is_empty() && !told.contains('\n'), "{line}: {}", output.stderr);
        told
    }

    /// What a container's command prints, which must succeed.
    #[track_caller]
    pub fn output(&self) -> String {
        self.ok("run -b BUNDLE box")
    }

    #[track_caller]
    pub fn shell(&mut self, script: &str) -> String {
        self.command(&["sh", "-c", script]);
        self.output()
    }

    pub fn state(&self) -> Value {
        serde_json::from_str(&self.ok("state box")).expect("JSON")
    }
}

impl Drop for Bundle {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.ok("delete -f box");
        }
        for hierarchy in fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten() {
            // Not there on every hierarchy.
            let _ = fs::remove_dir(hierarchy.path().join(self.cgroup()));
        }
        let _ = fs::remove_dir(Path::new("/sys/fs/cgroup").join(self.cgroup()));
    }
}
