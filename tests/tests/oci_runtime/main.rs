//! `porthole runtime`: the OCI runtime's own command line, as other engines and the public suites use it.

mod bundle;
mod deleting;
mod mounts;
mod notify;
mod users;

use bundle::Bundle;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use porthole_tests::eventually;
use serde_json::{Value, json};
use std::fs;
use std::io::{IoSliceMut, Read};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

#[test]
fn a_container_lives_from_create_to_delete() {
    let bundle = Bundle::new(&["sleep", "100"]);
    let pid_file = bundle.host.path("pid");
    assert_eq!(bundle.detached(&format!("create -b BUNDLE --pid-file {} box", pid_file.display())), "");
    let state = bundle.state();
    assert_eq!((state["status"].as_str(), state["id"].as_str()), (Some("created"), Some("box")));
    assert_eq!(state["pid"].to_string(), fs::read_to_string(&pid_file).expect("written"));
    assert_eq!(state["bundle"].as_str(), bundle.host.path("bundle").canonicalize().expect("there").to_str());
    assert_eq!(bundle.ok("exec box echo early"), "early");
    assert_eq!(bundle.fails(1, "create -b BUNDLE box"), "container with given ID already exists: box");
    assert_eq!(bundle.ok("start box"), "");
    assert_eq!(bundle.state()["status"], "running");
    assert_eq!(bundle.fails(1, "start box"), "cannot start an already running container");
    assert_eq!(bundle.fails(1, "delete box"), "cannot delete container box that is not stopped: running");
    assert_eq!(bundle.ok("pause box"), "");
    assert_eq!(bundle.state()["status"], "paused");
    assert!(bundle.fails(255, "exec box true").contains("paused"));
    assert_eq!(bundle.ok("resume box"), "");
    assert_eq!(bundle.fails(1, "resume box"), "container not paused");
    assert!(bundle.ok("list").contains("box"));
    assert_eq!(bundle.ok("list -q"), "box");
    let list: Value = serde_json::from_str(&bundle.ok("list -f json")).expect("JSON");
    assert_eq!(list[0]["status"], "running");
    let pids: Value = serde_json::from_str(&bundle.ok("ps -f json box")).expect("JSON");
    assert_eq!(pids, json!([bundle.state()["pid"]]));
    assert!(bundle.ok("ps box").contains("sleep 100"));
    assert!(bundle.ok("events --stats box").starts_with("{\"type\":\"stats\",\"id\":\"box\",\"data\":{"));
    assert_eq!(bundle.ok("kill box KILL"), "");
    eventually("it stops", || bundle.state()["status"] == "stopped");
    assert_eq!(bundle.state()["pid"], 0);
    assert_eq!(bundle.fails(1, "kill box"), "container not running");
    assert_eq!(bundle.fails(1, "start box"), "cannot start a container that has stopped");
    assert_eq!(bundle.ok("delete box"), "");
    assert_eq!(bundle.fails(1, "state box"), "container does not exist");
    assert_eq!(bundle.fails(1, "delete box"), "container does not exist");
    assert_eq!(bundle.ok("delete -f box"), "");
}

#[test]
fn what_is_created_can_be_ended_before_it_starts() {
    let bundle = Bundle::new(&["sleep", "100"]);
    bundle.detached("create -b BUNDLE box");
    bundle.ok("kill box TERM");
    eventually("it stops", || bundle.state()["status"] == "stopped");
    bundle.ok("delete box");
    bundle.detached("create -b BUNDLE box");
    bundle.ok("delete box");
    assert_eq!(bundle.fails(1, "state box"), "container does not exist");
    // As a create that was killed leaves it.
    fs::create_dir(bundle.host.path("oci/box")).expect("made");
    assert!(bundle.fails(1, "create -b BUNDLE box").contains("already exists"));
    bundle.ok("delete -f box");
    bundle.detached("create -b BUNDLE box");
}

#[test]
fn run_passes_on_output_and_exit_code() {
    let mut bundle = Bundle::new(&["sh", "-c", "echo out; echo err >&2; exit 7"]);
    let output = bundle.run("run -b BUNDLE box");
    assert_eq!((output.code, output.stdout.as_str(), output.stderr.as_str()), (7, "out\n", "err\n"));
    assert_eq!(bundle.fails(1, "state box"), "container does not exist");
    bundle.command(&["true"]);
    bundle.ok("run --keep -b BUNDLE box");
    assert_eq!(bundle.state()["status"], "stopped");
    bundle.ok("delete box");
    bundle.command(&["sh", "-c", "kill -9 $$"]);
    bundle.set("/linux/namespaces", json!([{ "type": "mount" }]));
    bundle.set("/hostname", Value::Null);
    bundle.set("/mounts", json!([]));
    assert_eq!(bundle.run("run -b BUNDLE box").code, 137);
}

#[test]
fn commands_that_cannot_run_are_told_and_leave_nothing() {
    let mut bundle = Bundle::new(&["no-such"]);
    let missing = "exec: \"no-such\": executable file not found in $PATH";
    assert_eq!(bundle.fails(1, "run -b BUNDLE box"), missing);
    assert_eq!(bundle.fails(1, "create -b BUNDLE box"), missing);
    let script = bundle.path("rootfs/run.sh");
    fs::write(&script, "#!/no/interpreter\n").expect("written");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("changed");
    bundle.command(&["/run.sh"]);
    assert!(bundle.fails(1, "run -b BUNDLE box").starts_with("exec /run.sh: no such file or directory"));
    assert_eq!(bundle.fails(1, "state box"), "container does not exist");
    for (id, message) in [("a/b", "invalid container ID format"), ("..", "invalid container ID format")] {
        assert!(bundle.fails(1, &format!("create -b BUNDLE {id}")).starts_with(message));
    }
    assert!(bundle.fails(1, "create -b /no/such box").contains("/no/such"));
    assert!(bundle.fails(1, "run -b BUNDLE/rootfs box").contains("config.json not found"));
    assert_eq!(bundle.fails(3, "foo -h"), "No help topic for 'foo'");
    assert!(bundle.fails(1, "checkpoint box").contains("CRIU"));
    assert!(bundle.fails(1, "spec -b BUNDLE").contains("exists. Remove it first"));
}

#[test]
fn errors_are_in_the_log_that_engines_read() {
    let bundle = Bundle::new(&["true"]);
    let log = bundle.host.path("log.json");
    let option = format!("--log {} --log-format json state none", log.display());
    assert_eq!(bundle.fails(1, &option), "container does not exist");
    let line: Value = serde_json::from_str(&fs::read_to_string(&log).expect("written")).expect("JSON");
    assert_eq!((line["level"].as_str(), line["msg"].as_str()), (Some("error"), Some("container does not exist")));
    assert!(line["time"].as_str().is_some_and(|time| time.ends_with('Z')));
    assert!(bundle.ok("--version").starts_with("porthole-runtime version "));
    assert!(bundle.ok("--version").contains("\nspec: 1.2."));
    let features: Value = serde_json::from_str(&bundle.ok("features")).expect("JSON");
    assert_eq!(features["hooks"].as_array().map(Vec::len), Some(6));
}

#[test]
fn a_limit_that_cannot_be_given_is_told_in_the_log() {
    let mut bundle = Bundle::new(&["sh", "-c", "test $(ulimit -Hn) -lt 1000000000000"]);
    bundle.set("/process/rlimits", json!([{ "type": "RLIMIT_NOFILE", "soft": 64, "hard": 1_000_000_000_000_u64 }]));
    let log = bundle.host.path("log.json");
    assert_eq!(bundle.run(&format!("--log {} run -b BUNDLE box", log.display())).code, 0);
    let told = fs::read_to_string(&log).expect("written");
    assert!(told.contains("level=warning msg=\"ulimit nofile: 1000000000000 is more than this host allows"), "{told}");
}

#[test]
fn another_process_runs_as_it_is_asked_to() {
    let bundle = Bundle::new(&["sleep", "100"]);
    fs::write(bundle.path("rootfs/etc/passwd"), "user:x:2000:2000::/home/user:/bin/sh\n").expect("written");
    bundle.detached("run -d -b BUNDLE box");
    assert_eq!(bundle.run("exec box sh -c 'exit 42'").code, 42);
    assert_eq!(bundle.fails(255, "exec box no-such"), "exec: \"no-such\": executable file not found in $PATH");
    assert_eq!(bundle.fails(255, "exec none true"), "container does not exist");
    assert_eq!(bundle.ok("exec --cwd /bin box pwd"), "/bin");
    assert_eq!(bundle.ok("exec --env A=b -e C=d box sh -c 'echo $A$C'"), "bd");
    assert_eq!(bundle.ok("exec -u 1000:1001 -g 100 -g 65534 box id -G"), "1001 100 65534");
    assert_eq!(bundle.ok("exec -u 2000 box sh -c 'echo $HOME'"), "/home/user");
    assert_eq!(bundle.ok("exec -u 3000 box sh -c 'echo $HOME'"), "/");
    assert!(bundle.ok("exec --cap CAP_SYS_ADMIN box grep CapEff /proc/self/status").ends_with("20200420"));
    assert_eq!(bundle.ok("exec -t box sh -c 'readlink /proc/self/fd/0'").trim(), "/dev/pts/0");
    assert!(bundle.fails(255, "exec --cgroup .. box true").starts_with("bad sub cgroup path"));
    let process = bundle.host.path("process.json");
    let json = json!({ "args": ["sh", "-c", "echo $X; id -u"], "cwd": "/", "env": ["PATH=/bin", "X=y"],
        "user": { "uid": 5, "gid": 5 } });
    fs::write(&process, json.to_string()).expect("written");
    assert_eq!(bundle.ok(&format!("exec -p {} box", process.display())), "y\n5");
    let pid_file = bundle.host.path("pid");
    bundle.detached(&format!("exec -d --pid-file {} box sleep 50", pid_file.display()));
    let pid: i64 = fs::read_to_string(&pid_file).expect("written").parse().expect("a number");
    let pids: Value = serde_json::from_str(&bundle.ok("ps -f json box")).expect("JSON");
    assert!(pids.as_array().is_some_and(|pids| pids.contains(&json!(pid))), "{pids}");
    bundle.ok("kill -a box KILL");
    eventually("it stops", || bundle.state()["status"] == "stopped");
}

/// Receives what a runtime sends to a console or pidfd socket.
fn receive(listener: &UnixListener) -> OwnedFd {
    let (stream, _) = listener.accept().expect("somebody connects");
    let mut buffer = [0; 256];
    let mut control = nix::cmsg_space!([RawFd; 1]);
    let mut parts = [IoSliceMut::new(&mut buffer)];
    let message = recvmsg::<()>(stream.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::MSG_CMSG_CLOEXEC);
    let message = message.expect("a message");
    let file = message.cmsgs().expect("control messages").find_map(|message| match message {
        ControlMessageOwned::ScmRights(files) => files.first().copied(),
        _ => None,
    });
    // SAFETY: the kernel has just installed the descriptor for us alone.
    unsafe { OwnedFd::from_raw_fd(file.expect("a descriptor")) }
}

#[test]
fn a_terminal_goes_where_it_is_asked_for() {
    let mut bundle = Bundle::new(&["stty", "size"]);
    bundle.set("/process/terminal", json!(true));
    bundle.set("/process/consoleSize", json!({ "height": 10, "width": 110 }));
    assert!(bundle.fails(1, "create -b BUNDLE box").contains("without setting console socket"));
    let path = bundle.host.path("console");
    let listener = UnixListener::bind(&path).expect("bound");
    bundle.detached(&format!("run -d -b BUNDLE --console-socket {} box", path.display()));
    let mut text = String::new();
    // A terminal that nobody has open any more says EIO.
    let _ = fs::File::from(receive(&listener)).read_to_string(&mut text);
    assert_eq!(text.trim(), "10 110");
    bundle.ok("delete -f box");
    // In the foreground it is shown on our own standard output.
    bundle.command(&["readlink", "/proc/self/fd/1"]);
    assert_eq!(bundle.output().trim(), "/dev/pts/0");
    let terminal = bundle.host.terminal(&bundle.line("run -b BUNDLE box"));
    terminal.expect("/dev/pts/0");
}

#[test]
fn the_six_hooks_have_the_state_and_can_stop_a_container() {
    let mut bundle = Bundle::new(&["true"]);
    let seen = bundle.host.path("seen");
    let hook = |point: &str| {
        let script = format!("echo {point} $(cat) >> {}", seen.display());
        json!([{ "path": "/bin/sh", "args": ["sh", "-c", script], "env": ["PATH=/bin:/usr/bin"] }])
    };
    let mut hooks = json!({});
    for point in ["prestart", "createRuntime", "createContainer", "poststart", "poststop"] {
        hooks[point] = hook(point);
    }
    // In the container there is another root.
    hooks["startContainer"] = json!([{ "path": "/bin/sh", "args": ["sh", "-c", "cat > /tmp/seen"] }]);
    bundle.set("/hooks", hooks);
    bundle.set("/annotations", json!({ "a": "b" }));
    bundle.output();
    let seen = fs::read_to_string(&seen).expect("written");
    let order: Vec<&str> = seen.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(order, ["prestart", "createRuntime", "createContainer", "poststart", "poststop"]);
    let states = seen.lines().map(|line| line.split_once(' ').expect("a state").1);
    let states: Vec<Value> = states.map(|state| serde_json::from_str(state).expect("JSON")).collect();
    let statuses: Vec<_> = states.iter().map(|state| state["status"].as_str().unwrap_or_default()).collect();
    assert_eq!(statuses, ["creating", "creating", "creating", "running", "stopped"]);
    assert!(states.iter().all(|state| state["id"] == "box" && state["annotations"]["a"] == "b"));
    assert!(states[1]["pid"].as_i64().is_some_and(|pid| pid > 1) && states[2]["pid"] == 1);
    let inside = fs::read_to_string(bundle.path("rootfs/tmp/seen")).expect("written");
    assert!(inside.contains("\"status\":\"created\""), "{inside}");

    for point in ["prestart", "createRuntime", "createContainer", "startContainer", "poststart"] {
        let failing = match point {
            "startContainer" => json!([{ "path": "/bin/true" }, { "path": "/bin/sh", "args": ["sh", "-c", "exit 3"] }]),
            _ => json!([{ "path": "/bin/true" }, { "path": "/bin/false" }]),
        };
        bundle.set("/hooks", json!({ point: failing }));
        let told = bundle.fails(1, "run -b BUNDLE box");
        assert!(told.starts_with(&format!("error running {point} hook #1: exit status")), "{told}");
        assert_eq!(bundle.fails(1, "state box"), "container does not exist");
    }
    bundle.set("/hooks", json!({ "createRuntime": [{ "path": "/bin/sleep", "args": ["sleep", "9"], "timeout": 1 }] }));
    assert!(bundle.fails(1, "create -b BUNDLE box").contains("timeout of 1 s"));
}

#[test]
fn hooks_before_the_root_is_entered_begin_at_it() {
    let mut bundle = Bundle::new(&["cat", "/made"]);
    let script = "mkdir -p tmp/here && mount --bind tmp/here tmp && pwd > made";
    bundle.set("/hooks", json!({ "createContainer": [{ "path": "/bin/sh", "args": ["sh", "-c", script] }] }));
    assert_eq!(bundle.output(), bundle.path("rootfs").canonicalize().expect("there").display().to_string());
    assert!(bundle.path("rootfs/tmp/here").exists());
}

#[test]
fn the_process_is_what_the_spec_says() {
    let mut bundle = Bundle::new(&["true"]);
    bundle.set("/process/user", json!({ "uid": 1, "gid": 2, "additionalGids": [3, 4], "umask": 0o77 }));
    assert_eq!(bundle.shell("id -u; id -G; umask"), "1\n2 3 4\n0077");
    bundle.set("/process/user", json!({ "uid": 0, "gid": 0 }));
    bundle.set("/process/rlimits", json!([{ "type": "RLIMIT_NOFILE", "soft": 100, "hard": 200 }]));
    assert_eq!(bundle.shell("ulimit -n; ulimit -Hn"), "100\n200");
    bundle.set("/process/oomScoreAdj", json!(100));
    assert_eq!(bundle.shell("cat /proc/self/oom_score_adj"), "100");
    bundle.set("/process/scheduler", json!({ "policy": "SCHED_BATCH", "nice": 5, "flags": [] }));
    assert_eq!(bundle.shell("cat /proc/self/sched | grep policy").split(':').nth(1).map(str::trim), Some("3"));
    bundle.set("/process/scheduler", Value::Null);
    bundle.set("/process/ioPriority", json!({ "class": "IOPRIO_CLASS_IDLE", "priority": 0 }));
    bundle.shell("true");
    bundle.set("/process/ioPriority", json!({ "class": "IOPRIO_CLASS_BE", "priority": 9 }));
    assert!(bundle.fails(1, "run -b BUNDLE box").contains("9 is not between 0 and 7"));
    bundle.set("/process/ioPriority", Value::Null);
    bundle.set("/linux/personality", json!({ "domain": "LINUX32" }));
    assert!(["i686", "armv8l"].contains(&bundle.shell("uname -m").as_str()));
    bundle.set("/linux/personality", Value::Null);
    bundle.set("/linux/intelRdt", json!({ "closID": "a" }));
    assert!(bundle.fails(1, "run -b BUNDLE box").contains("linux.intelRdt is not supported"));
    bundle.set("/linux/intelRdt", Value::Null);
    for (field, file, words) in [
        ("apparmorProfile", "/sys/module/apparmor/parameters/enabled", "apparmor is not enabled"),
        ("selinuxLabel", "/sys/fs/selinux/enforce", "selinux is disabled"),
    ] {
        bundle.set(&format!("/process/{field}"), json!("some"));
        if !Path::new(file).exists() {
            assert!(bundle.fails(1, "run -b BUNDLE box").contains(words));
        }
        bundle.set(&format!("/process/{field}"), Value::Null);
    }
    bundle.set("/hostname", json!("named"));
    bundle.set("/domainname", json!("of.mine"));
    assert_eq!(bundle.shell("hostname; cat /proc/sys/kernel/domainname"), "named\nof.mine");
    bundle.set("/linux/sysctl", json!({ "net.ipv4.ip_forward": "1" }));
    assert_eq!(bundle.shell("cat /proc/sys/net/ipv4/ip_forward"), "1");
    bundle.set("/linux/sysctl", json!({ "vm.swappiness": "1" }));
    assert!(bundle.fails(1, "run -b BUNDLE box").contains("is not in a separate kernel namespace"));
    bundle.set("/linux/sysctl", Value::Null);
    bundle.set("/linux/timeOffsets", json!({ "boottime": { "secs": 1337 } }));
    assert!(bundle.fails(1, "run -b BUNDLE box").contains("makes no time namespace"));
    bundle.push("/linux/namespaces", json!({ "type": "time" }));
    bundle.set("/linux/timeOffsets", json!({ "boottime": { "secs": 1337, "nanosecs": 5 } }));
    assert!(bundle.shell("cat /proc/self/timens_offsets").contains("1337"));
}

#[test]
fn a_process_has_defaults_and_what_nobody_knows_is_left_out() {
    let mut bundle = Bundle::new(&["true"]);
    bundle.set("/process/user", json!({ "uid": 0 }));
    bundle.set("/process/capabilities", json!({ "bounding": ["CAP_KILL", "CAP_NONE"], "permitted": ["NONE"] }));
    bundle.set("/process/env", json!(["PATH=/bin", "A=1", "HOME=/a", "A=2", "HOME="]));
    bundle.command(&["sh", "-c", "env | grep -e ^A -e ^HOME; grep CapBnd /proc/self/status"]);
    let output = bundle.run("run -b BUNDLE box");
    assert_eq!(output.stdout.split_whitespace().collect::<Vec<_>>(), ["HOME=/", "A=2", "CapBnd:", "0000000000000020"]);
    assert!(output.stderr.contains("level=warning") && output.stderr.contains("CAP_NONE, NONE"), "{}", output.stderr);
    bundle.set("/process/capabilities", json!({}));
    bundle.command(&["grep", "Cpus_allowed_list", "/proc/self/status"]);
    let allowed = bundle.output();
    let line = bundle.line("run -b BUNDLE box");
    let bound = Command::new("taskset").args(["-c", "0"]).arg(porthole_tests::binary()).args(line.split(' ')).output();
    assert_eq!(String::from_utf8_lossy(&bound.expect("taskset runs").stdout).trim(), allowed);
    bundle.set("/process/scheduler", json!({ "policy": "SCHED_DEADLINE", "deadline": 5 }));
    assert!(bundle.fails(1, "run -b BUNDLE box").contains("requires `runtime`"));
    bundle.set("/process/scheduler", Value::Null);
    bundle.set("/linux/memoryPolicy", json!({ "mode": "MPOL_NONE" }));
    assert!(bundle.fails(1, "run -b BUNDLE box").starts_with("invalid memory policy mode"));
}

#[test]
fn a_hook_in_the_container_may_do_no_more_than_its_command() {
    let mut bundle = Bundle::new(&["true"]);
    bundle.set("/process/user", json!({ "uid": 1000, "gid": 1000 }));
    let script = |script: &str| json!({ "startContainer": [{ "path": "/bin/sh", "args": ["sh", "-c", script] }] });
    bundle.set("/hooks", script("id -u; grep CapEff /proc/self/status; exit 1"));
    let told = bundle.fails(1, "run -b BUNDLE box");
    assert!(told.contains("output: 1000 CapEff: 0000000000000000"), "{told}");
    bundle.set(
        "/linux/seccomp",
        json!({ "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
            "syscalls": [{ "names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_KILL_PROCESS" }] }),
    );
    bundle.set("/hooks", script("exec mkdir /tmp/made"));
    assert!(bundle.fails(1, "run -b BUNDLE box").contains("signal: bad system call"));
}

#[test]
fn the_hosts_mount_namespace_is_shared_only_when_asked_for() {
    let mut bundle = Bundle::new(&["ls", "/"]);
    bundle.set("/linux/namespaces", json!([{ "type": "pid" }]));
    bundle.set("/hostname", Value::Null);
    bundle.set("/mounts", json!([]));
    bundle.set("/linux/maskedPaths", json!([]));
    bundle.set("/linux/readonlyPaths", json!([]));
    assert_eq!(bundle.output().split_whitespace().collect::<Vec<_>>(), ["bin", "dev", "etc", "proc", "sys", "tmp"]);
    bundle.command(&["sleep", "100"]);
    bundle.detached("run -d -b BUNDLE box");
    assert!(!bundle.ok("exec box ls /").contains("home"));
    bundle.ok("delete -f box");
    // Nobody unmounts what somebody else may be using.
    let unmounted = Command::new("umount").args(["-R", "-l"]).arg(bundle.path("rootfs")).status();
    assert!(unmounted.is_ok_and(|status| status.success()));
    let again = Command::new("umount").args(["-R", "-l", "-q"]).arg(bundle.path("rootfs")).status();
    assert!(again.is_ok());
}

#[test]
fn a_cgroup_is_told_of_in_runcs_words() {
    let mut bundle = Bundle::new(&["sleep", "100"]);
    let freezer = Path::new("/sys/fs/cgroup/freezer").join(bundle.cgroup()).join("box");
    if freezer.parent().is_some_and(|parent| parent.parent().is_some_and(Path::exists)) {
        fs::create_dir_all(&freezer).expect("made");
        fs::write(freezer.join("freezer.state"), "FROZEN").expect("written");
        assert!(bundle.fails(1, "create -b BUNDLE box").starts_with("container's cgroup unexpectedly frozen"));
        fs::remove_dir(&freezer).expect("removed");
        bundle.set("/linux/resources/unified", json!({ "memory.min": "131072" }));
        assert!(bundle.fails(1, "create -b BUNDLE box").starts_with("invalid configuration"));
        bundle.set("/linux/resources", json!({}));
    }
    bundle.set("/linux/resources", json!({ "devices": [{ "allow": false, "access": "rwa" }] }));
    bundle.detached("run -d -b BUNDLE box");
    assert!(bundle.fails(1, "create -b BUNDLE other").starts_with("container's cgroup is not empty"));
    let told = bundle.fails(255, "exec --cgroup none box true");
    assert!(
        told.starts_with("error adding pid of the new process to cgroups: ")
            && told.ends_with("/none/cgroup.procs: no such file or directory")
    );
    // Into a cgroup that was killed once, no process can be born.
    let v2 = [Path::new("/sys/fs/cgroup/unified"), Path::new("/sys/fs/cgroup")]
        .map(|root| root.join(bundle.cgroup()).join("box"));
    let v2 = v2.iter().find(|path| path.join("cgroup.kill").exists()).expect("a kernel since 5.14").clone();
    bundle.ok("delete -f box");
    fs::create_dir_all(&v2).expect("made");
    fs::write(v2.join("cgroup.kill"), "1").expect("written");
    bundle.detached("run -d -b BUNDLE box");
}

#[test]
fn help_version_and_debugging_are_as_users_of_runc_know_them() {
    let bundle = Bundle::new(&["true"]);
    let help = bundle.ok("kill -h");
    assert!(help.starts_with("NAME:\n   porthole-runtime kill, with the command line of runc kill - "), "{help}");
    assert!(
        bundle.ok("-h").lines().nth(1).is_some_and(|line| line.contains("runc - Open Container Initiative runtime"))
    );
    let runc = bundle.host.path("runc");
    symlink(porthole_tests::binary(), &runc).expect("linked");
    let version = Command::new(&runc).arg("-v").output().expect("it runs").stdout;
    let version = String::from_utf8_lossy(&version).into_owned();
    let begins: Vec<_> = version.lines().filter_map(|line| line.split([':', '0']).next()).collect();
    assert_eq!(begins, ["runc version ", "commit", "spec"]);
    let output = bundle.run("--debug run -b BUNDLE box");
    for words in ["level=debug", "nsexec started", "nsexec container setup", "child process in init()"] {
        assert!(output.stderr.contains(words), "{words}: {}", output.stderr);
    }
    assert!(bundle.fails(1, "--log invalid:/path list").starts_with("cannot open the log"));
}

#[test]
fn mounts_have_the_options_of_the_spec() {
    let mut bundle = Bundle::new(&["true"]);
    let (tmp, source) = (bundle.path("rootfs/tmp"), bundle.path("source"));
    fs::set_permissions(&tmp, fs::Permissions::from_mode(0o1710)).expect("changed");
    fs::write(tmp.join("file"), "covered").expect("written");
    fs::create_dir(&source).expect("made");
    fs::write(source.join("owned"), "").expect("written");
    let before = bundle.config["mounts"].clone();
    let mut mounts = |mount: Value, script: &str| {
        bundle.set("/mounts", before.clone());
        bundle.push("/mounts", mount);
        bundle.shell(script)
    };
    let tmpfs =
        |options: Value| json!({ "destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": options });
    assert_eq!(mounts(tmpfs(json!([])), "stat -c %a /tmp; ls /tmp"), "1710");
    assert_eq!(mounts(tmpfs(json!(["mode=0444"])), "stat -c %a /tmp"), "444");
    assert_eq!(
        mounts(tmpfs(json!(["tmpcopyup", "ro"])), "cat /tmp/file; touch /tmp/x 2>/dev/null || echo ro"),
        "coveredro"
    );
    let bind =
        |options: Value| json!({ "destination": "/mnt", "type": "bind", "source": "source", "options": options });
    let flags = "grep ' /mnt ' /proc/self/mountinfo | head -1";
    let seen = mounts(bind(json!(["rbind", "rro", "rnosuid", "noatime", "rshared"])), flags);
    assert!(seen.contains("ro,nosuid,noatime") && seen.contains("shared:"), "{seen}");
    let mapping = json!([{ "containerID": 0, "hostID": 1000, "size": 10 }]);
    let mut mapped = bind(json!(["bind"]));
    mapped["uidMappings"] = mapping.clone();
    mapped["gidMappings"] = mapping;
    assert_eq!(mounts(mapped, "stat -c %u:%g /mnt/owned"), "1000:1000");
    bundle.set("/mounts", before);
    bundle.push("/mounts", bind(json!(["bind", "idmap"])));
    assert!(bundle.fails(1, "run -b BUNDLE box").contains("need uidMappings"));
}

#[test]
fn masked_and_read_only_paths_devices_and_a_read_only_root() {
    let mut bundle = Bundle::new(&["true"]);
    fs::write(bundle.path("rootfs/secret"), "secret").expect("written");
    bundle.set("/linux/maskedPaths", json!(["/secret", "/proc/acpi"]));
    bundle.set("/linux/readonlyPaths", json!(["/etc"]));
    assert_eq!(bundle.shell("cat /secret; touch /etc/x 2>/dev/null || echo ro"), "ro");
    bundle.set("/root/readonly", json!(true));
    assert_eq!(bundle.shell("touch /x 2>/dev/null || echo ro"), "ro");
    bundle.set(
        "/linux/devices",
        json!([{ "path": "/dev/mine", "type": "c", "major": 1, "minor": 3, "fileMode": 0o640, "uid": 7, "gid": 8 }]),
    );
    assert_eq!(bundle.shell("stat -c %a:%u:%g:%t:%T /dev/mine"), "640:7:8:1:3");
    assert_eq!(bundle.ok("run --no-pivot -b BUNDLE box"), "640:7:8:1:3");
    fs::remove_dir(bundle.path("rootfs/proc")).expect("removed");
    symlink("/tmp", bundle.path("rootfs/proc")).expect("linked");
    assert!(bundle.fails(1, "run -b BUNDLE box").contains("must be mounted on ordinary directory"));
}

/// CVE-2019-5736: a command that turns out to be the runtime itself, which the container keeps open until it has ended, and then
/// writes to. The victim is a copy of it.
#[test]
fn the_hosts_binary_cannot_be_written_from_inside() {
    let mut bundle = Bundle::new(&["sh", "/trap.sh"]);
    let victim = bundle.host.path("porthole-runtime");
    fs::copy(porthole_tests::binary(), &victim).expect("copied");
    // So that it can be executed inside.
    let libraries = Command::new("ldd").arg(&victim).output().expect("ldd runs").stdout;
    let libraries = String::from_utf8_lossy(&libraries).into_owned();
    for library in libraries.split_whitespace().filter(|word| word.starts_with('/')).map(Path::new) {
        let inside = bundle.path("rootfs").join(library.strip_prefix("/").expect("absolute"));
        fs::create_dir_all(inside.parent().expect("a directory")).expect("made");
        fs::copy(library, inside).expect("copied");
    }
    let trap =
        "echo ready > /tmp/ready; while :; do for p in /proc/[0-9]*; do case $(readlink $p/exe) in */busybox|'') ;; *)
        (exec 5<$p/exe && echo open >> /tmp/open && for i in 1 2 3 4 5 6 7 8 9; do for j in 1 2 3 4 5 6 7 8 9; do
        (echo x > /proc/self/fd/5) 2>> /tmp/refused && echo written >> /tmp/written; done; done);; esac; done; done";
    fs::write(bundle.path("rootfs/trap.sh"), trap).expect("written");
    let itself = bundle.path("rootfs/self");
    fs::write(&itself, "#!/proc/self/exe\n").expect("written");
    fs::set_permissions(&itself, fs::Permissions::from_mode(0o755)).expect("changed");
    bundle.set("/process/noNewPrivileges", json!(false));
    bundle.detached("run -d -b BUNDLE box");
    eventually("the trap is set", || bundle.path("rootfs/tmp/ready").exists());
    let line = bundle.line("exec box /self");
    let words: Vec<_> = line.split(' ').skip(1).collect();
    eventually("it is caught", || {
        let output = Command::new(&victim).args(&words).output().expect("it is still a program");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(told.contains("unrecognized subcommand"), "it executes itself: {told}");
        bundle.path("rootfs/tmp/open").exists()
    });
    eventually("it is tried", || {
        fs::read_to_string(bundle.path("rootfs/tmp/refused")).unwrap_or_default().contains("Read-only file system")
    });
    assert!(!bundle.path("rootfs/tmp/written").exists());
    assert!(fs::read(&victim).expect("there") == fs::read(porthole_tests::binary()).expect("there"));
}

#[test]
fn the_roots_propagation_is_the_specs() {
    let mut bundle = Bundle::new(&["sh", "-c", "grep ' / / \\|rootfs / ' /proc/self/mountinfo | head -1"]);
    for (propagation, seen) in [("rshared", "shared:"), ("unbindable", "unbindable"), ("private", " - ")] {
        bundle.set("/linux/rootfsPropagation", json!(propagation));
        let line = bundle.output();
        assert!(line.contains(seen), "{propagation}: {line}");
    }
    bundle.set("/linux/rootfsPropagation", json!("odd"));
    assert!(bundle.fails(1, "run -b BUNDLE box").contains("\"odd\" is unknown"));
}

/// In a network namespace of its own, where devices can be made.
#[test]
fn network_devices_are_moved_in_with_their_addresses() {
    let mut bundle = Bundle::new(&["sh", "-c", "ip address show dev inner"]);
    symlink("busybox", bundle.path("rootfs/bin/ip")).expect("linked");
    bundle.set("/linux/netDevices", json!({ "outer": { "name": "inner" } }));
    let script = format!(
        "ip link add outer mtu 1400 address 02:00:00:00:00:07 type veth peer name peer &&
        ip address add 10.1.2.3/24 brd 10.1.2.254 dev outer && ip address add 127.0.0.33 dev outer && {} {}; ip -br link",
        porthole_tests::binary().display(),
        bundle.line("run -b BUNDLE box")
    );
    let output = Command::new("unshare").args(["-n", "sh", "-c", &script]).output().expect("unshare runs");
    let (told, failed) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    for part in ["inet 10.1.2.3/24 brd 10.1.2.254", "mtu 1400", "02:00:00:00:00:07", "inner"] {
        assert!(told.contains(part), "{part}: {told}{failed}");
    }
    assert!(!told.contains("127.0.0.33") && !told.contains("outer"), "{told}");
    bundle.set("/linux/netDevices", json!({ "no-such": {} }));
    assert!(bundle.fails(1, "run -b BUNDLE box").starts_with("cannot move network device no-such"));
    bundle.set("/linux/namespaces", json!([{ "type": "mount" }]));
    bundle.set("/hostname", Value::Null);
    assert!(bundle.fails(1, "run -b BUNDLE box").contains("unable to move network devices without a NET namespace"));
}

#[test]
fn limits_are_set_and_changed() {
    let mut bundle = Bundle::new(&["sleep", "100"]);
    bundle.set(
        "/linux/resources",
        json!({ "memory": { "limit": 64 << 20 }, "pids": { "limit": 20 }, "cpu": { "shares": 100 } }),
    );
    bundle.detached("run -d -b BUNDLE box");
    let file = |v1: &str, v2: &str| {
        let (controller, _) = v1.split_once('.').expect("CONTROLLER.FILE");
        let v1 = format!("/sys/fs/cgroup/{controller}/{}/box/{v1}", bundle.cgroup());
        let v2 = format!("/sys/fs/cgroup/{}/box/{v2}", bundle.cgroup());
        fs::read_to_string(v1).or_else(|_| fs::read_to_string(v2)).expect("one of them").trim().to_owned()
    };
    assert_eq!(file("memory.limit_in_bytes", "memory.max"), (64 << 20).to_string());
    assert_eq!(file("pids.max", "pids.max"), "20");
    bundle.ok("update --memory 32m --pids-limit 10 box");
    assert_eq!(file("memory.limit_in_bytes", "memory.max"), (32 << 20).to_string());
    assert_eq!(file("pids.max", "pids.max"), "10");
    let resources = bundle.host.path("resources.json");
    fs::write(&resources, json!({ "pids": { "limit": 30 } }).to_string()).expect("written");
    bundle.ok(&format!("update -r {} box", resources.display()));
    assert_eq!(file("pids.max", "pids.max"), "30");
    assert_eq!(file("memory.limit_in_bytes", "memory.max"), (32 << 20).to_string());
    assert!(bundle.fails(1, "update --memory lots box").contains("no size"));
    let resources = bundle.host.path("less.json");
    fs::write(&resources, json!({ "memory": { "limit": 4096, "checkBeforeUpdate": true } }).to_string())
        .expect("written");
    assert!(bundle.fails(1, &format!("update -r {} box", resources.display())).contains("current usage"));
    let stats: Value = serde_json::from_str(&bundle.ok("events --stats box")).expect("JSON");
    let data = &stats["data"];
    assert_eq!((&data["pids"]["limit"], &data["memory"]["usage"]["limit"]), (&json!(30), &json!(32 << 20)));
    assert!(data["memory"]["raw"].as_object().is_some_and(|raw| raw.len() > 5) && data["cpuset"]["cpus"][0].is_u64());
    assert!(data["cpu"]["usage"]["total"].as_u64() > Some(0) && data["cpu"]["throttling"]["periods"].is_u64());
    bundle.ok("update --memory -1 box");
    bundle.ok("delete -f box");
    assert!(!Path::new(&format!("/sys/fs/cgroup/pids/{}/box", bundle.cgroup())).exists());
}

#[test]
fn a_user_namespace_maps_ids_and_namespaces_are_joined_by_path() {
    let mut bundle = Bundle::new(&["sleep", "100"]);
    let mapping = json!([{ "containerID": 0, "hostID": 100_000, "size": 1000 }]);
    bundle.push("/linux/namespaces", json!({ "type": "user" }));
    bundle.set("/linux/uidMappings", mapping.clone());
    bundle.set("/linux/gidMappings", mapping);
    for directory in [bundle.host.root().to_owned(), bundle.host.path("bundle")] {
        fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).expect("changed");
    }
    assert_eq!(
        Command::new("chown")
            .args(["-hR", "100000:100000"])
            .arg(bundle.path("rootfs"))
            .status()
            .ok()
            .and_then(|status| status.code()),
        Some(0)
    );
    bundle.detached("run -d -b BUNDLE box");
    assert!(bundle.ok("exec box cat /proc/self/uid_map").split_whitespace().eq(["0", "100000", "1000"]));
    assert_eq!(bundle.ok("exec box id -u"), "0");
    let pid = bundle.state()["pid"].to_string();
    let own = |name: &str| fs::read_link(format!("/proc/{pid}/ns/{name}")).expect("it runs");
    let net = own("net");
    bundle.set(
        "/linux/namespaces",
        json!([{ "type": "mount" }, { "type": "network", "path": format!("/proc/{pid}/ns/net") }]),
    );
    bundle.set("/linux/cgroupsPath", json!(format!("/{}/other", bundle.cgroup())));
    bundle.set("/linux/uidMappings", Value::Null);
    bundle.set("/linux/gidMappings", Value::Null);
    bundle.set("/mounts", json!([{ "destination": "/proc", "type": "proc", "source": "proc" }]));
    bundle.set("/hostname", Value::Null);
    bundle.command(&["readlink", "/proc/self/ns/net"]);
    assert_eq!(bundle.ok("run -b BUNDLE other"), net.display().to_string());

    // In somebody's user and PID namespace, processes have other numbers there than here.
    let joined = |kind: &str| json!({ "type": kind, "path": format!("/proc/{pid}/ns/{kind}") });
    bundle.set("/linux/namespaces", json!([{ "type": "mount" }, joined("user"), joined("pid")]));
    bundle.command(&["sleep", "100"]);
    bundle.detached("run -d -b BUNDLE other");
    let other: Value = serde_json::from_str(&bundle.ok("state other")).expect("JSON");
    let command = fs::read(format!("/proc/{}/cmdline", other["pid"])).expect("it runs");
    assert_eq!(command, b"sleep\x00100\x00");
    bundle.ok("exec other true");
    bundle.ok("delete -f other");
}

#[test]
fn a_user_namespace_need_not_map_root_and_by_default_maps_the_caller() {
    let mut bundle = Bundle::new(&["id", "-u"]);
    for directory in [bundle.host.root().to_owned(), bundle.host.path("bundle")] {
        fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).expect("changed");
    }
    bundle.push("/linux/namespaces", json!({ "type": "user" }));
    let terminals = json!(["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]);
    bundle.set("/mounts/2/options", terminals);
    assert_eq!(bundle.output(), "0");
    bundle.push("/linux/namespaces", json!({ "type": "time" }));
    bundle.set("/linux/timeOffsets", json!({ "boottime": { "secs": 7 } }));
    assert!(bundle.shell("grep boottime /proc/self/timens_offsets").contains('7'));
    let mapping = json!([{ "containerID": 1000, "hostID": 100_000, "size": 1 }]);
    bundle.set("/linux/uidMappings", mapping.clone());
    bundle.set("/linux/gidMappings", mapping);
    bundle.set("/process/user", json!({ "uid": 1000, "gid": 1000 }));
    let owned = Command::new("chown").args(["-hR", "100000:100000"]).arg(bundle.path("rootfs")).status();
    assert!(owned.is_ok_and(|status| status.success()));
    assert_eq!(bundle.shell("id -u; id -g"), "1000\n1000");
}

#[test]
fn a_user_namespace_has_devices_that_the_host_has_not() {
    let mut bundle = Bundle::new(&["true"]);
    for directory in [bundle.host.root().to_owned(), bundle.host.path("bundle")] {
        fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).expect("changed");
    }
    let owned = Command::new("chown").args(["-hR", "100000:100000"]).arg(bundle.path("rootfs")).status();
    assert!(owned.is_ok_and(|status| status.success()));
    let mapping = json!([{ "containerID": 0, "hostID": 100_000, "size": 1000 }]);
    bundle.push("/linux/namespaces", json!({ "type": "user" }));
    bundle.set("/linux/uidMappings", mapping.clone());
    bundle.set("/linux/gidMappings", mapping);
    // One under a name of its own, and one whose name is another's on the host.
    let device = |path: &str, minor: u32| json!({ "path": path, "type": "c", "major": 1, "minor": minor, "uid": 10, "gid": 11, "fileMode": 0o606 });
    bundle.set("/linux/devices", json!([device("/dev/no-such/nothing", 5), device("/dev/full", 3)]));
    let script = "cd /dev; stat -c '%u:%g %a %t:%T' no-such/nothing full; head -c 2 no-such/nothing; echo x > full";
    assert_eq!(bundle.shell(script), "10:11 606 1:5\n10:11 606 1:3\n\0\0");
    assert!(!Path::new("/dev/no-such").exists(), "the host has it, too");
}

#[test]
fn files_are_preserved_when_asked_for_and_only_then() {
    let mut bundle = Bundle::new(&["sh", "-c", "cat <&3"]);
    let line = bundle.line("run --preserve-fds 1 -b BUNDLE box");
    let words: Vec<_> = line.split(' ').collect();
    let with = |prefix: &str| {
        let script = format!("exec {} \"$@\" {prefix}", porthole_tests::binary().display());
        Command::new("sh").args(["-c", &script, "sh"]).args(&words).output().expect("sh runs")
    };
    let file = bundle.host.path("file");
    fs::write(&file, "kept").expect("written");
    assert_eq!(with(&format!("3<{}", file.display())).stdout, b"kept");
    let missing = with("3<&-");
    assert!(String::from_utf8_lossy(&missing.stderr).contains("preserved-fd 0"));
    bundle.command(&["sh", "-c", "ls /proc/self/fd"]);
    assert_eq!(bundle.output(), "0\n1\n2\n3", "the directory itself is the last");
}

#[test]
fn a_filter_that_notifies_needs_its_agent() {
    let mut bundle = Bundle::new(&["mkdir", "/tmp/made"]);
    let socket = bundle.host.path("agent");
    let seccomp = |name: &str| {
        json!({ "defaultAction": "SCMP_ACT_ALLOW", "listenerPath": socket, "listenerMetadata": "about",
            "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
            "syscalls": [{ "names": [name], "action": "SCMP_ACT_NOTIFY" }] })
    };
    bundle.set("/linux/seccomp", seccomp("mkdir"));
    assert!(bundle.fails(1, "run -b BUNDLE box").contains("failed to connect with seccomp agent"));
    bundle.set("/linux/seccomp", seccomp("write"));
    assert!(bundle.fails(1, "run -b BUNDLE box").contains("SCMP_ACT_NOTIFY cannot be used for the write syscall"));
    bundle.set("/linux/seccomp", seccomp("mkdir"));
    let listener = UnixListener::bind(&socket).expect("bound");
    let agent = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the runtime comes");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("text");
        // The listener that came with it is closed unreceived: calls fail with ENOSYS.
        text
    });
    let output = bundle.run("run -b BUNDLE box");
    assert!(output.code == 1 && output.stderr.contains("not implemented"), "{}", output.stderr);
    let state: Value = serde_json::from_str(&agent.join().expect("no panic")).expect("JSON");
    assert_eq!((state["metadata"].as_str(), state["state"]["id"].as_str()), (Some("about"), Some("box")));
    assert_eq!(state["fds"], json!(["seccompFd"]));
}

#[test]
fn podman_runs_containers_with_it() {
    let bundle = Bundle::new(&["true"]);
    let runtime = bundle.host.path("porthole-runtime");
    symlink(porthole_tests::binary(), &runtime).expect("linked");
    let at = |name: &str| bundle.host.path(name).display().to_string();
    let podman = |words: &[&str]| {
        let mut command = Command::new("podman");
        command.args(["--root", &at("podman"), "--runroot", &at("podman-run"), "--storage-driver", "vfs"]);
        command.args([
            "--runtime",
            &at("porthole-runtime"),
            "--cgroup-manager",
            "cgroupfs",
            "--events-backend",
            "file",
        ]);
        command.args(words).output().expect("podman is installed")
    };
    let archive = at("box.tar");
    assert!(
        Command::new("tar")
            .arg("-C")
            .arg(bundle.path("rootfs"))
            .args(["-cf", &archive, "."])
            .status()
            .is_ok_and(|status| status.success())
    );
    assert!(podman(&["import", &archive, "box"]).status.success());
    let hello = podman(&["run", "--rm", "--network", "none", "--memory", "64m", "box", "echo", "hello"]);
    assert_eq!(String::from_utf8_lossy(&hello.stdout), "hello\n", "{}", String::from_utf8_lossy(&hello.stderr));
    assert_eq!(podman(&["run", "--rm", "--network", "none", "box", "sh", "-c", "exit 7"]).status.code(), Some(7));
    assert_eq!(podman(&["run", "--rm", "--network", "none", "box", "no-such"]).status.code(), Some(127));
    assert!(podman(&["run", "-d", "--name", "named", "--network", "none", "box", "sleep", "100"]).status.success());
    assert_eq!(podman(&["exec", "named", "sh", "-c", "exit 3"]).status.code(), Some(3));
    assert!(podman(&["pause", "named"]).status.success() && podman(&["unpause", "named"]).status.success());
    assert!(podman(&["rm", "-f", "-t", "0", "named"]).status.success());
}

#[test]
fn lines_that_no_terminal_shows_end_as_they_were_written() {
    let mut bundle = Bundle::new(&["echo", "one"]);
    bundle.set("/process/terminal", json!(true));
    assert_eq!(bundle.run("run -b BUNDLE box").stdout, "one\n");
}

#[test]
fn processor_time_is_a_share_that_is_changed_as_a_whole() {
    let bundle = Bundle::new(&["sleep", "100"]);
    let parent = Path::new("/sys/fs/cgroup/cpu").join(bundle.cgroup());
    if !Path::new("/sys/fs/cgroup/cpu/cpu.shares").exists() {
        return;
    }
    fs::create_dir(&parent).expect("made");
    fs::write(parent.join("cpu.cfs_quota_us"), "50000").expect("limited");
    bundle.detached("run -d -b BUNDLE box");
    bundle.fails(1, "update --cpu-quota 60000 box");
    bundle.ok("update --cpu-period 10000 --cpu-quota 3000 box");
    assert_eq!(fs::read_to_string(parent.join("box/cpu.cfs_quota_us")).expect("there").trim(), "3000");
}
