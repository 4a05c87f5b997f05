//! How far the work on a project is, on standard error: one line an event, or in a terminal one line an object.

use crossterm::cursor::MoveUp;
use crossterm::queue;
use crossterm::terminal::{Clear, ClearType};
use porthole_engine::compose::Progress;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
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
        Printer { style, screen: Mutex::default() }
    }

    /// Tells of something.
    pub fn tell(&self, progress: Progress) {
        match self.style {
            Style::Quiet => {}
            Style::Plain | Style::Auto => {
                // With nobody left to tell, the exit code still says it.
                let _ = writeln!(io::stderr(), " {} {}  {}", progress.kind, progress.name, progress.word);
            }
            Style::Terminal => {
                let mut screen = self.screen.lock().unwrap_or_else(PoisonError::into_inner);
                screen.set(progress);
                let _ = screen.draw();
            }
        }
    }
}

impl Screen {
    fn set(&mut self, progress: Progress) {
        let now = Instant::now();
        let at = self.rows.iter().position(|row| row.kind == progress.kind && row.name == progress.name);
        let at = at.unwrap_or_else(|| {
            self.rows.push(Row { kind: progress.kind, name: progress.name, word: "", begun: now, took: None });
            self.rows.len() - 1
        });
        let row = &mut self.rows[at];
        row.word = progress.word;
        row.took = (!progress.goes_on).then(|| now - row.begun);
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
        let tell = |word, goes_on| Progress { kind: "Container", name: "a-1".into(), word, goes_on };
        screen.set(tell("Creating", true));
        screen.set(tell("Created", false));
        assert_eq!((screen.rows.len(), screen.rows[0].word, screen.rows[0].took.is_some()), (1, "Created", true));
        let text = screen.rows[0].text(14);
        assert!(text.starts_with(" ✔ Container a-1    Created") && text.ends_with("s"), "{text:?}");
    }
}
