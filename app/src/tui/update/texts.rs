//! Log, processes, output: what can be done with text. And saving what any view shows.

use super::{projects, prompts};
use crate::tui::actions::Action;
use crate::tui::message::Effect;
use crate::tui::model::detail::View;
use crate::tui::model::prompt::Purpose;
use crate::tui::model::{Model, Screen};
use crate::tui::source::Since;
use porthole_widgets::log_view::LogView;
use std::path::PathBuf;

/// Columns that one step sideways takes.
const STEP: isize = 8;

pub fn perform(model: &mut Model, action: Action) -> Vec<Effect> {
    let Some(text) = model.text_mut() else { return Vec::new() };
    look(text, action);
    if action == Action::Timestamps {
        model.detail.times = model.detail.text.timestamps();
    }
    Vec::new()
}

fn look(text: &mut LogView, action: Action) {
    match action {
        Action::Wrap => text.set_wrap(!text.wrap()),
        Action::ScrollLeft => text.scroll_columns(-STEP),
        Action::ScrollRight => text.scroll_columns(STEP),
        Action::Follow | Action::FollowOutput => text.set_follow(!text.following()),
        _ => text.set_timestamps(!text.timestamps()),
    }
}

pub fn since(model: &mut Model, since: Since) -> Vec<Effect> {
    model.detail.since = since;
    Vec::new()
}

/// Copies what the mouse has selected, or else the lines in view.
pub fn copy(model: &mut Model) -> Vec<Effect> {
    let Some(text) = model.text() else { return Vec::new() };
    let (copied, said) = match text.selected_text() {
        Some(selected) => (selected, "copied the selection"),
        None => (text.visible_text(), "copied the lines in view"),
    };
    model.say(said);
    vec![Effect::Copy(copied)]
}

/// Asks for the file to save to.
pub fn ask_save(model: &mut Model) -> Vec<Effect> {
    match source(model) {
        Some((_, name)) => prompts::open(model, Purpose::SaveText, &name),
        None => {
            model.say("no command prints this: copy it");
            Vec::new()
        }
    }
}

/// Saves by the command line that prints the whole text, with its output in a file.
pub fn save(model: &mut Model, path: PathBuf) -> Vec<Effect> {
    let Some((argv, _)) = source(model) else { return Vec::new() };
    let job = model.commands.start_into(&argv, &path, model.now);
    vec![Effect::RunInto { job, argv, path }]
}

/// The command line that prints what is shown, and a name for its file.
fn source(model: &Model) -> Option<(Vec<String>, String)> {
    let argv = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let view = model.view()?;
    if view == View::Map {
        return Some((argv(&["network", "map"]), "network.map".to_owned()));
    }
    let (name, file) = match model.screen {
        Screen::Projects => return projects::source(model, view),
        Screen::Images => (model.images.selected()?.reference(), "image"),
        Screen::Volumes => {
            let name = &model.volumes.selected()?.name;
            return Some((argv(&["volume", "inspect", name]), format!("{name}.json")));
        }
        Screen::Networks if view != View::Links => {
            let name = &model.networks.selected_network()?.name;
            return Some(match view {
                View::Rules => (argv(&["network", "rules", "--network", name]), format!("{name}.rules")),
                _ => (argv(&["network", "inspect", name]), format!("{name}.json")),
            });
        }
        _ => {
            let name = &model.current()?.name;
            (name.as_str(), name.as_str())
        }
    };
    Some(match view {
        View::Log if model.detail.times => (argv(&["logs", "-t", name]), format!("{file}.log")),
        View::Log => (argv(&["logs", name]), format!("{file}.log")),
        View::Files => (argv(&["image", "tree", name]), format!("{file}.files")),
        View::Inspect => (argv(&["inspect", name]), format!("{file}.json")),
        View::Top => (argv(&["top", name]), format!("{file}.top")),
        View::Links => (argv(&["network", "rules", name]), format!("{file}.rules")),
        View::Stats | View::Rules | View::Map | View::Yaml | View::Config | View::Output | View::Dockerfile => {
            return None;
        }
    })
}
