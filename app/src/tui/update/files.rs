//! What can be done with the files of an image or a container.

use crate::tui::message::{Effect, FileText};
use crate::tui::model::Model;
use crate::tui::model::detail;
use crate::tui::model::files::Files;
use crate::tui::model::modal::{Modal, Page};
use porthole_engine::inside::{Change, Kind};

/// Unfolds or folds a directory; a file is read, to be shown.
pub fn open(model: &mut Model) -> Vec<Effect> {
    let Some(files) = model.files_mut() else { return Vec::new() };
    if files.toggle() {
        return Vec::new();
    }
    let (Some(stack), Some(row)) = (files.stack(), files.selected()) else { return Vec::new() };
    match (row.sight.change, row.sight.object.kind) {
        (Change::Removed, _) => model.say("this layer removed it: look at a layer below"),
        (_, Kind::File) => {
            let source = stack.layers()[row.sight.layer].source.clone();
            return vec![Effect::ReadFile { source, path: stack.path(row.node) }];
        }
        (_, Kind::Directory) => model.say("an empty directory"),
        _ => model.say("only ordinary files can be read"),
    }
    Vec::new()
}

pub fn change(model: &mut Model, change: impl FnOnce(&mut Files)) -> Vec<Effect> {
    if let Some(files) = model.files_mut() {
        change(files);
    }
    Vec::new()
}

/// Reads all once more: a container goes on writing.
pub fn again(model: &mut Model) -> Vec<Effect> {
    model.detail.readings += 1;
    Vec::new()
}

pub fn copy_path(model: &mut Model) -> Vec<Effect> {
    let path = model.files().and_then(|files| Some(files.stack()?.path(files.selected()?.node)));
    let Some(path) = path.map(|path| path.display().to_string()) else { return Vec::new() };
    model.say(format!("copied {path}"));
    vec![Effect::Copy(path)]
}

/// A file was read.
pub fn read(model: &mut Model, result: Result<FileText, String>) -> Vec<Effect> {
    match result {
        // Nothing is put over a line being typed or a question.
        Ok(_) if model.modal.is_some() => {}
        Ok(FileText { title, text }) => {
            model.modal = Some(Modal::Page(Page::Output { title, text: Box::new(detail::page(&text)) }));
        }
        Err(problem) => model.complain(problem),
    }
    Vec::new()
}
