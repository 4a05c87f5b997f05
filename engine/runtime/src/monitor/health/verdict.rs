//! What a row of checks says of a container (moby daemon/health.go).

use crate::state::HealthStatus;
use std::time::Duration;

/// When checks count, and how often one may fail.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// So many failures in a row make it unhealthy.
    pub(super) retries: u32,
    /// Until its first success, failures do not count so long after the start.
    pub(super) start_period: Duration,
}

/// What is known so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) status: HealthStatus,
    pub(super) failing_streak: u32,
}

impl Verdict {
    pub(super) const STARTING: Self = Self { status: HealthStatus::Starting, failing_streak: 0 };

    /// Whether the checks are those of a container that is still starting up.
    pub(super) fn is_starting(&self, since_start: Duration, rules: Rules) -> bool {
        self.status == HealthStatus::Starting && since_start < rules.start_period
    }

    /// Takes in the result of a check that began so long after the start.
    pub(super) fn after(self, passed: bool, since_start: Duration, rules: Rules) -> Self {
        if passed {
            return Self { status: HealthStatus::Healthy, failing_streak: 0 };
        }
        if self.is_starting(since_start, rules) {
            return self;
        }
        let failing_streak = self.failing_streak.saturating_add(1);
        let status = if failing_streak >= rules.retries { HealthStatus::Unhealthy } else { self.status };
        Self { status, failing_streak }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(results: &[(bool, u64)], rules: Rules) -> (HealthStatus, u32) {
        let step = |verdict: Verdict, (passed, second): &(bool, u64)| {
            verdict.after(*passed, Duration::from_secs(*second), rules)
        };
        let verdict = results.iter().fold(Verdict::STARTING, step);
        (verdict.status, verdict.failing_streak)
    }

    #[test]
    fn failures_in_a_row_make_it_unhealthy_and_one_success_healthy() {
        use HealthStatus::{Healthy, Starting, Unhealthy};
        let rules = Rules { retries: 3, start_period: Duration::ZERO };
        assert_eq!(after(&[(false, 1), (false, 2)], rules), (Starting, 2));
        assert_eq!(after(&[(false, 1), (false, 2), (false, 3), (false, 4)], rules), (Unhealthy, 4));
        assert_eq!(after(&[(true, 1), (false, 2), (false, 3)], rules), (Healthy, 2));
        assert_eq!(after(&[(false, 1), (false, 2), (false, 3), (true, 4)], rules), (Healthy, 0));
    }

    #[test]
    fn while_it_starts_up_failures_do_not_count() {
        use HealthStatus::{Healthy, Starting, Unhealthy};
        let rules = Rules { retries: 1, start_period: Duration::from_secs(10) };
        assert_eq!(after(&[(false, 1), (false, 9)], rules), (Starting, 0));
        assert_eq!(after(&[(false, 9), (false, 10)], rules), (Unhealthy, 1));
        assert_eq!(after(&[(true, 1)], rules), (Healthy, 0));
        assert_eq!(after(&[(true, 1), (false, 2)], rules), (Unhealthy, 1), "its first success ends the start");
    }
}
