//! Builds: started, told of, cancelled, looked into; and the editor of their Dockerfiles.

use super::{confirm, forms, shells};
use crate::cli::BuildRequest;
use crate::tui::message::{Effect, SaveProblem};
use crate::tui::model::builds::BuildId;
use crate::tui::model::builds::build::{Build, Ending};
use crate::tui::model::builds::editor::Editor;
use crate::tui::model::builds::form::BuildForm;
use crate::tui::model::builds::news::News;
use crate::tui::model::commands::Outcome;
use crate::tui::model::detail::View;
use crate::tui::model::modal::Then;
use crate::tui::model::{Focus, Model, Screen};
use crate::tui::{human, words};
use porthole_widgets::key::Key;
use porthole_widgets::source::{Source, SourceEvent};
use std::path::{Path, PathBuf};

const NO_CACHE: &str = "--no-cache";

/// Asks what is to be built.
pub fn ask(model: &mut Model) -> Vec<Effect> {
    forms::open(model, BuildForm::new())
}

/// Starts a build that a command line asks for; none if it is no build that can be watched.
pub fn start(model: &mut Model, argv: &[String]) -> Option<Vec<Effect>> {
    let request = BuildRequest::of(argv)?;
    let (build, job) = (model.builds.next_id(), model.commands.start(argv, model.now));
    let argv = request.argv.clone();
    model.builds.push(Build::new(build, request, job, model.now));
    model.open(Screen::Builds);
    model.detail.view = if model.view() == Some(View::Dockerfile) { View::Dockerfile } else { View::Output };
    Some(vec![Effect::Build { build, argv }])
}

/// Starts the build that is looked at once more, with the cache or without it.
pub fn again(model: &mut Model, uses_cache: bool) -> Vec<Effect> {
    let Some(argv) = argv_again(model, uses_cache) else { return Vec::new() };
    match model.builds.editor().filter(|editor| editor.is_changed()) {
        Some(editor) => {
            let object = editor.path.display().to_string();
            let effects = vec!["Its changes are not saved yet: they are saved first.".to_owned()];
            confirm::ask(model, "Save and build", object, effects, Then::SaveAndBuild(argv))
        }
        None => start(model, &argv).unwrap_or_default(),
    }
}

fn argv_again(model: &Model, uses_cache: bool) -> Option<Vec<String>> {
    let mut argv = model.builds.shown()?.request.argv.clone();
    argv.retain(|word| word != NO_CACHE);
    if !uses_cache {
        argv.insert(1, NO_CACHE.to_owned());
    }
    Some(argv)
}

/// Cancels the build that is looked at.
pub fn cancel(model: &mut Model) -> Vec<Effect> {
    let running = model.builds.shown().filter(|build| build.ended.is_none());
    running.map(|build| Effect::CancelBuild(build.id)).into_iter().collect()
}

pub fn step(model: &mut Model, newer: bool) -> Vec<Effect> {
    let at = model.builds.shown_index();
    model.builds.show(if newer { at + 1 } else { at.saturating_sub(1) });
    Vec::new()
}

/// Shows what the selected step prints.
pub fn output(model: &mut Model) -> Vec<Effect> {
    show(model, View::Output)
}

fn show(model: &mut Model, view: View) -> Vec<Effect> {
    if model.has_detail() {
        model.detail.view = view;
        model.focus = Focus::Detail;
    }
    Vec::new()
}

/// Opens the Dockerfile at the selected step.
pub fn edit(model: &mut Model) -> Vec<Effect> {
    let line = model.builds.shown().and_then(|build| build.selected()?.line);
    if let (Some(line), Some(Editor { source: Some(source), .. })) = (line, model.builds.editor_mut()) {
        source.go_to(line - 1, 0);
    }
    show(model, View::Dockerfile)
}

/// Opens a shell where the selected step is about to be carried out.
pub fn shell(model: &mut Model) -> Vec<Effect> {
    let Some(argv) = shell_argv(model) else { return Vec::new() };
    let step = model.builds.shown().and_then(|build| build.shell_line()).unwrap_or_default();
    shells::open(model, &format!("before line {step}"), argv, false)
}

/// Its command line: the build's own, at the line.
pub fn shell_argv(model: &Model) -> Option<Vec<String>> {
    let build = model.builds.shown()?;
    let line = build.shell_line()?.to_string();
    let start = ["builder", "shell", "--line", &line].map(str::to_owned);
    let rest = build.request.argv.iter().skip(1).filter(|word| *word != NO_CACHE).cloned();
    Some(start.into_iter().chain(rest).collect())
}

pub fn news(model: &mut Model, build: BuildId, news: Vec<News>) -> Vec<Effect> {
    let now = model.now;
    if let Some(build) = model.builds.find(build) {
        news.into_iter().for_each(|news| build.take(news, now));
    }
    Vec::new()
}

/// A build ended, with an exit code and what it complained of.
pub fn ended(model: &mut Model, build: BuildId, code: i32, complaint: &str) -> Vec<Effect> {
    let now = model.now;
    let Some(build) = model.builds.find(build) else { return Vec::new() };
    let ending = match code {
        0 => Ending::Done,
        crate::cli::INTERRUPTED => Ending::Cancelled,
        _ => Ending::Failed(complaint.to_owned()),
    };
    build.end(ending.clone(), now);
    let (job, name, time) = (build.job, build.request.name.clone(), human::span(build.time(now)));
    let outcome = if code == 0 { Outcome::Done } else { Outcome::Failed(code, complaint.to_owned()) };
    model.commands.end(job, outcome);
    match ending {
        Ending::Done => model.say(format!("{name} is built, in {time}")),
        Ending::Cancelled => model.say(format!("the build of {name} is cancelled")),
        // On its page it says so itself.
        Ending::Failed(_) if model.screen == Screen::Builds => {}
        Ending::Failed(problem) => model.complain(problem),
    }
    Vec::new()
}

/// Has the Dockerfile read whenever another one is looked at.
pub fn follow(model: &mut Model) -> Option<Effect> {
    let looks = model.screen == Screen::Builds && model.view() == Some(View::Dockerfile);
    let wanted = model.builds.shown().filter(|_| looks).map(|build| build.request.dockerfile.clone());
    if wanted == model.builds.wanted {
        return None;
    }
    model.builds.wanted = wanted.clone();
    let path = wanted?;
    if model.builds.editor_of(&path).is_none() {
        model.builds.editors.push(Editor::new(&path));
    }
    Some(Effect::ReadSource(path))
}

pub fn read(model: &mut Model, path: &Path, text: Result<String, String>) -> Vec<Effect> {
    let line = model.builds.shown().and_then(|build| build.selected()?.line);
    let Some(editor) = model.builds.editor_of(path) else { return Vec::new() };
    let first = editor.source.is_none();
    editor.read(text);
    if let (true, Some(line), Some(source)) = (first, line, &mut editor.source) {
        source.go_to(line - 1, 0);
    }
    Vec::new()
}

/// The text of the editor that has the keys.
pub fn source(model: &mut Model) -> Option<&mut Source> {
    model.builds.editor_mut()?.source.as_mut()
}

pub fn typed(model: &mut Model, key: Key) -> Vec<Effect> {
    edited(model, |source| source.key(key))
}

pub fn pasted(model: &mut Model, text: &str) -> Vec<Effect> {
    edited(model, |source| source.paste(text))
}

fn edited(model: &mut Model, edit: impl FnOnce(&mut Source) -> SourceEvent) -> Vec<Effect> {
    let now = model.now;
    if let Some(editor) = model.builds.editor_mut()
        && let Some(source) = &mut editor.source
        && edit(source) == SourceEvent::Changed
    {
        editor.changed(now);
    }
    Vec::new()
}

/// Checks what was typed once nobody types.
pub fn check(model: &mut Model) {
    let now = model.now;
    model.builds.editors.iter_mut().for_each(|editor| editor.check(now));
}

pub fn save(model: &mut Model) -> Vec<Effect> {
    match model.builds.editor().filter(|editor| !editor.is_changed()) {
        Some(_) => {
            model.say("there is nothing to save");
            Vec::new()
        }
        None => write(model, None),
    }
}

/// Saves what is typed, and builds.
pub fn save_and_build(model: &mut Model, argv: Option<Vec<String>>) -> Vec<Effect> {
    let Some(argv) = argv.or_else(|| argv_again(model, true)) else { return Vec::new() };
    match model.builds.editor().is_some_and(Editor::is_changed) {
        true => write(model, Some(argv)),
        false => start(model, &argv).unwrap_or_default(),
    }
}

fn write(model: &mut Model, then_build: Option<Vec<String>>) -> Vec<Effect> {
    let Some(editor) = model.builds.editor_mut() else { return Vec::new() };
    let Some(source) = &editor.source else { return Vec::new() };
    editor.then_build = then_build;
    vec![Effect::WriteSource {
        path: editor.path.clone(),
        text: source.text(),
        in_place_of: Some(editor.on_disk.clone()),
    }]
}

/// Writes although the file is another one than was read.
pub fn write_over(model: &mut Model, path: PathBuf) -> Vec<Effect> {
    let Some(editor) = model.builds.editor_of(&path) else { return Vec::new() };
    let Some(source) = &editor.source else { return Vec::new() };
    vec![Effect::WriteSource { text: source.text(), path, in_place_of: None }]
}

/// A Dockerfile was saved, or not.
pub fn written(model: &mut Model, path: PathBuf, text: String, result: Result<(), SaveProblem>) -> Vec<Effect> {
    let shown = path.display().to_string();
    let Some(editor) = model.builds.editor_of(&path) else { return Vec::new() };
    match result {
        Ok(()) => {
            editor.saved(text);
            let then = editor.then_build.take();
            match then {
                Some(argv) => start(model, &argv).unwrap_or_default(),
                None => {
                    model.say(format!("{shown} is saved"));
                    Vec::new()
                }
            }
        }
        Err(SaveProblem::IsAnother) => {
            let effects = vec![
                "Somebody changed the file since it was read.".to_owned(),
                "What they wrote is lost then.".to_owned(),
            ];
            confirm::ask(model, "Save over", shown, effects, Then::SaveOver(path))
        }
        Err(SaveProblem::Failed(problem)) => {
            editor.then_build = None;
            model.complain(problem);
            Vec::new()
        }
    }
}

/// The command line of the build that is looked at, for those who learn it.
pub fn command(model: &Model) -> String {
    model.builds.shown().map_or_else(String::new, |build| format!("porthole {}", words::join(&build.request.argv)))
}

/// Copies it.
pub fn copy(model: &mut Model) -> Vec<Effect> {
    let command = command(model);
    model.say("copied the command line");
    vec![Effect::Copy(command)]
}
