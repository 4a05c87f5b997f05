//! Kills for want of memory: told when they happen, not only when they end the container.

use super::supervisor::{Phase, Supervisor};
use std::time::{Duration, Instant};

/// The kernel says that memory is short before it chooses whom to kill.
const CHOICE: Duration = Duration::from_millis(20);

impl Supervisor {
    /// Begins to watch the container, which has settled down. One whose memory nothing limits needs no watching.
    pub(super) fn watch_oom(&mut self) {
        if let Phase::Running(running) = &self.phase {
            // Without a watch its kills are still found when it ends.
            self.oom_watch = running.cgroup.watch_oom().ok().flatten();
            // What happened before there was a watch.
            self.oom_look_at = self.oom_watch.is_some().then(Instant::now);
        }
    }

    /// Memory was short.
    pub(super) fn hear_oom(&mut self) {
        if self.oom_watch.as_ref().is_some_and(|watch| watch.clear().is_err()) {
            self.oom_watch = None;
        }
        self.oom_look_at.get_or_insert_with(|| Instant::now() + CHOICE);
    }

    /// Looks whether somebody was killed for it.
    pub(super) fn look_for_oom_kills(&mut self) {
        let Phase::Running(running) = &self.phase else { return };
        let kills = running.cgroup.oom_kills().unwrap_or(0);
        if self.note_oom_kills(kills) {
            // On a full disk it is written when the container ends.
            let _ = self.state.save(&self.config.directory);
        }
    }

    /// Takes in how many there were in this run; whether that is news.
    pub(super) fn note_oom_kills(&mut self, kills: u64) -> bool {
        let news = kills > self.oom_kills;
        self.oom_kills = kills;
        self.state.oom_killed = kills > 0;
        if news {
            self.config.events.record("oom", &[]);
        }
        news
    }
}
