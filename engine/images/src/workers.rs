//! Working through a list, several things at a time.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;

use crate::error::Result;

/// So many threads, which stop when one of them fails.
#[derive(Debug)]
pub(crate) struct Workers {
    count: usize,
    stopped: AtomicBool,
}

impl Workers {
    pub(crate) fn new(count: usize) -> Self {
        Self { count, stopped: AtomicBool::new(false) }
    }

    /// Whether one has failed, so that nobody needs what the others are doing.
    pub(crate) fn are_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Does `act` to each job, until all are done or one fails; the first failure is told. What `act` reports is passed on in
    /// the calling thread.
    pub(crate) fn each<J: Send, R: Send>(
        &self,
        jobs: impl IntoIterator<Item = J>,
        act: impl Fn(J, &dyn Fn(R)) -> Result<()> + Sync,
        report: &mut dyn FnMut(R),
    ) -> Result<()> {
        let jobs: VecDeque<J> = jobs.into_iter().collect();
        let count = self.count.min(jobs.len());
        let (jobs, outcome) = (Mutex::new(jobs), Mutex::new(Ok(())));
        let next = || jobs.lock().expect("no holder panics").pop_front();
        let fail = |error| {
            let mut outcome = outcome.lock().expect("no holder panics");
            // Those that fail later do so because they are stopped.
            if outcome.is_ok() {
                *outcome = Err(error);
            }
            self.stopped.store(true, Ordering::Relaxed);
        };
        let (reports, reported) = channel();
        thread::scope(|scope| {
            for _ in 0..count {
                let reports = reports.clone();
                let (next, fail, act) = (&next, &fail, &act);
                scope.spawn(move || {
                    // The receiver lives until all workers are done.
                    let tell = |report| drop(reports.send(report));
                    while !self.are_stopped()
                        && let Some(job) = next()
                    {
                        act(job, &tell).unwrap_or_else(fail);
                    }
                });
            }
            drop(reports);
            reported.into_iter().for_each(report);
        });
        outcome.into_inner().expect("no holder panicked")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn all_jobs_are_done_and_reported() {
        let mut seen = Vec::new();
        let twice = |job: u32, report: &dyn Fn(u32)| {
            report(job * 2);
            Ok(())
        };
        Workers::new(3).each(0..10, twice, &mut |report| seen.push(report)).unwrap();
        seen.sort_unstable();
        assert_eq!(seen, (0..20).step_by(2).collect::<Vec<_>>());
    }

    #[test]
    fn the_first_failure_is_told_and_stops_all() {
        let workers = Workers::new(1);
        let mut seen = Vec::new();
        let act = |job: u32, report: &dyn Fn(u32)| {
            report(job);
            if job < 2 { Ok(()) } else { Err(Error::NotFound(job.to_string())) }
        };
        let outcome = workers.each(0..10, act, &mut |report| seen.push(report));
        assert_eq!(outcome.unwrap_err().to_string(), "No such image: 2");
        assert!(workers.are_stopped());
        assert_eq!(seen, [0, 1, 2]);
    }
}
