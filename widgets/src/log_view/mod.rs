//! A log: bounded, followed, wrapped, searched and filtered; a frame costs the rows that are seen, whatever its length.
//!
//! The view stands on an anchor (a line's number and a row within it), not on a row count of the whole log: to scroll
//! or draw, only the lines near the window are measured.

mod copy;
mod draw;
mod ring;
mod rows;
mod scroll;
#[cfg(test)]
mod tests;
mod visible;

pub use draw::LogPane;
pub use ring::{LogLimits, LogLine, Stream};

use ring::Ring;
use rows::RowCache;
use visible::Filter;

use crate::number;
use crate::pattern::Pattern;
use copy::{Screen, Selection};

/// The top of the window: a line and one of its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Anchor {
    id: u64,
    row: usize,
}

/// What is searched, and the line that the search stands on.
#[derive(Debug, Clone)]
struct Search {
    pattern: Pattern,
    current: Option<u64>,
}

/// The lines and how they are looked at. Drawn by [`LogPane`].
#[derive(Debug)]
pub struct LogView {
    ring: Ring,
    top: Anchor,
    follow: bool,
    wrap: bool,
    timestamps: bool,
    utc_offset: i32,
    column: usize,
    filter: Option<Filter>,
    search: Option<Search>,
    selection: Option<Selection>,
    screen: Screen,
    cache: RowCache,
}

impl LogView {
    /// An empty log, followed and wrapped.
    pub fn new(limits: LogLimits) -> Self {
        Self {
            ring: Ring::new(limits),
            top: Anchor::default(),
            follow: true,
            wrap: true,
            timestamps: true,
            utc_offset: 0,
            column: 0,
            filter: None,
            search: None,
            selection: None,
            screen: Screen::default(),
            cache: RowCache::default(),
        }
    }

    /// Appends a line; the oldest go when there are too many.
    pub fn push(&mut self, line: LogLine) {
        let from = self.ring.end();
        self.ring.push(line);
        if let Some(filter) = &mut self.filter {
            filter.extend(&self.ring, from);
        }
    }

    /// The lines kept.
    pub fn len(&self) -> usize {
        self.ring.len()
    }

    /// Whether no line is kept.
    pub fn is_empty(&self) -> bool {
        self.ring.len() == 0
    }

    /// The lines that had to go for newer ones.
    pub fn dropped(&self) -> u64 {
        self.ring.first()
    }

    /// Whether the end is kept in sight.
    pub fn following(&self) -> bool {
        self.follow
    }

    /// Keeps the end in sight, or stays where the view is.
    pub fn set_follow(&mut self, follow: bool) {
        if self.follow && !follow {
            self.top = self.bottom();
        }
        self.follow = follow;
    }

    /// Whether long lines are broken.
    pub fn wrap(&self) -> bool {
        self.wrap
    }

    /// Breaks long lines, or lets them run out of sight.
    pub fn set_wrap(&mut self, wrap: bool) {
        (self.wrap, self.column, self.top.row) = (wrap, 0, 0);
    }

    /// Whether each line's time is shown.
    pub fn timestamps(&self) -> bool {
        self.timestamps
    }

    /// Shows each line's time.
    pub fn set_timestamps(&mut self, shown: bool) {
        self.timestamps = shown;
    }

    /// The local time's distance from UTC in seconds.
    pub fn set_utc_offset(&mut self, seconds: i32) {
        self.utc_offset = seconds;
    }

    /// What is searched.
    pub fn search_text(&self) -> Option<&str> {
        self.search.as_ref().map(|search| search.pattern.text())
    }

    /// The filter as it was given.
    pub fn filter_text(&self) -> Option<&str> {
        self.filter.as_ref().map(Filter::text)
    }

    /// The state in few words, for a pane's status: `following · wrap · 1,204 lines`.
    pub fn status(&self) -> String {
        let mut facts = Vec::new();
        facts.push(if self.follow { "following".to_owned() } else { "paused".to_owned() });
        if self.wrap {
            facts.push("wrap".to_owned());
        } else if self.column > 0 {
            facts.push(format!("column {}", number(self.column + 1)));
        }
        if let Some(filter) = &self.filter {
            facts.push(format!("{} of {} lines", number(filter.len()), number(self.len())));
        } else {
            facts.push(format!("{} line{}", number(self.len()), if self.len() == 1 { "" } else { "s" }));
        }
        if self.dropped() > 0 {
            facts.push(format!("{} dropped", number(usize::try_from(self.dropped()).unwrap_or(usize::MAX))));
        }
        facts.join(" · ")
    }
}
