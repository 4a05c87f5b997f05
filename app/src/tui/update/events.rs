//! What has happened: asked for once somebody wants to see it, and followed to the container that it happened to.

use crate::tui::message::Effect;
use crate::tui::model::{Model, Screen};
use crate::tui::source::Event;

/// Asks to be told of events when they are looked at for the first time.
pub fn follow(model: &mut Model) -> Option<Effect> {
    if model.events.watched || model.screen != Screen::Events {
        return None;
    }
    model.events.watched = true;
    Some(Effect::WatchEvents)
}

pub fn arrived(model: &mut Model, events: Vec<Event>) -> Vec<Effect> {
    model.events.push(events);
    Vec::new()
}

pub fn failed(model: &mut Model, problem: String) -> Vec<Effect> {
    model.complain(problem.clone());
    model.events.problem = Some(problem);
    Vec::new()
}

/// Shows the container, image or volume of the selected event in its list, if it still exists.
pub fn open(model: &mut Model) -> Vec<Effect> {
    let Some(Event { kind, id, name, .. }) = model.events.selected().cloned() else { return Vec::new() };
    let screen = if kind == "image" && reveal_image(model, &id, &name) {
        Screen::Images
    } else if kind == "volume" && model.volumes.reveal(&name) {
        Screen::Volumes
    } else if kind == "container" && model.containers.reveal(&id) {
        Screen::Containers
    } else {
        model.say(format!("{kind} {name} does not exist any more"));
        return Vec::new();
    };
    model.open(screen);
    Vec::new()
}

/// The name of the event when the image still has it, any other otherwise.
fn reveal_image(model: &mut Model, id: &str, name: &str) -> bool {
    let names = model.images.all().iter().filter(|image| image.id == id).map(|image| image.reference().to_owned());
    let found = names.max_by_key(|reference| reference == name);
    found.is_some_and(|reference| model.images.reveal(&reference))
}
