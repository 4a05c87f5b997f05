//! Carries effects out. Everything that may wait runs on a thread of its own and answers by a message; the channel is
//! bounded, so whoever produces faster than the workstation takes in has to wait.

mod builds;
mod cancel;
mod commands;
mod details;
mod engine;
mod events;
mod image_shell;
mod journeys;
mod log;
mod merged_log;
mod network;
mod projects;
mod shells;
mod trace;

use super::message::{Effect, Msg, Reload};
use super::project::Origin;
use cancel::Guard;
use porthole_engine::Engine;
use shells::Terminals;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use tokio::sync::mpsc::Sender;
use trace::Tracer;

/// Threads here do little and want little stack.
const STACK: usize = 256 * 1024;
/// What a main thread has; pages that are not touched cost nothing.
const DEEP_STACK: usize = 8 * 1024 * 1024;

/// What carries effects out.
pub struct Effects {
    engine: Engine,
    messages: Sender<Msg>,
    lists: [Arc<Loader>; 4],
    /// Dropped when other details are wanted.
    details: Option<Guard>,
    /// Dropped when other projects are of interest.
    projects: Option<Guard>,
    /// Dropped with all the rest, which ends the reader of events.
    events: Option<Guard>,
    terminals: Terminals,
    builds: builds::Running,
    tracer: Tracer,
    sampling: Arc<AtomicBool>,
}

/// Whether a list is being read. Asking and answering are one step each: a wish between two would be lost.
#[derive(Default)]
struct Loader(Mutex<Loading>);

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Loading {
    /// Nobody reads it.
    #[default]
    Idle,
    /// Somebody does.
    Busy,
    /// Somebody does, and has to read it once more after that.
    Again,
}

impl Loader {
    /// Somebody wants the list to be read; whether whoever asks has to see to that.
    fn wish(&self) -> bool {
        let mut loading = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = *loading == Loading::Idle;
        *loading = if idle { Loading::Busy } else { Loading::Again };
        idle
    }

    /// It was read; whether it has to be read once more.
    fn done(&self) -> bool {
        let mut loading = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let again = *loading == Loading::Again;
        *loading = if again { Loading::Busy } else { Loading::Idle };
        again
    }

    /// It cannot be read now: the next wish tries again.
    fn give_up(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Loading::Idle;
    }
}

impl Effects {
    /// Effects upon an engine, answered by messages.
    pub fn new(engine: Engine, messages: Sender<Msg>) -> Self {
        Self {
            lists: Default::default(),
            details: None,
            projects: None,
            events: None,
            builds: builds::Running::default(),
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
            Effect::WatchProjects(origins) => self.watch_projects(origins),
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
            Effect::Build { build, argv } => {
                let running = self.builds.clone();
                self.spawn("build", move |_, messages| running.run(build, &argv, messages));
            }
            Effect::CancelBuild(build) => self.builds.cancel(build),
            Effect::ReadSource(path) => self.spawn("source", move |_, messages| {
                let text = builds::read(&path);
                let _ = messages.blocking_send(Msg::SourceRead(path, text));
            }),
            Effect::WriteSource { path, text, in_place_of } => self.spawn("source", move |_, messages| {
                let result = builds::write(&path, &text, in_place_of.as_deref());
                let _ = messages.blocking_send(Msg::SourceWritten { path, text, result });
            }),
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

    /// Reads the files of projects on a thread of its own, which ends when others are of interest.
    fn watch_projects(&mut self, origins: Vec<Origin>) {
        let (guard, token) = match cancel::pair() {
            Ok(pair) => pair,
            Err(error) => {
                let _ = self.messages.try_send(Msg::Complaint(error.to_string()));
                return;
            }
        };
        self.projects = Some(guard);
        spawn_deep("projects", &self.messages, {
            let messages = self.messages.clone();
            move || {
                if let Err(error) = projects::watch(&origins, &token, &messages) {
                    let _ = messages.blocking_send(Msg::Complaint(error.to_string()));
                }
            }
        });
    }

    /// Reads a list. While it is being read, any number of further wishes mean that it is read just once more.
    fn reload(&self, list: Reload) {
        let loader = Arc::clone(&self.lists[list as usize]);
        if !loader.wish() {
            return;
        }
        let (engine, messages, reader) = (self.engine.clone(), self.messages.clone(), Arc::clone(&loader));
        let started = spawn("list", &self.messages, move || {
            while messages.blocking_send(engine::load(&engine, list)).is_ok() && reader.done() {}
        });
        if !started {
            loader.give_up();
        }
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

impl Drop for Effects {
    fn drop(&mut self) {
        self.builds.cancel_all();
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

/// Starts a thread, or complains that there can be none; whether it was started.
fn spawn(name: &str, messages: &Sender<Msg>, work: impl FnOnce() + Send + 'static) -> bool {
    spawn_with(STACK, name, messages, work)
}

/// The same, with as much stack as the main thread has: files of strangers may be nested deeply.
fn spawn_deep(name: &str, messages: &Sender<Msg>, work: impl FnOnce() + Send + 'static) -> bool {
    spawn_with(DEEP_STACK, name, messages, work)
}

fn spawn_with(stack: usize, name: &str, messages: &Sender<Msg>, work: impl FnOnce() + Send + 'static) -> bool {
    let started = thread::Builder::new().name(name.to_owned()).stack_size(stack).spawn(work);
    if let Err(error) = &started {
        let _ = messages.try_send(Msg::Complaint(format!("cannot start a thread: {error}")));
    }
    started.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn a_wish_while_a_list_is_read_has_it_read_once_more() {
        let loader = Loader::default();
        assert!(loader.wish());
        assert!(!loader.wish() && !loader.wish());
        assert!(loader.done(), "for both");
        assert!(!loader.done());
        assert!(loader.wish(), "nobody reads it now");
    }

    #[test]
    fn no_wish_is_lost_between_threads() {
        let (loader, wished, read) = (Arc::new(Loader::default()), AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..2000 {
                        wished.fetch_add(1, Ordering::SeqCst);
                        if loader.wish() {
                            loop {
                                read.store(wished.load(Ordering::SeqCst), Ordering::SeqCst);
                                if !loader.done() {
                                    break;
                                }
                            }
                        }
                    }
                });
            }
        });
        assert_eq!(read.into_inner(), 8000, "the last reading was after the last wish");
    }
}
