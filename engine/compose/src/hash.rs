//! By what it is known whether a container is still as its service is.

use crate::decode::Fields;
use crate::node::{Node, Value};
use crate::project::FileSource;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;

/// What may change without a container having to: Docker Compose leaves out the same keys.
const LEFT_OUT: [&str; 7] = ["build", "depends_on", "develop", "profiles", "pull_policy", "scale", "attach"];

/// The hash of a service, and of the text of the secrets and configs that it sees.
pub fn of_service(node: &Node, shared: [&BTreeMap<String, FileSource>; 2]) -> String {
    let mut text = String::new();
    let mut node = node.clone();
    LEFT_OUT.iter().for_each(|key| drop(node.take(key)));
    if let Some(deploy) = node.get_mut("deploy") {
        deploy.take("replicas");
    }
    write(&node, &mut text);
    for (key, sources) in ["secrets", "configs"].iter().zip(shared) {
        for mount in node.items(key) {
            if let Some(FileSource::Content(content)) = mount.text("source").and_then(|source| sources.get(&source)) {
                // Writing to a string cannot fail.
                let _ = write!(text, "{content:?}");
            }
        }
    }
    Sha256::digest(text.as_bytes()).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// The tree as text; the order of names does not matter, and neither does how a value was written.
fn write(node: &Node, to: &mut String) {
    // Writing to a string cannot fail.
    match &node.value {
        Value::List(list) => {
            to.push('[');
            for node in list {
                write(node, to);
                to.push(',');
            }
            to.push(']');
        }
        Value::Map(map) => {
            to.push('{');
            let sorted: BTreeMap<&String, &Node> = map.iter().map(|(key, entry)| (key, &entry.node)).collect();
            for (key, node) in sorted {
                let _ = write!(to, "{key:?}:");
                write(node, to);
                to.push(',');
            }
            to.push('}');
        }
        _ => {
            let _ = write!(to, "{:?}", node.scalar());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(text: &str) -> String {
        of_service(&crate::yaml::parse("f", text).unwrap()[0], [&BTreeMap::new(), &BTreeMap::new()])
    }

    #[test]
    fn only_what_matters_matters() {
        let plain = hash("{image: a, environment: {A: 1, B: 2}}");
        assert_eq!(plain.len(), 64);
        assert_eq!(plain, hash("{environment: {B: 2, A: '1'}, image: a}"));
        assert_eq!(plain, hash("{image: a, environment: {A: 1, B: 2}, scale: 3, profiles: [x], depends_on: {b: {}}}"));
        assert_ne!(plain, hash("{image: b, environment: {A: 1, B: 2}}"));
        assert_ne!(plain, hash("{image: a, environment: {A: 1, B: 3}}"));
    }
}
