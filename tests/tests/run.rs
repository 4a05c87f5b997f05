//! `run` and its flags: what is asked for on the command line, and what the kernel then says inside.

use porthole_tests::Host;
use serde_json::json;
use std::fs;
use std::os::unix::fs::MetadataExt;

#[test]
fn output_and_errors_come_on_their_own_streams() {
    let host = Host::new();
    let output = host.porthole("run --rm box sh -c 'echo out; echo err >&2; exit 7'");
    assert_eq!((output.stdout.as_str(), output.stderr.as_str(), output.code), ("out\n", "err\n", 7));
}

#[test]
fn exit_codes_are_those_of_docker() {
    let host = Host::new();
    assert_eq!(host.porthole("run --rm box true").code, 0);
    assert_eq!(host.porthole("run --rm box sh -c 'exit 42'").code, 42);
    assert_eq!(host.porthole("run --rm box sh -c 'kill -9 $$'").code, 0, "an init does not hear its own SIGKILL");
    assert_eq!(host.porthole("run --rm box sh -c 'sh -c \"kill -SEGV \\$\\$\"; exit $?'").code, 139);
    assert!(host.fails(125, "run --rm --pull never nothing true").contains("nothing"));
    let absent = host.porthole("run --rm nothing true");
    assert_eq!(absent.code, 125, "no registry can be reached from here");
    assert!(absent.stderr.starts_with("Unable to find image 'nothing:latest' locally\n"), "{absent:?}");
    assert!(host.fails(126, "run --rm box /etc/passwd").contains("/etc/passwd"));
    assert!(host.fails(126, "run --rm box /etc").contains("/etc"));
    assert!(host.fails(127, "run --rm box nosuch").contains("nosuch"));
    assert!(host.fails(127, "run --rm box /no/such").contains("/no/such"));
    assert_eq!(host.ok("ps -aq"), "", "--rm removes what could not be started, too");
}

#[test]
fn a_container_that_could_not_be_started_stays_and_tells_why() {
    let host = Host::new();
    let message = host.fails(127, "run --name broken box nosuch");
    let state = host.inspect("broken")["State"].clone();
    assert_eq!(state["ExitCode"], 127);
    assert_eq!(state["Error"], message);
    assert_eq!(state["Running"], false);
}

#[test]
fn standard_input_is_sent_and_ends() {
    let host = Host::new();
    assert_eq!(host.porthole_with("run --rm -i box cat", b"one\ntwo\n").ok(), "one\ntwo");
    let bulk = vec![b'x'; 3 << 20];
    assert_eq!(host.porthole_with("run --rm -i box wc -c", &bulk).ok(), "3145728");
    assert_eq!(host.porthole_with("run --rm box cat", b"not sent").ok(), "");
}

#[test]
fn detached_it_prints_its_id_and_runs_on() {
    let host = Host::new();
    let id = host.ok("run -d --name sleeper box sleep 100");
    assert!(id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    assert_eq!(host.inspect("sleeper")["Id"], id.as_str());
    assert_eq!(host.inspect(&id[..5])["Name"], "/sleeper");
    assert_eq!(host.status(&id), "running");
}

#[test]
fn the_terminal_is_given_and_given_back() {
    let host = Host::new();
    let mut terminal = host.terminal("run --rm -it box sh -c 'tty; stty size; read line; echo got $line'");
    terminal.expect("/dev/pts/0\r\n24 80\r\n");
    assert!(!terminal.is_cooked(), "keys go to the container as they are");
    terminal.type_("a word\n");
    terminal.expect("got a word\r\n");
    assert_eq!(terminal.wait(), 0);
    assert!(terminal.is_cooked(), "the terminal is as it was before");
}

#[test]
fn an_interactive_terminal_needs_a_terminal() {
    let host = Host::new();
    assert!(host.fails(1, "run --rm -it box sh").contains("not a TTY"));
    assert_eq!(host.ok("ps -aq"), "");
}

#[test]
fn with_rm_nothing_is_left() {
    let host = Host::new();
    host.ok("run --rm --name gone -p 7000:80 box touch /file");
    assert_eq!(host.ok("ps -aq"), "");
    assert!(host.fails(1, "logs gone").contains("No such container: gone"));
    let id = host.ok("run -d --rm --name gone box sleep 100");
    host.ok("kill gone");
    porthole_tests::eventually("the monitor removes it", || host.ok("ps -aq").is_empty());
    assert!(!host.path("containers").join(id).exists());
}

#[test]
fn names_are_unique_and_generated_when_not_given() {
    let host = Host::new();
    let id = host.ok("create --name web box true");
    let conflict = host.fails(125, "run --name web box true");
    assert!(conflict.contains("\"/web\" is already in use") && conflict.contains(&id), "{conflict}");
    assert!(host.fails(1, "create --name .web box true").contains("Invalid container name"));
    let other = host.ok("create box true");
    let name = host.inspect(&other)["Name"].as_str().unwrap().to_owned();
    assert!(name.contains('_'), "{name}");
    assert_eq!(host.ok("ps -aq").lines().count(), 2);
}

#[test]
fn the_environment_is_what_was_asked_for() {
    let host = Host::new();
    let file = host.path("variables");
    fs::write(&file, "# a comment\nFROM_FILE=1\nBOTH=file\n").unwrap();
    let line =
        format!("run --rm --env-file {} -e BOTH=word -e EMPTY= -e TAKEN -e UNSET -h here box env", file.display());
    let mut command = host.command(&line);
    let output = command.env("TAKEN", "from outside").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let variables: Vec<&str> = text.lines().collect();
    for expected in ["FROM_FILE=1", "BOTH=word", "EMPTY=", "TAKEN=from outside", "HOSTNAME=here", "HOME=/root"] {
        assert!(variables.contains(&expected), "{expected} in {text}");
    }
    assert!(!text.contains("UNSET") && !text.contains("PORTHOLE"), "{text}");
    assert!(text.contains("PATH=/usr/local/sbin:"), "{text}");
}

#[test]
fn the_entrypoint_can_be_replaced() {
    let host = Host::new();
    assert_eq!(host.ok("run --rm --entrypoint echo box one two"), "one two");
    assert_eq!(host.ok("run --rm --entrypoint sh box -c 'echo of the shell'"), "of the shell");
    assert_eq!(host.ok("run --rm --entrypoint echo box -m --rm --name -- x"), "-m --rm --name -- x");
}

#[test]
fn the_user_is_found_by_name_and_number() {
    let host = Host::new();
    let id = |user: &str| host.ok(&format!("run --rm -u {user} box sh -c 'id -u; id -g; id -G; echo $HOME'"));
    assert_eq!(id("app"), "1000\n1001\n1001 50\n/srv");
    assert_eq!(id("1000"), "1000\n1001\n1001 50\n/srv");
    assert_eq!(id("app:staff"), "1000\n50\n50\n/srv");
    assert_eq!(id("4321:1234"), "4321\n1234\n1234\n/");
    assert!(host.fails(125, "run --rm -u nobody_knows box id").contains("nobody_knows"));
}

#[test]
fn the_working_directory_is_made_when_missing() {
    let host = Host::new();
    assert_eq!(host.ok("run --rm -w /srv box pwd"), "/srv");
    assert_eq!(host.ok("run --rm -w /brand/new box pwd"), "/brand/new");
    assert!(host.fails(125, "run --rm -w relative box pwd").contains("absolute"));
}

#[test]
fn the_host_name_is_its_own() {
    let host = Host::new();
    assert_eq!(host.ok("run --rm -h db box hostname"), "db");
    let id = host.ok("run -d --name plain box sleep 100");
    assert_eq!(host.ok("exec plain hostname"), id[..12]);
    let hosts = host.ok("exec plain cat /etc/hosts");
    let own = format!("{}\t{}", host.address("plain"), &id[..12]);
    assert!(hosts.lines().any(|line| line == own), "{own} in {hosts}");
    assert_eq!(host.ok("exec plain cat /etc/hostname"), id[..12]);
}

#[test]
fn bind_mounts_are_the_hosts_files() {
    let host = Host::new();
    let shared = host.path("shared");
    fs::create_dir(&shared).unwrap();
    fs::write(shared.join("from-host"), "hello").unwrap();
    let shared = shared.display();
    assert_eq!(
        host.ok(&format!("run --rm -v {shared}:/data box sh -c 'cat /data/from-host; echo x > /data/new'")),
        "hello"
    );
    assert_eq!(fs::read_to_string(host.path("shared/new")).unwrap(), "x\n");
    let refused = host.porthole(&format!("run --rm -v {shared}:/data:ro box touch /data/refused"));
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("Read-only file system"), "{}", refused.stderr);
    let file = format!("run --rm -v {shared}/from-host:/etc/motd:ro box cat /etc/motd");
    assert_eq!(host.ok(&file), "hello", "a file over a file that is not there");
    host.ok(&format!("run --rm -v {shared}/made:/made box true"));
    assert!(host.path("shared/made").is_dir(), "a missing source is made");
}

#[test]
fn a_read_only_root_has_writable_places() {
    let host = Host::new();
    let script = "touch /file 2>/dev/null && echo root; touch /run/file && echo run; touch /dev/shm/file && echo shm";
    assert_eq!(host.ok(&format!("run --rm --read-only --tmpfs /run box sh -c '{script}'")), "run\nshm");
}

#[test]
fn a_tmpfs_has_the_options_that_were_asked_for() {
    let host = Host::new();
    let mounts = host.ok("run --rm --tmpfs /scratch:size=64k,mode=700 --tmpfs /plain box cat /proc/mounts");
    let line =
        |path: &str| mounts.lines().find(|line| line.contains(path)).unwrap_or_else(|| panic!("{path} in {mounts}"));
    for option in ["tmpfs", "size=64k", "mode=700", "nosuid", "nodev", "noexec"] {
        assert!(line(" /scratch ").contains(option), "{option} in {}", line(" /scratch "));
    }
    assert!(line(" /plain ").starts_with("tmpfs"), "{mounts}");
}

#[test]
fn capabilities_are_dockers_and_can_be_chosen() {
    let host = Host::new();
    let sets = |flags: &str| {
        let text = host.ok(&format!("run --rm {flags} box grep -E ^Cap(Inh|Prm|Eff|Bnd|Amb) /proc/self/status"));
        let value = |line: &str| u64::from_str_radix(line.split('\t').nth(1).unwrap(), 16).unwrap();
        let values: Vec<u64> = text.lines().map(value).collect();
        <[u64; 5]>::try_from(values).unwrap()
    };
    const DEFAULT: u64 = 0xa804_25fb;
    const NET_ADMIN: u64 = 1 << 12;
    const CHOWN: u64 = 1;
    assert_eq!(sets(""), [0, DEFAULT, DEFAULT, DEFAULT, 0]);
    assert_eq!(sets("--cap-add NET_ADMIN")[3], DEFAULT | NET_ADMIN);
    assert_eq!(sets("--cap-drop CAP_CHOWN")[3], DEFAULT & !CHOWN);
    assert_eq!(sets("--cap-drop all --cap-add chown"), [0, CHOWN, CHOWN, CHOWN, 0]);
    assert_eq!(sets("-u app"), [0, 0, 0, DEFAULT, 0], "a user other than root holds none");
    assert!(host.fails(125, "run --rm --cap-add NONSENSE box true").contains("NONSENSE"));
}

#[test]
fn a_privileged_container_sees_devices_and_may_mount() {
    let host = Host::new();
    let script = "mount -t tmpfs none /mnt 2>&1 && echo mounted; grep Seccomp: /proc/self/status";
    let plain = host.ok(&format!("run --rm box sh -c 'mkdir /mnt; {script}'"));
    assert!(plain.contains("ermission denied") || plain.contains("not permitted"), "{plain}");
    assert!(plain.ends_with("Seccomp:\t2"), "{plain}");
    let privileged = host.ok(&format!("run --rm --privileged box sh -c 'mkdir /mnt; {script}; ls /dev/kmsg'"));
    assert_eq!(privileged, "mounted\nSeccomp:\t0\n/dev/kmsg");
}

#[test]
fn the_containers_view_is_confined() {
    let host = Host::new();
    let script = "echo $$; ls /proc/self/fd | wc -l; ls -d /proc/[0-9]* | wc -l; cat /proc/kcore | head -c1 | wc -c; \
                  touch /proc/sys/kernel/hostname 2>&1 | grep -c Read-only; touch /sys/x 2>&1 | grep -c Read-only";
    // Descriptors: the three streams and the directory that ls reads. Processes: sh, ls, wc.
    assert_eq!(host.ok(&format!("run --rm box sh -c '{script}'")), "1\n4\n3\n0\n1\n1");
    let mounts = host.ok("run --rm box cat /proc/self/mountinfo");
    let hidden = ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/acpi", "/sys/firmware"];
    for hidden in hidden.into_iter().filter(|path| fs::exists(path).unwrap()) {
        assert!(mounts.contains(&format!(" {hidden} ")), "{hidden} is masked: {mounts}");
    }
}

#[test]
fn every_namespace_is_its_own() {
    let host = Host::new();
    host.ok("run -d --name one box sleep 100");
    let inside = host.init("one");
    for namespace in ["mnt", "pid", "net", "uts", "ipc", "cgroup"] {
        let of = |pid: String| fs::read_link(format!("/proc/{pid}/ns/{namespace}")).unwrap();
        assert_ne!(of(inside.to_string()), of("thread-self".into()), "{namespace}");
    }
}

#[test]
fn limits_reach_the_cgroup() {
    let host = Host::new();
    host.ok("run -d --name small --memory 32m --cpus 0.5 --pids-limit 20 box sleep 100");
    assert_eq!(host.cgroup("small", "memory.limit_in_bytes", "memory.max"), "33554432");
    assert_eq!(host.cgroup("small", "pids.max", "pids.max"), "20");
    let quota = host.cgroup("small", "cpu.cfs_quota_us", "cpu.max");
    assert!(["50000", "50000 100000"].contains(&quota.as_str()), "{quota}");
    let configured = host.inspect("small")["HostConfig"].clone();
    let limits = [&configured["Memory"], &configured["NanoCpus"], &configured["PidsLimit"]];
    assert_eq!(limits, [&json!(33_554_432), &json!(500_000_000), &json!(20)]);
    assert!(host.fails(125, "run --rm --memory 1m box true").contains("6MB"));
}

#[test]
fn a_container_without_memory_is_killed_and_says_so() {
    let host = Host::new();
    let output =
        host.porthole("run --name hungry --memory 16m box sh -c 'x=0123456789abcdef; while true; do x=$x$x; done'");
    assert_eq!(output.code, 137, "{}", output.stderr);
    assert_eq!(host.inspect("hungry")["State"]["OOMKilled"], true);
}

#[test]
fn a_fork_bomb_meets_its_limit() {
    let host = Host::new();
    let script = "for i in 1 2 3 4 5 6 7 8 9; do sleep 1 & done; wait";
    let output = host.porthole(&format!("run --rm --pids-limit 5 box sh -c '{script}'"));
    assert!(output.stderr.contains("can't fork"), "{output:?}");
}

#[test]
fn labels_and_the_stop_signal_are_kept() {
    let host = Host::new();
    host.ok("create --name labelled --label tier=web -l plain --stop-signal SIGUSR1 box true");
    let config = host.inspect("labelled")["Config"].clone();
    assert_eq!(config["Labels"], json!({ "tier": "web", "plain": "" }));
    assert_eq!(config["StopSignal"], "SIGUSR1");
    assert!(host.fails(1, "create --stop-signal SIGNOPE box true").contains("SIGNOPE"));
}

#[test]
fn the_images_defaults_apply() {
    let host = Host::empty();
    let image = porthole_tests::archive::Image::new(vec![porthole_tests::archive::busybox().to_vec()]);
    host.porthole_with("load -q", &image.docker("app:1")).ok();
    assert_eq!(host.ok("run --rm app:1"), "hello");
    assert_eq!(host.ok("run --rm -e GREETING=hi app:1"), "hi");
    assert_eq!(host.ok("run --rm app:1 sh -c 'id -un; pwd'"), "app\n/srv");
    host.ok("create --name made app:1");
    assert_eq!(host.inspect("made")["Config"]["StopSignal"], "SIGINT");
    assert_eq!(host.inspect("made")["Config"]["Labels"]["made"], "here");
}

#[test]
fn what_a_container_writes_stays_with_it() {
    let host = Host::new();
    let script = "cat /file 2>/dev/null; echo kept > /file; rm -f /etc/group; mkdir -p -m 700 /private";
    assert_eq!(host.ok(&format!("run --name writer box sh -c '{script}'")), "");
    assert_eq!(host.ok("run --rm box sh -c 'ls /file /etc/group 2>/dev/null; true'"), "/etc/group");
    let upper = host.container("writer").join("upper");
    assert_eq!(fs::read_to_string(upper.join("file")).unwrap(), "kept\n");
    assert_eq!(fs::metadata(upper.join("private")).unwrap().mode() & 0o777, 0o700);
    assert!(!upper.join("etc/group").is_file(), "a whiteout is no file");
    assert_eq!(host.ok("start -a writer"), "kept");
}

#[test]
fn many_fast_containers_never_lose_output() {
    let host = Host::new();
    for number in 0..200 {
        assert_eq!(host.ok(&format!("run --rm --net none box echo {number}")), number.to_string());
    }
}
