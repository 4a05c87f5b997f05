//! What a registry has to offer: its repositories, and the tags of the one that was opened.

use porthole_widgets::palette::{Palette, PaletteItem};

/// Names to choose from.
#[derive(Default)]
pub struct Choice {
    names: Vec<String>,
    /// What is typed to find one, and which fit.
    pub palette: Palette,
}

impl Choice {
    fn new(names: Vec<String>) -> Self {
        let item = |name: &String| PaletteItem { name: name.clone(), ..PaletteItem::default() };
        Self { palette: Palette::new(names.iter().map(item).collect()), names }
    }
}

/// A registry being looked through.
pub struct Registry {
    /// Its host, with a port if it has one of its own.
    pub host: String,
    repositories: Shelf,
    tags: Option<(String, Shelf)>,
}

/// Names that come from afar.
#[derive(Default)]
struct Shelf {
    choice: Choice,
    is_read: bool,
}

impl Shelf {
    fn fill(&mut self, names: Vec<String>) {
        *self = Self { choice: Choice::new(names), is_read: true };
    }
}

impl Registry {
    /// A registry of which nothing is known yet.
    pub fn new(host: &str) -> Self {
        Self { host: host.to_owned(), repositories: Shelf::default(), tags: None }
    }

    /// Takes in its repositories.
    pub fn set_repositories(&mut self, names: Vec<String>) {
        self.repositories.fill(names);
    }

    /// Takes in the tags of a repository, if that is the one that is open.
    pub fn set_tags(&mut self, repository: &str, names: Vec<String>) {
        if let Some((_, shelf)) = self.tags.as_mut().filter(|(open, _)| open == repository) {
            shelf.fill(names);
        }
    }

    /// Opens a repository, of whose tags nothing is known yet.
    pub fn open(&mut self, repository: String) {
        self.tags = Some((repository, Shelf::default()));
    }

    /// One step back: from the tags to the repositories; false when there is none.
    pub fn back(&mut self) -> bool {
        self.tags.take().is_some()
    }

    /// The open repository, as commands name it: `localhost:5000/team/web`.
    pub fn repository(&self) -> Option<String> {
        self.tags.as_ref().map(|(name, _)| format!("{}/{name}", self.host))
    }

    /// What can be chosen now.
    pub fn choice(&mut self) -> &mut Choice {
        match &mut self.tags {
            Some((_, shelf)) => &mut shelf.choice,
            None => &mut self.repositories.choice,
        }
    }

    /// The name at a place among them.
    pub fn name(&mut self, index: usize) -> Option<String> {
        self.choice().names.get(index).cloned()
    }

    /// What stands above them.
    pub fn title(&self) -> String {
        let (subject, shelf) = match &self.tags {
            Some((name, shelf)) => (format!("{}/{name}", self.host), shelf),
            None => (self.host.clone(), &self.repositories),
        };
        match (shelf.is_read, shelf.choice.names.is_empty(), self.tags.is_some()) {
            (false, ..) => format!("{subject} is being asked"),
            (true, true, true) => format!("{subject} has no tags"),
            (true, true, false) => format!("{subject} has no repositories"),
            (true, false, _) => subject,
        }
    }
}
