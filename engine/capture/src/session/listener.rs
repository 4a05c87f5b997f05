//! The netlink thread.

use std::os::fd::OwnedFd;
use std::sync::mpsc::Sender;

use rustix::event::{PollFd, PollFlags, poll};

use super::Input;
use crate::listen::Listener;

/// Sends what the kernel tells until `stop` becomes readable.
pub(super) fn run(mut listener: Listener, stop: &OwnedFd, inputs: &Sender<Input>) {
    loop {
        let mut fds = [PollFd::new(listener.socket(), PollFlags::IN), PollFd::new(stop, PollFlags::IN)];
        // Interrupted by a signal: what is ready is found all the same.
        let _ = poll(&mut fds, None);
        let stopping = !fds[1].revents().is_empty();
        match listener.read() {
            Ok(events) if events.is_empty() => {}
            Ok(events) => {
                if inputs.send(Input::Events(events)).is_err() {
                    return;
                }
            }
            Err(error) => {
                // The session goes on without; the snapshot says so.
                let _ = inputs.send(Input::ListenerFailed(error.to_string()));
                return;
            }
        }
        if stopping {
            return;
        }
    }
}
