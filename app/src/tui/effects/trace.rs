//! Runs the trace: a session of the capture engine, and what becomes of it.

use super::cancel::{self, Guard, Token};
use super::journeys::Journeys;
use super::spawn;
use crate::tui::message::Msg;
use crate::tui::model::trace::{TraceUpdate, TraceWanted};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use porthole_engine::Engine;
use porthole_engine::capture::{Recording, Session};
use porthole_engine::trace::Target;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::Sender;

/// How many bytes of packets are kept: a page shows the newest, and the workstation stays small.
const MEMORY: usize = 12 << 20;
/// A busy trace is looked at so often.
const PAUSE: Duration = Duration::from_millis(80);

/// The trace, if there is one.
pub struct Tracer {
    engine: Engine,
    messages: Sender<Msg>,
    running: Option<Guard>,
    shared: Arc<Shared>,
}

/// What the tracer and its thread both know.
#[derive(Default)]
struct Shared {
    /// Set when another trace has taken its place: nobody wants to hear of it any more.
    replaced: AtomicBool,
    /// What was seen so far.
    recording: Mutex<Option<Recording>>,
}

impl Tracer {
    /// No trace yet.
    pub fn new(engine: Engine, messages: Sender<Msg>) -> Self {
        Self { engine, messages, running: None, shared: Arc::default() }
    }

    /// Begins, ends or saves a trace.
    pub fn want(&mut self, wanted: TraceWanted) {
        match wanted {
            TraceWanted::Start(container) => self.start(container),
            TraceWanted::Stop => self.running = None,
            TraceWanted::Save(path) => self.save(path),
        }
    }

    fn start(&mut self, container: String) {
        self.shared.replaced.store(true, Ordering::SeqCst);
        self.running = None;
        self.shared = Arc::default();
        let (guard, token) = match cancel::pair() {
            Ok(pair) => pair,
            Err(error) => {
                let _ = self.messages.try_send(Msg::Trace(TraceUpdate::Ended(Some(error.to_string()))));
                return;
            }
        };
        self.running = Some(guard);
        let thread =
            Thread { engine: self.engine.clone(), messages: self.messages.clone(), shared: Arc::clone(&self.shared) };
        spawn("trace", &self.messages, move || thread.run(&container, &token));
    }

    /// Saves what was seen so far. A trace that runs goes on.
    fn save(&self, path: PathBuf) {
        let shared = Arc::clone(&self.shared);
        let messages = self.messages.clone();
        spawn("trace", &self.messages, move || {
            let recording = shared.recording.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some(recording) = recording {
                let _ = messages.blocking_send(Msg::Trace(TraceUpdate::Saved(write(&recording, &path))));
            }
        });
    }
}

struct Thread {
    engine: Engine,
    messages: Sender<Msg>,
    shared: Arc<Shared>,
}

impl Thread {
    fn run(self, container: &str, token: &Token) {
        let problem = self.trace(container, token).err();
        self.tell(TraceUpdate::Ended(problem));
    }

    /// Traces until it is to end, and keeps what was seen.
    fn trace(&self, container: &str, token: &Token) -> Result<(), String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let session =
            self.engine.trace(&Target::Container(container.to_owned()), MEMORY).map_err(|error| text(&error))?;
        let mut journeys = Journeys::of(&self.engine, container);
        let heard =
            self.tell(TraceUpdate::Snapshot(journeys.convert(&session.snapshot()))) && self.tell(TraceUpdate::Ready);
        while heard && changed(&session, token) {
            session.acknowledge();
            let snapshot = session.snapshot();
            self.keep(session.recording());
            if !self.tell(TraceUpdate::Snapshot(journeys.convert(&snapshot))) {
                break;
            }
            if let Some(failure) = &snapshot.failure {
                let _ = self.messages.blocking_send(Msg::Complaint(failure.clone()));
            }
            if snapshot.failure.is_some() || !token.sleep(PAUSE) {
                break;
            }
        }
        let recording = session.finish();
        self.tell(TraceUpdate::Snapshot(journeys.convert(&recording.snapshot)));
        self.keep(recording);
        Ok(())
    }

    /// Keeps what there is to save.
    fn keep(&self, recording: Recording) {
        *self.shared.recording.lock().unwrap_or_else(PoisonError::into_inner) = Some(recording);
    }

    /// Sends news, unless another trace has taken this one's place; whether to go on.
    fn tell(&self, update: TraceUpdate) -> bool {
        !self.shared.replaced.load(Ordering::SeqCst) && self.messages.blocking_send(Msg::Trace(update)).is_ok()
    }
}

/// Waits for the next snapshot; false when the trace is to end.
fn changed(session: &Session, token: &Token) -> bool {
    loop {
        let mut sources =
            [PollFd::new(session.changes(), PollFlags::POLLIN), PollFd::new(token.as_fd(), PollFlags::POLLIN)];
        match poll(&mut sources, PollTimeout::NONE) {
            Err(Errno::EINTR) => {}
            Err(_) => return false,
            Ok(_) => return sources[1].any() == Some(false),
        }
    }
}

fn write(recording: &Recording, path: &Path) -> Result<PathBuf, String> {
    recording.write_pcapng(path).map(|()| path.to_owned()).map_err(|error| error.to_string())
}
