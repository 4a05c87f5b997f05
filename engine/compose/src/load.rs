//! From files to one tree: each is read, its variables replaced, checked, given its long forms; services take what they extend,
//! files what they include; then one is laid over the other.

use crate::canonical::{Base, canonical, clean, empty_map, is_remote, strip_marks};
use crate::error::{Error, Result};
use crate::files::Files;
use crate::interpolate::Variables;
use crate::merge::{merge_files, merge_service};
use crate::node::{Node, Place, Value};
use crate::{dotenv, schema, yaml};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// So many files may make up a project.
const MOST_FILES: usize = 500;
/// So many values may be in a project, those that services extend counted each time.
const MOST_VALUES: usize = 500_000;
/// So many files may include each other in a row, and so many services extend each other.
const MOST_DEPTH: usize = 50;
/// What an included file brings.
const RESOURCES: [&str; 5] = ["services", "networks", "volumes", "secrets", "configs"];

/// Reads the files of one project.
pub struct Loader<'a> {
    files: &'a dyn Files,
    home: Option<String>,
    /// Whether variables are replaced.
    interpolate: bool,
    /// Files that services extend, by path, long forms and all.
    extended: HashMap<PathBuf, Rc<Node>>,
    read: usize,
    values: usize,
}

impl<'a> Loader<'a> {
    /// A loader of files from there.
    pub fn new(files: &'a dyn Files, home: Option<String>, interpolate: bool) -> Loader<'a> {
        Loader { files, home, interpolate, extended: HashMap::new(), read: 0, values: 0 }
    }

    /// The documents of a file as they are written.
    pub fn documents(&mut self, path: &Path) -> Result<Vec<Node>> {
        self.read += 1;
        if self.read > MOST_FILES {
            return Err(Error::Project(format!("the project has more than {MOST_FILES} files")));
        }
        let text = self.files.read(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
        yaml::parse(&path.display().to_string(), &text)
    }

    /// Loads files over each other. Relative paths are those of the directory.
    pub fn load(
        &mut self,
        paths: &[PathBuf],
        directory: &Path,
        variables: &mut Variables,
        including: &[PathBuf],
    ) -> Result<Node> {
        let mut all: Option<Node> = None;
        for path in paths {
            let mut including = including.to_vec();
            including.push(path.clone());
            for document in self.documents(path)? {
                let Some(document) = self.prepare(document, directory, variables)? else { continue };
                let document = self.complete(document, directory, variables, &including)?;
                match &mut all {
                    Some(all) => merge_files(all, document),
                    None => all = Some(document),
                }
            }
        }
        let mut all = all.ok_or_else(|| Error::Project("empty compose file".to_owned()))?;
        strip_marks(&mut all);
        Ok(all)
    }

    /// Replaces the variables of a document, checks it, and gives it its long forms. Nothing comes of an empty one.
    fn prepare(&mut self, mut document: Node, directory: &Path, variables: &mut Variables) -> Result<Option<Node>> {
        if document.is_null() {
            return Ok(None);
        }
        if self.interpolate {
            variables.interpolate(&mut document)?;
        }
        schema::check_file(&document)?;
        let home = self.home.clone();
        canonical(&mut document, &Base { directory, home: home.as_deref() })?;
        self.count(&document)?;
        Ok(Some(document))
    }

    fn count(&mut self, node: &Node) -> Result<()> {
        self.values += node.size();
        match self.values > MOST_VALUES {
            true => Err(Error::at(&node.place, format!("the project has more than {MOST_VALUES} values"))),
            false => Ok(()),
        }
    }

    /// Adds what its services extend and what it includes.
    fn complete(
        &mut self,
        mut document: Node,
        directory: &Path,
        variables: &mut Variables,
        including: &[PathBuf],
    ) -> Result<Node> {
        let named = document.get("services").and_then(Node::as_map);
        let names: Vec<String> = named.into_iter().flat_map(|services| services.keys().cloned()).collect();
        let written = document.clone();
        for name in names {
            let whole = self.extend(&written, &name, directory, variables, &mut Vec::new())?;
            if let Some(services) = document.get_mut("services") {
                services.set(&name, whole);
            }
        }
        let Some(include) = document.take("include") else { return Ok(document) };
        for entry in include.as_list().unwrap_or_default() {
            let included = self.include(entry, directory, variables, including)?;
            import(&mut document, included)?;
        }
        Ok(document)
    }

    /// A service of a document, over what it extends.
    fn extend(
        &mut self,
        document: &Node,
        name: &str,
        directory: &Path,
        variables: &mut Variables,
        trail: &mut Vec<(String, String)>,
    ) -> Result<Node> {
        let mut service = service_of(document, name)
            .cloned()
            .ok_or_else(|| Error::at(&document.place, format!("there is no service {name:?}")))?;
        let Some(extends) = service.take("extends") else { return Ok(service) };
        let place = extends.place.clone();
        let here = (place.file.to_string(), name.to_owned());
        if trail.contains(&here) {
            let trail: Vec<&str> = trail.iter().map(|(_, name)| name.as_str()).chain([name]).collect();
            return Err(Error::at(&place, format!("services extend each other in a circle: {}", trail.join(" -> "))));
        }
        if trail.len() == MOST_DEPTH {
            return Err(Error::at(&place, format!("more than {MOST_DEPTH} services extend each other")));
        }
        trail.push(here);
        let base = extends.as_text().map(str::to_owned).or_else(|| extends.get("service").and_then(Node::scalar));
        let base = base.ok_or_else(|| Error::at(&place, "extends needs a service"))?;
        let mut whole = match extends.get("file").and_then(Node::scalar) {
            None => {
                if service_of(document, &base).is_none() {
                    return Err(Error::at(
                        &place,
                        format!("cannot extend service {base:?}: there is none of that name"),
                    ));
                }
                self.extend(document, &base, directory, variables, trail)?
            }
            Some(file) => {
                refuse_remote(&file, &place)?;
                let path = clean(&directory.join(&file));
                let other = self.extended_file(&path, variables, &place)?;
                if service_of(&other, &base).is_none() {
                    let message = format!("cannot extend service {base:?}: there is none of that name in {file}");
                    return Err(Error::at(&place, message));
                }
                let directory = path.parent().unwrap_or(Path::new("/")).to_owned();
                self.extend(&other, &base, &directory, variables, trail)?
            }
        };
        trail.pop();
        merge_service(&mut whole, service);
        self.count(&whole)?;
        Ok(whole)
    }

    fn extended_file(&mut self, path: &Path, variables: &mut Variables, place: &Place) -> Result<Rc<Node>> {
        if let Some(known) = self.extended.get(path) {
            return Ok(known.clone());
        }
        let directory = path.parent().unwrap_or(Path::new("/")).to_owned();
        let mut all: Option<Node> = None;
        for document in self.documents(path)? {
            if let Some(document) = self.prepare(document, &directory, variables)? {
                match &mut all {
                    Some(all) => merge_files(all, document),
                    None => all = Some(document),
                }
            }
        }
        let all = Rc::new(all.unwrap_or_else(|| empty_map(place)));
        self.extended.insert(path.to_owned(), all.clone());
        Ok(all)
    }

    /// A file that is included, with all that it includes itself.
    fn include(
        &mut self,
        entry: &Node,
        directory: &Path,
        variables: &mut Variables,
        including: &[PathBuf],
    ) -> Result<Node> {
        let texts = |key: &str| match entry.get(key).map(|node| &node.value) {
            Some(Value::List(list)) => list.iter().filter_map(Node::scalar).collect(),
            Some(Value::Text(text)) => vec![text.clone()],
            _ => Vec::new(),
        };
        let paths = entry.as_text().map_or_else(|| texts("path"), |path| vec![path.to_owned()]);
        let mut resolved = Vec::new();
        for path in &paths {
            refuse_remote(path, &entry.place)?;
            let path = clean(&directory.join(path));
            if including.contains(&path) {
                return Err(Error::at(
                    &entry.place,
                    format!("files include each other in a circle: {}", path.display()),
                ));
            }
            resolved.push(path);
        }
        let first = resolved.first().ok_or_else(|| Error::at(&entry.place, "include needs a path"))?;
        if including.len() >= MOST_DEPTH {
            return Err(Error::at(&entry.place, format!("more than {MOST_DEPTH} files include each other")));
        }
        let parent = first.parent().unwrap_or(Path::new("/")).to_owned();
        let inner = entry.get("project_directory").and_then(Node::scalar);
        let inner = inner.map_or(parent, |inner| clean(&directory.join(inner)));
        let mut theirs = variables.clone();
        let env_files: Vec<PathBuf> = texts("env_file").iter().map(|file| clean(&directory.join(file))).collect();
        let default = inner.join(".env");
        let env_files = match env_files.is_empty() && self.files.exists(&default) {
            true => vec![default],
            false => env_files,
        };
        theirs.add_missing(read_variables(self.files, &env_files, &theirs)?);
        let included = self.load(&resolved, &inner, &mut theirs, including)?;
        variables.note_missing(&theirs);
        Ok(included)
    }
}

/// The variables of files; those of a later go over those of an earlier.
pub fn read_variables(files: &dyn Files, paths: &[PathBuf], outside: &Variables) -> Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for path in paths {
        let text = files.read(path).map_err(|source| Error::File { path: path.clone(), source })?;
        let mut known = outside.clone();
        known.add_missing(all.clone());
        let lines = dotenv::parse(&text, &known).map_err(|(line, message)| {
            let place = Place { file: path.display().to_string().into(), line, column: 1 };
            Error::at(&place, message)
        })?;
        all.extend(lines.into_iter().filter_map(|(name, value)| Some((name, value?))));
    }
    Ok(all)
}

fn service_of<'a>(document: &'a Node, name: &str) -> Option<&'a Node> {
    document.get("services")?.get(name)
}

fn refuse_remote(path: &str, place: &Place) -> Result<()> {
    match is_remote(path) {
        true => Err(Error::at(
            place,
            format!("{path} is not a file of this host: files from git or a registry are not read"),
        )),
        false => Ok(()),
    }
}

/// Adds what an included file says. Nothing may be said twice.
fn import(into: &mut Node, included: Node) -> Result<()> {
    let Value::Map(mut included) = included.value else { return Ok(()) };
    for key in RESOURCES {
        let Some(entry) = included.shift_remove(key) else { continue };
        if into.get(key).is_none() {
            let place = entry.node.place.clone();
            into.set(key, empty_map(&place));
        }
        let (Some(into), Value::Map(resources)) = (into.get_mut(key), entry.node.value) else { continue };
        for (name, entry) in resources {
            match into.get(&name) {
                Some(own) if own.to_json() == entry.node.to_json() => {}
                Some(own) => {
                    let place = own.place.clone();
                    return Err(Error::at(
                        &place,
                        format!("{key}.{name} conflicts with the included one at {}", entry.node.place),
                    ));
                }
                None => into.set(&name, entry.node),
            }
        }
    }
    Ok(())
}
