//! Ending, freezing and waiting: requests to a container's monitor, or, where that was killed, to the kernel.

use super::config::ContainerConfig;
use super::record::{self, Live, Record};
use super::start::monitor_error;
use crate::engine::Engine;
use crate::error::{Error, Result};
use porthole_runtime::cgroup::Cgroup;
use porthole_runtime::client::{MonitorClient, WaitCondition};
use porthole_runtime::process::ProcessId;
use porthole_runtime::state::{State, Status};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

/// How long a container may take to end before it is killed, as Docker's.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
const SIGNALS: [(&str, i32); 30] = [
    ("HUP", libc::SIGHUP),
    ("INT", libc::SIGINT),
    ("QUIT", libc::SIGQUIT),
    ("ILL", libc::SIGILL),
    ("TRAP", libc::SIGTRAP),
    ("ABRT", libc::SIGABRT),
    ("BUS", libc::SIGBUS),
    ("FPE", libc::SIGFPE),
    ("KILL", libc::SIGKILL),
    ("USR1", libc::SIGUSR1),
    ("SEGV", libc::SIGSEGV),
    ("USR2", libc::SIGUSR2),
    ("PIPE", libc::SIGPIPE),
    ("ALRM", libc::SIGALRM),
    ("TERM", libc::SIGTERM),
    ("STKFLT", libc::SIGSTKFLT),
    ("CHLD", libc::SIGCHLD),
    ("CONT", libc::SIGCONT),
    ("STOP", libc::SIGSTOP),
    ("TSTP", libc::SIGTSTP),
    ("TTIN", libc::SIGTTIN),
    ("TTOU", libc::SIGTTOU),
    ("URG", libc::SIGURG),
    ("XCPU", libc::SIGXCPU),
    ("XFSZ", libc::SIGXFSZ),
    ("VTALRM", libc::SIGVTALRM),
    ("PROF", libc::SIGPROF),
    ("WINCH", libc::SIGWINCH),
    ("IO", libc::SIGIO),
    ("PWR", libc::SIGPWR),
];

/// A signal by name, with or without SIG, or by number.
pub fn parse_signal(text: &str) -> Result<i32> {
    let invalid = || Error::InvalidOption(format!("Invalid signal: {text}"));
    if let Ok(number) = text.parse::<i32>() {
        return if (1..=64).contains(&number) { Ok(number) } else { Err(invalid()) };
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let named = SIGNALS.iter().find(|(known, _)| *known == name).map(|(_, number)| *number);
    named.or_else(|| real_time_signal(name)).ok_or_else(invalid)
}

/// `RTMIN+3`, `RTMAX-1`; Docker counts from the kernel's 34, as glibc does.
fn real_time_signal(name: &str) -> Option<i32> {
    let offset = |text: &str| if text.is_empty() { Some(0) } else { text.parse::<i32>().ok() };
    let number = match (name.strip_prefix("RTMIN"), name.strip_prefix("RTMAX")) {
        (Some(rest), _) => 34 + offset(rest.trim_start_matches('+'))?,
        (_, Some(rest)) => 64 - offset(rest.trim_start_matches('-'))?,
        _ => return None,
    };
    (34..=64).contains(&number).then_some(number)
}

impl Engine {
    /// Asks a container to end, and kills it when it has not after the time-out (in seconds; negative: never).
    pub fn stop(&self, name: &str, signal: Option<&str>, timeout: Option<i64>) -> Result<()> {
        let (record, config, live) = self.look_up(name)?;
        if !record::is_active(live.state.status) {
            return self.settle(&record, &live);
        }
        let monitor = self.end(&record, &config, &live, signal, timeout)?;
        self.clean_up(&record.id)?;
        monitor.into_iter().for_each(MonitorClient::cleaned_up);
        self.record_event(&config, "stop", &[]);
        Ok(())
    }

    /// Stops a container if it runs, and starts it. One that is removed when it ends is not removed in between.
    pub fn restart(&self, name: &str, signal: Option<&str>, timeout: Option<i64>) -> Result<Vec<String>> {
        let (record, config, live) = self.look_up(name)?;
        if !record::is_active(live.state.status) {
            return self.start(name);
        }
        // Whoever cleans up after the run that ends now has to wait, and then finds the next one.
        let lock = record.lock()?;
        let live = record.live()?;
        let monitor = match record::is_active(live.state.status) {
            true => self.end(&record, &config, &live, signal, timeout)?,
            false => None,
        };
        let warnings = self.start_locked(record, lock)?;
        monitor.into_iter().for_each(MonitorClient::cleaned_up);
        self.record_event(&config, "restart", &[]);
        Ok(warnings)
    }

    /// Ends the processes of an active container, and frees nothing: that is left to the caller, who then tells the
    /// monitor, if one is there.
    fn end(
        &self,
        record: &Record,
        config: &ContainerConfig,
        live: &Live,
        signal: Option<&str>,
        timeout: Option<i64>,
    ) -> Result<Option<MonitorClient>> {
        let signal = parse_signal(signal.or(config.stop_signal.as_deref()).unwrap_or("TERM"))?;
        let timeout = match timeout.or(config.stop_timeout) {
            None => Some(STOP_TIMEOUT),
            Some(seconds) => u64::try_from(seconds).ok().map(Duration::from_secs),
        };
        // Told first: its end may follow at once.
        self.record_event(config, "kill", &[("signal", &signal.to_string())]);
        if let (Some(init), true) = (live.state.init, live.monitor_lost) {
            return self.end_without_monitor(record, init, signal, timeout).map(|()| None);
        }
        let stopped = self.connect(record, &config.name).and_then(|mut monitor| {
            let stopped = monitor.stop_to_clean_up(signal, timeout).map(|_| Some(monitor));
            stopped.map_err(|source| monitor_error(config, source))
        });
        let Err(error) = stopped else { return stopped };
        // The monitor, or the container with it, may have ended while it was asked.
        if self.has_ended(record)? {
            return Ok(None);
        }
        let live = record.live()?;
        match live.state.init {
            Some(init) if live.monitor_lost => self.end_without_monitor(record, init, signal, timeout).map(|()| None),
            _ => Err(error),
        }
    }

    /// Sends a signal to a container's init.
    pub fn kill(&self, name: &str, signal: &str) -> Result<()> {
        let signal = parse_signal(signal)?;
        let (record, config, live) = self.look_up(name)?;
        match live.state.init {
            Some(init) if live.monitor_lost => {
                init.send_signal(signal).map_err(|source| Error::file(record.directory(), source))?;
            }
            _ if !record::is_active(live.state.status) => return Err(Error::NotRunning(config.name)),
            _ => self.ask(&record, &config, |monitor| monitor.signal(signal))?,
        }
        self.record_event(&config, "kill", &[("signal", &signal.to_string())]);
        Ok(())
    }

    /// Freezes a container.
    pub fn pause(&self, name: &str) -> Result<()> {
        let (record, config, live) = self.look_up(name)?;
        match live.state.status {
            Status::Running if live.monitor_lost => Err(self.without_monitor(&config)),
            Status::Running => {
                self.ask(&record, &config, MonitorClient::pause)?;
                self.record_event(&config, "pause", &[]);
                Ok(())
            }
            Status::Paused => Err(Error::InvalidOption(format!("Container {} is already paused", config.name))),
            _ => Err(Error::NotRunning(config.name)),
        }
    }

    /// Thaws a container.
    pub fn unpause(&self, name: &str) -> Result<()> {
        let (record, config, live) = self.look_up(name)?;
        match live.state.status {
            Status::Paused if live.monitor_lost => {
                let _lock = record.lock()?;
                self.cgroup_of(&record)?.thaw().map_err(|source| cgroup_error(&config.name, source))?;
                record.write_state(&State { status: Status::Running, ..live.state })?;
            }
            Status::Paused => self.ask(&record, &config, MonitorClient::resume)?,
            _ => return Err(Error::NotPaused(config.name)),
        }
        self.record_event(&config, "unpause", &[]);
        Ok(())
    }

    /// Waits until a container has ended, and tells its exit code.
    pub fn wait(&self, name: &str) -> Result<i32> {
        let (record, config, live) = self.look_up(name)?;
        if live.state.status == Status::Created {
            return Ok(0);
        }
        if let (Some(init), true) = (live.state.init, live.monitor_lost) {
            wait_for_end(init, None)?;
            self.settle(&record, &record.live()?)?;
            return Ok(record.live()?.state.exit_code.unwrap_or(0));
        }
        if !record::is_active(live.state.status) {
            return Ok(live.state.exit_code.unwrap_or(0));
        }
        match self.ask(&record, &config, |monitor| monitor.wait(WaitCondition::NextExit)) {
            Err(Error::NotRunning(_)) => Ok(record.live()?.state.exit_code.unwrap_or(0)),
            waited => waited,
        }
    }

    fn look_up(&self, name: &str) -> Result<(Record, ContainerConfig, Live)> {
        let record = self.find(name)?;
        let config = record.existing_config()?;
        let live = record.live()?;
        Ok((record, config, live))
    }

    pub(crate) fn cgroup_of(&self, record: &Record) -> Result<Cgroup> {
        Cgroup::open(Path::new(&self.cgroup(&record.id))).map_err(|source| cgroup_error(&record.id, source))
    }

    /// What the monitor would do, done from here.
    fn end_without_monitor(
        &self,
        record: &Record,
        init: ProcessId,
        signal: i32,
        timeout: Option<Duration>,
    ) -> Result<()> {
        let live = record.live()?;
        if live.monitor_lost {
            record.write_state(&State { stopped: true, ..live.state })?;
        }
        let cgroup = self.cgroup_of(record)?;
        // An init that is gone by now is what was wanted.
        let _ = init.send_signal(signal);
        // A frozen process sees no signal, not even SIGKILL on cgroup v1.
        let _ = cgroup.thaw();
        if !wait_for_end(init, timeout)? {
            cgroup.kill_all(libc::SIGKILL).map_err(|source| cgroup_error(&record.id, source))?;
            wait_for_end(init, None)?;
        }
        Ok(())
    }

    /// Writes down the end of a container that nobody saw, and frees what it held.
    pub(super) fn settle(&self, record: &Record, live: &Live) -> Result<()> {
        if live.stale { self.clean_up(&record.id) } else { Ok(()) }
    }

    fn without_monitor(&self, config: &ContainerConfig) -> Error {
        Error::InvalidOption(format!(
            "the monitor of container {0} was killed: `porthole restart {0}` gives it a new one",
            config.name
        ))
    }
}

pub(super) fn cgroup_error(name: &str, source: porthole_runtime::cgroup::Error) -> Error {
    Error::Cgroup { name: name.to_owned(), source }
}

/// Waits for a process that is not our child; true when it has ended.
pub(super) fn wait_for_end(process: ProcessId, timeout: Option<Duration>) -> Result<bool> {
    match process.open() {
        Ok(pidfd) => {
            porthole_runtime::process::wait_ended(pidfd.as_fd(), timeout).map_err(|source| Error::file("pidfd", source))
        }
        Err(_) => Ok(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_names_and_numbers() {
        for (text, number) in
            [("KILL", 9), ("SIGTERM", 15), ("sighup", 1), ("10", 10), ("RTMIN+3", 37), ("SIGRTMAX", 64)]
        {
            assert_eq!(parse_signal(text).unwrap(), number, "{text}");
        }
        for text in ["", "0", "65", "SIGNOPE", "RTMIN+99", "-9"] {
            assert!(parse_signal(text).is_err(), "{text}");
        }
    }
}
