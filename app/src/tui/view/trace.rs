//! The trace: the way, the packets that went it, and what happened to one of them at one place.

use crate::tui::human;
use crate::tui::model::trace::{Hop, Journey, LabStep, Rule, Snapshot, TracePane, TraceState};
use crate::tui::model::{Focus, Model};
use porthole_themes::Theme;
use porthole_widgets::detail::DetailCard;
use porthole_widgets::frame::{self, Panel, inner};
use porthole_widgets::hex::HexView;
use porthole_widgets::ladder::{ChangeKind, PacketList, Seen, Way, WayPicture};
use porthole_widgets::text::{fit, put, width};
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Rect};
use ratatui::widgets::{StatefulWidget, Widget};

/// From this width on card and rules stand side by side.
const BESIDE: u16 = 100;
/// Rows of the card and the rules, frame included.
const CARD: u16 = 10;

/// Draws the page.
pub fn draw(model: &mut Model, area: Rect, buf: &mut Buffer) {
    let low = area.height < Way::HEIGHT + 2 + 6;
    let (way, card) = (if low { 0 } else { Way::HEIGHT + 2 }, CARD.min(area.height * 2 / 5));
    let heights = [Constraint::Length(way), Constraint::Fill(1), Constraint::Length(if low { 0 } else { card })];
    let parts = if low { vec![Rect::default(), area, Rect::default()] } else { frame::stack(area, heights) };
    model.places.way = inner(parts[0]);
    draw_way(model, parts[0], buf);
    draw_packets(model, parts[1], buf);
    draw_card(model, parts[2], buf);
    if model.focus == Focus::List {
        super::outline(model, parts[1], buf);
    }
}

fn draw_way(model: &Model, area: Rect, buf: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let (trace, theme) = (&model.trace, &model.theme);
    let title = trace.shown().map_or("", |shown| shown.title.as_str());
    Panel::new(theme).title("The way").status(title).render(area, buf);
    let Some(shown) = trace.shown() else { return };
    let selected = trace.selected();
    let (links, seen) = (links(shown, selected.map(AsRef::as_ref)), seen(selected.map(AsRef::as_ref)));
    let way = Way { taps: &shown.taps, links: &links, seen: &seen, selected: Some(trace.ladder.hop()) };
    WayPicture::new(theme, way).render(inner(area), buf);
}

/// What is changed between each tap and the next one outwards-in, by the selected packet.
fn links(shown: &Snapshot, journey: Option<&Journey>) -> Vec<Option<ChangeKind>> {
    let Some(journey) = journey else { return vec![None; shown.taps.len()] };
    let kind = |index: usize| journey.row.hops.get(index)?.change.as_ref().map(|change| change.kind);
    // A change is noted at the hop before it; on the way back that is the inner one.
    (0..shown.taps.len()).map(|index| kind(if journey.row.back { index + 1 } else { index })).collect()
}

fn seen(journey: Option<&Journey>) -> Vec<Seen> {
    journey.map(|journey| journey.row.hops.iter().map(|hop| hop.seen).collect()).unwrap_or_default()
}

fn draw_packets(model: &mut Model, area: Rect, buf: &mut Buffer) {
    let focused = model.focus == Focus::List;
    let title = if model.trace.follows() { "Packets of one connection" } else { "Packets" };
    let status = status(&model.trace);
    Panel::new(&model.theme).title(title).status(&status).focused(focused).render(area, buf);
    let empty = empty(&model.trace);
    let (packets, state) = model.trace.parts();
    PacketList::new(&model.theme, &packets).focused(focused).empty(&empty).render(inner(area), buf, state);
}

fn status(trace: &TracePane) -> String {
    let mut facts = Vec::new();
    match trace.state {
        TraceState::Opening => facts.push("opening taps".to_owned()),
        TraceState::Ended => facts.push("ended".to_owned()),
        TraceState::None | TraceState::Live => {}
    }
    if trace.is_frozen() {
        facts.push("frozen".to_owned());
    }
    if let Some(shown) = trace.shown() {
        let whole = |journey: &&std::sync::Arc<Journey>| journey.row.hops.iter().all(|hop| hop.seen == Seen::Yes);
        let joined = shown.journeys.iter().filter(whole).count();
        facts.push(format!("{} seen, {joined} on every tap, {} lost", shown.journeys.len(), shown.lost));
    }
    facts.join(" · ")
}

fn empty(trace: &TracePane) -> String {
    match (trace.lab, trace.state, &trace.problem) {
        (_, _, Some(problem)) => problem.clone(),
        (LabStep::Up(_), ..) => "setting up the lab".to_owned(),
        (_, TraceState::None, _) => {
            "no trace yet: L traces one request to the lab, t in the list traces a container".to_owned()
        }
        (_, TraceState::Opening, _) => "opening taps".to_owned(),
        (_, TraceState::Live, _) => {
            format!("waiting for packets of {}", trace.subject.as_deref().unwrap_or_default())
        }
        (_, TraceState::Ended, _) => "no packet was seen".to_owned(),
    }
}

fn draw_card(model: &Model, area: Rect, buf: &mut Buffer) {
    if area.height < 3 {
        return;
    }
    let rules = !model.trace.rules_hidden;
    let parts = if rules && area.width >= BESIDE {
        frame::row(area, [Constraint::Fill(1), Constraint::Fill(1)])
    } else {
        vec![area]
    };
    let journey = model.trace.selected().map(AsRef::as_ref);
    draw_hop(model, journey, parts[0], buf);
    if let Some(area) = parts.get(1) {
        draw_rules(&model.theme, journey, *area, buf);
    }
}

fn draw_hop(model: &Model, journey: Option<&Journey>, area: Rect, buf: &mut Buffer) {
    let (theme, trace) = (&model.theme, &model.trace);
    let at = trace.ladder.hop();
    let tap = trace.shown().and_then(|shown| shown.taps.get(at)).map_or("", |tap| tap.title.as_str());
    let hop = journey.and_then(|journey| journey.hops.get(at));
    let count = trace.shown().map_or(0, |shown| shown.taps.len());
    let title = if hop.is_some() { format!("Hop {} of {count}: {tap}", at + 1) } else { "Hop".to_owned() };
    let status = hop.map(|hop| hop_status(hop, trace.bytes)).unwrap_or_default();
    Panel::new(theme).title(&title).status(&status).render(area, buf);
    let Some(hop) = hop else { return };
    let inside = inner(area);
    if trace.bytes && !hop.bytes.is_empty() {
        HexView::new(theme, &hop.bytes).render(inside, buf);
    } else if hop.offset.is_empty() {
        let line = Rect {
            x: inside.x + 1.min(inside.width),
            width: inside.width.saturating_sub(1),
            height: inside.height.min(1),
            ..inside
        };
        put(buf, line, "not seen here", theme.unseen());
    } else {
        DetailCard::new(theme, &hop.facts).render(inside, buf);
    }
}

fn hop_status(hop: &Hop, bytes: bool) -> String {
    if bytes { human::count(hop.bytes.len(), "byte", "bytes") } else { hop.offset.clone() }
}

/// The rules that saw the packet, aligned; the one that decided stands out.
fn draw_rules(theme: &Theme, journey: Option<&Journey>, area: Rect, buf: &mut Buffer) {
    Panel::new(theme).title("Rules that saw this packet").render(area, buf);
    let Some(Journey { rules, .. }) = journey else { return };
    let inside = inner(area);
    let widest = |of: fn(&Rule) -> &str| rules.iter().map(|rule| width(of(rule))).max().unwrap_or(0);
    let (chain, handle) = (widest(|rule| &rule.chain).min(24), widest(|rule| &rule.handle));
    let verdict = widest(|rule| &rule.verdict).min(20);
    let room = usize::from(inside.width).saturating_sub(chain + handle + verdict + 6);
    let ellipsis = theme.glyphs().ellipsis;
    for (line, rule) in rules.iter().take(usize::from(inside.height)).enumerate() {
        let mut x = 1;
        let style = if rule.decided { theme.strong() } else { theme.text() };
        let columns = [
            (chain, &rule.chain, theme.muted()),
            (handle, &rule.handle, theme.muted()),
            (room, &rule.text, style),
            (verdict, &rule.verdict, if rule.decided { theme.accent() } else { theme.muted() }),
        ];
        for (cells, text, style) in columns {
            let left = usize::from(inside.width).saturating_sub(x);
            let place = Rect {
                x: inside.x + x.min(usize::from(inside.width)) as u16,
                y: inside.y + line as u16,
                width: cells.min(left) as u16,
                height: 1,
            };
            put(buf, place, &fit(text, usize::from(place.width), ellipsis), style);
            x += if cells > 0 { cells + 1 } else { 0 };
        }
    }
    if rules.is_empty() && inside.height > 0 {
        let place =
            Rect { x: inside.x + 1.min(inside.width), width: inside.width.saturating_sub(1), height: 1, ..inside };
        let text = "none: the connection's entry (conntrack) did what was to be done";
        put(buf, place, &fit(text, usize::from(place.width), ellipsis), theme.muted());
    }
}
