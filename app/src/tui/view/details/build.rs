//! What the selected step prints, or why it failed; and the Dockerfile.

use super::failure::{Line, NAMES, above_log};
use crate::tui::actions::Action;
use crate::tui::model::builds::build::{Ending, State};
use crate::tui::model::{Focus, Model};
use crate::tui::update::shell_argv;
use crate::tui::words;
use porthole_widgets::frame::inner;
use porthole_widgets::log_view::LogPane;
use porthole_widgets::source::SourcePane;
use porthole_widgets::text::{put, wrap};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::StatefulWidget;

/// Rows that one fact may take.
const LINES: usize = 2;

/// Draws the output of the selected step, below what failed.
pub fn draw_output(model: &mut Model, area: Rect, buf: &mut Buffer) {
    let inside = above_log(model, area, buf, lines(model, inner(area).width));
    let theme = &model.theme;
    let Some(step) = model.builds.shown_mut().and_then(|build| build.selected_mut()) else { return };
    let empty = match step.state {
        State::Waiting => "it has not begun",
        State::Running(_) => "it has not said anything yet",
        State::Cached => "the cache had it",
        State::Done(_) | State::Failed(..) | State::Ended => "it said nothing",
    };
    LogPane::new(theme).empty(empty).render(inside, buf, &mut step.log);
}

/// Why the step or the build failed.
fn lines(model: &Model, width: u16) -> Vec<Line> {
    let theme = &model.theme;
    let Some(build) = model.builds.shown() else { return Vec::new() };
    let file = build.request.dockerfile.display();
    let mut facts = Vec::new();
    match build.selected().map(|step| (step, &step.state)) {
        Some((step, State::Failed(_, problem))) => {
            facts.push(("failed", reason(problem).to_owned(), theme.bad()));
            facts.extend(step.line.map(|line| ("line", format!("{file}:{line}: {}", step.what()), theme.text())));
            let key = model.keymap.chords(Action::BuildShell).next().map(|chord| format!("{chord} runs "));
            let shell = shell_argv(model).map(|argv| format!("porthole {}", words::join(&argv)));
            facts.extend(shell.map(|shell| ("shell", format!("{}{shell}", key.unwrap_or_default()), theme.accent())));
        }
        // What is told of no step is told of the whole.
        selected => {
            if let Some((_, Ending::Failed(problem))) = &build.ended
                && selected.is_none()
            {
                facts.push(("failed", problem.clone(), theme.bad()));
            }
        }
    }
    let room = usize::from(width.saturating_sub(NAMES + 1));
    let wrapped = |(name, text, style): (&'static str, String, Style)| {
        let lines = wrap(&text, room, LINES, theme.glyphs().ellipsis).into_iter().enumerate();
        lines.map(move |(index, line)| (if index == 0 { name } else { "" }, line, style))
    };
    facts.into_iter().flat_map(wrapped).collect()
}

/// Why a step failed, without the command line, which is told beside it.
fn reason(problem: &str) -> &str {
    problem.rsplit_once("did not complete successfully: ").map_or(problem, |(_, reason)| reason)
}

/// How the output is looked at.
pub fn output_status(model: &Model) -> String {
    let Some(step) = model.builds.shown().and_then(|build| build.selected()) else { return String::new() };
    let search = step.log.search_text().map(|search| format!("/{search}"));
    let filter = step.log.filter_text().map(|filter| format!("only {filter}"));
    search.into_iter().chain(filter).chain([step.log.status()]).collect::<Vec<_>>().join(" · ")
}

/// Draws the Dockerfile.
pub fn draw_editor(model: &mut Model, area: Rect, buf: &mut Buffer) {
    let focused = model.focus == Focus::Detail && model.modal.is_none();
    let Some(editor) = model.builds.editor_mut() else { return };
    match (&mut editor.source, &editor.problem) {
        (Some(source), _) => SourcePane::new(&model.theme).focused(focused).render(inner(area), buf, source),
        (None, Some(problem)) => {
            let inside = inner(area);
            let line = Rect { x: inside.x + 1, width: inside.width.saturating_sub(2), height: 1, ..inside };
            put(buf, line.intersection(inside), problem, model.theme.bad());
        }
        (None, None) => {}
    }
}

/// Where the cursor is, whether it is saved, and what the checks count.
pub fn editor_status(model: &Model) -> String {
    let source = model.builds.editor().and_then(|editor| editor.source.as_ref());
    source.map(|source| source.status()).unwrap_or_default()
}
