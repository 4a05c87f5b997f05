//! What happens during a build, told as it happens.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// The step, numbered in the order in which they began.
    pub step: usize,
    /// What happened.
    pub kind: Kind,
}

/// A stage that is going to be built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlannedStage {
    /// Its name, or `stage-N`.
    pub name: String,
    /// The stage that it builds on, by its place among those planned.
    pub base: Option<usize>,
    /// The stages that it copies from or mounts.
    pub copies: Vec<usize>,
    /// Its steps, in order.
    pub steps: Vec<PlannedStep>,
}

/// A step of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlannedStep {
    /// Its name, by which it will be said to have begun.
    pub name: String,
    /// The line of the Dockerfile that its instruction begins at.
    pub line: usize,
}

/// What happened to a step.
#[derive(Clone, Debug)]
pub enum Kind {
    /// These stages are going to be built; no step in particular.
    Planned(Vec<PlannedStage>),
    /// It began. Its name: `[stage 2/5] RUN make`.
    Begun(String),
    /// The cache has it: nothing is to be done.
    Cached,
    /// It printed something, so long after it began.
    Output(Duration, Vec<u8>),
    /// It is done, after so long.
    Done(Duration),
    /// It failed.
    Failed(String),
}

/// Tells of steps.
pub(super) struct Steps<'a> {
    progress: &'a (dyn Fn(Event) + Sync),
    count: AtomicUsize,
}

/// A step that has begun.
pub(super) struct Begun<'a> {
    steps: &'a Steps<'a>,
    number: usize,
    since: Instant,
}

impl<'a> Steps<'a> {
    pub(super) fn new(progress: &'a (dyn Fn(Event) + Sync)) -> Self {
        Self { progress, count: AtomicUsize::new(1) }
    }

    /// Tells what is going to be done.
    pub(super) fn planned(&self, stages: Vec<PlannedStage>) {
        (self.progress)(Event { step: 0, kind: Kind::Planned(stages) });
    }

    pub(super) fn begin(&'a self, name: &str) -> Begun<'a> {
        let begun = Begun { steps: self, number: self.count.fetch_add(1, Ordering::Relaxed), since: Instant::now() };
        begun.tell(Kind::Begun(name.to_owned()));
        begun
    }
}

impl Begun<'_> {
    fn tell(&self, kind: Kind) {
        (self.steps.progress)(Event { step: self.number, kind });
    }

    pub(super) fn output(&self, bytes: &[u8]) {
        self.tell(Kind::Output(self.since.elapsed(), bytes.to_vec()));
    }

    pub(super) fn cached(self) {
        self.tell(Kind::Cached);
    }

    pub(super) fn done(self) {
        self.tell(Kind::Done(self.since.elapsed()));
    }

    pub(super) fn failed(self, problem: &str) {
        self.tell(Kind::Failed(problem.to_owned()));
    }
}
