//! Reads the details of the selection.

use super::cancel::{self, Guard};
use super::{engine, log, spawn};
use crate::tui::message::{Details, Generation, Msg};
use porthole_engine::Engine;
use tokio::sync::mpsc::Sender;

/// Begins to read; dropping the guard ends it.
pub fn begin(engine: Engine, messages: Sender<Msg>, generation: Generation, wanted: Details) -> Option<Guard> {
    let (guard, token) = match cancel::pair() {
        Ok(pair) => pair,
        Err(error) => {
            let _ = messages.try_send(Msg::Page(generation, Err(error.to_string())));
            return None;
        }
    };
    spawn("details", &messages.clone(), move || {
        let message = match wanted {
            Details::Log { container, since, .. } => {
                let problem = log::follow(&engine, &container, since, generation, &token, &messages).err();
                Msg::LogEnded(generation, problem.map(|error| error.to_string()))
            }
            Details::Inspect { name, .. } => Msg::Inspected(generation, engine::inspect(&engine, &name)),
            Details::Top { container, .. } => Msg::Page(generation, engine::top(&engine, &container)),
        };
        let _ = messages.blocking_send(message);
    });
    Some(guard)
}
