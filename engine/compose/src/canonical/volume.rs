//! Mounts: `[SOURCE:]TARGET[:OPTIONS]`.

use super::{Base, fields, is_open, text};
use crate::error::{Error, Result};
use crate::node::{Node, Value};

/// The long form of an item.
pub fn long(node: &Node, base: &Base<'_>) -> Result<Vec<Node>> {
    if node.as_map().is_some() {
        return completed(node, base).map(|node| vec![node]);
    }
    if is_open(node) {
        return Ok(vec![node.clone()]);
    }
    let written = node.scalar().unwrap_or_default();
    let wrong = |why: &str| Error::at(&node.place, format!("invalid volume {written:?}: {why}"));
    let parts: Vec<&str> = written.split(':').collect();
    let (source, target, options) = match parts[..] {
        [target] => ("", target, ""),
        [source, target] if !source.is_empty() => (source, target, ""),
        [source, target, options] if !source.is_empty() => (source, target, options),
        _ => return Err(wrong("want [SOURCE:]TARGET[:OPTIONS]")),
    };
    if !target.starts_with('/') {
        return Err(wrong("the path in the container must be absolute"));
    }
    let is_bind = source.starts_with(['/', '.', '~']);
    if source.contains('/') && !is_bind {
        return Err(wrong("the name of a volume has no /: begin a path of the host with ./"));
    }
    let (mut read_only, mut nocopy, mut propagation, mut selinux) = (None, None, None, None);
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option {
            "ro" => read_only = Some(Value::Bool(true)),
            "rw" | "cached" | "consistent" | "delegated" => {}
            "nocopy" if !is_bind => nocopy = Some(Value::Bool(true)),
            "z" | "Z" if is_bind => selinux = text(option),
            "z" | "Z" => {}
            "private" | "rprivate" | "shared" | "rshared" | "slave" | "rslave" if is_bind => propagation = text(option),
            _ => return Err(wrong(&format!("unknown option {option:?}"))),
        }
    }
    let kind = if is_bind { "bind" } else { "volume" };
    let source = if is_bind { base.resolve(source).to_string_lossy().into_owned() } else { source.to_owned() };
    let details = match is_bind {
        true => {
            let create = Some(Value::Bool(true));
            fields(&node.place, [("create_host_path", create), ("propagation", propagation), ("selinux", selinux)])
        }
        false => fields(&node.place, [("nocopy", nocopy)]),
    };
    let target = target.trim_end_matches('/');
    let long = [
        ("type", text(kind)),
        ("source", text(&source)),
        ("target", text(if target.is_empty() { "/" } else { target })),
        ("read_only", read_only),
        (kind, Some(details.value)),
    ];
    Ok(vec![fields(&node.place, long)])
}

fn completed(node: &Node, base: &Base<'_>) -> Result<Node> {
    let mut long = node.clone();
    let Some(kind) = long.get("type").and_then(Node::scalar) else {
        return Err(Error::at(&node.place, "a volume needs a type: bind, volume or tmpfs"));
    };
    if long.get("target").is_none() {
        return Err(Error::at(&node.place, "a volume needs a target"));
    }
    match (kind.as_str(), long.get("source").is_some()) {
        ("bind", false) => return Err(Error::at(&node.place, "a bind mount needs a source")),
        ("bind", true) => base.resolve_at(&mut long, "source"),
        ("tmpfs", true) => return Err(Error::at(&node.place, "a tmpfs has no source")),
        _ => {}
    }
    if let Some(volume) = long.get_mut("volume") {
        super::convert(volume, "labels", super::pairs);
    }
    Ok(long)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Place;
    use std::path::Path;

    fn read(text: &str) -> Result<String> {
        let place = Place { file: "f".into(), line: 1, column: 1 };
        let base = Base { directory: Path::new("/p"), home: Some("/home/me") };
        Ok(long(&Node::text(&place, text), &base)?[0].to_json().to_string())
    }

    #[test]
    fn short_forms_are_read() {
        for (text, expected) in [
            ("/data", r#"{"target":"/data","type":"volume","volume":{}}"#),
            ("data:/data/", r#"{"source":"data","target":"/data","type":"volume","volume":{}}"#),
            (
                "data:/data:ro,nocopy",
                r#"{"read_only":true,"source":"data","target":"/data","type":"volume","volume":{"nocopy":true}}"#,
            ),
            (
                "./x:/y:ro",
                r#"{"bind":{"create_host_path":true},"read_only":true,"source":"/p/x","target":"/y","type":"bind"}"#,
            ),
            ("~:/y", r#"{"bind":{"create_host_path":true},"source":"/home/me","target":"/y","type":"bind"}"#),
            ("/:/host", r#"{"bind":{"create_host_path":true},"source":"/","target":"/host","type":"bind"}"#),
            (
                "/a:/b:rslave,z",
                r#"{"bind":{"create_host_path":true,"propagation":"rslave","selinux":"z"},"source":"/a","target":"/b","type":"bind"}"#,
            ),
        ] {
            assert_eq!(read(text).unwrap(), expected, "{text}");
        }
        for text in ["", "a:b", ":/b", "a:/b:x", "a:/b:ro:x", "src/x:/b", "data", "/a:/b:nocopy", "a:/b:rslave"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
