//! From one state to the next. Pure: what has to happen outside is returned as [`Effect`]s.

mod arrivals;
mod available;
mod builds;
#[cfg(test)]
mod builds_tests;
mod confirm;
mod containers;
mod details;
mod events;
mod files;
mod forms;
pub mod image_shell;
mod images;
mod inspect;
mod keys;
mod lab;
mod lists;
mod mouse;
mod moves;
mod networks;
mod newcomer;
mod perform;
pub mod projects;
mod prompts;
mod registry;
mod shells;
#[cfg(test)]
mod tests;
mod texts;
mod trace;
mod volumes;

pub use available::available;
pub use builds::shell_argv;
pub use moves::Motion;

use super::layout::Areas;
use super::message::{Effect, Msg, Reload};
use super::model::{Focus, Model, SAMPLE_PERIOD};

/// What is to be done before the first message.
pub fn begin() -> Vec<Effect> {
    [Reload::Containers, Reload::Images, Reload::Volumes, Reload::Networks].map(Effect::Reload).into()
}

/// Takes a message in.
pub fn update(model: &mut Model, msg: Msg) -> Vec<Effect> {
    let mut effects = match msg {
        Msg::TerminalGone => vec![Effect::Quit],
        Msg::Complaint(problem) => {
            model.complain(problem);
            Vec::new()
        }
        Msg::Key(key) => keys::key(model, key),
        Msg::Mouse(event) => mouse::mouse(model, event),
        Msg::Paste(text) => keys::paste(model, &text),
        Msg::Resize(columns, rows) => {
            model.size = (columns, rows);
            vec![Effect::Redraw]
        }
        Msg::Clock(now) => clock(model, now),
        Msg::Changed => {
            model.detail.version += 1;
            begin()
        }
        Msg::Containers(result) => arrivals::containers(model, result),
        Msg::Images(result) => arrivals::images(model, result),
        Msg::Volumes(result) => arrivals::volumes(model, result),
        Msg::Networks(result) => arrivals::networks(model, result),
        Msg::Repositories(host, result) => registry::repositories(model, &host, result),
        Msg::Tags { host, repository, result } => registry::tags(model, &host, &repository, result),
        Msg::Projects(definitions) => projects::defined(model, definitions),
        Msg::Usage(result) => arrivals::usage(model, result),
        Msg::ImageShell(container, answer) => image_shell::arrived(model, &container, answer),
        Msg::Events(events) => events::arrived(model, events),
        Msg::EventsFailed(problem) => events::failed(model, problem),
        Msg::Log(generation, lines) => arrivals::log(model, generation, lines),
        Msg::LogEnded(generation, problem) => arrivals::log_ended(model, generation, problem),
        Msg::Inspected(generation, result) => arrivals::inspected(model, generation, result),
        Msg::Files(generation, result) => arrivals::files(model, generation, result),
        Msg::FileText(result) => files::read(model, result),
        Msg::Processes(generation, result) => arrivals::processes(model, generation, result),
        Msg::Ran(ran) => arrivals::ran(model, ran),
        Msg::ShellOutput(shell, bytes) => shells::output(model, shell, &bytes),
        Msg::ShellEnded(shell, code) => shells::ended(model, shell, code),
        Msg::ShellFailed(shell, problem) => shells::failed(model, shell, problem),
        Msg::Trace(update) => trace::arrived(model, update),
        Msg::Build(build, news) => builds::news(model, build, news),
        Msg::BuildEnded { build, code, complaint } => builds::ended(model, build, code, &complaint),
        Msg::SourceRead(path, text) => builds::read(model, &path, text),
        Msg::SourceWritten { path, text, result } => builds::written(model, path, text, result),
    };
    settle_focus(model);
    effects.extend(projects::follow(model));
    effects.extend(details::follow(model));
    effects.extend(image_shell::follow(model));
    effects.extend(events::follow(model));
    effects.extend(builds::follow(model));
    effects.extend(shells::fit(model));
    effects
}

/// The focus never stays on a pane that is not there.
fn settle_focus(model: &mut Model) {
    let there = match model.focus {
        Focus::List => true,
        Focus::Detail => model.has_detail(),
        Focus::Shell => !model.shells.is_empty(),
    };
    if !there {
        model.focus = Focus::List;
        model.zoomed = false;
    }
}

fn clock(model: &mut Model, now: i64) -> Vec<Effect> {
    model.now = now;
    model.toast.take_if(|toast| toast.until <= now);
    builds::check(model);
    if !model.samples() || now < model.next_sample {
        return Vec::new();
    }
    model.next_sample = now + SAMPLE_PERIOD;
    vec![Effect::Sample]
}

/// The areas of the panes now.
fn areas(model: &Model) -> Areas {
    Areas::of(model)
}
