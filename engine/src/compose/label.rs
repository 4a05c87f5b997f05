//! The labels by which Docker Compose knows what belongs to a project.

use porthole_compose::project::{Condition, Project, Service};
use std::collections::BTreeMap;

/// The project.
pub const PROJECT: &str = "com.docker.compose.project";
/// The service of a container.
pub const SERVICE: &str = "com.docker.compose.service";
/// The number of a container among those of its service.
pub const NUMBER: &str = "com.docker.compose.container-number";
/// The hash of what a container was made from.
pub const HASH: &str = "com.docker.compose.config-hash";
/// Whether a container was made by `run`: `True` or `False`.
pub const ONE_OFF: &str = "com.docker.compose.oneoff";
/// The files of the project, with commas between.
pub const FILES: &str = "com.docker.compose.project.config_files";
/// Where the project lies.
pub const DIRECTORY: &str = "com.docker.compose.project.working_dir";
/// What the service depends on: `NAME:CONDITION:RESTART`, with commas between.
pub const DEPENDS_ON: &str = "com.docker.compose.depends_on";
/// The image's id.
pub const IMAGE: &str = "com.docker.compose.image";
/// The name of a network in the project.
pub const NETWORK: &str = "com.docker.compose.network";
/// The name of a volume in the project.
pub const VOLUME: &str = "com.docker.compose.volume";
/// What made it.
pub const VERSION: &str = "com.docker.compose.version";

/// This version.
pub const OWN_VERSION: &str = env!("CARGO_PKG_VERSION");

/// What a container's label says of a service that its own depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dependency<'a> {
    /// The service.
    pub service: &'a str,
    /// What must be so of it; `None` where the label does not say.
    pub condition: Option<Condition>,
    /// Whether this one is restarted with it.
    pub restart: bool,
}

/// What [`DEPENDS_ON`] says.
pub fn dependencies(text: &str) -> impl Iterator<Item = Dependency<'_>> {
    text.split(',').filter_map(|word| {
        let mut parts = word.split(':');
        let service = parts.next().filter(|service| !service.is_empty())?;
        let condition = parts.next().and_then(Condition::of);
        Some(Dependency { service, condition, restart: parts.next() == Some("true") })
    })
}

/// The labels of a container of a service, the service's own among them.
pub fn of_container(
    project: &Project,
    service: &Service,
    number: usize,
    one_off: bool,
    image: &str,
) -> BTreeMap<String, String> {
    let depends_on = service
        .depends_on
        .iter()
        .map(|(name, dependency)| format!("{name}:{}:{}", dependency.condition.word(), dependency.restart));
    let files: Vec<String> = project.files.iter().map(|path| path.display().to_string()).collect();
    let own = [
        (PROJECT, project.name.clone()),
        (SERVICE, service.name.clone()),
        (NUMBER, number.to_string()),
        (HASH, service.hash.clone()),
        (ONE_OFF, if one_off { "True".to_owned() } else { "False".to_owned() }),
        (FILES, files.join(",")),
        (DIRECTORY, project.directory.display().to_string()),
        (DEPENDS_ON, depends_on.collect::<Vec<_>>().join(",")),
        (IMAGE, image.to_owned()),
        (VERSION, OWN_VERSION.to_owned()),
    ];
    let mut labels = service.labels.clone();
    labels.extend(own.map(|(key, value)| (key.to_owned(), value)));
    labels
}

/// The labels of a network or volume.
pub fn of_resource(project: &str, kind: &str, name: &str, own: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut labels = own.clone();
    let ours = [(PROJECT, project), (kind, name), (VERSION, OWN_VERSION)];
    labels.extend(ours.map(|(key, value)| (key.to_owned(), value.to_owned())));
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_read_as_they_are_written() {
        let read = |text| dependencies(text).collect::<Vec<_>>();
        let one = |service, condition, restart| Dependency { service, condition, restart };
        assert_eq!(read("db:service_healthy:true,x:service_started:false").len(), 2);
        assert_eq!(read("db:service_healthy:true"), [one("db", Some(Condition::Healthy), true)]);
        assert_eq!(read("db"), [one("db", None, false)]);
        assert_eq!(read("db:never:false,"), [one("db", None, false)]);
        assert_eq!(read(""), []);
    }
}
