//! Orders for the threads that read.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

use super::signal;

/// Gives orders to a thread that sleeps in poll(2).
#[derive(Clone)]
pub(super) struct Control {
    wake: Arc<OwnedFd>,
    orders: Arc<Mutex<Orders>>,
}

/// What a thread is to do.
#[derive(Default)]
pub(super) struct Orders {
    /// Close these taps.
    pub(super) close: Vec<usize>,
    /// Read all that there is, and say so.
    pub(super) catch_up: bool,
    /// End, after all has been read.
    pub(super) stop: bool,
}

impl Control {
    /// Orders by way of an event descriptor.
    pub(super) fn new(wake: OwnedFd) -> Self {
        Control { wake: Arc::new(wake), orders: Arc::default() }
    }

    pub(super) fn stop(&self) {
        self.order(|orders| orders.stop = true);
    }

    pub(super) fn close(&self, tap: usize) {
        self.order(|orders| orders.close.push(tap));
    }

    pub(super) fn catch_up(&self) {
        self.order(|orders| orders.catch_up = true);
    }

    fn order(&self, change: impl FnOnce(&mut Orders)) {
        change(&mut self.orders.lock().unwrap_or_else(PoisonError::into_inner));
        signal(&self.wake);
    }

    /// What becomes readable with an order.
    pub(super) fn wake(&self) -> &OwnedFd {
        &self.wake
    }

    /// The orders since the last time.
    pub(super) fn take(&self) -> Orders {
        // An event descriptor that was not signalled says EAGAIN: then there are none.
        let _ = rustix::io::read(&*self.wake, &mut [0u8; 8]);
        std::mem::take(&mut self.orders.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
