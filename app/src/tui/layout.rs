//! Which pane lies where. Drawing and `update` ask the same function, so a terminal has the size of its pane.
//!
//! ```text
//! wide                                   narrow
//! ┌ header ───────────────────────────┐  ┌ header ────────┐
//! │ list            │ detail          │  │ list           │
//! │                 ├─────────────────┤  ├────────────────┤
//! │                 │ shell           │  │ detail | shell │
//! └ footer ───────────────────────────┘  └ footer ────────┘
//! ```

use super::model::{Focus, Model, Screen};
use porthole_widgets::frame;
use ratatui::layout::{Constraint, Rect};

/// From this width on list and details stand side by side.
const WIDE: u16 = 110;
/// Below this height only the focused pane shows.
const LOW: u16 = 14;

/// Where panes lie, their frames included; `None` for one that does not show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Areas {
    /// The line with the tabs.
    pub header: Rect,
    /// All between header and footer.
    pub body: Rect,
    /// The line with the keys.
    pub footer: Rect,
    /// The list, or the picture of networks, trace or events.
    pub list: Option<Rect>,
    /// Log, inspect, processes; the links of a container.
    pub detail: Option<Rect>,
    /// The terminals.
    pub shell: Option<Rect>,
}

impl Areas {
    /// The areas for the present state of the model.
    pub fn of(model: &Model) -> Self {
        let (width, height) = model.size;
        let line = |y| Rect { x: 0, y, width, height: 1.min(height - y.min(height)) };
        // Very low windows keep their lines for content.
        let (top, bottom) = (u16::from(height >= 6), u16::from(height >= 4));
        let body = Rect { x: 0, y: top, width, height: height - top - bottom };
        let areas = Self {
            header: Rect { height: top, ..line(0) },
            body,
            footer: Rect { height: bottom, ..line(height - bottom) },
            ..Self::default()
        };
        areas.with_panes(model)
    }

    fn with_panes(self, model: &Model) -> Self {
        let shown = Shown {
            detail: model.has_detail(),
            shell: !model.shells.is_empty(),
            focus: model.focus,
            rows: u16::try_from(rows(model)).unwrap_or(u16::MAX),
            picture: matches!(model.screen, Screen::Networks | Screen::Projects | Screen::Builds),
        };
        let pane = |focus, area| (shown.focus == focus).then_some(area);
        if model.zoomed || self.body.height < LOW {
            let [list, detail, shell] = [Focus::List, Focus::Detail, Focus::Shell].map(|focus| pane(focus, self.body));
            return Self { list, detail, shell, ..self };
        }
        match model.screen {
            Screen::Trace | Screen::Events => self.over_shell(shown),
            _ if self.body.width >= WIDE => self.beside(model, shown),
            _ => self.stacked(shown),
        }
    }

    fn beside(self, model: &Model, shown: Shown) -> Self {
        if !shown.detail && !shown.shell {
            return Self { list: Some(self.body), ..self };
        }
        let width = match model.screen {
            Screen::Networks => (self.body.width * 5 / 8).min(104),
            Screen::Projects => (self.body.width / 2).min(104),
            _ => (self.body.width / 2).min(84),
        };
        let columns = frame::row(self.body, [Constraint::Length(width), Constraint::Fill(1)]);
        let (list, right) = (columns[0], columns[1]);
        if !(shown.detail && shown.shell) {
            let (detail, shell) = (shown.detail.then_some(right), shown.shell.then_some(right));
            return Self { list: Some(list), detail, shell, ..self };
        }
        let rows = frame::stack(right, [Constraint::Fill(2), Constraint::Fill(3)]);
        Self { list: Some(list), detail: Some(rows[0]), shell: Some(rows[1]), ..self }
    }

    fn stacked(self, shown: Shown) -> Self {
        let below = match (shown.focus, shown.detail, shown.shell) {
            (_, false, false) => return Self { list: Some(self.body), ..self },
            (Focus::Detail, true, _) | (_, true, false) => Focus::Detail,
            _ => Focus::Shell,
        };
        // A frame and a head stand around the rows; a terminal gets all it can.
        let most = match below {
            Focus::Shell => self.body.height / 4,
            _ if shown.picture => self.body.height / 2,
            _ => self.body.height * 2 / 5,
        };
        let height = shown.rows.saturating_add(3).clamp(5, most.max(5));
        let rows = frame::stack(self.body, [Constraint::Length(height), Constraint::Fill(1)]);
        let (detail, shell) = match below {
            Focus::Detail => (Some(rows[1]), None),
            _ => (None, Some(rows[1])),
        };
        Self { list: Some(rows[0]), detail, shell, ..self }
    }

    fn over_shell(self, shown: Shown) -> Self {
        if !shown.shell {
            return Self { list: Some(self.body), ..self };
        }
        if self.body.height < 30 {
            let shell = (shown.focus == Focus::Shell).then_some(self.body);
            return Self { list: shell.is_none().then_some(self.body), shell, ..self };
        }
        let rows = frame::stack(self.body, [Constraint::Fill(3), Constraint::Fill(2)]);
        Self { list: Some(rows[0]), shell: Some(rows[1]), ..self }
    }
}

#[derive(Clone, Copy)]
struct Shown {
    detail: bool,
    shell: bool,
    focus: Focus,
    rows: u16,
    /// Whether the list is a picture, which needs more rows.
    picture: bool,
}

fn rows(model: &Model) -> usize {
    match model.screen {
        Screen::Containers => model.containers.rows(),
        Screen::Images => model.images.rows(),
        Screen::Volumes => model.volumes.rows(),
        // The way from outside stands above.
        Screen::Networks => model.networks.rows().len() + 2,
        // What is selected has a line or two below.
        Screen::Projects => model.projects.rows() + 3,
        Screen::Builds => model.builds.shown().map_or(0, |build| build.rows().len()),
        Screen::Trace | Screen::Events => 0,
    }
}
