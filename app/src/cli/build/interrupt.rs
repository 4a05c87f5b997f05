//! Ctrl-C: the first ends what the build is running and lets it put things in order, the second ends everything at once.

use super::{Failure, INTERRUPTED};
use nix::sys::signal::{SigSet, Signal};
use porthole_engine::Cancel;
use std::sync::Arc;
use std::thread;

/// Waits for signals in a thread of its own from now on. No thread may be there yet.
pub fn watch(cancel: &Arc<Cancel>) -> Result<(), Failure> {
    let mut signals = SigSet::empty();
    [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].into_iter().for_each(|signal| signals.add(signal));
    let failed = |problem: String| Failure::new(format!("signals cannot be waited for: {problem}"), 1);
    signals.thread_block().map_err(|error| failed(error.to_string()))?;
    let cancel = Arc::clone(cancel);
    let wait = move || {
        if signals.wait().is_ok() {
            cancel.cancel();
        }
        if signals.wait().is_ok() {
            std::process::exit(INTERRUPTED);
        }
    };
    thread::Builder::new().name("signals".into()).spawn(wait).map(drop).map_err(|error| failed(error.to_string()))
}
