//! What is shown of the selection: its log, all that is known of it, its processes, what it uses, its files.

use super::files::Files;
use super::inspect::Inspect;
use super::processes::Processes;
use crate::tui::message::{Details, Generation};
use crate::tui::source::{LogLine, Since};
use porthole_widgets::log_view::{self, LogLimits, LogView, Stream};

/// Lines and bytes kept of what is shown.
const LIMITS: LogLimits = LogLimits { lines: 10_000, bytes: 4 << 20 };

/// A view of the selection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// The log.
    #[default]
    Log,
    /// The processes.
    Top,
    /// What it uses, as charts.
    Stats,
    /// Its layers and files.
    Files,
    /// All that is known.
    Inspect,
    /// Its links: who is at the other ends, whom they know, and the rules that its packets meet.
    Links,
    /// The rules that packets of a network meet.
    Rules,
    /// The whole network as the kernel has it.
    Map,
    /// A project's file.
    Yaml,
    /// What a project's files mean.
    Config,
    /// What a step of a build prints.
    Output,
    /// The Dockerfile of a build, to be edited.
    Dockerfile,
}

impl View {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            View::Log => "logs",
            View::Top => "top",
            View::Stats => "stats",
            View::Files => "files",
            View::Inspect => "inspect",
            View::Links => "links",
            View::Rules => "rules",
            View::Map => "map",
            View::Yaml => "file",
            View::Config => "config",
            View::Output => "output",
            View::Dockerfile => "Dockerfile",
        }
    }

    /// Whether it is looked at as a tree.
    pub fn is_tree(self) -> bool {
        matches!(self, View::Inspect | View::Links | View::Rules | View::Map)
    }
}

/// What is shown of the selection, and what was asked for to show it.
pub struct Detail {
    /// The view chosen last; a page without it shows its first one.
    pub view: View,
    /// Where the log begins.
    pub since: Since,
    /// What was asked for last.
    pub wanted: Option<Details>,
    /// The number of that request; answers to others are dropped.
    pub generation: Generation,
    /// The log.
    pub text: LogView,
    /// All that is known of the selection.
    pub inspect: Inspect,
    /// Its processes.
    pub processes: Processes,
    /// Its layers and files.
    pub files: Files,
    /// Counts how often somebody wanted the files to be read once more.
    pub readings: u64,
    /// Whether nothing has come yet.
    pub loading: bool,
    /// Whether what shows is of the request before, until the first answer to this one.
    pub stale: bool,
    /// What went wrong, in place of what was asked for.
    pub problem: Option<String>,
    /// Counts the changes after which what is known may be stale.
    pub version: u64,
    /// Whether a log shows the time of each line.
    pub times: bool,
}

impl Default for Detail {
    fn default() -> Self {
        Self {
            view: View::default(),
            since: Since::default(),
            wanted: None,
            generation: Generation::default(),
            text: LogView::new(LIMITS),
            inspect: Inspect::default(),
            processes: Processes::default(),
            files: Files::default(),
            readings: 0,
            loading: false,
            stale: false,
            problem: None,
            version: 0,
            times: true,
        }
    }
}

impl Detail {
    /// Empties log and processes for another subject. How they are looked at outlives the change.
    pub fn clear(&mut self, utc_offset: i32) {
        let wrap = self.text.wrap();
        self.text = LogView::new(LIMITS);
        self.text.set_wrap(wrap);
        self.text.set_utc_offset(utc_offset);
        self.text.set_timestamps(self.times);
        self.processes.clear();
        self.files.clear();
    }

    /// Appends lines of a log; the first ones take the place of those of the request before.
    pub fn take(&mut self, lines: &[LogLine], utc_offset: i32) {
        if std::mem::take(&mut self.stale) {
            let looked_for = [self.text.filter_text(), self.text.search_text()].map(|text| text.map(str::to_owned));
            self.clear(utc_offset);
            let [filter, search] = looked_for;
            filter.iter().for_each(|text| self.text.filter(text));
            search.iter().for_each(|text| self.text.search(text));
        }
        self.push(lines);
    }

    fn push(&mut self, lines: &[LogLine]) {
        for line in lines {
            let stream = if line.stderr { Stream::Stderr } else { Stream::Stdout };
            let time = Some(line.time.div_euclid(1_000_000));
            self.text.push(log_view::LogLine { time, stream, text: &line.text });
        }
    }
}

/// A text to read from its start.
pub fn page(text: &str) -> LogView {
    let mut page = LogView::new(LIMITS);
    for line in text.lines() {
        page.push(log_view::LogLine { time: None, stream: Stream::Stdout, text: line });
    }
    page.set_timestamps(false);
    page.to_start();
    page
}
