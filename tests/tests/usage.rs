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
        ("run -v data:relative box", "relative"),
        ("run --net container: box", "container:<name|id>"),
        ("run --memory lots box", "lots"),
        ("run --env-file /nonexistent box", "/nonexistent"),
    ];
    for (line, named) in mistakes {
        let message = host.fails(125, line);
        assert!(message.contains(named), "{line}: {message}");
    }
}

#[test]
fn options_that_contradict_each_other_are_refused_and_nothing_is_made() {
    let host = Host::new();
    host.ok("run -d --name other box sleep 100");
    let contradictions = [
        ("--rm --restart always", "cannot specify both --restart and --rm"),
        ("--rm --restart on-failure:3", "cannot specify both --restart and --rm"),
        ("--restart always:3", "maximum retry count can only be used with 'on-failure'"),
        ("--net container:other -p 80", "port publishing and the container type network mode"),
        ("--net container:other --expose 80", "port exposing and the container type network mode"),
        ("--net container:other -h name", "hostname and the network mode"),
        ("--net container:other --dns 9.9.9.9", "dns and the network mode"),
        ("--net container:other --add-host a:1.2.3.4", "custom host-to-IP mapping and the network mode"),
        ("--net container:nobody", "No such container: nobody"),
        ("--net host --add-host up:host-gateway", "host-gateway needs a network with a gateway"),
        ("--net host --sysctl net.core.somaxconn=7", "not allowed in host network namespace"),
        ("--ipc host --sysctl kernel.shmmax=7", "not allowed in host ipc namespace"),
        ("--ipc host --shm-size 1m", "shm-size and the IPC mode"),
        ("--uts host -h name", "hostname and the UTS mode"),
        ("--no-healthcheck --health-cmd true", "--no-healthcheck conflicts with --health-* options"),
        ("-v /srv:/data -v /tmp:/data", "Duplicate mount point: /data"),
        ("-v /srv:/data --tmpfs /data", "Duplicate mount point: /data"),
        ("-v /srv:/data --mount type=bind,src=/srv,dst=/data/", "Duplicate mount point: /data"),
        ("--mount type=tmpfs,src=/srv,dst=/data", "tmpfs"),
        ("-p 7000:80 -p 7000:81", "7000"),
        ("--cpus 1 --cpu-quota 20000", "Nano CPUs and CPU Quota cannot both be set"),
        ("-m 64m --memory-swap 32m", "Minimum memoryswap limit should be larger than memory limit"),
        ("-m 32m --memory-reservation 64m", "can not be less than memory reservation limit"),
        ("--ulimit nofile=9:8", "soft limit must be less than or equal to hard limit"),
    ];
    for (options, told) in contradictions {
        let message = host.fails(125, &format!("run -d --name refused {options} box true"));
        assert!(message.contains(told), "{options}: {message}");
        // Two ports of one number are found out when it starts.
        host.porthole("rm refused");
    }
    assert_eq!(host.ok("ps -aq").lines().count(), 1);
    assert_eq!(std::fs::read_dir(host.path("names")).expect("names").count(), 1);
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
