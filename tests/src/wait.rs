//! Waiting for what happens soon, but not at once.

use std::thread;
use std::time::{Duration, Instant};

/// However loaded the machine is, what is to happen has happened by then.
const PATIENCE: Duration = Duration::from_secs(10);

/// Waits until something holds; the test fails if it never does.
#[track_caller]
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    eventually_some(what, || holds().then_some(()));
}

/// Waits for something to be there; the test fails if it never is.
#[track_caller]
pub fn eventually_some<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        pause(5);
    }
}

/// Lets so many milliseconds pass.
pub fn pause(milliseconds: u64) {
    thread::sleep(Duration::from_millis(milliseconds));
}
