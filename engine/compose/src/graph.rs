//! The order of services: what depends on what.

use crate::error::{Error, Result};
use crate::project::{Project, Service};
use std::collections::{BTreeMap, BTreeSet};

/// For each service those that have to be there before it, of the services that are active.
pub type Graph = BTreeMap<String, BTreeSet<String>>;

/// What the services of a project depend on.
pub fn of(project: &Project) -> Graph {
    let active = |name: &&String| project.services.contains_key(*name);
    let needs = |service: &Service| service.depends_on.keys().filter(active).cloned().collect();
    project.services.iter().map(|(name, service)| (name.clone(), needs(service))).collect()
}

/// What the builds of these services, and of those whose images they use, need of each other; `Err` if that is a circle.
/// Of services with the same image, built in the same way, one stands for all.
pub fn of_builds(project: &Project, services: &BTreeSet<String>) -> Result<Graph> {
    let mut graph = Graph::new();
    let mut open: Vec<&Service> = services.iter().map(|name| project.builder_of(&project.services[name])).collect();
    while let Some(service) = open.pop() {
        let Some(build) = &service.build else { continue };
        let needs: Vec<&Service> = build.services().map(|name| project.builder_of(&project.services[name])).collect();
        let names = needs.iter().filter(|needed| needed.build.is_some()).map(|needed| needed.name.clone());
        if graph.insert(service.name.clone(), names.collect()).is_none() {
            open.extend(needs);
        }
    }
    match waves(&graph) {
        Ok(_) => Ok(graph),
        Err(circle) => Err(Error::Project(format!("build cycle detected: {}", circle.join(" -> ")))),
    }
}

/// The same the other way round: for each service those that need it.
pub fn reversed(graph: &Graph) -> Graph {
    let mut reversed: Graph = graph.keys().map(|name| (name.clone(), BTreeSet::new())).collect();
    for (name, needs) in graph {
        for needed in needs {
            reversed.entry(needed.clone()).or_default().insert(name.clone());
        }
    }
    reversed
}

/// Services in waves: each needs only what is in waves before it. `Err` has the services that need each other in a circle.
pub fn waves(graph: &Graph) -> Result<Vec<Vec<String>>, Vec<String>> {
    let mut waves = Vec::new();
    let mut done: BTreeSet<&String> = BTreeSet::new();
    while done.len() < graph.len() {
        let ready = |(name, needs): &(&String, &BTreeSet<String>)| {
            !done.contains(name) && needs.iter().all(|needed| done.contains(needed) || !graph.contains_key(needed))
        };
        let wave: Vec<&String> = graph.iter().filter(ready).map(|(name, _)| name).collect();
        if wave.is_empty() {
            return Err(circle(graph, &done));
        }
        done.extend(&wave);
        waves.push(wave.into_iter().cloned().collect());
    }
    Ok(waves)
}

/// One circle among the services that are not done.
fn circle(graph: &Graph, done: &BTreeSet<&String>) -> Vec<String> {
    let mut trail: Vec<&String> = graph.keys().find(|name| !done.contains(name)).into_iter().collect();
    while let Some(last) = trail.last() {
        let Some(next) = graph[*last].iter().find(|needed| graph.contains_key(*needed) && !done.contains(needed))
        else {
            break;
        };
        if let Some(start) = trail.iter().position(|known| *known == next) {
            return trail[start..].iter().copied().chain([next]).cloned().collect();
        }
        trail.push(next);
    }
    trail.into_iter().cloned().collect()
}

/// Refuses services that depend on each other.
pub fn check(project: &Project) -> Result<()> {
    match waves(&of(project)) {
        Ok(_) => Ok(()),
        Err(circle) => Err(Error::Project(format!("dependency cycle detected: {}", circle.join(" -> ")))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(text: &str) -> Graph {
        let set = |needs: &str| needs.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        text.split(' ')
            .map(|part| part.split_once(':').unwrap())
            .map(|(name, needs)| (name.to_owned(), set(needs)))
            .collect()
    }

    #[test]
    fn services_come_in_waves() {
        assert_eq!(waves(&graph("a: b:a c:a d:b,c e:")).unwrap(), [vec!["a", "e"], vec!["b", "c"], vec!["d"]]);
        assert_eq!(waves(&graph("a:b b:c c:b")).unwrap_err(), ["b", "c", "b"]);
        assert_eq!(waves(&graph("a:a")).unwrap_err(), ["a", "a"]);
        assert_eq!(reversed(&graph("a: b:a")), graph("a:b b:"));
    }
}
