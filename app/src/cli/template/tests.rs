use super::*;
use serde_json::json;

fn container() -> Value {
    json!({
        "Id": "0123456789abcdef",
        "Name": "/web",
        "RestartCount": 2,
        "State": { "Status": "running", "Running": true, "Pid": 4711, "ExitCode": 0, "Ratio": 1.5 },
        "Args": ["-f", "-h", "/www"],
        "Mounts": [],
        "Config": {
            "Env": ["A=1", "B=two words"],
            "Cmd": null,
            "Labels": { "com.example.role": "front end", "tier": "1" },
        },
        "NetworkSettings": {
            "Ports": { "80/tcp": [{ "HostIp": "0.0.0.0", "HostPort": "8088" }], "443/tcp": null },
            "Networks": { "bridge": { "IPAddress": "172.17.0.2" }, "other": { "IPAddress": "10.0.0.2" } },
        },
    })
}

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    for (source, expected) in cases {
        let rendered = Template::parse(source).and_then(|template| template.render(&container()));
        assert_eq!(rendered.as_deref().map_err(ToString::to_string), Ok(*expected), "{source}");
    }
}

#[track_caller]
fn fails(cases: &[(&str, &str)]) {
    for (source, expected) in cases {
        let error = Template::parse(source).and_then(|template| template.render(&container())).unwrap_err().to_string();
        assert_eq!(error.strip_prefix("template parsing error: template: :").unwrap(), *expected, "{source}");
    }
}

#[test]
fn scripts_ask_for_fields() {
    check(&[
        ("{{.State.Status}}", "running"),
        ("{{ .State.Running }} {{.State.Pid}} {{.State.Ratio}}", "true 4711 1.5"),
        ("{{.Name}}: {{.NetworkSettings.Networks.bridge.IPAddress}}", "/web: 172.17.0.2"),
        ("{{.Config.Labels.tier}}{{.Config.Labels.none}}", "1<no value>"),
        ("{{.Config.Cmd}}", "<no value>"),
        ("{{$.Name}}{{(.State).Pid}}", "/web4711"),
        ("{{.ID}} {{.Config.CMD}}", "0123456789abcdef <no value>"),
        ("no action", "no action"),
        ("", ""),
    ]);
}

#[test]
fn values_look_as_go_prints_them() {
    check(&[
        ("{{.Args}}", "[-f -h /www]"),
        ("{{.Mounts}}", "[]"),
        ("{{.Config.Labels}}", "map[com.example.role:front end tier:1]"),
        ("{{.NetworkSettings.Ports}}", "map[443/tcp:<nil> 80/tcp:[map[HostIp:0.0.0.0 HostPort:8088]]]"),
        ("{{.State}}", "map[ExitCode:0 Pid:4711 Ratio:1.5 Running:true Status:running]"),
        ("{{json .Config.Env}}", r#"["A=1","B=two words"]"#),
        ("{{json .State.Status}}{{json .Config.Cmd}}", "\"running\"null"),
    ]);
}

#[test]
fn scripts_index() {
    check(&[
        (r#"{{index (index .NetworkSettings.Ports "80/tcp") 0 "HostPort"}}"#, "8088"),
        (r#"{{(index .NetworkSettings.Ports "80/tcp" 0).HostPort}}"#, "8088"),
        (r#"{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}"#, "8088"),
        (r#"{{with (index .NetworkSettings.Ports "80/tcp")}}{{(index . 0).HostIp}}{{end}}"#, "0.0.0.0"),
        (r#"{{index .Config.Labels "com.example.role"}}"#, "front end"),
        (r#"[{{index .Config.Labels "none"}}]"#, "[]"),
        ("{{index .Args 2}} {{index .Config.Env 0 | printf \"%q\"}}", "/www \"A=1\""),
        (r#"{{if index .NetworkSettings.Ports "81/tcp"}}yes{{else}}no{{end}}"#, "no"),
        ("{{slice .Id 0 12}} {{slice .Args 1}} {{slice .Args 1 2}}", "0123456789ab [-h /www] [-h]"),
    ]);
}

#[test]
fn scripts_range() {
    check(&[
        ("{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}", "172.17.0.2 10.0.0.2 "),
        (
            "{{range $name, $net := .NetworkSettings.Networks}}{{$name}}={{$net.IPAddress}};{{end}}",
            "bridge=172.17.0.2;other=10.0.0.2;",
        ),
        (
            "{{range $p, $conf := .NetworkSettings.Ports}}{{$p}} -> {{if $conf}}{{(index $conf 0).HostPort}}{{end}}\n{{end}}",
            "443/tcp -> \n80/tcp -> 8088\n",
        ),
        ("{{range $i, $e := .Args}}{{if $i}},{{end}}{{$e}}{{end}}", "-f,-h,/www"),
        ("{{range .Config.Env}}{{println .}}{{end}}", "A=1\nB=two words\n"),
        ("{{range $e := .Args}}{{$e}}{{end}}", "-f-h/www"),
        ("{{range .Mounts}}{{.Source}}{{else}}none{{end}}", "none"),
        ("{{range .Config.Cmd}}x{{else}}none{{end}}", "none"),
        (r#"{{range split "a,b" ","}}<{{.}}>{{end}}"#, "<a><b>"),
        (r#"{{range index .NetworkSettings.Ports "81/tcp"}}x{{end}}"#, ""),
    ]);
}

#[test]
fn conditions_choose() {
    check(&[
        ("{{if .State.Health}}{{.State.Health.Status}}{{else}}{{.State.Status}}{{end}}", "running"),
        ("{{with .State.Health}}{{.Status}}{{else}}none{{end}}", "none"),
        ("{{if eq .State.ExitCode 0}}ok{{end}}{{if ne .Name \"/web\"}}other{{end}}", "ok"),
        ("{{if gt .RestartCount 5}}many{{else if ge .RestartCount 2}}some{{else}}few{{end}}", "some"),
        ("{{if gt .RestartCount 1}}a{{else if true}}b{{end}}c", "ac"),
        ("{{if and .State.Running (not .State.ExitCode)}}up{{end}}", "up"),
        ("{{and .Mounts .Id}} {{or .Mounts .Name}} {{or 0 \"\" | len}}", "[] /web 0"),
        ("{{eq .Name \"/db\" \"/web\"}} {{lt 1 2}} {{le 2.5 2}} {{lt \"a\" \"b\"}}", "true true false true"),
        ("{{with $x := .State}}{{$x.Pid}}{{.Pid}}{{end}}", "47114711"),
        ("{{with .Mounts}}x{{else with .Args}}{{len .}}{{end}}", "3"),
    ]);
}

#[test]
fn pipelines_pass_the_last_argument() {
    check(&[
        (".{{.State.Status | upper}}.{{title \"two words\"}}.{{lower \"ABC\"}}", ".RUNNING.Two Words.abc"),
        ("{{join .Args \", \"}} {{join .Config.Cmd \",\"}}", "-f, -h, /www "),
        ("{{.Config.Env | len | printf \"%d of %s\" 3}}", "3 of %!s(int=2)"),
        ("{{.Name | printf \"%s|%6s|%-6s|%.2s|\" \"a\" \"b\" \"c\"}}", "a|     b|c     |/w|"),
        (
            "{{printf \"%05d %+d %x %v %t %.1f %%\" 42 7 255 .Args true .State.Ratio}}",
            "00042 +7 ff [-f -h /www] true 1.5 %",
        ),
        ("{{printf \"%d\"}}{{printf \"x\" 1}}", "%!d(MISSING)x%!(EXTRA int=1)"),
        ("{{(.Args | len)}} {{print 1 2 \"x\" 3}}", "3 1 2x3"),
        ("{{truncate .Id 4}}{{pad \"x\" 1 2}}|", "0123 x  |"),
    ]);
}

#[test]
fn variables_have_scopes() {
    check(&[
        ("{{$x := .Name}}{{$x}}", "/web"),
        ("{{$n := 0}}{{range .Args}}{{$n = .}}{{end}}{{$n}}", "/www"),
        ("{{$x := 1}}{{if true}}{{$x := 2}}{{$x}}{{end}}{{$x}}", "21"),
        ("{{range .Args}}{{$.Name}}{{end}}", "/web/web/web"),
    ]);
}

#[test]
fn blanks_and_comments_go() {
    check(&[
        ("a  {{- .Name -}}  b", "a/webb"),
        ("a {{/* nothing */}} b", "a  b"),
        ("a {{- /* nothing */ -}} b", "ab"),
        ("{{range .Args -}}\n {{.}}\n{{- end}}", "-f-h/www"),
        ("{{`raw \\n`}}{{\"tab\\t\\\"\"}}{{-3}}", "raw \\ntab\t\"-3"),
        ("é{{.Name}}", "é/web"),
    ]);
}

#[test]
fn mistakes_are_told_with_their_place() {
    fails(&[
        ("{{.Name", "1:1: unclosed action"),
        ("a\n {{.Nope}}", "2:4: map has no entry for key \"Nope\""),
        ("{{.State.Health.Status}}", "1:3: map has no entry for key \"Health\""),
        ("{{.Config.Cmd.X}}", "1:3: nil pointer evaluating interface {}.X"),
        ("{{.Name.X}}", "1:3: can't evaluate field X in type string"),
        ("{{nope .Name}}", "1:3: function \"nope\" not defined"),
        ("{{$x}}", "1:3: undefined variable \"$x\""),
        ("{{}}", "1:3: missing value for command"),
        ("{{if .Name}}x", "1:6: unexpected EOF: {{end}} is missing"),
        ("x{{end}}", "1:1: unexpected {{end}}"),
        ("{{index .Args 3}}", "1:3: error calling index: index out of range: 3"),
        ("{{index .Args \"x\"}}", "1:3: error calling index: cannot index slice/array with type string"),
        ("{{lt 1 \"a\"}}", "1:3: error calling lt: incompatible types for comparison"),
        ("{{join .Name \",\"}}", "1:3: error calling join: wrong type for value; expected []string; got string"),
        ("{{upper}}", "1:3: error calling upper: wrong number of args: want at least 1 got 0"),
        ("{{range .Name}}{{end}}", "1:9: range can't iterate over string"),
        ("{{.Name \"x\"}}", "1:3: Name has arguments but cannot be invoked as function"),
        ("{{\"open}}", "1:3: unterminated quoted string"),
        (r#"{{"\u+0a1"}}"#, "1:4: unknown escape in quoted string"),
        ("{{(.Name}}", "1:3: unclosed left paren"),
        ("{{.Name ! 1}}", "1:9: unexpected '!' in command"),
        ("{{slice .Id 5 2}}", "1:3: error calling slice: index out of range: 5:2"),
    ]);
}

#[test]
fn deep_nesting_is_refused() {
    let source = format!("{{{{{}1{}}}}}", "(".repeat(100_000), ")".repeat(100_000));
    assert!(Template::parse(&source).unwrap_err().to_string().ends_with("nested too deeply"));
    let chain = format!("{{{{if 0}}}}{}{{{{end}}}}", "{{else if 0}}".repeat(1000));
    assert!(Template::parse(&chain).unwrap_err().to_string().ends_with("nested too deeply"));
}

#[test]
fn headers_keep_their_titles() {
    let template = Template::parse("{{lower .ID}} {{json .ID}} {{.ID | printf \"<%s>\"}}").unwrap();
    assert_eq!(
        template.header(&json!({ "ID": "CONTAINER ID" }), &|_, _| None).unwrap(),
        "CONTAINER ID CONTAINER ID <CONTAINER ID>"
    );
}

#[test]
fn the_data_may_have_methods() {
    let label = |name: &str, key: &str| (name == "Label").then(|| format!("<{key}>"));
    let rendered = |source: &str| Template::parse(source).unwrap().render_with(&json!({ "A": [1] }), &label);
    assert_eq!(rendered("{{.Label \"x\"}}{{range .A}}{{$.Label \"y\"}}{{end}}").unwrap(), "<x><y>");
    assert!(rendered("{{.Other \"x\"}}").is_err());
}
