//! What scripts read: `--format` and `--filter`.

use porthole_tests::Host;

#[test]
fn inspect_answers_templates() {
    let host = Host::new();
    host.ok("run -d --name web -p 127.0.0.1::80 -e A=1 --label com.example.role=front box sleep 1000");
    let asks = |template: &str| host.ok(&format!("inspect -f '{template}' web"));
    assert_eq!(asks("{{.Name}} {{.State.Status}} {{.State.Running}} {{.State.ExitCode}}"), "/web running true 0");
    assert_eq!(asks("{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"), host.address("web"));
    assert_eq!(asks("{{index .Config.Labels \"com.example.role\"}}{{index .Config.Labels \"none\"}}"), "front");
    let port = asks("{{(index .NetworkSettings.Ports \"80/tcp\" 0).HostPort}}");
    assert_eq!(asks("{{index (index .NetworkSettings.Ports \"80/tcp\") 0 \"HostPort\"}}"), port);
    assert!(port.parse::<u16>().is_ok(), "{port}");
    assert!(asks("{{json .Config.Env}}").contains("\"A=1\""));
    assert_eq!(asks("{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}"), "none");
    let message = host.fails(1, "inspect -f '{{.Nope}}' web");
    assert_eq!(message, "template parsing error: template: :1:3: map has no entry for key \"Nope\"");
    assert!(host.ok("inspect --format json web").starts_with("[{\""));
}

#[test]
fn sizes_are_those_of_the_files() {
    let host = Host::new();
    host.ok("run --name writer box sh -c 'head -c 100000 /dev/zero > /file'");
    assert_eq!(host.ok("inspect -s -f '{{.SizeRw}}' writer"), "100000");
    assert!(host.ok("ps -as --format '{{.Size}}'").starts_with("100kB (virtual "));
    assert!(host.ok("ps -as").lines().next().is_some_and(|header| header.ends_with("SIZE")));
}

#[test]
fn lists_have_formats() {
    let host = Host::new();
    host.ok("run -d --name web --label role=front box sleep 1000");
    assert_eq!(
        host.ok("ps --format '{{.Names}}: {{.Image}} {{.State}} {{.Command}}'"),
        "web: box running \"sleep 1000\""
    );
    let table = host.ok("ps --format 'table {{.Names}}\\t{{.Label \"role\"}}\\t{{.Networks}}'");
    assert_eq!(table, "NAMES     role      NETWORKS\nweb       front     bridge");
    let row: serde_json::Value = serde_json::from_str(&host.ok("ps --format '{{json .}}'")).expect("JSON");
    assert_eq!((row["Names"].as_str(), row["Labels"].as_str()), (Some("web"), Some("role=front")));
    assert_eq!(host.ok("ps --format json"), row.to_string());
    assert_eq!(host.ok("ps").lines().next(), host.ok("ps --format table").lines().next());
}

#[test]
fn lists_are_filtered() {
    let host = Host::new();
    host.ok("run -d --name web -p 127.0.0.1::80 --label role=front --label tier=1 box sleep 1000");
    host.ok("run --name done --label role=batch box true");
    assert_eq!(host.porthole("run --name failed box sh -c 'exit 3'").code, 3);
    let filtered = |words: &str| {
        let names = host.ok(&format!("ps {words} --format '{{{{.Names}}}}'"));
        names.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(filtered("-a"), ["failed", "done", "web"]);
    assert_eq!(filtered("-f status=exited"), ["failed", "done"]);
    assert_eq!(filtered("-a -f status=running -f status=exited"), ["failed", "done", "web"]);
    assert_eq!(filtered("-a -f exited=3"), ["failed"]);
    assert_eq!(filtered("-a -f name=^/web$"), ["web"]);
    assert_eq!(filtered("-a -f name=e -f label=role"), ["done", "web"]);
    assert_eq!(filtered("-a -f label=role=front -f label=tier"), ["web"]);
    assert_eq!(filtered("-a -f since=web -f before=failed"), ["done"]);
    assert_eq!(filtered("-a -f publish=80 -f network=bridge"), ["web"]);
    assert_eq!(filtered("-a -f ancestor=box").len(), 3);
    assert_eq!(filtered("-a -f ancestor=nothing").len(), 0);
    assert_eq!(filtered("-a -f health=healthy").len(), 0);
    assert_eq!(host.ok("ps -aq -f name=web").len(), 12);
    assert!(host.fails(1, "ps -f colour=red").starts_with("invalid filter 'colour'"));
    assert_eq!(host.fails(1, "ps -f status=asleep"), "invalid filter 'status=asleep'");
    assert!(host.fails(125, "ps -f web").contains("expected name=value"));
    assert_eq!(host.fails(1, "ps -f since=nobody"), "No such container: nobody");
}

#[test]
fn images_are_formatted_and_filtered() {
    let host = Host::new();
    host.ok("tag box team/tool:1.2");
    let listed = |words: &str| {
        let names = host.ok(&format!("images {words} --format '{{{{.Repository}}}}:{{{{.Tag}}}}'"));
        names.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(listed(""), ["box:latest", "team/tool:1.2"]);
    assert_eq!(listed("-f reference=team/*"), ["team/tool:1.2"]);
    assert_eq!(listed("-f reference=*"), ["box:latest"]);
    assert_eq!(listed("b?x"), ["box:latest"]);
    assert_eq!(listed("-f dangling=true").len(), 0);
    assert_eq!(listed("-f dangling=false").len(), 2);
    assert_eq!(listed("-f label=none").len(), 0);
    assert_eq!(listed("-f since=box").len(), 0);
    assert_eq!(host.ok("images -q -f reference=box").len(), 12);
    let header = host.ok("images --digests");
    assert!(
        header.lines().next().is_some_and(|line| line.split("  ").any(|title| title.trim() == "DIGEST")),
        "{header}"
    );
    assert!(host.ok("images --format '{{json .}}' box").starts_with("{\"CreatedAt\":"));
    assert!(host.fails(1, "images -f colour=red").starts_with("invalid filter 'colour'"));
    assert_eq!(host.fails(1, "images -f dangling=maybe"), "invalid filter 'dangling=maybe'");
}
