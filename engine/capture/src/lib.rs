//! Taps, decoding, conntrack, rule traces, and their correlation into journeys.
//!
//! A [`Session`] captures at several places at once, also inside other network namespaces, listens to what the kernel tells
//! about connections and rules, and joins all of it: each packet becomes a [`Journey`] with its hops in order, what changed
//! between them, and the rules that did it.

mod connection;
mod conntrack;
mod correlate;
mod decode;
mod error;
mod flow;
mod focus;
mod journey;
mod json;
mod libpcap;
mod listen;
mod packet;
mod probe;
mod recording;
mod session;
mod tap;
mod text;
mod trace;

pub use connection::{Connection, Direction, View};
pub use error::Error;
pub use flow::{Endpoint, Flow, Protocol};
pub use focus::{Focus, Side};
pub use journey::{Author, Change, Hop, Journey, Rewrite, RuleRef, Step, Tap, TapKind, Unseen, Verdict};
pub use listen::{TrackedConnection, tracked_connections};
pub use packet::{Content, Frame, Identity, Mac, TcpFlags};
pub use recording::Recording;
pub use session::{Session, SessionConfig, Snapshot, TapStatus, Until, Waited};
pub use tap::{Netns, TapSpec};
