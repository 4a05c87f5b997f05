//! Filling in what the files leave open: variables from files, the default network, names, dependencies that follow from other
//! keys; and checking that what is named is there.

use crate::canonical::empty_map;
use crate::decode::Fields;
use crate::dotenv;
use crate::error::{Error, Result};
use crate::files::Files;
use crate::interpolate::Variables;
use crate::node::{Map, Node, Place, Value};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Completes the services of a tree.
pub fn complete(tree: &mut Node, name: &str, files: &dyn Files, variables: &Variables) -> Result<()> {
    let Some(services) = tree.get_mut("services").map(|node| &mut node.value) else { return Ok(()) };
    let Value::Map(services) = services else { return Ok(()) };
    for (_, entry) in services.iter_mut() {
        read_env_files(&mut entry.node, files, variables)?;
        read_label_files(&mut entry.node, files)?;
        if let Some(build) = entry.node.get_mut("build") {
            take_over(build, "args", variables);
        }
        add_default_network(&mut entry.node);
        add_dependencies(&mut entry.node);
    }
    name_resources(tree, name);
    Ok(())
}

fn read(files: &dyn Files, path: &str) -> Result<String> {
    let path = PathBuf::from(path);
    files.read(&path).map_err(|source| Error::File { path, source })
}

fn of_line(path: &str, (line, message): (usize, String)) -> Error {
    Error::at(&Place { file: path.into(), line, column: 1 }, message)
}

/// Lays `environment` over what `env_file` names.
fn read_env_files(service: &mut Node, files: &dyn Files, variables: &Variables) -> Result<()> {
    let place = service.place.clone();
    let mut environment = empty_map(&place);
    for file in service.take("env_file").as_ref().and_then(Node::as_list).unwrap_or_default() {
        let path = file.text("path").ok_or_else(|| Error::at(&file.place, "an env_file needs a path"))?;
        if file.flag("required") == Some(false) && !files.exists(Path::new(&path)) {
            continue;
        }
        if !files.exists(Path::new(&path)) {
            return Err(Error::at(&file.place, format!("env file {path} not found")));
        }
        let text = read(files, &path)?;
        let lines = match file.text("format").is_some() {
            true => dotenv::parse_raw(&text),
            false => dotenv::parse(&text, variables),
        };
        for (name, value) in lines.map_err(|error| of_line(&path, error))? {
            if let Some(value) = value.or_else(|| variables.get(&name).map(str::to_owned)) {
                environment.set(&name, Node::text(&file.place, value));
            }
        }
    }
    take_over(service, "environment", variables);
    if let Some(Value::Map(own)) = service.take("environment").map(|node| node.value) {
        for (name, entry) in own {
            environment.set(&name, entry.node);
        }
    }
    if environment.as_map().is_some_and(|map| !map.is_empty()) {
        service.set("environment", environment);
    }
    Ok(())
}

/// Gives those without a value the one of the variable; those that are not set go. All values are text.
fn take_over(node: &mut Node, key: &str, variables: &Variables) {
    let Some(Value::Map(map)) = node.get_mut(key).map(|node| &mut node.value) else { return };
    for (name, entry) in map.iter_mut() {
        let value = if entry.node.is_null() { variables.get(name).map(str::to_owned) } else { entry.node.scalar() };
        entry.node.value = value.map_or(Value::Null, Value::Text);
    }
    map.retain(|_, entry| !entry.node.is_null());
}

fn read_label_files(service: &mut Node, files: &dyn Files) -> Result<()> {
    let place = service.place.clone();
    let mut labels = empty_map(&place);
    for file in service.take("label_file").as_ref().and_then(Node::as_list).unwrap_or_default() {
        let path = file.scalar().unwrap_or_default();
        let lines =
            dotenv::parse(&read(files, &path)?, &Variables::default()).map_err(|error| of_line(&path, error))?;
        for (name, value) in lines {
            labels.set(&name, Node::text(&file.place, value.unwrap_or_default()));
        }
    }
    for key in ["labels", "annotations", "sysctls"] {
        if let Some(Value::Map(map)) = service.get_mut(key).map(|node| &mut node.value) {
            map.values_mut().for_each(|entry| entry.node.value = Value::Text(entry.node.scalar().unwrap_or_default()));
        }
    }
    if let Some(Value::Map(own)) = service.take("labels").map(|node| node.value) {
        for (name, entry) in own {
            labels.set(&name, entry.node);
        }
    }
    if labels.as_map().is_some_and(|map| !map.is_empty()) {
        service.set("labels", labels);
    }
    Ok(())
}

fn add_default_network(service: &mut Node) {
    let has_some = service.field("networks").and_then(Node::as_map).is_some_and(|map| !map.is_empty());
    if has_some || service.field("network_mode").is_some() {
        return;
    }
    let place = service.place.clone();
    let mut networks = empty_map(&place);
    networks.set("default", Node::new(&place, Value::Null));
    service.set("networks", networks);
}

/// A service depends on those whose namespaces, volumes and addresses it uses.
fn add_dependencies(service: &mut Node) {
    let mut implied: Vec<(String, bool)> = Vec::new();
    for key in ["network_mode", "ipc", "pid"] {
        implied.extend(service.text(key).and_then(|mode| Some((mode.strip_prefix("service:")?.to_owned(), true))));
    }
    for from in service.texts("volumes_from") {
        if !from.starts_with("container:") {
            implied.push((from.split(':').next().unwrap_or_default().to_owned(), false));
        }
    }
    for link in service.texts("links") {
        implied.push((link.split(':').next().unwrap_or_default().to_owned(), false));
    }
    let place = service.place.clone();
    if !implied.is_empty() && service.field("depends_on").is_none() {
        service.set("depends_on", empty_map(&place));
    }
    let Some(depends_on) = service.get_mut("depends_on") else { return };
    for (name, restart) in implied {
        if depends_on.get(&name).is_none() {
            let mut dependency = empty_map(&place);
            dependency.set("condition", Node::text(&place, "service_started"));
            if restart {
                dependency.set("restart", Node::new(&place, Value::Bool(true)));
            }
            dependency.set("required", Node::new(&place, Value::Bool(true)));
            depends_on.set(&name, dependency);
        }
    }
}

/// Networks, volumes, secrets and configs have names that begin with the project's, but for those that others made.
fn name_resources(tree: &mut Node, project: &str) {
    let uses_default = tree
        .entries("services")
        .iter()
        .any(|(_, service)| service.entries("networks").iter().any(|(name, _)| *name == "default"));
    let place = tree.place.clone();
    if uses_default {
        if tree.field("networks").is_none() {
            tree.set("networks", empty_map(&place));
        }
        if let Some(networks) = tree.get_mut("networks").filter(|networks| networks.get("default").is_none()) {
            networks.set("default", Node::new(&place, Value::Null));
        }
    }
    for key in ["networks", "volumes", "secrets", "configs"] {
        let Some(Value::Map(map)) = tree.get_mut(key).map(|node| &mut node.value) else { continue };
        for (name, entry) in map.iter_mut() {
            let node = &mut entry.node;
            if node.is_null() {
                node.value = Value::Map(Map::new());
            }
            if node.field("name").is_none() {
                let external = node.flag("external") == Some(true);
                let full = if external { name.clone() } else { format!("{project}_{name}") };
                let place = node.place.clone();
                node.set("name", Node::text(&place, full));
            }
        }
    }
}

/// Refuses names that stand for nothing, and services that cannot be.
pub fn check(tree: &Node, disabled: &BTreeSet<String>) -> Result<()> {
    let services: BTreeSet<&String> = tree.entries("services").into_iter().map(|(name, _)| name).collect();
    for (name, service) in tree.entries("services") {
        let invalid = |node: &Node, what: String| {
            Error::at(&node.place, format!("service {name:?} {what}: invalid compose project"))
        };
        if service.field("image").is_none() && service.field("build").is_none() {
            return Err(invalid(service, "has neither an image nor a build context specified".to_owned()));
        }
        if let (Some(mode), true) = (service.field("network_mode"), service.field("networks").is_some()) {
            return Err(invalid(mode, "declares mutually exclusive network_mode and networks".to_owned()));
        }
        let undefined = |kind: &str, resource: &str, node: &Node| {
            Err(invalid(node, format!("refers to undefined {kind} {resource}")))
        };
        for (network, node) in service.entries("networks") {
            if tree.field("networks").and_then(|networks| networks.get(network)).is_none() {
                return undefined("network", network, if node.is_null() { service } else { node });
            }
        }
        for mount in service.items("volumes") {
            let source = mount.text("source").filter(|_| mount.text("type").as_deref() == Some("volume"));
            if let Some(source) = source
                && tree.field("volumes").and_then(|volumes| volumes.get(&source)).is_none()
            {
                return undefined("volume", &source, mount);
            }
        }
        let build = service.field("build");
        let build_secrets = build.map(|build| build.items("secrets")).unwrap_or_default();
        for (key, mounts) in
            [("secrets", service.items("secrets")), ("configs", service.items("configs")), ("secrets", build_secrets)]
        {
            for mount in mounts {
                let source = mount.text("source").unwrap_or_default();
                if tree.field(key).and_then(|objects| objects.get(&source)).is_none() {
                    return undefined(&key[..key.len() - 1], &source, mount);
                }
            }
        }
        for (_, node) in build.map(|build| build.entries("additional_contexts")).unwrap_or_default() {
            let other = node.as_text().and_then(|source| source.strip_prefix("service:"));
            if let Some(other) = other.filter(|other| !services.contains(&(*other).to_owned())) {
                return undefined("service", other, node);
            }
        }
        for (dependency, node) in service.entries("depends_on") {
            let required = node.flag("required") != Some(false);
            match (services.contains(dependency), disabled.contains(dependency), required) {
                (false, false, true) => {
                    return Err(invalid(node, format!("depends on undefined service {dependency:?}")));
                }
                (false, true, true) => {
                    return Err(invalid(
                        node,
                        format!("depends on service {dependency:?}, which is disabled: activate one of its profiles"),
                    ));
                }
                _ => {}
            }
        }
    }
    for key in ["secrets", "configs"] {
        for (name, object) in tree.entries(key) {
            let sources = ["file", "environment", "content"].iter().filter(|source| object.field(source).is_some());
            if sources.count() != 1 {
                return Err(Error::at(
                    &object.place,
                    format!("{key}.{name}: want exactly one of file, environment and content"),
                ));
            }
        }
    }
    Ok(())
}

/// Leaves out the networks, volumes, secrets and configs that no service uses.
pub fn leave_out_unused(tree: &mut Node) {
    let mut used: Vec<(&str, BTreeSet<String>)> = Vec::new();
    for key in ["networks", "volumes", "secrets", "configs"] {
        let mut names = BTreeSet::new();
        for (_, service) in tree.entries("services") {
            match key {
                "networks" => names.extend(service.entries(key).into_iter().map(|(name, _)| name.clone())),
                _ => names.extend(service.items(key).iter().filter_map(|mount| mount.text("source"))),
            }
            let build = service.field("build").filter(|_| key == "secrets");
            let secrets = build.map(|build| build.items(key)).unwrap_or_default();
            names.extend(secrets.iter().filter_map(|secret| secret.text("source")));
        }
        used.push((key, names));
    }
    for (key, names) in used {
        if let Some(Value::Map(map)) = tree.get_mut(key).map(|node| &mut node.value) {
            map.retain(|name, _| names.contains(name));
            if map.is_empty() {
                tree.take(key);
            }
        }
    }
}

/// Puts the keys into the order in which they are shown.
pub fn sort(tree: &mut Node) {
    const ORDER: [&str; 6] = ["name", "services", "networks", "volumes", "secrets", "configs"];
    let Value::Map(map) = &mut tree.value else { return };
    map.shift_remove("version");
    let rank = |key: &str| ORDER.iter().position(|known| *known == key).unwrap_or(ORDER.len());
    map.sort_by(|one, _, other, _| (rank(one), one).cmp(&(rank(other), other)));
    map.iter_mut().filter(|(key, _)| *key != "name").for_each(|(_, entry)| sort_keys(&mut entry.node));
}

/// By name, but for the fields of ports and mounts, which have an order of their own.
fn sort_keys(node: &mut Node) {
    match &mut node.value {
        Value::Map(map) => {
            map.sort_keys();
            map.values_mut().for_each(|entry| sort_keys(&mut entry.node));
        }
        Value::List(list) => {
            for item in list.iter_mut().filter(|item| item.get("target").is_none() && item.get("path").is_none()) {
                sort_keys(item);
            }
        }
        _ => {}
    }
}
