//! The workstation: containers, logs, shells and packets on one screen.
//!
//! ```text
//! keys, mouse ─┐                              ┌─> draw (view, layout)
//! engine ──────┼─> Msg ─> update(Model) ──────┤
//! signals ─────┘                              └─> Effect ─> effects ─> Msg …
//! ```

mod actions;
mod complete;
mod effects;
mod exit;
mod human;
mod input;
mod keyboard;
mod keymap;
mod layout;
mod message;
mod model;
mod project;
mod screen;
mod session;
mod signals;
mod source;
mod update;
mod view;
mod words;
mod workstation;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod golden;

use complete::Grammar;
use effects::Effects;
use keymap::Keymap;
use model::Model;
use porthole_engine::Engine;
use porthole_themes::{ColourDepth, Glyphs, Theme};
use session::Session;
use signals::Signals;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use tokio::runtime::Builder;
use tokio::sync::mpsc;
use workstation::{Workstation, now, terminal_is_gone};

/// Messages that may wait to be taken in.
const INBOX: usize = 256;

/// How the workstation is opened.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// A built-in theme; the first one when `None`.
    pub theme: Option<String>,
}

/// Why the workstation could not be opened, or ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The terminal cannot be used.
    #[error("cannot use the terminal: {0}")]
    Terminal(#[source] io::Error),
    /// A thread or signal handler cannot be had.
    #[error("cannot start: {0}")]
    Start(#[source] io::Error),
    /// There is no theme of that name.
    #[error("there is no theme {name}: take one of {known}")]
    Theme {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
}

/// Opens the workstation, and returns when it is closed.
pub fn run(engine: Engine, options: Options) -> Result<(), Error> {
    let theme = theme(options.theme.as_deref().unwrap_or(Theme::BUILTIN[0]))?;
    let runtime = Builder::new_current_thread().enable_all().build().map_err(Error::Start)?;
    let result = runtime.block_on(open(engine, theme));
    // Threads that wait for a program or a tap do not hold the end up.
    runtime.shutdown_background();
    match result {
        Err(Error::Terminal(error)) if terminal_is_gone(&error) => Ok(()),
        result => result,
    }
}

async fn open(engine: Engine, theme: Theme) -> Result<(), Error> {
    let session = Session::open().map_err(Error::Terminal)?;
    let signals = Signals::listen().map_err(Error::Start)?;
    let size = session.size().map_err(Error::Terminal)?;
    let (messages, inbox) = mpsc::channel(INBOX);
    let (keymap, problems) = keymap();
    let mut model = Model::new(size, now(), theme, keymap);
    model.utc_offset = human::utc_offset();
    model.grammar = Rc::new(Grammar::new(&crate::cli::command()));
    if let Some(problem) = problems.first() {
        model.complain(problem);
    }
    let keys = messages.clone();
    let keyboard = std::thread::Builder::new().name("keyboard".to_owned()).stack_size(256 * 1024);
    keyboard.spawn(move || keyboard::read(&keys)).map_err(Error::Start)?;
    let effects = Effects::new(engine, messages);
    effects.watch();
    Workstation { model, session, effects, inbox, signals }.run().await
}

fn theme(name: &str) -> Result<Theme, Error> {
    let env = |name: &str| std::env::var(name).ok();
    let theme = Theme::builtin(name, ColourDepth::detect(env));
    let unknown = || Error::Theme { name: name.to_owned(), known: Theme::BUILTIN.join(", ") };
    Ok(theme.ok_or_else(unknown)?.with_glyphs(Glyphs::detect(env)))
}

/// The default keys, changed by the user's `keys.toml`, and what is wrong with that.
fn keymap() -> (Keymap, Vec<String>) {
    let mut keymap = Keymap::defaults();
    let Some(path) = key_file() else { return (keymap, Vec::new()) };
    let problems = match std::fs::read_to_string(&path) {
        Ok(text) => keymap.load(&text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => vec![error.to_string()],
    };
    let told = problems.into_iter().map(|problem| format!("{}: {problem}", path.display()));
    (keymap, told.collect())
}

fn key_file() -> Option<PathBuf> {
    Some(directories::ProjectDirs::from("", "", "porthole")?.config_dir().join("keys.toml"))
}
