//! Carries effects out. Everything that may wait runs on a thread of its own and answers by a message; the channel is
//! bounded, so whoever produces faster than the workstation takes in has to wait.

mod cancel;
mod commands;
mod details;
mod engine;
mod events;
mod image_shell;
mod journeys;
mod log;
mod network;
mod shells;
mod trace;

use super::message::{Effect, Msg, Reload};
use cancel::Guard;
use porthole_engine::Engine;
use shells::Terminals;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use tokio::sync::mpsc::Sender;
use trace::Tracer;

/// Threads here do little and want little stack.
const STACK: usize = 256 * 1024;

/// What carries effects out.
pub struct Effects {
    engine: Engine,
    messages: Sender<Msg>,
    lists: [Arc<Loader>; 4],
    /// Dropped when other details are wanted.
    details: Option<Guard>,
    /// Dropped with all the rest, which ends the reader of events.
    events: Option<Guard>,
    terminals: Terminals,
    tracer: Tracer,
    sampling: Arc<AtomicBool>,
}

/// Whether a list is being read, and has to be read once more after that.
#[derive(Default)]
struct Loader {
    busy: AtomicBool,
    again: AtomicBool,
}

impl Effects {
    /// Effects upon an engine, answered by messages.
    pub fn new(engine: Engine, messages: Sender<Msg>) -> Self {
        Self {
            lists: Default::default(),
            details: None,
            events: None,
            terminals: Terminals::new(messages.clone()),
            tracer: Tracer::new(engine.clone(), messages.clone()),
            sampling: Arc::default(),
            engine,
            messages,
        }
    }

    /// Carries one out.
    pub fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Reload(list) => self.reload(list),
            Effect::Sample => self.sample(),
            Effect::FindImageShell(container) => self.spawn("image shell", move |engine, messages| {
                let answer = image_shell::find(engine, &container);
                let _ = messages.blocking_send(Msg::ImageShell(container, answer));
            }),
            Effect::ListRepositories(host) => self.spawn("registry", move |engine, messages| {
                let result = engine.catalog(Some(&host)).map_err(|error| error.to_string());
                let _ = messages.blocking_send(Msg::Repositories(host, result));
            }),
            Effect::ListTags { host, repository } => self.spawn("registry", move |engine, messages| {
                let result = engine::tags(engine, &host, &repository);
                let _ = messages.blocking_send(Msg::Tags { host, repository, result });
            }),
            Effect::WatchEvents => self.watch_events(),
            Effect::Details(generation, wanted) => {
                // The reader of the details before ends as soon as its guard is gone.
                self.details = None;
                let Some(wanted) = wanted else { return };
                self.details = details::begin(self.engine.clone(), self.messages.clone(), generation, wanted);
            }
            Effect::ReadFile { source, path } => self.spawn("file", move |_, messages| {
                let _ = messages.blocking_send(Msg::FileText(engine::file_text(&source, &path)));
            }),
            Effect::Run { job, argv } => {
                self.spawn("command", move |_, messages| commands::run(job, &argv, None, messages))
            }
            Effect::RunInto { job, argv, path } => {
                self.spawn("command", move |_, messages| commands::run(job, &argv, Some(&path), messages));
            }
            Effect::OpenShell { shell, argv, size } => self.terminals.open(shell, &argv, size),
            Effect::WriteShell(shell, bytes) => self.terminals.write(shell, bytes),
            Effect::ResizeShell(shell, size) => self.terminals.resize(shell, size),
            Effect::CloseShell(shell) => self.terminals.close(shell),
            Effect::Trace(wanted) => self.tracer.want(wanted),
            // The terminal's own effects are the loop's business.
            Effect::Copy(_) | Effect::CaptureMouse(_) | Effect::Redraw | Effect::Suspend | Effect::Quit => {}
        }
    }

    /// Tells of every change of the state directory, by inotify: nothing is polled.
    pub fn watch(&self) {
        self.spawn("watch", |engine, messages| {
            if let Err(error) = watch(engine, messages) {
                let _ = messages.blocking_send(Msg::Complaint(error.to_string()));
            }
        });
    }

    /// Tells of events from a thread of its own, which ends with the workstation.
    fn watch_events(&mut self) {
        let (guard, token) = match cancel::pair() {
            Ok(pair) => pair,
            Err(error) => {
                let _ = self.messages.try_send(Msg::EventsFailed(error.to_string()));
                return;
            }
        };
        self.events = Some(guard);
        self.spawn("events", move |engine, messages| {
            if let Err(error) = events::watch(engine, &token, messages) {
                let _ = messages.blocking_send(Msg::EventsFailed(error.to_string()));
            }
        });
    }

    /// Reads a list. While it is being read, any number of further wishes mean that it is read just once more.
    fn reload(&self, list: Reload) {
        let loader = Arc::clone(&self.lists[list as usize]);
        if loader.busy.swap(true, Ordering::SeqCst) {
            loader.again.store(true, Ordering::SeqCst);
            return;
        }
        self.spawn("list", move |engine, messages| {
            loop {
                loader.again.store(false, Ordering::SeqCst);
                let heard = messages.blocking_send(engine::load(engine, list)).is_ok();
                loader.busy.store(false, Ordering::SeqCst);
                let more = heard && loader.again.load(Ordering::SeqCst);
                if !more || loader.busy.swap(true, Ordering::SeqCst) {
                    return;
                }
            }
        });
    }

    /// Measures what containers use; a measurement that is still under way is not overtaken.
    fn sample(&self) {
        if self.sampling.swap(true, Ordering::SeqCst) {
            return;
        }
        let sampling = Arc::clone(&self.sampling);
        self.spawn("usage", move |engine, messages| {
            let usages = engine::usage(engine);
            sampling.store(false, Ordering::SeqCst);
            let _ = messages.blocking_send(Msg::Usage(usages));
        });
    }

    fn spawn(&self, name: &str, work: impl FnOnce(&Engine, &Sender<Msg>) + Send + 'static) {
        let (engine, messages) = (self.engine.clone(), self.messages.clone());
        spawn(name, &self.messages, move || work(&engine, &messages));
    }
}

/// Tells of changes for as long as somebody listens.
fn watch(engine: &Engine, messages: &Sender<Msg>) -> porthole_engine::Result<()> {
    let mut watcher = engine.watch()?;
    loop {
        watcher.wait()?;
        if messages.blocking_send(Msg::Changed).is_err() {
            return Ok(());
        }
    }
}

/// Starts a thread, or complains that there can be none.
fn spawn(name: &str, messages: &Sender<Msg>, work: impl FnOnce() + Send + 'static) {
    let started = thread::Builder::new().name(name.to_owned()).stack_size(STACK).spawn(work);
    if let Err(error) = started {
        let _ = messages.try_send(Msg::Complaint(format!("cannot start a thread: {error}")));
    }
}
