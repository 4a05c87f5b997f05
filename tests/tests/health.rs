//! Health checks: what they say of a container, and where it is told.

use porthole_tests::{Host, eventually};
use serde_json::{Value, json};
use std::fs;

const CHECK: &str = "--health-cmd 'test -e /tmp/ok' --health-interval 50ms";

fn health(host: &Host, name: &str) -> Value {
    host.inspect(name)["State"]["Health"].clone()
}

fn is(host: &Host, name: &str, status: &str) {
    eventually(&format!("{name} is {status}"), || health(host, name)["Status"] == status);
}

#[test]
fn checks_tell_how_a_container_is() {
    let host = Host::new();
    host.ok(&format!("run -d --name web {CHECK} --health-retries 2 box sleep 100"));
    is(&host, "web", "unhealthy");
    assert!(host.ok("ps --format '{{.Status}}'").ends_with("(unhealthy)"));
    assert!(health(&host, "web")["FailingStreak"].as_u64().unwrap() >= 2);
    assert_eq!(health(&host, "web")["Log"][0]["ExitCode"], 1);
    host.ok("exec web touch /tmp/ok");
    is(&host, "web", "healthy");
    assert_eq!(health(&host, "web")["FailingStreak"], 0);
    assert_eq!(host.ok("ps -q --no-trunc -f health=healthy"), host.ok("ps -q --no-trunc"));
    assert_eq!(host.ok("ps -q -f health=none"), "");
    let told = "events --since 1h --until 0s -f container=web --format '{{.Action}}'";
    let told = host.ok(told);
    let checks: Vec<&str> = told.lines().filter(|line| line.starts_with("health_status")).collect();
    assert_eq!(checks, ["health_status: unhealthy", "health_status: healthy"]);
    let recorded = host.inspect("web")["Config"]["Healthcheck"].clone();
    let expected = json!({ "Test": ["CMD-SHELL", "test -e /tmp/ok"], "Interval": 50_000_000, "Retries": 2 });
    assert_eq!(recorded, expected);

    host.ok("stop -t 0 web");
    assert_eq!(health(&host, "web")["Status"], "unhealthy", "as with Docker, what has ended is not well");
    host.ok("start web");
    is(&host, "web", "healthy");
}

#[test]
fn a_check_that_hangs_is_ended_with_all_that_it_started() {
    let host = Host::new();
    let check = "--health-cmd 'echo asked; sleep 1000; true' --health-interval 50ms --health-timeout 100ms";
    host.ok(&format!("run -d --name slow {check} --health-retries 1 box sleep 100"));
    is(&host, "slow", "unhealthy");
    let probe = health(&host, "slow")["Log"][0].clone();
    assert_eq!(probe["ExitCode"], -1);
    assert_eq!(probe["Output"], "Health check exceeded timeout (100ms): asked\n");
    let sleepers = || host.ok("top slow").matches("sleep 1000").count();
    eventually("at most the check that runs now is left", || sleepers() <= 1);
    host.ok("stop -t 0 slow");
}

#[test]
fn a_container_is_checked_neither_while_it_is_paused_nor_counted_while_it_starts() {
    let host = Host::new();
    let start = "--health-start-period 1h --health-start-interval 20ms --health-retries 1";
    host.ok(&format!("run -d --name new {CHECK} {start} box sleep 100"));
    eventually("it was checked", || !health(&host, "new")["Log"].as_array().unwrap().is_empty());
    assert_eq!(health(&host, "new")["Status"], "starting");
    assert!(host.ok("ps --format '{{.Status}}'").ends_with("(health: starting)"));
    host.ok("pause new");
    let before = health(&host, "new")["Log"].clone();
    porthole_tests::pause(200);
    assert_eq!(health(&host, "new")["Log"], before);
    host.ok("unpause new");
    host.ok("exec new touch /tmp/ok");
    is(&host, "new", "healthy");
}

#[test]
fn commands_that_cannot_be_run_are_told() {
    let host = Host::new();
    let image = "import -c 'HEALTHCHECK --interval=50ms --retries=1 CMD [\"nosuch\"]' - checked";
    host.porthole_with(image, porthole_tests::archive::busybox()).ok();
    host.ok("run -d --name odd checked sleep 100");
    is(&host, "odd", "unhealthy");
    let probe = health(&host, "odd")["Log"][0].clone();
    assert_eq!(probe["ExitCode"], -1);
    assert!(probe["Output"].as_str().unwrap().contains("\"nosuch\": executable file not found"), "{probe}");

    host.ok("run -d --name mine --health-cmd true checked sleep 100");
    is(&host, "mine", "healthy");
    host.ok("run -d --name unchecked --no-healthcheck checked sleep 100");
    assert_eq!(health(&host, "unchecked"), Value::Null);
    assert!(host.fails(125, "run --no-healthcheck --health-cmd true box true").contains("conflicts"));
    assert!(host.fails(125, "run --health-interval 1us box true").contains("cannot be less than 1ms"));
    assert!(host.fails(125, "run --health-retries -1 box true").contains("cannot be negative"));
    assert!(host.fails(125, "run --health-retries 4294967296 box true").contains("cannot be more than"));
}

#[test]
fn it_can_be_renamed_and_updated_without_the_user_that_its_checks_were_begun_for() {
    let host = Host::new();
    host.ok(&format!("run -d --name web -u root {CHECK} --restart always box sleep 100"));
    host.ok("exec web sh -c ': >/etc/passwd'");
    assert!(host.fails(126, "exec -u root web true").contains("unable to find user root"));
    host.ok("rename web shop");
    host.ok("update --restart no shop");
    assert_eq!(host.inspect("shop")["HostConfig"]["RestartPolicy"]["Name"], "no");
    let told = "events --since 1h --until 0s -f container=shop -f event=rename --format '{{.Action}}'";
    assert_eq!(host.ok(told), "rename");
    host.ok("exec -u 0 shop touch /tmp/ok");
    is(&host, "shop", "healthy");
    host.ok("kill shop");
    eventually("it stays away", || host.inspect("shop")["State"]["Status"] == "exited");
}

#[test]
fn a_check_that_runs_ends_with_the_container_whosever_processes_it_sees() {
    let host = Host::new();
    let check = "--health-cmd 'sleep 7391' --health-interval 10ms";
    host.ok(&format!("run -d --name web --pid host --restart always {check} box sh -c 'sleep 0.5; exit 1'"));
    let monitor = host.monitor("web");
    eventually("it is started again", || host.inspect("web")["RestartCount"].as_u64() >= Some(2));
    let is_zombie = |child: &str| {
        let stat = fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'))
    };
    eventually("all that has ended is reaped", || {
        let children = fs::read_to_string(format!("/proc/{monitor}/task/{monitor}/children")).unwrap();
        !children.split_whitespace().any(is_zombie)
    });
}
