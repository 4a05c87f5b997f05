//! What can be done with the tree of all that is known; and searching, which texts know too.

use crate::tui::actions::Action;
use crate::tui::message::Effect;
use crate::tui::model::Model;
use crate::tui::model::detail;
use crate::tui::model::modal::{Modal, Page};

/// Unfolds or folds what is selected; what has no parts is shown whole.
pub fn toggle(model: &mut Model) -> Vec<Effect> {
    let Some(inspect) = model.inspect_mut() else { return Vec::new() };
    if !inspect.tree.toggle()
        && let Some(text) = inspect.tree.leaf()
    {
        let (title, text) = (inspect.path(), Box::new(detail::page(&text)));
        model.modal = Some(Modal::Page(Page::Output { title, text }));
    }
    Vec::new()
}

pub fn fold(model: &mut Model, action: Action) -> Vec<Effect> {
    if let Some(inspect) = model.inspect_mut() {
        match action {
            Action::Unfold => inspect.tree.unfold(),
            Action::Fold => inspect.tree.fold(),
            _ => inspect.tree.toggle_all(),
        }
    }
    Vec::new()
}

pub fn copy_value(model: &mut Model) -> Vec<Effect> {
    let Some(inspect) = model.inspect() else { return Vec::new() };
    let text = inspect.text();
    model.say("copied the value");
    vec![Effect::Copy(text)]
}

pub fn copy_path(model: &mut Model) -> Vec<Effect> {
    let Some(inspect) = model.inspect() else { return Vec::new() };
    let template = inspect.template();
    model.say(format!("copied {template}"));
    vec![Effect::Copy(template)]
}

/// What is searched in the text or tree that shows.
pub fn search_text(model: &Model) -> Option<&str> {
    if let Some(files) = model.files() {
        return Some(files.search_text()).filter(|text| !text.is_empty());
    }
    match model.text() {
        Some(text) => text.search_text(),
        None => model.inspect()?.tree.search_text(),
    }
}

/// Searches there; an empty text ends the search.
pub fn search(model: &mut Model, wanted: &str) {
    if let Some(files) = model.files_mut() {
        files.search(wanted);
    } else if let Some(inspect) = model.inspect_mut() {
        match wanted {
            "" => inspect.tree.clear_search(),
            wanted => inspect.tree.search(wanted),
        }
    } else if let Some(text) = model.text_mut() {
        match wanted {
            "" => text.clear_search(),
            wanted => text.search(wanted),
        }
    }
}

/// To the next match there, or the one before.
pub fn search_on(model: &mut Model, forward: bool) -> Vec<Effect> {
    let Some(wanted) = search_text(model).map(str::to_owned) else { return Vec::new() };
    if let Some(files) = model.files_mut() {
        files.search_next(forward);
        return Vec::new();
    }
    let found = match (model.inspect_mut(), forward) {
        (Some(inspect), true) => inspect.tree.search_next(),
        (Some(inspect), false) => inspect.tree.search_previous(),
        (None, true) => model.text_mut().is_some_and(|text| text.search_next()),
        (None, false) => model.text_mut().is_some_and(|text| text.search_previous()),
    };
    if !found {
        model.say(format!("{wanted} is not found"));
    }
    Vec::new()
}
