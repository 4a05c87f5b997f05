//! `forensics`: one archive with all that is known of a container, and nothing of the container changed.

use porthole_tests::{Host, Neighbour, eventually, fetch};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Gathers, and reads the members of the archive.
fn gather(host: &Host, line: &str) -> BTreeMap<String, String> {
    let file = host.path("bundle.tar.zst");
    host.ok(&format!("forensics -o {} {line}", file.display()));
    let plain = zstd::decode_all(fs::File::open(file).unwrap()).unwrap();
    let mut archive = tar::Archive::new(plain.as_slice());
    let mut members = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().strip_prefix("forensics").unwrap().display().to_string();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        members.insert(name, text);
    }
    members
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// All that can be seen of the files below a directory; of what the container wrote and said also when it was read.
fn state(directory: &Path) -> BTreeMap<String, String> {
    let mut seen = BTreeMap::new();
    let mut ahead = vec![directory.to_owned()];
    while let Some(path) = ahead.pop() {
        let metadata = fs::symlink_metadata(&path).unwrap();
        let name = path.strip_prefix(directory).unwrap().display().to_string();
        // Only of files: directories this test reads itself, and no link can be read without its time being changed.
        let accessed = metadata.is_file().then(|| (metadata.atime(), metadata.atime_nsec()));
        let accessed = accessed.filter(|_| name.starts_with("upper") || name.starts_with("log"));
        let times = (metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec());
        seen.insert(
            name,
            format!("{:?} {accessed:?} {times:?} {} {}", metadata.mode(), metadata.len(), metadata.ino()),
        );
        if metadata.is_dir() {
            ahead.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    seen
}

#[test]
fn a_stopped_container_is_told_whole_and_stays_as_it_is() {
    let host = Host::new();
    let script = "echo hello; echo evil > /bin/tool; chmod 4755 /bin/tool; rm /www/index.html; ln -s /etc /link; echo x >> /etc/passwd";
    host.ok(&format!("run --name victim -e API_TOKEN=swordfish -e PLAIN=seen --label a=b box sh -c '{script}'"));
    let directory = host.container("victim");
    let before = state(&directory);
    let members = gather(&host, "victim");
    assert_eq!(state(&directory), before);
    let names: Vec<&str> = members.keys().map(String::as_str).collect();
    let expected = [
        "changes.tsv",
        "container.json",
        "environment",
        "events.json",
        "image.json",
        "logs/container.log",
        "mounts.json",
        "network.json",
        "processes.json",
        "report.md",
        "spec.json",
        "state.json",
    ];
    assert_eq!(names, expected);
    assert!(members["environment"].contains("API_TOKEN=***\n") && members["environment"].contains("PLAIN=seen\n"));
    for (name, text) in &members {
        assert!(!text.contains("swordfish"), "{name}");
    }
    let changes = &members["changes.tsv"];
    let row = |path: &str| -> Vec<&str> {
        let row = changes.lines().find(|line| line.split('\t').nth(7) == Some(path));
        row.unwrap_or_else(|| panic!("{path} in {changes}")).split('\t').collect()
    };
    let tool = row("/bin/tool");
    assert_eq!([tool[0], tool[1], tool[2], tool[3], tool[4]], ["added", "file", "4755", "0:0", "5"]);
    assert_eq!(tool[6], host.tool("sh -c 'echo evil | sha256sum | cut -c -64'"));
    assert_eq!(row("/www/index.html")[..2], ["removed", "-"]);
    assert_eq!(row("/etc/passwd")[0], "changed");
    assert_eq!([row("/link")[1], row("/link")[8]], ["link", "/etc"]);
    assert!(!changes.contains("/bin/busybox"), "unchanged");
    assert!(members["logs/container.log"].contains("hello"));
    let report = &members["report.md"];
    assert!(report.contains("`/bin/tool` runs as another user or group (mode 4755)"), "{report}");
    assert!(report.contains("- removed `/www/index.html`") && report.contains("- exit code: 0"), "{report}");
    assert!(report.ends_with("## What could not be gathered\n\nNothing.\n\n"), "{report}");
    assert_eq!(json(&members["container.json"])["Name"], "/victim");
    assert_eq!(json(&members["processes.json"]), serde_json::json!([]));
    let events: Vec<Value> = serde_json::from_str(&members["events.json"]).unwrap();
    assert!(events.iter().any(|event| event["Action"] == "die"), "{events:?}");
}

#[test]
fn the_same_container_gives_the_same_bytes() {
    let host = Host::new();
    host.ok("run --name victim box sh -c 'echo 1; echo 2 > /file'");
    let file = host.path("bundle.tar.zst");
    let bundle = |options: &str| {
        host.ok(&format!("forensics {options} -o {} victim", file.display()));
        fs::read(&file).unwrap()
    };
    let one = bundle("");
    host.tool("sleep 1.1");
    assert!(one == bundle(""));
    let at = bundle("--at 2024-05-06T07:08:09Z");
    assert!(at != one && at == bundle("--at 2024-05-06T07:08:09Z"));
    assert!(
        gather(&host, "--at 2024-05-06T07:08:09Z victim")["report.md"].contains("Gathered at 2024-05-06T07:08:09Z.")
    );
    assert!(host.fails(125, &format!("forensics --at soon -o {} victim", file.display())).contains("--at"));
    assert!(host.fails(1, &format!("forensics -o {} nobody", file.display())).contains("No such container: nobody"));
}

#[test]
fn a_running_container_is_told_with_processes_sockets_and_connections() {
    let host = Host::new();
    host.ok("run -d --name web -p 8088:80 -v /usr:/host -e KEY=swordfish box httpd -f -p 80 -h /www");
    let neighbour = host.neighbour();
    let address = format!("{}:8088", Neighbour::HOST);
    eventually("it answers", || neighbour.enter(|| fetch(&address)).is_ok_and(|page| page.contains("It works")));
    let members = gather(&host, "--secrets web");
    assert!(members["environment"].contains("KEY=swordfish"), "asked for");
    let processes = json(&members["processes.json"]);
    assert_eq!(processes[0]["Pid"], host.init("web").as_raw());
    assert!(processes[0]["Command"].as_str().unwrap().starts_with("httpd"), "{processes}");
    assert_eq!(processes[0]["WorkingDirectory"], "/www", "{processes}");
    let network = json(&members["network.json"]);
    assert_eq!(network["Endpoints"][0]["addresses"][0]["address"], host.address("web"));
    let sockets = network["Sockets"].as_array().unwrap();
    assert!(
        sockets.iter().any(|socket| socket["State"] == "LISTEN" && socket["Local"].as_str().unwrap().ends_with(":80")),
        "{sockets:?}"
    );
    let connections = network["ConnectionsOnHost"].to_string();
    assert!(
        connections.contains(&format!("{}:80", host.address("web"))) && connections.contains(":8088"),
        "{connections}"
    );
    assert!(network["Interfaces"].to_string().contains("eth0"), "{network}");
    let mounts = json(&members["mounts.json"]);
    assert!(mounts["Mounts"].as_array().unwrap().iter().any(|mount| mount["Destination"] == "/host"), "{mounts}");
    assert!(members["report.md"].contains("it may write to `/usr` of the host"));
    assert_eq!(host.status("web"), "running");
}

#[test]
fn a_container_that_was_never_started_is_told_too() {
    let host = Host::new();
    host.ok("create --name new box true");
    let members = gather(&host, "new");
    assert_eq!(members["spec.json"], "null\n");
    assert_eq!(members["changes.tsv"].lines().count(), 1);
    assert!(members["report.md"].contains("## What could not be gathered\n\nNothing."), "{}", members["report.md"]);
}
