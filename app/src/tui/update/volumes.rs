//! What can be done with volumes.

use super::confirm;
use crate::tui::message::Effect;
use crate::tui::model::Model;
use crate::tui::model::modal::Then;

pub fn remove(model: &mut Model) -> Vec<Effect> {
    let targets = model.volumes.targets();
    if targets.is_empty() {
        return Vec::new();
    }
    let names: Vec<String> = targets.iter().map(|volume| volume.name.clone()).collect();
    let used = targets.iter().filter(|volume| !volume.used_by.is_empty());
    let mut effects: Vec<String> =
        used.map(|volume| format!("{} is used by {}: it stays.", volume.name, volume.used_by.join(", "))).collect();
    if effects.len() < targets.len() {
        effects.push("The data in it is deleted, and cannot be brought back.".to_owned());
    }
    let object = match names.as_slice() {
        [one] => format!("volume {one}"),
        many => format!("{} volumes: {}", many.len(), many.join(", ")),
    };
    let argv = ["volume", "rm"].map(str::to_owned).into_iter().chain(names).collect();
    confirm::ask(model, "Remove", object, effects, Then::Run(argv))
}

pub fn prune(model: &mut Model) -> Vec<Effect> {
    let unused = model.volumes.all().iter().filter(|volume| volume.anonymous && volume.used_by.is_empty()).count();
    if unused == 0 {
        model.say("every volume has a name or is used");
        return Vec::new();
    }
    let object = crate::tui::human::count(
        unused,
        "volume that nobody named and no container uses",
        "volumes that nobody named and no container uses",
    );
    let effects = vec!["The data in them is deleted. Volumes with a name stay.".to_owned()];
    confirm::ask(model, "Remove", object, effects, Then::Run(["volume", "prune", "-f"].map(str::to_owned).into()))
}

pub fn copy_mountpoint(model: &mut Model) -> Vec<Effect> {
    let Some(volume) = model.volumes.selected() else { return Vec::new() };
    let place = volume.mountpoint.clone();
    model.say(format!("copied {place}"));
    vec![Effect::Copy(place)]
}
