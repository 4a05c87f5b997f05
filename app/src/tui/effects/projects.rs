//! What the files of projects say, read again whenever one of them changes.

use super::cancel::Token;
use crate::tui::message::Msg;
use crate::tui::project::{Definition, Described, Meaning, Member, Need, Origin, Place, Problem};
use porthole_engine::compose::label;
use porthole_engine::compose::model::project::Condition;
use porthole_engine::compose::model::request::normal_name;
use porthole_engine::compose::model::{Disk, Error, Files, Project, Request, emit, graph, node};
use porthole_engine::{ContainerSummary, FileWatcher, Result};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use tokio::sync::mpsc::Sender;

/// What a container is in a project, by its labels.
pub fn member(container: &ContainerSummary) -> Option<Member> {
    let label = |name: &str| container.labels.get(name).filter(|text| !text.is_empty());
    let needs = label::dependencies(label(label::DEPENDS_ON).map_or("", String::as_str));
    let need = |needed: label::Dependency| Need {
        service: needed.service.to_owned(),
        condition: needed.condition.unwrap_or(Condition::Started),
    };
    Some(Member {
        origin: Origin {
            name: Some(label(label::PROJECT)?.clone()),
            files: label(label::FILES).into_iter().flat_map(|files| files.split(',')).map(PathBuf::from).collect(),
            directory: label(label::DIRECTORY).map(PathBuf::from),
        },
        service: label(label::SERVICE)?.clone(),
        number: label(label::NUMBER).and_then(|number| number.parse().ok()).unwrap_or(1),
        one_off: label(label::ONE_OFF).is_some_and(|word| word == "True"),
        needs: needs.map(need).collect(),
    })
}

/// Tells what the files of these projects say, now and after each change, until nobody wants to know.
pub fn watch(origins: &[Origin], token: &Token, messages: &Sender<Msg>) -> Result<()> {
    let mut paths = BTreeSet::new();
    loop {
        // What is read is known only afterwards; it is watched before it is read for good, so that no change is missed.
        let (watcher, definitions) = loop {
            let watcher = FileWatcher::new(&paths)?;
            let files = Looked::default();
            let definitions: Vec<Definition> = origins.iter().filter_map(|origin| define(origin, &files)).collect();
            let read = files.paths.into_inner();
            if read == paths {
                break (watcher, definitions);
            }
            paths = read;
        };
        if messages.blocking_send(Msg::Projects(definitions)).is_err() || !watcher.wait(token.as_fd())? {
            return Ok(());
        }
    }
}

/// The files of the host, and which of them somebody asked for.
#[derive(Default)]
struct Looked {
    paths: RefCell<BTreeSet<PathBuf>>,
}

impl Looked {
    fn note(&self, path: &Path) {
        // Standard input is the terminal's.
        if path.is_absolute() {
            self.paths.borrow_mut().insert(path.to_owned());
        }
    }
}

impl Files for Looked {
    fn read(&self, path: &Path) -> io::Result<String> {
        self.note(path);
        match path.is_absolute() {
            true => Disk.read(path),
            false => Err(io::Error::new(io::ErrorKind::NotFound, "it was read from standard input")),
        }
    }

    fn exists(&self, path: &Path) -> bool {
        self.note(path);
        Disk.exists(path)
    }
}

/// What the files of a project say; `None` where the working directory has none.
fn define(origin: &Origin, files: &Looked) -> Option<Definition> {
    let environment = std::env::vars_os();
    let request = Request {
        files: origin.files.clone(),
        directory: origin.directory.clone(),
        name: origin.name.clone(),
        environment: environment
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect(),
        working_directory: std::env::current_dir().unwrap_or_default(),
        ..Request::default()
    };
    let places = request.places(files);
    let found = match (&places, origin.files.is_empty()) {
        (Ok((found, _)), _) => found.clone(),
        (Err(Error::Project(_)), true) => return None,
        (Err(_), _) => origin.files.clone(),
    };
    let loaded = request.load(files);
    let name = match &loaded {
        Ok(project) => Some(project.name.clone()),
        Err(_) => origin.name.clone().or_else(|| name_of(places.ok()?.1.as_path())),
    };
    let gone = !found.iter().any(|path| files.exists(path));
    let outcome = loaded.map(|project| meaning(&project)).map_err(|error| problem(&error, gone));
    let mut shown = found.clone();
    if let Err(Problem { place: Some(place), .. }) = &outcome
        && !shown.contains(&place.file)
    {
        shown.push(place.file.clone());
    }
    let texts = shown.into_iter().filter_map(|path| Some((path.clone(), files.read(&path).ok()?))).collect();
    Some(Definition { origin: origin.clone(), name, files: found, texts, outcome })
}

/// The name of a project whose files cannot be read: most often that of its directory.
fn name_of(directory: &Path) -> Option<String> {
    let said = std::env::var("COMPOSE_PROJECT_NAME").ok().filter(|name| !name.is_empty());
    let of_directory = || directory.file_name().map(|name| normal_name(&name.to_string_lossy()));
    said.or_else(of_directory).filter(|name| !name.is_empty())
}

fn problem(error: &Error, gone: bool) -> Problem {
    let place = error.place().map(place);
    let message = match error {
        _ if gone => "its file is gone; what there is of it is known by its containers".to_owned(),
        Error::At { message, .. } => message.clone(),
        other => other.to_string(),
    };
    Problem { place: place.filter(|_| !gone), message, gone }
}

fn place(place: &node::Place) -> Place {
    let from_zero = |number: usize| number.saturating_sub(1);
    Place { file: PathBuf::from(&*place.file), line: from_zero(place.line), column: from_zero(place.column) }
}

fn meaning(project: &Project) -> Meaning {
    // A circle is an error by now.
    let waves = graph::waves(&graph::of(project)).unwrap_or_default();
    let tree = project.tree.get("services").and_then(node::Node::as_map);
    let described = |name: String| {
        let service = &project.services[&name];
        let is_active = |needed: &&String| project.services.contains_key(*needed);
        let needs = service.depends_on.iter().filter(|(needed, _)| is_active(needed));
        Described {
            image: service.image.clone(),
            replicas: service.replicas,
            ports: service.ports.clone(),
            needs: needs.map(|(needed, how)| Need { service: needed.clone(), condition: how.condition }).collect(),
            place: tree.and_then(|tree| Some(place(&tree.get(&name)?.key))),
            name,
        }
    };
    Meaning {
        services: waves.into_iter().flatten().map(described).collect(),
        config: emit::yaml(&project.tree).replace('$', "$$"),
    }
}
