//! Which view of the selection shows, and keeping it in step: whatever changes the selection need not think of that.

use super::{areas, projects};
use crate::tui::message::{Details, Effect, Generation, LogSource, Subject};
use crate::tui::model::detail::View;
use crate::tui::model::{Focus, Model, Screen};

/// Asks for other details when other ones are wanted than were asked for last.
pub fn follow(model: &mut Model) -> Option<Effect> {
    let wanted = wanted(model);
    if wanted == model.detail.wanted {
        return None;
    }
    let (detail, utc_offset) = (&mut model.detail, model.utc_offset);
    let same_page = same_subject(wanted.as_ref(), detail.wanted.as_ref());
    detail.wanted = wanted.clone();
    detail.generation = Generation(detail.generation.0 + 1);
    detail.problem = None;
    detail.stale = same_page && (detail.stale || matches!(wanted, Some(Details::Logs { .. })));
    if !same_page {
        detail.clear(utc_offset);
        detail.loading = wanted.is_some();
    }
    Some(Effect::Details(detail.generation, wanted))
}

/// Shows a view of the selection, and gives it the keys.
pub fn show(model: &mut Model, view: View) -> Vec<Effect> {
    if model.has_detail() && model.views().contains(&view) {
        model.detail.view = view;
        model.focus = Focus::Detail;
    }
    Vec::new()
}

/// Shows the next or the previous view, round and round. The keys stay where they are, unless nobody would see it.
pub fn step(model: &mut Model, forward: bool) -> Vec<Effect> {
    let Some(shown) = model.view() else { return Vec::new() };
    let views = model.views();
    let at = views.iter().position(|view| *view == shown).unwrap_or(0);
    model.detail.view = views[(at + if forward { 1 } else { views.len() - 1 }) % views.len()];
    if areas(model).detail.is_none() {
        model.focus = Focus::Detail;
    }
    Vec::new()
}

/// What the open view of the selection needs.
fn wanted(model: &Model) -> Option<Details> {
    let view = model.view()?;
    let inspect = |subject| Some(Details::Inspect { subject, version: model.detail.version });
    let files = |subject| {
        // Looking takes a while: only for somebody who sees it.
        areas(model).detail.is_some().then_some(Details::Files { subject, reading: model.detail.readings })
    };
    match model.screen {
        Screen::Images => {
            let image = Subject::Image(model.images.selected()?.reference().to_owned());
            return if view == View::Files { files(image) } else { inspect(image) };
        }
        Screen::Volumes => return inspect(Subject::Volume(model.volumes.selected()?.name.clone())),
        Screen::Projects => return projects::wanted_log(model, view),
        // Looking costs something each time: only for somebody who sees it.
        Screen::Networks => {
            let network = || Some(model.networks.selected_network()?.name.clone());
            let wanted = match view {
                View::Inspect => inspect(Subject::Network(network()?)),
                View::Rules => Some(Details::Rules { network: network()? }),
                View::Links => Some(Details::Links { container: model.current()?.id.clone() }),
                _ => Some(Details::Map),
            };
            return wanted.filter(|_| areas(model).detail.is_some());
        }
        Screen::Builds => return None,
        _ => {}
    }
    let container = model.containers.selected()?;
    let id = container.id.clone();
    match view {
        View::Log => Some(Details::Log { container: id, since: model.detail.since, run: container.started }),
        // Looking costs something each time: only for somebody who sees it.
        View::Top => (container.is_up() && areas(model).detail.is_some()).then_some(Details::Top { container: id }),
        View::Stats => None,
        View::Files => files(Subject::Container(id)),
        View::Inspect => inspect(Subject::Container(id)),
        // These are of other pages.
        View::Links | View::Rules | View::Map | View::Yaml | View::Config | View::Output | View::Dockerfile => None,
    }
}

/// Whether a new answer replaces what shows in place, so that it need not vanish before.
fn same_subject(one: Option<&Details>, other: Option<&Details>) -> bool {
    match (one, other) {
        (Some(Details::Inspect { subject: one, .. }), Some(Details::Inspect { subject: other, .. })) => one == other,
        (Some(Details::Files { subject: one, .. }), Some(Details::Files { subject: other, .. })) => one == other,
        // Of a service that gets another container most is as before.
        (Some(Details::Logs { sources: one, since }), Some(Details::Logs { sources: other, since: before })) => {
            let is_known = |source: &LogSource| other.iter().any(|known| known.container == source.container);
            since == before && (one.len() > 1) == (other.len() > 1) && one.iter().any(is_known)
        }
        _ => false,
    }
}

pub fn copy_process(model: &mut Model) -> Vec<Effect> {
    let Some(process) = model.detail.processes.list.selected() else { return Vec::new() };
    let command = process.command.clone();
    model.say("copied the command line");
    vec![Effect::Copy(command)]
}
