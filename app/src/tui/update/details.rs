//! Keeps the details in step with the selection: whatever changes the selection need not think of them.

use crate::tui::message::{Details, Effect, Generation};
use crate::tui::model::detail::View;
use crate::tui::model::{Model, Screen};

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
    if !same_page {
        detail.clear(matches!(wanted, Some(Details::Log { .. })).then_some(detail.times), utc_offset);
        detail.loading = wanted.is_some();
    }
    Some(Effect::Details(detail.generation, wanted))
}

/// Has the processes asked for anew, if they are what is shown.
pub fn refresh_processes(model: &mut Model) {
    if model.detail.view == View::Top && !model.detail.read {
        model.detail.sample += 1;
    }
}

fn wanted(model: &Model) -> Option<Details> {
    match model.screen {
        Screen::Containers => {
            let container = model.containers.selected()?;
            match model.detail.view {
                View::Log => {
                    let (since, run) = (model.detail.since, container.started);
                    Some(Details::Log { container: container.id.clone(), since, run })
                }
                View::Inspect => {
                    let version = (container.phase as u8, container.since);
                    Some(Details::Inspect { name: container.id.clone(), version })
                }
                View::Top if container.is_up() => {
                    Some(Details::Top { container: container.id.clone(), sample: model.detail.sample })
                }
                View::Top => None,
            }
        }
        Screen::Images => {
            let name = model.images.selected()?.reference().to_owned();
            Some(Details::Inspect { name, version: (0, 0) })
        }
        Screen::Networks | Screen::Trace => None,
    }
}

/// Whether a new answer replaces the text in place, so that scroll position and search stay.
fn same_subject(one: Option<&Details>, other: Option<&Details>) -> bool {
    match (one, other) {
        (Some(Details::Inspect { name: one, .. }), Some(Details::Inspect { name: other, .. })) => one == other,
        (Some(Details::Top { container: one, .. }), Some(Details::Top { container: other, .. })) => one == other,
        _ => false,
    }
}
