//! The builds of this session, and the steps of the one that is looked at.

use crate::tui::actions::Action;
use crate::tui::human;
use crate::tui::model::builds::build::{Build, Ending, Row, State};
use crate::tui::model::{Focus, Model};
use porthole_themes::Theme;
use porthole_widgets::frame::{self, Panel, inner};
use porthole_widgets::table::{CellText, Column, Rows, Table};
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::Style;
use ratatui::widgets::{StatefulWidget, Widget};
use std::time::Duration;

/// From this height on the list of builds stands above the steps.
const TALL: u16 = 18;
/// So many builds show there.
const MOST_BUILDS: usize = 6;

/// Draws both.
pub fn draw(model: &mut Model, area: Rect, buf: &mut Buffer) {
    let builds = model.builds.all().len();
    if builds == 0 {
        return draw_empty(model, area, buf);
    }
    if area.height < TALL {
        return draw_steps(model, area, buf);
    }
    let list = u16::try_from(builds.min(MOST_BUILDS)).unwrap_or(u16::MAX) + 3;
    let parts = frame::stack(area, [Constraint::Length(list), Constraint::Fill(1)]);
    draw_list(model, parts[0], buf);
    draw_steps(model, parts[1], buf);
}

fn draw_empty(model: &Model, area: Rect, buf: &mut Buffer) {
    Panel::new(&model.theme).title("Builds").focused(model.focus == Focus::List).render(area, buf);
    let key = model.keymap.chords(Action::NewBuild).next().map(|chord| chord.to_string()).unwrap_or_default();
    let text = format!("nothing was built here yet: {key} builds an image, as `:build .` does");
    let line = Rect { x: inner(area).x + 1, width: inner(area).width.saturating_sub(2), height: 1, ..inner(area) };
    porthole_widgets::text::put(buf, line.intersection(inner(area)), &text, model.theme.muted());
}

fn draw_list(model: &mut Model, area: Rect, buf: &mut Buffer) {
    let focused = model.focus == Focus::List;
    let running = model.builds.running();
    let status = if running > 0 { format!("{running} running") } else { String::new() };
    Panel::new(&model.theme).title("Builds").status(&status).focused(focused).render(area, buf);
    let mut state = std::mem::take(&mut model.builds.table);
    let rows = BuildRows { builds: model.builds.all(), now: model.now, theme: &model.theme };
    state.window.select(Some(rows.len() - 1 - model.builds.shown_index()));
    let columns = [
        Column::new("").min(1),
        Column::new("IMAGE").min(10).flex(1),
        Column::new("STATUS").min(9),
        Column::new("CACHED").min(7).right().priority(2),
        Column::new("TIME").min(8).right(),
    ];
    Table::new(&model.theme, &columns, &rows).render(inner(area), buf, &mut state);
    model.builds.table = state;
}

/// The builds, the newest first.
struct BuildRows<'a> {
    builds: &'a [Build],
    now: i64,
    theme: &'a Theme,
}

impl Rows for BuildRows<'_> {
    fn len(&self) -> usize {
        self.builds.len()
    }

    fn cell(&self, row: usize, column: usize) -> CellText<'_> {
        let Some(build) = self.builds.iter().rev().nth(row) else { return CellText::new("") };
        let (mark, word, style) = ending(build, self.theme);
        match column {
            0 => CellText::new(mark).style(style),
            1 => CellText::new(build.request.name.as_str()).middle(),
            2 => CellText::new(word).style(style),
            3 => CellText::new(cached(build)).style(self.theme.muted()),
            _ => CellText::new(human::span(build.time(self.now))),
        }
    }
}

fn ending(build: &Build, theme: &Theme) -> (&'static str, &'static str, Style) {
    let glyphs = theme.glyphs();
    match &build.ended {
        None => (glyphs.node_full, "running", theme.accent()),
        Some((_, Ending::Done)) => (glyphs.check, "built", theme.good()),
        Some((_, Ending::Cancelled)) => (glyphs.cross, "cancelled", theme.warn()),
        Some((_, Ending::Failed(_))) => (glyphs.cross, "failed", theme.bad()),
    }
}

/// `5 of 7`: the steps that came out of the cache.
fn cached(build: &Build) -> String {
    match build.cached() {
        (_, 0) => String::new(),
        (cached, all) => format!("{cached} of {all}"),
    }
}

fn draw_steps(model: &mut Model, area: Rect, buf: &mut Buffer) {
    let focused = model.focus == Focus::List;
    let (at, count, now) = (model.builds.shown_index(), model.builds.all().len(), model.now);
    let Some(build) = model.builds.shown_mut() else { return };
    let mut state = std::mem::take(&mut build.table);
    let (_, word, _) = ending(build, &model.theme);
    let which = if count > 1 { format!(" {}/{count}", at + 1) } else { String::new() };
    let title = format!("{}{which}", build.request.name);
    let mut facts = vec![format!("{word} {}", human::span(build.time(now)))];
    if build.cached().1 > 0 {
        facts.push(format!("{} cached", cached(build)));
    }
    Panel::new(&model.theme).title(&title).status(&facts.join(" · ")).focused(focused).render(area, buf);
    let rows = StepRows { build, rows: build.rows(), now, theme: &model.theme };
    let columns = [
        Column::new("").min(1),
        Column::new("").min(1),
        Column::new("STEP").min(12).flex(1),
        Column::new("TIME").min(8).right(),
    ];
    let empty = if build.ended.is_none() { "reading the Dockerfile and its images" } else { "no step was begun" };
    Table::new(&model.theme, &columns, &rows).focused(focused).empty(empty).render(inner(area), buf, &mut state);
    build.table = state;
}

/// The stages with their steps, tied together by a line.
struct StepRows<'a> {
    build: &'a Build,
    rows: Vec<Row>,
    now: i64,
    theme: &'a Theme,
}

impl StepRows<'_> {
    fn stage(&self, stage: usize, column: usize) -> CellText<'_> {
        let stage = &self.build.stages[stage];
        match column {
            0 => CellText::new(self.theme.glyphs().node).style(self.theme.muted()),
            2 if stage.sources.is_empty() => CellText::new(stage.name.as_str()).style(self.theme.strong()),
            2 => {
                let from = format!("{} {} {}", stage.name, self.theme.glyphs().arrow_back, stage.sources.join(", "));
                CellText::new(from).style(self.theme.strong())
            }
            _ => CellText::new(""),
        }
    }

    fn mark(&self, state: &State) -> (&'static str, Style) {
        let (glyphs, theme) = (self.theme.glyphs(), self.theme);
        match state {
            State::Waiting => (glyphs.unseen, theme.faint()),
            State::Running(_) => (glyphs.node_full, theme.accent()),
            State::Cached => (glyphs.check, theme.faint()),
            State::Done(_) => (glyphs.check, theme.good()),
            State::Failed(..) => (glyphs.cross, theme.bad()),
            State::Ended => (glyphs.cross, theme.warn()),
        }
    }
}

impl Rows for StepRows<'_> {
    fn len(&self) -> usize {
        self.rows.len()
    }

    fn cell(&self, row: usize, column: usize) -> CellText<'_> {
        let (stage, at) = match self.rows[row] {
            Row::Stage(stage) => return self.stage(stage, column),
            Row::Step(stage, step) => (&self.build.stages[stage], step),
        };
        let step = &stage.steps[at];
        let (mark, style) = self.mark(&step.state);
        match column {
            0 => {
                let borders = &self.theme.glyphs().borders;
                let line = if at + 1 == stage.steps.len() { borders.bottom_left } else { borders.tee_right };
                CellText::new(line).style(self.theme.faint())
            }
            1 => CellText::new(mark).style(style),
            2 => match step.state {
                State::Waiting => CellText::new(step.what()).style(self.theme.faint()),
                State::Cached => CellText::new(step.what()).style(self.theme.muted()),
                State::Failed(..) => CellText::new(step.what()).style(self.theme.bad()),
                _ => CellText::new(step.what()),
            },
            _ => match step.state {
                State::Waiting => CellText::new(""),
                State::Cached => CellText::new("cached").style(self.theme.faint()),
                State::Ended => CellText::new("ended").style(self.theme.warn()),
                _ if step.time(self.now) == Duration::ZERO => CellText::new(""),
                _ => CellText::new(human::span(step.time(self.now))).style(self.theme.muted()),
            },
        }
    }
}
