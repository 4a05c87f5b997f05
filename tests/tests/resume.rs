//! What is started again after a machine went down.

use nix::sys::signal::{Signal, kill};
use porthole_tests::{Host, eventually};

/// Ends a container as a power cut would: nobody writes down how.
fn cut(host: &Host, name: &str) {
    let (monitor, init) = (host.monitor(name), host.init(name));
    kill(monitor, Signal::SIGKILL).unwrap();
    kill(init, Signal::SIGKILL).unwrap();
    eventually("its end is noticed", || host.status(name) == "exited");
}

#[test]
fn restart_policies_want_containers_after_boot() {
    let host = Host::new();
    for (name, policy) in [("kept", "always"), ("up", "unless-stopped"), ("down", "unless-stopped"), ("plain", "no")] {
        host.ok(&format!("run -d --name {name} --restart {policy} box sleep 100"));
    }
    host.ok("create --name new --restart always box true");
    host.ok("kill down");
    eventually("it has ended", || host.status("down") == "exited");
    ["kept", "up", "plain"].iter().for_each(|name| cut(&host, name));
    assert_eq!(host.ok("resume"), "kept\nup");
    assert_eq!([host.status("kept"), host.status("up")], ["running", "running"]);
    assert_eq!([host.status("down"), host.status("plain"), host.status("new")], ["exited", "exited", "created"]);

    assert_eq!(host.ok("resume"), "", "those that run are left alone");
    host.ok("stop -t 0 kept up");
    assert_eq!(host.ok("resume"), "kept", "as with Docker, always means always");
    host.ok("start up");
    cut(&host, "up");
    assert_eq!(host.ok("resume"), "up", "a start ends the stop");
    kill(host.monitor("up"), Signal::SIGKILL).unwrap();
    eventually("its end is noticed", || host.inspect("up")["State"]["MonitorLost"] == true);
    host.ok("stop -t 0 up");
    assert_eq!(host.ok("resume"), "", "stopped by hand, though without its monitor");
}
