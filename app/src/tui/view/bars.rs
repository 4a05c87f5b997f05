//! The first line and the last: where one is, and the keys of the moment or the line being typed.

use crate::tui::actions::{Action, REGISTRY};
use crate::tui::keymap::Chord;
use crate::tui::model::modal::{Modal, Page};
use crate::tui::model::{Model, Screen};
use crate::tui::source::Phase;
use crate::tui::update::available;
use porthole_widgets::bars::{KeyBar, KeyHint, StatusBar, Tab};
use porthole_widgets::input::InputLine;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::widgets::Widget;

/// Draws the line with the tabs, and notes where they lie.
pub fn header(model: &mut Model, area: Rect, buf: &mut Buffer) {
    let tabs: Vec<Tab> = Screen::ALL
        .iter()
        .map(|(screen, title)| Tab::new(key(model, open(*screen)), *title).short(short(*screen, title)))
        .collect();
    let active = Screen::ALL.iter().position(|(screen, _)| *screen == model.screen).unwrap_or(0);
    let summary = summary(model);
    let bar = StatusBar::new(&model.theme, "porthole", &tabs, active).summary(&summary);
    let hit =
        |x| bar.tab_at(area, Position::new(x, area.y)).map(|tab| (Rect { x, width: 1, ..area }, Screen::ALL[tab].0));
    let places = (area.x..area.right()).filter_map(hit).collect();
    bar.render(area, buf);
    model.places.tabs = places;
}

/// The name of a page where there is little room.
fn short(screen: Screen, title: &'static str) -> &'static str {
    match screen {
        Screen::Containers => "Cont",
        Screen::Images => "Img",
        Screen::Networks => "Net",
        Screen::Volumes => "Vol",
        Screen::Projects => "Proj",
        _ => title,
    }
}

fn open(screen: Screen) -> Action {
    match screen {
        Screen::Containers => Action::ShowContainers,
        Screen::Images => Action::ShowImages,
        Screen::Networks => Action::ShowNetworks,
        Screen::Volumes => Action::ShowVolumes,
        Screen::Trace => Action::ShowTrace,
        Screen::Events => Action::ShowEvents,
        Screen::Projects => Action::ShowProjects,
        Screen::Builds => Action::ShowBuilds,
    }
}

fn key(model: &Model, action: Action) -> String {
    model.keymap.chords(action).next().map(|chord| chord.to_string()).unwrap_or_default()
}

/// `docker0 172.17.0.1/16 · 3 up · 1 exited`.
fn summary(model: &Model) -> String {
    let bridge = model.networks.known.as_ref().and_then(|networks| networks.bridge.as_ref());
    let mut facts: Vec<String> =
        bridge.map(|bridge| format!("{} {}", bridge.name, bridge.address)).into_iter().collect();
    let containers = model.containers.all();
    let groups = [
        ("up", [Phase::Running].as_slice()),
        ("paused", &[Phase::Paused]),
        ("restarting", &[Phase::Restarting]),
        ("exited", &[Phase::Exited, Phase::Dead]),
    ];
    for (name, phases) in groups {
        let count = containers.iter().filter(|container| phases.contains(&container.phase)).count();
        if count > 0 {
            facts.push(format!("{count} {name}"));
        }
    }
    facts.join(&format!(" {} ", model.theme.glyphs().separator))
}

/// Draws the keys that do something now, or the line being typed.
pub fn footer(model: &Model, area: Rect, buf: &mut Buffer) {
    if let Some(Modal::Prompt(prompt)) = &model.modal {
        let lead = format!(" {}", prompt.purpose.lead());
        InputLine::new(&model.theme, &prompt.input).prompt(&lead).placeholder(prompt.purpose.hint()).render(area, buf);
        return;
    }
    KeyBar::new(&model.theme, &hints(model)).render(area, buf);
}

/// The hints of the active layers in the order of the registry; the last leads to all others.
pub fn hints(model: &Model) -> Vec<KeyHint> {
    let layers = model.layers();
    let mut hints = Vec::new();
    for layer in layers {
        let specs = REGISTRY.iter().filter(|spec| spec.layer == *layer);
        for spec in specs.filter(|spec| available(model, spec.action)) {
            let Some(label) = spec.label else { continue };
            let reaches = |chord: &Chord| model.keymap.action(layers, *chord) == Some(spec.action);
            let Some(chord) = model.keymap.chords(spec.action).find(reaches) else { continue };
            let key = match spec.action {
                Action::HopLeft => format!("{chord} {}", key(model, Action::HopRight)),
                Action::OlderBuild => format!("{chord} {}", key(model, Action::NewerBuild)),
                Action::PreviousLayer => format!("{chord} {}", key(model, Action::NextLayer)),
                Action::PreviousView => format!("{chord} {}", key(model, Action::NextView)),
                _ => chord.to_string(),
            };
            hints.push((spec.action, KeyHint::new(key, label)));
        }
    }
    let late = |(action, _): &(Action, KeyHint)| match action {
        Action::Quit => 1,
        // The tabs show it too.
        Action::PreviousView => 2,
        Action::Help => 3,
        _ => 0,
    };
    hints.sort_by_key(late);
    let mut hints: Vec<KeyHint> = hints.into_iter().map(|(_, hint)| hint).collect();
    if matches!(model.modal, Some(Modal::Page(Page::Help(_)))) {
        hints.truncate(1);
    }
    hints
}
