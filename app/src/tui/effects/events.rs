//! Reads what happens, and what has happened lately.

use super::cancel::Token;
use crate::tui::message::Msg;
use crate::tui::model::events::KEPT;
use crate::tui::source::{Event, Meaning};
use porthole_engine::{Engine, Result};
use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::time::Duration;
use tokio::sync::mpsc::Sender;

/// A flood of events is told of so often.
const PAUSE: Duration = Duration::from_millis(80);

/// Tells of events until nobody listens any more. It waits by inotify: nothing is polled.
pub fn watch(engine: &Engine, token: &Token, messages: &Sender<Msg>) -> Result<()> {
    let mut reader = engine.events(Some(0), None)?;
    let mut first = true;
    loop {
        let mut events = VecDeque::new();
        while let Some(event) = reader.written_event()? {
            if events.len() == KEPT {
                events.pop_front();
            }
            events.push_back(convert(event));
        }
        // That there are none yet is told too.
        let told = events.is_empty() && !first || messages.blocking_send(Msg::Events(events.into())).is_ok();
        first = false;
        if !told || !token.sleep(PAUSE) || !reader.wait(Some(token.as_fd()))? {
            return Ok(());
        }
    }
}

fn convert(event: porthole_engine::Event) -> Event {
    let attribute = |key: &str| event.actor.attributes.get(key).map(String::as_str);
    let exit_code = attribute("exitCode");
    // What tells most comes first: of a health check what it found, of an exec that there was one.
    let (action, argument) = match event.action.split_once(": ") {
        Some((check @ "health_status", found)) => (found, check),
        Some(exec) => exec,
        None => (event.action.as_str(), ""),
    };
    let details = match action {
        "die" | "exec_die" => exit_code.map(|code| format!("exit code {code}")),
        "kill" => attribute("signal").map(|signal| format!("signal {signal}")),
        "rename" => attribute("oldName").map(|name| format!("was {}", name.trim_start_matches('/'))),
        "create" => Some(format!("from {}", event.from)),
        _ => Some(argument.to_owned()),
    };
    Event {
        time: event.time_nano,
        name: attribute("name").unwrap_or(&event.id).to_owned(),
        action: action.to_owned(),
        details: details.unwrap_or_default(),
        meaning: meaning(action, exit_code),
        kind: event.kind,
        id: event.id,
    }
}

fn meaning(action: &str, exit_code: Option<&str>) -> Meaning {
    match action {
        "start" | "unpause" | "healthy" => Meaning::Good,
        "die" if exit_code.is_some_and(|code| code != "0") => Meaning::Bad,
        "oom" | "unhealthy" => Meaning::Bad,
        "kill" | "pause" => Meaning::Warn,
        action if action.starts_with("exec_") => Meaning::Faint,
        _ => Meaning::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn event(action: &str, attributes: &[(&str, &str)]) -> Event {
        let attributes: BTreeMap<String, String> =
            attributes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        convert(porthole_engine::Event {
            from: "lab".into(),
            ..porthole_engine::Event::new("container", action, "1", attributes)
        })
    }

    #[test]
    fn an_event_says_what_belongs_to_it_and_what_it_means() {
        let told = |event: Event| (event.action, event.details, event.meaning);
        let says = |action: &str, details: &str, meaning| (action.to_owned(), details.to_owned(), meaning);
        assert_eq!(told(event("die", &[("exitCode", "137")])), says("die", "exit code 137", Meaning::Bad));
        assert_eq!(told(event("die", &[("exitCode", "0")])), says("die", "exit code 0", Meaning::Plain));
        assert_eq!(told(event("kill", &[("signal", "15")])), says("kill", "signal 15", Meaning::Warn));
        assert_eq!(told(event("rename", &[("oldName", "/old")])), says("rename", "was old", Meaning::Plain));
        assert_eq!(told(event("create", &[])), says("create", "from lab", Meaning::Plain));
        assert_eq!(told(event("exec_die", &[("exitCode", "1")])), says("exec_die", "exit code 1", Meaning::Faint));
        assert_eq!(told(event("exec_start: sh -c ls", &[])), says("exec_start", "sh -c ls", Meaning::Faint));
        let unhealthy = event("health_status: unhealthy", &[]);
        assert_eq!(told(unhealthy), says("unhealthy", "health_status", Meaning::Bad));
        assert_eq!(event("start", &[("name", "web")]).name, "web");
    }
}
