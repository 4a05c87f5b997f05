//! `attach` and `exec`, with and without a terminal.

use nix::sys::signal::Signal;
use porthole_tests::{Host, eventually};

const CTRL_P_CTRL_Q: &str = "\x10\x11";

#[test]
fn a_terminal_is_left_and_found_again() {
    let host = Host::new();
    let mut first = host.terminal("run -it --name shell box sh -c 'while read line; do echo said $line; done'");
    first.type_("one\n");
    first.expect("said one");
    first.type_(CTRL_P_CTRL_Q);
    assert_eq!(first.wait(), 0);
    assert!(first.is_cooked());
    assert_eq!(host.status("shell"), "running");

    let mut second = host.terminal("attach shell");
    second.type_("two\n");
    second.expect("said two");
    second.type_("\x04");
    assert_eq!(second.wait(), 0, "the shell ends with its input");
    assert_eq!(host.status("shell"), "exited");
    assert!(host.ok("logs shell").contains("said one"));
}

#[test]
fn the_keys_to_leave_by_can_be_chosen() {
    let host = Host::new();
    host.ok("run -dit --name shell box sh");
    let mut terminal = host.terminal("attach --detach-keys ctrl-a,d shell");
    terminal.type_("echo $((40+2))\n");
    terminal.expect("42");
    terminal.type_("\x01d");
    assert_eq!(terminal.wait(), 0);
    assert_eq!(host.status("shell"), "running");
    assert!(host.porthole("attach --no-stdin --detach-keys nonsense- shell").fails(1).contains("nonsense"));
}

#[test]
fn two_clients_see_the_same() {
    let host = Host::new();
    host.ok("run -dit --name shell box sh");
    let (mut one, two) = (host.terminal("attach shell"), host.terminal("attach shell"));
    one.type_("echo $((40+2))\n");
    one.expect("42");
    two.expect("42");
}

#[test]
fn a_resize_reaches_the_container() {
    let host = Host::new();
    let mut terminal = host.terminal("run --rm -it --name shell box sh");
    terminal.expect("#");
    terminal.resize(123, 45);
    eventually("the new size is seen", || {
        terminal.type_("stty size\n");
        porthole_tests::pause(50);
        terminal.screen().contains("45 123")
    });
    terminal.type_("exit 6\n");
    assert_eq!(terminal.wait(), 6);
}

#[test]
fn attach_without_a_terminal_joins_the_streams() {
    let host = Host::new();
    host.ok("run -di --name reader box sh -c 'while read line; do echo said $line; done; echo end; exit 8'");
    let mut attached = host.start("attach reader");
    attached.write("hello\n");
    assert_eq!(attached.line(), "said hello");
    attached.signal(Signal::SIGKILL);
    attached.wait();
    assert_eq!(host.status("reader"), "running", "a client that is gone is not the end of the input");
    host.ok("kill -s TERM reader");
    assert_eq!(host.status("reader"), "running", "an init without a handler does not hear");
    let mut ended = host.start("attach reader");
    host.ok("kill reader");
    assert_eq!(ended.wait(), 137);
    assert!(host.fails(1, "attach --no-stdin reader").contains("stopped container"));
}

#[test]
fn the_input_of_run_ends_the_containers_input() {
    let host = Host::new();
    let mut run = host.start("run --rm -i box sh -c 'cat; echo then; sleep 0.1; echo last'");
    run.write("first\n");
    assert_eq!(run.line(), "first");
    run.close();
    assert_eq!(run.rest(), "then\nlast\n", "output goes on after the input has ended");
    assert_eq!(run.wait(), 0);
}

#[test]
fn the_input_of_exec_ends_before_its_output() {
    let host = Host::new();
    host.ok("run -d --name web box sleep 100");
    let mut exec = host.start("exec -i web sh -c 'cat; echo then; sleep 0.1; echo last'");
    exec.write("first\n");
    assert_eq!(exec.line(), "first");
    exec.close();
    assert_eq!(exec.rest(), "then\nlast\n");
    assert_eq!(exec.wait(), 0);
}

#[test]
fn exec_runs_a_command_in_the_container() {
    let host = Host::new();
    host.ok("run -d --name web -e A=1 -w /srv -h web box sleep 100");
    let output = host.porthole("exec web sh -c 'echo out; echo err >&2; exit 9'");
    assert_eq!((output.stdout.as_str(), output.stderr.as_str(), output.code), ("out\n", "err\n", 9));
    assert_eq!(host.ok("exec -e B=2 web sh -c 'echo $A$B; pwd; hostname'"), "12\n/srv\nweb");
    assert_eq!(
        host.ok("exec -u app -w /tmp web sh -c 'id -un; pwd; grep CapEff /proc/self/status'"),
        "app\n/tmp\nCapEff:\t0000000000000000"
    );
    assert_eq!(host.porthole_with("exec -i web cat", b"input").ok(), "input");
    assert_eq!(host.porthole_with("exec web cat", b"input").ok(), "");
    let same = "for n in mnt pid net uts ipc cgroup; do readlink /proc/self/ns/$n; done";
    let of_init = "for n in mnt pid net uts ipc cgroup; do readlink /proc/1/ns/$n; done";
    assert_eq!(host.ok(&format!("exec web sh -c '{same}'")), host.ok(&format!("exec web sh -c '{of_init}'")));
    let cgroup = host.ok("exec web cat /proc/self/cgroup");
    assert!(cgroup.lines().all(|line| line.ends_with(":/")), "it is in the container's cgroups: {cgroup}");
}

#[test]
fn exec_is_confined_like_the_container() {
    let host = Host::new();
    host.ok("run -d --name web --cap-drop CHOWN box sleep 100");
    let status = "exec web grep -E ^(Cap|Seccomp:|NoNewPrivs) /proc/self/status";
    let of_init = "exec web grep -E ^(Cap|Seccomp:|NoNewPrivs) /proc/1/status";
    assert_eq!(host.ok(status), host.ok(of_init));
    assert_eq!(
        host.ok("exec web sh -c 'ls /proc/self/fd | wc -l'"),
        "4",
        "the streams, and the directory that ls reads"
    );
    let own = std::fs::read_to_string("/proc/self/status").unwrap();
    let all = own.lines().find_map(|line| line.strip_prefix("CapBnd:")).unwrap();
    assert_eq!(host.ok("exec --privileged web grep CapEff /proc/self/status"), format!("CapEff:{all}"));
}

#[test]
fn exec_fails_as_dockers() {
    let host = Host::new();
    host.ok("run -d --name web box sleep 100");
    assert!(host.fails(127, "exec web nosuch").contains("nosuch"));
    assert!(host.fails(126, "exec web /etc/passwd").contains("/etc/passwd"));
    assert!(host.fails(1, "exec nobody true").contains("No such container: nobody"));
    assert!(host.fails(1, "exec -it web sh").contains("not a TTY"));
    host.ok("stop -t 0 web");
    assert!(host.fails(1, "exec web true").contains("web is not running"));
}

#[test]
fn exec_on_a_terminal_is_a_terminal() {
    let host = Host::new();
    host.ok("run -d --name web box sleep 100");
    let mut terminal = host.terminal("exec -it web sh");
    terminal.expect("#");
    terminal.type_("stty size; tty; echo $TERM\n");
    terminal.expect("24 80\r\n/dev/pts/0\r\nxterm\r\n");
    terminal.resize(100, 30);
    eventually("the new size is seen", || {
        terminal.type_("stty size\n");
        porthole_tests::pause(50);
        terminal.screen().contains("30 100")
    });
    // Ctrl-C interrupts what runs inside, and not porthole.
    terminal.type_("sleep 77\n");
    eventually("it sleeps", || host.ok("top web").contains("sleep 77"));
    terminal.type_("\x03");
    terminal.type_("echo code $?\n");
    terminal.expect("code 130");
    terminal.type_("exit 5\n");
    assert_eq!(terminal.wait(), 5);
    assert!(terminal.is_cooked());
}

#[test]
fn exec_is_left_by_the_same_keys() {
    let host = Host::new();
    host.ok("run -d --name web box sleep 100");
    let mut terminal = host.terminal("exec -it web sh -c 'echo ready; sleep 50'");
    terminal.expect("ready");
    terminal.type_(CTRL_P_CTRL_Q);
    terminal.wait();
    assert!(terminal.is_cooked());
    assert!(host.ok("top web").contains("sleep 50"), "the command goes on");
}

#[test]
fn a_detached_exec_goes_on_alone() {
    let host = Host::new();
    host.ok("run -d --name web box sleep 100");
    assert_eq!(host.ok("exec -d web sh -c 'sleep 0.2; echo done > /file'"), "");
    eventually("it has written its file", || host.porthole("exec web cat /file").stdout == "done\n");
}

#[test]
fn an_exec_ends_with_its_container() {
    let host = Host::new();
    host.ok("run -d --name web box sleep 100");
    let mut exec = host.start("exec web sh -c 'echo ready; sleep 50'");
    assert_eq!(exec.line(), "ready");
    host.ok("kill web");
    assert_eq!(exec.wait(), 137);
}
