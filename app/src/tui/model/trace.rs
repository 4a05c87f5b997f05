//! The trace as it is looked at: which packet, which hop, held still or not.

use super::Places;
use crate::tui::update::Motion;
use porthole_widgets::detail::DetailRow;
use porthole_widgets::ladder::{LadderRow, LadderState, LadderTap, Packets, Way};
use ratatui::layout::Position;
use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

/// What the tracing thread is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TraceWanted {
    /// Follow a container's packets; a trace that runs is replaced.
    Start(String),
    /// End it; what was seen can still be saved.
    Stop,
    /// Write what was seen to a pcapng file.
    Save(PathBuf),
}

/// News from the tracing thread.
#[derive(Debug)]
pub enum TraceUpdate {
    /// Every tap is open: packets sent from now on are seen.
    Ready,
    /// What was seen so far.
    Snapshot(Arc<Snapshot>),
    /// No more packets are recorded; with what went wrong.
    Ended(Option<String>),
    /// What was seen was written to a file, or not.
    Saved(Result<PathBuf, String>),
}

/// What was seen, ready to be drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// What is traced: `publish 8088 → web:80`.
    pub title: String,
    /// Where packets are seen, from outside to the container.
    pub taps: Vec<LadderTap>,
    /// The packets, the oldest first.
    pub journeys: Vec<Arc<Journey>>,
    /// Packets that went by unrecorded because too many came.
    pub lost: u64,
}

/// A packet and all that is known of its way.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Journey {
    /// Its line in the list.
    pub row: LadderRow,
    /// The connection that it belongs to.
    pub connection: u64,
    /// A card for each tap.
    pub hops: Vec<Hop>,
    /// The rules that saw it, in order.
    pub rules: Vec<Rule>,
}

impl Journey {
    /// The tap at which it first shows another address, if it does.
    fn rewritten(&self) -> Option<usize> {
        let before = self.row.hops.iter().position(|hop| hop.change.is_some())?;
        if self.row.back { before.checked_sub(1) } else { Some(before + 1) }
    }
}

/// A packet at a tap.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hop {
    /// Since it was first seen: `+419 µs`; empty when it was not seen here.
    pub offset: String,
    /// Before and after.
    pub facts: Vec<DetailRow>,
    /// Its bytes, from the link layer on.
    pub bytes: Arc<[u8]>,
}

/// A rule that saw a packet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// Table and chain: `nat PREROUTING`.
    pub chain: String,
    /// Its handle: `#6`; empty for a chain's policy.
    pub handle: String,
    /// What it says.
    pub text: String,
    /// What it did: `accept`, `→ DOCKER`; empty when it did nothing.
    pub verdict: String,
    /// Whether it changed the packet or decided its fate.
    pub decided: bool,
}

/// Whether packets are recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TraceState {
    /// No trace was asked for.
    #[default]
    None,
    /// Taps are being opened.
    Opening,
    /// Packets are recorded.
    Live,
    /// It ended.
    Ended,
}

/// How far the lab's one key has got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LabStep {
    /// Nothing is under way.
    #[default]
    Idle,
    /// `lab up` runs, with its number in the command log.
    Up(usize),
    /// Taps are being opened.
    Tracing,
    /// `lab send` runs.
    Sending(usize),
}

/// The trace page.
#[derive(Default)]
pub struct TracePane {
    /// Whether packets are recorded.
    pub state: TraceState,
    /// The container that is traced.
    pub subject: Option<String>,
    /// Its number in the command log.
    pub job: Option<usize>,
    /// How far the lab has got.
    pub lab: LabStep,
    /// What went wrong.
    pub problem: Option<String>,
    /// Which packet and hop are selected.
    pub ladder: LadderState,
    /// Whether the bytes show in place of the facts.
    pub bytes: bool,
    /// Whether the rules are hidden.
    pub rules_hidden: bool,
    latest: Option<Arc<Snapshot>>,
    frozen: Option<Arc<Snapshot>>,
    connection: Option<u64>,
    /// Indices of the packets that show.
    rows: Vec<usize>,
    tail: bool,
    hop_chosen: bool,
}

impl TracePane {
    /// Forgets all and waits for the first packet.
    pub fn begin(&mut self, container: &str) {
        let (lab, rules_hidden) = (self.lab, self.rules_hidden);
        let (state, subject) = (TraceState::Opening, Some(container.to_owned()));
        *self = Self { state, subject, lab, rules_hidden, ..Self::default() };
    }

    /// Whether packets are recorded, or soon will be.
    pub fn is_live(&self) -> bool {
        matches!(self.state, TraceState::Opening | TraceState::Live)
    }

    /// Takes a newer state of the trace in.
    pub fn take(&mut self, snapshot: Arc<Snapshot>) {
        self.latest = Some(snapshot);
        self.arrange();
    }

    /// What is looked at: the newest state, or the one that was held still.
    pub fn shown(&self) -> Option<&Snapshot> {
        self.frozen.as_deref().or(self.latest.as_deref())
    }

    /// Whether the picture is held still.
    pub fn is_frozen(&self) -> bool {
        self.frozen.is_some()
    }

    /// Whether only one connection shows.
    pub fn follows(&self) -> bool {
        self.connection.is_some()
    }

    /// Holds the picture still, or lets it go on.
    pub fn toggle_freeze(&mut self) {
        self.frozen = if self.frozen.is_some() { None } else { self.latest.clone() };
        self.arrange();
    }

    /// Shows only the packets of the selected one's connection, or all.
    pub fn toggle_follow(&mut self) {
        let selected = self.selected().map(|journey| journey.connection);
        self.connection = if self.connection.is_some() { None } else { selected };
        let number = self.selected().map(|journey| journey.row.number);
        self.arrange();
        let row = self.journeys().position(|journey| Some(journey.row.number) == number);
        self.ladder.window.select(row.or(self.ladder.window.selected()));
    }

    /// One step back: all connections, the facts, the moving picture.
    pub fn back(&mut self) {
        if self.bytes {
            self.bytes = false;
        } else if self.connection.is_some() {
            self.toggle_follow();
        } else if self.frozen.is_some() {
            self.toggle_freeze();
        }
    }

    /// The packets that show.
    pub fn journeys(&self) -> impl Iterator<Item = &Arc<Journey>> {
        let journeys = self.shown().map_or(&[][..], |shown| &shown.journeys);
        self.rows.iter().filter_map(move |&index| journeys.get(index))
    }

    /// The selected packet.
    pub fn selected(&self) -> Option<&Arc<Journey>> {
        let row = self.ladder.window.selected()?;
        self.shown()?.journeys.get(*self.rows.get(row)?)
    }

    /// Goes along the packets.
    pub fn go(&mut self, motion: Motion) {
        motion.apply(&mut self.ladder.window, self.rows.len());
        self.tail = motion == Motion::Last;
    }

    /// Goes along the way of the selected packet.
    pub fn step_hop(&mut self, by: isize) {
        let taps = self.shown().map_or(0, |shown| shown.taps.len());
        self.ladder.step_hop(by, taps);
        self.hop_chosen = true;
    }

    /// Selects what lies under the mouse.
    pub fn click(&mut self, at: Position, places: &Places) {
        let way = self.shown().map(|shown| Way { taps: &shown.taps, ..Way::default() });
        if let Some(tap) = way.and_then(|way| way.hit(places.way, at)) {
            self.ladder.select_hop(tap);
            self.hop_chosen = true;
        } else if let Some(row) = self.ladder.hit(at) {
            self.ladder.window.select(Some(row));
            self.tail = false;
        }
    }

    fn arrange(&mut self) {
        let journeys = self.shown().map_or(&[][..], |shown| &shown.journeys);
        let wanted = |journey: &Journey| self.connection.is_none_or(|connection| journey.connection == connection);
        let rows: Vec<usize> = (0..journeys.len()).filter(|&index| wanted(&journeys[index])).collect();
        let last = rows.len().checked_sub(1);
        let selected = self.ladder.window.selected().filter(|_| !self.tail);
        self.ladder.window.select(match selected {
            Some(row) => last.map(|last| row.min(last)),
            None if self.tail => last,
            None => last.map(|_| 0),
        });
        self.rows = rows;
        // Until somebody chooses a hop it is the one that is worth a look.
        let worth = self.selected().filter(|_| !self.hop_chosen).and_then(|journey| journey.rewritten());
        if let Some(hop) = worth {
            self.ladder.select_hop(hop);
        }
    }

    /// The packets as the list draws them, and the state that it changes.
    pub fn parts(&mut self) -> (Shown<'_>, &mut LadderState) {
        let snapshot = self.frozen.as_deref().or(self.latest.as_deref());
        (Shown { journeys: snapshot.map_or(&[], |shown| &shown.journeys), rows: &self.rows }, &mut self.ladder)
    }
}

/// The packets that show.
pub struct Shown<'a> {
    journeys: &'a [Arc<Journey>],
    rows: &'a [usize],
}

impl Packets for Shown<'_> {
    fn len(&self) -> usize {
        self.rows.len()
    }

    fn row(&self, index: usize) -> Cow<'_, LadderRow> {
        Cow::Borrowed(&self.journeys[self.rows[index]].row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(connections: &[u64]) -> Arc<Snapshot> {
        let journey = |(index, &connection): (usize, &u64)| {
            let row = LadderRow { number: index + 1, ..LadderRow::default() };
            Arc::new(Journey { row, connection, ..Journey::default() })
        };
        Arc::new(Snapshot { journeys: connections.iter().enumerate().map(journey).collect(), ..Snapshot::default() })
    }

    fn number(pane: &TracePane) -> usize {
        pane.selected().expect("selected").row.number
    }

    #[test]
    fn the_first_packet_stays_selected_until_the_end_is_asked_for() {
        let mut pane = TracePane::default();
        pane.take(snapshot(&[1]));
        pane.take(snapshot(&[1, 1, 2]));
        assert_eq!(number(&pane), 1);
        pane.go(Motion::Last);
        pane.take(snapshot(&[1, 1, 2, 2]));
        assert_eq!(number(&pane), 4);
    }

    #[test]
    fn freezing_holds_what_is_seen_and_loses_nothing() {
        let mut pane = TracePane::default();
        pane.take(snapshot(&[1]));
        pane.toggle_freeze();
        pane.take(snapshot(&[1, 1]));
        assert_eq!(pane.journeys().count(), 1);
        pane.toggle_freeze();
        assert_eq!(pane.journeys().count(), 2);
    }

    #[test]
    fn following_a_connection_keeps_the_packet() {
        let mut pane = TracePane::default();
        pane.take(snapshot(&[1, 2, 1, 2]));
        pane.go(Motion::Lines(3));
        pane.toggle_follow();
        assert_eq!((number(&pane), pane.journeys().count()), (4, 2));
        pane.back();
        assert_eq!((number(&pane), pane.journeys().count()), (4, 4));
    }
}
