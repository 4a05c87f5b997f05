//! What each action does.

use super::{
    builds, confirm, containers, details, events, files, forms, image_shell, images, inspect, lab, lists, moves,
    networks, projects, prompts, registry, shells, texts, trace, volumes,
};
use crate::tui::actions::Action;
use crate::tui::message::Effect;
use crate::tui::model::detail::View;
use crate::tui::model::files::Files;
use crate::tui::model::modal::{Modal, Page};
use crate::tui::model::network_form::NetworkForm;
use crate::tui::model::prompt::Purpose;
use crate::tui::model::{Focus, Model, Screen};
use crate::tui::source::Since;
use porthole_themes::Theme;
use porthole_widgets::help::HelpState;
use porthole_widgets::source::Source;

/// Performs an action in the present state; one that makes no sense now does nothing, or says why.
pub fn perform(model: &mut Model, action: Action) -> Vec<Effect> {
    use Action::*;
    match action {
        ShowContainers => screen(model, Screen::Containers),
        ShowImages => screen(model, Screen::Images),
        ShowNetworks => screen(model, Screen::Networks),
        ShowVolumes => screen(model, Screen::Volumes),
        ShowTrace => screen(model, Screen::Trace),
        ShowEvents => screen(model, Screen::Events),
        ShowProjects => screen(model, Screen::Projects),
        ShowBuilds => screen(model, Screen::Builds),
        MoveUp | MoveDown | PageUp | PageDown | HalfUp | HalfDown | MoveFirst | MoveLast => moves::go(model, action),
        FocusNext => moves::cycle(model, true),
        FocusPrevious => moves::cycle(model, false),
        NextView => details::step(model, true),
        PreviousView => details::step(model, false),
        Zoom => quiet(model, |model| model.zoomed = !model.zoomed),
        Back => moves::back(model),
        FocusShell => shells::focus(model),
        NextShell => shells::step(model, true),
        PreviousShell => shells::step(model, false),
        CloseShell => shells::close(model),
        LabSend => lab::begin(model),
        LabDown => lab::down(model),
        Command => prompts::open(model, Purpose::Command, ""),
        Palette => prompts::open_palette(model),
        CommandLog => quiet(model, |model| model.modal = Some(Modal::Page(Page::Commands { selected: 0 }))),
        NextTheme => next_theme(model),
        ToggleMouse => toggle_mouse(model),
        Redraw => vec![Effect::Redraw],
        Suspend => vec![Effect::Suspend],
        Help | EditorHelp => quiet(model, |model| model.modal = Some(Modal::Page(Page::Help(HelpState::default())))),
        Quit => confirm::quit(model),

        Filter => prompts::open_filter(model),
        Mark => quiet(model, lists::mark),
        Sort => quiet(model, lists::sort),
        ReverseSort => quiet(model, lists::reverse),

        Inspect | InspectImage | InspectVolume => details::show(model, View::Inspect),
        Logs => details::show(model, View::Log),
        Top => details::show(model, View::Top),
        Stats => details::show(model, View::Stats),
        ContainerFiles | ImageFiles => details::show(model, View::Files),
        Limits => forms::limits(model),
        ImageShell => image_shell::open(model),
        Shell => containers::shell(model),
        Attach => containers::attach(model),
        Trace => containers::trace(model),
        Start | Stop | Restart => containers::run(model, action),
        Pause => containers::pause(model),
        Forensics => containers::forensics(model),
        Kill => containers::kill(model),
        Remove => containers::remove(model),
        Rename => containers::rename(model),
        NewContainer => prompts::open(model, Purpose::Command, "run -d "),
        ToggleExited => containers::toggle_exited(model),
        CopyId => containers::copy_id(model),

        RunImage => images::run(model),
        TagImage => images::tag(model),
        LoadArchive => prompts::open(model, Purpose::Command, "load -i "),
        PullImage => prompts::open(model, Purpose::Command, "pull "),
        PushImage => images::push(model),
        BrowseRegistry => registry::ask(model),
        RemoveImage => images::remove(model),
        CopyImageId => images::copy_id(model),

        BuildImage | NewBuild => builds::ask(model),
        EditDockerfile => builds::edit(model),
        BuildShell => builds::shell(model),
        CancelBuild => builds::cancel(model),
        BuildAgain => builds::again(model, true),
        BuildWithoutCache => builds::again(model, false),
        OlderBuild => builds::step(model, false),
        NewerBuild => builds::step(model, true),
        ShowOutput => builds::output(model),
        CopyBuild => builds::copy(model),
        LeaveEditor => quiet(model, |model| (model.focus, model.zoomed) = (Focus::List, false)),
        SaveSource => builds::save(model),
        BuildSource => builds::save_and_build(model, None),
        NextProblem => quiet(model, |model| {
            if let Some(source) = builds::source(model) {
                source.next_mark();
            }
        }),

        NewVolume => prompts::open(model, Purpose::Command, "volume create "),
        RemoveVolume => volumes::remove(model),
        PruneVolumes => volumes::prune(model),
        CopyMountpoint => volumes::copy_mountpoint(model),

        TraceContainer => containers::trace(model),
        InspectNetwork => networks::inspect(model),
        OpenContainer => networks::open(model),
        NewNetwork => forms::open(model, NetworkForm::new()),
        ConnectContainer => networks::connect(model),
        DisconnectContainer => networks::disconnect(model),
        AttachInterface => networks::attach(model),
        DetachInterface => networks::detach(model),
        RemoveNetwork => networks::remove(model),
        PruneNetworks => networks::prune(model),
        CopyNetwork => networks::copy(model),

        HopLeft => quiet(model, |model| model.trace.step_hop(-1)),
        HopRight => quiet(model, |model| model.trace.step_hop(1)),
        Freeze => quiet(model, |model| model.trace.toggle_freeze()),
        FollowConnection => quiet(model, |model| model.trace.toggle_follow()),
        SavePackets => trace::save(model),
        Bytes => quiet(model, |model| model.trace.bytes = !model.trace.bytes),
        Rules => quiet(model, |model| model.trace.rules_hidden = !model.trace.rules_hidden),
        StopTrace => trace::stop(model),
        TraceAgain => trace::again(model),

        OpenSubject => events::open(model),
        FollowEvents => quiet(model, |model| model.events.toggle_follow()),

        UpProject | RebuildProject | StartProject | StopProject | RestartProject | PullProject => {
            projects::run(model, action)
        }
        DownProject => projects::down(model),
        ScaleService => projects::scale(model),
        ServiceShell => projects::shell(model),
        OpenService => projects::open(model),
        ProjectLogs => details::show(model, View::Log),
        ProjectFile => details::show(model, View::Yaml),
        ProjectConfig => details::show(model, View::Config),
        FoldProject => quiet(model, |model| model.projects.fold(true)),
        UnfoldProject => quiet(model, |model| model.projects.fold(false)),
        NextMistake => projects::in_source(model, Source::next_mark),
        SheetLeft => projects::in_source(model, |source| source.step_characters(-projects::STEP)),
        SheetRight => projects::in_source(model, |source| source.step_characters(projects::STEP)),
        CopySheet => projects::copy(model),

        Search => prompts::open(model, Purpose::Search, ""),
        TextFilter => prompts::open_grep(model),
        SearchNext => inspect::search_on(model, true),
        SearchPrevious => inspect::search_on(model, false),
        Wrap | ScrollLeft | ScrollRight | Follow | FollowOutput | Timestamps => texts::perform(model, action),
        CopyText => texts::copy(model),
        SaveText => texts::ask_save(model),
        Since0 => texts::since(model, Since::Tail),
        Since1 => texts::since(model, Since::Head),
        Since2 => texts::since(model, Since::Minutes(1)),
        Since3 => texts::since(model, Since::Minutes(5)),
        Since4 => texts::since(model, Since::Minutes(15)),
        Since5 => texts::since(model, Since::Minutes(30)),
        Since6 => texts::since(model, Since::Minutes(60)),

        ToggleFold => inspect::toggle(model),
        FoldAll | Unfold | Fold => inspect::fold(model, action),
        CopyValue => inspect::copy_value(model),
        CopyPath => inspect::copy_path(model),
        OpenEntry => files::open(model),
        PreviousLayer => files::change(model, |files| files.step_layer(false)),
        NextLayer => files::change(model, |files| files.step_layer(true)),
        UnfoldEntry => files::change(model, Files::unfold),
        FoldEntry => files::change(model, Files::fold),
        ReadAgain => files::again(model),
        CopyEntryPath => files::copy_path(model),
        CopyProcess => details::copy_process(model),

        LeaveShell => shells::leave(model),
        ShellPageUp => shells::scroll(model, true),
        ShellPageDown => shells::scroll(model, false),
        SubmitForm => forms::submit(model),
        NextField => forms::step(model, true),
        PreviousField => forms::step(model, false),
        Yes => confirm::yes(model),
        No | CloseOverlay | CancelForm => quiet(model, |model| model.modal = None),
        Accept => prompts::accept(model),
        Cancel => prompts::cancel(model),
        Complete => prompts::complete(model),
        Earlier => prompts::recall(model, true),
        Later => prompts::recall(model, false),
    }
}

/// Changes the model, and asks for nothing outside.
fn quiet(model: &mut Model, change: impl FnOnce(&mut Model)) -> Vec<Effect> {
    change(model);
    Vec::new()
}

fn screen(model: &mut Model, screen: Screen) -> Vec<Effect> {
    model.open(screen);
    Vec::new()
}

fn next_theme(model: &mut Model) -> Vec<Effect> {
    let names = Theme::BUILTIN;
    let at = names.iter().position(|name| *name == model.theme.name()).map_or(0, |at| (at + 1) % names.len());
    set_theme(model, names[at]);
    Vec::new()
}

/// Takes a built-in theme, with the glyphs and the colour depth of the present one.
pub fn set_theme(model: &mut Model, name: &str) {
    match Theme::builtin(name, model.theme.depth()) {
        Some(theme) => {
            model.theme = theme.with_glyphs(*model.theme.glyphs());
            model.say(format!("theme {name}"));
        }
        None => model.complain(format!("there is no theme {name}: take one of {}", Theme::BUILTIN.join(", "))),
    }
}

fn toggle_mouse(model: &mut Model) -> Vec<Effect> {
    model.mouse = !model.mouse;
    model.say(if model.mouse {
        "the mouse works here"
    } else {
        "the mouse belongs to the terminal: select and copy its way"
    });
    vec![Effect::CaptureMouse(model.mouse)]
}
