//! Names on user-defined networks, asked for inside containers.

use porthole_tests::{Host, eventually};
use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Puts a container on a network whose names are in a directory, as far as its resolver is concerned.
fn join(host: &Host, container: &str) -> PathBuf {
    let network = host.path("mynet");
    let config = format!(
        r#"{{"networks":[{{"name":"mynet","directory":"{}","internal":true}}],"servers":[],"links":[]}}"#,
        network.display()
    );
    fs::write(host.container(container).join("dns.json"), config).unwrap();
    // Any change makes the monitor look.
    host.ok(&format!("update --restart=no {container}"));
    network
}

fn add(network: &Path, name: &str, address: &str) {
    let id = format!("{:0>64}", name.len());
    fs::create_dir_all(network.join("endpoints")).unwrap();
    let endpoint = format!(r#"{{"container":"{id}","name":"{name}","aliases":[],"addresses":["{address}"]}}"#);
    fs::write(network.join("endpoints/new"), endpoint).unwrap();
    fs::rename(network.join("endpoints/new"), network.join("endpoints").join(id)).unwrap();
}

#[test]
fn the_monitor_of_a_container_answers_for_its_networks() {
    let host = Host::new();
    host.ok("run -d --name web box sleep 100");
    assert_ne!(host.porthole("exec web nslookup db 127.0.0.11").code, 0, "on the default bridge there are no names");
    let network = join(&host, "web");
    add(&network, "db", "172.30.0.7");
    let asked = host.ok("exec web nslookup -type=a db.mynet 127.0.0.11");
    assert!(asked.contains("172.30.0.7"), "{asked}");
    // A server in the container can have the port at every address.
    host.ok("exec -d web httpd -f -p 0.0.0.0:53");
    eventually("the container's own server listens", || host.ok("exec web netstat -ltn").contains("0.0.0.0:53 "));
    add(&network, "db", "172.30.0.8");
    let asked = host.ok("exec web nslookup -type=a db 127.0.0.11");
    assert!(asked.contains("172.30.0.8") && !asked.contains("172.30.0.7"), "{asked}");
    assert_eq!(host.porthole("exec web nslookup -type=a example.com 127.0.0.11").code, 1, "an internal network");
}

#[test]
fn a_flood_of_questions_neither_grows_the_monitor_nor_holds_up_the_log() {
    let host = Host::new();
    let mut run = host.command("run -d --name web box sh -c");
    run.arg("i=0; while :; do echo line $i; i=$((i+1)); sleep 0.05; done");
    assert!(run.output().unwrap().status.success());
    let network = join(&host, "web");
    add(&network, "db", "172.30.0.7");
    let memory = || {
        let status = fs::read_to_string(format!("/proc/{}/status", host.monitor("web"))).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        line.trim_end_matches("kB").trim().parse::<u64>().unwrap()
    };
    host.ok("exec web nslookup -type=a db 127.0.0.11");
    let before = memory();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let flood = || {
            let socket = host.netns("web").enter(|| UdpSocket::bind("127.0.0.1:0").unwrap());
            let question = b"\0\x07\x01\0\0\x01\0\0\0\0\0\0\x02db\0\0\x01\0\x01";
            let begun = Instant::now();
            while !over.load(Ordering::Relaxed) && begun.elapsed() < Duration::from_secs(30) {
                // The socket's buffer may be full.
                let _ = socket.send_to(question, "127.0.0.11:53");
            }
        };
        scope.spawn(flood);
        thread::sleep(Duration::from_millis(500));
        // What the container says now is in the log while the flood goes on.
        let lines = || host.ok("logs web").lines().count();
        let logged = lines();
        eventually("the log goes on", || lines() > logged + 5);
        // A client repeats what was lost in the crowd.
        let ask = || host.porthole("exec web nslookup -type=a db 127.0.0.11");
        eventually("a name is found", || ask().stdout.contains("172.30.0.7"));
        over.store(true, Ordering::Relaxed);
    });
    assert!(memory() < before + 256, "{before} → {} kB", memory());
}
