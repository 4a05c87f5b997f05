//! Projects of several services, as plain data: what their files say. What runs of them say the containers.

use super::source::Container;
use porthole_engine::compose::model::project::Condition;
use std::path::{Path, PathBuf};

/// What a container is in a project, by its labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The project, and where it is described.
    pub origin: Origin,
    /// The service.
    pub service: String,
    /// Its number among those of the service.
    pub number: usize,
    /// Whether it was made by `compose run`.
    pub one_off: bool,
    /// What the service waited for.
    pub needs: Vec<Need>,
}

/// Where a project is described.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Its name; `None` when its files say it.
    pub name: Option<String>,
    /// Its files; what the working directory has when there are none.
    pub files: Vec<PathBuf>,
    /// Where its relative paths begin, if not where its first file is.
    pub directory: Option<PathBuf>,
}

/// A service that has to be there first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// Its name.
    pub service: String,
    /// What must be so of it.
    pub condition: Condition,
}

/// What the files of a project say.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// What was asked for.
    pub origin: Origin,
    /// Its name; `None` when nobody can tell.
    pub name: Option<String>,
    /// Its files.
    pub files: Vec<PathBuf>,
    /// What stands in them, and in others that they include as far as something is wrong there.
    pub texts: Vec<(PathBuf, String)>,
    /// What it means, or what is wrong.
    pub outcome: Result<Meaning, Problem>,
}

/// What the files of a project mean.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Meaning {
    /// Its services, those before that others wait for.
    pub services: Vec<Described>,
    /// All of it in its long form, as `compose config` prints it.
    pub config: String,
}

/// A service as the files describe it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Described {
    /// Its name.
    pub name: String,
    /// Its image.
    pub image: String,
    /// How many containers it has.
    pub replicas: usize,
    /// The ports that it publishes, as they are written.
    pub ports: Vec<String>,
    /// What it waits for.
    pub needs: Vec<Need>,
    /// Where it stands.
    pub place: Option<Place>,
}

/// A place in a file, counted from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The line.
    pub line: usize,
    /// The character.
    pub column: usize,
}

/// Why there is no meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Option<Place>,
    /// What is wrong, and what was expected.
    pub message: String,
    /// Whether there are no files any more, which is no mistake in them.
    pub gone: bool,
}

impl Problem {
    /// In one line: `compose.yaml:4:5: services.web: unknown key "imge"`.
    pub fn text(&self) -> String {
        match &self.place {
            Some(Place { file, line, column }) => {
                format!("{}:{}:{}: {}", file_name(file), line + 1, column + 1, self.message)
            }
            None => self.message.clone(),
        }
    }
}

/// The last part of a path, which is enough where the rest is known.
pub fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

impl Origin {
    /// The words before those of an action, that lead to this project from anywhere.
    pub fn words(&self, gone: bool) -> Vec<String> {
        let mut words = vec!["compose".to_owned()];
        let mut add = |flag: &str, value: String| words.extend([flag.to_owned(), value]);
        if !gone {
            self.files.iter().for_each(|file| add("-f", file.display().to_string()));
        }
        let own = self.files.first().filter(|_| !gone).and_then(|file| file.parent());
        if let Some(directory) = self.directory.as_deref().filter(|directory| own != Some(directory)) {
            add("--project-directory", directory.display().to_string());
        }
        if let Some(name) = &self.name {
            add("-p", name.clone());
        }
        words
    }
}

/// Whether what others wait for is so.
pub fn is_met(condition: Condition, containers: &[&Container]) -> bool {
    use porthole_engine::runtime::state::HealthStatus;
    let fits = |container: &&Container| match condition {
        Condition::Started => container.is_up() || container.started > 0,
        Condition::Healthy => container.is_up() && container.health == Some(HealthStatus::Healthy),
        Condition::CompletedSuccessfully => {
            !container.is_up() && container.exit_code == Some(0) && container.started > 0
        }
    };
    !containers.is_empty() && containers.iter().all(fits)
}

/// The word for a condition in a few letters.
pub fn condition_word(condition: Condition) -> &'static str {
    match condition {
        Condition::Started => "started",
        Condition::Healthy => "healthy",
        Condition::CompletedSuccessfully => "completed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::fixture;
    use porthole_engine::runtime::state::HealthStatus;

    #[test]
    fn the_words_lead_to_the_project() {
        let line = |origin: &Origin, gone| origin.words(gone).join(" ");
        assert_eq!(line(&Origin::default(), false), "compose");
        let file = PathBuf::from("/srv/shop/compose.yaml");
        let origin =
            Origin { name: Some("shop".into()), files: vec![file.clone()], directory: Some("/srv/shop".into()) };
        assert_eq!(line(&origin, false), "compose -f /srv/shop/compose.yaml -p shop");
        assert_eq!(line(&origin, true), "compose --project-directory /srv/shop -p shop");
        let apart = Origin { directory: Some("/srv".into()), ..origin };
        assert_eq!(line(&apart, false), "compose -f /srv/shop/compose.yaml --project-directory /srv -p shop");
    }

    #[test]
    fn what_others_wait_for_is_met_by_all_containers_of_a_service() {
        let all = fixture::containers();
        let (up, ended, failed) = (&all[0], &all[2], &all[3]);
        let well = Container { health: Some(HealthStatus::Healthy), ..up.clone() };
        let met = |condition, containers: &[&Container]| is_met(condition, containers);
        assert!(met(Condition::Started, &[up]) && !met(Condition::Started, &[]));
        assert!(met(Condition::Healthy, &[&well]) && !met(Condition::Healthy, &[&well, up]));
        assert!(met(Condition::CompletedSuccessfully, &[ended]));
        assert!(!met(Condition::CompletedSuccessfully, &[failed]) && !met(Condition::CompletedSuccessfully, &[up]));
    }
}
