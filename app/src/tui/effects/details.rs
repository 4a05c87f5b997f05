//! Reads the details of the selection.

use super::cancel::{self, Guard, Token};
use super::{engine, log, spawn};
use crate::tui::message::{Details, Generation, Msg};
use porthole_engine::Engine;
use std::time::Duration;
use tokio::sync::mpsc::Sender;

/// Between two looks at processes.
const PERIOD: Duration = Duration::from_secs(1);

/// Begins to read; dropping the guard ends it.
pub fn begin(engine: Engine, messages: Sender<Msg>, generation: Generation, wanted: Details) -> Option<Guard> {
    let (guard, token) = match cancel::pair() {
        Ok(pair) => pair,
        Err(error) => {
            let _ = messages.try_send(Msg::Complaint(error.to_string()));
            return None;
        }
    };
    spawn("details", &messages.clone(), move || {
        let last = match wanted {
            Details::Log { container, since, .. } => {
                let problem = log::follow(&engine, &container, since, generation, &token, &messages).err();
                Some(Msg::LogEnded(generation, problem.map(|error| error.to_string())))
            }
            Details::Inspect { subject, .. } => Some(Msg::Inspected(generation, engine::inspect(&engine, &subject))),
            Details::Files { subject, .. } => Some(Msg::Files(generation, engine::files(&engine, &subject))),
            Details::Top { container } => processes(&engine, &container, generation, &token, &messages),
        };
        if let Some(message) = last {
            let _ = messages.blocking_send(message);
        }
    });
    Some(guard)
}

/// Looks at the processes until nobody wants to see them any more, or they cannot be seen: then why.
fn processes(
    engine: &Engine,
    container: &str,
    generation: Generation,
    token: &Token,
    messages: &Sender<Msg>,
) -> Option<Msg> {
    loop {
        let processes = engine::processes(engine, container);
        let message = Msg::Processes(generation, processes);
        if matches!(message, Msg::Processes(_, Err(_))) {
            return Some(message);
        }
        if messages.blocking_send(message).is_err() || !token.sleep(PERIOD) {
            return None;
        }
    }
}
