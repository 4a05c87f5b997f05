//! One build: its stages and their steps, in the places that they have from the start.

use super::BuildId;
use super::news::News;
use crate::cli::BuildRequest;
use porthole_engine::Error;
use porthole_engine::build::PlannedStage;
use porthole_widgets::log_view::{LogLimits, LogLine, LogView, Stream};
use porthole_widgets::table::TableState;
use std::collections::HashMap;
use std::time::Duration;

/// Lines and bytes kept of what a step prints.
const LIMITS: LogLimits = LogLimits { lines: 5_000, bytes: 2 << 20 };
/// Of a line that does not end so much is kept.
const LONGEST_LINE: usize = 1 << 16;

/// A build.
pub struct Build {
    /// Its number.
    pub id: BuildId,
    /// What was asked for.
    pub request: BuildRequest,
    /// Its number in the command log.
    pub job: usize,
    /// When it began, in nanoseconds since 1970.
    pub begun: i64,
    /// When it ended, and how.
    pub ended: Option<(i64, Ending)>,
    /// Its stages. What belongs to none stands before or behind them.
    pub stages: Vec<Stage>,
    /// The rows of the picture, and which one is selected.
    pub table: TableState,
    /// Whether the selection still goes with what happens.
    follows: bool,
    /// Where the steps are that have begun.
    places: HashMap<usize, (usize, usize)>,
}

/// How a build ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// There is an image.
    Done,
    /// Somebody cancelled it.
    Cancelled,
    /// It failed.
    Failed(String),
}

/// A stage.
pub struct Stage {
    /// Its name.
    pub name: String,
    /// The stages that it is made from.
    pub sources: Vec<String>,
    /// Its steps.
    pub steps: Vec<Step>,
    /// Whether the Dockerfile has it.
    planned: bool,
}

/// A step.
pub struct Step {
    /// Its whole name.
    name: String,
    /// The line of the Dockerfile that it begins at.
    pub line: Option<usize>,
    /// How far it is.
    pub state: State,
    /// What it printed.
    pub log: LogView,
    /// A line that it has not ended.
    partial: String,
}

/// How far a step is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It has not begun.
    Waiting,
    /// It has, at this time in nanoseconds since 1970.
    Running(i64),
    /// The cache had it.
    Cached,
    /// It is done, after so long.
    Done(Duration),
    /// It failed, after so long.
    Failed(Duration, String),
    /// The build ended before it did.
    Ended,
}

/// A row of the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// A stage's head.
    Stage(usize),
    /// A step, by its stage and its place there.
    Step(usize, usize),
}

impl Build {
    /// A build that has just been started.
    pub fn new(id: BuildId, request: BuildRequest, job: usize, now: i64) -> Self {
        Self {
            id,
            request,
            job,
            begun: now,
            ended: None,
            stages: Vec::new(),
            table: TableState::default(),
            follows: true,
            places: HashMap::new(),
        }
    }

    /// The rows of the picture, from above.
    pub fn rows(&self) -> Vec<Row> {
        let stages = self.stages.iter().enumerate();
        stages
            .flat_map(|(at, stage)| {
                let steps = (0..stage.steps.len()).map(move |step| Row::Step(at, step));
                std::iter::once(Row::Stage(at)).chain(steps)
            })
            .collect()
    }

    /// A step.
    pub fn step(&self, row: Row) -> Option<&Step> {
        match row {
            Row::Stage(_) => None,
            Row::Step(stage, step) => self.stages.get(stage)?.steps.get(step),
        }
    }

    /// The step that is selected; of a stage its first.
    pub fn selected(&self) -> Option<&Step> {
        let (stage, step) = self.selected_place()?;
        self.stages.get(stage)?.steps.get(step)
    }

    /// The same, to change how it is looked at.
    pub fn selected_mut(&mut self) -> Option<&mut Step> {
        let (stage, step) = self.selected_place()?;
        self.stages.get_mut(stage)?.steps.get_mut(step)
    }

    fn selected_place(&self) -> Option<(usize, usize)> {
        let rows = self.rows();
        match rows.get(self.table.window.selected()?)? {
            Row::Stage(stage) => Some((*stage, 0)),
            Row::Step(stage, step) => Some((*stage, *step)),
        }
    }

    /// Selects a row by hand: from then on it stays.
    pub fn select(&mut self, go: impl FnOnce(&mut porthole_widgets::Window, usize)) {
        let rows = self.rows();
        let before = self.table.window.selected();
        go(&mut self.table.window, rows.len());
        self.follows = false;
        // A stage's head is passed over.
        let Some(at) = self.table.window.selected() else { return };
        if let Some(Row::Stage(_)) = rows.get(at) {
            let back = before.is_some_and(|before| at < before) && at > 0;
            self.table.window.select(Some(if back { at - 1 } else { at + 1 }));
        }
    }

    /// The line of the Dockerfile at whose instruction a shell can be opened: everything before it is there.
    pub fn shell_line(&self) -> Option<usize> {
        let (stage, step) = self.selected_place()?;
        let selected = self.stages[stage].steps.get(step)?;
        selected.line.filter(|_| step > 0 && !matches!(selected.state, State::Waiting | State::Running(_)))
    }

    /// How many of the steps of the Dockerfile came out of the cache, and how many there are.
    pub fn cached(&self) -> (usize, usize) {
        let steps = || self.stages.iter().filter(|stage| stage.planned).flat_map(|stage| &stage.steps);
        (steps().filter(|step| step.state == State::Cached).count(), steps().count())
    }

    /// How long it took, or has taken until now.
    pub fn time(&self, now: i64) -> Duration {
        let end = self.ended.as_ref().map_or(now, |(end, _)| *end);
        Duration::from_nanos(u64::try_from(end - self.begun).unwrap_or(0))
    }

    /// Takes something in that happened.
    pub fn take(&mut self, news: News, now: i64) {
        match news {
            News::Planned(stages) => self.plan(&stages),
            News::Begun(number, name) => {
                let place = self.place(&name);
                self.places.insert(number, place);
                self.at(number, |step| step.state = State::Running(now));
            }
            News::Cached(number) => self.at(number, |step| step.state = State::Cached),
            News::Output(number, time, text) => self.at(number, |step| step.output(time, &text)),
            News::Done(number, time) => self.at(number, |step| {
                step.end_line(time);
                step.state = State::Done(time);
            }),
            News::Failed(number, problem) => self.at(number, |step| {
                let time = step.time(now);
                step.end_line(time);
                let is_cancelled = problem == Error::Cancelled.to_string();
                step.state = if is_cancelled { State::Ended } else { State::Failed(time, problem) };
            }),
        }
        self.follow();
    }

    /// It ended.
    pub fn end(&mut self, ending: Ending, now: i64) {
        self.ended = Some((now, ending));
        for step in self.stages.iter_mut().flat_map(|stage| &mut stage.steps) {
            if let State::Running(_) = step.state {
                step.end_line(Duration::ZERO);
                step.state = State::Ended;
            }
        }
        self.follow();
    }

    fn plan(&mut self, stages: &[PlannedStage]) {
        let name = |stage: &usize| stages.get(*stage).map(|stage| stage.name.clone());
        for stage in stages {
            let steps = stage.steps.iter().map(|step| Step::new(&step.name, Some(step.line)));
            self.stages.push(Stage {
                name: stage.name.clone(),
                sources: stage.base.iter().chain(&stage.copies).filter_map(name).collect(),
                steps: steps.collect(),
                planned: true,
            });
        }
    }

    /// Where a step is that begins: where it was planned, or at the end of what belongs to no stage.
    fn place(&mut self, name: &str) -> (usize, usize) {
        for (at, stage) in self.stages.iter().enumerate() {
            let waits = |step: &Step| step.name == name && step.state == State::Waiting;
            if let Some(step) = stage.steps.iter().position(waits) {
                return (at, step);
            }
        }
        if self.stages.last().is_none_or(|stage| stage.planned) {
            let title = if self.stages.is_empty() { "base images" } else { "result" };
            self.stages.push(Stage { name: title.to_owned(), sources: Vec::new(), steps: Vec::new(), planned: false });
        }
        let at = self.stages.len() - 1;
        self.stages[at].steps.push(Step::new(name, None));
        (at, self.stages[at].steps.len() - 1)
    }

    fn at(&mut self, number: usize, change: impl FnOnce(&mut Step)) {
        let Some((stage, step)) = self.places.get(&number) else { return };
        change(&mut self.stages[*stage].steps[*step]);
    }

    /// Selects what failed, or else what runs, unless somebody selected something.
    fn follow(&mut self) {
        if !self.follows {
            return;
        }
        let rows = self.rows();
        let find = |fits: fn(&State) -> bool| {
            rows.iter().position(|row| self.step(*row).is_some_and(|step| fits(&step.state)))
        };
        let is_running = |state: &State| matches!(state, State::Running(_));
        if let Some(failed) = find(|state| matches!(state, State::Failed(..))) {
            self.table.window.select(Some(failed));
            self.follows = false;
        } else if self.selected().is_none_or(|step| !is_running(&step.state)) {
            let first = rows.iter().position(|row| matches!(row, Row::Step(..)));
            let selected = self.table.window.selected();
            self.table.window.select(find(|state| matches!(state, State::Running(_))).or(selected).or(first));
        }
    }
}

impl Step {
    fn new(name: &str, line: Option<usize>) -> Self {
        let mut log = LogView::new(LIMITS);
        log.set_timestamps(false);
        Self { name: name.to_owned(), line, state: State::Waiting, log, partial: String::new() }
    }

    /// What it does, without where it stands: `RUN make`.
    pub fn what(&self) -> &str {
        let name = self.name.strip_prefix('[').and_then(|name| name.split_once("] "));
        name.map_or(&self.name, |(_, what)| what)
    }

    /// How long it took or has taken; nothing where that says nothing.
    pub fn time(&self, now: i64) -> Duration {
        match self.state {
            State::Running(since) => Duration::from_nanos(u64::try_from(now - since).unwrap_or(0)),
            State::Done(time) | State::Failed(time, _) => time,
            State::Waiting | State::Cached | State::Ended => Duration::ZERO,
        }
    }

    fn output(&mut self, time: Duration, text: &str) {
        for piece in text.split_inclusive('\n') {
            let room = LONGEST_LINE.saturating_sub(self.partial.len());
            self.partial.extend(piece.chars().take(room));
            if piece.ends_with('\n') {
                self.end_line(time);
            }
        }
    }

    /// What was printed so far is a line. Of what overwrites itself the last is shown.
    fn end_line(&mut self, time: Duration) {
        let partial = std::mem::take(&mut self.partial);
        if partial.is_empty() {
            return;
        }
        let line = partial.trim_end_matches(['\n', '\r']);
        let text = line.rsplit('\r').next().unwrap_or(line);
        let time = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        self.log.push(LogLine { time: Some(time), stream: Stream::Stdout, text });
    }
}
