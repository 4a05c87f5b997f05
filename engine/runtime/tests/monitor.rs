//! A real monitor with real containers, as root.
//!
//! This program has three faces: `monitor DIRECTORY` is the monitor, `attach SOCKET` a client of one, anything else runs the tests whose names contain
//! the arguments.

#[path = "support/mod.rs"]
mod support;

use porthole_runtime::client::{Attach, MonitorClient, WaitCondition};
use porthole_runtime::log::{Follower, Query, Reader, Stream, Wake};
use porthole_runtime::monitor::{self, RestartPolicy};
use porthole_runtime::process::ProcessId;
use porthole_runtime::relay::{self, DetachKeys, Execed, Outcome};
use porthole_runtime::sandbox::{self, ExecOptions, ExecRequest};
use porthole_runtime::state::Status;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use support::{Container, Options, eventually, processes_of};

const OUTPUT: Attach = Attach { stdin: false, stdout: true, stderr: true, cleanup: false };

const TESTS: &[(&str, fn())] = &[
    ("log_has_dockers_format_and_both_streams", log_has_dockers_format_and_both_streams),
    ("attached_before_the_start_sees_everything", attached_before_the_start_sees_everything),
    ("quick_runs_lose_nothing", quick_runs_lose_nothing),
    ("exit_codes", exit_codes),
    ("a_program_that_is_not_there_fails_with_127", a_program_that_is_not_there_fails_with_127),
    ("a_launcher_that_leaves_undoes_the_container", a_launcher_that_leaves_undoes_the_container),
    ("on_failure_restarts_in_the_same_network", on_failure_restarts_in_the_same_network),
    ("a_stopped_container_is_not_restarted", a_stopped_container_is_not_restarted),
    ("stop_kills_after_the_timeout", stop_kills_after_the_timeout),
    ("pause_and_resume", pause_and_resume),
    ("stdin_is_passed_on_and_half_closed", stdin_is_passed_on_and_half_closed),
    ("a_killed_client_changes_nothing_and_the_monitor_cleans_up", a_killed_client_changes_nothing),
    ("a_client_that_cleans_up_is_waited_for", a_client_that_cleans_up_is_waited_for),
    ("a_slow_client_slows_the_container_and_loses_nothing", a_slow_client_loses_nothing),
    ("a_killed_monitor_leaves_the_container_running", a_killed_monitor_leaves_the_container_running),
    ("sigterm_to_the_monitor_stops_the_container", sigterm_to_the_monitor_stops_the_container),
    ("a_flood_is_bounded_on_disk_and_in_memory", a_flood_is_bounded),
    ("a_line_without_end_is_bounded", a_line_without_end_is_bounded),
    ("a_terminal_is_relayed_and_resized", a_terminal_is_relayed_and_resized),
    ("memory_exhaustion_is_recorded", memory_exhaustion_is_recorded),
    ("exec_is_relayed_with_its_code", exec_is_relayed_with_its_code),
    ("detach_keys_leave_the_container_and_restore_the_terminal", detach_keys_restore_the_terminal),
    ("following_ends_with_the_container", following_ends_with_the_container),
    ("strangers_and_garbage_are_sent_away", garbage_is_sent_away),
    ("the_idle_monitor_is_small", the_idle_monitor_is_small),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [face, directory] = arguments.as_slice()
        && face == "monitor"
    {
        return monitor::main(Path::new(directory), monitor::service::none);
    }
    if let [face, socket] = arguments.as_slice()
        && face == "attach"
    {
        return attach_here(Path::new(socket));
    }
    let wanted = |name: &str| {
        let filters: Vec<_> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
        filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()))
    };
    if !nix::unistd::geteuid().is_root() {
        println!("skipped: containers without a user namespace need root");
        return ExitCode::SUCCESS;
    }
    for (name, test) in TESTS.iter().filter(|(name, _)| wanted(name)) {
        let before = Instant::now();
        // A panic ends the program with its message, after the containers have been removed.
        test();
        println!("{name}: ok, {} ms", before.elapsed().as_millis());
    }
    ExitCode::SUCCESS
}

fn container(script: &str) -> Container {
    Container::new(script, Options::default())
}

fn restarting(script: &str, restart: RestartPolicy) -> Container {
    Container::new(script, Options { restart, ..Options::default() })
}

/// Runs it to its final end; its exit code.
fn run(container: &Container) -> i32 {
    let mut client = container.start(None).expect("starts");
    client.wait(WaitCondition::Final).expect("ends")
}

/// Relays as the command line would; outcome and output.
fn relayed(container: &Container, attach: Attach, options: &relay::Options) -> (Outcome, String) {
    let mut client = container.start(Some(attach)).expect("starts");
    captured(container, || relay::attach(&mut client, options))
}

/// Relays with this process's standard output replaced by a file; outcome and output.
fn captured(container: &Container, relay: impl FnOnce() -> io::Result<Outcome>) -> (Outcome, String) {
    let path = container.path().join("screen");
    let file = fs::File::create(&path).expect("made");
    let saved: OwnedFd = nix::unistd::dup(io::stdout()).expect("duplicated");
    nix::unistd::dup2_stdout(&file).expect("replaced");
    let outcome = relay();
    nix::unistd::dup2_stdout(&saved).expect("restored");
    (outcome.expect("relays"), fs::read_to_string(path).expect("readable"))
}

fn pipes() -> relay::Options {
    relay::Options { terminal: false, stdin: false, forward_signals: true, detach_keys: DetachKeys::default() }
}

fn log_has_dockers_format_and_both_streams() {
    let container = container("echo out; echo err >&2; printf 'no \"end\"\\t\\001'");
    assert_eq!(run(&container), 0);
    assert_eq!(container.logged(Stream::Stdout), "out\nno \"end\"\t\u{1}");
    assert_eq!(container.logged(Stream::Stderr), "err\n");
    for line in fs::read_to_string(container.log_path()).expect("readable").lines() {
        let record: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).expect("JSON");
        assert_eq!(record.keys().collect::<Vec<_>>(), ["log", "stream", "time"]);
    }
    let state = container.state();
    assert_eq!((state.status, state.exit_code, state.init, state.monitor), (Status::Exited, Some(0), None, None));
    assert!(state.started_at < state.finished_at && state.error.is_empty() && !state.boot_id.is_empty());
    container.await_cleanup();
    eventually("the monitor's end", || processes_of(container.path()).is_empty().then_some(()));
    assert!(!container.config.socket.exists());
}

fn attached_before_the_start_sees_everything() {
    let container = container("for i in $(/bin/busybox seq 2000); do echo line $i; done; echo err >&2");
    let attach = Attach { stderr: false, ..OUTPUT };
    let (outcome, screen) = relayed(&container, attach, &pipes());
    assert_eq!(outcome, Outcome::Exited(0));
    assert_eq!(screen, (1..=2000).map(|i| format!("line {i}\n")).collect::<String>());
    assert_eq!(container.logged(Stream::Stdout), screen);
}

fn quick_runs_lose_nothing() {
    for number in 0..200 {
        let container = container(&format!("echo {number}; exit {}", number % 7));
        let (outcome, screen) = relayed(&container, OUTPUT, &pipes());
        assert_eq!((outcome, screen), (Outcome::Exited(number % 7), format!("{number}\n")));
        assert_eq!(container.logged(Stream::Stdout), format!("{number}\n"));
    }
}

fn exit_codes() {
    assert_eq!(run(&container("exit 42")), 42);
    assert_eq!(run(&container("/bin/busybox sleep 9 & kill -KILL $!; wait $!")), 137);
    let container = container("/bin/busybox sleep 9");
    container.start(None).expect("starts").signal(libc::SIGKILL).expect("sent");
    assert_eq!(container.await_status(Status::Exited).exit_code, Some(137));
}

fn a_program_that_is_not_there_fails_with_127() {
    let container = container("");
    let path = container.path().join("spec.json");
    let spec = fs::read_to_string(&path).expect("readable").replace("/bin/busybox", "/bin/nothing");
    fs::write(&path, spec).expect("written");
    let error = container.start(None).err().expect("cannot start");
    assert_eq!(error.exit_code, 127, "{error}");
    container.await_cleanup();
    let state = container.state();
    assert_eq!((state.status, state.exit_code), (Status::Created, Some(127)));
    assert_eq!(state.error, error.message);
}

fn a_launcher_that_leaves_undoes_the_container() {
    let container = container("echo never");
    let mut launching = container.launch();
    let init = launching.created().expect("made");
    assert!(init.is_alive());
    drop(launching);
    container.await_cleanup();
    assert!(!init.is_alive());
    assert!(container.log().is_empty());
    assert_eq!(container.state().status, Status::Created);
}

fn on_failure_restarts_in_the_same_network() {
    let container = restarting("/bin/busybox readlink /proc/self/ns/net; exit 3", RestartPolicy::OnFailure(2));
    assert_eq!(run(&container), 3);
    let state = container.state();
    assert_eq!((state.restart_count, state.exit_code, state.status), (2, Some(3), Status::Exited));
    let namespaces: Vec<_> = container.log().into_iter().map(|entry| entry.message).collect();
    assert_eq!(namespaces.len(), 3);
    assert!(namespaces[0].starts_with("net:["), "{namespaces:?}");
    assert!(namespaces.iter().all(|namespace| *namespace == namespaces[0]), "{namespaces:?}");
    container.await_cleanup();
}

fn a_stopped_container_is_not_restarted() {
    let container =
        restarting("trap 'exit 5' TERM; echo up; while :; do /bin/busybox sleep 0.01; done", RestartPolicy::Always);
    container.start(None).expect("starts");
    eventually("output", || (!container.log().is_empty()).then_some(()));
    assert_eq!(container.client().stop(libc::SIGTERM, Some(Duration::from_secs(5))).expect("stops"), 5);
    assert_eq!(container.state().status, Status::Exited);

    let container = restarting("exit 1", RestartPolicy::Always);
    container.start(None).expect("starts");
    container.await_status(Status::Restarting);
    container.client().stop(libc::SIGTERM, None).expect("stops while it waits");
    assert_eq!(container.await_status(Status::Exited).exit_code, Some(1));
}

fn stop_kills_after_the_timeout() {
    let container = container("trap '' TERM; echo up; while :; do /bin/busybox sleep 1; done");
    container.start(None).expect("starts");
    eventually("output", || (!container.log().is_empty()).then_some(()));
    let before = Instant::now();
    let code = container.client().stop(libc::SIGTERM, Some(Duration::from_millis(200))).expect("stops");
    assert_eq!(code, 137);
    assert!(before.elapsed() >= Duration::from_millis(200) && before.elapsed() < Duration::from_secs(2));
}

fn pause_and_resume() {
    let container = container("while :; do echo x; /bin/busybox sleep 0.01; done");
    container.start(None).expect("starts");
    let mut client = container.client();
    client.pause().expect("pauses");
    assert_eq!(container.state().status, Status::Paused);
    let count = container.log().len();
    std::thread::sleep(Duration::from_millis(60));
    assert!(container.log().len() <= count + 1);
    client.resume().expect("resumes");
    assert_eq!(client.status().expect("tells").status, Status::Running);
    eventually("more output", || (container.log().len() > count + 3).then_some(()));
    client.pause().expect("pauses");
    // Frozen, it can only end if it is thawed as well.
    assert_eq!(client.stop(libc::SIGKILL, None).expect("stops"), 137);
}

fn stdin_is_passed_on_and_half_closed() {
    let container = Container::new("/bin/busybox cat; echo end", Options { stdin: true, ..Options::default() });
    let text = "some input\n".repeat(20_000);
    let mut input = tempfile::tempfile().expect("a file");
    input.write_all(text.as_bytes()).expect("written");
    io::Seek::rewind(&mut input).expect("rewound");
    let saved: OwnedFd = nix::unistd::dup(io::stdin()).expect("duplicated");
    nix::unistd::dup2_stdin(&input).expect("replaced");
    let attach = Attach { stdin: true, ..OUTPUT };
    let (outcome, screen) = relayed(&container, attach, &relay::Options { stdin: true, ..pipes() });
    nix::unistd::dup2_stdin(&saved).expect("restored");
    assert_eq!(outcome, Outcome::Exited(0));
    assert!(screen == format!("{text}end\n"), "{} bytes of {} came back", screen.len(), text.len());
}

fn a_killed_client_changes_nothing() {
    let container = container("echo one; /bin/busybox sleep 0.2; echo two");
    // What the kernel does for a client killed by SIGKILL: its connection is closed.
    drop(container.start(Some(Attach { cleanup: true, ..OUTPUT })).expect("starts"));
    container.await_cleanup();
    assert_eq!(container.logged(Stream::Stdout), "one\ntwo\n");
    assert_eq!(container.state().exit_code, Some(0));
}

fn a_client_that_cleans_up_is_waited_for() {
    let container = container("exit 9");
    let mut client = container.start(Some(Attach { cleanup: true, ..OUTPUT })).expect("starts");
    assert_eq!(relay::attach(&mut client, &pipes()).expect("relays"), Outcome::Exited(9));
    assert_eq!(processes_of(container.path()).len(), 1);
    client.cleaned_up();
    eventually("the monitor's end", || processes_of(container.path()).is_empty().then_some(()));
    assert!(!container.is_cleaned_up());
}

fn a_slow_client_loses_nothing() {
    let container = container("/bin/busybox seq 200000");
    let attach = Attach { stderr: false, ..OUTPUT };
    let mut client = container.start(Some(attach)).expect("starts");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(container.state().status, Status::Running, "the container waits for its client");
    let (outcome, screen) = captured(&container, || relay::attach(&mut client, &pipes()));
    assert_eq!(outcome, Outcome::Exited(0));
    assert!(screen.lines().eq((1..=200_000).map(|i| i.to_string())), "{} bytes", screen.len());
    assert!(container.logged(Stream::Stdout) == screen);
}

fn a_killed_monitor_leaves_the_container_running() {
    let container = container("while :; do echo x; done");
    let mut client = container.start(Some(OUTPUT)).expect("starts");
    let state = container.await_status(Status::Running);
    let (monitor, init) = (state.monitor.expect("has one"), state.init.expect("runs"));
    monitor.send_signal(libc::SIGKILL).expect("killed");
    eventually("the monitor's end", || (!monitor.is_alive()).then_some(()));
    std::thread::sleep(Duration::from_millis(50));
    assert!(init.is_alive(), "SIGPIPE must not end it");
    let (outcome, _) = captured(&container, || relay::attach(&mut client, &pipes()));
    assert_eq!(outcome, Outcome::MonitorLost);
    let error = MonitorClient::connect(&container.config.socket).err().expect("nobody listens");
    assert!(error.to_string().starts_with("no monitor answers at "), "{error}");
    init.send_signal(libc::SIGKILL).expect("still ours to kill");
    eventually("the init's end", || (!init.is_alive()).then_some(()));
}

fn sigterm_to_the_monitor_stops_the_container() {
    let container =
        restarting("trap 'exit 6' TERM; echo up; while :; do /bin/busybox sleep 0.01; done", RestartPolicy::Always);
    container.start(None).expect("starts");
    eventually("output", || (!container.log().is_empty()).then_some(()));
    let monitor = container.state().monitor.expect("has one");
    for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGPIPE, libc::SIGTERM] {
        monitor.send_signal(signal).expect("sent");
    }
    assert_eq!(container.await_status(Status::Exited).exit_code, Some(6));
    container.await_cleanup();
}

fn log_size(container: &Container) -> u64 {
    let files = fs::read_dir(container.path().join("log")).expect("readable").flatten();
    files.map(|file| file.metadata().map_or(0, |data| data.len())).sum()
}

/// A value of `/proc/PID/smaps_rollup` in KiB.
fn memory(pid: i32, field: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("readable");
    let line = text.lines().find(|line| line.starts_with(field)).expect("a field");
    line.split_ascii_whitespace().nth(1).expect("a number").parse().expect("a number")
}

fn a_flood_is_bounded() {
    let container = Container::new(
        "/bin/busybox yes 'a line of some length, again and again'",
        Options { max_size: 1 << 20, ..Options::default() },
    );
    container.start(None).expect("starts");
    let monitor = container.await_status(Status::Running).monitor.expect("has one").pid;
    eventually("rotation", || container.path().join("log/container.log.2").exists().then_some(()));
    for _ in 0..20 {
        assert!(log_size(&container) <= 3 << 20);
        assert!(memory(monitor, "Rss:") < 8 << 10);
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(container.client().stop(libc::SIGKILL, None).expect("stops"), 137);
    let mut reader =
        Reader::open(&container.log_path(), Query { tail: Some(1000), ..Query::default() }).expect("opens");
    let entries: Vec<_> = std::iter::from_fn(|| reader.next_entry().expect("readable")).collect();
    assert_eq!(entries.len(), 1000);
    assert!(entries[..999].iter().all(|entry| entry.message == "a line of some length, again and again\n"));
}

fn a_line_without_end_is_bounded() {
    let script = "/bin/busybox yes | /bin/busybox tr -d '\\n' | /bin/busybox head -c 100000000";
    let container = Container::new(script, Options { max_size: 1 << 20, ..Options::default() });
    assert_eq!(run(&container), 0);
    let entries = container.log();
    let (last, pieces) = entries.split_last().expect("some");
    assert!(pieces.iter().all(|entry| entry.message.len() == 16 * 1024));
    assert!(pieces.len() > 100 && last.message.bytes().all(|byte| byte == b'y'));
    assert!(log_size(&container) <= 3 << 20);
}

fn a_terminal_is_relayed_and_resized() {
    let script =
        "trap '/bin/busybox stty size; exit 4' WINCH; /bin/busybox tty; while :; do /bin/busybox sleep 0.01; done";
    let container = Container::new(script, Options { terminal: true, stdin: true, ..Options::default() });
    let resizer = container.config.socket.clone();
    let log = container.log_path();
    let thread = std::thread::spawn(move || {
        eventually("output", || fs::read_to_string(&log).ok().filter(|text| !text.is_empty()));
        MonitorClient::connect(&resizer).and_then(|mut client| client.resize(101, 33)).expect("resizes");
    });
    let options = relay::Options { terminal: true, ..pipes() };
    let (outcome, screen) = relayed(&container, OUTPUT, &options);
    thread.join().expect("resized");
    assert_eq!(outcome, Outcome::Exited(4));
    let lines: Vec<_> = screen.split("\r\n").collect();
    assert!(lines[0].starts_with("/dev/"), "{screen:?}");
    assert_eq!(lines[1..], ["33 101", ""]);
}

fn memory_exhaustion_is_recorded() {
    // The shell's child is what grows too large; the shell then reports how it ended.
    let script = "/bin/busybox head -c 60000000 /dev/zero | /bin/busybox sort > /dev/null; exit 1";
    let container = restarting(script, RestartPolicy::OnFailure(1));
    container.limit_memory(20 << 20);
    assert_eq!(run(&container), 1, "{}", container.logged(Stream::Stderr));
    assert!(container.state().oom_killed);
    let container = self::container("exit 1");
    container.limit_memory(20 << 20);
    run(&container);
    assert!(!container.state().oom_killed);
}

/// A process in the container, as `porthole exec` starts it.
fn exec(container: &Container, script: &str) -> (Outcome, String) {
    let (pipes, stdio) = Execed::pipes(false).expect("pipes");
    let process = container.process(script);
    let exec = sandbox::exec(ExecRequest {
        init: container.state().init.expect("runs"),
        spec: container.spec(),
        process: &process,
        stdio,
        options: ExecOptions::default(),
    })
    .expect("starts");
    captured(container, || relay::exec(Execed::on_pipes(exec.pidfd, pipes), &self::pipes()))
}

fn exec_is_relayed_with_its_code() {
    let container = container("/bin/busybox sleep 60");
    container.start(None).expect("starts");
    for _ in 0..20 {
        let (outcome, screen) = exec(&container, "/bin/busybox seq 30000; exit 12");
        assert_eq!(outcome, Outcome::Exited(12));
        assert!(screen.lines().eq((1..=30_000).map(|i| i.to_string())));
    }
    // What is left behind with the pipes open does not hold up the end.
    let (outcome, screen) = exec(&container, "echo done; /bin/busybox sleep 50 &");
    assert_eq!((outcome, screen.as_str()), (Outcome::Exited(0), "done\n"));
}

/// This program's third face: `attach SOCKET`, on a terminal.
fn attach_here(socket: &Path) -> ExitCode {
    let mut client = MonitorClient::connect(socket).expect("connects");
    let attach = Attach { stdin: true, ..OUTPUT };
    client.attach(attach).expect("attaches");
    let options = relay::Options { terminal: true, stdin: true, ..pipes() };
    match relay::attach(&mut client, &options).expect("relays") {
        Outcome::Detached => ExitCode::from(77),
        _ => ExitCode::FAILURE,
    }
}

fn detach_keys_restore_the_terminal() {
    let options = Options { terminal: true, stdin: true, ..Options::default() };
    let container = Container::new("read line; echo got $line; read line", options);
    container.start(None).expect("starts");
    for (keys, expected) in [(&b"hello\r"[..], None), (b"\x10\x11", Some(77)), (b"", Some(143))] {
        let pty = nix::pty::openpty(None, None).expect("a terminal");
        let before = nix::sys::termios::tcgetattr(&pty.slave).expect("a terminal");
        let stdio = || std::process::Stdio::from(pty.slave.try_clone().expect("cloned"));
        let mut child = std::process::Command::new("/proc/self/exe")
            .args([OsStr::new("attach"), container.config.socket.as_os_str()])
            .stdin(stdio())
            .stdout(stdio())
            .spawn()
            .expect("starts");
        let flags = || nix::sys::termios::tcgetattr(&pty.slave).expect("a terminal").local_flags;
        eventually("raw mode", || (flags() != before.local_flags).then_some(()));
        nix::unistd::write(&pty.master, keys).expect("typed");
        if expected != Some(77) {
            eventually("the line", || container.logged(Stream::Stdout).contains("got hello").then_some(()));
            let child = ProcessId::of(child.id().cast_signed()).expect("runs");
            child.send_signal(libc::SIGTERM).expect("sent");
        }
        let status = child.wait().expect("ends");
        let code = status.code().or(status.signal().map(|signal| 128 + signal));
        assert_eq!(code, expected.or(Some(143)));
        assert_eq!(flags(), before.local_flags, "the terminal is as it was");
    }
    assert_eq!(container.client().status().expect("goes on").status, Status::Running);
}

fn following_ends_with_the_container() {
    let container = container("for i in $(/bin/busybox seq 50); do echo $i; /bin/busybox sleep 0.005; done");
    container.start(None).expect("starts");
    let log = &container.log_path();
    let mut follower = Follower::new(container.path(), log).expect("follows");
    let mut reader = Reader::open(log, Query::default()).expect("opens");
    let (mut seen, mut wakes) = (Vec::new(), 0);
    loop {
        while let Some(entry) = reader.next_entry().expect("readable") {
            seen.push(entry.message);
        }
        wakes += 1;
        if follower.wait(None).expect("waits") == Wake::Ended {
            break;
        }
    }
    assert_eq!(seen, (1..=50).map(|i| format!("{i}\n")).collect::<Vec<_>>());
    assert!(wakes < 200, "{wakes} wakes for 50 lines");
}

fn garbage_is_sent_away() {
    let container = container("/bin/busybox sleep 60");
    container.start(None).expect("starts");
    let mut stream = std::os::unix::net::UnixStream::connect(&container.config.socket).expect("connects");
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("written");
    let mut answer = Vec::new();
    io::Read::read_to_end(&mut stream, &mut answer).expect("closed");
    assert!(String::from_utf8_lossy(&answer).contains("version 71"), "{answer:?}");
    assert_eq!(container.client().status().expect("goes on").status, Status::Running);
    container.client().signal(libc::SIGKILL).expect("killed");
    container.await_cleanup();
}

fn the_idle_monitor_is_small() {
    let container = container("echo up; /bin/busybox sleep 60");
    container.start(None).expect("starts");
    eventually("output", || (!container.log().is_empty()).then_some(()));
    let monitor = container.state().monitor.expect("has one").pid;
    let figures = || ["Pss:", "Private_Dirty:", "Rss:"].map(|field| memory(monitor, field));
    let busy = figures();
    // Once it has settled down.
    std::thread::sleep(Duration::from_millis(300));
    let [pss, dirty, resident] = figures();
    println!("monitor: PSS {pss} KiB, private and dirty {dirty} KiB, resident {resident} KiB; at first {busy:?}");
    assert!(pss < busy[0]);
    let descriptors = fs::read_dir(format!("/proc/{monitor}/fd")).expect("readable").count();
    assert!(descriptors <= 12, "{descriptors} descriptors");
    assert!(memory(monitor, "Private_Dirty:") < 1024);
    container.client().signal(libc::SIGKILL).expect("killed");
    container.await_cleanup();
}
