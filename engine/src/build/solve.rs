//! The stages of a build, each in a thread of its own, and their steps, each done once.

use super::base::Found;
use super::events::{Begun, PlannedStage, PlannedStep};
use super::{Job, NoCache, trouble};
use crate::container::stop::parse_signal;
use crate::error::{Error, Result};
use crate::files::Lock;
use porthole_build::{Configuration, Key, KeyBuilder};
use porthole_dockerfile::evaluate::Step;
use porthole_dockerfile::instruction::{Command, Instruction};
use porthole_dockerfile::plan::{Base, Plan};
use porthole_images::{Bench, CacheLease, CachedStep, Digest, Layers, StepNote};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// More stages than this are built one after the other.
const MAX_THREADS: usize = 64;

/// How long to wait before looking again whether another build has done the same step.
const PAUSE: Duration = Duration::from_millis(20);

/// A stage to be built.
pub(super) struct Stage {
    /// What it builds on, unless that is another stage.
    pub(super) base: Option<Found>,
    /// What it does.
    pub(super) steps: Vec<Step>,
}

/// A stage that is built.
#[derive(Debug)]
pub(super) struct Made {
    /// What it has in it.
    pub(super) layers: Layers,
    /// How many of these layers are those of the image that it began with.
    pub(super) inherited: usize,
    /// What it is known by in the cache.
    pub(super) key: Key,
    /// What it says of itself.
    pub(super) configuration: Configuration,
    /// The steps that have files, from those of the stage that it began with, and their keys.
    pub(super) steps: Vec<(Digest, CachedStep)>,
    /// Its steps stay in the cache as long as the build needs them.
    _leases: Vec<CacheLease>,
}

/// What was built.
pub(super) struct Solved {
    /// What was asked for.
    pub(super) target: Arc<Made>,
    /// All stages that it needed.
    pub(super) all: Vec<Arc<Made>>,
}

/// Which stages are built so far.
#[derive(Default)]
pub(super) struct Board {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    made: BTreeMap<usize, Arc<Made>>,
    failed: Option<Error>,
}

/// A stage that is being built, and how far it is.
pub(super) struct Progress<'a> {
    pub(super) board: &'a Board,
    pub(super) layers: Layers,
    pub(super) key: Key,
    pub(super) configuration: Configuration,
    steps: Vec<(Digest, CachedStep)>,
    leases: Vec<CacheLease>,
    /// The names of the steps to come.
    names: std::vec::IntoIter<String>,
    uses_cache: bool,
}

impl Board {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a stage; an error if any stage failed.
    pub(super) fn wait(&self, stage: usize) -> Result<Arc<Made>> {
        let mut state = self.state();
        loop {
            if let Some(made) = state.made.get(&stage) {
                return Ok(made.clone());
            }
            if state.failed.is_some() {
                return Err(Error::Cancelled);
            }
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn put(&self, stage: usize, result: Result<Made>) {
        let mut state = self.state();
        match result {
            Ok(made) => drop(state.made.insert(stage, Arc::new(made))),
            // What others were ended for is told, not that they were.
            Err(Error::Cancelled) if state.failed.is_some() => {}
            Err(error) if matches!(state.failed, None | Some(Error::Cancelled)) => state.failed = Some(error),
            Err(_) => {}
        }
        self.wake.notify_all();
    }
}

impl Job<'_> {
    /// Builds all stages that there are.
    pub(super) fn solve(&self, plan: &Plan, stages: &[Option<Stage>]) -> Result<Solved> {
        self.steps.planned(planned(plan, stages));
        let board = Board::default();
        let build = |index: usize, stage: &Stage| {
            let made = self.stage(&board, plan, index, stage);
            if made.is_err() {
                // What runs in other stages would be for nothing.
                self.cancel.cancel();
            }
            board.put(index, made);
        };
        let needed: Vec<(usize, &Stage)> =
            stages.iter().enumerate().filter_map(|(index, stage)| Some((index, stage.as_ref()?))).collect();
        match needed.len() {
            2..=MAX_THREADS => thread::scope(|scope| {
                for (index, stage) in &needed {
                    let spawned =
                        thread::Builder::new().name("stage".into()).spawn_scoped(scope, || build(*index, stage));
                    if let Err(error) = spawned {
                        self.cancel.cancel();
                        board.put(*index, Err(Error::file("a thread", error)));
                    }
                }
            }),
            // A stage needs only stages before it.
            _ => needed.iter().for_each(|(index, stage)| {
                if board.state().failed.is_none() {
                    build(*index, stage);
                }
            }),
        }
        self.contexts.remember();
        let mut state = board.state();
        match state.failed.take() {
            None => {
                let target = state.made.get(&plan.target()).cloned().ok_or(Error::Cancelled)?;
                Ok(Solved { target, all: state.made.values().cloned().collect() })
            }
            Some(error) => {
                // What was done is done: the next build need not do it again. The failure is what is told.
                let made = state.made.values().map(|made| made.layers.clone());
                let _ = made.into_iter().try_for_each(|layers| self.workshop.keep(&layers));
                Err(error)
            }
        }
    }

    fn stage(&self, board: &Board, plan: &Plan, index: usize, stage: &Stage) -> Result<Made> {
        let planned = &plan.stages()[index];
        let (layers, key, configuration, inherited, before) = match (&planned.base, &stage.base) {
            (Base::Stage(base), _) => {
                let base = board.wait(*base)?;
                let mut configuration = base.configuration.clone().inherited();
                configuration.drop_triggers();
                (base.layers.clone(), base.key, configuration, base.inherited, base.steps.clone())
            }
            (_, Some(found)) => {
                let top = found.layers.top().map_or_else(|| "scratch".to_owned(), |top| top.to_string());
                let key = KeyBuilder::new("base").text(&top).finish();
                (found.layers.clone(), key, found.configuration.clone(), found.layers.len(), Vec::new())
            }
            (_, None) => return Err(Error::Cancelled),
        };
        let mut progress = Progress {
            board,
            layers,
            key,
            configuration,
            steps: before,
            leases: Vec::new(),
            names: steps(plan, index, stage).into_iter().map(|step| step.name).collect::<Vec<_>>().into_iter(),
            uses_cache: match &self.options.no_cache {
                NoCache::Nothing => true,
                NoCache::Everything => false,
                NoCache::Stages(names) => !names.contains(&planned.name),
            },
        };
        self.begin(&mut progress).cached();
        for step in &stage.steps {
            self.instruction(&mut progress, step)?;
        }
        let Progress { layers, key, mut configuration, steps, leases, .. } = progress;
        if index == plan.target() {
            configuration.label(self.options.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        }
        Ok(Made { layers, inherited, key, configuration, steps, _leases: leases })
    }

    /// Begins the next step of a stage.
    pub(super) fn begin(&self, progress: &mut Progress<'_>) -> Begun<'_> {
        self.steps.begin(&progress.names.next().unwrap_or_default())
    }

    fn instruction(&self, progress: &mut Progress<'_>, step: &Step) -> Result<()> {
        if self.cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let done = match &step.instruction.command {
            Command::Run(run) => self.run(progress, step, run),
            Command::Copy(_) | Command::Add(_) => self.files(progress, step),
            Command::Workdir(_) => self.workdir(progress, step),
            command => {
                if let Command::StopSignal(signal) = command {
                    parse_signal(signal)
                        .map_err(|_| self.trouble.of(&step.instruction, format!("Invalid signal: {signal}")))?;
                }
                if let Some(text) = progress.configuration.apply(command) {
                    progress.configuration.record(&text, None, true);
                }
                Ok(())
            }
        };
        done.map_err(|error| match error {
            error @ Error::Cancelled => error,
            error => self.trouble.of(&step.instruction, error),
        })
    }

    /// Takes a step from the cache, or does it: `work` makes its files.
    pub(super) fn once(
        &self,
        progress: &mut Progress<'_>,
        instruction: &Instruction,
        key: Key,
        history: &str,
        work: impl FnOnce(&Bench, &Begun<'_>) -> Result<()>,
    ) -> Result<()> {
        let shown = trouble::shortened(&instruction.source);
        let begun = self.begin(progress);
        let digest = digest(&key);
        if let Some(found) = self.find(progress, &digest)? {
            begun.cached();
            return progress.take(key, history, found);
        }
        let _lock = self.lock(&digest)?;
        if let Some(found) = self.find(progress, &digest)? {
            begun.cached();
            return progress.take(key, history, found);
        }
        let bench = self.workshop.bench(&progress.layers)?;
        let done = work(&bench, &begun).and_then(|()| {
            if let Some(epoch) = self.options.epoch()? {
                super::export::set_newest(&bench.upper, epoch)?;
            }
            let created = jiff::Timestamp::now().to_string();
            let note = StepNote { key: &digest, description: &shown, created };
            Ok(self.workshop.finish(bench, &progress.layers, &note)?)
        });
        if let Err(error) = done {
            begun.failed(&error.to_string());
            return Err(error);
        }
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner).insert(digest);
        let gone = || Error::Build("a step of the build was removed meanwhile: build again".to_owned());
        let found = self.workshop.store().cached(&digest)?.ok_or_else(gone)?;
        begun.done();
        progress.take(key, history, found)
    }

    /// A step that the cache has, if it counts.
    fn find(&self, progress: &Progress<'_>, key: &Digest) -> Result<Option<(CachedStep, CacheLease)>> {
        let is_fresh = || self.fresh.lock().unwrap_or_else(PoisonError::into_inner).contains(key);
        match progress.uses_cache || is_fresh() {
            true => Ok(self.workshop.store().cached(key)?),
            false => Ok(None),
        }
    }

    /// What is known to be the same as a step that is known by where its files come from.
    pub(super) fn known_as(&self, progress: &Progress<'_>, key: &Key) -> Result<Option<Key>> {
        if !progress.uses_cache {
            return Ok(None);
        }
        let found = self.workshop.store().cached(&digest(key))?.and_then(|(step, _)| step.same_as);
        let same = found.filter(|same| matches!(self.workshop.store().cached(same), Ok(Some(_))));
        Ok(same.map(|same| key_of(&same)))
    }

    /// Waits until no other build is doing the same step.
    fn lock(&self, key: &Digest) -> Result<KeyLock> {
        let directory = self.engine.paths().root().join("build/locks");
        crate::files::create_private_directory(&directory)?;
        let path = directory.join(key.hex());
        loop {
            match Lock::try_acquire(&path)? {
                Some(lock) if lock.is_current(&path) => return Ok(KeyLock { path, _lock: lock }),
                _ if self.cancel.is_cancelled() => return Err(Error::Cancelled),
                _ => thread::sleep(PAUSE),
            }
        }
    }
}

/// What is going to be done, as it is told.
fn planned(plan: &Plan, stages: &[Option<Stage>]) -> Vec<PlannedStage> {
    let needed: Vec<(usize, &Stage)> =
        stages.iter().enumerate().filter_map(|(index, stage)| Some((index, stage.as_ref()?))).collect();
    let place = |stage: usize| needed.iter().position(|(index, _)| *index == stage);
    let told = |(index, stage): &(usize, &Stage)| {
        let planned = &plan.stages()[*index];
        let base = match planned.base {
            Base::Stage(base) => Some(base),
            _ => None,
        };
        let copies = plan.needs(*index).into_iter().filter(|stage| Some(*stage) != base);
        PlannedStage {
            name: planned.name.clone(),
            base: base.and_then(place),
            copies: copies.filter_map(place).collect(),
            steps: steps(plan, *index, stage),
        }
    };
    needed.iter().map(told).collect()
}

/// The steps of a stage: where it begins, and what it does with files.
fn steps(plan: &Plan, index: usize, stage: &Stage) -> Vec<PlannedStep> {
    let planned = &plan.stages()[index];
    let does_files = |step: &&Step| {
        matches!(step.instruction.command, Command::Run(_) | Command::Copy(_) | Command::Add(_) | Command::Workdir(_))
    };
    let does = stage.steps.iter().filter(does_files).map(|step| &step.instruction);
    let does = does.map(|instruction| (trouble::shortened(&instruction.source), instruction.lines.start));
    let all: Vec<_> = std::iter::once((planned.from.source.clone(), planned.from.lines.start)).chain(does).collect();
    let has_name = plan.needed().len() > 1 || planned.from.name.is_some();
    let (stage, total) = (if has_name { format!("{} ", planned.name) } else { String::new() }, all.len());
    let name = |(at, (shown, line))| PlannedStep { name: format!("[{stage}{}/{total}] {shown}", at + 1), line };
    all.into_iter().enumerate().map(name).collect()
}

/// The right to do a step.
struct KeyLock {
    path: PathBuf,
    _lock: Lock,
}

impl Drop for KeyLock {
    fn drop(&mut self) {
        // Whoever waits for it finds that it is another file, and tries again.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Progress<'_> {
    fn take(&mut self, key: Key, history: &str, (step, lease): (CachedStep, CacheLease)) -> Result<()> {
        self.layers = step.layers();
        self.configuration.record(history, Some(step.created.clone()), step.is_empty);
        self.key = key;
        self.steps.push((digest(&key), step));
        self.leases.push(lease);
        Ok(())
    }
}

/// A key, as the store has it.
pub(super) fn digest(key: &Key) -> Digest {
    Digest::from_hex(&key.hex()).expect("64 digits")
}

fn key_of(digest: &Digest) -> Key {
    let hex = digest.hex();
    let byte = |at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("two digits");
    Key(std::array::from_fn(byte))
}

/// The steps that this build has done itself.
pub(super) type Fresh = Mutex<BTreeSet<Digest>>;
