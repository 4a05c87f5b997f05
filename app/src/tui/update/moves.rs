//! Moving: within a list or text, between panes, back.

use super::{areas, builds, inspect, lists, projects};
use crate::tui::actions::Action;
use crate::tui::message::Effect;
use crate::tui::model::detail::View;
use crate::tui::model::inspect::Inspect;
use crate::tui::model::list::{Item, List};
use crate::tui::model::modal::{Modal, Page};
use crate::tui::model::{Focus, Model, Screen};
use porthole_widgets::Window;
use porthole_widgets::help::HelpState;
use porthole_widgets::log_view::LogView;

/// Lines in a page of what is drawn above the panes.
const PAGE: f32 = 15.0;

/// A movement, the same in lists and texts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Motion {
    /// Lines down; up when negative.
    Lines(isize),
    /// Pages down; up when negative.
    Pages(f32),
    /// To the first.
    First,
    /// To the last.
    Last,
}

impl Motion {
    /// Moves the selection of a list.
    pub fn apply(self, window: &mut Window, len: usize) {
        match self {
            Motion::Lines(lines) => window.step(lines, len),
            Motion::Pages(pages) => window.page(pages, len),
            Motion::First => window.first(len),
            Motion::Last => window.last(len),
        }
    }
}

pub fn go(model: &mut Model, action: Action) -> Vec<Effect> {
    let motion = match action {
        Action::MoveUp => Motion::Lines(-1),
        Action::MoveDown => Motion::Lines(1),
        Action::PageUp => Motion::Pages(-1.0),
        Action::PageDown => Motion::Pages(1.0),
        Action::HalfUp => Motion::Pages(-0.5),
        Action::HalfDown => Motion::Pages(0.5),
        Action::MoveFirst => Motion::First,
        _ => Motion::Last,
    };
    if let Some(Modal::Page(page)) = &mut model.modal {
        in_page(page, motion, model.commands.entries().count());
    } else {
        // Charts have nothing to scroll: the next container's show.
        let pane =
            if model.focus == Focus::Detail && model.view() == Some(View::Stats) { Focus::List } else { model.focus };
        in_pane(model, pane, motion);
    }
    Vec::new()
}

/// Moves within a pane, focused or not.
pub fn in_pane(model: &mut Model, pane: Focus, motion: Motion) {
    match (pane, model.screen) {
        (Focus::Detail, _) => in_detail(model, motion),
        (Focus::Shell, _) => {}
        (Focus::List, Screen::Images) => {
            let rows = model.images.rows();
            motion.apply(&mut model.images.table.window, rows);
        }
        (Focus::List, Screen::Volumes) => {
            let rows = model.volumes.rows();
            motion.apply(&mut model.volumes.table.window, rows);
        }
        (Focus::List, Screen::Trace) => model.trace.go(motion),
        (Focus::List, Screen::Events) => model.events.go(motion),
        (Focus::List, Screen::Builds) => {
            if let Some(build) = model.builds.shown_mut() {
                build.select(|window, rows| motion.apply(window, rows));
            }
        }
        (Focus::List, Screen::Networks) => {
            let rows = model.networks.rows().len();
            motion.apply(&mut model.networks.state.window, rows);
        }
        (Focus::List, Screen::Projects) => {
            let rows = model.projects.rows();
            motion.apply(&mut model.projects.state.window, rows);
        }
        (Focus::List, Screen::Containers) => {
            let rows = model.containers.rows();
            motion.apply(&mut model.containers.table.window, rows);
        }
    }
}

fn in_detail(model: &mut Model, motion: Motion) {
    match model.view() {
        Some(View::Inspect | View::Links | View::Rules | View::Map) => {
            if let Some(Inspect { tree, .. }) = model.inspect_mut() {
                let rows = tree.rows();
                motion.apply(&mut tree.window, rows);
            }
        }
        Some(View::Files) => {
            let files = &mut model.detail.files;
            let rows = files.rows().len();
            motion.apply(&mut files.table.window, rows);
        }
        Some(View::Top) => {
            let list = &mut model.detail.processes.list;
            let rows = list.rows();
            motion.apply(&mut list.table.window, rows);
        }
        Some(View::Log | View::Output) => {
            if let Some(text) = model.text_mut() {
                in_text(text, motion);
            }
        }
        Some(View::Dockerfile) => {
            if let (Some(source), Motion::Lines(lines)) = (builds::source(model), motion) {
                source.scroll(lines);
            }
        }
        Some(View::Yaml | View::Config) => projects::in_sheet(model, motion),
        Some(View::Stats) | None => {}
    }
}

fn in_text(text: &mut LogView, motion: Motion) {
    match motion {
        Motion::Lines(lines) => text.scroll_lines(lines),
        Motion::Pages(pages) => text.scroll_pages(pages),
        Motion::First => text.to_start(),
        Motion::Last => text.to_end(),
    }
}

fn in_page(page: &mut Page, motion: Motion, commands: usize) {
    let (at, last) = match page {
        Page::Output { text, .. } => return in_text(text, motion),
        Page::Help(state) => return in_help(state, motion),
        Page::Commands { selected } => (selected, commands.saturating_sub(1)),
    };
    *at = match motion {
        Motion::Lines(lines) => at.saturating_add_signed(lines),
        Motion::Pages(pages) => at.saturating_add_signed((pages * PAGE) as isize),
        Motion::First => 0,
        Motion::Last => last,
    }
    .min(last);
}

fn in_help(state: &mut HelpState, motion: Motion) {
    state.scroll(match motion {
        Motion::Lines(lines) => lines,
        Motion::Pages(pages) => (pages * PAGE) as isize,
        Motion::First => isize::MIN,
        Motion::Last => isize::MAX,
    });
}

/// To the next pane that shows, or could.
pub fn cycle(model: &mut Model, forward: bool) -> Vec<Effect> {
    let mut panes = vec![Focus::List];
    panes.extend(model.has_detail().then_some(Focus::Detail));
    panes.extend((!model.shells.is_empty()).then_some(Focus::Shell));
    let at = panes.iter().position(|pane| *pane == model.focus).unwrap_or(0);
    let step = if forward { 1 } else { panes.len() - 1 };
    model.focus = panes[(at + step) % panes.len()];
    Vec::new()
}

/// One step back: whatever was opened or narrowed last.
pub fn back(model: &mut Model) -> Vec<Effect> {
    if model.toast.take_if(|toast| toast.bad).is_some() {
    } else if model.focus == Focus::Detail && inspect::search_text(model).is_some() {
        inspect::search(model, "");
    } else if model.focus == Focus::Detail && model.text().is_some_and(|text| text.filter_text().is_some()) {
        if let Some(text) = model.text_mut() {
            text.filter("");
        }
    } else if model.view() == Some(View::Top) && model.focus == Focus::Detail && !lists::filter(model).is_empty() {
        lists::set_filter(model, "");
    } else if model.zoomed {
        model.zoomed = false;
    } else if model.focus != Focus::List {
        model.focus = Focus::List;
    } else if areas(model).list.is_some() {
        match model.screen {
            Screen::Images => clear(&mut model.images),
            Screen::Containers => clear(&mut model.containers),
            Screen::Volumes => clear(&mut model.volumes),
            Screen::Networks | Screen::Projects | Screen::Builds => {}
            Screen::Trace => model.trace.back(),
            Screen::Events => model.events.set_filter(""),
        }
    }
    Vec::new()
}

fn clear<T: Item>(list: &mut List<T>) {
    if !list.clear_marks() {
        list.set_filter("");
    }
}
