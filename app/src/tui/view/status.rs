//! The STATUS column: what a container is doing, how well, and why it ended.

use crate::tui::source::{Container, Phase};
use crate::tui::{exit, human};
use porthole_engine::runtime::state::HealthStatus;
use porthole_themes::Theme;
use ratatui::style::Style;

/// What a status means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Worth a look.
    Warn,
    /// Something went wrong.
    Bad,
    /// Of no importance now.
    Muted,
}

impl Tone {
    /// Its style.
    pub fn style(self, theme: &Theme) -> Style {
        match self {
            Tone::Good => theme.good(),
            Tone::Warn => theme.warn(),
            Tone::Bad => theme.bad(),
            Tone::Muted => theme.muted(),
        }
    }
}

/// `up 3 min · healthy`, `exited 137 · out of memory, 2 min ago`, `restarting · 4 times`.
pub fn status(container: &Container, now: i64, separator: &str) -> (String, Tone) {
    let age = human::duration(container.age(now));
    let mut facts = Vec::new();
    let tone = match container.phase {
        Phase::Running | Phase::Paused => {
            let paused = container.phase == Phase::Paused;
            facts.push(if paused { format!("paused, up {age}") } else { format!("up {age}") });
            let calm = if paused { Tone::Warn } else { Tone::Good };
            further(container, &mut facts).unwrap_or(calm)
        }
        Phase::Restarting => {
            facts.extend(["restarting".to_owned(), with(exit::reason(container), times(container.restarts))]);
            Tone::Warn
        }
        Phase::Created if container.error.is_empty() => {
            facts.push("created".to_owned());
            Tone::Muted
        }
        Phase::Created => {
            facts.extend(["not started".to_owned(), exit::reason(container).unwrap_or_default()]);
            facts.retain(|fact| !fact.is_empty());
            facts.dedup();
            Tone::Bad
        }
        Phase::Exited => {
            let code = container.exit_code.unwrap_or(0);
            match exit::reason(container) {
                Some(reason) => facts.extend([format!("exited {code}"), format!("{reason}, {age} ago")]),
                None => facts.push(format!("exited {code}, {age} ago")),
            }
            if container.has_failed() { Tone::Bad } else { Tone::Muted }
        }
        Phase::Dead => {
            facts.push("dead".to_owned());
            Tone::Bad
        }
    };
    let text = facts.join(&format!(" {separator} "));
    if container.monitor_lost { (format!("{text}, monitor lost"), Tone::Warn) } else { (text, tone) }
}

/// What there is to say of a container that is up, and what that means; nothing when all is well.
fn further(container: &Container, facts: &mut Vec<String>) -> Option<Tone> {
    facts.extend(container.health.map(|health| health.name().to_owned()));
    let health = container.health.map(|health| match health {
        HealthStatus::Starting => Tone::Warn,
        HealthStatus::Healthy => Tone::Good,
        HealthStatus::Unhealthy => Tone::Bad,
    });
    let restarted = (container.restarts > 0).then(|| format!("restarted {}", times(container.restarts)));
    let restarts = restarted.map(|text| {
        facts.push(text);
        Tone::Warn
    });
    let starved = container.oom_killed.then(|| {
        facts.push("out of memory".to_owned());
        Tone::Bad
    });
    let worst = |tones: &[Tone], wanted| tones.contains(&wanted).then_some(wanted);
    let tones: Vec<Tone> = health.into_iter().chain(restarts).chain(starved).collect();
    worst(&tones, Tone::Bad).or(worst(&tones, Tone::Warn))
}

fn with(reason: Option<String>, text: String) -> String {
    reason.map_or(text.clone(), |reason| format!("{reason}, {text}"))
}

fn times(count: u32) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::fixture::{self, NOW};

    fn of(container: Container) -> (String, Tone) {
        status(&container, NOW, "·")
    }

    fn text(container: Container) -> String {
        of(container).0
    }

    #[test]
    fn what_is_up_says_how_it_fares() {
        let up = || fixture::containers().remove(0);
        assert_eq!(of(up()), ("up 3 min".into(), Tone::Good));
        let health = |health| of(Container { health: Some(health), ..up() });
        assert_eq!(health(HealthStatus::Healthy), ("up 3 min · healthy".into(), Tone::Good));
        assert_eq!(health(HealthStatus::Starting), ("up 3 min · starting".into(), Tone::Warn));
        assert_eq!(health(HealthStatus::Unhealthy), ("up 3 min · unhealthy".into(), Tone::Bad));
        assert_eq!(of(Container { restarts: 4, ..up() }), ("up 3 min · restarted 4 times".into(), Tone::Warn));
        let starved = Container { oom_killed: true, restarts: 1, health: Some(HealthStatus::Healthy), ..up() };
        assert_eq!(of(starved), ("up 3 min · healthy · restarted once · out of memory".into(), Tone::Bad));
        assert_eq!(of(Container { phase: Phase::Paused, ..up() }), ("paused, up 3 min".into(), Tone::Warn));
    }

    #[test]
    fn what_has_ended_says_why() {
        let ended = |code| Container { exit_code: Some(code), ..fixture::containers().remove(2) };
        assert_eq!(of(ended(0)), ("exited 0, 2 min ago".into(), Tone::Muted));
        assert_eq!(of(ended(1)), ("exited 1, 2 min ago".into(), Tone::Bad));
        assert_eq!(text(Container { oom_killed: true, ..ended(137) }), "exited 137 · out of memory, 2 min ago");
        assert_eq!(text(ended(127)), "exited 127 · not found, 2 min ago");
        assert_eq!(
            of(Container { stopped: true, ..ended(143) }),
            ("exited 143 · stopped, 2 min ago".into(), Tone::Muted)
        );
        let restarting = Container { phase: Phase::Restarting, restarts: 4, ..ended(1) };
        assert_eq!(of(restarting.clone()), ("restarting · 4 times".into(), Tone::Warn));
        assert_eq!(text(Container { oom_killed: true, ..restarting }), "restarting · out of memory, 4 times");
    }

    #[test]
    fn what_never_ran_says_whether_it_could_not() {
        let created = Container { phase: Phase::Created, ..fixture::containers().remove(2) };
        assert_eq!(text(Container { exit_code: None, ..created.clone() }), "created");
        let failed = |code| Container { exit_code: Some(code), error: "why".into(), ..created.clone() };
        assert_eq!(of(failed(127)), ("not started · not found".into(), Tone::Bad));
        assert_eq!(text(failed(125)), "not started");
    }
}
