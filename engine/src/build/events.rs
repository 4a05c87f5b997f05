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

/// What happened to a step.
#[derive(Clone, Debug)]
pub enum Kind {
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
