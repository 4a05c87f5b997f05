//! The correlator thread.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::control::Control;
use super::{Input, Reader, Shared, Snapshot, TapStatus, signal};
use crate::correlate::{Correlator, Event};
use crate::decode::decode;
use crate::packet::Sighting;
use crate::tap::{Captured, now};

/// How long input is gathered before it is joined: in that time the taps and the socket catch up with one another, and the
/// packets can be put into the order in which the kernel saw them.
const GATHER: Duration = Duration::from_millis(5);
/// The least time between two snapshots.
const SNAPSHOT: Duration = Duration::from_millis(20);
/// Snapshots of many journeys may take at most this part of the time.
const SHARE: u32 = 20;

/// What came in while input was gathered.
#[derive(Default)]
struct Gathered {
    packets: Vec<Captured>,
    events: Vec<Event>,
    finish: bool,
}

struct Publisher<'a> {
    shared: &'a Shared,
    taps: Vec<TapStatus>,
    failure: Option<String>,
    /// Not before this.
    next: Instant,
    pending: bool,
}

/// Joins what comes in until it is told to finish, or everybody who could tell is gone.
pub(super) fn run(
    mut correlator: Correlator,
    inputs: Receiver<Input>,
    mut readers: Vec<(Reader, Control)>,
    shared: &Arc<Shared>,
) {
    let taps = shared.state().snapshot.taps.clone();
    let mut publisher = Publisher { shared, taps, failure: None, next: Instant::now(), pending: false };
    loop {
        let timeout = match (correlator.deadline(), publisher.pending) {
            (Some(deadline), false) => Some(Duration::from_nanos(deadline.saturating_sub(now()))),
            (deadline, true) => {
                let publish = publisher.next.saturating_duration_since(Instant::now());
                let due = deadline.map(|deadline| Duration::from_nanos(deadline.saturating_sub(now())));
                Some(due.map_or(publish, |due| due.min(publish)))
            }
            (None, false) => None,
        };
        let mut gathered = Gathered::default();
        let first = match timeout {
            Some(timeout) => inputs.recv_timeout(timeout),
            None => inputs.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match first {
            Ok(input) => {
                publisher.take(input, &mut correlator, &mut gathered);
                if !gathered.finish {
                    std::thread::sleep(GATHER);
                }
                inputs.try_iter().for_each(|input| publisher.take(input, &mut correlator, &mut gathered));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let asked = now();
        if correlator.deadline().is_some_and(|deadline| deadline <= asked) && !gathered.finish {
            // On a busy machine a reader may be far behind: a packet is unseen only if nobody has it still to read.
            readers.retain(|(reader, _)| *reader != Reader::Listener || publisher.failure.is_none());
            catch_up(&inputs, &readers, |input| publisher.take(input, &mut correlator, &mut gathered));
        }
        let finish = gathered.finish;
        let active = !gathered.packets.is_empty();
        join(&mut correlator, gathered);
        publisher.pending |= correlator.advance(asked);
        if finish {
            correlator.finish(now());
            publisher.publish(&correlator, active);
            return;
        }
        publisher.publish_if_due(&correlator, active);
    }
}

/// Takes input until the readers have sent all that was there when they were asked, or the session finishes.
fn catch_up(inputs: &Receiver<Input>, readers: &[(Reader, Control)], mut take: impl FnMut(Input)) {
    readers.iter().for_each(|(_, control)| control.catch_up());
    let mut behind: Vec<Reader> = readers.iter().map(|(reader, _)| *reader).collect();
    while !behind.is_empty() {
        let Ok(input) = inputs.recv() else { return };
        match input {
            Input::CaughtUp(reader) => behind.retain(|other| *other != reader),
            Input::ListenerFailed(_) => behind.retain(|other| *other != Reader::Listener),
            Input::Finish => behind.clear(),
            _ => {}
        }
        take(input);
    }
}

/// Hands gathered input to the correlator: first what tells of connections, then the packets in order.
fn join(correlator: &mut Correlator, gathered: Gathered) {
    let now = now();
    let Gathered { mut packets, events, .. } = gathered;
    for event in events {
        correlator.event(now, event);
    }
    packets.sort_by_key(|captured| captured.time);
    for Captured { tap, time, link, frame } in packets {
        if let Some(decoded) = decode(link, &frame.bytes, frame.original_length) {
            correlator.sighting(now, Sighting { tap, time, decoded, frame });
        }
    }
}

impl Publisher<'_> {
    fn take(&mut self, input: Input, correlator: &mut Correlator, gathered: &mut Gathered) {
        match input {
            Input::Packets(packets) => gathered.packets.extend(packets),
            Input::Events(events) => gathered.events.extend(events),
            Input::Counters { tap, received, dropped, lost } => {
                (self.taps[tap].received, self.taps[tap].dropped) = (received, dropped);
                if let Some((from, to)) = lost {
                    correlator.tap_lost(tap, from, to);
                }
                self.pending = true;
            }
            Input::Closed { tap, reason } => {
                self.taps[tap].closed = Some(reason);
                // From now on it says nothing about any packet.
                correlator.tap_lost(tap, now(), u64::MAX);
                self.pending = true;
            }
            Input::ListenerFailed(reason) => {
                self.failure = Some(reason);
                self.pending = true;
            }
            Input::CaughtUp(_) => {}
            Input::Finish => gathered.finish = true,
        }
    }

    fn publish_if_due(&mut self, correlator: &Correlator, active: bool) {
        if self.pending && Instant::now() >= self.next {
            self.publish(correlator, active);
        } else {
            let mut state = self.shared.state();
            state.settled = !self.pending && correlator.open() == 0;
            if active {
                state.active = Instant::now();
            }
            self.shared.changed.notify_all();
        }
    }

    fn publish(&mut self, correlator: &Correlator, active: bool) {
        let begun = Instant::now();
        let snapshot = Snapshot {
            version: self.shared.state().snapshot.version + 1,
            journeys: correlator.journeys(),
            connections: correlator.connections(),
            taps: self.taps.clone(),
            completed: correlator.completed(),
            evicted: correlator.evicted(),
            lost: correlator.lost(),
            failure: self.failure.clone(),
        };
        let mut state = self.shared.state();
        let old = std::mem::replace(&mut state.snapshot, Arc::new(snapshot));
        state.settled = correlator.open() == 0;
        if active {
            state.active = Instant::now();
        }
        drop(state);
        // If this was the last reference, freeing what only it held takes a while: not within the lock.
        drop(old);
        self.shared.changed.notify_all();
        signal(&self.shared.notify);
        self.pending = false;
        self.next = Instant::now() + SNAPSHOT.max(begun.elapsed() * SHARE);
    }
}
