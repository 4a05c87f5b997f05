//! The one interface that every network namespace has.

use crate::error::Error;
use crate::link;
use crate::netlink::{Protocol, Socket};
use std::os::fd::BorrowedFd;

/// Takes the loopback interface of a namespace up: a fresh one has it down.
pub fn raise_loopback(netns: BorrowedFd<'_>) -> Result<(), Error> {
    let failed = |source| Error::Link { what: "take the loopback interface up".into(), source };
    let mut socket = Socket::open_in(netns, Protocol::Route).map_err(failed)?;
    link::set_up(&mut socket, link::LOOPBACK).map_err(failed)
}
