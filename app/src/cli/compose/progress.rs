//! How far the work on a project is, on standard error: one line an event, or in a terminal one line an object. What steps of
//! builds print is told line by line, in a terminal above the objects.

use super::super::build::Steps;
use crossterm::cursor::MoveUp;
use crossterm::queue;
use crossterm::terminal::{Clear, ClearType};
use porthole_engine::build::{Event, EventKind};
use porthole_engine::compose::{Progress, Work};
use std::collections::HashMap;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// As fits where it goes.
    Auto,
    /// One line an object, drawn again.
    Terminal,
    /// One line an event.
    Plain,
    /// Not at all.
    Quiet,
}

/// Tells of progress. Several threads may.
pub struct Printer {
    style: Style,
    screen: Mutex<Screen>,
    builds: Mutex<Builds>,
}

/// The steps of several builds, numbered as if they were those of one.
#[derive(Default)]
struct Builds {
    steps: Steps,
    numbers: HashMap<(String, usize), usize>,
}

#[derive(Default)]
struct Screen {
    rows: Vec<Row>,
    drawn: u16,
}

struct Row {
    kind: &'static str,
    name: String,
    word: &'static str,
    begun: Instant,
    /// How long it took, once it is done.
    took: Option<Duration>,
}

impl Printer {
    /// On standard error.
    pub fn new(style: Style) -> Printer {
        let style = match style {
            Style::Auto if io::stderr().is_terminal() => Style::Terminal,
            Style::Auto => Style::Plain,
            style => style,
        };
        Printer { style, screen: Mutex::default(), builds: Mutex::default() }
    }

    /// Tells of something.
    pub fn tell(&self, progress: Progress) {
        if self.style == Style::Quiet {
            return;
        }
        // With nobody left to tell, the exit code still says it.
        let _ = match (progress, self.style) {
            (Progress::Work(work), Style::Terminal) => lock(&self.screen).tell(work),
            (Progress::Work(work), _) => writeln!(io::stderr(), " {} {}  {}", work.kind, work.name, work.word),
            (Progress::Step { service, event }, style) => {
                // Held until it is written: lines of one step stay together.
                let mut builds = lock(&self.builds);
                match (builds.text(&service, event), style) {
                    (text, Style::Terminal) => lock(&self.screen).above(&text),
                    (text, _) => io::stderr().write_all(&text),
                }
            }
        };
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Builds {
    /// What is to be printed of an event: `#3 [web 2/4] RUN make`.
    fn text(&mut self, service: &str, event: Event) -> Vec<u8> {
        if let EventKind::Planned(_) = event.kind {
            return Vec::new();
        }
        let next = self.numbers.len() + 1;
        let step = *self.numbers.entry((service.to_owned(), event.step)).or_insert(next);
        let kind = match event.kind {
            EventKind::Begun(name) => EventKind::Begun(match name.strip_prefix('[') {
                Some(rest) => format!("[{service} {rest}"),
                None => format!("[{service}] {name}"),
            }),
            kind => kind,
        };
        let mut text = Vec::new();
        // Writing to memory cannot fail.
        let _ = self.steps.print(&mut text, &Event { step, kind });
        text
    }
}

impl Screen {
    fn tell(&mut self, work: Work) -> io::Result<()> {
        self.set(work);
        self.draw()
    }

    fn set(&mut self, work: Work) {
        let now = Instant::now();
        let at = self.rows.iter().position(|row| row.kind == work.kind && row.name == work.name);
        let at = at.unwrap_or_else(|| {
            self.rows.push(Row { kind: work.kind, name: work.name, word: "", begun: now, took: None });
            self.rows.len() - 1
        });
        let row = &mut self.rows[at];
        row.word = work.word;
        row.took = (!work.goes_on).then(|| now - row.begun);
    }

    /// Puts text above the rows.
    fn above(&mut self, text: &[u8]) -> io::Result<()> {
        let mut out = io::stderr().lock();
        if self.drawn > 0 {
            queue!(out, MoveUp(self.drawn), Clear(ClearType::FromCursorDown))?;
            self.drawn = 0;
        }
        out.write_all(text)?;
        drop(out);
        self.draw()
    }

    fn draw(&mut self) -> io::Result<()> {
        let mut out = io::stderr().lock();
        let (columns, height) = crossterm::terminal::size().unwrap_or((80, 24));
        if self.drawn > 0 {
            queue!(out, MoveUp(self.drawn))?;
        }
        let done = self.rows.iter().filter(|row| row.took.is_some()).count();
        // What has left the screen at its top cannot be drawn again.
        let visible = self.rows.len().min(usize::from(height.saturating_sub(2)));
        let title = format!("[+] Running {done}/{}", self.rows.len());
        let width = self.rows.iter().map(Row::width).max().unwrap_or(0);
        let rows = self.rows[self.rows.len() - visible..].iter().map(|row| row.text(width));
        for line in std::iter::once(title).chain(rows) {
            queue!(out, Clear(ClearType::UntilNewLine))?;
            let line: String = line.chars().take(usize::from(columns)).collect();
            writeln!(out, "\r{line}")?;
        }
        self.drawn = u16::try_from(visible + 1).unwrap_or(u16::MAX);
        out.flush()
    }
}

impl Row {
    fn width(&self) -> usize {
        self.kind.len() + self.name.chars().count()
    }

    fn text(&self, width: usize) -> String {
        let mark = match (self.took, self.word) {
            (Some(_), "Error") => "✘",
            (Some(_), _) => "✔",
            (None, _) => "⠿",
        };
        let took = self.took.unwrap_or_else(|| self.begun.elapsed()).as_secs_f64();
        let pad = " ".repeat(width - self.width());
        format!(" {mark} {} {}{pad}  {:<12} {took:>5.1}s", self.kind, self.name, self.word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_keeps_its_line() {
        let mut screen = Screen::default();
        let tell = |word, goes_on| Work { kind: "Container", name: "a-1".into(), word, goes_on };
        screen.set(tell("Creating", true));
        screen.set(tell("Created", false));
        assert_eq!((screen.rows.len(), screen.rows[0].word, screen.rows[0].took.is_some()), (1, "Created", true));
        let text = screen.rows[0].text(14);
        assert!(text.starts_with(" ✔ Container a-1    Created") && text.ends_with("s"), "{text:?}");
    }

    #[test]
    fn steps_of_several_builds_are_numbered_together() {
        let mut builds = Builds::default();
        let mut said = String::new();
        for (service, step, kind) in [
            ("a", 1, EventKind::Begun("[1/2] FROM x".to_owned())),
            ("b", 1, EventKind::Begun("exporting to image".to_owned())),
            ("a", 1, EventKind::Cached),
        ] {
            said += &String::from_utf8(builds.text(service, Event { step, kind })).unwrap();
        }
        assert_eq!(said, "\n#1 [a 1/2] FROM x\n\n#2 [b] exporting to image\n\n#1 [a 1/2] FROM x\n#1 CACHED\n");
    }
}
