//! What containers say is kept, and found again.

use porthole_tests::{Host, eventually};
use serde_json::Value;
use std::fs;

#[test]
fn both_streams_are_kept_apart() {
    let host = Host::new();
    host.porthole("run --name talker box sh -c 'echo out; echo err >&2; echo more'").ok();
    let output = host.porthole("logs talker");
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("out\nmore\n", "err\n"));
    assert!(host.fails(1, "logs nobody").contains("No such container: nobody"));
}

#[test]
fn the_file_is_json_lines_as_dockers_tools_read_them() {
    let host = Host::new();
    host.ok("run --name talker box sh -c 'printf \"a\\\"b\\\\t\\\\n\"; printf unfinished >&2'");
    let path = host.inspect("talker")["LogPath"].as_str().unwrap().to_owned();
    let text = fs::read_to_string(path).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let mut said: Vec<(&str, &str)> =
        lines.iter().map(|line| (line["stream"].as_str().unwrap(), line["log"].as_str().unwrap())).collect();
    said.sort_unstable();
    assert_eq!(said, [("stderr", "unfinished"), ("stdout", "a\"b\t\n")]);
    for line in &lines {
        let time = line["time"].as_str().unwrap();
        assert!(time.len() >= "2026-01-02T03:04:05Z".len() && time.ends_with('Z'), "{time}");
    }
}

#[test]
fn following_ends_with_the_container() {
    let host = Host::new();
    host.ok("run -d --name counter box sh -c 'for i in 1 2 3 4 5; do echo $i; sleep 0.05; done'");
    let output = host.porthole("logs -f counter");
    assert_eq!((output.ok(), host.status("counter").as_str()), ("1\n2\n3\n4\n5", "exited"));
    assert_eq!(host.ok("logs -f counter"), "1\n2\n3\n4\n5", "of what has ended it ends at once");
}

#[test]
fn following_goes_on_over_a_restart() {
    let host = Host::new();
    host.ok("run -d --name again --restart on-failure:1 box sh -c 'echo begun; exit 1'");
    let text = host.ok("logs -f again");
    assert_eq!(text, "begun\nbegun");
}

#[test]
fn the_tail_is_the_last_lines() {
    let host = Host::new();
    host.ok("run --name many box seq 1 1000");
    assert_eq!(host.ok("logs --tail 2 many"), "999\n1000");
    assert_eq!(host.ok("logs -n 0 many"), "");
    assert_eq!(host.ok("logs --tail all many").lines().count(), 1000);
    assert_eq!(host.ok("logs --tail 5000 many").lines().count(), 1000);
    assert!(host.fails(1, "logs --tail x many").contains('x'));
}

#[test]
fn timestamps_bound_and_label_the_lines() {
    let host = Host::new();
    host.ok("run --name slow box sh -c 'echo early; sleep 0.3; echo late'");
    let text = host.ok("logs -t slow");
    let lines: Vec<(&str, &str)> = text.lines().map(|line| line.split_once(' ').unwrap()).collect();
    assert_eq!([lines[0].1, lines[1].1], ["early", "late"]);
    assert!(lines[0].0 < lines[1].0, "{text}");
    let late = lines[1].0;
    assert_eq!(host.ok(&format!("logs --since {late} slow")), "late");
    assert_eq!(host.ok(&format!("logs --until {} slow", lines[0].0)), "early");
    assert_eq!(host.ok("logs --since 10m slow"), "early\nlate");
    assert_eq!(host.ok("logs --since 2000-01-01 --until 2001-01-01T00:00:00Z slow"), "");
    assert!(host.fails(1, "logs --since yesterday-ish slow").contains("yesterday-ish"));
}

#[test]
fn a_flood_is_kept_within_bounds_and_nothing_of_its_end_is_lost() {
    let host = Host::new();
    let line = "x".repeat(1000);
    host.ok(&format!("run -d --name flood box sh -c 'yes {line} | head -n 160000; echo the end'"));
    assert_eq!(host.ok("wait flood"), "0");
    assert_eq!(host.ok("logs --tail 1 flood"), "the end");
    let log = host.container("flood").join("log");
    let kept: u64 = fs::read_dir(log).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert!(kept > 20 << 20 && kept < 101 << 20, "{kept} bytes of 160 MB are kept");
    let lines = host.ok("logs flood").lines().count();
    assert!(lines > 60_000 && lines < 160_000, "{lines}");
}

#[test]
fn a_long_line_is_one_line() {
    let host = Host::new();
    host.ok("run -d --name long box sh -c 'head -c 100000 /dev/zero | tr \"\\\\0\" y; echo; echo after'");
    host.ok("wait long");
    let text = host.ok("logs long");
    let lengths: Vec<usize> = text.lines().map(str::len).collect();
    assert_eq!(lengths, [100_000, 5]);
}

#[test]
fn a_container_goes_on_logging_when_every_client_is_gone() {
    let host = Host::new();
    let mut run = host.start("run --name talker box sh -c 'i=0; while true; do echo $((i=i+1)); sleep 0.01; done'");
    assert_eq!(run.line(), "1");
    run.signal(nix::sys::signal::Signal::SIGKILL);
    run.wait();
    let count = || host.ok("logs talker").lines().count();
    let before = count();
    eventually("it goes on", || count() > before + 5);
    assert_eq!(host.status("talker"), "running");
}

#[test]
fn fast_ends_lose_nothing_when_detached() {
    let host = Host::new();
    for number in 0..30 {
        host.ok(&format!("run -d --name fast{number} --net none box echo {number}"));
    }
    for number in 0..30 {
        assert_eq!(host.ok(&format!("logs -f fast{number}")), number.to_string());
    }
}
