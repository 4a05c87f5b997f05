//! What keys do on the page of builds and in the editor.

use super::*;
use crate::tui::fixture::builds::{DOCKERFILE, building, editing, failed, start};
use crate::tui::fixture::{NOW, press, screen, workstation};
use crate::tui::message::SaveProblem;
use crate::tui::model::Screen;
use crate::tui::model::builds::build::{Ending, State};
use crate::tui::model::detail::View;
use crate::tui::model::modal::Modal;

/// The command line of the build that effects start.
fn built(effects: &[Effect]) -> Option<String> {
    effects.iter().find_map(|effect| if let Effect::Build { argv, .. } = effect { Some(argv.join(" ")) } else { None })
}

fn selected(model: &Model) -> String {
    model.builds.shown().and_then(|build| build.selected()).map(|step| step.what().to_owned()).unwrap_or_default()
}

fn written(effects: Vec<Effect>) -> (std::path::PathBuf, String, Option<String>) {
    match effects.into_iter().next() {
        Some(Effect::WriteSource { path, text, in_place_of }) => (path, text, in_place_of),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_form_and_a_line_start_a_build_and_show_it() {
    let mut model = workstation(120, 40);
    press(&mut model, "2B");
    assert!(matches!(model.modal, Some(Modal::Form(_))));
    let effects = press(&mut model, "shop<tab><tab>shop:1<tab><tab>A=1 B<tab><enter>");
    assert_eq!(built(&effects).as_deref(), Some("build -t shop:1 --build-arg A=1 --build-arg B shop"));
    assert_eq!((model.screen, model.modal.is_none(), model.view()), (Screen::Builds, true, Some(View::Output)));
    assert_eq!(built(&press(&mut model, ":build --no-cache .<enter>")).as_deref(), Some("build --no-cache ."));
    assert_eq!(model.builds.all().len(), 2);
    // What cannot be watched is a command like any other.
    let effects = press(&mut model, ":build --check .<enter>");
    assert!(matches!(effects.as_slice(), [Effect::Run { .. }]), "{effects:?}");
    press(&mut model, "n<tab><tab>A:::b<enter>");
    assert!(matches!(model.modal, Some(Modal::Form(_))), "the tag is none");
}

#[test]
fn the_selection_goes_with_what_runs_until_somebody_moves_it() {
    let mut model = building(120, 40);
    assert_eq!(selected(&model), "RUN make VERSION=$VERSION");
    let rows = model.builds.shown().map(|build| build.rows());
    press(&mut model, "g");
    assert_eq!(selected(&model), "load metadata for docker.io/library/debian:12");
    press(&mut model, "j");
    // The head of a stage is passed over, up and down.
    assert_eq!(selected(&model), "FROM debian:12");
    press(&mut model, "jj");
    assert_eq!(selected(&model), "FROM base");
    press(&mut model, "k");
    assert_eq!(selected(&model), "RUN apt-get update && apt-get install -y make gcc");
    let build = model.builds.shown().expect("a build").id;
    update(&mut model, Msg::BuildEnded { build, code: 130, complaint: String::new() });
    assert_eq!(selected(&model), "RUN apt-get update && apt-get install -y make gcc");
    assert_eq!(model.builds.shown().map(|build| build.rows()), rows, "steps keep their places");
    let build = model.builds.shown().expect("a build");
    assert_eq!(build.ended, Some((NOW, Ending::Cancelled)));
    let ended = build.stages.iter().flat_map(|stage| &stage.steps).filter(|step| step.state == State::Ended);
    assert_eq!((ended.count(), build.cached()), (2, (5, 12)));
}

#[test]
fn what_failed_is_selected_and_a_shell_opens_before_it() {
    let mut model = failed(120, 40);
    assert_eq!(selected(&model), "RUN make VERSION=$VERSION");
    let shown = screen(&mut model);
    for text in ["exit code: 2", "shop/Dockerfile:9", "Error 1", "e runs porthole builder shell"] {
        assert!(shown.contains(text), "{text}\n{shown}");
    }
    let effects = press(&mut model, "e");
    let Some(Effect::OpenShell { argv, .. }) = effects.first() else { panic!("{effects:?}") };
    assert_eq!(argv.join(" "), "builder shell --line 9 -t shop:1 --build-arg VERSION=1 shop");
    assert_eq!(model.focus, Focus::Shell);
}

#[test]
fn rebuilding_cancelling_and_looking_at_another() {
    let mut model = building(120, 40);
    let running = model.builds.shown().expect("a build").id;
    assert_eq!(press(&mut model, "s"), [Effect::CancelBuild(running)]);
    let again = built(&press(&mut model, "R"));
    assert_eq!(again.as_deref(), Some("build --no-cache -t shop:1 --build-arg VERSION=1 shop"));
    assert_eq!(built(&press(&mut model, "r")).as_deref(), Some("build -t shop:1 --build-arg VERSION=1 shop"));
    press(&mut model, "<<<");
    assert_eq!(model.builds.shown().map(|build| build.request.name.as_str()), Some("web:2"));
    assert!(press(&mut model, "s").is_empty(), "it has ended");
    press(&mut model, "q");
    assert!(matches!(&model.modal, Some(Modal::Confirm(confirm)) if confirm.dialog.object.contains("being built")));
}

#[test]
fn what_is_typed_is_checked_saved_and_built() {
    let mut model = editing(120, 40);
    press(&mut model, "<end> -k");
    assert!(model.wake_at().is_some_and(|at| at <= NOW + 1_000_000_000));
    let (path, text, in_place_of) = written(press(&mut model, "<f5>"));
    assert_eq!(in_place_of.as_deref(), Some(DOCKERFILE));
    assert!(text.contains("RUN make VERSION=$VERSION -k\n"));
    let effects = update(&mut model, Msg::SourceWritten { path, text, result: Ok(()) });
    assert_eq!(built(&effects).as_deref(), Some("build -t shop:1 --build-arg VERSION=1 shop"));
    assert_eq!((model.view(), model.builds.unsaved().len()), (Some(View::Dockerfile), 0));
    // Nothing has changed since: it is built at once.
    assert!(built(&press(&mut model, "<f5>")).is_some());
}

#[test]
fn changes_are_not_lost_without_a_question() {
    let mut model = editing(120, 40);
    press(&mut model, "# why<esc>");
    assert_eq!((model.focus, model.builds.unsaved()), (Focus::List, vec!["shop/Dockerfile".to_owned()]));
    press(&mut model, "r");
    assert!(matches!(&model.modal, Some(Modal::Confirm(confirm)) if confirm.dialog.title == "Save and build"));
    press(&mut model, "n");
    press(&mut model, "q");
    assert!(matches!(&model.modal, Some(Modal::Confirm(confirm)) if confirm.dialog.object.contains("is not saved")));
    press(&mut model, "n");
    // Somebody else wrote to the file meanwhile.
    let (path, text, _) = written(press(&mut model, "E<ctrl-s>"));
    let problem = Err(SaveProblem::IsAnother);
    update(&mut model, Msg::SourceWritten { path: path.clone(), text: text.clone(), result: problem });
    let (_, again, in_place_of) = written(press(&mut model, "y"));
    assert_eq!((again, in_place_of), (text.clone(), None));
    update(&mut model, Msg::SourceRead(path, Ok("FROM x\n".to_owned())));
    assert!(
        model.builds.editor().and_then(|editor| editor.source.as_ref()).is_some_and(|source| source.text() == text)
    );
}

#[test]
fn output_is_searched_and_followed_as_a_log_is() {
    let mut model = building(120, 40);
    assert!(press(&mut model, "ls").is_empty(), "here it does not stop the build");
    assert!(model.text().is_some_and(|text| !text.following()));
    press(&mut model, "/basket<enter>");
    assert_eq!(model.text().and_then(|text| text.search_text()), Some("basket"));
    press(&mut model, "<esc><esc>");
    assert_eq!(model.focus, Focus::List);
}

#[test]
fn a_dockerfile_that_cannot_be_read_says_so() {
    let mut model = workstation(120, 40);
    start(&mut model, "build nowhere");
    let effects = press(&mut model, "E");
    let Some(Effect::ReadSource(path)) = effects.into_iter().next() else { panic!("it is read") };
    update(&mut model, Msg::SourceRead(path, Err("nowhere/Dockerfile: No such file".to_owned())));
    assert!(screen(&mut model).contains("nowhere/Dockerfile: No such file"));
    assert!(press(&mut model, "x<ctrl-s>").is_empty());
}
