//! What is told of the work on a project while it goes on.

use crate::build;

/// Something that happens.
#[derive(Clone, Debug)]
pub enum Progress {
    /// Something is being worked on.
    Work(Work),
    /// A step of a service's build.
    Step {
        /// The service.
        service: String,
        /// What happened to it.
        event: build::Event,
    },
}

/// Something that is being worked on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// `Container`, `Network`, `Volume` or `Image`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Docker Compose's word for what happens to it, such as `Creating` or `Created`.
    pub word: &'static str,
    /// Whether the work on it goes on.
    pub goes_on: bool,
}

/// Who is told.
pub type Report<'a> = &'a (dyn Fn(Progress) + Sync);

/// Tells of a container before and after something is done to it.
pub fn around<T, E>(
    report: Report<'_>,
    kind: &'static str,
    name: &str,
    words: (&'static str, &'static str),
    act: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    let tell = |word, goes_on| report(Progress::Work(Work { kind, name: name.to_owned(), word, goes_on }));
    tell(words.0, true);
    let result = act();
    tell(if result.is_ok() { words.1 } else { "Error" }, false);
    result
}

/// Tells of something that needs no work.
pub fn tell(report: Report<'_>, kind: &'static str, name: &str, word: &'static str) {
    report(Progress::Work(Work { kind, name: name.to_owned(), word, goes_on: false }));
}
