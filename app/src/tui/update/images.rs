//! What can be done with images.

use super::{confirm, prompts};
use crate::tui::message::Effect;
use crate::tui::model::Model;
use crate::tui::model::modal::Then;
use crate::tui::model::prompt::Purpose;
use crate::tui::words;

pub fn run(model: &mut Model) -> Vec<Effect> {
    prefill(model, |reference| format!("run -it --rm {reference} "))
}

pub fn tag(model: &mut Model) -> Vec<Effect> {
    prefill(model, |reference| format!("tag {reference} "))
}

pub fn push(model: &mut Model) -> Vec<Effect> {
    prefill(model, |reference| format!("push {reference}"))
}

fn prefill(model: &mut Model, line: impl Fn(&str) -> String) -> Vec<Effect> {
    let Some(image) = model.images.selected() else { return Vec::new() };
    let line = line(&words::quote(image.reference()));
    prompts::open(model, Purpose::Command, &line)
}

pub fn remove(model: &mut Model) -> Vec<Effect> {
    let targets = model.images.targets();
    if targets.is_empty() {
        return Vec::new();
    }
    let references: Vec<String> = targets.iter().map(|image| image.reference().to_owned()).collect();
    let mut effects = Vec::new();
    for image in &targets {
        let names = model.images.all().iter().filter(|other| other.id == image.id).count();
        effects.push(match names {
            1 => format!("{} loses its last name: its layers are deleted.", image.short_id()),
            names => format!("{} keeps its {} other names, and all its layers.", image.short_id(), names - 1),
        });
        if !image.used_by.is_empty() {
            effects.push(format!("{} was made from it.", image.used_by.join(", ")));
        }
    }
    let object = match references.as_slice() {
        [one] => format!("image {one}"),
        many => format!("{} images: {}", many.len(), many.join(", ")),
    };
    let argv = std::iter::once("rmi".to_owned()).chain(references).collect();
    confirm::ask(model, "Remove", object, effects, Then::Run(argv))
}

pub fn copy_id(model: &mut Model) -> Vec<Effect> {
    let Some(image) = model.images.selected() else { return Vec::new() };
    let id = image.id.clone();
    model.say("copied the id");
    vec![Effect::Copy(id)]
}
