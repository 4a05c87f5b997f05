//! What a build does, as it does it: line by line, as JSON, or on a terminal with what is under way at the bottom.

use super::arguments::ProgressStyle;
use crossterm::cursor::{MoveToColumn, MoveUp};
use crossterm::queue;
use crossterm::terminal::{Clear, ClearType};
use porthole_engine::build::{Event, EventKind, PlannedStage, PlannedStep};
use porthole_engine::dockerfile::lint::Warning;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// So many lines of a step that failed are shown on a terminal.
const LAST_LINES: usize = 20;

/// Shows what happens.
pub struct Progress {
    style: ProgressStyle,
    state: Mutex<Steps>,
}

/// The steps of builds.
#[derive(Default)]
pub struct Steps {
    steps: BTreeMap<usize, Step>,
    /// The step whose lines were shown last.
    last: usize,
    /// How many lines at the bottom of the terminal are drawn anew.
    drawn: u16,
}

struct Step {
    name: String,
    since: Instant,
    /// What is not a whole line yet.
    partial: Vec<u8>,
    lines: Vec<String>,
}

impl Progress {
    pub fn new(style: ProgressStyle) -> Progress {
        let style = match style {
            ProgressStyle::Auto if io::stderr().is_terminal() => ProgressStyle::Tty,
            ProgressStyle::Auto => ProgressStyle::Plain,
            style => style,
        };
        Progress { style, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, Steps> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows an event. With nobody left to see it, the build goes on all the same.
    pub fn show(&self, event: &Event) {
        let mut state = self.state();
        let mut out = io::stderr().lock();
        let _ = match self.style {
            ProgressStyle::Quiet => Ok(()),
            ProgressStyle::Json => writeln!(out, "{}", as_json(event)),
            ProgressStyle::Tty => state.draw(&mut out, event),
            ProgressStyle::Auto | ProgressStyle::Plain => state.print(&mut out, event),
        };
    }

    /// Leaves the terminal as it is.
    pub fn end(&self) {
        self.state().drawn = 0;
    }

    /// Tells what the checks say.
    pub fn warnings(&self, warnings: &[Warning]) {
        if warnings.is_empty() || self.style == ProgressStyle::Json {
            return;
        }
        let plural = if warnings.len() == 1 { "" } else { "s" };
        eprintln!("\n {} warning{plural} found (use --check to expand):", warnings.len());
        for warning in warnings {
            eprintln!(" - {}: {} (line {})", warning.rule.name(), warning.message, warning.lines.start);
        }
    }
}

fn as_json(event: &Event) -> serde_json::Value {
    let step = event.step;
    match &event.kind {
        EventKind::Planned(stages) => {
            let step = |step: &PlannedStep| json!({ "name": step.name, "line": step.line });
            let stage = |stage: &PlannedStage| {
                let steps: Vec<_> = stage.steps.iter().map(step).collect();
                json!({ "name": stage.name, "base": stage.base, "copies": stage.copies, "steps": steps })
            };
            json!({ "status": "planned", "stages": stages.iter().map(stage).collect::<Vec<_>>() })
        }
        EventKind::Begun(name) => json!({ "step": step, "status": "begun", "name": name }),
        EventKind::Cached => json!({ "step": step, "status": "cached" }),
        EventKind::Output(time, bytes) => {
            json!({ "step": step, "time": time.as_secs_f64(), "output": String::from_utf8_lossy(bytes) })
        }
        EventKind::Done(time) => json!({ "step": step, "status": "done", "time": time.as_secs_f64() }),
        EventKind::Failed(problem) => json!({ "step": step, "status": "failed", "problem": problem }),
    }
}

impl Steps {
    fn begin(&mut self, number: usize, name: &str) {
        let step = Step { name: name.to_owned(), since: Instant::now(), partial: Vec::new(), lines: Vec::new() };
        self.steps.insert(number, step);
    }

    /// Lines of one step together, as BuildKit has them: `#5 [2/4] RUN make`, `#5 0.123 text`, `#5 DONE 0.2s`.
    pub fn print(&mut self, out: &mut impl Write, event: &Event) -> io::Result<()> {
        let number = event.step;
        if let EventKind::Begun(name) = &event.kind {
            self.begin(number, name);
        }
        let Some(step) = self.steps.get_mut(&number) else { return Ok(()) };
        let mut text = Vec::new();
        if self.last != number {
            text.push(String::new());
            text.push(format!("#{number} {}", line(&step.name)));
        }
        match &event.kind {
            EventKind::Planned(_) | EventKind::Begun(_) => {}
            EventKind::Cached => text.push(format!("#{number} CACHED")),
            EventKind::Output(time, bytes) => {
                let time = time.as_secs_f64();
                text.extend(step.whole_lines(bytes).into_iter().map(|line| format!("#{number} {time:.3} {line}")));
            }
            EventKind::Done(time) => {
                text.extend(step.rest().map(|line| format!("#{number} {line}")));
                text.push(format!("#{number} DONE {:.1}s", time.as_secs_f64()));
            }
            EventKind::Failed(problem) => {
                text.extend(step.rest().map(|line| format!("#{number} {line}")));
                text.push(format!("#{number} ERROR: {}", line(problem)));
            }
        }
        self.last = number;
        text.iter().try_for_each(|line| writeln!(out, "{line}"))
    }

    /// What is done goes up, what is under way stays at the bottom.
    fn draw(&mut self, out: &mut impl Write, event: &Event) -> io::Result<()> {
        let mut done = Vec::new();
        match &event.kind {
            EventKind::Planned(_) => {}
            EventKind::Begun(name) => self.begin(event.step, name),
            EventKind::Output(_, bytes) => {
                if let Some(step) = self.steps.get_mut(&event.step) {
                    let new = step.whole_lines(bytes);
                    step.lines.extend(new);
                    let extra = step.lines.len().saturating_sub(LAST_LINES);
                    step.lines.drain(..extra);
                }
            }
            EventKind::Cached => {
                let step = self.steps.remove(&event.step);
                done.extend(step.map(|step| row("CACHED ", &step.name, Duration::ZERO)));
            }
            EventKind::Done(time) => {
                let step = self.steps.remove(&event.step);
                done.extend(step.map(|step| row("", &step.name, *time)));
            }
            EventKind::Failed(_) => {
                if let Some(mut step) = self.steps.remove(&event.step) {
                    done.push(row("ERROR ", &step.name, step.since.elapsed()));
                    let rest = step.rest();
                    done.push("------".to_owned());
                    done.extend(step.lines.into_iter().chain(rest).map(|line| format!(" > {line}")));
                    done.push("------".to_owned());
                }
            }
        }
        // A terminal that does not tell its size is taken for the usual one.
        let (columns, rows) = crossterm::terminal::size().ok().filter(|(columns, _)| *columns > 0).unwrap_or((80, 24));
        let width = usize::from(columns.saturating_sub(1));
        let mut below = Vec::new();
        for step in self.steps.values().rev() {
            below.extend(step.lines.last().map(|line| format!(" => => {line}")));
            below.push(row("", &step.name, step.since.elapsed()));
            // What has left the screen at its top cannot be drawn again.
            if below.len() + 2 >= usize::from(rows.max(4)) {
                break;
            }
        }
        below.reverse();
        if self.drawn > 0 {
            queue!(out, MoveUp(self.drawn))?;
        }
        queue!(out, MoveToColumn(0), Clear(ClearType::FromCursorDown))?;
        for line in done.iter().chain(&below) {
            writeln!(out, "{}", line.chars().take(width).collect::<String>())?;
        }
        self.drawn = u16::try_from(below.len()).unwrap_or(0);
        out.flush()
    }
}

impl Step {
    fn whole_lines(&mut self, bytes: &[u8]) -> Vec<String> {
        self.partial.extend_from_slice(bytes);
        let Some(end) = self.partial.iter().rposition(|byte| *byte == b'\n') else { return Vec::new() };
        let whole: Vec<u8> = self.partial.drain(..=end).collect();
        String::from_utf8_lossy(&whole).lines().map(line).collect()
    }

    /// What was printed without a newline at the end.
    fn rest(&mut self) -> Option<String> {
        let rest = std::mem::take(&mut self.partial);
        (!rest.is_empty()).then(|| line(&String::from_utf8_lossy(&rest)))
    }
}

/// Text of strangers as one line that does not steer the terminal. Of what overwrites itself the last is shown.
fn line(text: &str) -> String {
    let text = text.trim_end_matches('\r');
    let text = text.rsplit('\r').next().unwrap_or(text);
    text.chars().map(|c| if c.is_control() && c != '\t' { ' ' } else { c }).collect()
}

fn row(mark: &str, name: &str, time: Duration) -> String {
    format!(" => {mark}{}  {:.1}s", line(name), time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_numbered_and_whole() {
        let mut state = Steps::default();
        let mut out = Vec::new();
        let output = |text: &str| EventKind::Output(Duration::from_millis(5), text.as_bytes().to_vec());
        let events = [
            (1, EventKind::Begun("[1/2] FROM a".to_owned())),
            (1, EventKind::Cached),
            (2, EventKind::Begun("[2/2] RUN b".to_owned())),
            (2, output("one\ntw")),
            (2, output("o\n\x1b[2Jthree")),
            (2, EventKind::Done(Duration::from_millis(120))),
        ];
        for (step, kind) in events {
            state.print(&mut out, &Event { step, kind }).unwrap();
        }
        let expected =
            "\n#1 [1/2] FROM a\n#1 CACHED\n\n#2 [2/2] RUN b\n#2 0.005 one\n#2 0.005 two\n#2  [2Jthree\n#2 DONE 0.1s\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
