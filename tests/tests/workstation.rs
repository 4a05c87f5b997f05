//! The workstation: keys in, screen out, and the terminal given back whichever way it ends.

use nix::sys::signal::Signal;
use porthole_tests::{Host, Terminal, archive, eventually};

const LEAVE_SHELL: &str = "\x1d";
const LEAVE_ALTERNATE_SCREEN: &str = "\x1b[?1049l";
const SHOW_CURSOR: &str = "\x1b[?25h";

/// The terminal is as it was: lines are edited, the screen of before is shown, with its cursor.
#[track_caller]
fn assert_given_back(terminal: &Terminal) {
    assert!(terminal.is_cooked(), "keys are echoed again");
    let printed = terminal.screen();
    let left = printed.rfind(LEAVE_ALTERNATE_SCREEN).expect("the alternate screen is left");
    assert!(!printed[left..].contains("\x1b[?1049h"), "it is not entered again");
    assert!(
        printed[left..].contains(SHOW_CURSOR)
            || printed[..left].rfind(SHOW_CURSOR) > printed[..left].rfind("\x1b[?25l")
    );
}

/// Whether the packets' title says `N seen, N on every tap, 0 lost`, with a whole request's packets.
fn all_seen(picture: &str) -> bool {
    let words: Vec<&str> = picture.split_whitespace().collect();
    words.windows(8).any(|words| match words {
        [seen, "seen,", whole, "on", "every", "tap,", "0", "lost"] => {
            seen == whole && seen.parse().is_ok_and(|n: u32| n > 8)
        }
        _ => false,
    })
}

#[test]
fn an_empty_store_offers_the_lab_and_q_leaves() {
    let host = Host::empty();
    let mut terminal = host.workstation(80, 24);
    terminal.expect_picture("set up the lab");
    assert!(!terminal.is_cooked());
    terminal.type_("q");
    assert_eq!(terminal.wait(), 0);
    assert_given_back(&terminal);
}

#[test]
fn a_signal_ends_it_and_gives_the_terminal_back() {
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT] {
        let host = Host::empty();
        let mut terminal = host.workstation(80, 24);
        terminal.expect_picture("set up the lab");
        terminal.signal(signal);
        assert_eq!(terminal.wait(), 0, "{signal}");
        assert_given_back(&terminal);
    }
}

#[test]
fn one_key_shows_a_request_crossing_nat_and_web_outlives_the_workstation() {
    let host = Host::empty();
    let mut terminal = host.workstation(140, 42);
    terminal.expect_picture("set up the lab");
    terminal.type_("L");
    terminal.expect_picture("DNAT 172.17.0.2:80");
    terminal.expect_picture("SNAT 10.88.0.1:8088");
    eventually("every packet is on every tap", || all_seen(&terminal.picture()));
    terminal.type_("1");
    terminal.expect_picture("8088→80");
    terminal.type_("e");
    terminal.expect_picture("/ #");
    terminal.type_("echo $((6*7))\n");
    terminal.expect_picture("42");
    assert!(terminal.picture().contains("Containers"), "the list stays beside the shell");
    terminal.type_("exit\n");
    terminal.type_(LEAVE_SHELL);
    terminal.type_("q");
    // It asks first while a shell is open.
    porthole_tests::pause(300);
    terminal.type_("y");
    assert_eq!(terminal.wait(), 0);
    assert_given_back(&terminal);
    assert_eq!(host.status("web"), "running");
    host.ok("lab down");
}

#[test]
fn the_first_key_after_a_change_of_size_counts() {
    let host = Host::new();
    let mut terminal = host.workstation(120, 40);
    terminal.expect_picture("no containers yet");
    for (key, shown) in [("2", "USED BY"), ("6", "DETAILS"), ("1", "no containers")] {
        terminal.resize(100, 30);
        porthole_tests::pause(300);
        terminal.resize(120, 40);
        porthole_tests::pause(300);
        terminal.type_(key);
        terminal.expect_picture(shown);
    }
    terminal.type_("q");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn the_command_line_inside_takes_the_words_of_the_shell() {
    let host = Host::new();
    host.ok("run -d --name first box sleep 1000");
    let mut terminal = host.workstation(120, 40);
    terminal.expect_picture("first");
    terminal.type_(":run -d --name second box sleep 1000\r");
    eventually("it runs", || host.ok("ps").contains("second"));
    terminal.expect_picture("second");
    terminal.type_("q");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn a_silent_container_is_called_silent() {
    let host = Host::new();
    host.ok("run -d --name silent box sleep 1000");
    let mut terminal = host.workstation(120, 40);
    terminal.expect_picture("it has not said anything yet");
    terminal.type_("q");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn all_that_is_known_is_searched_and_stays_true() {
    let host = Host::new();
    host.ok("run -d --name web --label owner=somebody box sleep 1000");
    let mut terminal = host.workstation(120, 40);
    terminal.expect_picture("web");
    terminal.type_("i");
    terminal.expect_picture("▸ NetworkSettings");
    terminal.type_("/owner\r");
    terminal.expect_picture(".Config.Labels.owner");
    terminal.expect_picture("\"somebody\"");
    host.ok("rename web site");
    terminal.expect_picture("\"/site\"");
    assert!(terminal.picture().contains(".Config.Labels.owner"), "what was selected stays");
    terminal.type_("Y");
    terminal.expect_picture("copied {{.Config.Labels.owner}}");
    assert_eq!(host.ok("inspect --format {{.Config.Labels.owner}} site").trim(), "somebody");
    terminal.type_("q");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn processes_come_and_go_before_the_eyes() {
    let host = Host::new();
    host.ok("run -d --name web box sleep 1000");
    let mut terminal = host.workstation(120, 40);
    terminal.expect_picture("web");
    terminal.type_("P");
    terminal.expect_picture("sleep 1000");
    let mut second = host.start("exec web sleep 2000");
    terminal.expect_picture("sleep 2000");
    second.signal(Signal::SIGTERM);
    second.wait();
    eventually("it is gone", || !terminal.picture().contains("sleep 2000"));
    host.ok("kill web");
    terminal.expect_picture("it does not run");
    terminal.type_("q");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn events_arrive_and_lead_to_their_container() {
    let host = Host::new();
    host.ok("run -d --name web box sleep 1000");
    let mut terminal = host.workstation(120, 40);
    terminal.expect_picture("web");
    terminal.type_("6");
    terminal.expect_picture("create");
    host.ok("pause web");
    terminal.expect_picture("pause");
    host.ok("unpause web");
    assert_eq!(host.porthole("run --name bad box sh -c 'exit 3'").code, 3);
    terminal.expect_picture("exit code 3");
    terminal.type_("\r");
    terminal.expect_picture("exited 3");
    eventually("it is selected", || terminal.picture().lines().any(|line| line.contains("▌ bad")));
    terminal.type_("q");
    assert_eq!(terminal.wait(), 0, "the reader of events does not hold it up");
}

#[test]
fn what_destroys_is_asked_about() {
    let host = Host::new();
    host.ok("run -d --name precious box sleep 1000");
    let mut terminal = host.workstation(120, 40);
    terminal.expect_picture("precious");
    terminal.type_("d");
    terminal.expect_picture("porthole rm -f precious");
    terminal.type_("n");
    porthole_tests::pause(200);
    assert_eq!(host.status("precious"), "running");
    terminal.type_("d");
    terminal.expect_picture("porthole rm -f precious");
    terminal.type_("y");
    eventually("it is removed", || !host.ok("ps -a").contains("precious"));
    terminal.type_("q");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn what_containers_use_and_how_they_fare_is_seen_live() {
    let host = Host::new();
    host.ok("run -d --name busy --memory 64m --cpus 0.5 --pids-limit 30 box sh -c 'while :; do :; done'");
    host.ok("run -d --name ill --health-cmd false --health-interval 1s --health-retries 1 box sleep 1000");
    host.porthole("run --name greedy --memory 8m box sh -c 'x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done'");
    let mut terminal = host.workstation(140, 42);
    terminal.expect_picture("unhealthy");
    terminal.expect_picture("exited 137 · out of memory");
    let line = || terminal.picture().lines().find(|line| line.contains("busy")).unwrap_or_default().to_owned();
    eventually("it burns half a CPU", || line().contains(" 4") || line().contains(" 5"));
    assert!(line().contains(" % "), "{}", line());
    terminal.type_("ooooggu");
    for text in ["of 0.5 cpus", "of 64 M", "of 30", "last 5 min"] {
        terminal.expect_picture(text);
    }
    terminal.type_("q");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn limits_are_changed_by_a_form_that_shows_the_command() {
    let host = Host::new();
    host.ok("run -d --name web --memory 64m box sleep 1000");
    let mut terminal = host.workstation(100, 30);
    terminal.expect_picture("web");
    terminal.type_("U");
    terminal.expect_picture("64m");
    terminal.type_("\x151m");
    terminal.expect_picture("porthole update --memory 1m web");
    terminal.type_("\r");
    terminal.expect_picture("Minimum memory limit allowed is 6MB");
    terminal.type_("\x15128m\t256m\r");
    eventually("it holds", || host.inspect("web")["HostConfig"]["Memory"] == 128 << 20);
    assert_eq!(host.cgroup("web", "memory.limit_in_bytes", "memory.max"), (128 << 20).to_string());
    terminal.expect_picture("porthole update --memory 128m --memory-swap 256m web");
    terminal.type_("q");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn a_network_is_made_used_and_removed_by_keys() {
    let host = Host::new();
    host.ok("run -d --name web box sleep 1000");
    let mut terminal = host.workstation(140, 42);
    terminal.type_("3");
    terminal.expect_picture("1 container ");
    terminal.expect_picture("172.17.0.2");
    // A form, in the engine's words where something is wrong.
    terminal.type_("nmine\t\t10.77.0.0/24\t10.78.0.1");
    terminal.expect_picture("porthole network create --subnet 10.77.0.0/24 --gateway 10.78.0.1");
    terminal.type_("\r");
    terminal.expect_picture("no matching subnet for gateway 10.78.0.1");
    terminal.type_("\x1510.77.0.254\t10.77.0.128/25\t\ty\r");
    eventually("it is made", || host.porthole("network inspect mine").code == 0);
    let network = host.ok("network inspect --format '{{.Internal}} {{(index .IPAM.Config 0).IPRange}}' mine");
    assert_eq!(network.trim(), "true 10.77.0.128/25");
    terminal.expect_picture("▌● mine");
    terminal.expect_picture("bridge internal");
    terminal.expect_picture("10.77.0.254");
    // The container appears below it.
    terminal.type_("c");
    terminal.expect_picture("porthole network connect mine web");
    terminal.type_("\r");
    terminal.expect_picture("10.77.0.128");
    assert!(host.ok("exec web ip addr show eth1").contains("10.77.0.128/24"));
    terminal.type_("d");
    terminal.expect_picture("On it: web");
    terminal.type_("y");
    terminal.expect_picture("has active endpoints");
    terminal.type_("j");
    terminal.expect_picture("▌○ web");
    terminal.expect_picture("eth1");
    terminal.type_("x");
    terminal.expect_picture("porthole network disconnect mine web");
    terminal.type_("y");
    eventually("it leaves", || !host.ok("exec web ip addr").contains("eth1"));
    // The selection falls back to the network.
    terminal.expect_picture("▌● mine");
    terminal.type_("d");
    terminal.expect_picture("porthole network rm mine");
    terminal.type_("y");
    eventually("it is removed", || !host.ok("network ls").contains("mine"));
    eventually("it is in the picture no more", || !terminal.picture().contains("● mine"));
    terminal.type_("q");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn a_start_that_fails_is_explained_and_one_key_looks_into_the_image() {
    let host = Host::new();
    let shared = tempfile::tempdir().expect("a directory");
    std::fs::write(shared.path().join("clue"), "forty-two").expect("written");
    let mut terminal = host.workstation(140, 42);
    terminal.expect_picture("no containers yet");
    let mount = format!("{}:/shared", shared.path().display());
    terminal.type_(&format!(":run -d --name typo -e MODE=test -v {mount} box nosuch --flag\r"));
    terminal.expect_picture("127: the command was not found");
    terminal.expect_picture("not started · not found");
    terminal.expect_picture("porthole run --rm -it --entrypoint sh");
    terminal.type_("e");
    terminal.expect_picture("/ #");
    terminal.type_("echo $MODE-$(cat /shared/clue)\r");
    terminal.expect_picture("test-forty-two");
    terminal.type_("exit\r");
    eventually("the shell's container is gone", || host.ok("ps -aq").lines().count() == 1);
    eventually("its terminal closes", || !terminal.picture().contains("image of typo"));
    terminal.type_("q");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn an_image_without_a_shell_is_told() {
    let host = Host::empty();
    let bare = archive::Tree::new().directory("proc").directory("dev").file("data", b"x").finish();
    host.porthole_with("import - bare:latest", &bare).ok();
    host.fails(126, "run --name broken bare /data");
    let mut terminal = host.workstation(120, 40);
    terminal.expect_picture("126: the command cannot be executed");
    terminal.expect_picture("its image bare has no sh");
    terminal.type_("q");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn a_tiny_window_is_no_reason_to_fall() {
    let host = Host::new();
    host.ok("run -d --name web box sh -c 'while :; do echo tick; sleep 0.1; done'");
    for (columns, rows) in [(20, 5), (1, 1), (6, 2)] {
        let mut terminal = host.workstation(columns, rows);
        eventually("it draws", || terminal.screen().contains("\x1b[?1049h"));
        porthole_tests::pause(300);
        // Help closes by its own key: on a busy machine Escape and the next key arrive as one, which is Alt and that key.
        for key in ["2", "3", "1", "?", "?", "q"] {
            terminal.type_(key);
            porthole_tests::pause(50);
        }
        assert_eq!(terminal.wait(), 0, "{columns}x{rows}");
        assert!(!terminal.screen().contains("panicked"));
    }
}
