//! The projects: each with its services below it, and the lines that say who waits for whom.

use super::details::stats::percent;
use super::status::Tone;
use crate::tui::human;
use crate::tui::model::projects::{Project, Service, needs_in};
use crate::tui::model::{Focus, Model};
use crate::tui::project::{Need, condition_word, file_name, is_met};
use crate::tui::source::{Container, Phase};
use crate::tui::update::projects::of;
use porthole_engine::runtime::state::HealthStatus;
use porthole_widgets::frame::{Panel, inner};
use porthole_widgets::text::{fit, put, width, wrap};
use porthole_widgets::waves::{WavesGroup, WavesNode, WavesTone, WavesView};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::{StatefulWidget, Widget};
use std::collections::BTreeMap;

/// A lower pane has no lines to spare for what is selected.
const LOW: u16 = 11;
/// Lines for what is selected.
const LINES: usize = 2;
/// Cells between two words of them.
const GAP: u16 = 2;

/// Draws the page.
pub fn draw(model: &mut Model, area: Rect, buf: &mut Buffer) {
    let focused = model.focus == Focus::List;
    let projects = model.projects.all();
    let containers = projects.iter().map(|project| project.containers.len()).sum();
    let status = format!(
        "{} {} {}",
        human::count(projects.len(), "project", "projects"),
        model.theme.glyphs().separator,
        human::count(containers, "container", "containers")
    );
    let status = if projects.is_empty() { "" } else { status.as_str() };
    Panel::new(&model.theme).title("Projects").status(status).focused(focused).render(area, buf);
    let inside = draw_selected(model, area, focused, buf);
    let groups: Vec<WavesGroup> = projects.iter().map(|project| group(model, project)).collect();
    let empty = if model.projects.loaded { "no projects yet: start porthole where a compose.yaml is" } else { "" };
    let view = WavesView::new(&model.theme, &groups).focused(focused).empty(empty);
    view.render(inside, buf, &mut model.projects.state);
}

/// What is selected in more words, in a frame at the bottom; returns what is left above it.
fn draw_selected(model: &Model, area: Rect, focused: bool, buf: &mut Buffer) -> Rect {
    let inside = inner(area);
    let Some(project) = model.projects.selected().filter(|_| area.height >= LOW) else { return inside };
    let service = model.projects.selected_service();
    let room = inside.width.saturating_sub(2);
    let (title, words) = match service {
        Some(service) => (&service.described.name, needs(model, project, service)),
        None => (&project.name, about(model, project, room)),
    };
    let lines = lay(&words, room, LINES);
    if lines.is_empty() {
        return inside;
    }
    let height = lines.len() as u16 + 2;
    let below = Rect { y: area.bottom() - height, height, ..area };
    Panel::new(&model.theme).title(title).focused(focused).render(below, buf);
    for (line, y) in lines.into_iter().zip(below.y + 1..) {
        let mut x = 0;
        for (text, style) in line {
            let place = Rect { x: inside.x + 1 + x, y, width: room - x, height: 1 };
            let text = fit(text, usize::from(place.width), model.theme.glyphs().ellipsis);
            x += put(buf, place, &text, *style) + GAP;
            x = x.min(room);
        }
    }
    Rect { height: inside.height - (height - 1), ..inside }
}

type Word = (String, Style);

/// Puts words into lines, none broken; what does not fit is left out.
fn lay(words: &[Word], room: u16, most: usize) -> Vec<Vec<&Word>> {
    let mut lines: Vec<Vec<&Word>> = Vec::new();
    let mut left = 0;
    for word in words {
        let cells = width(&word.0) + usize::from(GAP);
        if lines.is_empty() || left < cells.saturating_sub(usize::from(GAP)) {
            if lines.len() == most {
                break;
            }
            lines.push(Vec::new());
            left = usize::from(room);
        }
        left = left.saturating_sub(cells);
        lines.last_mut().expect("just made").push(word);
    }
    lines
}

/// What a service waits for, and whether it is so; and what waits for it.
fn needs(model: &Model, project: &Project, service: &Service) -> Vec<Word> {
    let glyphs = model.theme.glyphs();
    let word = |(at, need): (usize, &Need)| {
        let containers = of(model, &project.services[at].containers);
        let (glyph, style) = match (is_met(need.condition, &containers), containers.is_empty()) {
            (true, _) => (glyphs.check, model.theme.good()),
            (false, true) => (glyphs.unseen, model.theme.muted()),
            (false, false) => (glyphs.ellipsis, model.theme.warn()),
        };
        (format!("{glyph} {} {}", need.service, condition_word(need.condition)), style)
    };
    let label = |text: &str| (text.to_owned(), model.theme.muted());
    let after: Vec<Word> = needs_in(project, service).map(word).collect();
    let is_waiting = |other: &&Service| other.described.needs.iter().any(|need| need.service == service.described.name);
    let before =
        project.services.iter().filter(is_waiting).map(|other| (other.described.name.clone(), model.theme.text()));
    let before: Vec<Word> = before.collect();
    let mut words = vec![label(if after.is_empty() { "waits for nothing" } else { "after" })];
    words.extend(after);
    if !before.is_empty() {
        words.push(label("before"));
        words.extend(before);
    }
    words
}

/// What is wrong with a project, or where it is described.
fn about(model: &Model, project: &Project, room: u16) -> Vec<Word> {
    if let Some(problem) = project.problem() {
        let style = if problem.gone { model.theme.muted() } else { model.theme.bad() };
        let lines = wrap(&problem.text(), usize::from(room), LINES, model.theme.glyphs().ellipsis);
        return lines.into_iter().map(|line| (line, style)).collect();
    }
    let files = project.files.iter().map(|file| (file.display().to_string(), model.theme.muted()));
    files.collect()
}

fn group(model: &Model, project: &Project) -> WavesGroup {
    let containers = of(model, &project.containers);
    let nodes: Vec<WavesNode> = project.services.iter().map(|service| node(model, project, service)).collect();
    let problem = project.problem();
    let note = match problem {
        Some(problem) if problem.gone => "its file is gone".to_owned(),
        Some(problem) => problem.text(),
        None if project.here => project.files.first().map(|file| file_name(file)).unwrap_or_default(),
        None => project.files.first().map(|file| file.display().to_string()).unwrap_or_default(),
    };
    let tones = [Tone::Bad, Tone::Warn, Tone::Good];
    let states: Vec<Tone> = project.services.iter().map(|service| state(model, project, service).1).collect();
    let tone = tones.into_iter().find(|tone| states.contains(tone)).unwrap_or(Tone::Muted);
    WavesGroup {
        name: project.name.clone(),
        state: summary(&containers),
        tone: waves_tone(tone),
        note,
        wrong: problem.is_some_and(|problem| !problem.gone),
        folded: model.projects.is_folded(project),
        nodes,
    }
}

/// As `compose ls` says it: `running(3), exited(1)`.
fn summary(containers: &[&Container]) -> String {
    if containers.is_empty() {
        return "not created".to_owned();
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    containers.iter().for_each(|container| *counts.entry(phase_word(container.phase)).or_default() += 1);
    counts.into_iter().map(|(word, count)| format!("{word}({count})")).collect::<Vec<_>>().join(", ")
}

fn phase_word(phase: Phase) -> &'static str {
    match phase {
        Phase::Running => "running",
        Phase::Paused => "paused",
        Phase::Restarting => "restarting",
        Phase::Created => "created",
        Phase::Exited => "exited",
        Phase::Dead => "dead",
    }
}

fn node(model: &Model, project: &Project, service: &Service) -> WavesNode {
    let containers = of(model, &service.containers);
    let described = &service.described;
    let (state, tone) = state(model, project, service);
    let count = described.replicas.max(containers.len());
    let load = || containers.iter().filter(|container| container.is_up()).filter_map(|container| container.load);
    let used = load().next().is_some();
    let after =
        needs_in(project, service).map(|(_, need)| format!("{} {}", need.service, condition_word(need.condition)));
    let after = after.collect::<Vec<_>>().join(", ");
    WavesNode {
        name: if count > 1 { format!("{} ×{count}", described.name) } else { described.name.clone() },
        state,
        tone: waves_tone(tone),
        texts: [
            described.image.clone(),
            ports(model, service, &containers),
            if used { percent(load().map(|load| load.cpu).sum()) } else { String::new() },
            if used { human::memory(load().map(|load| load.memory).sum()) } else { String::new() },
            if after.is_empty() { after } else { format!("after {after}") },
        ],
        needs: needs_in(project, service).map(|(at, _)| at).collect(),
        waits: waits_for(model, project, service).is_some(),
    }
}

/// The ports that its containers publish now; of those that do not run, what the file says.
fn ports(model: &Model, service: &Service, containers: &[&Container]) -> String {
    let arrow = model.theme.glyphs().arrow;
    let mut texts: Vec<String> = Vec::new();
    for container in containers.iter().filter(|container| container.is_up()) {
        let text = container.ports_text(arrow);
        if !text.is_empty() && !texts.contains(&text) {
            texts.push(text);
        }
    }
    if texts.is_empty() {
        let written = |port: &String| port.strip_suffix("/tcp").unwrap_or(port).replace(':', arrow);
        texts = service.described.ports.iter().map(written).collect();
    }
    texts.join(" ")
}

/// The service that it waits for now: it was not started yet although others of the project were.
fn waits_for<'a>(model: &Model, project: &'a Project, service: &Service) -> Option<&'a str> {
    let is_fresh = |container: &&Container| container.phase == Phase::Created && container.error.is_empty();
    let own = of(model, &service.containers);
    let begun =
        project.services.iter().any(|other| of(model, &other.containers).iter().any(|container| container.is_up()));
    if own.is_empty() || !begun || !own.iter().all(is_fresh) {
        return None;
    }
    let unmet = project.services.iter().enumerate().find(|(at, other)| {
        let needed = service.described.needs.iter().find(|need| need.service == other.described.name);
        needed.is_some_and(|need| !is_met(need.condition, &of(model, &project.services[*at].containers)))
    });
    unmet.map(|(_, other)| other.described.name.as_str())
}

/// What a service is doing: of one container a word, of several each word with how many.
fn state(model: &Model, project: &Project, service: &Service) -> (String, Tone) {
    let containers = of(model, &service.containers);
    let missing = service.described.replicas.saturating_sub(containers.len());
    if containers.is_empty() {
        return ("not created".to_owned(), Tone::Muted);
    }
    if let Some(other) = waits_for(model, project, service) {
        return (format!("waits for {other}"), Tone::Warn);
    }
    let words: Vec<(String, Tone)> = containers.iter().map(|container| word(container)).collect();
    let tones = [Tone::Bad, Tone::Warn, Tone::Good];
    let worst = tones.into_iter().find(|tone| words.iter().any(|(_, other)| other == tone)).unwrap_or(Tone::Muted);
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for (word, _) in &words {
        match counts.iter_mut().find(|(known, _)| known == word) {
            Some((_, count)) => *count += 1,
            None => counts.push((word, 1)),
        }
    }
    let mut text = match counts.as_slice() {
        [(word, _)] => (*word).to_owned(),
        counts => counts.iter().map(|(word, count)| format!("{count} {word}")).collect::<Vec<_>>().join(", "),
    };
    if missing > 0 {
        text.push_str(&format!(", {missing} missing"));
    }
    if service.in_files == Some(false) {
        text.push_str(", in no file");
    }
    (text, worst)
}

fn word(container: &Container) -> (String, Tone) {
    match container.phase {
        Phase::Running => match container.health {
            None => ("running".to_owned(), Tone::Good),
            Some(HealthStatus::Starting) => ("starting".to_owned(), Tone::Warn),
            Some(HealthStatus::Healthy) => ("healthy".to_owned(), Tone::Good),
            Some(HealthStatus::Unhealthy) => ("unhealthy".to_owned(), Tone::Bad),
        },
        Phase::Exited => {
            let text = format!("exited {}", container.exit_code.unwrap_or(0));
            (text, if container.has_failed() { Tone::Bad } else { Tone::Muted })
        }
        Phase::Created if !container.error.is_empty() => ("not started".to_owned(), Tone::Bad),
        Phase::Created => ("created".to_owned(), Tone::Muted),
        Phase::Paused | Phase::Restarting => (phase_word(container.phase).to_owned(), Tone::Warn),
        Phase::Dead => ("dead".to_owned(), Tone::Bad),
    }
}

fn waves_tone(tone: Tone) -> WavesTone {
    match tone {
        Tone::Good => WavesTone::Good,
        Tone::Warn => WavesTone::Warn,
        Tone::Bad => WavesTone::Bad,
        Tone::Muted => WavesTone::Quiet,
    }
}
