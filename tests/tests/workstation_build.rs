//! Builds in the workstation: started, looked into, mended and cancelled by keys.

use porthole_tests::{Host, Terminal, eventually};
use std::fs;
use std::path::PathBuf;

const END: &str = "\x1b[F";
const F5: &str = "\x1b[15~";
const UNDO: &str = "\x1a";

fn folder(host: &Host, dockerfile: &str) -> PathBuf {
    let folder = host.path("shop");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("Dockerfile"), dockerfile).unwrap();
    folder
}

/// Opens the page of builds.
fn builds(host: &Host) -> Terminal {
    let mut terminal = host.workstation(140, 42);
    terminal.expect_picture("no containers yet");
    terminal.type_("8");
    terminal.expect_picture("nothing was built here yet");
    terminal
}

/// Nothing is left of a shell.
#[track_caller]
fn no_shell_is_left(host: &Host) {
    eventually("container and image are gone", || {
        host.ok("ps -aq").is_empty() && !host.ok("images -a").contains("<none>")
    });
}

#[test]
fn a_build_fails_is_looked_into_mended_and_done_by_keys() {
    let host = Host::new();
    let dockerfile = "FROM box\nENV MODE=b\nWORKDIR /srv\nRUN echo kept > kept\nRUN echo before; test -e missing\n";
    let folder = folder(&host, dockerfile);
    let mut terminal = builds(&host);
    terminal.type_(&format!("n{}\t\tshop:1\r", folder.display()));
    for text in ["exit code: 1", "Dockerfile:5", "before", "failed", "RUN echo kept > kept"] {
        terminal.expect_picture(text);
    }
    // A shell on the last good layer, as the step would have had it.
    terminal.type_("e");
    terminal.expect_picture("/srv #");
    terminal.type_("cat kept; echo $MODE-$PWD; touch missing\n");
    terminal.expect_picture("b-/srv");
    terminal.type_("exit\n");
    no_shell_is_left(&host);
    eventually("its pane closes", || !terminal.picture().contains("before line 5"));
    // The editor opens at the step, and says what is wrong while somebody types.
    terminal.type_("E");
    terminal.expect_picture("5:1");
    terminal.type_(&format!("{END}\rRNU x"));
    terminal.expect_picture("unknown instruction: RNU");
    terminal.type_(&UNDO.repeat("RNU x".len() + 1));
    eventually("nothing is wrong any more", || !terminal.picture().contains("unknown instruction"));
    terminal.type_(&format!("{END} || echo none{F5}"));
    terminal.expect_picture("built");
    terminal.expect_picture("shop:1 2/2");
    assert_eq!(
        fs::read_to_string(folder.join("Dockerfile")).unwrap(),
        dockerfile.replace("missing\n", "missing || echo none\n")
    );
    let picture = terminal.picture();
    let kept = picture.lines().find(|line| line.contains("RUN echo kept")).expect("its row");
    assert!(kept.contains("cached"), "{picture}");
    assert_eq!(host.ok("run --rm shop:1 cat /srv/kept"), "kept");
    terminal.type_("\x1b");
    terminal.expect_picture("without cache");
    terminal.type_("q");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn a_build_is_cancelled_by_a_key_and_by_quitting() {
    let host = Host::new();
    let folder = folder(&host, "FROM box\nRUN echo kept > /kept\nRUN echo begun; sleep 1000\n");
    let mut terminal = builds(&host);
    terminal.type_(&format!(":build {}\r", folder.display()));
    terminal.expect_picture("│ begun");
    terminal.type_("s");
    terminal.expect_picture("the build of");
    // The cache is as it was: what was done is done.
    terminal.type_("r");
    terminal.expect_picture("2 of 3 cached");
    terminal.type_("q");
    terminal.expect_picture("1 image is being built");
    terminal.type_("y");
    assert_eq!(terminal.wait(), 0);
    eventually("nothing runs", || host.tool("ps -eo args").lines().all(|line| line != "sleep 1000"));
}

#[test]
fn a_shell_opens_in_the_middle_of_a_dockerfile() {
    let host = Host::new();
    let folder = folder(&host, "FROM box AS one\nRUN echo one > /one\n# why\nRUN false\nFROM one\nRUN false\n");
    let line = |line: usize| format!("builder shell --line {line} {}", folder.display());
    // Of a comment the instruction below is meant.
    for at in [3, 4] {
        let mut terminal = host.terminal(&line(at));
        terminal.expect("/ #");
        terminal.type_("cat one && exit 3\n");
        terminal.expect("\none");
        // What the shell ended with is no failure.
        assert_eq!(terminal.wait(), 0);
        no_shell_is_left(&host);
    }
    // What stands before in the file may fail of itself.
    let failed = host.porthole(&line(6));
    assert!(failed.code == 1 && failed.stderr.contains("Dockerfile:4: RUN false"), "{}", failed.stderr);
    assert!(host.fails(1, &line(1)).contains("Dockerfile:1: FROM box AS one: there is no stage before this line"));
    assert!(host.fails(1, &line(7)).contains("there is no stage before this line"));
    // An image that somebody named stays.
    let mut terminal = host.terminal(&line(4));
    terminal.expect("/ #");
    let id = host.ok("images -q --no-trunc --filter dangling=true");
    host.ok(&format!("tag {} mine", id.trim()));
    terminal.type_("exit\n");
    assert_eq!(terminal.wait(), 0);
    assert!(host.ok("images").contains("mine"));
    assert!(host.ok("ps -aq").is_empty());
}
