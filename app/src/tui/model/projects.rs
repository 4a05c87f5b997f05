//! The projects with their services, as rows to go through: what files say joined with what there is of it.

use crate::tui::project::{Definition, Described, Member, Need, Origin, Place, Problem};
use crate::tui::source::Container;
use porthole_engine::compose::model::graph::{Graph, waves};
use porthole_widgets::source::{Language, Mark, Severity, Source};
use porthole_widgets::waves::WavesState;
use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

/// A project.
#[derive(Clone, Debug, PartialEq)]
pub struct Project {
    /// Its name.
    pub name: String,
    /// Where it is described.
    pub origin: Origin,
    /// Its files.
    pub files: Vec<PathBuf>,
    /// Whether it is what `porthole compose` works on in the working directory without further words.
    pub here: bool,
    /// What its files say; `None` before they were read, and where nobody knows them.
    pub definition: Option<Definition>,
    /// Its services, those before that others wait for.
    pub services: Vec<Service>,
    /// All its containers, by id.
    pub containers: Vec<String>,
}

/// A service of a project.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// What is described of it; of one that is in no file, what its containers tell.
    pub described: Described,
    /// Whether it is in the files; `None` where they are not known.
    pub in_files: Option<bool>,
    /// The ids of its containers, by number.
    pub containers: Vec<String>,
}

impl Project {
    /// What is wrong with its files.
    pub fn problem(&self) -> Option<&Problem> {
        self.definition.as_ref()?.outcome.as_ref().err()
    }

    /// The command line that does something with it, or with one of its services.
    pub fn argv(&self, words: &[&str], service: Option<&str>) -> Vec<String> {
        let gone = self.problem().is_some_and(|problem| problem.gone);
        let lead = if self.here && !gone { vec!["compose".to_owned()] } else { self.origin.words(gone) };
        lead.into_iter().chain(words.iter().copied().chain(service).map(str::to_owned)).collect()
    }
}

/// A row: a project, or one of its services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    project: usize,
    service: Option<usize>,
}

/// What a row stands for, across refreshes.
type Key = (String, Option<String>);

/// A text that is looked at, as long as it is the same one.
#[derive(Default)]
pub struct Sheet {
    /// The text; `None` when there is none to look at.
    pub source: Option<Source>,
    /// What it is of: a file, or a project.
    pub subject: PathBuf,
    text: String,
    /// Where it was opened last.
    at: Option<(usize, usize)>,
}

impl Sheet {
    /// Shows a text, opened at a place. Who has gone elsewhere in it stays there until the place is another.
    fn show(&mut self, subject: PathBuf, text: &str, marks: Vec<Mark>, at: Option<(usize, usize)>) {
        let is_same = self.subject == subject && self.source.is_some();
        if !is_same || self.text != text {
            let cursor = self.source.as_ref().filter(|_| is_same).map(Source::cursor);
            let mut source = Source::new(text, Language::Yaml);
            if let Some((line, character)) = cursor {
                source.go_to(line, character);
            }
            text.clone_into(&mut self.text);
            self.at = self.at.filter(|_| is_same);
            (self.source, self.subject) = (Some(source), subject);
        }
        let Some(source) = &mut self.source else { return };
        if source.marks() != marks {
            source.set_marks(marks);
        }
        if at != self.at {
            let (line, character) = at.unwrap_or((0, 0));
            source.open_at(line, character);
            self.at = at;
        }
    }
}

/// The projects, and how they are looked at.
#[derive(Default)]
pub struct ProjectPane {
    projects: Vec<Project>,
    definitions: Vec<Definition>,
    /// Whether their files were read, so that all that there is is known.
    pub loaded: bool,
    /// The projects whose files are watched; `None` before anybody wanted to see them.
    pub watched: Option<Vec<Origin>>,
    rows: Vec<Row>,
    keys: Vec<Key>,
    folded: HashSet<String>,
    /// The selected row, and which are seen.
    pub state: WavesState,
    /// The selected project's file.
    pub file: Sheet,
    /// What it means.
    pub config: Sheet,
}

impl ProjectPane {
    /// What was read of the projects' files.
    pub fn define(&mut self, definitions: Vec<Definition>, containers: &[Container]) {
        let fresh = !std::mem::replace(&mut self.loaded, true) && self.state.window.selected() == Some(0);
        self.definitions = definitions;
        self.arrange(containers);
        if fresh {
            // Nobody has gone anywhere yet: what is here comes first now.
            self.state.window.first(self.rows.len());
        }
    }

    /// The projects that there are containers of, and whatever the working directory has: those whose files are to be read.
    pub fn origins(&self, containers: &[Container]) -> Vec<Origin> {
        let mut origins = vec![Origin::default()];
        for member in containers.iter().filter_map(|container| container.member.as_ref()) {
            if !member.origin.files.is_empty() && !origins.contains(&member.origin) {
                origins.push(member.origin.clone());
            }
        }
        origins[1..].sort_by(|one, other| one.name.cmp(&other.name));
        origins
    }

    /// Puts projects and rows in order. The selection stays where it is, on the project when the service is gone.
    pub fn arrange(&mut self, containers: &[Container]) {
        self.projects = join(&self.definitions, containers);
        self.set_rows();
    }

    fn set_rows(&mut self) {
        let selected = self.state.window.selected().and_then(|row| self.keys.get(row)).cloned();
        (self.rows, self.keys) = (Vec::new(), Vec::new());
        for (project, known) in self.projects.iter().enumerate() {
            self.rows.push(Row { project, service: None });
            self.keys.push((known.name.clone(), None));
            let shown = if self.folded.contains(&known.name) { 0 } else { known.services.len() };
            for (at, service) in known.services.iter().enumerate().take(shown) {
                self.rows.push(Row { project, service: Some(at) });
                self.keys.push((known.name.clone(), Some(service.described.name.clone())));
            }
        }
        let find = |key: &Key| self.keys.iter().position(|other| other == key);
        let same = selected.and_then(|key| find(&key).or_else(|| find(&(key.0, None))));
        let near = self.state.window.selected().unwrap_or(0).min(self.rows.len().saturating_sub(1));
        self.state.window.select((!self.rows.is_empty()).then_some(same.unwrap_or(near)));
    }

    /// All projects: that of the working directory, and the others by name.
    pub fn all(&self) -> &[Project] {
        &self.projects
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Whether only its name is shown of a project.
    pub fn is_folded(&self, project: &Project) -> bool {
        self.folded.contains(&project.name)
    }

    /// Folds the selected project, or unfolds it.
    pub fn fold(&mut self, fold: bool) {
        let Some(name) = self.selected().map(|project| project.name.clone()) else { return };
        let changed = if fold { self.folded.insert(name) } else { self.folded.remove(&name) };
        if changed {
            self.set_rows();
        }
    }

    fn row(&self) -> Option<Row> {
        self.rows.get(self.state.window.selected()?).copied()
    }

    /// The project that is selected, or of which a service is.
    pub fn selected(&self) -> Option<&Project> {
        self.projects.get(self.row()?.project)
    }

    /// The selected service; `None` when it is the project itself.
    pub fn selected_service(&self) -> Option<&Service> {
        self.selected()?.services.get(self.row()?.service?)
    }

    /// Shows the file and the meaning of what is selected, opened where it stands.
    pub fn open_sheets(&mut self) {
        let Some((definition, service)) =
            self.selected().and_then(|project| Some((project.definition.clone()?, self.selected_service())))
        else {
            (self.file, self.config) = Default::default();
            return;
        };
        let name = service.map(|service| service.described.name.clone());
        let place = match &definition.outcome {
            Err(problem) => problem.place.clone(),
            Ok(_) => service.and_then(|service| service.described.place.clone()),
        };
        let file = place.as_ref().map(|place| &place.file).or(definition.files.first());
        match definition.texts.iter().find(|(path, _)| Some(path) == file) {
            Some((path, text)) => {
                let marks = definition.outcome.as_ref().err().map(mark).into_iter().flatten().collect();
                let at = place.as_ref().map(|place| (place.line, place.column));
                self.file.show(path.clone(), text, marks, at);
            }
            None => self.file = Sheet::default(),
        }
        match &definition.outcome {
            Ok(meaning) => {
                let at = name.and_then(|name| line_of(&meaning.config, &name)).map(|line| (line, 2));
                let subject = PathBuf::from(definition.name.clone().unwrap_or_default());
                self.config.show(subject, &meaning.config, Vec::new(), at);
            }
            Err(_) => self.config = Sheet::default(),
        }
    }
}

fn mark(problem: &Problem) -> Option<Mark> {
    let Place { line, column, .. } = *problem.place.as_ref()?;
    Some(Mark { lines: line..=line, column: Some(column), severity: Severity::Error, message: problem.message.clone() })
}

/// The line of a service in what `compose config` prints: two blanks stand before it, below `services:`.
fn line_of(config: &str, service: &str) -> Option<usize> {
    let start = config.lines().position(|line| line == "services:")?;
    let key = |line: &str| {
        line.strip_prefix("  ").and_then(|line| line.strip_suffix(':')).map(|key| key.trim_matches('"').to_owned())
    };
    let at = config
        .lines()
        .skip(start + 1)
        .take_while(|line| line.starts_with(' '))
        .position(|line| key(line).as_deref() == Some(service))?;
    Some(start + 1 + at)
}

/// Containers, and what each is in its project.
type Members<'a> = Vec<(&'a Container, &'a Member)>;

/// The projects that there are containers of, and the one of the working directory, each with its services.
fn join(definitions: &[Definition], containers: &[Container]) -> Vec<Project> {
    let mut projects: BTreeMap<String, (Project, Members)> = BTreeMap::new();
    for container in containers {
        let Some(member) = &container.member else { continue };
        let Some(name) = &member.origin.name else { continue };
        let (project, members) = projects.entry(name.clone()).or_insert_with(|| (of(name, &member.origin), Vec::new()));
        project.containers.push(container.id.clone());
        members.push((container, member));
    }
    for (project, _) in projects.values_mut() {
        project.definition = definitions.iter().find(|definition| definition.origin == project.origin).cloned();
    }
    // Of the working directory's project there may be containers already.
    if let Some(here) = definitions.iter().find(|definition| definition.origin.name.is_none()) {
        let known = projects.values_mut().find(|(project, _)| {
            project.files == here.files && (here.outcome.is_err() || here.name.as_ref() == Some(&project.name))
        });
        if let Some((project, _)) = known {
            project.here = true;
        } else if let Some(name) = here.name.as_ref().filter(|name| !projects.contains_key(*name)) {
            let origin = Origin { name: Some(name.clone()), files: here.files.clone(), directory: None };
            let project = Project { here: true, definition: Some(here.clone()), ..of(name, &origin) };
            projects.insert(name.clone(), (project, Vec::new()));
        }
    }
    let mut all: Vec<Project> =
        projects.into_values().map(|(project, members)| with_services(project, &members)).collect();
    // What is here is what somebody most often wants.
    all.sort_by_key(|project| !project.here);
    all
}

fn of(name: &str, origin: &Origin) -> Project {
    Project {
        name: name.to_owned(),
        origin: origin.clone(),
        files: origin.files.clone(),
        here: false,
        definition: None,
        services: Vec::new(),
        containers: Vec::new(),
    }
}

fn with_services(mut project: Project, members: &[(&Container, &Member)]) -> Project {
    let meaning = project.definition.as_ref().and_then(|definition| definition.outcome.as_ref().ok());
    let described = meaning.map(|meaning| meaning.services.clone());
    let known = described.is_some();
    let service = |described: Described| Service { described, in_files: known.then_some(true), containers: Vec::new() };
    let mut services: Vec<Service> = described.into_iter().flatten().map(service).collect();
    let mut ordered: Vec<_> = members.iter().filter(|(_, member)| !member.one_off).collect();
    ordered.sort_by_key(|(_, member)| member.number);
    for (container, member) in ordered {
        let at = services.iter().position(|service| service.described.name == member.service).unwrap_or_else(|| {
            let described = Described {
                name: member.service.clone(),
                image: container.image.clone(),
                replicas: 0,
                needs: member.needs.clone(),
                ..Described::default()
            };
            services.push(Service { described, in_files: known.then_some(false), containers: Vec::new() });
            services.len() - 1
        });
        services[at].containers.push(container.id.clone());
    }
    project.services = in_waves(services);
    project
}

/// Those first that others wait for. What the files do not say any more may go round in a circle: it is left as it is.
fn in_waves(mut services: Vec<Service>) -> Vec<Service> {
    let needs = |service: &Service| service.described.needs.iter().map(|need| need.service.clone()).collect();
    let graph: Graph = services.iter().map(|service| (service.described.name.clone(), needs(service))).collect();
    if let Ok(waves) = waves(&graph) {
        let order: Vec<String> = waves.into_iter().flatten().collect();
        services.sort_by_key(|service| order.iter().position(|name| *name == service.described.name));
    }
    services
}

/// What a service waits for that is a service of the project, too, by its position.
pub fn needs_in<'a>(project: &'a Project, service: &'a Service) -> impl Iterator<Item = (usize, &'a Need)> {
    service.described.needs.iter().filter_map(|need| {
        let at = project.services.iter().position(|other| other.described.name == need.service)?;
        Some((at, need))
    })
}
