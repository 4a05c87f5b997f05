//! One packet followed tap by tap: the way that it takes, and the packets that took it.

mod packets;
mod way;

use std::borrow::Cow;

pub use packets::{LadderState, PacketList};
pub use way::{Way, WayPicture};

use porthole_themes::{Glyphs, Theme};
use ratatui_core::style::Style;

/// A place where packets are seen, in the order of the way from outside to the container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LadderTap {
    /// What it is: `docker0`.
    pub title: String,
    /// What is known of it: an address.
    pub subtitle: String,
    /// A remark beside the title: `if 12⇄2`.
    pub detail: String,
}

/// Which address was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// The destination.
    Dnat,
    /// The source.
    Snat,
}

impl ChangeKind {
    /// `DNAT` or `SNAT`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Dnat => "DNAT",
            Self::Snat => "SNAT",
        }
    }

    pub(crate) fn style(self, theme: &Theme) -> Style {
        match self {
            Self::Dnat => theme.dnat(),
            Self::Snat => theme.snat(),
        }
    }
}

/// Whether a packet was seen at a tap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Seen {
    /// It was.
    #[default]
    Yes,
    /// It was not.
    No,
    /// Something was that may be it.
    Unsure,
    /// It was dropped here.
    Dropped,
}

/// An address that differs from the hop before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Which one.
    pub kind: ChangeKind,
    /// Its new value.
    pub text: String,
}

/// A packet at a tap.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LadderHop {
    /// Whether it was seen there.
    pub seen: Seen,
    /// What the host changed between this hop and the next one on the packet's way.
    pub change: Option<Change>,
}

/// A packet and its hops.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LadderRow {
    /// Counted from 1.
    pub number: usize,
    /// `SYN ACK`, or the protocol's own summary.
    pub flags: String,
    /// The outer end: where the way begins.
    pub outer: String,
    /// The inner end: where the way leads.
    pub inner: String,
    /// Whether it travels from the inner end to the outer.
    pub back: bool,
    /// One for each tap, in the order of the taps.
    pub hops: Vec<LadderHop>,
    /// From the first hop to the last: `424 µs`.
    pub latency: String,
    /// What did the change: `rule #6`, `ct entry`.
    pub note: String,
}

/// The packets, asked for only as far as they are seen.
pub trait Packets {
    /// How many there are.
    fn len(&self) -> usize;
    /// The packet at an index.
    fn row(&self, index: usize) -> Cow<'_, LadderRow>;
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Packets for [LadderRow] {
    fn len(&self) -> usize {
        <[LadderRow]>::len(self)
    }

    fn row(&self, index: usize) -> Cow<'_, LadderRow> {
        Cow::Borrowed(&self[index])
    }
}

/// The glyph and style of a hop.
pub(crate) fn hop_glyph(hop: &LadderHop, back: bool, theme: &Theme) -> (&'static str, Style) {
    let glyphs: &Glyphs = theme.glyphs();
    match (hop.seen, &hop.change) {
        (Seen::No, _) => (glyphs.unseen, theme.unseen()),
        (Seen::Unsure, _) => (glyphs.unsure, theme.warn()),
        (Seen::Dropped, _) => (glyphs.dropped, theme.bad()),
        (Seen::Yes, Some(change)) => {
            (if back { glyphs.hop_nat_back } else { glyphs.hop_nat }, change.kind.style(theme))
        }
        (Seen::Yes, None) => (if back { glyphs.hop_back } else { glyphs.hop }, theme.flow()),
    }
}
