//! When an ended container is started again, as Docker decides it.

use super::RestartPolicy;
use std::time::Duration;

const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(60);
/// A run this long counts as a success, after which the delay begins anew.
const STEADY: Duration = Duration::from_secs(10);

/// Decides about restarts of one container.
pub(super) struct Restarts {
    policy: RestartPolicy,
    delay: Option<Duration>,
    /// How often it has said yes.
    pub(super) count: u32,
    /// A client sent a signal: `unless-stopped` does not restart after that.
    signalled: bool,
    /// A client meant to stop it: no policy restarts after that.
    stopped: bool,
}

impl Restarts {
    pub(super) fn new(policy: RestartPolicy) -> Self {
        Self { policy, delay: None, count: 0, signalled: false, stopped: false }
    }

    /// Decides by another policy from now on.
    pub(super) fn change(&mut self, policy: RestartPolicy) {
        self.policy = policy;
    }

    /// Whether any end could be followed by a start.
    pub(super) fn possible(&self) -> bool {
        self.policy != RestartPolicy::No
    }

    /// A client sends a signal to the container. Whether Docker takes it as a stop: SIGKILL and the container's own
    /// stop signal are one; without a stop signal of its own every signal is.
    pub(super) fn signal(&mut self, signal: i32, stop_signal: Option<i32>) -> bool {
        self.signalled = true;
        let stops = signal == libc::SIGKILL || stop_signal.is_none_or(|stop_signal| stop_signal == signal);
        self.stopped |= stops;
        stops
    }

    /// A client stops the container.
    pub(super) fn stop(&mut self) {
        self.stopped = true;
    }

    /// The container has ended: how long to wait before it is started again, if it is.
    pub(super) fn after_exit(&mut self, code: i32, uptime: Duration) -> Option<Duration> {
        if self.stopped || !self.wanted(code) {
            return None;
        }
        let delay = match self.delay {
            Some(delay) if uptime < STEADY => (delay * 2).min(LONGEST_DELAY),
            _ => FIRST_DELAY,
        };
        self.delay = Some(delay);
        self.count += 1;
        Some(delay)
    }

    fn wanted(&self, code: i32) -> bool {
        match self.policy {
            RestartPolicy::No => false,
            RestartPolicy::Always => true,
            RestartPolicy::UnlessStopped => !self.signalled,
            RestartPolicy::OnFailure(limit) => code != 0 && (limit == 0 || self.count < limit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(5);

    #[test]
    fn delays_double_up_to_a_minute_and_begin_anew_after_a_long_run() {
        let mut restarts = Restarts::new(RestartPolicy::Always);
        let delays: Vec<_> = (0..12).map(|_| restarts.after_exit(0, SHORT).expect("always").as_millis()).collect();
        assert_eq!(delays, [100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000]);
        assert_eq!(restarts.after_exit(0, STEADY), Some(FIRST_DELAY));
        assert_eq!(restarts.count, 13);
    }

    #[test]
    fn on_failure_counts_and_ignores_success() {
        let mut restarts = Restarts::new(RestartPolicy::OnFailure(2));
        assert_eq!(restarts.after_exit(0, SHORT), None);
        assert!(restarts.after_exit(1, SHORT).is_some() && restarts.after_exit(1, SHORT).is_some());
        assert_eq!(restarts.after_exit(1, SHORT), None);
        let mut endless = Restarts::new(RestartPolicy::OnFailure(0));
        assert!((0..100).all(|_| endless.after_exit(3, SHORT).is_some()));
        assert_eq!(Restarts::new(RestartPolicy::No).after_exit(1, SHORT), None);
    }

    #[test]
    fn a_signal_is_a_stop_as_docker_takes_it() {
        let restarts_after = |policy, signal, stop_signal| {
            let mut restarts = Restarts::new(policy);
            restarts.signal(signal, stop_signal);
            restarts.after_exit(143, SHORT).is_some()
        };
        use RestartPolicy::{Always, UnlessStopped};
        assert!(!restarts_after(Always, libc::SIGHUP, None));
        assert!(restarts_after(Always, libc::SIGHUP, Some(libc::SIGTERM)));
        assert!(!restarts_after(UnlessStopped, libc::SIGHUP, Some(libc::SIGTERM)));
        assert!(!restarts_after(Always, libc::SIGTERM, Some(libc::SIGTERM)));
        assert!(!restarts_after(Always, libc::SIGKILL, Some(libc::SIGTERM)));
    }
}
