//! Reads the details of the selection.

use super::cancel::{self, Guard, Token};
use super::{engine, log, merged_log, network, spawn};
use crate::tui::message::{Details, Generation, Msg};
use porthole_engine::Engine;
use serde_json::Value;
use std::time::Duration;
use tokio::sync::mpsc::Sender;

/// Between two looks at processes, or at what the kernel tells of networks.
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
            Details::Logs { sources, since } => {
                let problem = merged_log::follow(&engine, sources, since, generation, token, &messages).err();
                Some(Msg::LogEnded(generation, problem))
            }
            Details::Inspect { subject, .. } => Some(Msg::Inspected(generation, engine::inspect(&engine, &subject))),
            Details::Files { subject, .. } => Some(Msg::Files(generation, engine::files(&engine, &subject))),
            Details::Top { container } => processes(&engine, &container, generation, &token, &messages),
            Details::Links { container } => {
                watch(|| network::links(&engine, &container), generation, &token, &messages)
            }
            Details::Rules { network } => watch(|| network::rules(&engine, &network), generation, &token, &messages),
            Details::Map => watch(|| network::map(&engine), generation, &token, &messages),
        };
        if let Some(message) = last {
            let _ = messages.blocking_send(message);
        }
    });
    Some(guard)
}

/// Looks again and again, and tells what there is when it is something new; ends as [`processes`] does.
fn watch(
    look: impl Fn() -> Result<Value, String>,
    generation: Generation,
    token: &Token,
    messages: &Sender<Msg>,
) -> Option<Msg> {
    let mut last = None;
    loop {
        match look() {
            Ok(value) if last.as_ref() == Some(&value) => {}
            Ok(value) => {
                last = Some(value.clone());
                messages.blocking_send(Msg::Inspected(generation, Ok(value))).ok()?;
            }
            Err(problem) => return Some(Msg::Inspected(generation, Err(problem))),
        }
        if !token.sleep(PERIOD) {
            return None;
        }
    }
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
