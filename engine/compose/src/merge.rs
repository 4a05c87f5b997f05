//! Laying one file over another (Compose specification, 13-merge.md). Both have their long forms.

use crate::node::{Entry, Map, Mark, Node, Value};

/// Lays a file over another.
pub fn merge_files(base: &mut Node, over: Node) {
    merge_keys(base, over, |key, base, over| match key {
        "services" => merge_keys(base, over, |_, base, over| merge_service(base, over)),
        "networks" => merge_keys(base, over, |_, base, over| merge_network(base, over)),
        _ => merge(base, over),
    });
}

/// Lays a service over another.
pub fn merge_service(base: &mut Node, over: Node) {
    merge_keys(base, over, |key, base, over| match key {
        "command" | "entrypoint" => *base = over,
        "healthcheck" => merge_keys(base, over, |key, base, over| match key {
            "test" => *base = over,
            _ => merge(base, over),
        }),
        "logging" if differ(base, &over, "driver") => *base = over,
        "ulimits" => merge_keys(base, over, |_, base, over| match (&base.value, &over.value) {
            (Value::Map(_), Value::Map(_)) => merge(base, over),
            _ => *base = over,
        }),
        "ports" => merge_list(base, over, &["host_ip", "published", "target", "protocol"]),
        "volumes" | "devices" => merge_list(base, over, &["target"]),
        "env_file" => merge_list(base, over, &["path"]),
        "secrets" | "configs" => merge_list(base, over, &["source", "target"]),
        _ => merge(base, over),
    });
}

fn merge_network(base: &mut Node, over: Node) {
    merge_keys(base, over, |key, base, over| match key {
        "ipam" => merge_keys(base, over, |key, base, over| match key {
            "config" => merge_list(base, over, &["subnet"]),
            _ => merge(base, over),
        }),
        _ => merge(base, over),
    });
}

/// Whether both say something else of a key.
fn differ(base: &Node, over: &Node, key: &str) -> bool {
    match (base.get(key), over.get(key)) {
        (Some(one), Some(other)) => one.scalar() != other.scalar(),
        _ => false,
    }
}

/// Mappings are merged key by key, lists are joined, and of all else the later goes.
fn merge(base: &mut Node, over: Node) {
    match (&base.value, &over.value) {
        (Value::Map(_), Value::Map(_)) => merge_keys(base, over, |_, base, over| merge(base, over)),
        (Value::List(_), Value::List(_)) => merge_list(base, over, &[]),
        (Value::Map(_) | Value::List(_), Value::Null) => {}
        _ => *base = over,
    }
}

/// Merges mappings by the keys that both have; whatever else they are, the later goes.
fn merge_keys(base: &mut Node, over: Node, mut merge: impl FnMut(&str, &mut Node, Node)) {
    let Node { place, value, mark } = over;
    let (into, over) = match (&mut base.value, value) {
        (Value::Map(into), Value::Map(over)) => (into, over),
        (Value::Map(_), Value::Null) => return,
        (_, value) => {
            *base = Node { place, value, mark };
            return;
        }
    };
    for (key, entry) in over {
        merge_entry(into, key, entry, &mut merge);
    }
}

fn merge_entry(into: &mut Map, key: String, over: Entry, merge: &mut impl FnMut(&str, &mut Node, Node)) {
    match (over.node.mark, into.get_mut(&key)) {
        (Some(Mark::Reset), _) => drop(into.shift_remove(&key)),
        (None, Some(base)) => merge(&key, &mut base.node, over.node),
        (Some(Mark::Override) | None, _) => {
            let node = Node { mark: None, ..over.node };
            into.insert(key, Entry { node, ..over });
        }
    }
}

/// Joins lists. Of items that agree in these fields, or are equal single values, the later goes in the place of the earlier.
fn merge_list(base: &mut Node, over: Node, fields: &[&str]) {
    let Node { place, value, mark } = over;
    match (&mut base.value, value) {
        (Value::List(into), Value::List(over)) => {
            let mut places: std::collections::HashMap<Vec<Option<String>>, usize> = std::collections::HashMap::new();
            for (at, item) in into.iter().enumerate() {
                identity(item, fields).map(|id| places.insert(id, at));
            }
            for item in over {
                let id = identity(&item, fields);
                match id.as_ref().and_then(|id| places.get(id)) {
                    Some(at) => into[*at] = item,
                    None => {
                        id.map(|id| places.insert(id, into.len()));
                        into.push(item);
                    }
                }
            }
        }
        (Value::List(_), Value::Null) => {}
        (_, value) => *base = Node { place, value, mark },
    }
}

/// By what items of a list are the same.
fn identity(item: &Node, fields: &[&str]) -> Option<Vec<Option<String>>> {
    match &item.value {
        Value::Map(_) if !fields.is_empty() => {
            Some(fields.iter().map(|field| item.get(field).and_then(Node::scalar)).collect())
        }
        _ => item.scalar().map(|text| vec![Some(text)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::{Base, canonical, strip_marks};
    use std::path::Path;

    fn merged(base: &str, over: &str) -> String {
        let base_path = Base { directory: Path::new("/p"), home: None };
        let read = |text: &str| {
            let text = format!("services: {{a: {text}}}");
            let mut root = crate::yaml::parse("f", &text).unwrap().remove(0);
            canonical(&mut root, &base_path).unwrap();
            root
        };
        let mut root = read(base);
        merge_files(&mut root, read(over));
        strip_marks(&mut root);
        root.get("services").unwrap().get("a").unwrap().to_json().to_string()
    }

    #[test]
    fn files_are_merged_as_the_specification_says() {
        for (base, over, expected) in [
            ("{image: a}", "{image: b}", r#"{"image":"b"}"#),
            ("{command: [a, b]}", "{command: c}", r#"{"command":["c"]}"#),
            ("{environment: [A=1, B=2]}", "{environment: {B: 3, C: 4}}", r#"{"environment":{"A":"1","B":3,"C":4}}"#),
            ("{cap_add: [A]}", "{cap_add: [A, B]}", r#"{"cap_add":["A","B"]}"#),
            ("{dns: 1.1.1.1}", "{dns: [2.2.2.2]}", r#"{"dns":["1.1.1.1","2.2.2.2"]}"#),
            ("{image: a, ports: !reset []}", "{image: b}", r#"{"image":"b"}"#),
            ("{image: a, ports: ['80']}", "{ports: !reset []}", r#"{"image":"a"}"#),
            ("{environment: {A: 1, B: 2}}", "{environment: {A: !reset ~}}", r#"{"environment":{"B":2}}"#),
            ("{environment: {A: 1}}", "{environment: !override {B: 2}}", r#"{"environment":{"B":2}}"#),
            ("{cap_add: [A]}", "{cap_add: !override [B]}", r#"{"cap_add":["B"]}"#),
            (
                "{healthcheck: {test: [CMD, a], retries: 3}}",
                "{healthcheck: {test: [CMD, b]}}",
                r#"{"healthcheck":{"retries":3,"test":["CMD","b"]}}"#,
            ),
            (
                "{logging: {driver: a, options: {x: 1}}}",
                "{logging: {driver: b, options: {y: 2}}}",
                r#"{"logging":{"driver":"b","options":{"y":2}}}"#,
            ),
            (
                "{logging: {options: {x: 1}}}",
                "{logging: {driver: b, options: {y: 2}}}",
                r#"{"logging":{"driver":"b","options":{"x":1,"y":2}}}"#,
            ),
            (
                "{ulimits: {nofile: 1}}",
                "{ulimits: {nofile: {soft: 2, hard: 3}}}",
                r#"{"ulimits":{"nofile":{"hard":3,"soft":2}}}"#,
            ),
            (
                "{volumes: ['a:/x', 'b:/y']}",
                "{volumes: ['c:/x']}",
                r#"{"volumes":[{"source":"c","target":"/x","type":"volume","volume":{}},{"source":"b","target":"/y","type":"volume","volume":{}}]}"#,
            ),
            ("{networks: [a]}", "{networks: {a: {aliases: [x]}}}", r#"{"networks":{"a":{"aliases":["x"]}}}"#),
            ("{networks: {a: {aliases: [x]}}}", "{networks: [a]}", r#"{"networks":{"a":{"aliases":["x"]}}}"#),
            ("{extra_hosts: ['a:1']}", "{extra_hosts: {a: '1', b: '2'}}", r#"{"extra_hosts":["a=1","b=2"]}"#),
        ] {
            assert_eq!(merged(base, over), expected, "{base} {over}");
        }
        let ports = merged("{ports: ['80:80', '90']}", "{ports: ['80:80', '81:80']}");
        assert_eq!(ports.matches("\"target\"").count(), 3, "{ports}");
    }
}
