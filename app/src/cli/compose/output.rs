//! The output of several containers, each line behind the name of its container.

use porthole_engine::runtime::log::Stream;
use porthole_engine::{Engine, Error, LogOptions, Next};
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

/// One colour a container, as parameters of SGR (ECMA-48), in Docker Compose's order: cyan, yellow, green, magenta, blue, then the bright ones.
pub const COLOURS: [&str; 10] = ["36", "33", "32", "35", "34", "96", "93", "92", "95", "94"];

/// How lines are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineStyle {
    /// Whether in colours.
    pub colour: bool,
    /// Whether behind the name of the container.
    pub prefix: bool,
    /// Whether behind the time.
    pub timestamps: bool,
}

impl LineStyle {
    /// As fits where standard output goes.
    pub fn new(no_colour: bool, no_prefix: bool, timestamps: bool) -> LineStyle {
        let wants = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        LineStyle { colour: !no_colour && wants && io::stdout().is_terminal(), prefix: !no_prefix, timestamps }
    }
}

/// Prints lines of several containers. Several threads may.
pub struct Lines {
    style: LineStyle,
    /// How wide the longest name is.
    width: usize,
    out: Mutex<io::Stdout>,
}

impl Lines {
    /// For containers of these names.
    pub fn new<'a>(style: LineStyle, names: impl Iterator<Item = &'a str>) -> Lines {
        let width = names.map(|name| name.chars().count()).max().unwrap_or(0);
        Lines { style, width, out: Mutex::new(io::stdout()) }
    }

    fn prefix(&self, at: usize, name: &str) -> String {
        if !self.style.prefix {
            return String::new();
        }
        let prefix = format!("{name:<0$}  | ", self.width);
        match self.style.colour {
            true => format!("\x1b[{}m{prefix}\x1b[0m", COLOURS[at % COLOURS.len()]),
            false => prefix,
        }
    }

    /// Prints what a container has said, and with `follow` what it goes on to say until it ends.
    pub fn print(&self, engine: &Engine, id: &str, at: usize, name: &str, options: &LogOptions) -> Result<(), Error> {
        let mut reader = engine.logs(id, options)?;
        let prefix = self.prefix(at, name);
        // A record need not be a whole line.
        let mut begun = [false, false];
        while let Next::Entry(entry) = reader.next_entry(None)? {
            let side = usize::from(entry.stream == Stream::Stderr);
            let time = match self.style.timestamps {
                true => format!("{:.9} ", entry.time),
                false => String::new(),
            };
            let mut text = String::new();
            for line in entry.message.split_inclusive('\n') {
                if !begun[side] {
                    text.push_str(&prefix);
                    text.push_str(&time);
                }
                text.push_str(line);
                begun[side] = !line.ends_with('\n');
            }
            let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
            let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
            written.map_err(|source| Error::file("standard output", source))?;
        }
        Ok(())
    }

    /// Prints a line about a container.
    pub fn tell(&self, at: usize, name: &str, text: &str) {
        let prefix = if self.style.prefix { self.prefix(at, name) } else { String::new() };
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        // With nobody left to tell, the exit code still says it.
        let _ = writeln!(out, "{prefix}{text}");
    }
}

/// A container's name within its project.
pub fn short_name<'a>(project: &str, container: &'a str) -> &'a str {
    container.strip_prefix(project).and_then(|rest| rest.strip_prefix('-')).unwrap_or(container)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_wide_as_the_widest() {
        let style = LineStyle { colour: false, prefix: true, timestamps: false };
        let lines = Lines::new(style, ["web-1", "database-1"].into_iter());
        assert_eq!(lines.prefix(0, "web-1"), "web-1       | ");
        let coloured = Lines::new(LineStyle { colour: true, ..style }, ["a"].into_iter());
        assert_eq!(coloured.prefix(11, "a"), "\x1b[33ma  | \x1b[0m");
        assert_eq!((short_name("p", "p-web-1"), short_name("p", "other")), ("web-1", "other"));
    }
}
