//! The netlink thread.

use std::sync::mpsc::Sender;

use rustix::event::{PollFd, PollFlags, poll};

use super::control::Control;
use super::{Input, Reader};
use crate::listen::Listener;

/// Sends what the kernel tells until it is told to stop.
pub(super) fn run(mut listener: Listener, control: &Control, inputs: &Sender<Input>) {
    loop {
        let mut fds = [PollFd::new(listener.socket(), PollFlags::IN), PollFd::new(control.wake(), PollFlags::IN)];
        // Interrupted by a signal: what is ready is found all the same.
        let _ = poll(&mut fds, None);
        let orders = control.take();
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
        if orders.catch_up {
            let _ = inputs.send(Input::CaughtUp(Reader::Listener));
        }
        if orders.stop {
            return;
        }
    }
}
