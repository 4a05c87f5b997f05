//! The workstation's page of projects.

use porthole_tests::{Host, Terminal, eventually, pause};
use std::fs;
use tempfile::TempDir;

const SHOP: &str = "\
name: shop
services:
  db:
    image: box
    init: true
    command: sh -c 'echo db opens; sleep 2; touch /ready; echo db is ready; exec sleep 1000'
    healthcheck: {test: [CMD, test, -f, /ready], interval: 1s, start_period: 20s, start_interval: 200ms}
  web:
    image: box
    init: true
    command: sh -c 'echo web serves; exec sleep 1000'
    depends_on:
      db: {condition: service_healthy}
";

/// A directory with a project in it.
fn site(compose: &str) -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("compose.yaml"), compose).expect("a file");
    directory
}

/// Waits until a person sees something no more.
#[track_caller]
fn expect_gone(terminal: &Terminal, text: &str) {
    eventually(&format!("{text} is gone"), || !terminal.picture().contains(text));
}

/// Escape by itself: with the next key right behind it would be Alt and that key.
fn escape(terminal: &mut Terminal) {
    terminal.type_("\x1b");
    pause(200);
}

#[test]
fn a_project_is_made_watched_mended_and_taken_down_by_keys() {
    let host = Host::new();
    let directory = site(SHOP);
    let mut terminal = host.workstation_in(directory.path(), 140, 42);
    terminal.expect_picture("no containers yet");
    terminal.type_("7");
    terminal.expect_picture("not created");

    terminal.type_("u");
    terminal.expect_picture("waits for db");
    terminal.expect_picture("healthy");
    terminal.expect_picture("running(2)");
    assert!(terminal.picture().contains("╰─▸● web"), "a line leads from db to web:\n{}", terminal.picture());

    // Both logs, in the order of time; of a service its own.
    terminal.expect_picture("web serves");
    let said = terminal.picture();
    let at = |text: &str| said.find(text).unwrap_or_else(|| panic!("{text} in\n{said}"));
    assert!(at("db-1   | db opens") < at("db-1   | db is ready") && at("db is ready") < at("web-1  | web serves"));
    terminal.type_("jj");
    expect_gone(&terminal, "db opens");
    terminal.expect_picture("web serves");
    assert!(terminal.picture().contains("✓ db healthy"));

    // What is wrong with the file is told where it is, until it is mended.
    terminal.type_("f");
    terminal.expect_picture("compose.yaml · 8:3");
    fs::write(directory.path().join("compose.yaml"), SHOP.replacen("image:", "imge:", 1)).expect("a file");
    terminal.expect_picture("4 ✗");
    terminal.expect_picture("did you mean image?");
    assert!(terminal.picture().contains("compose.yaml · 4:5"));
    fs::write(directory.path().join("compose.yaml"), SHOP).expect("a file");
    expect_gone(&terminal, "did you mean");

    escape(&mut terminal);
    terminal.type_("gd");
    terminal.expect_picture("porthole compose down");
    terminal.type_("y");
    terminal.expect_picture("not created");
    eventually("nothing is left of it", || {
        host.ok("ps -aq").is_empty()
            && !host.ok("network ls").contains("shop")
            && !host.ok("compose ls -a").contains("shop")
    });
    terminal.expect_picture("Projects");
    expect_gone(&terminal, "to leave");
    terminal.type_("q");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn what_takes_for_ever_is_interrupted_and_a_project_without_its_file_can_still_be_stopped() {
    let host = Host::new();
    let never = SHOP.replace("touch /ready; ", "").replace("start_period: 20s", "retries: 1000");
    let directory = site(&never);
    let mut terminal = host.workstation_in(directory.path(), 140, 42);
    terminal.type_("7");
    terminal.expect_picture("not created");
    terminal.type_("u");
    terminal.expect_picture("waits for db");
    // The workstation goes on meanwhile.
    terminal.type_("\x1d");
    terminal.expect_picture("u up");
    terminal.type_("`\x03");
    terminal.expect_picture("exit code 130");
    terminal.type_(" ");
    expect_gone(&terminal, "exit code 130");

    fs::remove_file(directory.path().join("compose.yaml")).expect("a file");
    terminal.expect_picture("its file is gone");
    terminal.type_("s");
    eventually("it is stopped", || host.status("shop-db-1") == "exited");
    expect_gone(&terminal, "to leave");
    terminal.type_("dy");
    eventually("nothing is left of it", || host.ok("ps -aq").is_empty());
    terminal.expect_picture("no projects yet");
    expect_gone(&terminal, "to leave");
    terminal.type_("q");
    assert_eq!(terminal.wait(), 0);
}
