//! Porthole's OCI runtime under the engines of others, where these are installed.

use porthole_tests::archive;
use porthole_tests::peer::Peer;
use porthole_tests::{Host, eventually};
use std::os::unix::fs::symlink;
use std::path::PathBuf;

/// The binary by the name under which it is an OCI runtime.
fn runtime(host: &Host) -> PathBuf {
    let path = host.path("porthole-runtime");
    symlink(porthole_tests::binary(), &path).expect("linked");
    path
}

#[test]
fn docker_runs_containers_with_it() {
    let host = Host::empty();
    let Some(docker) = Peer::docker_with_runtime(&runtime(&host)) else { return };
    docker.ok_with("import - box", archive::busybox());
    let run = "run --runtime other --network none";
    assert_eq!(docker.ok(&format!("{run} --rm -m 64m --cpus 0.5 --pids-limit 50 box echo hello")), "hello");
    assert_eq!(docker.code(&format!("{run} --rm box sh -c 'exit 7'")), 7);
    assert_eq!(docker.code(&format!("{run} --rm box no-such")), 127);
    assert_eq!(docker.code(&format!("{run} --rm box /etc")), 126);
    assert_eq!(docker.ok(&format!("{run} --rm --init --read-only --tmpfs /tmp -u app box id -un")), "app");
    docker.ok(&format!("{run} -d --name web box sh -c 'trap \"exit 5\" TERM; while :; do sleep 0.1; done'"));
    assert_eq!(docker.ok("inspect -f {{.HostConfig.Runtime}} web"), "other");
    assert_eq!(docker.ok("exec -u app -e A=b web sh -c 'id -un; echo $A'"), "app\nb");
    assert_eq!(docker.code("exec web sh -c 'exit 3'"), 3);
    assert!(docker.ok("top web").contains("sleep"));
    assert!(docker.ok("stats --no-stream --format {{.Name}}:{{.PIDs}} web").starts_with("web:"));
    docker.ok("update -m 96m --memory-swap 96m web");
    docker.ok("pause web");
    assert_eq!(docker.ok("inspect -f {{.State.Status}} web"), "paused");
    docker.ok("unpause web");
    docker.ok("restart -t 0 web");
    docker.ok("stop web");
    assert_eq!(docker.ok("inspect -f {{.State.ExitCode}} web"), "5");
    docker.ok("rm web");
    docker.ok(&format!("{run} -d --name hungry -m 20m --memory-swap 20m box sh -c 'sleep 0.3; tail /dev/zero'"));
    eventually("its memory runs out", || docker.ok("inspect -f {{.State.Status}} hungry") == "exited");
    assert_eq!(docker.ok("inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' hungry"), "true 137");
    docker.ok("rm hungry");
}

#[test]
fn containerd_runs_containers_with_it() {
    let host = Host::new();
    let runtime = runtime(&host);
    let Some(docker) = Peer::docker_with_runtime(&runtime) else { return };
    let archive = host.path("box.tar");
    host.ok(&format!("save -o {} box", archive.display()));
    let ctr = |words: &str| host.tool(&format!("ctr -a {} -n test {words}", docker.containerd().display()));
    ctr(&format!("images import --snapshotter native {}", archive.display()));
    let run = format!("run --snapshotter native --runc-binary {}", runtime.display());
    assert_eq!(ctr(&format!("{run} --rm docker.io/library/box:latest one echo hello")).trim(), "hello");
    ctr(&format!("{run} -d docker.io/library/box:latest two sleep 100"));
    assert!(ctr("tasks ls").contains("RUNNING"));
    assert_eq!(ctr("tasks exec --exec-id a two echo inside").trim(), "inside");
    ctr("tasks pause two");
    assert!(ctr("tasks ls").contains("PAUSED"));
    ctr("tasks resume two");
    ctr("tasks kill -s KILL two");
    eventually("it has ended", || ctr("tasks ls").contains("STOPPED"));
    ctr("tasks delete two");
    ctr("containers delete two");
}
