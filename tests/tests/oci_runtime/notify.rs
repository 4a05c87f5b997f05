//! sd_notify(3) from a container to whoever started the runtime.

use crate::bundle::Bundle;
use serde_json::{Value, json};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

/// A bundle whose command says that it is ready, and where that is to be heard.
fn notifying(then: &str) -> (Bundle, UnixDatagram) {
    let mut bundle = Bundle::new(&["true"]);
    let path = bundle.host.path("systemd");
    let heard = UnixDatagram::bind(&path).expect("bound");
    heard.set_read_timeout(Some(Duration::from_secs(10))).expect("set");
    bundle.host.set("NOTIFY_SOCKET", path);
    // Perl is part of every Debian, and with the host's directories it is part of the container.
    for path in ["/usr", "/lib", "/lib64"].into_iter().filter(|path| Path::new(path).exists()) {
        bundle.push("/mounts", json!({ "destination": path, "source": path, "options": ["rbind", "ro"] }));
    }
    let send = r#"use Socket; socket(S, AF_UNIX, SOCK_DGRAM, 0); send(S, "STATUS=on the way\nREADY=1\n", 0,
        pack_sockaddr_un($ENV{NOTIFY_SOCKET})) or die "$!""#;
    let say = format!("/usr/bin/perl -e '{send}'; {then}");
    bundle.command(&["sh", "-c", &say]);
    (bundle, heard)
}

fn hear(socket: &UnixDatagram) -> String {
    let mut buffer = [0; 256];
    let length = socket.recv(&mut buffer).expect("somebody tells");
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

#[test]
fn who_started_a_container_hears_that_it_is_ready() {
    let (bundle, heard) = notifying("sleep 100");
    bundle.detached("run -d -b BUNDLE box");
    let pid = bundle.state()["pid"].clone();
    assert_eq!((hear(&heard), hear(&heard)), ("READY=1\n".to_owned(), format!("MAINPID={pid}\n")));
    bundle.ok("delete -f box");
    bundle.detached("create -b BUNDLE box");
    assert_eq!(bundle.ok("start box"), "");
    let pid: Value = bundle.state()["pid"].clone();
    assert_eq!((hear(&heard), hear(&heard)), ("READY=1\n".to_owned(), format!("MAINPID={pid}\n")));
}

#[test]
fn who_stays_with_a_container_passes_on_that_it_is_ready() {
    let (bundle, heard) = notifying("echo done");
    assert_eq!(bundle.output(), "done");
    assert_eq!(hear(&heard), "READY=1\n");
}
