//! What keys and arrivals do to the model, and what is asked for in return. No engine, no terminal.

use super::*;
use crate::tui::actions::{Action, REGISTRY};
use crate::tui::fixture::{self, press, screen, workstation};
use crate::tui::message::Generation;
use crate::tui::message::{Details, Ran, ShellId, Subject};
use crate::tui::model::Screen;
use crate::tui::model::commands::Outcome;
use crate::tui::model::detail::View;
use crate::tui::model::modal::{Modal, Page};
use crate::tui::model::trace::{TraceUpdate, TraceWanted};
use crate::tui::source::{Container, Phase, Process, Since};
use porthole_widgets::key::{Key, KeyCode, Modifiers, Mouse, MouseButton, MouseKind};
use proptest::prelude::*;
use std::time::Duration;

fn model() -> Model {
    workstation(120, 40)
}

/// The command lines that effects run.
fn lines(effects: &[Effect]) -> Vec<String> {
    let line = |effect: &Effect| match effect {
        Effect::Run { argv, .. } | Effect::OpenShell { argv, .. } => Some(argv.join(" ")),
        _ => None,
    };
    effects.iter().filter_map(line).collect()
}

fn end(model: &mut Model, effects: &[Effect], code: i32, stderr: &str) -> Vec<Effect> {
    let job = effects.iter().find_map(|effect| if let Effect::Run { job, .. } = effect { Some(*job) } else { None });
    let (job, stderr) = (job.expect("something was run"), stderr.to_owned());
    update(model, Msg::Ran(Ran { job, code, stdout: String::new(), stderr }))
}

fn details(effects: &[Effect]) -> Vec<&Details> {
    effects
        .iter()
        .filter_map(|effect| if let Effect::Details(_, Some(details)) = effect { Some(details) } else { None })
        .collect()
}

#[test]
fn the_first_container_is_selected_and_its_log_followed() {
    let mut model = fixture::unread(120, 40);
    let effects = update(&mut model, Msg::Containers(Ok(fixture::containers())));
    let web = fixture::containers().remove(0);
    let wanted = Details::Log { container: web.id, since: Since::Tail, run: web.started };
    assert_eq!(details(&effects), [&wanted]);
    assert!(details(&update(&mut model, Msg::Containers(Ok(fixture::containers())))).is_empty());
}

#[test]
fn moving_the_selection_replaces_the_details_and_late_answers_are_dropped() {
    let mut model = model();
    let before = model.detail.generation;
    assert_eq!(details(&press(&mut model, "j")).len(), 1);
    update(&mut model, Msg::Log(before, fixture::log(3)));
    assert!(model.detail.text.is_empty());
    let now = model.detail.generation;
    update(&mut model, Msg::Log(now, fixture::log(3)));
    assert_eq!(model.detail.text.len(), 3);
}

#[test]
fn a_log_without_lines_says_so() {
    let mut model = model();
    press(&mut model, "j");
    assert!(!screen(&mut model).contains("not said anything"), "nothing is known yet");
    let generation = model.detail.generation;
    update(&mut model, Msg::Log(generation, Vec::new()));
    assert!(screen(&mut model).contains("it has not said anything yet"));
    press(&mut model, "l3");
    let generation = model.detail.generation;
    update(&mut model, Msg::Log(generation, Vec::new()));
    assert!(screen(&mut model).contains("it has not said anything in the last 5 min"));
}

#[test]
fn a_container_that_is_started_again_is_followed_again() {
    let mut model = model();
    let mut containers = fixture::containers();
    containers[0].phase = Phase::Exited;
    assert!(details(&update(&mut model, Msg::Containers(Ok(containers.clone())))).is_empty(), "its log stays");
    containers[0].phase = Phase::Running;
    containers[0].started += 1;
    assert_eq!(details(&update(&mut model, Msg::Containers(Ok(containers)))).len(), 1);
}

#[test]
fn a_change_is_run_as_the_command_line_that_is_shown() {
    let mut model = model();
    let effects = press(&mut model, "s");
    assert_eq!(lines(&effects), ["stop web"]);
    end(&mut model, &effects, 0, "");
    assert_eq!(model.toast.as_ref().map(|toast| (toast.text.as_str(), toast.bad)), Some(("porthole stop web", false)));
    let entry = model.commands.entries().last().expect("noted");
    assert_eq!((entry.line.as_str(), &entry.outcome), ("porthole stop web", &Outcome::Done));
}

#[test]
fn a_failure_is_told_in_the_commands_own_words() {
    let mut model = model();
    let effects = press(&mut model, "r");
    end(&mut model, &effects, 1, "porthole: web: port 8088 is in use\n");
    let toast = model.toast.as_ref().expect("told");
    assert_eq!((toast.text.as_str(), toast.bad), ("web: port 8088 is in use", true));
}

#[test]
fn all_that_is_known_of_a_container_goes_into_a_file_that_is_named() {
    let mut model = model();
    let effects = press(&mut model, "F");
    assert_eq!(lines(&effects), ["forensics -o web-20250616T120320Z.tar.zst web"]);
    end(&mut model, &effects, 0, "");
    let toast = model.toast.as_ref().map(|toast| (toast.text.as_str(), toast.bad));
    assert_eq!(toast, Some(("porthole forensics -o web-20250616T120320Z.tar.zst web", false)));
}

#[test]
fn marked_containers_are_taken_together() {
    let mut model = model();
    assert_eq!(lines(&press(&mut model, "<space><space><space>s")), ["stop web db"]);
    assert_eq!(model.containers.marked(), 0);
}

#[test]
fn what_destroys_asks_first_and_no_does_nothing() {
    for keys in ["d", "K", "2d"] {
        let mut model = model();
        assert!(lines(&press(&mut model, keys)).is_empty(), "{keys}");
        assert!(matches!(model.modal, Some(Modal::Confirm(_))), "{keys}");
        assert!(lines(&press(&mut model, "n")).is_empty() && model.modal.is_none(), "{keys}");
    }
    let mut model = model();
    assert_eq!(lines(&press(&mut model, "dy")), ["rm -f web"]);
    assert_eq!(lines(&press(&mut model, "jjdy")), ["rm job"]);
    assert!(lines(&press(&mut model, "d<enter>")).is_empty(), "enter takes the answer leaned to: no");
}

#[test]
fn a_shell_takes_every_key_but_the_leader() {
    let mut model = model();
    let opened = press(&mut model, "e");
    assert_eq!(lines(&opened), ["exec -it web sh"]);
    let typed = press(&mut model, "q?d:1");
    let bytes: Vec<u8> = typed
        .iter()
        .flat_map(|effect| if let Effect::WriteShell(_, bytes) = effect { bytes.clone() } else { Vec::new() })
        .collect();
    assert_eq!((bytes.as_slice(), model.modal.is_none()), (&b"q?d:1"[..], true));
    press(&mut model, "<ctrl-]>");
    assert_eq!((model.focus, model.shells.running()), (Focus::List, 1));
    press(&mut model, "q");
    assert!(matches!(model.modal, Some(Modal::Confirm(_))), "a program would get a hang-up");
    assert!(press(&mut model, "y").contains(&Effect::Quit));
}

#[test]
fn a_shell_has_the_size_of_its_pane() {
    let mut model = model();
    let effects = press(&mut model, "e");
    let area = areas(&model).shell.expect("it shows");
    let size = (area.width - 2, area.height - 2);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::OpenShell { size: opened, .. } if *opened == size)));
    let effects = update(&mut model, Msg::Resize(80, 24));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::ResizeShell(ShellId(0), _))));
}

#[test]
fn a_shell_that_ends_well_closes_and_one_that_fails_can_be_read() {
    let mut model = model();
    press(&mut model, "e");
    update(&mut model, Msg::ShellEnded(ShellId(0), 0));
    assert!(model.shells.is_empty());
    assert_eq!(model.focus, Focus::List);
    press(&mut model, "e");
    update(&mut model, Msg::ShellEnded(ShellId(1), 127));
    assert!(screen(&mut model).contains("ended with exit code 127"));
    press(&mut model, "x");
    assert!(model.shells.is_empty());
}

#[test]
fn the_command_line_takes_what_a_shell_takes() {
    let mut model = model();
    assert_eq!(
        lines(&press(&mut model, ":run -d --name 'a b' lab httpd -f<enter>")),
        ["run -d --name a b lab httpd -f"]
    );
    let interactive = press(&mut model, ":porthole exec -it db sh<enter>");
    assert!(matches!(interactive.as_slice(), [Effect::OpenShell { .. }, ..]));
    press(&mut model, "<ctrl-]>:stop 'web<enter>");
    assert!(model.toast.as_ref().is_some_and(|toast| toast.bad));
}

#[test]
fn history_and_completion() {
    let mut model = model();
    press(&mut model, ":stop w<tab><enter>");
    assert_eq!(model.commands.entries().last().map(|entry| entry.line.as_str()), Some("porthole stop web"));
    press(&mut model, ":<up>");
    let Some(Modal::Prompt(prompt)) = &model.modal else { panic!("still typing") };
    assert_eq!(prompt.line(), "stop web");
}

#[test]
fn output_of_several_lines_gets_a_page() {
    let mut model = model();
    let effects = press(&mut model, ":images<enter>");
    let Some(Effect::Run { job, .. }) = effects.first() else { panic!("run") };
    let stdout = "REPOSITORY TAG\nlab latest\n".to_owned();
    update(&mut model, Msg::Ran(Ran { job: *job, code: 0, stdout, stderr: String::new() }));
    assert!(matches!(model.modal, Some(Modal::Page(Page::Output { .. }))));
    assert!(screen(&mut model).contains("lab latest"));
}

#[test]
fn a_filter_works_while_it_is_typed_and_a_cancel_takes_it_back() {
    let mut model = model();
    press(&mut model, "/!lab");
    assert_eq!(model.containers.rows(), 1);
    press(&mut model, "<esc>");
    assert_eq!(model.containers.rows(), 4);
    press(&mut model, "/job<enter><esc>");
    assert_eq!((model.containers.filter(), model.containers.rows()), ("", 4));
}

#[test]
fn log_keys_are_the_logs_own() {
    let mut model = model();
    press(&mut model, "l");
    assert_eq!((model.focus, model.detail.view), (Focus::Detail, View::Log));
    let effects = press(&mut model, "4");
    assert!(matches!(details(&effects).as_slice(), [Details::Log { since: Since::Minutes(15), .. }]));
    press(&mut model, "w");
    assert!(!model.detail.text.wrap());
    press(&mut model, "s");
    assert!(!model.detail.text.following());
}

/// The details that are asked for when `i` is pressed, and answered.
fn inspecting() -> Model {
    let mut model = model();
    press(&mut model, "i");
    fixture::inspected(&mut model);
    model
}

#[test]
fn the_tree_folds_and_tells_where_one_is() {
    let mut model = inspecting();
    press(&mut model, "G<right><right>jj");
    let path = |model: &Model| model.inspect().map(|inspect| inspect.path()).unwrap_or_default();
    assert_eq!(path(&model), ".State.Pid");
    assert!(screen(&mut model).contains(".State.Pid"));
    press(&mut model, "hh");
    assert_eq!(path(&model), ".State");
    let folded = model.detail.inspect.tree.rows();
    press(&mut model, "*");
    assert!(model.detail.inspect.tree.rows() > folded + 10);
    press(&mut model, "*");
    assert_eq!(model.detail.inspect.tree.rows(), folded);
}

#[test]
fn a_search_goes_through_what_is_folded() {
    let mut model = inspecting();
    press(&mut model, "/hostport<enter>");
    let path = |model: &Model| model.inspect().map(|inspect| inspect.path()).unwrap_or_default();
    assert_eq!(path(&model), r#".NetworkSettings.Ports["80/tcp"][0].HostPort"#);
    press(&mut model, "/status<enter>");
    assert_eq!(path(&model), ".State.Health.Status");
    press(&mut model, "n");
    assert_eq!(path(&model), ".State.Status");
    press(&mut model, "N");
    assert_eq!(path(&model), ".State.Health.Status");
    press(&mut model, "<esc>");
    assert_eq!((model.detail.inspect.tree.search_text(), model.focus), (None, Focus::Detail));
    press(&mut model, "/nowhere<enter>n");
    assert_eq!(model.toast.as_ref().map(|toast| toast.text.as_str()), Some("nowhere is not found"));
}

#[test]
fn a_value_and_its_template_are_copied() {
    let mut model = inspecting();
    press(&mut model, "/hostport<enter>");
    assert!(press(&mut model, "y").contains(&Effect::Copy("8088".to_owned())));
    let template = r#"{{(index .NetworkSettings.Ports "80/tcp" 0).HostPort}}"#.to_owned();
    assert!(press(&mut model, "Y").contains(&Effect::Copy(template)));
    press(&mut model, "<enter>");
    assert!(matches!(&model.modal, Some(Modal::Page(Page::Output { title, .. })) if title.ends_with("HostPort")));
}

#[test]
fn a_change_refreshes_the_tree_and_leaves_it_as_it_is_looked_at() {
    let mut model = inspecting();
    press(&mut model, "/hostport<enter>");
    let effects = update(&mut model, Msg::Changed);
    assert!(matches!(details(&effects).as_slice(), [Details::Inspect { .. }]));
    assert!(screen(&mut model).contains("HostPort"), "the old state shows until the new one is there");
    fixture::inspected(&mut model);
    assert!(model.inspect().is_some_and(|inspect| inspect.path().ends_with("HostPort")));
    press(&mut model, "<esc><esc>j");
    assert!(model.inspect().is_none(), "nothing is known of the other yet");
    assert!(!screen(&mut model).contains("HostPort"));
    fixture::inspected(&mut model);
    assert!(model.inspect().is_some_and(|inspect| inspect.path().ends_with("HostPort")), "looked at the same way");
    let generation = model.detail.generation;
    update(&mut model, Msg::Inspected(generation, Err("no such container".to_owned())));
    assert!(screen(&mut model).contains("no such container"));
}

#[test]
fn processes_are_watched_only_while_somebody_sees_them() {
    let mut model = workstation(80, 12);
    let wanted = |model: &Model| model.detail.wanted.clone();
    press(&mut model, "P");
    let web = Details::Top { container: "a".repeat(64) };
    assert_eq!(wanted(&model), Some(web.clone()));
    press(&mut model, "<esc>");
    assert_eq!(wanted(&model), None, "there is room for the list only");
    update(&mut model, Msg::Resize(120, 40));
    assert_eq!(wanted(&model), Some(web));
    press(&mut model, "jj");
    assert_eq!(wanted(&model), None);
    assert!(screen(&mut model).contains("it does not run"));
}

#[test]
fn processes_are_sorted_filtered_and_followed() {
    let mut model = model();
    press(&mut model, "P");
    fixture::processes(&mut model, 1);
    fixture::processes(&mut model, 2);
    let selected = |model: &Model| model.detail.processes.list.selected().map(|process| process.pid.clone());
    press(&mut model, "jj");
    assert_eq!(selected(&model).as_deref(), Some("1204"));
    assert!(screen(&mut model).contains("8080 red"), "the whole command line is shown");
    press(&mut model, "ooo");
    fixture::processes(&mut model, 3);
    assert_eq!(model.detail.processes.list.row(0).map(|process| process.pid.as_str()), Some("829"), "uses most CPU");
    assert_eq!(selected(&model).as_deref(), Some("1204"));
    press(&mut model, "/httpd<enter>");
    assert_eq!((model.detail.processes.list.rows(), model.containers.rows()), (2, 4));
    press(&mut model, "<space>");
    assert_eq!((model.containers.marked(), available(&model, Action::Mark)), (0, false));
    press(&mut model, "<esc>");
    assert_eq!((model.detail.processes.list.rows(), model.focus), (3, Focus::Detail));
    assert!(press(&mut model, "gy").contains(&Effect::Copy("httpd -f -p 80".to_owned())));
    press(&mut model, "<esc>/web<enter>");
    assert_eq!(model.containers.rows(), 1, "the list has the keys again");
}

#[test]
fn events_are_asked_for_when_somebody_looks_and_only_once() {
    let mut model = model();
    assert!(press(&mut model, "6").contains(&Effect::WatchEvents));
    assert!(!press(&mut model, "16").contains(&Effect::WatchEvents));
    assert!(!screen(&mut model).contains("nothing has happened"), "nobody has answered yet");
    update(&mut model, Msg::Events(Vec::new()));
    assert!(screen(&mut model).contains("nothing has happened yet"));
    update(&mut model, Msg::EventsFailed("events: no space".to_owned()));
    assert!(screen(&mut model).contains("events: no space"));
}

#[test]
fn an_event_leads_to_what_it_happened_to() {
    let mut model = model();
    press(&mut model, "/web<enter>6");
    update(&mut model, Msg::Events(fixture::events()));
    press(&mut model, "<enter>");
    let selected = |model: &Model| model.containers.selected().map(|container| container.name.clone());
    assert_eq!((model.screen, selected(&model).as_deref()), (Screen::Containers, Some("job")));
    assert_eq!(model.containers.filter(), "", "the filter was in the way");
    press(&mut model, "6g<enter>");
    assert_eq!(model.screen, Screen::Images);
    assert_eq!(model.images.selected().map(|image| image.reference()), Some("lab:latest"));
    press(&mut model, "6/oom<enter><enter>");
    assert_eq!(model.screen, Screen::Events);
    let toast = model.toast.as_ref().map(|toast| toast.text.as_str());
    assert_eq!(toast, Some("container hungry does not exist any more"));
    press(&mut model, "<esc>");
    assert_eq!(model.events.rows(), 10);
}

#[test]
fn events_are_followed_until_somebody_looks_back() {
    let mut model = workstation(80, 12);
    press(&mut model, "6");
    update(&mut model, Msg::Events(fixture::events()));
    assert!(screen(&mut model).contains("following · 10 events"));
    press(&mut model, "k");
    update(&mut model, Msg::Events(fixture::events()));
    assert!(screen(&mut model).contains("paused · 9/20"));
    press(&mut model, "f");
    assert!(screen(&mut model).contains("following · 20 events"));
    assert_eq!(lines(&press(&mut model, "oO<space>")), [""; 0], "events keep their order");
}

#[test]
fn views_go_round_and_leave_the_keys_where_they_are() {
    let mut model = model();
    let effects = press(&mut model, "]");
    assert!(matches!(details(&effects).as_slice(), [Details::Top { .. }]));
    assert_eq!((model.view(), model.focus), (Some(View::Top), Focus::List));
    press(&mut model, "jj");
    assert_eq!(model.view(), Some(View::Top), "another container is looked at the same way");
    press(&mut model, "]]]]");
    assert_eq!(model.view(), Some(View::Log));
    press(&mut model, "[");
    assert_eq!(model.view(), Some(View::Inspect));
    press(&mut model, "2");
    assert_eq!(model.view(), Some(View::Inspect));
    let effects = press(&mut model, "3");
    assert!(matches!(details(&effects).as_slice(), [Details::Inspect { subject: Subject::Network(_), .. }]));
    let effects = press(&mut model, "[");
    assert!(matches!(details(&effects).as_slice(), [Details::Map]));
    assert_eq!((model.view(), model.focus), (Some(View::Map), Focus::List));
    press(&mut model, "5");
    assert_eq!(model.view(), None);
    press(&mut model, "1P");
    assert_eq!((model.view(), model.focus), (Some(View::Top), Focus::Detail));
    press(&mut model, "2");
    assert_eq!(model.view(), Some(View::Files), "an image has no processes");
}

#[test]
fn a_view_that_nobody_would_see_gets_the_keys() {
    let mut model = workstation(80, 12);
    assert_eq!(areas(&model).detail, None);
    press(&mut model, "]");
    assert_eq!((model.view(), model.focus), (Some(View::Top), Focus::Detail));
}

#[test]
fn the_lab_goes_from_set_up_to_trace_to_request() {
    let mut model = fixture::empty(120, 40);
    let up = press(&mut model, "L");
    assert_eq!((lines(&up), model.screen), (vec!["lab up".to_owned()], Screen::Trace));
    assert!(press(&mut model, "L").is_empty(), "once is enough");
    let traced = end(&mut model, &up, 0, "");
    assert_eq!(traced, [Effect::Trace(TraceWanted::Start("web".to_owned()))]);
    let send = update(&mut model, Msg::Trace(TraceUpdate::Ready));
    assert_eq!(lines(&send), ["lab send"]);
    update(&mut model, Msg::Trace(TraceUpdate::Snapshot(fixture::trace())));
    end(&mut model, &send, 0, "");
    assert_eq!(lines(&press(&mut model, "L")), ["lab send"], "taps are open already");
    assert_eq!(model.trace.ladder.hop(), 2, "where the address has changed");
}

#[test]
fn a_lab_that_cannot_be_set_up_says_why_and_may_be_tried_again() {
    let mut model = fixture::empty(120, 40);
    let up = press(&mut model, "L");
    end(&mut model, &up, 1, "porthole: running containers needs root\n");
    assert!(screen(&mut model).contains("needs root"));
    assert_eq!(lines(&press(&mut model, "L")), ["lab up"]);
}

#[test]
fn usage_is_sampled_only_while_somebody_sees_something_run() {
    let mut model = model();
    model.next_sample = model.now;
    let now = model.now;
    assert!(matches!(update(&mut model, Msg::Clock(now)).as_slice(), [Effect::Sample]));
    assert!(update(&mut model, Msg::Clock(now + 1)).is_empty());
    press(&mut model, "2");
    assert_eq!(model.wake_at(), None, "nothing on this page depends on the time");
    let mut idle = fixture::empty(80, 24);
    idle.toast = None;
    assert_eq!(idle.wake_at(), None);
}

#[test]
fn a_list_that_nobody_sees_is_not_sampled() {
    let mut model = model();
    assert!(model.samples());
    press(&mut model, "lz");
    assert!(!model.samples(), "only the log is on the screen");
    press(&mut model, "]]");
    assert!(model.samples(), "the charts are");
    let stopped = fixture::containers().into_iter().skip(2).collect();
    update(&mut model, Msg::Containers(Ok(stopped)));
    press(&mut model, "z");
    assert!(!model.samples(), "nothing runs");
}

#[test]
fn usage_is_in_the_list_and_sorts_it() {
    let mut model = model();
    let names = |model: &Model| -> Vec<String> {
        (0..4).filter_map(|row| Some(model.containers.row(row)?.name.clone())).collect()
    };
    press(&mut model, "oooo");
    assert_eq!(names(&model), ["db", "web", "job", "batch"], "by CPU, who uses most first");
    assert_eq!(model.containers.selected().map(|container| container.name.as_str()), Some("web"));
    let mut sample = fixture::sample(1);
    sample.usages[0].1.cgroup.cpu *= 2;
    update(&mut model, Msg::Usage(Ok(sample)));
    assert_eq!(names(&model), ["web", "db", "job", "batch"], "the order follows");
    press(&mut model, "o");
    assert_eq!(names(&model), ["db", "web", "job", "batch"], "by memory");
    update(&mut model, Msg::Containers(Ok(fixture::containers())));
    assert_eq!(names(&model), ["db", "web", "job", "batch"], "a refresh keeps what is known");
    let mut containers = fixture::containers();
    containers[1].phase = Phase::Exited;
    update(&mut model, Msg::Containers(Ok(containers)));
    assert_eq!((names(&model)[0].as_str(), model.usages.len()), ("web", 1), "what has ended uses nothing");
    update(&mut model, Msg::Usage(Err("cgroup of container web: gone".to_owned())));
    assert!(model.toast.as_ref().is_some_and(|toast| toast.bad));
}

#[test]
fn charts_show_one_container_after_the_other() {
    let mut model = model();
    fixture::history(&mut model);
    press(&mut model, "u");
    assert_eq!((model.focus, model.detail.view), (Focus::Detail, View::Stats));
    assert!(screen(&mut model).contains("of 256 M"));
    press(&mut model, "j");
    assert!(screen(&mut model).contains("88 M of 256 M"));
    press(&mut model, "j");
    assert!(screen(&mut model).contains("it does not run"));
    assert_eq!(lines(&press(&mut model, "kks")), ["stop web"], "the container's own keys work here");
    assert!(model.text().is_none() && press(&mut model, "w<ctrl-s>").is_empty());
}

#[test]
fn limits_are_changed_by_the_command_line_that_the_form_shows() {
    let mut model = model();
    press(&mut model, "U64m");
    assert!(screen(&mut model).contains("porthole update --memory 64m web"));
    let effects = press(&mut model, "<enter>");
    assert_eq!(lines(&effects), ["update --memory 64m web"]);
    assert!(press(&mut model, "<enter>").is_empty(), "once is enough");
    end(&mut model, &effects, 1, "porthole: Minimum memory limit allowed is 6MB\n");
    assert!(screen(&mut model).contains("Minimum memory limit allowed is 6MB"), "the form says it");
    assert!(model.toast.is_none() && matches!(model.modal, Some(Modal::Form(_))));
    press(&mut model, "<ctrl-u>1g");
    assert!(!screen(&mut model).contains("Minimum memory"), "another line, another answer");
    let effects = press(&mut model, "<enter>");
    end(&mut model, &effects, 0, "");
    assert!(model.modal.is_none());
    assert_eq!(model.toast.as_ref().map(|toast| toast.text.as_str()), Some("porthole update --memory 1g web"));
}

#[test]
fn a_form_does_nothing_with_nonsense_or_without_a_change() {
    let mut model = model();
    assert!(lines(&press(&mut model, "U<tab><tab>many<tab>1<enter>")).is_empty());
    let Some(Modal::Form(form)) = &model.modal else { panic!("still open") };
    assert_eq!(form.fields.form().focus(), 2, "where it is wrong");
    assert!(lines(&press(&mut model, "<esc>U<enter>")).is_empty() && model.modal.is_none());
    press(&mut model, "U");
    update(&mut model, Msg::Paste("128m".to_owned()));
    assert_eq!(lines(&press(&mut model, "<enter>")), ["update --memory 128m web"]);
}

#[test]
fn one_key_opens_a_shell_in_the_image_of_what_does_not_run() {
    let mut model = model();
    let job = "c".repeat(64);
    assert!(press(&mut model, "jj").contains(&Effect::FindImageShell(job.clone())));
    assert!(press(&mut model, "e").is_empty(), "not known yet");
    let argv: Vec<String> = ["run", "--rm", "-it", "--entrypoint", "sh", "lab"].map(str::to_owned).into();
    update(&mut model, Msg::ImageShell("d".repeat(64), Ok(vec!["another's".to_owned()])));
    update(&mut model, Msg::ImageShell(job, Ok(argv)));
    assert_eq!(lines(&press(&mut model, "e")), ["run --rm -it --entrypoint sh lab"]);
    assert_eq!(lines(&press(&mut model, "<ctrl-]>ue")), ["run --rm -it --entrypoint sh lab"], "beside the charts too");
    press(&mut model, "<ctrl-]>l<esc>j");
    update(&mut model, Msg::ImageShell("d".repeat(64), Err("its image lab has no sh".to_owned())));
    assert!(screen(&mut model).contains("its image lab has no sh"), "the reason for its failure says it too");
    assert!(lines(&press(&mut model, "e")).is_empty());
    assert!(model.toast.as_ref().is_some_and(|toast| toast.text.contains("has no sh")));
}

#[test]
fn a_start_that_fails_is_looked_at() {
    let mut model = model();
    press(&mut model, "i<esc>");
    let effects = press(&mut model, ":run -d lab nosuch<enter>");
    let error = "exec: \"nosuch\": executable file not found in $PATH";
    end(&mut model, &effects, 127, &format!("porthole: {error}\n"));
    assert!(model.toast.is_some());
    let mut containers = fixture::containers();
    let failed = Phase::Created;
    containers.push(Container {
        id: "e".repeat(64),
        name: "typo".into(),
        phase: failed,
        created: model.now + 1,
        exit_code: Some(127),
        error: error.into(),
        ..containers[2].clone()
    });
    update(&mut model, Msg::Containers(Ok(containers)));
    assert_eq!((model.detail.view, model.newcomer.is_none(), &model.toast), (View::Log, true, &None));
    let screen = screen(&mut model);
    for text in ["last lines", "127: the command was not found", "executable file not found"] {
        assert!(screen.contains(text), "{text}");
    }
}

#[test]
fn what_was_just_made_is_selected_unless_somebody_went_on() {
    let made = |keys: &str| {
        let mut model = model();
        let effects = press(&mut model, ":run -d lab<enter>");
        press(&mut model, keys);
        let Some(Effect::Run { job, .. }) = effects.first() else { panic!("run") };
        let stdout = format!("{}\n", "b".repeat(64));
        update(&mut model, Msg::Ran(Ran { job: *job, code: 0, stdout, stderr: String::new() }));
        model.containers.selected().map(|container| container.name.clone())
    };
    assert_eq!(made("").as_deref(), Some("db"));
    assert_eq!(made("2").as_deref(), Some("web"));
    assert_eq!(made("?").as_deref(), Some("web"));
}

#[test]
fn the_key_bar_shows_only_keys_that_work() {
    for keys in ["", "jj", "l", "u", "U", "2", "3", "5", "?", "d", ":", "<ctrl-p>", "t", "i", "P", "6", "8"] {
        let mut model = model();
        press(&mut model, keys);
        for spec in REGISTRY.iter().filter(|spec| spec.label.is_some() && available(&model, spec.action)) {
            let shown = crate::tui::view::hints(&model).iter().any(|hint| Some(hint.label.as_str()) == spec.label);
            let reaches = |chord| model.keymap.action(model.layers(), chord) == Some(spec.action);
            let works = model.keymap.chords(spec.action).any(reaches);
            assert!(!works || shown || spec.layer != model.home(), "{keys}: {} works and is not shown", spec.name);
        }
    }
    let mut exited = model();
    press(&mut exited, "jj");
    assert!(!available(&exited, Action::Stop) && available(&exited, Action::Start));
    assert!(!available(&exited, Action::Shell));
}

#[test]
fn a_click_selects_and_the_wheel_scrolls_what_is_under_it() {
    let mut model = model();
    screen(&mut model);
    let at = |kind, column, row| Msg::Mouse(Mouse { kind, column, row, modifiers: Modifiers::NONE });
    update(&mut model, at(MouseKind::Down(MouseButton::Left), 5, 4));
    assert_eq!(model.containers.selected().map(|container| container.name.as_str()), Some("db"));
    let generation = model.detail.generation;
    update(&mut model, Msg::Log(generation, fixture::log(100)));
    screen(&mut model);
    update(&mut model, at(MouseKind::ScrollUp, 100, 10));
    assert!(!model.detail.text.following());
    let (tab, _) = *model.places.views.iter().find(|(_, view)| *view == View::Inspect).expect("it has a tab");
    update(&mut model, at(MouseKind::Down(MouseButton::Left), tab.x + 1, tab.y));
    assert_eq!((model.view(), model.focus), (Some(View::Inspect), Focus::Detail));
    let (tab, _) = *model.places.tabs.iter().find(|(_, screen)| *screen == Screen::Networks).expect("it has a tab");
    update(&mut model, at(MouseKind::Down(MouseButton::Left), tab.x + 1, tab.y));
    assert_eq!(model.screen, Screen::Networks);
}

/// On the page of networks, with the row of a network selected, or of a container on it.
fn at_network(network: &str, container: Option<&str>) -> Model {
    let mut model = model();
    press(&mut model, "3");
    let is_there = |model: &Model| {
        let place = model.networks.selected_place().map(|place| place.container.as_str());
        place == container && model.networks.selected_network().is_some_and(|it| it.name == network)
    };
    for _ in 0..model.networks.rows().len() {
        if is_there(&model) {
            return model;
        }
        press(&mut model, "j");
    }
    panic!("there is no {network} {container:?}");
}

#[test]
fn every_network_is_in_the_picture_with_the_containers_on_it() {
    let mut model = at_network("backend", Some("db"));
    let picture = screen(&mut model);
    for name in ["docker0", "backend", "lan", "secret", "host", "none", "172.18.0.2", "6 networks · 3 containers"] {
        assert!(picture.contains(name), "{name} in {picture}");
    }
    assert_eq!(picture.matches("○ db").count(), 2, "on each of its networks: {picture}");
    assert_eq!(model.current().map(|container| container.name.as_str()), Some("db"));
    assert_eq!(model.view(), Some(View::Links));
}

#[test]
fn a_network_is_looked_at_and_a_container_leads_to_its_list() {
    let mut model = at_network("secret", None);
    let wanted = |model: &Model| model.detail.wanted.clone();
    assert_eq!(wanted(&model), Some(Details::Inspect { subject: Subject::Network("secret".into()), version: 0 }));
    press(&mut model, "]");
    assert_eq!(wanted(&model), Some(Details::Rules { network: "secret".into() }));
    press(&mut model, "<enter>");
    assert_eq!((model.view(), model.focus), (Some(View::Inspect), Focus::Detail));
    let effects = press(&mut model, "<ctrl-s><enter>");
    assert!(effects.iter().any(|effect| {
        matches!(effect, Effect::RunInto { argv, path, .. }
            if argv.join(" ") == "network inspect secret" && path.ends_with("secret.json"))
    }));
    let mut model = at_network("host", None);
    assert_eq!(model.views(), [View::Inspect, View::Map], "no rule is for it");
    press(&mut model, "c");
    assert!(model.toast.is_some_and(|toast| toast.bad && toast.text.contains("host takes no containers")));
    let mut model = at_network("backend", Some("job"));
    press(&mut model, "<enter>");
    assert_eq!(model.screen, Screen::Containers);
    assert_eq!(model.containers.selected().map(|container| container.name.as_str()), Some("job"));
}

#[test]
fn a_network_is_made_by_the_command_line_that_the_form_shows() {
    let mut model = at_network("bridge", None);
    press(&mut model, "nmine<tab>m<tab>10.9.0.0/24<tab><tab><tab>lab0");
    let line = "network create --driver macvlan --subnet 10.9.0.0/24 --opt parent=lab0 mine";
    assert!(screen(&mut model).contains("porthole network create --driver macvlan"));
    let effects = press(&mut model, "<enter>");
    assert_eq!(lines(&effects), [line]);
    end(&mut model, &effects, 1, "porthole: 10.9.0.0/24 overlaps 10.9.0.0/16 of network other\n");
    assert!(screen(&mut model).contains("overlaps 10.9.0.0/16 of network other"), "the form says it");
    press(&mut model, "<tab>y");
    let effects = press(&mut model, "<enter>");
    assert_eq!(
        lines(&effects),
        ["network create --driver macvlan --subnet 10.9.0.0/24 --opt parent=lab0 --internal mine"]
    );
    end(&mut model, &effects, 0, "");
    assert!(model.modal.is_none());
    let mut networks = fixture::networks();
    networks.all.insert(1, crate::tui::source::Network { name: "mine".into(), ..Default::default() });
    update(&mut model, Msg::Networks(Ok(networks)));
    assert_eq!(model.networks.network_row().map(|network| network.name.as_str()), Some("mine"));
}

#[test]
fn containers_are_connected_and_disconnected() {
    let mut model = at_network("backend", Some("db"));
    press(&mut model, "c");
    let picture = screen(&mut model);
    assert!(picture.contains("Connect to backend") && picture.contains("porthole network connect backend web"));
    let Some(Modal::Choice(choice)) = &model.modal else { panic!("something to choose from") };
    assert_eq!(choice.commands.len(), 2, "web and batch: the others are on it");
    assert_eq!(lines(&press(&mut model, "we<enter>")), ["network connect backend web"]);
    assert!(lines(&press(&mut model, "c<esc>")).is_empty() && model.modal.is_none());
    press(&mut model, "x");
    let picture = screen(&mut model);
    assert!(picture.contains("porthole network disconnect backend db") && picture.contains("172.18.0.2"), "{picture}");
    assert_eq!(lines(&press(&mut model, "y")), ["network disconnect backend db"]);
    assert!(lines(&press(&mut at_network("backend", None), "x")).is_empty());
}

#[test]
fn networks_are_removed_after_a_question_that_tells_what_is_on_them() {
    let asked = |model: &mut Model| {
        press(model, "d");
        let Some(Modal::Confirm(confirm)) = &model.modal else { panic!("it asks") };
        confirm.dialog.depends.clone()
    };
    let mut model = at_network("backend", None);
    assert_eq!(asked(&mut model), ["On it: db. It stays until nobody is.", "Connected to it, but not running: job."]);
    assert_eq!(lines(&press(&mut model, "y")), ["network rm backend"]);
    assert_eq!(
        asked(&mut at_network("secret", None)),
        ["br-77aa01b2c3d4 and its rules go; its addresses are free again."]
    );
    for (network, container) in [("bridge", None), ("none", None), ("backend", Some("db"))] {
        let mut model = at_network(network, container);
        press(&mut model, "d");
        assert!(model.modal.is_none() && model.toast.is_some_and(|toast| toast.bad), "{network}");
    }
    press(&mut model, "P");
    assert!(screen(&mut model).contains("These go: lan, secret."));
    assert_eq!(lines(&press(&mut model, "y")), ["network prune -f"]);
}

#[test]
fn interfaces_are_attached_by_a_command_line_that_is_begun() {
    let mut model = at_network("bridge", Some("web"));
    press(&mut model, "a");
    assert_eq!(
        lines(&press(&mut model, "br9 --ip 10.9.0.7/24<enter>")),
        ["network attach web --link br9 --ip 10.9.0.7/24"]
    );
    assert_eq!(lines(&press(&mut model, "Aeth1<enter>")), ["network detach web eth1"]);
    assert_eq!(press(&mut model, "y").first(), Some(&Effect::Copy("172.17.0.2".into())));
}

/// Anything that may arrive.
fn arrival() -> impl Strategy<Value = Msg> {
    let code = prop_oneof![
        6 => proptest::char::range('!', '~').prop_map(KeyCode::Char),
        1 => Just(KeyCode::Char(' ')),
        1 => prop::sample::select(vec![
            KeyCode::Enter, KeyCode::Esc, KeyCode::Tab, KeyCode::Backspace, KeyCode::Up, KeyCode::Down, KeyCode::Left,
            KeyCode::Right, KeyCode::Home, KeyCode::End, KeyCode::PageUp, KeyCode::PageDown, KeyCode::Delete,
        ]),
    ];
    let modifiers = prop_oneof![5 => Just(Modifiers::NONE), 1 => Just(Modifiers::CTRL), 1 => Just(Modifiers::SHIFT)];
    let key = (code, modifiers).prop_map(|(code, modifiers)| Msg::Key(Key { code, modifiers }));
    let kind = prop::sample::select(vec![
        MouseKind::Down(MouseButton::Left),
        MouseKind::ScrollUp,
        MouseKind::ScrollDown,
        MouseKind::Drag(MouseButton::Left),
    ]);
    let mouse = (kind, 0u16..220, 0u16..60)
        .prop_map(|(kind, column, row)| Msg::Mouse(Mouse { kind, column, row, modifiers: Modifiers::NONE }));
    prop_oneof![
        12 => key,
        2 => mouse,
        2 => (1u16..210, 1u16..60).prop_map(|(columns, rows)| Msg::Resize(columns, rows)),
        1 => "\\PC{0,20}".prop_map(Msg::Paste),
        1 => prop::collection::vec(any::<u8>(), 0..60).prop_map(|bytes| Msg::ShellOutput(ShellId(0), bytes)),
        1 => (0u32..3, 0i32..2).prop_map(|(shell, code)| Msg::ShellEnded(ShellId(shell), code)),
        1 => prop::sample::subsequence(fixture::containers(), 0..=4).prop_map(|some| Msg::Containers(Ok(some))),
        1 => (0u64..30).prop_map(|generation| Msg::Log(Generation(generation), fixture::log(9))),
        1 => Just(()).prop_map(|()| Msg::Events(fixture::events())),
        1 => (0u64..30, 0i64..9).prop_map(|(generation, at)| {
            let process = Process {
                pid: at.to_string(), uid: 0, start: 1, time: Duration::from_secs(1), cpu: None, command: "sh".to_owned(),
            };
            Msg::Processes(Generation(generation), Ok((at, vec![process])))
        }),
        1 => (0u64..30, ".{0,9}").prop_map(|(generation, text)| {
            Msg::Inspected(Generation(generation), Ok(serde_json::json!({ "Name": text, "State": { "List": [text] } })))
        }),
        1 => Just(()).prop_map(|()| Msg::Trace(TraceUpdate::Snapshot(fixture::trace()))),
        1 => prop::sample::subsequence(fixture::networks().all, 0..=6).prop_map(|all| {
            Msg::Networks(Ok(crate::tui::source::Networks { all, ..fixture::networks() }))
        }),
        1 => prop::sample::subsequence(fixture::troubled(), 0..=7).prop_map(|some| Msg::Containers(Ok(some))),
        1 => (-300i64..300).prop_map(|at| Msg::Usage(Ok(fixture::sample(at)))),
        1 => Just(()).prop_map(|()| Msg::ImageShell("c".repeat(64), Ok(vec!["run".to_owned()]))),
        1 => (0i64..9_000_000_000_000).prop_map(|later| Msg::Clock(fixture::NOW + later)),
        1 => (0usize..8, 0i32..2, ".{0,30}").prop_map(|(job, code, stdout)| {
            Msg::Ran(Ran { job, code, stdout: stdout.clone() + "\n" + &stdout, stderr: stdout })
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_arrives_in_any_order_makes_it_panic(
        size in (1u16..130, 1u16..45),
        arrivals in prop::collection::vec(arrival(), 1..60),
        empty in any::<bool>(),
    ) {
        let mut model = if empty { fixture::empty(size.0, size.1) } else { workstation(size.0, size.1) };
        for message in arrivals {
            update(&mut model, message);
            screen(&mut model);
        }
    }
}

#[test]
fn a_volume_is_inspected_and_removed_with_a_warning() {
    let mut model = model();
    let effects = press(&mut model, "4");
    let wanted = Details::Inspect { subject: Subject::Volume("dbdata".into()), version: 0 };
    assert_eq!(details(&effects), [&wanted]);
    press(&mut model, "d");
    let Some(Modal::Confirm(confirm)) = &model.modal else { panic!("it asks") };
    assert_eq!(confirm.dialog.depends, ["dbdata is used by db: it stays."]);
    assert_eq!(lines(&press(&mut model, "y")), ["volume rm dbdata"]);
    press(&mut model, "P");
    assert_eq!(lines(&press(&mut model, "y")), ["volume prune -f"]);
    assert_eq!(lines(&press(&mut model, "/pict<enter>")), [""; 0]);
    assert_eq!(model.volumes.selected().map(|volume| volume.name.as_str()), Some("pictures"));
}

#[test]
fn a_registry_is_looked_through_down_to_a_tag_that_is_pulled() {
    let mut model = model();
    press(&mut model, "2b");
    assert_eq!(press(&mut model, "localhost:5000/<enter>"), [Effect::ListRepositories("localhost:5000".into())]);
    assert!(screen(&mut model).contains("localhost:5000 is being asked"));
    let names = |names: &[&str]| Ok(names.iter().map(|name| (*name).to_owned()).collect());
    update(&mut model, Msg::Repositories("elsewhere".into(), names(&["stranger"])));
    assert!(!screen(&mut model).contains("stranger"));
    update(&mut model, Msg::Repositories("localhost:5000".into(), names(&["debian", "team/web"])));
    let effects = press(&mut model, "web<enter>");
    let wanted = Effect::ListTags { host: "localhost:5000".into(), repository: "team/web".into() };
    assert_eq!(effects, [wanted]);
    press(&mut model, "<esc>");
    assert!(
        screen(&mut model).contains("debian") || screen(&mut model).contains("team/web"),
        "back to the repositories"
    );
    press(&mut model, "<enter>");
    let tags = |result| Msg::Tags { host: "localhost:5000".into(), repository: "team/web".into(), result };
    update(&mut model, tags(names(&["1.0", "2.0"])));
    assert_eq!(lines(&press(&mut model, "2.0<enter>")), ["pull localhost:5000/team/web:2.0"]);
    assert!(model.modal.is_none());

    press(&mut model, "<ctrl-]>2b<enter>");
    update(&mut model, Msg::Repositories("localhost:5000".into(), Err("localhost:5000 does not answer".into())));
    assert!(model.modal.is_none());
    assert_eq!(model.toast.as_ref().map(|toast| toast.text.as_str()), Some("localhost:5000 does not answer"));
}

fn with_files() -> Model {
    let mut model = model();
    let effects = press(&mut model, "f");
    let web = fixture::containers().remove(0);
    let wanted = Details::Files { subject: Subject::Container(web.id), reading: 0 };
    assert_eq!(details(&effects), [&wanted]);
    let generation = model.detail.generation;
    update(&mut model, Msg::Files(generation, Ok(fixture::stack())));
    model
}

#[test]
fn files_are_found_unfolded_and_read_from_their_layer() {
    let mut model = with_files();
    let names = |model: &Model| {
        let files = model.files().expect("files");
        let stack = files.stack().expect("a stack");
        let name = |row: &crate::tui::model::files::Row| String::from_utf8_lossy(stack.name(row.node)).into_owned();
        files.rows().iter().map(name).collect::<Vec<_>>()
    };
    assert_eq!(names(&model), ["bin", "etc", "srv", "tmp", "var"]);
    press(&mut model, "j<enter>");
    assert_eq!(names(&model), ["bin", "etc", "motd", "passwd", "srv", "tmp", "var"]);
    let effects = press(&mut model, "jj<enter>");
    let [Effect::ReadFile { source, path }] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!((source.made_by.as_str(), path.as_path()), ("container web", std::path::Path::new("/etc/passwd")));
    press(&mut model, "h");
    assert_eq!(model.files().and_then(|files| files.selected().map(|row| row.depth)), Some(0));
    press(&mut model, "/status<enter>");
    assert_eq!(names(&model).last().map(String::as_str), Some("status"));
    assert!(!names(&model).contains(&"main.py".to_owned()), "what a shorter text had found is folded again");
    press(&mut model, "<esc>r");
    assert!(matches!(&model.detail.wanted, Some(Details::Files { reading: 1, .. })));
    let generation = model.detail.generation;
    update(&mut model, Msg::Files(generation, Ok(fixture::stack())));
    assert_eq!(names(&model).last().map(String::as_str), Some("status"), "it stays unfolded");
}

#[test]
fn one_layer_shows_what_it_changes() {
    let mut model = with_files();
    let rows = |model: &Model| model.files().expect("files").rows().len();
    press(&mut model, "..");
    assert_eq!(rows(&model), 2, "etc and srv");
    press(&mut model, "...");
    assert_eq!(rows(&model), 2, "etc and tmp; there is no layer above");
    press(&mut model, ",,,");
    assert_eq!(rows(&model), 5);
}

/// The workstation with projects; `shop` of the working directory is selected.
fn projects() -> Model {
    fixture::projects::opened(120, 40, false)
}

#[test]
fn files_of_projects_are_read_once_somebody_looks_and_when_others_are_there() {
    let mut model = workstation(120, 40);
    update(&mut model, Msg::Containers(Ok(fixture::projects::all())));
    let watched = |effects: &[Effect]| {
        let origins =
            |effect: &Effect| if let Effect::WatchProjects(origins) = effect { Some(origins.clone()) } else { None };
        effects.iter().find_map(origins)
    };
    let names: Vec<_> =
        watched(&press(&mut model, "7")).expect("they are").into_iter().map(|origin| origin.name).collect();
    assert_eq!(names, [None, Some("blog".into()), Some("shop".into()), Some("wiki".into())]);
    assert_eq!(watched(&press(&mut model, "17")), None);
    assert_eq!(watched(&update(&mut model, Msg::Containers(Ok(fixture::projects::all())))), None);
    assert_eq!(watched(&update(&mut model, Msg::Containers(Ok(Vec::new())))).map(|origins| origins.len()), Some(1));
}

#[test]
fn what_is_done_with_a_project_or_a_service_is_a_command_line_in_a_terminal() {
    for (keys, line) in [
        ("u", "compose up -d"),
        ("b", "compose up -d --build"),
        ("s", "compose stop"),
        ("p", "compose pull"),
        ("jju", "compose up -d db"),
        ("jjr", "compose restart db"),
        ("jje", "compose exec db sh"),
        ("jjb", "compose up -d --build db"),
        ("dy", "compose down"),
        ("jjdy", "compose down db"),
        // The file of blog is gone.
        ("jjjjjjs", "compose --project-directory /srv/blog -p blog stop"),
        ("Gr", "compose -f /srv/wiki/compose.yaml -p wiki restart wiki"),
    ] {
        let mut model = projects();
        let effects = press(&mut model, keys);
        assert_eq!(lines(&effects), [line], "{keys}");
        assert!(effects.iter().any(|effect| matches!(effect, Effect::OpenShell { .. })), "{keys}");
        assert_eq!(model.focus, Focus::Shell);
        // All went well: the terminal closes by itself.
        update(&mut model, Msg::ShellEnded(ShellId(0), 0));
        assert_eq!(model.focus, Focus::List, "{keys}");
    }
}

#[test]
fn taking_a_project_down_asks_with_the_command_line() {
    let mut model = projects();
    assert!(lines(&press(&mut model, "d")).is_empty());
    let Some(Modal::Confirm(confirm)) = &model.modal else { panic!("it asks") };
    assert_eq!(confirm.dialog.command, "porthole compose down");
    assert_eq!(confirm.dialog.object, "project shop");
    assert!(lines(&press(&mut model, "n")).is_empty() && model.modal.is_none());
}

#[test]
fn scaling_begins_the_command_line() {
    let mut model = projects();
    press(&mut model, "+");
    assert!(model.modal.is_none(), "a project has no number");
    press(&mut model, "jjjjj+");
    let Some(Modal::Prompt(prompt)) = &model.modal else { panic!("a line") };
    assert_eq!(prompt.line(), "compose scale mail=2");
}

#[test]
fn the_log_is_that_of_all_services_or_of_the_selected_one() {
    let mut model = projects();
    let Some(Details::Logs { sources, .. }) = model.detail.wanted.clone() else { panic!("a log") };
    let prefixes: Vec<&str> = sources.iter().map(|source| source.prefix.as_str()).collect();
    assert_eq!(prefixes[0], "\x1b[33mdb-1       | \x1b[0m");
    assert_eq!(prefixes.len(), 5);
    press(&mut model, "jj");
    let Some(Details::Logs { sources, .. }) = model.detail.wanted.clone() else { panic!("a log") };
    assert_eq!((sources.len(), sources[0].prefix.as_str()), (1, ""), "of one there is nothing to tell apart");
    // A project that there is nothing of has no log.
    update(&mut model, Msg::Containers(Ok(Vec::new())));
    assert_eq!(model.detail.wanted, None);
}

#[test]
fn a_log_stays_until_that_with_one_more_container_is_there() {
    let mut model = projects();
    fixture::projects::said(&mut model);
    press(&mut model, "l&query<enter>");
    let lines = model.detail.text.len();
    let more = Container { id: "1".repeat(64), ..fixture::projects::all().remove(4) };
    update(&mut model, Msg::Containers(Ok(fixture::projects::all().into_iter().chain([more]).collect())));
    assert_eq!((model.detail.text.len(), model.detail.loading), (lines, false));
    let generation = model.detail.generation;
    update(&mut model, Msg::Log(generation, fixture::log(1)));
    assert_eq!((model.detail.text.len(), model.detail.text.filter_text()), (1, Some("query")));
    // The log of another service is another log.
    press(&mut model, "<esc><esc>jj");
    assert!(model.detail.text.is_empty() && model.detail.loading);
}

#[test]
fn the_file_opens_at_the_service_and_where_something_is_wrong() {
    let mut model = projects();
    press(&mut model, "jjf");
    let cursor = |model: &Model| model.projects.file.source.as_ref().expect("a text").cursor();
    assert_eq!((model.view(), cursor(&model)), (Some(View::Yaml), (3, 2)));
    press(&mut model, "jj");
    assert_eq!(cursor(&model), (5, 2), "who goes elsewhere in it stays there");
    update(&mut model, Msg::Projects(fixture::projects::definitions(false)));
    assert_eq!(cursor(&model), (5, 2));
    update(&mut model, Msg::Projects(fixture::projects::definitions(true)));
    assert_eq!(cursor(&model), (4, 4));
    let marks = model.projects.file.source.as_ref().expect("a text").marks().len();
    assert_eq!((marks, model.projects.config.source.is_none()), (1, true));
    assert_eq!(model.projects.selected_service().map(|service| service.described.name.as_str()), Some("db"));
    press(&mut model, "<esc>jj<tab>]");
    assert_eq!(model.view(), Some(View::Config));
}

#[test]
fn a_service_leads_to_its_container_and_a_project_folds() {
    let mut model = projects();
    let rows = model.projects.rows();
    press(&mut model, "<enter>");
    assert_eq!(model.projects.rows(), rows - 5);
    press(&mut model, "<right>jj");
    assert_eq!(model.projects.rows(), rows);
    press(&mut model, "<left>");
    assert_eq!(model.projects.selected_service(), None, "the project is selected when its services are hidden");
    press(&mut model, "<right>jj<enter>");
    assert_eq!(model.screen, Screen::Containers);
    assert_eq!(model.containers.selected().map(|container| container.name.as_str()), Some("shop-db-1"));
}

#[test]
fn the_project_of_the_working_directory_is_there_before_it_is_made() {
    let mut model = projects();
    update(&mut model, Msg::Containers(Ok(Vec::new())));
    let all: Vec<(&str, bool)> =
        model.projects.all().iter().map(|project| (project.name.as_str(), project.here)).collect();
    assert_eq!(all, [("shop", true)]);
    assert!(screen(&mut model).contains("not created"));
    assert_eq!(lines(&press(&mut model, "u")), ["compose up -d"]);
}
