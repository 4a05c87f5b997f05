//! Further options of `run`: ports, mounts, logs, streams, and files that it reads and writes.

use porthole_tests::{Host, archive, eventually};
use serde_json::{Value, json};
use std::fs;

#[test]
fn declared_ports_are_published_at_random_ones() {
    let host = Host::new();
    host.porthole_with("import -c 'EXPOSE 80 53/udp' - declared", archive::busybox()).ok();
    host.ok("run -d --name web -P --expose 8000-8001 -p 127.0.0.1:7000:80 declared httpd -f -h /www");
    let ports = host.inspect("web")["NetworkSettings"]["Ports"].clone();
    assert_eq!(ports["80/tcp"], json!([{ "HostIp": "127.0.0.1", "HostPort": "7000" }]), "what is published stays");
    for port in ["53/udp", "8000/tcp", "8001/tcp"] {
        let at: u16 = ports[port][0]["HostPort"].as_str().unwrap().parse().unwrap();
        assert!(at >= 32768, "{port}: {ports}");
    }
    assert_eq!(host.inspect("web")["HostConfig"]["PublishAllPorts"], true);
    host.ok("run -d --name quiet declared sleep 100");
    assert_eq!(host.inspect("quiet")["NetworkSettings"]["Ports"], json!({ "80/tcp": null, "53/udp": null }));
    assert_eq!(host.ok("ps -f name=quiet --format '{{.Ports}}'"), "53/udp, 80/tcp");
    host.porthole_with("import -c 'EXPOSE 80 127.0.0.1:7001:81' - bold", archive::busybox()).ok();
    host.ok("run -d --name bold -P bold httpd -f -h /www");
    let ports = host.inspect("bold")["NetworkSettings"]["Ports"].clone();
    assert!(ports["80/tcp"][0]["HostPort"].is_string(), "{ports}");
    assert!(ports.get("81/tcp").is_none(), "an image does not say where on the host: {ports}");
    assert!(host.fails(125, "run --rm --expose x box true").contains("invalid range format for --expose: x"));
}

#[test]
fn mounts_are_those_asked_for() {
    let host = Host::new();
    let shared = host.path("shared");
    fs::create_dir(&shared).unwrap();
    fs::write(shared.join("file"), "content").unwrap();
    let source = shared.display();
    let mount = format!("--mount type=bind,src={source},dst=/data,readonly");
    assert_eq!(host.ok(&format!("run --rm {mount} box cat /data/file")), "content");
    assert!(host.porthole(&format!("run --rm {mount} box touch /data/new")).stderr.contains("Read-only"));
    let tmpfs = "--mount type=tmpfs,dst=/scratch,tmpfs-size=2m,tmpfs-mode=1700";
    let said = host.ok(&format!("run --rm {tmpfs} box sh -c 'df -k /scratch | tail -1; stat -c %a /scratch'"));
    assert!(said.contains(" 2048 ") && said.ends_with("1700"), "{said}");
    let missing = format!("run --rm --mount type=bind,src={source}/none,dst=/x box true");
    assert!(host.fails(125, &missing).contains("bind source path does not exist"));
    assert!(host.fails(125, "run --rm --mount type=odd,dst=/x box true").contains("mount type unknown"));
    assert!(host.fails(125, "run --rm --mount type=bind,dst=/x box true").contains("source is required"));

    host.ok(&format!("create --name keeper -v {source}:/data -v {source}:/more:ro box true"));
    assert_eq!(host.ok("run --rm --volumes-from keeper box cat /data/file /more/file"), "contentcontent");
    assert!(host.porthole("run --rm --volumes-from keeper:ro box touch /data/new").stderr.contains("Read-only"));
    assert_eq!(host.ok("run --rm --volumes-from keeper --tmpfs /data box ls /data"), "");
    assert!(host.fails(125, "run --rm --volumes-from nobody box true").contains("No such container: nobody"));
}

#[test]
fn logs_go_where_they_are_to() {
    let host = Host::new();
    host.ok("run -d --name small --log-opt max-size=4k --log-opt max-file=2 box sh -c 'seq 1000'");
    eventually("it has ended", || host.status("small") == "exited");
    let files: Vec<_> = fs::read_dir(host.container("small").join("log")).unwrap().flatten().collect();
    assert_eq!(files.len(), 2);
    assert!(files.iter().all(|file| file.metadata().unwrap().len() <= 4096));
    assert!(host.ok("logs small").ends_with("1000"));
    let recorded = host.inspect("small")["HostConfig"]["LogConfig"].clone();
    assert_eq!(recorded, json!({ "Type": "json-file", "Config": { "max-size": "4k", "max-file": "2" } }));

    assert_eq!(host.ok("run --name silent --log-driver none box echo heard"), "heard");
    assert!(host.fails(1, "logs silent").contains("does not support reading"));
    assert!(host.fails(125, "run --log-driver syslog box true").contains("no log driver named 'syslog'"));
    assert!(host.fails(125, "run --log-opt tag=x box true").contains("unknown log opt 'tag=x'"));
}

#[test]
fn only_the_streams_asked_for_are_attached() {
    let host = Host::new();
    let both = "box sh -c 'echo out; echo err >&2'";
    let out = host.porthole(&format!("run --rm -a stdout {both}"));
    assert_eq!((out.stdout.as_str(), out.stderr.as_str()), ("out\n", ""));
    let err = host.porthole(&format!("run --rm -a STDERR {both}"));
    assert_eq!((err.stdout.as_str(), err.stderr.as_str()), ("", "err\n"));
    let id = host.porthole_with("run -i -a stdin --name reader box sh -c 'cat > /tmp/read'", b"typed").ok().to_owned();
    assert_eq!(id, host.inspect("reader")["Id"].as_str().unwrap());
    assert!(host.fails(125, "run -a nowhere box true").contains("valid streams are STDIN, STDOUT and STDERR"));
    assert!(host.fails(125, "run -d -a stdout box true").contains("both --attach and --detach"));
}

#[test]
fn files_are_read_and_written() {
    let host = Host::new();
    let (id_file, labels) = (host.path("id"), host.path("labels"));
    fs::write(&labels, "# labels\nrole=test\nempty\n").unwrap();
    let options = format!("--cidfile {} --label-file {} -l role=front", id_file.display(), labels.display());
    host.ok(&format!("create --name web {options} --domainname example.com --annotation a=1 box true"));
    let web = host.inspect("web");
    assert_eq!(fs::read_to_string(&id_file).unwrap(), web["Id"].as_str().unwrap());
    assert_eq!(web["Config"]["Labels"], json!({ "role": "front", "empty": "" }));
    assert_eq!(web["Config"]["Domainname"], "example.com");
    assert_eq!(web["HostConfig"]["Annotations"], json!({ "a": "1" }));
    let again = format!("create --cidfile {} box true", id_file.display());
    assert!(host.fails(1, &again).contains("container ID file found"));
    fs::remove_file(&id_file).unwrap();
    let failing = format!("run --cidfile {} --name web box true", id_file.display());
    assert!(host.fails(125, &failing).contains("already in use"));
    assert!(!id_file.exists(), "what could not be made has no id");
    assert_eq!(host.ok("run --rm --domainname example.com box cat /proc/sys/kernel/domainname"), "example.com");
}

#[test]
fn settings_that_the_kernel_lacks_are_refused_with_a_line() {
    let host = Host::new();
    for options in ["--cpu-rt-runtime 1000", "--cgroup-conf no.such=1"] {
        let message = host.fails(125, &format!("run --rm {options} box true"));
        assert_eq!(message.lines().count(), 1, "{message}");
    }
    let message = host.fails(125, "run --rm --cpu-rt-runtime 3000 --cpu-rt-period 2000 box true");
    assert!(message.contains("cannot be higher"), "{message}");
    assert!(host.fails(125, "run --rm --blkio-weight-device /dev/null:300 box true").contains("not a block device"));
    assert!(host.fails(125, "run --rm --blkio-weight-device /dev/null:5 box true").contains("Range of blkio weight"));
    assert_eq!(host.ok("ps -aq"), "");
    assert_eq!(host.inspect("box")["Config"]["Healthcheck"], Value::Null);
}
