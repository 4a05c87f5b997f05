//! The builds of this session, and the Dockerfiles that are being edited.

pub mod build;
pub mod editor;
pub mod form;
pub mod news;

use build::Build;
use editor::Editor;
use porthole_widgets::table::TableState;
use std::path::PathBuf;

/// A build, by the number that it got when it was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BuildId(pub u32);

/// The builds, one of which is looked at.
#[derive(Default)]
pub struct Builds {
    builds: Vec<Build>,
    shown: usize,
    next: u32,
    /// Where the list of builds is drawn.
    pub table: TableState,
    /// The Dockerfiles that were opened.
    pub editors: Vec<Editor>,
    /// The Dockerfile that was asked for last.
    pub wanted: Option<PathBuf>,
}

impl Builds {
    /// The builds, the oldest first.
    pub fn all(&self) -> &[Build] {
        &self.builds
    }

    /// A number for a build to come.
    pub fn next_id(&mut self) -> BuildId {
        let id = BuildId(self.next);
        self.next += 1;
        id
    }

    /// Adds a build, and looks at it.
    pub fn push(&mut self, build: Build) {
        self.builds.push(build);
        self.shown = self.builds.len() - 1;
    }

    /// The build that is looked at.
    pub fn shown(&self) -> Option<&Build> {
        self.builds.get(self.shown)
    }

    /// The same, to change how.
    pub fn shown_mut(&mut self) -> Option<&mut Build> {
        self.builds.get_mut(self.shown)
    }

    /// Its place, the oldest being 0.
    pub fn shown_index(&self) -> usize {
        self.shown
    }

    /// Looks at another one.
    pub fn show(&mut self, index: usize) {
        self.shown = index.min(self.builds.len().saturating_sub(1));
    }

    /// A build.
    pub fn find(&mut self, id: BuildId) -> Option<&mut Build> {
        self.builds.iter_mut().find(|build| build.id == id)
    }

    /// How many are under way.
    pub fn running(&self) -> usize {
        self.builds.iter().filter(|build| build.ended.is_none()).count()
    }

    /// The editor of the Dockerfile of the build that is looked at.
    pub fn editor(&self) -> Option<&Editor> {
        let path = &self.shown()?.request.dockerfile;
        self.editors.iter().find(|editor| editor.path == *path)
    }

    /// The same, to type into.
    pub fn editor_mut(&mut self) -> Option<&mut Editor> {
        let path = self.shown()?.request.dockerfile.clone();
        self.editor_of(&path)
    }

    /// The editor of a Dockerfile.
    pub fn editor_of(&mut self, path: &std::path::Path) -> Option<&mut Editor> {
        self.editors.iter_mut().find(|editor| editor.path == path)
    }

    /// The Dockerfiles with changes that are not saved.
    pub fn unsaved(&self) -> Vec<String> {
        let changed = self.editors.iter().filter(|editor| editor.is_changed());
        changed.map(|editor| editor.path.display().to_string()).collect()
    }
}
