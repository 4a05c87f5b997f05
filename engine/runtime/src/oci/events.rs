//! What a container uses, and that it ran out of memory, as lines of JSON in runc's form (`runc events`).

use super::error::{Error, Result};
use super::{Container, Status, usage};
use crate::cgroup::OomWatch;
use crate::process;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde_json::{Value, json};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event(Value);

impl Event {
    fn new(kind: &str, id: &str, data: Option<Value>) -> Self {
        let mut event = json!({ "type": kind, "id": id });
        if let (Some(data), Some(members)) = (data, event.as_object_mut()) {
            members.insert("data".into(), data);
        }
        Self(event)
    }

    /// Its text: the type first, as readers of runc's expect.
    pub fn line(&self) -> String {
        let data = self.0.get("data").map_or(String::new(), |data| format!(",\"data\":{data}"));
        format!("{{\"type\":{},\"id\":{}{data}}}", self.0["type"], self.0["id"])
    }
}

/// The events of a container until it ends.
pub struct Events<'a> {
    container: &'a Container,
    interval: Duration,
    next: Instant,
    init: OwnedFd,
    memory: Option<OomWatch>,
    kills: u64,
}

impl Container {
    /// What it uses now.
    pub fn usage(&self) -> Result<Event> {
        if self.status()? == Status::Stopped {
            return Err(Error::NotRunning);
        }
        let id = &self.record.state.id;
        Ok(Event::new("stats", id, Some(usage::of(&self.cgroup)?)))
    }

    /// Its events: usage at an interval, and when it has too little memory.
    pub fn events(&self, interval: Duration) -> Result<Events<'_>> {
        let init = self.record.init.open().map_err(|_| Error::NotRunning)?;
        let memory = self.cgroup.watch_oom()?;
        Ok(Events {
            container: self,
            interval,
            next: Instant::now() + interval,
            init,
            memory,
            kills: self.cgroup.oom_kills()?,
        })
    }
}

impl Iterator for Events<'_> {
    type Item = Result<Event>;

    fn next(&mut self) -> Option<Result<Event>> {
        loop {
            match process::wait_ended(self.init.as_fd(), Some(Duration::ZERO)) {
                Ok(false) => {}
                Ok(true) => return None,
                Err(error) => return Some(Err(Error::at("watch", "the container's init")(error))),
            }
            let result = match self.wait() {
                Ok(true) => self.memory(),
                // v1 tells that memory runs out before it has killed anybody for it, and not again.
                Ok(false) if Instant::now() >= self.next => match self.memory() {
                    Ok(None) => {
                        self.next = Instant::now() + self.interval;
                        self.container.usage().map(Some)
                    }
                    result => result,
                },
                Ok(false) => Ok(None),
                Err(errno) => Err(Error::at("watch", "the container's init")(errno.into())),
            };
            match result {
                Ok(None) => {}
                // Its cgroup goes when it is deleted, which is the end of its events.
                Err(Error::Cgroup(error)) if error.is_gone() => return None,
                Err(Error::NotRunning) => return None,
                result => return result.transpose(),
            }
        }
    }
}

impl Events<'_> {
    /// Waits until there is something to do; whether that is about memory.
    fn wait(&self) -> nix::Result<bool> {
        let left = self.next.saturating_duration_since(Instant::now());
        let left = PollTimeout::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(PollTimeout::MAX);
        let mut fds = vec![PollFd::new(self.init.as_fd(), PollFlags::POLLIN)];
        fds.extend(self.memory.iter().map(|watch| PollFd::new(watch.as_fd(), watch.interest())));
        match poll(&mut fds, left) {
            Ok(_) => Ok(fds.get(1).is_some_and(|watch| watch.any().unwrap_or(false))),
            Err(Errno::EINTR) => Ok(false),
            Err(errno) => Err(errno),
        }
    }

    fn memory(&mut self) -> Result<Option<Event>> {
        if let Some(watch) = &self.memory {
            watch.clear().map_err(Error::at("read", "the events of the memory controller"))?;
        }
        let kills = self.container.cgroup.oom_kills()?;
        let before = std::mem::replace(&mut self.kills, kills);
        Ok((kills > before).then(|| Event::new("oom", &self.container.record.state.id, None)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_begin_as_runcs_do() {
        let line = Event::new("stats", "c", Some(json!({}))).line();
        assert!(line.starts_with("{\"type\":\"stats\",\"id\":\"c\",\"data\":{"), "{line}");
        assert_eq!(Event::new("oom", "c", None).line(), "{\"type\":\"oom\",\"id\":\"c\"}");
    }
}
