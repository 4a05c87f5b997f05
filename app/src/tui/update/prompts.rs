//! Lines being typed: opened, edited, taken.

use super::{available, builds, inspect, lists, perform, registry, shells, texts};
use crate::cli::BuildRequest;
use crate::tui::actions::{Action, REGISTRY, Spec};
use crate::tui::complete::{self, Grammar};
use crate::tui::message::Effect;
use crate::tui::model::Model;
use crate::tui::model::modal::{Modal, Page};
use crate::tui::model::prompt::{Prompt, Purpose};
use crate::tui::model::trace::TraceWanted;
use crate::tui::words;
use porthole_widgets::help::HelpState;
use porthole_widgets::key::{Key, KeyCode};
use porthole_widgets::log_view::LogView;
use porthole_widgets::palette::{Palette, PaletteEvent, PaletteItem};
use std::path::PathBuf;

/// Lines remembered.
const HISTORY: usize = 200;

pub fn open(model: &mut Model, purpose: Purpose, text: &str) -> Vec<Effect> {
    let mut prompt = Prompt::new(purpose, text);
    if purpose == Purpose::Command {
        prompt.input.set_history(model.history.clone());
    }
    model.modal = Some(Modal::Prompt(Box::new(prompt)));
    changed(model)
}

/// The filter of the open list, to go on from.
pub fn open_filter(model: &mut Model) -> Vec<Effect> {
    let filter = lists::filter(model).to_owned();
    open(model, Purpose::Filter, &filter)
}

pub fn open_grep(model: &mut Model) -> Vec<Effect> {
    let filter = model.text().and_then(LogView::filter_text).unwrap_or_default().to_owned();
    open(model, Purpose::Grep, &filter)
}

/// Offers the actions that make sense where one is.
pub fn open_palette(model: &mut Model) -> Vec<Effect> {
    let layers = model.layers();
    let here = |spec: &&Spec| layers.contains(&spec.layer) && available(model, spec.action);
    let specs: Vec<&Spec> = REGISTRY.iter().filter(here).collect();
    let item = |spec: &&Spec| PaletteItem {
        name: spec.name.replace('-', " "),
        about: spec.command.map_or_else(|| spec.about.to_owned(), |command| format!("{}: {command}", spec.about)),
        key: model.keymap.chords(spec.action).next().map(|chord| chord.to_string()).unwrap_or_default(),
    };
    let palette = Box::new(Palette::new(specs.iter().map(item).collect()));
    model.modal = Some(Modal::Palette(palette, specs.iter().map(|spec| spec.action).collect()));
    Vec::new()
}

pub fn palette_key(model: &mut Model, key: Key) -> Vec<Effect> {
    let Some(Modal::Palette(palette, actions)) = &mut model.modal else { return Vec::new() };
    match palette.key(key) {
        PaletteEvent::Open => Vec::new(),
        PaletteEvent::Closed => {
            model.modal = None;
            Vec::new()
        }
        PaletteEvent::Chosen(index) => {
            let action = actions[index];
            model.modal = None;
            perform::perform(model, action)
        }
    }
}

pub fn typed(model: &mut Model, key: Key) -> Vec<Effect> {
    edit(model, |prompt| {
        prompt.input.key(key);
    })
}

pub fn pasted(model: &mut Model, text: &str) -> Vec<Effect> {
    edit(model, |prompt| {
        prompt.input.paste(text);
    })
}

fn edit(model: &mut Model, edit: impl FnOnce(&mut Prompt)) -> Vec<Effect> {
    let Some(Modal::Prompt(prompt)) = &mut model.modal else { return Vec::new() };
    let before = prompt.line().to_owned();
    edit(prompt);
    if prompt.line() == before {
        return Vec::new();
    }
    changed(model)
}

/// The line is another now: what is applied while typing is applied, and other words fit.
fn changed(model: &mut Model) -> Vec<Effect> {
    let Some(Modal::Prompt(prompt)) = &mut model.modal else { return Vec::new() };
    prompt.taken = None;
    let (purpose, line) = (prompt.purpose, prompt.line().to_owned());
    let offers = match purpose {
        Purpose::Command => model.grammar.offers(&line, model),
        Purpose::SaveText | Purpose::SavePackets => complete::files(&line),
        Purpose::Filter | Purpose::Search | Purpose::Grep | Purpose::Registry => Vec::new(),
    };
    if let Some(Modal::Prompt(prompt)) = &mut model.modal {
        prompt.offers = offers;
    }
    apply(model, purpose, &line);
    Vec::new()
}

/// What a line does while it is still being typed.
fn apply(model: &mut Model, purpose: Purpose, line: &str) {
    match purpose {
        Purpose::Filter => lists::set_filter(model, line),
        Purpose::Search => inspect::search(model, line),
        Purpose::Grep => {
            if let Some(text) = model.text_mut() {
                text.filter(line);
            }
        }
        Purpose::Command | Purpose::Registry | Purpose::SaveText | Purpose::SavePackets => {}
    }
}

pub fn complete(model: &mut Model) -> Vec<Effect> {
    let Some(Modal::Prompt(prompt)) = &mut model.modal else { return Vec::new() };
    let stepping = prompt.taken.is_some();
    prompt.complete();
    // A word that is now longer has fewer that fit.
    if !stepping && prompt.taken.is_none() { changed(model) } else { Vec::new() }
}

/// The line before or after: of the offers when one is taken, of the history otherwise.
pub fn recall(model: &mut Model, earlier: bool) -> Vec<Effect> {
    let Some(Modal::Prompt(prompt)) = &mut model.modal else { return Vec::new() };
    if prompt.taken.is_some() {
        prompt.step(if earlier { -1 } else { 1 });
        return Vec::new();
    }
    typed(model, if earlier { KeyCode::Up.into() } else { KeyCode::Down.into() })
}

/// Throws the line away, and with it what it did while it was typed.
pub fn cancel(model: &mut Model) -> Vec<Effect> {
    if let Some(Modal::Prompt(prompt)) = model.modal.take() {
        let before = if prompt.purpose == Purpose::Search { String::new() } else { prompt.before };
        apply(model, prompt.purpose, &before);
    }
    Vec::new()
}

pub fn accept(model: &mut Model) -> Vec<Effect> {
    let Some(Modal::Prompt(prompt)) = model.modal.take() else { return Vec::new() };
    let line = prompt.line().trim().to_owned();
    match prompt.purpose {
        Purpose::Command => command(model, &line),
        Purpose::Filter | Purpose::Search | Purpose::Grep => Vec::new(),
        Purpose::Registry => registry::open(model, &line),
        Purpose::SaveText | Purpose::SavePackets if line.is_empty() => Vec::new(),
        Purpose::SaveText => texts::save(model, expand(&line)),
        Purpose::SavePackets => vec![Effect::Trace(TraceWanted::Save(expand(&line)))],
    }
}

/// `~/` is the home directory, as in a shell.
fn expand(path: &str) -> PathBuf {
    let home = path.strip_prefix("~/").and_then(|rest| Some((directories::BaseDirs::new()?, rest)));
    home.map_or_else(|| path.into(), |(base, rest)| base.home_dir().join(rest))
}

/// Runs what was typed: words of the workstation's own, or a command line of porthole.
fn command(model: &mut Model, line: &str) -> Vec<Effect> {
    if line.is_empty() {
        return Vec::new();
    }
    if model.history.last().is_none_or(|last| last != line) {
        model.history.push(line.to_owned());
        let excess = model.history.len().saturating_sub(HISTORY);
        model.history.drain(..excess);
    }
    let mut argv = match words::split(line) {
        Ok(argv) => argv,
        Err(problem) => {
            model.complain(problem);
            return Vec::new();
        }
    };
    // Out of habit people type the program's name too.
    if argv.first().is_some_and(|word| word == "porthole") {
        argv.remove(0);
    }
    match argv.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => Vec::new(),
        ["q" | "quit" | "q!"] => perform::perform(model, Action::Quit),
        ["help"] => {
            model.modal = Some(Modal::Page(Page::Help(HelpState::default())));
            Vec::new()
        }
        ["theme"] => perform::perform(model, Action::NextTheme),
        ["theme", name] => {
            let name = (*name).to_owned();
            perform::set_theme(model, &name);
            Vec::new()
        }
        ["build", ..] if BuildRequest::of(&argv).is_some() => builds::start(model, &argv).unwrap_or_default(),
        _ if Grammar::needs_terminal(&argv) => {
            let title = argv[0].clone();
            shells::open(model, &title, argv, true)
        }
        _ => {
            let effect = model.run(argv);
            if let Effect::Run { job, .. } = effect {
                model.typed_jobs.insert(job);
            }
            vec![effect]
        }
    }
}

/// Whether a command line was typed by hand, so that its output is of interest; it is asked once.
pub fn was_typed(model: &mut Model, job: usize) -> bool {
    model.typed_jobs.remove(&job)
}
