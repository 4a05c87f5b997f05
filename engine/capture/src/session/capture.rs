//! The capture thread.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::control::{Control, Orders};
use super::{Input, Reader};
use crate::tap::{OpenTap, now};

/// How many packets are taken from one tap before the next has its turn.
const TURN: usize = 512;
/// Taps in immediate mode wake the thread for each packet. Under load it looks only so often, which loses no time that a
/// person would notice and costs a fraction of the processor time.
const PAUSE: Duration = Duration::from_millis(3);
/// From this many packets in a pause on it looks more often, lest the rings overflow.
const BUSY: usize = 256;
const SHORT_PAUSE: Duration = Duration::from_millis(1);
/// How often the counters of the taps are looked at while packets come.
const COUNTERS: Duration = Duration::from_millis(100);

/// An interface that is removed goes down a moment before it is gone. libpcap is told of the first only, and takes it for
/// an interface that may come back; so for a while we look whether it has gone.
const DYING: Duration = Duration::from_secs(2);
const DYING_LOOK: Duration = Duration::from_millis(10);

/// A tap with what its counters said last.
struct Counted {
    index: usize,
    tap: OpenTap,
    received: u64,
    dropped: u64,
    looked: u64,
    /// Until when it is looked whether its interface, which went down, is gone.
    dying: Option<Instant>,
}

/// Sends what the taps see until it is told to stop.
pub(super) fn run(taps: Vec<OpenTap>, control: &Control, inputs: &Sender<Input>) {
    let count = |(index, tap)| Counted { index, tap, received: 0, dropped: 0, looked: now(), dying: None };
    let mut taps: Vec<Counted> = taps.into_iter().enumerate().map(count).collect();
    // When the counters are to be looked at: only after packets came.
    let mut look: Option<Instant> = None;
    loop {
        let dying = taps.iter().any(|tap| tap.dying.is_some()).then(|| Instant::now() + DYING_LOOK);
        let woken = wait(&taps, control.wake(), look.into_iter().chain(dying).min());
        for tap in taps.iter_mut().filter(|tap| woken.troubled.contains(&tap.index)) {
            tap.dying = Some(Instant::now() + DYING);
        }
        let orders = if woken.orders { control.take() } else { Orders::default() };
        let gone = read(&mut taps, inputs, &mut look);
        let died: Vec<usize> = taps.iter_mut().filter_map(Counted::has_died).collect();
        if orders.stop || look.is_some_and(|look| Instant::now() >= look) {
            taps.iter_mut().for_each(|tap| tap.look(inputs));
            look = None;
        }
        let died = died.into_iter().map(|tap| (tap, "its interface is gone".to_owned()));
        let ended = woken.ended.into_iter().map(|tap| (tap, "its container has ended".to_owned()));
        let closing = orders.close.into_iter().map(|tap| (tap, "closed".to_owned()));
        for (index, reason) in gone.into_iter().chain(died).chain(ended).chain(closing) {
            if let Some(at) = taps.iter().position(|tap| tap.index == index) {
                taps.remove(at).look(inputs);
                let _ = inputs.send(Input::Closed { tap: index, reason });
            }
        }
        if orders.catch_up {
            let _ = inputs.send(Input::CaughtUp(Reader::Capture));
        }
        if orders.stop {
            close(taps);
            return;
        }
    }
}

/// Closes taps at once: the kernel takes some 20 ms for each.
fn close(taps: Vec<Counted>) {
    std::thread::scope(|scope| {
        for tap in taps {
            scope.spawn(move || drop(tap));
        }
    });
}

/// What ended a wait, besides packets.
struct Woken {
    /// There are orders.
    orders: bool,
    /// The taps of which the kernel reports an error.
    troubled: Vec<usize>,
    /// The taps whose process has ended.
    ended: Vec<usize>,
}

/// Waits for packets, orders, the end of a tap's process, or the time to look at the counters.
fn wait(taps: &[Counted], wake: &OwnedFd, look: Option<Instant>) -> Woken {
    let mut fds = vec![PollFd::new(wake, PollFlags::IN)];
    fds.extend(taps.iter().map(|tap| PollFd::new(&tap.tap.capture, PollFlags::IN)));
    let bound: Vec<(usize, &Arc<OwnedFd>)> =
        taps.iter().filter_map(|tap| Some((tap.index, tap.tap.process.as_ref()?))).collect();
    fds.extend(bound.iter().map(|(_, process)| PollFd::new(&**process, PollFlags::IN)));
    let timeout = look.map(|look| {
        let left = look.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
        Timespec { tv_sec: 0, tv_nsec: i64::from(left.subsec_nanos()) }
    });
    // Interrupted by a signal: the taps are looked at all the same.
    let _ = poll(&mut fds, timeout.as_ref());
    let (captures, processes) = fds[1..].split_at(taps.len());
    let troubled = taps.iter().zip(captures).filter(|(_, fd)| fd.revents().intersects(PollFlags::ERR | PollFlags::HUP));
    let troubled = troubled.map(|(tap, _)| tap.index).collect();
    let ended = bound.iter().zip(processes).filter(|(_, fd)| !fd.revents().is_empty()).map(|((tap, _), _)| *tap);
    Woken { orders: !fds[0].revents().is_empty(), troubled, ended: ended.collect() }
}

/// Sends all waiting packets. Returns the taps whose interface is gone, and why.
fn read(taps: &mut [Counted], inputs: &Sender<Input>, look: &mut Option<Instant>) -> Vec<(usize, String)> {
    let mut gone = Vec::new();
    loop {
        let mut packets = Vec::new();
        let mut full = false;
        for counted in taps.iter_mut() {
            let before = packets.len();
            if let Err(error) = counted.tap.read(counted.index, TURN, &mut packets)
                && !gone.iter().any(|(index, _)| *index == counted.index)
            {
                gone.push((counted.index, error.to_string()));
            }
            full |= packets.len() - before == TURN;
        }
        if packets.is_empty() {
            return gone;
        }
        look.get_or_insert_with(|| Instant::now() + COUNTERS);
        let pause = if packets.len() < BUSY { PAUSE } else { SHORT_PAUSE };
        // If the correlator is gone, an order to stop is on its way.
        let _ = inputs.send(Input::Packets(packets));
        if !full {
            std::thread::sleep(pause);
            return gone;
        }
    }
}

impl Counted {
    /// Its place, if its interface went down lately and is gone now.
    fn has_died(&mut self) -> Option<usize> {
        let until = self.dying?;
        if self.tap.is_gone() {
            return Some(self.index);
        }
        self.dying = Some(until).filter(|until| Instant::now() < *until);
        None
    }

    /// Tells the correlator what the counters say, if it is news.
    fn look(&mut self, inputs: &Sender<Input>) {
        let Ok(stat) = self.tap.capture.stats() else { return };
        let (received, dropped) = (u64::from(stat.received), u64::from(stat.dropped));
        let time = now();
        let lost = (dropped > self.dropped).then_some((self.looked, time));
        self.looked = time;
        if (received, dropped) != (self.received, self.dropped) {
            (self.received, self.dropped) = (received, dropped);
            let _ = inputs.send(Input::Counters { tap: self.index, received, dropped, lost });
        }
    }
}
