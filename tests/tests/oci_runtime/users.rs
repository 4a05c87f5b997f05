//! Containers of a user who is not root.

use crate::bundle::Bundle;
use porthole_tests::{binary, eventually};
use serde_json::{Value, json};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// nobody, who has nothing and may do nothing.
const USER: u32 = 65534;

/// A bundle of a user, who also owns the program.
struct Own(Bundle);

impl Own {
    fn new(command: &[&str]) -> Own {
        let own = Own(Bundle::new(command));
        let root = own.0.host.root();
        fs::set_permissions(root, Permissions::from_mode(0o755)).expect("changed");
        fs::copy(binary(), root.join("porthole-runtime")).expect("copied");
        for name in ["bundle", "bundle/rootfs", "bundle/rootfs/tmp", "session", "porthole-runtime"] {
            let path = root.join(name);
            let _ = fs::create_dir(&path);
            chown(&path, Some(USER), Some(USER)).expect("given");
        }
        fs::remove_file(own.0.path("config.json")).expect("there");
        own.ok("spec --rootless -b BUNDLE");
        own
    }

    fn configure(&mut self, change: impl FnOnce(&mut Value)) {
        let mut config: Value =
            serde_json::from_slice(&fs::read(self.0.path("config.json")).expect("written")).expect("JSON");
        config["process"]["terminal"] = json!(false);
        change(&mut config);
        self.0.config = config;
        self.0.save();
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(self.0.host.path("porthole-runtime"));
        command.args(line.replace("BUNDLE", &self.0.host.path("bundle").display().to_string()).split(' '));
        command.env("XDG_RUNTIME_DIR", self.0.host.path("session")).uid(USER).gid(USER);
        command
    }

    /// Its exit code, what it printed and what it complained about.
    fn run(&self, line: &str) -> (Option<i32>, String, String) {
        let output = self.command(line).output().expect("executed");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim_end().to_owned();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    #[track_caller]
    fn ok(&self, line: &str) -> String {
        let (code, printed, told) = self.run(line);
        assert_eq!(code, Some(0), "{line}: {told}");
        printed
    }

    fn detached(&self, line: &str) {
        let mut command = self.command(line);
        let null = || fs::File::options().read(true).write(true).open("/dev/null").expect("there");
        let status = command.stdin(null()).stdout(null()).stderr(null()).status().expect("executed");
        assert!(status.success(), "{line}: {status}");
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.run("delete -f box");
    }
}

#[test]
fn a_user_has_containers_of_their_own() {
    let mut own = Own::new(&["true"]);
    own.configure(|config| {
        config["process"]["args"] = json!(["sh", "-c", "id -u; cat /proc/self/uid_map; ls /sys/fs/cgroup"]);
    });
    let told = own.ok("run -b BUNDLE box");
    let lines: Vec<_> = told.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(lines[..2], ["0".to_owned(), format!("0 {USER} 1")]);
    assert!(lines.len() > 2, "it sees the cgroups that it is in: {told}");

    own.configure(|config| config["process"]["args"] = json!(["sleep", "100"]));
    own.detached("create -b BUNDLE box");
    assert_eq!(own.ok("exec box hostname"), "porthole");
    own.ok("start box");
    assert_eq!(own.ok("exec box grep -c sleep /proc/1/cmdline"), "1");
    let state: Value = serde_json::from_str(&own.ok("state box")).expect("JSON");
    assert_eq!((state["status"].as_str(), state["owner"].as_str()), (Some("running"), Some("nobody")));
    assert!(own.0.host.path("session/porthole-runtime/box").exists());
    own.ok("kill box KILL");
    eventually("it stops", || own.ok("state box").contains("stopped"));
    assert_eq!(
        own.run("kill box KILL"),
        (Some(1), String::new(), "porthole-runtime: container not running".to_owned())
    );
    assert_eq!(own.ok("kill -a box KILL"), "");
    own.ok("delete -f box");
    assert!(!own.0.host.path("session/porthole-runtime/box").exists());
}

#[test]
fn the_groups_of_who_makes_a_container_are_kept_when_asked_for() {
    let mut bundle = Bundle::new(&["id", "-G"]);
    let groups = |bundle: &Bundle| {
        let line = bundle.line("run -b BUNDLE box");
        let output = Command::new("setpriv").args(["--groups", "7,8"]).arg(binary()).args(line.split(' ')).output();
        let output = output.expect("util-linux is installed");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    };
    assert_eq!(groups(&bundle), "0");
    bundle.set("/annotations", json!({ "run.oci.keep_original_groups": "1" }));
    assert_eq!(groups(&bundle), "0 7 8");
    bundle.set("/annotations", json!({ "run.oci.keep_original_groups": "0" }));
    assert_eq!(groups(&bundle), "0");
}

#[test]
fn what_a_user_may_not_is_told() {
    let mut own = Own::new(&["true"]);
    let mut told = |change: fn(&mut Value)| {
        own.configure(change);
        let (code, _, told) = own.run("run -b BUNDLE box");
        assert_eq!(code, Some(1), "{told}");
        told
    };
    let mut expect = |change, expected: &str| {
        let told = told(change);
        assert!(told.contains(expected), "{told}");
    };
    expect(|config| config["linux"]["cgroupsPath"] = json!("/not/mine"), "unable to apply cgroup configuration");
    expect(
        |config| {
            config["linux"]["cgroupsPath"] = Value::Null;
            config["linux"]["resources"] = json!({ "pids": { "limit": 10 } });
        },
        "rootless needs no limits + no cgrouppath when no permission is granted for cgroups",
    );
    expect(
        |config| {
            config["linux"]["resources"] = Value::Null;
            config["linux"]["namespaces"].as_array_mut().expect("a list").retain(|space| space["type"] != "user");
        },
        "rootless container requires user namespaces",
    );
}
