//! Which actions make sense now: the key bar shows no others.

use super::{builds, image_shell, inspect, projects};
use crate::tui::actions::{Action, Layer};
use crate::tui::model::modal::Modal;
use crate::tui::model::{Focus, Model, Screen};
use crate::tui::source::{Container, Network, Phase};

/// Whether an action of an active layer would do something now.
pub fn available(model: &Model, action: Action) -> bool {
    use Action::*;
    let any = |fits: fn(&Container) -> bool| model.containers.targets().into_iter().any(fits);
    match action {
        Start => any(|container| !container.is_up()),
        Stop => any(|container| container.is_up() || container.phase == Phase::Restarting),
        Kill | Pause => any(Container::is_up),
        Shell | Attach => model.containers.selected().is_some_and(|container| container.phase == Phase::Running),
        InspectNetwork | OpenContainer | CopyNetwork => model.networks.selected_network().is_some(),
        NewNetwork => true,
        ConnectContainer => model.networks.selected_network().is_some_and(Network::takes_containers),
        DisconnectContainer => {
            model.networks.selected_place().is_some()
                && model.networks.selected_network().is_some_and(Network::takes_containers)
        }
        RemoveNetwork => model.networks.network_row().is_some_and(|network| !network.predefined),
        PruneNetworks => model.networks.all().iter().any(|network| !network.predefined),
        AttachInterface | DetachInterface => model.current().is_some_and(Container::is_up),
        Trace | TraceContainer => model.current().is_some_and(|container| container.address.is_some()),
        ImageShell => image_shell::argv(model).is_some(),
        NewContainer | ToggleExited | NewVolume | PullImage | BrowseRegistry => true,
        BuildImage | NewBuild => true,
        BuildShell => builds::shell_argv(model).is_some(),
        CancelBuild => model.builds.shown().is_some_and(|build| build.ended.is_none()),
        OlderBuild | NewerBuild => model.builds.all().len() > 1,
        NextProblem => model
            .builds
            .editor()
            .and_then(|editor| editor.source.as_ref())
            .is_some_and(|source| !source.marks().is_empty()),
        SaveText => model.screen != Screen::Builds || model.modal.is_some(),
        PruneVolumes => !model.volumes.all().is_empty(),
        LoadArchive => model.screen == Screen::Images || model.welcomes(),
        Mark if model.focus == Focus::Detail => false,
        Mark | Sort | ReverseSort if model.focus == Focus::List && model.screen == Screen::Events => false,
        FollowEvents | OpenSubject => model.events.selected().is_some(),
        Filter | Mark | Sort | ReverseSort => match (model.focus, model.screen) {
            (Focus::Detail, _) => !model.detail.processes.list.all().is_empty(),
            (_, Screen::Images) => !model.images.all().is_empty(),
            (_, Screen::Volumes) => !model.volumes.all().is_empty(),
            (_, Screen::Events) => model.events.len() > 0,
            _ => !model.containers.all().is_empty(),
        },
        Search => model.text().is_some() || model.inspect().is_some() || model.files().is_some(),
        CopyProcess => model.detail.processes.list.selected().is_some(),
        HopLeft | HopRight | Freeze | FollowConnection | SavePackets | Bytes | Rules => {
            model.trace.shown().is_some_and(|shown| !shown.journeys.is_empty())
        }
        StopTrace => model.trace.is_live(),
        TraceAgain => model.trace.subject.is_some(),
        SearchNext | SearchPrevious => inspect::search_text(model).is_some(),
        ToggleFold | FoldAll | Unfold | Fold | CopyValue | CopyPath => {
            model.inspect().is_some_and(|inspect| !inspect.tree.is_empty())
        }
        DownProject => projects::target(model).is_some_and(|(_, containers)| !containers.is_empty()),
        StartProject => projects::any(model, |container| !container.is_up()),
        StopProject | RestartProject => projects::any(model, Container::is_up),
        ServiceShell => projects::running(model).is_some(),
        ScaleService => model.projects.selected_service().is_some(),
        OpenService | FoldProject | UnfoldProject => {
            model.projects.selected().is_some_and(|project| !project.services.is_empty())
        }
        NextMistake => projects::sheet(model).is_some_and(|source| !source.marks().is_empty()),
        LabSend => model.screen == Screen::Trace || model.screen == Screen::Networks || model.welcomes(),
        LabDown => model.containers.all().iter().any(|container| container.name == "web"),
        Complete | Earlier | Later => {
            !matches!(model.modal, Some(Modal::Palette(..) | Modal::Registry(_) | Modal::Choice(_)))
        }
        NextView | PreviousView => model.views().len() > 1 && model.has_detail(),
        NextShell | PreviousShell | CloseShell | FocusShell => !model.shells.is_empty(),
        _ => match action.spec().layer {
            Layer::Containers | Layer::Networks => model.current().is_some(),
            Layer::Files => model.files().is_some_and(|files| files.stack().is_some()),
            Layer::Projects => model.projects.selected().is_some(),
            Layer::Sheet => projects::sheet(model).is_some(),
            Layer::Volumes => model.volumes.selected().is_some(),
            Layer::Builds => model.builds.shown().is_some(),
            Layer::Images => model.images.selected().is_some(),
            _ => true,
        },
    }
}
