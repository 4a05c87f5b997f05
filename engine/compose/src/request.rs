//! Which files make up a project, where it lies, what it is called, and the variables that its files see.

use crate::error::{Error, Result};
use crate::files::Files;
use crate::interpolate::Variables;
use crate::load::{Loader, read_variables};
use crate::node::Node;
use crate::project::Project;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The names that a project's file has when nobody says, the first that is there.
const NAMES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
/// The names of what is laid over it when nobody says.
const OVERRIDES: [&str; 4] =
    ["compose.override.yml", "compose.override.yaml", "docker-compose.override.yml", "docker-compose.override.yaml"];

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The files, `-` for standard input; found when there are none.
    pub files: Vec<PathBuf>,
    /// Where relative paths begin, if not where the first file is.
    pub directory: Option<PathBuf>,
    /// The project's name, if it is said.
    pub name: Option<String>,
    /// Profiles that are active.
    pub profiles: Vec<String>,
    /// Files of variables in place of `.env`.
    pub env_files: Vec<PathBuf>,
    /// The variables of this process.
    pub environment: BTreeMap<String, String>,
    /// The working directory of this process.
    pub working_directory: PathBuf,
    /// Services that are active whatever their profiles are.
    pub services: Vec<String>,
    /// Whether the variables in the files stay as they are.
    pub keep_variables: bool,
}

/// A project's tree, and what goes with it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Its name.
    pub name: String,
    /// Where its relative paths begin.
    pub directory: PathBuf,
    /// The files that it was read from.
    pub files: Vec<PathBuf>,
    /// All that the files say together.
    pub tree: Node,
    /// What its files saw.
    pub variables: Variables,
    /// The profiles that are active.
    pub profiles: BTreeSet<String>,
    /// What the user should know, one line each.
    pub warnings: Vec<String>,
}

impl Request {
    /// The project's name, if it can be known without its files.
    pub fn known_name(&self) -> Result<Option<String>> {
        let said = self.name.clone().or_else(|| self.environment.get("COMPOSE_PROJECT_NAME").cloned());
        said.filter(|name| !name.is_empty()).map(|name| check_name(&name).map(|()| name)).transpose()
    }

    /// Reads the project.
    pub fn load(&self, files: &dyn Files) -> Result<Project> {
        self.read(files)?.project(files, &self.services)
    }

    /// The files that it is made of, whether they can be read or not, and where its relative paths begin.
    pub fn places(&self, files: &dyn Files) -> Result<(Vec<PathBuf>, PathBuf)> {
        self.find(files).map(|(paths, directory, _)| (paths, directory))
    }

    /// Reads the files, and lays one over the other.
    pub fn read(&self, files: &dyn Files) -> Result<Loaded> {
        let (paths, directory, mut variables) = self.find(files)?;
        let mut loader = Loader::new(files, self.environment.get("HOME").cloned(), !self.keep_variables);
        // Standard input is read once, so the name that a file gives is not known to its variables then.
        let written = match paths.iter().any(|path| path == Path::new("-")) {
            true => None,
            false => written_name(&mut loader, &paths, &mut variables)?,
        };
        let said = self.name.clone().or_else(|| variables.get("COMPOSE_PROJECT_NAME").map(str::to_owned));
        let name = said
            .filter(|name| !name.is_empty())
            .or(written)
            .unwrap_or_else(|| normal_name(&directory.file_name().unwrap_or_default().to_string_lossy()));
        if name.is_empty() {
            return Err(Error::Project("project name must not be empty: give one by -p".to_owned()));
        }
        check_name(&name)?;
        variables.add_missing(BTreeMap::from([("COMPOSE_PROJECT_NAME".to_owned(), name.clone())]));
        let tree = loader.load(&paths, &directory, &mut variables, &[])?;
        let warnings = variables
            .missing()
            .iter()
            .map(|name| format!("The {name:?} variable is not set. Defaulting to a blank string."));
        Ok(Loaded {
            warnings: warnings.collect(),
            profiles: self.active_profiles(&variables),
            name,
            directory,
            files: paths,
            tree,
            variables,
        })
    }

    fn active_profiles(&self, variables: &Variables) -> BTreeSet<String> {
        let of_environment = variables.get("COMPOSE_PROFILES").unwrap_or_default().split(',').map(str::trim);
        let said = self.profiles.iter().map(String::as_str);
        let all: BTreeSet<&str> = if self.profiles.is_empty() { of_environment.collect() } else { said.collect() };
        all.into_iter().filter(|name| !name.is_empty()).map(str::to_owned).collect()
    }

    /// The files, the directory and the variables.
    fn find(&self, files: &dyn Files) -> Result<(Vec<PathBuf>, PathBuf, Variables)> {
        let absolute = |path: &Path| match path == Path::new("-") {
            true => path.to_owned(),
            false => crate::canonical::clean(&self.working_directory.join(path)),
        };
        let own = Variables::new(self.environment.clone());
        let mut directory = self.directory.as_deref().map(&absolute);
        let start = match self.files.first() {
            Some(first) if first != Path::new("-") => absolute(first).parent().map(Path::to_owned),
            _ => None,
        };
        let start = directory.clone().or(start).unwrap_or_else(|| self.working_directory.clone());
        let mut variables = self.with_env_files(files, &start, &absolute, own.clone())?;
        let mut paths: Vec<PathBuf> = self.files.iter().map(|path| absolute(path)).collect();
        if paths.is_empty()
            && let Some(said) = variables.get("COMPOSE_FILE").filter(|said| !said.is_empty())
        {
            let separator = variables.get("COMPOSE_PATH_SEPARATOR").unwrap_or(":").to_owned();
            paths = said.split(separator.as_str()).map(|path| absolute(Path::new(path))).collect();
        }
        if paths.is_empty() {
            let found = start.ancestors().find_map(|at| find_in(files, at));
            let (at, found) =
                found.ok_or_else(|| Error::Project("no configuration file provided: not found".to_owned()))?;
            if directory.is_none() && at != start {
                variables = self.with_env_files(files, &at, &absolute, own)?;
            }
            directory.get_or_insert(at);
            paths = found;
        }
        let first = paths.first().filter(|path| *path != Path::new("-")).and_then(|path| path.parent());
        let directory = directory.unwrap_or_else(|| first.unwrap_or(&self.working_directory).to_owned());
        Ok((paths, directory, variables))
    }

    fn with_env_files(
        &self,
        files: &dyn Files,
        directory: &Path,
        absolute: &dyn Fn(&Path) -> PathBuf,
        mut variables: Variables,
    ) -> Result<Variables> {
        let said: Vec<PathBuf> = match self.env_files.is_empty() {
            false => self.env_files.iter().map(|path| absolute(path)).collect(),
            true => {
                let named = variables.get("COMPOSE_ENV_FILES").unwrap_or_default();
                named.split(',').filter(|name| !name.is_empty()).map(|name| absolute(Path::new(name))).collect()
            }
        };
        let default = directory.join(".env");
        let paths = match said.is_empty() {
            false => said,
            true if files.exists(&default) => vec![default],
            true => Vec::new(),
        };
        let read = read_variables(files, &paths, &variables)?;
        variables.add_missing(read);
        Ok(variables)
    }
}

/// The file of a project in a directory, and what is laid over it.
fn find_in(files: &dyn Files, directory: &Path) -> Option<(PathBuf, Vec<PathBuf>)> {
    let there = |names: &[&str]| names.iter().map(|name| directory.join(name)).find(|path| files.exists(path));
    let first = there(&NAMES)?;
    let paths = std::iter::once(first).chain(there(&OVERRIDES)).collect();
    Some((directory.to_owned(), paths))
}

/// The name that the files give; the last says.
fn written_name(loader: &mut Loader<'_>, paths: &[PathBuf], variables: &mut Variables) -> Result<Option<String>> {
    let mut name = None;
    for path in paths {
        for document in loader.documents(path)? {
            if let Some(node) = document.get("name")
                && let Some(text) = node.as_text()
            {
                let text = variables.substitute(text).map_err(|message| Error::at(&node.place, message))?;
                check_name(&text).map_err(|error| Error::at(&node.place, error.to_string()))?;
                name = Some(text);
            }
        }
    }
    Ok(name)
}

fn is_name(name: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.starts_with(is_letter) && name.chars().all(|c| is_letter(c) || c == '-' || c == '_')
}

fn check_name(name: &str) -> Result<()> {
    match is_name(name) {
        true => Ok(()),
        false => Err(Error::Project(format!(
            "invalid project name {name:?}: must consist only of lowercase alphanumeric characters, hyphens, and underscores as well as start with a letter or number"
        ))),
    }
}

/// A directory's name as that of a project.
pub fn normal_name(name: &str) -> String {
    let is_letter = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-' || *c == '_';
    let name: String = name.to_lowercase().chars().filter(is_letter).collect();
    name.trim_start_matches(['-', '_']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_normal() {
        for (name, expected) in [("My App", "myapp"), ("_x", "x"), ("a.b-c", "ab-c"), ("Ü", "")] {
            assert_eq!(normal_name(name), expected);
        }
        assert!(is_name("a-b_1") && !is_name("-a") && !is_name("A") && !is_name("") && !is_name("a.b"));
    }
}
