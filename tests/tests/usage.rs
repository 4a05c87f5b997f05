//! Mistakes in the command line.

use porthole_tests::Host;

#[test]
fn a_mistake_is_one_line_and_exit_code_125() {
    let host = Host::empty();
    let mistakes = [
        ("frobnicate", "frobnicate"),
        ("run --nosuch box", "--nosuch"),
        ("ps --nosuch", "--nosuch"),
        ("run", "IMAGE"),
        ("rename one", "NEW_NAME"),
        ("run --pids-limit many box", "many"),
        ("run --restart sometimes box", "sometimes"),
        ("run -v data:/data box", "data"),
        ("run --net nowhere box", "nowhere"),
        ("run --memory lots box", "lots"),
        ("run --env-file /nonexistent box", "/nonexistent"),
    ];
    for (line, named) in mistakes {
        let message = host.fails(125, line);
        assert!(message.contains(named), "{line}: {message}");
    }
}

#[test]
fn help_and_version_go_to_standard_output() {
    let host = Host::empty();
    assert!(host.ok("--help").contains("Usage"));
    assert!(host.ok("run --help").contains("--publish"));
    assert!(host.ok("--version").starts_with("porthole "));
    assert!(host.ok("version").starts_with("porthole "));
}

#[test]
fn without_a_terminal_the_workstation_says_so() {
    let host = Host::empty();
    assert!(host.fails(125, "").contains("terminal"));
}
