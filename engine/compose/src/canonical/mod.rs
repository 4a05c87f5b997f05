//! The long forms: every short form that the specification knows becomes the long one that it stands for, and every relative
//! path becomes absolute. What comes out can be merged key by key.

pub mod port;
mod volume;

use crate::error::{Error, Result};
use crate::node::{Entry, Map, Mark, Node, Place, Value};
use crate::words;
use std::path::{Component, Path, PathBuf};

/// Where the relative paths of a file begin.
#[derive(Clone, Debug)]
pub struct Base<'a> {
    /// The directory.
    pub directory: &'a Path,
    /// What `~` stands for.
    pub home: Option<&'a str>,
}

impl Base<'_> {
    /// A path as an absolute one without `.` and `..`.
    pub fn resolve(&self, text: &str) -> PathBuf {
        let path = match (text.strip_prefix('~'), self.home) {
            (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => {
                PathBuf::from(format!("{home}{rest}"))
            }
            _ => self.directory.join(text),
        };
        clean(&path)
    }

    fn resolve_text(&self, node: &mut Node) {
        if let Value::Text(text) = &mut node.value {
            *text = self.resolve(text).to_string_lossy().into_owned();
        }
    }

    fn resolve_at(&self, node: &mut Node, key: &str) {
        if let Some(node) = node.get_mut(key) {
            self.resolve_text(node);
        }
    }
}

/// A path without `.` and `..`, by its words alone.
pub fn clean(path: &Path) -> PathBuf {
    let mut cleaned = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(cleaned.pop()),
            part => cleaned.push(part),
        }
    }
    cleaned
}

/// Gives a checked file its long forms.
pub fn canonical(root: &mut Node, base: &Base<'_>) -> Result<()> {
    each(root, "services", |_, service| canonical_service(service, base))?;
    each(root, "networks", |_, network| {
        convert(network, "labels", pairs);
        external(network);
        Ok(())
    })?;
    each(root, "volumes", |_, volume| {
        convert(volume, "labels", pairs);
        external(volume);
        Ok(())
    })?;
    for key in ["secrets", "configs"] {
        each(root, key, |_, object| {
            convert(object, "labels", pairs);
            base.resolve_at(object, "file");
            Ok(())
        })?;
    }
    Ok(())
}

/// The values of a map in a map.
fn each(root: &mut Node, key: &str, mut act: impl FnMut(&str, &mut Node) -> Result<()>) -> Result<()> {
    let Some(Value::Map(map)) = root.get_mut(key).map(|node| &mut node.value) else { return Ok(()) };
    map.iter_mut().try_for_each(|(name, entry)| act(name, &mut entry.node))
}

/// `external: {name: X}`, as it was written long ago.
fn external(node: &mut Node) {
    let name = node.get("external").and_then(|external| external.get("name")).cloned();
    if let Some(name) = name {
        let place = name.place.clone();
        node.set("external", Node::new(&place, Value::Bool(true)));
        node.set("name", name);
    }
}

/// Changes the value of a key, if it is there and not only resets what was said before.
fn convert(node: &mut Node, key: &str, change: impl FnOnce(&mut Node)) {
    if let Some(node) = node.get_mut(key)
        && node.mark != Some(Mark::Reset)
    {
        change(node);
    }
}

/// As [`convert`], where the value may make no sense.
fn try_convert(node: &mut Node, key: &str, change: impl FnOnce(&mut Node) -> Result<()>) -> Result<()> {
    match node.get_mut(key) {
        Some(node) if node.mark != Some(Mark::Reset) => change(node),
        _ => Ok(()),
    }
}

/// A list of `KEY=VALUE` as a mapping; a key alone has no value.
fn pairs(node: &mut Node) {
    let Value::List(list) = &node.value else { return };
    let pair = |item: &Node| {
        let text = item.scalar().unwrap_or_default();
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key, Value::Text(value.to_owned())),
            None => (text.as_str(), Value::Null),
        };
        (key.to_owned(), Entry { key: item.place.clone(), node: Node::new(&item.place, value) })
    };
    node.value = Value::Map(list.iter().map(pair).collect());
}

/// A string as a list of it.
fn list(node: &mut Node) {
    if matches!(node.value, Value::Text(_)) {
        let item = Node::new(&node.place, std::mem::replace(&mut node.value, Value::Null));
        node.value = Value::List(vec![item]);
    }
}

/// A list of names as a mapping of them to something.
fn names(node: &mut Node, value: impl Fn(&Place) -> Node) {
    let Value::List(list) = &node.value else { return };
    let entry =
        |item: &Node| (item.scalar().unwrap_or_default(), Entry { key: item.place.clone(), node: value(&item.place) });
    node.value = Value::Map(list.iter().map(entry).collect());
}

/// Replaces each item of a list by those that it stands for.
fn items(node: &mut Node, change: impl Fn(&Node) -> Result<Vec<Node>>) -> Result<()> {
    let Value::List(list) = &node.value else { return Ok(()) };
    let mut changed = Vec::new();
    for item in list {
        changed.extend(change(item)?);
    }
    node.value = Value::List(changed);
    Ok(())
}

/// A mapping of fields in this order, those that are something.
fn fields<const N: usize>(place: &Place, fields: [(&str, Option<Value>); N]) -> Node {
    let field = |(key, value): (&str, Option<Value>)| {
        Some((key.to_owned(), Entry { key: place.clone(), node: Node::new(place, value?) }))
    };
    Node::new(place, Value::Map(fields.into_iter().filter_map(field).collect()))
}

fn text(text: &str) -> Option<Value> {
    (!text.is_empty()).then(|| Value::Text(text.to_owned()))
}

/// Whether a text still has variables in it, because they are not to be replaced.
fn is_open(node: &Node) -> bool {
    node.as_text().is_some_and(|text| text.contains('$'))
}

fn canonical_service(service: &mut Node, base: &Base<'_>) -> Result<()> {
    for key in ["environment", "labels", "annotations", "sysctls"] {
        convert(service, key, pairs);
    }
    for key in ["dns", "dns_search", "tmpfs", "label_file"] {
        convert(service, key, list);
    }
    for key in ["command", "entrypoint"] {
        try_convert(service, key, command)?;
    }
    convert(service, "label_file", |files| {
        if let Value::List(files) = &mut files.value {
            files.iter_mut().for_each(|file| base.resolve_text(file));
        }
    });
    try_convert(service, "env_file", |files| {
        list(files);
        items(files, |file| Ok(vec![env_file(file, base)]))
    })?;
    convert(service, "extra_hosts", hosts);
    convert(service, "depends_on", |node| names(node, dependency));
    convert(service, "depends_on", dependencies);
    convert(service, "networks", |node| names(node, |place| Node::new(place, Value::Null)));
    try_convert(service, "ports", |ports| items(ports, port::long))?;
    try_convert(service, "volumes", |volumes| items(volumes, |volume| volume::long(volume, base)))?;
    try_convert(service, "devices", |devices| items(devices, device))?;
    for key in ["secrets", "configs"] {
        try_convert(service, key, |mounts| items(mounts, |mount| Ok(vec![file_mount(mount)])))?;
    }
    convert(service, "expose", |expose| {
        if let Value::List(ports) = &mut expose.value {
            ports.iter_mut().for_each(stringify);
        }
    });
    if let Some(healthcheck) = service.get_mut("healthcheck") {
        convert(healthcheck, "test", |test| {
            if let Value::Text(line) = &test.value {
                let words = ["CMD-SHELL", line.as_str()].map(|word| Node::text(&test.place, word));
                test.value = Value::List(words.into());
            }
        });
    }
    if let Some(deploy) = service.get_mut("deploy") {
        convert(deploy, "labels", pairs);
    }
    for key in ["post_start", "pre_stop"] {
        try_convert(service, key, |hooks| match &mut hooks.value {
            Value::List(hooks) => hooks.iter_mut().try_for_each(hook),
            _ => Ok(()),
        })?;
    }
    if let Some(build) = service.get_mut("build") {
        canonical_build(build, base);
    }
    if let Some(Value::List(rules)) =
        service.get_mut("develop").and_then(|node| node.get_mut("watch")).map(|n| &mut n.value)
    {
        for rule in rules {
            base.resolve_at(rule, "path");
            convert(rule, "ignore", list);
            convert(rule, "include", list);
        }
    }
    Ok(())
}

fn hook(hook: &mut Node) -> Result<()> {
    convert(hook, "environment", pairs);
    try_convert(hook, "command", command)
}

fn command(node: &mut Node) -> Result<()> {
    if let Value::Text(line) = &node.value {
        let words = words::split(line).map_err(|message| Error::at(&node.place, message))?;
        node.value = Value::List(words.into_iter().map(|word| Node::text(&node.place, word)).collect());
    } else if let Value::List(words) = &mut node.value {
        words.iter_mut().for_each(stringify);
    }
    Ok(())
}

fn stringify(node: &mut Node) {
    if let Some(text) = node.scalar() {
        node.value = Value::Text(text);
    }
}

fn env_file(file: &Node, base: &Base<'_>) -> Node {
    let mut file = match &file.value {
        Value::Text(path) => fields(&file.place, [("path", text(path))]),
        _ => file.clone(),
    };
    base.resolve_at(&mut file, "path");
    if file.get("required").is_none() {
        let place = file.place.clone();
        file.set("required", Node::new(&place, Value::Bool(true)));
    }
    file
}

/// `NAME: ADDRESS`, `NAME=ADDRESS` and `NAME:ADDRESS` as `NAME=ADDRESS`.
fn hosts(node: &mut Node) {
    let mut hosts = Vec::new();
    match &node.value {
        Value::Map(map) => {
            for (name, entry) in map {
                let addresses = entry.node.as_list().map_or_else(|| vec![&entry.node], |list| list.iter().collect());
                hosts.extend(
                    addresses
                        .iter()
                        .filter_map(|node| Some(Node::text(&node.place, format!("{name}={}", node.scalar()?)))),
                );
            }
        }
        Value::List(list) => hosts.extend(list.iter().map(|item| {
            let text = item.scalar().unwrap_or_default();
            let text = if text.contains('=') { text } else { text.replacen(':', "=", 1) };
            Node::text(&item.place, text)
        })),
        _ => return,
    }
    node.value = Value::List(hosts);
}

fn dependency(place: &Place) -> Node {
    fields(place, [("condition", text("service_started")), ("required", Some(Value::Bool(true)))])
}

/// What is not said of a dependency.
fn dependencies(node: &mut Node) {
    let Value::Map(map) = &mut node.value else { return };
    for entry in map.values_mut().filter(|entry| entry.node.mark != Some(Mark::Reset)) {
        let place = entry.node.place.clone();
        for (key, default) in dependency(&place).as_map().cloned().unwrap_or_default() {
            if entry.node.get(&key).is_none() {
                entry.node.set(&key, default.node);
            }
        }
    }
}

fn device(node: &Node) -> Result<Vec<Node>> {
    let Value::Text(written) = &node.value else {
        let mut long = node.clone();
        let source = long.get("source").and_then(Node::scalar);
        let source = source.ok_or_else(|| Error::at(&node.place, "a device needs a source"))?;
        if long.get("target").is_none() {
            long.set("target", Node::text(&node.place, source));
        }
        if long.get("permissions").is_none() {
            long.set("permissions", Node::text(&node.place, "rwm"));
        }
        return Ok(vec![long]);
    };
    if is_open(node) {
        return Ok(vec![node.clone()]);
    }
    let parts: Vec<&str> = written.split(':').collect();
    let (source, target, permissions) = match parts[..] {
        [source] => (source, source, "rwm"),
        [source, target] => (source, target, "rwm"),
        [source, target, permissions] => (source, target, permissions),
        _ => return Err(Error::at(&node.place, format!("invalid device mapping {written:?}: HOST[:CONTAINER[:rwm]]"))),
    };
    let long = [("source", text(source)), ("target", text(target)), ("permissions", text(permissions))];
    Ok(vec![fields(&node.place, long)])
}

/// A secret or config of a service.
fn file_mount(node: &Node) -> Node {
    match &node.value {
        Value::Text(source) => fields(&node.place, [("source", text(source))]),
        _ => node.clone(),
    }
}

fn canonical_build(build: &mut Node, base: &Base<'_>) {
    if let Value::Text(context) = &build.value {
        let mark = build.mark;
        *build = fields(&build.place, [("context", text(context))]);
        build.mark = mark;
    }
    if build.as_map().is_some() && build.get("context").is_none() && build.mark != Some(Mark::Reset) {
        let place = build.place.clone();
        build.set("context", Node::text(&place, "."));
    }
    for key in ["args", "labels", "additional_contexts", "ssh"] {
        convert(build, key, pairs);
    }
    convert(build, "extra_hosts", hosts);
    let is_remote = build.get("context").and_then(Node::as_text).is_some_and(is_remote);
    if !is_remote {
        base.resolve_at(build, "context");
    }
    if let Some(Value::Map(contexts)) = build.get_mut("additional_contexts").map(|node| &mut node.value) {
        let is_path = |node: &Node| node.as_text().is_some_and(|text| !self::is_remote(text) && !is_service(text));
        contexts.values_mut().filter(|entry| is_path(&entry.node)).for_each(|entry| base.resolve_text(&mut entry.node));
    }
    if let Some(Value::List(secrets)) = build.get_mut("secrets").map(|node| &mut node.value) {
        secrets.iter_mut().for_each(|secret| *secret = file_mount(secret));
    }
}

fn is_service(context: &str) -> bool {
    context.starts_with("service:")
}

/// Whether a text names something elsewhere, and no path.
pub fn is_remote(text: &str) -> bool {
    text.contains("://") || text.starts_with("git@") || text.starts_with("oci:") || text.starts_with("github.com/")
}

/// Removes the marks that had nothing to go over.
pub fn strip_marks(node: &mut Node) {
    node.mark = None;
    match &mut node.value {
        Value::List(list) => list.iter_mut().for_each(strip_marks),
        Value::Map(map) => {
            map.retain(|_, entry| entry.node.mark != Some(Mark::Reset));
            map.values_mut().for_each(|entry| strip_marks(&mut entry.node));
        }
        _ => {}
    }
}

/// An empty mapping.
pub fn empty_map(place: &Place) -> Node {
    Node::new(place, Value::Map(Map::new()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_forms_become_long() {
        let base = Base { directory: Path::new("/p"), home: Some("/home/me") };
        for (short, long) in [
            ("environment: [A=1, B, C=x=y]", r#"{"environment":{"A":"1","B":null,"C":"x=y"}}"#),
            ("command: echo 'a b'", r#"{"command":["echo","a b"]}"#),
            ("command: [sleep, 5]", r#"{"command":["sleep","5"]}"#),
            ("dns: 1.1.1.1", r#"{"dns":["1.1.1.1"]}"#),
            ("env_file: a.env", r#"{"env_file":[{"path":"/p/a.env","required":true}]}"#),
            ("env_file: [{path: ../b, required: false}]", r#"{"env_file":[{"path":"/b","required":false}]}"#),
            ("extra_hosts: {a: 1.1.1.1, b: [::1, 2.2.2.2]}", r#"{"extra_hosts":["a=1.1.1.1","b=::1","b=2.2.2.2"]}"#),
            ("extra_hosts: ['a:1.1.1.1', 'b=::1', 'c:::1']", r#"{"extra_hosts":["a=1.1.1.1","b=::1","c=::1"]}"#),
            ("depends_on: [db]", r#"{"depends_on":{"db":{"condition":"service_started","required":true}}}"#),
            ("networks: [a, b]", r#"{"networks":{"a":null,"b":null}}"#),
            ("build: ./x", r#"{"build":{"context":"/p/x"}}"#),
            (
                "build: {additional_contexts: [a=../x, 'b=service:c', 'd=docker-image://e'], secrets: [f]}",
                r#"{"build":{"additional_contexts":{"a":"/x","b":"service:c","d":"docker-image://e"},"context":"/p","secrets":[{"source":"f"}]}}"#,
            ),
            ("build: https://e.org/x.git", r#"{"build":{"context":"https://e.org/x.git"}}"#),
            ("healthcheck: {test: 'curl x'}", r#"{"healthcheck":{"test":["CMD-SHELL","curl x"]}}"#),
            (
                "devices: ['/dev/a:/dev/b']",
                r#"{"devices":[{"permissions":"rwm","source":"/dev/a","target":"/dev/b"}]}"#,
            ),
            ("secrets: [s]", r#"{"secrets":[{"source":"s"}]}"#),
            ("expose: [80, '90/udp']", r#"{"expose":["80","90/udp"]}"#),
        ] {
            let mut service = crate::yaml::parse("f", short).unwrap().remove(0);
            canonical_service(&mut service, &base).unwrap();
            assert_eq!(service.to_json().to_string(), long, "{short}");
        }
    }

    #[test]
    fn paths_are_absolute() {
        let base = Base { directory: Path::new("/a/b"), home: Some("/home/me") };
        for (text, expected) in [
            ("x", "/a/b/x"),
            ("./x/../y", "/a/b/y"),
            ("../../../x", "/x"),
            ("~/x", "/home/me/x"),
            ("/x/", "/x"),
            (".", "/a/b"),
        ] {
            assert_eq!(base.resolve(text), Path::new(expected), "{text}");
        }
    }
}
