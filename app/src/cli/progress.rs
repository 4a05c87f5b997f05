//! How far pulls and pushes are: one line a layer, with a bar in a terminal; one line an event where nobody looks on.

use crossterm::cursor::{MoveToColumn, MoveUp};
use crossterm::queue;
use crossterm::terminal::{Clear, ClearType};
use porthole_engine::images::{Digest, PullPhase, PullProgress, PushPhase, PushProgress};
use porthole_engine::units::human_size;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// Not to be drawn more often than that.
const FRAME: Duration = Duration::from_millis(100);

const BAR: usize = 50;

/// Where progress is told.
pub struct Progress {
    out: Box<dyn Write>,
    style: Style,
}

enum Style {
    Quiet,
    Lines,
    Terminal(Screen),
}

/// The lines that stand in a terminal.
#[derive(Default)]
struct Screen {
    rows: Vec<(Digest, State)>,
    /// How many of them are drawn above the cursor.
    drawn: u16,
    last: Option<Instant>,
}

/// What is told of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Still(String),
    Moving { verb: &'static str, current: u64, total: u64 },
}

impl Progress {
    /// On standard output.
    pub fn stdout(quiet: bool) -> Progress {
        Progress::new(Box::new(io::stdout()), io::stdout().is_terminal(), quiet)
    }

    /// On standard error, where it does not disturb what a container prints.
    pub fn stderr(quiet: bool) -> Progress {
        Progress::new(Box::new(io::stderr()), io::stderr().is_terminal(), quiet)
    }

    fn new(out: Box<dyn Write>, is_terminal: bool, quiet: bool) -> Progress {
        let style = match (quiet, is_terminal) {
            (true, _) => Style::Quiet,
            (false, true) => Style::Terminal(Screen::default()),
            (false, false) => Style::Lines,
        };
        Progress { out, style }
    }

    /// Tells a whole line, below all that was told.
    pub fn line(&mut self, text: &str) {
        if let Style::Terminal(screen) = &mut self.style {
            // Who looks on is gone, or will see the next line.
            let _ = screen.draw(&mut self.out);
            *screen = Screen::default();
        }
        if !matches!(self.style, Style::Quiet) {
            let _ = writeln!(self.out, "{text}");
        }
    }

    /// Tells of a pull.
    pub fn pull(&mut self, event: PullProgress) {
        match event {
            PullProgress::Begun { tag, repository } => self.line(&format!("{tag}: Pulling from {repository}")),
            PullProgress::Skipped { host, problem } => eprintln!("WARNING: mirror {host}: {problem}"),
            PullProgress::Layer { digest, phase } => {
                let state = match phase {
                    PullPhase::Waiting => still("Pulling fs layer"),
                    PullPhase::Downloading { current, total } => State::Moving { verb: "Downloading", current, total },
                    PullPhase::Complete => still("Pull complete"),
                    PullPhase::Exists => still("Already exists"),
                };
                self.layer(digest, state);
            }
        }
    }

    /// Tells of a push.
    pub fn push(&mut self, event: PushProgress) {
        let state = match event.phase {
            PushPhase::Preparing => still("Preparing"),
            PushPhase::Pushing { current, total } => State::Moving { verb: "Pushing", current, total },
            PushPhase::Pushed => still("Pushed"),
            PushPhase::Exists => still("Layer already exists"),
            PushPhase::Mounted { from } => State::Still(format!("Mounted from {from}")),
        };
        self.layer(event.layer, state);
    }

    fn layer(&mut self, digest: Digest, state: State) {
        match (&mut self.style, &state) {
            (Style::Quiet, _) | (Style::Lines, State::Moving { .. }) => {}
            (Style::Lines, State::Still(text)) => {
                let _ = writeln!(self.out, "{}: {text}", digest.short());
            }
            (Style::Terminal(screen), _) => {
                screen.set(digest, state);
                if screen.last.is_none_or(|last| last.elapsed() >= FRAME) {
                    let _ = screen.draw(&mut self.out);
                }
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Style::Terminal(screen) = &mut self.style {
            // What was told since the last frame.
            let _ = screen.draw(&mut self.out);
        }
    }
}

fn still(text: &str) -> State {
    State::Still(text.to_owned())
}

impl Screen {
    fn set(&mut self, digest: Digest, state: State) {
        match self.rows.iter_mut().find(|(known, _)| *known == digest) {
            Some((_, known)) => *known = state,
            None => self.rows.push((digest, state)),
        }
    }

    fn draw(&mut self, out: &mut impl Write) -> io::Result<()> {
        // A terminal that does not tell its size is taken for the usual one.
        let (columns, rows) = crossterm::terminal::size().unwrap_or((80, 24));
        if self.drawn > 0 {
            queue!(out, MoveUp(self.drawn))?;
        }
        // What has left the screen at its top cannot be drawn again.
        let visible = self.rows.len().min(usize::from(rows.saturating_sub(1)));
        for (digest, state) in &self.rows[self.rows.len() - visible..] {
            queue!(out, MoveToColumn(0), Clear(ClearType::UntilNewLine))?;
            let row: String = row(*digest, state).chars().take(usize::from(columns)).collect();
            writeln!(out, "{row}")?;
        }
        self.drawn = u16::try_from(visible).unwrap_or(u16::MAX);
        self.last = Some(Instant::now());
        out.flush()
    }
}

/// A layer's line, as Docker draws it.
fn row(digest: Digest, state: &State) -> String {
    match state {
        State::Still(text) => format!("{}: {text}", digest.short()),
        State::Moving { verb, current, total } => {
            let done = (BAR as u64).saturating_mul(*current).checked_div(*total).unwrap_or(0);
            let done = usize::try_from(done).unwrap_or(BAR).min(BAR);
            let head = if done < BAR { ">" } else { "" };
            let (current, total) = (human_size(*current), human_size(*total));
            let bar = format!("{}{head}", "=".repeat(done));
            format!("{}: {verb} [{bar:<BAR$}] {current}/{total}", digest.short())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_grow_and_never_overflow() {
        let row = |current, total| row(Digest::of(b""), &State::Moving { verb: "Downloading", current, total });
        assert_eq!(row(0, 100), format!("e3b0c44298fc: Downloading [>{}] 0B/100B", " ".repeat(49)));
        assert_eq!(row(50, 100), format!("e3b0c44298fc: Downloading [{}>{}] 50B/100B", "=".repeat(25), " ".repeat(24)));
        assert_eq!(row(100, 100), format!("e3b0c44298fc: Downloading [{}] 100B/100B", "=".repeat(50)));
        for (current, total) in [(0, 0), (7, 0), (200, 100), (u64::MAX, u64::MAX)] {
            assert!(row(current, total).contains('['));
        }
    }

    #[test]
    fn a_layer_keeps_its_line() {
        let mut screen = Screen::default();
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        screen.set(one, still("Waiting"));
        screen.set(two, still("Waiting"));
        screen.set(one, still("Pull complete"));
        assert_eq!(screen.rows, [(one, still("Pull complete")), (two, still("Waiting"))]);
    }
}
